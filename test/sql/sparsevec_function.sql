-- Functions and operators of sparsevec: distances and length.

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

-- distances: function, operator, and what index support uses
SELECT l2_distance('{}/2'::sparsevec, '{1:3,2:4}/2'), '{}/2'::sparsevec <-> '{1:3,2:4}/2', sparsevec_l2_squared_distance('{}/2', '{1:3,2:4}/2');
SELECT l2_distance('{1:3}/2'::sparsevec, '{2:4}/2'), l2_distance('{1:1,2:2}/2'::sparsevec, '{1:1,2:2}/2'), l2_distance('{1:1,2:4}/3'::sparsevec, '{2:2,3:2}/3'), l2_distance('{1:3e38}/1'::sparsevec, '{1:-3e38}/1');
SELECT inner_product('{1:1,2:2}/2'::sparsevec, '{1:3,2:4}/2'), '{1:1,2:2}/2'::sparsevec <#> '{1:3,2:4}/2', sparsevec_negative_inner_product('{1:1,2:2}/2', '{1:3,2:4}/2');
SELECT inner_product('{1:1}/2'::sparsevec, '{2:1}/2'), inner_product('{1:1,3:-2,5:9}/6'::sparsevec, '{1:3,2:7,3:4,6:9}/6'), inner_product('{1:3e38}/1'::sparsevec, '{1:3e38}/1'), '{1:3e38}/1'::sparsevec <#> '{1:3e38}/1', '{}/3'::sparsevec <#> '{}/3';
SELECT cosine_distance('{1:1}/2'::sparsevec, '{1:4}/2'), '{1:1}/2'::sparsevec <=> '{2:2}/2', '{1:1}/2'::sparsevec <=> '{1:-3}/2', cosine_distance('{1:1}/2'::sparsevec, '{1:1.1}/2'), cosine_distance('{1:3e38}/1'::sparsevec, '{1:3e38}/1');
-- within its range however the last bits fall
SELECT bool_and(d BETWEEN 0 AND 2)
FROM (SELECT (v::sparsevec <=> (v + v)::sparsevec) AS d FROM (SELECT ARRAY[1, sin(i), cos(i * i)]::vector AS v FROM generate_series(1, 1000) i) s) t;
-- no angle to a zero vector: NaN, which sorts last
SELECT '{}/2'::sparsevec <=> '{1:1}/2', cosine_distance('{1:1}/2'::sparsevec, '{}/2'), cosine_distance('{}/1'::sparsevec, '{}/1');
SELECT v FROM (VALUES ('{}/2'::sparsevec), ('{1:-1}/2'), ('{1:1,2:1}/2'), (NULL)) AS t (v) ORDER BY v <=> '{1:1}/2';
SELECT l1_distance('{}/2'::sparsevec, '{1:3,2:-4}/2'), '{1:3}/2'::sparsevec <+> '{2:-4}/2', l1_distance('{1:1,2:4}/3'::sparsevec, '{2:2,3:2}/3'), l1_distance('{1:3e38}/1'::sparsevec, '{1:-3e38}/1');
-- the same as dense vectors, with none, few, many or all elements set
SELECT count(*), bool_and(a::sparsevec <-> b::sparsevec = a <-> b AND a::sparsevec <#> b::sparsevec = a <#> b AND a::sparsevec <+> b::sparsevec = a <+> b
	AND (abs((a::sparsevec <=> b::sparsevec) - (a <=> b)) < 1e-6 OR a <=> b = 'NaN' AND a::sparsevec <=> b::sparsevec = 'NaN'))
FROM (SELECT (SELECT array_agg(CASE WHEN abs(hashint4(i * 1000 + j)::bigint) % 8 < fill THEN hashint4(i + j) % 9 ELSE 0 END) FROM generate_series(1, n) j)::vector AS a,
		(SELECT array_agg(CASE WHEN abs(hashint4(i * 1000 - j)::bigint) % 8 < fill THEN hashint4(i - j) % 9 ELSE 0 END) FROM generate_series(1, n) j)::vector AS b
	FROM generate_series(1, 20) i, generate_series(0, 8) fill, (VALUES (1), (2), (7), (100)) AS t (n)) t;
