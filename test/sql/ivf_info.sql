-- vectorstore_index_info, vectorstore_index_check and vectorstore_warmup of ivf and ivfflat indexes.
SET client_min_messages = warning;
CREATE TABLE ivf_info (id int, v vector(4));
INSERT INTO ivf_info SELECT i, ARRAY[i % 7, i % 11, i, 1] FROM generate_series(1, 200) i;
CREATE INDEX ivf_info_index ON ivf_info USING ivf (v vector_l2_ops) WITH (lists = 10, storage = mmap);

SELECT method, parameters ~ '^lists = 10, ' AS parameters, metric, dimensions, quantizer, storage, storage_in_effect,
	storage_reason, warmup, rows, nodes, free_nodes > 0 AS room, settled_share, format_version
FROM vectorstore_index_info('ivf_info_index') \gx
-- Every byte of the file belongs to one kind of page.
SELECT vector_bytes > 0 AS vectors, code_bytes > 0 AS codes, node_bytes > 0 AS nodes,
	vector_bytes + code_bytes + node_bytes + upper_level_bytes + map_bytes = file_bytes AS adds_up,
	file_bytes = pg_relation_size('ivf_info_index') AS is_file
FROM vectorstore_index_info('ivf_info_index') \gx
SELECT vectorstore_index_check('ivf_info_index');
SELECT vectorstore_warmup('ivf_info_index') * 8192 BETWEEN file_bytes - map_bytes AND file_bytes AS all_blocks
FROM vectorstore_index_info('ivf_info_index');

-- entries, not rows: those that no row has are free
DELETE FROM ivf_info WHERE id > 150;
SELECT nodes FROM vectorstore_index_info('ivf_info_index');
VACUUM ivf_info;
SELECT nodes, rows FROM vectorstore_index_info('ivf_info_index');
SELECT vectorstore_index_check('ivf_info_index');
INSERT INTO ivf_info SELECT i, ARRAY[i % 7, i % 11, i, 1] FROM generate_series(151, 170) i;
SELECT nodes FROM vectorstore_index_info('ivf_info_index');
SELECT vectorstore_index_check('ivf_info_index');

-- other metrics, codes and names; no rows; no WAL
CREATE INDEX ivf_info_cosine ON ivf_info USING ivf (v vector_cosine_ops) WITH (lists = 3, quantizer = none);
CREATE INDEX ivf_info_ip ON ivf_info USING ivfflat (v vector_ip_ops) WITH (lists = 3, storage = mmap);
CREATE INDEX ivf_info_flat ON ivf_info USING ivfflat (v) WITH (lists = 3, quantizer = sq8, warmup = prefetch);
CREATE TABLE ivf_info_empty (v vector(2000));
CREATE INDEX ivf_info_empty_index ON ivf_info_empty USING ivf (v vector_l2_ops) WITH (storage = mmap);
CREATE TEMP TABLE ivf_info_temporary AS SELECT * FROM ivf_info;
CREATE INDEX ivf_info_temporary_index ON ivf_info_temporary USING ivf (v vector_l2_ops) WITH (storage = mmap);
CREATE UNLOGGED TABLE ivf_info_unlogged AS SELECT * FROM ivf_info;
CREATE INDEX ivf_info_unlogged_index ON ivf_info_unlogged USING ivfflat (v vector_l2_ops) WITH (storage = mmap);
SELECT c.relname, method, substring(parameters FROM 'lists = \d+') AS lists, metric, quantizer, nodes,
	storage_in_effect, storage_reason
FROM pg_class c, vectorstore_index_info(c.oid) WHERE relname ~ '^ivf_info.*_(cosine|ip|flat|index)$' ORDER BY 1;
SELECT vectorstore_index_check(c.oid) FROM pg_class c WHERE relname ~ '^ivf_info.*_(cosine|ip|flat|index)$';
SELECT vectorstore_warmup('ivf_info_empty_index') >= 0 AS warmed;
SELECT vectorstore_warmup('ivf_info_flat') > 0 AS warmed;

DROP TABLE ivf_info, ivf_info_empty, ivf_info_temporary, ivf_info_unlogged;
