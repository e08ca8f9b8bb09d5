# ALTER INDEX ... SET (storage = ...) takes effect for running sessions at their next query, both
# ways, with no rebuild: the file stays the same and the answers too.
#
# Methods: hnsw ivf

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorstoreTest;

my $node = new_cluster('primary');
$node->safe_psql('postgres', 'CREATE EXTENSION pg_buffercache');
create_items($node, 4000, pool => 500);
create_index($node, storage => 'buffer_pool');
# All in one file of two kinds of pages: built ones and later ones.
$node->safe_psql('postgres', 'SELECT take_from_pool() FROM generate_series(1, 200)');
settle($node);
$node->restart;

my $file = index_file($node);
my $identity = join(' ', (stat $file)[ 1, 7, 9 ]);
my $filenode = $node->safe_psql('postgres', "SELECT pg_relation_filenode('items_index')");
my ($query) = query_vectors(1);

# A session with a prepared statement, which must not be planned anew to follow.
sub new_session
{
	my $session = $node->background_psql('postgres');
	$session->query_safe('SET enable_seqscan = off; SET enable_sort = off; SET plan_cache_mode = force_generic_plan');
	$session->query_safe('PREPARE search (vector) AS SELECT id, v <-> $1 FROM items ORDER BY v <-> $1 LIMIT 40');
	return $session;
}

# Buffers that the search takes: with the map, those of the heap's rows, the metapage and few more.
sub buffers
{
	my ($session) = @_;
	my $plan = $session->query_safe(
		"EXPLAIN (ANALYZE, BUFFERS, COSTS off, TIMING off, SUMMARY off) EXECUTE search('$query')");
	like($plan, qr/Index Scan using items_index/, 'the index is searched');
	my ($hit) = $plan =~ /Buffers: shared hit=(\d+)/;
	my ($read) = $plan =~ /Buffers: shared (?:hit=\d+ )?read=(\d+)/;
	return ($hit // 0) + ($read // 0);
}

my $running = new_session();
my $other = new_session();
my $answer = $running->query_safe("EXECUTE search('$query')");
my $ids = search_ids($node);
is(scalar(split /\n/, $answer), 40, 'forty rows');
my $through_buffers = buffers($running);
is(mapped_files(backend_pid($running), $file), 0, 'buffer_pool: no map');
cmp_ok(buffered_array_blocks($node), '>', 0, 'buffer_pool: pages are in shared buffers');
is(index_info($node, 'storage_in_effect'), 'buffer_pool', 'buffer_pool is in effect');

for my $round (1 .. 2)
{
	set_storage($node, 'mmap');
	is($running->query_safe("EXECUTE search('$query')"), $answer, "round $round: mmap gives the same answer");
	cmp_ok(mapped_files(backend_pid($running), $file), '>', 0, "round $round: the running session maps the file");
	# 40 rows of the heap, and what finds the way
	cmp_ok(buffers($running), '<', 60, "round $round: its search takes hardly a buffer");
	is(index_info($node, 'storage_in_effect'), 'mmap', "round $round: mmap is in effect");
	is(search_ids($node), $ids, "round $round: all answers are the same in mmap");

	set_storage($node, 'buffer_pool');
	is($running->query_safe("EXECUTE search('$query')"), $answer, "round $round: and back");
	is(buffers($running), $through_buffers, "round $round: its search takes buffers again");
	is(index_info($node, 'storage_in_effect'), 'buffer_pool', "round $round: buffer_pool is in effect");
	is(search_ids($node), $ids, "round $round: all answers are the same in buffer_pool");
}
cmp_ok($through_buffers, '>', 100, 'a search through shared buffers takes many');

# A cursor that is open meanwhile goes on, and nobody waits for anybody.
$other->query_safe('BEGIN');
$other->query_safe("DECLARE open_one CURSOR FOR SELECT id, v <-> '$query' FROM items ORDER BY v <-> '$query' LIMIT 40");
my $fetched = $other->query_safe('FETCH 10 FROM open_one');
set_storage($node, 'mmap');
$fetched .= "\n" . $other->query_safe('FETCH 10 FROM open_one');
set_storage($node, 'buffer_pool');
$fetched .= "\n" . $other->query_safe('FETCH ALL FROM open_one');
is($fetched, $answer, 'a cursor goes on across the switch');
$other->query_safe('COMMIT');

# In the middle of a transaction of the other session.
$other->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
is($other->query_safe("EXECUTE search('$query')"), $answer, 'in a transaction, before the switch');
set_storage($node, 'mmap');
is($other->query_safe("EXECUTE search('$query')"), $answer, 'in a transaction, after the switch');
cmp_ok(buffers($other), '<', 60, 'in the same transaction it takes effect');
$other->query_safe('COMMIT');

# Without the option, the setting decides, session by session.
$node->safe_psql('postgres', 'ALTER INDEX items_index RESET (storage)');
is(buffers($running), $through_buffers, 'without the option: buffer_pool');
$running->query_safe("SET vectorstore.default_storage = 'mmap'");
cmp_ok(buffers($running), '<', 60, 'vectorstore.default_storage = mmap takes effect in its session');
is(buffers($other), $through_buffers, 'and in no other');
is($running->query_safe("EXECUTE search('$query')"), $answer, 'the same answer once more');

is($node->safe_psql('postgres', "SELECT pg_relation_filenode('items_index')"),
	$filenode, 'the index was never rebuilt');
is(join(' ', (stat $file)[ 1, 7, 9 ]), $identity, 'nobody wrote to its file');

fails_with($node, "ALTER INDEX items_index SET (storage = 'elsewhere')",
	qr/invalid value for enum option "storage": elsewhere/, 'an unknown storage is an error');

$running->quit;
$other->quit;
$node->stop;
done_testing();
