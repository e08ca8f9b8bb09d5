-- Which rows ivf gives, with all lists scanned.
\set method ivf
SET client_min_messages = warning;
SET ivf.probes = 32768;
\i shared/rows.sql
