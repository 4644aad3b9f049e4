#!/bin/sh
# merc score as a person drives it: forms of output, statuses, streams, result folders.
set -u
cd "$(dirname "$0")/.." || exit 99
. tests/driver.sh

# ends WANT COMMAND…: with that status; stdout in $dir/out, stderr in $dir/err
ends()
{
	want=$1
	shift
	"$@" >"$dir/out" 2>"$dir/err"
	got=$?
	cat "$dir/err"
	[ "$got" = "$want" ] || { echo "status $got, wanted $want"; return 1; }
}

# shows TEXT COMMAND…: status 0, that text on stdout
shows()
{
	text=$1
	shift
	ends 0 "$@" || return 1
	grep -qF -- "$text" "$dir/out" || { echo "no '$text' on stdout"; cat "$dir/out"; return 1; }
}

head='Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime'
time='1,1,"0:00:01,000","0:00:02,000"'
mkdir "$dir/meld"
for split in train dev; do
	printf '%s\n1,Hi.,Ann,joy,positive,0,0,%s\n' "$head" "$time" >"$dir/meld/${split}_sent_emo.csv"
done
printf '%s\n1,Hi.,Ann,joy,positive,0,0,%s\n2,Oh no!,Bob,fear,negative,0,1,%s\n3,Why?,Bob,neutral,neutral,1,0,%s\n' \
	"$head" "$time" "$time" "$time" >"$dir/meld/test_sent_emo.csv"
cat >"$dir/all.csv" <<EOF
Dialogue_ID,Utterance_ID,Utterance,Emotion,Predicted_Emotion
0,0,Hi.,joy,Joy.
0,1,Oh no!,fear,I think it is fear
1,0,Why?,neutral,fear or joy
EOF
score="$merc score --dataset meld --root $dir/meld --replicates 200"

check "a file is needed" says 2 "help score" $score
check "a data set is needed" says 2 "there are: iemocap, meld" "$merc" score "$dir/all.csv"
check "an unknown decoder lists the known" says 2 "A|B|strict|flexible" $score --decoder C "$dir/all.csv"
check "a missing file" says 4 "none.csv" $score "$dir/none.csv"
check "scores as text" shows "accuracy         33.33    100.00" $score --decoder strict -q "$dir/all.csv"
check "strict" shows '"no-label": 2' $score --decoder strict --format json "$dir/all.csv"
check "flexible" shows '"several-labels": 1' $score --decoder flexible --format json "$dir/all.csv"
check "A answers always" shows '"ok": 3' $score --decoder A --format json "$dir/all.csv"
check "B too" shows '"decoder": "B"' $score --decoder B --format json "$dir/all.csv"
one_object()
{
	$score --decoder flexible --format json -v "$dir/all.csv" 2>/dev/null | python3 -c '
import json, sys
s = json.load(sys.stdin)
assert s["accuracy"] == 2 / 3 and s["n"] == 3 and s["answered"] == 2, s
assert s["per_class"]["joy"]["f1"] == 1 and s["counts"]["parse_fail"] == 1, s
assert sum(map(sum, s["confusion"]["counts"])) == 3 and s["recorded"] is None, s
assert abs(s["weighted_f1"] - 2 / 3) < 1e-12 and s["coverage"] == 2 / 3, s'
}
check "JSON is one object at every verbosity" one_object
check "CSV" shows "f1,joy,1" $score --decoder flexible --format csv "$dir/all.csv"
check "markdown" shows "| joy | 100.00 | 100.00 | 100.00 | 1 |" \
	$score --decoder flexible --format md "$dir/all.csv"
check "a failed write to stdout is an error" ends 6 sh -c '"$@" >/dev/full' sh $score "$dir/all.csv"

# incomplete files
head -n 2 "$dir/all.csv" >"$dir/part.csv"
check "rows that are missing count as wrong and end in 3" ends 3 $score "$dir/part.csv"
check "they are named" grep -q "missing: no row for dia0_utt1" "$dir/err"
check "the scores are there all the same" grep -q "backend_fail no-row" "$dir/out"
check "as many may be borne" ends 0 $score --max-failures 2 "$dir/part.csv"
check "or such a share" ends 3 $score --max-failures 0.5 "$dir/part.csv"
printf '%s\n' '{"id": "dia0_utt0", "output": "joy"}' '{"id": "dia0_utt1", "output": fear}' \
	'{"id": "dia1_utt0", "output": "neutral"}' >"$dir/broken.jsonl"
check "a broken line is no end" ends 3 $score -q "$dir/broken.jsonl"
check "its number is told even when quiet" grep -q "broken.jsonl:2: JSON: not valid JSON" "$dir/err"
printf 'dia0_utt1 the clip is damaged\n' >"$dir/out.txt"
check "what is excluded needs no row" ends 0 $score --exclude "$dir/out.txt" "$dir/broken.jsonl"
check "and is counted" grep -q "excluded     the clip is damaged" "$dir/out"
check "a broken table" says 4 "all3.csv:3: 4 fields" sh -c \
	'sed "3s/,[^,]*\$//" "$1" >"$2"; shift 2; "$@"' sh "$dir/all.csv" "$dir/all3.csv" $score "$dir/all3.csv"
check "rows of another split" says 4 "another split or corpus" $score --split dev \
	--columns reply=Predicted_Emotion "$(printf 'id,text,Predicted_Emotion\ndia0_utt0,Bye,joy\n' \
		>"$dir/dev.csv"; echo "$dir/dev.csv")"
check "names of one's own" ends 0 $score --columns "reply=mood,id=who" \
	"$(sed '1s/.*/who,mood/; 2s/.*/dia0_utt0,joy/; 3s/.*/dia0_utt1,joy/; 4s/.*/dia1_utt0,joy/' "$dir/all.csv" \
		>"$dir/own.csv"; echo "$dir/own.csv")"
check "one-sided answers are told" grep -q "one-sided: 3 of 3 replies are 'joy'" "$dir/err"

# folders
check "a result folder" ends 0 $score --decoder flexible -o "$dir/results/runs/remote" \
	--selection none --seed 3 "$dir/all.csv"
check "it is whole" test -s "$dir/results/runs/remote/manifest.json" -a \
	-s "$dir/results/runs/remote/metrics.json" -a -s "$dir/results/runs/remote/predictions.jsonl"
check "nothing else is left" test "$(ls -A "$dir/results/runs")" = remote
check "it is not overwritten" says 2 "--again replaces it" $score -o "$dir/results/runs/remote" "$dir/all.csv"
check "unless asked" ends 0 $score --decoder flexible -o "$dir/results/runs/remote" --again "$dir/all.csv"
check "a folder is scored again to the same" shows "accuracy         66.67    100.00" \
	$score --decoder flexible "$dir/results/runs/remote"
check "another decoder makes another folder" ends 0 $score --decoder A -o "$dir/results/runs/forced" "$dir/all.csv"
check "the comparison reads both" shows "forced" "$merc" compare "$dir/results/runs/remote" "$dir/results/runs/forced"
check "the report reads it" ends 0 "$merc" report -q --results "$dir/results" -o "$dir/report" \
	--replicates 200
check "and has it" grep -q '"system": "remote"' "$dir/report/summary.json"
echo "1..$n"
