# Sparse vectors that are longer than the slots of an index: an index that began empty, or was built of
# short ones, takes them; concurrent inserts, deletes and vacuums, a crash, a standby and both storages;
# their room is used again; damages to where they are kept are errors that name the node.
#
# Methods: hnsw

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IndexFile;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorstoreTest;

my ($vectors, $nodes, $longs) = (0, 2, 4);
my $meta_long_count = $meta_at{method} + 16;

my $node = new_cluster('primary',
	init => { allows_streaming => 1, extra => [ without_checksums() ] },
	settings => [ "wal_consistency_checking = 'generic'", 'restart_after_crash = on' ]);
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;

# Real vectors, each three times behind itself, and of them the elements that are larger than some
# number: of those above 25 there are about as many as fit a slot, a few more or less.
copy_vectors_of_pool(2000);
$node->safe_psql('postgres', q(
	CREATE FUNCTION sparse(seed int, above int DEFAULT 25) RETURNS sparsevec LANGUAGE sql STABLE AS $$
		SELECT ('{' || coalesce(string_agg(i + 128 * j || ':' || x, ',' ORDER BY j, i), '') || '}/384')::sparsevec
		FROM pool, unnest(v::real[]) WITH ORDINALITY AS e(x, i), generate_series(0, 2) j
		WHERE id = 1 + seed % 2000 AND x > above
	$$;
	CREATE FUNCTION is_found(wanted int, v sparsevec) RETURNS boolean LANGUAGE plpgsql
		SET enable_seqscan = off SET enable_sort = off AS $$
	BEGIN
		RETURN EXISTS (SELECT FROM (SELECT i.id FROM items i ORDER BY i.v <-> is_found.v LIMIT 100) s
			WHERE s.id = wanted);
	END $$;
	CREATE TABLE items (id int PRIMARY KEY, v sparsevec(384));
	CREATE SEQUENCE item_id));

sub copy_vectors_of_pool
{
	my ($count) = @_;
	$node->safe_psql('postgres', 'CREATE EXTENSION IF NOT EXISTS vectorstore;
		CREATE TABLE pool (id int PRIMARY KEY, v vector(128))');
	copy_vectors($node, 'postgres', 'pool', 1, load_vectors(0, $count));
	return;
}

# By their own vectors, in each storage
sub every_row_is_found
{
	my ($server, $what, @storages) = @_;
	for my $storage (@storages)
	{
		set_storage($node, $storage) if $server == $node;
		is( $server->safe_psql('postgres',
				'SET hnsw.ef_search = 400; SELECT count(*) FROM items WHERE NOT is_found(id, v)'),
			0, "$what: every row is found in $storage");
	}
	return;
}

sub long_count
{
	return $node->safe_psql('postgres', q(SELECT count(*) FROM items WHERE array_length(string_to_array(v::text, ','), 1) > 128));
}

$node->safe_psql('postgres', 'CREATE INDEX items_index ON items USING hnsw (v sparsevec_l2_ops) WITH (storage = mmap)');
$node->safe_psql('postgres', q(INSERT INTO items SELECT n, sparse(n) FROM (SELECT nextval('item_id')::int AS n FROM generate_series(1, 500)) s));
my $long_count = long_count();
ok($long_count > 100 && $long_count < 400, "some rows are longer than slots, some not: $long_count of 500");
every_row_is_found($node, 'an index that began empty', storages());
check_index($node, 'an index that began empty');
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
every_row_is_found($standby, 'standby', 'mmap');

# Room of rows that are gone is used again, for as many and as long ones.
my $blocks = index_file_blocks($node);
$node->safe_psql('postgres', 'CREATE TABLE gone AS SELECT * FROM items WHERE id % 2 = 0;
	DELETE FROM items WHERE id % 2 = 0; VACUUM (INDEX_CLEANUP on) items');
$node->safe_psql('postgres', 'INSERT INTO items SELECT id, v FROM gone');
cmp_ok(index_file_blocks($node), '<=', $blocks * 1.4, 'slots are used again');
every_row_is_found($node, 'slots used again', storages());
check_index($node, 'slots used again');

# Writers beside one another, beside vacuum and searches; then a crash in the midst of them
my %script = (
	insert => q(
		SELECT nextval('item_id') AS n \gset
		INSERT INTO items VALUES (:n, sparse(:n));
	),
	delete => q(
		DELETE FROM items WHERE id = (SELECT min(id) + (random() * (max(id) - min(id)))::int FROM items);
	),
	search => q(
		SET enable_seqscan = off;
		\set n random(1, 2000)
		SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> sparse(:n) LIMIT 10) s;
	),
	vacuum => q(
		VACUUM (INDEX_CLEANUP on) items;
		CHECKPOINT;
		\sleep 50 ms
	));
sub start_load
{
	my ($seconds) = @_;
	return map {
		start_pgbench($node, name => $_, script => $script{$_}, seconds => $seconds,
			clients => $_ eq 'insert' ? 3 : 1)
	} sort keys %script;
}
set_storage($node, 'mmap');
finish_pgbench($_) for start_load(4);
check_index($node, 'after writers');
every_row_is_found($node, 'after writers', storages());

my @load = start_load(60);
my $goal = 200 + $node->safe_psql('postgres', 'SELECT last_value FROM item_id');
$node->poll_query_until('postgres', "SELECT last_value >= $goal FROM item_id") or die 'no rows';
$node->stop('immediate');
finish_pgbench($_, expect_crash => 1) for @load;
$node->start;
every_row_is_found($node, 'after a crash', storages());
check_index($node, 'after a crash');
$node->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP on) items');
check_index($node, 'after a crash and a vacuum');
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
every_row_is_found($standby, 'standby after a crash of the primary', 'mmap');
$standby->stop;

