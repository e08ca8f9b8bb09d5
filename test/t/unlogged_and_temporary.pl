# Unlogged and temporary indexes are read through shared (or local) buffers whatever their storage
# option says, vectorstore_index_info tells so and why, and they are right; an unlogged one is empty
# and works after a crash.
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

my $node = new_cluster('primary');

# Unlogged
create_items($node, 2000, kind => 'UNLOGGED', pool => 1500);
$node->safe_psql('postgres', 'CREATE EXTENSION pg_buffercache');
create_index($node, storage => 'mmap');
is(index_info($node, 'storage_in_effect'), 'buffer_pool', 'unlogged: shared buffers in effect');
is(index_info($node, 'storage_reason'), 'unlogged index', 'unlogged: the reason is told');
is_right($node, 'unlogged, built');
cmp_ok(buffered_array_blocks($node), '>', 0, 'unlogged: its pages are in shared buffers');
$node->safe_psql('postgres', q(
	SELECT take_from_pool() FROM generate_series(1, 300);
	DELETE FROM items WHERE id % 5 = 0;
	VACUUM items;
	SELECT take_from_pool() FROM generate_series(1, 200)));
is_right($node, 'unlogged, changed');
check_index($node, 'unlogged');
$node->restart;
is_right($node, 'unlogged, after a clean restart');

$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', 'SELECT count(*) FROM items'), 0, 'unlogged: empty after a crash');
is_right($node, 'unlogged, after a crash');
check_index($node, 'unlogged, after a crash');
is($node->safe_psql('postgres', q(
	SELECT count(*) FROM index_search((SELECT v FROM queries WHERE id = 1), 10))),
	0, 'unlogged: a search of the empty index finds nothing');
$node->safe_psql('postgres', 'SELECT take_from_pool() FROM generate_series(1, 800)');
is_right($node, 'unlogged, filled again');
settle($node);
is_right($node, 'unlogged, after a checkpoint');
is(index_info($node, 'storage_in_effect'), 'buffer_pool', 'unlogged: still through shared buffers');
check_index($node, 'unlogged, filled again');

# SET LOGGED writes a new file, SET UNLOGGED too.
$node->safe_psql('postgres', 'ALTER TABLE items SET LOGGED');
set_storage($node, 'mmap');
is(index_info($node, 'storage_in_effect'), 'mmap', 'SET LOGGED: mmap in effect');
is_right($node, 'SET LOGGED');
$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', 'SELECT count(*) FROM items'), 800, 'SET LOGGED: rows survive a crash');
is_right($node, 'SET LOGGED, after a crash');
$node->safe_psql('postgres', 'ALTER TABLE items SET UNLOGGED');
set_storage($node, 'mmap');
is(index_info($node, 'storage_in_effect'), 'buffer_pool', 'SET UNLOGGED: shared buffers in effect');
is_right($node, 'SET UNLOGGED');

# Temporary; it hides the other table from this session.
my $session = $node->background_psql('postgres');
$session->query_safe('SET ' . effort('thorough'));
$session->query_safe('CREATE TEMPORARY TABLE items (LIKE public.items)');
$session->query_safe('SET search_path = pg_temp, public');
$session->query_safe('INSERT INTO items SELECT id, v FROM pool');
$session->query_safe(create_index_command(storage => 'mmap'));
is($session->query_safe("SELECT storage_in_effect FROM vectorstore_index_info('pg_temp.items_index')"),
	'buffer_pool', 'temporary: buffers in effect');
is($session->query_safe("SELECT storage_reason FROM vectorstore_index_info('pg_temp.items_index')"),
	'temporary index', 'temporary: the reason is told');
is($session->query_safe('SELECT count(*) FROM items'), 1500, 'temporary: rows');
cmp_ok($session->query_safe('SELECT avg(compare_search(v, 10)) FROM queries'),
	'>=', 0.98, 'temporary: right');
$session->query_safe('DELETE FROM items WHERE id % 4 = 0');
$session->query_safe('VACUUM items');
$session->query_safe('INSERT INTO items SELECT id + 10000, v FROM pool WHERE id % 4 = 0');
cmp_ok($session->query_safe('SELECT avg(compare_search(v, 10)) FROM queries'),
	'>=', 0.98, 'temporary: right after changes');
is($session->query_safe('SELECT count_lost_rows()'), 0, 'temporary: every row is found');
$session->query_safe('SET enable_seqscan = off');
like($session->query_safe(
		"EXPLAIN (ANALYZE, BUFFERS) SELECT id FROM items ORDER BY v <-> '@{[ (query_vectors(1))[0] ]}' LIMIT 10"),
	qr/Index Scan using items_index.*Buffers:[^\n]*local hit=\d\d/s, 'temporary: searched through local buffers');
$session->quit;

$node->stop;
done_testing();
