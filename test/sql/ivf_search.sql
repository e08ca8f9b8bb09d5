-- Searches of ivf: with all lists scanned, and with few; ivfflat gives the same.
\set method ivf
SET ivf.probes = 32768;
SET ivfflat.probes = 32768;
\i shared/search.sql
RESET enable_seqscan;

-- under the other name
SELECT operator_class, quantizer, grown,
	check_combination('ivfflat', operator_class, operator, 'mmap', quantizer, grown) AS wrong_answers
FROM (VALUES ('vector_l2_ops', '<->'), ('vector_ip_ops', '<#>'), ('vector_cosine_ops', '<=>'))
		AS o(operator_class, operator),
	(VALUES ('auto'), ('sq8')) AS q(quantizer),
	(VALUES (false), (true)) AS g(grown)
ORDER BY operator_class, quantizer, grown;
-- what auto stands for
SELECT check_combination('ivf', 'vector_l2_ops', '<->', 'mmap', 'auto', false) AS wrong_answers;
SELECT method, quantizer FROM vectorstore_index_info('items_index');
SELECT check_combination('ivfflat', 'vector_l2_ops', '<->', 'mmap', 'auto', false) AS wrong_answers;
SELECT method, quantizer FROM vectorstore_index_info('items_index');

-- Twenty clusters: the lists of the nearest hold the nearest rows.
SET ivf.probes = 4;
SELECT operator_class, check_combination('ivf', operator_class, operator, 'mmap', 'sq8', false) <= 5 AS few_wrong
FROM (VALUES ('vector_l2_ops', '<->'), ('vector_ip_ops', '<#>'), ('vector_cosine_ops', '<=>'))
		AS o(operator_class, operator)
ORDER BY operator_class;

DROP SCHEMA search CASCADE;
