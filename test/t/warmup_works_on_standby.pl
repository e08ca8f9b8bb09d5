# On a standby too: prefetch at first use, a lock by the launcher; and replay is never held up by a
# worker: DROP INDEX and DROP DATABASE of the primary arrive.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorstoreTest;

my $primary = new_cluster('primary', init => { allows_streaming => 1 });
create_items($primary, 1500);
create_index($primary, storage => 'mmap', warmup => 'prefetch');
$primary->safe_psql('postgres', 'CREATE DATABASE other');
create_items($primary, 500, database => 'other');
create_index($primary, database => 'other', storage => 'mmap', warmup => 'prefetch');
settle($primary);

$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
# The longest that replay would wait for a query: longer than the test does.
$standby->append_conf('postgresql.conf', "max_standby_streaming_delay = 20min");
$standby->start;
$primary->wait_for_catchup($standby);

my ($query) = query_vectors(1);
my $search = "SET enable_seqscan = off; SET enable_sort = off;
	SELECT id FROM items ORDER BY v <-> '$query' LIMIT 5";
my $holders = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'vectorstore holds index%'";

# Into the page cache at the first scan
my $file = index_file($standby);
$standby->stop;
system_or_bail('sync', $file);
system_or_bail('dd', "if=$file", 'iflag=nocache', 'count=0', 'status=none');
$standby->start;
$standby->safe_psql('postgres', $search);
ok( $standby->poll_query_until('postgres',
		"SELECT resident_bytes = file_bytes FROM vectorstore_index_info('items_index')"),
	'prefetch: the first scan on the standby has the index read');
is($standby->safe_psql('postgres', "SELECT vectorstore_warmup('items_index') > 0"), 't',
	'vectorstore_warmup on a standby');

my ($limit) = slurp_file('/proc/self/limits') =~ /^Max locked memory\s+(\S+)/m;
SKIP:
{
	skip "RLIMIT_MEMLOCK is $limit, too low to lock an index", 4
	  if $limit ne 'unlimited' && $limit < 4 * -s $file;

	# The launcher's; then the option changes, under a worker that holds nothing but the lock.
	$primary->safe_psql($_, 'ALTER INDEX items_index SET (warmup = lock)') for qw(postgres other);
	$primary->wait_for_catchup($standby);
	$standby->append_conf('postgresql.conf', "shared_preload_libraries = 'vectorstore'");
	$standby->restart;
	ok($standby->poll_query_until('postgres', $holders, 2), 'preloaded: both indexes are locked');

	$primary->safe_psql('postgres', 'DROP INDEX items_index');
	$primary->wait_for_catchup($standby);
	ok($standby->poll_query_until('postgres', $holders, 1), 'DROP INDEX arrives, its worker ends');

	$primary->safe_psql('postgres', 'DROP DATABASE other');
	$primary->wait_for_catchup($standby);
	ok($standby->poll_query_until('postgres', $holders, 0), 'DROP DATABASE arrives, its worker ends');
	is($standby->safe_psql('postgres', "SELECT count(*) FROM pg_database WHERE datname = 'other'"),
		0, 'the database is gone');
}

$standby->stop;
$primary->stop;
done_testing();
