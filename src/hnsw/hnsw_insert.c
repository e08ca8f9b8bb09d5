/*
 * hnsw/hnsw_insert.c
 *		Inserting one row (Algorithm 1).
 *
 *		1. search the graph for candidates on every level of the new node
 *		2. a node with the same vector, and room, takes the row's TID: done;
 *		   where all such nodes are full, the new node becomes a continuation of
 *		   one of them, and that link is its steps 5 and 6
 *		3. take an ordinal: from the free list (with the level that the freed
 *		   node had), or a new one
 *		4. write vector, code, upper lists, and the node last
 *		5. link the chosen neighbors back, one page at a time
 *		6. become the entry point, if the new node is the highest
 *
 * Each step is a WAL record or several, and the graph is valid after each: the
 * node is whole before anything leads to it.  A failure between 3 and 4 leaves
 * an EMPTY or RESERVED ordinal, which the next vacuum frees.
 *
 * No lock on the whole index is taken but the shared one that lets vacuum wait
 * for inserts in flight.  Lists are read without a snapshot, through the map
 * where it is settled: what is read there is advice; what is written is checked
 * on the page (hnsw_replace_list).
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "common/pg_prng.h"
#include "miscadmin.h"

#include "hnsw/hnsw_edge_codes.h"
#include "hnsw/hnsw_link.h"
#include "hnsw/hnsw_search.h"
#include "hnsw/hnsw_vector.h"
#include "index/index_insert.h"
#include "index/index_meta.h"
#include "storage/slot_look.h"

/* Nodes of a chain of equal vectors that an insert tries for room */
#define CHAIN_NODES_TRIED 8

/* Candidates of the new node on one level, nearest first by the distances of the search */
typedef struct LevelCandidates
{
	uint32 count;
	Candidate *found;
} LevelCandidates;

typedef struct HnswInsert
{
	Relation index;
	const IndexType *type;
	const void *vector;
	ItemPointer heap_tid;
	StorageReader *reader;
	uint16 m;
	uint32 ef_construction;
	HnswSearch search;
	LevelCandidates levels[HNSW_MAX_LEVEL];
} HnswInsert;

/* Step 1: candidates of all levels up to `level`, nearest first. */
static void
find_candidates(HnswInsert *insert, int level)
{
	HnswSearch *search = &insert->search;
	int top = (int) hnsw_meta(insert->reader->meta)->entry_level;

	memset(insert->levels, 0, sizeof(insert->levels));
	if (!hnsw_search_descend(search, level))
		return;
	for (int at = Min(level, top); at >= 0; at--)
	{
		LevelCandidates *found = &insert->levels[at];

		hnsw_search_level(search, at, insert->ef_construction);
		found->count = search->result_count;
		found->found = palloc(found->count * sizeof(Candidate));
		memcpy(found->found, search->results, found->count * sizeof(Candidate));
	}
}

/* Give the row's TID to a node, if it still is LIVE, still has this vector and has room. */
static bool
add_tid(HnswInsert *insert, uint32 ordinal)
{
	StorageReader *reader = insert->reader;
	SlotPlace place = page_array_place(&reader->meta->arrays[HNSW_NODES], ordinal);
	bool fresh;
	Buffer buffer =
		page_array_lock_block(insert->index, HNSW_NODES, place.data_block, false, &fresh);
	HnswNode *node = (HnswNode *) (storage_page_payload(BufferGetPage(buffer)) + place.offset);
	bool has_room = node->state == HNSW_NODE_LIVE && node->tid_count < HNSW_NODE_TIDS;

	if (has_room)
	{
		PageWrite write;
		Page page;

		page_write_begin(&write, insert->index);
		page = page_write_page(&write, buffer, place.data_block, false, HNSW_NODES);
		node = (HnswNode *) (storage_page_payload(page) + place.offset);
		hnsw_node_tids(node, insert->m)[node->tid_count++] = *insert->heap_tid;
		page_write_finish(&write);
	}
	UnlockReleaseBuffer(buffer);
	return has_room;
}

