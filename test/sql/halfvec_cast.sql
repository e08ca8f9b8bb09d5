-- Casts of halfvec: from arrays of numbers, to real[], from and to vector, and to a type modifier.

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

-- from arrays
SELECT ARRAY[1,2,3]::halfvec, ARRAY[1.5,2,-3]::halfvec, ARRAY[1.5,2]::real[]::halfvec, ARRAY[1.5,2]::float8[]::halfvec;
SELECT '{1,2,3}'::int[]::halfvec(3), '{1,2}'::real[]::halfvec(2), '{1,2}'::float8[]::halfvec(2), '{1,2}'::numeric[]::halfvec(2);
-- rounded to the nearest half
SELECT ARRAY[65504,-65519,2049,2051]::halfvec, ARRAY[0.1,1e-50,2.9802326e-08]::float8[]::halfvec, ARRAY[0.1,12345.6789]::numeric[]::halfvec, ARRAY[0.1,65519.99]::real[]::halfvec;
SELECT '[5:6]={1,2}'::int[]::halfvec;
-- a null bitmap without nulls in it
SELECT ((ARRAY[NULL,1,2]::int[])[2:3])::halfvec, ((ARRAY[NULL,1,2]::real[])[2:3])::halfvec,
	((ARRAY[NULL,1,2]::float8[])[2:3])::halfvec, ((ARRAY[NULL,1,2]::numeric[])[2:3])::halfvec;
SELECT vector_dims(array_fill(1::float8, '{16000}')::halfvec), vector_dims(array_fill(1::numeric, '{16000}')::halfvec);

