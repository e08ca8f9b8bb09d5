# Lists in a state that no insert or vacuum leaves behind end in an error, not in a loop or a crash;
# hints that lie lead nobody astray; and what a crash leaves behind (slots that were taken but not
# written, an extent that is in no chain) does no harm and is taken back by vacuum.
#
# Methods: ivf

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";

use IndexFile;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorstoreTest;

# Slots: include/ivf/ivf_page.h.
my ($vectors, $codes, $entries, $extents) = (0 .. 3);
my $entry_state = 6;
my ($empty, $free, $reserved) = (0, 2, 3);
my ($extent_list, $extent_first, $extent_capacity, $extent_used, $extent_next, $extent_free_count,
	$extent_free_from, $extent_tail) = map { 4 * $_ } 0 .. 7;
my ($meta_lists, $meta_extents) = ($meta_at{method}, $meta_at{method} + 4);
my $none = 0xFFFFFFFF;

my $node = new_damaged_cluster();
create_items($node, 1000, pool => 2000);
create_index($node, storage => 'mmap', quantizer => 'sq8');
# Lists with more than one extent, and with free entries in the first.
$node->safe_psql('postgres', q(
	SELECT take_from_pool() FROM generate_series(1, 1000);
	DELETE FROM items WHERE id % 5 = 0;
	VACUUM items));
check_index($node, 'a sound index');
is_right($node, 'a sound index');
my $rows = $node->safe_psql('postgres', 'SELECT count(*) FROM items');
is(index_info($node, 'nodes'), $rows, 'an entry for each row');
cmp_ok(index_info($node, 'free_nodes'), '>', 300, 'and free ones');

open_index_file($node);

sub entry_at { return slot($entries, $_[0]); }
sub extent_at { return slot($extents, $_[0]); }
sub extent_member { return u32(extent_at($_[0]) + $_[1]); }

my ($lists, $extent_count, $ordinals);

sub read_counts
{
	($lists, $extent_count, $ordinals) =
	  (u32(meta($meta_lists)), u32(meta($meta_extents)), u32(meta('ordinals')));
	return;
}

read_counts();
cmp_ok($extent_count, '>', $lists, 'with extents that were added');

# A list with a second extent
my ($long) = grep { extent_member($_, $extent_next) != $none } 0 .. $lists - 1;

# A search, an insert and a vacuum of a damaged index end, with an error or without.
sub goes_on
{
	my ($what, $damage, %expected) = @_;
	read_pristine();
	$damage->();
	start_with_bytes();
	my %statement = (
		search => 'SET ' . effort('exhaustive')
		  . '; SELECT count(*) FROM queries q, index_search(q.v, 3000)',
		insert => 'SELECT take_from_pool() FROM generate_series(1, 600)',
		vacuum => 'DELETE FROM items WHERE id % 7 = 0; VACUUM (INDEX_CLEANUP on) items');
	for my $statement (sort keys %statement)
	{
		my ($status, undef, $errors) = $node->psql('postgres', $statement{$statement});
		my $wanted = $expected{$statement} // $expected{all};
		ok($wanted ? $errors =~ $wanted : $status == 0, "$what: $statement")
		  or diag("status $status: $errors");
	}
	# No crash recovery: it would write what this round has changed over the next round's bytes.
	if (%expected)
	{
		$node->stop;
		return;
	}
	check_index($node, $what);
	is_right($node, $what);
	keep_index_file();
	read_pristine();
	read_counts();
	return;
}

my $corrupted = qr/corrupted extent|go round in a circle/;
goes_on('a chain that goes round',
	sub {
		# All lists, and no slot left in any
		for my $at (0 .. $extent_count - 1)
		{
			set_u32(extent_at($at) + $extent_used, extent_member($at, $extent_capacity));
			set_u32(extent_at($at) + $extent_free_count, 0);
			set_u32(extent_at($at) + $extent_next, extent_member($at, $extent_list))
			  if extent_member($at, $extent_next) == $none;
		}
	},
	all => $corrupted);
goes_on('every extent of another list',
	sub { set_u32(extent_at($_) + $extent_list, $extent_count) for 0 .. $extent_count - 1; },
	all => $corrupted);

# Hints that lie: nothing is wrong.
goes_on('free entries are told of where there are none',
	sub {
		for my $at (0 .. $extent_count - 1)
		{
			set_u32(extent_at($at) + $extent_free_count, 0xFFFFFFFE);
			set_u32(extent_at($at) + $extent_free_from, $at % 2 ? $none : 0);
		}
	});
