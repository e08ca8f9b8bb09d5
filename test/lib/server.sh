# Throwaway servers for the scripts under test/: sourced by them, not run.
#
#   workspace_create NAME   a temporary directory $work, removed at exit (KEEP=1 keeps it)
#   workspace_use DIR       the same in a directory that is kept, with the cluster that is in it
#   build                   the library, with what that needs
#   tree_create             a private copy of the PostgreSQL installation with the extension in it;
#                           sets $bindir, so that no file of the system's installation is touched;
#                           and $pgxs_test, where the test drivers and their Perl modules are
#   as_server CMD...        runs a command as the user that owns the servers
#   cluster_create [LINE..] a cluster in $work with these lines in its postgresql.conf; sets $PGHOST
#   cluster_start, cluster_stop, cluster_restart
#   client_compile          test/bench/bench_client.c; sets $client
#   sql [PSQL OPTIONS]      psql on the cluster, stopping at the first error
#
# PostgreSQL refuses to run as root; then the servers belong to the user `postgres`.  Every script
# stops its server and removes its directory however it ends.

set -euo pipefail
umask 022

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export PG_CONFIG
PG_CONFIG=$(command -v "${PG_CONFIG:-pg_config}") # not the one of the private copy, later
server_user=
[ "$(id -u)" != 0 ] || server_user=postgres

# Nothing of the caller's own PostgreSQL or make session may leak into the servers or builds.
unset PGHOST PGHOSTADDR PGPORT PGUSER PGDATABASE PGPASSWORD PGSERVICE PGOPTIONS PGDATA
unset MAKEFLAGS MAKELEVEL MFLAGS MAKEOVERRIDES
export PSQLRC=/dev/null LC_ALL=C

as_server()
{
	if [ -n "$server_user" ]; then
		(cd "$work" && exec runuser -u "$server_user" -- env HOME="$work" "$@")
	else
		(cd "$work" && exec "$@")
	fi
}

workspace_create()
{
	work=$(mktemp -d "${TMPDIR:-/tmp}/vectorstore-$1.XXXXXX")
	workspace_prepare
}

workspace_use()
{
	work=$1
	KEEP=1
	mkdir -p "$work"
	rm -rf "$work/tree"
	workspace_prepare
}

workspace_prepare()
{
	chmod 755 "$work"
	[ -z "$server_user" ] || chown "$server_user" "$work"
	trap workspace_remove EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

# Every server with its data under $work, those of pg_regress and of the TAP tests too.  The file may
# be stale and its number another process's by now, but no other process works in that directory.
servers_kill()
{
	local file pid
	find "$work" -name postmaster.pid 2>/dev/null | while read -r file; do
		pid=$(head -n 1 "$file")
		[ "$(readlink "/proc/$pid/cwd")" = "$(dirname "$file")" ] || continue
		kill -QUIT "$pid"
		for _ in $(seq 100); do
			[ -e "$file" ] || break
			sleep 0.1
		done
	done 2>/dev/null
}

workspace_remove()
{
	local status=$? pid
	trap '' HUP INT TERM
	set +e
	for pid in $(jobs -p); do
		kill -- "-$pid" 2>/dev/null # background jobs are process groups here (set -m)
	done
	servers_kill
	if [ -n "${KEEP:-}" ]; then
		echo "kept: $work" >&2
	else
		rm -rf "$work"
	fi
	exit $status
}

processors()
{
	getconf _NPROCESSORS_ONLN
}

build()
{
	make -C "$repo" -s -j"$(processors)" all
}

tree_create()
{
	local system_bin share pkglib
	system_bin=$("$PG_CONFIG" --bindir)
	share=$("$PG_CONFIG" --sharedir)
	pkglib=$("$PG_CONFIG" --pkglibdir)
	tree=$work/tree
	bindir=$tree$system_bin

	# A server looks for its files relative to its own, resolved, path.  So the programs are copies
	# and everything else may be links.
	mkdir -p "$bindir" "$tree$share" "$tree$pkglib"
	cp -L "$system_bin"/* "$bindir/"
	cp -rs "$share/." "$tree$share/"
	find "$pkglib" -maxdepth 1 ! -type d -exec ln -s -t "$tree$pkglib" {} +
	rm -f "$tree$share"/extension/vectorstore* "$tree$pkglib"/vectorstore.*
	make -C "$repo" -s install DESTDIR="$tree" >/dev/null
	pgxs_test=$(cd "$(dirname "$("$PG_CONFIG" --pgxs)")/../test" && pwd)
	PATH=$bindir:$PATH
}

cluster_create()
{
	as_server "$bindir/initdb" -D "$work/cluster" -U postgres -A trust --no-locale -E UTF8 \
		--no-sync >"$work/initdb.log" 2>&1 || { cat "$work/initdb.log" >&2; return 1; }
	export PGHOST=$work PGUSER=postgres PGDATABASE=postgres
	{
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$work'"
		printf '%s\n' "$@"
	} | as_server tee -a "$work/cluster/postgresql.conf" >/dev/null
}

cluster_start()
{
	as_server "$bindir/pg_ctl" -D "$work/cluster" -l "$work/server.log" -w -t 300 start >/dev/null ||
		{ tail -n 30 "$work/server.log" >&2; return 1; }
}

cluster_stop()
{
	as_server "$bindir/pg_ctl" -D "$work/cluster" -m fast -w -t 300 stop >/dev/null
}

cluster_restart()
{
	cluster_stop
	cluster_start
}

client_compile()
{
	client=$work/bench_client
	"${CC:-gcc}" -std=gnu11 -O3 -Wall -Wextra -I"$("$PG_CONFIG" --includedir)" -o "$client" \
		"$repo/test/bench/bench_client.c" -L"$("$PG_CONFIG" --libdir)" -lpq -lm -pthread
}

sql()
{
	"$bindir/psql" -v ON_ERROR_STOP=1 -X -q "$@"
}
