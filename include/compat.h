/*
 * compat.h
 *		Every difference between PostgreSQL 15 and 19 that this extension meets.
 *
 * Included by every server-side file directly after postgres.h.  No other file tests
 * PG_VERSION_NUM.  Where a newer release renamed a thing and the new name can be given to
 * the older releases without touching their headers, the new name is used everywhere;
 * otherwise a helper with the prefix vs_ (functions), Vs (types) or VS_ (macros) hides the
 * difference.  Helpers are static inline so that a file which doesn't use one costs nothing.
 *
 * Not here, because all five releases agree: generic WAL, shm_toc and parallel contexts,
 * table_index_build_scan, GetOldestRestartPoint and GetRedoRecPtr, delayChkptFlags with
 * DELAY_CHKPT_START, RelationGetSmgr, tuplesort_begin_heap (utils/tuplesort.h), reloptions.
 */
#ifndef VECTORSTORE_COMPAT_H
#define VECTORSTORE_COMPAT_H

#include "access/amapi.h"
#include "access/relscan.h"
#include "catalog/pg_class.h"
#include "commands/vacuum.h"
#include "common/relpath.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/bufpage.h"
#include "storage/fd.h"
#include "storage/lmgr.h"
#include "storage/lwlock.h"
#include "storage/smgr.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "utils/wait_event.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#if PG_VERSION_NUM < 150000
#error "vectorstore needs PostgreSQL 15 or later"
#endif

/*
 * Symbols.  The library is compiled with -fvisibility=hidden.  Before 16 PGDLLEXPORT was
 * empty on ELF systems, and PG_FUNCTION_INFO_V1 declared the function itself without it.
 */
#if PG_VERSION_NUM < 160000
#undef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))

#undef PG_FUNCTION_INFO_V1
#define PG_FUNCTION_INFO_V1(function_name)                                                         \
	extern PGDLLEXPORT Datum function_name(PG_FUNCTION_ARGS);                                      \
	extern PGDLLEXPORT const Pg_finfo_record *CppConcat(pg_finfo_, function_name)(void);           \
	const Pg_finfo_record *CppConcat(pg_finfo_, function_name)(void)                               \
	{                                                                                              \
		static const Pg_finfo_record version_one = {1};                                            \
		return &version_one;                                                                       \
	}                                                                                              \
	extern int no_such_variable
#endif

/* The module's magic block; from 18 on it carries a name and version for pg_get_loaded_modules. */
#if PG_VERSION_NUM >= 180000
#define VS_MODULE_MAGIC(module_name, module_version)                                               \
	PG_MODULE_MAGIC_EXT(.name = module_name, .version = module_version)
#else
#define VS_MODULE_MAGIC(module_name, module_version) PG_MODULE_MAGIC
#endif

/* Functions that don't return: a macro with parentheses until 17, a word since. */
#if PG_VERSION_NUM >= 180000
#define pg_attribute_noreturn() pg_noreturn
#endif

/*
 * Soft errors of type input functions (16): an error goes to escontext when the caller gave
 * one.  Before 16 every such error is thrown.  Use: ereturn(fcinfo->context, (Datum) 0, (...)).
 */
#if PG_VERSION_NUM < 160000
#define ereturn(escontext, dummy_value, ...)                                                       \
	do                                                                                             \
	{                                                                                              \
		(void) (escontext);                                                                        \
		ereport(ERROR, __VA_ARGS__);                                                               \
		return dummy_value;                                                                        \
	} while (0)
#endif

/*
 * The identity of a relation's files: RelFileNode until 15, RelFileLocator since 16, with other
 * member names.
 */
