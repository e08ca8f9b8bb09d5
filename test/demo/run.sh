#!/usr/bin/env bash
# make demo: real vectors in a throwaway server, indexed once, searched in both storages.
#
# The vectors are SIFT descriptors of photographs (test/data/README.md).  Prints the answers of one
# query, then recall against exact search, time, size and memory of both storages, and shows the
# switch between them.  Leaves nothing behind.

"$(dirname "$0")/../setup.sh" build || exit 1
. "$(dirname "$0")/../lib/server.sh"

K=10
EF=40

say()
{
	printf '\n== %s\n' "$*"
}

run_sql() # SQL: shown, then run
{
	printf '%s\n' "$1" | sed 's/^/   /'
	sql -P border=1 -P footer=off -c "$1"
}

value() # SQL
{
	sql -At -c "$1"
}

workspace_create demo
say "building the extension, and a private copy of PostgreSQL to run it in"
build
tree_create
client_compile
cluster_create "shared_buffers = 256MB" "autovacuum = off" "max_wal_size = 2GB" "jit = off"
cluster_start
value "SELECT version()"

say "loading SIFT descriptors of photographs"
for set in base query; do
	gunzip -c "$repo/test/data/sift.$set.bvecs.gz" >"$work/sift.$set.bvecs"
done
run_sql "CREATE EXTENSION vectorstore;"
sql -c "CREATE EXTENSION pg_buffercache"
run_sql "CREATE TABLE items (id int, embedding vector(128));"
sql -c "CREATE TABLE queries (id int, embedding vector(128))"
rows=$("$client" load "" "$work/sift.base.bvecs" items 0 0)
queries=$("$client" load "" "$work/sift.query.bvecs" queries 0 200)
sql -c "VACUUM (ANALYZE) items, queries"
echo "$rows vectors of 128 dimensions, $queries queries"

say "exact search, to compare with: every vector, for every query"
sql <<SQL
SET enable_indexscan = off;
CREATE TABLE exact AS
	SELECT q.id, ARRAY(SELECT i.id FROM items i ORDER BY i.embedding <-> q.embedding LIMIT $K) AS ids
	FROM queries q;
SQL
"$client" truth "$work/sift.base.bvecs" 0 "$work/sift.query.bvecs" l2 $K "$work/truth.ivecs"
exact_us=$("$client" search "" "SET enable_indexscan = off" \
	"SELECT id FROM items ORDER BY embedding <-> \$1::vector LIMIT $K" \
	"$work/sift.query.bvecs" "$work/truth.ivecs" $K 0 1 | sed 's/.*"avg_us": \([0-9]*\).*/\1/')

say "one index"
printf '\\timing on\n%s\n' "CREATE INDEX items_index ON items USING hnsw (embedding vector_l2_ops)
	WITH (storage = 'mmap');" >"$work/create.sql"
sed -n '2,$p' "$work/create.sql" | sed 's/^/   /'
sql -f "$work/create.sql"
sql -c "CHECKPOINT"

# For each storage: a server that has just started, so that its memory shows this storage alone.
sql -c "CREATE TABLE figures (storage text, effective text, recall numeric, us numeric, size bigint,
	buffers bigint, mapped bigint, resident bigint);
	CREATE TABLE answers (storage text, id int, distance float8)"
for storage in mmap buffer_pool; do
	say "searching, storage = $storage"
	run_sql "ALTER INDEX items_index SET (storage = '$storage');"
	cluster_restart
	us=$("$client" search "" "SET hnsw.ef_search = $EF; SET enable_seqscan = off" \
		"SELECT id FROM items ORDER BY embedding <-> \$1::vector LIMIT $K" \
		"$work/sift.query.bvecs" "$work/truth.ivecs" $K 2 5 |
		sed 's/.*"avg_us": \([0-9]*\).*/\1/')
	sql <<SQL
SET hnsw.ef_search = $EF;
SET enable_seqscan = off;
INSERT INTO answers
	SELECT '$storage', i.id, i.embedding <-> (SELECT embedding FROM queries WHERE id = 0)
	FROM items i ORDER BY i.embedding <-> (SELECT embedding FROM queries WHERE id = 0) LIMIT $K;
INSERT INTO figures
	SELECT '$storage', f.storage, r.recall, $us, pg_relation_size('items_index'),
		(SELECT count(*) * 8192 FROM pg_buffercache
			WHERE relfilenode = pg_relation_filenode('items_index')
			AND reldatabase = (SELECT oid FROM pg_database WHERE datname = current_database())),
		f.mapped_bytes, f.resident_bytes
	FROM vectorstore_index_info('items_index') f,
		(SELECT avg(cardinality(ARRAY(SELECT unnest(e.ids) INTERSECT SELECT unnest(a.ids)))) / $K AS recall
			FROM exact e JOIN LATERAL
				(SELECT ARRAY(SELECT i.id FROM items i ORDER BY i.embedding <-> q.embedding LIMIT $K) AS ids
					FROM queries q WHERE q.id = e.id) a ON true) r;
SQL
	echo "done: $queries queries"
done

say "the $K nearest to the first query"
sql -P border=1 -P footer=off <<SQL
WITH numbered AS (SELECT *, row_number() OVER (PARTITION BY storage ORDER BY distance, id) AS place FROM answers)
SELECT place, m.id AS "id (mmap)", b.id AS "id (buffer_pool)",
	(SELECT ids[place] FROM exact WHERE id = 0) AS "id (exact)", round(m.distance::numeric, 3) AS distance
FROM (SELECT * FROM numbered WHERE storage = 'mmap') m
JOIN (SELECT * FROM numbered WHERE storage = 'buffer_pool') b USING (place) ORDER BY place;
SQL

say "both storages, hnsw.ef_search = $EF (times are of this machine; exact search took $exact_us us)"
sql -P border=1 -P footer=off <<SQL
SELECT storage, effective AS "in effect", round(recall, 4) AS "recall@$K", us AS "us per query",
	pg_size_pretty(size) AS "index size", pg_size_pretty(buffers) AS "in shared buffers",
	pg_size_pretty(mapped) AS "mapped", pg_size_pretty(resident) AS "of it resident"
FROM figures ORDER BY storage DESC;
SQL

say "the switch, in one session, with no rebuild"
sql -P border=1 -P footer=off -e <<SQL | sed 's/^/   /'
SELECT storage FROM vectorstore_index_info('items_index');
ALTER INDEX items_index SET (storage = 'mmap');
SELECT storage FROM vectorstore_index_info('items_index');
SQL

say "done; the server and its files are removed"
