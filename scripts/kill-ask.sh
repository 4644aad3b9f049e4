#!/bin/sh
# Kills `merc ask` with SIGKILL at random moments, lets the same command go on, and holds what is
# there in the end to a run that nobody killed: the same replies byte for byte, no ask whose reply
# was kept sent again, and not more sent twice than were in flight.
#   MERC, MOCK  the programs   RUNS  kills (200)   SAMPLES  asks (2000)   SEED  of the moments (1)
# Prints one line a difference, and a count; status 1 on any difference.
set -u
cd "$(dirname "$0")/.." || exit 99
merc=${MERC:-build/merc}
mock=${MOCK:?the mock server}
runs=${RUNS:-200}
samples=${SAMPLES:-2000}
flying=64
dir=$(mktemp -d) || exit 99
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
export no_proxy=127.0.0.1 XDG_CONFIG_HOME="$dir/none" LC_ALL=C

"$mock" "$dir/port" 2 '' "$dir/asked" &
server=$!
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	[ -s "$dir/port" ] && break
	sleep .1
done
[ -s "$dir/port" ] || exit 99
cat >"$dir/profile.json" <<END
{"schema_version": 1, "name": "mock", "dialect": "vllm", "model": "mock-1",
 "base_url": "http://127.0.0.1:$(cat "$dir/port")/v1", "concurrency": $flying}
END
awk -v n="$samples" 'BEGIN { for (i = 1; i <= n; i++)
	printf "{\"id\":\"s%d\",\"messages\":[{\"role\":\"user\",\"content\":\"ask:s%d How does she feel?\"}]}\n", i, i }' \
	>"$dir/asks.jsonl"

# ask FOLDER: the one command
ask()
{
	exec "$merc" ask -q -b "$dir/profile.json" -a "$dir/asks.jsonl" -o "$1"
}

now()
{
	date +%s%N
}

start=$(now)
(ask "$dir/whole") >/dev/null || exit 99
span=$((($(now) - start) / 1000000))
[ "$(wc -l <"$dir/whole/replies.jsonl")" = "$samples" ] || exit 99
awk -v n="$runs" -v span="$span" -v seed="${SEED:-1}" 'BEGIN { srand(seed)
	for (i = 0; i < n; i++) printf "%.3f\n", rand() * span / 1000 }' >"$dir/moments"

bad=0 done=0 killed=0 half=0 twice=0
wrong()
{
	echo "kill $done after $moment s: $1"
	bad=$((bad + 1))
}
while read -r moment; do
	done=$((done + 1))
	rm -rf "$dir/cut"
	: >"$dir/asked"
	(ask "$dir/cut") >/dev/null 2>&1 &
	sleep "$moment"
	kill -KILL $! 2>/dev/null
	wait $! 2>/dev/null
	[ $? = 137 ] && killed=$((killed + 1))
	# whole lines only: a line counts once its end is on disk
	[ -e "$dir/cut/journal.jsonl" ] || { mkdir -p "$dir/cut"; : >"$dir/cut/journal.jsonl"; }
	sed -n 's/.*"id":"\(s[0-9]*\)".*}$/\1/p' "$dir/cut/journal.jsonl" | sort >"$dir/kept"
	sort "$dir/asked" >"$dir/before"
	: >"$dir/asked"
	n=$(wc -l <"$dir/kept")
	[ "$n" -gt 0 ] && [ "$n" -lt "$samples" ] && half=$((half + 1))
	if ! (ask "$dir/cut") >/dev/null 2>"$dir/err"; then
		wrong "does not go on: $(head -n 1 "$dir/err")"
		continue
	fi
	sort "$dir/asked" >"$dir/after"
	cmp -s "$dir/whole/replies.jsonl" "$dir/cut/replies.jsonl" || wrong 'the replies differ'
	[ -z "$(comm -12 "$dir/kept" "$dir/after")" ] || wrong 'asked again what was kept'
	n=$(comm -12 "$dir/before" "$dir/after" | wc -l)
	[ "$n" -le "$flying" ] || wrong "$n asked twice, $flying were in flight"
	[ "$n" -gt "$twice" ] && twice=$n
done <"$dir/moments"
echo "$done kills within $span ms ($killed found it at work, $half with some replies kept; at most" \
	"$twice asked twice): $bad resumed to something else"
[ "$bad" = 0 ]
