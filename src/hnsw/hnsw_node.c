/*
 * hnsw/hnsw_node.c
 *		Reading and changing nodes of the graph on their pages.
 *
 * A node may be read through the map after an edge to it was read from a buffer:
 * the map's copy may then be older than the edge.  So a state that no edge can
 * lead to is looked up again in shared buffers before it is believed.
 */
#include "postgres.h"
#include "compat.h"

#include "hnsw/hnsw_edge_codes.h"
#include "hnsw/hnsw_node.h"

pg_attribute_noreturn() static void report_corrupted_node(StorageReader *reader, uint32 ordinal,
														  const char *detail)
{
	ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
					errmsg("index \"%s\" contains corrupted node %u",
						   RelationGetRelationName(reader->index), ordinal),
					errdetail_internal("%s", detail), errhint("Please REINDEX it.")));
}

static void
check_node(StorageReader *reader, uint32 ordinal, HnswNode *node)
{
	uint16 m = hnsw_meta(reader->meta)->m;

	switch (node->state)
	{
		case HNSW_NODE_LIVE:
		case HNSW_NODE_DEAD:
			break;
		case HNSW_NODE_FREE:
		case HNSW_NODE_RESERVED:
			node->count = 0;
			node->tid_count = 0;
			node->next = INVALID_ORDINAL;
			break;
		case HNSW_NODE_EMPTY:
			report_corrupted_node(reader, ordinal, "It is linked but was never written.");
		default:
			report_corrupted_node(reader, ordinal, "Its state is invalid.");
	}
	if (node->tid_count > HNSW_NODE_TIDS || node->count > 2 * m || node->level >= HNSW_MAX_LEVEL)
		report_corrupted_node(reader, ordinal, "A count is out of range.");
	for (uint32 i = 0; i < node->count; i++)
		storage_reader_check_ordinal(reader, node->neighbors[i]);
	if (node->next != INVALID_ORDINAL)
		storage_reader_check_ordinal(reader, node->next);
}

/* Bytes of a node without codes */
static inline uint32
head_size(StorageReader *reader)
{
	return hnsw_node_head_size(hnsw_meta(reader->meta)->m);
}

static void
copy_node_current(StorageReader *reader, uint32 ordinal, HnswSlot *slot)
{
	buffer_pool_copy_head(reader, HNSW_NODES, ordinal, head_size(reader), slot->bytes);
}

void
hnsw_read_node_current(StorageReader *reader, uint32 ordinal, HnswSlot *slot)
{
	copy_node_current(reader, ordinal, slot);
	check_node(reader, ordinal, &slot->node);
}

void
hnsw_read_node_whole(StorageReader *reader, uint32 ordinal, HnswSlot *slot)
{
	storage_copy_head_whole(reader, HNSW_NODES, ordinal, head_size(reader), slot->bytes);
	if (unlikely(slot->node.state != HNSW_NODE_LIVE))
		copy_node_current(reader, ordinal, slot);
	check_node(reader, ordinal, &slot->node);
}

void
hnsw_read_node(StorageReader *reader, uint32 ordinal, HnswSlot *slot)
{
	storage_copy_head(reader, HNSW_NODES, ordinal, head_size(reader), slot->bytes);
	if (unlikely(slot->node.state != HNSW_NODE_LIVE && slot->node.state != HNSW_NODE_DEAD))
		copy_node_current(reader, ordinal, slot);
	check_node(reader, ordinal, &slot->node);
}

static uint32
upper_slot(StorageReader *reader, uint32 ordinal, const HnswNode *node, int level)
{
	uint32 slot = node->upper + level - 1;

	if (node->upper > MAX_ORDINAL || slot >= reader->meta->arrays[HNSW_UPPER].capacity)
		report_corrupted_node(reader, ordinal, "Its upper levels are out of range.");
	return slot;
}

static void
check_upper(StorageReader *reader, uint32 ordinal, int level, const HnswUpper *upper)
{
	if (upper->owner != ordinal || upper->level != level ||
		upper->count > hnsw_meta(reader->meta)->m)
		report_corrupted_node(reader, ordinal, "Its upper levels belong to another node.");
}

void
hnsw_read_list(StorageReader *reader, uint32 ordinal, const HnswNode *node, int level, bool current,
			   HnswList *list)
{
	list->count = 0;
	if (level > node->level)
		return;
	if (level == 0)
	{
		list->count = node->count;
		memcpy(list->ids, node->neighbors, node->count * sizeof(uint32));
	}
	else
	{
		HnswSlot slot;
		uint32 at = upper_slot(reader, ordinal, node, level);
		uint32 size = hnsw_upper_head_size(hnsw_meta(reader->meta)->m);

		if (node->state == HNSW_NODE_FREE || node->state == HNSW_NODE_RESERVED)
			return;
		if (!current)
			storage_copy_head(reader, HNSW_UPPER, at, size, slot.bytes);
		if (current || slot.upper.owner != ordinal || slot.upper.level != level ||
			slot.upper.count > hnsw_meta(reader->meta)->m)
			buffer_pool_copy_head(reader, HNSW_UPPER, at, size, slot.bytes);
		check_upper(reader, ordinal, level, &slot.upper);
		list->count = slot.upper.count;
		memcpy(list->ids, slot.upper.neighbors, slot.upper.count * sizeof(uint32));
		for (uint32 i = 0; i < list->count; i++)
			storage_reader_check_ordinal(reader, list->ids[i]);
	}
}

