-- A distance that only orders the rows of an index is not computed again for each row
-- (vectorstore.skip_sort_distance): the plans have NULL in its place, and the rows are the same.
-- A distance that anything reads stays.
CREATE TABLE sort_distance (id int PRIMARY KEY, part int NOT NULL, v vector(3));
INSERT INTO sort_distance SELECT i, i % 2, ARRAY[i % 17, i % 23, i % 29] FROM generate_series(1, 500) i;
CREATE INDEX sort_distance_index ON sort_distance USING hnsw (v vector_l2_ops);
CREATE TABLE sort_distance_query (q int PRIMARY KEY, v vector(3));
INSERT INTO sort_distance_query VALUES (1, '[1,2,3]'), (2, '[9,8,7]');
ANALYZE sort_distance, sort_distance_query;
SET enable_seqscan = off;
SET enable_sort = off;
SHOW vectorstore.skip_sort_distance;

EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM sort_distance ORDER BY v <-> '[1,2,3]' LIMIT 3;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM sort_distance ORDER BY v <-> '[1,2,3]';
EXPLAIN (VERBOSE, COSTS OFF) SELECT v FROM sort_distance ORDER BY v <-> '[1,2,3]' LIMIT 3 FOR UPDATE;
-- Whether the index scans of a query's plan compute no distance.  (Whole plans look different from release to release.)
CREATE FUNCTION skips(query text) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
	plan jsonb;
	scans int;
	skipping int;
BEGIN
	EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) ' || query INTO plan;
	SELECT count(*), count(*) FILTER (WHERE scan->'Output' ? 'NULL::double precision')
	INTO scans, skipping
	FROM jsonb_path_query(plan, '$.** ? (@."Node Type" == "Index Scan")') scan;
	IF skipping NOT IN (0, scans) THEN
		RAISE 'some scans of the plan do, others not: %', plan;
	END IF;
	RETURN skipping > 0;
END
$$;

-- of a subquery, for each of several queries, and in arrays, CTEs and other statements
SELECT skips($$SELECT q.q, n.id FROM sort_distance_query q,
	LATERAL (SELECT id FROM sort_distance s ORDER BY s.v <-> q.v LIMIT 3) n$$);
SELECT skips($$SELECT q, ARRAY(SELECT id FROM sort_distance s ORDER BY s.v <-> q.v LIMIT 3) FROM sort_distance_query q$$);
SELECT skips($$WITH n AS MATERIALIZED (SELECT id FROM sort_distance ORDER BY v <-> '[1,2,3]' LIMIT 3)
	SELECT sum(id) FROM n$$);
SELECT skips($$SELECT * FROM (SELECT id FROM sort_distance ORDER BY v <-> '[1,2,3]' LIMIT 3) a
	UNION ALL SELECT * FROM (SELECT id FROM sort_distance ORDER BY v <-> '[9,8,7]' LIMIT 3) b$$);
SELECT skips($$INSERT INTO sort_distance_query SELECT -id, v FROM sort_distance ORDER BY v <-> '[1,2,3]' LIMIT 3$$);

-- read by the client, a filter, a join, an aggregate, a window, a sort or the merge of partitions: it stays
SELECT skips($$SELECT id, v <-> '[1,2,3]' AS distance FROM sort_distance ORDER BY distance LIMIT 3$$);
SELECT skips($$SELECT id FROM (SELECT id, v <-> '[1,2,3]' AS distance FROM sort_distance ORDER BY 2 LIMIT 3) n WHERE distance < 2$$);
SELECT skips($$SELECT sum(distance) FROM (SELECT v <-> '[1,2,3]' AS distance FROM sort_distance ORDER BY 1 LIMIT 3) n$$);
SELECT skips($$SELECT id, rank() OVER (ORDER BY v <-> '[1,2,3]') FROM sort_distance LIMIT 3$$);
SELECT skips($$SELECT id FROM sort_distance ORDER BY v <-> '[1,2,3]', id LIMIT 3$$);
SELECT skips($$SELECT id FROM sort_distance ORDER BY v <-> '[1,2,3]' FETCH FIRST 3 ROWS WITH TIES$$);
SELECT count(*) FROM (SELECT id FROM sort_distance ORDER BY v <-> '[1,2,3]' FETCH FIRST 1 ROW WITH TIES) n;
SELECT skips($$SELECT DISTINCT v <-> '[1,2,3]' FROM sort_distance LIMIT 3$$);
CREATE TABLE sort_distance_parts (id int, part int NOT NULL, v vector(3)) PARTITION BY LIST (part);
CREATE TABLE sort_distance_part0 PARTITION OF sort_distance_parts FOR VALUES IN (0);
CREATE TABLE sort_distance_part1 PARTITION OF sort_distance_parts FOR VALUES IN (1);
INSERT INTO sort_distance_parts SELECT * FROM sort_distance;
CREATE INDEX ON sort_distance_parts USING hnsw (v vector_l2_ops);
ANALYZE sort_distance_parts;
SELECT skips($$SELECT id FROM sort_distance_parts ORDER BY v <-> '[1,2,3]' LIMIT 3$$);
-- other access methods are not touched
CREATE TABLE sort_distance_point (id int, p point);
INSERT INTO sort_distance_point SELECT i, point(i, i) FROM generate_series(1, 500) i;
CREATE INDEX ON sort_distance_point USING gist (p);
SELECT skips($$SELECT id FROM sort_distance_point ORDER BY p <-> '(1,1)' LIMIT 3$$);

