# sql/REFERENCE.md says what there is: each member of the extension is in it, with its result, and each
# one in it exists; so do the options of indexes, with their values, and the settings, with range and
# default.  And everything that pgvector 0.8.0 has (test/data/pgvector-0.8.0.members) is there with the
# same properties, or in the reference's list of what is not.
#
# A line of the reference is "- `MEMBER`, `MEMBER` → `RESULT`: what it is"; the section says of which kind.
# Each failure lists the lines to write or to remove.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorstoreTest;

my $top = "$FindBin::RealBin/../..";
my $node = new_cluster('reference');

# ---------------------------------------------------------------- what there is

# Members as "KIND IDENTITY" => properties.  Types of arrays come with their types.
sub members
{
	my ($database, $extension) = @_;
	my $rows = $node->safe_psql($database, <<"SQL");
SELECT kind || ' ' || regexp_replace(regexp_replace(identity, '"?\\m(public|pg_catalog)"?\\.', '', 'g'), ',(?! )', ', ', 'g')
	|| coalesce(' | ' || properties, '') AS member
FROM (
	SELECT i.type AS kind, i.identity, CASE d.classid
		WHEN 'pg_proc'::regclass THEN (SELECT concat_ws(', ', 'returns ' || format_type(prorettype, NULL),
				CASE provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END,
				CASE WHEN proisstrict THEN 'strict' END,
				CASE proparallel WHEN 's' THEN 'parallel safe' WHEN 'r' THEN 'parallel restricted' ELSE 'parallel unsafe' END)
			FROM pg_proc WHERE oid = d.objid)
		WHEN 'pg_operator'::regclass THEN (SELECT concat_ws(', ', 'returns ' || format_type(oprresult, NULL),
				'commutator ' || (SELECT oprname FROM pg_operator c WHERE c.oid = o.oprcom),
				'negator ' || (SELECT oprname FROM pg_operator n WHERE n.oid = o.oprnegate),
				CASE WHEN oprcanhash THEN 'hashes' END, CASE WHEN oprcanmerge THEN 'merges' END)
			FROM pg_operator o WHERE o.oid = d.objid)
		WHEN 'pg_cast'::regclass THEN (SELECT CASE castcontext WHEN 'i' THEN 'implicit' WHEN 'a' THEN 'assignment' ELSE 'explicit' END
			FROM pg_cast WHERE oid = d.objid)
		WHEN 'pg_opclass'::regclass THEN (SELECT concat_ws(', ', 'for ' || format_type(opcintype, NULL), CASE WHEN opcdefault THEN 'default' END, (SELECT string_agg(amopstrategy || ' ' || oprname, ' ' ORDER BY amopstrategy)
					FROM pg_amop JOIN pg_operator o ON o.oid = amopopr WHERE amopfamily = opcfamily AND amoplefttype = opcintype))
			FROM pg_opclass WHERE oid = d.objid)
		WHEN 'pg_type'::regclass THEN (SELECT concat_ws(', ', 'storage ' || typstorage::text, 'category ' || typcategory::text, CASE WHEN typmodin <> 0 THEN 'with modifier' END)
			FROM pg_type WHERE oid = d.objid)
		END AS properties
	FROM pg_depend d, pg_identify_object(d.classid, d.objid, d.objsubid) i
	WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
	AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = '$extension')
	AND i.identity !~ '\\[\\]\$'
) m ORDER BY m.kind COLLATE "C", m.identity COLLATE "C";
SQL
	return map { my ($member, $properties) = split / \| /, $_, 2; $member => $properties // '' } split /\n/, $rows;
}

my %members = members('postgres', 'vectorstore');

