-- Codes of quantizer rabitq: options, and the exact order after re-ranking, at each number of bits.
CREATE TABLE hnsw_rabitq (id int PRIMARY KEY, v vector(24));
CREATE FUNCTION rabitq_vector(i int) RETURNS vector(24) LANGUAGE sql IMMUTABLE AS $$
	SELECT array_agg(round((sin(i * j * 0.731 + j * j) * 5 + (i % 13) * cos(j))::numeric, 3) ORDER BY j)::vector(24) FROM generate_series(1, 24) j
$$;

-- options
CREATE INDEX ON hnsw_rabitq USING hnsw (v vector_l2_ops) WITH (quantizer = rabitq, bits = 3);
CREATE INDEX ON hnsw_rabitq USING hnsw (v vector_l2_ops) WITH (quantizer = rabitq, bits = 9);
CREATE INDEX ON hnsw_rabitq USING hnsw (v vector_l2_ops) WITH (quantizer = sq8, bits = 8);
CREATE INDEX ON hnsw_rabitq USING hnsw (v vector_l2_ops) WITH (bits = 4);
CREATE INDEX ON hnsw_rabitq USING hnsw (v vector_l1_ops) WITH (quantizer = rabitq);
CREATE INDEX ON hnsw_rabitq USING hnsw ((binary_quantize(v)::bit(24)) bit_hamming_ops) WITH (quantizer = rabitq);
CREATE INDEX hnsw_rabitq_index ON hnsw_rabitq USING hnsw (v vector_l2_ops) WITH (quantizer = rabitq, bits = 2);
ALTER INDEX hnsw_rabitq_index SET (quantizer = sq8);
SELECT quantizer, bits FROM vectorstore_index_info('hnsw_rabitq_index');
DROP INDEX hnsw_rabitq_index;

