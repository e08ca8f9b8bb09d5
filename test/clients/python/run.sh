#!/usr/bin/env bash
# Python's client: psycopg 3, Debian's python3-psycopg.
. "$(dirname "$0")/../tap.sh"

# Debian's packages belong to its own interpreter, which need not be the first one in the path.
for python in python3 /usr/bin/python3; do
	if "$python" -c 'import psycopg' >/dev/null 2>&1; then
		PYTHONDONTWRITEBYTECODE=1 exec "$python" "$here/client_test.py"
	fi
done
skip_all "psycopg 3 is not installed (python3-psycopg)"