# An operator class without a family of its own makes one of the same name.
for my $class (grep { s/^operator class // } keys %members)
{
	delete $members{"operator family $class"};
}

sub settings
{
	my ($database, $library) = @_;
	return map { split /=/, $_, 2 } split /\n/, $node->safe_psql($database, qq(
		LOAD '$library';
		SELECT name || '=' || CASE vartype WHEN 'enum' THEN array_to_string(enumvals, ', ') WHEN 'bool' THEN 'on, off'
			ELSE min_val || ' to ' || max_val END || ', default ' || boot_val
		FROM pg_settings WHERE name ~ '^(hnsw|ivf|ivfflat|vectorstore)[.]'));
}

# ---------------------------------------------------------------- what the reference says

my %KIND = (
	'Types' => 'type',
	'Operators' => 'operator',
	'Functions' => 'function',
	'Aggregates' => 'aggregate',
	'Casts' => 'cast',
	'Operator classes' => 'operator class',
	'Access methods' => 'access method',
	'Index options' => 'option',
	'Settings' => 'setting',
	'What pgvector has and vectorstore has not' => 'absent',
	'What has other properties than in pgvector' => 'different',
);

# As the catalogs say it, from a reader's form.
sub identity
{
	my ($kind, $code) = @_;
	return "operator $2($1, $3)" if $kind eq 'operator' && $code =~ /^(\w+) (\S+) (\w+)$/;
	return "cast ($code)" if $kind eq 'cast';
	return $code if $kind =~ /^(?:absent|different)$/;
	return "$kind $code";
}

my (%documented, %absent, %different, @options, %settings, @twice);
my $kind;
for my $line (split /\n/, slurp_file("$top/sql/REFERENCE.md"))
{
	if ($line =~ /^## (.*)/)
	{
		$kind = $KIND{$1} or die "REFERENCE.md has a section that this test does not know: $1";
	}
	next unless $kind && $line =~ /^- (.*)/;
	my $rest = $1;
	if ($kind eq 'option')
	{
		$rest =~ /^`(\w+)` of (`\w+`(?:, `\w+`)*): `([^`]+)`, default.*: ./ or die "not understood: $line";
		my ($name, $methods, $values) = ($1, $2, $3);
		push @options, { name => $name, method => $_, values => $values } for $methods =~ /`(\w+)`/g;
		next;
	}
	if ($kind eq 'setting')
	{
		$rest =~ /^`([\w.]+)`: `([^`]+)`, default `([^`]+)`: ./ or die "not understood: $line";
		push @twice, $1 if $settings{$1};
		$settings{$1} = "$2, default $3";
		next;
	}
	$rest =~ /^(`[^`]+`(?:, `[^`]+`)*)(?: → `([^`]+)`)?: (.+)/ or die "not understood: $line";
	my ($codes, $result, $text) = ($1, $2, $3);
	for my $code ($codes =~ /`([^`]+)`/g)
	{
		my $member = identity($kind, $code);
		my $list = $kind eq 'absent' ? \%absent : $kind eq 'different' ? \%different : \%documented;
		push @twice, $member if $list->{$member};
		$list->{$member} = { result => $result // '', text => $text };
	}
}

sub is_empty
{
	my ($what, @list) = @_;
	is(join("\n", sort @list), '', $what);
	return;
}

# ---------------------------------------------------------------- the comparison

cmp_ok(scalar keys %members, '>', 60, 'the extension has members');
is_empty('nothing is documented twice', @twice);
is_empty('every member is documented', grep { !$documented{$_} } keys %members);
is_empty('every documented member exists', grep { !exists $members{$_} } keys %documented);

my @wrong;
for my $member (grep { exists $members{$_} } keys %documented)
{
	my ($result, $text, $is) = (@{ $documented{$member} }{qw(result text)}, $members{$member});
	my $right;
	if ($member =~ /^(?:function|operator|aggregate) (?!class)/)
	{
		$right = $is =~ /^returns \Q$result\E(?:,|$)/;
	}
	elsif ($member =~ /^operator class/)
	{
		my ($type, $operator) = $result =~ /^(\w+) (\S+) \w+$/;
		$right = defined $operator && $is =~ /^for $type, (?:default, )?1 \Q$operator\E(?: |$)/
		  && ($is =~ /default/ xor $text !~ /\(default\)/);
	}
	elsif ($member =~ /^cast/)
	{
		$right = $is eq $result;
	}
	else
	{
		$right = $result eq '';
	}
	push @wrong, "$member: $is" unless $right;
}
is_empty('results, contexts and defaults are as documented', @wrong);

my %is_setting = settings('postgres', 'vectorstore');
is_empty('settings are documented, with range and default',
	map { "$_: $is_setting{$_}" } grep { ($settings{$_} // '') ne $is_setting{$_} } keys %is_setting);
is_empty('documented settings exist', grep { !exists $is_setting{$_} } keys %settings);

# ---------------------------------------------------------------- options

# Each documented value is accepted, the next one is not; and no option in the sources is left out.
my %needs = ('m=100' => 'ef_construction = 1000', 'ef_construction=4' => 'm = 2', 'warmup=lock' => 'storage = mmap',
	'codes=edges' => 'quantizer = rabitq', map { ("bits=$_" => 'quantizer = rabitq') } 1, 2, 4, 8);
$node->safe_psql('postgres', 'CREATE TABLE options (v vector(3))');

sub accepts
{
	my ($method, $name, $value) = @_;
	my $with = join(', ', "$name = $value", $needs{"$name=$value"} // ());
	my ($status, undef, $errors) = $node->psql('postgres',
		"BEGIN; CREATE INDEX ON options USING $method (v vector_l2_ops) WITH ($with); ROLLBACK");
	die $errors if $status != 0 && $errors !~ /out of bounds for option|invalid value for (?:enum|integer) option/;
	return $status == 0;
}

my (@refused, @accepted);
for my $option (@options)
{
	my ($method, $name, $values) = @{$option}{qw(method name values)};
	my ($min, $max) = $values =~ /^(\d+) to (\d+)$/;
	my @valid = defined $min ? ($min, $max) : split /, /, $values;
	my @invalid = defined $min ? ($min - 1, $max + 1) : ('nonsense');
	push @refused, map { "$method: $name = $_" } grep { !accepts($method, $name, $_) } @valid;
	push @accepted, map { "$method: $name = $_" } grep { accepts($method, $name, $_) } @invalid;
}
cmp_ok(scalar @options, '>=', 5, 'there are options');
is_empty('documented values of options are accepted', @refused);
is_empty('other values are not', @accepted);

my @sources = map { slurp_file($_) } glob("$top/src/*/*.c");
my %in_sources = map { $_ => 1 } map { /add_\w+_reloption\(\s*[\w>-]+,\s*"(\w+)"/g } @sources;
my %in_reference = map { $_->{name} => 1 } @options;
is_deeply([ sort keys %in_reference ], [ sort keys %in_sources ], 'every option in the sources is documented');

# ---------------------------------------------------------------- pgvector

my %pgvector = map { my ($member, $properties) = split / \| /, $_, 2; $member => $properties // '' }
  grep { !/^(?:#|$)/ } split /\n/, slurp_file("$top/test/data/pgvector-0.8.0.members");
my %pgvector_settings = map { s/^setting //r => delete $pgvector{$_} } grep { /^setting / } keys %pgvector;
cmp_ok(scalar keys %pgvector, '>', 200, 'pgvector has members');

is_empty('what pgvector has is there, or documented as absent',
	grep { !exists $members{$_} && !$absent{$_} && !/^operator family/ } keys %pgvector);
is_empty('what is documented as absent is absent, and in pgvector',
	grep { exists $members{$_} || !exists $pgvector{$_} } grep { !/^setting / } keys %absent);
is_empty('properties are those of pgvector, or documented as different',
	map { "$_: $members{$_}; in pgvector: $pgvector{$_}" }
	  grep { exists $members{$_} && $members{$_} ne $pgvector{$_} && !$different{$_} } keys %pgvector);
is_empty('what is documented as different is so',
	grep { !exists $members{$_} || !exists $pgvector{$_} || $members{$_} eq $pgvector{$_} } keys %different);
is_empty('settings of pgvector are there, with range and default',
	map { "$_: $pgvector_settings{$_}" }
	  grep { ($is_setting{$_} // '') ne $pgvector_settings{$_} && !$absent{"setting $_"} } keys %pgvector_settings);
is_empty('settings that are documented as absent are so', grep { s/^setting // && exists $is_setting{$_} } keys %absent);

# The list of pgvector's members is that of pgvector itself.
SKIP:
{
	my $version = $node->safe_psql('postgres',
		"SELECT default_version FROM pg_available_extensions WHERE name = 'vector'");
	skip 'pgvector 0.8.0 is not installed', 2 if $version ne '0.8.0';
	$node->safe_psql('postgres', 'CREATE DATABASE pgvector');
	$node->safe_psql('pgvector', 'CREATE EXTENSION vector');
	my %is = members('pgvector', 'vector');
	is_deeply(\%pgvector, \%is, 'members of pgvector are those in the list');
	my %is_setting = settings('pgvector', 'vector');
	is_deeply(\%pgvector_settings, \%is_setting, 'settings of pgvector are those in the list');
}

$node->stop;
done_testing();
