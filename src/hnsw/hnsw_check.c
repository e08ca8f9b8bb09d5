/*
 * hnsw/hnsw_check.c
 *		Verifying the graph of an hnsw index.
 *
 *		1. the metapage: parameters, slot sizes, entry point, counts
 *		2. every node on its own: state, counts, ids, TIDs.  Its state and level
 *		   are remembered
 *		3. the free list: all FREE nodes are on it, once
 *		4. every live node's lists, of all levels: a neighbor was written, is not
 *		   freed, has that level, is no continuation, is not the node itself and
 *		   not there twice; its vector can be an index's, and its code is that
 *		   vector's, or the codes beside the edges are the neighbors'; a node is
 *		   followed, if at all, by a continuation with an equal vector that follows
 *		   no other (but for one that nothing leads to)
 *		5. the rows in the index are those of the table
 *
 * What is legitimate though odd: EMPTY and RESERVED ordinals (left by failed
 * inserts until the next vacuum), DEAD nodes and edges to them (a vacuum that
 * was stopped), a live node of a higher level than the entry point and a
 * continuation that nothing leads to (a crash between two writes).
 *
 * On a standby replay goes on meanwhile, so steps 3 to 5 are left to the
 * primary.
 */
#include "postgres.h"
#include "compat.h"

#include "hnsw/hnsw_check.h"
#include "hnsw/hnsw_edge_codes.h"
#include "hnsw/hnsw_node.h"
#include "hnsw/hnsw_vector.h"
#include "index/check.h"
#include "miscadmin.h"

typedef struct HnswCheck
{
	Relation index;
	Relation table;
	bool strict;
	StorageReader *reader;
	BufferAccessStrategy strategy;
	const IndexMeta *meta;
	uint16 m;
	BlockNumber table_blocks; /* InvalidBlockNumber = changing */
	const QuantizerRoutine *quantizer;
	uint16 *nodes; /* what is remembered of each ordinal */
	uint64 state_counts[HNSW_NODE_RESERVED + 1];
	IndexType type;
	VectorCheck vectors;
	char *next_vector;
	char *upper;	/* a slot */
	RowCheck *rows; /* in step 5 */
} HnswCheck;

/* What is remembered of a node: the state in three bits, the level in five, and three flags */
#define NODE_STATE(bits)	 ((HnswNodeState) ((bits) &7))
#define NODE_LEVEL(bits)	 (((bits) >> 3) & 31)
#define NODE_IS_CONTINUATION 0x100
#define NODE_FOLLOWS_ANOTHER 0x200
#define NODE_IS_LED_TO		 0x400 /* by the `next` of some node */

StaticAssertDecl(HNSW_MAX_LEVEL <= 32, "a level must fit five bits");

#define fail(check, ...) check_fail((check)->index, __VA_ARGS__)

static void
check_slot_size(HnswCheck *check, PageArrayId array, Size expected, const char *name)
{
	if (check->meta->arrays[array].slot_size != expected)
		fail(check, "Slots of %s have %u bytes, expected %zu.", name,
			 check->meta->arrays[array].slot_size, expected);
}

