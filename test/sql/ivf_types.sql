-- ivf and ivfflat on types other than vector: with all lists scanned, the order is that of a sequential
-- scan, for rows of the build and for rows that came later.

\set VERBOSITY terse
SET client_min_messages = warning;
CREATE TABLE ivf_types (id int PRIMARY KEY, h halfvec(16), b bit(40), s sparsevec(16));
CREATE TABLE ivf_queries (h halfvec(16), b bit(40));

-- Values that look random and are the same everywhere
CREATE FUNCTION mixed(seed int, at int) RETURNS int LANGUAGE sql IMMUTABLE AS
$$ SELECT (hashint4(seed * 1000 + at) % 50) $$;
CREATE FUNCTION fill(first int, last int) RETURNS void LANGUAGE sql AS $$
	INSERT INTO ivf_types
	SELECT i, (SELECT array_agg(mixed(i, j)) FROM generate_series(1, 16) j)::halfvec,
		(SELECT string_agg((abs(mixed(i, 100 + j)) % 2)::text, '') FROM generate_series(1, 40) j)::bit(40)
	FROM generate_series(first, last) i
$$;
SELECT fill(1, 900);
INSERT INTO ivf_queries
	SELECT (SELECT array_agg(mixed(-i, j)) FROM generate_series(1, 16) j)::halfvec,
		(SELECT string_agg((abs(mixed(-i, 100 + j)) % 2)::text, '') FROM generate_series(1, 40) j)::bit(40)
	FROM generate_series(1, 10) i;
SET ivf.probes = 100;
SET ivfflat.probes = 100;

-- How many of the queries the index answers otherwise than a sequential scan does: distances are
-- compared, since rows may be equally far.  Under cosine an index holds normalized vectors, rounded to
-- halfs: its order is that of distances which differ a little.
CREATE FUNCTION differences(col text, op text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	wrong int := 0;
	q record;
	plan text;
	by_index float8[];
	by_table float8[];
	search text := format('SELECT array_agg(d) FROM (SELECT t.%1$I %2$s $1 AS d FROM ivf_types t '
		'ORDER BY t.%1$I %2$s $1 LIMIT 2000) x', col, op);
BEGIN
	FOR q IN SELECT * FROM ivf_queries LOOP
		SET LOCAL enable_seqscan = off;
		SET LOCAL enable_sort = off;
		EXECUTE 'EXPLAIN (FORMAT json) ' || replace(search, '$1', format('(SELECT %I FROM ivf_queries LIMIT 1)', col))
			INTO plan;
		IF plan !~ 'Index Scan' THEN
			RAISE 'the index is not used: %', plan;
		END IF;
		EXECUTE search INTO by_index USING CASE col WHEN 'h' THEN q.h END;
		SET LOCAL enable_indexscan = off;
		SET LOCAL enable_seqscan = on;
		SET LOCAL enable_sort = on;
		EXECUTE search INTO by_table USING CASE col WHEN 'h' THEN q.h END;
		SET LOCAL enable_indexscan = on;
		wrong := wrong + (cardinality(by_index) <> cardinality(by_table) OR EXISTS (
			SELECT FROM unnest(by_index, by_table) AS d(i, t)
			WHERE abs(i - t) > CASE op WHEN '<=>' THEN 0.002 ELSE 0 END))::int;
	END LOOP;
	RETURN wrong;
END $$;
CREATE FUNCTION differences_bit() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	wrong int := 0;
	q record;
	by_index float8[];
	by_table float8[];
BEGIN
	FOR q IN SELECT * FROM ivf_queries LOOP
		SET LOCAL enable_seqscan = off;
		SET LOCAL enable_sort = off;
		SELECT array_agg(d) INTO by_index FROM
			(SELECT b <~> q.b AS d FROM ivf_types ORDER BY b <~> q.b LIMIT 2000) x;
		SET LOCAL enable_indexscan = off;
		SET LOCAL enable_seqscan = on;
		SET LOCAL enable_sort = on;
		SELECT array_agg(d) INTO by_table FROM
			(SELECT b <~> q.b AS d FROM ivf_types ORDER BY b <~> q.b LIMIT 2000) x;
		SET LOCAL enable_indexscan = on;
		wrong := wrong + (by_index IS DISTINCT FROM by_table)::int;
	END LOOP;
	RETURN wrong;
END $$;

DO $$
DECLARE
	am text;
	storage text;
	class record;
BEGIN
	FOREACH am IN ARRAY ARRAY['ivf', 'ivfflat'] LOOP
		FOREACH storage IN ARRAY ARRAY['buffer_pool', 'mmap'] LOOP
			FOR class IN VALUES ('h', 'halfvec_l2_ops', '<->'), ('h', 'halfvec_ip_ops', '<#>'),
				('h', 'halfvec_cosine_ops', '<=>'), ('b', 'bit_hamming_ops', '<~>')
			LOOP
				EXECUTE format('CREATE INDEX ivf_types_index ON ivf_types USING %I (%I %I) '
					'WITH (lists = 20, quantizer = none, storage = %L)',
					am, class.column1, class.column2, storage);
				PERFORM fill(901, 1100);
				RAISE WARNING '% % %: % differ', am, storage, class.column2,
					CASE class.column1 WHEN 'h' THEN differences('h', class.column3)
						ELSE differences_bit() END;
				DELETE FROM ivf_types WHERE id > 900;
				PERFORM vectorstore_index_check('ivf_types_index');
				DROP INDEX ivf_types_index;
			END LOOP;
		END LOOP;
	END LOOP;
END $$;

-- Codes of halfvec, and their order by exact distances
CREATE INDEX ivf_types_index ON ivf_types USING ivf (h halfvec_l2_ops) WITH (lists = 20, quantizer = sq8);
SELECT method, metric, dimensions, quantizer FROM vectorstore_index_info('ivf_types_index');
SELECT differences('h', '<->');
DROP INDEX ivf_types_index;

-- auto makes no codes of bits, nor in ivfflat
CREATE INDEX ivf_types_index ON ivf_types USING ivf (b bit_hamming_ops) WITH (lists = 20);
SELECT method, metric, dimensions, quantizer FROM vectorstore_index_info('ivf_types_index');
DROP INDEX ivf_types_index;
CREATE INDEX ivf_types_index ON ivf_types USING ivfflat (h halfvec_l2_ops);
SELECT method, quantizer FROM vectorstore_index_info('ivf_types_index');
DROP INDEX ivf_types_index;
CREATE INDEX ON ivf_types USING ivf (b bit_hamming_ops) WITH (quantizer = sq8);

-- No operator class of these
CREATE INDEX ON ivf_types USING ivf (s);
CREATE INDEX ON ivf_types USING ivf (h);
