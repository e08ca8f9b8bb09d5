/*
 * index/options.h
 *		What both index methods share of options and settings.
 *
 * Every method's reloptions struct begins with IndexOptions.  A reloption that
 * an index does not give is -1 here; the functions below resolve it
 * (vectorstore.default_storage, quantizer auto).
 *
 * `storage` and `warmup` say how an index is read: ALTER INDEX ... SET changes
 * them for the next query of every session, with nothing rewritten, under a lock
 * that lets reads and writes go on.  Every other option is a property of the
 * built index and takes effect when it is built again.
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
#define INDEX_OPTION_ELEMENT(option_name, option_type, struct_type, member)                        \
	{                                                                                              \
		.optname = option_name, .opttype = option_type, .offset = offsetof(struct_type, member)    \
	}
#define INDEX_OPTIONS_PARSE_ELEMENTS                                                               \
	INDEX_OPTION_ELEMENT("storage", RELOPT_TYPE_ENUM, IndexOptions, storage),                      \
		INDEX_OPTION_ELEMENT("warmup", RELOPT_TYPE_ENUM, IndexOptions, warmup),                    \
		INDEX_OPTION_ELEMENT("quantizer", RELOPT_TYPE_ENUM, IndexOptions, quantizer)

/* ERROR where options that a user gives contradict each other. */
extern void index_options_check(const IndexOptions *options);

/* The options in force. */
extern StorageKind index_storage_option(Relation index);
extern WarmupKind index_warmup_option(Relation index);
extern QuantizerKind index_quantizer_option(Relation index, uint32 dimensions);

/* What storage is without a reloption, and what quantizer = auto means. */
extern StorageKind index_storage_default(void);
extern QuantizerKind index_quantizer_default(uint32 dimensions);

/*
 * A setting whose name is pgvector's (hnsw.ef_search and the like).  Both libraries may be loaded
 * into one backend, and PostgreSQL lets a name be defined once:
 *
 * - where pgvector was first, its variable is ours too: shared_setting_get_int() reads it;
 * - at server start (shared_preload_libraries) we don't define the name, or pgvector could be
 *   loaded nowhere on that server; it is defined in the backend that first uses an index of ours.
 */
typedef struct SharedIntSetting
{
	const char *name;
	const char *description;
	int default_value;
	int min;
	int max;
	bool defined; /* by us or by another library */
	bool foreign; /* by another library: `value` is not used */
	int value;
} SharedIntSetting;

/* From _PG_init; does nothing while the server preloads libraries. */
extern void shared_setting_define_int(SharedIntSetting *setting);
extern int shared_setting_get_int(SharedIntSetting *setting);

#endif
