-- Casts of sparsevec: from arrays of numbers, to and from dense types, and to a type modifier.

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
SELECT ARRAY[1,0,3]::sparsevec, ARRAY[1.5,0,-3]::sparsevec, ARRAY[1.5,0]::real[]::sparsevec, ARRAY[0,1.5]::float8[]::sparsevec;
SELECT '{1,0,3}'::int[]::sparsevec(3), '{0,2}'::real[]::sparsevec(2), '{1,0}'::float8[]::sparsevec(2), '{0,0}'::numeric[]::sparsevec(2);
-- rounded to the nearest float4; what is zero then is no element
SELECT ARRAY[2147483647,-2147483648,16777217]::sparsevec, ARRAY[0.1,1e-50,-0.0]::float8[]::sparsevec, ARRAY['-0',1]::real[]::sparsevec, ARRAY[0.1,12345678.9,0.00]::numeric[]::sparsevec;
SELECT '[5:6]={0,2}'::int[]::sparsevec;
-- a null bitmap without nulls in it
SELECT ((ARRAY[NULL,1,0]::int[])[2:3])::sparsevec, ((ARRAY[NULL,1,0]::real[])[2:3])::sparsevec,
	((ARRAY[NULL,1,0]::float8[])[2:3])::sparsevec, ((ARRAY[NULL,1,0]::numeric[])[2:3])::sparsevec;
-- more dimensions than a dense type has, as long as few are set
SELECT (array_fill(0, '{100000}') || 7)::sparsevec, (array_fill(0::float8, '{100000}') || 0.5::float8)::sparsevec;
SELECT l1_distance(array_fill(1::float8, '{16000}')::sparsevec, '{}/16000'), l1_distance(array_fill(1::numeric, '{16000}')::sparsevec, '{}/16000');

