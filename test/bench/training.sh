#!/usr/bin/env bash
# What training on a sample in a file costs, against one in memory: time, and private memory.
#
#   test/bench/training.sh BASE.fvecs [NAME=value ...]
#
#   LISTS=512   centroids            PAIRS=10   paired runs          WORKERS=0   parallel workers
#   ROWS=0      rows, 0 = all
#
# A throwaway server is started from a private copy of the PostgreSQL installation; training.py measures.
# The times are those that the server reports for sampling and k-means; memory is the highest RssAnon
# of the backend in /proc, during the whole of CREATE INDEX.

for argument in "${@:2}"; do
	export "${argument?}"
done
"$(dirname "$0")/../setup.sh" build bench || exit 1
. "$(dirname "$0")/../lib/server.sh"

BASE=$(realpath "${1:?a file of vectors (.fvecs) is needed}")
WORKERS=${WORKERS:-0}

workspace_create training
build
tree_create
client_compile
cluster_create \
	"shared_buffers = 2GB" \
	"maintenance_work_mem = 1GB" \
	"max_parallel_maintenance_workers = $WORKERS" \
	"max_wal_size = 32GB" \
	"checkpoint_timeout = 1h" \
	"autovacuum = off" \
	"fsync = off"
cluster_start

export BASE WORKERS
export BENCH_CLIENT=$client PSQL=$bindir/psql
python3 "$repo/test/bench/training.py"
