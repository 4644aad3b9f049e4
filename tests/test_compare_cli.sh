#!/bin/sh
# merc compare as a person drives it: exit statuses, the four formats, one table alone.
set -u
cd "$(dirname "$0")/.." || exit 99
. tests/driver.sh

# prints TEXT COMMAND…: status 0 and a line that matches
prints()
{
	text=$1
	shift
	"$@" >"$dir/out" || { echo "status $?"; return 1; }
	grep -q -- "$text" "$dir/out" || { echo "no '$text' in"; cat "$dir/out"; return 1; }
}

# MELD's layout without clips: each emotion has words of its own, which a third of its lines lack
split()
{
	awk -v name="$1" -v dialogues="$2" -v seed="$3" 'BEGIN {
		srand(seed)
		split("neutral surprise fear sadness joy disgust anger", emotion)
		split("neutral positive negative negative positive negative negative", mood)
		split("okay wow help sorry great gross shut", word)
		print "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season," \
			"Episode,StartTime,EndTime"
		for (d = 0; d < dialogues; d++)
			for (u = 0; u < 6; u++) {
				k = rand() < .4 ? 1 : 1 + int(7 * rand())
				text = rand() < .33 ? "you know" : word[k] " you " word[k]
				printf "%d,%s,%s,%s,%s,%d,%d,1,1,\"00:00:0%d,000\",\"00:00:0%d,500\"\n",
					++n, text, u % 2 ? "Ross" : "Rachel", emotion[k], mood[k], d, u, u, u
			}
	}' >"$dir/meld/$1_sent_emo.csv"
}
mkdir "$dir/meld" && split train 60 1 && split dev 20 2 && split test 30 3 || exit 99
run="$merc run -c meld -r $dir/meld --results $dir/results -q"
check "runs" status 0 $run scripts/experiments/bow.json
check "a floor" status 0 $run scripts/experiments/majority.json
check "a partial run" status 0 \
	$run scripts/experiments/majority.json --limit 3 --results "$dir/partial"
bow=$(echo "$dir"/results/runs/meld-bow-*)
floor=$(echo "$dir"/results/runs/meld-majority-*)
part=$(echo "$dir"/partial/runs/meld-majority-*)
compare="$merc compare --replicates 500"

check "nothing to compare" says 2 "usage" "$merc" compare
check "a folder that is none" says 4 "manifest.json" $compare "$dir/meld" "$bow"
check "other samples" says 4 "not comparable" $compare "$bow" "$part"
check "an unknown part" says 2 "'mood' is not class" $compare "$bow" --by class,mood
check "better than the floor: 0" status 0 $compare --judge "$floor" "$bow"
check "worse than the first: 1" status 1 $compare --judge "$bow" "$floor"
check "unasked, worse is no failure" status 0 $compare "$bow" "$floor"
check "one system is nothing to judge" says 2 "two systems" $compare --judge "$bow"
check "a limited run is nothing to judge by" says 4 "no result" $compare --judge "$part" "$part"
check "a limited run says so" prints "^Limited: not a result" $compare "$part" "$part"
check "text" prints "^bow .* B is worse" $compare "$bow/" "$floor/"
check "markdown" prints "^| bow | majority |" $compare -f md "$bow" "$floor"
check "one folder alone, by speaker" prints "^speaker .* bow " $compare "$bow" --by speaker
check "sentiments" prints "labels meld3" $compare "$bow" "$floor" --labels meld3
own_sentiments()
{
	$compare --by sentiment --table parts "$bow" >"$dir/out" && cat "$dir/out" &&
		grep -q "^sentiment *positive" "$dir/out" && ! grep -q either "$dir/out"
}
check "MELD's own sentiments" own_sentiments
check "a data set that is not there" says 4 "no such folder" $compare "$bow" --root "$dir/none"
check "flips with their text" prints ",bow" $compare -f csv --table flips "$floor" "$bow"
check "all flips" sh -c 'test $("$@" | wc -l) -gt 21' sh \
	$compare -f csv --table flips --flips -1 "$floor" "$bow"

every_table()
{
	for t in systems duels classes parts confusion flips; do
		$compare --by position --table $t -f csv "$bow" "$floor" >"$dir/$t.csv" || return 1
		[ "$(wc -l <"$dir/$t.csv")" -gt 1 ] || { echo "$t has no row"; return 1; }
	done
}
check "every table as CSV" every_table

repeats()
{
	$compare --threads 1 --by class,length -f json "$bow" "$floor" >"$dir/a" &&
		$compare --threads 3 --by class,length -f json "$bow" "$floor" >"$dir/b" &&
		cmp "$dir/a" "$dir/b"
}
check "the same on every number of threads" repeats
if [ -x /usr/bin/python3 ]; then
	check "JSON that another program reads" /usr/bin/python3 -c '
import json, sys
c = json.load(open(sys.argv[1]))
d = c["duels"][0]
assert d["difference"]["lo"] <= d["difference"]["value"] <= d["difference"]["hi"]
assert abs(d["score_b"] - d["score_a"] - d["difference"]["value"]) < 1e-12
assert len(d["flips"]) == min(20, d["n_flips"]) and d["n_flips"] == d["only_a"] + d["only_b"]
assert sum(p["n"] for p in c["parts"]["length"]["parts"]) == c["n"]
assert all(abs(sum(r) - 1) < 1e-12 for r in c["systems"][0]["confusion"]["of_row"] if r[0] is not None)
' "$dir/a"
fi

# Recorded outputs: with speech words against without, as REPRODUCE.md has it
data=${MERC_DATA:-../shared/data}
recorded()
{
	for run in text_ep14 speech_ep14 text_ep3 speech_ep13; do
		"$merc" score -q -d iemocap -r "$data/iemocap/release" --decoder A -o "$dir/$run" \
			"$data/predictions/speechcue/llama2_lora_$run.text" >/dev/null || return 1
	done
	"$merc" compare "$dir/text_ep14" "$dir/speech_ep14" "$dir/text_ep3" "$dir/speech_ep13" \
		--all-pairs --table duels -f csv >"$dir/duels" || return 1
	cut -d, -f1-9,11-13 "$dir/duels"
	awk -F, 'function near(x, want, tolerance) { return x > want - tolerance && x < want + tolerance }
	$1 == "text_ep14" && $2 == "speech_ep14" {
		bad += !near($5, .0782, .0001) || !near($6, .035, .003) || !near($7, .123, .003)
		bad += !near($9, .0085, .006) || $11 != "B is better" || $12 != 127 || $13 != 237; n++ }
	$1 == "text_ep3" && $2 == "speech_ep13" {
		bad += !near($5, .0352, .0001) || !near($8, .066, .01) || $11 != "no difference shown"; n++ }
	$1 == "text_ep14" && $2 == "text_ep3" { bad += !near($5, .0487, .0001); n++ }
	$1 == "speech_ep14" && $2 == "speech_ep13" { bad += !near($5, .0057, .0001); n++ }
	END { exit bad || n != 4 }' "$dir/duels"
}
if [ -d "$data/predictions/speechcue" ]; then
	check "recorded outputs, with speech words against without" recorded
else
	echo "# skipped: no real data ($data/predictions)"
fi

echo "1..$n"
