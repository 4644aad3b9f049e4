#!/bin/sh
# merc ask as a person drives it: a server that misbehaves, a key that must not leak, going on
# after kills, programs and recorded replies as models.
set -u
cd "$(dirname "$0")/.." || exit 99
. tests/driver.sh
mock=${TESTS:?}/mock_server
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
export no_proxy=127.0.0.1 MERC_TEST_KEY=sk-planted+key/0123456789

# ends STATUS TEXT ARGUMENT…: merc ask ends so, and says that on either stream
ends()
{
	status=$1 text=$2
	shift 2
	"$merc" ask "$@" >"$dir/out" 2>"$dir/err"
	got=$?
	cat "$dir/out" "$dir/err" | tee -a "$dir/said"
	[ "$got" = "$status" ] && cat "$dir/out" "$dir/err" | grep -qF -- "$text"
}

asked()
{
	wc -l <"$dir/asked"
}

: >"$dir/asked"
"$mock" "$dir/port" 1 "$MERC_TEST_KEY" "$dir/asked" &
server=$!
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	[ -s "$dir/port" ] && break
	sleep .1
done
cat >"$dir/profile.json" <<EOF2
{"schema_version": 1, "name": "mock", "dialect": "openai", "model": "mock-1",
 "base_url": "http://127.0.0.1:$(cat "$dir/port")/v1", "key_env": "MERC_TEST_KEY",
 "can": ["choice"], "retry": {"max": 1, "base_s": 0.01}, "timeouts": {"request_s": 0.5},
 "price": {"prompt_per_million": 100000, "completion_per_million": 0}}
EOF2
for i in 1 2 3 4 5 6 7 8 9; do
	echo "{\"id\": \"s$i\", \"messages\": [{\"role\": \"user\", \"content\": \"ask:s$i\"}]}"
done >"$dir/asks.jsonl"
i=0
for case in echo-key echo-headers echo-id html drop slow huge redirect broken flaky echo-base64 echo-percent echo-hex; do
	i=$((i + 1))
	echo "{\"id\": \"c$i\", \"messages\": [{\"role\": \"user\", \"content\": \"ask:c$i case=$case\"}]}"
done >"$dir/cases.jsonl"
echo '{"id": "x", "messages": [{"role": "user", "content": "case=forbidden"}]}' >"$dir/forbidden.jsonl"

