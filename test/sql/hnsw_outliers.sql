-- Vectors whose neighbors differ in less than a 255th of the range of their elements: codes of 8 bits
-- that a build makes for itself can't tell them apart, and it must do without.

SET max_parallel_maintenance_workers = 0;
SELECT setseed(0.5);
CREATE TABLE outliers AS
	SELECT i AS id, array_prepend(1000::float8, (SELECT array_agg(random()) FROM generate_series(1, 31 + 0 * i)))::real[]::vector(32) AS v
	FROM generate_series(1, 6000) i;
ALTER TABLE outliers ALTER v TYPE vector(32);
SET hnsw.ef_search = 100;
CREATE INDEX outliers_v ON outliers USING hnsw (v vector_l2_ops) WITH (quantizer = none);
SELECT vectorstore_recall('outliers_v', 10, 100) > 0.95 AS finds_enough;
DROP INDEX outliers_v;

-- Nor would they serve searches.
CREATE INDEX outliers_v ON outliers USING hnsw (v vector_l2_ops);
SELECT quantizer FROM vectorstore_index_info('outliers_v');
SELECT vectorstore_recall('outliers_v', 10, 100) > 0.95 AS finds_enough;
SELECT vectorstore_index_check('outliers_v');
INSERT INTO outliers SELECT id + 6000, v FROM outliers WHERE id % 10 = 0;
SELECT vectorstore_index_check('outliers_v');
DROP TABLE outliers;
