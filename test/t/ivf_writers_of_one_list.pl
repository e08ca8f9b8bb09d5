# Many writers at the same list: each row gets a slot of its own, extents are added and linked, slots
# that vacuum frees are taken again, all beside one another and across crashes.  Under one snapshot a
# search of all lists returns every row of the table once.  Vacuum takes back whatever cancelled
# inserts and crashes have left behind.
#
# Methods: ivf

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);
use VectorstoreTest;

my $node = new_cluster('primary', settings => ['max_connections = 40']);
$node->safe_psql('postgres', q(
	CREATE TABLE items (id serial, v vector(4));
	CREATE FUNCTION random_vector() RETURNS vector LANGUAGE sql VOLATILE AS
		'SELECT ARRAY[random(), random(), random(), random()]::vector';
	INSERT INTO items (v) SELECT random_vector() FROM generate_series(1, 500);
	CREATE FUNCTION compare_rows() RETURNS void LANGUAGE plpgsql
	SET enable_seqscan = off SET enable_sort = off SET ivf.probes = 2 AS $$
	DECLARE
		missing int[];
		twice int[];
	BEGIN
		CREATE TEMP TABLE IF NOT EXISTS found (id int);
		TRUNCATE found;
		INSERT INTO found SELECT id FROM items ORDER BY v <-> random_vector() LIMIT 1000000;
		SELECT array_agg(id) INTO missing FROM items WHERE id NOT IN (SELECT id FROM found);
		SELECT array_agg(id) INTO twice FROM
			(SELECT id FROM found GROUP BY id HAVING count(*) > 1) t;
		IF missing IS NOT NULL OR twice IS NOT NULL THEN
			RAISE 'the index misses rows %, returns rows % more than once', missing, twice;
		END IF;
	END $$;));

# One list has nearly all rows.
my $index = 'CREATE INDEX items_index ON items USING ivf (v vector_l2_ops) WITH (lists = 2, storage = %s, quantizer = %s)';

my %script = (
	insert => q(
		INSERT INTO items (v) SELECT random_vector() FROM generate_series(1, 1 + (random() * 8)::int);
	),
	rollback => q(
		BEGIN;
		INSERT INTO items (v) SELECT random_vector() FROM generate_series(1, 10);
		ROLLBACK;
	),
	update => q(
		\set row random(0, 499)
		UPDATE items SET v = random_vector() WHERE id % 500 = :row AND id < 3000;
	),
	delete => q(
		\set row random(0, 49)
		DELETE FROM items WHERE id % 50 = :row AND (SELECT count(*) FROM items) > 500;
	),
	vacuum => q(
		VACUUM (INDEX_CLEANUP on) items;
	),
	checkpoint => q(
		CHECKPOINT;
		\sleep 500 ms
	),
	compare => q(
		BEGIN ISOLATION LEVEL REPEATABLE READ;
		SELECT compare_rows();
		COMMIT;
	),
);

sub start_load
{
	my ($seconds) = @_;
	return map {
		start_pgbench($node, name => $_, script => $script{$_}, seconds => $seconds,
			clients => $_ eq 'insert' ? 4 : $_ eq 'compare' ? 2 : 1)
	} sort keys %script;
}

# Every row once; after a vacuum without writers, an entry for each row and no more.
sub is_whole
{
	my ($what) = @_;
	check_index($node, $what);
	my ($status, undef, $errors) = $node->psql('postgres', 'SELECT compare_rows()');
	is($status, 0, "$what: a search of all lists returns every row once") or diag($errors);
	$node->safe_psql('postgres', 'DELETE FROM items WHERE id % 97 = 0; VACUUM (INDEX_CLEANUP on) items');
	is(index_info($node, 'nodes'), $node->safe_psql('postgres', 'SELECT count(*) FROM items'),
		"$what: vacuum leaves an entry for each row and no other");
	check_index($node, "$what, after vacuum");
	my $parameters = index_info($node, 'parameters');
	note("$what: $parameters, rows " . index_info($node, 'nodes'));
	return;
}

for my $setting ([ 'mmap', 'sq8' ], [ 'buffer_pool', 'none' ])
{
	my ($storage, $quantizer) = @$setting;
	$node->safe_psql('postgres', 'DROP INDEX IF EXISTS items_index');
	$node->safe_psql('postgres', sprintf($index, $storage, $quantizer));

	my @load = start_load(6);
	# Inserts that end wherever a cancel finds them
	for (1 .. 60)
	{
		usleep(100_000);
		$node->safe_psql('postgres', q(
			SELECT pg_cancel_backend(pid) FROM pg_stat_activity
			WHERE application_name = 'cancelled' AND state = 'active'));
		last if $_ == 60;
		next if $_ % 5 != 1;
		local $ENV{PGAPPNAME} = 'cancelled';
		IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c',
			'INSERT INTO items (v) SELECT random_vector() FROM generate_series(1, 100000)' ],
			'<', \undef, '>&', \my $out);
	}
	finish_pgbench($_) for @load;
	$node->poll_query_until('postgres', q(
		SELECT count(*) = 0 FROM (SELECT pg_cancel_backend(pid) FROM pg_stat_activity
			WHERE application_name = 'cancelled') c)) or die 'inserts go on';
	is_whole("$storage, $quantizer");

	for my $round (1 .. 2)
	{
		@load = start_load(60);
		my $goal = 2000 + $node->safe_psql('postgres', 'SELECT last_value FROM items_id_seq');
		$node->poll_query_until('postgres', "SELECT last_value >= $goal FROM items_id_seq")
		  or die 'no rows';
		$node->stop('immediate');
		finish_pgbench($_, expect_crash => 1) for @load;
		$node->start;
		is_whole("$storage, $quantizer, crash $round");
	}
}

$node->stop;
done_testing();
