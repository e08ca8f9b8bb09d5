/*
 * index/index_scan.h
 *		What a scan of any index method keeps: column, reader, query; and the
 *		checks that all of them make.
 *
 * A method's scan state begins with an VectorScan.  Its amgettuple is
 *
 *		if (index_scan_begins(scan, direction))
 *			search, with index_scan_open() first
 *		hand out a row
 *
 * The reader begins after the scan's snapshot was taken (the settle protocol needs
 * that) and lives until the scan ends; between calls neither pin nor lock is held.
 */
#ifndef INDEX_INDEX_SCAN_H
#define INDEX_INDEX_SCAN_H

#include "access/genam.h"
#include "access/relscan.h"

#include "index/index_type.h"
#include "storage/vector_store.h"

typedef struct VectorScan
{
	IndexType type;
	StorageReader *reader;		  /* NULL before the first search */
	MemoryContext search_context; /* what one search keeps; reset by a rescan */
	bool searched;
	void *vector; /* the query in the form of slots; in search_context */
} VectorScan;

/* Prepare a scan whose state is `state`, in the current context. */
extern IndexScanDesc
index_scan_begin(Relation index, int key_count, int order_by_count, VectorScan *state);

/* Take the new keys and forget what was found. */
extern void index_scan_rescan(IndexScanDesc scan, ScanKey keys, ScanKey order_bys);

/* Whether this call is the first since the (re)scan, which searches.  ERROR for a scan that can't
 * be made: backwards, or without order. */
extern bool index_scan_begins(IndexScanDesc scan, ScanDirection direction);

/*
 * Open the reader, or let it look again; form the query.  The caller checks the method's part of
 * reader->meta when `true` comes back: the reader is new.
 */
extern bool index_scan_open(IndexScanDesc scan);

extern void index_scan_end(IndexScanDesc scan);

#endif
