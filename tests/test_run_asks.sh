#!/bin/sh
# Systems that ask a served model, run as a person runs them: results like any other's, nothing
# asked twice, failures counted and asked again on demand, prompts and cost before anything is sent,
# and the report, comparisons and sweeps over what came out.
set -u
cd "$(dirname "$0")/.." || exit 99
. tests/driver.sh
export no_proxy=127.0.0.1

# asked NAME: requests about utterances so far, the probes not counted
asked()
{
	grep -c . "$dir/$1.facts" 2>/dev/null || true
}

# run RECIPE BACKEND [OPTION…]
run()
{
	recipe=$1 backend=$2
	shift 2
	"$merc" run -q "$recipe" -c meld -r "$dir/meld" --results "$dir/results" \
		--backend "$backend" "$@"
}

# of SYSTEM FILE: a file of the one result of a system
of()
{
	cat "$dir"/results/runs/meld-"$1"-s*/"$2"
}

# counts SYSTEM STATUS: how many answers have it
counts()
{
	of "$1" predictions.jsonl | grep -c "\"status\":\"$2\"" || true
}

serve vllm vllm 2
serve slow openai 30
check "a calibrated corpus" status 0 \
	"$merc" data synth -q --layout meld -o "$dir/meld" --dialogues 14 --seed 7
cat >"$dir/both.json" <<'E2'
{"schema_version": 1, "name": "both", "title": "Both", "model": "prompted", "window": 2,
 "see": ["text", "history", "sound", "pictures"], "selection": "none",
 "options": {"template": "omnivox-minimal", "frames": 3, "side": 96}}
E2
cat >"$dir/text.json" <<'E2'
{"schema_version": 1, "name": "text", "title": "Text", "model": "prompted", "window": 2,
 "see": ["text", "history"], "selection": "none"}
E2

check "a system that asks needs a back-end" says 2 "name it with --backend" \
	"$merc" run -q "$dir/text.json" -c meld -r "$dir/meld" --results "$dir/results"

# before anything is sent
"$merc" run "$dir/both.json" -c meld -r "$dir/meld" --results "$dir/results" \
	--backend "$dir/vllm.json" --dry-run >"$dir/dry" 2>"$dir/dry.sum"
tests=$(grep -c '^== test/' "$dir/dry")
check "a dry run prints every prompt" [ "$tests" -gt 10 ]
check "with three pictures and the sound of each" [ "$(grep -c '^<picture, ' "$dir/dry")" = $((3 * tests)) ]
check "and sound" [ "$(grep -c '^<sound, ' "$dir/dry")" = "$tests" ]
check "and says what it would cost" grep -q "$tests requests, .* cost at most [1-9]" "$dir/dry.sum"
check "a dry run sends nothing" [ "$(asked vllm)" = 0 ]
check "and leaves no result" [ ! -e "$dir/results/runs" ]
"$merc" run "$dir/text.json" -c meld -r "$dir/meld" --results "$dir/results" -b exec:scripts/examples/exec_majority.sh -n 2>&1 >/dev/null |
	cat >"$dir/dry.sum"
check "where no price is known, it says so" grep -q 'cost unknown: no price is known for exec_majority.sh' "$dir/dry.sum"
check "without a back-end too" grep -q '^== test/' "$dir/dry"

# a result
check "pictures, sound and text are asked about" run "$dir/both.json" "$dir/vllm.json"
check "an answer for each target" [ "$(counts both-on-vllm ok)" = "$tests" ]
check "each request had what its dialect documents" \
	[ "$(grep -c 'image 96x.* image 96x.* image 96x.* sound ' "$dir/vllm.facts")" = "$tests" ]
check "with the hashes of prompt, media and reply" [ "$(of both-on-vllm predictions.jsonl |
	grep -c '"prompt_hash":"[0-9a-f]\{64\}","media_hash":"[0-9a-f]\{64\}","reply_hash":"[0-9a-f]\{64\}"')" = "$tests" ]
sha() { printf %s "$1" | sha256sum | cut -c 1-64; }
of both-on-vllm predictions.jsonl | sed -n 2p >"$dir/line"
sample=$(sed 's/.*"id":\("[^"]*"\),"dialogue":\("[^"]*"\),"turn":\([0-9]*\),"speaker":\("[^"]*"\).*"text":\("[^"]*"\),"prompt_ms".*/["meld","test",\1,\2,\3,\4,\5]/' "$dir/line")
gold=$(sed 's/.*"gold":"\([a-z]*\)".*/\1/' "$dir/line")
check "and of sample and target" grep -q "\"sample_hash\":\"$(sha "$sample")\",\"target_hash\":\"$(sha "$gold")\"" "$dir/line"
task=$(of both-on-vllm predictions.jsonl | sed 's/.*"id":"\([^"]*\)".*"sample_hash":"\([^"]*\)","target_hash":"\([^"]*\)","prompt_hash":"\([^"]*\)".*"reply_hash":"\([^"]*\)".*/\1 \2 \3 \4 \5/' |
	LC_ALL=C sort | sha256sum | cut -c 1-64)