-- rows whose distances differ from those of a sort
CREATE FUNCTION rabitq_wrong(operator text, query vector) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	wrong bigint;
	line text;
	used boolean := false;
	by_index text := format('SELECT v %1$s %2$L::vector AS d FROM hnsw_rabitq ORDER BY v %1$s %2$L LIMIT 30', operator, query);
	by_sort text := format('SELECT v %1$s %2$L::vector AS d FROM hnsw_rabitq WHERE v IS NOT NULL ORDER BY (v %1$s %2$L) + 0 LIMIT 30', operator, query);
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || by_index LOOP
		used := used OR line LIKE '%Index Scan using hnsw_rabitq_index%';
	END LOOP;
	IF NOT used THEN
		RAISE 'the index is not used';
	END IF;
	-- the cosine is that of normalized vectors, so distances differ in the last bits
	EXECUTE format('SELECT count(*) FILTER (WHERE abs(i.d - s.d) > 1e-5)
		FROM (SELECT *, row_number() OVER () AS n FROM (%s) x) i
		FULL JOIN (SELECT *, row_number() OVER () AS n FROM (%s) x) s USING (n)', by_index, by_sort)
		INTO wrong;
	RETURN wrong;
END
$$;

-- `grown`: the index was made on an empty table
CREATE FUNCTION rabitq_check(class text, operator text, storage text, bits int, grown boolean)
RETURNS TABLE (wrong bigint, wrong_after_changes bigint, made_bits int) LANGUAGE plpgsql AS $$
DECLARE
	create_index text := format('CREATE INDEX hnsw_rabitq_index ON hnsw_rabitq USING hnsw (v %s)
		WITH (quantizer = rabitq, bits = %s, storage = %s)', class, bits, storage);
BEGIN
	TRUNCATE hnsw_rabitq;
	IF grown THEN
		EXECUTE create_index;
	END IF;
	INSERT INTO hnsw_rabitq SELECT i, rabitq_vector(i) FROM generate_series(1, 300) i;
	INSERT INTO hnsw_rabitq VALUES (1000, NULL), (1001, rabitq_vector(7)), (1002, rabitq_vector(7));
	IF NOT grown THEN
		EXECUTE create_index;
	END IF;
	SELECT sum(rabitq_wrong(operator, rabitq_vector(i))) INTO wrong FROM generate_series(5, 905, 300) i;
	DELETE FROM hnsw_rabitq WHERE id % 3 = 0;
	INSERT INTO hnsw_rabitq SELECT i, rabitq_vector(i) FROM generate_series(2000, 2100) i;
	SELECT sum(rabitq_wrong(operator, rabitq_vector(i))) INTO wrong_after_changes FROM generate_series(5, 2105, 300) i;
	PERFORM vectorstore_index_check('hnsw_rabitq_index');
	SELECT i.bits INTO made_bits FROM vectorstore_index_info('hnsw_rabitq_index') i WHERE i.quantizer = 'rabitq';
	DROP INDEX hnsw_rabitq_index;
	RETURN NEXT;
END
$$;
SET enable_seqscan = off;
SET jit = off;
SET hnsw.ef_search = 1000;
SELECT class, storage, bits, grown, r.*
FROM (VALUES ('vector_l2_ops', '<->'), ('vector_ip_ops', '<#>'), ('vector_cosine_ops', '<=>')) c(class, operator),
	(VALUES ('mmap'), ('buffer_pool')) s(storage),
	(VALUES (0), (1), (2), (4), (8)) b(bits),
	(VALUES (false), (true)) g(grown),
	rabitq_check(class, operator, storage, bits, grown) r
WHERE class = 'vector_l2_ops' OR storage = 'mmap' AND bits IN (1, 4)
ORDER BY class, storage, bits, grown;

-- with few candidates, codes decide which rows are found: most of the nearest
TRUNCATE hnsw_rabitq;
INSERT INTO hnsw_rabitq SELECT i, rabitq_vector(i) FROM generate_series(1, 1000) i;
SET hnsw.ef_search = 60;
CREATE TABLE rabitq_queries AS SELECT i, rabitq_vector(i) AS q FROM generate_series(5001, 5020) i;
CREATE FUNCTION rabitq_found() RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM
		(SELECT i, id FROM rabitq_queries, LATERAL (SELECT id FROM hnsw_rabitq ORDER BY v <-> q LIMIT 10) f) found
		JOIN (SELECT i, id FROM rabitq_queries, LATERAL (SELECT id FROM hnsw_rabitq ORDER BY (v <-> q) + 0 LIMIT 10) f) nearest
		USING (i, id)
$$;
CREATE INDEX hnsw_rabitq_index ON hnsw_rabitq USING hnsw (v vector_l2_ops) WITH (quantizer = rabitq, bits = 1);
SELECT rabitq_found() >= 100 AS half_with_1_bit;
DROP INDEX hnsw_rabitq_index;
CREATE INDEX hnsw_rabitq_index ON hnsw_rabitq USING hnsw (v vector_l2_ops) WITH (quantizer = rabitq, bits = 8);
SELECT rabitq_found() >= 196 AS nearly_all_with_8_bits;
DROP INDEX hnsw_rabitq_index;

-- halfvec
CREATE TABLE hnsw_rabitq_half (id int, v halfvec(24));
CREATE INDEX hnsw_rabitq_half_grown ON hnsw_rabitq_half USING hnsw (v halfvec_l2_ops) WITH (quantizer = rabitq, bits = 2);
INSERT INTO hnsw_rabitq_half SELECT i, rabitq_vector(i)::halfvec FROM generate_series(1, 300) i;
CREATE INDEX hnsw_rabitq_half_cosine ON hnsw_rabitq_half USING hnsw (v halfvec_cosine_ops) WITH (quantizer = rabitq, bits = 4);
SET hnsw.ef_search = 1000;
SELECT array_agg(id) = (SELECT array_agg(id) FROM (SELECT id FROM hnsw_rabitq_half ORDER BY (v <-> rabitq_vector(500)::halfvec) + 0 LIMIT 20) s) AS l2
FROM (SELECT id FROM hnsw_rabitq_half ORDER BY v <-> rabitq_vector(500)::halfvec LIMIT 20) i;
SELECT count(*) = 20 AS cosine FROM (SELECT id FROM hnsw_rabitq_half ORDER BY v <=> rabitq_vector(500)::halfvec LIMIT 20) i;
SELECT vectorstore_index_check('hnsw_rabitq_half_grown'), vectorstore_index_check('hnsw_rabitq_half_cosine');

DROP TABLE hnsw_rabitq_half, rabitq_queries;
DROP TABLE hnsw_rabitq;
DROP FUNCTION rabitq_found, rabitq_check, rabitq_wrong, rabitq_vector;
