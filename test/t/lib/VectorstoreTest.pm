# VectorstoreTest: what the TAP tests share.
#
# A test works on a table items(id, v) with real vectors (test/data), an index items_index on it, and
# exact search to compare with.  The SQL side of the comparison is made by install_checks():
#
#   index_search(q, k)      the k nearest rows by the index: (id, distance)
#   exact_search(q, k)      the same by a sequential scan
#   compare_search(q, k)    both, under the caller's snapshot; an ERROR where the index returns a row
#                           twice, out of order, at a wrong distance, or nearer than exact search
#                           knows; else the recall of the index (ties count as found)
#   find_row(id)            an ERROR unless the index finds this row by its own vector, with some effort
#   count_lost_rows(sample) rows that the index does not find by their own vectors
#
# A transaction at REPEATABLE READ makes the comparison hold beside concurrent writers.
#
# The elements of test vectors are small integers, so distances are exact in float32 and compared
# without tolerance.
#
# The tests know no index method: everything special is in %METHOD, and the environment's
# VECTORSTORE_METHOD says which one is tested.  A file that has a line
#
#   # Methods: hnsw ivf
#
# is run by test/check.sh once for each.
package VectorstoreTest;

use strict;
use warnings;

use Cwd ();
use Exporter 'import';
use FindBin;
use IO::Uncompress::Gunzip qw($GunzipError);
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

our @EXPORT = qw(
  new_cluster configure
  load_vectors query_vectors create_items copy_vectors install_checks
  create_index create_index_command set_storage effort storages slots_have_lists slow_phases
  index_info settle
  is_right search_ids lost_rows check_index
  index_file index_file_blocks buffered_array_blocks mapped_files backend_pid
  start_pgbench finish_pgbench wait_for_server
  temporary_files fails_with
);

# Vectors are so many times as long as those of the set: 13 times 128 dimensions make slots that cross
# page ends.  Elements are a quarter then, or distances would not be exact.
our $wide = 1;

our $method = $ENV{VECTORSTORE_METHOD} // 'hnsw';

# How much a search looks at: "normal" is the default, "thorough" is for comparisons with exact
# search, "exhaustive" for rows that must be found.
my %METHOD = (
	hnsw => {
		options => 'm = 16, ef_construction = 64',
		slow_options => 'm = 16, ef_construction = 500',
		effort => {
			normal => 'hnsw.ef_search = 40',
			thorough => 'hnsw.ef_search = 200',
			exhaustive => 'hnsw.ef_search = 1000',
		},
		slow_phases => [ 'building graph', 'loading vectors' ],
		# Any row may take the slot of any other.
		slots_have_lists => 0,
	},
	# Codes beside the edges of the graph
	hnsw_edges => {
		access_method => 'hnsw',
		options => 'm = 16, ef_construction = 64, quantizer = rabitq, codes = edges',
		slow_options => 'm = 16, ef_construction = 500, quantizer = rabitq, codes = edges',
		effort => {
			normal => 'hnsw.ef_search = 40',
			thorough => 'hnsw.ef_search = 200',
			exhaustive => 'hnsw.ef_search = 1000',
		},
		slow_phases => [ 'building graph', 'loading vectors' ],
		slots_have_lists => 0,
	},
	ivf => {
		options => 'lists = 30',
		slow_options => 'lists = 1000',
		effort => {
			normal => 'ivf.probes = 10',
			thorough => 'ivf.probes = 20',
			exhaustive => 'ivf.probes = 32768',
		},
		slow_phases => [ 'performing k-means', 'assigning tuples' ],
		# A row takes a slot of the list that it belongs to.
		slots_have_lists => 1,
	},
	# Raw vectors in the lists
	ivfflat => {
		options => 'lists = 30',
		effort => {
			normal => 'ivfflat.probes = 10',
			thorough => 'ivfflat.probes = 20',
			exhaustive => 'ivfflat.probes = 32768',
		},
		slots_have_lists => 1,
	},
);

my $data_directory = "$FindBin::RealBin/../data";
my @storages = qw(mmap buffer_pool);

