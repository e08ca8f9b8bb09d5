# vectorstore_index_check finds what is wrong with lists, and tells where: one damage at a time.
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

# Slots and states: include/ivf/ivf_page.h.
my ($vectors, $codes, $entries, $extents, $centroids) = (0 .. 4);
my ($live, $free) = (1, 2);
my ($extent_list, $extent_first, $extent_capacity, $extent_used, $extent_next, $extent_free_count,
	$extent_free_from, $extent_tail) = map { 4 * $_ } 0 .. 7;
my ($entry_tid, $entry_state) = (0, 6);
my ($meta_lists, $meta_extent_count) = ($meta_at{method}, $meta_at{method} + 4);
my $none = 0xFFFFFFFF;

my $node = new_damaged_cluster();
create_items($node, 1000, pool => 1000);
create_index($node, storage => 'mmap', quantizer => 'sq8');
# Lists of several extents, with free entries
$node->safe_psql('postgres', q(
	SELECT take_from_pool() FROM generate_series(1, 1000);
	DELETE FROM items WHERE id % 5 = 0;
	VACUUM items));
check_index($node, 'a sound index');
cmp_ok(index_info($node, 'free_nodes'), '>', 300, 'with free entries');

open_index_file($node);

my $ordinals = u32(meta('ordinals'));
my $lists = u32(meta($meta_lists));
my $extent_count = u32(meta($meta_extent_count));
is($lists, 30, 'thirty lists');
cmp_ok($extent_count, '>', $lists, 'and more extents');

sub extent_at { return slot($extents, $_[0]); }
sub entry_at { return slot($entries, $_[0]); }

# A list with a second extent, and another
my ($list, $other) = grep { u32(extent_at($_) + $extent_next) != $none } 0 .. $lists - 1;
my $second = u32(extent_at($list) + $extent_next);
my $first_ordinal = u32(extent_at($list) + $extent_first);
my @used = $first_ordinal .. $first_ordinal + u32(extent_at($list) + $extent_used) - 1;
my ($entry, $entry2) = grep { u8(entry_at($_) + $entry_state) == $live } @used;
my ($freed) = grep { u8(entry_at($_) + $entry_state) == $free } @used;
ok(defined $entry2 && defined $freed, 'with rows and free entries');
# An entry that no row has had yet
my ($spare) = map { u32(extent_at($_) + $extent_first) + u32(extent_at($_) + $extent_used) }
  grep { u32(extent_at($_) + $extent_used) < u32(extent_at($_) + $extent_capacity) } 0 .. $extent_count - 1;
ok(defined $spare, 'and room');

is_found('a centroid that is no number',
	sub { set_u32(slot($centroids, 3) + 8, 0x7F800000); },
	qr/The centroid of list 3 has an element that is not finite/);

is_found('an extent of another list',
	sub { set_u32(extent_at($second) + $extent_list, $other); },
	qr/The chain of list \d+ leads to extent $second of list $other|corrupted extent $second.*It belongs to another list/s);
is_found('an extent of a list that does not exist',
	sub { set_u32(extent_at($second) + $extent_list, $lists); },
	qr/corrupted extent $second.*It belongs to a list that does not exist/s);
is_found('a chain that leads to no extent',
	sub { set_u32(extent_at($list) + $extent_next, $extent_count); },
	qr/corrupted extent $list.*It leads to slots or extents that do not exist/s);
is_found('a chain that goes round',
	sub { set_u32(extent_at($second) + $extent_next, $list); },
	qr/The chain of list $list leads to extent $list twice|goes round/);
is_found("a chain that leads into another list's",
	sub { set_u32(extent_at($list) + $extent_next, u32(extent_at($other) + $extent_next)); },
	qr/The chain of list $list leads to extent \d+ of list $other/);
is_found('a chain that ends too early',
	sub { set_u32(extent_at($list) + $extent_next, $none); },
	qr/Extent $second has \d+ entries in use but is in no chain/);
is_found('more entries in use than there are',
	sub { set_u32(extent_at($list) + $extent_used, u32(extent_at($list) + $extent_capacity) + 1); },
	qr/corrupted extent $list.*More of its slots are in use than it has/s);
is_found('an extent of broken blocks',
	sub { set_u32(extent_at($list) + $extent_first, $first_ordinal + 1); },
	qr/corrupted extent $list.*It does not consist of whole blocks/s);
is_found('an extent behind the end',
	sub { set_u32(extent_at($list) + $extent_first, int($ordinals / 32) * 32); },
	qr/corrupted extent $list.*It leads to slots or extents that do not exist/s);
is_found('entries of two extents',
	sub { set_u32(extent_at($list) + $extent_first, u32(extent_at($other) + $extent_first));
		  set_u32(extent_at($list) + $extent_capacity, 32);
		  set_u32(extent_at($list) + $extent_used, 1); },
	qr/Entry \d+ is in extent \d+ and in another one/);
is_found('entries of no extent',
	sub { set_u32(extent_at($second) + $extent_capacity, 0);
		  set_u32(extent_at($second) + $extent_used, 0); },
	qr/\d+ of $ordinals entries are in no extent/);

