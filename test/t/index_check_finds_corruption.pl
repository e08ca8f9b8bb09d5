# vectorstore_index_check finds what is wrong with a file, whatever the index method, and tells where:
# pages, metapage, checksums.  And whatever is wrong, searches, inserts and vacuum end with an ERROR
# or an answer, never with a crash.
#
# Methods: hnsw ivf

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IndexFile;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorstoreTest;

my $node = new_damaged_cluster();
create_items($node, 1000, pool => 100);
# Thirty rows with one vector
$node->safe_psql('postgres',
	'INSERT INTO items SELECT 100000 + n, v FROM items, generate_series(1, 30) n WHERE id = 4');
create_index($node, storage => 'mmap', quantizer => 'sq8');
$node->safe_psql('postgres', 'DELETE FROM items WHERE id % 5 = 0; VACUUM items');
check_index($node, 'a sound index');
open_index_file($node);

# Arrays by number: include/storage/metapage.h, and which of a method's own an index has
my ($vectors, $codes, @structure) = (0, 1, 2 .. 4);
@structure = grep { blocks_of($_) } @structure;
my $of_method = $structure[0];

# ---------------------------------------------------------------- one damage at a time

is_found('a page of another kind',
	sub { my @blocks = blocks_of($of_method); set_u16(($blocks[0] + 1) * $block_size - 6, 0); },
	qr/contains corrupted page at block \d+/);
is_found('a page of zeroes',
	sub {
		my @blocks = blocks_of($vectors);
		substr($bytes, $blocks[1] * $block_size, $block_size) = "\0" x $block_size;
	},
	qr/contains unexpected zero page at block \d+/);
is_found('a settle map of zeroes',
	sub { substr($bytes, $block_size, $block_size) = "\0" x $block_size; },
	qr/contains unexpected zero page at block 1/);
is_found('a stamp above the newest one',
	sub { substr($bytes, $block_size + $payload, 8) = pack('Q<', 1 << 50); },
	qr/settle map of index "items_index" is corrupted at block 1/);
is_found("another index's metapage",
	sub { set_u32(meta('magic'), 0xA953A953); }, qr/is not a vectorstore index/);
is_found('a newer format',
	sub { set_u16(meta('version'), 99); }, qr/has format version 99/);
is_found('a method that there is not',
	sub { set_u16(meta('index_method'), 7); }, qr/names unknown method 7/);
is_found('runs of blocks that overlap',
	sub {
		# The codes' only run begins where that of the vectors does.
		my $first = meta('arrays');
		my $second = $first + $array_meta_size;
		set_u32($second + 16 + 4, u32($first + 16 + 4));
	},
	qr/Data block \d+ belongs to (more than one|no) page array/);
is_found('a run behind the end',
	sub { set_u32(meta('data_blocks'), 1); }, qr/A run of blocks is out of range/);

# ---------------------------------------------------------------- checksums

# The same file in a server with checksums would need them: a server of its own.
my $checked = new_cluster('checked', init => { extra => ['--data-checksums'] });
create_items($checked, 1000);
create_index($checked, storage => 'mmap');
settle($checked);
$checked->restart;
check_index($checked, 'with checksums');

# The page is in shared buffers, sound; its block in the file is not.  Nobody else would look there.
$checked->safe_psql('postgres', "ALTER INDEX items_index SET (storage = buffer_pool)");
$checked->safe_psql('postgres', "SELECT vectorstore_warmup('items_index')");
my $damaged = index_file($checked);
open my $pages, '+<:raw', $damaged or die "$damaged: $!";
seek $pages, 4 * $block_size + 1000, 0;
print $pages 'x' x 10;
close $pages;
fails_with($checked, "SELECT vectorstore_index_check('items_index')",
	qr/contains corrupted page at block 4.*Its checksum in the file is \d+, expected \d+/s,
	'a wrong checksum in the file, where shared buffers have the page');
$checked->restart;
fails_with($checked, "SELECT vectorstore_index_check('items_index')",
	qr/invalid page in block 4/, 'a wrong checksum of a page that is not in shared buffers');
$checked->stop;

# ---------------------------------------------------------------- anything at all

# Random bytes in random places, mostly where ids and counts are.
my $seed = $ENV{VECTORSTORE_SEED} // time;
note("VECTORSTORE_SEED=$seed");
srand($seed);
my $rounds = 25;
my $effort = effort('exhaustive');
my ($found, $answered) = (0, 0);
for my $round (1 .. $rounds)
{
	read_pristine();
	my @targets = (map({ blocks_of($_) } @structure, @structure), 0, 1, blocks_of($codes), blocks_of($vectors));
	for (1 .. 1 + int(rand 30))
	{
		my $at = $targets[ rand @targets ] * $block_size + int(rand $block_size);
		# The metapage is mostly unused run entries: hit what is used.
		$at = $payload + int(rand(rand() < 0.5 ? 100 : 5000)) if $at < $block_size;
		set_u8($at, rand() < 0.3 ? 0xFF : int(rand 256));
	}
	start_with_bytes();
	my $check = $node->psql('postgres', "SELECT vectorstore_index_check('items_index')");
	$found++ if $check != 0;
	for my $storage (storages())
	{
		$node->psql('postgres', "ALTER INDEX items_index SET (storage = $storage)");
		for my $id (1 .. 5)
		{
			my $status = $node->psql('postgres', qq(
				SET enable_seqscan = off; SET enable_sort = off; SET $effort;
				SELECT id FROM items ORDER BY v <-> (SELECT v FROM queries WHERE id = $id) LIMIT 300));
			$answered++ if $status == 0;
		}
	}
	$node->psql('postgres', 'SELECT take_from_pool() FROM generate_series(1, 30)');
	$node->psql('postgres', "SELECT vectorstore_warmup('items_index')");
	$node->psql('postgres', "SELECT * FROM vectorstore_index_info('items_index')");
	$node->psql('postgres', 'DELETE FROM items WHERE id % 7 = 0; VACUUM items');
	last if crashes() > 0;
	$node->stop('immediate');
	# The table is that of before: what the rounds do to it must not add up.
	$node->start;
	$node->psql('postgres', 'REINDEX INDEX items_index');
	keep_index_file();
}
is(crashes(), 0, "$rounds rounds of damage: no process crashed (VECTORSTORE_SEED=$seed)");
cmp_ok($found, '>', $rounds / 2, 'damage is found');
cmp_ok($answered, '>', 0, 'some searches did not meet it');
note("$found of $rounds found, $answered searches answered");

$node->stop('immediate');
done_testing();
