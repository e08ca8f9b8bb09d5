# A row that is inserted, updated or deleted after the build is right for every search at once, in
# both storages; after a checkpoint it is read through the map, which is proved by what shared buffers
# and the maps of the process hold.  A running session with a prepared statement sees all of it.
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
create_items($node, 5000, pool => 1000);
create_index($node, storage => 'mmap');

my $session = $node->background_psql('postgres');
$session->query_safe('SET enable_seqscan = off; SET enable_sort = off; SET plan_cache_mode = force_generic_plan');
$session->query_safe('SET ' . effort('exhaustive'));
$session->query_safe('PREPARE nearest (vector) AS SELECT id FROM items ORDER BY v <-> $1 LIMIT 1');

# The vector is given as text: a sub-select would make it a parameter of the plan as well.
sub nearest
{
	my ($vector) = @_;
	return $session->query_safe("EXECUTE nearest('$vector')");
}

# A vector that is in no set, near to a real one: its first elements are exchanged.
sub variant
{
	my ($number) = @_;
	my ($vector) = load_vectors(100 * $number, 1);
	$vector =~ s/^\[(\d+),(\d+),(\d+),/[@{[ 20 + $number ]},@{[ 3 + $number ]},7,/;
	return $vector;
}

my $plan = $session->query_safe("EXPLAIN EXECUTE nearest('" . variant(1) . "')");
like($plan, qr/Index Scan using items_index/, 'the prepared statement searches the index');

is(index_info($node, 'storage_in_effect'), 'mmap', 'storage in effect is mmap');
is(index_info($node, 'settled_share'), 1, 'a built index is settled at once');
my $buffered = buffered_array_blocks($node); # what vectorstore_index_info has read
nearest(variant(1));
is(buffered_array_blocks($node), $buffered, 'its pages are not in shared buffers');
is_right($node, 'built index', storages => ['mmap'], keep_storage => 1);
is(buffered_array_blocks($node), $buffered, 'still not after thousands of searches');

# Insert.  The session's first answer comes before any checkpoint.
my $id = 100_000;
for my $storage (storages())
{
	set_storage($node, $storage);
	$id++;
	my $vector = variant($id - 100_000);
	isnt(nearest($vector), $id, "$storage: the row is not there yet");
	$node->safe_psql('postgres', "INSERT INTO items VALUES ($id, '$vector')");
	is(nearest($vector), $id, "$storage: an inserted row is found at once");
}
set_storage($node, 'mmap');
my $share = index_info($node, 'settled_share');
ok($share > 0 && $share < 1, 'what was changed is not settled, the rest is') or diag($share);
is_right($node, 'after inserts');

# A row whose vector changes, and one that goes.
my ($old, $new) = (variant(1), variant(10));
$node->safe_psql('postgres', "UPDATE items SET v = '$new' WHERE id = 100001");
is(nearest($new), 100001, 'an updated row is found at once under its new vector');
isnt(nearest($old), 100001, 'and not under the old one');
$node->safe_psql('postgres', 'DELETE FROM items WHERE id = 100002');
isnt(nearest(variant(2)), 100002, 'a deleted row is gone at once');
$node->safe_psql('postgres', 'SELECT take_from_pool() FROM generate_series(1, 300)');
is_right($node, 'before the checkpoint');
my $before = search_ids($node);

settle($node);
is(index_info($node, 'settled_share'), 1, 'after a checkpoint all is settled');
is(search_ids($node), $before, 'a checkpoint changes no answer');
is(nearest($new), 100001, 'the updated row after the checkpoint');
isnt(nearest($old), 100001, 'not under its old vector');
isnt(nearest(variant(2)), 100002, 'the deleted row stays away');
is_right($node, 'after the checkpoint');
set_storage($node, 'mmap');
$session->quit;

# Through the map: a server that has just started, so that nothing else has read the pages.
$node->restart;
is(index_info($node, 'settled_share'), 1, 'settled after a restart');
$buffered = buffered_array_blocks($node);
$session = $node->background_psql('postgres');
my $pid = backend_pid($session);
is(mapped_files($pid, index_file($node)), 0, 'a new backend maps nothing');
$session->query_safe('SET enable_seqscan = off; SET ' . effort('exhaustive'));
is($session->query_safe("SELECT id FROM items ORDER BY v <-> '$new' LIMIT 1"), 100001,
	'the row is found by a new backend of a new server');
cmp_ok(mapped_files($pid, index_file($node)), '>', 0, "the backend maps the index's own file");
is_right($node, 'after the restart', storages => ['mmap'], keep_storage => 1);
is(buffered_array_blocks($node), $buffered, 'shared buffers hold no page of vectors, codes or structure');

# One more row: its groups alone come through shared buffers, until the next checkpoint.
$node->safe_psql('postgres', 'SELECT take_from_pool()');
cmp_ok(buffered_array_blocks($node), '>', $buffered, 'an insert goes through shared buffers');
is($session->query_safe("SELECT id FROM items ORDER BY v <-> '$new' LIMIT 1"), 100001,
	'old rows after the insert');
is_right($node, 'after another insert', storages => ['mmap'], keep_storage => 1);
settle($node);
is(index_info($node, 'settled_share'), 1, 'settled again');
is_right($node, 'after another checkpoint', storages => ['mmap'], keep_storage => 1);
$session->quit;

$node->stop;
done_testing();
