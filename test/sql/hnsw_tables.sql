-- Kinds of tables and indexes, and the commands that build and rebuild them.
SET enable_seqscan = off;

-- the indexes in a plan
CREATE FUNCTION hnsw_tables_indexes(query text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	line text;
	result text[] := '{}';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		result := result || substring(line FROM 'Scan (?:using|on) (hnsw_tables_[a-z]+)');
	END LOOP;
	RETURN array_remove(result, NULL);
END
$$;

CREATE TABLE hnsw_tables (id int PRIMARY KEY, category int, v vector(3), w vector, a real[]);
INSERT INTO hnsw_tables SELECT i, i % 5, ARRAY[i, 0, 0], ARRAY[0, i], ARRAY[i, i] FROM generate_series(1, 200) i;

-- partial
CREATE INDEX hnsw_tables_partial ON hnsw_tables USING hnsw (v vector_l2_ops) WHERE category = 3;
SELECT hnsw_tables_indexes($$SELECT id FROM hnsw_tables WHERE category = 3 ORDER BY v <-> '[100,0,0]' LIMIT 3$$);
SELECT id FROM hnsw_tables WHERE category = 3 ORDER BY v <-> '[100,0,0]' LIMIT 3;
INSERT INTO hnsw_tables VALUES (201, 3, '[100,0,0]'), (202, 2, '[100,0,0]');
SELECT id FROM hnsw_tables WHERE category = 3 ORDER BY v <-> '[100,0,0]' LIMIT 2;
SELECT hnsw_tables_indexes($$SELECT id FROM hnsw_tables WHERE category = 2 ORDER BY v <-> '[100,0,0]' LIMIT 3$$);
SELECT hnsw_tables_indexes($$SELECT id FROM hnsw_tables ORDER BY v <-> '[100,0,0]' LIMIT 3$$);
SELECT hnsw_tables_indexes($$SELECT count(*) FROM hnsw_tables WHERE category = 3$$);
DROP INDEX hnsw_tables_partial;
DELETE FROM hnsw_tables WHERE id > 200;

-- expressions: a cast that gives dimensions, a part, an array
CREATE INDEX hnsw_tables_cast ON hnsw_tables USING hnsw ((w::vector(2)) vector_l2_ops);
SELECT hnsw_tables_indexes($$SELECT id FROM hnsw_tables ORDER BY w::vector(2) <-> '[0,50.2]' LIMIT 2$$);
SELECT id FROM hnsw_tables ORDER BY w::vector(2) <-> '[0,50.2]' LIMIT 2;
CREATE INDEX hnsw_tables_part ON hnsw_tables USING hnsw ((subvector(v, 1, 1)::vector(1)) vector_l2_ops);
SELECT id FROM hnsw_tables ORDER BY subvector(v, 1, 1)::vector(1) <-> '[50.2]' LIMIT 2;
CREATE INDEX hnsw_tables_array ON hnsw_tables USING hnsw ((a::vector(2)) vector_ip_ops);
SELECT id FROM hnsw_tables ORDER BY a::vector(2) <#> '[1,1]' LIMIT 2;
CREATE INDEX ON hnsw_tables USING hnsw ((a::vector) vector_l2_ops);
INSERT INTO hnsw_tables VALUES (300, 0, '[1,1,1]', '[1,2,3]', '{1,1}');
INSERT INTO hnsw_tables VALUES (300, 0, '[1,1,1]', NULL, NULL);
DELETE FROM hnsw_tables WHERE id = 300;
DROP INDEX hnsw_tables_cast, hnsw_tables_part, hnsw_tables_array;

-- a table without toast, values that are toasted, values with short headers
CREATE TABLE hnsw_toasted (id int, v vector(1500));
ALTER TABLE hnsw_toasted ALTER v SET STORAGE extended;
INSERT INTO hnsw_toasted SELECT i, array_fill(i, ARRAY[1500]) FROM generate_series(1, 10) i;
CREATE INDEX ON hnsw_toasted USING hnsw (v vector_l2_ops);
INSERT INTO hnsw_toasted SELECT i, array_fill(i, ARRAY[1500]) FROM generate_series(11, 20) i;
SELECT id FROM hnsw_toasted ORDER BY v <-> array_fill(14.2::real, ARRAY[1500])::vector LIMIT 3;
DROP TABLE hnsw_toasted;

-- unlogged and temporary tables; storage = mmap is accepted and reads go through buffers
CREATE UNLOGGED TABLE hnsw_unlogged (id int, v vector(3));
CREATE INDEX ON hnsw_unlogged USING hnsw (v vector_l2_ops) WITH (storage = mmap);
INSERT INTO hnsw_unlogged SELECT i, ARRAY[i, 0, 0] FROM generate_series(1, 100) i;
SELECT id FROM hnsw_unlogged ORDER BY v <-> '[50.2,0,0]' LIMIT 3;
CHECKPOINT;
SELECT id FROM hnsw_unlogged ORDER BY v <-> '[50.2,0,0]' LIMIT 3;
ALTER TABLE hnsw_unlogged SET LOGGED;
SELECT id FROM hnsw_unlogged ORDER BY v <-> '[50.2,0,0]' LIMIT 3;
ALTER TABLE hnsw_unlogged SET UNLOGGED;
SELECT id FROM hnsw_unlogged ORDER BY v <-> '[50.2,0,0]' LIMIT 3;
DROP TABLE hnsw_unlogged;
CREATE TEMP TABLE hnsw_temporary (id int, v vector(3)) ON COMMIT DELETE ROWS;
CREATE INDEX ON hnsw_temporary USING hnsw (v vector_l2_ops) WITH (storage = mmap);
BEGIN;
INSERT INTO hnsw_temporary SELECT i, ARRAY[i, 0, 0] FROM generate_series(1, 100) i;
SELECT id FROM hnsw_temporary ORDER BY v <-> '[50.2,0,0]' LIMIT 3;
COMMIT;
SELECT id FROM hnsw_temporary ORDER BY v <-> '[50.2,0,0]' LIMIT 3;
DROP TABLE hnsw_temporary;
CREATE TEMP TABLE hnsw_temporary AS SELECT i AS id, ARRAY[i, 0, 0]::vector(3) AS v FROM generate_series(1, 100) i;
CREATE INDEX ON hnsw_temporary USING hnsw (v vector_l2_ops);
DELETE FROM hnsw_temporary WHERE id % 2 = 0;
VACUUM hnsw_temporary;
SELECT id FROM hnsw_temporary ORDER BY v <-> '[50.2,0,0]' LIMIT 3;
DROP TABLE hnsw_temporary;

-- concurrently, and again
CREATE INDEX CONCURRENTLY hnsw_tables_index ON hnsw_tables USING hnsw (v vector_l2_ops);
SELECT id FROM hnsw_tables ORDER BY v <-> '[50.2,0,0]' LIMIT 3;
DELETE FROM hnsw_tables WHERE id BETWEEN 49 AND 51;
REINDEX INDEX CONCURRENTLY hnsw_tables_index;
SELECT id FROM hnsw_tables ORDER BY v <-> '[50.2,0,0]' LIMIT 3;
ALTER INDEX hnsw_tables_index SET (storage = mmap);
REINDEX TABLE CONCURRENTLY hnsw_tables;
SELECT id FROM hnsw_tables ORDER BY v <-> '[50.2,0,0]' LIMIT 3;
INSERT INTO hnsw_tables (id, v) VALUES (50, '[50,0,0]');
REINDEX INDEX hnsw_tables_index;
SELECT id FROM hnsw_tables ORDER BY v <-> '[50.2,0,0]' LIMIT 3;
VACUUM FULL hnsw_tables;
SELECT id FROM hnsw_tables ORDER BY v <-> '[50.2,0,0]' LIMIT 3;
CLUSTER hnsw_tables USING hnsw_tables_pkey;
SELECT id FROM hnsw_tables ORDER BY v <-> '[50.2,0,0]' LIMIT 3;
SELECT indisvalid, indisready FROM pg_index WHERE indexrelid = 'hnsw_tables_index'::regclass;
ALTER TABLE hnsw_tables ALTER v TYPE vector(2) USING subvector(v, 1, 2);
SELECT id FROM hnsw_tables ORDER BY v <-> '[50.2,0]' LIMIT 3;
SELECT id FROM hnsw_tables ORDER BY v <-> '[50.2,0,0]' LIMIT 3;

-- options change nothing of a built index, until it is built again
ALTER INDEX hnsw_tables_index SET (m = 4, quantizer = none);
SELECT id FROM hnsw_tables ORDER BY v <-> '[50.2,0]' LIMIT 3;
INSERT INTO hnsw_tables (id, v) VALUES (51, '[51,0]');
SELECT id FROM hnsw_tables ORDER BY v <-> '[50.2,0]' LIMIT 3;
REINDEX INDEX hnsw_tables_index;
SELECT id FROM hnsw_tables ORDER BY v <-> '[50.2,0]' LIMIT 3;

-- a column that loses its dimensions: the index has them still, but cannot be built again
ALTER TABLE hnsw_tables ALTER v TYPE vector;
SELECT id FROM hnsw_tables ORDER BY v <-> '[50.2,0]' LIMIT 3;
INSERT INTO hnsw_tables (id, v) VALUES (49, '[49,0]');
INSERT INTO hnsw_tables (id, v) VALUES (401, '[49,0,0]');
SELECT id FROM hnsw_tables ORDER BY v <-> '[49.2,0]' LIMIT 3;
REINDEX INDEX hnsw_tables_index;
ALTER TABLE hnsw_tables ALTER v TYPE vector(2);
REINDEX INDEX hnsw_tables_index;
SELECT id FROM hnsw_tables ORDER BY v <-> '[49.2,0]' LIMIT 3;
DROP TABLE hnsw_tables;
DROP FUNCTION hnsw_tables_indexes;

-- partitions: the index of each, merged by distance
CREATE TABLE hnsw_partitioned (id int, v vector(3)) PARTITION BY RANGE (id);
CREATE TABLE hnsw_partitioned_1 PARTITION OF hnsw_partitioned FOR VALUES FROM (0) TO (100);
CREATE TABLE hnsw_partitioned_2 PARTITION OF hnsw_partitioned FOR VALUES FROM (100) TO (200);
INSERT INTO hnsw_partitioned SELECT i, ARRAY[i, 0, 0] FROM generate_series(1, 199) i;
CREATE INDEX ON hnsw_partitioned USING hnsw (v vector_l2_ops) WITH (m = 8, storage = mmap);
EXPLAIN (COSTS OFF) SELECT id FROM hnsw_partitioned ORDER BY v <-> '[99.7,0,0]' LIMIT 4;
SELECT id FROM hnsw_partitioned ORDER BY v <-> '[99.7,0,0]' LIMIT 4;
SELECT relname, reloptions FROM pg_class WHERE relname LIKE 'hnsw_partitioned%v_idx' ORDER BY relname;
DROP TABLE hnsw_partitioned;

-- a materialized view
CREATE MATERIALIZED VIEW hnsw_view AS SELECT i AS id, ARRAY[i, 0, 0]::vector(3) AS v FROM generate_series(1, 50) i;
CREATE INDEX ON hnsw_view USING hnsw (v vector_l2_ops);
CREATE UNIQUE INDEX ON hnsw_view (id);
REFRESH MATERIALIZED VIEW hnsw_view;
REFRESH MATERIALIZED VIEW CONCURRENTLY hnsw_view;
SELECT id FROM hnsw_view ORDER BY v <-> '[20.2,0,0]' LIMIT 2;
DROP MATERIALIZED VIEW hnsw_view;
