#!/usr/bin/env bash
# make bench: recall, speed, build time and size of both storages, and of pgvector where it is
# installed, over the same data on the same throwaway server.  test/bench/README.md tells the
# parameters, bench.py does the measuring.

"$(dirname "$0")/../setup.sh" build bench || exit 1
. "$(dirname "$0")/../lib/server.sh"

if [ -z "${BASE:-}" ] || [ -z "${QUERY:-}" ]; then
	sed -n '/^```/,/^```/p' "$repo/test/bench/README.md" | grep -v '^```' >&2
	echo "bench: BASE and QUERY are needed" >&2
	exit 2
fi
BASE=$(realpath "$BASE")
QUERY=$(realpath "$QUERY")
METRIC=${METRIC:-l2}
ROWS=${ROWS:-0}
WORKERS=${WORKERS:-$(($(processors) - 1))}
MAINTENANCE_WORK_MEM=${MAINTENANCE_WORK_MEM:-2GB}
SHARED_BUFFERS=${SHARED_BUFFERS:-4GB}
OUT=${OUT:-$repo/bench-results}
mkdir -p "$OUT"

workspace_create bench
build
tree_create
client_compile

if [ -n "${GT:-}" ]; then
	GT=$(realpath "$GT")
else
	echo "bench: no GT, so the exact neighbors are computed"
	GT=$work/truth.ivecs
	"$client" truth "$BASE" "$ROWS" "$QUERY" "$METRIC" 100 "$GT"
fi

# Autovacuum and timed checkpoints are off because they would fall into one index's time and not
# into another's; what makes data safe (fsync, full page writes) is on.
cluster_create \
	"shared_buffers = $SHARED_BUFFERS" \
	"maintenance_work_mem = $MAINTENANCE_WORK_MEM" \
	"max_worker_processes = $((WORKERS + 16))" \
	"max_parallel_workers = $((WORKERS + 8))" \
	"max_parallel_maintenance_workers = $WORKERS" \
	"max_parallel_workers_per_gather = 0" \
	"max_wal_size = 32GB" \
	"checkpoint_timeout = 1h" \
	"autovacuum = off" \
	"jit = off"
cluster_start

export BASE QUERY GT METRIC ROWS WORKERS OUT
export BENCH_CLIENT=$client PSQL=$bindir/psql
python3 "$repo/test/bench/bench.py"
