-- Aggregates of halfvec: avg and sum, plain, grouped, in windows and in parallel.

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

CREATE TABLE aggregated (id int, part int, v halfvec);
INSERT INTO aggregated VALUES (1, 1, '[1,2,3]'), (2, 1, '[3,5,7]'), (3, 2, '[-1,0,1]'), (4, 2, NULL), (5, 3, NULL);

SELECT avg(v), sum(v), count(v) FROM aggregated;
SELECT avg(v), sum(v) FROM aggregated WHERE v IS NULL;
SELECT avg(v), sum(v) FROM aggregated WHERE false;
SELECT avg(v), sum(v) FROM aggregated WHERE id = 1;
SELECT part, avg(v), sum(v) FROM aggregated GROUP BY part ORDER BY part;
SELECT part, avg(v), sum(v) FROM aggregated GROUP BY ROLLUP (part) ORDER BY part;
SELECT avg(v) FILTER (WHERE part = 1), avg(v), avg(DISTINCT v), sum(v ORDER BY id DESC) FROM aggregated;
-- windows: the state goes on after a result was taken from it, or begins anew
SELECT id, avg(v) OVER (ORDER BY id), sum(v) OVER (ORDER BY id) FROM aggregated ORDER BY id;
SELECT id, avg(v) OVER w, sum(v) OVER w FROM aggregated WINDOW w AS (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) ORDER BY id;
SELECT id, avg(v) OVER (PARTITION BY part), sum(v) OVER (PARTITION BY part) FROM aggregated ORDER BY id;
-- sums in double precision: no overflow on the way to a mean that has none
SELECT avg(v) FROM unnest(ARRAY['[65504]','[65504]','[65504]']::halfvec[]) v;
SELECT avg(v) FROM (SELECT '[2048]'::halfvec AS v UNION ALL SELECT '[1]' FROM generate_series(1, 3)) t;
SELECT pg_temp.error_of($$SELECT sum(v) FROM unnest(ARRAY['[65504]','[65504]']::halfvec[]) v$$);
SELECT pg_temp.error_of($$SELECT avg(v) FROM unnest(ARRAY['[1,2]','[3]']::halfvec[]) v$$);
SELECT pg_temp.error_of($$SELECT sum(v) FROM unnest(ARRAY['[1,2]','[3]']::halfvec[]) v$$);
SELECT avg(v) = sum(v), vector_dims(avg(v)) FROM (SELECT array_fill(1, '{16000}')::halfvec AS v) t;

-- in parallel, workers without rows included
INSERT INTO aggregated SELECT i, i % 10, ARRAY[(i % 10 = 0)::int, -(i % 5 = 0)::int, (i % 7 = 0)::int]::halfvec FROM generate_series(6, 10000) i;
ANALYZE aggregated;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT avg(v), sum(v) FROM aggregated;
CREATE TEMP TABLE in_parallel AS SELECT avg(v), sum(v) FROM aggregated;
CREATE TEMP TABLE groups_in_parallel AS SELECT part, avg(v), sum(v) FROM aggregated GROUP BY part;
SELECT avg(v), sum(v) FROM aggregated WHERE v IS NULL;
SELECT avg(v), sum(v) FROM aggregated WHERE id = 3;
SELECT pg_temp.error_of($$SELECT avg(v || CASE WHEN id = 9000 THEN '[1,2]'::halfvec ELSE '[1]' END) FROM aggregated$$)
	LIKE '22000: expected % dimensions, not %' AS refused;
SET max_parallel_workers_per_gather = 0;
-- sums of integers up to 2^11 are exact in any order
SELECT p.avg = (SELECT avg(v) FROM aggregated) AS same_avg, p.sum = (SELECT sum(v) FROM aggregated) AS same_sum FROM in_parallel p;
SELECT count(*), bool_and(p.avg = s.avg) AS same_avg, bool_and(p.sum = s.sum) AS same_sum
FROM groups_in_parallel p JOIN (SELECT part, avg(v), sum(v) FROM aggregated GROUP BY part) s USING (part);
RESET ALL;
DROP TABLE aggregated;

-- the functions behind avg, called by hand
SELECT halfvec_accum('{0}', '[1,2]'), halfvec_accum('{1,1,2}', '[3,4.5]'), halfvec_accum('{5}', '[1]');
SELECT halfvec_combine('{0}', '{0}'), halfvec_combine('{0}', '{1,2,3}'), halfvec_combine('{1,2,3}', '{0}'), halfvec_combine('{1,2,3}', '{2,4,6}');
SELECT halfvec_combine('{0,5}', '{1,2,3}'), halfvec_avg('{0}'), halfvec_avg('{2,3,5}'), halfvec_avg('{0,1}');
-- outside of an aggregate, the state that was given stays as it was
SELECT state, halfvec_accum(state, '[1,1]'), state FROM (VALUES ('{1,1,2}'::float8[])) AS t (state);
DO $$
DECLARE
	state float8[] := '{1,1,2}';
	next float8[];
BEGIN
	next := halfvec_accum(state, '[1,1]');
	ASSERT state = '{1,1,2}' AND next = '{2,2,3}';
END $$;
SELECT command, pg_temp.error_of('SELECT ' || command)
FROM (VALUES
	('halfvec_accum(''{}'', ''[1]'')'), ('halfvec_accum(''{{0}}'', ''[1]'')'), ('halfvec_accum(''{1,NULL}'', ''[1]'')'), ('halfvec_accum(''{NULL}'', ''[1]'')'),
	('halfvec_accum(''{1,2,3}'', ''[1]'')'), ('halfvec_accum(''{1,2}'', ''[1,2]'')'), ('halfvec_accum(''{1,Infinity}'', ''[1]'')'),
	('halfvec_combine(''{}'', ''{0}'')'), ('halfvec_combine(''{0}'', ''{{1,2}}'')'), ('halfvec_combine(''{1,NULL}'', ''{0}'')'),
	('halfvec_combine(''{1,2}'', ''{1,2,3}'')'), ('halfvec_combine(''{1,1e308}'', ''{1,1e308}'')'),
	('halfvec_avg(''{}'')'), ('halfvec_avg(''{{1,2}}'')'), ('halfvec_avg(''{1,NULL}'')'), ('halfvec_avg(''{1}'')'),
	('halfvec_avg(''{1,1e300}'')'), ('halfvec_avg(''{1,70000}'')'), ('halfvec_avg(''{1,1,-65520}'')'), ('halfvec_avg(''{1,NaN}'')'), ('halfvec_avg(array_fill(1::float8, ''{16002}''))')
) AS t (command);

-- what the planner knows of them
SELECT aggfnoid::regprocedure, aggtransfn, aggfinalfn, aggcombinefn, aggtranstype::regtype, agginitval
FROM pg_aggregate WHERE aggfnoid IN ('avg(halfvec)'::regprocedure, 'sum(halfvec)'::regprocedure) ORDER BY 1;
