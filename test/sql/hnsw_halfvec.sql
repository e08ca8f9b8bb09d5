-- Indexes on halfvec: every operator class gives the exact order on a small set, with and without
-- codes, built or inserted into.
CREATE TABLE hnsw_halfvec (id int PRIMARY KEY, v halfvec(3));
INSERT INTO hnsw_halfvec SELECT i, ARRAY[i % 10, i / 10 % 10 - 5, i / 100 + 0.5] FROM generate_series(0, 299) i;
INSERT INTO hnsw_halfvec VALUES (1000, NULL), (1001, '[0,0,0]');
SET enable_seqscan = off;
SET hnsw.ef_search = 1000;

-- the distances that the index gives, beside those of a sort: how many differ
CREATE FUNCTION hnsw_halfvec_wrong(operator text, query halfvec) RETURNS TABLE (index_used boolean, rows bigint, wrong bigint)
LANGUAGE plpgsql AS $$
DECLARE
	line text;
	by_index text := format('SELECT id, v %1$s %2$L::halfvec AS d FROM hnsw_halfvec ORDER BY v %1$s %2$L LIMIT 40', operator, query);
	by_sort text := format('SELECT v %1$s %2$L::halfvec AS d FROM hnsw_halfvec WHERE v IS NOT NULL ORDER BY (v %1$s %2$L) + 0 LIMIT 40', operator, query);
BEGIN
	index_used := false;
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || by_index LOOP
		index_used := index_used OR line LIKE '%Index Scan using hnsw_halfvec_%';
	END LOOP;
	EXECUTE format('SELECT count(DISTINCT id), count(*) FILTER (WHERE i.d <> s.d)
		FROM (SELECT *, row_number() OVER () AS n FROM (%s) x) i
		JOIN (SELECT *, row_number() OVER () AS n FROM (%s) x) s USING (n)', by_index, by_sort)
		INTO rows, wrong;
	RETURN NEXT;
END
$$;

CREATE FUNCTION hnsw_halfvec_check(class text, operator text, quantizer text) RETURNS TABLE (index_used boolean, rows bigint, wrong bigint)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE INDEX hnsw_halfvec_%s ON hnsw_halfvec USING hnsw (v %1$s) WITH (quantizer = %s)', class, quantizer);
	RETURN QUERY SELECT * FROM hnsw_halfvec_wrong(operator, '[3,4,1]');
	INSERT INTO hnsw_halfvec SELECT 2000 + i, ARRAY[i % 10 + 0.25, i / 10 - 5.5, 1] FROM generate_series(0, 99) i;
	DELETE FROM hnsw_halfvec WHERE id BETWEEN 100 AND 199;
	EXECUTE format('ALTER INDEX hnsw_halfvec_%s SET (storage = mmap)', class);
	RETURN QUERY SELECT * FROM hnsw_halfvec_wrong(operator, '[3,-4,1]');
	PERFORM vectorstore_index_check(('hnsw_halfvec_' || class)::regclass);
	EXECUTE format('DROP INDEX hnsw_halfvec_%s', class);
	DELETE FROM hnsw_halfvec WHERE id >= 2000;
	INSERT INTO hnsw_halfvec SELECT i, ARRAY[i % 10, i / 10 % 10 - 5, i / 100 + 0.5] FROM generate_series(100, 199) i;
END
$$;
SELECT * FROM hnsw_halfvec_check('halfvec_l2_ops', '<->', 'none');
SELECT * FROM hnsw_halfvec_check('halfvec_l2_ops', '<->', 'sq8');
SELECT * FROM hnsw_halfvec_check('halfvec_ip_ops', '<#>', 'none');
SELECT * FROM hnsw_halfvec_check('halfvec_ip_ops', '<#>', 'sq8');
SELECT * FROM hnsw_halfvec_check('halfvec_l1_ops', '<+>', 'none');
SELECT * FROM hnsw_halfvec_check('halfvec_l1_ops', '<+>', 'sq8');

-- The cosine is that of the normalized vectors, rounded to halfs.
CREATE INDEX hnsw_halfvec_cosine ON hnsw_halfvec USING hnsw (v halfvec_cosine_ops);
EXPLAIN (COSTS OFF) SELECT id FROM hnsw_halfvec ORDER BY v <=> '[3,4,1]' LIMIT 5;
SELECT count(*), max(abs(i.d - s.d)) < 0.001 AS near_enough FROM
	(SELECT v <=> '[3,4,1]' AS d, row_number() OVER () AS n FROM
		(SELECT v FROM hnsw_halfvec ORDER BY v <=> '[3,4,1]' LIMIT 40) x) i
	JOIN (SELECT d, row_number() OVER (ORDER BY d) AS n FROM
		(SELECT v <=> '[3,4,1]' AS d FROM hnsw_halfvec) x) s USING (n);
-- zero vectors are not in it
SELECT count(*) FROM (SELECT id FROM hnsw_halfvec ORDER BY v <=> '[0,0,0]' LIMIT 400) s WHERE id = 1001;
SELECT vectorstore_index_check('hnsw_halfvec_cosine');
SELECT metric, quantizer, dimensions FROM vectorstore_index_info('hnsw_halfvec_cosine');
DROP INDEX hnsw_halfvec_cosine;

-- a value of other dimensions, a column without
CREATE INDEX hnsw_halfvec_l2 ON hnsw_halfvec USING hnsw (v halfvec_l2_ops);
SELECT id FROM hnsw_halfvec ORDER BY v <-> '[1,2]' LIMIT 1;
ALTER TABLE hnsw_halfvec ALTER v TYPE halfvec;
INSERT INTO hnsw_halfvec VALUES (3000, '[1,2]');
DROP INDEX hnsw_halfvec_l2;
CREATE INDEX ON hnsw_halfvec USING hnsw (v halfvec_l2_ops);
CREATE INDEX ON hnsw_halfvec USING hnsw (v);
DROP TABLE hnsw_halfvec;

-- halfs of a vector column; all dimensions that the type can hold
CREATE TABLE hnsw_halfvec (id int PRIMARY KEY, v vector(4));
INSERT INTO hnsw_halfvec SELECT i, ARRAY[i, -i, i / 2.0, 1] FROM generate_series(1, 50) i;
CREATE INDEX ON hnsw_halfvec USING hnsw ((v::halfvec(4)) halfvec_l2_ops);
EXPLAIN (COSTS OFF) SELECT id FROM hnsw_halfvec ORDER BY v::halfvec(4) <-> '[7,-7,3.5,1]' LIMIT 3;
SELECT id FROM hnsw_halfvec ORDER BY v::halfvec(4) <-> '[7.1,-7,3.5,1]' LIMIT 3;
DROP TABLE hnsw_halfvec;
CREATE TABLE hnsw_halfvec (id int PRIMARY KEY, v halfvec(16000));
INSERT INTO hnsw_halfvec SELECT i, array_fill(i * 0.5, ARRAY[16000])::halfvec FROM generate_series(1, 20) i;
CREATE INDEX hnsw_halfvec_long ON hnsw_halfvec USING hnsw (v halfvec_l2_ops) WITH (storage = mmap);
INSERT INTO hnsw_halfvec SELECT i, array_fill(i * 0.5, ARRAY[16000])::halfvec FROM generate_series(21, 40) i;
SELECT id FROM hnsw_halfvec ORDER BY v <-> array_fill(12.6, ARRAY[16000])::halfvec(16000) LIMIT 3;
SELECT vectorstore_index_check('hnsw_halfvec_long');
DROP TABLE hnsw_halfvec;
DROP FUNCTION hnsw_halfvec_check, hnsw_halfvec_wrong;
