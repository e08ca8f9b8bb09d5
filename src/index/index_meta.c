/*
 * index/index_meta.c
 *		The shared part of the metapage: made for an index that is about to be
 *		built, checked before anything relies on it.
 */
#include "postgres.h"
#include "compat.h"

#include "commands/defrem.h"
#include "index/index_meta.h"

void
index_meta_set_quantizer(const IndexType *type, QuantizerKind quantizer, IndexMeta *meta)
{
	const QuantizerRoutine *routine = quantizer_routine(quantizer);
	PageArrayMeta *codes = &meta->arrays[PAGE_ARRAY_CODES];
	PageArrayMeta *parameters = &meta->arrays[PAGE_ARRAY_PARAMETERS];

	if (routine == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("unrecognized quantizer %d", (int) quantizer)));
	if (quantizer != QUANTIZER_NONE && !type->vector_type->quantizable)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("quantizer \"%s\" does not support type %s", routine->name,
							   type->vector_type->name),
						errhint("Use quantizer = none.")));
	if (type->metric == DISTANCE_L1 && !routine->supports_l1)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("quantizer \"%s\" does not support the L1 distance", routine->name),
						errhint("Use quantizer = sq8.")));

	meta->quantizer = (uint16) quantizer;
	memset(codes, 0, sizeof(*codes));
	memset(parameters, 0, sizeof(*parameters));
	if (quantizer != QUANTIZER_NONE)
	{
		size_t parameters_size = routine->parameters_size(type->dimensions);

		page_array_init(codes, (uint32) TYPEALIGN(4, routine->code_size(type->dimensions)), false);
		if (parameters_size > 0)
			page_array_init(parameters, (uint32) TYPEALIGN(4, parameters_size), false);
	}
}

void
index_meta_init(Relation index, const IndexType *type, IndexMethod method, QuantizerKind quantizer,
				IndexMeta *meta)
{
	if (method == INDEX_METHOD_IVF && type->vector_type->to_floats == NULL)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("access method \"%s\" does not support type %s",
							   get_am_name(index->rd_rel->relam), type->vector_type->name)));

	memset(meta, 0, sizeof(IndexMeta));
	meta->magic = STORAGE_MAGIC;
	meta->format_version = STORAGE_FORMAT_VERSION;
	meta->method = (uint16) method;
	meta->dimensions = type->dimensions;
	meta->element_type = (uint16) type->vector_type->kind;
	meta->metric = (uint16) type->metric;
	meta->layout_version = 1;
	meta->ordinals_per_code = 1;
	meta->free_head = INVALID_ORDINAL;

	page_array_init(&meta->arrays[PAGE_ARRAY_VECTORS], type->vector_size, false);
	index_meta_set_quantizer(type, quantizer, meta);
}

void
index_meta_type(const IndexMeta *meta, IndexType *type)
{
	type->vector_type = vector_type_routine(meta->element_type);
	type->metric = (DistanceMetric) meta->metric;
	type->dimensions = meta->dimensions;
	type->vector_size = type->query_size = type->vector_type->slot_size(meta->dimensions);
	type->collation = InvalidOid;
}

/* Whether slots of the array can hold vectors of the column. */
static bool
slot_size_fits(const IndexType *type, uint32 slot_size)
{
	if (!type->vector_type->varying)
		return slot_size == type->vector_size;
	return slot_size >= sizeof(VaryingVector) && slot_size <= type->vector_size &&
		   slot_size % sizeof(VaryingVector) == 0;
}

void
index_meta_check(Relation index, const IndexType *type, IndexMethod method, const IndexMeta *meta,
				 bool method_fits)
{
	const QuantizerRoutine *quantizer = index_meta_quantizer(meta);

	if (!method_fits || meta->method != (uint16) method || quantizer == NULL ||
		(meta->ordinals_per_code != 1 && method != INDEX_METHOD_IVF) ||
		meta->dimensions != type->dimensions || meta->metric != (uint16) type->metric ||
		meta->element_type != (uint16) type->vector_type->kind ||
		!slot_size_fits(type, meta->arrays[PAGE_ARRAY_VECTORS].slot_size) ||
		(quantizer->kind != QUANTIZER_NONE && !type->vector_type->quantizable) ||
		(type->metric == DISTANCE_L1 && !quantizer->supports_l1) ||
		(!quantizer->exact &&
		 meta->arrays[PAGE_ARRAY_CODES].slot_size < quantizer->code_size(meta->dimensions)))
		ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
						errmsg("metapage of index \"%s\" does not fit the index",
							   RelationGetRelationName(index)),
						errhint("Please REINDEX it.")));
}
