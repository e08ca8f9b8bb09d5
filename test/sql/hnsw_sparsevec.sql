-- Indexes on sparsevec: every operator class gives the exact order on a small set, whether rows are
-- there when the index is built or come later, shorter or longer than those.
-- the more elements, the smaller: one far longer than all others is nobody's neighbor
CREATE FUNCTION hnsw_sparsevec_value(seed int, elements int, dimensions int) RETURNS sparsevec
LANGUAGE sql IMMUTABLE AS $$
	SELECT ('{' || string_agg(i || ':' || ((seed * 31 + i * 17) % 23 - 11.5) / elements, ',' ORDER BY i) || '}/' || dimensions)::sparsevec
	FROM (SELECT j * (dimensions / elements) + seed * 7 % (dimensions / elements) + 1 AS i
		FROM generate_series(0, elements - 1) j) s
$$;
CREATE TABLE hnsw_sparsevec (id int PRIMARY KEY, v sparsevec(5000));
INSERT INTO hnsw_sparsevec SELECT i, hnsw_sparsevec_value(i, 5 + i % 20, 5000) FROM generate_series(0, 299) i;
INSERT INTO hnsw_sparsevec VALUES (1000, NULL), (1001, '{}/5000');
SET enable_seqscan = off;
SET hnsw.ef_search = 1000;

