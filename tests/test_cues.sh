#!/bin/sh
# merc cues as a person drives it: rows of a corpus with broken clips among them, killed and
# taken up again, a cache that never answers for another clip, and one clip looked at closely.
set -u
cd "$(dirname "$0")/.." || exit 99
. tests/driver.sh

# refused TEXT COMMAND…: a usage error that says so
refused()
{
	text=$1
	shift
	"$@" >"$dir/out" 2>"$dir/err"
	got=$?
	cat "$dir/err"
	[ "$got" = 2 ] && grep -q -- "$text" "$dir/err"
}

data=$dir/meld clips=$dir/meld/train_splits
"$merc" data synth -q --layout meld -o "$data" --dialogues 14 --seed 5 || exit 99
cues="$merc cues -c meld -r $data"
set -- "$clips"/*.mp4
[ $# -gt 8 ] || exit 99
clip=$1 short=$2 noise=$3 empty=$4 text=$5 gone=$6
id() { basename "$1" .mp4; }

# killed on the way, several clips at a time: the next run goes on and gives what one run gives
$cues -q --cache "$dir/whole" -o "$dir/whole.csv" || exit 99
for after in 0.1 0.3; do
	timeout -s KILL $after $cues -q --jobs 2 -o "$dir/killed.csv" 2>/dev/null
done
goes_on()
{
	[ ! -e "$dir/killed.csv" ] || cmp "$dir/killed.csv" "$dir/whole.csv" || return 1
	$cues --jobs 2 -o "$dir/again.csv" && cmp "$dir/again.csv" "$dir/whole.csv"
}
check "a killed run goes on and gives the same rows" goes_on
all_cached()
{
	$cues -o "$dir/third.csv" >"$dir/said" 2>&1
	cat "$dir/said"
	grep -q "(\([0-9]*\) from the cache, 0 unusable)" "$dir/said" &&
		[ "$(sed -n 's/.*: \([0-9]*\) clips (\([0-9]*\) from.*/\1 - \2/p' "$dir/said")" = \
			"$(grep -c ,ok, "$dir/third.csv") - $(grep -c ,ok, "$dir/third.csv")" ]
}
check "what was measured is not measured again" all_cached

# broken clips have a status and change no other row's measurements
head -c 2000 "$short" >"$short.new" && mv "$short.new" "$short"
head -c 40000 /dev/urandom >"$noise"
: >"$empty"
echo "no clip" >"$text"
rm "$gone"
statuses()
{
	$cues -q -o "$dir/broken.csv" || return 1
	for f in "$short" "$noise" "$empty" "$text"; do
		grep "^$(id "$f"),train," "$dir/broken.csv" | cut -d, -f3
	done >"$dir/status"
	cat "$dir/status"
	! grep -q '^ok$' "$dir/status" && [ "$(wc -l <"$dir/status")" = 4 ] &&
		[ "$(wc -l <"$dir/broken.csv")" = "$(wc -l <"$dir/whole.csv")" ]
}
check "broken clips are named and the run goes on" statuses
changed_clip()
{
	cp "$dir/whole.csv" "$dir/before.csv"
	grep "^$(id "$clip"),train," "$dir/before.csv" | cut -d, -f4-11 >"$dir/a"
	cp "$7" "$clip"
	$cues -q -o "$dir/after.csv" || return 1
	grep "^$(id "$clip"),train," "$dir/after.csv" | cut -d, -f4-11 >"$dir/b"
	grep "^$(id "$7"),train," "$dir/after.csv" | cut -d, -f4-11 >"$dir/c"
	! cmp -s "$dir/a" "$dir/b" && cmp "$dir/b" "$dir/c"
}
check "another clip under the same name is measured anew" changed_clip "$@"
lines()
{
	$cues -q --format jsonl -o "$dir/rows.jsonl" &&
		[ "$(grep -c '"status":"ok"' "$dir/rows.jsonl")" = "$(grep -c ,ok, "$dir/after.csv")" ]
}
check "JSON Lines say the same" lines

