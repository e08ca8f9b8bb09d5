# A build whose edges (hnsw) or sample (ivf) exceed maintenance_work_mem works in a mapped temporary
# file: its private memory stays small, temp_file_limit holds, and an error or a cancel leaves no file
# behind.  With and without parallel workers.
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
use Time::HiRes qw(usleep);
use VectorstoreTest;

my $node = new_cluster('primary', settings => [
	'max_parallel_workers = 8', 'max_worker_processes = 8',
	'min_parallel_table_scan_size = 0', 'log_temp_files = 0' ]);
create_items($node, 16000);

my $small = 'SET maintenance_work_mem = \'1MB\';';
my $create = create_index_command(storage => 'mmap');
my $slow = create_index_command(storage => 'mmap', more_effort => 1);

# Without the maps of free space and of visibility, which reading the table may make (since 19).
sub files_of_database
{
	my ($file) = $node->safe_psql('postgres', "SELECT pg_relation_filepath('items')") =~ m{^(.*)/};
	return join(' ', sort grep { !/_(fsm|vm)$/ } map { s{.*/}{}r } glob($node->data_dir . "/$file/[0-9]*"));
}

# Private memory (in kB) that the process holds now.
sub private_memory
{
	my ($pid) = @_;
	open my $status, '<', "/proc/$pid/status" or return 0;
	my ($anonymous) = map { /^RssAnon:\s+(\d+) kB/ ? $1 : () } <$status>;
	close $status;
	return $anonymous // 0;
}

# Start a slow build in a session of its own, and wait for one of these phases; once more where the
# build was over before it was seen there.
my $observer = $node->background_psql('postgres');

sub start_build
{
	my ($settings, $phase) = @_;
	for (1 .. 20)
	{
		my %build = (out => '');
		{
			local $ENV{PGAPPNAME} = 'build';
			$build{run} = IPC::Run::start(
				[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', $settings, '-c', $slow ],
				'<', \undef, '>&', \$build{out});
		}
		while ($build{run}->pumpable)
		{
			$build{pid} = $observer->query_safe(
				"SELECT pid FROM pg_stat_progress_create_index WHERE phase ~ '$phase'");
			return \%build if $build{pid};
			usleep(2_000);
			$build{run}->pump_nb;
		}
		$build{run}->finish;
		die $build{out} if $build{out} ne '';
		$node->safe_psql('postgres', 'DROP INDEX items_index');
	}
	die "no build in phase $phase";
}

my $files = files_of_database();

for my $workers (0, 2)
{
	my $settings = "SET max_parallel_maintenance_workers = $workers; $small";
	my $what = "$workers workers";

	# Not enough room
	for my $limit ('64kB', '1MB')
	{
		fails_with($node, "$settings SET temp_file_limit = '$limit'; $create",
			qr/temporary file size exceeds "?temp_file_limit/, "$what: temp_file_limit = $limit is an error");
		is(join(' ', temporary_files($node)), '', "$what: it leaves no temporary file");
		settle($node);
		is(files_of_database(), $files, "$what: and no index file");
	}

	# Cancelled; once more where the build was over before the cancel came
	for my $phase (slow_phases())
	{
		my $build;
		for (1 .. 20)
		{
			$build = start_build($settings, $phase);
			$node->safe_psql('postgres', "SELECT pg_cancel_backend($build->{pid})");
			$build->{run}->finish;
			last if $build->{out} ne '';
			$node->safe_psql('postgres', 'DROP INDEX items_index');
		}
		like($build->{out}, qr/canceling statement due to user request/, "$what: cancelled in $phase");
		$node->poll_query_until('postgres',
			"SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'parallel worker'")
		  or die 'workers stay';
		is(join(' ', temporary_files($node)), '', "$what: it leaves no temporary file");
		settle($node);
		is(files_of_database(), $files, "$what: and no index file");
	}

	# Killed with its connection
	my $build = start_build($settings, (slow_phases())[0]);
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($build->{pid}, 10000)");
	$build->{run}->finish;
	$node->poll_query_until('postgres',
		"SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type IN ('parallel worker')
		OR application_name = 'build'") or die 'backends stay';
	is(join(' ', temporary_files($node)), '', "$what, terminated: no temporary file");

	# To the end, with little memory: as good as with much
	$build = start_build($settings, '.');
	my $base = private_memory($build->{pid});
	my $most = $base;
	while ($build->{run}->pumpable)
	{
		my $now = private_memory($build->{pid});
		$most = $now if $now > $most;
		usleep(10_000);
		$build->{run}->pump_nb;
	}
	$build->{run}->finish;
	is($build->{out}, '', "$what: the build ends well");
	# The vectors (ivf's sample) are 8 MB, the edges 2 MB; 1 MB is allowed, and a backend has some of
	# its own.
	note("$what: private memory at most $most kB");
	cmp_ok($most, '<', 8 * 1024, "$what: private memory stays small");
	is(join(' ', temporary_files($node)), '', "$what: no temporary file is left");
	ok($node->log_contains('temporary file: path'), "$what: there was one") if $workers == 0;
	is_right($node, "$what, small memory", storages => ['mmap'], effort => 'exhaustive', recall => 0.98);
	check_index($node, "$what, small memory");
	my $size = index_file_blocks($node);

	$node->safe_psql('postgres', 'DROP INDEX items_index');
	create_index($node, storage => 'mmap', more_effort => slots_have_lists(),
		before => "SET max_parallel_maintenance_workers = $workers; SET maintenance_work_mem = '128MB';");
	is_right($node, "$what, large memory", storages => ['mmap'], effort => 'exhaustive', recall => 0.98);
	cmp_ok(abs($size - index_file_blocks($node)), '<', 0.02 * $size, "$what: the index is as large as with much memory");
	$node->safe_psql('postgres', 'DROP INDEX items_index');
}

$node->stop;
done_testing();
