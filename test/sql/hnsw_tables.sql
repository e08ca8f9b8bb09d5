-- hnsw on kinds of tables and indexes.
\set method hnsw
\i shared/tables.sql