static bool
list_equals(const HnswList *list, uint32 count, const uint32 *ids)
{
	return list->count == count && memcmp(list->ids, ids, count * sizeof(uint32)) == 0;
}

/* Is the node LIVE now?  Its page is not held afterwards. */
static bool
is_live_now(StorageReader *reader, uint32 ordinal)
{
	HnswSlot slot;

	hnsw_read_node_current(reader, ordinal, &slot);
	return slot.node.state == HNSW_NODE_LIVE;
}

/* Codes of a list that is about to be written, where they lie beside the edges */
typedef struct ListCodes
{
	HnswEdgeCoder coder;
	char *fresh; /* of neighbors that are new, in their lanes of the replacement */
} ListCodes;

/* Make the codes that a change needs, before the page is locked; NULL where there are none. */
static ListCodes *
make_codes(StorageReader *reader, uint32 ordinal, int level, const HnswList *expected,
		   const HnswList *replacement)
{
	const IndexMeta *meta = reader->meta;
	ListCodes *codes;

	if (hnsw_meta(meta)->edge_bits == 0)
		return NULL;
	codes = palloc(sizeof(ListCodes));
	hnsw_edge_coder_init(&codes->coder, meta);
	codes->fresh = palloc0(hnsw_edge_codes_size(hnsw_meta(meta), meta->dimensions, level));
	hnsw_edge_codes_encode(reader, ordinal, replacement, expected, codes->fresh);
	return codes;
}

static void
free_codes(ListCodes *codes)
{
	if (codes == NULL)
		return;
	hnsw_edge_coder_free(&codes->coder);
	pfree(codes->fresh);
	pfree(codes);
}

/*
 * Put neighbor `from` of a replacement in place `to` of a list, with its code.  One that has had
 * another place before comes from behind the new list's end, where nothing is overwritten.
 */
static void
put_neighbor(const HnswList *replacement, uint32 from, uint32 count, uint32 *ids, uint32 to,
			 const ListCodes *codes, char *blocks)
{
	if (codes != NULL)
	{
		uint32 before = replacement->count;

		while (before < count && ids[before] != replacement->ids[from])
			before++;
		if (before < count)
			hnsw_edge_coder_move(&codes->coder, blocks, before, blocks, to);
		else
			hnsw_edge_coder_move(&codes->coder, codes->fresh, from, blocks, to);
	}
	ids[to] = replacement->ids[from];
}

/*
 * Write `to` over `ids`, the first `count` of which are the list before: who is in both stays where it
 * is, the others take the places that are free.  So does what lies beside them in `blocks`.
 */
static void
put_list(const HnswList *to, uint32 count, uint32 *ids, const ListCodes *codes, char *blocks)
{
	bool placed[2 * HNSW_MAX_M] = {false};
	bool stays[2 * HNSW_MAX_M] = {false};
	uint32 next = 0;

	/* Most of them are in their places. */
	for (uint32 i = 0; i < Min(count, to->count); i++)
		stays[i] = placed[i] = ids[i] == to->ids[i];
	for (uint32 i = 0; i < Min(count, to->count); i++)
	{
		for (uint32 j = 0; j < to->count && !stays[i]; j++)
		{
			if (ids[i] == to->ids[j] && !placed[j])
				stays[i] = placed[j] = true;
		}
	}
	for (uint32 i = 0; i < to->count; i++)
	{
		if (stays[i])
			continue;
		while (placed[next])
			next++;
		put_neighbor(to, next++, count, ids, i, codes, blocks);
	}
}

static bool
is_list_unchanged(const HnswNode *node, const HnswList *expected)
{
	return node->state == HNSW_NODE_LIVE && list_equals(expected, node->count, node->neighbors);
}

