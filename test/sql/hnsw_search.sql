-- Searches of hnsw: with ef_search as large as the index, and with the default.
\set method hnsw
SET hnsw.ef_search = 400;
\i shared/search.sql

-- the operator class that hnsw alone has
SELECT storage, quantizer, grown,
	check_combination('hnsw', 'vector_l1_ops', '<+>', storage, quantizer, grown) AS wrong_answers
FROM (VALUES ('buffer_pool'), ('mmap')) AS s(storage),
	(VALUES ('none'), ('sq8')) AS q(quantizer),
	(VALUES (false), (true)) AS g(grown)
ORDER BY storage, quantizer, grown;

-- With the default ef_search most are exact, and every answer is complete and in order.
RESET hnsw.ef_search;
SELECT check_combination('hnsw', 'vector_l2_ops', '<->', 'mmap', 'auto', false) <= 2 AS few_wrong_at_default;
SELECT wrong_answers('<->', 10) <= 2 AS few_wrong_of_10;
SELECT count(*) AS answers, min(array_length(found, 1)) AS shortest,
	bool_and(found = (SELECT array_agg(f ORDER BY f) FROM unnest(found) f)) AS in_order
FROM (SELECT nearest(true, '<->', point(q * 37, 16), 40) AS found FROM generate_series(1, 25) q) s;

DROP SCHEMA search CASCADE;
