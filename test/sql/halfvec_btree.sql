-- Order and equality of halfvec: operators, B-tree, and what stands on them.

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

-- by element, then the shorter first
SELECT a, b, a < b AS lt, a <= b AS le, a = b AS eq, a <> b AS ne, a >= b AS ge, a > b AS gt, halfvec_cmp(a, b) AS cmp
FROM (VALUES
	('[1,2]'::halfvec, '[1,2]'::halfvec), ('[1,2]', '[1,3]'), ('[1,3]', '[1,2]'), ('[1,2]', '[1,2,-3]'), ('[1,2,3]', '[1,2]'),
	('[2]', '[1,2]'), ('[1]', '[2,1]'), ('[0]', '[-0]'), ('[-1]', '[-2]'), ('[6e-08]', '[0]'), ('[-6e-08]', '[0]'), ('[65504]', '[-65504]'), ('[0.1]', '[0.10004]'), ('[2049]', '[2048]')
) AS t (a, b);
SELECT halfvec_lt('[1]', '[2]'), halfvec_le('[1]', '[1]'), halfvec_eq('[1]', '[2]'), halfvec_ne('[1]', '[2]'), halfvec_ge('[1]', '[2]'), halfvec_gt('[2]', '[1]');
SELECT '[1]'::halfvec = NULL, NULL::halfvec < '[1]', halfvec_cmp(NULL, NULL);

CREATE TABLE ordered (id int, v halfvec);
INSERT INTO ordered SELECT i, ARRAY[i / 100, i % 100]::halfvec FROM generate_series(0, 999) i;
INSERT INTO ordered VALUES (-1, '[5]'), (-2, '[5,5,5]'), (-3, '[-1,0]'), (-4, NULL), (-5, '[5,5]');
SELECT id, v FROM ordered ORDER BY v LIMIT 3;
SELECT id, v FROM ordered ORDER BY v DESC NULLS LAST LIMIT 2;
SELECT count(DISTINCT v) FROM ordered;
SELECT v, count(*) FROM ordered GROUP BY v HAVING count(*) > 1;
SELECT count(*) FROM (SELECT DISTINCT v FROM ordered) t;
SELECT count(*) FROM (SELECT v FROM ordered UNION SELECT v FROM ordered) t;
SELECT count(*) FROM ordered a JOIN ordered b ON a.v = b.v;
-- in an array of vectors, and as part of a row
SELECT '{"[2]","[1]"}'::halfvec[] > '{"[1]","[9]"}'::halfvec[], ROW('[1]'::halfvec, 2) < ROW('[1]'::halfvec, 3);

CREATE INDEX ordered_v ON ordered (v);
ANALYZE ordered;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM ordered WHERE v = '[5,5]';
SELECT id FROM ordered WHERE v = '[5,5]' ORDER BY id;
SELECT id FROM ordered WHERE v > '[5,5]' AND v < '[5,7]' ORDER BY v;
SELECT id FROM ordered WHERE v >= '[9,98]' ORDER BY v;
SELECT id FROM ordered WHERE v <= '[0,1]' ORDER BY v;
SELECT id FROM ordered WHERE v = ANY ('{"[5]","[9,99]"}') ORDER BY v;
SELECT count(*) FROM ordered WHERE v <> '[5,5]';
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
SELECT pg_temp.estimated_rows($$SELECT FROM ordered WHERE v = '[3,3]'$$) < 10 AS equal,
	pg_temp.estimated_rows($$SELECT FROM ordered WHERE v <> '[3,3]'$$) > 900 AS different,
	pg_temp.estimated_rows($$SELECT FROM ordered WHERE v < '[1,0]'$$) BETWEEN 50 AND 150 AS below,
	pg_temp.estimated_rows($$SELECT FROM ordered WHERE v >= '[1,0]'$$) BETWEEN 850 AND 950 AS above;

-- keys and partition bounds
CREATE TEMP TABLE keyed (v halfvec PRIMARY KEY);
INSERT INTO keyed VALUES ('[1,2]'), ('[1,3]'), ('[1]');
SELECT pg_temp.error_of($$INSERT INTO keyed VALUES ('[1,2]')$$);
INSERT INTO keyed VALUES ('[1,2]'), ('[4]') ON CONFLICT DO NOTHING;
SELECT v FROM keyed ORDER BY v;
CREATE TEMP TABLE ranged (v halfvec) PARTITION BY RANGE (v);
CREATE TEMP TABLE ranged_low PARTITION OF ranged FOR VALUES FROM (MINVALUE) TO ('[5]');
CREATE TEMP TABLE ranged_high PARTITION OF ranged FOR VALUES FROM ('[5]') TO (MAXVALUE);
INSERT INTO ranged VALUES ('[4,9]'), ('[5]'), ('[5,1]');
SELECT tableoid::regclass, v FROM ranged ORDER BY v;

-- long values, whose comparison detoasts them
CREATE TEMP TABLE long_ordered AS
	SELECT i, (array_fill(1, '{2000}') || i)::halfvec AS v FROM generate_series(1, 200) i ORDER BY i % 7;
CREATE INDEX ON long_ordered ((v::halfvec(2001) = v));
SELECT min(i), max(i), bool_and(i = position) FROM (SELECT i, row_number() OVER (ORDER BY v) AS position FROM long_ordered) t;
-- too long for a B-tree page, as for any type
SELECT pg_temp.error_of($$CREATE INDEX ON long_ordered (v)$$) LIKE '54000: index row % exceeds%' AS refused;

SELECT opcname, opcdefault, amname, opcfamily <> 0 AS family FROM pg_opclass c JOIN pg_am a ON a.oid = opcmethod
WHERE opcintype = 'halfvec'::regtype AND amname = 'btree';
SELECT amopstrategy, amopopr::regoperator, amoppurpose FROM pg_amop o JOIN pg_opfamily f ON f.oid = amopfamily JOIN pg_am a ON a.oid = opfmethod
WHERE amoplefttype = 'halfvec'::regtype AND amname = 'btree' ORDER BY 1;
DROP TABLE ordered;
