-- When the planner takes the index: for the nearest few of many rows, not for small tables, not for
-- conditions that few rows pass, not without an order.
CREATE TABLE hnsw_plan (id int PRIMARY KEY, category int, v vector(8));
INSERT INTO hnsw_plan SELECT i, i % 1000, ARRAY[i & 15, i >> 4 & 15, i >> 8 & 15, i >> 12, 0, 0, 0, 0]
FROM generate_series(0, 19999) i;
-- as long as 128 dimensions would make the rows
ALTER TABLE hnsw_plan ADD filler text NOT NULL DEFAULT '';
UPDATE hnsw_plan SET filler = repeat('x', 480);
VACUUM FULL hnsw_plan;
CREATE INDEX hnsw_plan_index ON hnsw_plan USING hnsw (v vector_l2_ops) WITH (m = 4, ef_construction = 8);
CREATE INDEX hnsw_plan_category ON hnsw_plan (category);
VACUUM ANALYZE hnsw_plan;

EXPLAIN (COSTS OFF) SELECT id FROM hnsw_plan ORDER BY v <-> '[1,2,3,4,0,0,0,0]' LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM hnsw_plan ORDER BY v <-> '[1,2,3,4,0,0,0,0]' LIMIT 100;
EXPLAIN (COSTS OFF) SELECT id FROM hnsw_plan ORDER BY v <-> '[1,2,3,4,0,0,0,0]';
EXPLAIN (COSTS OFF) SELECT id FROM hnsw_plan ORDER BY v <-> '[1,2,3,4,0,0,0,0]' LIMIT 15000;
EXPLAIN (COSTS OFF) SELECT id FROM hnsw_plan WHERE id = 5 ORDER BY v <-> '[1,2,3,4,0,0,0,0]' LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM hnsw_plan WHERE category = 5 ORDER BY v <-> '[1,2,3,4,0,0,0,0]' LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM hnsw_plan WHERE category < 500 ORDER BY v <-> '[1,2,3,4,0,0,0,0]' LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM hnsw_plan WHERE filler = 'y' ORDER BY v <-> '[1,2,3,4,0,0,0,0]' LIMIT 10;
EXPLAIN (COSTS OFF) SELECT count(*) FROM hnsw_plan WHERE v IS NOT NULL;
EXPLAIN (COSTS OFF) SELECT n.id FROM (VALUES ('[1,2,3,4,0,0,0,0]'::vector), ('[0,0,0,0,0,0,0,0]')) s(q),
	LATERAL (SELECT id FROM hnsw_plan ORDER BY v <-> q LIMIT 1) n;

-- through the map it costs less, not more
ALTER INDEX hnsw_plan_index SET (storage = mmap);
EXPLAIN (COSTS OFF) SELECT id FROM hnsw_plan ORDER BY v <-> '[1,2,3,4,0,0,0,0]' LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM hnsw_plan ORDER BY v <-> '[1,2,3,4,0,0,0,0]';
EXPLAIN (COSTS OFF) SELECT id FROM hnsw_plan WHERE id = 5 ORDER BY v <-> '[1,2,3,4,0,0,0,0]' LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM hnsw_plan WHERE category = 5 ORDER BY v <-> '[1,2,3,4,0,0,0,0]' LIMIT 10;

-- the cost goes up with ef_search and with the rows asked for
CREATE FUNCTION hnsw_plan_cost(query text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	RETURN plan->0->'Plan'->>'Total Cost';
END
$$;
SET enable_seqscan = off;
SET enable_sort = off;
CREATE TEMP TABLE hnsw_plan_costs AS
SELECT n, hnsw_plan_cost(format('SELECT id FROM hnsw_plan ORDER BY v <-> ''[1,2,3,4,0,0,0,0]'' LIMIT %s', n)) AS cost
FROM unnest(ARRAY[1, 10, 100, 1000, 10000]) n;
SELECT bool_and(cost > before) FROM (SELECT cost, lag(cost) OVER (ORDER BY n) AS before FROM hnsw_plan_costs) s;
SET hnsw.ef_search = 400;
SELECT hnsw_plan_cost('SELECT id FROM hnsw_plan ORDER BY v <-> ''[1,2,3,4,0,0,0,0]'' LIMIT 10') > cost AS dearer_with_ef_search
FROM hnsw_plan_costs WHERE n = 10;
RESET hnsw.ef_search;
RESET enable_seqscan;
RESET enable_sort;
DROP FUNCTION hnsw_plan_cost;

-- long vectors are out of line, which the cost of a sequential scan does not tell
CREATE TABLE hnsw_plan_long (id int, v vector(768));
INSERT INTO hnsw_plan_long SELECT i, array_fill(i, ARRAY[768]) FROM generate_series(1, 2000) i;
CREATE INDEX hnsw_plan_long_index ON hnsw_plan_long USING hnsw (v vector_l2_ops) WITH (m = 4, ef_construction = 8);
ANALYZE hnsw_plan_long;
EXPLAIN (COSTS OFF) SELECT n.id FROM hnsw_plan_long q, LATERAL (SELECT id FROM hnsw_plan_long ORDER BY v <-> q.v LIMIT 10) n;
EXPLAIN (COSTS OFF) SELECT n.id FROM hnsw_plan_long q, LATERAL (SELECT id FROM hnsw_plan_long ORDER BY v <-> q.v) n;
DROP TABLE hnsw_plan_long;

-- a small table
DELETE FROM hnsw_plan WHERE id >= 100;
VACUUM FULL ANALYZE hnsw_plan;
EXPLAIN (COSTS OFF) SELECT id FROM hnsw_plan ORDER BY v <-> '[1,2,3,4,0,0,0,0]' LIMIT 10;
-- a table that nobody has analyzed yet
DROP TABLE hnsw_plan;
CREATE TABLE hnsw_plan (id int, v vector(8));
CREATE INDEX hnsw_plan_index ON hnsw_plan USING hnsw (v vector_l2_ops);
EXPLAIN (COSTS OFF) SELECT id FROM hnsw_plan ORDER BY v <-> '[1,2,3,4,0,0,0,0]' LIMIT 10;
DROP TABLE hnsw_plan;
