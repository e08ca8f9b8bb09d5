-- Type sparsevec: text and binary input and output, type modifier, storage.

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
SELECT '{1:1.5,3:2}/5'::sparsevec;
SELECT '{1:-1,2:+2,+3:3.5}/+3'::sparsevec;
SELECT E' { 1\t:\n2 ,\r3 :\x0b 4\f} / 5 '::sparsevec;
SELECT '{1:.5,2:5.,3:0x10,4:1E3,5:-1e-3}/5'::sparsevec;
SELECT '{}/5'::sparsevec, ' { } / 1 '::sparsevec, '{}/1000000000'::sparsevec;
SELECT '{1:1.23456789,2:16777217,3:0.1}/3'::sparsevec;
SELECT '{1:3.4028235e38,2:-3.4028235e38,3:1.1754944e-38,4:1e-45,1000000000:1.4e-45}/1000000000'::sparsevec;
SELECT '{007:1}/010'::sparsevec;
-- in any order
SELECT '{3:3,1:1,2:2}/3'::sparsevec, '{5:1,1:5}/9'::sparsevec;
-- zeros are dropped, wherever they are
SELECT '{1:0,2:-0,3:1}/3'::sparsevec, '{1:0}/1'::sparsevec, '{1:0,1:0,1:2}/2'::sparsevec, '{7:0,0:0,-1:0}/2'::sparsevec;
-- the shortest digits that read back as the same value
SELECT bool_and(x = (('{2:' || x || '}/2')::sparsevec::vector::real[])[2])
FROM (SELECT (random() * 10 ^ (i % 60 - 30))::real AS x FROM generate_series(1, 1000) i) s;
-- the most elements, in reverse
SELECT l2_distance(many, '{}/16000') = sqrt(16000), length(many::text)
FROM (SELECT ('{' || string_agg(i || ':1', ',' ORDER BY i DESC) || '}/16000')::sparsevec AS many FROM generate_series(1, 16000) i) t;

-- text that is not
SELECT input, pg_temp.error_of(format('SELECT %L::sparsevec', input))
FROM (VALUES
	(''), (' '), ('{'), ('{}'), ('{ }'), ('{} '), ('{}/'), ('{}/ '), ('{}/x'), ('{}/-'), ('{,}/1'), ('{1'), ('{1:'), ('{1:}/1'), ('{1:1'), ('{1:1,'),
	('{1:1,}/1'), ('{,1:1}/1'), ('{1:1,,2:1}/2'), ('{:1}/1'), ('{1:1 2:1}/2'), ('{1:1;2:1}/2'), ('{1 1}/1'), ('{1=1}/1'), ('{a:1}/1'), ('{1:a}/1'), ('{1:1a}/1'),
	('{1.5:1}/2'), ('{1e0:1}/1'), ('{0x1:1}/1'), ('{1:1}'), ('{1:1}1'), ('{1:1} 1'), ('{1:1}//1'), ('{1:1}/1/1'), ('{1:1}/1x'), ('{1:1}/1.5'), ('{1:1}/1 2'), ('{1:1}}/1'), ('{{1:1}}/1'),
	('1:1}/1'), ('[1,2]'), ('(1:1)/1'), ('{1:--1}/1'), ('{1:- 1}/1'), ('{- 1:1}/1'),
	('{}/0'), ('{}/-1'), ('{}/1000000001'), ('{}/2147483648'), ('{}/99999999999999999999'), ('{}/-99999999999999999999'),
	('{0:1}/1'), ('{-1:1}/1'), ('{2:1}/1'), ('{1:1,5:1}/4'), ('{2147483647:1}/1000000000'), ('{2147483648:1}/2'), ('{-2147483648:1}/2'), ('{-2147483649:1}/2'), ('{99999999999999999999:1}/2'),
	('{1:1,1:2}/2'), ('{1:1,2:2,1:3}/2'), ('{1:1,1:2,9:1}/2'),
	('{1:nan}/1'), ('{1:1,2:NaN}/2'), ('{1:inf}/1'), ('{1:-Infinity}/1'), ('{1:1,2:infinity}/2'),
	('{1:4e38}/1'), ('{1:-4e38}/1'), ('{1:1e400}/1'), ('{1:1e-46}/1'), ('{1:-1e-46}/1'), ('{1: 1e-400 }/1')
) AS t (input);
-- what is listed counts, zeros too, and decides before anything else is read
SELECT pg_temp.error_of($$SELECT ('{' || string_agg(i || ':1', ',') || '}/16001')::sparsevec FROM generate_series(1, 16001) i$$);
SELECT pg_temp.error_of($$SELECT ('{' || string_agg(i || ':0', ',') || '}/16001')::sparsevec FROM generate_series(1, 16001) i$$);
SELECT pg_temp.error_of($$SELECT repeat(',', 16000)::sparsevec$$);
SELECT '{1:1'::sparsevec;
SELECT '[1,2]'::sparsevec;
SELECT '{1:1}'::sparsevec;
SELECT '{1:1}/2 x'::sparsevec;

