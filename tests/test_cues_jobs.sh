#!/bin/sh
# The same cues for every number of clips at a time and on every run: calibrated corpora of both
# layouts (clips, and spans of long files), and real clips.
set -u
cd "$(dirname "$0")/.." || exit 99
merc=${MERC:?}
data=${MERC_DATA:-../shared/data}
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
export OPENBLAS_NUM_THREADS=1 XDG_CONFIG_HOME="$dir/none"

# same NAME CORPUS ROOT: byte for byte, nothing from a cache
same()
{
	for jobs in 1 2 5 2; do
		rm -rf "$dir/cache"
		"$merc" cues -q -c "$2" -r "$3" --jobs $jobs --cache "$dir/cache" -o "$dir/now.csv" \
			>"$dir/log" 2>&1 || { sed 's/^/# /' "$dir/log"; echo "not ok $1"; return; }
		[ "$jobs" != 1 ] || mv "$dir/now.csv" "$dir/one.csv"
		[ "$jobs" = 1 ] || cmp "$dir/one.csv" "$dir/now.csv" >"$dir/log" 2>&1 ||
			{ sed 's/^/# /' "$dir/log"; echo "not ok $1, $jobs jobs"; return; }
	done
	if grep -q ',ok,' "$dir/one.csv"; then echo "ok $1"; else echo "not ok $1: nothing measured"; fi
}

echo "1..3"
n=1
for layout in meld iemocap; do
	"$merc" data synth -q --layout $layout -o "$dir/$layout" --dialogues 5 --seed 4 || exit 99
	same "$n - calibrated, $layout" $layout "$dir/$layout"
	n=$((n + 1))
done
if [ -d "$data/meld/clips" ]; then
	same "3 - real clips" meld "$data/meld"
else
	echo "ok 3 - real clips # SKIP no real data"
fi
