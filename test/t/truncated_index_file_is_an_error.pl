# A page that the file can't give is an ERROR that names file and block, in whatever session meets it
# first; no process dies, and REINDEX puts all right.  A SIGBUS that is not ours kills as ever.
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

my $node = new_cluster('primary', settings => ['restart_after_crash = on']);
create_items($node, 2000);
create_index($node, storage => 'mmap');
settle($node);
$node->restart;

my ($query) = query_vectors(1);
my $search = "SELECT id FROM items ORDER BY v <-> '$query' LIMIT 20";
my $too_short = qr/could not read block \d+ in file "base\/\d+\/\d+" through a memory map.*The file is too short/s;

sub new_session
{
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	$session->query_safe('SET enable_seqscan = off; SET enable_sort = off; SET ' . effort('exhaustive'));
	return $session;
}

# What a command that fails says on the session's standard error
sub errors_of
{
	my ($session, $command) = @_;
	$session->query($command);
	my $errors = $session->{stderr};
	$session->{stderr} = '';
	return $errors;
}

sub postmaster_start { return $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'); }

# How often a server process was started anew after a crash.
sub crashes { return scalar(() = slurp_file($node->logfile) =~ /terminated by signal/g); }

my $file = index_file($node);
my $size = -s $file;

# One session has the file mapped, and has read it, before it is cut off; the others come after.
my $before = new_session();
my $answer = $before->query_safe($search);
is(scalar(split /\n/, $answer), 20, 'the index is searched');
cmp_ok(mapped_files(backend_pid($before), $file), '>', 0, 'its file is mapped');
my $idle = new_session();

# The metapage and its settle map stay.
truncate($file, 3 * 8192) or die "$file: $!";

like(errors_of($before, "\\set VERBOSITY verbose\n$search"), qr/58030: $too_short/,
	'a session with a map gets an ERROR (58030) that names file and block');
like(errors_of($before, $search), $too_short, 'and again');
is($before->query_safe('SELECT count(*) FROM items'), 2000, 'the session goes on');

my $after = new_session();
like(errors_of($after, $search), $too_short, 'a new session gets it too');
is($idle->query_safe('SELECT count(*) FROM items'), 2000, 'a third one is not disturbed');

# Errors are left in order: by subtransactions, and from within functions.
is( $after->query_safe(qq(
		DO \$\$
		BEGIN
			FOR i IN 1 .. 100 LOOP
				BEGIN
					PERFORM id FROM items ORDER BY v <-> '$query' LIMIT 5;
					RAISE 'no error';
				EXCEPTION WHEN io_error THEN NULL;
				END;
			END LOOP;
		END \$\$;
		SELECT 'caught')),
	'caught',
	'the error can be caught, a hundred times');

like(errors_of($after, "SELECT vectorstore_warmup('items_index')"), $too_short, 'warmup: an ERROR');
like(errors_of($after, "SELECT vectorstore_index_check('items_index')"),
	qr/ERROR:.*(corrupted|could not read block)/, 'vectorstore_index_check: an ERROR');
like($after->query_safe("SELECT file_bytes FROM vectorstore_index_info('items_index')"),
	qr/^24576$/, 'vectorstore_index_info still works');

# Through shared buffers the same is PostgreSQL's own error.
set_storage($node, 'buffer_pool');
like(errors_of($before, $search), qr/ERROR:.*(could not read block|corrupted|unexpected zero page)/,
	'buffer_pool: an ERROR');
set_storage($node, 'mmap');

is(crashes(), 0, 'no process died');

# The file has the right length again, but all that was cut off is zeroes, which no node is.
truncate($file, $size) or die "$file: $!";
like(errors_of($idle, $search), qr/ERROR:.*(corrupted|unexpected zero page)/,
	'zeroes are a corrupted index');
is(crashes(), 0, 'no process died of them');

$node->safe_psql('postgres', 'REINDEX INDEX items_index');
is($before->query_safe($search), $answer, 'after REINDEX the sessions get right answers');
is($after->query_safe($search), $answer, 'all of them');
check_index($node, 'after REINDEX');
is_right($node, 'after REINDEX');

# The file goes altogether: the map of it keeps the session right until it is invalidated, and a
# session that has none gets an ERROR.
$file = index_file($node);
settle($node);
set_storage($node, 'mmap');
rename($file, "$file.away") or die "$file: $!";
my $late = new_session();
like(errors_of($late, $search), qr/could not open file "base\/\d+\/\d+"/, 'no file: an ERROR');
rename("$file.away", $file) or die "$file: $!";
is($late->query_safe($search), $answer, 'the file is back: right answers');

# SIGBUS that has nothing to do with maps: as if there were no handler.
my $start = postmaster_start();
my $pid = backend_pid($late);
kill 'BUS', $pid or die "kill: $!";
for (1 .. 1000)
{
	last if crashes() > 0;
	select(undef, undef, undef, 0.1);
}
like(slurp_file($node->logfile), qr/\(PID $pid\) was terminated by signal 7/,
	'a SIGBUS that was sent kills the process');
wait_for_server($node);
is(postmaster_start(), $start, 'the postmaster has recovered');
is_right($node, 'after the crash');

$node->stop;
done_testing();
