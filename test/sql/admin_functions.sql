-- vectorstore_index_info, vectorstore_warmup and vectorstore_index_check: what they say of indexes of
-- every kind, and whom they refuse.

CREATE TABLE admin_rows (id int, v vector(3));
INSERT INTO admin_rows SELECT i, ARRAY[i % 7, i % 11, i]::vector FROM generate_series(1, 200) i;
CREATE INDEX admin_index ON admin_rows USING hnsw (v vector_l2_ops) WITH (m = 8, storage = mmap, quantizer = none);

SELECT method, parameters ~ '^m = 8, ef_construction = 64, levels = \d+$' AS parameters, metric, dimensions,
	quantizer, storage, storage_in_effect, storage_reason, warmup, rows, nodes, free_nodes,
	settled_share, format_version
FROM vectorstore_index_info('admin_index') \gx

-- Every byte of the file belongs to one kind of page.
SELECT vector_bytes > 0 AS vectors, code_bytes, node_bytes > 0 AS nodes, map_bytes,
	vector_bytes + code_bytes + node_bytes + upper_level_bytes + map_bytes = file_bytes AS adds_up,
	file_bytes = pg_relation_size('admin_index') AS is_file,
	mapped_bytes BETWEEN 0 AND file_bytes AS mapped, resident_bytes BETWEEN 0 AND file_bytes AS resident
FROM vectorstore_index_info('admin_index') \gx

-- A scan maps the file; what it maps counts for this session.
SET enable_seqscan = off;
SELECT id FROM admin_rows ORDER BY v <-> '[0,0,0]' LIMIT 1;
SELECT mapped_bytes = file_bytes AS mapped FROM vectorstore_index_info('admin_index');
RESET enable_seqscan;

SELECT vectorstore_index_check('admin_index');
SELECT vectorstore_warmup('admin_index') * 8192 BETWEEN file_bytes - map_bytes AND file_bytes AS all_blocks
FROM vectorstore_index_info('admin_index');

-- Other metrics and codes
CREATE INDEX admin_cosine ON admin_rows USING hnsw (v vector_cosine_ops) WITH (quantizer = sq8, warmup = none);
CREATE INDEX admin_product ON admin_rows USING hnsw (v vector_ip_ops) WITH (storage = buffer_pool, warmup = prefetch);
CREATE INDEX admin_l1 ON admin_rows USING hnsw (v vector_l1_ops);
SELECT c.relname, metric, quantizer, storage, storage_in_effect, storage_reason, warmup
FROM pg_class c, vectorstore_index_info(c.oid) WHERE relname IN ('admin_cosine', 'admin_product', 'admin_l1')
ORDER BY 1;
SELECT vectorstore_index_check(c) FROM unnest('{admin_cosine, admin_product, admin_l1}'::regclass[]) c;

-- After a delete: nodes wait for vacuum, then for new rows.
DELETE FROM admin_rows WHERE id > 150;
SELECT nodes, free_nodes FROM vectorstore_index_info('admin_index');
VACUUM admin_rows;
SELECT nodes, free_nodes, rows FROM vectorstore_index_info('admin_index');
SELECT vectorstore_index_check('admin_index');
INSERT INTO admin_rows SELECT i, ARRAY[i % 7, i % 11, i]::vector FROM generate_series(201, 220) i;
SELECT nodes, free_nodes FROM vectorstore_index_info('admin_index');
SELECT vectorstore_index_check('admin_index');

-- No rows, temporary, unlogged
CREATE TABLE admin_empty (v vector(2000));
CREATE INDEX admin_empty_index ON admin_empty USING hnsw (v vector_l2_ops) WITH (storage = mmap);
CREATE TEMP TABLE admin_temporary AS SELECT * FROM admin_rows;
CREATE INDEX admin_temporary_index ON admin_temporary USING hnsw (v vector_l2_ops) WITH (storage = mmap, warmup = lock);
CREATE UNLOGGED TABLE admin_unlogged AS SELECT * FROM admin_rows;
CREATE INDEX admin_unlogged_index ON admin_unlogged USING hnsw (v vector_l2_ops) WITH (storage = mmap);
SELECT c.relname, parameters LIKE '%levels%' AS has_entry, nodes, storage, storage_in_effect, storage_reason
FROM pg_class c, vectorstore_index_info(c.oid)
WHERE relname IN ('admin_empty_index', 'admin_temporary_index', 'admin_unlogged_index') ORDER BY 1;
SELECT vectorstore_index_check(c) FROM unnest('{admin_empty_index, admin_temporary_index, admin_unlogged_index}'::regclass[]) c;
SELECT vectorstore_warmup('admin_empty_index');
SELECT vectorstore_warmup('admin_unlogged_index') > 0 AS warmed;
SELECT vectorstore_warmup('admin_temporary_index');
ALTER INDEX admin_temporary_index SET (warmup = prefetch);
SELECT vectorstore_warmup('admin_temporary_index') > 0 AS warmed;

-- What is no index of ours
CREATE INDEX admin_btree ON admin_rows (id);
CREATE TABLE admin_parts (v vector(3)) PARTITION BY LIST ((v IS NULL));
CREATE INDEX admin_parts_index ON admin_parts USING hnsw (v vector_l2_ops);
SELECT * FROM vectorstore_index_info('admin_btree');
SELECT * FROM vectorstore_index_info('admin_rows');
SELECT * FROM vectorstore_index_info('admin_parts_index');
SELECT vectorstore_index_check('admin_btree');
SELECT vectorstore_warmup('admin_parts_index');
SELECT vectorstore_warmup(0);
SELECT vectorstore_warmup(NULL) IS NULL AS is_null;

-- Who may: anybody asks, readers warm up, owners check.
CREATE ROLE regress_admin_reader;
SET ROLE regress_admin_reader;
SELECT method FROM vectorstore_index_info('admin_index');
SELECT vectorstore_warmup('admin_index');
RESET ROLE;
GRANT SELECT ON admin_rows TO regress_admin_reader;
SET ROLE regress_admin_reader;
SELECT vectorstore_warmup('admin_index') > 0 AS warmed;
SELECT vectorstore_index_check('admin_index');
RESET ROLE;

DROP TABLE admin_rows, admin_empty, admin_temporary, admin_unlogged, admin_parts;
DROP ROLE regress_admin_reader;