/*
 * Give the row's TID to a node, or to one of the next in its chain; `scratch` is room for a vector.  A
 * node that was seen LIVE stays so, or DEAD, while this insert holds the insert lock.  One that the
 * chain led to may have been DEAD before, so that vacuum has freed it and its ordinal is another
 * vector's by now: hence the second look at its vector, after the one at its state.
 */
static bool
add_tid_to_chain(HnswInsert *insert, uint32 head, void *scratch)
{
	uint32 ordinal = head;
	HnswSlot slot;

	/* New nodes are put behind the first, so the ones with room are near it. */
	for (int i = 0; i < CHAIN_NODES_TRIED; i++)
	{
		if (add_tid(insert, ordinal))
			return true;
		hnsw_read_node_current(insert->reader, ordinal, &slot);
		ordinal = slot.node.next;
		if (ordinal == INVALID_ORDINAL)
			break;
		hnsw_read_node_current(insert->reader, ordinal, &slot);
		if (slot.node.state == HNSW_NODE_DEAD)
			continue;
		if (slot.node.state != HNSW_NODE_LIVE)
			break;
		hnsw_read_vector_current(insert->reader, insert->type, ordinal, scratch);
		if (!index_type_equals(insert->type, scratch, insert->vector))
			break;
	}
	return false;
}

/* The search's results whose codes are the new vector's */
typedef struct EqualCodes
{
	const void *slots[STORAGE_MAX_BATCH];
	const void *code;
	Size size;
	uint32 batch; /* results that are compared */
	bool equal[STORAGE_MAX_BATCH];
} EqualCodes;

static void
compare_codes(void *argument)
{
	EqualCodes *codes = argument;

	for (uint32 i = 0; i < codes->batch; i++)
		codes->equal[i] = memcmp(codes->slots[i], codes->code, codes->size) == 0;
}

/* Those of the search's results that may have the new vector, since equal vectors have equal codes. */
static uint32
find_equal_codes(HnswInsert *insert, uint32 *ordinals)
{
	StorageReader *reader = insert->reader;
	const HnswSearch *search = &insert->search;
	const IndexType *type = insert->type;
	float *floats = palloc(type->dimensions * sizeof(float));
	char *code = palloc0(reader->meta->arrays[PAGE_ARRAY_CODES].slot_size);
	EqualCodes codes = {.code = code, .size = search->query.quantizer->code_size(type->dimensions)};
	uint32 count = 0;

	search->query.quantizer->encode(index_read_parameters(reader),
									index_type_as_floats(type, insert->vector, floats),
									type->dimensions, code);
	for (uint32 first = 0; first < search->result_count; first += codes.batch)
	{
		uint32 batch[STORAGE_MAX_BATCH];

		codes.batch = Min(search->result_count - first, STORAGE_MAX_BATCH);
		for (uint32 i = 0; i < codes.batch; i++)
			batch[i] = search->results[first + i].ordinal;
		slot_look_read(reader, PAGE_ARRAY_CODES, batch, codes.batch, codes.slots, compare_codes,
					   &codes);
		for (uint32 i = 0; i < codes.batch; i++)
		{
			ordinals[count] = batch[i];
			count += codes.equal[i] ? 1 : 0;
		}
	}
	pfree(code);
	pfree(floats);
	return count;
}

/* The same by distances: an equal vector has that of the vector to itself, but for rounding. */
static uint32
find_equal_distances(HnswInsert *insert, uint32 *ordinals)
{
	HnswSearch *search = &insert->search;
	float self = index_type_distance(insert->type, insert->vector, insert->vector);
	float tolerance = fabsf(self) * 1e-4f;
	uint32 count = 0;

	hnsw_search_rerank(search);
	for (uint32 i = 0; i < search->result_count; i++)
	{
		if (fabsf(search->results[i].distance - self) <= tolerance)
			ordinals[count++] = search->results[i].ordinal;
	}
	return count;
}