is_found('a state that there is not',
	sub { set_u8(entry_at($entry) + $entry_state, 9); }, qr/Entry $entry has state 9/);
is_found('an entry that was not handed out',
	sub { set_u8(entry_at($spare) + $entry_state, $free); },
	qr/Entry $spare has state $free but was not handed out/);
is_found('a row address that is none',
	sub { set_u16(entry_at($entry) + $entry_tid + 4, 0); }, qr/Entry $entry has an invalid row address/);
is_found("a row behind the table's end",
	sub { set_u16(entry_at($entry) + $entry_tid + 2, 60000); },
	qr/Entry $entry leads to row \(60000,\d+\), but the table has \d+ blocks/);
is_found('a row twice',
	sub { substr($bytes, entry_at($entry), 6) = substr($bytes, entry_at($entry2), 6); },
	qr/It leads to row \(\d+,\d+\) twice/);
is_found('a row that is not there',
	sub { set_u8(entry_at($entry) + $entry_state, $free); },
	qr/Row \(\d+,\d+\) of the table is not in it/);
is_found("a code that is not the vector's",
	sub {
		my $at = slot($codes, $entry) + 40;
		set_u8($at + $_, 255 - u8($at + $_)) for 0 .. 9;
	},
	qr/The code of entry $entry is not that of its vector/);
is_found('a vector that is no number',
	sub { set_u32(slot($vectors, $entry), 0x7FC00000); },
	qr/The vector of entry $entry has an element that is not finite/);

is_found('no lists', sub { set_u32(meta($meta_lists), 0); }, qr/metapage of index "items_index" does not fit the index/);
is_found('more lists than extents', sub { set_u32(meta($meta_lists), $extent_count + 1); },
	qr/metapage of index "items_index" does not fit the index/);
is_found('more extents than there is room for', sub { set_u32(meta($meta_extent_count), 1 << 30); },
	qr/metapage of index "items_index" does not fit the index/);

# Who counts entries without a look at them believes the metapage no more than the check does.
read_pristine();
set_u32(meta($meta_extent_count), 1 << 30);
start_with_bytes();
for my $command ('VACUUM items', "SELECT vectorstore_index_info('items_index')")
{
	my ($status, undef, $errors) = $node->psql('postgres', $command);
	ok($status != 0 && $errors =~ qr/metapage of index "items_index" does not fit the index/,
		"more extents than there is room for: $command")
	  or diag("status $status: $errors");
}
$node->stop('immediate');

# Hints may be wrong either way: nothing is lost by them, and the check does not mind.
read_pristine();
for my $extent (0 .. $extent_count - 1)
{
	set_u32(extent_at($extent) + $extent_free_count, 1000 * ($extent % 2));
	set_u32(extent_at($extent) + $extent_free_from, $extent % 3 ? 0 : $none);
	set_u32(extent_at($extent) + $extent_tail, $extent_count - 1) if $extent < $lists;
}
start_with_bytes();
check_index($node, 'wrong hints');
$node->safe_psql('postgres', 'SELECT take_from_pool() FROM generate_series(1, 500)');
is_right($node, 'wrong hints, and more rows', all_rows => 1);
check_index($node, 'wrong hints, and more rows');
$node->safe_psql('postgres', 'DELETE FROM items WHERE id % 3 = 0; VACUUM items');
$node->safe_psql('postgres', 'SELECT take_from_pool() FROM generate_series(1, 500)');
is_right($node, 'wrong hints, vacuumed, and more rows', all_rows => 1);
check_index($node, 'wrong hints, vacuumed');

# Codes in blocks of 32
$node->safe_psql('postgres', 'DROP INDEX items_index');
create_index($node, storage => 'mmap', quantizer => 'rabitq');
$node->safe_psql('postgres', 'SELECT take_from_pool() FROM generate_series(1, 100)');
check_index($node, 'codes in blocks');
keep_index_file();
read_pristine();
my ($coded) = grep { u8(entry_at($_) + $entry_state) == $live } 45 .. u32(meta('ordinals')) - 1;
my $lane = $coded % 32;
sub block_at { return slot($codes, int($coded / 32)); }
is_found("a code's factor that is another",
	sub { set_u8(block_at() + 4 * $lane, u8(block_at() + 4 * $lane) ^ 1); },
	qr/The code of entry $coded is not that of its vector/);
is_found('a bit of a code that is another',
	sub {
		my $at = block_at() + 400 + 16 * 3 + 2 * ($lane % 8) + int($lane / 8) % 2;
		set_u8($at, u8($at) ^ ($lane < 16 ? 1 : 16));
	},
	qr/The code of entry $coded is not that of its vector/);
is_found('blocks of no codes', sub { set_u16(meta(18), 0); }, qr/The number of codes in a slot is zero/);
is_found('blocks of more codes', sub { set_u16(meta(18), 64); },
	qr/metapage of index "items_index" does not fit the index/);
read_pristine();
start_with_bytes();
check_index($node, 'codes in blocks, sound again');

$node->stop;
done_testing();
