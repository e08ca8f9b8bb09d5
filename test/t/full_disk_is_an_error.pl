# When the index's file can't grow, an insert or a build is an ERROR, the server lives, and searches
# stay right; with room again, all goes on.
#
# The file size limit of one backend stands for a full disk: the same calls fail at the same places.
# A full file system proper is tried where this user may mount one.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
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
	$node->safe_psql('postgres', 'DROP TABLE items, queries, pool; DROP SEQUENCE item_id');
	$node->safe_psql('postgres', 'DROP EXTENSION vectorstore CASCADE');
}

SKIP:
{
	my $directory = $node->basedir . '/small';
	mkdir $directory or die "$directory: $!";
	my @sudo = $> == 0 ? () : ('sudo', '-n');
	skip 'a file system of 16 MB: this user may not mount one', 1
	  if system("@sudo mount -t tmpfs -o size=16m,mode=0777 none $directory >/dev/null 2>&1") != 0;

	mkdir "$directory/data" or die "$directory/data: $!";
	$node->safe_psql('postgres', "CREATE TABLESPACE small LOCATION '$directory/data'");
	$node->safe_psql('postgres', 'CREATE EXTENSION vectorstore');
	$node->safe_psql('postgres', 'DROP FUNCTION IF EXISTS count_lost_rows, take_from_pool');
	create_items($node, 1000, pool => 9000);
	create_index($node, storage => 'mmap');
	$node->safe_psql('postgres', 'ALTER INDEX items_index SET TABLESPACE small');
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	for my $round (1, 2)
	{
		like(insert_until_error($session), qr/No space left on device/, "full disk, round $round: an error");
		is_right($node, "full disk, round $round");
		settle($node);
		is_right($node, "full disk, round $round, after a checkpoint");
	}
	set_storage($node, 'mmap');
	fails_with($node, 'REINDEX INDEX items_index', qr/No space left on device/, 'full disk: a build');
	is_right($node, 'full disk, after a failed build');
	$node->safe_psql('postgres', 'ALTER INDEX items_index SET TABLESPACE pg_default');
	is_right($node, 'moved to a disk with room');
	is($session->query_safe('SELECT count(take_from_pool()) FROM generate_series(1, 300)'),
		300, 'with room again inserts work');
	is_right($node, 'moved to a disk with room, and more rows');
	$session->quit;
	$node->safe_psql('postgres', 'DROP TABLESPACE small');
	system(@sudo, 'umount', $directory);
}

$node->stop;
done_testing();
