/*
 * admin/own_index.c
 *		Is this relation an index of ours?  Opening it if it is.
 */
#include "postgres.h"
#include "compat.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/table.h"
#include "admin/own_index.h"
#include "catalog/index.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* "$libdir/vectorstore", "/path/to/vectorstore.so" and the like */
static bool
is_own_library(const char *probin)
{
	const char *name = last_dir_separator(probin);
	size_t length = strlen("vectorstore");

	name = name != NULL ? name + 1 : probin;
	return strncmp(name, "vectorstore", length) == 0 &&
		   (name[length] == '\0' || strcmp(name + length, DLSUFFIX) == 0);
}

bool
is_own_access_method(Oid access_method)
{
	HeapTuple method = SearchSysCache1(AMOID, ObjectIdGetDatum(access_method));
	HeapTuple handler;
	Oid handler_oid;
	Datum probin;
	bool is_null;
	bool is_own = false;

	if (!HeapTupleIsValid(method))
		return false;
	handler_oid = ((Form_pg_am) GETSTRUCT(method))->amhandler;
	ReleaseSysCache(method);

	handler = SearchSysCache1(PROCOID, ObjectIdGetDatum(handler_oid));
	if (!HeapTupleIsValid(handler))
		return false;
	probin = SysCacheGetAttr(PROCOID, handler, Anum_pg_proc_probin, &is_null);
	if (!is_null)
		is_own = is_own_library(TextDatumGetCString(probin));
	ReleaseSysCache(handler);
	return is_own;
}

static bool
is_own_index(Relation relation)
{
	return relation->rd_rel->relkind == RELKIND_INDEX &&
		   is_own_access_method(relation->rd_rel->relam);
}

/* Before the lock: who may not use a table shall not keep others from it either. */
static void
check_privilege(Oid table, TablePrivilege privilege)
{
	AclResult result = ACLCHECK_OK;

	switch (privilege)
	{
		case TABLE_PRIVILEGE_NONE:
			return;
		case TABLE_PRIVILEGE_SELECT:
			result = pg_class_aclcheck(table, GetUserId(), ACL_SELECT);
			break;
		case TABLE_PRIVILEGE_MAINTAIN:
			result = vs_may_maintain_table(table) ? ACLCHECK_OK : ACLCHECK_NOT_OWNER;
			break;
	}
	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_TABLE, get_rel_name(table));
}

Relation
own_index_open(Oid index_oid, TablePrivilege privilege, LOCKMODE table_lock, Relation *table)
{
	Oid table_oid = IndexGetRelation(index_oid, true);
	Relation index;

	if (OidIsValid(table_oid))
		check_privilege(table_oid, privilege);

	/* The table's lock first, as everywhere, so that nobody deadlocks with us. */
	*table = OidIsValid(table_oid) ? try_table_open(table_oid, table_lock) : NULL;
	index = try_relation_open(index_oid, AccessShareLock);
	if (index == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("relation with OID %u does not exist", index_oid)));
	if (!is_own_index(index))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a vectorstore index", RelationGetRelationName(index))));
	/* Dropped, and the OID reused, before we had the locks. */
	if (*table == NULL || table_oid != IndexGetRelation(index_oid, false))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("could not find the table of index \"%s\"",
							   RelationGetRelationName(index))));
	if (!index->rd_index->indisready)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("index \"%s\" is not ready", RelationGetRelationName(index)),
						errdetail("It is being built concurrently, or its build has failed.")));
	if (RELATION_IS_OTHER_TEMP(index))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("cannot access temporary tables of other sessions")));
	return index;
}

Relation
own_index_try_open(Oid index_oid, bool wait)
{
	Relation index;

	if (!wait && !ConditionalLockRelationOid(index_oid, AccessShareLock))
		return NULL;
	index = try_relation_open(index_oid, wait ? AccessShareLock : NoLock);
	if (index == NULL)
	{
		if (!wait)
			UnlockRelationOid(index_oid, AccessShareLock);
		return NULL;
	}
	if (!is_own_index(index) || RelationUsesLocalBuffers(index) || !index->rd_index->indisready)
	{
		relation_close(index, AccessShareLock);
		return NULL;
	}
	return index;
}