#if PG_VERSION_NUM < 160000
typedef RelFileNode VsRelFileLocator;
typedef Oid VsRelFileNumber;
#define VsInvalidRelFileNumber		   InvalidOid
#define vs_locator_tablespace(locator) ((locator).spcNode)
#define vs_locator_database(locator)   ((locator).dbNode)
#define vs_locator_relation(locator)   ((locator).relNode)
#define vs_locators_equal(a, b)		   RelFileNodeEquals(a, b)
#else
typedef RelFileLocator VsRelFileLocator;
typedef RelFileNumber VsRelFileNumber;
#define VsInvalidRelFileNumber		   InvalidRelFileNumber
#define vs_locator_tablespace(locator) ((locator).spcOid)
#define vs_locator_database(locator)   ((locator).dbOid)
#define vs_locator_relation(locator)   ((locator).relNumber)
#define vs_locators_equal(a, b)		   RelFileLocatorEquals(a, b)
#endif

static inline VsRelFileLocator
vs_relation_locator(Relation rel)
{
#if PG_VERSION_NUM < 160000
	return rel->rd_node;
#else
	return rel->rd_locator;
#endif
}

static inline VsRelFileLocator
vs_locator_make(Oid tablespace, Oid database, VsRelFileNumber relation)
{
	VsRelFileLocator locator;

	vs_locator_tablespace(locator) = tablespace;
	vs_locator_database(locator) = database;
	vs_locator_relation(locator) = relation;
	return locator;
}

/*
 * What a buffer holds (storage/buf_internals.h): macros until 15, functions since 16; the state has
 * 64 bits since 19.
 */
#if PG_VERSION_NUM < 160000
#define vs_buffer_tag_init(tag, locator, fork, block) INIT_BUFFERTAG(*(tag), locator, fork, block)
#define vs_buffer_tags_equal(a, b)					  BUFFERTAGS_EQUAL(*(a), *(b))
#else
#define vs_buffer_tag_init(tag, locator, fork, block) InitBufferTag(tag, &(locator), fork, block)
#define vs_buffer_tags_equal(a, b)					  BufferTagsEqual(a, b)
#endif
#if PG_VERSION_NUM < 190000
#define vs_buffer_state(descriptor) pg_atomic_read_u32(&(descriptor)->state)
#else
#define vs_buffer_state(descriptor) pg_atomic_read_u64(&(descriptor)->state)
#endif

/*
 * Backend numbers: BackendId until 16 (invalid: InvalidBackendId), ProcNumber since 17 (invalid:
 * INVALID_PROC_NUMBER).  rd_backend of a relation has this type.
 */
#if PG_VERSION_NUM < 170000
typedef BackendId VsBackendNumber;
#define VsInvalidBackendNumber InvalidBackendId
#else
typedef ProcNumber VsBackendNumber;
#define VsInvalidBackendNumber INVALID_PROC_NUMBER
#endif

/*
 * Path, relative to the data directory, of the first segment file of a fork; palloc'd.  Further
 * segments append ".N".  backend is the relation's rd_backend.
 */
static inline char *
vs_relation_path(VsRelFileLocator locator, VsBackendNumber backend, ForkNumber fork)
{
#if PG_VERSION_NUM < 180000
	return relpathbackend(locator, backend, fork);
#else
	RelPathStr path = relpathbackend(locator, backend, fork);

	return pstrdup(path.str);
#endif
}

/* Block buffers aligned for direct I/O (16); before that MAXALIGN suffices. */
#if PG_VERSION_NUM < 160000
typedef PGAlignedBlock PGIOAlignedBlock;
#define PG_IO_ALIGN_SIZE MAXIMUM_ALIGNOF
#endif

/*
 * smgrextend and smgrwrite took "char *" until 15 and "const void *" since.
 */
static inline void
vs_smgr_extend(SMgrRelation smgr, ForkNumber fork, BlockNumber block, const void *page,
			   bool skip_fsync)
{
#if PG_VERSION_NUM < 160000
	smgrextend(smgr, fork, block, unconstify(char *, (const char *) page), skip_fsync);
#else
	smgrextend(smgr, fork, block, page, skip_fsync);
#endif
}

static inline void
vs_smgr_write(SMgrRelation smgr, ForkNumber fork, BlockNumber block, const void *page,
			  bool skip_fsync)
{
#if PG_VERSION_NUM < 160000
	smgrwrite(smgr, fork, block, unconstify(char *, (const char *) page), skip_fsync);
#else
	smgrwrite(smgr, fork, block, page, skip_fsync);
#endif
}

