# After kill -9 of a backend, and after an immediate shutdown, in the midst of inserts, deletes and
# vacuums: every committed row is found and nothing else, in both storages, before and after a
# checkpoint, and the index goes on.
#
# Methods: hnsw hnsw_edges ivf

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);
use VectorstoreTest;

my $node = new_cluster('primary', settings => ['restart_after_crash = on']);
create_items($node, 1200, pool => 4000);
create_index($node, storage => 'mmap');

my %script = (
	insert => q(
		SELECT take_from_pool();
		\sleep 2 ms
	),
	delete => q(
		DELETE FROM items WHERE id = (SELECT id FROM items
			WHERE id >= (SELECT min(id) + (random() * (max(id) - min(id)))::int FROM items)
			ORDER BY id LIMIT 1);
		\sleep 3 ms
	),
	vacuum => q(
		VACUUM (INDEX_CLEANUP on) items;
		\sleep 100 ms
	),
	search => q(
		\set query random(1, 50)
		SELECT count(*) FROM index_search((SELECT v FROM queries WHERE id = :query), 10);
	),
);

sub start_load
{
	return map {
		start_pgbench($node, name => $_, script => $script{$_}, seconds => 600,
			clients => $_ eq 'insert' ? 3 : 1)
	} sort keys %script;
}

# Wait until the load has added rows, so that the crash comes in the midst of it.
sub wait_for_rows
{
	my ($count) = @_;
	my $goal = $count + $node->safe_psql('postgres', 'SELECT last_value FROM item_id');
	$node->poll_query_until('postgres', "SELECT last_value >= $goal FROM item_id") or die 'no rows';
	return;
}

# A backend in the midst of an insert
sub inserting_backend
{
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		my $pid = $node->safe_psql('postgres', q(
			SELECT pid FROM pg_stat_activity WHERE application_name = 'load'
			AND query LIKE '%take_from_pool%' AND state = 'active' LIMIT 1));
		return $pid if $pid;
		usleep(100_000);
	}
	die 'no backend inserts';
}

sub is_right_now_and_settled
{
	my ($what) = @_;
	is_right($node, $what, all_rows => 1);
	check_index($node, $what);
	$node->safe_psql('postgres', q(
		SELECT take_from_pool() FROM generate_series(1, 100);
		DELETE FROM items WHERE id % 41 = 5;
		VACUUM items;
		SELECT take_from_pool() FROM generate_series(1, 100)));
	is_right($node, "$what, and more changes");
	settle($node);
	set_storage($node, 'mmap');
	is(index_info($node, 'settled_share'), 1, "$what: all is settled after a checkpoint");
	is_right($node, "$what, after a checkpoint");
	check_index($node, "$what, after a checkpoint");
	set_storage($node, 'mmap');
	return;
}

# kill -9 of a backend that inserts, twice: with everything since the start in shared buffers, and shortly
# after a checkpoint.
my @load;
for my $round (1 .. 2)
{
	@load = start_load();
	wait_for_rows(300);
	settle($node) if $round == 2;
	wait_for_rows(200);
	my $pid = inserting_backend();
	kill 'KILL', $pid;
	finish_pgbench($_, expect_crash => 1) for @load;
	wait_for_server($node);
	ok($node->log_contains("PID $pid\\) was terminated by signal 9"),
		"round $round: the backend was killed");
	is_right_now_and_settled("kill -9, round $round");
}

# Immediate shutdown.
@load = start_load();
wait_for_rows(300);
$node->stop('immediate');
finish_pgbench($_, expect_crash => 1) for @load;
$node->start;
is_right_now_and_settled('immediate shutdown');

# Once more, in the midst of vacuum alone, with much to do.
$node->safe_psql('postgres', 'DELETE FROM items WHERE id % 3 = 0');
@load = start_pgbench($node, script => 'VACUUM (INDEX_CLEANUP on) items;', seconds => 600,
	options => '-c vacuum_cost_delay=20ms -c vacuum_cost_limit=20');
$node->poll_query_until('postgres',
	"SELECT count(*) > 0 FROM pg_stat_progress_vacuum WHERE phase = 'vacuuming indexes'")
  or die 'no vacuum';
usleep(200_000);
$node->stop('immediate');
finish_pgbench($_, expect_crash => 1) for @load;
$node->start;
is_right_now_and_settled('immediate shutdown in vacuum');

# A build that is cut short leaves nothing that gets in the way of the next one.
$node->safe_psql('postgres', 'DROP INDEX items_index');
@load = start_pgbench($node, script => create_index_command(storage => 'mmap') . 'DROP INDEX items_index;',
	seconds => 600);
$node->poll_query_until('postgres',
	'SELECT count(*) > 0 FROM pg_stat_progress_create_index') or die 'no build';
$node->stop('immediate');
finish_pgbench($_, expect_crash => 1) for @load;
$node->start;
$node->safe_psql('postgres', 'DROP INDEX IF EXISTS items_index');
create_index($node, storage => 'mmap');
$node->stop('immediate');
$node->start;
is_right_now_and_settled('immediate shutdown after a build');

$node->stop;
done_testing();