SELECT command, pg_temp.error_of('SELECT ' || command)
FROM (VALUES
	('ARRAY[1,2,3]::halfvec(2)'), ('ARRAY[1,2]::real[]::halfvec(3)'), ('ARRAY[1,2]::float8[]::halfvec(3)'),
	('ARRAY[1.5,2]::halfvec(3)'),
	('''{}''::int[]::halfvec'), ('''{}''::real[]::halfvec'), ('''{}''::float8[]::halfvec'), ('''{}''::numeric[]::halfvec'),
	('''{{1,2},{3,4}}''::int[]::halfvec'), ('''{{1}}''::real[]::halfvec'),
	('ARRAY[1,NULL]::halfvec'), ('ARRAY[NULL]::real[]::halfvec'), ('ARRAY[1,NULL]::float8[]::halfvec'), ('ARRAY[NULL,1.5]::halfvec'),
	('''{NaN}''::real[]::halfvec'), ('''{1,NaN}''::float8[]::halfvec'), ('''{NaN}''::numeric[]::halfvec'),
	('''{Infinity}''::real[]::halfvec'), ('''{-Infinity}''::float8[]::halfvec'), ('''{Infinity}''::numeric[]::halfvec'),
	('''{1e39}''::float8[]::halfvec'), ('''{1e39}''::numeric[]::halfvec'),
	('ARRAY[65520]::halfvec'), ('ARRAY[1,-2147483648]::halfvec'), ('''{65520}''::real[]::halfvec'), ('''{-1e10}''::real[]::halfvec'), ('''{65519.999}''::float8[]::halfvec'),
	('''{1e5}''::numeric[]::halfvec'), ('''{NaN,70000}''::real[]::halfvec'), ('''{3.4028235e38}''::real[]::halfvec'),
	('array_fill(0, ''{16001}'')::halfvec'), ('array_fill(0::real, ''{16001}'')::halfvec'),
	('array_fill(0::float8, ''{16001}'')::halfvec'), ('array_fill(0::numeric, ''{16001}'')::halfvec'),
	('ARRAY[''a'']::halfvec'), ('ARRAY[1::bigint]::halfvec')
) AS t (command);

-- to real[]
SELECT '[1,2.5,-3]'::halfvec::real[], '[1,2,3]'::halfvec(3)::real[];
SELECT array_dims('[1,2,3]'::halfvec::real[]), array_ndims(array_fill(1, '{16000}')::halfvec::real[]);
SELECT unnest('[1,2]'::halfvec::real[]), '[1.5,2]'::halfvec::real[]::float8[];
-- on assignment and when asked for, but not implicitly
CREATE FUNCTION pg_temp.first_element(real[]) RETURNS real LANGUAGE sql AS 'SELECT $1[1]';
SELECT pg_temp.first_element('[1.5,2]'::halfvec::real[]);
SELECT pg_temp.error_of($$SELECT pg_temp.first_element('[1.5,2]'::halfvec)$$) LIKE '42883: %' AS refused;

-- from and to vector
SELECT '[1,2.5,-3]'::vector::halfvec, '[1,2]'::vector(2)::halfvec(2), '[1,2.5,-3]'::halfvec::vector, '[0.1,65504,-6e-08]'::halfvec::vector;
SELECT '[0.1,2049,2051,65519.99,1e-30,-0]'::vector::halfvec;
SELECT bool_and(v::vector::halfvec = v AND v::vector::text = v::text) FROM (SELECT ARRAY[i, i * 0.1, 1.0 / i, -i * 31]::halfvec AS v FROM generate_series(1, 2000) i) t;
SELECT vector_dims(array_fill(1, '{16000}')::vector::halfvec), vector_dims(array_fill(1, '{16000}')::halfvec::vector);
SELECT command, pg_temp.error_of('SELECT ' || command)
FROM (VALUES
	('''[65520]''::vector::halfvec'), ('''[1,-1e10]''::vector::halfvec'), ('''[3.4028235e38]''::vector::halfvec'),
	('''[1,2]''::vector::halfvec(3)'), ('''[1,2]''::halfvec::vector(3)')
) AS t (command);
-- a vector is taken where a halfvec is asked for, not the other way round
CREATE FUNCTION pg_temp.text_of(halfvec) RETURNS text LANGUAGE sql AS 'SELECT $1::text';
CREATE FUNCTION pg_temp.text_of_vector(vector) RETURNS text LANGUAGE sql AS 'SELECT $1::text';
SELECT pg_temp.text_of('[0.1,2]'::vector);
SELECT pg_temp.error_of($$SELECT pg_temp.text_of_vector('[0.1,2]'::halfvec)$$) LIKE '42883: %' AS refused;
SELECT '[1,2]'::vector <-> '[1,4]'::halfvec, '[1,2]'::halfvec <-> '[1,4]'::vector;
CREATE TEMP TABLE vectors (v vector(2), h halfvec(2));
INSERT INTO vectors VALUES ('[1,2]'::halfvec, '[0.1,4]'::vector);
SELECT * FROM vectors;
SELECT pg_temp.error_of($$INSERT INTO vectors (v) VALUES ('[1,2,3]'::halfvec)$$), pg_temp.error_of($$INSERT INTO vectors (h) VALUES ('[1,2,3]'::vector)$$), pg_temp.error_of($$INSERT INTO vectors (h) VALUES ('[1,1e5]'::vector)$$);
-- an expression index that stores half of the bytes
CREATE INDEX ON vectors ((v::halfvec(2)));

-- to a type modifier
CREATE TEMP TABLE modified (v halfvec(2));
INSERT INTO modified VALUES ('[1,2]'::halfvec), ('[3,4]'::halfvec(2)), (ARRAY[5,6]), (ARRAY[7,8]::real[]),
	(ARRAY[9,10]::float8[]), (ARRAY[11,12]::numeric[]), (NULL);
SELECT * FROM modified;
SELECT pg_temp.error_of($$INSERT INTO modified VALUES ('[1,2,3]'::halfvec)$$);
SELECT pg_temp.error_of($$INSERT INTO modified VALUES (ARRAY[1,2,3])$$);
SELECT pg_temp.error_of($$SELECT v::halfvec(3) FROM modified$$);
SELECT pg_temp.error_of($$ALTER TABLE modified ALTER v TYPE halfvec(3)$$);
ALTER TABLE modified ALTER v TYPE halfvec;
INSERT INTO modified VALUES ('[1,2,3]');
SELECT pg_temp.error_of($$ALTER TABLE modified ALTER v TYPE halfvec(2)$$);
ALTER TABLE modified ALTER v TYPE real[];
SELECT v FROM modified ORDER BY v LIMIT 2;

-- all of them
SELECT castsource::regtype, casttarget::regtype, castfunc::regprocedure, castcontext, castmethod
FROM pg_cast
WHERE (castsource = 'halfvec'::regtype AND casttarget IN ('halfvec'::regtype, 'vector'::regtype, 'real[]'::regtype))
	OR (casttarget = 'halfvec'::regtype AND (castsource = 'vector'::regtype OR castsource::regtype::text LIKE '%[]'))
ORDER BY castsource::regtype::text, casttarget::regtype::text;
