-- What quantizer = auto and bits = 0 take, by type, metric, dimensions and rows (README: Which quantizer).
SET client_min_messages = warning;
SET maintenance_work_mem = '64MB';

-- A row of `dimensions` elements that are not all the same
CREATE FUNCTION pg_temp.row_of(type text, dimensions int, seed int) RETURNS text LANGUAGE sql AS $$
	SELECT CASE type
		WHEN 'bit' THEN (SELECT string_agg(((i * seed) % 7 % 2)::text, '' ORDER BY i)
						 FROM generate_series(1, dimensions) i)
		WHEN 'sparsevec' THEN format('{%s:1,%s:%s}/%s', 1 + seed % (dimensions / 2), dimensions, seed, dimensions)
		ELSE (SELECT '[' || string_agg(((i * seed) % 1009 + 1)::text, ',' ORDER BY i) || ']'
			  FROM generate_series(1, dimensions) i) END
$$;

CREATE FUNCTION pg_temp.taken(type text, opclass text, dimensions int, row_count int, options text)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	EXECUTE format('CREATE TABLE hnsw_auto (v %s(%s))', type, dimensions);
	EXECUTE format('INSERT INTO hnsw_auto SELECT pg_temp.row_of(%L, %s, i)::%s(%s) FROM generate_series(1, %s) i',
				   type, dimensions, type, dimensions, row_count);
	EXECUTE format('CREATE INDEX hnsw_auto_index ON hnsw_auto USING hnsw (v %s) WITH (m = 4, ef_construction = 8%s)',
				   opclass, options);
	PERFORM vectorstore_index_check('hnsw_auto_index');
	SELECT quantizer || coalesce(' ' || bits, '') INTO answer FROM vectorstore_index_info('hnsw_auto_index');
	DROP TABLE hnsw_auto;
	RETURN answer;
END $$;

-- Every type and metric, where there are rows enough for any choice
SELECT type, replace(opclass, type || '_', '') AS opclass, dimensions,
	pg_temp.taken(type, opclass, dimensions, 1100, '') AS auto
FROM (VALUES ('vector', 'l2'), ('vector', 'ip'), ('vector', 'cosine'), ('vector', 'l1'), ('halfvec', 'l2'),
		('halfvec', 'cosine'), ('halfvec', 'l1'), ('sparsevec', 'l2'), ('bit', 'hamming')) c(type, metric),
	LATERAL (SELECT format('%s_%s_ops', type, metric) AS opclass) o,
	(VALUES (128), (384)) d(dimensions)
ORDER BY type, opclass, dimensions;

-- Every number of dimensions of the tables, with few rows and with enough; what is asked for is what is taken
SELECT dimensions, row_count, pg_temp.taken('vector', 'vector_cosine_ops', dimensions, row_count, '') AS auto,
	pg_temp.taken('vector', 'vector_cosine_ops', dimensions, row_count, ', quantizer = rabitq') AS rabitq
FROM (VALUES (3), (32), (128), (383), (384), (768), (1536), (3072)) d(dimensions),
	(VALUES (0), (999), (1000)) r(row_count)
WHERE row_count = 0 OR dimensions IN (128, 383, 768)
ORDER BY dimensions, row_count;
SELECT dimensions, pg_temp.taken('vector', 'vector_cosine_ops', dimensions, 1000, '') AS auto
FROM (VALUES (384), (768), (1536), (3072)) d(dimensions);
SELECT pg_temp.taken('vector', 'vector_l2_ops', 384, 1100, ', quantizer = sq8') AS sq8,
	pg_temp.taken('vector', 'vector_l2_ops', 384, 1100, ', quantizer = none') AS none,
	pg_temp.taken('vector', 'vector_l2_ops', 384, 10, ', quantizer = rabitq, bits = 1') AS rabitq;