SELECT l2_distance(v, '{}/16000') = sqrt(16000), inner_product(v, v), l1_distance(v, '{}/16000') FROM (SELECT array_fill(1, '{16000}')::sparsevec AS v) t;
-- indices at the ends of the range
SELECT l2_distance('{1:3,1000000000:4}/1000000000'::sparsevec, '{}/1000000000'), inner_product('{1:3,1000000000:4}/1000000000'::sparsevec, '{1000000000:5}/1000000000');

-- length
SELECT l2_norm('{1:3,2:4}/2'::sparsevec), l2_norm('{}/2'::sparsevec), l2_norm('{2:3e37,7:4e37}/9'::sparsevec) BETWEEN 4.99e37 AND 5.01e37, l2_norm('{1:1e-45}/1'::sparsevec) > 0;
SELECT l2_normalize('{1:3,2:4}/2'::sparsevec), l2_normalize('{2:3,7:-4}/9'::sparsevec), l2_normalize('{}/2'::sparsevec), l2_normalize('{5:-0.5}/7'::sparsevec), l2_normalize('{1:3e38}/1'::sparsevec), l2_normalize('{1:1e-45}/1'::sparsevec);
-- an element that vanishes beside the others is none any more
SELECT l2_normalize('{1:3e38,2:1e-37,3:1e-38}/4'::sparsevec), l2_normalize('{2:1e-37,3:3e38}/4'::sparsevec);

-- NULL for NULL
SELECT l2_distance(NULL, '{}/1'::sparsevec), inner_product('{}/1'::sparsevec, NULL), cosine_distance(NULL, NULL::sparsevec), l1_distance(NULL, '{}/1'::sparsevec),
	l2_norm(NULL::sparsevec), l2_normalize(NULL::sparsevec), '{}/1'::sparsevec <-> NULL;

-- errors
SELECT command, pg_temp.error_of('SELECT ' || command)
FROM (VALUES
	('l2_distance(''{}/2''::sparsevec, ''{}/1'')'), ('''{}/2''::sparsevec <-> ''{}/1'''), ('sparsevec_l2_squared_distance(''{}/1'', ''{}/2'')'),
	('inner_product(''{}/2''::sparsevec, ''{}/1'')'), ('''{}/2''::sparsevec <#> ''{}/1'''), ('sparsevec_negative_inner_product(''{}/1'', ''{}/1000000000'')'),
	('cosine_distance(''{}/2''::sparsevec, ''{}/1'')'), ('''{}/1''::sparsevec <=> ''{}/2'''),
	('l1_distance(''{}/2''::sparsevec, ''{}/1'')'), ('''{}/2''::sparsevec <+> ''{}/1''')
) AS t (command);

-- what the planner knows of them
SELECT p.oid::regprocedure, prorettype::regtype, provolatile, proisstrict, proparallel, prokind
FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
	JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
WHERE extname = 'vectorstore' AND deptype = 'e'
	AND ('sparsevec'::regtype = ANY (proargtypes) OR prorettype = 'sparsevec'::regtype OR proname = 'sparsevec_typmod_in')
ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT o.oprname, o.oprleft::regtype, o.oprright::regtype, o.oprresult::regtype, proname AS function,
	c.oprname AS commutator, n.oprname AS negator, o.oprrest, o.oprjoin, o.oprcanmerge, o.oprcanhash
FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode
	LEFT JOIN pg_operator c ON c.oid = o.oprcom LEFT JOIN pg_operator n ON n.oid = o.oprnegate
WHERE o.oprleft = 'sparsevec'::regtype OR o.oprright = 'sparsevec'::regtype
ORDER BY o.oprname COLLATE "C";
