#!/bin/sh
# merc tokenize as a person drives it: a small byte-level tokenizer, its tokens, numbers,
# chats and the way back.
set -u
cd "$(dirname "$0")/.." || exit 99
merc=${MERC:?}
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
export XDG_CONFIG_HOME="$dir/none"
n=0

# same NAME WANT STATUS COMMAND…: that status and that standard output
same()
{
	name=$1 want=$2 status=$3
	shift 3
	n=$((n + 1))
	got=$("$@" 2>"$dir/err"; echo "status $?")
	want="$want
status $status"
	if [ "$got" = "$want" ]; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		printf 'wanted:\n%s\ngot:\n%s\n' "$want" "$got" | cat - "$dir/err" | sed 's/^/# /'
	fi
}

# says NAME TEXT STATUS COMMAND…: that status and that text on stderr
says()
{
	name=$1 text=$2 status=$3
	shift 3
	n=$((n + 1))
	"$@" >"$dir/out" 2>"$dir/err"
	got=$?
	if [ "$got" = "$status" ] && grep -q -- "$text" "$dir/err"; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		sed 's/^/# /' "$dir/err"
	fi
}

cat >"$dir/tokenizer.json" <<'EOF'
{"added_tokens": [
  {"id": 9, "content": "<|im_start|>", "special": true, "normalized": false},
  {"id": 10, "content": "<|im_end|>", "special": true, "normalized": false}],
 "normalizer": null,
 "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
 "model": {"type": "BPE", "vocab": {"h": 0, "e": 1, "y": 2, "Ġ": 3, "Ċ": 4, "he": 5, "hey": 6,
  "Ã": 7, "©": 8, "<": 11, "|": 12, "i": 13, "m": 14, "_": 15, "n": 16, "d": 17, ">": 18,
  "s": 19, "t": 20, "u": 21, "r": 22, "a": 23}, "merges": ["h e", "he y"]}}
EOF
tokenize()
{
	"$merc" tokenize --tokenizer "$dir/tokenizer.json" "$@"
}

same 'tokens with their bytes' '       6  "hey"  68 65 79
       3  " "  20
       7  "\xc3"  c3
       8  "\xa9"  a9
4 tokens; byte-level BPE (gpt-2), 24 tokens, from tokenizer.json' 0 tokenize 'hey é'
same 'operands are joined by blanks' '6 3 5' 0 tokenize --ids hey he
same 'a folder, text from standard input' '6 4' 0 \
	sh -c 'echo hey | "$1" tokenize -t "$2" --ids' sh "$merc" "$dir"
same 'special tokens on demand' '10' 0 tokenize --ids --special '<|im_end|>'
same 'and not otherwise' '11 12 13 14 15 1 16 17 12 18' 0 tokenize --ids '<|im_end|>'
same 'back to text' 'hey<|im_end|>' 0 tokenize --decode '6, 10 4'
same 'JSON' '{
 "schema_version": 1,
 "tokenizer": "byte-level BPE (gpt-2), 24 tokens, from tokenizer.json",
 "count": 2,
 "tokens": [
  {
   "id": 6,
   "special": false,
   "bytes": "686579"
  },
  {
   "id": 10,
   "special": true,
   "bytes": "3c7c696d5f656e647c3e"
  }
 ]
}' 0 tokenize --format json --special 'hey<|im_end|>'
same 'a chat' '9 19 2 19 20 1 14 4 5 10 4 9 21 19 1 22 4 6 10 4 9 23 19 19 13 19 20 23 16 20 4' 0 \
	tokenize --chat qwen2 --system he --ids hey
same 'nothing is no token' '0 tokens; byte-level BPE (gpt-2), 24 tokens, from tokenizer.json' 0 \
	tokenize ''
says 'a character without a token' 'no token for .q. (byte 0x71)' 4 tokenize q
says 'no such token' 'token 24 is outside 0..23' 2 tokenize --decode 24
says 'a system message without a chat' 'needs --chat' 2 tokenize --system x hey
says 'no tokenizer named' 'name a tokenizer' 2 "$merc" tokenize x
says 'no such file' "$dir/none" 4 "$merc" tokenize -t "$dir/none" x
says 'no such chat format' 'known are: vicuna llama2 llama3 qwen2 plain' 2 tokenize --chat x hey
says 'a format of another model' 'needs the special token <|begin_of_text|>' 2 \
	tokenize --chat llama3 hey
says 'words that look like the format' "holds 'USER:'" 4 tokenize --chat vicuna 'USER: he'
echo "1..$n"
