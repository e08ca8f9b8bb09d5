# A sample in a mapped temporary file takes no private memory, and a build that is cancelled wherever it is
# leaves no file.  That it gives the same lists: training_storage_gives_the_same_lists.pl.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorstoreTest;

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

my %memory;
for my $storage ('memory', 'mmap')
{
	$memory{$storage} = run_and_measure(
		"SET maintenance_work_mem = '256MB'",
		'SET max_parallel_maintenance_workers = 0',
		"CREATE INDEX items_index ON items USING ivf (v vector_l2_ops) WITH (lists = 500, training_storage = $storage)");
	like(index_info($node, 'parameters'), qr/lists = 500, .*trained_on = $rows/, "$storage: trained on all rows");
	$node->safe_psql('postgres', 'DROP INDEX items_index');
}
note("sample $sample_kb kB; private memory $memory{memory} and $memory{mmap} kB");
cmp_ok($memory{memory} - $memory{mmap}, '>=', 0.8 * $sample_kb, 'the sample in a file takes no private memory');

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
