# When the index's file can't grow, an insert or a build is an ERROR, the server lives, and searches
# stay right; with room again, all goes on.
#
# The file size limit of one backend stands for a full disk: the same calls fail at the same places.
# A file system that is full is tried too, where this user may mount one.
#
# Methods: hnsw ivf

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorstoreTest;

# Segments of WAL are files that must fit the limit as well.
my $node = new_cluster('primary', init => { extra => ['--wal-segsize=1'] },
	settings => [ 'restart_after_crash = off', 'min_wal_size = 16MB' ]);

# Insert until an error comes; returns it.
sub insert_until_error
{
	my ($session) = @_;
	for (1 .. 1000)
	{
		my $out = $session->query('SELECT count(take_from_pool()) FROM generate_series(1, 100)');
		my $errors = $session->{stderr};
		$session->{stderr} = '';
		return $errors if $errors =~ /ERROR/;
		die "lost the connection: $errors" if $out !~ /^100$/;
	}
	return '';
}

SKIP:
{
	skip 'prlimit is not there', 1 if system('prlimit --version >/dev/null 2>&1') != 0;

	create_items($node, 1000, pool => 9000);
	create_index($node, storage => 'mmap');
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = backend_pid($session);
	my $limit = (index_file_blocks($node) + 100) * 8192;
	cmp_ok($limit, '>', 1024 * 1024, 'the limit leaves room for WAL segments');
	system_or_bail('prlimit', "--fsize=$limit:", '--pid', $pid);

	my $error = insert_until_error($session);
	like($error, qr/could not extend file .*(File too large|wrote only)/s, 'insert: an error, and no crash');
	is($session->query_safe('SELECT 1'), 1, 'insert: the session lives');
	is_right($node, 'file size limit');
	check_index($node, 'file size limit');

	# The same session goes on failing, and reading
	like(insert_until_error($session), qr/could not extend file/, 'insert: again');
	is_right($node, 'file size limit, second time');

	system_or_bail('prlimit', '--fsize=unlimited:', '--pid', $pid);
	is($session->query_safe('SELECT count(take_from_pool()) FROM generate_series(1, 300)'),
		300, 'with room again inserts work');
	is_right($node, 'room again');
	$node->safe_psql('postgres', 'DELETE FROM items WHERE id % 2 = 0; VACUUM items');
	is_right($node, 'room again, vacuumed');
	settle($node);
	set_storage($node, 'mmap');
	is(index_info($node, 'settled_share'), 1, 'room again: settled by a checkpoint');
	is_right($node, 'room again, after a checkpoint');
	check_index($node, 'room again');

	# A build that does not fit
	$node->safe_psql('postgres', 'INSERT INTO items SELECT id + 1000000, v FROM pool');
	system_or_bail('prlimit', "--fsize=@{[ 2 * 1024 * 1024 ]}:", '--pid', $pid);
	$session->query('REINDEX INDEX items_index');
	like($session->{stderr}, qr/ERROR:.*(File too large|could not (extend|write))/s, 'build: an error');
	$session->{stderr} = '';
	system_or_bail('prlimit', '--fsize=unlimited:', '--pid', $pid);
	is_right($node, 'after a failed build');
	is(join(' ', temporary_files($node)), '', 'build: it leaves no temporary file');
	$session->query_safe('REINDEX INDEX items_index');
	is_right($node, 'after a build with room');
	$session->quit;
}

SKIP:
{
	# A process that mounts it in namespaces of its own, where it may; others reach it through /proc.
	my $directory = $node->basedir . '/small';
	mkdir $directory or die "$directory: $!";
	my $out = '';
	my $holder = IPC::Run::start(
		[
			'unshare', '--user', '--map-root-user', '--mount', 'sh', '-c',
			'mount -t tmpfs -o size=4m none "$1" && mkdir "$1/data" && echo "mounted $$" && exec sleep 900',
			'sh', $directory
		],
		'<', \undef, '>&', \$out);
	$holder->pump while $out !~ /^mounted \d+$/m && $holder->pumpable;
	my ($pid) = $out =~ /^mounted (\d+)$/m;
	my $small = defined $pid ? "/proc/$pid/root$directory/data" : '';
	if (!-d $small)
	{
		$holder->kill_kill;
		skip 'a file system of 4 MB: this user may not mount one in a namespace', 1;
	}

	$node->safe_psql('postgres', "CREATE TABLESPACE small LOCATION '$small'");
	$node->safe_psql('postgres', 'CREATE DATABASE small_disk');
	create_items($node, 1000, database => 'small_disk', pool => 9000);
	create_index($node, database => 'small_disk', storage => 'mmap');
	$node->safe_psql('small_disk', 'ALTER INDEX items_index SET TABLESPACE small');
	my $session = $node->background_psql('small_disk', on_error_stop => 0);
	for my $round (1, 2)
	{
		like(insert_until_error($session), qr/No space left on device/, "full disk, round $round: an error");
		is_right($node, "full disk, round $round", database => 'small_disk');
		settle($node);
		is_right($node, "full disk, round $round, after a checkpoint", database => 'small_disk');
	}
	set_storage($node, 'mmap', 'small_disk');
	fails_with($node, 'REINDEX INDEX items_index', qr/No space left on device/, 'full disk: a build',
		'small_disk');
	is_right($node, 'full disk, after a failed build', database => 'small_disk');
	$node->safe_psql('small_disk', 'ALTER INDEX items_index SET TABLESPACE pg_default');
	is_right($node, 'moved to a disk with room', database => 'small_disk');
	is($session->query_safe('SELECT count(take_from_pool()) FROM generate_series(1, 300)'),
		300, 'with room again inserts work');
	is_right($node, 'moved to a disk with room, and more rows', database => 'small_disk');
	$session->quit;
	$node->safe_psql('postgres', 'DROP TABLESPACE small');
	$holder->kill_kill;
}

$node->stop;
done_testing();
