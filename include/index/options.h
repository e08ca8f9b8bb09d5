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
	int quantizer; /* QuantizerKind, -1 = auto; QUANTIZER_RABITQ_1 = rabitq of any bits */
	int bits;	   /* of rabitq: 1, 2, 4 or 8, 0 = chosen by dimensions */
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
		INDEX_OPTION_ELEMENT("quantizer", RELOPT_TYPE_ENUM, IndexOptions, quantizer),              \
		INDEX_OPTION_ELEMENT("bits", RELOPT_TYPE_INT, IndexOptions, bits)

/* ERROR where options that a user gives contradict each other. */
extern void index_options_check(const IndexOptions *options);

/* The options in force. */
extern StorageKind index_storage_option(Relation index);
extern WarmupKind index_warmup_option(Relation index);
extern bool index_quantizer_is_auto(Relation index);
/*
 * `quantizable`: the element type has a float32 form; auto means none where it has not.
 * `default_bits`: those of rabitq where the user gives none.
 */
extern QuantizerKind
index_quantizer_option(Relation index, uint32 dimensions, bool quantizable, uint32 default_bits);

/* What storage is without a reloption, and what quantizer = auto means unless the method knows better. */
extern StorageKind index_storage_default(void);
extern QuantizerKind index_quantizer_default(uint32 dimensions);

/* The bits that a user gives for it, 0 = none. */
extern uint32 index_bits_option(Relation index);

/* The setting vectorstore.kmeans_seed */
extern int index_kmeans_seed(void);

/*
 * A setting whose name is pgvector's (hnsw.ef_search and the like).  Both libraries may be loaded
 * into one backend, and PostgreSQL lets a name be defined once:
 *
 * - where pgvector was first, its variable is ours too: the functions below read it;
 * - at server start (shared_preload_libraries) we don't define the name, or pgvector could be
 *   loaded nowhere on that server; it is defined in the backend that first uses an index of ours.
 */
typedef enum SharedSettingKind
{
	SHARED_SETTING_INT,
	SHARED_SETTING_REAL,
	SHARED_SETTING_ENUM
} SharedSettingKind;

typedef struct SharedSetting
{
	const char *name;
	const char *description;
	SharedSettingKind kind;
	double default_value; /* of an enum: the number of the name */
	double min;
	double max;
	const struct config_enum_entry *names; /* of an enum */

	/* set by the functions below */
	bool defined; /* by us or by another library */
	bool foreign; /* by another library: the values are not used */
	int int_value;
	double real_value;
} SharedSetting;

/* From _PG_init; does nothing while the server preloads libraries. */
extern void shared_setting_define(SharedSetting *setting);
/* The value of an int or enum setting, and of a real one. */
extern int shared_setting_get_int(SharedSetting *setting);
extern double shared_setting_get_real(SharedSetting *setting);

/* Values of hnsw.iterative_scan and its like */
typedef enum IterativeScan
{
	ITERATIVE_SCAN_OFF = 0,
	ITERATIVE_SCAN_RELAXED = 1,
	ITERATIVE_SCAN_STRICT = 2
} IterativeScan;

#endif
