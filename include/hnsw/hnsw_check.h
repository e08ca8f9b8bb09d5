/*
 * hnsw/hnsw_check.h
 *		Verifying an hnsw index, for vectorstore_index_check().
 */
#ifndef HNSW_HNSW_CHECK_H
#define HNSW_HNSW_CHECK_H

#include "hnsw/hnsw.h"

/*
 * ERROR (ERRCODE_INDEX_CORRUPTED) at the first violation, with its place; the pages themselves were
 * checked before.  `strict` = nobody writes to the table meanwhile (a ShareLock is held), so that
 * what must agree between pages can be compared.
 */
extern void hnsw_check(Relation index, Relation table, bool strict);

/* "m = 16, ef_construction = 64, ..." in the current memory context */
extern char *hnsw_describe(const IndexMeta *meta);

#endif
