# EveryType: a database that has every type, operator class and access method of the extension in
# use, for tests of what copies databases.
#
# What there is comes from the catalogs, so a new operator class is in these tests as soon as it is
# in the extension; a new type needs an entry in %SAMPLE, a new method one in %METHOD.
#
#   operator_classes($node, $database)   of the index methods: a list of hashes with the keys method,
#                                        class, type, operator, name (of the table and its index)
#   create_tables($node, $database)      a table NAME(id, v) for each, without rows or index
#   fill_tables($node, $database, @ids)  rows with these ids
#   create_indexes($node, $database)     NAME_index on each
#   create_objects($node, $database)     tables, views and indexes that depend on types and functions
#                                        in every other way: defaults, constraints, partitions, ...
#   tables_digest($node, $database)      one line for each table: rows, and a digest of their text
#   check_searches($node, $database, $what)
#                                        each index is used, finds the nearest rows and passes
#                                        vectorstore_index_check; one test for each index
package EveryType;

use strict;
use warnings;

use Exporter 'import';
use Test::More;

our @EXPORT = qw(
  operator_classes create_tables fill_tables create_indexes create_objects tables_digest
  check_searches
);

# A column's type, and an expression for the value of row "id" out of "e": integers from 0 to 63, as
# many as the type has dimensions.  Distances of such elements are exact even in half precision.
my $dimensions = 24;
my $dense = q('[' || (SELECT string_agg(x::text, ',' ORDER BY n) FROM unnest(e) WITH ORDINALITY u(x, n)) || ']');
my %SAMPLE = (
	vector => { column => "vector($dimensions)", value => $dense },
	halfvec => { column => "halfvec($dimensions)", value => $dense },
	sparsevec => {
		column => "sparsevec($dimensions)",
		value => q('{' || (SELECT string_agg(n || ':' || x + 1, ',' ORDER BY n)
			FROM unnest(e) WITH ORDINALITY u(x, n) WHERE x % 3 = 0 OR n = 1) || '}/' || ) . $dimensions,
	},
	bit => {
		column => "bit($dimensions)",
		value => q((SELECT string_agg((x % 2)::text, '' ORDER BY n) FROM unnest(e) WITH ORDINALITY u(x, n))),
	},
);

# The methods: an index's options, and what makes its searches look at nearly everything.  Other options
# go in turn.
my %METHOD = (
	hnsw => { options => 'm = 8, ef_construction = 100', effort => 'hnsw.ef_search = 1000' },
	ivf => { options => 'lists = 10', effort => 'ivf.probes = 10' },
	ivfflat => { options => 'lists = 10', effort => 'ivfflat.probes = 10' },
);
my @common_options = ('storage = mmap', 'storage = buffer_pool, warmup = prefetch', 'warmup = none');

my @known_classes;

sub operator_classes
{
	my ($node, $database) = @_;
	return @known_classes if @known_classes;
	my $rows = $node->safe_psql($database, q(
		SELECT DISTINCT am.amname, c.opcname, c.opcintype::regtype, o.oprname
		FROM pg_opclass c
		JOIN pg_depend d ON d.classid = 'pg_opclass'::regclass AND d.objid = c.oid AND d.deptype = 'e'
		JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'vectorstore'
		JOIN pg_am am ON am.oid = c.opcmethod
		JOIN pg_amop ao ON ao.amopfamily = c.opcfamily AND ao.amoppurpose = 'o'
		JOIN pg_operator o ON o.oid = ao.amopopr
		ORDER BY 1, 2));
	my @classes;
	for my $row (split /\n/, $rows)
	{
		my %class;
		@class{qw(method class type operator)} = split /\|/, $row;
		$class{name} = "$class{method}_$class{class}";
		die "EveryType.pm has no sample of the type $class{type}" unless $SAMPLE{ $class{type} };
		die "EveryType.pm does not know the method $class{method}" unless $METHOD{ $class{method} };
		push @classes, \%class;
	}
	return @known_classes = @classes;
}

sub create_tables
{
	my ($node, $database) = @_;
	$node->safe_psql($database, q(
		CREATE FUNCTION sample_elements(id int, n int) RETURNS int[] LANGUAGE sql IMMUTABLE AS $$
			SELECT array_agg(hashint4(id * 1000 + i) & 63 ORDER BY i) FROM generate_series(1, n) i $$));
	$node->safe_psql($database, join('', map {
		"CREATE TABLE $_->{name} (id int PRIMARY KEY, v $SAMPLE{ $_->{type} }{column});\n"
	} operator_classes($node, $database)));
	return;
}

