#!/bin/sh
# merc profile of a system that asks a served model: the same labels as its run, questions finished
# before the clock starts, nothing sent twice, and as many at once as there are threads.  No time is
# judged but by what the server is told to take.
set -u
cd "$(dirname "$0")/.." || exit 99
. tests/driver.sh
export no_proxy=127.0.0.1

serve mock vllm 20
"$merc" data synth -q --layout meld -o "$dir/meld" --dialogues 10 --seed 7 || exit 99
cat >"$dir/both.json" <<'E2'
{"schema_version": 1, "name": "both", "title": "Both", "model": "prompted", "window": 2,
 "see": ["text", "history", "sound", "pictures"], "selection": "none",
 "options": {"template": "omnivox-minimal", "frames": 2, "side": 64}}
E2
"$merc" run -q "$dir/both.json" -c meld -r "$dir/meld" --results "$dir/results" --seeds 1 \
	--backend "$dir/mock.json" || exit 99
"$merc" run -q scripts/experiments/bow.json -c meld -r "$dir/meld" --results "$dir/results" --seeds 1 || exit 99
run=$(echo "$dir"/results/runs/meld-both-*)
bow=$(echo "$dir"/results/runs/meld-bow-*)
base="-c meld -r $dir/meld --results $dir/results"
served="--backend $dir/mock.json"
quick="--duration 0 --queries 64 --warmup 1"

asked()
{
	grep -c . "$dir/mock.facts"
}

# profile OPTION…
profile()
{
	# shellcheck disable=SC2086
	"$merc" profile "$run" $base $served "$@"
}

# field NAME FILE: a number of profile.json
field()
{
	sed -n "s/.*\"$1\": \([0-9.]*\).*/\1/p" "$2" | head -n 1
}

# shellcheck disable=SC2086
{
	check "a system that asks needs somebody to ask" says 2 "name it with --backend" \
		"$merc" profile "$run" $base -q
	check "another one asks nobody" says 2 "leave --backend out" "$merc" profile "$bow" $base $served -q
	check "one question a request" says 2 "more at once is --threads" profile -q --batch 4
}
before=$(asked)
single()
{
	profile $quick --log-share 1 -s single -o "$dir/single" >"$dir/single.txt" 2>"$dir/single.err" || {
		cat "$dir/single.err"
		return 1
	}
}
check "SingleStream" single
check "says beforehand what a pass takes" grep -q 'each pass over the .* samples takes' "$dir/single.err"
sent=$(($(asked) - before))
check "each query is one request, beside the warm-up" test "$sent" = 65
check "the table says what is timed" grep -q 'finished before the clock started' "$dir/single.txt"
check "so does the file" grep -q '"cues": "prepared"' "$dir/single/profile.json"
check "and who was asked" grep -q '"kind": "http"' "$dir/single/profile.json"
check "and what is served" grep -q 'served.*mock-1' "$dir/single/profile.json"
check "a latency is not shorter than the server takes" \
	awk -v p50="$(field p50 "$dir/single/profile.json")" 'BEGIN { exit !(p50 >= 20) }'
check "no journal is kept" sh -c "! find $dir/single -name 'journal*' | grep ."

labels()
{
	sed -n 's/.*"id":"\([^"]*\)".*"label":"\([^"]*\)".*/\1 \2/p' "$1" | sort -u
}
same_labels()
{
	labels "$run/predictions.jsonl" >"$dir/want"
	for how in "-s offline --threads 4 --duration 0" "-s multi --threads 8 --duration 0 --queries 64"; do
		# shellcheck disable=SC2086
		profile -q --log-share 1 --warmup 0 $how -o "$dir/answers" >/dev/null
		labels "$dir/answers/latencies.jsonl" >"$dir/timed"
		[ -s "$dir/timed" ] && ! comm -23 "$dir/timed" "$dir/want" | grep . || return 1
	done
}
check "timed answers are those of the run" same_labels
check "all of them were asked at once, eight in flight" test "$(field threads "$dir/answers/profile.json")" = 8

# 400 queries a second take eight threads when each takes 20 ms and more
server()
{
	profile -q --duration 0 --queries 662 -s server --rate 400 --target-ms 5000 --threads 64 -o "$dir/server" \
		>"$dir/server.txt" || { cat "$dir/server.txt"; return 1; }
}
check "Server at a rate" server
check "no query failed" grep -q '"failed": 0' "$dir/server/profile.json"

# one that cannot answer: queries fail, nothing is sent again, and the profile is INVALID
echo '#!/bin/sh
echo "{\"ready\": true}"
while read -r l; do
	id=${l#*\"id\":\"}
	echo "{\"id\":\"${id%%\"*}\",\"error\":\"no idea\"}"
	echo x >>'"$dir"'/heard
done' >"$dir/mute.sh"
chmod +x "$dir/mute.sh"
served="--backend exec:$dir/mute.sh"
mute()
{
	profile -q --duration 0 --queries 64 --warmup 0 -s single -o "$dir/mute" >"$dir/mute.txt"
	[ $? = 1 ] && grep -q 'reported: no idea' "$dir/mute/profile.json" && [ "$(wc -l <"$dir/heard")" = 64 ]
}
check "a program that says no" mute
echo "1..$n"
