-- The extension is trusted and relocatable: the owner of a database, no superuser, installs it into
-- a schema of their choice and removes it; a superuser moves it to another schema.
\set main_database :DBNAME
CREATE ROLE regress_vectorstore_owner;
CREATE DATABASE regression_vectorstore_install OWNER regress_vectorstore_owner;
\c regression_vectorstore_install
SET SESSION AUTHORIZATION regress_vectorstore_owner;
CREATE SCHEMA first;
CREATE EXTENSION vectorstore SCHEMA first;
SELECT '[1,2]'::first.vector OPERATOR(first.<->) '[4,6]' AS distance, first.vector_norm('[3,4]') AS norm;
-- through objects that use it, without its schema in the search path
CREATE TABLE kept (v first.vector(2));
INSERT INTO kept VALUES ('[1,2]'), (ARRAY[3,4]), ('[1,1]');
SELECT first.avg(v), first.sum(v) FROM kept;
SELECT v FROM kept ORDER BY v;
CREATE SCHEMA second;
RESET SESSION AUTHORIZATION;
ALTER EXTENSION vectorstore SET SCHEMA second;
SET SESSION AUTHORIZATION regress_vectorstore_owner;
SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'kept'::regclass AND attname = 'v';
SELECT second.avg(v) FROM kept;
SELECT DISTINCT v FROM kept ORDER BY v;
-- nothing of it is left behind
DROP TABLE kept;
DROP EXTENSION vectorstore;
SELECT count(*) FROM pg_type JOIN pg_namespace n ON n.oid = typnamespace WHERE nspname IN ('first', 'second');
SELECT count(*) FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname IN ('first', 'second');
RESET SESSION AUTHORIZATION;
\c :main_database
DROP DATABASE regression_vectorstore_install;
DROP ROLE regress_vectorstore_owner;
