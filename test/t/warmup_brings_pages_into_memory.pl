# warmup = prefetch and lock: by vectorstore_warmup(), at the first scan of a cold index, at server
# start when preloaded; workers that hold a lock follow the index and stand in nobody's way.
#
# Methods: hnsw ivf

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);
use VectorstoreTest;

my $node = new_cluster('primary');
create_items($node, 3000, pool => 1000);
$node->safe_psql('postgres', 'CREATE EXTENSION pg_buffercache');
create_index($node, storage => 'mmap');
$node->safe_psql('postgres',
	"CREATE INDEX items_other ON items USING $VectorstoreTest::method (v vector_ip_ops) WITH (storage = mmap)");
settle($node);

my ($query) = query_vectors(1);
my $search = "SET enable_seqscan = off; SET enable_sort = off;
	SELECT id FROM items ORDER BY v <-> '$query' LIMIT 5";
my $workers = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'vectorstore warmup'";

# The index's file leaves the page cache: written out, no process maps it, then dropped.
sub restart_cold
{
	my @files = map { $node->data_dir . '/'
		  . $node->safe_psql('postgres', "SELECT pg_relation_filepath('$_')") }
	  qw(items_index items_other);
	$node->stop;
	for my $file (@files)
	{
		system_or_bail('sync', $file);
		system_or_bail('dd', "if=$file", 'iflag=nocache', 'count=0', 'status=none');
	}
	$node->start;
	return;
}

sub resident_share
{
	my ($index) = @_;
	return $node->safe_psql('postgres',
		"SELECT resident_bytes::float8 / file_bytes FROM vectorstore_index_info('$index')");
}

sub becomes
{
	my ($sql, $expected, $what) = @_;
	my $ok = $node->poll_query_until('postgres', $sql, $expected);
	ok($ok, $what) or diag($node->safe_psql('postgres', "SELECT pid, state, query FROM pg_stat_activity"));
	return;
}

sub becomes_resident
{
	my ($what) = @_;
	becomes("SELECT resident_bytes = file_bytes FROM vectorstore_index_info('items_index')",
		't', $what);
	return;
}

restart_cold();
if (resident_share('items_index') > 0.9)
{
	plan skip_all => 'this file system keeps files in memory';
}

# ---------------------------------------------------------------- by function

my $blocks = index_file_blocks($node);
my $done = $node->safe_psql('postgres', "SELECT vectorstore_warmup('items_index')");
cmp_ok($done, '>=', $blocks - 2, 'vectorstore_warmup reads all but metapage and settle map');
cmp_ok($done, '<=', $blocks, 'and no more than there is');
is(resident_share('items_index'), 1, 'all of the file is in the page cache');
cmp_ok(resident_share('items_other'), '<', 0.9, 'the other index is still cold');
is($node->safe_psql('postgres', $workers), 0, 'no worker was needed');

# An index without the option does not warm up by itself.
restart_cold();
$node->safe_psql('postgres', $search);
usleep(500_000);
cmp_ok(resident_share('items_index'), '<', 0.9, 'warmup = none: a scan reads what it needs');

# ---------------------------------------------------------------- by first use

$node->safe_psql('postgres', 'ALTER INDEX items_index SET (warmup = prefetch)');
$node->safe_psql('postgres', $search);
becomes_resident('ALTER INDEX to prefetch: the first scan has it read');
restart_cold();
cmp_ok(resident_share('items_index'), '<', 0.9, 'cold after a restart');
$node->safe_psql('postgres', $search);
becomes_resident('the first scan after a restart has it read');
becomes($workers, 0, 'prefetch: the worker ends');
cmp_ok(resident_share('items_other'), '<', 0.9, 'the other index is still cold');

# A build leaves nothing cold, nor does it leave a worker.
$node->safe_psql('postgres', 'REINDEX INDEX items_index');
becomes_resident('after a build');
becomes($workers, 0, 'after a build: no worker stays');

# ---------------------------------------------------------------- into shared buffers