/*
 * Step 2.  `*equal` is set to the node with the same vector where there is one but its chain has no
 * room.
 */
static bool
join_equal_node(HnswInsert *insert, uint32 *equal)
{
	uint32 *ordinals = palloc(Max(insert->search.result_count, 1) * sizeof(uint32));
	void *other = palloc(insert->type->vector_size);
	uint32 count = insert->search.query.search_array == PAGE_ARRAY_CODES
					   ? find_equal_codes(insert, ordinals)
					   : find_equal_distances(insert, ordinals);

	for (uint32 i = 0; i < count; i++)
	{
		/*
		 * From shared buffers: a LIVE node's vector does not change, and no node is freed while
		 * this insert holds the insert lock, so it can't be another's by the time of add_tid.
		 */
		hnsw_read_vector_current(insert->reader, insert->type, ordinals[i], other);
		if (!index_type_equals(insert->type, other, insert->vector))
			continue;
		if (add_tid_to_chain(insert, ordinals[i], other))
			return true;
		*equal = ordinals[i];
	}
	return false;
}

/*
 * Take the newest ordinal off the free list; false where it is empty or somebody else was faster.
 * Page and metapage change in one record, so an ordinal is on the list or RESERVED.
 */
static bool
pop_free_node(HnswInsert *insert, uint32 *ordinal, HnswSlot *slot)
{
	uint32 head = insert->reader->meta->free_head;
	const IndexMeta *meta;
	SlotPlace place;
	Buffer node_buffer;
	Buffer meta_buffer;
	HnswNode *node;
	bool fresh;
	bool taken = false;

	if (head == INVALID_ORDINAL)
		return false;
	/* Others have taken ordinals since the search began. */
	head = storage_meta_get(insert->index)->free_head;
	if (head == INVALID_ORDINAL)
		return false;
	storage_reader_check_ordinal(insert->reader, head);
	place = page_array_place(&insert->reader->meta->arrays[HNSW_NODES], head);

	node_buffer = page_array_lock_block(insert->index, HNSW_NODES, place.data_block, false, &fresh);
	meta_buffer = storage_meta_read_buffer(insert->index, BUFFER_LOCK_EXCLUSIVE);
	node = (HnswNode *) (storage_page_payload(BufferGetPage(node_buffer)) + place.offset);
	meta = StorageMetaPageGet(BufferGetPage(meta_buffer));
	if (meta->free_head == head)
	{
		PageWrite write;
		IndexMeta *changed;
		Page page;

		if (node->state != HNSW_NODE_FREE || node->level >= HNSW_MAX_LEVEL ||
			(node->next != INVALID_ORDINAL && node->next >= meta->ordinal_count) ||
			meta->free_count == 0)
			ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
							errmsg("free list of index \"%s\" is corrupted at node %u",
								   RelationGetRelationName(insert->index), head),
							errhint("Please REINDEX it.")));

		page_write_begin(&write, insert->index);
		page = page_write_page(&write, node_buffer, place.data_block, false, HNSW_NODES);
		node = (HnswNode *) (storage_page_payload(page) + place.offset);
		changed = page_write_metapage(&write, meta_buffer);
		changed->free_head = node->next;
		changed->free_count--;
		node->state = HNSW_NODE_RESERVED;
		node->next = INVALID_ORDINAL;
		memcpy(slot->bytes, node, hnsw_node_head_size(insert->m));
		page_write_finish(&write);
		*ordinal = head;
		taken = true;
	}
	UnlockReleaseBuffer(meta_buffer);
	UnlockReleaseBuffer(node_buffer);
	return taken;
}