SELECT command, pg_temp.error_of('SELECT ' || command)
FROM (VALUES
	('ARRAY[1,2,3]::sparsevec(2)'), ('ARRAY[1,2]::real[]::sparsevec(3)'), ('ARRAY[1,2]::float8[]::sparsevec(3)'),
	('ARRAY[1.5,2]::sparsevec(3)'),
	('''{}''::int[]::sparsevec'), ('''{}''::real[]::sparsevec'), ('''{}''::float8[]::sparsevec'), ('''{}''::numeric[]::sparsevec'),
	('''{{1,2},{3,4}}''::int[]::sparsevec'), ('''{{1}}''::real[]::sparsevec'),
	('ARRAY[1,NULL]::sparsevec'), ('ARRAY[NULL]::real[]::sparsevec'), ('ARRAY[1,NULL]::float8[]::sparsevec'), ('ARRAY[NULL,1.5]::sparsevec'),
	('''{NaN}''::real[]::sparsevec'), ('''{1,NaN}''::float8[]::sparsevec'), ('''{NaN}''::numeric[]::sparsevec'),
	('''{Infinity}''::real[]::sparsevec'), ('''{-Infinity}''::float8[]::sparsevec'), ('''{Infinity}''::numeric[]::sparsevec'),
	('''{1e39}''::float8[]::sparsevec'), ('''{1e39}''::numeric[]::sparsevec'),
	('array_fill(1, ''{16001}'')::sparsevec'), ('array_fill(1::real, ''{16001}'')::sparsevec'),
	('array_fill(1::float8, ''{16001}'')::sparsevec'), ('array_fill(1::numeric, ''{16001}'')::sparsevec'),
	('ARRAY[''a'']::sparsevec'), ('ARRAY[1::bigint]::sparsevec')
) AS t (command);

-- from and to vector
SELECT '[0,1.5,0,3.5]'::vector::sparsevec, '[0,1.5,0,3.5]'::vector::sparsevec(4), '[0,-0]'::vector::sparsevec, '[1e-45]'::vector::sparsevec;
SELECT '{2:1.5,4:3.5}/5'::sparsevec::vector, '{2:1.5,4:3.5}/5'::sparsevec::vector(5), '{}/3'::sparsevec::vector, '{16000:1}/16000'::sparsevec::vector <-> '{}/16000'::sparsevec::vector;
SELECT bool_and(v::sparsevec::vector = v) FROM (SELECT ARRAY[i % 2, i % 3, 0, i % 5, -i % 7]::vector AS v FROM generate_series(1, 300) i) t;
SELECT pg_temp.error_of($$SELECT '[0,1]'::vector::sparsevec(3)$$);
SELECT pg_temp.error_of($$SELECT '{}/5'::sparsevec::vector(4)$$);
SELECT pg_temp.error_of($$SELECT '{}/16001'::sparsevec::vector$$);
SELECT pg_temp.error_of($$SELECT '{}/16001'::sparsevec::vector(3)$$);
-- a vector where a sparsevec is asked for, but not the other way round
SELECT '{1:1}/2'::sparsevec <-> '[1,1]'::vector::sparsevec, l2_norm('[3,4]'::vector::sparsevec);
CREATE FUNCTION pg_temp.text_of(sparsevec) RETURNS text LANGUAGE sql AS 'SELECT $1::text';
SELECT pg_temp.text_of('[0,2]'::vector);
CREATE FUNCTION pg_temp.text_of_dense(vector) RETURNS text LANGUAGE sql AS 'SELECT $1::text';
SELECT pg_temp.error_of($$SELECT pg_temp.text_of_dense('{}/1'::sparsevec)$$);
CREATE TEMP TABLE dense (v vector(3));
INSERT INTO dense VALUES ('{1:1,3:2}/3'::sparsevec);
SELECT v FROM dense;
SELECT pg_temp.error_of($$INSERT INTO dense VALUES ('{1:1}/4'::sparsevec)$$);

-- from and to halfvec
SELECT '[0,1.5,0,3.5]'::halfvec::sparsevec, '[0,1.5,0,3.5]'::halfvec::sparsevec(4), '[0,-0]'::halfvec::sparsevec, '[6e-8,65504]'::halfvec::sparsevec, '[0.1]'::halfvec::sparsevec;
SELECT '{2:1.5,4:3.5}/5'::sparsevec::halfvec, '{2:1.5,4:3.5}/5'::sparsevec::halfvec(5), '{}/3'::sparsevec::halfvec, '{16000:1}/16000'::sparsevec::halfvec <-> '{}/16000'::sparsevec::halfvec;
-- rounded to the nearest half
SELECT '{1:0.1,2:65519,3:1e-8,4:-1e-30}/4'::sparsevec::halfvec;
SELECT bool_and(v::sparsevec::halfvec = v) FROM (SELECT ARRAY[i % 2, i % 3, 0, i % 5, -i % 7]::halfvec AS v FROM generate_series(1, 300) i) t;
SELECT pg_temp.error_of($$SELECT '[0,1]'::halfvec::sparsevec(3)$$);
SELECT pg_temp.error_of($$SELECT '{}/5'::sparsevec::halfvec(4)$$);
SELECT pg_temp.error_of($$SELECT '{}/16001'::sparsevec::halfvec$$);
SELECT pg_temp.error_of($$SELECT '{1:65520}/1'::sparsevec::halfvec$$), pg_temp.error_of($$SELECT '{1:1,2:-1e10}/3'::sparsevec::halfvec$$);
SELECT pg_temp.text_of('[0,2]'::halfvec);
CREATE FUNCTION pg_temp.text_of_half(halfvec) RETURNS text LANGUAGE sql AS 'SELECT $1::text';
SELECT pg_temp.error_of($$SELECT pg_temp.text_of_half('{}/1'::sparsevec)$$);
CREATE TEMP TABLE half (v halfvec(3));
INSERT INTO half VALUES ('{1:1,3:2}/3'::sparsevec);
SELECT v FROM half;

-- to a type modifier
CREATE TEMP TABLE modified (v sparsevec(2));
INSERT INTO modified VALUES ('{1:1}/2'::sparsevec), ('{2:4}/2'::sparsevec(2)), (ARRAY[5,6]), (ARRAY[7,0]::real[]),
	(ARRAY[9,10]::float8[]), (ARRAY[11,0]::numeric[]), ('[0,12]'::vector), (NULL);
SELECT * FROM modified;
SELECT pg_temp.error_of($$INSERT INTO modified VALUES ('{}/3'::sparsevec)$$);
SELECT pg_temp.error_of($$INSERT INTO modified VALUES (ARRAY[1,2,3])$$);
SELECT pg_temp.error_of($$INSERT INTO modified VALUES ('[1,2,3]'::vector)$$);
SELECT pg_temp.error_of($$SELECT v::sparsevec(3) FROM modified$$);
SELECT pg_temp.error_of($$ALTER TABLE modified ALTER v TYPE sparsevec(3)$$);
ALTER TABLE modified ALTER v TYPE sparsevec;
INSERT INTO modified VALUES ('{3:1}/3');
SELECT pg_temp.error_of($$ALTER TABLE modified ALTER v TYPE sparsevec(2)$$);
ALTER TABLE modified ALTER v TYPE vector;
SELECT v FROM modified ORDER BY v LIMIT 3;

-- all of them
SELECT castsource::regtype, casttarget::regtype, castfunc::regprocedure, castcontext, castmethod
FROM pg_cast
WHERE 'sparsevec'::regtype IN (castsource, casttarget)
ORDER BY castsource::regtype::text, casttarget::regtype::text;