void
hnsw_replace_lists_of_page(StorageReader *reader, HnswListChange *changes, uint32 count)
{
	const PageArrayMeta *array = &reader->meta->arrays[HNSW_NODES];
	ListCodes **codes;
	uint32 data_block;
	bool any = false;
	bool fresh;
	Buffer buffer;
	char *payload;

	if (count == 0)
		return;
	codes = palloc(count * sizeof(ListCodes *));
	for (uint32 i = 0; i < count; i++)
		codes[i] =
			make_codes(reader, changes[i].ordinal, 0, changes[i].expected, changes[i].replacement);
	data_block = page_array_place(array, changes[0].ordinal).data_block;
	buffer = page_array_lock_block(reader->index, HNSW_NODES, data_block, false, &fresh);
	payload = storage_page_payload(BufferGetPage(buffer));
	for (uint32 i = 0; i < count; i++)
	{
		SlotPlace place = page_array_place(array, changes[i].ordinal);

		Assert(place.data_block == data_block);
		Assert(changes[i].replacement->count <= 2 * (uint32) hnsw_meta(reader->meta)->m);
		changes[i].done =
			is_list_unchanged((HnswNode *) (payload + place.offset), changes[i].expected);
		any |= changes[i].done;
	}
	if (any)
	{
		uint32 begin = page_array_place(array, changes[0].ordinal).offset;
		uint32 end = page_array_place(array, changes[count - 1].ordinal).offset + array->slot_size;
		PageWrite write;

		page_write_begin(&write, reader->index);
		payload = page_write_part(&write, buffer, data_block, begin, end - begin) - begin;
		for (uint32 i = 0; i < count; i++)
		{
			SlotPlace place = page_array_place(array, changes[i].ordinal);
			HnswNode *node = (HnswNode *) (payload + place.offset);

			if (!changes[i].done)
				continue;
			put_list(changes[i].replacement, node->count, node->neighbors, codes[i],
					 (char *) node + head_size(reader));
			node->count = (uint16) changes[i].replacement->count;
		}
		page_write_finish(&write);
	}
	UnlockReleaseBuffer(buffer);
	for (uint32 i = 0; i < count; i++)
		free_codes(codes[i]);
	pfree(codes);
}

static bool
replace_upper_list(StorageReader *reader, uint32 ordinal, const HnswNode *node, int level,
				   const HnswList *expected, const HnswList *replacement)
{
	uint32 at = upper_slot(reader, ordinal, node, level);
	SlotPlace place = page_array_place(&reader->meta->arrays[HNSW_UPPER], at);
	ListCodes *codes;
	Buffer buffer;
	HnswUpper *upper;
	bool fresh;
	bool unchanged;

	/* Only vacuum ends a node's life, and it writes lists itself; so a look before the lock does. */
	if (!is_live_now(reader, ordinal))
		return false;

	codes = make_codes(reader, ordinal, level, expected, replacement);
	buffer = page_array_lock_block(reader->index, HNSW_UPPER, place.data_block, false, &fresh);
	upper = (HnswUpper *) (storage_page_payload(BufferGetPage(buffer)) + place.offset);
	unchanged = upper->owner == ordinal && list_equals(expected, upper->count, upper->neighbors);
	if (unchanged)
	{
		uint32 size = reader->meta->arrays[HNSW_UPPER].slot_size;
		PageWrite write;

		page_write_begin(&write, reader->index);
		upper = (HnswUpper *) page_write_part(&write, buffer, place.data_block, place.offset, size);
		put_list(replacement, upper->count, upper->neighbors, codes,
				 (char *) upper + hnsw_upper_head_size(hnsw_meta(reader->meta)->m));
		upper->count = (uint16) replacement->count;
		page_write_finish(&write);
	}
	UnlockReleaseBuffer(buffer);
	free_codes(codes);
	return unchanged;
}

bool
hnsw_replace_list(StorageReader *reader, uint32 ordinal, const HnswNode *node, int level,
				  const HnswList *expected, const HnswList *replacement)
{
	HnswListChange change = {.ordinal = ordinal, .expected = expected, .replacement = replacement};

	Assert(replacement->count <= hnsw_level_m(hnsw_meta(reader->meta)->m, level));
	if (level > 0)
		return replace_upper_list(reader, ordinal, node, level, expected, replacement);
	hnsw_replace_lists_of_page(reader, &change, 1);
	return change.done;
}

bool
hnsw_replace_next(StorageReader *reader, uint32 ordinal, uint32 expected, uint32 replacement)
{
	SlotPlace place = page_array_place(&reader->meta->arrays[HNSW_NODES], ordinal);
	bool fresh;
	Buffer buffer =
		page_array_lock_block(reader->index, HNSW_NODES, place.data_block, false, &fresh);
	HnswNode *node = (HnswNode *) (storage_page_payload(BufferGetPage(buffer)) + place.offset);
	bool unchanged = node->state == HNSW_NODE_LIVE && node->next == expected;

	if (unchanged)
	{
		PageWrite write;
		Page page;

		page_write_begin(&write, reader->index);
		page = page_write_page(&write, buffer, place.data_block, false, HNSW_NODES);
		((HnswNode *) (storage_page_payload(page) + place.offset))->next = replacement;
		page_write_finish(&write);
	}
	UnlockReleaseBuffer(buffer);
	return unchanged;
}
