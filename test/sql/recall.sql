-- vectorstore_recall: the share of the true nearest neighbors that an index finds, over a sample of rows.
CREATE TABLE recall_rows (id int, v vector(8), kept boolean);
INSERT INTO recall_rows SELECT i, ARRAY(SELECT sin(i * j) + cos(i + j * j) FROM generate_series(1, 8) j)::vector, i % 3 = 0
FROM generate_series(1, 3000) i;

-- Lists of which all are scanned find everything; one of many doesn't, and the setting of the session tells.
CREATE INDEX recall_lists ON recall_rows USING ivf (v vector_l2_ops) WITH (lists = 40, quantizer = none);
SET ivf.probes = 40;
SELECT vectorstore_recall('recall_lists');
SELECT vectorstore_recall('recall_lists', k => 3, sample => 5000);
SET ivf.probes = 1;
SELECT vectorstore_recall('recall_lists', 50) BETWEEN 0.05 AND 0.95 AS some;
RESET ivf.probes;

-- So does the number of candidates: of 100 neighbors 10 candidates are less than a tenth.
CREATE INDEX recall_graph ON recall_rows USING hnsw (v vector_l2_ops) WITH (storage = mmap);
SET hnsw.ef_search = 200;
SELECT vectorstore_recall('recall_graph', 20, 200) > 0.98 AS nearly_all;
SET hnsw.ef_search = 10;
SELECT vectorstore_recall('recall_graph', 100, 50) BETWEEN 0.05 AND 0.1 AS candidates_alone;
RESET hnsw.ef_search;

-- Other metrics and types; an index of an expression, and of a part of the table
CREATE INDEX recall_cosine ON recall_rows USING ivf (v vector_cosine_ops) WITH (lists = 4, quantizer = none);
CREATE INDEX recall_part ON recall_rows USING hnsw ((v::halfvec(8)) halfvec_l1_ops) WHERE kept;
SET ivf.probes = 4;
-- (normalized and rounded, two rows may change places)
SELECT vectorstore_recall('recall_cosine') >= 0.99 AS nearly_all;
SET hnsw.ef_search = 400;
SELECT vectorstore_recall('recall_part', 5, 100) > 0.98 AS nearly_all;
SELECT vectorstore_recall('recall_part', 2000, 10) < 0.5 AS not_beyond_ef_search;

-- Rows that are equally near are all right; zero vectors and nulls are not in the index.
CREATE TABLE recall_equal (v vector(2));
INSERT INTO recall_equal SELECT '[1,1]' FROM generate_series(1, 200);
INSERT INTO recall_equal SELECT '[0,0]' FROM generate_series(1, 20);
INSERT INTO recall_equal SELECT NULL FROM generate_series(1, 20);
CREATE INDEX recall_equal_index ON recall_equal USING hnsw (v vector_cosine_ops);
SELECT vectorstore_recall('recall_equal_index', 10, 1000);

-- Nothing to find: no row, or no other row
CREATE TABLE recall_empty (v vector(2));
CREATE INDEX recall_empty_index ON recall_empty USING ivf (v vector_l2_ops);
SELECT vectorstore_recall('recall_empty_index') IS NULL AS nothing;
INSERT INTO recall_empty VALUES ('[1,2]');
SELECT vectorstore_recall('recall_empty_index') IS NULL AS nothing;
INSERT INTO recall_empty VALUES ('[1,3]');
SELECT vectorstore_recall('recall_empty_index');

-- What is refused
SELECT vectorstore_recall('recall_graph', 0);
SELECT vectorstore_recall('recall_graph', 10, 0);
SELECT vectorstore_recall('recall_graph', 10, 2000000000);
CREATE INDEX recall_btree ON recall_rows (id);
SELECT vectorstore_recall('recall_btree');
SELECT vectorstore_recall('recall_rows');
CREATE ROLE regress_recall;
SET ROLE regress_recall;
SELECT vectorstore_recall('recall_graph');
RESET ROLE;
GRANT SELECT ON recall_rows TO regress_recall;
ALTER TABLE recall_rows ENABLE ROW LEVEL SECURITY;
SET ROLE regress_recall;
SELECT vectorstore_recall('recall_graph');
RESET ROLE;
ALTER TABLE recall_rows DISABLE ROW LEVEL SECURITY;
SET ROLE regress_recall;
SELECT vectorstore_recall('recall_graph') > 0.5 AS allowed;
RESET ROLE;
REVOKE ALL ON recall_rows FROM regress_recall;
DROP ROLE regress_recall;
DROP TABLE recall_rows, recall_equal, recall_empty;
