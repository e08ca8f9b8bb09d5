# pgvector and vectorstore in one server: each in its own database, both loaded into one session,
# and vectorstore loaded at server start, which must not keep pgvector out of the others.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorstoreTest;

my $node = new_cluster('both');
plan skip_all => 'pgvector is not installed'
  if $node->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'") == 0;

$node->safe_psql('postgres', 'CREATE DATABASE with_pgvector');
$node->safe_psql('with_pgvector', q{
	CREATE EXTENSION vector;
	CREATE TABLE items (id int, v vector(2));
	INSERT INTO items SELECT i, ARRAY[i, 0] FROM generate_series(1, 100) i;
	CREATE INDEX ON items USING hnsw (v vector_l2_ops);
	CREATE TABLE items_lists AS SELECT * FROM items;
	CREATE INDEX ON items_lists USING ivfflat (v vector_l2_ops) WITH (lists = 4);
});
$node->safe_psql('postgres', q{
	CREATE TABLE few (id int, v vector(2));
	INSERT INTO few SELECT i, ARRAY[i, 0] FROM generate_series(1, 100) i;
	CREATE INDEX ON few USING hnsw (v vector_l2_ops) WITH (m = 4, storage = mmap);
	CREATE TABLE few_lists AS SELECT * FROM few;
	CREATE INDEX ON few_lists USING ivfflat (v vector_l2_ops) WITH (lists = 4, storage = mmap);
});

# The rows that a search with ef_search = 3 gives: as many as the setting says, if it is heeded.
my $search = q{
	SET enable_seqscan = off;
	SELECT count(*) FROM (SELECT id FROM %s ORDER BY v <-> '[0,0]') s
};

sub rows
{
	my ($database, $table, $before) = @_;
	return $node->safe_psql($database, $before . ';' . sprintf($search, $table));
}

sub check_databases
{
	my ($when) = @_;
	is(rows('postgres', 'few', 'SET hnsw.ef_search = 3'), 3, "$when: search by vectorstore");
	is(rows('with_pgvector', 'items', 'SET hnsw.ef_search = 3'), 3, "$when: search by pgvector");
	is(rows('postgres', 'few', "LOAD 'vector'; SET hnsw.ef_search = 3"),
		3, "$when: search by vectorstore where pgvector was loaded first");
	is(rows('with_pgvector', 'items', "SET hnsw.ef_search = 3; SELECT '[1]'::vector IS NULL \\g /dev/null\n LOAD 'vectorstore'"),
		3, "$when: search by pgvector where vectorstore was loaded after it");

	# Settings of all kinds (enum, int, real), ours or pgvector's
	my $iterative = 'SET hnsw.ef_search = 3; SET hnsw.iterative_scan = relaxed_order; SET work_mem = 64';
	my $few_tuples = "$iterative; SET hnsw.max_scan_tuples = 4";
	for my $before ('', "LOAD 'vector';")
	{
		my $what = "$when: iterative scans" . ($before ? ' by settings of pgvector' : '');
		cmp_ok(rows('postgres', 'few', "$before $few_tuples; SET hnsw.scan_mem_multiplier = 999"), '<', 100, $what);
		is(rows('postgres', 'few', "$before $iterative; SET hnsw.scan_mem_multiplier = 999"), 100, $what);
	}

	# ivfflat's settings have the same names too
	for my $first ('', "LOAD 'vector';", "LOAD 'vector'; SET ivfflat.max_probes = 32768;")
	{
		my $what = "$when: ivfflat" . ($first ? ', after pgvector' : '');
		cmp_ok(rows('postgres', 'few_lists', $first), '<', 100, "$what: one list");
		is(rows('postgres', 'few_lists', "$first SET ivfflat.probes = 4"), 100, "$what: all lists");
		is(rows('postgres', 'few_lists', "$first SET ivfflat.iterative_scan = relaxed_order"),
			100, "$what: iterative scan");
	}
	is(rows('with_pgvector', 'items_lists', "SET ivfflat.probes = 4; SELECT '[1]'::vector IS NULL \\g /dev/null\n LOAD 'vectorstore'"),
		100, "$when: ivfflat of pgvector");
}

check_databases('loaded on demand');

# A session that has used vectorstore can't load pgvector too; it is told so and goes on.
my ($status, $output, $error) = $node->psql('postgres',
	"SELECT '[1]'::vector; LOAD 'vector';", on_error_stop => 0);
like($error, qr/attempt to redefine parameter "hnsw.ef_search"/, 'a second definition is an error');
is(rows('postgres', 'few', 'SET hnsw.ef_search = 5'), 5, 'the server lives');

$node->append_conf('postgresql.conf', "shared_preload_libraries = 'vectorstore'");
$node->restart;
check_databases('vectorstore at server start');
is( $node->safe_psql('with_pgvector', "LOAD 'vector'; SHOW hnsw.ef_search"),
	40, 'pgvector defines its settings in a server that has preloaded vectorstore');
is( $node->safe_psql('postgres', "SET enable_seqscan = off; SELECT id FROM few ORDER BY v <-> '[3,0]' LIMIT 1; SHOW hnsw.ef_search"),
	"3\n40", 'vectorstore defines its settings when an index is used');
($status, $output, $error) = $node->psql('postgres',
	"SET hnsw.ef_search = 5000; SET enable_seqscan = off; SELECT count(*) FROM (SELECT id FROM few ORDER BY v <-> '[3,0]') s");
is($output, 40, 'a value out of range that was set before is dropped');
like($error, qr/5000 is outside the valid range/, 'with a warning');

my $in_worker = $node->safe_psql('postgres', 'SHOW server_version_num') < 160000
  ? 'SET force_parallel_mode = on' : 'SET debug_parallel_query = on';
is(rows('postgres', 'few', "SET hnsw.ef_search = 3; $in_worker"), 3, 'a parallel worker knows the setting');

$node->append_conf('postgresql.conf', "shared_preload_libraries = 'vector, vectorstore'");
$node->restart;
check_databases('both at server start');

$node->stop;
done_testing();
