-- Functions and operators of bit: Hamming and Jaccard distances.

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

-- distances: function and operator
SELECT a, b, hamming_distance(a, b), a <~> b AS hamming, jaccard_distance(a, b), a <%> b AS jaccard
FROM (VALUES
	(B'111', B'111'), ('111', '110'), ('111', '100'), ('111', '000'), ('000', '000'), ('1', '1'), ('1', '0'), ('0', '0'),
	('1100', '1000'), ('1100', '0110'), ('11110000', '00001111'), ('111100001', '111100001'), ('101010101', '010101010'),
	('', '')
) AS t (a, b);
-- untyped literals, and bit varying
SELECT hamming_distance('1010', '0101'), jaccard_distance('1010', '1110'), B'1010' <~> '1110', '1010' <%> B'1110';
SELECT hamming_distance('111', '000'::varbit(4)), '110'::varbit <%> '100'::varbit, B'11'::bit(2) <~> '01'::varbit(5);
-- out of a column, and as an order
CREATE TEMP TABLE strings (id int, b bit(5));
INSERT INTO strings VALUES (1, '00000'), (2, '11111'), (3, '11000'), (4, NULL), (5, '00111'), (6, '10000');
SELECT id, b <~> '11000' AS hamming FROM strings ORDER BY b <~> '11000', id;
SELECT id, b <%> '11000' AS jaccard FROM strings ORDER BY b <%> '11000', id;
-- every length, against counting characters
CREATE FUNCTION pg_temp.random_bits(seed int, n int) RETURNS varbit LANGUAGE sql IMMUTABLE AS
	$$SELECT string_agg((('x' || md5(seed || ':' || i))::bit(128))::text, '' ORDER BY i)::varbit FROM generate_series(0, (n - 1) / 128) i$$;
SELECT count(*), bool_and(a <~> b = bit_count(a # b)
	AND a <%> b = CASE WHEN bit_count(a & b) = 0 THEN 1 ELSE 1 - bit_count(a & b)::float8 / bit_count(a | b) END)
FROM (SELECT substring(pg_temp.random_bits(n, n) FOR n) AS a, substring(pg_temp.random_bits(-n, n) FOR n) AS b
	FROM (SELECT generate_series(1, 1100) UNION ALL VALUES (4095), (4096), (4097), (64000), (100001)) AS s (n)) t;
-- the same whichever operand comes first
SELECT bool_and(a <~> b = b <~> a AND a <%> b = b <%> a AND a <~> a = 0 AND a <%> a = 0)
FROM (SELECT substring(pg_temp.random_bits(n, 100) FOR 100) AS a, substring(pg_temp.random_bits(-n, 100) FOR 100) AS b
	FROM generate_series(1, 100) n) t;
-- values stored out of line
CREATE TEMP TABLE long_strings AS SELECT n, substring(pg_temp.random_bits(n, 80000) FOR 80000) AS b FROM generate_series(1, 4) n;
SELECT bool_and(x.b <~> y.b = bit_count(x.b # y.b)) FROM long_strings x, long_strings y;

-- NULL for NULL
SELECT hamming_distance(NULL, B'1'), jaccard_distance(B'1', NULL), NULL <~> B'1', B'1' <%> NULL;

-- errors
SELECT command, pg_temp.error_of('SELECT ' || command)
FROM (VALUES
	('hamming_distance(B''111'', ''00'')'), ('B''11'' <~> B''000'''), ('jaccard_distance(''1111'', ''000'')'), ('B''1'' <%> B'''''),
	('hamming_distance(''111'', ''0000''::varbit(4))'), ('jaccard_distance(''1111'', ''00000''::varbit(5))'),
	('hamming_distance(repeat(''1'', 9)::varbit, repeat(''1'', 16)::varbit)'), ('hamming_distance(1, 2)')
) AS t (command);

-- a value on disk whose size doesn't agree with its length is an error, not a crash
CREATE CAST (bytea AS varbit) WITHOUT FUNCTION;
SELECT bytes, pg_temp.error_of(format('SELECT hamming_distance(%L::bytea::varbit, %L::bytea::varbit)', bytes, bytes)) AS hamming,
	pg_temp.error_of(format('SELECT jaccard_distance(%L::bytea::varbit, %L::bytea::varbit)', bytes, bytes)) AS jaccard
FROM (VALUES ('\x'::bytea), ('\x00'), ('\x0101'), ('\x7f7f7f7f'), ('\x7fffffff'), ('\xffffffff'), ('\x40404040 ff'), ('\x00000000 00'), ('\x08080808')) AS t (bytes);
DROP CAST (bytea AS varbit);

-- what the planner knows of them
SELECT p.oid::regprocedure, prorettype::regtype, provolatile, proisstrict, proparallel, prokind
FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
	JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
WHERE extname = 'vectorstore' AND deptype = 'e' AND 'bit'::regtype = ANY (proargtypes)
ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT o.oprname, o.oprleft::regtype, o.oprright::regtype, o.oprresult::regtype, proname AS function,
	c.oprname AS commutator, n.oprname AS negator, o.oprrest, o.oprjoin, o.oprcanmerge, o.oprcanhash
FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode
	JOIN pg_depend d ON d.classid = 'pg_operator'::regclass AND d.objid = o.oid AND deptype = 'e'
	JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND extname = 'vectorstore'
	LEFT JOIN pg_operator c ON c.oid = o.oprcom LEFT JOIN pg_operator n ON n.oid = o.oprnegate
WHERE o.oprleft = 'bit'::regtype OR o.oprright = 'bit'::regtype
ORDER BY o.oprname COLLATE "C";
