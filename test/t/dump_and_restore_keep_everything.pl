# pg_dump and pg_restore (or psql) give a database that is the same: rows, definitions, options of the
# indexes; and its indexes answer right.  In the formats custom, plain and directory (with jobs), with
# COPY and with INSERT, with the extension in public and in a schema of its own.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use EveryType;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorstoreTest;

my $node = new_cluster('dump');
my $dumps = PostgreSQL::Test::Utils::tempdir();
my $database = 'source';

$node->safe_psql('postgres', 'CREATE DATABASE source');
$node->safe_psql($database, 'CREATE EXTENSION vectorstore');
create_tables($node, $database);
fill_tables($node, $database, 1 .. 300);
create_indexes($node, $database);
create_objects($node, $database);
check_searches($node, $database, 'before');

my $classes = () = operator_classes($node, $database);
cmp_ok($classes, '>=', 4, 'there are operator classes');

sub run_or_die
{
	my (@command) = @_;
	$node->command_ok(\@command, join(' ', @command[ 0, 1 ]));
	return;
}

# Definitions as pg_dump sees them, but for what it makes up anew for each dump.
sub schema_dump
{
	my ($from) = @_;
	my ($out, $errors) = run_command([ 'pg_dump', '--schema-only', $node->connstr($from) ]);
	return join("\n", grep { !/^\\(un)?restrict / } split /\n/, $out);
}

sub options
{
	my ($of) = @_;
	return $node->safe_psql($of, q(
		SELECT relname, reloptions, pg_get_indexdef(c.oid), indisvalid FROM pg_class c
		JOIN pg_index ON indexrelid = c.oid WHERE relnamespace = 'public'::regnamespace ORDER BY relname));
}

my $source_schema = schema_dump($database);
my $source_digest = tables_digest($node, $database);
my $source_options = options($database);
like($source_schema, qr/USING hnsw .* WITH \(m='8', ef_construction='100', storage=mmap\)/,
	'options are in the dump');

sub is_same
{
	my ($restored, $what) = @_;
	is(schema_dump($restored), $source_schema, "$what: definitions");
	is(tables_digest($node, $restored), $source_digest, "$what: rows");
	is(options($restored), $source_options, "$what: options of the indexes");
	check_searches($node, $restored, $what);
	return;
}

my @formats = (
	{ name => 'custom', dump => ['-Fc'], restore => [] },
	{ name => 'directory', dump => [ '-Fd', '-j2' ], restore => ['-j2'] },
	{ name => 'plain', dump => ['-Fp'] },
	{ name => 'inserts', dump => [ '-Fp', '--inserts', '--rows-per-insert=50' ] },
);
for my $format (@formats)
{
	my $name = $format->{name};
	my $target = "restored_$name";
	my $file = "$dumps/$name";
	$node->safe_psql('postgres', "CREATE DATABASE $target TEMPLATE template0");
	run_or_die('pg_dump', @{ $format->{dump} }, '-f', $file, $node->connstr($database));
	if ($format->{restore})
	{
		run_or_die('pg_restore', '--exit-on-error', @{ $format->{restore} }, '-d', $node->connstr($target), $file);
	}
	else
	{
		run_or_die('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $file, '-d', $node->connstr($target));
	}
	is_same($target, $name);
}

# A pipe, and a copy by the server itself.
$node->safe_psql('postgres', 'CREATE DATABASE restored_pipe TEMPLATE template0');
IPC::Run::run([ 'pg_dump', '-Fc', $node->connstr($database) ], '|',
	[ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored_pipe') ]) or die 'pipe';
is_same('restored_pipe', 'pipe');
$node->safe_psql('postgres', 'CREATE DATABASE restored_template TEMPLATE source');
is_same('restored_template', 'CREATE DATABASE ... TEMPLATE');

# The extension in a schema of its own, which is not in the search path of a restore.
$node->safe_psql('postgres', 'CREATE DATABASE apart');
$node->safe_psql('apart', q(
	CREATE SCHEMA extensions;
	CREATE EXTENSION vectorstore SCHEMA extensions;
	SET search_path = public, extensions;
	CREATE TABLE items (id int PRIMARY KEY, v vector(3), d float8 GENERATED ALWAYS AS (v <-> v) STORED);
	INSERT INTO items SELECT i, ARRAY[i, i % 7, 1] FROM generate_series(1, 200) i;
	CREATE INDEX items_index ON items USING hnsw (v vector_l2_ops) WITH (storage = mmap);
	CREATE INDEX ON items (v);
	CREATE VIEW near AS SELECT id, v <-> '[1,2,3]' AS distance FROM items));
$node->safe_psql('postgres', 'CREATE DATABASE apart_restored TEMPLATE template0');
run_or_die('pg_dump', '-Fc', '-f', "$dumps/apart", $node->connstr('apart'));
run_or_die('pg_restore', '--exit-on-error', '-d', $node->connstr('apart_restored'), "$dumps/apart");
is(schema_dump('apart_restored'), schema_dump('apart'), 'extension in its own schema: definitions');
for my $name ('apart', 'apart_restored')
{
	$node->safe_psql('postgres', "ALTER DATABASE $name SET search_path = public, extensions");
}
is(tables_digest($node, 'apart_restored'), tables_digest($node, 'apart'), 'extension in its own schema: rows');
is($node->safe_psql('apart_restored', q(
		SET enable_seqscan = off;
		SELECT id FROM items ORDER BY v <-> '[100,2,1]' LIMIT 1)),
	100, 'extension in its own schema: search');

$node->stop;
done_testing();
