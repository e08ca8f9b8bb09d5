#!/usr/bin/env bash
# Faiss from Debian's source package, compiled for this machine: build_faiss.sh DIR
#
# The packaged library runs on any x86-64 processor, so its fast scan has no vector instructions.  This
# makes DIR/libfaiss.a of the same version with those that the processor has, for headers that are
# installed with libfaiss-dev.  Takes some minutes; the package lists that it needs are kept in DIR too.
set -euo pipefail

dir=$(realpath -m "${1:?a directory is needed}")
[ ! -e "$dir/libfaiss.a" ] || exit 0
mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
cd "$dir"

. /etc/os-release
echo "deb-src http://deb.debian.org/debian $VERSION_CODENAME main" >sources.list
apt=(apt-get -q -o "Dir::Etc::SourceList=$dir/sources.list" -o Dir::Etc::SourceParts=/dev/null
	-o "Dir::State::Lists=$dir/lists" -o "Dir::Cache=$dir/cache" -o APT::Sandbox::User=root)
"${apt[@]}" update
"${apt[@]}" --download-only source faiss
tar xf faiss_*.orig.tar.gz
source=$(echo faiss-*/faiss)

find "$source" -name '*.cpp' -not -path '*/gpu/*' -not -path '*/python/*' -print0 |
	xargs -0 -P "$(getconf _NPROCESSORS_ONLN)" -I{} \
		"${CXX:-g++}" -std=c++17 -O3 -march=native -fopenmp -DFINTEGER=int -I"$(dirname "$source")" \
		-c -o {}.o {}
find "$source" -name '*.cpp.o' -print0 | xargs -0 ar rcs libfaiss.a.new
mv libfaiss.a.new libfaiss.a
