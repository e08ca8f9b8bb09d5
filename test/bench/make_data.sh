#!/usr/bin/env bash
# Makes those of the data sets SETS that are not in the directory DATA: sift (about 2 minutes), text768
# (about 15), and text384, text1536 and text3072 together (about 10).  What making them needs is installed
# for it (Debian and Ubuntu packages).
set -euo pipefail

here=$(dirname "$0")
for set in $SETS; do
	set=${set%:*} # the number of rows behind it is not our business
	if [ -e "$DATA/$set.base.fvecs" ] && [ -e "$DATA/$set.query.fvecs" ]; then
		continue
	fi
	case $set in
		sift) maker=(sift "$here/make_sift.py" "$DATA/new") ;;
		text768) maker=(text "$here/make_text.py" "$DATA/new" --dimensions 768) ;;
		text384 | text1536 | text3072)
			maker=(text "$here/make_text.py" "$DATA/new" --rows 60000 --dimensions 384 1536 3072)
			;;
		*)
			echo "bench: set \"$set\" is not in $DATA and can't be made" >&2
			exit 2
			;;
	esac
	echo "bench: making the set $set in $DATA"
	"$here/../setup.sh" "bench-${maker[0]}"
	mkdir -p "$DATA/new"
	/usr/bin/python3 "${maker[@]:1}"
	mv "$DATA/new/"* "$DATA/"
done