static bool
has_room(const IndexMeta *meta, uint32 upper_count)
{
	uint32 ordinals = meta->ordinal_count + 1;

	return meta->arrays[PAGE_ARRAY_VECTORS].capacity >= ordinals &&
		   meta->arrays[HNSW_NODES].capacity >= ordinals &&
		   (meta->arrays[PAGE_ARRAY_CODES].slot_size == 0 ||
			meta->arrays[PAGE_ARRAY_CODES].capacity >= ordinals) &&
		   (upper_count == 0 || meta->arrays[HNSW_UPPER].capacity >= upper_count);
}

/* Hand out a new ordinal, with slots of the upper levels. */
static void
append_node(HnswInsert *insert, int level, uint32 *ordinal, uint32 *upper)
{
	Relation index = insert->index;

	for (;;)
	{
		Buffer buffer = storage_meta_read_buffer(index, BUFFER_LOCK_EXCLUSIVE);
		const IndexMeta *meta = StorageMetaPageGet(BufferGetPage(buffer));
		uint32 ordinals = meta->ordinal_count + 1;
		uint32 uppers = hnsw_meta(meta)->upper_count + level;
		bool has_codes = meta->arrays[PAGE_ARRAY_CODES].slot_size != 0;
		bool done = ordinals <= MAX_ORDINAL && uppers <= MAX_ORDINAL && has_room(meta, uppers);

		if (done)
		{
			PageWrite write;
			IndexMeta *changed;

			page_write_begin(&write, index);
			changed = page_write_metapage(&write, buffer);
			*ordinal = changed->ordinal_count++;
			*upper = hnsw_meta(changed)->upper_count;
			hnsw_meta(changed)->upper_count += level;
			page_write_finish(&write);
		}
		UnlockReleaseBuffer(buffer);
		if (done)
			return;

		if (ordinals > MAX_ORDINAL || uppers > MAX_ORDINAL)
			ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
							errmsg("index \"%s\" has reached the maximum number of nodes",
								   RelationGetRelationName(index))));
		page_array_grow(index, PAGE_ARRAY_VECTORS, ordinals);
		page_array_grow(index, HNSW_NODES, ordinals);
		if (has_codes)
			page_array_grow(index, PAGE_ARRAY_CODES, ordinals);
		if (level > 0)
			page_array_grow(index, HNSW_UPPER, uppers);
	}
}

/* Drop candidates that can't be linked to, and the new node itself. */
static void
keep_linkable(HnswInsert *insert, LevelCandidates *candidates, int level, uint32 self)
{
	/* The results of a walk on level 0 were LIVE when it read them. */
	bool known = level == 0 && insert->search.edges == NULL;
	uint32 kept = 0;

	for (uint32 i = 0; i < candidates->count; i++)
	{
		uint32 ordinal = candidates->found[i].ordinal;
		HnswSlot slot;

		if (ordinal == self)
			continue;
		if (!known)
		{
			hnsw_read_node(insert->reader, ordinal, &slot);
			if (!hnsw_node_is_linkable(&slot.node, level))
				continue;
		}
		candidates->found[kept++] = candidates->found[i];
	}
	candidates->count = kept;
}

/* Candidates get exact distances, and the order of these. */
static void
measure_exactly(HnswInsert *insert, LevelCandidates *candidates)
{
	uint32 *ordinals = palloc(Max(candidates->count, 1) * sizeof(uint32));
	float *distances = palloc(Max(candidates->count, 1) * sizeof(float));

	for (uint32 i = 0; i < candidates->count; i++)
		ordinals[i] = candidates->found[i].ordinal;
	hnsw_hop_measure(&insert->search.hop, PAGE_ARRAY_VECTORS, ordinals, candidates->count,
					 distances);
	for (uint32 i = 0; i < candidates->count; i++)
		candidates->found[i].distance = distances[i];
	candidates_sort(candidates->found, candidates->count);
	pfree(distances);
	pfree(ordinals);
}

