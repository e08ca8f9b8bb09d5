# An hnsw index has the same vectors and codes in the same order however many processes read the table and however
# little memory there is, equal vectors in as few nodes as they need, and the rows that it should have;
# a column that workers may not compute is computed by the leader alone, and a worker's error is the
# build's.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorstoreTest;

my $node = new_cluster('primary', settings => [
	'max_parallel_workers = 8', 'max_worker_processes = 8', 'max_parallel_maintenance_workers = 8' ]);
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION IF NOT EXISTS pageinspect;
CREATE TABLE items (id int, v vector(16));
INSERT INTO items SELECT i, (SELECT array_agg(sin(i * j) + cos(i + j * j)) FROM generate_series(1, 16) j)
FROM generate_series(1, 12000) i;
INSERT INTO items SELECT i, array_fill(1, ARRAY[16])::vector FROM generate_series(12001, 15005) i;
INSERT INTO items SELECT i, NULL FROM generate_series(15006, 15020) i;
DELETE FROM items WHERE id % 100 = 0;
ANALYZE items;
SQL
my $rows = $node->safe_psql('postgres', 'SELECT count(v) FROM items');
my $distinct = $node->safe_psql('postgres', 'SELECT count(DISTINCT v) - 1 FROM items');
my $equal = $rows - $distinct;

# The pages of vectors and codes but for their headers, where the LSN is; they are the first of the file.
my $pages = <<'SQL';
SELECT md5(string_agg(md5(substr(get_raw_page('items_index', block), 25)), '' ORDER BY block))
FROM vectorstore_index_info('items_index') info,
	generate_series(2, 1 + ((vector_bytes + code_bytes) / current_setting('block_size')::int)::int) block;
SQL

sub build
{
	my (%options) = @_;
	my $workers = $options{workers} // 0;
	my $memory = $options{memory} // '64MB';
	my $what = $options{what} // '(v vector_l2_ops)';
	$node->safe_psql('postgres', $_) for
		"ALTER TABLE items SET (parallel_workers = $workers)", 'DROP INDEX IF EXISTS items_index',
		"SET maintenance_work_mem = '$memory'; CREATE INDEX items_index ON items USING hnsw $what";
	return;
}

# Rows that a search by the index does not find by their own vectors
my $lost = <<'SQL';
SET enable_seqscan = off;
SET hnsw.ef_search = 100;
SELECT count(*) FROM (SELECT * FROM items WHERE v IS NOT NULL ORDER BY id LIMIT 2000) item
WHERE (SELECT min(near.v <-> item.v) FROM (SELECT v FROM items ORDER BY v <-> item.v LIMIT 5) near) > 0;
SQL

# Codes of the index and of the build, in chunks and a rest
for my $quantizer ('none', 'sq8', 'rabitq')
{
	my $what = "(v vector_l2_ops) WITH (quantizer = $quantizer)";

	build(what => $what);
	my $expected = $node->safe_psql('postgres', $pages);
	for my $workers (0, 1, 3)
	{
		build(what => $what, workers => $workers);
		is($node->safe_psql('postgres', $pages), $expected, "$quantizer, $workers workers: the same pages");
		check_index($node, "$quantizer, $workers workers");
	}
}

my $nodes = $distinct + int(($equal + 9) / 10);
for my $memory ('64MB', '2MB', '1MB')
{
	for my $workers (0, 1, 3)
	{
		my $what = "$workers workers, $memory";

		build(workers => $workers, memory => $memory);
		is(index_info($node, 'rows'), $rows, "$what: all rows");
		is(index_info($node, 'nodes'), $nodes, "$what: equal vectors share nodes");
		cmp_ok($node->safe_psql('postgres', $lost), '<', 20, "$what: rows are found");
		check_index($node, $what);
	}
}

# Some rows alone
build(workers => 3, what => '(v vector_l2_ops) WHERE id <= 5000');
is(index_info($node, 'rows'), 4950, 'partial, 3 workers: its rows');
check_index($node, 'partial, 3 workers');

# A function that fails in workers: they may not run it, or they may.  It takes its time, so that
# workers come before all is done.
for my $safety ('UNSAFE', 'SAFE')
{
	$node->safe_psql('postgres', <<"SQL");
DROP INDEX IF EXISTS items_index;
CREATE OR REPLACE FUNCTION by_leader(v vector) RETURNS vector LANGUAGE plpgsql IMMUTABLE PARALLEL $safety AS \$\$
BEGIN
	IF (SELECT backend_type FROM pg_stat_activity WHERE pid = pg_backend_pid()) = 'parallel worker' THEN
		RAISE 'this is a worker';
	END IF;
	RETURN v;
END \$\$;
ALTER TABLE items SET (parallel_workers = 3);
SQL
	my $create = 'CREATE INDEX items_index ON items USING hnsw ((by_leader(v)::vector(16)) vector_l2_ops)';
	if ($safety eq 'UNSAFE')
	{
		$node->safe_psql('postgres', $create);
		is(index_info($node, 'rows'), $rows, 'what workers may not compute, the leader does');
	}
	else
	{
		fails_with($node, $create, qr/this is a worker/, "a worker's error is the build's");
		is(join(' ', temporary_files($node)), '', 'it leaves no temporary file');
	}
}

# One vector alone, many times as large as memory
$node->safe_psql('postgres', <<'SQL');
TRUNCATE items;
ALTER TABLE items ALTER v TYPE vector(200);
INSERT INTO items SELECT i, array_fill(1, ARRAY[200])::vector FROM generate_series(1, 20000) i;
SQL
for my $workers (0, 2)
{
	build(workers => $workers, memory => '1MB');
	is(index_info($node, 'rows'), 20000, "one vector alone, $workers workers: all rows");
	is(index_info($node, 'nodes'), 2000, "one vector alone, $workers workers: as few nodes as can be");
	check_index($node, "one vector alone, $workers workers");
}

$node->stop;
done_testing();