# The value of a type for row "id" of a subquery that has it.
sub sample
{
	my ($type) = @_;
	return "(SELECT $SAMPLE{$type}{value} FROM (SELECT sample_elements(id, $dimensions) AS e) s)::$SAMPLE{$type}{column}";
}

sub fill_tables
{
	my ($node, $database, @ids) = @_;
	my $list = join(',', @ids);
	my $sql = '';
	for my $class (operator_classes($node, $database))
	{
		my $value = sample($class->{type});
		$sql .= "INSERT INTO $class->{name} SELECT id, $value FROM unnest(ARRAY[$list]) id;\n";
	}
	$node->safe_psql($database, $sql);
	return;
}

sub create_indexes
{
	my ($node, $database, $first) = @_;
	my $turn = $first // 0;
	my $sql = 'SET client_min_messages = warning;';
	for my $class (operator_classes($node, $database))
	{
		my $options = join(', ', $METHOD{ $class->{method} }{options}, $common_options[ $turn++ % 3 ]);
		$sql .= "CREATE INDEX $class->{name}_index ON $class->{name}"
		  . " USING $class->{method} (v $class->{class}) WITH ($options);\n";
	}
	$node->safe_psql($database, $sql);
	return;
}

# Types that have functions and classes of their own in the extension: not bit.
sub own_types
{
	my ($node, $database) = @_;
	return split /\n/, $node->safe_psql($database, q(
		SELECT t.typname FROM pg_type t
		JOIN pg_depend d ON d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
		JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'vectorstore'
		WHERE t.typelem = 0 ORDER BY 1));
}

sub create_objects
{
	my ($node, $database) = @_;
	my @classes = operator_classes($node, $database);
	my $sql = '';
	for my $type (own_types($node, $database))
	{
		my $column = $SAMPLE{$type}{column};
		my $value = sample($type);
		$sql .= qq(
			CREATE DOMAIN ${type}_domain AS $type CHECK (VALUE = VALUE);
			CREATE TYPE ${type}_pair AS (a $type, b $column);
			CREATE TABLE ${type}_uses (
				id int PRIMARY KEY,
				plain $type,
				sized $column NOT NULL UNIQUE,
				several ${type}[],
				pair ${type}_pair,
				apart float8 GENERATED ALWAYS AS (sized <-> sized) STORED,
				CHECK (l2_distance(sized, sized) = 0)
			);
			ALTER TABLE ${type}_uses ALTER sized SET STORAGE plain;
			INSERT INTO ${type}_uses SELECT id, v, v, ARRAY[v, NULL, v], ROW(NULL, v)::${type}_pair
				FROM (SELECT id, $value AS v FROM generate_series(1, 100) id) s;
			INSERT INTO ${type}_uses VALUES (1000, NULL, (SELECT l2_normalize(sized) FROM ${type}_uses WHERE id = 1));
			CREATE INDEX ON ${type}_uses (plain);
			CREATE VIEW ${type}_view AS
				SELECT id, sized <-> plain AS l2, sized <#> plain AS ip, sized <=> plain AS cosine,
					sized <+> plain AS l1, sized < plain AS less, l2_normalize(sized) AS unit, several[1] AS one
				FROM ${type}_uses;
			CREATE MATERIALIZED VIEW ${type}_kept AS SELECT id, l2_normalize(sized)::$column AS unit FROM ${type}_uses;
			CREATE FUNCTION ${type}_nearest(q $type) RETURNS int STABLE LANGUAGE sql AS
				'SELECT id FROM ${type}_uses ORDER BY sized <-> q LIMIT 1';
			CREATE TABLE ${type}_parts (id int, v $column DEFAULT (${\ literal($node, $database, $type) })) PARTITION BY RANGE (id);
			CREATE TABLE ${type}_part1 PARTITION OF ${type}_parts FOR VALUES FROM (0) TO (50);
			CREATE TABLE ${type}_part2 PARTITION OF ${type}_parts DEFAULT;
			INSERT INTO ${type}_parts SELECT id, sized FROM ${type}_uses;
			INSERT INTO ${type}_parts VALUES (7);
);
		next unless grep { $_->{type} eq $type && $_->{method} eq 'hnsw' } @classes;
		$sql .= qq(
			CREATE INDEX ${type}_partial ON ${type}_uses USING hnsw (sized ${type}_l2_ops) WHERE id % 2 = 0;
			CREATE INDEX ON ${type}_kept USING hnsw (unit ${type}_cosine_ops);
			CREATE INDEX ${type}_parts_index ON ${type}_parts USING hnsw (v ${type}_l1_ops) WITH (m = 5);
		);
	}
	$sql .= qq(
		CREATE INDEX vector_as_half ON vector_uses USING hnsw ((sized::halfvec($dimensions)) halfvec_l2_ops);
		CREATE INDEX vector_as_bits ON vector_uses USING hnsw ((binary_quantize(sized)::bit($dimensions)) bit_hamming_ops);
		CREATE INDEX vector_parts_lists ON vector_parts USING ivf (v) WITH (lists = 2);
		CREATE TABLE bit_uses (id int PRIMARY KEY, v bit($dimensions), d float8 GENERATED ALWAYS AS (v <~> v) STORED);
		INSERT INTO bit_uses SELECT id, binary_quantize(sized) FROM vector_uses;
		CREATE VIEW bit_view AS SELECT id, v <%> ~v AS jaccard FROM bit_uses;
	);
	$node->safe_psql($database, $sql);
	return;
}

