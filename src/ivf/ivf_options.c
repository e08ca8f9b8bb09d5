/*
 * ivf/ivf_options.c
 *		Reloptions and settings of access methods ivf and ivfflat.
 *
 * ivfflat is pgvector's name, with pgvector's defaults: 100 lists, raw vectors, one
 * probe.  ivf chooses the number of lists from the number of rows, and searches codes.
 * Each has settings under its own name.
 */
#include "postgres.h"
#include "compat.h"

#include "ivf/ivf.h"
#include "utils/guc.h"

/*
 * From here on auto is rabitq, with 2 bits, then with 1.  Below, a code's factors would be most of it, and errors
 * of few dimensions are less even than their bounds suppose.
 */
#define AUTO_RABITQ_MIN_DIMENSIONS 64
#define ONE_BIT_MIN_DIMENSIONS	   512

/* What differs between the two access methods */
typedef struct IvfKind
{
	relopt_kind relopts;
	int default_lists;
	SharedSetting probes;
	SharedSetting max_probes;
	SharedSetting iterative_scan;
} IvfKind;

static const struct config_enum_entry iterative_scan_names[] = {
	{"off", ITERATIVE_SCAN_OFF, false},
	{"relaxed_order", ITERATIVE_SCAN_RELAXED, false},
	{NULL, 0, false},
};

static relopt_enum_elt_def training_storage_names[] = {
	{"auto", TRAINING_AUTO},
	{"memory", TRAINING_MEMORY},
	{"mmap", TRAINING_MMAP},
	{NULL},
};

#define PROBES_SETTING(setting_name, setting_default)                                              \
	{                                                                                              \
		.name = setting_name, .description = "Number of lists that a search scans.",               \
		.kind = SHARED_SETTING_INT, .default_value = (setting_default), .min = IVF_MIN_LISTS,      \
		.max = IVF_MAX_LISTS                                                                       \
	}
#define MAX_PROBES_SETTING(setting_name)                                                           \
	{                                                                                              \
		.name = setting_name, .description = "Number of lists that an iterative scan may scan.",   \
		.kind = SHARED_SETTING_INT, .default_value = IVF_DEFAULT_MAX_PROBES, .min = IVF_MIN_LISTS, \
		.max = IVF_MAX_LISTS                                                                       \
	}
#define ITERATIVE_SCAN_SETTING(setting_name)                                                       \
	{                                                                                              \
		.name = setting_name,                                                                      \
		.description = "Whether a search goes on to further lists when more rows are asked for.",  \
		.kind = SHARED_SETTING_ENUM, .default_value = ITERATIVE_SCAN_OFF,                          \
		.names = iterative_scan_names                                                              \
	}

static IvfKind ivf_kind = {
	.default_lists = IVF_DEFAULT_LISTS,
	.probes = PROBES_SETTING("ivf.probes", IVF_DEFAULT_PROBES),
	.max_probes = MAX_PROBES_SETTING("ivf.max_probes"),
	.iterative_scan = ITERATIVE_SCAN_SETTING("ivf.iterative_scan"),
};

static IvfKind ivfflat_kind = {
	.default_lists = IVFFLAT_DEFAULT_LISTS,
	.probes = PROBES_SETTING("ivfflat.probes", IVFFLAT_DEFAULT_PROBES),
	.max_probes = MAX_PROBES_SETTING("ivfflat.max_probes"),
	.iterative_scan = ITERATIVE_SCAN_SETTING("ivfflat.iterative_scan"),
};

static void
define_kind(IvfKind *kind, int min_lists)
{
	kind->relopts = add_reloption_kind();
	index_options_register(kind->relopts);
	add_int_reloption(kind->relopts, "lists",
					  min_lists == 0 ? "Number of lists, 0 to choose it from the number of rows"
									 : "Number of lists",
					  kind->default_lists, min_lists, IVF_MAX_LISTS, AccessExclusiveLock);
	add_enum_reloption(kind->relopts, "training_storage",
					   "Where the sample lies that the centroids are trained on",
					   training_storage_names, TRAINING_AUTO,
					   gettext_noop("Valid values are \"auto\", \"memory\", and \"mmap\"."),
					   AccessExclusiveLock);
	shared_setting_define(&kind->probes);
	shared_setting_define(&kind->max_probes);
	shared_setting_define(&kind->iterative_scan);
}

