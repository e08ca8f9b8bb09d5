/*
 * ivf/ivf_scan.c
 *		Index scans: ORDER BY embedding <-> query.
 *
 * The first amgettuple of a (re)scan scans the lists of the `probes` nearest
 * centroids; rows are handed out nearest first, until all of these lists have been.  An
 * iterative scan goes on with as many lists again, up to max_probes of them: its rows
 * are in order within each batch of lists alone (relaxed_order).
 *
 * A row's entry is read when it is its turn, whole: vacuum may free it meanwhile.
 */
#include "postgres.h"
#include "compat.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "index/index_scan.h"
#include "ivf/ivf_search.h"

typedef struct IvfScan
{
	VectorScan common;
	IvfSearch search;
	uint32 probes;		/* lists of a batch */
	uint32 probes_left; /* lists that may be scanned still */
} IvfScan;

IndexScanDesc
ivf_begin_scan(Relation index, int nkeys, int norderbys)
{
	IvfScan *state = palloc0(sizeof(IvfScan));

	return index_scan_begin(index, nkeys, norderbys, &state->common);
}

void
ivf_rescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys)
{
	index_scan_rescan(scan, keys, orderbys);
}

static void
probe(IvfScan *state)
{
	MemoryContext outer = MemoryContextSwitchTo(state->common.search_context);
	uint32 probes = Min(state->probes, state->probes_left);

	if (!ivf_search_probe(&state->search, probes))
		probes = state->probes_left;
	state->probes_left -= probes;
	MemoryContextSwitchTo(outer);
}

static void
begin_search(IndexScanDesc scan)
{
	IvfScan *state = scan->opaque;
	VectorScan *common = &state->common;
	bool is_flat = ivf_is_flat(scan->indexRelation);
	MemoryContext outer;

	if (index_scan_open(scan))
		ivf_meta_check(scan->indexRelation, &common->type, common->reader->meta);

	outer = MemoryContextSwitchTo(common->search_context);
	ivf_search_begin(&state->search, common->reader, &common->type, common->vector,
					 (Size) work_mem * 1024);
	MemoryContextSwitchTo(outer);

	state->probes = (uint32) ivf_probes_setting(is_flat);
	state->probes_left = state->probes;
	if (ivf_iterative_scan_setting(is_flat) != ITERATIVE_SCAN_OFF)
		state->probes_left = Max(state->probes, (uint32) ivf_max_probes_setting(is_flat));
	probe(state);
}

/* The next candidate, from further lists where those scanned have no more and it is allowed. */
static bool
next_candidate(IvfScan *state, uint32 *ordinal)
{
	MemoryContext outer;
	bool found;

	for (;;)
	{
		outer = MemoryContextSwitchTo(state->common.search_context);
		found = ivf_search_next(&state->search, ordinal);
		MemoryContextSwitchTo(outer);
		if (found || state->probes_left == 0)
			return found;
		probe(state);
	}
}

bool
ivf_get_tuple(IndexScanDesc scan, ScanDirection direction)
{
	IvfScan *state = scan->opaque;
	uint32 ordinal;

	if (index_scan_begins(scan, direction))
		begin_search(scan);

	while (next_candidate(state, &ordinal))
	{
		IvfEntry entry;

		CHECK_FOR_INTERRUPTS();
		storage_copy_slot_whole(state->common.reader, IVF_ENTRIES, ordinal, &entry);
		storage_reader_release_pins(state->common.reader);
		if (entry.state != IVF_ENTRY_LIVE || !ItemPointerIsValid(&entry.tid))
			continue;
		scan->xs_heaptid = entry.tid;
		scan->xs_recheck = false;
		scan->xs_recheckorderby = false;
		return true;
	}
	return false;
}
