# Recall against exact search, on real vectors: of a built index, and of one that has grown from a
# tenth of its rows by single-row inserts; for every quantizer; and the same answers in both storages.
#
# Methods: hnsw ivf

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorstoreTest;

my $rows = 16000;
my $queries = 200;
my %bound = (built => 0.975, grown => 0.975);

my $node = new_cluster('primary', settings => [ 'shared_buffers = 256MB', 'maintenance_work_mem = 128MB' ]);
create_items($node, $rows, queries => $queries);

my %codes = (none => { quantizer => 'none' }, sq8 => { quantizer => 'sq8' });
$codes{edges} = { quantizer => 'rabitq', codes => 'edges' } if $VectorstoreTest::method eq 'hnsw';
$codes{blocks} = { quantizer => 'rabitq' } if $VectorstoreTest::method eq 'ivf';

# Exact search once.  Rows at the distance of the tenth count as found, since many are tied.
$node->safe_psql('postgres', q(
	CREATE TABLE exact AS
		SELECT q.id, max(s.distance) AS tenth FROM queries q, exact_search(q.v, 10) s GROUP BY q.id;
	CREATE FUNCTION recall() RETURNS float8 LANGUAGE sql AS
		'SELECT count(*) / 10.0 / (SELECT count(*) FROM queries)
		FROM queries q JOIN exact e USING (id), index_search(q.v, 10) s WHERE s.distance <= e.tenth'));

sub recall
{
	return $node->safe_psql('postgres', "SET @{[ effort('normal') ]}; SELECT recall()");
}

sub recall_is_good
{
	my ($what, $bound) = @_;
	my %ids;
	for my $storage (storages())
	{
		set_storage($node, $storage);
		my $recall = recall();
		cmp_ok($recall, '>=', $bound, "$what: recall in $storage");
		note("$what, $storage: recall\@10 $recall");
		$ids{$storage} = search_ids($node, count => $queries, k => 40);
	}
	is(scalar(split /\n/, $ids{mmap}), $queries, "$what: every query has an answer");
	is($ids{buffer_pool}, $ids{mmap}, "$what: the storages return identical results");
	settle($node);
	set_storage($node, 'mmap');
	is(search_ids($node, count => $queries, k => 40), $ids{mmap}, "$what: and so after a checkpoint");
	return;
}

for my $name (sort keys %codes)
{
	create_index($node, storage => 'mmap', %{ $codes{$name} });
	is(index_info($node, 'quantizer'), $codes{$name}{quantizer}, "$name: the index has it");
	recall_is_good("$name, built", $bound{built});
	is(lost_rows($node, 'postgres', 4000), 0, "$name, built: every row is found");
	$node->safe_psql('postgres', 'DROP INDEX items_index');
}

# Growth: the other rows come one by one.
$node->safe_psql('postgres', "ALTER TABLE items RENAME TO all_items");
for my $name (sort keys %codes)
{
	$node->safe_psql('postgres', qq(
		CREATE TABLE items (LIKE all_items INCLUDING ALL);
		INSERT INTO items SELECT * FROM all_items WHERE id % 10 = 0));
	create_index($node, storage => 'mmap', %{ $codes{$name} });
	$node->safe_psql('postgres',
		'INSERT INTO items SELECT * FROM all_items WHERE id % 10 <> 0 ORDER BY (id * 7919) % 16001');
	$node->safe_psql('postgres', 'ANALYZE items');
	is($node->safe_psql('postgres', 'SELECT count(*) FROM items'), $rows, "$name: rows are there");
	recall_is_good("$name, grown", $bound{grown});
	is(lost_rows($node, 'postgres', 4000), 0, "$name, grown: every row is found");
	check_index($node, "$name, grown");
	$node->safe_psql('postgres', 'DROP TABLE items');
}

$node->stop;
done_testing();
