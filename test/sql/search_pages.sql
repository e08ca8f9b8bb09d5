-- vectorstore.log_search_pages: distinct pages of an index that a search reads, by what they hold.
CREATE TABLE search_pages (id int, v vector(64));
INSERT INTO search_pages SELECT i, array_fill(i, ARRAY[64]) FROM generate_series(1, 31) i;
CREATE INDEX search_pages_sq8 ON search_pages USING hnsw (v vector_l2_ops) WITH (quantizer = sq8);
SET enable_seqscan = off;
SET enable_sort = off;
SET client_min_messages = log;
-- 31 vectors of 256 bytes fill a page, codes and nodes less than one
SET vectorstore.log_search_pages = on;
SELECT id FROM search_pages ORDER BY v <-> array_fill(3, ARRAY[64])::vector LIMIT 2;
-- each search of a join by itself; in the map the same pages
CREATE TEMP TABLE search_pages_queries AS SELECT array_fill(i, ARRAY[64])::vector AS q FROM generate_series(10, 11) i;
SELECT n.id FROM search_pages_queries, LATERAL (SELECT id FROM search_pages ORDER BY v <-> q LIMIT 1) n ORDER BY 1;
ALTER INDEX search_pages_sq8 SET (storage = mmap);
SELECT id FROM search_pages ORDER BY v <-> array_fill(3, ARRAY[64])::vector LIMIT 2;
DROP INDEX search_pages_sq8;
-- without codes the walk reads the vectors
CREATE INDEX search_pages_none ON search_pages USING hnsw (v vector_l2_ops) WITH (quantizer = none);
SELECT id FROM search_pages ORDER BY v <-> array_fill(3, ARRAY[64])::vector LIMIT 2;
DROP INDEX search_pages_none;
-- entries, extents and centroids
CREATE INDEX search_pages_ivf ON search_pages USING ivf (v vector_l2_ops) WITH (lists = 2, quantizer = sq8);
SELECT id FROM search_pages ORDER BY v <-> array_fill(3, ARRAY[64])::vector LIMIT 2;
SET vectorstore.log_search_pages = off;
SELECT id FROM search_pages ORDER BY v <-> array_fill(3, ARRAY[64])::vector LIMIT 1;
DROP TABLE search_pages;
