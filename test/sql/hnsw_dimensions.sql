-- hnsw over vectors of all lengths, and of few and many neighbors.
\set method hnsw
\i shared/dimensions.sql

SELECT d AS dimensions, lost_rows('hnsw', d, 'vector_l1_ops', '<+>', 'storage = mmap') AS lost_rows
FROM unnest(ARRAY[1, 128, 2001, 16000]) d;

-- few and many neighbors
SELECT m, lost_rows('hnsw', 8, 'vector_l2_ops', '<->', format('m = %s, ef_construction = 200', m)) <= 10 AS few_lost_rows
FROM unnest(ARRAY[2, 3, 50, 100]) m;

DROP SCHEMA dimensions CASCADE;
