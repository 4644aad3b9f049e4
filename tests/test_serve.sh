#!/bin/sh
# merc serve as a person drives it: what it says and refuses, and systems that ask running on it.
set -u
cd "$(dirname "$0")/.." || exit 99
. tests/driver.sh
data=${MERC_DATA:-../shared/data}/weights

# refuses WANT TEXT ARGUMENT…: merc serve ends so, and says nothing on standard output
refuses()
{
	want=$1 text=$2
	shift 2
	says "$want" "$text" "$merc" serve "$@" </dev/null
}

check "weights are needed" refuses 2 "which weights" --chat plain
check "so is a chat format" refuses 2 "which chat format" -w "$dir"
check "an unknown one" refuses 2 "no chat format 'x'" -w "$dir" --chat x
check "weights that are not there" refuses 4 "$dir/none" -w "$dir/none" --chat plain

# a program behind exec may say why it fails, how a reply ended, and what it takes
program()
{
	cat >"$dir/program" <<-'E2'
	printf '{"ready":true,"model":"odd","takes":["generate","text","sound"]}\n'
	while IFS= read -r ask; do
		case $ask in
		'{"id":"a"'*) printf '{"id":"a","error":"no place for it","cause":"border"}\n' ;;
		'{"id":"b"'*) printf '{"id":"b","error":"because","cause":"whim"}\n' ;;
		'{"id":"c"'*) printf '{"id":"c","text":"","finish_reason":"length","prompt_tokens":7}\n' ;;
		*) printf '{"id":"d","text":"joy","finish_reason":"stop","completion_tokens":2}\n' ;;
		esac
	done
	E2
	for id in a b c d; do
		printf '{"id":"%s","messages":[{"role":"user","content":"x"}]}\n' $id
	done >"$dir/odd.jsonl"
	"$merc" ask -q -b "exec:sh $dir/program" -a "$dir/odd.jsonl" -o "$dir/odd" --max-failures 9 || return 1
	cat "$dir/odd/replies.jsonl"
	grep -q '"id":"a".*"cause":"border"' "$dir/odd/replies.jsonl" &&
		grep -q '"id":"b".*"cause":"reported"' "$dir/odd/replies.jsonl" &&
		grep -q '"id":"c".*"parse_fail","cause":"length".*"prompt_tokens":7' "$dir/odd/replies.jsonl" &&
		grep -q '"id":"d".*"ok","text":"joy","finish_reason":"stop","completion_tokens":2' "$dir/odd/replies.jsonl"
}

takes_no_image()
{
	printf '\377\330\377\340' >"$dir/f.jpg"
	echo '{"id":"a","messages":[{"role":"user","content":[{"type":"image","path":"f.jpg"}]}]}' >"$dir/image.jsonl"
	says 5 "the asks need image" "$merc" ask -q -b "exec:sh $dir/program" -a "$dir/image.jsonl" -o "$dir/image"
}

check "a program says how a reply ended and why there is none" program
check "and what it takes, before it is asked" takes_no_image

if [ ! -f "$data/stories260K.bin" ] || [ ! -f "$data/tok512.bin" ]; then
	echo "ok $((n + 1)) - stories # SKIP no real data ($data)"
	echo "1..$((n + 1))"
	exit 0
fi
serve="$merc serve -q -w $data/stories260K.bin -t $data/tok512.bin --chat plain"

# ask ID TEXT [MEMBERS]: one line
ask()
{
	printf '{"id":"%s","messages":[{"role":"user","content":"%s"}]%s}\n' "$1" "$2" "${3:-}"
}

greedy()
{
	"$merc" generate -q -w "$data/stories260K.bin" -t "$data/tok512.bin" --chat plain \
		-p "Lily and Tom" -n 60 --format json 2>"$dir/err" | sed -n 's/^ "text": \(".*"\),$/\1/p' >"$dir/want"
	ask s "Lily and Tom" ',"sampling":{"max_tokens":60}' | $serve >"$dir/have" || return 1
	cat "$dir/want" "$dir/have"
	grep -q '^{"ready":true,"model":"stories260K.bin","weights":"[0-9a-f]\{32\}","tokenizer":"[0-9a-f]\{32\}","chat":"plain"' "$dir/have" &&
		[ -s "$dir/want" ] && grep -qF "\"text\":$(cat "$dir/want"),\"finish_reason\":\"length\"" "$dir/have"
}

