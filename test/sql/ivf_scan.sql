-- Scans of ivf: what all methods share, with all lists scanned; then how many rows come from few
-- lists, from more lists as they are asked for, and from more than memory holds.
\set method ivf
SET client_min_messages = warning;
SET ivf.probes = 32768;
\i shared/scan.sql
DROP FUNCTION shared_scan_function, shared_scan_indexes;
DROP TABLE shared_scan;

-- Fifty clusters of a hundred rows each, which fifty lists find.
CREATE TABLE ivf_scan (id int PRIMARY KEY, category int, v vector(4));
INSERT INTO ivf_scan SELECT i, i / 100, ARRAY[(i / 100) % 10 * 100, (i / 1000) * 100, i % 10, i / 10 % 10]
FROM generate_series(0, 4999) i;
CREATE INDEX ivf_scan_index ON ivf_scan USING ivf (v vector_l2_ops) WITH (lists = 50);
ANALYZE ivf_scan;

-- rows of the lists probed, and no more, each once
CREATE FUNCTION rows_of(probes int, max_probes int, iterative text, row_limit int)
RETURNS TABLE (all_rows bigint, distinct_rows bigint) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('ivf.probes', probes::text, true), set_config('ivf.max_probes', max_probes::text, true),
		set_config('ivf.iterative_scan', iterative, true);
	RETURN QUERY SELECT count(*), count(DISTINCT s.id)
		FROM (SELECT id FROM ivf_scan ORDER BY v <-> '[0,0,0,0]' LIMIT row_limit) s;
END
$$;
SELECT probes, row_limit, r.all_rows BETWEEN 1 AND row_limit AS rows, r.all_rows = r.distinct_rows AS each_once,
	r.all_rows = row_limit AS enough
FROM (VALUES (1, 10), (1, 5000), (10, 10), (10, 5000), (50, 5000)) p(probes, row_limit),
	rows_of(probes, 32768, 'off', row_limit) r;
SELECT bool_and(more.all_rows >= fewer.all_rows) AS more_lists_more_rows
FROM generate_series(1, 49) p, rows_of(p, 32768, 'off', 5000) fewer, rows_of(p + 1, 32768, 'off', 5000) more;

-- an iterative scan goes on until there are enough, or max_probes lists have been scanned
SELECT probes, max_probes, row_limit, r.all_rows = r.distinct_rows AS each_once, r.all_rows = row_limit AS enough
FROM (VALUES (1, 32768, 10), (1, 32768, 1500), (1, 32768, 5000), (7, 32768, 5000), (1, 1, 5000), (7, 3, 5000),
			 (50, 1, 5000)) p(probes, max_probes, row_limit),
	rows_of(probes, max_probes, 'relaxed_order', row_limit) r;
-- (fewer than probes are as many as probes)
SELECT (SELECT all_rows FROM rows_of(7, 3, 'relaxed_order', 5000)) = (SELECT all_rows FROM rows_of(7, 7, 'off', 5000)) AS same;
SELECT (SELECT all_rows FROM rows_of(2, 9, 'relaxed_order', 5000)) = (SELECT all_rows FROM rows_of(9, 9, 'off', 5000)) AS same;

-- a condition that the nearest lists don't satisfy
SET ivf.probes = 2;
SELECT count(*) FROM (SELECT id FROM ivf_scan WHERE category = 49 ORDER BY v <-> '[0,0,0,0]' LIMIT 10) s;
SET ivf.iterative_scan = relaxed_order;
SELECT count(*), min(category), max(category)
FROM (SELECT category FROM ivf_scan WHERE category = 49 ORDER BY v <-> '[0,0,0,0]' LIMIT 10) s;
SELECT count(*), count(DISTINCT id)
FROM (SELECT id FROM ivf_scan WHERE id % 100 = 7 ORDER BY v <-> '[0,0,0,0]' LIMIT 40) s;
SELECT count(*), count(DISTINCT id)
FROM (SELECT id FROM ivf_scan WHERE id % 100 = 7 ORDER BY v <-> '[0,0,0,0]') s;
-- in order again where that is asked for
SELECT bool_and(distance >= before) FROM (
	SELECT distance, lag(distance) OVER () AS before FROM (
		WITH nearest AS MATERIALIZED (
			SELECT v <-> '[0,0,0,0]' AS distance FROM ivf_scan WHERE id % 100 = 7
			ORDER BY v <-> '[0,0,0,0]' LIMIT 40)
		SELECT distance FROM nearest ORDER BY distance + 0) s) s;
