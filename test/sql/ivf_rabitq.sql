-- Lists with codes in blocks of 32 (quantizer = rabitq): rows that were built in, inserted, and put in
-- the places of others after a vacuum are found as by a sort, up to what the bounds' confidence
-- leaves out; blocks that stand whole on pages and ones that cross their ends.
SET client_min_messages = warning;
SET jit = off;
SET ivf.probes = 32768;
CREATE SCHEMA ivf_rabitq;
SET search_path = ivf_rabitq, public;

-- options
CREATE TABLE options (v vector(24), h halfvec(24));
CREATE INDEX ON options USING ivf (v vector_l2_ops) WITH (quantizer = rabitq, bits = 3);
CREATE INDEX ON options USING ivf (v vector_l2_ops) WITH (bits = 1);
CREATE INDEX ON options USING ivfflat (v vector_l2_ops) WITH (quantizer = rabitq, bits = 1);
SELECT method, quantizer, bits FROM vectorstore_index_info('options_v_idx');
DROP TABLE options;

CREATE FUNCTION point(i int, dimensions int) RETURNS real[] LANGUAGE sql IMMUTABLE AS $$
	SELECT array_agg(((hashint4(i % 7 * 131 + j) & 255) + (hashint4(i * 1009 + j) & 255) - 254) / 16.0
					 ORDER BY j)::real[]
	FROM generate_series(1, dimensions) j
$$;
CREATE TABLE points AS
SELECT d AS dimensions, i, point(i, d) AS v
FROM unnest(ARRAY[1, 3, 64, 100, 768, 1536, 3072]) d, generate_series(1, CASE WHEN d > 1000 THEN 300 ELSE 900 END) i;

-- How many of the nearest ten of 10 queries a search does not find, by distance.
CREATE FUNCTION missing(operator text, type text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	by_index text := format('SELECT v %s $1 FROM items ORDER BY v %1$s $1 LIMIT 10', operator);
	by_sort text := format('SELECT v %s $1 FROM items ORDER BY (v %1$s $1) + 0 LIMIT 10', operator);
	query text;
	line text;
	index_used bool := false;
	found float8[];
	expected float8[];
	result bigint := 0;
BEGIN
	FOR line IN EXECUTE format('EXPLAIN (COSTS OFF) SELECT v FROM items ORDER BY v %s (SELECT v FROM items LIMIT 1) LIMIT 10', operator) LOOP
		index_used := index_used OR line LIKE '%Index Scan using items_index%';
	END LOOP;
	IF NOT index_used THEN
		RAISE EXCEPTION 'the index is not used';
	END IF;
	FOR query IN SELECT v FROM items ORDER BY hashint4(id) LIMIT 10 LOOP
		EXECUTE replace(format('SELECT array_agg(d) FROM (%s) s(d)', by_index), '$1', quote_literal(query) || '::' || type) INTO found;
		EXECUTE replace(format('SELECT array_agg(d) FROM (%s) s(d)', by_sort), '$1', quote_literal(query) || '::' || type) INTO expected;
		-- the cosine is that of normalized vectors, so distances differ in the last bits
		result := result + (SELECT count(*) FROM unnest(expected) e
			WHERE NOT EXISTS (SELECT FROM unnest(found) f WHERE abs(f - e) <= 1e-4 * (1 + abs(e))));
	END LOOP;
	RETURN result;
END
$$;

-- Rows not found of 100, when built and after as many inserts
CREATE FUNCTION check_combination(dimension_count int, class text, operator text, type text, storage text, code_bits int)
RETURNS TABLE (built bigint, inserted bigint) LANGUAGE plpgsql AS $$
DECLARE
	insert_rows text := format('INSERT INTO items SELECT i, v::%s FROM points WHERE dimensions = %s AND i %%', type, dimension_count);
BEGIN
	CREATE TABLE IF NOT EXISTS items (id int);
	DROP TABLE items;
	EXECUTE format('CREATE TABLE items (id int, v %s(%s))', type, dimension_count);
	EXECUTE insert_rows || ' 3 = 0';
	EXECUTE format('CREATE INDEX items_index ON items USING ivf (v %s) WITH (lists = 3, quantizer = rabitq, bits = %s, storage = %s)',
				   class, code_bits, storage);
	PERFORM vectorstore_index_check('items_index');
	built := missing(operator, type);
	EXECUTE insert_rows || ' 3 = 1';
	PERFORM vectorstore_index_check('items_index');
	inserted := missing(operator, type);
	RETURN NEXT;
END
$$;
SET enable_seqscan = off;
SELECT d AS dimensions, class, storage, bits, built <= 2 AS built, inserted <= 2 AS inserted
FROM unnest(ARRAY[1, 3, 64, 100, 768, 1536, 3072]) d,
	(VALUES ('vector_l2_ops', '<->'), ('vector_ip_ops', '<#>'), ('vector_cosine_ops', '<=>')) c(class, operator),
	(VALUES ('mmap'), ('buffer_pool')) s(storage),
	(VALUES (0), (1), (2), (4), (8)) b(bits),
	check_combination(d, class, operator, 'vector', storage, bits) r
WHERE storage = 'mmap' AND (class = 'vector_l2_ops' OR d IN (100, 768)) AND bits = 0
	OR storage = 'mmap' AND (class = 'vector_l2_ops' OR bits = 1) AND d IN (100, 1536)
	OR bits = 4 AND class = 'vector_l2_ops' AND d IN (1, 64, 768, 3072)
ORDER BY dimensions, class, storage, bits;
SELECT d AS dimensions, class, built <= 2 AS built, inserted <= 2 AS inserted
FROM unnest(ARRAY[3, 100, 1536]) d,
	(VALUES ('halfvec_l2_ops', '<->'), ('halfvec_ip_ops', '<#>'), ('halfvec_cosine_ops', '<=>')) c(class, operator),
	check_combination(d, class, operator, 'halfvec', 'mmap', 0) r
ORDER BY dimensions, class;

-- places of deleted rows are used again, in blocks that other rows are in and that cross page ends
DROP TABLE items;
CREATE TABLE items (id int, v vector(768));
INSERT INTO items SELECT i, v::vector FROM points WHERE dimensions = 768 AND i % 3 <> 1;
CREATE INDEX items_index ON items USING ivf (v vector_l2_ops) WITH (lists = 3, quantizer = rabitq, bits = 4);
SELECT pg_relation_size('items_index') AS size \gset
DELETE FROM items WHERE id % 3 = 0;
VACUUM items;
SELECT missing('<->', 'vector') <= 2 AS vacuumed;
-- near the deleted ones, so that they belong to the same lists
INSERT INTO items SELECT i + 10000, v::vector + array_fill(0.01, ARRAY[768])::vector
FROM points WHERE dimensions = 768 AND i % 3 = 0;
SELECT missing('<->', 'vector') <= 2 AS reused, pg_relation_size('items_index') = :size AS not_grown;
SELECT vectorstore_index_check('items_index');
CHECKPOINT;
ALTER INDEX items_index SET (storage = mmap);
SELECT missing('<->', 'vector') <= 2 AS reused_mapped;

DROP SCHEMA ivf_rabitq CASCADE;
