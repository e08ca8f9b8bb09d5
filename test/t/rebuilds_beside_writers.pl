# CREATE INDEX CONCURRENTLY and REINDEX [CONCURRENTLY] beside inserts, updates, deletes, vacuums and
# searches, with workers: no search is wrong, and the new index has every row.
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
create_items($node, 2500, pool => 4000);
$node->safe_psql('postgres', 'ALTER TABLE items SET (parallel_workers = 2)');
create_index($node, storage => 'mmap');

my $effort = effort('thorough') =~ s/ //gr;

# Clients that change the table; insertion is held back so that it stays of one size.
sub start_writers
{
	my ($seconds) = @_;
	return map { start_pgbench($node, seconds => $seconds, options => "-c $effort", script => $_) } (
		q(
			SELECT take_from_pool();
			\sleep 3 ms
		),
		q(
			\set row random(1, 2500)
			UPDATE items SET v = (SELECT v FROM pool WHERE id = :row) WHERE id = :row;
			\sleep 3 ms
		),
		q(
			BEGIN;
			SELECT take_from_pool();
			ROLLBACK;
			DELETE FROM items WHERE id = (SELECT id FROM items
				WHERE id >= (SELECT min(id) + (random() * (max(id) - min(id)))::int FROM items)
				ORDER BY id LIMIT 1) AND (SELECT count(*) FROM items) > 2500;
			\sleep 1 ms
		),
		q(
			CHECKPOINT;
			\sleep 300 ms
		));
}

# Searches beside rebuilds.  Each runs in one snapshot, and is right whichever index it takes.
my $search = q(
	\set query random(1, 50)
	BEGIN ISOLATION LEVEL REPEATABLE READ;
	SELECT 1 / (compare_search((SELECT v FROM queries WHERE id = :query), 10) >= 0.6)::int;
	COMMIT;
);

for my $rebuild (
	[ 'REINDEX CONCURRENTLY', 'REINDEX INDEX CONCURRENTLY items_index;' ],
	[ 'REINDEX', 'REINDEX INDEX items_index;' ],
	[ 'VACUUM FULL', 'VACUUM FULL items;' ])
{
	my ($name, $command) = @$rebuild;
	my @running = start_writers(7);
	push @running, start_pgbench($node, name => "$name: searches", seconds => 7, clients => 2,
		script => $search, options => "-c $effort");
	push @running, start_pgbench($node, name => "$name: rebuilds", seconds => 7,
		script => "$command\n\\sleep 200 ms\n");
	finish_pgbench($_) for @running;
	is_right($node, "after $name", all_rows => 1);
	settle($node);
	is_right($node, "after $name and a checkpoint");
	check_index($node, $name);
	set_storage($node, 'mmap');
	is($node->safe_psql('postgres',
			"SELECT count(*) FROM pg_index WHERE indrelid = 'items'::regclass AND NOT indisvalid"),
		0, "$name: no index is left invalid");
}

# A first build beside writers.
for my $round (1, 2)
{
	$node->safe_psql('postgres', 'DROP INDEX items_index');
	my @running = start_writers(6);
	my $create = create_index_command(storage => 'mmap') =~ s/CREATE INDEX/CREATE INDEX CONCURRENTLY/r;
	$node->safe_psql('postgres', $create);
	is_right($node, "CREATE INDEX CONCURRENTLY, round $round, at once",
		storages => ['mmap'], keep_storage => 1, no_lost_rows => 1);
	finish_pgbench($_) for @running;
	is_right($node, "CREATE INDEX CONCURRENTLY, round $round", all_rows => 1);
	settle($node);
	is_right($node, "CREATE INDEX CONCURRENTLY, round $round, after a checkpoint");
	check_index($node, "CREATE INDEX CONCURRENTLY, round $round");
}

$node->stop;
done_testing();