-- errors can be caught without a subtransaction where the server knows how (16)
DO $$
DECLARE
	message text;
BEGIN
	IF current_setting('server_version_num')::int >= 160000 THEN
		FOR message IN EXECUTE $q$
			SELECT (pg_input_error_info(input, type)).sql_error_code || input || type
			FROM (VALUES ('{1', 'sparsevec', '22P02'), ('{}/0', 'sparsevec', '22000'),
				('{1:nan}/1', 'sparsevec', '22000'), ('{1:4e38}/1', 'sparsevec', '22003'), ('{1:1e-46}/1', 'sparsevec', '22003'),
				('{1:1}/2', 'sparsevec(3)', '22000'), ('{1:1}/1 x', 'sparsevec', '22P02'), ('{1:1}', 'sparsevec', '22P02'), ('{1:1}/x', 'sparsevec', '22P02'),
				('{3:1}/2', 'sparsevec', '22000'), ('{1:1,1:1}/2', 'sparsevec', '22000'), ('{}/1000000001', 'sparsevec', '54000'),
				(repeat(',', 16000), 'sparsevec', '54000')) AS t (input, type, code)
			WHERE (pg_input_error_info(input, type)).sql_error_code IS DISTINCT FROM code
		$q$
		LOOP
			RAISE 'unexpected: %', message;
		END LOOP;
	END IF;
END $$;

-- type modifier
SELECT '{1:1}/3'::sparsevec(3);
SELECT pg_temp.error_of($$SELECT '{1:1}/3'::sparsevec(2)$$);
SELECT pg_temp.error_of($$SELECT '{1:1}/3'::sparsevec(4)$$);
SELECT modifier, pg_temp.error_of(format('CREATE TEMP TABLE never (v sparsevec(%s))', modifier))
FROM (VALUES ('0'), ('-1'), ('1000000001'), ('2,3'), ('2147483648'), ('a')) AS t (modifier);
CREATE TEMP TABLE modified (plain sparsevec, least sparsevec(1), most sparsevec(1000000000), list sparsevec(3)[]);
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = 'modified'::regclass AND attnum > 0 ORDER BY attnum;
SELECT pg_typeof('{}/1'::sparsevec), pg_typeof('{}/1'::sparsevec(1)), pg_typeof('{"{}/1"}'::sparsevec[]);
SELECT pg_temp.error_of($$INSERT INTO modified (least) VALUES ('{}/2')$$);
SELECT pg_temp.error_of($$INSERT INTO modified (list) VALUES ('{"{}/3","{}/2"}')$$);
INSERT INTO modified VALUES ('{1:1}/1', '{1:2}/1', NULL, '{"{1:1,2:2}/3","{3:6}/3"}');
SELECT * FROM modified;

-- properties of the type
SELECT typlen, typbyval, typalign, typstorage, typcategory, typdelim,
	typinput, typoutput, typreceive, typsend, typmodin, typmodout, typsubscript, typanalyze
FROM pg_type WHERE oid = 'sparsevec'::regtype;
SELECT pg_column_size('{}/9'::sparsevec) AS none, pg_column_size('{1:1,7:2}/9'::sparsevec) AS two, pg_column_size(array_fill(1, '{16000}')::sparsevec) AS most;

-- long values are stored out of line, and not compressed
CREATE TEMP TABLE long_values (id int, v sparsevec);
INSERT INTO long_values
	SELECT d, array_agg(d + i ORDER BY i)::sparsevec
	FROM (VALUES (1), (12), (13), (100), (2000), (16000)) AS t (d), generate_series(1, d) i GROUP BY d;
SELECT id, pg_column_size(v), v::vector::real[] = (SELECT array_agg((id + i)::real ORDER BY i) FROM generate_series(1, id) i) AS same
FROM long_values ORDER BY id;

-- binary form: int32 dimensions, int32 elements, int32 0, int32 indices from 0, float4s, in network byte order
SELECT sparsevec_send('{1:1,3:-2,5:0.5}/6');
SELECT sparsevec_send('{}/1000000000');
SELECT length(sparsevec_send(array_fill(1, '{16000}')::sparsevec));

-- binary round trip
\getenv abs_builddir PG_ABS_BUILDDIR
\set file :abs_builddir '/results/sparsevec_type.bin'
CREATE TEMP TABLE original (id int, v sparsevec, three sparsevec(3));
CREATE TEMP TABLE restored (LIKE original);
INSERT INTO original VALUES
	(1, '{}/1', '{1:1,2:2,3:3}/3'), (2, NULL, NULL), (3, '{1:1e-45,999999999:3.4028235e38}/1000000000', '{2:0.1}/3'),
	(4, array_fill(0.25::real, '{16000}')::sparsevec, '{}/3');
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

