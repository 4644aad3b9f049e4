#!/bin/sh
# The program as a person drives it: exit statuses, streams, and the whole way from clips to
# report on a tiny calibrated corpus, with runs killed on the way.
set -u
cd "$(dirname "$0")/.." || exit 99
. tests/driver.sh

check "no verb is a usage error" says 2 "usage" "$merc"
check "unknown verb" says 2 "no command 'frobnicate'" "$merc" frobnicate
check "help about none" says 2 '^try: merc help$' "$merc" help tokenise
check "unknown option" says 2 "unknown option" "$merc" list --frobnicate
check "help goes to stdout" status 0 sh -c '"$1" help run | grep -q -- --seeds' sh "$merc"
check "a failed write to stdout is an error" status 6 sh -c '"$1" list >/dev/full' sh "$merc"
check "missing corpus" says 2 "name one" "$merc" data stats --root "$dir"
check "missing data" says 4 "train_sent_emo.csv" "$merc" data stats -c meld -r "$dir"
check "environment gives defaults" status 0 \
	sh -c 'MERC_CORPUS=meld "$1" validate scripts/experiments/real.json' sh "$merc"
check "a bad default names its variable" says 2 "MERC_LIMIT" \
	env MERC_LIMIT=x "$merc" run scripts/experiments/bow.json -c meld -r "$dir"
check "every recipe is valid" status 0 "$merc" validate scripts/experiments/calibrated.json -c iemocap

for layout in meld iemocap; do
	data=$dir/$layout
	check "$layout: a calibrated corpus" status 0 \
		"$merc" data synth -q --layout $layout -o "$data" --dialogues 14 --seed 3
	check "$layout: nothing in it is unusable" status 0 "$merc" data verify -c $layout -r "$data"
	check "$layout: statistics are JSON" status 0 sh -c \
		'"$1" data stats -c "$2" -r "$3" --format json | grep -q "\"test\": {"' sh "$merc" $layout "$data"
	check "$layout: cues of every utterance" status 0 sh -c \
		'test $("$1" cues -q -c "$2" -r "$3" | wc -l) -gt 60' sh "$merc" $layout "$data"
done

run="$merc run scripts/experiments/bemerc.json -c meld -r $dir/meld --results $dir/results -q"
small="--seeds 1,2,3 --jobs 2 --set epochs=1,align_epochs=1"

# killed at several moments: never half a result under a final name, and the same command goes on
for after in 0.2 0.6 1.2; do
	timeout -s KILL $after $run $small 2>/dev/null
done
# asked to stop: ends soon, by that signal, and leaves nothing half done
asked()
{
	$run $small --set epochs=500,align_epochs=1 2>"$dir/err" &
	sleep 1.5
	kill -TERM $!
	wait $!
	[ $? = 143 ] || { echo "not ended by the signal"; cat "$dir/err"; return 1; }
	grep -q "goes on from here" "$dir/err" && ! ls -d "$dir"/results/runs/.tmp-* 2>/dev/null
}
check "SIGTERM stops the runs" asked
complete()
{
	for d in "$dir"/results/runs/[!.]*; do
		[ -e "$d" ] || continue
		for f in manifest.json metrics.json predictions.jsonl log.jsonl; do
			[ -s "$d/$f" ] || { echo "$d has no $f"; return 1; }
		done
	done
}
check "killed runs leave whole results or none" complete
check "the same command goes on" status 0 $run $small
check "all results are there and whole" complete
no_leftovers()
{
	! ls -d "$dir"/results/runs/.tmp-* 2>/dev/null
}
check "no temporary folder is left" no_leftovers
check "done is done" status 0 sh -c '"$@" 2>&1 | grep -q "0 runs done, 3 were there"' sh \
	$merc run scripts/experiments/bemerc.json -c meld -r $dir/meld --results $dir/results $small

# same seed, same thread count: the same answers
answers()
{
	cat "$dir/$1"/runs/meld-bemerc-s1-*/predictions.jsonl |
		sed 's/,"prompt_ms":[^,]*//; s/,"model_ms":[^}]*//'
}
repeat()
{
	$run --results "$dir/again" --seeds 1 --set epochs=1,align_epochs=1 || return 1
	answers results >"$dir/a"
	answers again >"$dir/b"
	cmp "$dir/a" "$dir/b"
}
check "the same seed gives the same answers" repeat
check "a saved model answers other data" status 0 sh -c \
	'"$1" predict -q -c meld -r "$2/meld" "$2"/results/runs/meld-bemerc-s1-* | grep -q scores' sh "$merc" "$dir"
check "a baseline beside it" status 0 "$merc" run scripts/experiments/bow.json -q -c meld \
	-r "$dir/meld" --results "$dir/results"
check "the report" status 0 "$merc" report -q --results "$dir/results" -o "$dir/report" --replicates 200
check "the report is there" test -s "$dir/report/index.html" -a -s "$dir/report/summary.json"
# the corpus by a relative path, the report made elsewhere when the corpus is gone
elsewhere()
{
	recipe=$PWD/scripts/experiments/bow.json
	(cd "$dir" && "$merc" run "$recipe" -q -c meld -r meld --results rel) || return 1
	mv "$dir/meld" "$dir/gone" || return 1
	(cd / && "$merc" report --results "$dir/rel" -o "$dir/rel/report" --claims '' \
		--replicates 200) 2>"$dir/err" || { cat "$dir/err"; return 1; }
	cat "$dir/err"
	! grep calibration.json "$dir/err" && grep -q "\"root\": \"$dir/meld\"" "$dir"/rel/runs/*/manifest.json &&
		grep '"ceiling": 0\.' "$dir/rel/report/summary.json"
}
check "ceilings are known wherever the report is made" elsewhere
echo "1..$n"