/* Since 19 the scan options are an argument; macros, for the sake of the include of access/tableam.h. */
#if PG_VERSION_NUM < 190000
#define vs_table_beginscan(rel, snapshot)	   table_beginscan(rel, snapshot, 0, NULL)
#define vs_table_beginscan_parallel(rel, scan) table_beginscan_parallel(rel, scan)
#else
#define vs_table_beginscan(rel, snapshot)	   table_beginscan(rel, snapshot, 0, NULL, SO_NONE)
#define vs_table_beginscan_parallel(rel, scan) table_beginscan_parallel(rel, scan, SO_NONE)
#endif

/* Since 18 a scan may be instrumented, since 19 there are options; a macro for the same reason. */
#if PG_VERSION_NUM < 180000
#define vs_index_beginscan(table, index, snapshot, keys, orders)                                   \
	index_beginscan(table, index, snapshot, keys, orders)
#elif PG_VERSION_NUM < 190000
#define vs_index_beginscan(table, index, snapshot, keys, orders)                                   \
	index_beginscan(table, index, snapshot, NULL, keys, orders)
#else
#define vs_index_beginscan(table, index, snapshot, keys, orders)                                   \
	index_beginscan(table, index, snapshot, NULL, keys, orders, SO_NONE)
#endif

/* Sets the checksum of a page that is about to be written past shared buffers; renamed in 19. */
static inline void
vs_page_set_checksum(Page page, BlockNumber block)
{
#if PG_VERSION_NUM < 190000
	PageSetChecksumInplace(page, block);
#else
	PageSetChecksum(page, block);
#endif
}

/*
 * Append one zeroed block to a fork and return it pinned and exclusively locked.
 */
static inline Buffer
vs_relation_extend(Relation rel, ForkNumber fork)
{
#if PG_VERSION_NUM < 160000
	Buffer buffer;

	/* Until 15 the caller serializes extension; a local relation needs no lock. */
	if (!RELATION_IS_LOCAL(rel))
		LockRelationForExtension(rel, ExclusiveLock);
	buffer = ReadBufferExtended(rel, fork, P_NEW, RBM_ZERO_AND_LOCK, NULL);
	if (!RELATION_IS_LOCAL(rel))
		UnlockRelationForExtension(rel, ExclusiveLock);
	return buffer;
#else
	return ExtendBufferedRel(BMR_REL(rel), fork, NULL, EB_LOCK_FIRST);
#endif
}

/* Is direct I/O on for data files?  (debug_io_direct, 16 and later.)  Such files aren't mapped. */
static inline bool
vs_direct_io_for_data_files(void)
{
#if PG_VERSION_NUM < 160000
	return false;
#else
	return (io_direct_flags & IO_DIRECT_DATA) != 0;
#endif
}

/* RequestCheckpoint's flag for "without spreading the writes out"; renamed in 19. */
#if PG_VERSION_NUM < 190000
#define CHECKPOINT_FAST CHECKPOINT_IMMEDIATE
#endif

/* A tuple descriptor made by hand must be declared finished since 19. */
#if PG_VERSION_NUM < 190000
#define vs_tuple_desc_finalize(descriptor) ((void) (descriptor))
#else
#define vs_tuple_desc_finalize(descriptor) TupleDescFinalize(descriptor)
#endif

/* vacuum_delay_point has had an argument since 18: is this ANALYZE? */
static inline void
vs_vacuum_delay_point(void)
{
#if PG_VERSION_NUM < 180000
	vacuum_delay_point();
#else
	vacuum_delay_point(false);
#endif
}

/*
 * LWLock tranches.  Until 18 the name is private to each backend, which must therefore register
 * the id it finds in shared memory; 19 keeps the name with the id.
 */
static inline int
vs_lwlock_new_tranche(const char *name)
{
#if PG_VERSION_NUM < 190000
	int tranche = LWLockNewTrancheId();

	LWLockRegisterTranche(tranche, name);
	return tranche;
#else
	return LWLockNewTrancheId(name);
#endif
}

