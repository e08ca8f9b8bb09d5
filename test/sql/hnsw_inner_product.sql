-- A graph by inner product of vectors of many lengths: few nodes are everybody's neighbors, and links
-- that are chosen as for a metric find less (0.81 here).

SELECT setseed(0.5);
CREATE TABLE inner_items AS
	SELECT i AS id, (SELECT array_agg(random()) FROM generate_series(1, 8 + 0 * i))::real[]::vector(8) AS v
	FROM generate_series(1, 20000) i;
ALTER TABLE inner_items ALTER v TYPE vector(8);
SET max_parallel_maintenance_workers = 0;
CREATE INDEX inner_items_v ON inner_items USING hnsw (v vector_ip_ops);
SET hnsw.ef_search = 40;
SELECT vectorstore_recall('inner_items_v', 10, 1000) > 0.84 AS finds_enough;

-- Of one length, it is the order of cosine distances.
UPDATE inner_items SET v = l2_normalize(v);
REINDEX INDEX inner_items_v;
SELECT vectorstore_recall('inner_items_v', 10, 200) > 0.99 AS finds_enough;
DROP TABLE inner_items;
