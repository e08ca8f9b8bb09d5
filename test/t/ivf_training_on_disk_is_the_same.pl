# The sample that lists are trained on lies in memory or in a mapped temporary file: the centroids are
# the same, bit for bit, as many workers as there are; in the file it takes no private memory, and no
# file is left.
#
# Methods: ivf

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);
use IndexFile;
use VectorstoreTest;

my $centroids = 4; # IVF_CENTROIDS, include/ivf/ivf_page.h
my $rows = 16000;
my $sample_kb = $rows * 128 * 4 / 1024;

my $node = new_cluster('primary', settings => [
	'max_parallel_workers = 8', 'max_worker_processes = 8', 'min_parallel_table_scan_size = 0',
	'log_temp_files = 0' ]);
create_items($node, $rows);

# Private memory (in kB) that the process holds at most while it runs a command
sub run_and_measure
{
	my (@commands) = @_;
	my $session = $node->background_psql('postgres');
	my $pid = backend_pid($session);
	$session->query_safe($_) for @commands[ 0 .. $#commands - 1 ];
	my $sizes = $node->basedir . '/sizes';
	my $watcher = IPC::Run::start(
		[ 'sh', '-c', 'while :; do sed -n "s/^RssAnon:[^0-9]*//p" /proc/$1/status; sleep 0.005; done >$2',
			'sh', $pid, $sizes ]);
	$session->query_safe($commands[-1]);
	$watcher->kill_kill;
	$session->quit;
	return (sort { $b <=> $a } slurp_file($sizes) =~ /^(\d+)/mg)[0];
}

my (%bytes, %memory);
for my $case (
	[ 'memory', '256MB', 0 ],
	[ 'mmap', '256MB', 0 ],
	[ 'auto', '1MB', 0 ],
	[ 'memory', '256MB', 2 ],
	[ 'mmap', '256MB', 2 ],
	[ 'auto', '1MB', 2 ],
	[ 'mmap', '256MB', 2, 1234 ])
{
	my ($storage, $maintenance_work_mem, $workers, $seed) = @$case;
	my $what = "$storage, $maintenance_work_mem, $workers workers" . ($seed ? ', another seed' : '');
	$memory{$what} = run_and_measure(
		"SET maintenance_work_mem = '$maintenance_work_mem'",
		"SET max_parallel_maintenance_workers = $workers",
		$seed ? "SET vectorstore.kmeans_seed = $seed" : 'RESET vectorstore.kmeans_seed',
		"CREATE INDEX items_index ON items USING ivf (v vector_l2_ops) WITH (lists = 500, training_storage = $storage)");
	like(index_info($node, 'parameters'), qr/lists = 500, .*trained_on = $rows/, "$what: trained on all rows");
	check_index($node, $what);
	is(join(' ', temporary_files($node)), '', "$what: no temporary file is left");

	open_index_file($node);
	$bytes{$what} = join('', map { substr($IndexFile::bytes, slot($centroids, $_), 128 * 4) } 0 .. 499);
	$node->start;
	$node->safe_psql('postgres', 'DROP INDEX items_index');
}

my ($first, @others) = sort grep { !/seed/ } keys %bytes;
isnt(substr($bytes{$first}, 0, 512), substr($bytes{$first}, 512, 512), 'centroids differ');
is($bytes{$_} eq $bytes{$first}, 1, "centroids of ($_) are those of ($first)") for @others;
my ($seeded) = grep { /seed/ } keys %bytes;
isnt($bytes{$seeded} eq $bytes{$first}, 1, 'centroids of another seed are others');

my ($in_memory, $on_disk) = @memory{ 'memory, 256MB, 0 workers', 'mmap, 256MB, 0 workers' };
note("sample $sample_kb kB; private memory $in_memory and $on_disk kB");
cmp_ok($in_memory - $on_disk, '>=', 0.8 * $sample_kb, 'the sample in a file takes no private memory');

# No room
for my $workers (0, 2)
{
	fails_with($node, qq(
			SET temp_file_limit = '@{[ int($sample_kb / 2) ]}kB';
			SET maintenance_work_mem = '256MB';
			SET max_parallel_maintenance_workers = $workers;
			CREATE INDEX items_index ON items USING ivf (v) WITH (lists = 500, training_storage = mmap)),
		qr/temporary file size exceeds "?temp_file_limit/, "$workers workers: temp_file_limit is an error");
	is(join(' ', temporary_files($node)), '', "$workers workers: and leaves no temporary file");
}

# Cancelled wherever it is
my $cancelled = 0;
for my $timeout (map { 20 * $_ } 1 .. 25)
{
	my ($status, undef, $errors) = $node->psql('postgres', qq(
		SET max_parallel_maintenance_workers = @{[ $timeout / 20 % 2 ]};
		SET statement_timeout = '${timeout}ms';
		CREATE INDEX items_index ON items USING ivf (v) WITH (lists = 500, training_storage = mmap)));
	$cancelled++ if $errors =~ /canceling statement due to statement timeout/;
	$node->safe_psql('postgres', 'DROP INDEX IF EXISTS items_index');
}
cmp_ok($cancelled, '>', 3, 'builds were cancelled');
$node->poll_query_until('postgres',
	"SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'parallel worker'") or die 'workers stay';
is(join(' ', temporary_files($node)), '', 'cancelled builds leave no temporary file');

$node->stop;
done_testing();
