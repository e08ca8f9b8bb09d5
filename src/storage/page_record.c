/*
 * storage/page_record.c
 *		Changes of up to four pages as one generic WAL record.
 *
 * The record's data of a page is what generic_redo takes: fragments, each a 16-bit
 * offset, a 16-bit length and the new bytes.  A page that is `fresh` is in the
 * record as an image.  Pages have no hole (storage/page.h), of which replay would
 * make zeroes.
 *
 * Fragments consist of whole words of four bytes, which is what ids are made of.
 * Only the bytes of fragments are written to the page in shared buffers: a reader
 * with a pin sees no other byte touched.
 */
#include "postgres.h"
#include "compat.h"

#include "access/generic_xlog.h"
#include "access/rmgr.h"
#include "access/xloginsert.h"
#include "miscadmin.h"
#include "storage/page_record.h"

typedef uint32 Word;

/* Equal stretches are passed over in these steps */
#define STRIDE 64
/* What a fragment has in front; two changes with fewer equal bytes between them make one */
#define FRAGMENT_HEADER_SIZE (2 * sizeof(uint16))
/* The worst: every second pair of words is equal */
#define DELTA_SIZE (BLCKSZ + BLCKSZ / 2)

StaticAssertDecl(BLCKSZ % STRIDE == 0 && STRIDE % sizeof(Word) == 0, "pages consist of strides");

typedef struct RecordPage
{
	Buffer buffer;
	bool fresh;
	uint32 begin; /* the part that was copied, in whole strides */
	uint32 end;
	uint32 delta_size;
	char delta[DELTA_SIZE];
	PGAlignedBlock image;
} RecordPage;

static RecordPage record_pages[MAX_GENERIC_XLOG_PAGES];
static int record_page_count = 0;

void
page_record_begin(void)
{
	record_page_count = 0;
}

static char *
add_part(Buffer buffer, bool fresh, uint32 begin, uint32 end)
{
	RecordPage *page;

	for (int i = 0; i < record_page_count; i++)
	{
		if (record_pages[i].buffer == buffer)
		{
			Assert(record_pages[i].begin <= begin && end <= record_pages[i].end);
			return record_pages[i].image.data;
		}
	}
	if (record_page_count == MAX_GENERIC_XLOG_PAGES)
		elog(ERROR, "too many pages in one WAL record");
	page = &record_pages[record_page_count++];
	page->buffer = buffer;
	page->fresh = fresh;
	page->begin = begin;
	page->end = end;
	page->delta_size = 0;
	memcpy(page->image.data + begin, BufferGetPage(buffer) + begin, end - begin);
	return page->image.data;
}

Page
page_record_add(Buffer buffer, bool fresh)
{
	return add_part(buffer, fresh, 0, BLCKSZ);
}

char *
page_record_add_part(Buffer buffer, uint32 offset, uint32 length)
{
	Assert(offset + length <= BLCKSZ);
	return add_part(buffer, false, offset / STRIDE * STRIDE, TYPEALIGN(STRIDE, offset + length)) +
		   offset;
}

static inline bool
words_equal(const char *a, const char *b, uint32 at)
{
	Word x;
	Word y;

	memcpy(&x, a + at, sizeof(Word));
	memcpy(&y, b + at, sizeof(Word));
	return x == y;
}

static void
add_fragment(RecordPage *page, uint32 begin, uint32 end)
{
	uint16 header[2] = {(uint16) begin, (uint16) (end - begin)};

	Assert(page->delta_size + FRAGMENT_HEADER_SIZE + end - begin <= DELTA_SIZE);
	memcpy(page->delta + page->delta_size, header, FRAGMENT_HEADER_SIZE);
	memcpy(page->delta + page->delta_size + FRAGMENT_HEADER_SIZE, page->image.data + begin,
		   end - begin);
	page->delta_size += FRAGMENT_HEADER_SIZE + end - begin;
}

/* Find where the image differs from the page in shared buffers. */
static void
compute_delta(RecordPage *page)
{
	const char *before = BufferGetPage(page->buffer);
	const char *after = page->image.data;
	uint32 begin = 0; /* of the fragment in the making */
	uint32 end = 0;	  /* 0 = there is none */

	page->delta_size = 0;
	for (uint32 stride = page->begin; stride < page->end; stride += STRIDE)
	{
		if (memcmp(before + stride, after + stride, STRIDE) == 0)
			continue;
		for (uint32 at = stride; at < stride + STRIDE; at += sizeof(Word))
		{
			if (words_equal(before, after, at))
				continue;
			if (end > 0 && at - end > FRAGMENT_HEADER_SIZE)
			{
				add_fragment(page, begin, end);
				end = 0;
			}
			if (end == 0)
				begin = at;
			end = at + sizeof(Word);
		}
	}
	if (end > 0)
		add_fragment(page, begin, end);
}

/* Make the page in shared buffers the image. */
static void
apply_delta(const RecordPage *page)
{
	char *target = BufferGetPage(page->buffer);

	for (uint32 at = 0; at < page->delta_size;)
	{
		uint16 header[2];

		memcpy(header, page->delta + at, FRAGMENT_HEADER_SIZE);
		at += FRAGMENT_HEADER_SIZE;
		memcpy(target + header[0], page->delta + at, header[1]);
		at += header[1];
	}
}

static void
log_pages(void)
{
	XLogRecPtr lsn;

	for (int i = 0; i < record_page_count; i++)
	{
		RecordPage *page = &record_pages[i];

		if (page->fresh)
			XLogRegisterBuffer((uint8) i, page->buffer, REGBUF_FORCE_IMAGE | REGBUF_STANDARD);
		else
		{
			XLogRegisterBuffer((uint8) i, page->buffer, REGBUF_STANDARD);
			XLogRegisterBufData((uint8) i, page->delta, page->delta_size);
		}
	}
	lsn = XLogInsert(RM_GENERIC_ID, 0);
	for (int i = 0; i < record_page_count; i++)
		PageSetLSN(BufferGetPage(record_pages[i].buffer), lsn);
}

void
page_record_finish(Relation index)
{
	bool logged = RelationNeedsWAL(index) && record_page_count > 0;

	for (int i = 0; i < record_page_count; i++)
		compute_delta(&record_pages[i]);
	if (logged)
		XLogBeginInsert();

	START_CRIT_SECTION();
	for (int i = 0; i < record_page_count; i++)
	{
		apply_delta(&record_pages[i]);
		MarkBufferDirty(record_pages[i].buffer);
	}
	if (logged)
		log_pages();
	END_CRIT_SECTION();
	record_page_count = 0;
}
