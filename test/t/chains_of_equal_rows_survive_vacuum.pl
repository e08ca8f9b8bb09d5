# Rows with one vector come while vacuum repairs the graph and is about to free a node of the chain
# that holds such rows.  The new node must not lead to the freed one, whose ordinal soon is another
# vector's.
#
# Methods: hnsw hnsw_edges

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);
use VectorstoreTest;

my $node = new_cluster('primary');
$node->safe_psql('postgres', q(
	CREATE TABLE items (id serial, v vector(3));
	CREATE FUNCTION random_vector() RETURNS vector LANGUAGE sql VOLATILE AS
		'SELECT ARRAY[random(), random(), random()]::vector';));
create_index($node, storage => 'buffer_pool');
$node->safe_psql('postgres',
	'INSERT INTO items (v) SELECT random_vector() FROM generate_series(1, 1500)');

# Ten rows are in the first node of the chain, at the index's end, and ten in one behind it, which
# dies.  A slow vacuum, and after a part of its time a row for the chain, and rows that take the
# ordinals of dead nodes.
sub vacuum_beside_insert
{
	my ($vector, $seconds) = @_;

	$node->safe_psql('postgres', qq(
		INSERT INTO items (v) SELECT '$vector' FROM generate_series(1, 20);
		DELETE FROM items WHERE id > (SELECT max(id) - 10 FROM items)));
	my $begin = time;
	my $vacuum = IPC::Run::start(
		[
			'psql', '-X', '-q', '-h', $node->host, '-p', $node->port,
			'-c', 'SET vacuum_cost_delay = 20',
			'-c', 'SET vacuum_cost_limit = 1',
			'-c', 'VACUUM (INDEX_CLEANUP on) items', 'postgres'
		],
		'<', \undef);
	if ($seconds > 0)
	{
		usleep($seconds * 1e6);
		$node->safe_psql('postgres', "INSERT INTO items (v) VALUES ('$vector')");
	}
	$vacuum->finish;
	my $elapsed = time - $begin;
	$node->safe_psql('postgres',
		'INSERT INTO items (v) SELECT random_vector() FROM generate_series(1, 20)');
	return $elapsed;
}

# Repairs are what a vacuum does last: half of its time for the index.
my $elapsed = vacuum_beside_insert('[9,9,9]', 0);
for my $part (6 .. 9)
{
	vacuum_beside_insert("[$part,9,9]", $elapsed * $part / 10);
	check_index($node, "a row after $part tenths of a vacuum");
}
is($node->safe_psql('postgres',
	q(SET enable_seqscan = off; SET hnsw.ef_search = 400;
	SELECT count(*) FROM (SELECT v FROM items ORDER BY v <-> '[9,9,9]' LIMIT 10) nearest
	WHERE v = '[9,9,9]')), 10, 'rows of the first chain are found');

done_testing();
