# vectorstore and pgvector 0.8.0, each in its own database, give the same answers to the same
# expressions, and the same errors: SQLSTATE and message.  Thousands of expressions: every function,
# operator, cast and aggregate of the types on good and bad input, index definitions included.  What
# differs on purpose is in @different, with the reason; nothing else may.
#
# Distances are compared with a tolerance: the order in which a sum is computed is not part of the contract.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorstoreTest;

my $node = new_cluster('answers');
plan skip_all => 'pgvector 0.8.0 is not installed'
  if $node->safe_psql('postgres', "SELECT default_version FROM pg_available_extensions WHERE name = 'vector'") ne '0.8.0';

# An expression's pattern, and why its answers differ.
my @different = (
	{
		expression => qr/_(?:avg|accum|combine)\(/,
		ours => qr/^22023 \w+: expected state array$/,
		reason => 'a bad state of an aggregate is the caller\'s mistake, not an internal error',
	},
	{
		expression => qr/_combine\('\[0:1\]=/,
		reason => 'bounds of an array are kept',
	},
	{
		expression => qr/^array_fill\(1, ARRAY\[16001\]\)::sparsevec/,
		ours => qr/^54000 sparsevec cannot have more than 16000 non-zero elements$/,
		reason => 'the limit holds for arrays too',
	},
	{
		expression => qr/^try_search/,
		ours => qr/^22000 different (?:\w+ dimensions|bit lengths) 3 and \d$/,
		theirs => qr/^22000 different (?:\w+ dimensions|bit lengths) \d and 3$/,
		reason => 'the operands are told in the order of the query, with an index as without',
	},
	{
		expression => qr/^try_index\('varbit'/,
		ours => qr/^22023 column does not have dimensions/,
		reason => 'values of bit varying are indexed too, where they have the same length',
	},
);

# ---------------------------------------------------------------- expressions

my @expressions;

sub quoted { return "'" . ($_[0] =~ s/'/''/gr) . "'"; }

my @lists = (
	'[1,2,3]', '[ 1, 2 ,3 ]', ' [1,2,3] ', '[1]', '[0]', '[0,0,0]', '[-0,1,2]', '[1e2,-1.5E-2,.5]', '[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]',
	'[]', '[ ]', '[,]', '[1,]', '[,1]', '[1,,2]', '1,2', '[1,2', '1,2]', '[1]2', '[1] x', '[[1]]', '{1,2}', '', ' ', '[1 2]',
	'[nan]', '[NaN,1]', '[inf]', '[-Infinity]', '[1e39]', '[-1e39]', '[1e-46]', '[1e38,1e38]', '[3e38,3e38,3e38]', '[1e-38,1e-30]', '[0x10]', '[1x]', '[x]', '[1.5,abc]', '[--1]', '[+1]',
	'[65504]', '[65519]', '[65520]', '[-65520]', '[1e-8]', '[3e-8]', '[0.1,0.2,0.3]', '[65504,65504,65504]', '[1,2,3]]', '[1e400]', '[1,2,3],', "[1\t,\n2]",
);
my @sparse = (
	'{1:1,3:2}/5', '{}/3', '{1:1,2:2,3:3}/3', ' { 1 : 1 , 3:2 } / 5 ', '{1:1}/0', '{1:1}/-1', '{1:1,1:2}/2', '{3:1,1:2}/3', '{0:1}/1', '{-1:1}/1', '{1:0}/3', '{2:-0}/3', '{4:1}/3', '{1:1}', '{1:1}/',
	'{1:1}/2x', '{1:1}/2 ', '{1:1,}/2', '{,1:1}/2', '{1}/2', '{1:}/2', '{:1}/2', '{1:nan}/2', '{1:inf}/2', '{1:1e39}/2', '{1:1e-46}/2', '{99999999999:1}/5', '{1:1}/99999999999', '{1:1}/1000000000',
	'{1:1}/1000000001', '{1000000000:1}/1000000000', '', '{', '{}', '[1,2,3]', '1:1/2', '{1:1 2:2}/3', '{1:1;2:2}/3', '{1:1}/3/4', '{1:x}/3', '{x:1}/3', '{1:65520}/3', '{1:1}/20000', '{1.5:1}/3', '{1:3e38,2:3e38}/3',
	'{1:1e-30,2:1e-30}/3',
);
my %inputs = (vector => \@lists, halfvec => \@lists, sparsevec => \@sparse);
my %well_formed = (
	vector => [ '[1,2,3]', '[0,0,0]', '[-4,5.5,0.25]', '[3e38,1,-3e38]', '[1e-38,1e-38,1]', '[1]', '[1,2]' ],
	halfvec => [ '[1,2,3]', '[0,0,0]', '[-4,5.5,0.25]', '[65504,1,-65504]', '[0.0001,0.00001,1]', '[1]', '[1,2]' ],
	sparsevec => [ '{1:1,2:2,3:3}/3', '{}/3', '{1:-4,3:0.25}/3', '{1:3e38,3:-3e38}/3', '{2:1e-38}/3', '{1:1}/1', '{3:7}/4' ],
);
my @own = sort keys %inputs;
my @bits = ("B''", "B'1'", "B'000'", "B'101'", "B'111'", "B'10110101101011010110101'", "repeat('10', 300)::bit(600)", "repeat('011', 200)::bit(600)");

# Text, modifiers
for my $type (@own)
{
	push @expressions, map { my $v = quoted($_); ("$v\::$type", "$v\::$type(3)") } @{ $inputs{$type} };
	push @expressions, map {; "'[1,2,3]'::$type($_)", "NULL::$type($_)" } (0, -1, 1, 16000, 16001, 1000000000, 1000000001, 2147483648, "'a'", '3, 4');
}
push @expressions, map { my $type = $_; map {; "length(('[' || repeat('1,', $_) || '1]')::$type\::text)" } 15999, 16000 } 'vector', 'halfvec';
push @expressions, map {; "length(('{' || (SELECT string_agg(i || ':1', ',') FROM generate_series(1, $_) i) || '}/20000')::sparsevec::text)" } 16000, 16001;

# Arrays
for my $type (@own)
{
	for my $array ('{1,2,3}', '{1}', '{}', '{NULL}', '{1,NULL}', '{{1,2},{3,4}}', '[2:4]={1,2,3}')
	{
		push @expressions, map { my $element = $_; map {; "'$array'::$element\[]::$_" } $type, "$type(3)" } 'int', 'real', 'float8', 'numeric';
	}
	push @expressions, map { my $element = $_; map {; "'{$_}'::$element\[]::$type" } 'NaN', 'Infinity', '-Infinity', '0', '65520', '-0' } 'real', 'float8', 'numeric';
	push @expressions, "'{1e39}'::float8[]::$type", "'{1e39}'::numeric[]::$type", "'{1e-50}'::float8[]::$type", "'{1e-50}'::numeric[]::$type", "'{0.1,0.2}'::numeric[]::$type";
	push @expressions, map {; "array_fill(1, ARRAY[$_])::$type\::text = ''" } 16000, 16001;
}

# Casts between types
for my $from (@own)
{
	for my $to (@own, 'real[]', 'text')
	{
		push @expressions, map { my $v = $_; map {; "'$v'::$from\::$_" } $to, ($to =~ /vec/ ? "$to(3)" : ()) } @{ $well_formed{$from} };
	}
}
push @expressions, "'{1:1}/20000'::sparsevec::vector", "'{1:1}/20000'::sparsevec::halfvec", "'[65520]'::vector::halfvec", "'{1:65520}/2'::sparsevec::halfvec", "'[1e-9]'::vector::halfvec::sparsevec";

# Operators and functions of two values
for my $type (@own)
{
	my @v = map {; "'$_'::$type" } @{ $well_formed{$type} };
	for my $a (@v)
	{
		for my $b (@v)
		{
			push @expressions, map {; "$a $_ $b" } '<->', '<#>', '<=>', '<+>', '<', '<=', '=', '<>', '>=', '>';
			push @expressions, map {; "$a $_ $b" } '+', '-', '*', '||' if $type ne 'sparsevec';
			push @expressions, map {; "$_($a, $b)" } 'l2_distance', 'inner_product', 'cosine_distance', 'l1_distance', "${type}_cmp",
			  "${type}_l2_squared_distance", "${type}_negative_inner_product", $type eq 'sparsevec' ? () : "${type}_spherical_distance";
		}
		push @expressions, map {; "$_($a)" } 'l2_normalize', $type eq 'vector' ? 'vector_norm' : 'l2_norm', $type eq 'sparsevec' ? () : ('vector_dims', 'binary_quantize');
		push @expressions, map {; "$_($a)" } "${type}_out", "${type}_send";
		next if $type eq 'sparsevec';
		push @expressions, map { my $start = $_; map {; "subvector($a, $start, $_)" } -2147483648, -1, 0, 1, 2, 3, 4, 2147483647 } -2147483648, -2, -1, 0, 1, 2, 3, 4, 2147483647;
	}
	push @expressions, map {; "$_($v[0], NULL)" } 'l2_distance', 'inner_product';
}
push @expressions, map {; "array_fill(1, ARRAY[10000])::${_} || array_fill(1, ARRAY[10000])::${_}" } 'vector', 'halfvec';
for my $a (@bits)
{
	for my $b (@bits)
	{
		push @expressions, "$a <~> $b", "$a <%> $b", "hamming_distance($a, $b)", "jaccard_distance($a, $b)";
	}
}

# Aggregates, and what is behind them
for my $type ('vector', 'halfvec')
{
	my @v = map {; "'$_'" } @{ $well_formed{$type} };
	for my $list ("($v[0])", "($v[0]), ($v[2])", "(NULL)", "(NULL), ($v[0])", "($v[3]), ($v[3])", "($v[0]), ($v[5])", "($v[1]), ($v[4]), ($v[2])")
	{
		push @expressions, map {; "(SELECT $_(v::$type) FROM (VALUES $list) AS t(v))" } 'avg', 'sum';
	}
	push @expressions, map {; "(SELECT $_(v) FROM (SELECT NULL::$type AS v WHERE false) t)" } 'avg', 'sum';
	for my $state ('{}', '{0}', '{1}', '{0,0}', '{2,4,6,8}', '{-1,1}', '{NULL}', '{1,NULL}', '{{1},{2}}', '{1,1e300}', '{NaN,1,2,3}', '{1,NaN,1,1}', '[0:1]={1,2}')
	{
		push @expressions, "${type}_avg('$state')", "${type}_accum('$state', $v[0])", "${type}_accum('$state', $v[5])",
		  map {; "${type}_combine('$state', '$_')" } '{0}', '{1,2}', '{2,4,6,8}', '{}';
	}
}

# Calls of functions that casts and types use
push @expressions, map { my $type = $_; map {; "$type('$well_formed{$type}[0]'::$type, $_, true)" } -1, 3, 4 } @own;
push @expressions, map {; "${_}_typmod_in('{3}')", "${_}_typmod_in('{3,4}')", "${_}_typmod_in('{NULL}')", "${_}_typmod_in('{}')", "${_}_typmod_in('{x}')" } @own;
push @expressions, map {; "'{}'::${_}\[]", "ARRAY['$well_formed{$_}[0]'::$_]", "'$well_formed{$_}[0]'::$_ = ANY ('{}')" } @own;

# Definitions of indexes, with rows in the table and without
sub index_expression
{
	my ($type, $definition, @rows) = @_;
	my $rows = join(', ', map { quoted($_) } @rows);
	return 'try_index(' . quoted($type) . ', ' . quoted("CREATE $definition") . ", ARRAY[$rows]::text[])";
}
for my $type (@own, 'bit')
{
	my $column = "$type(3)";
	my $operators = $type eq 'bit' ? 'bit_hamming_ops' : "${type}_l2_ops";
	for my $method ('hnsw', 'ivfflat')
	{
		next if $method eq 'ivfflat' && $type eq 'sparsevec';
		my @options =
		  $method eq 'hnsw'
		  ? ('m = 1', 'm = 2', 'm = 100', 'm = 101', 'm = 33', 'm = x', 'ef_construction = 3', 'ef_construction = 4', 'ef_construction = 31',
			'ef_construction = 1000', 'ef_construction = 1001', 'm = 100, ef_construction = 200', 'm = 2, ef_construction = 4', 'M = 16')
		  : ('lists = 0', 'lists = 1', 'lists = 32768', 'lists = 32769', 'lists = x');
		push @expressions, map { index_expression($column, "INDEX ON %I USING $method (v $operators) WITH ($_)") } @options, 'nonsense = 1', 'fillfactor = 50';
		push @expressions, map { index_expression($column, $_) } (
			"INDEX ON %I USING $method (v $operators, v $operators)", "INDEX ON %I USING $method (id, v)",
			"UNIQUE INDEX ON %I USING $method (v $operators)", "INDEX ON %I USING $method (v $operators) INCLUDE (id)",
			"INDEX ON %I USING $method (v $operators DESC)", "INDEX ON %I USING $method (v $operators NULLS FIRST)",
			"INDEX ON %I USING $method (id)", "INDEX ON %I USING $method (v nonsense_ops)", "INDEX ON %I USING $method (v " . ($type eq 'vector' ? 'halfvec_l2_ops' : 'vector_l2_ops') . ")",
			"INDEX ON %I USING $method (v)", "INDEX ON %I USING $method (v $operators) WHERE id > 0");
		push @expressions, index_expression($type eq 'bit' ? 'varbit' : $type, "INDEX ON %I USING $method (v $operators)");
	}
	push @expressions, index_expression($column, 'INDEX ON %I (v)'), index_expression($column, 'UNIQUE INDEX ON %I (v)');
}
push @expressions, index_expression('vector', 'INDEX ON %I USING hnsw ((v::vector(3)) vector_l2_ops)', "'[1,2,3]'", "'[4,5,6]'"),
  index_expression('vector', 'INDEX ON %I USING hnsw ((v::vector(3)) vector_l2_ops)', "'[1,2,3]'", "'[4,5]'"),
  index_expression('vector', 'INDEX ON %I USING hnsw ((v::halfvec(3)) halfvec_l2_ops)', "'[1,2,3]'"),
  index_expression('vector', 'INDEX ON %I USING hnsw ((v::halfvec(3)) halfvec_l2_ops)', "'[1,2,70000]'"),
  index_expression('vector', 'INDEX ON %I USING hnsw ((binary_quantize(v)::bit(3)) bit_hamming_ops)', "'[1,2,3]'", 'NULL'),
  index_expression('vector(3)', 'INDEX ON %I USING hnsw (v vector_cosine_ops)', "'[0,0,0]'", "'[1,2,3]'", 'NULL'),
  index_expression('vector(3)', 'UNIQUE INDEX ON %I (v)', "'[1,2,3]'", "'[1,2,3]'");

push @expressions, map { my $count = $_; index_expression('sparsevec(2000)', 'INDEX ON %I USING hnsw (v sparsevec_l2_ops)',
	"(SELECT '{' || string_agg(i || ':1', ',') || '}/2000' FROM generate_series(1, $count) i)::sparsevec") } 1000, 1001;
push @expressions, index_expression('sparsevec(1000000000)', 'INDEX ON %I USING hnsw (v sparsevec_ip_ops)', "'{1000000000:1}/1000000000'", "'{}/1000000000'"),
  index_expression('sparsevec(3)', 'INDEX ON %I USING hnsw (v sparsevec_cosine_ops)', "'{}/3'", "'{1:1}/3'");

# Searches by an index, with good values and bad ones; rows that an index leaves out
for my $search (
	[ 'vector(3)', 'vector', [ '[1,2,3]', '[0,0,0]', '[-4,5.5,0.25]' ], [ '[1,1,1]', '[1,1]', '[1,1,1,1]', '[0,0,0]', undef ], [ 'l2 <->', 'ip <#>', 'cosine <=>', 'l1 <+>' ] ],
	[ 'halfvec(3)', 'halfvec', [ '[1,2,3]', '[0,0,0]', '[-4,5.5,0.25]' ], [ '[1,1,1]', '[1,1]', '[0,0,0]', '[65504,65504,65504]', undef ], [ 'l2 <->', 'ip <#>', 'cosine <=>', 'l1 <+>' ] ],
	[ 'sparsevec(3)', 'sparsevec', [ '{1:1,3:2}/3', '{}/3', '{2:-4.5}/3' ], [ '{1:1,2:1,3:1}/3', '{1:1}/2', '{}/3', undef ], [ 'l2 <->', 'ip <#>', 'cosine <=>', 'l1 <+>' ] ],
	[ 'bit(3)', 'bit', [ '110', '000', '111' ], [ '101', '10', '000', undef ], [ 'hamming <~>', 'jaccard <%>' ] ],
  )
{
	my ($column, $type, $rows, $queries, $distances) = @$search;
	my $values = join(', ', (map { quoted($_) } @$rows), 'NULL');
	for my $method ('hnsw', 'ivfflat')
	{
		for my $distance (grep { !/l1|jaccard/ || $method eq 'hnsw' } @$distances)
		{
			next if $method eq 'ivfflat' && $type eq 'sparsevec';
			my ($name, $operator) = split / /, $distance;
			push @expressions, map { "try_search('$column', '$method', '${type}_${name}_ops', '$operator', ARRAY[$values], "
				  . (defined $_ ? quoted($_) : 'NULL') . ')' } @$queries;
		}
	}
}

# The training of lists takes room for rows of floats, which makes a million dimensions too many here.
for my $limit ([ 'vector', 2000, 16000 ], [ 'halfvec', 4000, 16000 ], [ 'bit', 64000, 64002 ])
{
	my ($type, $theirs, $ours) = @$limit;
	my $operators = $type eq 'bit' ? 'bit_hamming_ops' : "${type}_l2_ops";
	for my $method ('hnsw', 'ivfflat')
	{
		push @expressions, map { index_expression("$type($_)", "INDEX ON %I USING $method (v $operators)") } $theirs, $theirs + 1, $ours;
		push @different, {
			expression => qr/^try_index\('$type\((?:@{[ $theirs + 1 ]}|$ours)\)'.* $method /,
			ours => qr/^created$/,
			theirs => qr/^54000 column cannot have more than $theirs dimensions for $method index$/,
			reason => 'more dimensions may be indexed',
		};
	}
}
push @expressions, index_expression('bit(1000000)', 'INDEX ON %I USING hnsw (v bit_hamming_ops)');
push @different, {
	expression => qr/^try_index\('bit\(1000000\)'/,
	ours => qr/^created$/,
	reason => 'more dimensions may be indexed',
};
push @expressions, index_expression('bit(1000001)', 'INDEX ON %I USING hnsw (v bit_hamming_ops)');
push @different, {
	expression => qr/^try_index\('bit\(1000001\)'/,
	ours => qr/^54000 column cannot have more than 1000000 dimensions for hnsw index$/,
	theirs => qr/^54000 column cannot have more than 64000 dimensions for hnsw index$/,
	reason => 'the limit is another one',
};

# Settings
for my $setting ('hnsw.ef_search', 'hnsw.iterative_scan', 'hnsw.max_scan_tuples', 'hnsw.scan_mem_multiplier', 'ivfflat.probes', 'ivfflat.max_probes', 'ivfflat.iterative_scan')
{
	push @expressions, map { "set_config('$setting', '$_', true)" } 0, 1, 2, 40, 999, 1000, 1001, 32768, 32769, 2147483648, 'x', '1.5', 'off', 'on', 'relaxed_order', 'strict_order', '1kB';
}

# ---------------------------------------------------------------- the comparison

my $try = <<'SQL';
CREATE FUNCTION try(expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
	kind regtype;
BEGIN
	EXECUTE 'SELECT (x)::text, pg_typeof(x) FROM (SELECT ' || expression || ' AS x OFFSET 0) s' INTO answer, kind;
	IF kind = 'float8'::regtype THEN
		RETURN 'number ' || answer;
	END IF;
	RETURN coalesce(answer, 'NULL');
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;

-- An index on the column of a table, with rows or without.
CREATE FUNCTION try_index(type text, definition text, rows text[] DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	value text;
BEGIN
	EXECUTE 'CREATE TABLE indexed (id int, v ' || type || ')';
	FOREACH value IN ARRAY rows LOOP
		EXECUTE 'INSERT INTO indexed VALUES (1, ' || value || ')';
	END LOOP;
	EXECUTE format(definition, 'indexed');
	DROP TABLE indexed;
	RETURN 'created';
END $$;

-- What a search by an index finds, all lists scanned, and the rounded distances; rows at the same
-- distance have no order.
CREATE FUNCTION try_search(type text, method text, class text, operator text, rows text[], query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	value text;
	answer text;
BEGIN
	EXECUTE format('CREATE TABLE indexed (v %s)', type);
	FOREACH value IN ARRAY rows LOOP
		EXECUTE format('INSERT INTO indexed VALUES (%L)', value);
	END LOOP;
	EXECUTE format('CREATE INDEX ON indexed USING %s (v %s)', method, class);
	SET LOCAL enable_seqscan = off;
	SET LOCAL ivfflat.probes = 100;
	EXECUTE format('SELECT string_agg(concat(v, '' at '', d), ''; '' ORDER BY d, v) FROM (SELECT v, round((v %1$s q)::numeric, 3) AS d FROM indexed, '
		'(SELECT %2$L::%3$s AS q OFFSET 0) s ORDER BY v %1$s %2$L LIMIT 10) found', operator, query, split_part(type, '(', 1)) INTO answer;
	RESET enable_seqscan;
	RESET ivfflat.probes;
	DROP TABLE indexed;
	RETURN answer;
END $$;
SQL

sub answers
{
	my ($database, $extension) = @_;
	my $text = join('', map { s/\\/\\\\/gr =~ s/\t/\\t/gr =~ s/\n/\\n/gr . "\n" } @expressions);
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, "CREATE EXTENSION $extension; $try; CREATE TABLE expressions (n serial, e text);
		COPY expressions (e) FROM STDIN;\n$text\\.\n");
	return split /\n/, $node->safe_psql($database,
		q(SET client_min_messages = error; SET jit = off; SELECT replace(try(e), E'\n', ' ') FROM expressions ORDER BY n));
}

my @theirs = answers('with_pgvector', 'vector');
my @ours = answers('with_vectorstore', 'vectorstore');
is(scalar @ours, scalar @expressions, 'an answer to each expression');
is(scalar @theirs, scalar @expressions, 'and one of pgvector');
note(scalar(@expressions) . ' expressions, ' . scalar(grep { /^[0-9A-Z]{5} / } @theirs) . ' of them errors');

# The same text, or nearly the same number.
sub same
{
	my ($ours, $theirs) = @_;
	return 1 if $ours eq $theirs;
	my ($x, $y) = map { /^number (-?[\d.]+(?:e[-+]?\d+)?)$/ ? $1 : return 0 } $ours, $theirs;
	return abs($x - $y) <= 1e-5 * abs($x) + 1e-12;
}

sub is_known
{
	my ($difference, $n) = @_;
	return
		 $expressions[$n] =~ $difference->{expression}
	  && (!$difference->{ours} || $ours[$n] =~ $difference->{ours})
	  && (!$difference->{theirs} || $theirs[$n] =~ $difference->{theirs});
}

my @unexpected;
for my $n (0 .. $#expressions)
{
	next if same($ours[$n], $theirs[$n]);
	next if grep { is_known($_, $n) } @different;
	push @unexpected, substr($expressions[$n], 0, 200) . "\n\tvectorstore: " . substr($ours[$n], 0, 200) . "\n\tpgvector:    " . substr($theirs[$n], 0, 200);
}
is(join("\n", @unexpected), '', 'answers and errors are those of pgvector');

$node->stop;
done_testing();
