#!/usr/bin/env bash
# Installs what the named purposes need and the machine has not: setup.sh [build] [check] [bench] [lint]
#
# Looks first, by command and by file, and leaves the machine alone when nothing is missing, so it
# costs nothing on a prepared machine and needs no network there.  Installs by apt-get (Debian and
# Ubuntu; the server version is the distribution's, unless one is installed already), with sudo when
# not root.  On other systems it says what is missing and fails.
set -euo pipefail

missing=()

need_command() # COMMAND PACKAGE
{
	command -v "$1" >/dev/null 2>&1 || missing+=("$2")
}

server_headers_found()
{
	local dir
	dir=$("${PG_CONFIG:-pg_config}" --includedir-server 2>/dev/null) && [ -f "$dir/postgres.h" ]
}

# The newest server that is installed without its headers, or else the distribution's default one.
server_version()
{
	local newest
	newest=$(ls -d /usr/lib/postgresql/*/bin/postgres 2>/dev/null | cut -d/ -f5 | sort -n | tail -1)
	[ -n "$newest" ] ||
		newest=$(apt-cache depends postgresql 2>/dev/null |
			sed -n 's/.*Depends: postgresql-\([0-9][0-9]*\)$/\1/p' | head -1)
	[ -n "$newest" ] || { echo "setup: no PostgreSQL server among this system's packages" >&2; exit 1; }
	echo "$newest"
}

apt()
{
	local as_root=()
	if [ "$(id -u)" != 0 ]; then
		command -v sudo >/dev/null 2>&1 ||
			{ echo "setup: needs root or sudo to install: ${missing[*]}" >&2; exit 1; }
		as_root=(sudo)
	fi
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=600 "$@"
}

update_package_lists()
{
	if [ -z "${lists_updated:-}" ]; then
		apt update >/dev/null
		lists_updated=yes
	fi
}

need_command make make
need_command gcc build-essential
[ -e /usr/include/stdlib.h ] || missing+=(libc6-dev)
for purpose in "$@"; do
	case $purpose in
		build) ;;
		check)
			need_command prove perl
			perl -MIPC::Run -e 1 2>/dev/null || missing+=(libipc-run-perl)
			;;
		bench)
			command -v python3 >/dev/null 2>&1 || missing+=(python3)
			;;
		lint)
			need_command clang-format clang-format
			need_command cppcheck cppcheck
			;;
		*)
			echo "setup: unknown purpose: $purpose" >&2
			exit 2
			;;
	esac
done

server_wanted=no
if ! server_headers_found || [ ! -x "$("${PG_CONFIG:-pg_config}" --bindir)/initdb" ]; then
	server_wanted=yes
fi

if [ $server_wanted = yes ] || [ ${#missing[@]} -gt 0 ]; then
	if ! command -v apt-get >/dev/null 2>&1; then
		[ $server_wanted = no ] || missing+=("the PostgreSQL server with its development files")
		echo "setup: please install: ${missing[*]}" >&2
		exit 1
	fi
	update_package_lists
	if [ $server_wanted = yes ]; then
		version=$(server_version)
		missing+=("postgresql-$version" "postgresql-server-dev-$version" libpq-dev)
	fi
	echo "setup: installing ${missing[*]}"
	apt install -y --no-install-recommends "${missing[@]}" >/dev/null
fi

server_headers_found ||
	{ echo "setup: ${PG_CONFIG:-pg_config} knows no server headers; set PG_CONFIG" >&2; exit 1; }
