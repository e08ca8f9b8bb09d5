# wal_level = minimal: an index that is made, or whose table is made, in the transaction that fills
# it is not WAL-logged until commit.  Small ones are logged at commit and are not in the file then,
# large ones are synced.  Both are right in mmap mode in the transaction, after the commit, after a
# checkpoint and after a crash.
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

my $node = new_cluster('primary', settings => [ 'wal_level = minimal', 'max_wal_senders = 0' ]);
create_items($node, 2000, pool => 2000);

my %case = (
	'small' => "SET wal_skip_threshold = '1GB';",
	'large' => "SET wal_skip_threshold = '64kB';",
);

# What happens to index and table before the commit.
my $index = create_index_command(storage => 'mmap');
my %make = (
	'index' => "$index",
	'index, then rows' => qq(
		$index
		SELECT count(take_from_pool()) FROM generate_series(1, 300);
		DELETE FROM items WHERE id % 10 = 4;),
	'table, rows, index, rows' => qq(
		ALTER TABLE items RENAME TO old_items;
		CREATE TABLE items (LIKE old_items INCLUDING ALL);
		INSERT INTO items SELECT * FROM old_items;
		DROP TABLE old_items;
		$index
		SELECT count(take_from_pool()) FROM generate_series(1, 300);),
	'empty table, index, rows' => qq(
		ALTER TABLE items RENAME TO old_items;
		CREATE TABLE items (LIKE old_items INCLUDING ALL);
		$index
		INSERT INTO items SELECT * FROM old_items WHERE id <= 1000;
		DROP TABLE old_items;),
);

for my $size (sort keys %case)
{
	for my $what (sort keys %make)
	{
		my $name = "$size, $what";
		my $session = $node->background_psql('postgres');
		$session->query_safe('SET client_min_messages = warning');
		$session->query_safe('DROP INDEX IF EXISTS items_index');
		$session->query_safe($case{$size});
		$session->query_safe('SET ' . effort('thorough'));
		$session->query_safe('BEGIN');
		$session->query_safe($make{$what});
		is($session->query_safe("SELECT storage_in_effect FROM vectorstore_index_info('items_index')"),
			'buffer_pool', "$name: in the transaction shared buffers are used");
		like($session->query_safe("SELECT storage_reason FROM vectorstore_index_info('items_index')"),
			qr/wal_level/, "$name: the reason is told");
		cmp_ok($session->query_safe('SELECT avg(compare_search(v, 10)) FROM queries'),
			'>=', 0.98, "$name: right in the transaction");
		$session->query_safe('COMMIT');
		is($session->query_safe("SELECT storage_in_effect FROM vectorstore_index_info('items_index')"),
			'mmap', "$name: mmap is in effect after the commit");
		cmp_ok($session->query_safe('SELECT avg(compare_search(v, 10)) FROM queries'),
			'>=', 0.98, "$name: right after the commit, in the same session");
		$session->quit;

		is_right($node, "$name, after the commit", storages => ['mmap']);
		$node->stop('immediate');
		$node->start;
		is_right($node, "$name, after a crash", storages => ['mmap']);
		$node->safe_psql('postgres', 'SELECT take_from_pool() FROM generate_series(1, 50)');
		is_right($node, "$name, after more rows", storages => ['mmap']);
		settle($node);
		is(index_info($node, 'settled_share'), 1, "$name: settled by a checkpoint");
		is_right($node, "$name, after a checkpoint", storages => ['mmap']);
		check_index($node, $name);
	}
}

$node->stop;
done_testing();
