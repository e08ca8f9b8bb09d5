/*
 * index/options.h
 *		What both index methods share of options and settings.
 *
 * Every method's reloptions struct begins with IndexOptions.  A reloption that
 * an index does not give is -1 here; the functions below resolve it
 * (vectorstore.default_storage, quantizer auto).
 */
#ifndef INDEX_OPTIONS_H
#define INDEX_OPTIONS_H

#include "access/reloptions.h"
#include "quantizer/quantizer.h"
#include "storage/vector_store.h"

typedef struct IndexOptions
{
	int32 vl_len_;
	int storage;   /* StorageKind, -1 = vectorstore.default_storage */
	int warmup;	   /* WarmupKind */
	int quantizer; /* QuantizerKind, -1 = auto */
} IndexOptions;

/* Register the options that all methods have with `kind`, and define our GUCs; from _PG_init. */
extern void index_options_register(relopt_kind kind);
extern void index_settings_define(void);

/* relopt_parse_elt entries of the shared options, for a method's amoptions. */
#define INDEX_OPTIONS_PARSE_ELEMENTS \
	{"storage", RELOPT_TYPE_ENUM, offsetof(IndexOptions, storage)}, \
	{"warmup", RELOPT_TYPE_ENUM, offsetof(IndexOptions, warmup)}, \
	{"quantizer", RELOPT_TYPE_ENUM, offsetof(IndexOptions, quantizer)}

/* The options in force. */
extern StorageKind index_storage_option(Relation index);
extern WarmupKind index_warmup_option(Relation index);
extern QuantizerKind index_quantizer_option(Relation index, uint32 dimensions);

#endif
