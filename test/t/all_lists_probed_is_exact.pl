# With all lists probed an index of lists gives what a sort gives: every row that belongs to the
# nearest, however many are asked for, in order; on real vectors, with and without codes, in both
# storages, with memory for all candidates and without.  (With codes and without memory for the rows
# whose turn depends on others' exact distances the order is that of the codes in part.)
#
# Methods: ivf

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorstoreTest;

my $node = new_cluster('primary', settings => ['shared_buffers = 128MB']);
create_items($node, 12000, queries => 30, pool => 2000);

for my $quantizer ('none', 'sq8')
{
	create_index($node, storage => 'mmap', quantizer => $quantizer);
	$node->safe_psql('postgres', 'SELECT take_from_pool() FROM generate_series(1, 1000)');
	for my $storage (storages())
	{
		set_storage($node, $storage);
		for my $case ([ 10, '4MB' ], [ 300, '4MB' ], [ 3000, '4MB' ], [ 9000, $quantizer eq 'none' ? '64kB' : '4MB' ])
		{
			my ($k, $memory) = @$case;
			my ($status, $recall, $errors) = $node->psql('postgres', qq(
				SET @{[ effort('exhaustive') ]};
				SET work_mem = '$memory';
				SELECT min(compare_search(v, $k)) FROM queries WHERE id % 3 = 0 OR $k < 1000));
			ok($status == 0 && $recall == 1, "$quantizer, $storage: the nearest $k are exact")
			  or diag("least recall $recall $errors");
		}
	}
	$node->safe_psql('postgres', 'DROP INDEX items_index');
}

$node->stop;
done_testing();
