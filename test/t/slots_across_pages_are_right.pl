# Vectors so long that their slots are packed over page ends: every promise of the other tests holds
# for them too, in both storages; after inserts, slot reuse, checkpoints, crashes, on a standby and
# beside writers.
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

$VectorstoreTest::wide = 13;

my $node = new_cluster('primary', init => { allows_streaming => 1 },
	settings => [ "wal_consistency_checking = 'generic'", 'restart_after_crash = on' ]);
$node->safe_psql('postgres', 'CREATE EXTENSION pg_buffercache');
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', 'max_standby_streaming_delay = -1');
$standby->start;

create_items($node, 600, pool => 1500, queries => 30);

# Blocks of codes are slots of several pages that are changed in place.
for my $quantizer ('none', 'sq8', $VectorstoreTest::method eq 'ivf' ? 'rabitq, bits = 4' : ())
{
	create_index($node, storage => 'mmap', quantizer => $quantizer);
	is_right($node, "$quantizer, built");
	set_storage($node, 'mmap');
	$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
	is_right($standby, "$quantizer, built, standby", storages => ['mmap'], keep_storage => 1);

	# Reuse of slots, beside changes of the neighbors that share their pages
	my $blocks = index_file_blocks($node);
	$node->safe_psql('postgres', q(
		DELETE FROM items WHERE id % 2 = 1;
		VACUUM (INDEX_CLEANUP on) items;
		SELECT take_from_pool() FROM generate_series(1, 100)));
	is(index_file_blocks($node), $blocks, "$quantizer: slots are reused");
	is_right($node, "$quantizer, reused, before a checkpoint");
	settle($node);
	$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
	is_right($standby, "$quantizer, reused, standby", storages => ['mmap'], keep_storage => 1);
	settle($standby);
	is_right($standby, "$quantizer, reused, standby, restartpoint", storages => ['mmap'],
		keep_storage => 1);
	is_right($node, "$quantizer, reused, after a checkpoint");
	set_storage($node, 'mmap');

	my $effort = effort('thorough') =~ s/ //gr;
	my @running = map {
		start_pgbench($node, name => "$quantizer, beside writers", seconds => 6,
			options => "-c $effort", script => $_)
	} (
		q(
			SELECT take_from_pool() AS id \gset
			SELECT find_row(:id);
			\sleep 2 ms
		),
		q(
			DELETE FROM items WHERE id = (SELECT id FROM items ORDER BY random() LIMIT 1)
				AND (SELECT count(*) FROM items) > 600;
		),
		q(
			\set query random(1, 30)
			BEGIN ISOLATION LEVEL REPEATABLE READ;
			SELECT 1 / (compare_search((SELECT v FROM queries WHERE id = :query), 10) >= 0.6)::int;
			COMMIT;
		),
		q(
			VACUUM (INDEX_CLEANUP on) items;
			CHECKPOINT;
			\sleep 100 ms
		));
	finish_pgbench($_) for @running;
	is_right($node, "$quantizer, after the writers", all_rows => 1);

	$node->stop('immediate');
	$node->start;
	set_storage($node, 'mmap');
	is_right($node, "$quantizer, after a crash", storages => ['mmap'], keep_storage => 1);
	$node->safe_psql('postgres', 'SELECT take_from_pool() FROM generate_series(1, 200)');
	is_right($node, "$quantizer, after a crash and more rows");
	settle($node);
	set_storage($node, 'mmap');
	$node->restart;
	is_right($node, "$quantizer, after a checkpoint", storages => ['mmap'], keep_storage => 1);
	is(buffered_array_blocks($node), 0, "$quantizer: read through the map alone");
	check_index($node, $quantizer);

	$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
	is_right($standby, "$quantizer, in the end, standby", storages => ['mmap'], keep_storage => 1);
	$node->safe_psql('postgres', 'DROP INDEX items_index; DELETE FROM items WHERE id % 3 = 0; VACUUM items');
}
unlike(slurp_file($standby->logfile), qr/inconsistent page found|PANIC/,
	"no replayed page differs from the primary's");

$standby->stop;
$node->stop;
done_testing();
