#!/bin/sh
# Kills a sweep with SIGKILL at random moments, each time a fresh one, lets the same command go
# on, and compares what is there in the end with a sweep that nobody killed: every file byte for
# byte, less the fields that merc-results(5) lists as volatile, and no file more.
#   MERC  the program   RUNS  kills (200)   SEED  of the moments (1)
# Prints one line a difference, and a count; status 1 on any difference.
set -u
cd "$(dirname "$0")/.." || exit 99
merc=${MERC:-build/merc}
runs=${RUNS:-200}
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
export OPENBLAS_NUM_THREADS=1 XDG_CONFIG_HOME="$dir/none" XDG_CACHE_HOME="$dir/cache" LC_ALL=C

./tests/tiny_corpus.sh "$dir/corpus" || exit 99
cat >"$dir/suite.json" <<END
{"schema_version": 1, "name": "kill", "seeds": [1, 2, 3],
 "runs": [{"recipe": "$PWD/scripts/experiments/bow.json"},
          {"recipe": "$PWD/scripts/experiments/majority.json", "seeds": [1]}]}
END
cat >"$dir/sweep.json" <<END
{"schema_version": 1, "name": "kill", "title": "What survives a kill", "base": "suite.json",
 "axes": {"selection": "dev-f1,last-epoch,none"}}
END

# sweep FOLDER: the one command
sweep()
{
	exec "$merc" sweep "$dir/sweep.json" -q -c meld -r "$dir/corpus" --results "$1" -j 2 \
		--replicates 500 --format csv
}

now()
{
	date +%s%N
}

(sweep "$dir/warm") >/dev/null || exit 99
start=$(now)
(sweep "$dir/whole") >"$dir/want" || exit 99
span=$((($(now) - start) / 1000000))
[ "$(wc -l <"$dir/want")" = 7 ] || { echo 'the sweep printed no summary'; exit 99; }
if ! ./scripts/same-results.sh "$dir/warm" "$dir/whole"; then
	echo 'two sweeps that nobody killed differ'
	exit 1
fi
awk -v n="$runs" -v span="$span" -v seed="${SEED:-1}" 'BEGIN { srand(seed)
	for (i = 0; i < 6 * n; i++) printf "%.3f\n", rand() * span / 1000 }' >"$dir/moments"

# A moment after the end of the sweep is none: then the next one is tried.
bad=0 late=0 killed=0 half=0
while [ "$killed" -lt "$runs" ] && read -r moment; do
	rm -rf "$dir/cut"
	# every other time the whole group goes at once, else the program alone
	setsid sh -c 'echo $$ >"$1"; shift; exec "$@"' sh "$dir/pid" "$merc" sweep "$dir/sweep.json" \
		-q -c meld -r "$dir/corpus" --results "$dir/cut" -j 2 --replicates 500 >/dev/null 2>&1 &
	sleep "$moment"
	if [ -s "$dir/pid" ]; then
		pid=$(cat "$dir/pid")
		kill -KILL "$([ $((killed % 2)) = 0 ] && echo "-$pid" || echo "$pid")" 2>/dev/null
	else
		kill -KILL $!
	fi
	wait $! 2>/dev/null
	ended=$?
	: >"$dir/pid"
	if [ $ended != 137 ]; then
		late=$((late + 1))
		continue
	fi
	killed=$((killed + 1))
	[ -n "$(find "$dir/cut" -name predictions.jsonl 2>/dev/null | head -n 1)" ] && half=$((half + 1))
	if ! (sweep "$dir/cut") >"$dir/got" 2>"$dir/err"; then
		echo "kill $killed after $moment s: does not go on: $(head -n 1 "$dir/err")"
		bad=$((bad + 1))
	elif ! ./scripts/same-results.sh "$dir/whole" "$dir/cut" >"$dir/why" ||
		! cmp "$dir/want" "$dir/got" >>"$dir/why"; then
		echo "kill $killed after $moment s:"
		sed 's/^/  /' "$dir/why"
		bad=$((bad + 1))
	fi
done <"$dir/moments"
echo "$killed kills at work within $span ms ($half left results behind; $late moments came too late): $bad resumed to something else"
[ "$bad" = 0 ] && [ "$killed" = "$runs" ]
