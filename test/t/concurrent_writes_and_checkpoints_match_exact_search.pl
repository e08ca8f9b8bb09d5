# While clients insert, delete and vacuum, and checkpoints run all the time, every index search
# agrees with exact search under the same snapshot, in both storages: the rows are there, their
# distances are true and in order, none is missing that a good search finds; a row just inserted
# finds itself, and so does any row that is not deleted.
#
# Methods: hnsw hnsw_edges ivf ivfflat

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorstoreTest;

my $seconds = 8;

my $node = new_cluster('primary');
create_items($node, 3000, pool => 6000);
create_index($node, storage => 'mmap');
$node->safe_psql('postgres', 'CREATE UNLOGGED TABLE observed (storage text, recall float8)');

my %script = (
	# The row is searched for in the transaction that inserts it, and after its commit.
	'insert' => q(
		BEGIN;
		SELECT take_from_pool() AS id \gset
		SELECT find_row(:id);
		COMMIT;
		SELECT find_row(:id);
		\sleep 2 ms
	),
	# The table stays as large as it was.
	'delete' => q(
		DELETE FROM items WHERE id = (SELECT id FROM items
			WHERE id >= (SELECT min(id) + (random() * (max(id) - min(id)))::int FROM items)
			ORDER BY id LIMIT 1) AND (SELECT count(*) FROM items) > 3000;
		\sleep 1 ms
	),
	'update' => q(
		\set row random(1, 3000)
		UPDATE items SET v = (SELECT v FROM pool WHERE id = :row) WHERE id = :row;
		\sleep 5 ms
	),
	'find' => q(
		\set at random(0, 1000)
		SELECT find_row((SELECT id FROM items
			WHERE id >= (SELECT min(id) + (max(id) - min(id)) * :at / 1000 FROM items)
			ORDER BY id LIMIT 1));
	),
	'compare' => q(
		\set query random(1, 50)
		BEGIN ISOLATION LEVEL REPEATABLE READ;
		INSERT INTO observed SELECT current_setting('vectorstore_test.storage'),
			compare_search((SELECT v FROM queries WHERE id = :query), 10);
		COMMIT;
	),
	'vacuum' => q(
		VACUUM (INDEX_CLEANUP on) items;
		\sleep 300 ms
	),
	'checkpoint' => q(
		CHECKPOINT;
		\sleep 200 ms
	),
);
my %clients = (compare => 2);

for my $storage (storages())
{
	set_storage($node, $storage);
	$node->safe_psql('postgres', 'REINDEX INDEX items_index');
	my $options = "-c vectorstore_test.storage=$storage -c " . effort('thorough');
	$options =~ s/ = /=/;
	my @running = map {
		start_pgbench($node,
			name => "$storage, $_", script => $script{$_}, seconds => $seconds,
			clients => $clients{$_} // 1, options => $options)
	} sort keys %script;
	finish_pgbench($_) for @running;

	my $recall = $node->safe_psql('postgres',
		"SELECT avg(recall) FROM observed WHERE storage = '$storage'");
	cmp_ok($recall, '>=', 0.95, "$storage: recall beside writers");
	note("$storage: average recall $recall");
	is(index_info($node, 'storage_in_effect'), $storage, "$storage was in effect");
	is_right($node, "after the writers in $storage, before a checkpoint", all_rows => 1);
	settle($node);
	is_right($node, "after the writers in $storage, after a checkpoint", all_rows => 1);
}
check_index($node, 'at the end');

$node->stop;
done_testing();
