-- What a search keeps of a list is bounded, however unluckily the rows lie: here the places at which
-- the candidates' median is guessed always hold the furthest ones, so that next to none is dropped (a server with
-- assertions stops where there are more than there is room for).
CREATE SCHEMA candidates;
SET search_path = candidates, public;
CREATE TABLE items (id int, v vector(1));
CREATE INDEX items_index ON items USING ivf (v vector_l2_ops) WITH (lists = 1, quantizer = none);

CREATE FUNCTION unlucky(rounds int) RETURNS SETOF vector LANGUAGE plpgsql AS $$
DECLARE
	rows int := 2048 + 32 * rounds;
	kept int[] := ARRAY(SELECT i FROM generate_series(1, 2048) i);
	far int[];
	places int[];
	v real[] := ARRAY(SELECT 1 + i * 7919 % 4096 FROM generate_series(1, rows) i);
BEGIN
	FOR round IN 0 .. rounds - 1 LOOP
		places := ARRAY(SELECT 1 + j * (cardinality(kept) - 1) / 8 FROM generate_series(0, 4) j ORDER BY j);
		far := ARRAY(SELECT kept[p] FROM unnest(places) p ORDER BY p);
		FOR j IN 1 .. 5 LOOP
			v[far[j]] := 1000000 - 10 * round - j;
		END LOOP;
		kept := ARRAY(SELECT k FROM unnest(kept) WITH ORDINALITY u(k, at) WHERE k <> ALL (far) ORDER BY at)
			|| ARRAY(SELECT 2048 + 32 * round + i FROM generate_series(1, 32) i);
	END LOOP;
	RETURN QUERY SELECT ARRAY[e]::vector FROM unnest(v) WITH ORDINALITY u(e, at) ORDER BY at;
END $$;
INSERT INTO items SELECT row_number() OVER (), v FROM unlucky(200) v;

SET enable_seqscan = off;
SET ivf.probes = 1;
SELECT count(*), count(DISTINCT id), bool_and(d >= before) AS in_order
FROM (SELECT id, d, lag(d, 1, 0) OVER () AS before
	FROM (SELECT id, v <-> '[0]' AS d FROM items ORDER BY v <-> '[0]') nearest) ordered;
DROP SCHEMA candidates CASCADE;
