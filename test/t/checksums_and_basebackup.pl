# Copies of an index never give wrong answers in mmap mode, though they carry stamps of the file they
# were copied from: SET TABLESPACE, CREATE DATABASE by both strategies, a base backup, point-in-time
# recovery onto a new timeline.  Before and after the next checkpoint.  Data checksums hold throughout.
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

my $node = PostgreSQL::Test::Cluster->new('primary');
$node->init(has_archiving => 1, allows_streaming => 1, extra => ['--data-checksums']);
configure($node);
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE source');
create_items($node, 4000, database => 'source', pool => 4000);
create_index($node, database => 'source', storage => 'mmap');
$node->safe_psql('source', 'CREATE EXTENSION pg_buffercache');

# Changes that are in shared buffers alone when the copy is made, and groups that are settled.
sub change
{
	my ($target, $database) = @_;
	$target->safe_psql($database, q(
		SELECT take_from_pool() FROM generate_series(1, 200);
		DELETE FROM items WHERE id % 17 = (random() * 16)::int;
		VACUUM items;
		SELECT take_from_pool() FROM generate_series(1, 100)));
	return;
}

# Right before a checkpoint, after changes, and after a checkpoint that settles the copy.
sub copy_is_right
{
	my ($target, $database, $what) = @_;
	my @mmap = (database => $database, storages => ['mmap'], keep_storage => 1);
	is(index_info($target, 'storage_in_effect', $database), 'mmap', "$what: mmap in effect");
	isnt(index_info($target, 'settled_share', $database), 1, "$what: not settled");
	is_right($target, "$what, before a checkpoint", @mmap);
	change($target, $database);
	is_right($target, "$what, changed", @mmap);
	settle($target);
	is(index_info($target, 'settled_share', $database), 1, "$what: settled by a checkpoint");
	is_right($target, "$what, after a checkpoint", @mmap);
	$target->restart;
	is_right($target, "$what, after a restart", @mmap);
	is(buffered_array_blocks($target, $database), 0, "$what: read through the map");
	check_index($target, $what, $database);
	return;
}

# Verifies the checksums of every file; the server is down for it.
sub checksums_are_right
{
	my ($target, $what) = @_;
	$target->stop;
	command_ok([ 'pg_checksums', '--check', '-D', $target->data_dir ], "$what: checksums are right");
	$target->start;
	return;
}

is_right($node, 'built index', database => 'source');
set_storage($node, 'mmap', 'source');
checksums_are_right($node, 'built index');
settle($node);
change($node, 'source');

# Another tablespace, and back, with changes in between.  (The directory of a tablespace must be
# outside of the data directory.)
my $directory = $node->basedir . '/tablespace';
mkdir $directory or die "$directory: $!";
$node->safe_psql('postgres', "CREATE TABLESPACE elsewhere LOCATION '$directory'");
$node->safe_psql('source', 'ALTER INDEX items_index SET TABLESPACE elsewhere');
like(index_file($node, 'source'), qr/pg_tblspc/, 'the index is in the tablespace');
copy_is_right($node, 'source', 'SET TABLESPACE');
change($node, 'source');
$node->safe_psql('source', 'ALTER INDEX items_index SET TABLESPACE pg_default');
copy_is_right($node, 'source', 'SET TABLESPACE, back');

# A running session follows: it maps the new file.
my $session = $node->background_psql('source');
$session->query_safe('SET ' . effort('thorough'));
cmp_ok($session->query_safe('SELECT avg(compare_search(v, 10)) FROM queries'), '>=', 0.98,
	'a session before SET TABLESPACE');
my $old_file = index_file($node, 'source');
my $pid = backend_pid($session);
cmp_ok(mapped_files($pid, $old_file), '>', 0, 'it maps the file');
$node->safe_psql('source', 'ALTER INDEX items_index SET TABLESPACE elsewhere');
settle($node);
cmp_ok($session->query_safe('SELECT avg(compare_search(v, 10)) FROM queries'), '>=', 0.98,
	'the session after SET TABLESPACE');
change($node, 'source');
settle($node);
cmp_ok($session->query_safe('SELECT avg(compare_search(v, 10)) FROM queries'), '>=', 0.98,
	'the session after more changes');
cmp_ok(mapped_files($pid, index_file($node, 'source')), '>', 0, 'it maps the new file');
open my $maps, '<', "/proc/$pid/maps" or die $!;
is(scalar(grep { /\Q$old_file\E/ } <$maps>), 0, 'and no more the old one');
close $maps;
$session->quit;
checksums_are_right($node, 'after SET TABLESPACE');