set_storage($node, 'buffer_pool');
$node->restart;
cmp_ok(buffered_array_blocks($node), '<', 10, 'buffer_pool: nothing in shared buffers at first');
$node->safe_psql('postgres', $search);
becomes("SELECT count(*) FROM pg_buffercache WHERE relfilenode = pg_relation_filenode('items_index') AND relblocknumber > 1",
	$blocks - 2, 'buffer_pool: the first scan has all pages read into shared buffers');
$node->restart;
$node->safe_psql('postgres', "SELECT vectorstore_warmup('items_index')");
is(buffered_array_blocks($node), $blocks - 2, 'buffer_pool: vectorstore_warmup does too');

# ---------------------------------------------------------------- at server start

set_storage($node, 'mmap');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'vectorstore'");
restart_cold();
becomes_resident('preloaded: read at server start, without a scan');
cmp_ok(resident_share('items_other'), '<', 0.9, 'preloaded: an index without the option is not');
becomes($workers, 0, 'preloaded: no worker stays');
unlike(slurp_file($node->logfile), qr/(FATAL|ERROR):.*(warmup|background worker)/,
	'no worker failed');

# ---------------------------------------------------------------- lock

sub worker_pids
{
	return split /\n/, $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE query LIKE 'vectorstore holds index%'");
}

# kB that the only holding worker has locked, 0 if there isn't just one
sub locked_kilobytes
{
	my @pids = worker_pids();
	return 0 if @pids != 1;
	my ($kilobytes) = slurp_file("/proc/$pids[0]/status") =~ /^VmLck:\s+(\d+) kB/m;
	return $kilobytes;
}

sub lock_becomes
{
	my ($test, $what) = @_;
	my $kilobytes;
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		$kilobytes = locked_kilobytes();
		last if $test->($kilobytes);
		usleep(100_000);
	}
	ok($test->($kilobytes), $what) or diag("$kilobytes kB, workers @{[ worker_pids() ]}");
	return;
}

