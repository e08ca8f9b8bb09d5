/*
 * index/options.c
 *		The reloptions that hnsw and ivf share: storage, warmup, quantizer, bits.
 *
 * Option values are parsed by the method's amoptions (INDEX_OPTIONS_PARSE_ELEMENTS); here are
 * their names, their defaults, and what the defaults stand for.
 */
#include "postgres.h"
#include "compat.h"

#include "index/options.h"

#define OPTION_UNSET (-1)
#define BITS_AUTO	 0

/* Below this a vector is so short that the code's own header would be most of the code. */
#define QUANTIZER_AUTO_MIN_DIMENSIONS 4

static relopt_enum_elt_def storage_names[] = {
	{"buffer_pool", STORAGE_BUFFER_POOL},
	{"mmap", STORAGE_MMAP},
	{NULL},
};

static relopt_enum_elt_def warmup_names[] = {
	{"none", WARMUP_NONE},
	{"prefetch", WARMUP_PREFETCH},
	{"lock", WARMUP_LOCK},
	{NULL},
};

static relopt_enum_elt_def quantizer_names[] = {
	{"auto", OPTION_UNSET},
	{"none", QUANTIZER_NONE},
	{"sq8", QUANTIZER_SQ8},
	{"rabitq", QUANTIZER_RABITQ_1}, /* of any number of bits */
	{NULL},
};

void
index_options_register(relopt_kind kind)
{
	/*
	 * Nothing on disk depends on the first two, and a scan looks at them when it begins: no reader
	 * or writer need be kept out while they change.
	 */
	add_enum_reloption(kind, "storage", "How pages of vectors are read", storage_names,
					   OPTION_UNSET, gettext_noop("Valid values are \"buffer_pool\" and \"mmap\"."),
					   ShareUpdateExclusiveLock);
	add_enum_reloption(kind, "warmup", "Whether the index is brought into memory ahead of use",
					   warmup_names, WARMUP_NONE,
					   gettext_noop("Valid values are \"none\", \"prefetch\", and \"lock\"."),
					   ShareUpdateExclusiveLock);
	add_enum_reloption(
		kind, "quantizer", "Compact codes that searches work on", quantizer_names, OPTION_UNSET,
		gettext_noop("Valid values are \"auto\", \"none\", \"sq8\", and \"rabitq\"."),
		AccessExclusiveLock);
	add_int_reloption(kind, "bits", "Bits of a dimension in codes of quantizer rabitq, 0 = chosen",
					  BITS_AUTO, BITS_AUTO, 8, AccessExclusiveLock);
}

void
index_options_check(const IndexOptions *options)
{
	if (options->warmup == WARMUP_LOCK && options->storage == STORAGE_BUFFER_POOL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("warmup = lock needs storage = mmap"),
						errdetail("Shared buffers cannot be locked for one index."),
						errhint("Use storage = mmap, or warmup = prefetch.")));
	if (options->bits != BITS_AUTO && options->quantizer != QUANTIZER_RABITQ_1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("bits needs quantizer = rabitq"),
				 errdetail("Codes of other quantizers have a fixed number of bits.")));
	if (options->bits != BITS_AUTO && options->bits != 1 && options->bits != 2 &&
		options->bits != 4 && options->bits != 8)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("invalid value for option \"bits\": %d", options->bits),
						errhint("Use 1, 2, 4 or 8, or 0 to have it chosen.")));
}

static const IndexOptions *
get_options(Relation index)
{
	static const IndexOptions defaults = {.storage = OPTION_UNSET,
										  .warmup = WARMUP_NONE,
										  .quantizer = OPTION_UNSET,
										  .bits = BITS_AUTO};

	return index->rd_options != NULL ? (const IndexOptions *) index->rd_options : &defaults;
}

StorageKind
index_storage_option(Relation index)
{
	int storage = get_options(index)->storage;

	return storage == OPTION_UNSET ? index_storage_default() : (StorageKind) storage;
}

WarmupKind
index_warmup_option(Relation index)
{
	return (WarmupKind) get_options(index)->warmup;
}

bool
index_quantizer_is_auto(Relation index)
{
	return get_options(index)->quantizer == OPTION_UNSET;
}

QuantizerKind
index_quantizer_option(Relation index, uint32 dimensions, bool quantizable, uint32 default_bits)
{
	const IndexOptions *options = get_options(index);

	if (options->quantizer == QUANTIZER_RABITQ_1)
		return quantizer_rabitq_kind(options->bits != BITS_AUTO ? (uint32) options->bits
																: default_bits);
	if (options->quantizer != OPTION_UNSET)
		return (QuantizerKind) options->quantizer;
	return quantizable ? index_quantizer_default(dimensions) : QUANTIZER_NONE;
}

uint32
index_bits_option(Relation index)
{
	return (uint32) get_options(index)->bits;
}

/*
 * quantizer = auto.  Walking the graph on 8-bit codes and finishing on raw vectors is two to three
 * times as fast as walking it on raw vectors, at every recall, from 128 to 1536 dimensions, and
 * costs a quarter more space.  Very short vectors gain nothing: they fit a cache line or two.
 */
QuantizerKind
index_quantizer_default(uint32 dimensions)
{
	return dimensions < QUANTIZER_AUTO_MIN_DIMENSIONS ? QUANTIZER_NONE : QUANTIZER_SQ8;
}