-- one name's settings are not the other's
SET ivfflat.probes = 50;
SET ivf.iterative_scan = off;
SELECT count(*) BETWEEN 1 AND 4999 AS some FROM (SELECT id FROM ivf_scan ORDER BY v <-> '[0,0,0,0]') s;
CREATE INDEX ivf_scan_flat ON ivf_scan USING ivfflat (v vector_ip_ops) WITH (lists = 50);
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM ivf_scan ORDER BY v <#> '[1,2,3,4]') s;
SET ivfflat.probes = 1;
SELECT count(*) BETWEEN 1 AND 4999 AS some FROM (SELECT id FROM ivf_scan ORDER BY v <#> '[1,2,3,4]') s;
SET ivfflat.iterative_scan = relaxed_order;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM ivf_scan ORDER BY v <#> '[1,2,3,4]') s;
SET ivfflat.max_probes = 2;
SELECT count(*) BETWEEN 1 AND 4999 AS some FROM (SELECT id FROM ivf_scan ORDER BY v <#> '[1,2,3,4]') s;
RESET ivfflat.max_probes;
RESET ivfflat.iterative_scan;
RESET ivfflat.probes;
DROP TABLE ivf_scan;

-- More candidates than work_mem has room for (16 bytes each, and 4096 at least): later passes over
-- the lists bring the rest.  All rows come, each once, in order; many of them at the same distance.
CREATE TABLE ivf_scan (id int PRIMARY KEY, v vector(4));
INSERT INTO ivf_scan SELECT i, ARRAY[i % 31, i % 29, i % 23, i % 3] FROM generate_series(1, 12000) i;
SET ivf.probes = 10;
CREATE FUNCTION pass_over(operator text, row_limit int) RETURNS TABLE (all_rows bigint, distinct_rows bigint, in_order bool)
LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('
		SELECT count(*), count(DISTINCT id), bool_and(distance >= before)
		FROM (SELECT id, distance, lag(distance) OVER () AS before
			  FROM (SELECT id, v %s %L AS distance FROM ivf_scan ORDER BY v %s %L LIMIT %s) s) s',
		operator, '[3,4,5,1]', operator, '[3,4,5,1]', row_limit);
END
$$;
CREATE FUNCTION pass_over_all(operator_class text, operator text, quantizer text, storage text, memory text)
RETURNS TABLE (all_rows bigint, distinct_rows bigint, in_order bool) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE INDEX ivf_scan_index ON ivf_scan USING ivf (v %s) WITH (lists = 10, quantizer = %s, storage = %s)',
				   operator_class, quantizer, storage);
	PERFORM set_config('work_mem', memory, true);
	RETURN QUERY SELECT * FROM pass_over(operator, 12000);
	DROP INDEX ivf_scan_index;
END
$$;
SELECT operator_class, quantizer, storage, memory, p.*
FROM (VALUES ('vector_l2_ops', '<->'), ('vector_ip_ops', '<#>')) o(operator_class, operator),
	(VALUES ('none', 'mmap'), ('none', 'buffer_pool'), ('sq8', 'mmap')) q(quantizer, storage),
	(VALUES ('64kB'), ('4MB')) m(memory),
	pass_over_all(operator_class, operator, quantizer, storage, memory) p
ORDER BY operator_class, quantizer, storage, memory;
-- the first of them are the same with little memory and much
CREATE INDEX ivf_scan_index ON ivf_scan USING ivf (v) WITH (lists = 10);
SELECT string_agg(id::text, ' ' ORDER BY n) AS much FROM (
	SELECT id, row_number() OVER () AS n FROM (SELECT id FROM ivf_scan ORDER BY v <-> '[3,4,5,1]' LIMIT 9000) s) s \gset
SET work_mem = '64kB';
SELECT string_agg(id::text, ' ' ORDER BY n) = :'much' AS same FROM (
	SELECT id, row_number() OVER () AS n FROM (SELECT id FROM ivf_scan ORDER BY v <-> '[3,4,5,1]' LIMIT 9000) s) s;
-- rows that come between two passes are not of the first one's snapshot
CREATE FUNCTION pass_over_while_inserting() RETURNS TABLE (all_rows bigint, distinct_rows bigint) LANGUAGE plpgsql AS $$
DECLARE
	nearest CURSOR FOR SELECT id FROM ivf_scan ORDER BY v <-> '[3,4,5,1]';
	found_id int;
	ids int[] := '{}';
BEGIN
	OPEN nearest;
	LOOP
		FETCH nearest INTO found_id;
		EXIT WHEN NOT FOUND;
		ids := ids || found_id;
		IF cardinality(ids) = 3000 THEN
			INSERT INTO ivf_scan SELECT i, ARRAY[i % 31, i % 29, i % 23, i % 3] FROM generate_series(12001, 13000) i;
		END IF;
	END LOOP;
	RETURN QUERY SELECT count(*), count(DISTINCT id) FROM unnest(ids) id;
END
$$;
SELECT * FROM pass_over_while_inserting();
SELECT p.* FROM pass_over('<->', 20000) p;
RESET work_mem;
DROP FUNCTION rows_of, pass_over, pass_over_all, pass_over_while_inserting;
DROP TABLE ivf_scan;
