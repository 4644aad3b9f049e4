#!/bin/sh
# merc generate as a person drives it: what it says, what it writes, what it refuses.
set -u
cd "$(dirname "$0")/.." || exit 99
. tests/driver.sh
data=${MERC_DATA:-../shared/data}/weights

# refuses WANT TEXT ARGUMENT…: merc generate ends so
refuses()
{
	want=$1 text=$2
	shift 2
	says "$want" "$text" "$merc" generate "$@"
}

check "weights are needed" refuses 2 "which weights"
check "weights that are not there" refuses 4 "$dir/none" -w "$dir/none"
check "an unknown chat format" refuses 2 "no chat format 'x'" -w "$dir" --chat x
check "a system message without a chat" refuses 2 "needs --chat" -w "$dir" --system x
check "a temperature below 0" refuses 2 "temperature" -w "$dir" --temperature -1
check "help names the options" sh -c '"$1" help generate | grep -q -- --max-tokens' sh "$merc"
if [ ! -f "$data/stories260K.bin" ] || [ ! -f "$data/tok512.bin" ]; then
	echo "ok $((n + 1)) - stories # SKIP no real data ($data)"
	echo "1..$((n + 1))"
	exit 0
fi

# story OPTIONS…: what is written, with what is said in $dir/err
story()
{
	"$merc" generate -w "$data/stories260K.bin" -t "$data/tok512.bin" "$@" 2>"$dir/err"
}

greedy()
{
	awk '/-t 0.0$/ { on = 1; next } /^```/ { on = 0 } on' "$data/stories260K.md" | sed -n 1,4p >"$dir/want"
	story >"$dir/have" && cmp "$dir/have" "$dir/want" &&
		grep -q "llama2.c, llama; f32" "$dir/err" && grep -q "256 tokens in" "$dir/err"
}

same_seed()
{
	story -p "Tom" --temperature 1 --top-p 0.9 --seed 7 -n 30 >"$dir/a" &&
		story -p "Tom" --temperature 1 --top-p 0.9 --seed 7 -n 30 --threads 1 >"$dir/b" &&
		story -p "Tom" --temperature 1 --top-p 0.9 --seed 8 -n 30 >"$dir/c" &&
		cmp "$dir/a" "$dir/b" && ! cmp -s "$dir/a" "$dir/c"
}

as_json()
{
	story -n 3 --format json >"$dir/a" && grep -q '"text": "Once upon a"' "$dir/a" &&
		grep -q '"end": "length"' "$dir/a" && grep -q '"architecture": "llama"' "$dir/a"
}

# 510 of 512 positions are taken
context()
{
	story -p "$(yes sun | head -n 254 | tr '\n' ' ')" -n 9 --format json >"$dir/a" &&
		grep -q '"end": "context"' "$dir/a"
}

check "the documented text" greedy
check "a seed repeats, whatever the threads" same_seed
check "json" as_json
check "the context ends" context
check "no tokenizer beside the weights" refuses 4 "give one: --tokenizer" -w "$data/stories260K.bin"
check "a tokenizer of other weights" refuses 4 "do not belong together" \
	-w "$data/stories260K.bin" -t "$data/../tokenizers/llama2.model" -p "Emotion recognition"
check "an adapter that is not there" refuses 4 "adapter_config.json" \
	-w "$data/stories260K.bin" -t "$data/tok512.bin" --adapter "$dir/none"
check "a prompt that is too long" refuses 2 "the weights read 512" \
	-w "$data/stories260K.bin" -t "$data/tok512.bin" -p "$(seq 1 400)"
echo "1..$n"