# one wrong ask does not hurt the next; blank lines and a missing last line end are nothing
goes_on()
{
	{
		printf '{"id":"i","messages":[{"role":"user","content":[{"type":"image","base64":"AA=="}]}]}\n\n'
		printf '{"id":"p","messages":[{"role":"user","content":[{"type":"image","path":"/etc/passwd"}]}]}\n'
		printf '{"id":"m","mode":"sing","messages":[{"role":"user","content":"x"}]}\n'
		ask long "$(seq 1 400 | tr '\n' ' ')"
		ask last "Once" | tr -d '\n'
	} | $serve >"$dir/have" || return 1
	cat "$dir/have"
	[ "$(grep -c '"error"' "$dir/have")" = 4 ] && [ "$(wc -l <"$dir/have")" = 6 ] &&
		[ "$(grep -c 'these weights read text' "$dir/have")" = 2 ] &&
		grep -q '"id":"long","error":"a prompt of .* the weights read 512","cause":"reported"' "$dir/have" &&
		tail -n 1 "$dir/have" | grep -q '^{"id":"last".*"status":"ok"'
}

# broken TEXT LINE…: such a line ends it
broken()
{
	text=$1 line=$2
	{
		ask a "Once"
		echo "$line"
		ask b "Once"
	} | $serve >"$dir/out" 2>"$dir/err"
	[ $? = 4 ] && grep -q "standard input:2: .*$text" "$dir/err" && [ "$(wc -l <"$dir/out")" = 2 ]
}

terminated()
{
	mkfifo "$dir/pipe"
	$serve <"$dir/pipe" >"$dir/told" &
	pid=$!
	exec 9>"$dir/pipe"
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		[ -s "$dir/told" ] && break
		sleep .1
	done
	kill -TERM $pid
	wait $pid
	got=$?
	exec 9>&-
	echo "status $got"; cat "$dir/told"
	[ $got = 143 ] && [ "$(wc -l <"$dir/told")" = 1 ]
}

check "what merc generate writes" greedy
check "an ask that is wrong" goes_on
check "a line that is no JSON" broken "not valid JSON" '{"id":'
check "a line that is no ask" broken 'with an "id"' '{"messages":[]}'
check "a signal ends it" terminated

# run RECIPE RESULTS [OPTION…]: on the tiny corpus
run()
{
	recipe=$1 results=$2
	shift 2
	"$merc" run "scripts/experiments/$recipe.json" -c meld -r "$dir/tiny" --results "$dir/$results" \
		-b "exec:$serve" --limit 3 "$@" >"$dir/run" 2>&1
}

# of RESULTS RECIPE FILE: a file of the one result of a recipe
of()
{
	cat "$dir/$1"/runs/meld-"$2"-on-merc-s1-*/"$3"
}

# every utterance has an answer with a belief; again, nothing is asked
beliefs()
{
	run zero-shot-likelihood a || { cat "$dir/run"; return 1; }
	cp "$dir"/a/asks/*/journal.jsonl "$dir/before"
	[ "$(of a zero-shot-likelihood predictions.jsonl | grep -c '"status":"ok"')" = 18 ] &&
		[ "$(of a zero-shot-likelihood predictions.jsonl | grep -c '"scores":\[-')" = 18 ] &&
		run zero-shot-likelihood a --again && cmp "$dir"/a/asks/*/journal.jsonl "$dir/before" &&
		run zero-shot-likelihood a && grep -q '0 runs done, 1 were there' "$dir/run"
}

modes()
{
	for recipe in zero-shot zero-shot-choice zero-shot-letters instructerc-zero-shot; do
		run $recipe m || { cat "$dir/run"; return 1; }
		[ "$(of m $recipe predictions.jsonl | wc -l)" = 18 ] || return 1
	done
	[ "$(of m zero-shot-choice predictions.jsonl | grep -c '"status":"ok"')" = 18 ] &&
		[ "$(of m zero-shot-letters predictions.jsonl | grep -c '"status":"ok"')" = 18 ]
}

# replies of other numbers of threads are other folders' (the command is part of their key)
threads()
{
	for t in 1 2; do
		"$merc" ask -q -b "exec:$serve --threads $t" -a "$dir/asks.jsonl" -o "$dir/t$t" || return 1
	done
	cmp "$dir/t1/replies.jsonl" "$dir/t2/replies.jsonl"
}

sh tests/tiny_corpus.sh "$dir/tiny"
for i in 1 2 3 4 5 6 7 8; do
	mode=$(echo generate choice likelihood letters | cut -d' ' -f$((i % 4 + 1)))
	ask "s$i" "Once upon a time, there was a girl. She had $i dogs and she was so" \
		",\"mode\":\"$mode\",\"options\":[\"sad\",\"happy\",\"sadness\"],\"sampling\":{\"max_tokens\":20,\"temperature\":$((i % 2))}"
done >"$dir/asks.jsonl"
check "a recipe gives beliefs, and asks nothing twice" beliefs
check "recipes of every mode" modes
check "the same bytes whatever the threads" threads
echo "1..$n"
