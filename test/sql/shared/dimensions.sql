-- Every number of dimensions that a vector can have, slots within a page and across pages.
SET client_min_messages = warning;
SET jit = off;
CREATE SCHEMA dimensions;
SET search_path = dimensions, public;
SET enable_seqscan = off;

CREATE TABLE points (dimensions int, id int, v vector);
INSERT INTO points
SELECT d, i, (SELECT array_agg((hashint4(i * 16381 + j) & 1023) / 64.0 - 8 ORDER BY j)
			  FROM generate_series(1, d) j)::real[]::vector
FROM unnest(ARRAY[1, 2, 3, 4, 5, 8, 128, 500, 1021, 2000, 2001, 2043, 4096, 16000]) d,
	generate_series(1, CASE WHEN d > 1000 THEN 20 ELSE 60 END) i;

-- Rows that do not find themselves first; half of the rows are there when the index is built.
CREATE FUNCTION lost_rows(method text, dimension_count int, operator_class text, operator text, options text)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	result bigint;
BEGIN
	EXECUTE format('CREATE TABLE items (id int, v vector(%s))', dimension_count);
	INSERT INTO items SELECT id, v FROM points WHERE dimensions = dimension_count AND id % 2 = 0;
	EXECUTE format('CREATE INDEX items_index ON items USING %s (v %s) WITH (%s)',
				   method, operator_class, options);
	INSERT INTO items SELECT id, v FROM points WHERE dimensions = dimension_count AND id % 2 = 1;
	EXECUTE format('SELECT count(*) FROM items i WHERE i.v IS DISTINCT FROM '
				   '(SELECT v FROM items ORDER BY v %s i.v LIMIT 1)', operator) INTO result;
	DROP TABLE items;
	RETURN result;
END
$$;

SELECT d AS dimensions, storage, quantizer,
	lost_rows(:'method', d, 'vector_l2_ops', '<->', format('storage = %s, quantizer = %s', storage, quantizer)) AS lost_rows
FROM unnest(ARRAY[1, 2, 3, 4, 5, 500, 1021, 2000, 2001, 2043, 4096, 16000]) d,
	unnest(ARRAY['buffer_pool', 'mmap']) storage, unnest(ARRAY['none', 'sq8']) quantizer
ORDER BY d, storage, quantizer;
SELECT d AS dimensions, lost_rows(:'method', d, 'vector_cosine_ops', '<=>', 'storage = mmap') AS lost_rows
FROM unnest(ARRAY[3, 128, 2001, 16000]) d;
