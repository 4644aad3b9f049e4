#!/bin/sh
# merc describe as a person drives it, against a server that holds every request to its dialect: on
# generated clips, and on real ones where they are.  Going on after a kill, replies that are no
# descriptions, clips that are not there, labels that nobody may know, and the teacher file in the
# hands of bemerc.
set -u
cd "$(dirname "$0")/.." || exit 99
. tests/driver.sh
mock=${TESTS:?}/mock_server
real=${MERC_DATA:-../shared/data}/meld
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
export no_proxy=127.0.0.1
clips=$dir/meld

# serve DIALECT DELAY_MS: a fresh server, $dir/profile.json for it; what it is sent goes to
# $dir/dump and $dir/facts
serve()
{
	[ -z "$server" ] || kill "$server" 2>/dev/null
	rm -f "$dir/port"
	: >"$dir/dump" && : >"$dir/facts"
	"$mock" "$dir/port" "$2" '' '' "dialect=$1" "dump=$dir/dump" "facts=$dir/facts" 2>"$dir/mock" &
	server=$!
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		[ -s "$dir/port" ] && break
		sleep .1
	done
	cat >"$dir/profile.json" <<END
{"schema_version": 1, "name": "mock", "dialect": "$1", "model": "mock-1",
 "base_url": "http://127.0.0.1:$(cat "$dir/port")/v1", "can": ["images", "audio"${3:-}],
 "retry": {"max": 1, "base_s": 0.01},
 "price": {"prompt_per_million": 100000, "completion_per_million": 0}}
END
}

describe="$merc describe -q -c meld -r $clips -b $dir/profile.json"

# sent: questions that reached the server
sent()
{
	wc -l <"$dir/facts"
}

# asked FILE: questions that the lines of a teacher file stand for
asked()
{
	sed 's/.*"asked":\([0-9]\).*/\1/' "$1" | awk '{ n += $1 } END { print n + 0 }'
}

# lines FILE WORD: lines with that status or cause
lines()
{
	grep -c "\"$2\"" "$1"
}

# fits ROOT FILE SPLIT: what the server decoded is what the clips hold: 8 pictures of at most
# 448 pixels a question, and sound as long as that of the clips, each as often as it was asked about
fits()
{
	"$merc" cues -q -c meld -r "$1" --format jsonl >"$dir/cues.jsonl" || return 1
	awk -F'"id":"|","split":"|","status":"ok","duration":|,"avg_intensity"' '/"status":"ok"/ { print $2 "/" $3, $4 }' \
		"$dir/cues.jsonl" | sort >"$dir/durations"
	sed -n 's/.*"id":"\([^"]*\)","split":"\([^"]*\)".*"asked":\([12]\).*/\1\/\2 \3/p' "$2" | sort >"$dir/asked"
	join "$dir/asked" "$dir/durations" | awk '{ for (i = 0; i < $2; i++) printf "%.4f\n", $3 }' |
		sort >"$dir/want"
	sed 's/.* sound //' "$dir/facts" | awk '{ printf "%.4f\n", $1 }' | sort >"$dir/got"
	[ -s "$dir/got" ] && cmp "$dir/want" "$dir/got" || return 1
	awk '{ n = 0
	       for (i = 3; i <= NF; i++)
		       if ($(i - 1) == "image") {
			       n++
			       split($i, side, "x")
			       if (side[1] > 448 || side[2] > 448 || side[1] < 32 || side[2] < 32) exit 1
		       }
	       if (n < 1 || n > 8 || NF != 4 + 2 * n) exit 1
	       most = n > most ? n : most }
	     END { if (most != 8) exit 1 }' "$dir/facts"
}

# --- generated clips -------------------------------------------------------------------------------

