-- Which rows an index gives: NULLs, zero vectors, equal vectors, changed and deleted rows, rows of
-- transactions that failed.  Searches look at all of the index.
SET enable_seqscan = off;
CREATE TABLE shared_rows (id int PRIMARY KEY, v vector(3));

-- NULLs are not indexed; a NULL query gives all the others
INSERT INTO shared_rows VALUES (1, '[0,0,0]'), (2, '[1,2,3]'), (3, '[1,1,1]'), (4, NULL);
CREATE INDEX shared_rows_index ON shared_rows USING :method (v vector_l2_ops);
INSERT INTO shared_rows VALUES (5, '[1,2,4]'), (6, NULL);
SELECT * FROM shared_rows ORDER BY v <-> '[3,3,3]';
SELECT count(*) FROM (SELECT * FROM shared_rows ORDER BY v <-> (SELECT NULL::vector)) s;
SELECT count(*) FROM shared_rows;
UPDATE shared_rows SET v = NULL WHERE id = 2;
UPDATE shared_rows SET v = '[9,9,9]' WHERE id = 4;
SELECT * FROM shared_rows ORDER BY v <-> '[3,3,3]';
TRUNCATE shared_rows;
SELECT * FROM shared_rows ORDER BY v <-> '[3,3,3]';
DROP INDEX shared_rows_index;

-- zero vectors have no cosine
INSERT INTO shared_rows VALUES (1, '[0,0,0]'), (2, '[1,2,3]'), (3, '[1,1,1]'), (4, NULL);
CREATE INDEX shared_rows_index ON shared_rows USING :method (v vector_cosine_ops);
INSERT INTO shared_rows VALUES (5, '[1,2,4]'), (6, '[0,0,0]'), (7, '[1e-30,1e-30,1e-30]');
SELECT * FROM shared_rows WHERE id <> 7 ORDER BY v <=> '[3,3,3]';
SELECT count(*) FROM (SELECT * FROM shared_rows ORDER BY v <=> '[3,3,3]') s;
SELECT count(*) FROM (SELECT * FROM shared_rows ORDER BY v <=> '[0,0,0]') s;
SELECT count(*) FROM (SELECT * FROM shared_rows ORDER BY v <=> (SELECT NULL::vector)) s;
DROP INDEX shared_rows_index;
TRUNCATE shared_rows;

-- many equal vectors: inserted and built
CREATE INDEX shared_rows_index ON shared_rows USING :method (v vector_l2_ops);
INSERT INTO shared_rows SELECT i, '[1,2,3]' FROM generate_series(1, 35) i;
INSERT INTO shared_rows SELECT i, ARRAY[i, 0, 0] FROM generate_series(36, 60) i;
SELECT count(*), min(id), max(id) FROM (SELECT id FROM shared_rows ORDER BY v <-> '[1,2,3]' LIMIT 35) s;
REINDEX INDEX shared_rows_index;
SELECT count(*), min(id), max(id) FROM (SELECT id FROM shared_rows ORDER BY v <-> '[1,2,3]' LIMIT 35) s;
DELETE FROM shared_rows WHERE id BETWEEN 5 AND 30;
SELECT count(*), min(id), max(id) FROM (SELECT id FROM shared_rows ORDER BY v <-> '[1,2,3]' LIMIT 9) s;
VACUUM shared_rows;
SELECT count(*), min(id), max(id) FROM (SELECT id FROM shared_rows ORDER BY v <-> '[1,2,3]' LIMIT 9) s;
INSERT INTO shared_rows SELECT i, '[1,2,3]' FROM generate_series(5, 30) i;
SELECT count(*), min(id), max(id) FROM (SELECT id FROM shared_rows ORDER BY v <-> '[1,2,3]' LIMIT 35) s;
-- nothing but one vector, many times
TRUNCATE shared_rows;
INSERT INTO shared_rows SELECT i, '[4,4,4]' FROM generate_series(1, 300) i;
SELECT count(DISTINCT id) FROM (SELECT id FROM shared_rows ORDER BY v <-> '[0,0,0]') s;
REINDEX INDEX shared_rows_index;
SELECT count(DISTINCT id) FROM (SELECT id FROM shared_rows ORDER BY v <-> '[0,0,0]') s;
TRUNCATE shared_rows;

-- updates: in place of the old vector, and to an equal one
INSERT INTO shared_rows SELECT i, ARRAY[i, i, 0] FROM generate_series(1, 50) i;
UPDATE shared_rows SET v = '[1000,1000,0]' WHERE id = 10;
SELECT id FROM shared_rows ORDER BY v <-> '[10.2,10.2,0]' LIMIT 3;
SELECT id FROM shared_rows ORDER BY v <-> '[1000,1000,0]' LIMIT 1;
UPDATE shared_rows SET id = id + 100, v = v;
SELECT id FROM shared_rows ORDER BY v <-> '[20.2,20.2,0]' LIMIT 3;
SELECT count(*) FROM (SELECT id FROM shared_rows ORDER BY v <-> '[20.2,20.2,0]' LIMIT 30) s;