/* Neighbors of the new node on one level: chosen among the candidates that are LIVE. */
static void
choose_neighbors(HnswInsert *insert, HnswLinker *linker, int level, uint32 self, HnswList *list)
{
	LevelCandidates *candidates = &insert->levels[level];

	keep_linkable(insert, candidates, level, self);
	if (linker->code_query == NULL && insert->search.query.prepared != NULL)
		measure_exactly(insert, candidates);
	list->count = hnsw_linker_choose_found(linker, candidates->found, candidates->count, insert->m,
										   list->ids);
}

/*
 * Write the node and, last, its level-0 list and TID: from then on it can be linked.  `flags` and
 * `next` as in HnswNode.
 */
static void
write_node(HnswInsert *insert, uint32 ordinal, int level, uint32 upper, const HnswList *lists,
		   uint8 flags, uint32 next)
{
	Relation index = insert->index;
	StorageReader *reader = insert->reader;
	char *slot;
	HnswUpper *upper_slot;
	HnswNode *node;

	hnsw_write_vector(reader, insert->type, ordinal, insert->vector);
	slot = palloc(Max(reader->meta->arrays[HNSW_NODES].slot_size,
					  reader->meta->arrays[HNSW_UPPER].slot_size));
	for (int at = 1; at <= level; at++)
	{
		memset(slot, 0, reader->meta->arrays[HNSW_UPPER].slot_size);
		upper_slot = (HnswUpper *) slot;
		upper_slot->owner = ordinal;
		upper_slot->level = (uint16) at;
		upper_slot->count = (uint16) lists[at].count;
		memcpy(upper_slot->neighbors, lists[at].ids, lists[at].count * sizeof(uint32));
		if (hnsw_meta(reader->meta)->edge_bits != 0)
			hnsw_edge_codes_encode(reader, ordinal, &lists[at], NULL,
								   slot + hnsw_upper_head_size(insert->m));
		page_array_write_slot(index, reader->meta, HNSW_UPPER, upper + at - 1, slot);
	}

	memset(slot, 0, reader->meta->arrays[HNSW_NODES].slot_size);
	node = (HnswNode *) slot;
	node->state = HNSW_NODE_LIVE;
	node->level = (uint8) level;
	node->tid_count = 1;
	node->flags = flags;
	node->next = next;
	node->upper = upper;
	node->count = (uint16) lists[0].count;
	memcpy(node->neighbors, lists[0].ids, lists[0].count * sizeof(uint32));
	hnsw_node_tids(node, insert->m)[0] = *insert->heap_tid;
	if (hnsw_meta(reader->meta)->edge_bits != 0)
		hnsw_edge_codes_encode(reader, ordinal, &lists[0], NULL,
							   slot + hnsw_node_head_size(insert->m));
	page_array_write_slot(index, reader->meta, HNSW_NODES, ordinal, slot);
	pfree(slot);
}

/*
 * Step 6.  A node without neighbors must be the entry point, or nothing leads to it; where another
 * LIVE node became the entry point since the search (the first rows of an empty index race), false:
 * the caller links to it after all.
 */
static bool
update_entry(HnswInsert *insert, uint32 ordinal, int level, bool linked)
{
	const HnswMeta *current = hnsw_meta(storage_meta_get(insert->index));
	uint32 entry = current->entry;
	bool entry_is_live = false;
	Buffer buffer;
	HnswMeta *meta;
	bool done = true;

	/* A vacuum may have made this very node the entry point already. */
	if (entry == ordinal)
		return true;
	if (linked && entry != INVALID_ORDINAL && (uint32) level <= current->entry_level)
		return true;
	if (!linked && entry != INVALID_ORDINAL)
	{
		HnswSlot slot;

		storage_reader_check_ordinal(insert->reader, entry);
		hnsw_read_node_current(insert->reader, entry, &slot);
		entry_is_live = slot.node.state == HNSW_NODE_LIVE;
	}

	buffer = storage_meta_read_buffer(insert->index, BUFFER_LOCK_EXCLUSIVE);
	meta = hnsw_meta(storage_meta_of_page(insert->index, BufferGetPage(buffer)));
	if (!linked && (entry_is_live || meta->entry != entry))
		done = false;
	else if (!linked || meta->entry == INVALID_ORDINAL || (uint32) level > meta->entry_level)
	{
		PageWrite write;
		HnswMeta *changed;

		page_write_begin(&write, insert->index);
		changed = hnsw_meta(page_write_metapage(&write, buffer));
		changed->entry = ordinal;
		changed->entry_level = (uint32) level;
		page_write_finish(&write);
	}
	UnlockReleaseBuffer(buffer);
	return done;
}