# A constant of a type, quoted.
sub literal
{
	my ($node, $database, $type) = @_;
	my $value = sample($type);
	return "'" . $node->safe_psql($database, "SELECT $value FROM (SELECT 12345 AS id) s") . "'";
}

sub tables_digest
{
	my ($node, $database) = @_;
	my @tables = split /\n/, $node->safe_psql($database, q(
		SELECT format('%I', relname) FROM pg_class
		WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'm', 'p') ORDER BY relname));
	return $node->safe_psql($database, join(" UNION ALL ", map {
		"SELECT '$_', count(*), md5(string_agg(t::text, '/' ORDER BY id, t::text)) FROM $_ t"
	} @tables) . ' ORDER BY 1');
}

# Searches by an index, with the most effort, give ten rows that are there, and of the nearest ones nine
# of ten at least.  Distances are compared, because rows at the same distance have no order, and sorted,
# because halfs that an index has normalized are rounded, which may turn round near neighbors.
my $check_search = <<'SQL';
CREATE FUNCTION pg_temp.check_search(name text, operator text, queries text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	query text;
	search text;
	plan text;
	by_index numeric[];
	exact numeric[];
	hits int := 0;
BEGIN
	FOREACH query IN ARRAY queries LOOP
		search := format('SELECT round((v %1$s %2$L)::numeric, 5) AS d FROM %3$I ORDER BY v %1$s %2$L LIMIT 10',
			operator, query, name);
		PERFORM set_config('enable_seqscan', 'off', true), set_config('enable_indexscan', 'on', true);
		EXECUTE 'EXPLAIN (FORMAT json) ' || search INTO plan;
		IF plan !~ format('"%s_index"', name) THEN
			RETURN 'the index is not used: ' || plan;
		END IF;
		EXECUTE format('SELECT ARRAY(SELECT d FROM (%s) s ORDER BY d)', search) INTO by_index;
		PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_indexscan', 'off', true);
		EXECUTE format('SELECT ARRAY(SELECT d FROM (%s) s ORDER BY d)', search) INTO exact;
		IF cardinality(exact) <> 10 OR cardinality(by_index) <> 10
			OR EXISTS (SELECT FROM generate_series(1, 10) n WHERE by_index[n] < exact[n]) THEN
			RETURN format('query %s: by index %s, exact %s', query, by_index, exact);
		END IF;
		hits := hits + (SELECT count(*) FROM unnest(by_index) d WHERE d <= exact[10]);
	END LOOP;
	IF hits < 9 * cardinality(queries) THEN
		RETURN format('the index finds %s of the %s nearest', hits, 10 * cardinality(queries));
	END IF;
	PERFORM vectorstore_index_check(name || '_index');
	RETURN 'right';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END $$;
SQL

sub check_searches
{
	my ($node, $database, $what) = @_;
	my @classes = operator_classes($node, $database);
	my %methods = map { $_->{method} => 1 } @classes;
	my $sql = $check_search . join('', map { "SET $METHOD{$_}{effort};\n" } sort keys %methods);
	for my $class (@classes)
	{
		my $value = sample($class->{type});
		$sql .= "SELECT replace(pg_temp.check_search('$class->{name}', '$class->{operator}',"
		  . " ARRAY(SELECT ($value)::text FROM generate_series(501, 505) id)), E'\\n', ' ');\n";
	}
	my @answers = split /\n/, $node->safe_psql($database, $sql);
	for my $class (@classes)
	{
		is(shift @answers, 'right', "$what: $class->{method} index of $class->{class}");
	}
	return;
}

1;
