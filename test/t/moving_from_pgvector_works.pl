# The commands in the documents do what the documents say: each block of SQL and of shell in README.md
# and sql/MOVING.md is run, in order.  Blocks that need pgvector are skipped where it is not installed.
#
# A comment before a block says more than the block does:
#
#   <!-- needs pgvector -->
#   <!-- database: NAME -->    run it in this database, which is created when first named
#
# Without one, a block of SQL goes on in the database that the last block of its document was in.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorstoreTest;

my $top = "$FindBin::RealBin/../..";
my $node = new_cluster('documents', init => { allows_streaming => 'logical' });
my $directory = PostgreSQL::Test::Utils::tempdir();
my $pgvector = $node->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'");

$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;
chdir $directory or die "$directory: $!";

# Blocks as hashes: language, text, line, and what the comment before it says.
sub blocks
{
	my ($path) = @_;
	my (@blocks, %comment, $block);
	my $number = 0;
	for my $line (split /\n/, slurp_file("$top/$path"))
	{
		$number++;
		if ($block)
		{
			if ($line =~ /^```/) { push @blocks, $block; undef $block; }
			else { $block->{text} .= "$line\n"; }
		}
		elsif ($line =~ /^```(\w+)$/)
		{
			$block = { language => $1, text => '', name => "$path, line $number", %comment };
			%comment = ();
		}
		elsif ($line =~ /^<!-- needs pgvector -->$/) { $comment{needs_pgvector} = 1; }
		elsif ($line =~ /^<!-- database: (\w+) -->$/) { $comment{database} = $1; }
		elsif ($line =~ /^```/) { die "$path, line $number: a block without a language"; }
	}
	die "$path: a block without an end" if $block;
	return @blocks;
}

my %created;

sub run_document
{
	my ($path) = @_;
	my $current = 'postgres';
	my @blocks = blocks($path);
	cmp_ok(scalar @blocks, '>=', 1, "$path has blocks");
	for my $block (@blocks)
	{
	  SKIP:
		{
			skip "$block->{name}: pgvector is not installed", 1 if $block->{needs_pgvector} && !$pgvector;
			my $database = $block->{database} // $current;
			$node->safe_psql('postgres', "CREATE DATABASE $database")
			  if $block->{database} && !$created{$database}++;
			my @command =
			  $block->{language} eq 'sql'
			  ? ('psql', '-X', '-v', 'ON_ERROR_STOP=1', '-d', $database, '-f', '-')
			  : $block->{language} eq 'sh' ? ('bash', '-euo', 'pipefail')
			  : die "$block->{name}: what is $block->{language}?";
			my ($out, $errors) = ('', '');
			my $succeeded = IPC::Run::run(\@command, '<', \$block->{text}, '>', \$out, '2>', \$errors);
			ok($succeeded, "$block->{name}: runs") or diag($out, $errors);
			$current = $1 if !$block->{database} && $block->{text} =~ /.*^\\connect (\w+)/ms;
		}
	}
	return;
}

$node->safe_psql('postgres', 'DROP EXTENSION vectorstore');
run_document('README.md');
$node->safe_psql('postgres', 'DROP TABLE items; DROP EXTENSION vectorstore');
run_document('sql/MOVING.md');

SKIP:
{
	skip 'pgvector is not installed', 4 unless $pgvector;
	for my $database ('app', 'app_next')
	{
		is($node->safe_psql($database, "SELECT extname FROM pg_extension WHERE extname LIKE 'vector%'"),
			'vectorstore', "$database: has no pgvector");
	}
	my $rows = "SELECT md5(string_agg(i::text, '/' ORDER BY id)) FROM items i WHERE id <= 1000";
	is($node->safe_psql('app', $rows), $node->safe_psql('app_old', $rows), 'app: the rows');
	my $all = 'SELECT count(*), max(id), nextval(\'items_id_seq\') FROM items';
	is($node->safe_psql('app_next', $all), $node->safe_psql('app_old', $all), 'app_next: the rows and the sequence');
}

$node->stop;
done_testing();
