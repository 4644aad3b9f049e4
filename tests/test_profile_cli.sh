#!/bin/sh
# merc profile on a trained model: scenarios, verdicts and exit statuses, what the files hold, and
# that what is timed answers as merc predict does.  No time is judged.
set -u
cd "$(dirname "$0")/.." || exit 99
. tests/driver.sh

data=$dir/meld
"$merc" data synth -q --layout meld -o "$data" --dialogues 10 --seed 3 || exit 99
"$merc" run scripts/experiments/bemerc.json -c meld -r "$data" --results "$dir/results" -q --seeds 1 \
	--set epochs=1,align_epochs=1 || exit 99
"$merc" run scripts/experiments/bow.json -c meld -r "$data" --results "$dir/results" -q --seeds 1 || exit 99
run=$(echo "$dir"/results/runs/meld-bemerc-*)
bow=$(echo "$dir"/results/runs/meld-bow-*)
loud="$merc profile $run -c meld -r $data --results $dir/results"
profile="$loud -q"
quick="--duration 0 --queries 64 --warmup 1"

# keeps TEXT FILE: a line of it
keeps()
{
	grep -q -- "$1" "$2" || { echo "no '$1' in $2"; cat "$2"; return 1; }
}

check "SingleStream is valid and short" sh -c "$profile $quick -s single -o $dir/one >$dir/one.txt"
check "the table says so" keeps "SingleStream  VALID, short" "$dir/one.txt"
check "and what the cues cost" keeps "decoded and measured within its latency" "$dir/one.txt"
check "profile.json has its schema" keeps '"schema_version": 1' "$dir/one/profile.json"
check "64 queries: the estimate is the largest" keeps '"index": 63' "$dir/one/profile.json"
check "decoding was timed" keeps '"decode": {' "$dir/one/profile.json"
check "a line a sample" test "$(wc -l <"$dir/one/latencies.jsonl")" = 64
check "every stage of each" test "$(grep -c '"decode_ms":[0-9].*"cues_ms":[0-9].*"prefill_ms":[0-9]' \
	"$dir/one/latencies.jsonl")" = 64
check "63 queries are too few" status 1 sh -c \
	"$profile --duration 0 --queries 63 -s single -o $dir/few >$dir/few.txt"
check "the cause names the option" keeps \
	"INVALID: required early stopping: 64 queries for p90.*observed 63, 1 short; to change: --queries" "$dir/few.txt"
check "the same seeds, the same order" sh -c "$profile $quick -s single -o $dir/two >/dev/null &&
	sed 's/,\"scheduled_s.*//' $dir/one/latencies.jsonl >$dir/a &&
	sed 's/,\"scheduled_s.*//' $dir/two/latencies.jsonl >$dir/b && cmp $dir/a $dir/b"
check "another seed, another order" sh -c "$profile $quick -s single --seed-order 9 -o $dir/nine >/dev/null &&
	sed 's/,\"scheduled_s.*//' $dir/nine/latencies.jsonl >$dir/b && ! cmp -s $dir/a $dir/b"

# what is timed is the work that merc predict does: the same labels, batched and threaded or not
same_answers()
{
	"$merc" predict "$run" -q -c meld -r "$data" -o "$dir/predicted" || return 1
	for how in "-s single" "-s offline --batch 16" "-s multi --batch 4 --threads 2 --queries 20" \
		"-s single --cached-cues" "-s live --speed 1000"; do
		$profile --duration 0 --warmup 1 --log-share 1 $how -o "$dir/answers" >/dev/null
		sed -n 's/.*"id":"\([^"]*\)".*"label":"\([^"]*\)".*/\1 \2/p' "$dir/answers/latencies.jsonl" |
			sort -u >"$dir/timed"
		sed -n 's/.*"id":"\([^"]*\)".*"label":"\([^"]*\)".*/\1 \2/p' "$dir/predicted" | sort -u >"$dir/want"
		cmp "$dir/timed" "$dir/want" || { echo "$how"; diff "$dir/timed" "$dir/want"; return 1; }
	done
}
check "timed answers are the answers of merc predict" same_answers

check "the grid has every point" sh -c \
	"$profile --duration 0 -s offline --threads 1,2 --batch 1,4 --cached-cues --format csv -o $dir/grid >$dir/grid.csv"
check "in CSV" test "$(grep -c '^throughput' "$dir/grid.csv")" = 4
check "cached cues are said" keeps '"cues": "cached"' "$dir/grid/profile.json"
check "and cost nothing" sh -c "! grep -q '\"decode\": {' $dir/grid/profile.json"
check "Live is labelled where it is not real time" sh -c \
	"$profile $quick -s live --speed 1000 --format md -o $dir/live | grep -q '| Live | VALID, short |'"
check "Server at a rate that is no rate" status 1 sh -c "$profile --duration 0 --queries 80 -s server --rate 1000 \
	--target-ms 0.001 --cached-cues -o $dir/server >$dir/server.txt"
check "says the target" keeps "Server INVALID: required p99 of at most 0.001 ms" "$dir/server.txt"
check "Server finds a rate" status 0 sh -c "$profile --duration 0 --queries 500 -s server --target-ms 60000 \
	--max-rate 5000 --precision 1 --cached-cues --format json -o $dir/server >$dir/server.json"
check "and tells its probes" keeps '"pass": true' "$dir/server.json"
check "standard output is the file" sh -c "cmp $dir/server.json $dir/server/profile.json ||
	{ cat $dir/server/profile.json; echo; } | cmp - $dir/server.json"
check "a model of text sees no clips" sh -c "$merc profile $bow -q -c meld -r $data $quick -o $dir/bow |
	grep -q 'sees nothing of clips'"
check "all leaves out what cannot be played, naming it fails" status 0 sh -c "rm -rf $dir/text; mkdir $dir/text &&
	cp $data/*.csv $dir/text && $merc profile $bow -q -c meld -r $dir/text $quick -s live -o $dir/none;
	test \$? = 2"
check "the first dialogues are no result" sh -c "$profile $quick -s single --limit 1 -o $dir/limited |
	grep -q 'not a result' && grep -q '\"result_class\": \"limited\"' $dir/limited/profile.json"
check "unknown scenario" status 2 $profile -s multistream
check "no thread" status 2 $profile --threads 0
check "a batch beyond the bound" status 2 $profile --batch 1000
check "no result folder" status 4 "$merc" profile "$dir/none" -q -c meld -r "$data"
check "full disk" status 6 sh -c "$profile $quick -s single -o $dir/one >/dev/full"

# asked to stop: what is complete is written, and the shell sees the signal
asked()
{
	$loud --duration 0 --queries 64 -s single,offline --offline-samples 1000000 --cached-cues \
		-o "$dir/stopped" >/dev/null 2>"$dir/err" &
	pid=$!
	until grep -q "Offline: " "$dir/err" || ! kill -0 $pid; do
		sleep 0.1
	done
	kill -TERM $pid
	wait $pid
	[ $? = 143 ] && keeps '"status": "interrupted"' "$dir/stopped/profile.json" &&
		keeps '"scenario": "SingleStream"' "$dir/stopped/profile.json"
}
check "SIGTERM ends a profile" asked

echo "1..$n"
