-- ivf over vectors of all lengths, with all lists scanned.
\set method ivf
SET ivf.probes = 32768;
\i shared/dimensions.sql

-- as many lists as rows, and more
SELECT lists, lost_rows('ivf', 8, 'vector_l2_ops', '<->', format('lists = %s', lists)) AS lost_rows
FROM unnest(ARRAY[1, 2, 29, 30, 31, 1000, 32768]) lists;

DROP SCHEMA dimensions CASCADE;
