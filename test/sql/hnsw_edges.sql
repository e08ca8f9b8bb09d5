-- Codes beside the edges: what they need, and that searches, changes and vacuum are right with them.
CREATE TABLE hnsw_edges (id int PRIMARY KEY, v vector(24));
CREATE INDEX ON hnsw_edges USING hnsw (v vector_l2_ops) WITH (codes = nonsense);
CREATE INDEX ON hnsw_edges USING hnsw (v vector_l2_ops) WITH (quantizer = sq8, codes = edges);
CREATE INDEX ON hnsw_edges USING hnsw (v vector_l2_ops) WITH (quantizer = none, codes = edges);
CREATE INDEX ON hnsw_edges USING ivf (v vector_l2_ops) WITH (quantizer = rabitq, codes = edges);
CREATE TABLE hnsw_edges_large (v vector(3072), s sparsevec(100), b bit(64));
CREATE INDEX ON hnsw_edges_large USING hnsw (v vector_l2_ops) WITH (quantizer = rabitq, codes = edges);
CREATE INDEX ON hnsw_edges_large USING hnsw (s sparsevec_l2_ops) WITH (quantizer = rabitq, codes = edges);
CREATE INDEX ON hnsw_edges_large USING hnsw (b bit_hamming_ops) WITH (quantizer = rabitq, codes = edges);
DROP TABLE hnsw_edges_large;

