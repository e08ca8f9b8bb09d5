-- Reloptions, settings, operator classes of ivf and ivfflat: what is accepted, shown and refused.
CREATE TABLE ivf_options (id int, v vector(3), no_dimensions vector);
INSERT INTO ivf_options SELECT i, ARRAY[i, i % 7, 1] FROM generate_series(1, 200) i;

-- as defined
CREATE INDEX ivf_options_default ON ivf_options USING ivf (v vector_l2_ops);
CREATE INDEX ivf_options_all ON ivf_options USING ivf (v vector_cosine_ops)
	WITH (lists = 5, training_storage = mmap, storage = mmap, warmup = none, quantizer = sq8);
CREATE INDEX ivf_options_zero ON ivf_options USING ivf (v vector_ip_ops) WITH (lists = 0, training_storage = auto);
CREATE INDEX ivf_options_flat ON ivf_options USING ivfflat (v);
CREATE INDEX ivf_options_flat_all ON ivf_options USING ivfflat (v vector_ip_ops)
	WITH (lists = 10, training_storage = memory, storage = mmap, quantizer = none);
\d+ ivf_options
SELECT pg_get_indexdef('ivf_options_all'::regclass);
SELECT c.relname, method, parameters ~ 'lists = \d+' AS parameters, metric, quantizer, storage, rows
FROM pg_class c, vectorstore_index_info(c.oid)
WHERE relname ~ '^ivf_options_' ORDER BY relname;
-- defaults: as many as the rows suggest, and a hundred
SELECT c.relname, substring(parameters FROM 'lists = \d+') AS lists
FROM pg_class c, vectorstore_index_info(c.oid)
WHERE relname ~ '^ivf_options_' ORDER BY relname;

-- few rows for the lists: it is said, for it costs recall
TRUNCATE ivf_options;
DROP INDEX ivf_options_default, ivf_options_all, ivf_options_zero, ivf_options_flat_all;
INSERT INTO ivf_options VALUES (1, '[1,2,3]');
REINDEX INDEX ivf_options_flat;
CREATE INDEX ivf_options_few ON ivf_options USING ivf (v) WITH (lists = 2);
CREATE INDEX ivf_options_default ON ivf_options USING ivf (v);

-- out of range, unknown, contradictory
CREATE INDEX ON ivf_options USING ivf (v) WITH (lists = -1);
CREATE INDEX ON ivf_options USING ivf (v) WITH (lists = 32769);
CREATE INDEX ON ivf_options USING ivf (v) WITH (lists = some);
CREATE INDEX ON ivf_options USING ivf (v) WITH (training_storage = disk);
CREATE INDEX ON ivf_options USING ivf (v) WITH (storage = disk);
CREATE INDEX ON ivf_options USING ivf (v) WITH (quantizer = pq);
CREATE INDEX ON ivf_options USING ivf (v) WITH (m = 16);
CREATE INDEX ON ivf_options USING ivf (v) WITH (storage = buffer_pool, warmup = lock);
CREATE INDEX ON ivf_options USING ivfflat (v) WITH (lists = 0);
CREATE INDEX ON ivf_options USING ivfflat (v) WITH (lists = 32769);
CREATE INDEX ON ivf_options USING ivfflat (v) WITH (probes = 10);
ALTER INDEX ivf_options_flat SET (lists = 0);

-- changed without a rebuild
SELECT relfilenode AS file FROM pg_class WHERE relname = 'ivf_options_default' \gset
ALTER INDEX ivf_options_default SET (storage = mmap, warmup = prefetch, lists = 7, training_storage = mmap);
SELECT reloptions, relfilenode = :file AS same_file FROM pg_class WHERE relname = 'ivf_options_default';
SELECT storage, warmup FROM vectorstore_index_info('ivf_options_default');
ALTER INDEX ivf_options_default RESET (storage, warmup, lists, training_storage);
SELECT reloptions FROM pg_class WHERE relname = 'ivf_options_default';

-- reads and writes go on while storage or warmup change
BEGIN;
ALTER INDEX ivf_options_default SET (storage = mmap, warmup = none);
SELECT mode FROM pg_locks WHERE relation = 'ivf_options_default'::regclass AND pid = pg_backend_pid()
ORDER BY mode;
ROLLBACK;
BEGIN;
ALTER INDEX ivf_options_default SET (lists = 3);
SELECT mode FROM pg_locks WHERE relation = 'ivf_options_default'::regclass AND pid = pg_backend_pid()
ORDER BY mode;
ROLLBACK;

-- what can't be indexed
CREATE INDEX ON ivf_options USING ivf (no_dimensions vector_l2_ops);
CREATE INDEX ON ivf_options USING ivfflat (no_dimensions vector_l2_ops);
CREATE INDEX ON ivf_options USING ivf (id);
CREATE INDEX ON ivf_options USING ivfflat (v vector_l1_ops);
CREATE INDEX ON ivf_options USING ivf (v vector_l2_ops, v vector_ip_ops);
CREATE UNIQUE INDEX ON ivf_options USING ivf (v vector_l2_ops);
CREATE INDEX ON ivf_options USING ivf (v vector_l2_ops) INCLUDE (id);
CLUSTER ivf_options USING ivf_options_default;

-- settings, each under both names
SELECT name, setting, vartype, min_val, max_val, enumvals FROM pg_settings
WHERE name ~ '^ivf(flat)?\.(probes|max_probes|iterative_scan)$' ORDER BY name;
SET ivf.probes = 0;
SET ivf.probes = 32769;
SET ivf.max_probes = 0;
SET ivf.iterative_scan = strict_order;
SET ivfflat.probes = 0;
SET ivfflat.probes = 32769;
SET ivfflat.max_probes = 32769;
SET ivfflat.iterative_scan = 'on';
SET ivf.probes = 20;
SET ivf.iterative_scan = relaxed_order;
SET ivf.max_probes = 100;
SHOW ivf.probes;
SHOW ivf.iterative_scan;
SHOW ivf.max_probes;
SHOW ivfflat.probes;
SHOW ivfflat.iterative_scan;
SHOW ivfflat.max_probes;
SELECT setting, vartype, min_val, max_val FROM pg_settings WHERE name = 'vectorstore.kmeans_seed';
RESET ALL;

-- operator classes
SELECT amname, opcname, opcdefault, opcintype::regtype, amvalidate(o.oid)
FROM pg_opclass o JOIN pg_am a ON a.oid = o.opcmethod
WHERE amname IN ('ivf', 'ivfflat') AND opcintype = 'vector'::regtype ORDER BY amname, opcname;
SELECT amname, bool_and(amvalidate(o.oid)) AS valid
FROM pg_opclass o JOIN pg_am a ON a.oid = o.opcmethod
WHERE amname IN ('ivf', 'ivfflat') GROUP BY amname ORDER BY amname;
SELECT name, pg_indexam_has_property(oid, name) FROM pg_am,
	unnest(ARRAY['can_order', 'can_unique', 'can_multi_col', 'can_exclude', 'can_include']) name
WHERE amname = 'ivf';
SELECT name, pg_index_column_has_property('ivf_options_default', 1, name)
FROM unnest(ARRAY['orderable', 'distance_orderable', 'returnable', 'search_array', 'search_nulls']) name;

DROP TABLE ivf_options;
