# Recall of indexes on other element types than vector against exact search, on real vectors: of a built
# index, of one that has grown by single-row inserts, after vacuum; the same answers in both storages.
#
# Methods: hnsw

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorstoreTest;

my $rows = 4000;
my $queries = 50;

my $node = new_cluster('primary', settings => [ 'shared_buffers = 256MB', 'maintenance_work_mem = 128MB' ]);
create_items($node, $rows, queries => $queries);

# A bit for each element: whether it is above its mean.  Of sparse vectors, the elements that are large.
$node->safe_psql('postgres', q(
	CREATE TABLE mean AS SELECT avg(v) AS v FROM items;
	CREATE FUNCTION large_ones(v vector) RETURNS sparsevec LANGUAGE sql AS $$
		SELECT ('{' || string_agg(i || ':' || x, ',' ORDER BY i) || '}/128')::sparsevec
		FROM unnest(v::real[]) WITH ORDINALITY AS e(x, i) WHERE x > 25
	$$));

my %type = (
	halfvec => {
		declared => 'halfvec(128)',
		value => 'v::halfvec(128)',
		classes => { halfvec_l2_ops => '<->', halfvec_cosine_ops => '<=>', halfvec_l1_ops => '<+>' },
		quantizers => [ 'none', 'sq8' ],
		bound => 0.97,
	},
	bit => {
		declared => 'bit(128)',
		value => 'binary_quantize(v - (SELECT m.v FROM mean m))::bit(128)',
		classes => { bit_hamming_ops => '<~>', bit_jaccard_ops => '<%>' },
		quantizers => ['none'],
		bound => 0.95,
	},
	sparsevec => {
		declared => 'sparsevec(128)',
		value => 'large_ones(v)::sparsevec(128)',
		classes => { sparsevec_l2_ops => '<->', sparsevec_ip_ops => '<#>', sparsevec_cosine_ops => '<=>',
			sparsevec_l1_ops => '<+>' },
		quantizers => ['none'],
		bound => 0.95,
	},
);

# Rows no further than the tenth count as found, since many are tied.  Distances of normalized vectors
# are rounded otherwise than those of a sort.
sub recall
{
	my ($operator) = @_;
	return $node->safe_psql('postgres', qq(
		SET enable_seqscan = off; SET enable_sort = off; SET @{[ effort('thorough') ]};
		SELECT round(avg((SELECT count(*) FROM
			(SELECT t.v FROM typed t ORDER BY t.v $operator q.v LIMIT 10) s
			WHERE s.v $operator q.v <= q.tenth * (1 + 1e-3 * sign(q.tenth)) + 1e-6)) / 10, 4)
		FROM exact q));
}

sub answers
{
	my ($operator) = @_;
	return $node->safe_psql('postgres', qq(
		SET enable_seqscan = off; SET enable_sort = off;
		SELECT q.id, array_agg(s.id ORDER BY n) FROM exact q, LATERAL
			(SELECT id, row_number() OVER () AS n FROM
				(SELECT id FROM typed t ORDER BY t.v $operator q.v LIMIT 20) x) s
		GROUP BY q.id ORDER BY q.id));
}

sub is_good
{
	my ($what, $operator, $bound) = @_;
	my %answers;
	for my $storage (storages())
	{
		$node->safe_psql('postgres', "ALTER INDEX typed_index SET (storage = $storage)");
		my $recall = recall($operator);
		cmp_ok($recall, '>=', $bound, "$what: recall in $storage");
		note("$what, $storage: recall\@10 $recall");
		$answers{$storage} = answers($operator);
	}
	is(scalar(split /\n/, $answers{mmap}), $queries, "$what: every query has an answer");
	is($answers{buffer_pool}, $answers{mmap}, "$what: the storages return identical results");
	settle($node);
	$node->safe_psql('postgres', 'ALTER INDEX typed_index SET (storage = mmap)');
	is(answers($operator), $answers{mmap}, "$what: and so after a checkpoint");
	is($node->safe_psql('postgres', "SELECT vectorstore_index_check('typed_index')"), '', "$what: sound");
	return;
}

sub find_exact
{
	my ($type, $operator) = @_;
	$node->safe_psql('postgres', qq(
		DROP TABLE IF EXISTS exact;
		CREATE TABLE exact AS SELECT q.id, q.v, max(s.distance) AS tenth
		FROM (SELECT id, $type{$type}{value} AS v FROM queries) q, LATERAL
			(SELECT (t.v $operator q.v) AS distance FROM typed t ORDER BY (t.v $operator q.v) + 0 LIMIT 10) s
		GROUP BY q.id, q.v));
	return;
}

for my $type (sort keys %type)
{
	my $that = $type{$type};
	for my $class (sort keys %{ $that->{classes} })
	{
		my $operator = $that->{classes}{$class};
		for my $quantizer (@{ $that->{quantizers} })
		{
			my $what = "$class, $quantizer";
			$node->safe_psql('postgres', qq(
				DROP TABLE IF EXISTS typed;
				CREATE TABLE typed (id int PRIMARY KEY, v $that->{declared});
				INSERT INTO typed SELECT id, $that->{value} FROM items WHERE id % 4 > 0;
				CREATE INDEX typed_index ON typed USING hnsw (v $class)
					WITH (m = 16, ef_construction = 64, quantizer = $quantizer);
				ANALYZE typed));
			find_exact($type, $operator);
			is_good("$what, built", $operator, $that->{bound});

			# A third more rows, a quarter of the others gone, and their slots used again
			$node->safe_psql('postgres', qq(
				INSERT INTO typed SELECT id, $that->{value} FROM items WHERE id % 4 = 0 AND id < $rows / 2;
				DELETE FROM typed WHERE id % 4 = 1;
				VACUUM typed;
				INSERT INTO typed SELECT id, $that->{value} FROM items WHERE id % 4 = 0 AND id >= $rows / 2));
			find_exact($type, $operator);
			is_good("$what, changed", $operator, $that->{bound});
		}
	}
}

done_testing();
