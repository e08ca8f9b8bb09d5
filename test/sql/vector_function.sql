-- Functions and operators of vector: distances, arithmetic, parts.

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
SELECT l2_distance('[0,0]'::vector, '[3,4]'), '[0,0]'::vector <-> '[3,4]', vector_l2_squared_distance('[0,0]', '[3,4]');
SELECT l2_distance('[1,2]'::vector, '[1,2]'), l2_distance('[0,0,0]'::vector, '[1,2,2]'), l2_distance('[3e38]'::vector, '[-3e38]');
SELECT inner_product('[1,2]'::vector, '[3,4]'), '[1,2]'::vector <#> '[3,4]', vector_negative_inner_product('[1,2]', '[3,4]');
SELECT inner_product('[1,2]'::vector, '[0,0]'), inner_product('[1,-2]'::vector, '[3,4]'), inner_product('[3e38]'::vector, '[3e38]'), '[3e38]'::vector <#> '[3e38]';
SELECT cosine_distance('[1,0]'::vector, '[4,0]'), '[1,0]'::vector <=> '[0,2]', '[1,0]'::vector <=> '[-3,0]';
-- within its range however the last bits fall
SELECT bool_and(d BETWEEN 0 AND 2)
FROM (SELECT (v <=> (v + v)) AS d FROM (SELECT ARRAY[1, sin(i), cos(i * i)]::vector AS v FROM generate_series(1, 1000) i) s) t;
-- no angle to a zero vector: NaN, which sorts last
SELECT '[0,0]'::vector <=> '[1,2]', cosine_distance('[1,2]'::vector, '[0,0]'), cosine_distance('[0]'::vector, '[0]');
SELECT v FROM (VALUES ('[0,0]'::vector), ('[-1,0]'), ('[1,1]'), (NULL)) AS t (v) ORDER BY v <=> '[1,0]';
SELECT l1_distance('[0,0]'::vector, '[3,-4]'), '[0,0]'::vector <+> '[3,-4]', l1_distance('[3e38]'::vector, '[-3e38]');
SELECT vector_spherical_distance('[1,0]', '[1,0]'), vector_spherical_distance('[1,0]', '[0,1]'), vector_spherical_distance('[1,0]', '[-1,0]');
-- not unit vectors: the cosine is cut to its range
SELECT vector_spherical_distance('[2,0]', '[2,0]'), vector_spherical_distance('[2,0]', '[-2,0]');
-- every length, the odd ones and those of the largest vectors
SELECT bool_and(l2_distance(a, b) = sqrt(n) AND inner_product(a, b) = 2 * n AND l1_distance(a, b) = n
	AND abs(cosine_distance(a, b)) < 1e-6)
FROM (SELECT n, array_fill(1, ARRAY[n])::vector AS a, array_fill(2, ARRAY[n])::vector AS b
	FROM (SELECT generate_series(1, 130) UNION ALL VALUES (255), (1000), (1536), (4099), (16000)) AS s (n)) t;