check "and of the task, over all of them" grep -q "\"task_hash\": \"$task\"" "$dir"/results/runs/meld-both-on-vllm-*/manifest.json
dry=$(sed -n 's/^== test\/.* prompt \([0-9a-f]*\)$/\1/p' "$dir/dry" | sort)
sent=$(of both-on-vllm predictions.jsonl | sed 's/.*"prompt_hash":"\([0-9a-f]*\)".*/\1/' | sort)
check "the dry run's prompts are those that were sent" [ "$dry" = "$sent" ]
before=$(asked vllm)
check "again: there already" run "$dir/both.json" "$dir/vllm.json"
check "again: nothing was sent" [ "$(asked vllm)" = "$before" ]
"$merc" run "$dir/both.json" -c meld -r "$dir/meld" --results "$dir/results" -b "$dir/vllm.json" -n >"$dir/dry" 2>"$dir/dry.sum"
check "a dry run of it shows nothing to ask" [ "$(grep -c '^run meld-both.*, which is there$' "$dir/dry") $(grep -c '^==' "$dir/dry")" = "1 0" ]
mv "$dir/results/runs" "$dir/first"
"$merc" run "$dir/both.json" -c meld -r "$dir/meld" --results "$dir/results" -b "$dir/vllm.json" -n >"$dir/dry" 2>"$dir/dry.sum"
check "without the result, that all replies are there" grep -q "$tests of them have their reply already" "$dir/dry.sum"
check "and cost nothing" grep -q ': 0 requests, .* cost at most 0$' "$dir/dry.sum"
check "without the result, with its replies" run "$dir/both.json" "$dir/vllm.json"
check "nothing was asked twice" [ "$(($(asked vllm) - before))" -le 3 ]
check "and the result is the same" scripts/same-results.sh "$dir/first" "$dir/results/runs"
check "some of the dialogues use the replies of all" run "$dir/both.json" "$dir/vllm.json" --limit 2
check "and ask nothing" [ "$(($(asked vllm) - before))" -le 6 ]
check "fewer of them are another result" run "$dir/both.json" "$dir/vllm.json" --limit 1
check "and only clips a third" run "$dir/both.json" "$dir/vllm.json" --only-clips
check "beside the whole one" [ "$(ls -d "$dir"/results/runs/meld-both-on-vllm-* | wc -l)" = 4 ]
rm -r $(grep -l '"result_class": "limited"' "$dir"/results/runs/meld-both-on-vllm-*/manifest.json | xargs dirname)

# what cannot be asked
mkdir "$dir/words"
cp "$dir"/meld/*.csv "$dir/words"
cat >"$dir/suite.json" <<E2
{"schema_version": 1, "name": "suite", "title": "Suite", "seeds": [1], "runs": [{"recipe": "text.json"},
 {"recipe": "$PWD/scripts/experiments/speechcue-zero-shot.json"}]}
E2
check "a suite over words alone is shown" sh -c "'$merc' run '$dir/suite.json' -c meld -r '$dir/words' \
	--results '$dir/results' --backend '$dir/vllm.json' --dry-run >'$dir/dry.suite'"
check "with what of it is left out" grep -q "left out: .*speaks of the description of the voice" "$dir/dry.suite"
check "and the prompts of the rest" [ "$(grep -c '^== test/' "$dir/dry.suite")" = "$tests" ]
cp -r "$dir/meld" "$dir/gap"
rm "$dir/gap/output_repeated_splits_test/dia0_utt1.mp4"
cat >"$dir/voice.json" <<'E2'
{"schema_version": 1, "name": "voice", "title": "Voice", "model": "prompted", "see": ["speech"], "selection": "none"}
E2
check "a turn of which nothing is seen makes a run incomplete, and what helps is told" \
	says 3 '1 have no clip that can be read: --only-clips leaves out what has none; --max-failures' \
	run "$dir/voice.json" "$dir/vllm.json" -r "$dir/gap"
check "and it alone has no answer" [ "$(counts voice-on-vllm decode_fail) $(counts voice-on-vllm ok)" = "1 $((tests - 1))" ]
cat >"$dir/heard.json" <<'E2'
{"schema_version": 1, "name": "heard", "title": "Heard", "model": "prompted", "see": ["text", "sound"], "selection": "none"}
E2
check "a clip that is not there is a failure" status 3 run "$dir/heard.json" "$dir/vllm.json" -r "$dir/gap"
check "of the one whose clip it is" grep -q '"id":"dia0_utt1".*"status":"decode_fail".*"cause":"media"' \
	"$dir"/results/runs/meld-heard-on-vllm-*/predictions.jsonl