my ($limit) = slurp_file('/proc/self/limits') =~ /^Max locked memory\s+(\S+)/m;
my $needed = 8192 * $blocks * 2;
SKIP:
{
	skip "RLIMIT_MEMLOCK is $limit, too low to lock an index", 1
	  if $limit ne 'unlimited' && $limit < $needed;

	my $array_kilobytes = 8 * ($blocks - 2);
	my $is_all = sub { $_[0] >= $array_kilobytes };

	$node->safe_psql('postgres', 'ALTER INDEX items_index SET (warmup = lock)');
	$node->safe_psql('postgres', $search) for 1 .. 5;
	lock_becomes($is_all, 'lock: the first scan has a worker lock the file');
	is(scalar(my @pids = worker_pids()), 1, 'lock: one worker, however many sessions ask');
	my ($pid) = worker_pids();
	cmp_ok(mapped_files($pid, index_file($node)), '>', 0, "lock: it maps the index's file");
	is($node->safe_psql('postgres', "SELECT count(*) FROM pg_locks WHERE pid = $pid AND locktype = 'relation'"),
		0, 'lock: it has no lock on any relation');

	# Growth is locked too.
	$node->safe_psql('postgres', 'SELECT take_from_pool() FROM generate_series(1, 900)');
	my $grown = 8 * (index_file_blocks($node) - 2);
	cmp_ok($grown, '>', $array_kilobytes, 'the index has grown');
	lock_becomes(sub { $_[0] >= $grown }, 'lock: the growth is locked');

	# A new file is locked in the place of the old one.
	my $old = index_file($node);
	$node->safe_psql('postgres', 'REINDEX INDEX items_index');
	my $new = index_file($node);
	lock_becomes(sub { my @p = worker_pids(); @p == 1 && mapped_files($p[0], $new) && $_[0] > 0 },
		'REINDEX: the new file is locked');
	is(mapped_files((worker_pids())[0], $old), 0, 'REINDEX: the old file is not mapped any more');

	# It holds across a restart, by the launcher.
	$node->restart;
	lock_becomes($is_all, 'lock: at server start, when preloaded');

	$node->safe_psql('postgres', 'ALTER INDEX items_index SET (warmup = none)');
	becomes($workers, 0, 'ALTER INDEX to none: the worker ends');

	$node->safe_psql('postgres', 'ALTER INDEX items_index SET (warmup = lock)');
	is($node->safe_psql('postgres', "SELECT vectorstore_warmup('items_index') > 0"), 't',
		'vectorstore_warmup of a locked index');
	lock_becomes($is_all, 'vectorstore_warmup: a worker holds the lock');
	set_storage($node, 'mmap');
	$node->safe_psql('postgres', "SET lock_timeout = '5s'; DROP INDEX items_index");
	becomes($workers, 0, 'DROP INDEX is not kept waiting, and the worker ends');

	# DROP DATABASE fails where a connection stays for five seconds.
	$node->safe_psql('postgres', 'CREATE DATABASE other');
	create_items($node, 500, database => 'other');
	create_index($node, database => 'other', storage => 'mmap', warmup => 'lock');
	$node->safe_psql('other', $search);
	lock_becomes(sub { $_[0] > 0 }, 'lock: in another database');
	$node->safe_psql('postgres', 'DROP DATABASE other');
	becomes($workers, 0, 'DROP DATABASE: the worker has left');

	# Too low a limit: a warning that tells it, and the index is read all the same.
	create_index($node, storage => 'mmap', warmup => 'lock');
	becomes($workers, 1, 'lock: a worker after the build');
	$node->stop;
	system_or_bail('prlimit', '--pid', $$, '--memlock=65536:');
	$node->start;
	my (undef, undef, $errors) =
	  $node->psql('postgres', "SELECT vectorstore_warmup('items_index')");
	like($errors,
		qr/WARNING:  could not lock index "items_index" in memory.*is 64 kB, the index needs \d+ kB/s,
		'a limit that is too low is a WARNING that tells the limit needed');
	is(resident_share('items_index'), 1, 'the index was read all the same');
	becomes("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'vectorstore could not lock%'",
		1, 'the worker stays, and tells');
	like(slurp_file($node->logfile), qr/WARNING:  could not lock index "items_index"/,
		'the server log has it too');
	is(index_info($node, 'warmup'), 'lock', 'the option stands');
	$node->safe_psql('postgres', 'DROP INDEX items_index');
	becomes($workers, 0, 'that worker ends with the index too');
}

# ---------------------------------------------------------------- what can't be locked

$node->safe_psql('postgres', 'DROP INDEX IF EXISTS items_index');
fails_with($node, create_index_command(storage => 'buffer_pool', warmup => 'lock'),
	qr/warmup = lock needs storage = mmap/, 'lock with buffer_pool is refused');
create_index($node, warmup => 'lock');
fails_with($node, "SET vectorstore.default_storage = buffer_pool; SELECT vectorstore_warmup('items_index')",
	qr/cannot be locked in memory/, 'so it is where buffer_pool is the default');
fails_with($node, "SELECT vectorstore_warmup('items_pkey')",
	qr/"items_pkey" is not a vectorstore index/, 'an index of another method');
fails_with($node, "SELECT vectorstore_warmup('items')",
	qr/"items" is not a vectorstore index/, 'a table');
$node->safe_psql('postgres', 'CREATE ROLE stranger');
fails_with($node, "SET ROLE stranger; SELECT vectorstore_warmup('items_index')",
	qr/permission denied for table items/, 'who may not read the table may not warm it up');
fails_with($node, "SET ROLE stranger; SELECT vectorstore_index_check('items_index')",
	qr/must be owner of table items/, 'nor check it');

# Temporary indexes are the session's own affair.
is( $node->safe_psql('postgres', q(
		CREATE TEMP TABLE mine AS SELECT * FROM items;
		CREATE INDEX mine_index ON mine USING hnsw (v vector_l2_ops) WITH (storage = mmap, warmup = prefetch);
		SELECT vectorstore_warmup('mine_index') > 0)),
	't',
	'a temporary index is warmed up in its session');

$node->stop;
done_testing();
