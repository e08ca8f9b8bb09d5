#!/usr/bin/env bash
# make bench: indexes of vectorstore, pgvector's where that is installed, and libraries that search in
# their own process, over the same vectors on the same machine in the same run.
# test/bench/README.md tells the parameters, bench.py does the measuring.

parameters=(TABLE SETS DATA BASE QUERY GT METRIC ROWS QUERIES PARTS CONFIGS CONFIGS_BACKENDS CONFIGS_MEMORY
	CONFIGS_COLD CONFIGS_RESIDENT CONFIGS_WRITES EF PROBES M EF_CONSTRUCTION LISTS WORKERS MAINTENANCE_WORK_MEM
	SHARED_BUFFERS ROUNDS BACKENDS COLD_ROUNDS COLD_WARMUPS MEMORY_LIMITS MEMORY_SECONDS RESIDENT_LIMITS GROW
	FAISS WRITES WRITES_ROWS WRITES_CONNECTIONS WRITES_SECONDS)

# What was asked for, without the places of files.
COMMAND="make bench"
for name in "${parameters[@]}"; do
	[ -n "${!name:-}" ] || continue
	case $name in
		DATA) continue ;;
		BASE | QUERY | GT) value=$(basename "${!name}") ;;
		*) value=${!name} ;;
	esac
	case $value in
		*" "*) COMMAND+=" $name=\"$value\"" ;;
		*) COMMAND+=" $name=$value" ;;
	esac
done

# The tables of the documentation have sets and parts of their own.
case ${TABLE:-} in
	"") ;;
	quantizers)
		SETS=${SETS:-sift:60000 text384:40000 text768:40000 text1536:20000 text3072:20000}
		QUERIES=${QUERIES:-500}
		PARTS=${PARTS:-search}
		EF=${EF:-20 40 80 160 320 640}
		ROUNDS=${ROUNDS:-1}
		;;
	codes)
		SETS=${SETS:-sift:240000 text768:40000 text1536:40000}
		QUERIES=${QUERIES:-500}
		PARTS=${PARTS:-search memory cold}
		EF=${EF:-20 40 80 160 320 640}
		ROUNDS=${ROUNDS:-1}
		MEMORY_LIMITS=${MEMORY_LIMITS:-25}
		MEMORY_SECONDS=${MEMORY_SECONDS:-4}
		COLD_ROUNDS=${COLD_ROUNDS:-1}
		COLD_WARMUPS=${COLD_WARMUPS:-none}
		WRITES=${WRITES:-inserts}
		WRITES_ROWS=${WRITES_ROWS:-30000}
		WRITES_CONNECTIONS=${WRITES_CONNECTIONS:-1}
		WRITES_SECONDS=${WRITES_SECONDS:-3}
		;;
	*)
		echo "bench: there is no table \"$TABLE\"" >&2
		exit 2
		;;
esac

"$(dirname "$0")/../setup.sh" build bench || exit 1
. "$(dirname "$0")/../lib/server.sh"

WORKERS=${WORKERS:-$(($(processors) - 1))}
MAINTENANCE_WORK_MEM=${MAINTENANCE_WORK_MEM:-2GB}
SHARED_BUFFERS=${SHARED_BUFFERS:-4GB}
OUT=$(realpath -m "${OUT:-$repo/bench-results}")
mkdir -p "$OUT"

if [ -n "${BASE:-}${QUERY:-}" ]; then
	for name in BASE QUERY ${GT:+GT}; do
		printf -v "$name" '%s' "$(realpath -e "${!name:?needed beside the other of BASE and QUERY}")"
	done
else
	SETS=${SETS:-sift text768}
	DATA=$(realpath -m "${DATA:-$repo/bench-data}")
	export SETS DATA
	"$repo/test/bench/make_data.sh"
fi

KEPT=${WORK:+yes}
if [ -n "$KEPT" ]; then
	workspace_use "$(realpath -m "$WORK")"
else
	workspace_create bench
fi
build
tree_create
client_compile

# Faiss needs a BLAS to train; the plain one works too, but takes many times as long.
peers_compile() # LIBRARY..
{
	"${CXX:-g++}" -std=c++17 -O3 -march=native -Wall -fopenmp -o "$peers" \
		"$repo/test/bench/peers.cpp" "$@" >"$work/peers.log" 2>&1
}
package_version()
{
	dpkg-query -W -f='${source:Upstream-Version}' "$1" 2>/dev/null || true
}
peers=$work/peers
faiss=-lfaiss
PEERS_ABOUT="hnswlib $(package_version libhnswlib-dev), Faiss $(package_version libfaiss-dev)"
if [ "${FAISS:-}" = native ]; then
	"$repo/test/bench/build_faiss.sh" "$work/faiss" >"$work/faiss.log" 2>&1 ||
		{ tail -n 5 "$work/faiss.log" >&2; exit 1; }
	faiss=$work/faiss/libfaiss.a
	PEERS_ABOUT+=" (compiled for this machine)"
else
	PEERS_ABOUT+=" (as packaged, without AVX2)"
fi
if ! peers_compile "$faiss" -lopenblas && ! peers_compile "$faiss" -llapack -lblas; then
	echo "bench: no libraries in process, since peers.cpp was not compiled:"
	grep -m 3 error "$work/peers.log" || true
	peers=
fi

# Autovacuum and timed checkpoints are off because they would fall into one index's time and not
# into another's; what makes data safe (fsync, full page writes) is on.  bench.py starts the server.
[ -d "$work/cluster" ] || cluster_create \
	"max_worker_processes = $((WORKERS + 16))" \
	"max_parallel_workers = $((WORKERS + 8))" \
	"max_parallel_maintenance_workers = $WORKERS" \
	"max_parallel_workers_per_gather = 0" \
	"max_wal_size = 32GB" \
	"checkpoint_timeout = 1h" \
	"autovacuum = off" \
	"jit = off"

export TABLE NOTE QUERIES PARTS EF ROUNDS COLD_ROUNDS COLD_WARMUPS MEMORY_LIMITS MEMORY_SECONDS WRITES WRITES_ROWS WRITES_CONNECTIONS WRITES_SECONDS
export BASE QUERY GT METRIC ROWS DROP WORKERS MAINTENANCE_WORK_MEM SHARED_BUFFERS OUT COMMAND KEPT
export BENCH_CLIENT=$client PEERS=$peers PEERS_ABOUT PSQL=$bindir/psql BINDIR=$bindir CLUSTER=$work/cluster
export WORK=$work PGHOST=$work PGUSER=postgres PGDATABASE=postgres
export PKGLIBDIR=$tree$("$PG_CONFIG" --pkglibdir)
export AS_SERVER=${server_user:+runuser -u $server_user -- env HOME=$work}
PYTHONDONTWRITEBYTECODE=1 python3 "$repo/test/bench/bench.py"
[ -z "${PUBLISH:-}" ] || PYTHONDONTWRITEBYTECODE=1 python3 "$repo/test/bench/publish.py" "$OUT"
