-- Ways to run a scan: parameters, cursors, joins that rescan, limits, other orders.
CREATE TABLE shared_scan (id int PRIMARY KEY, category int, v vector(3));
INSERT INTO shared_scan SELECT i, i % 4, ARRAY[i % 10, i / 10 % 10, i / 100] FROM generate_series(0, 999) i;
CREATE INDEX shared_scan_index ON shared_scan USING :method (v vector_l2_ops);
ANALYZE shared_scan;
SET enable_seqscan = off;

-- the indexes in a plan
CREATE FUNCTION shared_scan_indexes(query text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	line text;
	result text[] := '{}';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		result := result || substring(line FROM 'Scan (?:using|on) (shared_scan_[a-z]+)');
	END LOOP;
	RETURN array_remove(result, NULL);
END
$$;

-- prepared statements: with the value at hand, and with a plan for any value
PREPARE nearest(vector, int) AS SELECT id FROM shared_scan ORDER BY v <-> $1 LIMIT $2;
SET plan_cache_mode = force_custom_plan;
EXECUTE nearest('[3,4,5]', 1);
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE nearest('[3,4,5]', 1);
EXECUTE nearest('[3,4,5]', 1);
EXECUTE nearest('[9,9,9]', 1);
RESET plan_cache_mode;
DEALLOCATE nearest;

-- a query that a subselect or a function gives
SELECT shared_scan_indexes($$SELECT id FROM shared_scan ORDER BY v <-> (SELECT v FROM shared_scan WHERE id = 345) LIMIT 1$$);
SELECT id FROM shared_scan ORDER BY v <-> (SELECT v FROM shared_scan WHERE id = 345) LIMIT 1;
CREATE FUNCTION shared_scan_function(q vector) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE
	result int;
BEGIN
	SELECT id INTO result FROM shared_scan ORDER BY v <-> q LIMIT 1;
	RETURN result;
END
$$;
SELECT i, shared_scan_function(ARRAY[i, i, i]::vector) FROM generate_series(0, 9) i;

-- the operands either way round
EXPLAIN (COSTS OFF) SELECT id FROM shared_scan ORDER BY '[3,4,5]' <-> v LIMIT 1;
SELECT id FROM shared_scan ORDER BY '[3,4,5]' <-> v LIMIT 1;

-- cursors go forward
BEGIN;
DECLARE c NO SCROLL CURSOR FOR SELECT id, v FROM shared_scan ORDER BY v <-> '[0,0,0]' LIMIT 5;
FETCH 1 FROM c;
MOVE 1 IN c;
FETCH BACKWARD 1 FROM c;
ROLLBACK;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM shared_scan ORDER BY v <-> '[0,0.1,0]';
FETCH 2 FROM c;
FETCH PRIOR FROM c;
ROLLBACK;
-- a scrollable one keeps what it has fetched
BEGIN;
EXPLAIN (COSTS OFF) DECLARE c SCROLL CURSOR FOR SELECT id FROM shared_scan ORDER BY v <-> '[0,0,0]' LIMIT 1;
DECLARE c SCROLL CURSOR FOR SELECT id FROM shared_scan ORDER BY v <-> '[0,0,0]';
FETCH 1 FROM c;
MOVE 10 IN c;
MOVE BACKWARD 10 IN c;
FETCH BACKWARD 1 FROM c;
FETCH 1 FROM c;
COMMIT;
-- rows that a cursor sees are those of its beginning
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM shared_scan ORDER BY v <-> '[-9,0.1,0.2]';
FETCH 1 FROM c;
INSERT INTO shared_scan VALUES (5000, 0, '[-9,0,0]');
DELETE FROM shared_scan WHERE id = 100;
FETCH 2 FROM c;
SELECT id FROM shared_scan ORDER BY v <-> '[-9,0.1,0.2]' LIMIT 3;
ROLLBACK;
-- held after its transaction
BEGIN;
DECLARE held CURSOR WITH HOLD FOR SELECT id FROM shared_scan ORDER BY v <-> '[0,0,0]' LIMIT 1;
COMMIT;
FETCH ALL FROM held;
CLOSE held;

-- rescans: a nested loop, with as many searches as outer rows, some of them for NULL
EXPLAIN (COSTS OFF)
SELECT o.id, n.id FROM (VALUES (1, '[1,1,1]'::vector), (2, '[2,2,2]'), (3, '[8,8,8]')) o(id, v),
	LATERAL (SELECT id FROM shared_scan ORDER BY v <-> o.v LIMIT 1) n;
SELECT o.id, n.id FROM (VALUES (1, '[1,1,1]'::vector), (2, '[2,2,2]'), (3, '[8,8,8]')) o(id, v),
	LATERAL (SELECT id FROM shared_scan ORDER BY v <-> o.v LIMIT 1) n;
SELECT count(*) FROM shared_scan o,
	LATERAL (SELECT id FROM shared_scan ORDER BY v <-> o.v LIMIT 1) n WHERE n.id = o.id;
SELECT o.id, count(n.id) FROM (VALUES (1, '[1,1,1]'::vector), (2, NULL), (3, '[8,8,8]')) o(id, v),
	LATERAL (SELECT id FROM shared_scan ORDER BY v <-> o.v LIMIT 7) n GROUP BY o.id ORDER BY o.id;

-- no rows
SELECT id FROM shared_scan ORDER BY v <-> '[3,4,5]' LIMIT 0;
SELECT id FROM shared_scan ORDER BY v <-> '[3,4,5]' OFFSET 1 LIMIT 0;

-- a condition beside the order; a second order
SELECT count(*), min(category), max(category)
FROM (SELECT category FROM shared_scan WHERE category = 2 ORDER BY v <-> '[5,5,5]' LIMIT 5) s;
SET enable_sort = off;
SELECT id FROM shared_scan ORDER BY v <-> '[3.5,4,5]', id DESC LIMIT 2;
RESET enable_sort;

-- orders that the index does not have
SELECT query, shared_scan_indexes(query) FROM (VALUES
	('SELECT id FROM shared_scan ORDER BY v <-> ''[3,4,5]'' LIMIT 1'),
	('SELECT id FROM shared_scan ORDER BY v <-> ''[3,4,5]'' DESC LIMIT 1'),
	('SELECT id FROM shared_scan ORDER BY v <=> ''[3,4,5]'' LIMIT 1'),
	('SELECT id FROM shared_scan ORDER BY (v <-> ''[3,4,5]'') + 1 LIMIT 1'),
	('SELECT id FROM shared_scan ORDER BY id, v <-> ''[3,4,5]'' LIMIT 1'),
	('SELECT v FROM shared_scan ORDER BY v LIMIT 1'),
	('SELECT v FROM shared_scan WHERE v IS NULL'),
	('SELECT count(v) FROM shared_scan'),
	('SELECT id FROM shared_scan WHERE v <-> ''[3,4,5]'' < 1')) q(query);

-- another number of dimensions
SELECT id FROM shared_scan ORDER BY v <-> '[1,2]' LIMIT 1;
SELECT id FROM shared_scan ORDER BY v <-> '[1,2,3,4]'::vector LIMIT 1;
INSERT INTO shared_scan VALUES (2000, 1, '[1,2]');

-- two indexes of a kind, and of two kinds, in one query
CREATE INDEX shared_scan_cosine ON shared_scan USING :method (v vector_cosine_ops) WITH (storage = mmap);
SELECT a.id, b.id FROM (SELECT id FROM shared_scan ORDER BY v <-> '[3,4,5]' LIMIT 1) a,
	(SELECT id FROM shared_scan WHERE id <> 0 ORDER BY v <=> '[9,8,1]' LIMIT 1) b;
-- scans that end early, in a transaction and on error
BEGIN;
SELECT id FROM shared_scan ORDER BY v <-> '[1,2,3]' LIMIT 1;
SAVEPOINT s;
SELECT 1 / (id - id) FROM shared_scan ORDER BY v <=> '[1,2,3]' LIMIT 1;
ROLLBACK TO s;
SELECT id FROM shared_scan ORDER BY v <-> '[1,2,3]' LIMIT 1;
COMMIT;