# one clip
words()
{
	$cues -q --save-words "$dir/words.json" -o "$dir/rows.csv" &&
		"$merc" cues -q --show "$clip" --words "$dir/words.json" -o "$dir/p/look.png" >"$dir/said" &&
		grep -q "avg_pitch .* Hz" "$dir/said" && grep -q "Target speech characteristics:" "$dir/said" &&
		grep -q "Target face:" "$dir/said" && [ -s "$dir/p/look.gp" ] && [ -s "$dir/p/look.dat" ]
}
check "--show with thresholds: numbers and sentences" words
check "--show draws" sh -c '! command -v gnuplot || [ -s "$1"/p/look.png -a -s "$1"/p/look.svg ]' sh "$dir"
bare()
{
	(cd "$dir" && "$merc" cues -q --show "$clip" >said) && grep -q "No sentences: thresholds" "$dir/said" &&
		[ -s "$dir/$(id "$clip")-cues.gp" ]
}
case $merc in /*) check "--show without thresholds says so" bare ;; esac
units()
{
	printf '[{"video_id": "%s.mp4", "raw_AU_values_at_peak": {"AU26": 2.6}, "peak_time": 0.5}]' \
		"$(id "$clip")" >"$dir/units.json"
	"$merc" cues -q --show "$clip" --action-units "$dir/units.json" -o "$dir/p/units.png" |
		grep "Target face: jaw strongly dropped. (Action units at 0.50 s.)"
}
check "--action-units becomes a sentence" units
units_of_corpus()
{
	mkdir "$dir/units" && printf 'frame, confidence, AU12_r\n1, 0.9, 1.5\n' >"$dir/units/train_$(id "$clip").csv"
	$cues -q --cues "$dir/units" --format jsonl -o "$dir/units.jsonl" &&
		[ "$(grep -c 'Target face: mouth corners raised\.' "$dir/units.jsonl")" = 1 ] &&
		grep "\"$(id "$clip")\",\"split\":\"train\"" "$dir/units.jsonl" |
			grep -q 'Target face: mouth corners raised\.' || return 1
	echo "2, 0.9, 9" >>"$dir/units/train_$(id "$clip").csv"
	! $cues -q --cues "$dir/units" -o "$dir/units.csv" 2>"$dir/err" && cat "$dir/err" &&
		grep -q "$(id "$clip").csv:3: " "$dir/err"
}
check "tables of action units become face sentences of a corpus" units_of_corpus
film()
{
	"$merc" cues -q --video "$dir/film.mp4" "$clip" --words "$dir/words.json" &&
		"$merc" cues -q --show "$dir/film.mp4" -o "$dir/p/film.png" >"$dir/said" &&
		"$merc" cues -q --show "$clip" -o "$dir/p/film.png" >"$dir/first" || return 1
	for cue in duration avg_pitch; do
		grep " $cue " "$dir/first" "$dir/said"
	done
	grep -q ": ok; .* h264 .* aac" "$dir/said" &&
		[ "$(awk '$1 == "avg_pitch" { printf "%.0f\n", $2 / 10 }' "$dir/first")" = \
			"$(awk '$1 == "avg_pitch" { printf "%.0f\n", $2 / 10 }' "$dir/said")" ]
}
check "--video keeps pictures and sound" film
check "the clip is not written over" refused "that is the clip itself" \
	"$merc" cues -q --video "$clip" "$clip"
check "--video needs a clip" refused "name the clip" "$merc" cues --video "$dir/x.mp4"
check "options of one clip need one" refused "goes with --show" $cues --half left
check "a picture has its suffix" refused "png or .svg" "$merc" cues --show "$clip" -o "$dir/x.jpg"
check "an unknown speaker is refused" refused "there are: " \
	"$merc" cues --show "$clip" --words "$dir/words.json" --speaker Nobody -o "$dir/x.png"
broken_alone()
{
	"$merc" cues --show "$empty" -o "$dir/x.png" >"$dir/out" 2>"$dir/err"
	[ $? = 4 ] && grep -q "$empty" "$dir/err" && [ ! -s "$dir/out" ]
}
check "a broken clip alone is an error with its name" broken_alone
echo "1..$n"
