-- A search finds what a sort finds: for every operator class, storage and quantizer, and whether
-- the index was built over the rows or grew with them.  Searches look at all of the index.
SET client_min_messages = warning;
SET jit = off;
CREATE SCHEMA search;
SET search_path = search, public;

-- Points around twenty centers, the same on every machine.
CREATE FUNCTION point(i int, dimensions int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
	SELECT array_agg(((hashint4(i % 20 * 131 + j) & 255) + (hashint4(i * 1009 + j) & 63) - 128) / 16.0
					 ORDER BY j)::real[]::vector
	FROM generate_series(1, dimensions) j
$$;

-- The distances of the nearest rows, by way of the index or of a sort.
CREATE FUNCTION nearest(by_index bool, operator text, query vector, count int) RETURNS float8[]
LANGUAGE plpgsql AS $$
DECLARE
	statement text := format('SELECT v %s %L::vector AS distance FROM items ORDER BY 1 LIMIT %s',
							 operator, query, count);
	line text;
	index_used bool := false;
	result float8[];
BEGIN
	PERFORM set_config('enable_seqscan', (NOT by_index)::text, true);
	PERFORM set_config('enable_indexscan', by_index::text, true);
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || statement LOOP
		index_used := index_used OR line LIKE '%Index Scan using items_index%';
	END LOOP;
	IF index_used <> by_index THEN
		RAISE EXCEPTION 'wrong plan for %', statement;
	END IF;
	EXECUTE format('SELECT array_agg(distance) FROM (%s) s', statement) INTO result;
	RETURN result;
END
$$;

-- Queries (rows of the table, and points near to none) whose answers differ.
CREATE FUNCTION wrong_answers(operator text, count int) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM generate_series(1, 25) q,
		LATERAL (SELECT nearest(true, operator, point(q * 41, 16), count) AS found,
						nearest(false, operator, point(q * 41, 16), count) AS expected) a
	WHERE (SELECT bool_or(abs(f - e) > 1e-5 * (1 + abs(e)) OR f IS NULL OR e IS NULL)
		   FROM unnest(found, expected) AS u(f, e))
$$;

CREATE FUNCTION check_combination(method text, operator_class text, operator text, storage text,
								  quantizer text, grown bool) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	create_index text := format('CREATE INDEX items_index ON items USING %s (v %s) '
								'WITH (storage = %s, quantizer = %s)',
								method, operator_class, storage, quantizer);
	result bigint;
BEGIN
	DROP TABLE IF EXISTS items;
	CREATE TABLE items (id int, v vector(16));
	IF grown THEN
		EXECUTE create_index;
	END IF;
	INSERT INTO items SELECT i, point(i, 16) FROM generate_series(1, 400) i;
	IF NOT grown THEN
		EXECUTE create_index;
	END IF;
	CHECKPOINT; -- what was inserted can be read through the map only after one
	RETURN wrong_answers(operator, 20);
END
$$;

-- Answers are exact where all of the index is looked at.
SELECT operator_class, storage, quantizer, grown,
	check_combination(:'method', operator_class, operator, storage, quantizer, grown) AS wrong_answers
FROM (VALUES ('vector_l2_ops', '<->'), ('vector_ip_ops', '<#>'), ('vector_cosine_ops', '<=>'))
		AS o(operator_class, operator),
	(VALUES ('buffer_pool'), ('mmap')) AS s(storage),
	(VALUES ('none'), ('sq8')) AS q(quantizer),
	(VALUES (false), (true)) AS g(grown)
ORDER BY operator_class, storage, quantizer, grown;

-- Each row finds itself first.
SELECT check_combination(:'method', 'vector_l2_ops', '<->', 'mmap', 'auto', false) AS wrong_answers;
SET enable_seqscan = off;
SELECT count(*) AS rows, count(*) FILTER (WHERE i.id = nearest.id) AS found_themselves
FROM items i, LATERAL (SELECT id FROM items ORDER BY v <-> i.v LIMIT 1) nearest;
RESET enable_seqscan;

-- Changing the storage changes no answer.
CREATE FUNCTION all_answers() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(nearest(true, '<->', point(q * 7, 16), 30)::text, ' ') FROM generate_series(1, 20) q
$$;
SELECT all_answers() AS by_map \gset
ALTER INDEX items_index SET (storage = buffer_pool);
SELECT all_answers() = :'by_map' AS same_by_buffers;
ALTER INDEX items_index SET (storage = mmap);
SELECT all_answers() = :'by_map' AS same_by_map_again;
CHECKPOINT;
SELECT all_answers() = :'by_map' AS same_after_checkpoint;

-- A few rows, an empty table, one row.
TRUNCATE items;
SET enable_seqscan = off;
SELECT id FROM items ORDER BY v <-> point(1, 16);
INSERT INTO items VALUES (1, point(1, 16));
SELECT id FROM items ORDER BY v <-> point(1, 16);
INSERT INTO items SELECT i, point(i, 16) FROM generate_series(2, 5) i;
SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> point(1, 16)) s;
