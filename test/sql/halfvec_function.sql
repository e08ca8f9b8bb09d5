-- Functions and operators of halfvec: distances, arithmetic, parts.

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
SELECT l2_distance('[0,0]'::halfvec, '[3,4]'), '[0,0]'::halfvec <-> '[3,4]', halfvec_l2_squared_distance('[0,0]', '[3,4]');
SELECT l2_distance('[1,2]'::halfvec, '[1,2]'), l2_distance('[0,0,0]'::halfvec, '[1,2,2]'), l2_distance('[65504]'::halfvec, '[-65504]');
SELECT inner_product('[1,2]'::halfvec, '[3,4]'), '[1,2]'::halfvec <#> '[3,4]', halfvec_negative_inner_product('[1,2]', '[3,4]');
SELECT inner_product('[1,2]'::halfvec, '[0,0]'), inner_product('[1,-2]'::halfvec, '[3,4]'), inner_product('[65504]'::halfvec, '[65504]'), '[65504]'::halfvec <#> '[65504]';
SELECT cosine_distance('[1,0]'::halfvec, '[4,0]'), '[1,0]'::halfvec <=> '[0,2]', '[1,0]'::halfvec <=> '[-3,0]';
-- within its range however the last bits fall
SELECT bool_and(d BETWEEN 0 AND 2)
FROM (SELECT (v <=> (v + v)) AS d FROM (SELECT ARRAY[1, sin(i), cos(i * i)]::halfvec AS v FROM generate_series(1, 1000) i) s) t;
-- no angle to a zero vector: NaN, which sorts last
SELECT '[0,0]'::halfvec <=> '[1,2]', cosine_distance('[1,2]'::halfvec, '[0,0]'), cosine_distance('[0]'::halfvec, '[0]');
SELECT v FROM (VALUES ('[0,0]'::halfvec), ('[-1,0]'), ('[1,1]'), (NULL)) AS t (v) ORDER BY v <=> '[1,0]';
SELECT l1_distance('[0,0]'::halfvec, '[3,-4]'), '[0,0]'::halfvec <+> '[3,-4]', l1_distance('[65504]'::halfvec, '[-65504]');
SELECT halfvec_spherical_distance('[1,0]', '[1,0]'), halfvec_spherical_distance('[1,0]', '[0,1]'), halfvec_spherical_distance('[1,0]', '[-1,0]');
-- not unit vectors: the cosine is cut to its range
SELECT halfvec_spherical_distance('[2,0]', '[2,0]'), halfvec_spherical_distance('[2,0]', '[-2,0]');
-- every length, the odd ones and those of the largest vectors
SELECT bool_and(l2_distance(a, b) = sqrt(n) AND inner_product(a, b) = 2 * n AND l1_distance(a, b) = n
	AND abs(cosine_distance(a, b)) < 1e-6)
FROM (SELECT n, array_fill(1, ARRAY[n])::halfvec AS a, array_fill(2, ARRAY[n])::halfvec AS b
	FROM (SELECT generate_series(1, 130) UNION ALL VALUES (255), (1000), (1536), (4099), (16000)) AS s (n)) t;