-- delete, vacuum, insert again: the places of the deleted rows are used anew
TRUNCATE shared_rows;
INSERT INTO shared_rows SELECT i, ARRAY[i % 30, i / 30, i % 7] FROM generate_series(1, 900) i;
VACUUM shared_rows;
SELECT pg_relation_size('shared_rows_index') AS size \gset
DELETE FROM shared_rows WHERE id % 3 = 0;
VACUUM shared_rows;
SELECT count(*) FROM (SELECT id FROM shared_rows ORDER BY v <-> '[15,15,3]' LIMIT 40) s;
SELECT bool_and(id % 3 <> 0) FROM (SELECT id FROM shared_rows ORDER BY v <-> '[15,15,3]' LIMIT 40) s;
INSERT INTO shared_rows SELECT i, ARRAY[i % 30, i / 30, 50] FROM generate_series(3, 900, 3) i;
SELECT pg_relation_size('shared_rows_index') = :size AS not_grown;
SELECT bool_and(id % 3 = 0), count(*) FROM (SELECT id FROM shared_rows ORDER BY v <-> '[15,15,50]' LIMIT 20) s;
DELETE FROM shared_rows;
VACUUM shared_rows;
SELECT id FROM shared_rows ORDER BY v <-> '[15,15,3]' LIMIT 5;
INSERT INTO shared_rows SELECT i, ARRAY[i % 30, i / 30, i % 7] FROM generate_series(1, 900) i;
SELECT pg_relation_size('shared_rows_index') = :size AS not_grown;
SELECT id FROM shared_rows ORDER BY v <-> '[15,15,3]', id LIMIT 1;
SELECT count(*) FROM (SELECT id FROM shared_rows ORDER BY v <-> '[15,15,3]' LIMIT 40) s;

-- transactions that fail, savepoints
TRUNCATE shared_rows;
INSERT INTO shared_rows SELECT i, ARRAY[i, 0, 0] FROM generate_series(1, 20) i;
BEGIN;
INSERT INTO shared_rows SELECT i, ARRAY[i, 0, 0] FROM generate_series(21, 40) i;
SELECT id FROM shared_rows ORDER BY v <-> '[30,0,0]' LIMIT 1;
ROLLBACK;
SELECT id FROM shared_rows ORDER BY v <-> '[30,0,0]' LIMIT 1;
BEGIN;
INSERT INTO shared_rows VALUES (21, '[21,0,0]');
SAVEPOINT a;
INSERT INTO shared_rows VALUES (22, '[22,0,0]');
SELECT id FROM shared_rows ORDER BY v <-> '[30,0,0]' LIMIT 1;
ROLLBACK TO a;
SELECT id FROM shared_rows ORDER BY v <-> '[30,0,0]' LIMIT 1;
INSERT INTO shared_rows VALUES (23, '[23,0,0]');
RELEASE a;
COMMIT;
SELECT id FROM shared_rows ORDER BY v <-> '[30,0,0]' LIMIT 2;
-- an error while the row is inserted leaves the index as it was
INSERT INTO shared_rows VALUES (24, '[24,0,0]'), (23, '[99,0,0]');
SELECT id FROM shared_rows ORDER BY v <-> '[30,0,0]' LIMIT 1;
VACUUM shared_rows;
SELECT id FROM shared_rows ORDER BY v <-> '[30,0,0]' LIMIT 2;
-- an index created and a table truncated in a transaction that fails
BEGIN;
TRUNCATE shared_rows;
INSERT INTO shared_rows VALUES (1, '[7,7,7]');
CREATE INDEX ON shared_rows USING :method (v vector_ip_ops);
SELECT id, v FROM shared_rows ORDER BY v <-> '[30,0,0]' LIMIT 2;
ROLLBACK;
SELECT id FROM shared_rows ORDER BY v <-> '[30,0,0]' LIMIT 2;

-- ON CONFLICT and COPY go the same way
INSERT INTO shared_rows VALUES (1, '[50,0,0]') ON CONFLICT (id) DO UPDATE SET v = excluded.v;
COPY shared_rows FROM STDIN;
60	[60,0,0]
61	\N
\.
SELECT id FROM shared_rows ORDER BY v <-> '[70,0,0]' LIMIT 2;
COPY shared_rows FROM STDIN;
62	[60,0]
\.

DROP TABLE shared_rows;

-- a table that is emptied in the transaction that made it keeps its files
BEGIN;
CREATE TABLE emptied_rows (id int, v vector(3));
CREATE INDEX emptied_rows_index ON emptied_rows USING :method (v vector_l2_ops) WITH (storage = mmap);
INSERT INTO emptied_rows SELECT n, ARRAY[n, 0, 0] FROM generate_series(1, 500) n;
TRUNCATE emptied_rows;
INSERT INTO emptied_rows SELECT n, ARRAY[n, 0, 0] FROM generate_series(1, 500) n;
COMMIT;
SELECT count(*), max(id) FROM (SELECT id FROM emptied_rows ORDER BY v <-> '[0,0,0]' LIMIT 20) s;
SELECT vectorstore_index_check('emptied_rows_index');
DROP TABLE emptied_rows;