static void
link_back(HnswLinker *linker, uint32 ordinal, int level, const HnswList *lists)
{
	for (int at = level; at >= 0; at--)
		hnsw_linker_link_back(linker, ordinal, at, &lists[at]);
}

/* The entry point as the only neighbor, for a node to which no search leads anybody. */
static void
choose_entry(HnswInsert *insert, uint32 self, HnswList *list)
{
	uint32 entry = hnsw_meta(insert->reader->meta)->entry;
	HnswSlot slot;

	if (entry == INVALID_ORDINAL || entry == self)
		return;
	storage_reader_check_ordinal(insert->reader, entry);
	hnsw_read_node_current(insert->reader, entry, &slot);
	if (!hnsw_node_is_linkable(&slot.node, 0))
		return;
	list->ids[0] = entry;
	list->count = 1;
}

/* Look again, for a node that is written but that found no neighbors, and link it. */
static void
link_again(HnswInsert *insert, HnswLinker *linker, uint32 ordinal, int level, HnswList *lists)
{
	HnswSlot slot;

	CHECK_FOR_INTERRUPTS();
	storage_reader_refresh(insert->reader);
	find_candidates(insert, level);
	hnsw_read_node_current(insert->reader, ordinal, &slot);
	for (int at = 0; at <= level; at++)
	{
		HnswList before;
		HnswList after;

		choose_neighbors(insert, linker, at, ordinal, &after);
		if (at == 0 && after.count == 0)
			choose_entry(insert, ordinal, &after);
		hnsw_read_list(insert->reader, ordinal, &slot.node, at, true, &before);
		if (hnsw_replace_list(insert->reader, ordinal, &slot.node, at, &before, &after))
			lists[at] = after;
	}
	link_back(linker, ordinal, level, lists);
}

/* Step 3; returns the new node's level, which is the freed one's where it takes its ordinal. */
static int
allocate_node(HnswInsert *insert, int level, uint32 *ordinal, uint32 *upper)
{
	HnswSlot freed;

	if (pop_free_node(insert, ordinal, &freed))
	{
		level = freed.node.level;
		*upper = freed.node.upper;
	}
	else
		append_node(insert, level, ordinal, upper);

	/* The arrays may have grown by runs that the reader does not know. */
	storage_reader_learn_growth(insert->reader);
	return level;
}

/*
 * The first node from `first` on, in a chain, that is not DEAD; INVALID_ORDINAL at the chain's end.
 * False where vacuum has just taken a part of the chain out.
 */
static bool
skip_dead(HnswInsert *insert, uint32 first, uint32 *next)
{
	HnswSlot slot;

	for (*next = first; *next != INVALID_ORDINAL; *next = slot.node.next)
	{
		CHECK_FOR_INTERRUPTS();
		hnsw_read_node_current(insert->reader, *next, &slot);
		if (slot.node.state != HNSW_NODE_DEAD)
			return slot.node.state == HNSW_NODE_LIVE;
	}
	return true;
}