-- off: as PostgreSQL plans it
SET vectorstore.skip_sort_distance = off;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM sort_distance ORDER BY v <-> '[1,2,3]' LIMIT 3;
RESET vectorstore.skip_sort_distance;

-- the rows are the same with and without, in every form of query
CREATE FUNCTION sort_distance_rows() RETURNS TABLE (query int, ids int[]) LANGUAGE plpgsql AS $$
DECLARE
	nearest CURSOR FOR SELECT id FROM sort_distance ORDER BY v <-> '[1,2,3]' LIMIT 7;
	r record;
BEGIN
	RETURN QUERY SELECT 1, array_agg(id) FROM (SELECT id FROM sort_distance ORDER BY v <-> '[1,2,3]' LIMIT 7) n;
	RETURN QUERY SELECT 2, array_agg(n.id) FROM sort_distance_query q,
		LATERAL (SELECT id FROM sort_distance s ORDER BY s.v <-> q.v LIMIT 7) n;
	RETURN QUERY SELECT 3, array_agg(id) FROM (SELECT id FROM sort_distance ORDER BY v <-> '[1,2,3]' LIMIT 7 OFFSET 3) n;
	RETURN QUERY WITH n AS MATERIALIZED (SELECT id FROM sort_distance ORDER BY v <-> '[4,5,6]' LIMIT 7)
		SELECT 4, array_agg(id) FROM n;
	RETURN QUERY SELECT 5, array_agg(id) FROM (SELECT id FROM sort_distance_parts ORDER BY v <-> '[1,2,3]' LIMIT 7) n;
	RETURN QUERY SELECT 6, array_agg(id) FROM sort_distance WHERE id IN (SELECT id FROM sort_distance ORDER BY v <-> '[1,2,3]' LIMIT 7);
	RETURN QUERY SELECT 7, array_agg(id) FROM (SELECT id FROM sort_distance ORDER BY v <-> '[1,2,3]', id LIMIT 7) n;
	query := 8;
	ids := NULL;
	FOR r IN nearest LOOP
		ids := ids || r.id;
	END LOOP;
	RETURN NEXT;
END
$$;
CREATE TEMP TABLE with_setting AS SELECT * FROM sort_distance_rows();
SET vectorstore.skip_sort_distance = off;
CREATE TEMP TABLE without_setting AS SELECT * FROM sort_distance_rows();
RESET vectorstore.skip_sort_distance;
SELECT count(*) AS queries, count(*) FILTER (WHERE w.ids = o.ids AND cardinality(w.ids) >= 7) AS alike
FROM with_setting w JOIN without_setting o USING (query);

-- generic plans of prepared statements too
PREPARE nearest(vector) AS SELECT id FROM sort_distance ORDER BY v <-> $1 LIMIT 3;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (VERBOSE, COSTS OFF) EXECUTE nearest('[1,2,3]');
EXECUTE nearest('[1,2,3]');
DEALLOCATE nearest;
RESET plan_cache_mode;

-- a row that another session is about to change is locked, looked at again and given
BEGIN;
SELECT id FROM sort_distance ORDER BY v <-> '[1,2,3]' LIMIT 3 FOR UPDATE;
ROLLBACK;

DROP TABLE sort_distance, sort_distance_query, sort_distance_parts, sort_distance_point;
DROP FUNCTION sort_distance_rows, skips;
