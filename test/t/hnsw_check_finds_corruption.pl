# vectorstore_index_check finds what is wrong with a graph, and tells where: one damage at a time.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IndexFile;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorstoreTest;

my $m = 16;

# Slots: include/hnsw/hnsw_page.h.
my ($vectors, $codes, $nodes, $uppers) = (0 .. 3);
my ($node_state, $node_level, $node_tid_count, $node_flags, $node_next, $node_count, $node_neighbors,
	$node_tids) = (0, 1, 2, 3, 4, 12, 16, 16 + 2 * $m * 4);
my ($meta_entry, $meta_entry_level) = ($meta_at{method} + 4, $meta_at{method} + 8);

my $node = new_damaged_cluster();
create_items($node, 1000, pool => 100);
# Thirty rows with one vector: a node with ten of them, and continuations.
$node->safe_psql('postgres',
	'INSERT INTO items SELECT 100000 + n, v FROM items, generate_series(1, 30) n WHERE id = 4');
create_index($node, storage => 'mmap', quantizer => 'sq8');
$node->safe_psql('postgres', 'DELETE FROM items WHERE id % 5 = 0; VACUUM items');
check_index($node, 'a sound index');
my $free_count = index_info($node, 'free_nodes');
cmp_ok($free_count, '>', 100, 'with free nodes');

open_index_file($node);

sub node_at { return slot($nodes, $_[0]); }

# The first node in a state (1 = live, 3 = free) of at least this level
sub find_node
{
	my ($state, $level) = @_;
	for my $ordinal (0 .. u32(meta('ordinals')) - 1)
	{
		return $ordinal if u8(node_at($ordinal)) == $state && u8(node_at($ordinal) + 1) >= ($level // 0);
	}
	die "no node in state $state";
}

# ---------------------------------------------------------------- one damage at a time

my $live = find_node(1);
my $high = find_node(1, 1);
my $free = find_node(3);
my $ordinals = u32(meta('ordinals'));
my ($other) = grep { $_ > $live && substr($bytes, node_at($_), 1) eq "\x01"
	  && substr($bytes, node_at($_) + $node_flags, 1) eq "\x00" } 0 .. $ordinals - 1;
my ($chained) = grep { substr($bytes, node_at($_), 1) eq "\x01" && substr($bytes, node_at($_) + $node_flags, 1) eq "\x01" }
  0 .. $ordinals - 1;
ok(defined $chained, 'with a continuation');

# ---------------------------------------------------------------- what a failed insert leaves is none

# The chain of thirty rows: its first node, and two continuations
my ($first) = grep { substr($bytes, node_at($_), 1) eq "\x01"
	  && substr($bytes, node_at($_) + $node_flags, 1) eq "\x00"
	  && u32(node_at($_) + $node_next) != 0xFFFFFFFF } 0 .. $ordinals - 1;
my $unlinked = u32(node_at($first) + $node_next);
my $last = u32(node_at($unlinked) + $node_next);
isnt($last, 0xFFFFFFFF, 'a chain of three nodes');
is_sound('a continuation that was written and not linked to',
	sub { set_u32(node_at($first) + $node_next, $last); });

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
	sub { set_u32(node_at($free) + $node_next, u32(meta('free_head'))); },
	qr/The free list goes round|The free list has \d+ nodes/);
is_found('a free list that is too short',
	sub { set_u32(node_at($free) + $node_next, 0xFFFFFFFF);
		  set_u32(meta('free_head'), $free); },
	qr/The free list has 1 nodes, but the metapage counts $free_count/);
is_found('a free list that leads to a live node',
	sub { set_u32(meta('free_head'), $live); },
	qr/The free list leads to node $live, which is not free/);
is_found('an upper list of another node',
	sub {
		my $upper = u32(node_at($high) + 8);
		set_u32(slot($uppers, $upper), $live + 1);
	},
	qr/The list of node $high on level 1 belongs to node/);
is_found('a neighbor that has no such level',
	sub {
		my $upper = slot($uppers, u32(node_at($high) + 8));
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
		my $at = slot($codes, $live) + 40;
		set_u8($at + $_, 255 - u8($at + $_)) for 0 .. 9;
	},
	qr/The code of node $live is not that of its vector/);
is_found('a vector that is no number',
	sub { set_u32(slot($vectors, $live), 0x7FC00000); },
	qr/The vector of node $live has an element that is not finite/);

# Codes beside the edges follow the row addresses: 400 bytes of factors, and nibbles of 32 lanes.
read_pristine();
start_with_bytes();
$node->safe_psql('postgres', 'DROP INDEX items_index');
create_index($node, storage => 'mmap', quantizer => 'rabitq', codes => 'edges', bits => 1);
check_index($node, 'a sound index with codes beside its edges');
open_index_file($node);
my $head = $node_tids + 60;
$live = find_node(1);
$high = find_node(1, 1);
is_found('a code beside an edge that is not the neighbor\'s',
	sub {
		my $at = node_at($live) + $head + 400 + 16 * 5;
		set_u8($at + $_, 255 - u8($at + $_)) for 0 .. 15;
	},
	qr/The codes beside the edges of node $live on level 0 are not its neighbors'/);
is_found('a code above level 0 that is not the neighbor\'s',
	sub {
		my $at = slot($uppers, u32(node_at($high) + 8)) + 8 + 4 * $m;
		set_u32($at, 0x7F800000);
	},
	qr/The codes beside the edges of node $high on level 1 are not its neighbors'/);

done_testing();
