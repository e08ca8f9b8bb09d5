-- Reloptions, settings, operator classes: what is accepted, shown and refused.
CREATE TABLE hnsw_options (id int, v vector(3), no_dimensions vector);
INSERT INTO hnsw_options SELECT i, ARRAY[i, i % 7, 1] FROM generate_series(1, 20) i;

-- as defined
CREATE INDEX hnsw_options_default ON hnsw_options USING hnsw (v vector_l2_ops);
CREATE INDEX hnsw_options_all ON hnsw_options USING hnsw (v vector_cosine_ops)
	WITH (m = 5, ef_construction = 20, storage = mmap, warmup = none, quantizer = sq8);
CREATE INDEX hnsw_options_ip ON hnsw_options USING hnsw (v vector_ip_ops) WITH (quantizer = auto);
CREATE INDEX hnsw_options_l1 ON hnsw_options USING hnsw (v vector_l1_ops) WITH (quantizer = none);
\d+ hnsw_options
SELECT pg_get_indexdef('hnsw_options_all'::regclass);

-- out of range, unknown, contradictory
CREATE INDEX ON hnsw_options USING hnsw (v vector_l2_ops) WITH (m = 1);
CREATE INDEX ON hnsw_options USING hnsw (v vector_l2_ops) WITH (m = 101);
CREATE INDEX ON hnsw_options USING hnsw (v vector_l2_ops) WITH (ef_construction = 3);
CREATE INDEX ON hnsw_options USING hnsw (v vector_l2_ops) WITH (ef_construction = 1001);
CREATE INDEX ON hnsw_options USING hnsw (v vector_l2_ops) WITH (m = 16, ef_construction = 31);
CREATE INDEX ON hnsw_options USING hnsw (v vector_l2_ops) WITH (storage = disk);
CREATE INDEX ON hnsw_options USING hnsw (v vector_l2_ops) WITH (warmup = on);
CREATE INDEX ON hnsw_options USING hnsw (v vector_l2_ops) WITH (quantizer = pq);
CREATE INDEX ON hnsw_options USING hnsw (v vector_l2_ops) WITH (lists = 10);
CREATE INDEX ON hnsw_options USING hnsw (v vector_l2_ops) WITH (storage = buffer_pool, warmup = lock);
ALTER INDEX hnsw_options_all SET (storage = buffer_pool, warmup = lock);
ALTER INDEX hnsw_options_all SET (m = 0);
ALTER INDEX hnsw_options_all SET (m = 50);

-- changed without a rebuild
SELECT relfilenode AS file FROM pg_class WHERE relname = 'hnsw_options_all' \gset
ALTER INDEX hnsw_options_all SET (storage = buffer_pool);
ALTER INDEX hnsw_options_all SET (warmup = lock);
ALTER INDEX hnsw_options_all RESET (storage);
ALTER INDEX hnsw_options_all SET (warmup = prefetch);
SELECT reloptions, relfilenode = :file AS same_file FROM pg_class WHERE relname = 'hnsw_options_all';
ALTER INDEX hnsw_options_all RESET (warmup, m, ef_construction, quantizer);
SELECT reloptions FROM pg_class WHERE relname = 'hnsw_options_all';

-- reads and writes go on while storage or warmup change
BEGIN;
ALTER INDEX hnsw_options_default SET (storage = mmap, warmup = none);
SELECT mode FROM pg_locks WHERE relation = 'hnsw_options_default'::regclass AND pid = pg_backend_pid()
ORDER BY mode;
ROLLBACK;
BEGIN;
ALTER INDEX hnsw_options_default SET (quantizer = none);
SELECT mode FROM pg_locks WHERE relation = 'hnsw_options_default'::regclass AND pid = pg_backend_pid()
ORDER BY mode;
ROLLBACK;

-- what can't be indexed
CREATE INDEX ON hnsw_options USING hnsw (no_dimensions vector_l2_ops);
CREATE INDEX ON hnsw_options USING hnsw (v);
CREATE INDEX ON hnsw_options USING hnsw (id);
CREATE INDEX ON hnsw_options USING hnsw (v vector_l2_ops, v vector_ip_ops);
CREATE UNIQUE INDEX ON hnsw_options USING hnsw (v vector_l2_ops);
CREATE INDEX ON hnsw_options USING hnsw (v vector_l2_ops) INCLUDE (id);
CLUSTER hnsw_options USING hnsw_options_default;

