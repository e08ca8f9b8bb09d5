/*
 * admin/own_index.h
 *		Opening an index by OID, and making sure that it is one of ours before
 *		anything of it is looked at.
 *
 * "Ours" means that the access method's handler function lives in this library:
 * another extension may have access methods of the same names.
 */
#ifndef ADMIN_OWN_INDEX_H
#define ADMIN_OWN_INDEX_H

#include "storage/lockdefs.h"
#include "utils/relcache.h"

extern bool is_own_access_method(Oid access_method);

/* What the user must be allowed to do with the index's table */
typedef enum TablePrivilege
{
	TABLE_PRIVILEGE_NONE,
	TABLE_PRIVILEGE_SELECT,
	TABLE_PRIVILEGE_MAINTAIN /* before PostgreSQL 17: own it */
} TablePrivilege;

/*
 * Lock the index's table in `table_lock` and the index in AccessShareLock, the table first, and
 * open both.  ERROR where it is no index, not ours, a temporary one of another session, or the user
 * lacks the privilege.  The locks stay until the transaction ends; the caller closes with NoLock.
 */
extern Relation
own_index_open(Oid index, TablePrivilege privilege, LOCKMODE table_lock, Relation *table);

/*
 * The index, locked in AccessShareLock, or NULL where it is not there any more, not ours or a
 * temporary one: for workers.  With `wait` false, NULL also where the lock can't be had at once.
 */
extern Relation own_index_try_open(Oid index, bool wait);

#endif