-- Rows by chance, the same ones every time
CREATE FUNCTION hnsw_edges_vector(seed int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
	SELECT array_agg(((hashint4(seed * 64 + i) & 1023) - 512) / 64.0 + (hashint4(seed % 40 * 64 + i) & 15))::vector
	FROM generate_series(1, 24) i
$$;

-- How many of the ten nearest rows of 50 queries an index scan finds, and how many of the rows it
-- gives are out of order; the exact ones are those of a sequential scan.
CREATE FUNCTION hnsw_edges_search(operator text, expression text DEFAULT 'v', type text DEFAULT 'vector(24)',
	OUT recall numeric, OUT out_of_order bigint)
LANGUAGE plpgsql AS $$
DECLARE
	query text;
	found int[];
	distances float8[];
	exact float8[];
BEGIN
	recall := 0;
	out_of_order := 0;
	FOR query_number IN 1..50 LOOP
		query := hnsw_edges_vector(100000 + query_number)::text;
		SET LOCAL enable_indexscan = on;
		SET LOCAL enable_seqscan = off;
		EXECUTE format('SELECT array_agg(d) FROM (SELECT (%1$s) %2$s %3$L::%4$s AS d FROM hnsw_edges
			ORDER BY (%1$s) %2$s %3$L::%4$s LIMIT 10) s', expression, operator, query, type) INTO distances;
		SET LOCAL enable_indexscan = off;
		SET LOCAL enable_seqscan = on;
		EXECUTE format('SELECT array_agg(d) FROM (SELECT (%1$s) %2$s %3$L::%4$s AS d FROM hnsw_edges
			ORDER BY ((%1$s) %2$s %3$L::%4$s) + 0 LIMIT 10) s', expression, operator, query, type) INTO exact;
		recall := recall + (SELECT count(*) FROM unnest(distances) d WHERE d <= exact[10] + 1e-6) / 500.0;
		out_of_order := out_of_order + (SELECT count(*) FROM
			(SELECT d, lag(d) OVER (ORDER BY n) AS before FROM unnest(distances) WITH ORDINALITY u(d, n)) s
			WHERE before > d);
	END LOOP;
END
$$;

-- grown from nothing, with every metric that there is
CREATE INDEX hnsw_edges_index ON hnsw_edges USING hnsw (v vector_l2_ops)
	WITH (quantizer = rabitq, codes = edges, m = 8, ef_construction = 40);
INSERT INTO hnsw_edges SELECT i, hnsw_edges_vector(i) FROM generate_series(1, 1500) i;
INSERT INTO hnsw_edges VALUES (0, NULL);
SELECT vectorstore_index_check('hnsw_edges_index');
SELECT substring(parameters from '.*codes = edges') AS parameters, quantizer, code_bytes FROM vectorstore_index_info('hnsw_edges_index');
SELECT recall > 0.97 AS good, out_of_order FROM hnsw_edges_search('<->');

-- vacuum and reuse; rows with equal vectors
DELETE FROM hnsw_edges WHERE id % 4 = 1;
VACUUM hnsw_edges;
SELECT vectorstore_index_check('hnsw_edges_index');
SELECT recall > 0.97 AS good, out_of_order FROM hnsw_edges_search('<->');
INSERT INTO hnsw_edges SELECT i, hnsw_edges_vector(i) FROM generate_series(2001, 2500) i;
INSERT INTO hnsw_edges SELECT 3000 + i, hnsw_edges_vector(7) FROM generate_series(1, 35) i;
SELECT vectorstore_index_check('hnsw_edges_index');
SELECT recall > 0.97 AS good, out_of_order FROM hnsw_edges_search('<->');
SET enable_seqscan = off;
SELECT count(*), count(DISTINCT id) FROM
	(SELECT id FROM hnsw_edges ORDER BY v <-> hnsw_edges_vector(7) LIMIT 36) s WHERE id > 3000 OR id = 7;
UPDATE hnsw_edges SET v = hnsw_edges_vector(id + 5000) WHERE id % 10 = 0;
VACUUM hnsw_edges;
SELECT vectorstore_index_check('hnsw_edges_index');
SELECT recall > 0.97 AS good, out_of_order FROM hnsw_edges_search('<->');

-- a search that goes on gives every row once
SET hnsw.iterative_scan = relaxed_order;
SELECT count(*) = (SELECT count(v) FROM hnsw_edges) AS all_rows, count(*) = count(DISTINCT id) AS once FROM
	(SELECT id FROM hnsw_edges ORDER BY v <-> hnsw_edges_vector(100001) LIMIT 100000) s;
SET hnsw.ef_search = 1;
SELECT count(*) = (SELECT count(v) FROM hnsw_edges) AS all_rows, count(*) = count(DISTINCT id) AS once FROM
	(SELECT id FROM hnsw_edges ORDER BY v <-> hnsw_edges_vector(100001) LIMIT 100000) s;
SET hnsw.max_scan_tuples = 100;
SELECT count(*) = count(DISTINCT id) AS once, count(*) BETWEEN 80 AND 1000 AS bounded FROM
	(SELECT id FROM hnsw_edges ORDER BY v <-> hnsw_edges_vector(100001) LIMIT 100000) s;
RESET hnsw.max_scan_tuples;
RESET hnsw.ef_search;
SET hnsw.iterative_scan = strict_order;
SELECT recall > 0.97 AS good, out_of_order FROM hnsw_edges_search('<->');
SELECT count(*) > 1000 AS many, count(*) FILTER (WHERE d < before) AS out_of_order FROM
	(SELECT d, lag(d) OVER () AS before FROM
		(SELECT v <-> hnsw_edges_vector(100002) AS d FROM hnsw_edges
		 ORDER BY v <-> hnsw_edges_vector(100002) LIMIT 5000) s) t;
RESET hnsw.iterative_scan;
RESET enable_seqscan;

-- built, in the other storage, with more neighbors than a block has codes
DROP INDEX hnsw_edges_index;
CREATE INDEX hnsw_edges_index ON hnsw_edges USING hnsw (v vector_ip_ops)
	WITH (quantizer = rabitq, codes = edges, m = 20, storage = mmap);
SELECT vectorstore_index_check('hnsw_edges_index');
SELECT recall > 0.9 AS good, out_of_order FROM hnsw_edges_search('<#>');
INSERT INTO hnsw_edges SELECT i, hnsw_edges_vector(i) FROM generate_series(4001, 4100) i;
SELECT vectorstore_index_check('hnsw_edges_index');
SELECT recall > 0.9 AS good, out_of_order FROM hnsw_edges_search('<#>');
DROP INDEX hnsw_edges_index;
CREATE INDEX hnsw_edges_index ON hnsw_edges USING hnsw ((v::halfvec(24)) halfvec_cosine_ops)
	WITH (quantizer = rabitq, codes = edges);
INSERT INTO hnsw_edges SELECT i, hnsw_edges_vector(i) FROM generate_series(4201, 4300) i;
SELECT vectorstore_index_check('hnsw_edges_index');
SELECT recall > 0.97 AS good, out_of_order FROM hnsw_edges_search('<=>', 'v::halfvec(24)', 'halfvec(24)');
DROP TABLE hnsw_edges;
DROP FUNCTION hnsw_edges_vector, hnsw_edges_search;