static void
check_meta(HnswCheck *check)
{
	const IndexMeta *meta = check->meta;
	const HnswMeta *hnsw = hnsw_meta(meta);

	if (hnsw->m < HNSW_MIN_M || hnsw->m > HNSW_MAX_M)
		fail(check, "The metapage gives m as %u.", hnsw->m);
	if (check->quantizer == NULL)
		fail(check, "The metapage names unknown quantizer %u.", meta->quantizer);
	if (meta->element_type != (uint16) check->type.vector_type->kind ||
		meta->metric != (uint16) check->type.metric || meta->dimensions != check->type.dimensions)
		fail(check,
			 "The metapage is for element type %u, metric %u, %u dimensions; the column has %u, "
			 "%u, %u.",
			 meta->element_type, meta->metric, meta->dimensions,
			 (unsigned) check->type.vector_type->kind, (unsigned) check->type.metric,
			 check->type.dimensions);
	if (!check->type.vector_type->varying)
		check_slot_size(check, PAGE_ARRAY_VECTORS, check->type.vector_size, "vectors");
	else if (hnsw->long_count > meta->arrays[HNSW_LONG].capacity)
		fail(check, "The metapage counts %u long vectors, there is room for %u.", hnsw->long_count,
			 meta->arrays[HNSW_LONG].capacity);
	check_slot_size(check, HNSW_NODES, hnsw_node_size(hnsw, meta->dimensions), "graph nodes");
	check_slot_size(check, HNSW_UPPER, hnsw_upper_size(hnsw, meta->dimensions), "upper levels");
	if (meta->quantizer != QUANTIZER_NONE && hnsw->edge_bits == 0)
		check_slot_size(check, PAGE_ARRAY_CODES,
						TYPEALIGN(4, check->quantizer->code_size(meta->dimensions)), "codes");
	if (hnsw->upper_count > meta->arrays[HNSW_UPPER].capacity)
		fail(check, "The metapage counts %u upper lists, there is room for %u.", hnsw->upper_count,
			 meta->arrays[HNSW_UPPER].capacity);
	if (hnsw->entry != INVALID_ORDINAL && hnsw->entry >= meta->ordinal_count)
		fail(check, "The entry point is node %u of %u.", hnsw->entry, meta->ordinal_count);
	if ((meta->free_head == INVALID_ORDINAL) != (meta->free_count == 0) ||
		(meta->free_count > 0 && meta->free_head >= meta->ordinal_count))
		fail(check, "The free list has %u nodes and begins at node %u.", meta->free_count,
			 meta->free_head);
}

/* Calls `visit` for every node, on a copy of its page. */
static void
for_each_node(HnswCheck *check,
			  void (*visit)(HnswCheck *check, uint32 ordinal, const HnswNode *node))
{
	PageArrayBlocks blocks = page_array_blocks(check->meta, HNSW_NODES, check->meta->ordinal_count);
	PGAlignedBlock page;

	while (page_array_next_block(&blocks))
	{
		CHECK_FOR_INTERRUPTS();
		/* Nodes that were never written are EMPTY. */
		if (!page_array_copy_block(check->index, HNSW_NODES, blocks.data_block, check->strategy,
								   page.data))
			memset(page.data, 0, BLCKSZ);
		for (uint32 i = 0; i < blocks.count; i++)
			visit(check, blocks.first_ordinal + i,
				  (HnswNode *) (storage_page_payload(page.data) + i * blocks.array->slot_size));
		storage_reader_release_pins(check->reader);
	}
}

static void
check_ids(HnswCheck *check, uint32 ordinal, int level, uint32 count, const uint32 *ids)
{
	for (uint32 i = 0; i < count; i++)
	{
		if (ids[i] >= check->meta->ordinal_count)
			fail(check, "Node %u has neighbor %u on level %d, but there are %u nodes.", ordinal,
				 ids[i], level, check->meta->ordinal_count);
		if (ids[i] == ordinal)
			fail(check, "Node %u is its own neighbor on level %d.", ordinal, level);
		for (uint32 j = 0; j < i; j++)
		{
			if (ids[j] == ids[i])
				fail(check, "Node %u has neighbor %u twice on level %d.", ordinal, ids[i], level);
		}
	}
}

static void
check_tids(HnswCheck *check, uint32 ordinal, const HnswNode *node)
{
	ItemPointerData *tids = hnsw_node_tids(node, check->m);

	for (int i = 0; i < node->tid_count; i++)
	{
		row_check_address(check->index, "Node", ordinal, &tids[i], check->table_blocks);
		for (int j = 0; j < i; j++)
		{
			if (ItemPointerEquals(&tids[i], &tids[j]))
				fail(check, "Node %u leads to row (%u,%u) twice.", ordinal,
					 ItemPointerGetBlockNumber(&tids[i]), ItemPointerGetOffsetNumber(&tids[i]));
		}
	}
}

