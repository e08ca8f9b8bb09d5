#!/usr/bin/env bash
# JDBC: PostgreSQL's driver, Debian's libpostgresql-jdbc-java.  Compiled by javac or else by ecj.
. "$(dirname "$0")/../tap.sh"

driver=/usr/share/java/postgresql.jar
command -v java >/dev/null 2>&1 || skip_all "java is not installed"
[ -f "$driver" ] || skip_all "the driver is not installed (libpostgresql-jdbc-java)"
version=$(java -version 2>&1 | sed -nE 's/.* version "([0-9]+).*/\1/p')
[ "${version:-0}" -ge 17 ] || skip_all "java is older than 17: ${version:-unknown}"
if command -v javac >/dev/null 2>&1; then
	compile=javac
elif command -v ecj >/dev/null 2>&1; then
	compile=ecj # its package makes it javac too, where there is none
else
	skip_all "there is no Java compiler (javac or ecj)"
fi

if ! "$compile" --release 17 -proc:none -cp "$driver" -d "$CLIENT_WORK" "$here/ClientTest.java" >&2; then
	echo "not ok 1 - ClientTest.java compiles"
	exit 1
fi
exec java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$driver:$CLIENT_WORK" ClientTest