rm -r "$dir"/results/runs/meld-heard-on-vllm-*
check "unless only clips are answered" run "$dir/heard.json" "$dir/vllm.json" -r "$dir/gap" --only-clips
check "which is a limited result of all others" sh -c "grep -q '\"result_class\": \"limited\"' '$dir'/results/runs/meld-heard-on-vllm-*/manifest.json &&
	[ $(counts heard-on-vllm ok) = $((tests - 1)) ]"
check "more seconds than are ever sent are refused before anything is asked" says 2 seconds \
	run "$dir/both.json" "$dir/vllm.json" --set seconds=1000

# clips that are not there
rm "$dir"/gap/output_repeated_splits_test/dia0_*.mp4
"$merc" run "$dir/both.json" -c meld -r "$dir/gap" --results "$dir/gapped" --backend "$dir/vllm.json" 2>"$dir/why"
"$merc" run "$dir/both.json" -c meld -r "$dir/gap" --results "$dir/gapless" -b "$dir/vllm.json" -n 2>"$dir/dry.sum" >"$dir/dry"
check "clips that are not there: a dry run says what helps" grep -q '[1-9][0-9]* without a clip that can be read (--only-clips leaves' "$dir/dry.sum"
check "clips that are not there are told" grep -q 'warning: [0-9]* of [0-9]* utterances have no clip and will end as decode_fail; --only-clips leaves' "$dir/why"
check "before anything is asked" [ "$(grep -n 'warning: .* have no clip' "$dir/why" | cut -d: -f1)" -lt "$(grep -n 'asks' "$dir/why" | grep -v warning | head -n 1 | cut -d: -f1)" ]

# examples
check "examples come from the train split" run "$dir/text.json" exec:scripts/examples/exec_majority.sh --set shots=5
check "and are recorded" [ "$(grep -h -A 24 '"shots": \[' "$dir"/results/runs/meld-text-on-exec*/manifest.json |
	grep -c '"id": "dia')" = 5 ]
rm -r "$dir"/results/runs/meld-text-on-exec*

# a sweep
"$merc" sweep "$dir/text.json" --axis window=0,1,3 -c meld -r "$dir/meld" --results "$dir/results" -b "$dir/vllm.json" --name context \
	-n >"$dir/dry" 2>"$dir/dry.sum"
check "a dry run of a sweep lists its runs" grep -q '3 to do here' "$dir/dry"
check "and what they would ask and cost" grep -q "$((3 * tests)) requests, .* cost at most [1-9]" "$dir/dry.sum"

# killed and going on
check "the same in one go" run "$dir/text.json" "$dir/slow.json" --results "$dir/whole"
whole=$(asked slow)
for of in "$dir"/whole/asks/*; do
	mkdir -p "$dir/part/asks/$(basename "$of")"
	head -n 10 "$of/journal.jsonl" >"$dir/part/asks/$(basename "$of")/journal.jsonl"
done
"$merc" run "$dir/text.json" -c meld -r "$dir/meld" --results "$dir/part" -b "$dir/slow.json" -n 2>"$dir/dry.sum" >"$dir/dry"
check "a dry run counts what is kept" grep -q '10 of them have their reply already' "$dir/dry.sum"
check "and what is not" grep -q "$((tests - 10)) requests" "$dir/dry.sum"
check "each reply that is there is marked" [ "$(grep -c '^== .*  its reply is there$' "$dir/dry")" = 10 ]
for wait in .3 .5 .4; do
	run "$dir/text.json" "$dir/slow.json" --concurrency 2 2>/dev/null &
	sleep $wait
	kill -9 $! 2>/dev/null
	wait $! 2>/dev/null
	sleep .1
done
check "killed three times, it goes on" run "$dir/text.json" "$dir/slow.json" --concurrency 2
check "to the same result" scripts/same-results.sh "$dir/whole/runs/$(basename "$dir"/whole/runs/*)" \
	"$dir/results/runs/$(basename "$dir"/results/runs/meld-text-on-slow-*)"
again=$(($(asked slow) - whole))
check "asking little twice" [ $again -le $((whole + 4 * 2)) ]

# what a model was shown, on request
check "prompts are kept on request" run "$dir/text.json" "$dir/vllm.json" --results "$dir/kept" --keep-prompts --set mode=letters
prompts=$(echo "$dir"/kept/asks/*/prompts.jsonl)
check "one each" [ "$(wc -l <"$prompts")" = "$tests" ]
check "for their owner alone" [ "$(stat -c %a "$prompts")" = 600 ]
check "nobody else keeps any" [ "$(ls "$dir"/results/asks/*/prompts.jsonl 2>/dev/null | wc -l)" = 0 ]
check "they are asks" sh -c "'$merc' ask -q -a '$prompts' -b '$dir/vllm.json' -o '$dir/asked' --replies '${prompts%/*}' >'$dir/ask.out'"
check "the very same" grep -q "$tests from other folders" "$dir/ask.out"