-- the same whichever operand comes first
SELECT bool_and(a <-> b = b <-> a AND a <#> b = b <#> a AND a <=> b = b <=> a AND a <+> b = b <+> a)
FROM (SELECT ARRAY[sin(i), cos(i), i]::vector AS a, ARRAY[cos(i), i, 1]::vector AS b FROM generate_series(1, 100) i) t;

-- size and length
SELECT vector_dims('[1,2,3]'::vector), vector_norm('[3,4]'), vector_norm('[0,0]'), vector_norm('[3e37,4e37]') BETWEEN 4.99e37 AND 5.01e37;
SELECT l2_normalize('[3,4]'::vector), l2_normalize('[0,0]'::vector), l2_normalize('[0,-0.5]'::vector), l2_normalize('[3e38]'::vector), l2_normalize('[1e-45]'::vector);

-- arithmetic
SELECT '[1,2]'::vector + '[3,4.5]', '[1,2]'::vector - '[3,4.5]', '[1,2]'::vector * '[3,-4.5]', '[1]'::vector || '[2,3]';
SELECT vector_add('[1]', '[2]'), vector_sub('[1]', '[2]'), vector_mul('[2]', '[3]'), vector_concat('[1,2]', '[3]');
SELECT '[0,1e-45]'::vector * '[1e-45,0]', '[3e38]'::vector - '[3e38]', '[1e-45]'::vector - '[1e-45]';
SELECT vector_dims(array_fill(1, '{8000}')::vector || array_fill(1, '{8000}')::vector);

-- signs as bits
SELECT binary_quantize('[1]'::vector), binary_quantize('[0,-0,-1,1e-45]'::vector), binary_quantize('[1,0,1,1,-5,0.1,-0.1,0]'::vector), binary_quantize('[1,2,3,-1,-2,-3,4,5,6]'::vector);
SELECT length(b), octet_length(b), bit_count(b) FROM (SELECT binary_quantize(array_fill(1, '{15999}')::vector) AS b) t;

-- parts, as of a string
SELECT subvector('[1,2,3,4,5]'::vector, 1, 3), subvector('[1,2,3,4,5]'::vector, 3, 2), subvector('[1,2,3,4,5]'::vector, 5, 1);
SELECT subvector('[1,2,3,4,5]'::vector, -1, 4), subvector('[1,2,3,4,5]'::vector, 0, 2), subvector('[1,2,3,4,5]'::vector, 4, 9);
SELECT subvector('[1,2,3,4,5]'::vector, 3, 2147483647), subvector('[1,2,3,4,5]'::vector, -2147483640, 2147483647);

-- NULL for NULL
SELECT l2_distance(NULL, '[1]'::vector), inner_product('[1]'::vector, NULL), cosine_distance(NULL, NULL::vector), l1_distance(NULL, '[1]'::vector),
	vector_dims(NULL::vector), vector_norm(NULL), l2_normalize(NULL::vector), binary_quantize(NULL::vector),
	subvector('[1]'::vector, NULL, 1), '[1]'::vector + NULL;

-- errors
SELECT command, pg_temp.error_of('SELECT ' || command)
FROM (VALUES
	('l2_distance(''[1,2]''::vector, ''[1]'')'), ('''[1,2]''::vector <-> ''[3]'''), ('vector_l2_squared_distance(''[1]'', ''[1,2]'')'),
	('inner_product(''[1,2]''::vector, ''[3]'')'), ('''[1,2]''::vector <#> ''[3]'''), ('vector_negative_inner_product(''[1]'', ''[1,2]'')'),
	('cosine_distance(''[1,2]''::vector, ''[3]'')'), ('''[1]''::vector <=> ''[3,4]'''), ('vector_spherical_distance(''[1]'', ''[1,2]'')'),
	('l1_distance(''[1,2]''::vector, ''[3]'')'), ('''[1,2]''::vector <+> ''[3]'''),
	('''[1,2]''::vector + ''[3]'''), ('''[1,2]''::vector - ''[3]'''), ('''[1]''::vector * ''[2,3]'''),
	('''[3e38]''::vector + ''[3e38]'''), ('''[1,-3e38]''::vector + ''[1,-3e38]'''),
	('''[-3e38]''::vector - ''[3e38]'''), ('''[3e38]''::vector * ''[10]'''), ('''[-3e38]''::vector * ''[3e38]'''),
	('''[1e-30]''::vector * ''[1e-30]'''), ('''[1,-1e-45]''::vector * ''[1,0.25]'''),
	('array_fill(1, ''{16000}'')::vector || ''[1]'''), ('array_fill(1, ''{16000}'')::vector || array_fill(1, ''{16000}'')::vector'),
	('subvector(''[1,2,3]''::vector, 1, 0)'), ('subvector(''[1,2,3]''::vector, 1, -1)'), ('subvector(''[1,2,3]''::vector, 4, 1)'),
	('subvector(''[1,2,3]''::vector, -1, 2)'), ('subvector(''[1,2,3]''::vector, -5, 3)'), ('subvector(''[1,2,3]''::vector, 2147483647, 2147483647)'),
	('subvector(''[1,2,3]''::vector, -2147483648, 2147483647)'), ('subvector(''[1,2,3]''::vector, -2147483648, -2147483648)')
) AS t (command);

-- what the planner knows of them
SELECT p.oid::regprocedure, prorettype::regtype, provolatile, proisstrict, proparallel, prokind
FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
	JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
WHERE extname = 'vectorstore' AND deptype = 'e'
	AND ('vector'::regtype = ANY (proargtypes) OR prorettype = 'vector'::regtype
		OR proname IN ('vector_typmod_in', 'vector_combine'))
	AND NOT EXISTS (SELECT FROM unnest(proargtypes || prorettype) AS t (type)
		WHERE type::regtype::text IN ('halfvec', 'sparsevec'))
ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT o.oprname, o.oprleft::regtype, o.oprright::regtype, o.oprresult::regtype, proname AS function,
	c.oprname AS commutator, n.oprname AS negator, o.oprrest, o.oprjoin, o.oprcanmerge, o.oprcanhash
FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode
	LEFT JOIN pg_operator c ON c.oid = o.oprcom LEFT JOIN pg_operator n ON n.oid = o.oprnegate
WHERE o.oprleft = 'vector'::regtype OR o.oprright = 'vector'::regtype
ORDER BY o.oprname COLLATE "C";
