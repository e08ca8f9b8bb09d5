/*
 * hnsw/hnsw_options.c
 *		Reloptions of hnsw indexes and the settings of their searches.
 */
#include "postgres.h"
#include "compat.h"

#include "hnsw/hnsw.h"
#include "miscadmin.h"
#include "utils/guc.h"

/*
 * quantizer = auto, from the tables of the README ("Which quantizer"): rabitq from so many dimensions on,
 * sq8 below, where codes of so few bits cost recall at equal hnsw.ef_search.
 */
#define AUTO_RABITQ_MIN_DIMENSIONS 384

/*
 * An index over fewer rows has sq8: rabitq's codes are relative to the mean of the rows that are there when
 * it is built, and what few rows have in common says little of those to come.
 */
#define AUTO_RABITQ_MIN_ROWS 1000

/* bits = 0: those of the same recall as codes of more bits, from so many dimensions on. */
#define TWO_BITS_MIN_DIMENSIONS	 384
#define FOUR_BITS_MIN_DIMENSIONS 96

static relopt_kind hnsw_relopt_kind;

static relopt_enum_elt_def codes_names[] = {
	{"auto", HNSW_CODES_AUTO},
	{"dense", HNSW_CODES_DENSE},
	{"edges", HNSW_CODES_EDGES},
	{NULL},
};

static SharedSetting ef_search_setting = {
	.name = "hnsw.ef_search",
	.description = "Number of candidates that a search of an hnsw index keeps.",
	.kind = SHARED_SETTING_INT,
	.default_value = HNSW_DEFAULT_EF_SEARCH,
	.min = HNSW_MIN_EF_SEARCH,
	.max = HNSW_MAX_EF_SEARCH,
};

static const struct config_enum_entry iterative_scan_names[] = {
	{"off", ITERATIVE_SCAN_OFF, false},
	{"relaxed_order", ITERATIVE_SCAN_RELAXED, false},
	{"strict_order", ITERATIVE_SCAN_STRICT, false},
	{NULL, 0, false},
};

static SharedSetting iterative_scan_setting = {
	.name = "hnsw.iterative_scan",
	.description = "Whether a search goes on when more rows are asked for, and in what order.",
	.kind = SHARED_SETTING_ENUM,
	.default_value = ITERATIVE_SCAN_OFF,
	.names = iterative_scan_names,
};

static SharedSetting max_scan_tuples_setting = {
	.name = "hnsw.max_scan_tuples",
	.description = "Number of nodes after which an iterative scan looks for no others.",
	.kind = SHARED_SETTING_INT,
	.default_value = HNSW_DEFAULT_MAX_SCAN_TUPLES,
	.min = 1,
	.max = INT_MAX,
};

static SharedSetting scan_mem_multiplier_setting = {
	.name = "hnsw.scan_mem_multiplier",
	.description = "Memory that an iterative scan may take, as a multiple of work_mem.",
	.kind = SHARED_SETTING_REAL,
	.default_value = 1,
	.min = 1,
	.max = 1000,
};

void
hnsw_init(void)
{
	hnsw_relopt_kind = add_reloption_kind();
	index_options_register(hnsw_relopt_kind);
	add_int_reloption(hnsw_relopt_kind, "m", "Number of neighbors of a node", HNSW_DEFAULT_M,
					  HNSW_MIN_M, HNSW_MAX_M, AccessExclusiveLock);
	add_int_reloption(hnsw_relopt_kind, "ef_construction",
					  "Number of candidates among which a new node's neighbors are chosen",
					  HNSW_DEFAULT_EF_CONSTRUCTION, HNSW_MIN_EF_CONSTRUCTION,
					  HNSW_MAX_EF_CONSTRUCTION, AccessExclusiveLock);
	add_enum_reloption(
		hnsw_relopt_kind, "codes", "Where codes are kept", codes_names, HNSW_CODES_AUTO,
		gettext_noop("Valid values are \"auto\", \"dense\", and \"edges\"."), AccessExclusiveLock);

	shared_setting_define(&ef_search_setting);
	shared_setting_define(&iterative_scan_setting);
	shared_setting_define(&max_scan_tuples_setting);
	shared_setting_define(&scan_mem_multiplier_setting);
}

bytea *
hnsw_options(Datum reloptions, bool validate)
{
	static const relopt_parse_elt elements[] = {
		INDEX_OPTIONS_PARSE_ELEMENTS,
		INDEX_OPTION_ELEMENT("m", RELOPT_TYPE_INT, HnswOptions, m),
		INDEX_OPTION_ELEMENT("ef_construction", RELOPT_TYPE_INT, HnswOptions, ef_construction),
		INDEX_OPTION_ELEMENT("codes", RELOPT_TYPE_ENUM, HnswOptions, codes),
	};
	HnswOptions *options;

	options = build_reloptions(reloptions, validate, hnsw_relopt_kind, sizeof(HnswOptions),
							   elements, lengthof(elements));
	if (validate && options != NULL)
	{
		index_options_check(&options->common);

		/* Fewer candidates than a node may have neighbors would leave the graph thin. */
		if (options->ef_construction < 2 * options->m)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("ef_construction must be greater than or equal to 2 * m"),
							errdetail("ef_construction is %d and m is %d.",
									  options->ef_construction, options->m)));
	}
	return (bytea *) options;
}

int
hnsw_m_option(Relation index)
{
	const HnswOptions *options = (const HnswOptions *) index->rd_options;

	return options != NULL ? options->m : HNSW_DEFAULT_M;
}

int
hnsw_ef_construction_option(Relation index)
{
	const HnswOptions *options = (const HnswOptions *) index->rd_options;

	return options != NULL ? options->ef_construction : HNSW_DEFAULT_EF_CONSTRUCTION;
}

HnswCodes
hnsw_codes_option(Relation index)
{
	const HnswOptions *options = (const HnswOptions *) index->rd_options;

	return options != NULL ? (HnswCodes) options->codes : HNSW_CODES_AUTO;
}

static uint32
default_bits(uint32 dimensions)
{
	if (dimensions < FOUR_BITS_MIN_DIMENSIONS)
		return 8;
	return dimensions < TWO_BITS_MIN_DIMENSIONS ? 4 : 2;
}

QuantizerKind
hnsw_quantizer_option(Relation index, const IndexType *type, double rows)
{
	uint32 bits = default_bits(type->dimensions);
	QuantizerKind kind =
		index_quantizer_option(index, type->dimensions, type->vector_type->quantizable, bits);

	if (index_quantizer_is_auto(index) && kind != QUANTIZER_NONE && type->metric != DISTANCE_L1 &&
		type->dimensions >= AUTO_RABITQ_MIN_DIMENSIONS && rows >= AUTO_RABITQ_MIN_ROWS)
		return quantizer_rabitq_kind(bits);
	return kind;
}

int
hnsw_ef_search_setting(void)
{
	return shared_setting_get_int(&ef_search_setting);
}

IterativeScan
hnsw_iterative_scan_setting(void)
{
	return (IterativeScan) shared_setting_get_int(&iterative_scan_setting);
}

int
hnsw_max_scan_tuples_setting(void)
{
	return shared_setting_get_int(&max_scan_tuples_setting);
}

Size
hnsw_scan_memory_setting(void)
{
	double memory =
		(double) work_mem * 1024 * shared_setting_get_real(&scan_mem_multiplier_setting);

	return (Size) Min(memory, (double) (SIZE_MAX / 2));
}
