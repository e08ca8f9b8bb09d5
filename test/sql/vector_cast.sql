-- Casts of vector: from arrays of numbers, to real[], and to a type modifier.

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
SELECT ARRAY[1,2,3]::vector, ARRAY[1.5,2,-3]::vector, ARRAY[1.5,2]::real[]::vector, ARRAY[1.5,2]::float8[]::vector;
SELECT '{1,2,3}'::int[]::vector(3), '{1,2}'::real[]::vector(2), '{1,2}'::float8[]::vector(2), '{1,2}'::numeric[]::vector(2);
-- rounded to the nearest float4
SELECT ARRAY[2147483647,-2147483648,16777217]::vector, ARRAY[0.1,1e-50]::float8[]::vector, ARRAY[0.1,12345678.9]::numeric[]::vector;
SELECT '[5:6]={1,2}'::int[]::vector;
-- a null bitmap without nulls in it
SELECT ((ARRAY[NULL,1,2]::int[])[2:3])::vector, ((ARRAY[NULL,1,2]::real[])[2:3])::vector,
	((ARRAY[NULL,1,2]::float8[])[2:3])::vector, ((ARRAY[NULL,1,2]::numeric[])[2:3])::vector;
SELECT vector_dims(array_fill(1::float8, '{16000}')::vector), vector_dims(array_fill(1::numeric, '{16000}')::vector);

SELECT command, pg_temp.error_of('SELECT ' || command)
FROM (VALUES
	('ARRAY[1,2,3]::vector(2)'), ('ARRAY[1,2]::real[]::vector(3)'), ('ARRAY[1,2]::float8[]::vector(3)'),
	('ARRAY[1.5,2]::vector(3)'),
	('''{}''::int[]::vector'), ('''{}''::real[]::vector'), ('''{}''::float8[]::vector'), ('''{}''::numeric[]::vector'),
	('''{{1,2},{3,4}}''::int[]::vector'), ('''{{1}}''::real[]::vector'),
	('ARRAY[1,NULL]::vector'), ('ARRAY[NULL]::real[]::vector'), ('ARRAY[1,NULL]::float8[]::vector'), ('ARRAY[NULL,1.5]::vector'),
	('''{NaN}''::real[]::vector'), ('''{1,NaN}''::float8[]::vector'), ('''{NaN}''::numeric[]::vector'),
	('''{Infinity}''::real[]::vector'), ('''{-Infinity}''::float8[]::vector'), ('''{Infinity}''::numeric[]::vector'),
	('''{1e39}''::float8[]::vector'), ('''{1e39}''::numeric[]::vector'),
	('array_fill(0, ''{16001}'')::vector'), ('array_fill(0::real, ''{16001}'')::vector'),
	('array_fill(0::float8, ''{16001}'')::vector'), ('array_fill(0::numeric, ''{16001}'')::vector'),
	('ARRAY[''a'']::vector'), ('ARRAY[1::bigint]::vector')
) AS t (command);

-- to real[]
SELECT '[1,2.5,-3]'::vector::real[], '[1,2,3]'::vector(3)::real[];
SELECT array_dims('[1,2,3]'::vector::real[]), array_ndims(array_fill(1, '{16000}')::vector::real[]);
SELECT unnest('[1,2]'::vector::real[]), '[1.5,2]'::vector::real[]::float8[];
-- implicitly, where a real[] is asked for
CREATE FUNCTION pg_temp.first_element(real[]) RETURNS real LANGUAGE sql AS 'SELECT $1[1]';
SELECT pg_temp.first_element('[1.5,2]'::vector);

-- to a type modifier
CREATE TEMP TABLE modified (v vector(2));
INSERT INTO modified VALUES ('[1,2]'::vector), ('[3,4]'::vector(2)), (ARRAY[5,6]), (ARRAY[7,8]::real[]),
	(ARRAY[9,10]::float8[]), (ARRAY[11,12]::numeric[]), (NULL);
SELECT * FROM modified;
SELECT pg_temp.error_of($$INSERT INTO modified VALUES ('[1,2,3]'::vector)$$);
SELECT pg_temp.error_of($$INSERT INTO modified VALUES (ARRAY[1,2,3])$$);
SELECT pg_temp.error_of($$SELECT v::vector(3) FROM modified$$);
SELECT pg_temp.error_of($$ALTER TABLE modified ALTER v TYPE vector(3)$$);
ALTER TABLE modified ALTER v TYPE vector;
INSERT INTO modified VALUES ('[1,2,3]');
SELECT pg_temp.error_of($$ALTER TABLE modified ALTER v TYPE vector(2)$$);
ALTER TABLE modified ALTER v TYPE real[];
SELECT v FROM modified ORDER BY v LIMIT 2;

-- all of them
SELECT castsource::regtype, casttarget::regtype, castfunc::regprocedure, castcontext, castmethod
FROM pg_cast
WHERE (castsource = 'vector'::regtype AND casttarget IN ('vector'::regtype, 'real[]'::regtype))
	OR (casttarget = 'vector'::regtype AND castsource::regtype::text LIKE '%[]')
ORDER BY castsource::regtype::text, casttarget::regtype::text;
