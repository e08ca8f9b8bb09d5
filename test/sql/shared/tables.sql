-- Kinds of tables and indexes, and the commands that build and rebuild them.
SET enable_seqscan = off;

-- the indexes in a plan
CREATE FUNCTION shared_tables_indexes(query text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	line text;
	result text[] := '{}';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		result := result || substring(line FROM 'Scan (?:using|on) (shared_tables_[a-z]+)');
	END LOOP;
	RETURN array_remove(result, NULL);
END
$$;

CREATE TABLE shared_tables (id int PRIMARY KEY, category int, v vector(3), w vector, a real[]);
INSERT INTO shared_tables SELECT i, i % 5, ARRAY[i, 0, 0], ARRAY[0, i], ARRAY[i, i] FROM generate_series(1, 200) i;

-- partial
CREATE INDEX shared_tables_partial ON shared_tables USING :method (v vector_l2_ops) WHERE category = 3;
SELECT shared_tables_indexes($$SELECT id FROM shared_tables WHERE category = 3 ORDER BY v <-> '[100,0,0]' LIMIT 3$$);
SELECT id FROM shared_tables WHERE category = 3 ORDER BY v <-> '[100,0,0]' LIMIT 3;
INSERT INTO shared_tables VALUES (201, 3, '[100,0,0]'), (202, 2, '[100,0,0]');
SELECT id FROM shared_tables WHERE category = 3 ORDER BY v <-> '[100,0,0]' LIMIT 2;
SELECT shared_tables_indexes($$SELECT id FROM shared_tables WHERE category = 2 ORDER BY v <-> '[100,0,0]' LIMIT 3$$);
SELECT shared_tables_indexes($$SELECT id FROM shared_tables ORDER BY v <-> '[100,0,0]' LIMIT 3$$);
SELECT shared_tables_indexes($$SELECT count(*) FROM shared_tables WHERE category = 3$$);
DROP INDEX shared_tables_partial;
DELETE FROM shared_tables WHERE id > 200;

-- expressions: a cast that gives dimensions, a part, an array
CREATE INDEX shared_tables_cast ON shared_tables USING :method ((w::vector(2)) vector_l2_ops);
SELECT shared_tables_indexes($$SELECT id FROM shared_tables ORDER BY w::vector(2) <-> '[0,50.2]' LIMIT 2$$);
SELECT id FROM shared_tables ORDER BY w::vector(2) <-> '[0,50.2]' LIMIT 2;
CREATE INDEX shared_tables_part ON shared_tables USING :method ((subvector(v, 1, 1)::vector(1)) vector_l2_ops);
SELECT id FROM shared_tables ORDER BY subvector(v, 1, 1)::vector(1) <-> '[50.2]' LIMIT 2;
CREATE INDEX shared_tables_array ON shared_tables USING :method ((a::vector(2)) vector_ip_ops);
SELECT id FROM shared_tables ORDER BY a::vector(2) <#> '[1,1]' LIMIT 2;
CREATE INDEX ON shared_tables USING :method ((a::vector) vector_l2_ops);
INSERT INTO shared_tables VALUES (300, 0, '[1,1,1]', '[1,2,3]', '{1,1}');
INSERT INTO shared_tables VALUES (300, 0, '[1,1,1]', NULL, NULL);
DELETE FROM shared_tables WHERE id = 300;
DROP INDEX shared_tables_cast, shared_tables_part, shared_tables_array;

-- a table without toast, values that are toasted, values with short headers
CREATE TABLE shared_toasted (id int, v vector(1500));
ALTER TABLE shared_toasted ALTER v SET STORAGE extended;
INSERT INTO shared_toasted SELECT i, array_fill(i, ARRAY[1500]) FROM generate_series(1, 10) i;
CREATE INDEX ON shared_toasted USING :method (v vector_l2_ops);
INSERT INTO shared_toasted SELECT i, array_fill(i, ARRAY[1500]) FROM generate_series(11, 20) i;
SELECT id FROM shared_toasted ORDER BY v <-> array_fill(14.2::real, ARRAY[1500])::vector LIMIT 3;
DROP TABLE shared_toasted;

-- unlogged and temporary tables; storage = mmap is accepted and reads go through buffers
CREATE UNLOGGED TABLE shared_unlogged (id int, v vector(3));
CREATE INDEX ON shared_unlogged USING :method (v vector_l2_ops) WITH (storage = mmap);
INSERT INTO shared_unlogged SELECT i, ARRAY[i, 0, 0] FROM generate_series(1, 100) i;
SELECT id FROM shared_unlogged ORDER BY v <-> '[50.2,0,0]' LIMIT 3;
CHECKPOINT;
SELECT id FROM shared_unlogged ORDER BY v <-> '[50.2,0,0]' LIMIT 3;
ALTER TABLE shared_unlogged SET LOGGED;
SELECT id FROM shared_unlogged ORDER BY v <-> '[50.2,0,0]' LIMIT 3;
ALTER TABLE shared_unlogged SET UNLOGGED;
SELECT id FROM shared_unlogged ORDER BY v <-> '[50.2,0,0]' LIMIT 3;
DROP TABLE shared_unlogged;
CREATE TEMP TABLE shared_temporary (id int, v vector(3)) ON COMMIT DELETE ROWS;
CREATE INDEX ON shared_temporary USING :method (v vector_l2_ops) WITH (storage = mmap);
BEGIN;
INSERT INTO shared_temporary SELECT i, ARRAY[i, 0, 0] FROM generate_series(1, 100) i;
SELECT id FROM shared_temporary ORDER BY v <-> '[50.2,0,0]' LIMIT 3;
COMMIT;
SELECT id FROM shared_temporary ORDER BY v <-> '[50.2,0,0]' LIMIT 3;
DROP TABLE shared_temporary;
CREATE TEMP TABLE shared_temporary AS SELECT i AS id, ARRAY[i, 0, 0]::vector(3) AS v FROM generate_series(1, 100) i;
CREATE INDEX ON shared_temporary USING :method (v vector_l2_ops);
DELETE FROM shared_temporary WHERE id % 2 = 0;
VACUUM shared_temporary;
SELECT id FROM shared_temporary ORDER BY v <-> '[50.2,0,0]' LIMIT 3;
DROP TABLE shared_temporary;

-- concurrently, and again
CREATE INDEX CONCURRENTLY shared_tables_index ON shared_tables USING :method (v vector_l2_ops);
SELECT id FROM shared_tables ORDER BY v <-> '[50.2,0,0]' LIMIT 3;
DELETE FROM shared_tables WHERE id BETWEEN 49 AND 51;
REINDEX INDEX CONCURRENTLY shared_tables_index;
SELECT id FROM shared_tables ORDER BY v <-> '[50.2,0,0]' LIMIT 3;
ALTER INDEX shared_tables_index SET (storage = mmap);
REINDEX TABLE CONCURRENTLY shared_tables;
SELECT id FROM shared_tables ORDER BY v <-> '[50.2,0,0]' LIMIT 3;
INSERT INTO shared_tables (id, v) VALUES (50, '[50,0,0]');
REINDEX INDEX shared_tables_index;
SELECT id FROM shared_tables ORDER BY v <-> '[50.2,0,0]' LIMIT 3;
VACUUM FULL shared_tables;
SELECT id FROM shared_tables ORDER BY v <-> '[50.2,0,0]' LIMIT 3;
CLUSTER shared_tables USING shared_tables_pkey;
SELECT id FROM shared_tables ORDER BY v <-> '[50.2,0,0]' LIMIT 3;
SELECT indisvalid, indisready FROM pg_index WHERE indexrelid = 'shared_tables_index'::regclass;
ALTER TABLE shared_tables ALTER v TYPE vector(2) USING subvector(v, 1, 2);
SELECT id FROM shared_tables ORDER BY v <-> '[50.2,0]' LIMIT 3;
SELECT id FROM shared_tables ORDER BY v <-> '[50.2,0,0]' LIMIT 3;

-- options change nothing of a built index, until it is built again
ALTER INDEX shared_tables_index SET (quantizer = none);
SELECT id FROM shared_tables ORDER BY v <-> '[50.2,0]' LIMIT 3;
INSERT INTO shared_tables (id, v) VALUES (51, '[51,0]');
SELECT id FROM shared_tables ORDER BY v <-> '[50.2,0]' LIMIT 3;
REINDEX INDEX shared_tables_index;
SELECT id FROM shared_tables ORDER BY v <-> '[50.2,0]' LIMIT 3;

-- a column that loses its dimensions: the index has them still, but cannot be built again
ALTER TABLE shared_tables ALTER v TYPE vector;
SELECT id FROM shared_tables ORDER BY v <-> '[50.2,0]' LIMIT 3;
INSERT INTO shared_tables (id, v) VALUES (49, '[49,0]');
INSERT INTO shared_tables (id, v) VALUES (401, '[49,0,0]');
SELECT id FROM shared_tables ORDER BY v <-> '[49.2,0]' LIMIT 3;
REINDEX INDEX shared_tables_index;
ALTER TABLE shared_tables ALTER v TYPE vector(2);
REINDEX INDEX shared_tables_index;
SELECT id FROM shared_tables ORDER BY v <-> '[49.2,0]' LIMIT 3;
DROP TABLE shared_tables;
DROP FUNCTION shared_tables_indexes;

-- partitions: the index of each, merged by distance
CREATE TABLE shared_partitioned (id int, v vector(3)) PARTITION BY RANGE (id);
CREATE TABLE shared_partitioned_1 PARTITION OF shared_partitioned FOR VALUES FROM (0) TO (100);
CREATE TABLE shared_partitioned_2 PARTITION OF shared_partitioned FOR VALUES FROM (100) TO (200);
INSERT INTO shared_partitioned SELECT i, ARRAY[i, 0, 0] FROM generate_series(1, 199) i;
CREATE INDEX ON shared_partitioned USING :method (v vector_l2_ops) WITH (storage = mmap);
EXPLAIN (COSTS OFF) SELECT id FROM shared_partitioned ORDER BY v <-> '[99.7,0,0]' LIMIT 4;
SELECT id FROM shared_partitioned ORDER BY v <-> '[99.7,0,0]' LIMIT 4;
SELECT relname, reloptions FROM pg_class WHERE relname LIKE 'shared_partitioned%v_idx' ORDER BY relname;
DROP TABLE shared_partitioned;

-- a materialized view
CREATE MATERIALIZED VIEW shared_view AS SELECT i AS id, ARRAY[i, 0, 0]::vector(3) AS v FROM generate_series(1, 50) i;
CREATE INDEX ON shared_view USING :method (v vector_l2_ops);
CREATE UNIQUE INDEX ON shared_view (id);
REFRESH MATERIALIZED VIEW shared_view;
REFRESH MATERIALIZED VIEW CONCURRENTLY shared_view;
SELECT id FROM shared_view ORDER BY v <-> '[20.2,0,0]' LIMIT 2;
DROP MATERIALIZED VIEW shared_view;
