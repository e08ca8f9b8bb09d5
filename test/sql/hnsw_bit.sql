-- Indexes on bit: both operator classes give the exact order on a small set.
CREATE TABLE hnsw_bit (id int PRIMARY KEY, v bit(19));
INSERT INTO hnsw_bit SELECT i, ((i * 2654435761) % 524288)::int::bit(19) FROM generate_series(0, 299) i;
INSERT INTO hnsw_bit VALUES (1000, NULL), (1001, (B'0000000000000000000'));
SET enable_seqscan = off;

CREATE FUNCTION hnsw_bit_wrong(operator text, query bit) RETURNS TABLE (index_used boolean, rows bigint, wrong bigint)
LANGUAGE plpgsql AS $$
DECLARE
	line text;
	by_index text := format('SELECT id, v %1$s %2$L AS d FROM hnsw_bit ORDER BY v %1$s %2$L LIMIT 40', operator, query);
	by_sort text := format('SELECT v %1$s %2$L AS d FROM hnsw_bit WHERE v IS NOT NULL ORDER BY (v %1$s %2$L) + 0 LIMIT 40', operator, query);
BEGIN
	index_used := false;
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || by_index LOOP
		index_used := index_used OR line LIKE '%Index Scan using hnsw_bit_%';
	END LOOP;
	EXECUTE format('SELECT count(DISTINCT id), count(*) FILTER (WHERE i.d <> s.d)
		FROM (SELECT *, row_number() OVER () AS n FROM (%s) x) i
		JOIN (SELECT *, row_number() OVER () AS n FROM (%s) x) s USING (n)', by_index, by_sort)
		INTO rows, wrong;
	RETURN NEXT;
END
$$;
SET hnsw.ef_search = 1000; -- of the many rows at one distance, all
CREATE FUNCTION hnsw_bit_check(class text, operator text) RETURNS TABLE (index_used boolean, rows bigint, wrong bigint)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE INDEX hnsw_bit_%s ON hnsw_bit USING hnsw (v %1$s)', class);
	RETURN QUERY SELECT * FROM hnsw_bit_wrong(operator, B'1010101010111100001');
	INSERT INTO hnsw_bit SELECT 2000 + i, (i * 5167)::bit(19) FROM generate_series(0, 99) i;
	DELETE FROM hnsw_bit WHERE id BETWEEN 100 AND 199;
	EXECUTE format('ALTER INDEX hnsw_bit_%s SET (storage = mmap)', class);
	RETURN QUERY SELECT * FROM hnsw_bit_wrong(operator, B'0010100010111111101');
	PERFORM vectorstore_index_check(('hnsw_bit_' || class)::regclass);
END
$$;
SELECT * FROM hnsw_bit_check('bit_hamming_ops', '<~>');
SELECT metric, quantizer, dimensions FROM vectorstore_index_info('hnsw_bit_bit_hamming_ops');
DELETE FROM hnsw_bit WHERE id >= 2000;
DROP INDEX hnsw_bit_bit_hamming_ops;
SELECT * FROM hnsw_bit_check('bit_jaccard_ops', '<%>');
SELECT id FROM hnsw_bit ORDER BY v <%> B'1' LIMIT 1;
INSERT INTO hnsw_bit VALUES (3000, B'101');

-- codes of bits make no sense; a column needs a length
CREATE INDEX ON hnsw_bit USING hnsw (v bit_hamming_ops) WITH (quantizer = sq8);
CREATE INDEX ON hnsw_bit USING hnsw (v);
CREATE TABLE hnsw_bit_varying (v bit varying, w bit varying(8));
INSERT INTO hnsw_bit_varying VALUES (B'10101010', B'10101010'), (B'1', B'1');
CREATE INDEX ON hnsw_bit_varying USING hnsw (v bit_hamming_ops);
CREATE INDEX ON hnsw_bit_varying USING hnsw (w bit_hamming_ops);
DELETE FROM hnsw_bit_varying WHERE w = B'1';
CREATE INDEX ON hnsw_bit_varying USING hnsw (w bit_hamming_ops);
SELECT w FROM hnsw_bit_varying ORDER BY w <~> B'11111111';
INSERT INTO hnsw_bit_varying VALUES (NULL, B'1');
DROP TABLE hnsw_bit_varying;
DROP TABLE hnsw_bit;

-- quantized vectors, ranked again
CREATE TABLE hnsw_bit (id int PRIMARY KEY, v vector(16));
INSERT INTO hnsw_bit SELECT i, (SELECT array_agg(((i * j * 7919) % 101) - 50) FROM generate_series(1, 16) j) FROM generate_series(1, 200) i;
CREATE INDEX ON hnsw_bit USING hnsw ((binary_quantize(v)::bit(16)) bit_hamming_ops);
EXPLAIN (COSTS OFF) SELECT id FROM hnsw_bit ORDER BY binary_quantize(v)::bit(16) <~> B'1010101010101010' LIMIT 5;
SELECT id FROM (SELECT id, v FROM hnsw_bit ORDER BY binary_quantize(v)::bit(16) <~>
	binary_quantize((SELECT v FROM hnsw_bit WHERE id = 77)) LIMIT 40) s
	ORDER BY v <-> (SELECT v FROM hnsw_bit WHERE id = 77) LIMIT 1;
DROP TABLE hnsw_bit;

-- long strings
CREATE TABLE hnsw_bit (id int PRIMARY KEY, v bit(64001));
INSERT INTO hnsw_bit SELECT i, (repeat('1', i * 100) || repeat('0', 64001 - i * 100))::bit(64001) FROM generate_series(1, 50) i;
CREATE INDEX hnsw_bit_long ON hnsw_bit USING hnsw (v bit_hamming_ops) WITH (storage = mmap);
INSERT INTO hnsw_bit SELECT i, (repeat('1', i * 100) || repeat('0', 64001 - i * 100))::bit(64001) FROM generate_series(51, 100) i;
SELECT id FROM hnsw_bit ORDER BY v <~> (repeat('1', 7230) || repeat('0', 64001 - 7230))::bit(64001) LIMIT 3;
SELECT vectorstore_index_check('hnsw_bit_long');
CREATE TABLE hnsw_bit_too_long (v bit(1000001));
CREATE INDEX ON hnsw_bit_too_long USING hnsw (v bit_hamming_ops);
DROP TABLE hnsw_bit_too_long, hnsw_bit;
DROP FUNCTION hnsw_bit_check, hnsw_bit_wrong;