# failures
check "a server that fails makes it incomplete, and says why" says 3 "$tests of $tests answers are without a label: server $tests" \
	"$merc" run "$dir/text.json" -c meld -r "$dir/meld" --results "$dir/results" --backend "$dir/vllm.json" \
	--set system=case=broken,template=zero-shot
check "at what first" grep -q "got none from the back-end (server $tests; first: dia.*_utt.*: server: HTTP status 50.*--retry-failed asks them again" "$dir/err"
broken=$(basename "$dir"/results/runs/meld-text-on-vllm-*)
check "its result is there" [ "$(grep -c '"status":"backend_fail"' "$dir/results/runs/$broken/predictions.jsonl")" = "$tests" ]
check "without a time of replies that never came" grep -q '"stages": {}' "$dir/results/runs/$broken/manifest.json"
check "which stays incomplete" status 3 run "$dir/text.json" "$dir/vllm.json" --set system=case=broken,template=zero-shot
check "and is no result, for a reason" grep -q '"why_limited": "'$tests' of '$tests' asks' "$dir/results/runs/$broken/manifest.json"
check "unless failures are borne" status 0 run "$dir/text.json" "$dir/vllm.json" \
	--set system=case=broken,template=zero-shot --max-failures 1000
check "which makes it one" grep -q '"result_class": "full"' "$dir/results/runs/$broken/manifest.json"
journal=$(ls "$dir"/results/asks/meld-text-on-vllm-*/journal.jsonl)
before=$(wc -l <"$journal")
check "failed asks are asked again on demand" status 3 run "$dir/text.json" "$dir/vllm.json" \
	--set system=case=broken,template=zero-shot --retry-failed
check "all of them" [ "$(($(wc -l <"$journal") - before))" = "$tests" ]
check "a budget stops it" status 3 run "$dir/text.json" "$dir/vllm.json" --budget 100
check "one without prices is refused" says 2 "a budget bounds nothing" \
	run "$dir/text.json" exec:scripts/examples/exec_majority.sh --budget 100
check "so is one over runs side by side" says 2 "leave --jobs out" run "$dir/text.json" "$dir/vllm.json" --budget 100 --jobs 2
check "a run of all" run "$dir/text.json" "$dir/vllm.json" --results "$dir/one"
cost=$(sed -n 's/^  "cost": \([0-9]*\).*/\1/p' "$dir"/one/runs/*/manifest.json)
check "what it costs bounds a suite of two" status 3 run "$dir/text.json" "$dir/vllm.json" --results "$dir/two" \
	--seeds 1,2 --budget $((cost * 3 / 2))
paid=$(cat "$dir"/two/asks/*/journal.jsonl | sed 's/.*"cost":\([0-9]*\).*/\1/' | awk '{ s += $1 } END { print s }')
check "in all of its runs" [ "$paid" -gt "$cost" -a "$paid" -le $((cost * 3 / 2 + cost / 10)) ]
check "the first of which is there" [ "$(ls "$dir/two/runs" | wc -l)" = 1 ]
check "and still counts" status 3 run "$dir/text.json" "$dir/vllm.json" --results "$dir/two" --seeds 1,2 --budget $((paid + 1))
check "with nothing more spent" [ "$(cat "$dir"/two/asks/*/journal.jsonl | sed 's/.*"cost":\([0-9]*\).*/\1/' |
	awk '{ s += $1 } END { print s }')" = "$paid" ]
check "with the budget raised it goes on" status 0 run "$dir/text.json" "$dir/vllm.json" --budget 1000000000