/* Step 2 for one node */
static void
check_node(HnswCheck *check, uint32 ordinal, const HnswNode *node)
{
	const HnswMeta *hnsw = hnsw_meta(check->meta);

	if (node->state > HNSW_NODE_RESERVED)
		fail(check, "Node %u has state %u.", ordinal, node->state);
	if (node->level >= HNSW_MAX_LEVEL)
		fail(check, "Node %u has level %u.", ordinal, node->level);
	if (node->tid_count > HNSW_NODE_TIDS)
		fail(check, "Node %u has %u row addresses.", ordinal, node->tid_count);
	if (node->count > 2 * check->m)
		fail(check, "Node %u has %u neighbors on level 0.", ordinal, node->count);
	if (node->state != HNSW_NODE_EMPTY && node->level > 0 &&
		(uint64) node->upper + node->level > hnsw->upper_count)
		fail(check, "Node %u has upper lists from %u on, but there are %u.", ordinal, node->upper,
			 hnsw->upper_count);
	/* One that leads, or led until the last vacuum, to nodes with equal vectors may have no row. */
	if (node->tid_count > 0 && node->state != HNSW_NODE_LIVE)
		fail(check, "Node %u in state %u has %u row addresses.", ordinal, node->state,
			 node->tid_count);
	if ((node->flags & ~HNSW_NODE_CONTINUATION) != 0)
		fail(check, "Node %u has flags %u.", ordinal, node->flags);
	if (node->state == HNSW_NODE_LIVE && (node->flags & HNSW_NODE_CONTINUATION) != 0 &&
		(node->tid_count == 0 || node->count > 0))
		fail(check, "Continuation %u has %u row addresses and %u neighbors.", ordinal,
			 node->tid_count, node->count);
	if (node->state == HNSW_NODE_FREE && node->next != INVALID_ORDINAL &&
		node->next >= check->meta->ordinal_count)
		fail(check, "Free node %u is followed by node %u on the free list.", ordinal, node->next);
	if (node->state == HNSW_NODE_LIVE || node->state == HNSW_NODE_DEAD)
		check_ids(check, ordinal, 0, node->count, node->neighbors);
	check_tids(check, ordinal, node);

	check->nodes[ordinal] |=
		(uint16) (node->state | (node->level << 3) |
				  ((node->flags & HNSW_NODE_CONTINUATION) != 0 ? NODE_IS_CONTINUATION : 0));
	check->state_counts[node->state]++;
	if ((node->state == HNSW_NODE_LIVE || node->state == HNSW_NODE_DEAD) &&
		node->next < check->meta->ordinal_count)
		check->nodes[node->next] |= NODE_IS_LED_TO;
}

/* Step 3 */
static void
check_free_list(HnswCheck *check)
{
	const IndexMeta *meta = check->meta;
	uint32 ordinal = meta->free_head;
	uint32 length = 0;
	HnswSlot slot;

	if (check->state_counts[HNSW_NODE_FREE] != meta->free_count)
		fail(check, "There are %llu free nodes, but the metapage counts %u.",
			 (unsigned long long) check->state_counts[HNSW_NODE_FREE], meta->free_count);
	while (ordinal != INVALID_ORDINAL)
	{
		CHECK_FOR_INTERRUPTS();
		if (ordinal >= meta->ordinal_count || NODE_STATE(check->nodes[ordinal]) != HNSW_NODE_FREE)
			fail(check, "The free list leads to node %u, which is not free.", ordinal);
		/* Longer than there are free nodes: it goes round. */
		if (++length > meta->free_count)
			fail(check, "The free list goes round at node %u.", ordinal);
		buffer_pool_copy_head(check->reader, HNSW_NODES, ordinal, hnsw_node_head_size(check->m),
							  slot.bytes);
		ordinal = slot.node.next;
	}
	if (length != meta->free_count)
		fail(check, "The free list has %u nodes, but the metapage counts %u.", length,
			 meta->free_count);
}