void
ivf_init(void)
{
	define_kind(&ivf_kind, 0);
	define_kind(&ivfflat_kind, IVF_MIN_LISTS);
}

static bytea *
parse_options(const IvfKind *kind, Datum reloptions, bool validate)
{
	static const relopt_parse_elt elements[] = {
		INDEX_OPTIONS_PARSE_ELEMENTS,
		INDEX_OPTION_ELEMENT("lists", RELOPT_TYPE_INT, IvfOptions, lists),
		INDEX_OPTION_ELEMENT("training_storage", RELOPT_TYPE_ENUM, IvfOptions, training_storage),
	};
	IvfOptions *options = build_reloptions(reloptions, validate, kind->relopts, sizeof(IvfOptions),
										   elements, lengthof(elements));

	if (validate && options != NULL)
		index_options_check(&options->common);
	return (bytea *) options;
}

bytea *
ivf_options(Datum reloptions, bool validate)
{
	return parse_options(&ivf_kind, reloptions, validate);
}

bytea *
ivfflat_options(Datum reloptions, bool validate)
{
	return parse_options(&ivfflat_kind, reloptions, validate);
}

bool
ivf_is_flat(Relation index)
{
	return index->rd_indam->amoptions == ivfflat_options;
}

int
ivf_lists_option(Relation index)
{
	const IvfOptions *options = (const IvfOptions *) index->rd_options;

	if (options != NULL)
		return options->lists;
	return ivf_is_flat(index) ? ivfflat_kind.default_lists : ivf_kind.default_lists;
}

TrainingStorage
ivf_training_storage_option(Relation index)
{
	const IvfOptions *options = (const IvfOptions *) index->rd_options;

	return options != NULL ? (TrainingStorage) options->training_storage : TRAINING_AUTO;
}

/*
 * Bits of a dimension: a scan's time goes with the size of codes, and how many raw vectors are read
 * with their errors, which are the smaller the more dimensions there are.
 */
static uint32
default_bits(uint32 dimensions)
{
	if (dimensions < 16)
		return 8;
	if (dimensions < AUTO_RABITQ_MIN_DIMENSIONS)
		return 4;
	return dimensions < ONE_BIT_MIN_DIMENSIONS ? 2 : 1;
}

QuantizerKind
ivf_quantizer_option(Relation index, const IndexType *type)
{
	/* "flat" says that lists hold vectors as they are, so auto does not make codes there. */
	bool quantizable = type->vector_type->quantizable && !ivf_is_flat(index);
	uint32 bits = default_bits(type->dimensions);
	QuantizerKind kind = index_quantizer_option(index, type->dimensions, quantizable, bits);

	if (index_quantizer_is_auto(index) && kind != QUANTIZER_NONE && type->metric != DISTANCE_L1 &&
		type->dimensions >= AUTO_RABITQ_MIN_DIMENSIONS)
		return quantizer_rabitq_kind(bits);
	return kind;
}

int
ivf_probes_setting(bool is_flat)
{
	return shared_setting_get_int(is_flat ? &ivfflat_kind.probes : &ivf_kind.probes);
}

int
ivf_max_probes_setting(bool is_flat)
{
	return shared_setting_get_int(is_flat ? &ivfflat_kind.max_probes : &ivf_kind.max_probes);
}

IterativeScan
ivf_iterative_scan_setting(bool is_flat)
{
	return (IterativeScan) shared_setting_get_int(is_flat ? &ivfflat_kind.iterative_scan
														  : &ivf_kind.iterative_scan);
}