sub method { return $METHOD{$method} // die "unknown index method $method"; }
sub effort { return method()->{effort}{ $_[0] } // die "unknown effort $_[0]"; }
sub storages { return @storages; }
sub slots_have_lists { return method()->{slots_have_lists}; }
# Phases of a build with more_effort that last long enough to be seen
sub slow_phases { return @{ method()->{slow_phases} }; }

# ---------------------------------------------------------------- servers

# Settings of every server here: nothing happens by itself, so that a test decides when pages are
# written and rows are vacuumed.
sub configure
{
	my ($node, @lines) = @_;
	$node->append_conf('postgresql.conf', join("\n",
		'autovacuum = off',
		'checkpoint_timeout = 1h',
		'max_wal_size = 4GB',
		'shared_buffers = 64MB',
		'bgwriter_lru_maxpages = 0',
		'jit = off',
		'log_checkpoints = off',
		"log_line_prefix = '%m [%p] %q%a '",
		@lines, ''));
	return;
}

# new_cluster($name, init => { allows_streaming => 1, ... }, settings => [ 'line', ... ])
sub new_cluster
{
	my ($name, %options) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(%{ $options{init} // {} });
	configure($node, @{ $options{settings} // [] });
	# A standby that is away for a moment finds the WAL that it missed, whatever checkpoints there were.
	$node->append_conf('postgresql.conf', 'wal_keep_size = 8GB')
	  if $options{init} && $options{init}{allows_streaming};
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION vectorstore');
	return $node;
}

# After a crash the server starts again by itself; connections are refused meanwhile.
sub wait_for_server
{
	my ($node) = @_;
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		my ($status, $out) = $node->psql('postgres', 'SELECT NOT pg_is_in_recovery()');
		return if $status == 0 && $out eq 't';
		usleep(100_000);
	}
	die 'the server did not come back';
}

# Wait until everything that has been written so far is in the files.
sub settle
{
	my ($node) = @_;
	$node->safe_psql('postgres', 'CHECKPOINT');
	return;
}

# ---------------------------------------------------------------- vectors

my %sets;

# Vectors of a .bvecs.gz file in test/data, each as text: "[1,2,...]".
sub read_set
{
	my ($name) = @_;
	return $sets{$name} if $sets{$name};

	my $path = "$data_directory/$name.bvecs.gz";
	my $file = IO::Uncompress::Gunzip->new($path) or die "$path: $GunzipError";
	local $/ = undef;
	my $bytes = <$file>;
	my $dimensions = unpack('l<', $bytes);
	my @vectors;
	for (my $at = 0; $at < length $bytes; $at += 4 + $dimensions)
	{
		my @elements = unpack("x$at x4 C$dimensions", $bytes);
		@elements = map { $_ >> 2 } (@elements) x $wide if $wide > 1;
		push @vectors, '[' . join(',', @elements) . ']';
	}
	return $sets{$name} = \@vectors;
}

# $count real vectors from number $first on.  Vectors are distinct where the set's are.
sub load_vectors
{
	my ($first, $count) = @_;
	my $set = read_set('sift.base');
	die "the set has no more than @{[ scalar @$set ]} vectors" if $first + $count > @$set;
	return @{$set}[ $first .. $first + $count - 1 ];
}

sub query_vectors
{
	my ($count) = @_;
	my $set = read_set('sift.query');
	return @{$set}[ 0 .. $count - 1 ];
}

# Table items with $count vectors (ids from 1 on), table queries, and the functions of the checks.
#
#   database => name       default postgres
#   kind => 'UNLOGGED'     of table items
#   queries => count       default 50
#   pool => count          vectors that come next in the set, for take_from_pool()
sub create_items
{
	my ($node, $count, %options) = @_;
	my $database = $options{database} // 'postgres';
	my $kind = $options{kind} // '';
	my $pool = $options{pool} // 0;
	my $dimensions = 1 + (load_vectors(0, 1))[0] =~ tr/,//;

	$node->safe_psql($database, qq(
		CREATE EXTENSION IF NOT EXISTS vectorstore;
		CREATE $kind TABLE items (id int PRIMARY KEY, v vector($dimensions));
		CREATE TABLE queries (id int PRIMARY KEY, v vector($dimensions));
		CREATE TABLE pool (id int PRIMARY KEY, v vector($dimensions));
		CREATE SEQUENCE item_id START @{[ $count + 1 ]}));
	copy_vectors($node, $database, 'items', 1, load_vectors(0, $count)) if $count > 0;
	copy_vectors($node, $database, 'queries', 1, query_vectors($options{queries} // 50));
	copy_vectors($node, $database, 'pool', 1, load_vectors($count, $pool)) if $pool > 0;
	$node->safe_psql($database, 'ANALYZE');
	install_checks($node, $database);
	return;
}

sub copy_vectors
{
	my ($node, $database, $table, $id, @vectors) = @_;
	my $lines = join('', map { $id++ . "\t$_\n" } @vectors);
	$node->safe_psql($database, "COPY $table FROM STDIN;\n$lines\\.\n");
	return;
}

# ---------------------------------------------------------------- checks, in SQL

sub install_checks
{
	my ($node, $database) = @_;
	my $sql = <<'SQL';
CREATE FUNCTION index_search(q vector, k int) RETURNS TABLE (id int, distance float8)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_sort = off AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY SELECT s.id, l2_distance(s.v, q)
		FROM (SELECT i.id, i.v FROM items i ORDER BY i.v <-> q LIMIT k) s;
END $$;

-- No index knows this expression.
CREATE FUNCTION exact_search(q vector, k int) RETURNS TABLE (id int, distance float8)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY SELECT i.id, l2_distance(i.v, q) FROM items i
		ORDER BY l2_distance(i.v, q), i.id LIMIT k;
END $$;

CREATE FUNCTION compare_search(q vector, k int) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	ids int[];
	found float8[];
	exact float8[];
	hits int := 0;
BEGIN
	SELECT array_agg(s.id ORDER BY n), array_agg(s.distance ORDER BY n) INTO ids, found
		FROM index_search(q, k) WITH ORDINALITY AS s(id, distance, n);
	SELECT array_agg(s.distance ORDER BY n) INTO exact
		FROM exact_search(q, k) WITH ORDINALITY AS s(id, distance, n);
	IF exact IS NULL THEN
		IF ids IS NOT NULL THEN
			RAISE 'the index returns % rows of an empty table', cardinality(ids);
		END IF;
		RETURN 1;
	END IF;
	IF ids IS NULL THEN
		RETURN 0;
	END IF;
	IF (SELECT count(DISTINCT i) FROM unnest(ids) i) <> cardinality(ids) THEN
		RAISE 'the index returns a row twice: %', ids;
	END IF;
	FOR n IN 1 .. cardinality(found) LOOP
		IF n > 1 AND found[n] < found[n - 1] THEN
			RAISE 'the index returns rows out of order: ids %, distances %', ids, found;
		END IF;
		IF found[n] < exact[n] THEN
			RAISE 'row % is at %, where exact search knows none nearer than %', ids[n], found[n], exact[n];
		END IF;
		IF found[n] <= exact[cardinality(exact)] THEN
			hits := hits + 1;
		END IF;
	END LOOP;
	RETURN hits::float8 / cardinality(exact);
END $$;

-- A search that misses a row may be short of effort; with most of the graph seen, the row is lost.
CREATE FUNCTION is_found(wanted int, row_v vector) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	RETURN EXISTS (SELECT FROM index_search(row_v, 50) s WHERE s.id = wanted)
		OR is_found_with_more_effort(wanted, row_v);
END $$;

CREATE FUNCTION is_found_with_more_effort(wanted int, row_v vector) RETURNS boolean
LANGUAGE plpgsql SET EXHAUSTIVE AS $$
BEGIN
	RETURN EXISTS (SELECT FROM index_search(row_v, 50) s WHERE s.id = wanted);
END $$;

-- The row is kept as it is while it is looked for: KEY SHARE would let its vector be updated.
CREATE FUNCTION find_row(wanted int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	row_v vector;
BEGIN
	SELECT v INTO row_v FROM items WHERE id = wanted FOR SHARE;
	IF FOUND AND NOT is_found(wanted, row_v) THEN
		RAISE 'the index does not find row %', wanted;
	END IF;
END $$;

-- Of the newest rows and a sample of the others; NULL = of all.
CREATE FUNCTION count_lost_rows(sample int DEFAULT NULL) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM
		(SELECT *, row_number() OVER (ORDER BY id DESC) AS n, count(*) OVER () AS rows FROM items) i
		WHERE (sample IS NULL OR n <= sample / 4 OR n % greatest(rows / sample, 1) = 0)
		AND NOT is_found(i.id, i.v)
$$;

-- A row with a real vector from the pool; returns its id, which is new.
CREATE FUNCTION take_from_pool() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	new_id int := nextval('item_id');
BEGIN
	INSERT INTO items SELECT new_id, v FROM pool
		WHERE id = 1 + new_id % (SELECT max(id) FROM pool);
	RETURN new_id;
END $$;
SQL
	my $exhaustive = effort('exhaustive');
	$sql =~ s/SET EXHAUSTIVE/SET $exhaustive/;
	$node->safe_psql($database // 'postgres', $sql);
	return;
}

# The index gives right answers, of good recall, in each of the storages, and finds rows by their own
# vectors: a sample, or all_rows => 1.  Two tests for each storage; the index stays in the last one.
#
#   storages => [...]      others than all
#   keep_storage => 1      don't set the option, e.g. on a standby
#   recall => 0.9          a lower bound than usual
#   no_lost_rows => 1      only the comparison with exact search
sub is_right
{
	my ($node, $what, %options) = @_;
	my $database = $options{database} // 'postgres';
	my $bound = $options{recall} // 0.98;
	my @wanted = @{ $options{storages} // \@storages };

	for my $storage (@wanted)
	{
		set_storage($node, $storage, $database) unless $options{keep_storage};
		my ($status, $recall, $errors) = $node->psql($database, qq(
			SET @{[ effort($options{effort} // 'thorough') ]};
			BEGIN ISOLATION LEVEL REPEATABLE READ;
			SELECT avg(compare_search(v, 10)) FROM queries;
			COMMIT));
		ok($status == 0 && $recall >= $bound, "$what: right in $storage, recall at least $bound")
		  or diag("recall $recall $errors");
		next if $options{no_lost_rows};
		is(lost_rows($node, $database, $options{all_rows} ? 'NULL' : 600),
			0, "$what: every row is found in $storage");
	}
	return;
}

# Rows that the index does not find by their own vectors.
sub lost_rows
{
	my ($node, $database, $sample) = @_;
	$sample //= 'NULL';
	return $node->safe_psql($database // 'postgres',
		"SET @{[ effort('thorough') ]}; SELECT count_lost_rows($sample)");
}

# Ids and distances of the first $count queries, as text, for comparisons of two states.
sub search_ids
{
	my ($node, %options) = @_;
	my $count = $options{count} // 50;
	my $k = $options{k} // 10;
	return $node->safe_psql($options{database} // 'postgres', qq(
		SET @{[ effort($options{effort} // 'normal') ]};
		SELECT q.id, array_agg(s.id ORDER BY n), array_agg(s.distance ORDER BY n)
		FROM queries q, index_search(q.v, $k) WITH ORDINALITY AS s(id, distance, n)
		WHERE q.id <= $count GROUP BY q.id ORDER BY q.id));
}

# ---------------------------------------------------------------- the index

# create_index($node, storage => 'mmap', quantizer => 'sq8', ...).  more_effort => 1 makes the build
# slow; before => 'SET ...;'.
sub create_index
{
	my ($node, %options) = @_;
	my $database = delete $options{database} // 'postgres';
	my $before = delete $options{before} // '';
	$node->safe_psql($database, $before . create_index_command(%options));
	return;
}

sub create_index_command
{
	my (%options) = @_;
	my $always = delete $options{more_effort} ? method()->{slow_options} : method()->{options};
	my $with = join(', ', $always, map { "$_ = $options{$_}" } sort keys %options);
	my $access_method = method()->{access_method} // $method;
	return "CREATE INDEX items_index ON items USING $access_method (v vector_l2_ops) WITH ($with);";
}

sub set_storage
{
	my ($node, $storage, $database) = @_;
	$node->safe_psql($database // 'postgres', "ALTER INDEX items_index SET (storage = $storage)");
	return;
}

# A column of vectorstore_index_info.
sub index_info
{
	my ($node, $column, $database) = @_;
	return $node->safe_psql($database // 'postgres',
		"SELECT $column FROM vectorstore_index_info('items_index')");
}

# Verifies the whole index; one test.
sub check_index
{
	my ($node, $what, $database) = @_;
	my ($status, undef, $errors) =
	  $node->psql($database // 'postgres', "SELECT vectorstore_index_check('items_index')");
	is($status, 0, "$what: vectorstore_index_check finds nothing") or diag($errors);
	return;
}

# The path of the index's first segment, and the size of the file in blocks.
sub index_file
{
	my ($node, $database) = @_;
	my $path =
	  $node->safe_psql($database // 'postgres', "SELECT pg_relation_filepath('items_index')");
	return $node->data_dir . "/$path";
}

sub index_file_blocks
{
	my ($node, $database) = @_;
	return $node->safe_psql($database // 'postgres',
		"SELECT pg_relation_size('items_index') / current_setting('block_size')::int");
}

# Pages of the index in shared buffers that are neither the metapage (block 0) nor settle map pages
# (block 1, and one before every 16320 data blocks: include/storage/page.h): pages of vectors,
# codes and structure.  Needs the extension pg_buffercache.
sub buffered_array_blocks
{
	my ($node, $database) = @_;
	return $node->safe_psql($database // 'postgres', q(
		SELECT count(*) FROM pg_buffercache
		WHERE relfilenode = pg_relation_filenode('items_index') AND relforknumber = 0
		AND reldatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
		AND relblocknumber > 0 AND (relblocknumber - 1) % 16321 <> 0));
}

sub backend_pid
{
	my ($session) = @_;
	my $pid = $session->query_safe('SELECT pg_backend_pid()');
	chomp $pid;
	return $pid;
}

# Whether the process maps the file, by the lines of /proc/PID/maps.
sub mapped_files
{
	my ($pid, $path) = @_;
	my $real = Cwd::realpath($path);
	open my $maps, '<', "/proc/$pid/maps" or die "/proc/$pid/maps: $!";
	my @lines = grep { / \Q$real\E(?:\.\d+)?$/ } <$maps>;
	close $maps;
	return scalar @lines;
}

# ---------------------------------------------------------------- load in the background

my $script_number = 0;

# Clients that run a script until the time is over or finish_pgbench() is called.
#
#   script => text, clients => 1, seconds => 10, database => 'postgres', options => 'settings'
sub start_pgbench
{
	my ($node, %options) = @_;
	my $clients = $options{clients} // 1;
	my $script = $node->basedir . '/script' . ++$script_number . '.sql';
	append_to_file($script, $options{script});

	my %bench = (out => '', name => $options{name} // "script $script_number");
	local $ENV{PGOPTIONS} = $options{options} // '';
	local $ENV{PGAPPNAME} = 'load';
	$bench{run} = IPC::Run::start(
		[
			'pgbench', '-n', '-c', $clients, '-j', $clients, '-T', $options{seconds} // 10,
			'-h', $node->host, '-p', $node->port, '-f', $script,
			$options{database} // 'postgres'
		],
		'<', \undef, '>&', \$bench{out},
		IPC::Run::timer(10 * $PostgreSQL::Test::Utils::timeout_default));
	return \%bench;
}

# Wait for the clients; one test, that none of them has met an error.  expect_crash => 1: no test.
sub finish_pgbench
{
	my ($bench, %options) = @_;
	$bench->{run}->finish;
	return if $options{expect_crash};
	my ($transactions) = $bench->{out} =~ /number of transactions actually processed: (\d+)/;
	ok($bench->{run}->result(0) == 0 && $bench->{out} !~ /aborted|ERROR/ && $transactions,
		"$bench->{name}: no error")
	  or diag($bench->{out});
	note("$bench->{name}: " . ($transactions // 'no') . ' transactions');
	return $transactions;
}

# ---------------------------------------------------------------- errors

# Temporary files that exist in the cluster now.
sub temporary_files
{
	my ($node) = @_;
	return grep { -f } glob($node->data_dir . '/base/pgsql_tmp/* '
		. $node->data_dir . '/base/pgsql_tmp/*/*');
}

# The command ends with an ERROR that matches, and the server lives.  Two tests.
sub fails_with
{
	my ($node, $command, $pattern, $what, $database) = @_;
	my ($status, undef, $errors) = $node->psql($database // 'postgres', $command);
	ok($status != 0 && $errors =~ $pattern, $what) or diag("status $status: $errors");
	is($node->safe_psql('postgres', 'SELECT 1'), 1, "$what: the server lives");
	return;
}

1;