static void
check_edges(HnswCheck *check, uint32 ordinal, int level, uint32 count, const uint32 *ids)
{
	check_ids(check, ordinal, level, count, ids);
	for (uint32 i = 0; i < count; i++)
	{
		HnswNodeState state = NODE_STATE(check->nodes[ids[i]]);

		if (state != HNSW_NODE_LIVE && state != HNSW_NODE_DEAD)
			fail(check, "Node %u has neighbor %u on level %d, which is not in use (state %d).",
				 ordinal, ids[i], level, (int) state);
		if ((check->nodes[ids[i]] & NODE_IS_CONTINUATION) != 0)
			fail(check, "Node %u has neighbor %u on level %d, which is a continuation.", ordinal,
				 ids[i], level);
		if (NODE_LEVEL(check->nodes[ids[i]]) < level)
			fail(check, "Node %u has neighbor %u on level %d, which has level %d only.", ordinal,
				 ids[i], level, NODE_LEVEL(check->nodes[ids[i]]));
	}
}

/* What lies beside a list are the codes of its neighbors; the list itself was checked. */
static void
check_edge_codes(HnswCheck *check, uint32 ordinal, int level, uint32 count, const uint32 *ids,
				 const char *codes)
{
	const HnswMeta *hnsw = hnsw_meta(check->meta);
	uint32 size = hnsw_edge_codes_size(hnsw, check->meta->dimensions, level);
	HnswList list = {.count = count};
	HnswEdgeCoder coder;
	char *expected;
	char *found;

	if (size == 0)
		return;
	memcpy(list.ids, ids, count * sizeof(uint32));
	expected = palloc0(size);
	hnsw_edge_codes_encode(check->reader, ordinal, &list, NULL, expected);

	/* What is in lanes without a neighbor does not count. */
	found = palloc0(size);
	hnsw_edge_coder_init(&coder, check->meta);
	for (uint32 i = 0; i < count; i++)
		hnsw_edge_coder_move(&coder, codes, i, found, i);
	if (memcmp(found, expected, size) != 0)
		fail(check, "The codes beside the edges of node %u on level %d are not its neighbors'.",
			 ordinal, level);
	hnsw_edge_coder_free(&coder);
	pfree(found);
	pfree(expected);
}

/* The node that comes next in the chain of equal vectors; the vector checked last is the node's own. */
static void
check_next(HnswCheck *check, uint32 ordinal, uint32 next)
{
	HnswNodeState state;

	if (next == INVALID_ORDINAL)
		return;
	/*
	 * An insert that failed between two writes leaves a continuation that nothing leads to.  The chain
	 * goes on without it, so that what followed it may follow another one by now, or be freed.
	 */
	if ((check->nodes[ordinal] & (NODE_IS_CONTINUATION | NODE_IS_LED_TO)) == NODE_IS_CONTINUATION)
		return;
	if (next >= check->meta->ordinal_count || next == ordinal)
		fail(check, "Node %u is followed by node %u of %u.", ordinal, next,
			 check->meta->ordinal_count);
	state = NODE_STATE(check->nodes[next]);
	if ((state != HNSW_NODE_LIVE && state != HNSW_NODE_DEAD) ||
		(check->nodes[next] & NODE_IS_CONTINUATION) == 0)
		fail(check, "Node %u is followed by node %u, which is no continuation (state %d).", ordinal,
			 next, (int) state);
	if ((check->nodes[next] & NODE_FOLLOWS_ANOTHER) != 0)
		fail(check, "Continuation %u follows node %u and another one.", next, ordinal);
	check->nodes[next] |= NODE_FOLLOWS_ANOTHER;

	hnsw_read_vector_current(check->reader, &check->type, next, check->next_vector);
	if (!index_type_equals(&check->type, check->vectors.vector, check->next_vector))
		fail(check, "Node %u is followed by node %u, which has another vector.", ordinal, next);
}

