# A condition that few rows pass: an iterative scan returns as many rows as the LIMIT asks for, and the
# nearest ones, in both storages; strict_order in order; within its memory; beside a vacuum.
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

my $rows = 16000;
my $queries = 100;

my $node = new_cluster('primary', settings => [ 'shared_buffers = 256MB', 'maintenance_work_mem = 128MB' ]);
create_items($node, $rows, queries => $queries);

# One row of a hundred.  filtered_search() is one of the two, exact or by the index; ties of the
# tenth nearest count as found.
$node->safe_psql('postgres', q(
	CREATE FUNCTION passes(id int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 % 100 = 7';
	CREATE TABLE exact AS
		SELECT q.id, max(s.distance) AS tenth FROM queries q, LATERAL
			(SELECT l2_distance(i.v, q.v) AS distance FROM items i WHERE passes(i.id) ORDER BY 1 LIMIT 10) s
		GROUP BY q.id;
	CREATE FUNCTION filtered_search(q vector, k int) RETURNS TABLE (n bigint, id int, distance float8)
	LANGUAGE plpgsql SET enable_seqscan = off SET enable_sort = off AS $$
	#variable_conflict use_column
	BEGIN
		RETURN QUERY SELECT row_number() OVER (), s.id, l2_distance(s.v, q)
			FROM (SELECT i.id, i.v FROM items i WHERE passes(i.id) ORDER BY i.v <-> q LIMIT k) s;
	END $$));

# How many rows a query got at least, how many were no nearer than the tenth, how many came twice, and
# how many pairs were out of order
sub filtered
{
	my ($settings) = @_;
	my $answer = $node->safe_psql('postgres', qq($settings
		CREATE TEMP TABLE found AS SELECT q.id AS query, e.tenth, s.*
			FROM queries q JOIN exact e USING (id), filtered_search(q.v, 10) s;
		SELECT (SELECT min(count) FROM (SELECT count(f.id) FROM queries q LEFT JOIN found f
				ON f.query = q.id GROUP BY q.id) c),
			count(*) FILTER (WHERE distance <= tenth) / 10.0 / $queries,
			count(*) - count(DISTINCT (query, id)),
			(SELECT count(*) FROM found a JOIN found b ON a.query = b.query AND b.n = a.n + 1
				WHERE b.distance < a.distance)
		FROM found));
	note("$settings $answer");
	return split /\|/, $answer;
}

for my $quantizer ('sq8', 'none')
{
	create_index($node, quantizer => $quantizer);
	for my $storage (storages())
	{
		my $what = "$quantizer, $storage";
		set_storage($node, $storage);
		my ($count, $recall, $twice, $disorder) = filtered('SET hnsw.iterative_scan = off;');
		cmp_ok($count, '<', 10, "$what: without iterative scans rows are missing");

		($count, $recall, $twice, $disorder) = filtered('SET hnsw.iterative_scan = relaxed_order;');
		is("$count $twice", '10 0', "$what: relaxed_order gives all rows that were asked for, once");
		cmp_ok($recall, '>=', 0.97, "$what: recall of relaxed_order");

		($count, $recall, $twice, $disorder) = filtered('SET hnsw.iterative_scan = strict_order;');
		is("$count $twice $disorder", '10 0 0', "$what: and strict_order, in order");
		cmp_ok($recall, '>=', 0.95, "$what: recall of strict_order");
	}
	$node->safe_psql('postgres', 'DROP INDEX items_index') if $quantizer eq 'sq8';
}

# All rows of the table, whatever the size of a batch: nothing is lost between batches.
for my $ef (1, 40, 1000)
{
	my $all = $node->safe_psql('postgres', qq(
		SET enable_seqscan = off; SET hnsw.iterative_scan = relaxed_order; SET hnsw.ef_search = $ef;
		SET hnsw.max_scan_tuples = 1000000; SET work_mem = '1GB';
		SELECT count(*), count(DISTINCT id)
		FROM (SELECT id FROM items ORDER BY v <-> (SELECT v FROM queries WHERE id = 1) LIMIT 1000000) s));
	my ($count, $distinct) = split /\|/, $all;
	is($count, $distinct, "ef_search = $ef: no row twice");
	cmp_ok($count, '>=', $rows - 5, "ef_search = $ef: all rows");
}

# What a search keeps is within work_mem, and more with a multiplier.
sub memory_and_rows
{
	my ($scan, $multiplier) = @_;
	my $answer = $node->safe_psql('postgres', qq(
		SET enable_seqscan = off; SET hnsw.iterative_scan = $scan; SET work_mem = '128kB';
		SET hnsw.max_scan_tuples = 1000000; SET hnsw.scan_mem_multiplier = $multiplier;
		BEGIN;
		DECLARE c CURSOR FOR SELECT id FROM items ORDER BY v <-> (SELECT v FROM queries WHERE id = 1);
		MOVE ALL IN c;
		SELECT max(total_bytes) FROM pg_backend_memory_contexts WHERE name = 'vectorstore search';
		COMMIT;
		SELECT count(*)
		FROM (SELECT id FROM items ORDER BY v <-> (SELECT v FROM queries WHERE id = 1) LIMIT 1000000) s));
	note("$scan, multiplier $multiplier: $answer");
	return split /\n/, $answer;
}

for my $scan ('relaxed_order', 'strict_order')
{
	my ($memory, $count) = memory_and_rows($scan, 1);
	my ($more_memory, $more_count) = memory_and_rows($scan, 4);
	cmp_ok($memory, '<=', 128 * 1024, "$scan: memory is bounded");
	cmp_ok($more_memory, '<=', 4 * 128 * 1024, "$scan: by a multiple of work_mem");
	cmp_ok($more_count, '>', $count, "$scan: which lets it go further");
}

# A scan that stands still while vacuum frees nodes that it has met, inserts take their slots and rows
# that it sees are deleted: it still gives every row of its snapshot, once, and no other.
$node->safe_psql('postgres', 'DELETE FROM items WHERE id % 8 = 0');
my $session = $node->background_psql('postgres', on_error_stop => 1);
$session->query_safe("SET enable_seqscan = off; SET hnsw.iterative_scan = relaxed_order");
$session->query_safe("SET hnsw.max_scan_tuples = 1000000; SET work_mem = '1GB'");
$session->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ");
$session->query_safe(
	"DECLARE c CURSOR FOR SELECT id FROM items ORDER BY v <-> (SELECT v FROM queries WHERE id = 2)");
my @ids = split /\n/, $session->query_safe("FETCH 100 FROM c");
$node->safe_psql('postgres', 'VACUUM items');
$node->safe_psql('postgres', q(
	INSERT INTO items SELECT 100000 + i.id, i.v FROM items i WHERE i.id % 16 = 1;
	DELETE FROM items WHERE id % 4 = 2));
push @ids, split /\n/, $session->query_safe("FETCH ALL FROM c");
$session->quit;
my %seen = map { $_ => 1 } @ids;
is(scalar keys %seen, scalar @ids, 'a scan that stood still: no row twice');
is(scalar(grep { $_ > $rows || $_ % 8 == 0 } @ids), 0, 'a scan that stood still: no row of others');
cmp_ok(scalar @ids, '>=', $rows * 7 / 8 - 5, 'a scan that stood still: all rows of its snapshot');
check_index($node, 'after all that');

done_testing();
