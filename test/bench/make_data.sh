#!/usr/bin/env bash
# Makes those of the data sets SETS that are not in the directory DATA: sift (about 2 minutes), text768
# (about 15).  What making them needs is installed for it (Debian and Ubuntu packages).
set -euo pipefail

here=$(dirname "$0")
for set in $SETS; do
	if [ -e "$DATA/$set.base.fvecs" ] && [ -e "$DATA/$set.query.fvecs" ]; then
		continue
	fi
	if [ ! -x "$here/make_$set.py" ]; then
		echo "bench: set \"$set\" is not in $DATA and can't be made" >&2
		exit 2
	fi
	echo "bench: making the set $set in $DATA"
	"$here/../setup.sh" "bench-$set"
	mkdir -p "$DATA/new"
	/usr/bin/python3 "$here/make_$set.py" "$DATA/new"
	mv "$DATA/new/$set".* "$DATA/"
done
