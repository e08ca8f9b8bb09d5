-- When the planner takes an ivf index: for the nearest few of many rows, not for small tables, not for
-- conditions that few rows pass, not without an order.
CREATE TABLE ivf_plan (id int PRIMARY KEY, category int, v vector(8));
INSERT INTO ivf_plan SELECT i, i % 1000, ARRAY[i & 15, i >> 4 & 15, i >> 8 & 15, i >> 12, 0, 0, 0, 0]
FROM generate_series(0, 19999) i;
-- as long as 128 dimensions would make the rows
ALTER TABLE ivf_plan ADD filler text NOT NULL DEFAULT '';
UPDATE ivf_plan SET filler = repeat('x', 480);
VACUUM FULL ivf_plan;
CREATE INDEX ivf_plan_index ON ivf_plan USING ivf (v vector_l2_ops);
CREATE INDEX ivf_plan_category ON ivf_plan (category);
VACUUM ANALYZE ivf_plan;

EXPLAIN (COSTS OFF) SELECT id FROM ivf_plan ORDER BY v <-> '[1,2,3,4,0,0,0,0]' LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM ivf_plan ORDER BY v <-> '[1,2,3,4,0,0,0,0]' LIMIT 100;
EXPLAIN (COSTS OFF) SELECT id FROM ivf_plan ORDER BY v <-> '[1,2,3,4,0,0,0,0]';
EXPLAIN (COSTS OFF) SELECT id FROM ivf_plan WHERE id = 5 ORDER BY v <-> '[1,2,3,4,0,0,0,0]' LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM ivf_plan WHERE category = 5 ORDER BY v <-> '[1,2,3,4,0,0,0,0]' LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM ivf_plan WHERE category < 500 ORDER BY v <-> '[1,2,3,4,0,0,0,0]' LIMIT 10;
EXPLAIN (COSTS OFF) SELECT count(*) FROM ivf_plan WHERE v IS NOT NULL;
EXPLAIN (COSTS OFF) SELECT n.id FROM (VALUES ('[1,2,3,4,0,0,0,0]'::vector), ('[0,0,0,0,0,0,0,0]')) s(q),
	LATERAL (SELECT id FROM ivf_plan ORDER BY v <-> q LIMIT 1) n;

-- through the map it costs less, not more
ALTER INDEX ivf_plan_index SET (storage = mmap);
EXPLAIN (COSTS OFF) SELECT id FROM ivf_plan ORDER BY v <-> '[1,2,3,4,0,0,0,0]' LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM ivf_plan ORDER BY v <-> '[1,2,3,4,0,0,0,0]';
EXPLAIN (COSTS OFF) SELECT id FROM ivf_plan WHERE category = 5 ORDER BY v <-> '[1,2,3,4,0,0,0,0]' LIMIT 10;

-- the cost goes up with the lists probed and with the rows asked for
CREATE FUNCTION ivf_plan_cost(query text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	RETURN plan->0->'Plan'->>'Total Cost';
END
$$;
SET enable_seqscan = off;
SET enable_sort = off;
CREATE TEMP TABLE ivf_plan_costs AS
SELECT n, ivf_plan_cost(format('SELECT id FROM ivf_plan ORDER BY v <-> ''[1,2,3,4,0,0,0,0]'' LIMIT %s', n)) AS cost
FROM unnest(ARRAY[1, 10, 100, 1000, 10000]) n;
SELECT bool_and(cost > before) FROM (SELECT cost, lag(cost) OVER (ORDER BY n) AS before FROM ivf_plan_costs) s;
SET ivf.probes = 100;
SELECT ivf_plan_cost('SELECT id FROM ivf_plan ORDER BY v <-> ''[1,2,3,4,0,0,0,0]'' LIMIT 10') > cost AS dearer_with_probes
FROM ivf_plan_costs WHERE n = 10;
RESET ivf.probes;
RESET enable_seqscan;
RESET enable_sort;

-- ivfflat, with a hundred lists, and with one, which is all of the table
CREATE INDEX ivf_plan_flat ON ivf_plan USING ivfflat (v vector_ip_ops);
EXPLAIN (COSTS OFF) SELECT id FROM ivf_plan ORDER BY v <#> '[1,2,3,4,0,0,0,0]' LIMIT 10;
DROP FUNCTION ivf_plan_cost;

-- a small table
DELETE FROM ivf_plan WHERE id >= 100;
VACUUM FULL ANALYZE ivf_plan;
EXPLAIN (COSTS OFF) SELECT id FROM ivf_plan ORDER BY v <-> '[1,2,3,4,0,0,0,0]' LIMIT 10;
DROP TABLE ivf_plan;