goes_on('no free entry is told of',
	sub { set_u32(extent_at($_) + $extent_free_count, 0) for 0 .. $extent_count - 1; });
goes_on('tails that lead nowhere, or to other lists',
	sub {
		set_u32(extent_at($_) + $extent_tail,
			$_ % 3 == 0 ? $none : $_ % 3 == 1 ? $extent_count : ($_ + 1) % $lists)
		  for 0 .. $lists - 1;
	});

# ---------------------------------------------------------------- what a crash leaves behind

# Slots that were taken but not written, and an extent that was handed out but not linked: searches
# and the check don't mind, vacuum takes them back.
start_with_bytes();

# An extent can be handed out where the arrays have room for it: rows make them grow until they have.
sub has_room
{
	my @capacities = map { u32(meta('arrays') + $_ * $array_meta_size + 8) } 0 .. 3;
	return $capacities[$extents] > $extent_count
	  && !grep { $capacities[$_] < $ordinals + 32 } $vectors, $codes, $entries;
}
for (1 .. 40)
{
	open_index_file($node);
	read_counts();
	last if has_room();
	start_with_bytes();
	$node->safe_psql('postgres', q(INSERT INTO items SELECT nextval('item_id'), v FROM queries));
}
start_with_bytes();
$node->safe_psql('postgres', 'DELETE FROM items WHERE id % 4 = 0; VACUUM (INDEX_CLEANUP on) items');
open_index_file($node);
read_counts();
my $abandoned = 0;
for my $ordinal (0 .. $ordinals - 1)
{
	next if u8(entry_at($ordinal) + $entry_state) != $free;
	set_u8(entry_at($ordinal) + $entry_state, ++$abandoned % 2 ? $reserved : $empty);
}
cmp_ok($abandoned, '>', 100, 'entries that were left behind');

ok(has_room(), 'the arrays have room for an extent');

# Its pages exist before it is handed out: those of runs that were not written yet are made like others.
sub block_of
{
	my ($array, $number) = @_;
	my $at = meta('arrays') + $array * $array_meta_size;
	my ($per_page, $run_count) = (u32($at + 4), u32($at + 12));
	my ($run) = grep { u32($at + 16 + 12 * $_) <= $number } reverse 0 .. $run_count - 1;
	my ($first_slot, $first_block) = map { u32($at + 16 + 12 * $run + 4 * $_) } 0, 1;
	return 2 + $first_block + int(($number - $first_slot) / $per_page);
}
for my $array ($vectors, $codes, $entries)
{
	my $model = (blocks_of($array))[0] * $block_size;
	for my $page (map { block_of($array, $_) * $block_size } $ordinals .. $ordinals + 31)
	{
		next if substr($bytes, $page, $block_size) =~ /[^\0]/;
		substr($bytes, $page, $payload) = substr($bytes, $model, $payload);
		substr($bytes, $page + $block_size - 8, 8) = substr($bytes, $model + $block_size - 8, 8);
	}
}
my ($last) = grep { extent_member($_, $extent_list) == $long && extent_member($_, $extent_next) == $none }
  0 .. $extent_count - 1;
set_u32(meta('ordinals'), $ordinals + 32);
set_u32(meta($meta_extents), $extent_count + 1);
substr($bytes, extent_at($extent_count), 32) = pack('V8', $long, $ordinals, 32, 0, $none, 0, 0, $none);

start_with_bytes();
check_index($node, 'with what inserts have left behind');
is_right($node, 'with what inserts have left behind');
$node->safe_psql('postgres', 'DELETE FROM items WHERE id = 3; VACUUM (INDEX_CLEANUP on) items');
is(index_info($node, 'nodes'), $node->safe_psql('postgres', 'SELECT count(*) FROM items'), 'vacuum has taken back what inserts have left behind');
check_index($node, 'vacuumed');
is_right($node, 'vacuumed');
$node->safe_psql('postgres', q(
	CREATE TABLE more AS SELECT * FROM items WHERE id % 29 = 1;
	INSERT INTO items SELECT nextval('item_id'), v FROM more));
check_index($node, 'and used again');
is_right($node, 'and used again');

open_index_file($node);
is(u32(meta($meta_extents)), $extent_count + 1, 'no extent was added');
is(extent_member($last, $extent_next), $extent_count, 'the one that was alone is in the chain');

is(crashes(), 0, 'no backend has crashed');
done_testing();
