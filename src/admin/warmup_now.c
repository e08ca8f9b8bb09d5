/*
 * admin/warmup_now.c
 *		vectorstore_warmup(regclass): brings an index into memory now, and returns
 *		the number of blocks read.
 *
 * The index's own option says how: lock where it is lock, prefetch otherwise (an
 * index without the option can still be warmed up by hand).  The user needs
 * SELECT on the table, as for pg_prewarm.
 */
#include "postgres.h"
#include "compat.h"

#include "access/relation.h"
#include "access/table.h"
#include "admin/own_index.h"
#include "index/options.h"
#include "storage/warmup.h"

PG_FUNCTION_INFO_V1(vectorstore_warmup);

Datum
vectorstore_warmup(PG_FUNCTION_ARGS)
{
	Relation table;
	Relation index =
		own_index_open(PG_GETARG_OID(0), TABLE_PRIVILEGE_SELECT, AccessShareLock, &table);
	WarmupKind kind = index_warmup_option(index);
	BlockNumber blocks;

	blocks = warmup_index(index, index_storage_option(index),
						  kind == WARMUP_LOCK ? WARMUP_LOCK : WARMUP_PREFETCH);
	relation_close(index, AccessShareLock);
	table_close(table, AccessShareLock);
	PG_RETURN_INT64((int64) blocks);
}
