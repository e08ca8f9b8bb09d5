# vectorstore: build, installation and tests.
#
# `make help` lists the targets.  The build itself is PGXS (`make`, `make install`); everything else
# is a script under test/ that calls make again, so that it can first install what PGXS needs.
# Another server than the default one: `make PG_CONFIG=/path/to/pg_config ...`.

PG_CONFIG ?= pg_config
export PG_CONFIG

.DEFAULT_GOAL := all

# Targets of ours that must run before PGXS can be read (or that it would define itself).
OWN_GOALS := help setup demo bench fuzz lint format \
	check check-unit check-unit-arm64 check-fuzz check-regress check-isolation check-tap check-clients
BUILD_GOALS := $(filter-out $(OWN_GOALS),$(or $(MAKECMDGOALS),all))

ifneq ($(BUILD_GOALS),)

ifeq ($(wildcard $(shell $(PG_CONFIG) --includedir-server 2>/dev/null)/postgres.h),)
$(error The header files of the PostgreSQL server were not found through "$(PG_CONFIG)". \
Run "make setup" to install them, or name the right one: make PG_CONFIG=/path/to/pg_config)
endif

MODULE_big = vectorstore
EXTENSION = vectorstore
DATA = $(wildcard sql/vectorstore--*.sql)
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*/*.c src/*.c)))
EXTRA_CLEAN = $(OBJS:.o=.d)

PG_CPPFLAGS = -I$(srcdir)/include
SHLIB_LINK += -Wl,-Bsymbolic -lm -lpthread

# The exact machine is found out at load time, so the library carries no -march.  Bitcode would
# need clang at build time, and the hot loops are behind function pointers that it can't inline.
override with_llvm = no

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# After PGXS, because what comes last on the command line wins.  The disabled warnings are those
# that the server's own headers and callback signatures raise.
override CFLAGS += -std=gnu11 -fvisibility=hidden -Wall -Wextra -MMD -MP \
	-Wno-declaration-after-statement -Wno-unused-parameter $(EXTRA_CFLAGS)
src/distance/%.o src/quantizer/%.o: override CFLAGS += -O3
# Codes on disk are the same whether or not the machine can multiply and add in one rounding.
src/quantizer/%.o: override CFLAGS += -ffp-contract=off

# A changed header rebuilds its users; changed flags rebuild everything.
-include $(OBJS:.o=.d)
$(OBJS): Makefile

endif

# Passed on to the scripts; see the head of each for what it takes.
export TESTS METHODS JOBS SANITIZE INPUTS SEED KEEP ACCEPT BASE QUERY GT METRIC EF M EF_CONSTRUCTION MAINTENANCE_WORK_MEM
export WORKERS LISTS PROBES SHARED_BUFFERS OUT ROUNDS CONFIGS ROWS GROW

ifeq ($(BUILD_GOALS),)

help:
	@sed -n 's/^#: //p' $(firstword $(MAKEFILE_LIST))

#: make                 build the library
#: make install         install it into the server that pg_config names
#: make setup           install what building and testing needs (Debian and Ubuntu packages)
#: make demo            build, start a throwaway server, index real vectors in both storages, compare
#: make check           every test on throwaway servers; the last line counts them
#: make check-unit      distance kernels and quantizers outside of the server (SANITIZE=1: with ASan and UBSan)
#: make check-unit-arm64  the same for 64-bit ARM, in an emulator; not part of make check
#: make check-fuzz      every function of the types on 200,000 inputs by chance, with ASan and UBSan
#: make fuzz            the same on 10,000,000 inputs (INPUTS=n, SEED=n)
#: make check-regress   the SQL surface (TESTS="a b" for some)
#: make check-isolation concurrent sessions
#: make check-tap       crash, replication, storage, recall, for hnsw and ivf (TESTS=test/t/x.pl for one,
#:                      METHODS=ivf for those of one index method)
#: make check-clients drivers of Node, Python and Java; one that can't be installed is skipped (TESTS=node)
#: make bench           recall, speed, builds and memory of both storages, beside pgvector, hnswlib and Faiss:
#:                      make bench BASE=x.fvecs QUERY=y.fvecs GT=z.ivecs (test/bench/README.md)
#: make lint            formatting and static analysis
#: make format          format the C files
#: make clean           remove what was built

setup:
	@test/setup.sh check clients bench lint

check:
	@test/check.sh unit fuzz regress isolation tap clients

check-unit check-unit-arm64 check-fuzz check-regress check-isolation check-tap check-clients:
	@test/check.sh $(@:check-%=%)

fuzz:
	@INPUTS=$${INPUTS:-10000000} test/check.sh fuzz

demo:
	@test/demo/run.sh

bench:
	@test/bench/run.sh

lint:
	@test/lint.sh

format:
	@test/lint.sh format

endif

.PHONY: $(OWN_GOALS)
