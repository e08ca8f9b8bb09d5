-- Type vector: text and binary input and output, type modifier, storage.

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

-- text that is accepted
SELECT '[1,2,3]'::vector;
SELECT '[-1,+2,3.5]'::vector;
SELECT E' [ 1,\t2 ,\n3\r\x0b\f] '::vector;
SELECT '[.5,5.,0x10,1E3,-1e-3]'::vector;
SELECT '[0,-0]'::vector;
SELECT '[1.23456789,16777217,0.1]'::vector;
SELECT '[3.4028235e38,-3.4028235e38,1.1754944e-38,1e-45]'::vector;
-- too small for a float4: zero, or the nearest denormal
SELECT '[1e-46,-1e-46,1.4e-45]'::vector;
-- the shortest digits that read back as the same value
SELECT bool_and(x = (('[' || x || ']')::vector::real[])[1])
FROM (SELECT (random() * 10 ^ (i % 60 - 30))::real AS x FROM generate_series(1, 1000) i) s;
SELECT vector_dims(('[' || repeat('1,', 15999) || '1]')::vector);

-- text that is not
SELECT input, pg_temp.error_of(format('SELECT %L::vector', input))
FROM (VALUES
	(''), (' '), ('['), ('[]'), ('[ ]'), ('[,]'), ('[1'), ('[1,'), ('[1,]'), ('[,1]'), ('[1,,2]'),
	('[1 2]'), ('[1;2]'), ('[a]'), ('[1a]'), ('[1,2'), ('1,2]'), ('1'), ('{1,2}'), ('(1,2)'),
	('[[1]]'), ('[1]]'), ('[1],'), ('[1] 2'), ('[1][2]'), ('[e5]'), ('[--1]'), ('[- 1]'), ('[''1'']'),
	('[nan]'), ('[1,NaN]'), ('[inf]'), ('[-Infinity]'), ('[1,infinity,2]'),
	('[4e38]'), ('[1,-4e38]'), ('[1e400,1]')
) AS t (input);
SELECT pg_temp.error_of($$SELECT ('[' || repeat('1,', 16000) || '1]')::vector$$);
-- the part that is too long decides, not what follows it
SELECT pg_temp.error_of($$SELECT ('[' || repeat('1,', 16000) || 'x]')::vector$$);
SELECT '[1,2'::vector;
SELECT 'x'::vector;
SELECT '[1] x'::vector;

-- errors can be caught without a subtransaction where the server knows how (16)
DO $$
DECLARE
	message text;
BEGIN
	IF current_setting('server_version_num')::int >= 160000 THEN
		FOR message IN EXECUTE $q$
			SELECT (pg_input_error_info(input, type)).sql_error_code || input || type
			FROM (VALUES ('[1', 'vector', '22P02'), ('[]', 'vector', '22000'),
				('[nan]', 'vector', '22000'), ('[4e38]', 'vector', '22003'),
				('[1,2]', 'vector(3)', '22000'), ('[1] x', 'vector', '22P02'),
				('[' || repeat('1,', 16000) || '1]', 'vector', '54000')) AS t (input, type, code)
			WHERE (pg_input_error_info(input, type)).sql_error_code IS DISTINCT FROM code
		$q$
		LOOP
			RAISE 'unexpected: %', message;
		END LOOP;
	END IF;
END $$;

-- type modifier
SELECT '[1,2,3]'::vector(3);
SELECT pg_temp.error_of($$SELECT '[1,2,3]'::vector(2)$$);
SELECT pg_temp.error_of($$SELECT '[1,2,3]'::vector(4)$$);
SELECT modifier, pg_temp.error_of(format('CREATE TEMP TABLE never (v vector(%s))', modifier))
FROM (VALUES ('0'), ('-1'), ('16001'), ('2,3'), ('2147483648'), ('a')) AS t (modifier);
CREATE TEMP TABLE modified (plain vector, least vector(1), most vector(16000), list vector(3)[]);
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = 'modified'::regclass AND attnum > 0 ORDER BY attnum;
SELECT pg_typeof('[1]'::vector), pg_typeof('[1]'::vector(1)), pg_typeof('{"[1]"}'::vector[]);
SELECT pg_temp.error_of($$INSERT INTO modified (least) VALUES ('[1,2]')$$);
SELECT pg_temp.error_of($$INSERT INTO modified (list) VALUES ('{"[1,2,3]","[1,2]"}')$$);
INSERT INTO modified VALUES ('[1]', '[2]', NULL, '{"[1,2,3]","[4,5,6]"}');
SELECT * FROM modified;