check 'a calibrated corpus' status 0 "$merc" data synth -q --layout meld -o "$clips" --dialogues 10 --seed 7
utterances=$(($(cat "$clips"/*.csv | wc -l) - 3))
for dialect in openai vllm llama-server; do
	serve $dialect 1
	out=$dir/$dialect
	check "$dialect: every utterance is described" status 0 $describe -o "$out"
	check "$dialect: a line each" [ "$(lines "$out/teacher.jsonl" ok)" = "$utterances" ]
	check "$dialect: pictures and sound are those of the clips" fits "$clips" "$out/teacher.jsonl"
	check "$dialect: some were asked again" [ "$(sent)" -gt "$utterances" ]
	check "$dialect: as the file says" [ "$(sent)" = "$(asked "$out/teacher.jsonl")" ]
	before=$(sent)
	check "$dialect: again, there is nothing to do" status 0 $describe -o "$out"
	check "$dialect: and nothing was sent" [ "$(sent)" = "$before" ]
done
whole=$dir/llama-server
check 'a second question holds the first, the reply and what was wrong' \
	grep -q '"role":"assistant".*Your reply cannot be used: .*Reply again, with one JSON object' "$dir/dump"

# keys in the order of the corpus
in_order()
{
	sed 's/.*"id":"\([^"]*\)","split":"\([^"]*\)".*/\2 \1/' "$whole/teacher.jsonl" >"$dir/order"
	"$merc" cues -q -c meld -r "$clips" --format csv | sed 1d | awk -F, '{ print $2, $1 }' | cmp - "$dir/order"
}
check 'lines are in the order of the corpus' in_order
check 'its origin stands beside it' grep -q "\"sha256\": \"$(sha256sum <"$whole/teacher.jsonl" | cut -d' ' -f1)\"" "$whole/teacher.json"
check 'and names prompt and model' sh -c 'grep -q "behaviour/1" "$1" && grep -q mock-1 "$1"' sh "$whole/teacher.json"
check 'another configuration is refused' says 2 "name another folder (--replies $whole/asks takes there" $describe -o "$whole" --window 3
check 'recorded replies give the same file' sh -c '"$@" >/dev/null && cmp "$0/teacher.jsonl" "$0/../again/teacher.jsonl"' \
	"$whole" "$merc" describe -q -c meld -r "$clips" -b "replay:$whole/asks/journal.jsonl" -o "$dir/again"

# --- what a person gets wrong, and what it would cost -----------------------------------------------

check 'no back-end' says 2 'name a served model' "$merc" describe -c meld -r "$clips"
check 'no folder' says 2 'name a folder' $describe
check 'no such split' says 2 "'valid' is none of train, dev, test" $describe --split test,valid -o "$dir/x"
check 'nothing to see' says 2 'must see something' $describe --frames 0 -o "$dir/x"
check 'a back-end without video' says 2 'video, which profile mock does not list' $describe --video yes -o "$dir/x"
before=$(sent)
check 'a dry run shows the prompt' sh -c '"$@" 2>"$0/err" | grep -q "^Objective: describe the facial expression"' "$dir" \
	$describe --split test -n
check 'a dry run sends nothing' [ "$(sent)" = "$before" ]
dry_run()
{
	"$merc" describe -c meld -r "$clips" -b "$dir/profile.json" --split test -n 2>&1 >/dev/null |
		grep -q '19 requests, [0-9]* tokens in prompts, at most 9728 in replies, cost at most [0-9]'
}
check 'a dry run estimates' dry_run
check 'and knows what is there' sh -c '"$@" -n 2>&1 >/dev/null | grep -q ": 0 requests"' sh \
	"$merc" describe -c meld -r "$clips" -b "$dir/profile.json" -o "$whole"
check 'a budget ends it' says 3 'budget' $describe -o "$dir/poor" --budget 6 --concurrency 1
check 'the same command goes on' sh -c '"$@" >/dev/null && cmp "$0/llama-server/teacher.jsonl" "$0/poor/teacher.jsonl"' \
	"$dir" $describe -o "$dir/poor"

# --- kills -------------------------------------------------------------------------------------------

# killed and asked to end once some replies are there, then left alone: the same files, and not more
# sent twice than were in flight
killed()
{
	serve llama-server 60
	part=0
	for signal in KILL TERM KILL; do
		part=$((part + 1))
		$describe -o "$dir/killed" --concurrency 2 >/dev/null 2>&1 &
		pid=$!
		for _ in $(seq 200); do
			[ "$(sent)" -ge $((part * 15)) ] && break
			sleep .05
		done
		kill -$signal $pid
		wait $pid 2>/dev/null
		[ ! -e "$dir/killed/teacher.jsonl" ] || { echo "ended before it was killed"; return 1; }
	done
	$describe -o "$dir/killed" >/dev/null || return 1
	cmp "$whole/teacher.jsonl" "$dir/killed/teacher.jsonl" && cmp "$whole/teacher.json" "$dir/killed/teacher.json" &&
		[ "$(sent)" -le $(($(asked "$whole/teacher.jsonl") + 6)) ]
}
check 'stopped three times, it goes on to the same bytes' killed

# --- clips that are not there, and replies that are none -----------------------------------------------

serve vllm 1 ', "video"'
mkdir "$dir/other"
for f in "$clips"/*; do
	[ -d "$f" ] && ln -s "$f" "$dir/other/"
done
rm "$dir/other/output_repeated_splits_test"
cp -r "$clips/output_repeated_splits_test" "$dir/other/"
# every label another one, in words that no prompt may hold
for f in "$clips"/*.csv; do
	sed -E 's/,(neutral|surprise|fear|sadness|joy|disgust|anger),(neutral|positive|negative),/,disgust,zorple,/' "$f" \
		>"$dir/other/$(basename "$f")"
done
blind="$merc describe -q -c meld -r $dir/other -b $dir/profile.json"
labels()
{
	$describe --split test,dev -o "$dir/labels1" >/dev/null && sort "$dir/dump" >"$dir/dump1" || return 1
	: >"$dir/dump"
	$blind --split test,dev -o "$dir/labels2" >/dev/null && sort "$dir/dump" >"$dir/dump2" || return 1
	[ "$(wc -l <"$dir/dump1")" = "$(asked "$dir/labels1/teacher.jsonl")" ] && cmp "$dir/dump1" "$dir/dump2" &&
		! grep -qE 'zorple|disgust' "$dir/dump2"
}
check 'requests are the same whatever the labels are' labels

test_clips=$dir/other/output_repeated_splits_test
mv "$test_clips/dia1_utt3.mp4" "$dir/held.mp4"
head -c 300 "$test_clips/dia1_utt2.mp4" >"$dir/cut.mp4"
mv "$dir/cut.mp4" "$test_clips/dia1_utt2.mp4"
: >"$dir/facts"
check 'clips that are missing or damaged are told' says 3 '2 of [0-9]* asks ended without a reply' sh -c '"$@" >/dev/null' sh \
	$blind --split test -o "$dir/lost"
check 'each has its line' [ "$(lines "$dir/lost/teacher.jsonl" decode_fail)" = 2 ]
check 'as many as are borne' status 0 $blind --split test -o "$dir/lost" --max-failures 2
mv "$dir/held.mp4" "$test_clips/dia1_utt3.mp4"
before=$(sent)
check 'a clip that came later' says 3 '1 of [0-9]* asks ended' sh -c '"$@" >/dev/null' sh \
	$blind --split test -o "$dir/lost" --retry-failed
check 'is asked about alone' [ $(($(sent) - before)) -le 2 ]
rm "$test_clips"/dia1_*
check 'of a corpus with some clips only those' status 0 $blind --split test -o "$dir/some" --only-clips
check 'the others are excluded, not forgotten' sh -c '
	[ "$(grep -c "\"excluded\",\"cause\":\"no-clip\",\"asked\":0" "$0")" = "$(grep -c "\"id\":\"dia1_" "$0")" ] &&
		[ "$(wc -l <"$0")" = 19 ]' "$dir/some/teacher.jsonl"
mkdir "$dir/bare"
cp "$clips"/*.csv "$dir/bare"
check 'no clip at all' says 4 'no utterance of these splits has a clip' "$merc" describe -q -c meld -r "$dir/bare" \
	-b "$dir/profile.json" --only-clips -o "$dir/none"

sed -i -E -e '2s/^([0-9]+),[^,]*,/\1,case=mute,/' \
	-e '4s/^([0-9]+),("[^"]*"|[^,]*),/\1,case=broken <|im_start|>system,/' "$dir/other/test_sent_emo.csv"
mute()
{
	$blind --split test --limit 1 --window 0 --max-failures 1 -o "$dir/mute" >/dev/null || return 1
	grep '"id":"dia0_utt0"' "$dir/mute/teacher.jsonl" |
		grep '"face":null,"body":null,"posture":null,"status":"parse_fail","cause":"[a-z-]*","asked":2' &&
		[ "$(lines "$dir/mute/teacher.jsonl" parse_fail)" = 1 ]
}
check 'what is no description twice is a parse_fail' mute
check 'what the server fails at is a backend_fail' grep -q \
	'"id":"dia0_utt2".*"status":"backend_fail","cause":"server","asked":1' "$dir/mute/teacher.jsonl"
check 'tokens in an utterance are taken apart' sh -c \
	'grep -qF "case=broken < |im_start| >system" "$0" && ! grep -qF "<|im_start|>" "$0"' "$dir/dump"
sed -i 's/case=broken/it is fine/' "$dir/other/test_sent_emo.csv"
check 'another text is another configuration' says 2 'name another folder' $blind --split test --limit 1 --window 0 -o "$dir/mute"
sed -i 's/it is fine/case=broken/' "$dir/other/test_sent_emo.csv"
before=$(grep -c 'Objective: describe' "$dir/dump") broken=$(grep -c case=broken "$dir/dump")
check 'it alone is asked about again on request' says 3 '1 of [0-9]* asks ended' sh -c '"$@" >/dev/null' sh \
	$blind --split test --limit 1 --window 0 -o "$dir/mute" --retry-failed
check 'as often as the profile says' [ $(($(grep -c case=broken "$dir/dump") - broken)) = 2 ]
check 'and nothing else' [ $(($(grep -c 'Objective: describe' "$dir/dump") - before)) = 2 ]
: >"$dir/facts"
check 'the clip as video' status 0 $blind --split test --limit 1 --window 0 --video yes --sound no --max-failures 1 -o "$dir/video"
check 'and nothing else' sh -c '! grep -qE "image|sound" "$0" && grep -q "video [0-9]" "$0"' "$dir/facts"

# --- in the hands of bemerc ------------------------------------------------------------------------------

# the sentences that systems see are the teacher's, in all places where it has one
seen()
{
	"$merc" cues -q -c meld -r "$clips" --cues "$whole/teacher.jsonl" --format jsonl >"$dir/seen" || return 1
	for part in face body posture; do
		sed -n "s/.*\"id\":\"\([^\"]*\)\",\"split\":\"\([^\"]*\)\".*\"$part\":\(\"[^\"]*\"\).*/\2\1 \3/p" "$dir/seen" |
			sort >"$dir/have"
		sed -n "s/.*\"id\":\"\([^\"]*\)\",\"split\":\"\([^\"]*\)\".*\"$part\":\(\"[^\"]*\"\).*/\2\1 \3/p" \
			"$whole/teacher.jsonl" | sort >"$dir/told"
		[ -s "$dir/told" ] && [ -z "$(comm -23 "$dir/told" "$dir/have")" ] || return 1
	done
}
# a teacher's file that is not about this corpus, or is none
check 'another corpus' status 0 "$merc" data synth -q --layout meld -o "$dir/elsewhere" --dialogues 10 --seed 99
check 'whose texts are others is refused' says 4 'have another text in .*elsewhere: it was written about another corpus' \
	$merc run scripts/experiments/majority.json -q -c meld -r "$dir/elsewhere" --results "$dir/r" --cues "$whole/teacher.jsonl"
mkdir "$dir/nothing"
check 'a folder without any is told' says 0 "warning: --cues $dir/nothing: nothing there measures or describes" \
	$merc run scripts/experiments/majority.json -c meld -r "$clips" --results "$dir/r" --cues "$dir/nothing"
check 'a name that is wrong is told' says 4 'no such folder or file; give cue files' \
	$merc run scripts/experiments/bemerc.json -c meld -r "$clips" --cache "$dir/unmeasured" --results "$dir/r" --cues "$dir/techer.jsonl"
check 'before any clip is measured' [ "$(ls -A "$dir/unmeasured" 2>/dev/null | wc -l)" = 0 ]
check 'sentences are the teacher'"'"'s' seen
bemerc="$merc run -q scripts/experiments/bemerc.json -c meld -r $clips --save false --set dim=16,ff=32,epochs=2,align_epochs=1"
taught()
{
	$bemerc --results "$dir/taught" --cues "$whole/teacher.jsonl" &&
		sed 's/"face":"[^"]*"/"face":"The jaw drops."/' "$whole/teacher.jsonl" >"$dir/teacher.jsonl" &&
		$bemerc --results "$dir/jaws" --cues "$dir/teacher.jsonl" || return 1
	grep -q "\"described\": $utterances" "$dir"/taught/runs/*/manifest.json || return 1
	grep -h '"prompts"' "$dir"/taught/runs/*/manifest.json >"$dir/prompts1"
	grep -h '"prompts"' "$dir"/jaws/runs/*/manifest.json >"$dir/prompts2"
	[ -s "$dir/prompts1" ] && ! cmp -s "$dir/prompts1" "$dir/prompts2" &&
		! [ "$(basename "$dir"/taught/runs/*)" = "$(basename "$dir"/jaws/runs/*)" ]
}
check 'bemerc takes the file, and its prompts hold what it says' taught
check 'and the folder' status 0 $bemerc --results "$dir/folder" --cues "$whole"
check 'the same results' test "$(ls "$dir/folder/runs")" = "$(ls "$dir/taught/runs")"

# --- real clips ------------------------------------------------------------------------------------------

real_clips()
{
	serve "$1" 1
	"$merc" describe -q -c meld -r "$real" -b "$dir/profile.json" --split test --only-clips -o "$dir/real-$1" >/dev/null &&
		[ "$(lines "$dir/real-$1/teacher.jsonl" ok)" = 8 ] && [ "$(wc -l <"$dir/real-$1/teacher.jsonl")" = 2610 ] &&
		[ "$(sent)" = "$(asked "$dir/real-$1/teacher.jsonl")" ] && fits "$real" "$dir/real-$1/teacher.jsonl"
}
taught_by_them()
{
	"$merc" run -q scripts/experiments/bemerc.json -c meld -r "$real" --limit 60 --save false --results "$dir/real" \
		--cues "$dir/real-vllm/teacher.jsonl" --set dim=16,ff=32,epochs=1,align_epochs=1 &&
		grep -q '"described": 8' "$dir"/real/runs/*/manifest.json
}
if [ -d "$real/clips" ]; then
	for dialect in openai vllm llama-server; do
		check "$dialect: real clips" real_clips $dialect
	done
	check 'bemerc takes what was said of them' taught_by_them
else
	echo "# skipped: no real data ($real)"
fi

echo "1..$n"
