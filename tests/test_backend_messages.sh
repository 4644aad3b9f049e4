#!/bin/sh
# What is said when a back-end is not there, is not what it was taken for, or keeps silent: each
# message names its cause and what to do, and comes while one waits rather than after.
set -u
cd "$(dirname "$0")/.." || exit 99
. tests/driver.sh
export no_proxy=127.0.0.1

for i in 1 2 3; do
	echo "{\"id\": \"s$i\", \"messages\": [{\"role\": \"user\", \"content\": \"ask:s$i\"}]}"
done >"$dir/asks.jsonl"

# ask BACKEND NAME [OPTION…]
ask()
{
	backend=$1 folder=$2
	shift 2
	"$merc" ask -b "$backend" -a "$dir/asks.jsonl" -o "$dir/$folder" "$@"
}

# told TEXT BACKEND: within a while, and before the program has said anything
told()
{
	text=$1
	"$merc" ask -b "$2" -a "$dir/asks.jsonl" -o "$dir/silent" >"$dir/out" 2>"$dir/err" &
	pid=$!
	for _ in $(seq 300); do
		grep -q -- "$text" "$dir/err" && break
		sleep .1
	done
	kill -TERM $pid
	wait $pid
	cat "$dir/err"
	rm -rf "$dir/silent"
	grep -q -- "$text" "$dir/err"
}

# programs
check "a program that says nothing is waited for aloud" told "waiting for 'cat' to say {\"ready\": true}; .*flush" exec:cat
check "so is one that does not get a reply out" told "waiting for 'echo .* to reply to its first ask" \
	"exec:echo '{\"ready\": true}'; sleep 100"
check "one that ends: status and last words" says 5 \
	"it ended with status 3; $dir/ends/exec.stderr ends with: no such weights$" \
	ask "exec:echo first >&2; echo no such weights >&2; exit 3" ends -q
check "one that is killed" says 5 'signal 9 ended it; it wrote nothing on standard error' ask 'exec:kill -9 $$' killed -q
check "which leaves no empty file" [ ! -e "$dir/killed/exec.stderr" ]
check "one that says something else" says 5 'its first line is Loading model' ask 'exec:echo Loading model; sleep 9' other -q
cat >"$dir/fragile.sh" <<'E2'
echo '{"ready": true}'
while read -r line; do
	[ -e "$0.ended" ] || { : >"$0.ended"; echo out of memory >&2; exit 1; }
	echo "$line" | sed 's/.*"id":"\([a-z0-9]*\)".*/{"id": "\1", "text": "joy"}/'
done
E2
check "one that ends now and then goes on" sh -c "'$merc' ask -b 'exec:sh $dir/fragile.sh' -a '$dir/asks.jsonl' \
	-o '$dir/fragile' 2>'$dir/said'"
check "and is told of" grep -q "warning: .* ended in 1 asks, .*out of memory" "$dir/said"

# servers
profile()
{
	cat >"$dir/$1.json" <<-E2
	{"schema_version": 1, "name": "$1", "dialect": "openai", "model": "mock-1", "base_url": "$2",
	 "note": "start it with serve.sh", "timeouts": {"connect_s": 1}, "retry": {"max": $3, "base_s": 0.01}}
	E2
}
profile gone http://127.0.0.1:1/v1 2
check "a server that is not there" says 5 "Couldn't connect to server; is it started, .*port.* (note: start it with serve.sh)" \
	ask "$dir/gone.json" gone -q
check "it is said while it is tried again" says 5 'no answer yet (.*); trying 2 more times' ask "$dir/gone.json" gone
profile nohost http://no-such-host.invalid/v1 0
check "a host that is not there" says 5 'is the host in base_url right' ask "$dir/nohost.json" nohost -q
serve plain openai 2
profile tls "https://127.0.0.1:$(cat "$dir/plain.port")/v1" 5
check "https where http is spoken, without further tries" says 5 'base_url says https: does the server?' ask "$dir/tls.json" tls
check "which is not tried again" [ "$(grep -c 'no answer yet' "$dir/err")" = 0 ]

# the identity, and with it every key, holds what the list of models says
serve calm openai 2
serve busy openai 2 busy
check "a list of models at the first request" status 0 ask "$dir/calm.json" calm -q
check "one at the second, after status 429, is waited for" status 0 ask "$dir/busy.json" busy
check "and is the same" [ "$(grep -o 'served.*owned_by[^,]*' "$dir/calm/summary.json")" = \
	"$(grep -o 'served.*owned_by[^,]*' "$dir/busy/summary.json")" ]
check "not nothing" grep -q 'served.*owned_by' "$dir/busy/summary.json"

# asked twice to end: at once, and not without a word
twice()
{
	"$merc" ask -q -b 'exec:sleep 100' -a "$dir/asks.jsonl" -o "$dir/twice" 2>"$dir/err" &
	pid=$!
	for _ in $(seq 100); do
		[ -s "$dir/twice/status.json" ] && break
		sleep .1
	done
	kill -STOP $pid
	kill -TERM $pid
	kill -USR1 $pid
	kill -CONT $pid
	wait $pid
	cat "$dir/err"
	grep -q 'the same command goes on from' "$dir/err"
}
check "a second signal ends it with a word" twice
sed 's/"can": [^]]*\]/"can": []/' "$dir/plain.json" >"$dir/dumb.json"
echo '{"id": "a", "mode": "choice", "options": ["x", "y"], "messages": [{"role": "user", "content": "?"}]}' >"$dir/choice.jsonl"
check "what a server cannot do" says 2 'mode choice is not listed under "can" of profile plain' \
	"$merc" ask -q -b "$dir/dumb.json" -a "$dir/choice.jsonl" -o "$dir/dumb"

# what is no profile
check "a URL" says 2 'a URL is no back-end: name a profile' ask http://127.0.0.1:8000/v1 url -q
check "a name" says 4 'no such profile; a back-end is PROFILE.json, exec:COMMAND or replay:FILE' ask gpt-4o name -q
# refused WANT TEXT SED
refused()
{
	sed "$3" "$dir/plain.json" >"$dir/changed.json"
	says "$1" "$2" ask "$dir/changed.json" changed -q
}
check "no version" refused 4 '"schema_version" is needed (1)' 's/"schema_version": 1, //'
check "another version" refused 4 '"schema_version" is not 1, the only one' 's/"schema_version": 1/"schema_version": 2/'
check "a URL with the path of chats" refused 4 '"base_url" ends in /chat/completions, which is put behind it' \
	's,/v1",/v1/chat/completions",'
check "what is no JSON, with its line" refused 4 'not valid JSON near byte [0-9]* (line 3)' 's/^ "can": /"can" /'

# short keys
KEY=EMPTY
serve dummy openai 2
sed 's/"model"/"key_env": "MERC_TEST_KEY", "model"/' "$dir/dummy.json" >"$dir/short.json"
export MERC_TEST_KEY=EMPTY
check "a short key goes to a server of this machine" status 0 ask "$dir/short.json" short -q
sed -i 's,http://127.0.0.1,https://api.example.com,' "$dir/short.json"
check "and to no other" says 2 'the key in MERC_TEST_KEY has fewer than 8 characters' ask "$dir/short.json" far -q
echo "1..$n"
