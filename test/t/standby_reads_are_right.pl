# A streaming standby answers right, in both storages: before a restartpoint and after one, while the
# primary writes, vacuums and checkpoints, after a restart of its own, and promoted.  Replay with
# wal_consistency_checking = 'generic' finds no page that differs from the primary's.
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

my $primary = new_cluster('primary',
	init => { allows_streaming => 1 },
	settings => [ "wal_consistency_checking = 'generic'" ]);
$primary->safe_psql('postgres', 'CREATE EXTENSION pg_buffercache');
$primary->backup('base');

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
# Cancelled queries would hide wrong ones.
$standby->append_conf('postgresql.conf',
	"max_standby_streaming_delay = -1\nhot_standby_feedback = on\nwal_receiver_status_interval = 1s");
$standby->start;

create_items($primary, 3000, pool => 4000);
create_index($primary, storage => 'mmap');

sub catch_up
{
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	return;
}

# A restartpoint on the standby needs a checkpoint in the WAL.
sub restartpoint
{
	settle($primary);
	catch_up();
	settle($standby);
	return;
}

sub standby_is_right
{
	my ($what) = @_;
	for my $storage (storages())
	{
		set_storage($primary, $storage);
		catch_up();
		is(index_info($standby, 'storage_in_effect'), $storage, "$what: $storage in effect on the standby");
		is_right($standby, "$what, standby", storages => [$storage], keep_storage => 1);
		is(search_ids($standby), search_ids($primary), "$what: primary and standby agree in $storage");
	}
	set_storage($primary, 'mmap');
	catch_up();
	return;
}

# The standby has replayed the built index into its buffers; its file may have zeros there.
catch_up();
isnt(index_info($standby, 'settled_share'), 1, 'a built index is not settled on the standby');
standby_is_right('built index before a restartpoint');
restartpoint();
is(index_info($standby, 'settled_share'), 1, 'it is after a restartpoint');
standby_is_right('built index after a restartpoint');

$primary->safe_psql('postgres', q(
	SELECT take_from_pool() FROM generate_series(1, 500);
	DELETE FROM items WHERE id % 10 = 3;
	VACUUM items;
	SELECT take_from_pool() FROM generate_series(1, 300)));
catch_up();
isnt(index_info($standby, 'settled_share'), 1, 'changes are not settled on the standby');
standby_is_right('changed index before a restartpoint');

# The primary's checkpoint alone settles nothing on the standby.
settle($primary);
catch_up();
isnt(index_info($standby, 'settled_share'), 1, "nor by the primary's checkpoint alone");
standby_is_right("after the primary's checkpoint");
restartpoint();
is(index_info($standby, 'settled_share'), 1, 'settled by the restartpoint');
standby_is_right('changed index after a restartpoint');

# Beside writers: a query on the standby has one snapshot, and knows nothing of what is replayed.
my $effort = effort('thorough') =~ s/ //gr;
my @running = (
	start_pgbench($primary, name => 'primary, insert', seconds => 10, script => q(
		SELECT take_from_pool();
		\sleep 2 ms
	)),
	start_pgbench($primary, name => 'primary, delete', seconds => 10, script => q(
		DELETE FROM items WHERE id = (SELECT id FROM items
			WHERE id >= (SELECT min(id) + (random() * (max(id) - min(id)))::int FROM items)
			ORDER BY id LIMIT 1);
		\sleep 4 ms
	)),
	start_pgbench($primary, name => 'primary, vacuum and checkpoint', seconds => 10, script => q(
		VACUUM (INDEX_CLEANUP on) items;
		CHECKPOINT;
		\sleep 500 ms
	)),
	start_pgbench($standby, name => 'standby, compare', seconds => 10, clients => 2,
		options => "-c $effort", script => q(
		\set query random(1, 50)
		BEGIN ISOLATION LEVEL REPEATABLE READ;
		SELECT 1 / (compare_search((SELECT v FROM queries WHERE id = :query), 10) >= 0.6)::int;
		COMMIT;
	)),
	start_pgbench($standby, name => 'standby, restartpoint', seconds => 10, script => q(
		CHECKPOINT;
		\sleep 300 ms
	)));
finish_pgbench($_) for @running;
catch_up();
standby_is_right('after the writers');
restartpoint();

# A standby that has just started holds nothing of the index but what it searches.
$standby->restart;
catch_up();
is(index_info($standby, 'settled_share'), 1, 'settled after a restart of the standby');
my $buffered = buffered_array_blocks($standby); # what vectorstore_index_info has read
is_right($standby, 'restarted standby', storages => ['mmap'], keep_storage => 1);
is(buffered_array_blocks($standby), $buffered, 'read through the map alone');

# Promotion, with changes that no restartpoint has settled.
$primary->safe_psql('postgres', 'SELECT take_from_pool() FROM generate_series(1, 200)');
catch_up();
is($standby->safe_psql('postgres', 'SELECT pg_is_in_recovery()'), 't', 'the standby has lived all the time');
$primary->stop;
my $log = slurp_file($standby->logfile);
unlike($log, qr/inconsistent page found|PANIC|FATAL:  .*(?:generic|redo)/,
	'no replayed page differs from the primary\'s');
$standby->promote;
is_right($standby, 'promoted standby');
$standby->safe_psql('postgres', q(
	SELECT take_from_pool() FROM generate_series(1, 200);
	DELETE FROM items WHERE id % 7 = 2;
	VACUUM items;
	SELECT take_from_pool() FROM generate_series(1, 200)));
is_right($standby, 'promoted standby after writes');
settle($standby);
is(index_info($standby, 'settled_share'), 1, 'all is settled on the promoted standby');
is_right($standby, 'promoted standby after a checkpoint');
check_index($standby, 'promoted standby');

$standby->stop;
done_testing();
