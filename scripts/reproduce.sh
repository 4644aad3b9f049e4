#!/bin/sh
# The main job.  Without MELD and IEMOCAP: writes both calibrated corpora, runs every
# system and ablation on them, reports.  With them: the real corpora instead, as far as what
# is on disk allows.  Every step skips what is done; the same command goes on after a stop.
#   MERC     the program             MELD, IEMOCAP  folders of real corpora
#   RESULTS  where results go        CUES           folder with recorded measurements
#   JOBS     runs side by side       SEEDS          instead of those in the suite
set -eu
merc=${MERC:-build/merc}
results=${RESULTS:-results}
jobs=${JOBS:-0}
specs=$(dirname "$0")/experiments
seeds=${SEEDS:+--seeds=$SEEDS}
# arithmetic of one run is one thread; runs share the cores
export OPENBLAS_NUM_THREADS=1

say() {
	printf '\n== %s\n' "$*" >&2
}

# calibrated NAME DIALOGUES SEED: writes the corpus unless it is there whole
calibrated() {
	dir=$results/data/$1
	if [ ! -f "$dir/calibration.json" ]; then
		say "calibrated corpus in the layout of $1"
		rm -rf "$dir"
		"$merc" data synth --layout "$1" --out "$dir" --dialogues "$2" --seed "$3"
	fi
	run "$1" "$dir" "$specs/calibrated.json"
}

# real NAME DIR
real() {
	say "checking $2"
	mkdir -p "$results"
	"$merc" data verify --corpus "$1" --root "$2" >"$results/verify-$1.txt" || {
		status=$?
		echo "$2 cannot be used; $results/verify-$1.txt says why" >&2
		exit "$status"
	}
	run "$1" "$2" "$specs/real.json"
}

# run NAME DIR SUITE
run() {
	say "runs on $2"
	"$merc" run "$3" --corpus "$1" --root "$2" --results "$results" --jobs "$jobs" \
		--cache "$results/cache" ${CUES:+--cues="$CUES"} $seeds
}

started=$(date +%s)
if [ -n "${MELD:-}" ] || [ -n "${IEMOCAP:-}" ]; then
	[ -z "${MELD:-}" ] || real meld "$MELD"
	[ -z "${IEMOCAP:-}" ] || real iemocap "$IEMOCAP"
else
	calibrated meld "${MELD_DIALOGUES:-480}" 1
	calibrated iemocap "${IEMOCAP_DIALOGUES:-200}" 2
fi
say "report"
cat "$results"/notes/*.jsonl >"$results/notes.jsonl"
"$merc" report --results "$results" --output "$results/report" --notes "$results/notes.jsonl"
printf '\ndone in %d s: %s/report/index.html\n' $(($(date +%s) - started)) "$results" >&2
