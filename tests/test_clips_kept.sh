#!/bin/sh
# What was made of clips for one system is there for the next: it asks the same although no clip can
# be read any more; without what was kept it cannot.
set -u
cd "$(dirname "$0")/.." || exit 99
. tests/driver.sh
export no_proxy=127.0.0.1
serve mock vllm 1

# ask RECIPE CACHE RESULTS
ask()
{
	"$merc" run "scripts/experiments/$1.json" -q -c meld -r "$dir/meld" -b "$dir/mock.json" \
		--cache "$dir/$2" --results "$dir/$3"
}

kept()
{
	find "$dir/cache-a/clips" -name '*.parts' | wc -l
}

# hashes of all media of a run
media()
{
	cat "$dir/$1"/asks/*/journal.jsonl | grep -o '"media_hash":"[0-9a-f]*"' | sort
}

same_media()
{
	media first >"$dir/a"
	media second >"$dir/b"
	[ "$(wc -l <"$dir/a")" = "$asked" ] && cmp "$dir/a" "$dir/b"
}

# what the server saw of pictures and sound since then
seen()
{
	sort "$dir/mock.facts" >"$dir/$1"
	: >"$dir/mock.facts"
	[ -s "$dir/$1" ]
}

# other bytes of the same number, with the same time: only the content tells
spoil()
{
	for clip in "$dir/meld"/*/*.mp4; do
		size=$(wc -c <"$clip")
		touch -r "$clip" "$dir/time" || return 1
		head -c "$size" /dev/zero | cat >"$clip"
		touch -r "$dir/time" "$clip" || return 1
	done
}

check 'a calibrated corpus' "$merc" data synth -q --layout meld -o "$dir/meld" --dialogues 6 --seed 7
check 'a system asks' status 0 ask zero-shot-media cache-a first
check 'the server saw clips' seen first.facts
asked=$(wc -l <"$dir/first.facts")
check 'pictures and sound of each are kept' [ "$(kept)" = $((2 * asked)) ]
check 'the clips are gone' spoil
check 'the next run asks' status 0 ask zero-shot-media cache-a second
check 'the server saw clips again' seen second.facts
check 'the same ones' cmp "$dir/first.facts" "$dir/second.facts"
check 'to the last byte' same_media
check 'another system hears them too' status 0 ask omnivox-minimal-audio cache-a other
check 'and sends them' seen other.facts
check 'nothing more is kept' [ "$(kept)" = $((2 * asked)) ]
check 'without what was kept they are all missed' status 3 ask zero-shot-media cache-b third
check 'and nothing was sent' [ ! -s "$dir/mock.facts" ]
echo "1..$n"
