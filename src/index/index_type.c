/*
 * index/index_type.c
 *		An index's column: element type, dimensions and metric.
 */
#include "postgres.h"
#include "compat.h"

#include "access/genam.h"
#include "commands/defrem.h"
#include "index/index_type.h"
#include "storage/metapage.h"
#include "types/bit.h"
#include "types/halfvec.h"
#include "types/sparsevec.h"
#include "types/vector.h"

/* An operator class is known by its support functions. */
typedef struct KnownClass
{
	PGFunction distance;
	bool normalizes; /* the operator class has a norm function */
	VectorTypeKind kind;
	DistanceMetric metric;
} KnownClass;

static const KnownClass known_classes[] = {
	{vector_l2_squared_distance, false, VECTOR_TYPE_VECTOR, DISTANCE_L2},
	{vector_negative_inner_product, false, VECTOR_TYPE_VECTOR, DISTANCE_INNER_PRODUCT},
	{vector_negative_inner_product, true, VECTOR_TYPE_VECTOR, DISTANCE_COSINE},
	{l1_distance, false, VECTOR_TYPE_VECTOR, DISTANCE_L1},
	{halfvec_l2_squared_distance, false, VECTOR_TYPE_HALFVEC, DISTANCE_L2},
	{halfvec_negative_inner_product, false, VECTOR_TYPE_HALFVEC, DISTANCE_INNER_PRODUCT},
	{halfvec_negative_inner_product, true, VECTOR_TYPE_HALFVEC, DISTANCE_COSINE},
	{halfvec_l1_distance, false, VECTOR_TYPE_HALFVEC, DISTANCE_L1},
	{hamming_distance, false, VECTOR_TYPE_BIT, DISTANCE_HAMMING},
	{jaccard_distance, false, VECTOR_TYPE_BIT, DISTANCE_JACCARD},
	{sparsevec_l2_squared_distance, false, VECTOR_TYPE_SPARSEVEC, DISTANCE_L2},
	{sparsevec_negative_inner_product, false, VECTOR_TYPE_SPARSEVEC, DISTANCE_INNER_PRODUCT},
	{sparsevec_negative_inner_product, true, VECTOR_TYPE_SPARSEVEC, DISTANCE_COSINE},
	{sparsevec_l1_distance, false, VECTOR_TYPE_SPARSEVEC, DISTANCE_L1},
};

static const KnownClass *
find_class(Relation index)
{
	PGFunction distance = NULL;
	bool normalizes = OidIsValid(index_getprocid(index, 1, INDEX_NORM_PROC));

	if (OidIsValid(index_getprocid(index, 1, INDEX_DISTANCE_PROC)))
		distance = index_getprocinfo(index, 1, INDEX_DISTANCE_PROC)->fn_addr;

	for (size_t i = 0; i < lengthof(known_classes); i++)
	{
		if (known_classes[i].distance == distance && known_classes[i].normalizes == normalizes)
			return &known_classes[i];
	}

	ereport(
		ERROR,
		(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
		 errmsg("operator class of index \"%s\" is not supported", RelationGetRelationName(index)),
		 errdetail("Its distance function is none that access method \"%s\" knows.",
				   get_am_name(index->rd_rel->relam)),
		 errhint("Use one of the operator classes that come with extension \"vectorstore\".")));
}

/*
 * Dimensions of the column: by its type, and where that has lost them since (ALTER TABLE ... TYPE
 * vector keeps the index), those that the index was built with.  -1 if there are none.
 */
static int32
get_dimensions(Relation index)
{
	int32 dimensions = TupleDescAttr(RelationGetDescr(index), 0)->atttypmod;

	if (dimensions < 0 && RelationGetNumberOfBlocks(index) > 0)
		dimensions = (int32) storage_meta_get(index)->dimensions;
	return dimensions;
}

void
index_type_get(Relation index, IndexType *type)
{
	int32 dimensions = get_dimensions(index);
	const KnownClass *known = find_class(index);
	const VectorTypeRoutine *routine = vector_type_routine(known->kind);

	/* Without them slots have no size; a column of mixed dimensions has no distances either. */
	if (dimensions < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("column does not have dimensions"),
						errhint("Declare the column with a number of dimensions, such as "
								"%s(3), or index an expression with such a cast.",
								routine->name)));
	if ((uint32) dimensions > routine->max_dimensions)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("column cannot have more than %u dimensions for %s index",
							   routine->max_dimensions, get_am_name(index->rd_rel->relam))));

	type->vector_type = routine;
	type->metric = known->metric;
	type->dimensions = (uint32) dimensions;
	type->vector_size = type->query_size = routine->slot_size((uint32) dimensions);
	type->collation = index->rd_indcollation[0];
}
