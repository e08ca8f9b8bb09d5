-- Order and equality of sparsevec: operators, B-tree, and what stands on them.

-- what an SQL command fails with: SQLSTATE and message
CREATE FUNCTION pg_temp.error_of(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text;
	message text;
BEGIN
	EXECUTE command;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
	RETURN state || ': ' || message;
END $$;

-- by element, zeros included, then those of fewer dimensions first
SELECT a, b, a < b AS lt, a <= b AS le, a = b AS eq, a <> b AS ne, a >= b AS ge, a > b AS gt, sparsevec_cmp(a, b) AS cmp
FROM (VALUES
	('{1:1,2:2}/2'::sparsevec, '{1:1,2:2}/2'::sparsevec), ('{1:1,2:2}/2', '{1:1,2:3}/2'), ('{1:1,2:3}/2', '{1:1,2:2}/2'),
	('{1:1,2:2}/2', '{1:1,2:2}/3'), ('{1:1,2:2}/3', '{1:1,2:2}/2'), ('{1:1,2:2}/2', '{1:1,2:2,3:-3}/3'), ('{1:2}/1', '{1:1,2:2}/2'), ('{1:1}/1', '{1:2,2:1}/2'),
	('{}/2', '{}/2'), ('{}/2', '{}/3'), ('{}/2', '{2:1}/2'), ('{}/2', '{2:-1}/2'), ('{1:1}/2', '{}/2'), ('{1:-1}/2', '{}/2'),
	('{1:1}/3', '{2:1}/3'), ('{1:-1}/3', '{2:1}/3'), ('{3:-1}/3', '{2:-1}/3'), ('{1:1,3:1}/3', '{1:1,2:-1}/3'), ('{2:1,3:5}/3', '{2:1}/3'), ('{2:1,3:-5}/3', '{2:1}/3'),
	('{}/2', '{3:1}/3'), ('{}/2', '{3:-1}/3'), ('{3:-1}/3', '{}/2'), ('{1:1}/2', '{1:1,3:-9}/3'), ('{1:1,1000000000:-9}/1000000000', '{1:1}/999999999'),
	('{1:1e-45}/1', '{}/1'), ('{1:3.4e38}/1', '{1:-3.4e38}/1')
) AS t (a, b);
SELECT sparsevec_lt('{}/1', '{1:2}/1'), sparsevec_le('{1:1}/1', '{1:1}/1'), sparsevec_eq('{1:1}/1', '{}/1'), sparsevec_ne('{1:1}/1', '{}/1'), sparsevec_ge('{1:1}/1', '{1:2}/1'), sparsevec_gt('{1:2}/1', '{1:1}/1');
SELECT '{}/1'::sparsevec = NULL, NULL::sparsevec < '{}/1', sparsevec_cmp(NULL, NULL);
-- the same order as that of dense vectors
CREATE TEMP TABLE dense AS
	SELECT i, v::vector AS v FROM (SELECT i, (SELECT array_agg(CASE WHEN hashint4(i * 10 + j) % 3 = 0 THEN hashint4(i - j) % 3 ELSE 0 END) FROM generate_series(1, 1 + i % 4) j) AS v FROM generate_series(1, 150) i) t;
SELECT count(*), bool_and(vector_cmp(a.v, b.v) = sparsevec_cmp(a.v, b.v)) FROM dense a, dense b;

CREATE TABLE ordered (id int, v sparsevec);
INSERT INTO ordered SELECT i, ARRAY[i / 100, i % 100]::sparsevec FROM generate_series(0, 999) i;
INSERT INTO ordered VALUES (-1, '{1:5}/1'), (-2, '{1:5,2:5,3:5}/3'), (-3, '{1:-1}/2'), (-4, NULL), (-5, '{1:5,2:5}/2');
SELECT id, v FROM ordered ORDER BY v LIMIT 3;
SELECT id, v FROM ordered ORDER BY v DESC NULLS LAST LIMIT 2;
SELECT count(DISTINCT v) FROM ordered;
SELECT v, count(*) FROM ordered GROUP BY v HAVING count(*) > 1;
SELECT count(*) FROM (SELECT v FROM ordered UNION SELECT v FROM ordered) t;
SELECT count(*) FROM ordered a JOIN ordered b ON a.v = b.v;
-- in an array, and as part of a row
SELECT '{"{1:2}/1","{}/1"}'::sparsevec[] > '{"{1:1}/1","{1:9}/1"}'::sparsevec[], ROW('{}/1'::sparsevec, 2) < ROW('{}/1'::sparsevec, 3);

CREATE INDEX ordered_v ON ordered (v);
ANALYZE ordered;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM ordered WHERE v = '{1:5,2:5}/2';
SELECT id FROM ordered WHERE v = '{1:5,2:5}/2' ORDER BY id;
SELECT id FROM ordered WHERE v > '{1:5,2:5}/2' AND v < '{1:5,2:7}/2' ORDER BY v;
SELECT id FROM ordered WHERE v >= '{1:9,2:98}/2' ORDER BY v;
SELECT id FROM ordered WHERE v <= '{2:1}/2' ORDER BY v;
SELECT id FROM ordered WHERE v = ANY ('{"{1:5}/1","{1:9,2:99}/2"}') ORDER BY v;
SELECT count(*) FROM ordered WHERE v <> '{1:5,2:5}/2';
SELECT id FROM ordered WHERE v IS NULL;
EXPLAIN (COSTS OFF) SELECT v FROM ordered ORDER BY v LIMIT 1;
SELECT v FROM ordered ORDER BY v LIMIT 1;
RESET enable_seqscan;
RESET enable_bitmapscan;
-- estimates: nearly all rows differ from one value, few lie below a low one
CREATE FUNCTION pg_temp.estimated_rows(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
	RETURN (plan -> 0 -> 'Plan' ->> 'Plan Rows')::int;
END $$;
SELECT pg_temp.estimated_rows($$SELECT FROM ordered WHERE v = '{1:3,2:3}/2'$$) < 10 AS equal,
	pg_temp.estimated_rows($$SELECT FROM ordered WHERE v <> '{1:3,2:3}/2'$$) > 900 AS different,
	pg_temp.estimated_rows($$SELECT FROM ordered WHERE v < '{1:1}/2'$$) BETWEEN 50 AND 150 AS below,
	pg_temp.estimated_rows($$SELECT FROM ordered WHERE v >= '{1:1}/2'$$) BETWEEN 850 AND 950 AS above;

-- keys and partition bounds
CREATE TEMP TABLE keyed (v sparsevec PRIMARY KEY);
INSERT INTO keyed VALUES ('{1:1,2:2}/2'), ('{1:1,2:3}/2'), ('{1:1}/1');
SELECT pg_temp.error_of($$INSERT INTO keyed VALUES ('{2:2,1:1,1:0}/2')$$);
INSERT INTO keyed VALUES ('{1:1,2:2}/2'), ('{1:4}/1') ON CONFLICT DO NOTHING;
SELECT v FROM keyed ORDER BY v;
CREATE TEMP TABLE ranged (v sparsevec) PARTITION BY RANGE (v);
CREATE TEMP TABLE ranged_low PARTITION OF ranged FOR VALUES FROM (MINVALUE) TO ('{1:5}/1');
CREATE TEMP TABLE ranged_high PARTITION OF ranged FOR VALUES FROM ('{1:5}/1') TO (MAXVALUE);
INSERT INTO ranged VALUES ('{1:4,2:9}/2'), ('{1:5}/1'), ('{1:5,2:1}/2');
SELECT tableoid::regclass, v FROM ranged ORDER BY v;

-- long values, whose comparison detoasts them
CREATE TEMP TABLE long_ordered AS
	SELECT i, (array_fill(1, '{1000}') || i)::sparsevec AS v FROM generate_series(1, 200) i ORDER BY i % 7;
CREATE INDEX ON long_ordered ((v::sparsevec(1001) = v));
SELECT min(i), max(i), bool_and(i = position) FROM (SELECT i, row_number() OVER (ORDER BY v) AS position FROM long_ordered) t;
-- too long for a B-tree page, as for any type
SELECT pg_temp.error_of($$CREATE INDEX ON long_ordered (v)$$) LIKE '54000: index row % exceeds%' AS refused;

SELECT opcname, opcdefault, amname, opcfamily <> 0 AS family FROM pg_opclass c JOIN pg_am a ON a.oid = opcmethod
WHERE opcintype = 'sparsevec'::regtype AND amname = 'btree';
SELECT amopstrategy, amopopr::regoperator, amoppurpose FROM pg_amop o JOIN pg_opfamily f ON f.oid = amopfamily JOIN pg_am a ON a.oid = opfmethod
WHERE amoplefttype = 'sparsevec'::regtype AND amname = 'btree' ORDER BY 1;
DROP TABLE ordered;