-- binary input that is wrong: these bytes as the value of a sparsevec(4)
CREATE TEMP TABLE received (v sparsevec(4));
CREATE FUNCTION pg_temp.receive(bytes bytea, file text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('COPY (SELECT %L::bytea) TO %L WITH (FORMAT binary)', bytes, file);
	RETURN pg_temp.error_of(format('COPY received FROM %L WITH (FORMAT binary)', file));
END $$;
SELECT what, pg_temp.receive(bytes, :'file')
FROM (VALUES
	('right', '\x00000004 00000002 00000000 00000000 00000002 3f800000 40000000'::bytea),
	('right without elements', '\x00000004 00000000 00000000'),
	('empty', '\x'),
	('header cut', '\x00000004 00000000 000000'),
	('no elements', '\x00000004 00000001 00000000'),
	('no values', '\x00000004 00000001 00000000 00000000'),
	('an index cut', '\x00000004 00000001 00000000 000000'),
	('a value missing', '\x00000004 00000002 00000000 00000000 00000002 3f800000'),
	('a value cut', '\x00000004 00000002 00000000 00000000 00000002 3f800000 400000'),
	('bytes left', '\x00000004 00000002 00000000 00000000 00000002 3f800000 40000000 00'),
	('an element too much', '\x00000004 00000000 00000000 00000000 3f800000'),
	('no dimensions', '\x00000000 00000000 00000000'),
	('negative dimensions', '\xffffffff 00000000 00000000'),
	('too many dimensions', '\x3b9aca01 00000000 00000000'),
	('negative elements', '\x00000004 ffffffff 00000000'),
	('too many elements', '\x00000004 00003e81 00000000'),
	('more elements than dimensions', '\x00000004 00000005 00000000 00000000 00000001 00000002 00000003 00000004 3f800000 3f800000 3f800000 3f800000 3f800000'),
	('dimensions for another type modifier', '\x00000003 00000000 00000000'),
	('unused is set', '\x00000004 00000000 00000001'),
	('unused is negative', '\x00000004 00000000 ffffffff'),
	('index too low', '\x00000004 00000001 00000000 ffffffff 3f800000'),
	('index too high', '\x00000004 00000001 00000000 00000004 3f800000'),
	('indices descend', '\x00000004 00000002 00000000 00000002 00000001 3f800000 40000000'),
	('index twice', '\x00000004 00000002 00000000 00000002 00000002 3f800000 40000000'),
	('zero', '\x00000004 00000001 00000000 00000000 00000000'),
	('negative zero', '\x00000004 00000001 00000000 00000000 80000000'),
	('NaN', '\x00000004 00000001 00000000 00000000 7fc00000'),
	('negative NaN', '\x00000004 00000001 00000000 00000000 ffc00001'),
	('infinity', '\x00000004 00000001 00000000 00000000 7f800000'),
	('negative infinity', '\x00000004 00000001 00000000 00000000 ff800000')
) AS t (what, bytes);
SELECT * FROM received;

-- a value on disk whose length doesn't agree with its elements is an error, not a crash
CREATE CAST (bytea AS sparsevec) WITHOUT FUNCTION;
SELECT bytes, pg_temp.error_of(format('SELECT %L::bytea::sparsevec %s', bytes, use))
FROM (VALUES ('\x'::bytea), ('\x00'), ('\x00000000 00000000 00000000'), ('\x05050505 01010101 00000000'),
	('\x05050505 ffffffff 00000000'), ('\xffffffff 00000000 00000000'), ('\x05050505 7f7f7f7f 00000000 00000000 00000000')) AS t (bytes),
	(VALUES ('::text'), ('<-> ''{}/1'''), ('= ''{}/1'''), ('::vector')) AS u (use);
-- nor one with an index that it can't have: the bytes of {1:1}/3 on a little-endian machine, with index 0 replaced
SELECT bytes, pg_temp.error_of(format('SELECT %L::bytea::sparsevec::vector', '\x03000000 01000000 00000000'::bytea || bytes || '\x0000803f'))
FROM (VALUES ('\x03000000'::bytea), ('\xffffffff'), ('\xffffff7f'), ('\x00000080')) AS t (bytes);
SELECT a, a <-> b AS distance, a = b AS equal
FROM (SELECT ('\x03000000 01000000 00000000'::bytea || x || '\x0000803f')::sparsevec AS a, ('\x03000000 01000000 00000000'::bytea || y || '\x0000803f')::sparsevec AS b
	FROM (VALUES ('\xffffffff'::bytea, '\x00000080'::bytea), ('\xffffff7f', '\x00000080'), ('\x03000000', '\x02000000')) AS t (x, y)) t;
DROP CAST (bytea AS sparsevec);