# a server that refuses
KEY=the-right-key
serve locked openai 2
unset KEY
check "a server that refuses the key ends it with 5" says 5 "refuses the key" run "$dir/text.json" "$dir/locked.json"
check "is not asked for each run of a suite" says 5 "1 of 3 runs failed, 2 more that ask the same model were not begun: .*refuses the key" \
	run "$dir/text.json" "$dir/locked.json" --seeds 1,2,3
check "but once, for a run that is named" [ "$(grep -c 'meld-text-on-locked-s1.* failed: ' "$dir/err") $(grep -c ' failed: ' "$dir/err")" = "1 1" ]
check "leaves no folder" [ "$(ls -d "$dir"/results/asks/meld-text-on-locked* 2>/dev/null | wc -l)" = 0 ]
printf '{"schema_version": 1, "name": "mixed", "title": "M", "seeds": [1], "runs": [{"recipe": "text.json"}, {"recipe": "%s"}]}' \
	"$PWD/scripts/experiments/majority.json" >"$dir/mixed.json"
check "runs that ask nobody are done all the same" says 5 "1 of 2 runs failed: " run "$dir/mixed.json" "$dir/locked.json" --results "$dir/mixed"
check "their result is there" [ -d "$dir"/mixed/runs/meld-majority-* ]

# other ways to a model
check "a program" status 0 run "$dir/text.json" exec:scripts/examples/exec_majority.sh
check "recorded replies" status 0 run "$dir/text.json" "replay:$(echo "$dir"/results/asks/meld-text-on-slow-*/journal.jsonl)"
check "answer as the model did" [ "$(of text-on-journal.jsonl predictions.jsonl | sed 's/"prompt_ms.*//')" = \
	"$(of text-on-slow predictions.jsonl | sed 's/"prompt_ms.*//')" ]
check "the trained baseline beside them" "$merc" run -q scripts/experiments/majority.json -c meld \
	-r "$dir/meld" --results "$dir/results"
check "which asks nobody, and says so" says 0 'warning: --backend is not used: nothing in .*majority.json asks' \
	"$merc" run scripts/experiments/majority.json -c meld -r "$dir/meld" --results "$dir/results" -b "$dir/vllm.json"
check "the program scores as the baseline alone" [ \
	"$(of text-on-exec_majority.sh metrics.json | grep -m1 '"weighted_f1"')" = \
	"$(of majority metrics.json | grep -m1 '"weighted_f1"')" ]
check "log-probabilities of labels" sh -c "'$merc' run '$dir/text.json' -c meld -r '$dir/meld' --results '$dir/results' \
	--backend '$dir/vllm.json' --set mode=likelihood 2>'$dir/likely'"
check "the mock gives all labels alike" grep -q 'labels are the same' "$dir/likely"
check "whose replies, without any text, are not found to be all the same" [ "$(grep -c 'replies are the same' "$dir/likely")" = 0 ]
check "give beliefs that are calibrated" sh -c "grep -l '\"mode\": \"likelihood\"' '$dir'/results/runs/*/manifest.json |
	xargs dirname | xargs -I{} grep '\"ece\": 0' {}/metrics.json"

check "sound without the words of the turn" run scripts/experiments/omnivox-minimal-audio.json "$dir/vllm.json"
check "is what it is said to see" [ "$(of omnivox-minimal-audio-on-vllm manifest.json |
	sed -n '/"see": \[/,/\]/p' | tr -d ' \n')" = '"see":["history","sound"],' ]
check "and no ceiling is known for it" [ "$(of omnivox-minimal-audio-on-vllm manifest.json |
	sed -n '/"ceiling": {/,/}/p' | tr -d ' \n')" = '"ceiling":{"weighted_f1":null,"test_weighted_f1":null},' ]

# what comes after
check "a report" "$merc" report -q --results "$dir/results" -o "$dir/page"
check "which lies beside the results unless it is told where" \
	sh -c "'$merc' report -q --results '$dir/results' && [ -s '$dir/results/report/index.html' ]"
check "which names them" grep -q "both-on-vllm" "$dir/page/index.html"
check "a comparison" "$merc" compare "$dir"/results/runs/meld-text-on-slow-* "$dir"/results/runs/meld-majority-*
check "a sweep over the context" "$merc" sweep -q "$dir/text.json" --axis window=0,1,3 -c meld \
	-r "$dir/meld" --results "$dir/results" --backend "$dir/vllm.json" --name context
check "with three points" [ "$(grep -c '^| [0-9]' "$dir"/results/sweeps/meld-context/summary.md)" = 3 ]
echo "1..$n"
