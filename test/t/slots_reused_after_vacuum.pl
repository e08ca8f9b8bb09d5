# DELETE, VACUUM and INSERT reuse the slots of the dead rows: the file does not grow, and searches are
# right in both storages before and after a checkpoint.  A cursor and a snapshot that are older than
# the reuse stay right too.  New rows are near the deleted ones, so that they belong to the same lists
# where there are lists.
#
# Methods: hnsw hnsw_edges ivf

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorstoreTest;

my $node = new_cluster('primary');
create_items($node, 4000, pool => 8000);
create_index($node, storage => 'mmap');

# Rows whose deletion is over before the snapshots below are taken: vacuum may free their slots.
sub delete_a_third
{
	my ($round) = @_;
	my $blocks = index_file_blocks($node);
	$node->safe_psql('postgres', qq(
		DROP TABLE IF EXISTS deleted;
		CREATE TABLE deleted AS SELECT * FROM items WHERE id % 3 = $round % 3;
		DELETE FROM items WHERE id % 3 = $round % 3));
	my $deleted = $node->safe_psql('postgres', 'SELECT count(*) FROM deleted');
	cmp_ok($deleted, '>', 1000, "round $round: rows are deleted");
	is_right($node, "round $round, deleted", no_lost_rows => 1, recall => 0.9);
	return $blocks;
}

# All but a few: vacuum leaves out pages of the table that somebody holds just then.
sub insert_similar
{
	$node->safe_psql('postgres', q(
		INSERT INTO items SELECT nextval('item_id'), v + array_fill(1, ARRAY[vector_dims(v)])::vector
		FROM deleted ORDER BY (id * 7919) % 16001 OFFSET 100));
	return;
}

for my $round (1 .. 2)
{
	my $blocks = delete_a_third($round);
	$node->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP on) items');
	is_right($node, "round $round, vacuumed");
	check_index($node, "round $round, vacuumed");
	insert_similar();
	is(index_file_blocks($node), $blocks, "round $round: the file has not grown by as many inserts");
	is_right($node, "round $round, reused, before a checkpoint");
	settle($node);
	set_storage($node, 'mmap');
	is(index_info($node, 'settled_share'), 1, "round $round: settled");
	is_right($node, "round $round, reused, after a checkpoint");
	check_index($node, "round $round, reused");
}
my $grown = index_file_blocks($node);
$node->safe_psql('postgres', 'SELECT take_from_pool() FROM generate_series(1, 2000)');
cmp_ok(index_file_blocks($node), '>', $grown, 'with no slot free the file does grow');
settle($node);

# Old readers, in either storage.
for my $storage (storages())
{
	set_storage($node, $storage);
	my $blocks = delete_a_third($storage eq 'mmap' ? 3 : 4);
	set_storage($node, $storage);
	my ($query) = query_vectors(1);

	my $cursor = $node->background_psql('postgres');
	$cursor->query_safe('SET enable_seqscan = off; SET enable_sort = off; SET ' . effort('thorough'));
	$cursor->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
	my $expected = $cursor->query_safe("SELECT id, v <-> '$query' FROM items ORDER BY v <-> '$query' LIMIT 150");
	$cursor->query_safe("DECLARE slow CURSOR FOR SELECT id, v <-> '$query' FROM items ORDER BY v <-> '$query' LIMIT 150");
	my $fetched = $cursor->query_safe('FETCH 3 FROM slow');

	my $snapshot = $node->background_psql('postgres');
	$snapshot->query_safe('SET ' . effort('thorough'));
	$snapshot->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
	my $rows = $snapshot->query_safe('SELECT count(*) FROM items');

	$node->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP on) items');
	$fetched .= "\n" . $cursor->query_safe('FETCH 3 FROM slow');
	insert_similar();
	is(index_file_blocks($node), $blocks, "$storage: slots are reused beside old snapshots");
	$fetched .= "\n" . $cursor->query_safe('FETCH 10 FROM slow');
	settle($node);
	$fetched .= "\n" . $cursor->query_safe('FETCH ALL FROM slow');
	is($fetched, $expected, "$storage: a cursor that is older than the reuse goes on");

	is($snapshot->query_safe('SELECT count(*) FROM items'), $rows, "$storage: the old snapshot is old");
	# Rows that it does not see take places among the candidates.
	my $recall = $snapshot->query_safe('SELECT avg(compare_search(v, 10)) FROM queries');
	cmp_ok($recall, '>=', 0.95, "$storage: searches by the old snapshot are right");
	$_->query_safe('COMMIT'), $_->quit for $cursor, $snapshot;
	is_right($node, "$storage, at the end");
}

$node->stop;
done_testing();
