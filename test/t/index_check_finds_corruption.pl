# vectorstore_index_check finds what is wrong with a file, and tells where: one damage at a time.  And
# whatever is wrong, searches, inserts and vacuum end with an ERROR or an answer, never with a crash.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use File::Copy qw(copy);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorstoreTest;

my $block_size = 8192;
my $m = 16;

# Page formats: include/storage/page.h, include/storage/metapage.h, include/hnsw/hnsw_page.h.
my $payload = 24;
my %array = (vectors => 0, codes => 1, nodes => 2, uppers => 3);
my $node_size = 16 + 2 * $m * 4 + 60;
my $upper_size = 8 + $m * 4;
my $code_size = 16 + 128; # sq8
my ($node_state, $node_level, $node_tid_count, $node_flags, $node_next, $node_count, $node_neighbors,
	$node_tids) = (0, 1, 2, 3, 4, 12, 16, 16 + 2 * $m * 4);
my ($meta_magic, $meta_version, $meta_method, $meta_data_blocks, $meta_ordinals, $meta_free_head,
	$meta_free_count, $meta_entry, $meta_entry_level, $meta_arrays) =
  (0, 4, 6, 24, 28, 32, 36, 84, 88, 208);
my $array_meta_size = 16 + 100 * 12;

my $node = PostgreSQL::Test::Cluster->new('primary');
$node->init(extra => ['--no-locale']);
configure($node, 'restart_after_crash = on');
$node->start;
create_items($node, 1000, pool => 100);
# Thirty rows with one vector: a node with ten of them, and continuations.
$node->safe_psql('postgres',
	'INSERT INTO items SELECT 100000 + n, v FROM items, generate_series(1, 30) n WHERE id = 4');
create_index($node, storage => 'mmap', quantizer => 'sq8');
$node->safe_psql('postgres', 'DELETE FROM items WHERE id % 5 = 0; VACUUM items');
check_index($node, 'a sound index');
my $free_count = index_info($node, 'free_nodes');
cmp_ok($free_count, '>', 100, 'with free nodes');

my $file = index_file($node);
my $pristine = $node->basedir . '/pristine';
$node->stop;
copy($file, $pristine) or die "$file: $!";

# ---------------------------------------------------------------- the file as bytes

my $bytes;
sub u32 { return unpack('V', substr($bytes, $_[0], 4)); }
sub set_u32 { substr($bytes, $_[0], 4) = pack('V', $_[1]); return; }
sub set_u16 { substr($bytes, $_[0], 2) = pack('v', $_[1]); return; }
sub set_u8 { substr($bytes, $_[0], 1) = pack('C', $_[1]); return; }
sub meta { return $payload + $_[0]; }

# Blocks of the file that belong to an array, in order
sub blocks_of
{
	my ($name) = @_;
	my @blocks;
	for my $block (0 .. length($bytes) / $block_size - 1)
	{
		my ($kind, $number) = unpack('v2', substr($bytes, ($block + 1) * $block_size - 8, 4));
		push @blocks, $block if $kind == 3 && $number == $array{$name};
	}
	return @blocks;
}

# Offset of a slot of an array whose slots stand whole on their pages
sub slot
{
	my ($name, $size, $ordinal) = @_;
	my $per_page = int(($block_size - $payload - 8) / $size);
	my @blocks = blocks_of($name);
	return $blocks[ $ordinal / $per_page ] * $block_size + $payload
	  + ($ordinal % $per_page) * $size;
}
sub node_at { return slot('nodes', $node_size, $_[0]); }