# A copy of a settled index: its old stamps say that everything is in the file, and nothing is.
settle($node);
is(index_info($node, 'settled_share', 'source'), 1, 'the source is settled');
$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE source STRATEGY wal_log');
copy_is_right($node, 'copy', 'copy of a settled index');
$node->safe_psql('postgres', 'DROP DATABASE copy');

# Copies of a changed one.  Relation numbers are the same in them.
for my $strategy ('wal_log', 'file_copy')
{
	change($node, 'source');
	$node->safe_psql('postgres', "CREATE DATABASE copy_$strategy TEMPLATE source STRATEGY $strategy");
	copy_is_right($node, "copy_$strategy", "CREATE DATABASE, $strategy");
	is_right($node, "source of $strategy", database => 'source', storages => ['mmap'], keep_storage => 1);
}
$node->safe_psql('postgres', 'DROP DATABASE copy_wal_log');
$node->safe_psql('postgres', 'DROP DATABASE copy_file_copy');

# Crash after a copy, before any checkpoint: stamps and pages come out of the WAL.
change($node, 'source');
$node->safe_psql('postgres', 'CREATE DATABASE copy_crash TEMPLATE source STRATEGY wal_log');
is_right($node, 'copied database', database => 'copy_crash', storages => ['mmap'], keep_storage => 1);
$node->stop('immediate');
$node->start;
is_right($node, 'copied database after a crash', database => 'copy_crash',
	storages => ['mmap'], keep_storage => 1);
$node->safe_psql('postgres', 'DROP DATABASE copy_crash');
$node->safe_psql('source', 'ALTER INDEX items_index SET TABLESPACE pg_default');

# The whole database in another tablespace, with all its files under their old numbers.
$node->safe_psql('postgres', 'ALTER DATABASE source SET TABLESPACE elsewhere');
copy_is_right($node, 'source', 'ALTER DATABASE SET TABLESPACE');
$node->safe_psql('postgres', 'ALTER DATABASE source SET TABLESPACE pg_default');
$node->safe_psql('postgres', 'DROP TABLESPACE elsewhere');

# A base backup, while the index has changes that are not in its file.
change($node, 'source');
is_right($node, 'before the base backup', database => 'source', storages => ['mmap'], keep_storage => 1);
$node->backup('base');
change($node, 'source');
my $rows = $node->safe_psql('source', 'SELECT count(*), sum(id) FROM items');
$node->safe_psql('source', "SELECT pg_create_restore_point('here')");
change($node, 'source');
$node->safe_psql('postgres', 'SELECT pg_switch_wal()');
$node->stop;

my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init_from_backup($node, 'base');
$copy->append_conf('postgresql.conf', 'archive_mode = off');
$copy->start;
is($copy->safe_psql('source', "SELECT storage_in_effect FROM vectorstore_index_info('items_index')"),
	'mmap', 'base backup: mmap in effect');
is_right($copy, 'base backup', database => 'source', storages => ['mmap'], keep_storage => 1);
change($copy, 'source');
is_right($copy, 'base backup, changed', database => 'source', storages => ['mmap'], keep_storage => 1);
settle($copy);
is_right($copy, 'base backup, after a checkpoint', database => 'source', storages => ['mmap'], keep_storage => 1);
checksums_are_right($copy, 'base backup');
$copy->stop;

my $restored = PostgreSQL::Test::Cluster->new('restored');
$restored->init_from_backup($node, 'base', has_restoring => 1, standby => 0);
$restored->append_conf('postgresql.conf',
	"archive_mode = off\nrecovery_target_name = 'here'\nrecovery_target_action = 'promote'");
$restored->start;
wait_for_server($restored);
is($restored->safe_psql('postgres', 'SELECT timeline_id FROM pg_control_checkpoint()'),
	2, 'restored to a point in time, on a new timeline');
is($restored->safe_psql('source', 'SELECT count(*), sum(id) FROM items'),
	$rows, 'with the rows of that time');
is_right($restored, 'restored', database => 'source', storages => ['mmap'], keep_storage => 1);
change($restored, 'source');
is_right($restored, 'restored, changed', database => 'source', storages => ['mmap'], keep_storage => 1);
settle($restored);
is(index_info($restored, 'settled_share', 'source'), 1, 'restored: settled by a checkpoint');
is_right($restored, 'restored, after a checkpoint', database => 'source', storages => ['mmap'], keep_storage => 1);
checksums_are_right($restored, 'restored');
check_index($restored, 'restored', 'source');
$restored->stop;

done_testing();
