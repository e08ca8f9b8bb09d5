# Sourced by the run.sh of each client: the directory it is in, and how it says that it can't run.
#
#   $here            the client's directory
#   skip_all REASON  ends the script; the tests count as skipped
#
# check.sh gives the environment: PGHOST (a socket's directory), PGPORT, PGUSER, PGPASSWORD (for TCP,
# 127.0.0.1), PGDATABASE (empty), CLIENT_WORK (an empty directory) and CLIENT_EXTENSION (what to
# create).  A client prints TAP and leaves nothing outside of CLIENT_WORK.

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)

skip_all()
{
	echo "1..0 # SKIP $*"
	exit 0
}