-- the same whichever operand comes first
SELECT bool_and(a <-> b = b <-> a AND a <#> b = b <#> a AND a <=> b = b <=> a AND a <+> b = b <+> a)
FROM (SELECT ARRAY[sin(i), cos(i), i]::halfvec AS a, ARRAY[cos(i), i, 1]::halfvec AS b FROM generate_series(1, 100) i) t;

-- size and length
SELECT vector_dims('[1,2,3]'::halfvec), l2_norm('[3,4]'::halfvec), l2_norm('[0,0]'::halfvec), l2_norm('[30000,40000]'::halfvec), l2_norm('[65504]'::halfvec), l2_norm('[6e-08]'::halfvec);
SELECT l2_normalize('[3,4]'::halfvec), l2_normalize('[0,0]'::halfvec), l2_normalize('[0,-0.5]'::halfvec), l2_normalize('[65504]'::halfvec), l2_normalize('[6e-08]'::halfvec), l2_normalize('[1,2,3]'::halfvec);

-- arithmetic
SELECT '[1,2]'::halfvec + '[3,4.5]', '[1,2]'::halfvec - '[3,4.5]', '[1,2]'::halfvec * '[3,-4.5]', '[1]'::halfvec || '[2,3]';
SELECT halfvec_add('[1]', '[2]'), halfvec_sub('[1]', '[2]'), halfvec_mul('[2]', '[3]'), halfvec_concat('[1,2]', '[3]');
SELECT '[0,6e-08]'::halfvec * '[6e-08,0]', '[65504]'::halfvec - '[65504]', '[6e-08]'::halfvec - '[6e-08]';
-- rounded to the nearest half, of two equally near ones to the even one
SELECT '[2048,2048,-2048]'::halfvec + '[1,3,-1]', '[0.1]'::halfvec + '[0.2]', '[0.1]'::halfvec * '[0.1]', '[1.001,65504]'::halfvec * '[1.001,1]';
SELECT '[65504,65504]'::halfvec + '[0,15.99]', '[6e-08,6e-08]'::halfvec * '[0.50049,0.75]';
SELECT vector_dims(array_fill(1, '{8000}')::halfvec || array_fill(1, '{8000}')::halfvec);

-- signs as bits
SELECT binary_quantize('[1]'::halfvec), binary_quantize('[0,-0,-1,6e-08]'::halfvec), binary_quantize('[1,0,1,1,-5,0.1,-0.1,0]'::halfvec), binary_quantize('[1,2,3,-1,-2,-3,4,5,6]'::halfvec);
SELECT length(b), octet_length(b), bit_count(b) FROM (SELECT binary_quantize(array_fill(1, '{15999}')::halfvec) AS b) t;

-- parts, as of a string
SELECT subvector('[1,2,3,4,5]'::halfvec, 1, 3), subvector('[1,2,3,4,5]'::halfvec, 3, 2), subvector('[1,2,3,4,5]'::halfvec, 5, 1);
SELECT subvector('[1,2,3,4,5]'::halfvec, -1, 4), subvector('[1,2,3,4,5]'::halfvec, 0, 2), subvector('[1,2,3,4,5]'::halfvec, 4, 9);
SELECT subvector('[1,2,3,4,5]'::halfvec, 3, 2147483647), subvector('[1,2,3,4,5]'::halfvec, -2147483640, 2147483647);

-- NULL for NULL
SELECT l2_distance(NULL, '[1]'::halfvec), inner_product('[1]'::halfvec, NULL), cosine_distance(NULL, NULL::halfvec), l1_distance(NULL, '[1]'::halfvec),
	vector_dims(NULL::halfvec), l2_norm(NULL::halfvec), l2_normalize(NULL::halfvec), binary_quantize(NULL::halfvec),
	subvector('[1]'::halfvec, NULL, 1), '[1]'::halfvec + NULL;

-- errors
SELECT command, pg_temp.error_of('SELECT ' || command)
FROM (VALUES
	('l2_distance(''[1,2]''::halfvec, ''[1]'')'), ('''[1,2]''::halfvec <-> ''[3]'''), ('halfvec_l2_squared_distance(''[1]'', ''[1,2]'')'),
	('inner_product(''[1,2]''::halfvec, ''[3]'')'), ('''[1,2]''::halfvec <#> ''[3]'''), ('halfvec_negative_inner_product(''[1]'', ''[1,2]'')'),
	('cosine_distance(''[1,2]''::halfvec, ''[3]'')'), ('''[1]''::halfvec <=> ''[3,4]'''), ('halfvec_spherical_distance(''[1]'', ''[1,2]'')'),
	('l1_distance(''[1,2]''::halfvec, ''[3]'')'), ('''[1,2]''::halfvec <+> ''[3]'''),
	('''[1,2]''::halfvec + ''[3]'''), ('''[1,2]''::halfvec - ''[3]'''), ('''[1]''::halfvec * ''[2,3]'''),
	('''[65504]''::halfvec + ''[65504]'''), ('''[1,-65504]''::halfvec + ''[1,-65504]'''),
	('''[-65504]''::halfvec - ''[65504]'''), ('''[65504]''::halfvec * ''[10]'''), ('''[-65504]''::halfvec * ''[65504]'''),
	('''[65504]''::halfvec + ''[16]'''), ('''[256]''::halfvec * ''[256]'''),
	('''[1e-4]''::halfvec * ''[1e-4]'''), ('''[1,-6e-08]''::halfvec * ''[1,0.5]'''), ('''[6e-08,300]''::halfvec * ''[0.1,300]'''), ('''[300,6e-08]''::halfvec * ''[300,0.1]'''),
	('array_fill(1, ''{16000}'')::halfvec || ''[1]'''), ('array_fill(1, ''{16000}'')::halfvec || array_fill(1, ''{16000}'')::halfvec'),
	('subvector(''[1,2,3]''::halfvec, 1, 0)'), ('subvector(''[1,2,3]''::halfvec, 1, -1)'), ('subvector(''[1,2,3]''::halfvec, 4, 1)'),
	('subvector(''[1,2,3]''::halfvec, -1, 2)'), ('subvector(''[1,2,3]''::halfvec, -5, 3)'), ('subvector(''[1,2,3]''::halfvec, 2147483647, 2147483647)'),
	('subvector(''[1,2,3]''::halfvec, -2147483648, 2147483647)'), ('subvector(''[1,2,3]''::halfvec, -2147483648, -2147483648)')
) AS t (command);

-- what the planner knows of them
SELECT p.oid::regprocedure, prorettype::regtype, provolatile, proisstrict, proparallel, prokind
FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
	JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
WHERE extname = 'vectorstore' AND deptype = 'e'
	AND ('halfvec'::regtype = ANY (proargtypes) OR prorettype = 'halfvec'::regtype
		OR proname IN ('halfvec_typmod_in', 'halfvec_combine'))
	AND NOT EXISTS (SELECT FROM unnest(proargtypes || prorettype) AS t (type)
		WHERE type::regtype::text = 'sparsevec')
ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT o.oprname, o.oprleft::regtype, o.oprright::regtype, o.oprresult::regtype, proname AS function,
	c.oprname AS commutator, n.oprname AS negator, o.oprrest, o.oprjoin, o.oprcanmerge, o.oprcanhash
FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode
	LEFT JOIN pg_operator c ON c.oid = o.oprcom LEFT JOIN pg_operator n ON n.oid = o.oprnegate
WHERE o.oprleft = 'halfvec'::regtype OR o.oprright = 'halfvec'::regtype
ORDER BY o.oprname COLLATE "C";