-- settings
SHOW hnsw.ef_search;
SET hnsw.ef_search = 0;
SET hnsw.ef_search = 1001;
SET hnsw.ef_search = 'many';
SET hnsw.ef_search = 1000;
SHOW hnsw.ef_search;
SHOW vectorstore.default_storage;
SET vectorstore.default_storage = disk;
SET vectorstore.default_storage = mmap;
SET vectorstore.no_such_setting = 1;
RESET ALL;

-- operator classes
SELECT opcname, opcdefault, opcintype::regtype, amvalidate(o.oid)
FROM pg_opclass o JOIN pg_am a ON a.oid = o.opcmethod WHERE amname = 'hnsw' ORDER BY opcname;
SELECT f.opfname, amopstrategy, amoppurpose, oprname, s.opfname AS sorts_as
FROM pg_amop p JOIN pg_am a ON a.oid = amopmethod JOIN pg_opfamily f ON f.oid = amopfamily
	JOIN pg_operator o ON o.oid = amopopr JOIN pg_opfamily s ON s.oid = amopsortfamily
WHERE amname = 'hnsw' ORDER BY 1, 2;
SELECT opfname, amprocnum, amproc::regprocedure
FROM pg_amproc p JOIN pg_opfamily f ON f.oid = amprocfamily JOIN pg_am a ON a.oid = opfmethod
WHERE amname = 'hnsw' ORDER BY 1, 2;
SELECT name, pg_indexam_has_property(oid, name) FROM pg_am,
	unnest(ARRAY['can_order', 'can_unique', 'can_multi_col', 'can_exclude', 'can_include']) name
WHERE amname = 'hnsw';
SELECT name, pg_index_has_property('hnsw_options_default', name)
FROM unnest(ARRAY['clusterable', 'index_scan', 'bitmap_scan', 'backward_scan']) name;
SELECT name, pg_index_column_has_property('hnsw_options_default', 1, name)
FROM unnest(ARRAY['orderable', 'distance_orderable', 'returnable', 'search_array', 'search_nulls']) name;

-- operator classes that are not fit, and amvalidate that says so
CREATE OPERATOR CLASS hnsw_no_function FOR TYPE vector USING hnsw AS
	OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops;
CREATE OPERATOR CLASS hnsw_no_operator FOR TYPE vector USING hnsw AS
	FUNCTION 1 vector_l2_squared_distance(vector, vector);
CREATE OPERATOR CLASS hnsw_wrong_signature FOR TYPE vector USING hnsw AS
	OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops,
	FUNCTION 1 vector_norm(vector);
CREATE OPERATOR CLASS hnsw_search_operator FOR TYPE vector USING hnsw AS
	OPERATOR 1 < (vector, vector),
	FUNCTION 1 vector_l2_squared_distance(vector, vector);
CREATE OPERATOR CLASS hnsw_unknown_distance FOR TYPE vector USING hnsw AS
	OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops,
	FUNCTION 1 l2_distance(vector, vector);
CREATE OPERATOR CLASS hnsw_strange_number FOR TYPE vector USING hnsw AS
	OPERATOR 2 <-> (vector, vector) FOR ORDER BY float_ops,
	FUNCTION 1 vector_l2_squared_distance(vector, vector);
SELECT opcname, amvalidate(oid) FROM pg_opclass WHERE opcname LIKE 'hnsw%' ORDER BY opcname;
CREATE INDEX ON hnsw_options USING hnsw (v hnsw_no_function);
CREATE INDEX ON hnsw_options USING hnsw (v hnsw_unknown_distance);
DROP OPERATOR FAMILY hnsw_no_function USING hnsw;
DROP OPERATOR FAMILY hnsw_no_operator USING hnsw;
DROP OPERATOR FAMILY hnsw_wrong_signature USING hnsw;
DROP OPERATOR FAMILY hnsw_search_operator USING hnsw;
DROP OPERATOR FAMILY hnsw_unknown_distance USING hnsw;

DROP TABLE hnsw_options;