CREATE FUNCTION hnsw_sparsevec_wrong(operator text, query sparsevec)
RETURNS TABLE (index_used boolean, rows bigint, wrong bigint) LANGUAGE plpgsql AS $$
DECLARE
	line text;
	by_index text := format('SELECT id, v %1$s %2$L::sparsevec AS d FROM hnsw_sparsevec ORDER BY v %1$s %2$L LIMIT 40', operator, query);
	by_sort text := format('SELECT v %1$s %2$L::sparsevec AS d FROM hnsw_sparsevec WHERE v IS NOT NULL AND (%1$L <> ''<=>'' OR id <> 1001)
		ORDER BY (v %1$s %2$L) + 0 LIMIT 40', operator, query);
BEGIN
	index_used := false;
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || by_index LOOP
		index_used := index_used OR line LIKE '%Index Scan using hnsw_sparsevec_%';
	END LOOP;
	EXECUTE format('SELECT count(DISTINCT id), count(*) FILTER (WHERE abs(i.d - s.d) > 1e-5 * abs(s.d))
		FROM (SELECT *, row_number() OVER () AS n FROM (%s) x) i
		JOIN (SELECT *, row_number() OVER () AS n FROM (%s) x) s USING (n)', by_index, by_sort)
		INTO rows, wrong;
	RETURN NEXT;
END
$$;

CREATE FUNCTION hnsw_sparsevec_check(class text, operator text)
RETURNS TABLE (index_used boolean, rows bigint, wrong bigint) LANGUAGE plpgsql AS $$
DECLARE
	index regclass;
BEGIN
	EXECUTE format('CREATE INDEX hnsw_sparsevec_%s ON hnsw_sparsevec USING hnsw (v %1$s)', class);
	index := 'hnsw_sparsevec_' || class;
	RETURN QUERY SELECT * FROM hnsw_sparsevec_wrong(operator, hnsw_sparsevec_value(1000, 15, 5000));
	-- as long as they may be, and shorter than any
	INSERT INTO hnsw_sparsevec SELECT 2000 + i, hnsw_sparsevec_value(i, 10 * i, 5000) FROM generate_series(1, 100) i;
	INSERT INTO hnsw_sparsevec SELECT 2200 + i, hnsw_sparsevec_value(i, 1, 5000) FROM generate_series(1, 20) i;
	DELETE FROM hnsw_sparsevec WHERE id BETWEEN 100 AND 199;
	EXECUTE format('ALTER INDEX %s SET (storage = mmap)', index);
	RETURN QUERY SELECT * FROM hnsw_sparsevec_wrong(operator, hnsw_sparsevec_value(1001, 15, 5000));
	-- the query may be longer
	RETURN QUERY SELECT * FROM hnsw_sparsevec_wrong(operator, hnsw_sparsevec_value(30, 2500, 5000));
	PERFORM vectorstore_index_check(index);
	-- built of long rows
	EXECUTE format('REINDEX INDEX %s', index);
	RETURN QUERY SELECT * FROM hnsw_sparsevec_wrong(operator, hnsw_sparsevec_value(1002, 15, 5000));
	PERFORM vectorstore_index_check(index);
	EXECUTE format('DROP INDEX %s', index);
	DELETE FROM hnsw_sparsevec WHERE id >= 2000;
	INSERT INTO hnsw_sparsevec SELECT i, hnsw_sparsevec_value(i, 5 + i % 20, 5000) FROM generate_series(100, 199) i;
END
$$;
SELECT * FROM hnsw_sparsevec_check('sparsevec_l2_ops', '<->');
SELECT * FROM hnsw_sparsevec_check('sparsevec_ip_ops', '<#>');
SELECT * FROM hnsw_sparsevec_check('sparsevec_cosine_ops', '<=>');
SELECT * FROM hnsw_sparsevec_check('sparsevec_l1_ops', '<+>');

-- limits and mistakes
CREATE INDEX hnsw_sparsevec_l2 ON hnsw_sparsevec USING hnsw (v sparsevec_l2_ops);
SELECT metric, quantizer, dimensions FROM vectorstore_index_info('hnsw_sparsevec_l2');
INSERT INTO hnsw_sparsevec VALUES (3000, hnsw_sparsevec_value(1, 1000, 5000));
INSERT INTO hnsw_sparsevec VALUES (3001, hnsw_sparsevec_value(1, 1001, 5000));
SELECT id FROM hnsw_sparsevec ORDER BY v <-> '{1:2}/7' LIMIT 1;
SELECT count(*) FROM (SELECT id FROM hnsw_sparsevec ORDER BY v <-> NULL LIMIT 400) s;
DROP INDEX hnsw_sparsevec_l2;
INSERT INTO hnsw_sparsevec VALUES (3001, hnsw_sparsevec_value(1, 1001, 5000));
CREATE INDEX hnsw_sparsevec_l2 ON hnsw_sparsevec USING hnsw (v sparsevec_l2_ops);
DELETE FROM hnsw_sparsevec WHERE id = 3001;
CREATE INDEX ON hnsw_sparsevec USING hnsw (v sparsevec_l2_ops) WITH (quantizer = sq8);
CREATE INDEX ON hnsw_sparsevec USING hnsw (v);
CREATE TABLE hnsw_sparsevec_other (v sparsevec);
CREATE INDEX ON hnsw_sparsevec_other USING hnsw (v sparsevec_l2_ops);
CREATE OPERATOR CLASS hnsw_sparsevec_ops FOR TYPE sparsevec USING ivf AS
	OPERATOR 1 <-> (sparsevec, sparsevec) FOR ORDER BY float_ops,
	FUNCTION 1 sparsevec_l2_squared_distance(sparsevec, sparsevec);
CREATE INDEX ON hnsw_sparsevec USING ivf (v hnsw_sparsevec_ops);
DROP OPERATOR FAMILY hnsw_sparsevec_ops USING ivf;
DROP TABLE hnsw_sparsevec_other;

-- an index that begins empty; long rows come and go, and their slots are used again
TRUNCATE hnsw_sparsevec;
CREATE INDEX hnsw_sparsevec_l2 ON hnsw_sparsevec USING hnsw (v sparsevec_l2_ops);
INSERT INTO hnsw_sparsevec SELECT i, hnsw_sparsevec_value(i, 100 + i, 5000) FROM generate_series(0, 199) i;
SELECT * FROM hnsw_sparsevec_wrong('<->', hnsw_sparsevec_value(1000, 150, 5000));
SELECT vectorstore_index_check('hnsw_sparsevec_l2');
SELECT pg_relation_size('hnsw_sparsevec_l2') AS size_before \gset
DELETE FROM hnsw_sparsevec WHERE id % 2 = 0;
VACUUM hnsw_sparsevec;
INSERT INTO hnsw_sparsevec SELECT i, hnsw_sparsevec_value(i + 1, 299 - i, 5000) FROM generate_series(0, 199, 2) i;
SELECT * FROM hnsw_sparsevec_wrong('<->', hnsw_sparsevec_value(1001, 150, 5000));
SELECT vectorstore_index_check('hnsw_sparsevec_l2');
SELECT pg_relation_size('hnsw_sparsevec_l2') < :size_before * 1.2 AS slots_used_again;
-- equal vectors share nodes, long ones too
INSERT INTO hnsw_sparsevec SELECT i, hnsw_sparsevec_value(5, 700, 5000) FROM generate_series(1000, 1049) i;
SELECT count(*) FROM (SELECT id FROM hnsw_sparsevec ORDER BY v <-> hnsw_sparsevec_value(5, 700, 5000) LIMIT 50) s WHERE id >= 1000;
SELECT vectorstore_index_check('hnsw_sparsevec_l2');
SELECT nodes FROM vectorstore_index_info('hnsw_sparsevec_l2');
DROP TABLE hnsw_sparsevec;

-- a great number of dimensions
CREATE TABLE hnsw_sparsevec (id int PRIMARY KEY, v sparsevec(1000000000));
INSERT INTO hnsw_sparsevec SELECT i, ('{' || i || ':1,1000000000:' || i || '}/1000000000')::sparsevec FROM generate_series(1, 100) i;
CREATE INDEX ON hnsw_sparsevec USING hnsw (v sparsevec_l2_ops);
INSERT INTO hnsw_sparsevec SELECT i, ('{' || i || ':1,1000000000:' || i || '}/1000000000')::sparsevec FROM generate_series(101, 110) i;
SELECT id FROM hnsw_sparsevec ORDER BY v <-> '{1000000000:105.2}/1000000000' LIMIT 3;
DROP TABLE hnsw_sparsevec;
DROP FUNCTION hnsw_sparsevec_check, hnsw_sparsevec_wrong, hnsw_sparsevec_value;
