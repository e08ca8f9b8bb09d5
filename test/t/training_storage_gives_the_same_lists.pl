# The centroids of an ivf index are the same, bit for bit, wherever the sample lies and however many
# processes train them; another seed gives others.  A sample in a file obeys temp_file_limit, and no file is
# left by an error, a cancel, or a crash.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);
use VectorstoreTest;

my $node = new_cluster('primary', settings => [
	'max_parallel_workers = 8', 'max_worker_processes = 8', 'min_parallel_table_scan_size = 0',
	'log_temp_files = 0' ]);
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION IF NOT EXISTS pageinspect;
CREATE TABLE items (id int, v vector(32));
INSERT INTO items SELECT i, (SELECT array_agg(sin(i * j) + cos(i + j * j)) FROM generate_series(1, 32) j)
FROM generate_series(1, 20000) i;
INSERT INTO items SELECT i, '[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]'
FROM generate_series(20001, 20010) i;
INSERT INTO items SELECT i, NULL FROM generate_series(20011, 20020) i;
ANALYZE items;
SQL

# All pages behind the metapage but for their headers, where the LSN is: centroids, lists, vectors, codes.
my $contents = <<'SQL';
SELECT md5(string_agg(md5(substr(get_raw_page('items_index', block::int), 25)), '' ORDER BY block))
FROM generate_series(2, pg_relation_size('items_index') / current_setting('block_size')::int - 1) block;
SQL

sub build
{
	my (%options) = @_;
	my $workers = $options{workers} // 0;
	my $memory = $options{memory} // '64MB';
	my $seed = $options{seed} // 0;
	my $class = $options{class} // 'vector_l2_ops';
	my $with = join(', ', 'lists = ' . ($options{lists} // 200),
		$options{storage} ? "training_storage = $options{storage}" : ());
	$node->safe_psql('postgres', <<"SQL");
ALTER TABLE items SET (parallel_workers = $workers);
SET max_parallel_maintenance_workers = 8;
SET maintenance_work_mem = '$memory';
SET vectorstore.kmeans_seed = $seed;
DROP INDEX IF EXISTS items_index;
CREATE INDEX items_index ON items USING ivf (v $class) WITH ($with);
SQL
	return $node->safe_psql('postgres', $contents);
}

for my $class ('vector_l2_ops', 'vector_cosine_ops', 'vector_ip_ops')
{
	my $expected = build(class => $class, storage => 'memory');

	for my $workers (0, 1, 3)
	{
		is(build(class => $class, storage => 'memory', workers => $workers), $expected,
			"$class, $workers workers: the same index in memory");
		is(build(class => $class, storage => 'mmap', workers => $workers), $expected,
			"$class, $workers workers: and from a file");
		is(build(class => $class, workers => $workers, memory => '1MB'), $expected,
			"$class, $workers workers: and where the sample exceeds memory");
	}
	isnt(build(class => $class, seed => 1), $expected, "$class: another seed gives another index");
	is(build(class => $class, seed => 0, storage => 'auto'), $expected, "$class: the first one again");
	check_index($node, $class);
	is($node->safe_psql('postgres', <<'SQL'), $class eq 'vector_cosine_ops' ? 20000 : 20010, "$class: all rows");
SELECT rows FROM vectorstore_index_info('items_index')
SQL
}
# So few lists that memory holds the rows of none of them
for my $lists (1, 3)
{
	for my $workers (0, 2)
	{
		build(lists => $lists, workers => $workers, memory => '1MB');
		check_index($node, "$lists lists, $workers workers, small memory");
		is($node->safe_psql('postgres', "SELECT rows FROM vectorstore_index_info('items_index')"), 20010,
			"$lists lists, $workers workers, small memory: all rows");
	}
}
# So many lists that they are searched in groups
is(build(lists => 3000, workers => 2, storage => 'mmap'), build(lists => 3000), 'the same with thousands of lists');
check_index($node, 'thousands of lists');
$node->safe_psql('postgres', 'DROP INDEX items_index');

# Not enough room for the sample
my $with = 'WITH (lists = 200, training_storage = mmap)';
my $create = "CREATE INDEX items_index ON items USING ivf (v vector_l2_ops) $with";
for my $workers (0, 2)
{
	for my $limit ('64kB', '2MB')
	{
		fails_with($node,
			"ALTER TABLE items SET (parallel_workers = $workers); SET temp_file_limit = '$limit'; $create",
			qr/temporary file size exceeds "?temp_file_limit/, "$workers workers: temp_file_limit = $limit is an error");
		is(join(' ', temporary_files($node)), '', "$workers workers: it leaves no temporary file");
	}
}

# Start a slow build in a session of its own, and wait for a phase of it.
my $observer = $node->background_psql('postgres');

sub start_build
{
	my ($phase) = @_;
	my %build = (out => '');
	$build{run} = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c',
			'CREATE INDEX items_index ON items USING ivf (v vector_l2_ops) WITH (lists = 8000, training_storage = mmap)' ],
		'<', \undef, '>&', \$build{out});
	for (1 .. 100 * $PostgreSQL::Test::Utils::timeout_default)
	{
		$build{pid} = $observer->query_safe(
			"SELECT pid FROM pg_stat_progress_create_index WHERE phase ~ '$phase'");
		return \%build if $build{pid};
		usleep(5_000);
	}
	die "no build in phase $phase";
}

for my $workers (0, 2)
{
	$node->safe_psql('postgres', "ALTER TABLE items SET (parallel_workers = $workers)");
	my $build = start_build('performing k-means');
	cmp_ok(scalar(temporary_files($node)), '>', 0, "$workers workers: the sample is in a file");
	$node->safe_psql('postgres', "SELECT pg_cancel_backend($build->{pid})");
	$build->{run}->finish;
	like($build->{out}, qr/canceling statement due to user request/, "$workers workers: cancelled");
	$node->poll_query_until('postgres',
		"SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'parallel worker'")
	  or die 'workers stay';
	is(join(' ', temporary_files($node)), '', "$workers workers: it leaves no temporary file");
}

# The crash of a server
my $build = start_build('performing k-means');
cmp_ok(scalar(temporary_files($node)), '>', 0, 'a file is there when the server crashes');
$node->stop('immediate');
$build->{run}->finish;
$observer->{run}->kill_kill;
$node->start;
is(join(' ', temporary_files($node)), '', 'and gone when it is back');

$node->stop;
done_testing();