static inline void
vs_lwlock_register_tranche(int tranche, const char *name)
{
#if PG_VERSION_NUM < 190000
	LWLockRegisterTranche(tranche, name);
#else
	(void) tranche;
	(void) name;
#endif
}

/* A wait event of our own for WaitLatch and pgstat_report_wait_start; named since 17. */
static inline uint32
vs_wait_event_new(const char *name)
{
#if PG_VERSION_NUM < 170000
	(void) name;
	return PG_WAIT_EXTENSION;
#else
	return WaitEventExtensionNew(name);
#endif
}

/* Count the start of an index scan in pg_stat_*_indexes and, since 18, in EXPLAIN ANALYZE. */
static inline void
vs_count_index_search(IndexScanDesc scan)
{
	pgstat_count_index_scan(scan->indexRelation);
#if PG_VERSION_NUM >= 180000
	if (scan->instrument != NULL)
		scan->instrument->nsearches++;
#endif
}

/*
 * Index access method handlers.  Until 18 the server copies and frees what the handler returns,
 * so it must be palloc'd; 19 keeps the pointer for the backend's life, so it must be static.
 * A handler fills one static struct (members that a release doesn't have are set by
 * vs_index_am_set_build_parallel) and returns vs_index_am_result(&that_struct).
 */
static inline IndexAmRoutine *
vs_index_am_result(const IndexAmRoutine *routine)
{
#if PG_VERSION_NUM < 190000
	IndexAmRoutine *copy = palloc(sizeof(IndexAmRoutine));

	memcpy(copy, routine, sizeof(IndexAmRoutine));
	return copy;
#else
	return unconstify(IndexAmRoutine *, routine);
#endif
}

/*
 * amcanbuildparallel exists since 17.  Before that the planner proposes workers (ii_ParallelWorkers)
 * to B-tree builds alone, and the access method calls plan_create_index_workers itself.
 */
static inline void
vs_index_am_set_build_parallel(IndexAmRoutine *routine, bool can_build_parallel)
{
#if PG_VERSION_NUM < 170000
	(void) routine;
	(void) can_build_parallel;
#else
	routine->amcanbuildparallel = can_build_parallel;
#endif
}

/* What a planner_hook is called with: since 19 also EXPLAIN's state. */
#if PG_VERSION_NUM < 190000
#define VS_PLANNER_PARAMETERS                                                                      \
	Query *parse, const char *query_string, int cursor_options, ParamListInfo bound_params
#define VS_PLANNER_ARGUMENTS parse, query_string, cursor_options, bound_params
#else
#define VS_PLANNER_PARAMETERS                                                                      \
	Query *parse, const char *query_string, int cursor_options, ParamListInfo bound_params,        \
		ExplainState *es
#define VS_PLANNER_ARGUMENTS parse, query_string, cursor_options, bound_params, es
#endif

/* Keep the planner from a path: since 18 it compares counts of disabled nodes before costs. */
#if PG_VERSION_NUM < 180000
#define vs_path_forbid(path) ((void) (path))
#else
#define vs_path_forbid(path) ((path)->disabled_nodes += 2)
#endif

/*
 * May the current user maintain (check, warm up, reindex) a table?  The privilege exists since 17;
 * owners have it.
 */
static inline bool
vs_may_maintain_table(Oid table)
{
#if PG_VERSION_NUM < 160000
	return pg_class_ownercheck(table, GetUserId());
#elif PG_VERSION_NUM < 170000
	return object_ownercheck(RelationRelationId, table, GetUserId());
#else
	return pg_class_aclcheck(table, GetUserId(), ACL_MAINTAIN) == ACLCHECK_OK;
#endif
}

/* Has the planner chosen the number of build workers (ii_ParallelWorkers) for our methods? */
#define VS_PLANNER_CHOOSES_BUILD_WORKERS (PG_VERSION_NUM >= 170000)

/* Maintenance of indexes goes without the caller's search path, from 17 on. */
static inline void
vs_restrict_search_path(void)
{
#if PG_VERSION_NUM >= 170000
	RestrictSearchPath();
#endif
}

#endif /* VECTORSTORE_COMPAT_H */
