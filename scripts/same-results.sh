#!/bin/sh
# Are two folders of results the same?  Every file byte for byte, less the fields that
# merc-results(5) lists as volatile, and no file more on either side.
#   usage: scripts/same-results.sh A B
# Prints one line a difference; status 1 on any.
set -u
export LC_ALL=C
page=$(dirname "$0")/man/merc-results.5
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT

# sed's script that takes the volatile fields out of a file of this name
without()
{
	awk -v file="$1" '/^\.SH/ { on = /VOLATILE/; next }
		on && /^\.B [a-z]+\.jsonl?$/ { mine = $2 == file; next }
		on && mine && /^\.BR? / { sub(/^\.BR? /, ""); gsub(/[",]/, " "); print }' "$page" |
	tr -s ' ' '\n' | while read -r field; do
		case $1 in
		*.jsonl) echo "s/,\"$field\":[^,}]*//g" ;;
		*) printf '/^ *"%s": {/,/^ }/d\n/^ *"%s": [^{]/d\n' "$field" "$field" ;;
		esac
	done
}
for name in predictions.jsonl log.jsonl manifest.json status.json; do
	without $name >"$work/$name.sed"
	[ -s "$work/$name.sed" ] || { echo "$page lists nothing for $name"; exit 99; }
done

(cd "$1" && find . -type f | sort) >"$work/a" || exit 99
(cd "$2" && find . -type f | sort) >"$work/b" || exit 99
bad=0
if ! cmp -s "$work/a" "$work/b"; then
	echo "other files:"
	diff "$work/a" "$work/b"
	bad=1
fi
comm -12 "$work/a" "$work/b" >"$work/both"
while read -r f; do
	cmp -s "$1/$f" "$2/$f" && continue
	rules=$work/${f##*/}.sed
	if [ -f "$rules" ]; then
		sed -f "$rules" "$1/$f" >"$work/x"
		sed -f "$rules" "$2/$f" >"$work/y"
		cmp -s "$work/x" "$work/y" && continue
	fi
	echo "$f differs"
	bad=1
done <"$work/both"
exit "$bad"
