# A session that has an index's file mapped finds the new file after REINDEX, VACUUM FULL, TRUNCATE
# and SET TABLESPACE, gets right answers from it, and has the old file unmapped; after DROP too.
#
# Methods: hnsw ivf

use strict;
use warnings;

use Cwd ();
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorstoreTest;

my $node = new_cluster('primary');
create_items($node, 1500, pool => 200);
create_index($node, storage => 'mmap');
settle($node);

my ($query) = query_vectors(1);
my $search = "SELECT id FROM items ORDER BY v <-> '$query', id LIMIT 10";
my $exact = "SELECT id FROM exact_search('$query', 10)";

my $session = $node->background_psql('postgres');
$session->query_safe('SET enable_seqscan = off; SET enable_sort = off; SET ' . effort('exhaustive'));
$session->query_safe('SET enable_incremental_sort = off; SET client_min_messages = warning');
my $pid = backend_pid($session);

# Lines of /proc/PID/maps that name a file of the data directory's tables or of the tablespace, by
# path; files that were unlinked included.
my $tablespace = Cwd::realpath(PostgreSQL::Test::Utils::tempdir());
sub mapped_relations
{
	my $data = Cwd::realpath($node->data_dir);
	open my $maps, '<', "/proc/$pid/maps" or die "/proc/$pid/maps: $!";
	my %paths;
	while (my $line = <$maps>)
	{
		$paths{$1} = 1 if $line =~ m{ ((?:\Q$data\E/base|\Q$tablespace\E)/\S*\d)(?: \(deleted\))?$};
	}
	close $maps;
	my @sorted = sort keys %paths;
	return @sorted;
}

sub current_file
{
	my $file = index_file($node);
	return Cwd::realpath($file) // $file;
}

# Distances, since ties may come in any order.
sub distances
{
	my ($relation) = @_;
	return $session->query_safe(
		"SELECT array_agg(l2_distance(v, '$query') ORDER BY l2_distance(v, '$query')) FROM items WHERE id IN ($relation)");
}

# The session's next query is right; after a checkpoint it reads the new file, and no other.
sub follows
{
	my ($what) = @_;
	my ($file, $found);

	is(distances("SELECT id FROM (SELECT id FROM items ORDER BY v <-> '$query' LIMIT 10) s"),
		distances($exact), "$what: right at once");
	settle($node);
	is(distances("SELECT id FROM (SELECT id FROM items ORDER BY v <-> '$query' LIMIT 10) s"),
		distances($exact), "$what: right after a checkpoint");
	is(join(' ', mapped_relations()), current_file(), "$what: the index's file alone is mapped");
	return;
}

follows('at first');

for my $command (
	'REINDEX INDEX items_index',
	'REINDEX INDEX CONCURRENTLY items_index',
	'VACUUM FULL items',
	'CLUSTER items USING items_pkey')
{
	my $old = current_file();
	$node->safe_psql('postgres', $command);
	isnt(current_file(), $old, "$command: another file");
	follows($command);
}

$node->safe_psql('postgres', "CREATE TABLESPACE fast LOCATION '$tablespace'");
for my $where ('fast', 'pg_default')
{
	my $old = current_file();
	$node->safe_psql('postgres', "ALTER INDEX items_index SET TABLESPACE $where");
	isnt(current_file(), $old, "SET TABLESPACE $where: another file");
	follows("SET TABLESPACE $where");
}

# TRUNCATE, and other rows than before.
$node->safe_psql('postgres', 'TRUNCATE items');
is($session->query_safe($search), '', 'TRUNCATE: nothing is found');
$node->safe_psql('postgres', 'SELECT take_from_pool() FROM generate_series(1, 150)');
follows('TRUNCATE and new rows');

# In the session's own transaction: before, within and after one that is rolled back.
my $before = $session->query_safe($search);
$session->query_safe('BEGIN; REINDEX INDEX items_index');
is($session->query_safe($search), $before, 'own REINDEX: right within the transaction');
$session->query_safe('ROLLBACK');
is($session->query_safe($search), $before, 'own REINDEX: right after its rollback');
follows('own REINDEX, rolled back');
$session->query_safe('BEGIN; TRUNCATE items');
is($session->query_safe($search), '', 'own TRUNCATE: nothing is found');
$session->query_safe('ROLLBACK');
is($session->query_safe($search), $before, 'own TRUNCATE: right after its rollback');
follows('own TRUNCATE, rolled back');

# A session that is idle when the index goes has unmapped it with its next command, whatever that is.
$node->safe_psql('postgres', 'DROP INDEX items_index');
$session->query_safe('SELECT 1');
is(join(' ', mapped_relations()), '', 'DROP: nothing is mapped after the next command');

# Many indexes in one session: each has its map, and none is left when they are gone.
my $count = 20;
$node->safe_psql('postgres', qq(
	CREATE TABLE parts (id int, v vector(128)) PARTITION BY HASH (id);
	SELECT format('CREATE TABLE part_%s PARTITION OF parts FOR VALUES WITH (MODULUS $count, REMAINDER %s)', n, n)
		FROM generate_series(0, $count - 1) n \\gexec
	INSERT INTO parts SELECT * FROM items;
	CREATE INDEX parts_index ON parts USING $VectorstoreTest::method (v vector_l2_ops) WITH (storage = mmap);
	ANALYZE parts;
	CHECKPOINT));
$session->query_safe("SELECT id FROM parts ORDER BY v <-> '$query' LIMIT 10");
is(scalar(mapped_relations()), $count, 'a map for each partition');
$node->safe_psql('postgres', 'DROP TABLE parts');
$session->query_safe('SELECT 1');
is(scalar(mapped_relations()), 0, 'none after the table is gone');

$session->quit;
$node->stop;
done_testing();
