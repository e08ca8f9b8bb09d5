# IndexFile: the file of items_index as bytes, for tests that damage it.
#
#   new_damaged_cluster()     a server for that
#   without_checksums()       options of initdb for one
#   open_index_file($node)    stops the server and keeps the file as it is: pristine
#   read_pristine()           $bytes is that again
#   start_with_bytes()        starts the server on a file of these bytes
#   is_found(WHAT, DAMAGE, MESSAGE)   one test: vectorstore_index_check finds a damage, a function
#                             that changes $bytes, and says so
#   is_sound(WHAT, CHANGE)    it finds nothing wrong after a change
#
# Page formats: include/storage/page.h, include/storage/metapage.h.
package IndexFile;

use strict;
use warnings;

use Exporter 'import';
use File::Copy qw(copy);
use PostgreSQL::Test::Utils;
use Test::More;
use VectorstoreTest;

our @EXPORT = qw(
  $bytes $block_size $payload %meta_at $array_meta_size
  without_checksums new_damaged_cluster
  open_index_file keep_index_file read_pristine start_with_bytes is_found is_sound crashes
  u8 u16 u32 set_u8 set_u16 set_u32 meta blocks_of slot
);

our $bytes;
our $block_size = 8192;
our $payload = 24;
my $special = 8;

# Offsets in the metapage's payload; "method" is where the index method's own part begins.
our %meta_at = (
	magic => 0, version => 4, index_method => 6, data_blocks => 24, ordinals => 28, free_head => 32,
	free_count => 36, method => 80, arrays => 208);
our $array_meta_size = 16 + 100 * 12;

my ($node, $file, $pristine);

# initdb's options for pages that may be changed behind the server's back: since 18 it turns checksums
# on unless told otherwise.
sub without_checksums
{
	return `initdb --help` =~ /--no-data-checksums/ ? '--no-data-checksums' : ();
}

# A server whose crashes are seen in its log, without collations that differ between machines.
sub new_damaged_cluster
{
	my $cluster = PostgreSQL::Test::Cluster->new('primary');
	$cluster->init(extra => [ '--no-locale', without_checksums() ]);
	configure($cluster, 'restart_after_crash = on');
	$cluster->start;
	return $cluster;
}

sub open_index_file
{
	($node) = @_;
	$pristine = $node->basedir . '/pristine';
	keep_index_file();
	read_pristine();
	return;
}

# The index may have another file since the last time.
sub keep_index_file
{
	$file = index_file($node);
	settle($node);
	$node->stop;
	copy($file, $pristine) or die "$file: $!";
	return;
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

# The same change is none to complain of.
sub is_sound
{
	my ($what, $change) = @_;
	read_pristine();
	$change->();
	start_with_bytes();
	my ($status, undef, $errors) =
	  $node->psql('postgres', "SELECT vectorstore_index_check('items_index')");
	is($status, 0, $what) or diag($errors);
	$node->stop('immediate');
	return;
}

# ---------------------------------------------------------------- numbers at an offset

sub u8 { return unpack('C', substr($bytes, $_[0], 1)); }
sub u16 { return unpack('v', substr($bytes, $_[0], 2)); }
sub u32 { return unpack('V', substr($bytes, $_[0], 4)); }
sub set_u8 { substr($bytes, $_[0], 1) = pack('C', $_[1]); return; }
sub set_u16 { substr($bytes, $_[0], 2) = pack('v', $_[1]); return; }
sub set_u32 { substr($bytes, $_[0], 4) = pack('V', $_[1]); return; }

# Offset of a member of the metapage, by its name or its offset in the payload
sub meta { return $payload + ($meta_at{ $_[0] } // $_[0]); }

# Blocks of the file that belong to an array, by its number, in order
sub blocks_of
{
	my ($array) = @_;
	my @blocks;
	for my $block (0 .. length($bytes) / $block_size - 1)
	{
		my ($kind, $number) = unpack('v2', substr($bytes, ($block + 1) * $block_size - $special, 4));
		push @blocks, $block if $kind == 3 && $number == $array;
	}
	return @blocks;
}

# Offset of a slot of an array, whose slots may be packed over the ends of pages
sub slot
{
	my ($array, $ordinal) = @_;
	my ($size, $per_page) =
	  unpack('V2', substr($bytes, meta('arrays') + $array * $array_meta_size, 8));
	my $page_size = $block_size - $payload - $special;
	my $at = $per_page ? $ordinal % $per_page * $size : $ordinal * $size % $page_size;
	my $page = $per_page ? int($ordinal / $per_page) : int($ordinal * $size / $page_size);
	return (blocks_of($array))[$page] * $block_size + $payload + $at;
}

1;
