-- Which rows hnsw gives.
\set method hnsw
\i shared/rows.sql
