-- Scans of hnsw: what all methods share, and how many rows a search gives.
\set method hnsw
\i shared/scan.sql

-- LIMIT and ef_search: a search gives no more rows than it keeps candidates
SET hnsw.ef_search = 25;
SELECT count(*) FROM (SELECT 1 FROM shared_scan ORDER BY v <-> '[5,5,5]' LIMIT 10) s;
SELECT count(*) FROM (SELECT 1 FROM shared_scan ORDER BY v <-> '[5,5,5]' LIMIT 1000) s;
SELECT count(*) FROM (SELECT 1 FROM shared_scan ORDER BY v <-> '[5,5,5]') s;
SET hnsw.ef_search = 1;
SELECT count(*) FROM (SELECT 1 FROM shared_scan ORDER BY v <-> '[5,5,5]' LIMIT 1000) s;
SET hnsw.ef_search = 1000;
SELECT count(DISTINCT id) FROM (SELECT id FROM shared_scan ORDER BY v <-> '[5,5,5]' LIMIT 1000) s;
RESET hnsw.ef_search;

DROP FUNCTION shared_scan_function, shared_scan_indexes;
DROP TABLE shared_scan;