-- properties of the type
SELECT typlen, typbyval, typalign, typstorage, typcategory, typdelim,
	typinput, typoutput, typreceive, typsend, typmodin, typmodout, typsubscript, typanalyze
FROM pg_type WHERE oid = 'vector'::regtype;
SELECT pg_column_size('[1,2,3]'::vector) AS three, pg_column_size(array_fill(1, '{16000}')::vector) AS most;

-- long values are stored out of line, and not compressed
CREATE TEMP TABLE long_vectors (id int, v vector);
INSERT INTO long_vectors
	SELECT d, array_agg(d + i ORDER BY i)::vector
	FROM (VALUES (1), (30), (31), (100), (2000), (16000)) AS t (d), generate_series(1, d) i GROUP BY d;
SELECT id, pg_column_size(v), vector_dims(v), v::real[] = (SELECT array_agg((id + i)::real ORDER BY i) FROM generate_series(1, id) i) AS same
FROM long_vectors ORDER BY id;

-- binary form: int16 dimensions, int16 0, float4s, in network byte order
SELECT vector_send('[1,-2,0.5]');
SELECT length(vector_send(array_fill(1, '{16000}')::vector));

-- binary round trip
\getenv abs_builddir PG_ABS_BUILDDIR
\set file :abs_builddir '/results/vector_type.bin'
CREATE TEMP TABLE original (id int, v vector, three vector(3));
CREATE TEMP TABLE restored (LIKE original);
INSERT INTO original VALUES
	(1, '[0]', '[1,2,3]'), (2, NULL, NULL), (3, '[-0,1e-45,3.4028235e38]', '[-1,0.1,1e10]'),
	(4, array_fill(0.25::real, '{16000}'), NULL);
COPY original TO :'file' WITH (FORMAT binary);
COPY restored FROM :'file' WITH (FORMAT binary);
SELECT count(*), bool_and(o.v::text IS NOT DISTINCT FROM r.v::text
	AND o.three::text IS NOT DISTINCT FROM r.three::text) AS same
FROM original o JOIN restored r USING (id);
-- and as text
COPY original TO :'file';
TRUNCATE restored;
COPY restored FROM :'file';
SELECT count(*), bool_and(o.v::text IS NOT DISTINCT FROM r.v::text
	AND o.three::text IS NOT DISTINCT FROM r.three::text) AS same
FROM original o JOIN restored r USING (id);

-- binary input that is wrong: these bytes as the value of a vector(2)
CREATE TEMP TABLE received (v vector(2));
CREATE FUNCTION pg_temp.receive(bytes bytea, file text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('COPY (SELECT %L::bytea) TO %L WITH (FORMAT binary)', bytes, file);
	RETURN pg_temp.error_of(format('COPY received FROM %L WITH (FORMAT binary)', file));
END $$;
SELECT what, pg_temp.receive(bytes, :'file')
FROM (VALUES
	('right', '\x00020000 3f800000 40000000'::bytea),
	('empty', '\x'),
	('half a dimension', '\x00'),
	('dimension alone', '\x0002'),
	('header cut', '\x000200'),
	('no elements', '\x00020000'),
	('an element missing', '\x00020000 3f800000'),
	('an element cut', '\x00020000 3f800000 400000'),
	('bytes left', '\x00020000 3f800000 40000000 00'),
	('an element too much', '\x00020000 3f800000 40000000 40000000'),
	('no dimensions', '\x00000000'),
	('negative dimensions', '\xffff0000 3f800000'),
	('too many dimensions', '\x3e810000 3f800000'),
	('dimensions for another type modifier', '\x00030000 3f800000 40000000 40400000'),
	('unused is set', '\x00020001 3f800000 40000000'),
	('unused is negative', '\x0002ffff 3f800000 40000000'),
	('NaN', '\x00020000 3f800000 7fc00000'),
	('negative NaN', '\x00020000 ffc00001 3f800000'),
	('infinity', '\x00020000 7f800000 3f800000'),
	('negative infinity', '\x00020000 3f800000 ff800000')
) AS t (what, bytes);
SELECT * FROM received;

-- a value on disk whose length doesn't agree with its dimensions is an error, not a crash
CREATE CAST (bytea AS vector) WITHOUT FUNCTION;
SELECT bytes, pg_temp.error_of(format('SELECT %L::bytea::vector %s', bytes, use))
FROM (VALUES ('\x'::bytea), ('\x00'), ('\x00000000'), ('\x0000000000000000'),
	('\x7f7f0000 00000000'), ('\xffff0000 00000000'), ('\x02020000 00000000 00000000')) AS t (bytes),
	(VALUES ('::text'), ('<-> ''[1]'''), ('= ''[1]''')) AS u (use);
DROP CAST (bytea AS vector);
