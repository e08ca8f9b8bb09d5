/*
 * admin/index_info.c
 *		vectorstore_index_info(regclass): one row that says what an index is,
 *		where its bytes are, and how much of it is mapped, in memory and settled.
 *
 * The columns are documented in the install script.  Nothing but the metapage,
 * the settle map and the extents of lists is read, so it is quick and needs no
 * privilege, like pg_relation_size().
 */
#include "postgres.h"
#include "compat.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "admin/own_index.h"
#include "commands/defrem.h"
#include "funcapi.h"
#include "hnsw/hnsw_check.h"
#include "index/options.h"
#include "ivf/ivf.h"
#include "storage/settle_map.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(vectorstore_index_info);

/* The columns, in order */
typedef enum InfoColumn
{
	INFO_METHOD,
	INFO_PARAMETERS,
	INFO_METRIC,
	INFO_DIMENSIONS,
	INFO_QUANTIZER,
	INFO_BITS,
	INFO_STORAGE,
	INFO_STORAGE_IN_EFFECT,
	INFO_STORAGE_REASON,
	INFO_WARMUP,
	INFO_ROWS,
	INFO_NODES,
	INFO_FREE_NODES,
	INFO_VECTOR_BYTES,
	INFO_CODE_BYTES,
	INFO_NODE_BYTES,
	INFO_UPPER_LEVEL_BYTES,
	INFO_MAP_BYTES,
	INFO_FILE_BYTES,
	INFO_MAPPED_BYTES,
	INFO_RESIDENT_BYTES,
	INFO_SETTLED_SHARE,
	INFO_FORMAT_VERSION,
	INFO_COLUMNS
} InfoColumn;

typedef struct InfoRow
{
	Datum values[INFO_COLUMNS];
	bool nulls[INFO_COLUMNS];
} InfoRow;

static void
set_text(InfoRow *row, InfoColumn column, const char *value)
{
	row->values[column] = CStringGetTextDatum(value);
	row->nulls[column] = false;
}

static void
set_bigint(InfoRow *row, InfoColumn column, int64 value)
{
	row->values[column] = Int64GetDatum(value);
	row->nulls[column] = false;
}

static void
set_int(InfoRow *row, InfoColumn column, int32 value)
{
	row->values[column] = Int32GetDatum(value);
	row->nulls[column] = false;
}

static const char *
metric_name(DistanceMetric metric)
{
	switch (metric)
	{
		case DISTANCE_L2:
			return "l2";
		case DISTANCE_INNER_PRODUCT:
			return "inner_product";
		case DISTANCE_COSINE:
			return "cosine";
		case DISTANCE_L1:
			return "l1";
		case DISTANCE_HAMMING:
			return "hamming";
		case DISTANCE_JACCARD:
			return "jaccard";
	}
	return "unknown";
}

static const char *
warmup_name(WarmupKind kind)
{
	switch (kind)
	{
		case WARMUP_NONE:
			return "none";
		case WARMUP_PREFETCH:
			return "prefetch";
		case WARMUP_LOCK:
			return "lock";
	}
	return "unknown";
}

static int64
count_array_bytes(const PageArrayMeta *array)
{
	int64 blocks = 0;

	for (uint32 i = 0; i < array->run_count; i++)
		blocks += array->runs[i].block_count;
	return blocks * BLCKSZ;
}

/* The metapage and the settle map's pages */
static int64
count_map_bytes(BlockNumber blocks)
{
	int64 covered = SETTLE_BLOCKS_PER_MAP + 1;

	if (blocks == 0)
		return 0;
	return (1 + ((int64) blocks - 1 + covered - 1) / covered) * BLCKSZ;
}

static void
describe_what(Relation index, const IndexMeta *meta, InfoRow *row)
{
	const QuantizerRoutine *quantizer = quantizer_routine((QuantizerKind) meta->quantizer);
	StorageKind option = index_storage_option(index);
	const char *reason;
	StorageKind in_effect = storage_effective_kind(index, option, NULL, &reason);

	set_text(row, INFO_METHOD, get_am_name(index->rd_rel->relam));
	switch ((IndexMethod) meta->method)
	{
		case INDEX_METHOD_HNSW:
			set_text(row, INFO_PARAMETERS, hnsw_describe(meta));
			break;
		case INDEX_METHOD_IVF:
			set_text(row, INFO_PARAMETERS, ivf_describe(meta));
			break;
	}
	set_text(row, INFO_METRIC, metric_name((DistanceMetric) meta->metric));
	set_int(row, INFO_DIMENSIONS, (int32) meta->dimensions);
	set_text(row, INFO_QUANTIZER, quantizer != NULL ? quantizer->name : "unknown");
	if (quantizer != NULL && quantizer->bits > 0)
		set_int(row, INFO_BITS, (int32) quantizer->bits);
	set_text(row, INFO_STORAGE, vector_store_routine(option)->name);
	set_text(row, INFO_STORAGE_IN_EFFECT, vector_store_routine(in_effect)->name);
	set_text(row, INFO_STORAGE_REASON, reason);
	set_text(row, INFO_WARMUP, warmup_name(index_warmup_option(index)));
	set_int(row, INFO_FORMAT_VERSION, meta->format_version);
}

