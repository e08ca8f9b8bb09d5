-- Type halfvec: text and binary input and output, type modifier, storage.

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
SELECT '[1,2,3]'::halfvec;
SELECT '[-1,+2,3.5]'::halfvec;
SELECT E' [ 1,\t2 ,\n3\r\x0b\f] '::halfvec;
SELECT '[.5,5.,0x10,1E3,-1e-3]'::halfvec;
SELECT '[0,-0]'::halfvec;
-- rounded to the nearest half, of two equally near ones to the even one
SELECT '[1.23456789,2049,2051,0.1,0.3333333]'::halfvec;
SELECT '[1.00048828125,1.0004884,1.00146484375,1.0014647]'::halfvec;
-- the largest and what still rounds to it, the least normal one, subnormals
SELECT '[65504,-65504,65519,-65519.99]'::halfvec;
SELECT '[6.1035156e-05,6.0975552e-05,-5.9604645e-08,1e-07]'::halfvec;
-- too small: zero, or the nearest subnormal
SELECT '[1e-46,-1e-46,2.9802322e-08,2.9802326e-08,-2.9802326e-08,8.940697e-08]'::halfvec;
-- every finite half there is: read as its value, and printed in digits that read back as the same
CREATE TEMP TABLE every_half AS
	SELECT sign * CASE exponent WHEN 0 THEN fraction ELSE (1024 + fraction) * 2.0 ^ (exponent - 1) END * 2.0 ^ -24::float8 AS x
	FROM generate_series(0, 30) exponent, generate_series(0, 1023) fraction, (VALUES (1), (-1)) AS s (sign);
SELECT count(*), count(DISTINCT x), bool_and((('[' || x || ']')::halfvec::real[])[1] = x) AS as_text,
	bool_and((ARRAY[x]::halfvec::real[])[1] = x) AS as_number,
	bool_and(ARRAY[x]::halfvec::text::halfvec = ARRAY[x]::halfvec) AS printed
FROM every_half;
-- what lies between two of them is rounded to the nearer one, and at the midpoint to the even one
SELECT bool_and(rounded = CASE WHEN place < 0.5 OR place = 0.5 AND even THEN low ELSE high END)
FROM (
	SELECT x AS low, next AS high, place, n % 2 = 0 AS even, (ARRAY[x + (next - x) * place]::halfvec::real[])[1]::float8 AS rounded
	FROM (SELECT x, lead(x) OVER (ORDER BY x) AS next, row_number() OVER (ORDER BY x) - 1 AS n FROM (SELECT DISTINCT x FROM every_half WHERE x >= 0) h) s,
		(VALUES (0.25::float8), (0.4990234375), (0.5), (0.5009765625), (0.75)) AS p (place)
	WHERE next IS NOT NULL
) t;
DROP TABLE every_half;
SELECT vector_dims(('[' || repeat('1,', 15999) || '1]')::halfvec);

-- text that is not
SELECT input, pg_temp.error_of(format('SELECT %L::halfvec', input))
FROM (VALUES
	(''), (' '), ('['), ('[]'), ('[ ]'), ('[,]'), ('[1'), ('[1,'), ('[1,]'), ('[,1]'), ('[1,,2]'),
	('[1 2]'), ('[1;2]'), ('[a]'), ('[1a]'), ('[1,2'), ('1,2]'), ('1'), ('{1,2}'), ('(1,2)'),
	('[[1]]'), ('[1]]'), ('[1],'), ('[1] 2'), ('[1][2]'), ('[e5]'), ('[--1]'), ('[- 1]'), ('[''1'']'),
	('[nan]'), ('[1,NaN]'), ('[inf]'), ('[-Infinity]'), ('[1,infinity,2]'),
	('[65520]'), ('[1,-65520]'), ('[65519.999]'), ('[ 1e5 ,1]'), ('[4e38]'), ('[1,-4e38]'), ('[1e400,1]')
) AS t (input);
SELECT pg_temp.error_of($$SELECT ('[' || repeat('1,', 16000) || '1]')::halfvec$$);
-- the part that is too long decides, not what follows it
SELECT pg_temp.error_of($$SELECT ('[' || repeat('1,', 16000) || 'x]')::halfvec$$);
SELECT '[1,2'::halfvec;
SELECT 'x'::halfvec;
SELECT '[1] x'::halfvec;

-- errors can be caught without a subtransaction where the server knows how (16)
DO $$
DECLARE
	message text;
BEGIN
	IF current_setting('server_version_num')::int >= 160000 THEN
		FOR message IN EXECUTE $q$
			SELECT (pg_input_error_info(input, type)).sql_error_code || input || type
			FROM (VALUES ('[1', 'halfvec', '22P02'), ('[]', 'halfvec', '22000'),
				('[nan]', 'halfvec', '22000'), ('[4e38]', 'halfvec', '22003'), ('[65520]', 'halfvec', '22003'),
				('[1,2]', 'halfvec(3)', '22000'), ('[1] x', 'halfvec', '22P02'),
				('[' || repeat('1,', 16000) || '1]', 'halfvec', '54000')) AS t (input, type, code)
			WHERE (pg_input_error_info(input, type)).sql_error_code IS DISTINCT FROM code
		$q$
		LOOP
			RAISE 'unexpected: %', message;
		END LOOP;
	END IF;
END $$;

