# Inserts that are cancelled or rolled back at any point, and rows with equal vectors and many
# versions, leave an index that is right, is found sound by the check, and gives back their slots to
# vacuum.
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

my $node = new_cluster('primary');
create_items($node, 500, pool => 2000);
create_index($node, storage => 'mmap');

# A timeout strikes wherever the statement is.  The client goes on after an error, so psql and not
# pgbench.
my $script = $node->basedir . '/cancels.sql';
append_to_file($script, join('', map {
	my $timeout = 1 + $_ % 9;
	"SET statement_timeout = '${timeout}ms'; SELECT take_from_pool() FROM generate_series(1, 40);\n"
	. "SET statement_timeout = 0; BEGIN; SELECT take_from_pool(); SAVEPOINT s; SELECT take_from_pool();"
	. " ROLLBACK TO s; SELECT take_from_pool(); " . ($_ % 3 ? 'ROLLBACK' : 'COMMIT') . ";\n"
} 1 .. 150));

my $checkpoints = start_pgbench($node, seconds => 8, name => 'checkpoints and vacuums',
	script => "CHECKPOINT;\nVACUUM (INDEX_CLEANUP on) items;\n\\sleep 200 ms\n");
my @clients;
for (1 .. 2)
{
	my %client = (out => '');
	$client{run} = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'SET client_min_messages = error',
			'-f', $script ],
		'<', \undef, '>&', \$client{out});
	push @clients, \%client;
}

$_->{run}->finish for @clients;
finish_pgbench($checkpoints);
my $all = join('', map { $_->{out} } @clients);
my $cancelled = () = $all =~ /canceling statement due to statement timeout/g;
note("$cancelled statements cancelled");
cmp_ok($cancelled, '>', 20, 'statements were cancelled');
# The timeout may also strike the statement that ends it, and then BEGIN or what follows it.
my @others = grep {
	/ERROR/ && !/canceling statement due to statement timeout|current transaction is aborted/
	  && !/savepoint "s" does not exist|can only be used in transaction blocks/
} split /\n/, $all;
is(join("\n", @others), '', 'no other error');

is_right($node, 'after cancelled inserts', all_rows => 1);
check_index($node, 'after cancelled inserts');
$node->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP on) items');
is_right($node, 'after cancelled inserts and vacuum');
check_index($node, 'after cancelled inserts and vacuum');

# What they had taken is free: as many rows as the file has room for go in, without growth where any
# row takes any slot.
my ($free) = index_info($node, 'free_nodes');
my $blocks = index_file_blocks($node);
cmp_ok($free, '>', 0, 'vacuum has freed nodes');
$node->safe_psql('postgres', "SELECT take_from_pool() FROM generate_series(1, $free)");
is(index_file_blocks($node), $blocks, 'their slots are reused') unless slots_have_lists();
# (Rows that joined the node of an equal vector took none; and a list that has no more of its own gets
# room for several rows.)
cmp_ok(index_info($node, 'free_nodes'), '<', slots_have_lists() ? $free * 3 / 4 : $free / 2, 'most of them');
is_right($node, 'after the reuse');
check_index($node, 'after the reuse');

# Many versions of each row, all with the same vector, and none of them HOT
$node->safe_psql('postgres', q(
	DELETE FROM items WHERE id % 2 = 0;
	VACUUM items;
	ALTER TABLE items ADD COLUMN version int;
	CREATE INDEX ON items (version)));
for my $version (1 .. (slots_have_lists() ? 12 : 25))
{
	$node->safe_psql('postgres', "UPDATE items SET version = $version");
}
# Dead versions stand in the way until vacuum comes, but what is returned is right.
is_right($node, 'after many versions', no_lost_rows => 1, effort => 'exhaustive', recall => 0.5);
$node->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP on) items');
is_right($node, 'after many versions and vacuum');
check_index($node, 'after many versions and vacuum');
settle($node);
is_right($node, 'after many versions, vacuum and a checkpoint');

$node->stop;
done_testing();
