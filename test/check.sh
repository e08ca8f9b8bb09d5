#!/usr/bin/env bash
# Runs the tests: check.sh KIND...   (unit, unit-arm64, fuzz, regress, isolation, tap, clients)
#
# Everything runs on throwaway servers out of a private copy of the PostgreSQL installation, on a
# copy of the test files that the servers' user can read.  The last line of the output is
# "N passed, N failed, N skipped"; the exit status is 0 when none failed and there were some.
#
#   TESTS="a b"   only these: names of regress or isolation tests or of clients, paths of TAP or
#                 unit tests
#   METHODS="ivf" TAP files run for these index methods alone; a file that names several in a line
#                 "# Methods: hnsw ivf" runs once for each, any other counts as hnsw's
#   CLIENT_EXTENSION=vector   the tests of clients against pgvector, to see that they ask the same
#   JOBS=2        TAP files run at the same time (default: the number of processors, at most 4)
#   SANITIZE=1    unit tests with AddressSanitizer and UndefinedBehaviorSanitizer
#   INPUTS=n      inputs of the fuzz test (default: 200000), SEED=n their seed (default: 1)
#   KEEP=1        keep the temporary directory with the servers' logs
#   ACCEPT=1      take the output of the regress and isolation tests as the expected one; then
#                 read the difference in git before you believe it

case " $* " in
	*" clients "*) purposes=(build check clients) ;;
	*" unit-arm64 "*) purposes=(build check arm64) ;;
	*) purposes=(build check) ;;
esac
"$(dirname "$0")/setup.sh" "${purposes[@]}" || exit 1
. "$(dirname "$0")/lib/server.sh"

workspace_create check
results=$work/results # one line per test: passed, failed or skipped, and its name
: >"$results"

record() # OUTCOME NAME
{
	echo "$1 $2" >>"$results"
}

show_failure() # LOG LINES
{
	echo "---- $(basename "$1"), last $2 lines"
	tail -n "$2" "$1"
	echo "----"
}

# Counts TAP lines of a log; a program that printed none counts as one test.
record_tap() # LOG NAME STATUS
{
	local log=$1 name=$2 status=$3
	local passed failed skipped
	failed=$(grep -cE '^ *not ok [0-9]' "$log" || true)
	skipped=$(grep -ciE '^( *ok [0-9].*# *skip|1\.\.0 +# *skip|.* \.\. *skipped:)' "$log" || true)
	passed=$(grep -E '^ *ok [0-9]' "$log" | grep -ciEv '# *skip' || true)
	[ "$status" = 0 ] || [ "$failed" != 0 ] || failed=1
	[ $((passed + failed + skipped)) != 0 ] || passed=1
	for _ in $(seq "$passed"); do record passed "$name"; done
	for _ in $(seq "$failed"); do record failed "$name"; done
	for _ in $(seq "$skipped"); do record skipped "$name"; done
	printf '%-9s %-64s %5d passed, %d failed, %d skipped\n' \
		"$([ "$failed" = 0 ] && echo ok || echo FAILED)" "$name" "$passed" "$failed" "$skipped"
	sed -nE -e 's/^ *ok [0-9]+ *-? *(.*)# *[Ss][Kk][Ii][Pp] *(.*)/\1(\2)/p' -e 's/^.* \.\. *skipped: *(.*)/(\1)/p' \
		"$log" | sed 's/^/          skipped: /'
}

selected() # FILES...: those that TESTS names, or all
{
	local file name
	for file in "$@"; do
		[ -e "$file" ] || continue
		name=$(basename "$file")
		if [ -z "${TESTS:-}" ]; then
			echo "$file"
			continue
		fi
		for wanted in $TESTS; do
			wanted=$(basename "$wanted")
			[ "${wanted%.*}" != "${name%.*}" ] || echo "$file"
		done
	done
}