-- type modifier
SELECT '[1,2,3]'::halfvec(3);
SELECT pg_temp.error_of($$SELECT '[1,2,3]'::halfvec(2)$$);
SELECT pg_temp.error_of($$SELECT '[1,2,3]'::halfvec(4)$$);
SELECT modifier, pg_temp.error_of(format('CREATE TEMP TABLE never (v halfvec(%s))', modifier))
FROM (VALUES ('0'), ('-1'), ('16001'), ('2,3'), ('2147483648'), ('a')) AS t (modifier);
CREATE TEMP TABLE modified (plain halfvec, least halfvec(1), most halfvec(16000), list halfvec(3)[]);
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = 'modified'::regclass AND attnum > 0 ORDER BY attnum;
SELECT pg_typeof('[1]'::halfvec), pg_typeof('[1]'::halfvec(1)), pg_typeof('{"[1]"}'::halfvec[]);
SELECT pg_temp.error_of($$INSERT INTO modified (least) VALUES ('[1,2]')$$);
SELECT pg_temp.error_of($$INSERT INTO modified (list) VALUES ('{"[1,2,3]","[1,2]"}')$$);
INSERT INTO modified VALUES ('[1]', '[2]', NULL, '{"[1,2,3]","[4,5,6]"}');
SELECT * FROM modified;

-- properties of the type
SELECT typlen, typbyval, typalign, typstorage, typcategory, typdelim,
	typinput, typoutput, typreceive, typsend, typmodin, typmodout, typsubscript, typanalyze
FROM pg_type WHERE oid = 'halfvec'::regtype;
SELECT pg_column_size('[1,2,3]'::halfvec) AS three, pg_column_size(array_fill(1, '{16000}')::halfvec) AS most;

-- long values are stored out of line, and not compressed
CREATE TEMP TABLE long_halfvecs (id int, v halfvec);
INSERT INTO long_halfvecs
	SELECT d, array_agg(d + i ORDER BY i)::halfvec
	FROM (VALUES (1), (30), (31), (100), (2000), (16000)) AS t (d), generate_series(1, d) i GROUP BY d;
SELECT id, pg_column_size(v), vector_dims(v), v::real[] = (SELECT array_agg((id + i)::real ORDER BY i) FROM generate_series(1, id) i) AS same
FROM long_halfvecs ORDER BY id;

-- binary form: int16 dimensions, int16 0, halfs, in network byte order
SELECT halfvec_send('[1,-2,0.5]');
SELECT length(halfvec_send(array_fill(1, '{16000}')::halfvec));

-- binary round trip
\getenv abs_builddir PG_ABS_BUILDDIR
\set file :abs_builddir '/results/halfvec_type.bin'
CREATE TEMP TABLE original (id int, v halfvec, three halfvec(3));
CREATE TEMP TABLE restored (LIKE original);
INSERT INTO original VALUES
	(1, '[0]', '[1,2,3]'), (2, NULL, NULL), (3, '[-0,6e-08,65504]', '[-1,0.1,1e4]'),
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

-- binary input that is wrong: these bytes as the value of a halfvec(2)
CREATE TEMP TABLE received (v halfvec(2));
CREATE FUNCTION pg_temp.receive(bytes bytea, file text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('COPY (SELECT %L::bytea) TO %L WITH (FORMAT binary)', bytes, file);
	RETURN pg_temp.error_of(format('COPY received FROM %L WITH (FORMAT binary)', file));
END $$;
SELECT what, pg_temp.receive(bytes, :'file')
FROM (VALUES
	('right', '\x00020000 3c00 4000'::bytea),
	('empty', '\x'),
	('half a dimension', '\x00'),
	('dimension alone', '\x0002'),
	('header cut', '\x000200'),
	('no elements', '\x00020000'),
	('an element missing', '\x00020000 3c00'),
	('an element cut', '\x00020000 3c00 40'),
	('bytes left', '\x00020000 3c00 4000 00'),
	('an element too much', '\x00020000 3c00 4000 4000'),
	('no dimensions', '\x00000000'),
	('negative dimensions', '\xffff0000 3c00'),
	('too many dimensions', '\x3e810000 3c00'),
	('dimensions for another type modifier', '\x00030000 3c00 4000 4200'),
	('unused is set', '\x00020001 3c00 4000'),
	('unused is negative', '\x0002ffff 3c00 4000'),
	('NaN', '\x00020000 3c00 7e00'),
	('negative NaN', '\x00020000 fc01 3c00'),
	('infinity', '\x00020000 7c00 3c00'),
	('negative infinity', '\x00020000 3c00 fc00'),
	('the largest, the smallest', '\x00020000 7bff 8001')
) AS t (what, bytes);
SELECT * FROM received;

-- a value on disk whose length doesn't agree with its dimensions is an error, not a crash
CREATE CAST (bytea AS halfvec) WITHOUT FUNCTION;
SELECT bytes, pg_temp.error_of(format('SELECT %L::bytea::halfvec %s', bytes, use))
FROM (VALUES ('\x'::bytea), ('\x00'), ('\x00000000'), ('\x000000000000'),
	('\x7f7f0000 00000000'), ('\xffff0000 00000000'), ('\x02020000 0000'), ('\x02020000 00000000 0000')) AS t (bytes),
	(VALUES ('::text'), ('<-> ''[1]'''), ('= ''[1]''')) AS u (use);
DROP CAST (bytea AS halfvec);
