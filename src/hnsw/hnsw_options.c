/*
 * hnsw/hnsw_options.c
 *		Reloptions of hnsw indexes and the setting hnsw.ef_search.
 */
#include "postgres.h"
#include "compat.h"

#include "hnsw/hnsw.h"

static relopt_kind hnsw_relopt_kind;

static SharedSetting ef_search_setting = {
	.name = "hnsw.ef_search",
	.description = "Number of candidates that a search of an hnsw index keeps.",
	.kind = SHARED_SETTING_INT,
	.default_value = HNSW_DEFAULT_EF_SEARCH,
	.min = HNSW_MIN_EF_SEARCH,
	.max = HNSW_MAX_EF_SEARCH,
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

	shared_setting_define(&ef_search_setting);
}

bytea *
hnsw_options(Datum reloptions, bool validate)
{
	static const relopt_parse_elt elements[] = {
		INDEX_OPTIONS_PARSE_ELEMENTS,
		INDEX_OPTION_ELEMENT("m", RELOPT_TYPE_INT, HnswOptions, m),
		INDEX_OPTION_ELEMENT("ef_construction", RELOPT_TYPE_INT, HnswOptions, ef_construction),
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

int
hnsw_ef_search_setting(void)
{
	return shared_setting_get_int(&ef_search_setting);
}