p="-b $dir/profile.json" a="-a $dir/asks.jsonl"
# shellcheck disable=SC2086
{
	check 'no back-end named' ends 2 'name a back-end' $a
	check 'no folder named' ends 2 'name a folder' $p $a
	check 'a dry run shows what would be sent' ends 0 '"content":[{"type":"text","text":"ask:s9"}]' $p $a -n
	check 'and what it would take' ends 0 '9 asks in 9 requests' $p $a -n
	check 'a dry run sends nothing' [ "$(asked)" = 0 ]
	check 'nine asks, nine replies' ends 0 '9 asks: 9 ok' $p $a -o "$dir/nine"
	check 'each was sent once' [ "$(asked)" = 9 ]
	check 'replies are in the order of ids' [ "$(sed 's/.*"id":"s\([0-9]\).*/\1/' "$dir/nine/replies.jsonl" | tr -d '\n')" = 123456789 ]
	check 'again: nothing to do' ends 0 '9 asks: 9 ok' $p $a -o "$dir/nine"
	check 'again: nothing was sent' [ "$(asked)" = 9 ]
	check 'a folder of other asks is refused' ends 2 'name another folder' $p -a "$dir/cases.jsonl" -o "$dir/nine"
	check 'a budget ends it' ends 3 'the budget of 3.5 bears no further ask (3 is spent)' $p $a -o "$dir/poor" --concurrency 1 --budget 3.5
	check 'three were paid for' [ "$(asked)" = 12 ]
	check 'without a budget it goes on' ends 0 '9 asks: 9 ok, 3 kept' $p $a -o "$dir/poor"
	check 'and pays for the rest' [ "$(asked)" = 18 ]
	check 'the same replies' cmp "$dir/nine/replies.jsonl" "$dir/poor/replies.jsonl"
	before=$(asked)
	check "another folder's replies are taken from there" ends 0 '9 from other folders' $p $a -o "$dir/shared" --replies "$dir/nine"
	check 'nothing was sent' [ "$(asked)" = "$before" ]
	check 'they are the same' cmp "$dir/nine/replies.jsonl" "$dir/shared/replies.jsonl"
	check 'failures are told, at the highest verbosity' ends 3 '8 of 13 asks ended without a reply' -v $p -a "$dir/cases.jsonl" -o "$dir/cases"
	check 'as many failures as are borne' ends 0 '13 asks: 5 ok, 8 backend_fail' $p -a "$dir/cases.jsonl" -o "$dir/cases" --max-failures .8
	before=$(asked)
	check 'failed ones again on request' ends 3 '5 kept' $p -a "$dir/cases.jsonl" -o "$dir/cases" --retry-failed
	check 'only those' [ "$(($(asked) - before))" = 11 ]
	check 'a refused key ends the run' ends 5 'the server refuses the key' $p -a "$dir/forbidden.jsonl" -o "$dir/forbidden"
	check 'recorded replies as a model' ends 0 '9 asks: 9 ok' -b "replay:$dir/nine/replies.jsonl" $a -o "$dir/replay"
	check 'give the same replies' cmp "$dir/nine/replies.jsonl" "$dir/replay/replies.jsonl"
	check 'a program as a model' ends 0 '9 asks: 9 ok' -b exec:scripts/examples/exec_majority.sh $a -o "$dir/exec"
	check 'answers what it answers' [ "$(grep -c '"text":"neutral"' "$dir/exec/replies.jsonl")" = 9 ]
	MERC_TEST_KEY=sk-another-key-0123 check 'another key does not get in' ends 5 'refuses the key' $p $a -o "$dir/key"
}

# interrupted: the replies that came are kept, and the shell sees a death by signal
# interrupted BACKEND ASKS
interrupted()
{
	rm -rf "$dir/int"
	"$merc" ask -q -b "$1" -a "$2" -o "$dir/int" --time-limit 100 2>"$dir/err" &
	pid=$!
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		[ -s "$dir/int/journal.jsonl" ] && break
		sleep .1
	done
	kill -TERM $pid
	wait $pid
	[ $? = 143 ] && grep -q 'interrupted; the same command goes on from here' "$dir/err" && grep -q '"status": "interrupted"' "$dir/int/status.json" &&
		[ "$(wc -l <"$dir/int/journal.jsonl")" = 1 ] && [ ! -e "$dir/int/replies.jsonl" ]
}
head -n 1 "$dir/asks.jsonl" >"$dir/slow.jsonl"
echo '{"id": "t", "messages": [{"role": "user", "content": "case=slow"}]}' >>"$dir/slow.jsonl"
crashes()
{
	(
		cd "$dir" || exit 1
		ulimit -c unlimited 2>/dev/null
		exec "$merc" ask -q -b profile.json -a slow.jsonl -o crash --time-limit 100
	) 2>/dev/null &
	pid=$!
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		[ -s "$dir/crash/journal.jsonl" ] && break
		sleep .1
	done
	kill -ABRT $pid
	wait $pid 2>/dev/null
	[ $? = 134 ] && ! find "$dir" -name 'core*' -type f | grep -v corpus
}
check 'a crash leaves no core with the key' crashes
check 'interrupted while a server thinks' interrupted "$dir/profile.json" "$dir/slow.jsonl"
check 'interrupted while a program thinks' interrupted \
	"exec:echo '{\"ready\":true}'; read -r l; echo '{\"id\":\"s1\",\"text\":\"x\"}'; sleep 100" "$dir/asks.jsonl"

# shellcheck disable=SC2086
{
	sed -i 's/:[0-9]*\/v1/:1\/v1/' "$dir/profile.json"
	check 'a server that is not there' ends 5 'does not answer' $p $a -o "$dir/nowhere"
	check 'but what is complete needs no server' ends 0 '9 asks: 9 ok' $p $a -o "$dir/nine"
}

# the program of the example alone, and the replies that came through the harness: one score
scores()
{
	"$merc" score -q --dataset meld --root "$dir/corpus" --columns id=id,reply=text --format json "$1" |
		grep -v '"file"'
}
scores_alone_and_within()
{
	./tests/tiny_corpus.sh "$dir/corpus" || return 1
	awk -F, 'NR > 1 { printf "{\"id\":\"dia%s_utt%s\",\"index\":0,\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}]}\n", $6, $7, $2 }' \
		"$dir/corpus/test_sent_emo.csv" >"$dir/corpus.jsonl"
	./scripts/examples/exec_majority.sh <"$dir/corpus.jsonl" | sed 1d >"$dir/alone.jsonl"
	"$merc" ask -q -b exec:scripts/examples/exec_majority.sh -a "$dir/corpus.jsonl" -o "$dir/within" || return 1
	[ "$(wc -l <"$dir/within/replies.jsonl")" = 120 ] || return 1
	scores "$dir/alone.jsonl" >"$dir/alone" && scores "$dir/within/replies.jsonl" >"$dir/inside" &&
		grep -q '"ok": 120' "$dir/alone" && cmp "$dir/alone" "$dir/inside"
}
check 'a program scores in the harness as it does alone' scores_alone_and_within

# a certificate that nobody vouches for
untrusted()
{
	openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -keyout "$dir/tls.key" \
		-out "$dir/tls.pem" || return 1
	openssl s_server -quiet -accept 127.0.0.1:0 -key "$dir/tls.key" -cert "$dir/tls.pem" -www >"$dir/tls" 2>&1 &
	tls=$!
	port=
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		port=$(ss -ltnpH 2>/dev/null | sed -n "s/.*127.0.0.1:\([0-9]*\) .*pid=$tls,.*/\1/p")
		[ -n "$port" ] && break
		sleep .1
	done
	sed "s/http:..127.0.0.1:[0-9]*/https:\/\/127.0.0.1:$port/" "$dir/profile.json" >"$dir/tls.json"
	# shellcheck disable=SC2086
	ends 5 'does not answer: SSL' -b "$dir/tls.json" $a -o "$dir/tls.out"
	status=$?
	kill "$tls"
	return $status
}
if command -v openssl >/dev/null && command -v ss >/dev/null; then
	check 'a certificate is verified' untrusted
fi

# every file that came to be, and all that was said
no_key()
{
	# as it is, in base64 (of itself, behind "merc:"), percent-encoded, in hex
	! grep -rlaFi -e "$MERC_TEST_KEY" -e 'sk-planted' -e c2stcGxhbnRlZCtrZXkvMD -e zay1wbGFudGVkK2tleS8w \
		-e 'key%2f0123' -e 736b2d706c616e "$dir" && grep -rlF '[redacted]' "$dir/cases"
}
check 'the key is nowhere' no_key

killed()
{
	MERC=$merc MOCK=$mock RUNS=5 SAMPLES=500 ./scripts/kill-ask.sh
}
check 'killed, it goes on' killed

echo "1..$n"
