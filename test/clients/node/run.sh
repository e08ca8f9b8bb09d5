#!/usr/bin/env bash
# Node's client: the npm packages pg and pgvector, as package-lock.json names them, installed by npm
# into a temporary directory.
. "$(dirname "$0")/../tap.sh"

command -v node >/dev/null 2>&1 || skip_all "node is not installed"
command -v npm >/dev/null 2>&1 || skip_all "npm is not installed"

cp "$here"/package.json "$here"/package-lock.json "$here"/client_test.mjs "$CLIENT_WORK/"
cd "$CLIENT_WORK"
if ! npm ci --ignore-scripts --no-audit --no-fund --fetch-retries=1 --fetch-retry-mintimeout=1000 \
	--cache "$CLIENT_WORK/cache" >npm.log 2>&1; then
	# Without the registry there is no client; any other failure is one.
	unreachable='code (E(NOTFOUND|AI_AGAIN|CONNREFUSED|CONNRESET|TIMEDOUT|HOSTUNREACH|NETUNREACH|[45][0-9][0-9])$'
	unreachable+='|ERR_SOCKET_TIMEOUT|.*CERT|.*UNABLE_TO)'
	if grep -qE "$unreachable" npm.log; then
		skip_all "npm can't reach its registry: $(grep -m 1 -oE 'code .*' npm.log)"
	fi
	sed 's/^/# /' npm.log
	echo "not ok 1 - npm installs pg and pgvector"
	exit 1
fi
exec node client_test.mjs