# An index that was built of short ones
$node->safe_psql('postgres', q(
	TRUNCATE items;
	INSERT INTO items SELECT n, sparse(n, 100) FROM generate_series(1, 300) n;
	REINDEX INDEX items_index;
	INSERT INTO items SELECT n, sparse(n) FROM generate_series(301, 400) n));
every_row_is_found($node, 'an index of short vectors', storages());
check_index($node, 'an index of short vectors');

# Damages: of a node with a long vector, and of one with a short one
open_index_file($node);
my $slot_size = u32(meta('arrays') + $vectors * $array_meta_size);
cmp_ok($slot_size, '<', 8 + 100 * 8, 'slots have room for the longest of them alone');
my ($long, $short);
for my $ordinal (0 .. u32(meta('ordinals')) - 1)
{
	next unless u8(slot($nodes, $ordinal)) == 1;
	my $size = u32(slot($vectors, $ordinal));
	$long //= $ordinal if $size > $slot_size;
	$short //= $ordinal if $size < $slot_size && $size > 24;
	last if defined $long && defined $short;
}
my $long_at = u32(slot($vectors, $long) + 4) - 1;

is_found('a long vector that is nowhere',
	sub { set_u32(slot($vectors, $long) + 4, 0); }, qr/corrupted vector of node $long/);
is_found('a long vector in a slot that there is not',
	sub { set_u32(slot($vectors, $long) + 4, 1 + u32(meta($meta_long_count))); },
	qr/corrupted vector of node $long/);
is_found('a long vector that is another node\'s',
	sub { set_u32(slot($longs, $long_at), $short); }, qr/corrupted vector of node $long/);
is_found('a long vector of another size',
	sub { set_u32(slot($longs, $long_at) + 8, $slot_size); }, qr/corrupted vector of node $long/);
is_found('a vector of an impossible size',
	sub { set_u32(slot($vectors, $short), 0x7FFFFFF8); }, qr/corrupted vector of node $short/);
is_found('a vector without a size',
	sub { set_u32(slot($vectors, $short), 4); }, qr/corrupted vector of node $short/);
is_found('a size that is no number of elements',
	sub { set_u32(slot($vectors, $short), u32(slot($vectors, $short)) - 4); },
	qr/The vector of node $short has a size that is no number of elements/);
is_found('an element out of the dimensions',
	sub { set_u32(slot($vectors, $short) + 8, 384); },
	qr/The vector of node $short has an element that is out of its dimensions/);
is_found('elements out of order',
	sub { set_u32(slot($vectors, $short) + 12, u32(slot($vectors, $short) + 8)); },
	qr/The vector of node $short has elements out of order/);
is_found('more long vectors than there is room for',
	sub { set_u32(meta($meta_long_count), 1_000_000); }, qr/counts 1000000 long vectors/);

# Searches of damaged vectors give errors or rows, and never end the server.
read_pristine();
for my $ordinal (0 .. u32(meta('ordinals')) - 1)
{
	set_u32(slot($vectors, $ordinal), 0xFFFFFFFF) if $ordinal % 3 == 0;
	set_u32(slot($vectors, $ordinal) + 4, 0x00FFFFFF) if $ordinal % 5 == 0;
}
my $crashes = crashes();
start_with_bytes();
for my $storage (storages())
{
	set_storage($node, $storage);
	$node->psql('postgres', "SET enable_seqscan = off; SELECT id FROM items ORDER BY v <-> sparse($_) LIMIT 40")
	  for 1 .. 50;
	$node->psql('postgres', "INSERT INTO items VALUES (1000000 + $_, sparse($_))") for 1 .. 20;
}
$node->psql('postgres', 'DELETE FROM items WHERE id % 2 = 1; VACUUM items');
is(crashes(), $crashes, 'no damage ends a server process');
$node->stop('immediate');

done_testing();