# Kernels and quantizers are compiled without the server, with each test/unit/*_test.c.
run_unit_tests() # KIND COMPILER [FLAGS...] -- [EMULATOR]
{
	local kind=$1 test binary status helpers
	local -a compile=("$2" -std=gnu11 -O2 -g -Wall -Wextra -Wno-unused-parameter
		-I"$repo/include" -I"$repo/test/unit")
	shift 2
	while [ "$1" != -- ]; do
		compile+=("$1")
		shift
	done
	shift
	helpers=$(find "$repo/test/unit" -name '*.c' ! -name '*_test.c' 2>/dev/null)
	mkdir -p "$work/$kind"
	for test in $(selected "$repo"/test/unit/*_test.c); do
		binary=$work/$kind/$(basename "$test" .c)
		status=0
		# shellcheck disable=SC2086
		"${compile[@]}" -o "$binary" "$test" $helpers \
			"$repo"/src/distance/*.c $(find "$repo/src/quantizer" -name '*.c' 2>/dev/null) \
			-lm -lpthread >"$binary.log" 2>&1 || status=$?
		[ $status != 0 ] || timeout 3600 "$@" "$binary" >>"$binary.log" 2>&1 || status=$?
		record_tap "$binary.log" "$kind/$(basename "$test" .c)" $status
		[ $status = 0 ] || show_failure "$binary.log" 60
	done
}

check_unit()
{
	local -a flags=()
	[ -z "${SANITIZE:-}" ] ||
		flags=(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
	run_unit_tests unit "${CC:-gcc}" "${flags[@]}" --
}

# The same for 64-bit ARM in an emulator, for the sake of the NEON kernels.  That is some twenty times as
# slow, and the work grows with the square of the lengths.  No kernel takes more than some dozens of
# elements in one step: what is left out of the longer lengths repeats the shorter ones.
check_unit_arm64()
{
	local program
	for program in aarch64-linux-gnu-gcc qemu-aarch64; do
		if ! command -v $program >/dev/null; then
			echo "skipped: there is no $program"
			record skipped unit-arm64
			return 0
		fi
	done
	run_unit_tests unit-arm64 aarch64-linux-gnu-gcc -static -DLENGTH_ALL=600 -- qemu-aarch64
}

# The SQL functions of the types on inputs by chance, without the server but for its headers and what
# it shares with its clients.
check_fuzz()
{
	local binary=$work/types_fuzz status=0
	local -a flags=(-std=gnu11 -O1 -g -Wall -Wextra -Wno-unused-parameter -fno-strict-aliasing
		-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
		-D_GNU_SOURCE -DUSE_ASSERT_CHECKING -rdynamic
		-I"$repo/include" -I"$repo/test/fuzz" -isystem "$("$PG_CONFIG" --includedir-server)")
	local -a libraries=(-L"$("$PG_CONFIG" --pkglibdir)" -L"$("$PG_CONFIG" --libdir)"
		-lpgcommon -lpgport -lm -lpthread -ldl)
	"${CC:-gcc}" "${flags[@]}" -o "$binary" "$repo"/test/fuzz/*.c "$repo"/src/types/*.c \
		"$repo"/src/distance/*.c "${libraries[@]}" >"$binary.log" 2>&1 || status=$?
	[ $status != 0 ] ||
		timeout 7200 "$binary" "$repo"/sql/vectorstore--0.1.0.sql "${INPUTS:-200000}" "${SEED:-1}" \
			>>"$binary.log" 2>&1 || status=$?
	record_tap "$binary.log" fuzz/types $status
	if [ $status = 0 ]; then
		tail -n 1 "$binary.log"
	else
		show_failure "$binary.log" 60
	fi
}

# Outcomes out of what pg_regress and pg_isolation_regress print, up to 15 and from 16 on.
record_regress() # LOG KIND
{
	local name
	while read -r name; do record passed "$2/$name"; done < <(sed -nE \
		-e 's/^(test)? *([A-Za-z0-9_-]+) +\.\.\. ok .*/\2/p' \
		-e 's/^ok +[0-9]+ +[-+] ([A-Za-z0-9_-]+) .*/\1/p' "$1")
	while read -r name; do record failed "$2/$name"; done < <(sed -nE \
		-e 's/^(test)? *([A-Za-z0-9_-]+) +\.\.\. FAILED.*/\2/p' \
		-e 's/^not ok +[0-9]+ +[-+] ([A-Za-z0-9_-]+) .*/\1/p' "$1")
}

run_regress() # KIND PROGRAM EXPECTED_DIR TEST...
{
	local kind=$1 program=$2 expected=$3 status=0 test
	shift 3
	# A test without its expected file must fail alone, and not end the run.
	for test in "$@"; do
		touch "$work/$kind/expected/$test.out"
	done
	[ -z "$server_user" ] || chown -R "$server_user" "$work/$kind"
	as_server mkdir -p "$work/$kind/out"
	as_server "$program" --inputdir="$work/$kind" --outputdir="$work/$kind/out" \
		--bindir="$bindir" --temp-instance="$work/$kind/instance" --temp-config="$work/temp.conf" \
		--encoding=UTF8 --no-locale --load-extension=vectorstore --dbname="vectorstore_$kind" \
		"$@" 2>&1 | tee "$work/$kind.log" || status=$?
	record_regress "$work/$kind.log" "$kind"
	if [ -n "${ACCEPT:-}" ]; then
		for test in "$@"; do
			cp "$work/$kind/out/results/$test.out" "$expected/"
		done
	fi
	if [ $status != 0 ]; then
		[ ! -f "$work/$kind/out/regression.diffs" ] || cat "$work/$kind/out/regression.diffs"
		if ! grep -q "^failed $kind/" "$results"; then
			record failed "$kind"
			show_failure "$work/$kind.log" 20
			for log in "$work/$kind"/out/log/*.log; do
				[ ! -f "$log" ] || show_failure "$log" 40
			done
		fi
	fi
}

names() # FILES...: without directory and extension
{
	local file
	for file in "$@"; do
		file=$(basename "$file")
		echo "${file%.*}"
	done
}

# What index methods share is in test/sql/shared, for \i.  It is put in its place here, because psql
# would tell its path with every error.
insert_shared() # FILE
{
	awk -v directory="$(dirname "$1")" '
		/^\\i shared\// { while ((getline line < (directory "/" $2)) > 0) print line; next }
		{ print }' "$1"
}

check_regress()
{
	local file
	local -a tests
	mapfile -t tests < <(names $(selected "$repo"/test/sql/*.sql))
	[ ${#tests[@]} != 0 ] || return 0
	mkdir -p "$work/regress/sql" "$work/regress/expected"
	for file in "$repo"/test/sql/*.sql; do
		insert_shared "$file" >"$work/regress/sql/$(basename "$file")"
	done
	cp "$repo"/expected/* "$work/regress/expected/"
	run_regress regress "$pgxs_test/regress/pg_regress" "$repo/expected" "${tests[@]}"
}

# A specification that names index methods in a line "# Methods: hnsw ivf" becomes one test for each,
# METHOD_NAME, with the method's name in place of METHOD.
check_isolation()
{
	local file method name
	local -a tests
	mkdir -p "$work/isolation"
	cp -r "$repo/test/isolation/expected" "$work/isolation/"
	mkdir "$work/isolation/specs"
	for file in "$repo"/test/isolation/specs/*.spec; do
		name=$(basename "$file")
		for method in $(named_methods "$file"); do
			sed "s/METHOD/$method/" "$file" >"$work/isolation/specs/${method}_$name"
		done
	done
	mapfile -t tests < <(names $(selected "$work"/isolation/specs/*.spec))
	[ ${#tests[@]} != 0 ] || return 0
	run_regress isolation "$pgxs_test/isolation/pg_isolation_regress" \
		"$repo/test/isolation/expected" "${tests[@]}"
}

# The index methods that a test runs for
named_methods() # FILE
{
	local methods
	methods=$(sed -n 's/^# Methods: //p' "$1")
	echo "${methods:-hnsw}"
}

# The runs of a TAP file: its name, with the method behind it where the file names several.
tap_runs() # FILE
{
	local methods method name
	name=$(basename "$1" .pl)
	methods=$(named_methods "$1")
	for method in $methods; do
		[[ -z "${METHODS:-}" || " $METHODS " == *" $method "* ]] || continue
		[ "$method" = "$methods" ] && echo "$name" || echo "$name.$method"
	done
}

# One of them; its output goes to a log, its status beside it.
run_tap() # RUN
{
	local run=$1 name=${1%.*} method=${1##*.} log=$work/tap/$1.log status=0
	[ "$name" != "$run" ] || method=$(named_methods "$repo/test/t/$name.pl")
	as_server mkdir -p "$work/tap/$run"
	as_server env VECTORSTORE_METHOD="$method" \
		TESTDIR="$work/tap/$run" TESTDATADIR="$work/tap/$run/tmp_check" \
		TESTLOGDIR="$work/tap/$run/log" PG_REGRESS="$pgxs_test/regress/pg_regress" \
		PG_TEST_PORT_DIR="$work/portlock" top_builddir="$work" PATH="$PATH" \
		timeout --kill-after=30 1800 \
		prove --verbose -I "$pgxs_test/perl" -I "$work/src/test/lib" -I "$work/src/test/t" \
		"$work/src/test/t/$name.pl" >"$log" 2>&1 || status=$?
	echo $status >"$log.status"
}

check_tap()
{
	local file run status running=0
	local jobs=${JOBS:-$(processors)}
	[ -n "${JOBS:-}" ] || [ "$jobs" -le 4 ] || jobs=4
	local -a runs
	mapfile -t runs < <(for file in $(selected "$repo"/test/t/*.pl); do tap_runs "$file"; done)
	[ ${#runs[@]} != 0 ] || return 0
	mkdir -p "$work/src" "$work/tap" "$work/portlock"
	cp -r "$repo/test" "$repo/sql" "$repo/src" "$repo/README.md" "$work/src/"
	[ -z "$server_user" ] || chown -R "$server_user" "$work/src" "$work/tap" "$work/portlock"
	set -m
	for run in "${runs[@]}"; do
		if [ "$running" -ge "$jobs" ]; then
			wait -n || true
			running=$((running - 1))
		fi
		run_tap "$run" &
		running=$((running + 1))
	done
	wait
	set +m
	for run in "${runs[@]}"; do
		status=$(cat "$work/tap/$run.log.status")
		record_tap "$work/tap/$run.log" "tap/$run" "$status"
		if [ "$status" != 0 ]; then
			show_failure "$work/tap/$run.log" 80
			for log in "$work/tap/$run"/tmp_check/log/*.log "$work/tap/$run"/log/*.log; do
				[ -f "$log" ] || continue
				show_failure "$log" 30
				echo "---- errors in $(basename "$log")"
				grep -E 'FATAL|PANIC|TRAP|terminated by signal' "$log" | tail -n 20 || true
			done
		fi
	done
}

# A server for all clients, which JDBC can reach only by TCP.  So it has a port, and a password that
# keeps the machine's other users out.
clients_server_start()
{
	export PGPORT PGPASSWORD
	PGPASSWORD=$(head -c 18 /dev/urandom | base64)
	cluster_create "listen_addresses = '127.0.0.1'" "fsync = off" "jit = off"
	printf '%s\n' "local all all trust" "host all all 127.0.0.1/32 scram-sha-256" |
		as_server tee "$work/cluster/pg_hba.conf" >/dev/null
	for _ in 1 2 3; do # another process may take the port before the server does
		PGPORT=$(perl -MIO::Socket::INET -e \
			'print IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 1)->sockport')
		echo "port = $PGPORT" | as_server tee -a "$work/cluster/postgresql.conf" >/dev/null
		cluster_start && break
	done
	sql -c "ALTER ROLE postgres PASSWORD '$PGPASSWORD'"
}

# Real clients: each test/clients/NAME/run.sh prints TAP, or why it can't run.
check_clients()
{
	local directory name log status
	local -a clients
	mapfile -t clients < <(selected "$repo"/test/clients/*/)
	[ ${#clients[@]} != 0 ] || return 0
	clients_server_start
	for directory in "${clients[@]}"; do
		name=$(basename "$directory")
		directory=${directory%/}
		log=$work/clients/$name.log
		status=0
		mkdir -p "$work/clients/$name"
		sql -c "CREATE DATABASE client_$name"
		PGDATABASE=client_$name CLIENT_WORK=$work/clients/$name CLIENT_EXTENSION=${CLIENT_EXTENSION:-vectorstore} \
			timeout --kill-after=30 600 prove --verbose "$directory/run.sh" >"$log" 2>&1 || status=$?
		record_tap "$log" "clients/$name" $status
		[ $status = 0 ] || show_failure "$log" 80
	done
	cluster_stop
	unset PGHOST PGPORT PGUSER PGDATABASE PGPASSWORD
}

kinds=("$@")
needs_server=no
for kind in "${kinds[@]}"; do
	case $kind in
		unit | unit-arm64 | fuzz) ;;
		*) needs_server=yes ;;
	esac
done

if [ $needs_server = yes ]; then
	build
	tree_create
	# The snapshot of an autovacuum worker would keep deleted rows from the VACUUM of a test.
	printf '%s\n' "max_wal_size = 1GB" "fsync = off" "autovacuum = off" >"$work/temp.conf"
fi

for kind in "${kinds[@]}"; do
	echo "== $kind"
	"check_${kind//-/_}"
done

passed=$(grep -c '^passed' "$results" || true)
failed=$(grep -c '^failed' "$results" || true)
skipped=$(grep -c '^skipped' "$results" || true)
if [ "$failed" != 0 ]; then
	echo "== failed"
	sed -n 's/^failed //p' "$results" | sort | uniq -c
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ -s "$results" ]
