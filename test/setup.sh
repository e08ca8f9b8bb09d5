#!/usr/bin/env bash
# Installs what the named purposes need and the machine has not:
#
#   setup.sh [build] [check] [clients] [arm64] [bench] [bench-sift] [bench-text] [lint]
#
# Looks first, by command and by file, and leaves the machine alone when nothing is missing, so it
# costs nothing on a prepared machine and needs no network there.  Installs by apt-get (Debian and
# Ubuntu; the server version is the distribution's, unless one is installed already), with sudo when
# not root.  On other systems it says what is missing and fails.
#
# What only the tests of clients need (drivers, node, java) or those of ARM (a cross compiler, an emulator),
# and the libraries that the benchmark compares with, are installed where that can be done; it says what is
# missing where not, and succeeds: those tests and comparisons are left out.
set -euo pipefail

missing=()
wanted=() # missing, and nothing fails without it

need_command() # COMMAND PACKAGE
{
	command -v "$1" >/dev/null 2>&1 || missing+=("$2")
}

want_command() # COMMAND PACKAGE
{
	command -v "$1" >/dev/null 2>&1 || wanted+=("$2")
}

want_file() # PATTERN PACKAGE
{
	compgen -G "$1" >/dev/null || wanted+=("$2")
}

need_package() # PACKAGE
{
	dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed || missing+=("$1")
}

need_module() # MODULE PACKAGE, of the distribution's own python
{
	/usr/bin/python3 -c "import $1" 2>/dev/null || missing+=("$2")
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
		clients)
			want_command node nodejs
			want_command npm npm
			python3 -c 'import psycopg' 2>/dev/null || /usr/bin/python3 -c 'import psycopg' 2>/dev/null ||
				wanted+=(python3-psycopg)
			[ -e /usr/share/java/postgresql.jar ] || wanted+=(libpostgresql-jdbc-java)
			want_command java default-jre-headless
			command -v javac >/dev/null 2>&1 || want_command ecj ecj
			;;
		arm64)
			want_command aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
			want_file /usr/aarch64-linux-gnu/lib/libc.a libc6-dev-arm64-cross
			want_command qemu-aarch64 qemu-user
			;;
		bench)
			need_command python3 python3
			want_file /usr/include/hnswlib/hnswlib.h libhnswlib-dev
			want_file /usr/include/faiss/Index.h libfaiss-dev
			want_file "/usr/lib/*/libopenblas.so" libopenblas-serial-dev
			;;
		bench-sift)
			need_module numpy python3-numpy
			need_module cv2 python3-opencv
			for package in gnome-backgrounds plasma-workspace-wallpapers mate-backgrounds \
				ukui-wallpapers lomiri-wallpapers-20.04; do
				need_package "$package"
			done
			;;
		bench-text)
			need_module numpy python3-numpy
			need_module scipy python3-scipy
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

# All at once, which is quick; or, where one of them can't be had, each that can.
if [ ${#wanted[@]} -gt 0 ]; then
	if ! command -v apt-get >/dev/null 2>&1 ||
		{ [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; }; then
		echo "setup: not installed, and what needs them is skipped: ${wanted[*]}"
	else
		echo "setup: installing ${wanted[*]}"
		update_package_lists || true
		if ! apt install -y --no-install-recommends "${wanted[@]}" >/dev/null 2>&1; then
			for package in "${wanted[@]}"; do
				apt install -y --no-install-recommends "$package" >/dev/null 2>&1 ||
					echo "setup: can't be installed, and what needs it is skipped: $package"
			done
		fi
	fi
fi

server_headers_found ||
	{ echo "setup: ${PG_CONFIG:-pg_config} knows no server headers; set PG_CONFIG" >&2; exit 1; }