/*
 * What holds a row's vector in the index: a node of hnsw, an entry of ivf.  Those of ivf are counted
 * on its pages, and stay NULL where the file is too short to have them all.
 */
static void
count_nodes(Relation index, const IndexMeta *meta, BlockNumber blocks, InfoRow *row)
{
	int64 free = meta->free_count;

	if (meta->method == INDEX_METHOD_IVF)
	{
		IvfEntryCounts counts;

		if (meta->data_block_count > 0 &&
			storage_block_of_data_block(meta->data_block_count - 1) >= blocks)
			return;
		ivf_count_entries(index, &counts);
		free = (int64) counts.freed + counts.unused;
	}
	set_bigint(row, INFO_NODES, (int64) meta->ordinal_count - free);
	set_bigint(row, INFO_FREE_NODES, free);
}

static void
describe_counts(Relation index, const IndexMeta *meta, InfoRow *row)
{
	BlockNumber blocks = RelationGetNumberOfBlocks(index);

	if (index->rd_rel->reltuples >= 0)
		set_bigint(row, INFO_ROWS, (int64) index->rd_rel->reltuples);
	count_nodes(index, meta, blocks, row);
	set_bigint(row, INFO_VECTOR_BYTES, count_array_bytes(&meta->arrays[PAGE_ARRAY_VECTORS]));
	set_bigint(row, INFO_CODE_BYTES,
			   count_array_bytes(&meta->arrays[PAGE_ARRAY_CODES]) +
				   count_array_bytes(&meta->arrays[PAGE_ARRAY_PARAMETERS]));
	set_bigint(row, INFO_NODE_BYTES, count_array_bytes(&meta->arrays[PAGE_ARRAY_METHOD_0]));
	set_bigint(row, INFO_UPPER_LEVEL_BYTES,
			   count_array_bytes(&meta->arrays[PAGE_ARRAY_METHOD_1]) +
				   count_array_bytes(&meta->arrays[PAGE_ARRAY_METHOD_2]));
	set_bigint(row, INFO_MAP_BYTES, count_map_bytes(blocks));
	set_bigint(row, INFO_FILE_BYTES, (int64) blocks * BLCKSZ);
}

static void
describe_memory(Relation index, const IndexMeta *meta, InfoRow *row)
{
	uint64 mapped;
	uint64 resident;

	file_map_count_bytes(index, &mapped, &resident);
	set_bigint(row, INFO_MAPPED_BYTES, (int64) mapped);
	set_bigint(row, INFO_RESIDENT_BYTES, (int64) resident);
	row->values[INFO_SETTLED_SHARE] = Float8GetDatum(settle_map_settled_share(index, meta));
	row->nulls[INFO_SETTLED_SHARE] = false;
}

Datum
vectorstore_index_info(PG_FUNCTION_ARGS)
{
	TupleDesc descriptor;
	InfoRow row;
	IndexMeta meta;
	Relation table;
	Relation index;

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE ||
		descriptor->natts != INFO_COLUMNS)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("function vectorstore_index_info is not declared as this library has it"),
				 errhint("Update the extension: ALTER EXTENSION vectorstore UPDATE.")));

	index = own_index_open(PG_GETARG_OID(0), TABLE_PRIVILEGE_NONE, AccessShareLock, &table);
	/* A copy: the relation's own goes with any invalidation. */
	storage_meta_copy(&meta, storage_meta_get(index));
	memset(row.nulls, true, sizeof(row.nulls));
	describe_what(index, &meta, &row);
	describe_counts(index, &meta, &row);
	describe_memory(index, &meta, &row);
	relation_close(index, AccessShareLock);
	table_close(table, AccessShareLock);

	PG_RETURN_DATUM(
		HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), row.values, row.nulls)));
}