/* Step 4 for one node */
static void
check_live_node(HnswCheck *check, uint32 ordinal, const HnswNode *node)
{
	if (node->state != HNSW_NODE_LIVE)
		return;
	check_edges(check, ordinal, 0, node->count, node->neighbors);
	check_edge_codes(check, ordinal, 0, node->count, node->neighbors,
					 (const char *) node + hnsw_node_head_size(check->m));
	for (int level = 1; level <= node->level; level++)
	{
		HnswUpper *upper = (HnswUpper *) check->upper;

		buffer_pool_copy_slot(check->reader, HNSW_UPPER, node->upper + level - 1, check->upper);
		if (upper->owner != ordinal || upper->level != level)
			fail(check, "The list of node %u on level %d belongs to node %u on level %u.", ordinal,
				 level, upper->owner, upper->level);
		if (upper->count > check->m)
			fail(check, "Node %u has %u neighbors on level %d.", ordinal, upper->count, level);
		check_edges(check, ordinal, level, upper->count, upper->neighbors);
		check_edge_codes(check, ordinal, level, upper->count, upper->neighbors,
						 check->upper + hnsw_upper_head_size(check->m));
	}
	hnsw_read_vector_current(check->reader, &check->type, ordinal, check->vectors.vector);
	vector_check_copy(&check->vectors, ordinal);
	check_next(check, ordinal, node->next);
}

static void
add_node_rows(HnswCheck *check, uint32 ordinal, const HnswNode *node)
{
	for (int i = 0; i < node->tid_count; i++)
		row_check_add(check->rows, &hnsw_node_tids(node, check->m)[i]);
}

/* Step 5 */
static void
add_rows(RowCheck *rows, void *argument)
{
	HnswCheck *check = argument;

	check->rows = rows;
	for_each_node(check, add_node_rows);
}

static void
check_entry(HnswCheck *check)
{
	const HnswMeta *hnsw = hnsw_meta(check->meta);
	HnswNodeState state;

	if (hnsw->entry == INVALID_ORDINAL)
		return;
	state = NODE_STATE(check->nodes[hnsw->entry]);
	if (state != HNSW_NODE_LIVE && state != HNSW_NODE_DEAD)
		fail(check, "The entry point, node %u, is not in use (state %d).", hnsw->entry,
			 (int) state);
	if (NODE_LEVEL(check->nodes[hnsw->entry]) != hnsw->entry_level)
		fail(check, "The entry point, node %u, has level %d, but the metapage says %u.",
			 hnsw->entry, NODE_LEVEL(check->nodes[hnsw->entry]), hnsw->entry_level);
}

void
hnsw_check(Relation index, Relation table, bool strict)
{
	HnswCheck check = {.index = index, .table = table, .strict = strict};

	index_type_get(index, &check.type);
	/* Without the map: what is checked is what the next writer finds. */
	check.reader = storage_reader_begin(index, STORAGE_BUFFER_POOL, NULL);
	check.meta = check.reader->meta;
	check.m = hnsw_meta(check.meta)->m;
	check.strategy = GetAccessStrategy(BAS_BULKREAD);
	check.table_blocks = strict ? RelationGetNumberOfBlocks(table) : InvalidBlockNumber;
	check.quantizer = quantizer_routine((QuantizerKind) check.meta->quantizer);
	check_meta(&check);

	check.nodes = MemoryContextAllocExtended(
		CurrentMemoryContext, ((Size) check.meta->ordinal_count + 1) * sizeof(uint16),
		MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	check.next_vector = palloc(check.type.vector_size);
	check.upper = palloc(check.meta->arrays[HNSW_UPPER].slot_size);
	vector_check_begin(&check.vectors, check.reader, "node", true);

	for_each_node(&check, check_node);
	if (strict)
	{
		check_free_list(&check);
		check_entry(&check);
		for_each_node(&check, check_live_node);
		row_check(table, index, add_rows, &check);
	}
	FreeAccessStrategy(check.strategy);
	storage_reader_end(check.reader);
}

char *
hnsw_describe(const IndexMeta *meta)
{
	const HnswMeta *hnsw = hnsw_meta(meta);

	const char *codes = hnsw->edge_bits != 0 ? ", codes = edges" : "";

	if (hnsw->entry == INVALID_ORDINAL)
		return psprintf("m = %u, ef_construction = %u%s", hnsw->m, hnsw->ef_construction, codes);
	return psprintf("m = %u, ef_construction = %u%s, levels = %u", hnsw->m, hnsw->ef_construction,
					codes, hnsw->entry_level + 1);
}