# The first node in a state (1 = live, 3 = free) of at least this level
sub find_node
{
	my ($state, $level) = @_;
	for my $ordinal (0 .. u32(meta($meta_ordinals)) - 1)
	{
		my ($is, $has) = unpack('C2', substr($bytes, node_at($ordinal), 2));
		return $ordinal if $is == $state && $has >= ($level // 0);
	}
	die "no node in state $state";
}

sub read_pristine
{
	$bytes = slurp_file($pristine);
	return;
}

sub start_with_bytes
{
	open my $out, '+<:raw', $file or die "$file: $!";
	print $out $bytes;
	close $out or die "$file: $!";
	$node->start;
	return;
}

sub crashes { return scalar(() = slurp_file($node->logfile) =~ /terminated by signal/g); }

# Damage, as a function of the bytes, is found with this message; one test.
sub is_found
{
	my ($what, $damage, $message) = @_;
	read_pristine();
	$damage->();
	start_with_bytes();
	my ($status, undef, $errors) =
	  $node->psql('postgres', "SELECT vectorstore_index_check('items_index')");
	ok($status != 0 && $errors =~ $message, $what) or diag("status $status: $errors");
	$node->stop('immediate');
	return;
}

# ---------------------------------------------------------------- one damage at a time

read_pristine();
my $live = find_node(1);
my $high = find_node(1, 1);
my $free = find_node(3);
my $ordinals = u32(meta($meta_ordinals));
my ($other) = grep { $_ > $live && substr($bytes, node_at($_), 1) eq "\x01"
	  && substr($bytes, node_at($_) + $node_flags, 1) eq "\x00" } 0 .. $ordinals - 1;
my ($chained) = grep { substr($bytes, node_at($_), 1) eq "\x01" && substr($bytes, node_at($_) + $node_flags, 1) eq "\x01" }
  0 .. $ordinals - 1;
ok(defined $chained, 'with a continuation');

is_found('a neighbor that does not exist',
	sub { set_u32(node_at($live) + $node_neighbors, $ordinals); },
	qr/Node $live has neighbor $ordinals on level 0, but there are $ordinals nodes/);
is_found('a node that is its own neighbor',
	sub { set_u32(node_at($live) + $node_neighbors, $live); },
	qr/Node $live is its own neighbor on level 0/);
is_found('a neighbor twice',
	sub { set_u32(node_at($live) + $node_neighbors + 4, u32(node_at($live) + $node_neighbors)); },
	qr/Node $live has neighbor \d+ twice on level 0/);
is_found('a neighbor that was freed',
	sub { set_u32(node_at($live) + $node_neighbors, $free); },
	qr/Node $live has neighbor $free on level 0, which is not in use/);
is_found('too many neighbors',
	sub { set_u16(node_at($live) + $node_count, 2 * $m + 1); },
	qr/Node $live has 33 neighbors on level 0/);
is_found('a state that there is not',
	sub { set_u8(node_at($live) + $node_state, 9); }, qr/Node $live has state 9/);
is_found('a level that there is not',
	sub { set_u8(node_at($live) + $node_level, 77); }, qr/Node $live has level 77/);
is_found('a dead node with a row',
	sub { set_u8(node_at($live) + $node_state, 2); },
	qr/Node $live in state 2 has 1 row addresses/);
is_found('a flag that there is not',
	sub { set_u8(node_at($live) + $node_flags, 4); }, qr/Node $live has flags 4/);
is_found('a continuation with neighbors',
	sub { set_u8(node_at($live) + $node_flags, 1); }, qr/Continuation $live has 1 row addresses/);
is_found('a continuation that is a neighbor',
	sub {
		my $neighbor = u32(node_at($live) + $node_neighbors);
		set_u8(node_at($neighbor) + $node_flags, 1);
		set_u16(node_at($neighbor) + $node_count, 0);
	},
	qr/Node \d+ has neighbor \d+ on level \d+, which is a continuation/);
is_found('a node that follows but is no continuation',
	sub { set_u32(node_at($live) + $node_next, $other); },
	qr/Node $live is followed by node $other, which is no continuation/);
is_found('a continuation that follows two nodes',
	sub { set_u32(node_at($live) + $node_next, $chained); },
	qr/Continuation $chained follows node \d+ and another one|which has another vector/);
is_found('a continuation with another vector',
	sub {
		my ($before) = grep { u32(node_at($_) + $node_next) == $chained
			  && substr($bytes, node_at($_), 1) eq "\x01" } 0 .. $ordinals - 1;
		set_u32(node_at($before) + $node_next, 0xFFFFFFFF);
		set_u32(node_at($live) + $node_next, $chained);
	},
	qr/Node $live is followed by node $chained, which has another vector/);
is_found('too many rows',
	sub { set_u8(node_at($live) + $node_tid_count, 11); }, qr/Node $live has 11 row addresses/);
is_found('a row address that is none',
	sub { set_u16(node_at($live) + $node_tids + 4, 0); },
	qr/Node $live has an invalid row address/);
is_found("a row behind the table's end",
	sub { set_u16(node_at($live) + $node_tids + 2, 60000); },
	qr/Node $live leads to row \(60000,\d+\), but the table has \d+ blocks/);
is_found('a live node that is said to be free',
	sub { set_u8(node_at($live) + $node_state, 3); set_u8(node_at($live) + $node_tid_count, 0); },
	qr/There are @{[ $free_count + 1 ]} free nodes, but the metapage counts $free_count/);
is_found('a free list that goes round',
	sub { set_u32(node_at($free) + $node_next, u32(meta($meta_free_head))); },
	qr/The free list goes round|The free list has \d+ nodes/);
is_found('a free list that is too short',
	sub { set_u32(node_at($free) + $node_next, 0xFFFFFFFF);
		  set_u32(meta($meta_free_head), $free); },
	qr/The free list has 1 nodes, but the metapage counts $free_count/);
is_found('a free list that leads to a live node',
	sub { set_u32(meta($meta_free_head), $live); },
	qr/The free list leads to node $live, which is not free/);
is_found('an upper list of another node',
	sub {
		my $upper = u32(node_at($high) + 8);
		set_u32(slot('uppers', $upper_size, $upper), $live + 1);
	},
	qr/The list of node $high on level 1 belongs to node/);
is_found('a neighbor that has no such level',
	sub {
		my $upper = slot('uppers', $upper_size, u32(node_at($high) + 8));
		my ($low) = grep { $_ != $high && substr($bytes, node_at($_), 2) eq "\x01\x00" }
		  0 .. $ordinals - 1;
		set_u16($upper + 4, 1);
		set_u32($upper + 8, $low);
	},
	qr/Node $high has neighbor \d+ on level 1, which has level 0 only/);
is_found('an entry point that was freed',
	sub { set_u32(meta($meta_entry), $free); },
	qr/The entry point, node $free, is not in use/);
is_found('an entry point of another level',
	sub { set_u32(meta($meta_entry_level), 29); }, qr/The entry point, node \d+, has level/);
is_found('a code that is not the vector\'s',
	sub {
		my $at = slot('codes', $code_size, $live) + 40;
		set_u8($at + $_, 255 - unpack('C', substr($bytes, $at + $_, 1))) for 0 .. 9;
	},
	qr/The code of node $live is not that of its vector/);
is_found('a vector that is no number',
	sub {
		# Vectors of 512 bytes are packed end to end over the pages.
		my @blocks = blocks_of('vectors');
		my $at = $live * 128 * 4;
		my $page = int($at / ($block_size - $payload - 8));
		set_u32($blocks[$page] * $block_size + $payload + $at % ($block_size - $payload - 8),
			0x7FC00000);
	},
	qr/The vector of node $live has an element that is not finite/);
is_found('a page of another kind',
	sub { my @blocks = blocks_of('nodes'); set_u16(($blocks[0] + 1) * $block_size - 6, 0); },
	qr/contains corrupted page at block \d+/);
is_found('a page of zeroes',
	sub {
		my @blocks = blocks_of('vectors');
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
	sub { set_u32(meta($meta_magic), 0xA953A953); }, qr/is not a vectorstore index/);
is_found('a newer format',
	sub { set_u16(meta($meta_version), 99); }, qr/has format version 99/);
is_found('a method that there is not',
	sub { set_u16(meta($meta_method), 7); }, qr/names unknown method 7/);
is_found('runs of blocks that overlap',
	sub {
		# The codes' only run begins where that of the vectors does.
		my $vectors = meta($meta_arrays);
		my $codes = $vectors + $array_meta_size;
		set_u32($codes + 16 + 4, u32($vectors + 16 + 4));
	},
	qr/Data block \d+ belongs to (more than one|no) page array/);
is_found('a run behind the end',
	sub { set_u32(meta($meta_data_blocks), 1); }, qr/A run of blocks is out of range/);

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
my ($found, $answered) = (0, 0);
for my $round (1 .. $rounds)
{
	read_pristine();
	my @targets = (blocks_of('nodes'), blocks_of('nodes'), blocks_of('uppers'), 0, 1,
		blocks_of('codes'), blocks_of('vectors'));
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
				SET enable_seqscan = off; SET enable_sort = off; SET hnsw.ef_search = 1000;
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
	$file = index_file($node);
	settle($node);
	$node->stop;
	copy($file, $pristine) or die "$file: $!";
}
is(crashes(), 0, "$rounds rounds of damage: no process crashed (VECTORSTORE_SEED=$seed)");
cmp_ok($found, '>', $rounds / 2, 'damage is found');
cmp_ok($answered, '>', 0, 'some searches did not meet it');
note("$found of $rounds found, $answered searches answered");

$node->stop('immediate');
done_testing();
