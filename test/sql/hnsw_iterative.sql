-- Iterative scans: a search goes on when the executor asks for more rows.
LOAD 'vectorstore';
SHOW hnsw.iterative_scan;
SHOW hnsw.max_scan_tuples;
SHOW hnsw.scan_mem_multiplier;
SET hnsw.iterative_scan = on;
SET hnsw.max_scan_tuples = 0;
SET hnsw.scan_mem_multiplier = 0.5;
SET hnsw.scan_mem_multiplier = 1001;

CREATE TABLE hnsw_iterative (id int PRIMARY KEY, category int, v vector(3));
INSERT INTO hnsw_iterative
	SELECT i, i % 100, ARRAY[i % 13, i / 13 % 17, i / 221 + 0.001 * i] FROM generate_series(0, 2999) i;
CREATE INDEX hnsw_iterative_index ON hnsw_iterative USING hnsw (v vector_l2_ops);
ANALYZE hnsw_iterative;
SET enable_seqscan = off;
SET enable_sort = off;
SET enable_bitmapscan = off;

-- how many rows a query gets; whether one came twice, or out of order; how many of the exact ones
CREATE FUNCTION hnsw_iterative_search(scan text, k int, OUT rows bigint, OUT twice bigint,
	OUT out_of_order bigint, OUT right_ones bigint)
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('hnsw.iterative_scan', scan, true);
	WITH found AS MATERIALIZED (
		SELECT id, v <-> '[5,6,7]' AS distance FROM hnsw_iterative
		WHERE category = 42 ORDER BY v <-> '[5,6,7]' LIMIT k),
	numbered AS (
		SELECT *, row_number() OVER () AS n FROM found),
	exact AS (
		SELECT id FROM hnsw_iterative WHERE category = 42
		ORDER BY (v <-> '[5,6,7]') + 0, id LIMIT k)
	SELECT count(*), count(*) - count(DISTINCT id),
		count(*) FILTER (WHERE distance < (SELECT p.distance FROM numbered p WHERE p.n = f.n - 1)),
		count(*) FILTER (WHERE id IN (SELECT id FROM exact))
	INTO rows, twice, out_of_order, right_ones FROM numbered f;
END
$$;
SET enable_sort = on; -- for the exact answer
SELECT 10 > rows AS fewer, twice FROM hnsw_iterative_search('off', 10);
SELECT * FROM hnsw_iterative_search('strict_order', 10);
SELECT rows, twice, right_ones FROM hnsw_iterative_search('relaxed_order', 10);
SELECT rows, twice, right_ones FROM hnsw_iterative_search('relaxed_order', 100);

-- the whole table, each row once; also with the smallest batches, and without codes
SET hnsw.iterative_scan = relaxed_order;
SELECT count(*), count(DISTINCT id) FROM
	(SELECT id FROM hnsw_iterative ORDER BY v <-> '[5,6,7]' LIMIT 100000) s;
SET hnsw.ef_search = 1;
SELECT count(*), count(DISTINCT id) FROM
	(SELECT id FROM hnsw_iterative ORDER BY v <-> '[5,6,7]' LIMIT 100000) s;
SELECT * FROM hnsw_iterative_search('strict_order', 5);
RESET hnsw.ef_search;
CREATE INDEX hnsw_iterative_raw ON hnsw_iterative USING hnsw (v vector_l2_ops) WITH (quantizer = none);
DROP INDEX hnsw_iterative_index;
SET hnsw.iterative_scan = relaxed_order;
SELECT count(*), count(DISTINCT id) FROM
	(SELECT id FROM hnsw_iterative ORDER BY v <-> '[5,6,7]' LIMIT 100000) s;

-- it ends when it has met so many rows, but gives them all
SET hnsw.max_scan_tuples = 100;
SELECT count(*) BETWEEN 100 AND 1000 AS bounded, count(*) = count(DISTINCT id) AS once FROM
	(SELECT id FROM hnsw_iterative ORDER BY v <-> '[5,6,7]' LIMIT 100000) s;
