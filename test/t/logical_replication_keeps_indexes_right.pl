# Logical replication of tables with vectors, in the text and in the binary format: the first copy,
# inserts, updates and deletes arrive; indexes on both sides, built with other options, give the same
# answers, before and after a vacuum, a checkpoint and a crash of the subscriber.  A table without a key
# (REPLICA IDENTITY FULL) finds its rows by the equality of vectors.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use EveryType;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorstoreTest;

my @settings = ('max_replication_slots = 20', 'max_worker_processes = 20', 'max_sync_workers_per_subscription = 4');
my $publisher = new_cluster('publisher',
	init => { allows_streaming => 'logical' }, settings => [ @settings, 'max_wal_senders = 20' ]);
my $subscriber = new_cluster('subscriber', settings => \@settings);
my @formats = ('text', 'binary');

for my $format (@formats)
{
	$_->safe_psql('postgres', "CREATE DATABASE by_$format") for $publisher, $subscriber;
}
my @databases = map { "by_$_" } @formats;

# Both sides have tables and indexes, with the options in another turn; the publisher has rows.
for my $database (@databases)
{
	for my $node ($publisher, $subscriber)
	{
		$node->safe_psql($database, 'CREATE EXTENSION vectorstore');
		create_tables($node, $database);
		create_indexes($node, $database, $node == $publisher ? 0 : 1);
		$node->safe_psql($database, q(
			CREATE TABLE keyless (id int, v vector(3));
			ALTER TABLE keyless REPLICA IDENTITY FULL;
			CREATE INDEX keyless_index ON keyless USING hnsw (v vector_l2_ops)));
	}
	fill_tables($publisher, $database, 1 .. 300);
	$publisher->safe_psql($database, q(
		INSERT INTO keyless SELECT i, ARRAY[i, i % 5, 0] FROM generate_series(1, 100) i;
		CREATE PUBLICATION everything FOR ALL TABLES));
}
for my $format (@formats)
{
	my $connection = $publisher->connstr("by_$format") =~ s/'/''/gr;
	my $binary = $format eq 'binary' ? 'true' : 'false';
	$subscriber->safe_psql("by_$format", "CREATE SUBSCRIPTION subscription_$format CONNECTION '$connection'"
		. " PUBLICATION everything WITH (binary = $binary)");
}

sub catch_up
{
	$publisher->wait_for_catchup("subscription_$_") for @formats;
	return;
}

sub both_are_right
{
	my ($what) = @_;
	for my $database (@databases)
	{
		is(tables_digest($subscriber, $database), tables_digest($publisher, $database), "$what, $database: rows");
		check_searches($_, $database, "$what, $database, " . $_->name) for $publisher, $subscriber;
	}
	return;
}

$subscriber->wait_for_subscription_sync($publisher, "subscription_$_", "by_$_") for @formats;
both_are_right('first copy');

# Every change there is, also of rows that were changed before.
for my $database (@databases)
{
	fill_tables($publisher, $database, 301 .. 400);
	$publisher->safe_psql($database, join('', map {
		my $table = $_->{name};
		qq(
			UPDATE $table SET v = other.v FROM $table other WHERE $table.id % 10 = 0 AND other.id = $table.id - 1;
			UPDATE $table SET id = id + 1000 WHERE id % 10 = 3;
			UPDATE $table SET v = NULL WHERE id % 50 = 7;
			DELETE FROM $table WHERE id % 10 = 5;
			INSERT INTO $table SELECT id + 2000, v FROM $table WHERE id % 10 = 1;
			BEGIN;
			DELETE FROM $table;
			ROLLBACK;)
	} operator_classes($publisher, $database)));
	$publisher->safe_psql($database, q(
		UPDATE keyless SET v = v + '[0,0,5]' WHERE id % 3 = 0;
		DELETE FROM keyless WHERE v <-> '[50,0,0]' < 6));
}
catch_up();
both_are_right('changes');

$subscriber->safe_psql($_, 'VACUUM') for @databases;
settle($subscriber);
for my $database (@databases)
{
	fill_tables($publisher, $database, 401 .. 450);
}
catch_up();
both_are_right('after a vacuum and a checkpoint of the subscriber');

$subscriber->stop('immediate');
for my $database (@databases)
{
	$publisher->safe_psql($database, join('', map { "DELETE FROM $_->{name} WHERE id BETWEEN 401 AND 420;" }
		operator_classes($publisher, $database)));
}
$subscriber->start;
catch_up();
both_are_right('after a crash of the subscriber');

# TRUNCATE is replicated too, and leaves empty indexes that take rows.
for my $database (@databases)
{
	$publisher->safe_psql($database, join('', map { "TRUNCATE $_->{name};" } operator_classes($publisher, $database)));
	fill_tables($publisher, $database, 1 .. 50);
}
catch_up();
both_are_right('after TRUNCATE');

$subscriber->safe_psql("by_$_", "DROP SUBSCRIPTION subscription_$_") for @formats;
$subscriber->stop;
$publisher->stop;
done_testing();
