# A build indexes the newest version of a row alone, where updates that no index stood against have
# made a HOT chain.  A snapshot that sees an older version must not use the index, whichever process
# of the build met the row: the index would lead it there by the vector of another version.
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

# Rows enough that the sample, which the leader takes, leaves most of them out
my $rows = $VectorstoreTest::method eq 'ivf' ? 300_000 : 150_000;
my $node = new_cluster('primary',
	settings => [ 'max_parallel_maintenance_workers = 2', 'maintenance_work_mem = 256MB' ]);
$node->safe_psql('postgres', qq(
	CREATE TABLE items (id int, v vector(3)) WITH (fillfactor = 90, parallel_workers = 2);
	INSERT INTO items SELECT i, ARRAY[i % 100, i % 77, i % 55]::float4[]::vector
		FROM generate_series(1, $rows) i));

# In each round the row may happen to be in the sample, or among the leader's.
for my $round (1 .. 6)
{
	my $id = $round * int($rows / 6.4);
	my $nearest = "SELECT id FROM items ORDER BY v <-> '[1000,1000,1000]' LIMIT 1";

	$node->safe_psql('postgres', 'DROP INDEX IF EXISTS items_index');
	my $old = $node->background_psql('postgres');
	$old->query_safe('SET enable_seqscan = off');
	$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
	my $expected = $old->query_safe($nearest);
	$node->safe_psql('postgres', "UPDATE items SET v = '[1000,1000,1000]' WHERE id = $id");
	create_index($node);

	is($old->query_safe($nearest), $expected, "round $round: an older snapshot has its nearest row");
	is($node->safe_psql('postgres', $nearest), $id, 'a new one has the new version');
	is($node->safe_psql('postgres',
			"SELECT indcheckxmin FROM pg_index WHERE indexrelid = 'items_index'::regclass"),
		't', 'the index is not for older snapshots');
	$old->quit;
	$node->safe_psql('postgres', "UPDATE items SET v = '[0,0,0]' WHERE id = $id");
}

$node->stop;
done_testing();