/*
 * Steps 4 to 6 for a row whose equal nodes are all full: a continuation right behind `head`, the
 * first node of their chain, so that the newest rows are found first.  DEAD nodes that follow `head`
 * are left out of the chain: a vacuum under way may have passed where it would find them behind the
 * new node, and is going to free them.  False where vacuum has found `head` without rows meanwhile:
 * the new node is to be linked like others.
 */
static bool
write_continuation(HnswInsert *insert, uint32 head, uint32 ordinal, int level, uint32 upper,
				   const HnswList *no_lists)
{
	uint32 left = INVALID_ORDINAL; /* a node that is free, to which the chain led */

	for (;;)
	{
		HnswSlot slot;
		uint32 next;

		CHECK_FOR_INTERRUPTS();
		hnsw_read_node_current(insert->reader, head, &slot);
		if (slot.node.state != HNSW_NODE_LIVE || (slot.node.flags & HNSW_NODE_CONTINUATION) != 0)
			return false;
		if (!skip_dead(insert, slot.node.next, &next))
		{
			if (slot.node.next == left)
				ereport(ERROR,
						(errcode(ERRCODE_INDEX_CORRUPTED),
						 errmsg("index \"%s\" contains corrupted node %u",
								RelationGetRelationName(insert->index), head),
						 errdetail("A free node follows it."), errhint("Please REINDEX it.")));
			left = slot.node.next;
			continue;
		}
		write_node(insert, ordinal, level, upper, no_lists, HNSW_NODE_CONTINUATION, next);
		if (hnsw_replace_next(insert->reader, head, slot.node.next, ordinal))
			return true;
	}
}

/* Steps 3 to 6; `level` is that of the search that was made */
static void
add_node(HnswInsert *insert, int searched_level, uint32 equal)
{
	uint32 ordinal;
	uint32 upper;
	int level;
	HnswLinker linker;
	HnswList *lists;

	level = allocate_node(insert, searched_level, &ordinal, &upper);
	lists = palloc0((level + 1) * sizeof(HnswList));
	if (equal != INVALID_ORDINAL && write_continuation(insert, equal, ordinal, level, upper, lists))
		return;
	if (level > searched_level)
		find_candidates(insert, level);

	hnsw_linker_begin(&linker, insert->reader);
	for (int at = 0; at <= level; at++)
		choose_neighbors(insert, &linker, at, ordinal, &lists[at]);

	write_node(insert, ordinal, level, upper, lists, 0, INVALID_ORDINAL);
	link_back(&linker, ordinal, level, lists);
	while (!update_entry(insert, ordinal, level, lists[0].count > 0))
		link_again(insert, &linker, ordinal, level, lists);
}

static void
insert_vector(const IndexInsertRow *row)
{
	Relation index = row->index;
	const IndexType *type = &row->type;
	HnswInsert insert = {
		.index = index, .type = type, .vector = row->vector, .heap_tid = row->heap_tid};
	uint32 equal = INVALID_ORDINAL;
	int level;

	insert.reader = storage_reader_begin(index, index_storage_option(index), NULL);
	storage_reader_set_advisory(insert.reader);
	hnsw_meta_check(index, type, insert.reader->meta);
	insert.m = hnsw_meta(insert.reader->meta)->m;
	insert.ef_construction = (uint32) hnsw_ef_construction_option(index);
	hnsw_search_begin(&insert.search, insert.reader, type, insert.vector, insert.ef_construction,
					  false);

	level = hnsw_draw_level(pg_prng_double(&pg_global_prng_state), insert.m);
	find_candidates(&insert, level);
	if (!join_equal_node(&insert, &equal))
		add_node(&insert, level, equal);
	storage_reader_end(insert.reader);
}

bool
hnsw_insert(Relation index, Datum *values, bool *isnull, ItemPointer heap_tid, Relation heap,
			IndexUniqueCheck check_unique, bool index_unchanged, IndexInfo *index_info)
{
	index_insert_row(index, values, isnull, heap_tid, index_info, insert_vector);
	return false;
}
