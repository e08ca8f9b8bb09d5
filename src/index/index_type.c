/*
 * index/index_type.c
 *		An index's column: dimensions and metric; values as plain float32 arrays.
 */
#include "postgres.h"
#include "compat.h"

#include "access/genam.h"
#include "commands/defrem.h"
#include "index/index_type.h"
#include "storage/metapage.h"
#include "types/float_arithmetic.h"
#include "types/vector.h"

typedef struct KnownMetric
{
	PGFunction distance;
	bool normalizes; /* the operator class has a norm function */
	DistanceMetric metric;
} KnownMetric;

static const KnownMetric known_metrics[] = {
	{vector_l2_squared_distance, false, DISTANCE_L2},
	{vector_negative_inner_product, false, DISTANCE_INNER_PRODUCT},
	{vector_negative_inner_product, true, DISTANCE_COSINE},
	{l1_distance, false, DISTANCE_L1},
};

static DistanceMetric
find_metric(Relation index)
{
	PGFunction distance = NULL;
	bool normalizes = OidIsValid(index_getprocid(index, 1, INDEX_NORM_PROC));

	if (OidIsValid(index_getprocid(index, 1, INDEX_DISTANCE_PROC)))
		distance = index_getprocinfo(index, 1, INDEX_DISTANCE_PROC)->fn_addr;

	for (size_t i = 0; i < lengthof(known_metrics); i++)
	{
		if (known_metrics[i].distance == distance && known_metrics[i].normalizes == normalizes)
			return known_metrics[i].metric;
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

	/* Without them slots have no size; a column of mixed dimensions has no distances either. */
	if (dimensions < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("column does not have dimensions"),
						errhint("Declare the column with a number of dimensions, such as "
								"vector(3), or index an expression with such a cast.")));
	if (dimensions > VECTOR_MAX_DIM)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("column cannot have more than %d dimensions for %s index",
							   VECTOR_MAX_DIM, get_am_name(index->rd_rel->relam))));

	type->dimensions = (uint32) dimensions;
	type->collation = index->rd_indcollation[0];
	type->metric = find_metric(index);
}

bool
index_type_form_vector(const IndexType *type, Datum value, float *vector)
{
	Vector *input = DatumGetVectorP(value);
	bool indexable = true;

	if ((uint32) input->dim != type->dimensions)
		element_type_report_different(&vector_element_type, (int) type->dimensions, input->dim);

	if (type->metric == DISTANCE_COSINE)
	{
		float_normalize(input->x, vector, input->dim);
		indexable = float_norm(vector, input->dim) > 0;
	}
	else
		memcpy(vector, input->x, type->dimensions * sizeof(float));

	if ((Pointer) input != DatumGetPointer(value))
		pfree(input);
	return indexable;
}
