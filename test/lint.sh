#!/usr/bin/env bash
# Formatting and static analysis of the C and C++ files: lint.sh [format]
#
# clang-format must have nothing to change, and cppcheck nothing to say.  A finding that is wrong is
# answered where it stands by a "cppcheck-suppress" comment with its reason.  With "format" the
# files are formatted instead.

set -euo pipefail
cd "$(dirname "$0")/.."
test/setup.sh lint

mapfile -t files < <(find src include test \( -name '*.[ch]' -o -name '*.cpp' \) | sort)

if [ "${1:-}" = format ]; then
	clang-format -i "${files[@]}"
	exit
fi

status=0
clang-format --dry-run -Werror "${files[@]}" || status=1

# The server's headers are not read: cppcheck only needs to know what their macros do to the flow.
cppcheck --quiet --std=c11 --language=c --enable=warning,portability,performance \
	--inline-suppr --error-exitcode=1 --suppress=missingInclude --suppress=unknownMacro \
	--suppress=uninitStructMember -j "$(getconf _NPROCESSORS_ONLN)" \
	-I include -D'PG_FUNCTION_INFO_V1(f)=extern int no_such_variable' -D'PG_MODULE_MAGIC=' \
	-D'PG_VERSION_NUM=150000' -D'Assert(x)=((void)0)' -D'StaticAssertDecl(x,y)=' \
	-D'PG_FUNCTION_ARGS=FunctionCallInfo fcinfo' \
	-i test/bench/peers.cpp src include test || status=1
cppcheck --quiet --std=c++17 --language=c++ --enable=warning,portability,performance \
	--inline-suppr --error-exitcode=1 --suppress=missingInclude test/bench/peers.cpp || status=1

[ $status != 0 ] || echo "lint: ${#files[@]} files, nothing to say"
exit $status