SET hnsw.max_scan_tuples = 1;
SELECT count(*) BETWEEN 40 AND 1000 AS bounded, count(*) = count(DISTINCT id) AS once FROM
	(SELECT id FROM hnsw_iterative ORDER BY v <-> '[5,6,7]' LIMIT 100000) s;
RESET hnsw.max_scan_tuples;

-- or when its memory is used up, which a multiplier makes more
SET work_mem = '64kB';
SELECT count(*) BETWEEN 40 AND 2900 AS bounded, count(*) = count(DISTINCT id) AS once FROM
	(SELECT id FROM hnsw_iterative ORDER BY v <-> '[5,6,7]' LIMIT 100000) s;
SET hnsw.scan_mem_multiplier = 100;
SELECT count(*), count(DISTINCT id) FROM
	(SELECT id FROM hnsw_iterative ORDER BY v <-> '[5,6,7]' LIMIT 100000) s;
RESET hnsw.scan_mem_multiplier;
RESET work_mem;

-- a cursor that goes on while rows change: it gives what there was at its beginning
DO $$
DECLARE
	c CURSOR FOR SELECT id FROM hnsw_iterative WHERE category = 42 ORDER BY v <-> '[5,6,7]';
	id int;
	ids int[] := '{}';
BEGIN
	OPEN c;
	LOOP
		FETCH c INTO id;
		EXIT WHEN NOT FOUND;
		ids := ids || id;
		IF cardinality(ids) = 3 THEN
			DELETE FROM hnsw_iterative WHERE category = 42;
			INSERT INTO hnsw_iterative
				SELECT 10000 + i, 42, ARRAY[5, 6, 7 + 0.001 * i] FROM generate_series(0, 99) i;
		END IF;
	END LOOP;
	RAISE NOTICE '% rows, the highest %', cardinality(ids), (SELECT max(i) FROM unnest(ids) i);
	RAISE SQLSTATE 'VS000' USING MESSAGE = 'undone';
EXCEPTION
	WHEN SQLSTATE 'VS000' THEN NULL;
END
$$;

-- rescans begin anew
SELECT q, count(*), count(DISTINCT s.id) FROM (VALUES ('[0,0,0]'::vector), ('[12,16,13]'), (NULL)) d(q),
	LATERAL (SELECT id FROM hnsw_iterative WHERE category < 5 ORDER BY v <-> q LIMIT 150) s GROUP BY q;

-- rows with equal vectors, more than fit a node
INSERT INTO hnsw_iterative SELECT 20000 + i, 1000, '[5,6,7]' FROM generate_series(0, 499) i;
SELECT count(*), count(DISTINCT id) FROM
	(SELECT id FROM hnsw_iterative WHERE category = 1000 ORDER BY v <-> '[5,6,7]' LIMIT 1000) s;
SET hnsw.iterative_scan = strict_order;
SELECT count(*), count(DISTINCT id) FROM
	(SELECT id FROM hnsw_iterative WHERE category = 1000 ORDER BY v <-> '[5,6,7]' LIMIT 1000) s;

-- nodes without rows are no end
DELETE FROM hnsw_iterative WHERE category <> 42;
SELECT count(*) FROM (SELECT id FROM hnsw_iterative ORDER BY v <-> '[5,6,7]' LIMIT 10) s;
VACUUM hnsw_iterative;
SELECT count(*) FROM (SELECT id FROM hnsw_iterative ORDER BY v <-> '[5,6,7]' LIMIT 10) s;
SELECT count(*) FROM (SELECT id FROM hnsw_iterative ORDER BY v <-> '[5,6,7]') s;
TRUNCATE hnsw_iterative;
SELECT count(*) FROM (SELECT id FROM hnsw_iterative ORDER BY v <-> '[5,6,7]') s;

DROP FUNCTION hnsw_iterative_search;
DROP TABLE hnsw_iterative;
