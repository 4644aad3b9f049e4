#!/bin/sh
# What a model says is data: in no shell, no file name, no page, no plot and no terminal does it
# become anything else.
set -u
cd "$(dirname "$0")/.." || exit 99
. tests/driver.sh

# says the same to everybody; its error every third time
cat >"$dir/evil.sh" <<'E2'
#!/bin/sh
printf '%s\n' '{"ready":true,"model":"<script>alert(1)</script>\"; `touch PWNED`","version":"../../PWNED"}'
i=0
while IFS= read -r ask; do
	id=$(printf '%s\n' "$ask" | sed 's/^{"id":"\([^"]*\)".*/\1/')
	i=$((i + 1))
	if [ $((i % 3)) = 0 ]; then
		printf '{"id":"%s","error":"<script>alert(2)</script> \\u001b[2J $(touch PWNED)"}\n' "$id"
		continue
	fi
	printf '{"id":"%s","text":"joy</td><script>alert(3)</script> $(touch PWNED) `touch PWNED` \\"; system \\"touch PWNED\\" \\u001b[2J \\u009b2J {{x}} %%s %%n","model":"<img src=x onerror=alert(4)>","finish_reason":"../PWNED","fingerprint":"</style><b>"}\n' "$id"
done
E2
chmod +x "$dir/evil.sh"
cat >"$dir/text.json" <<'E2'
{"schema_version": 1, "name": "text", "title": "Text", "model": "prompted", "window": 2,
 "see": ["text", "history"], "selection": "none"}
E2
check "a calibrated corpus" status 0 \
	"$merc" data synth -q --layout meld -o "$dir/meld" --dialogues 6 --seed 7
claims=$PWD/results/reference/claims.json

# everything that is said on the way goes to $dir/said
said()
{
	(cd "$dir" && "$merc" "$@") >"$dir/now" 2>&1
	got=$?
	cat "$dir/now" >>"$dir/said"
	tail -n 3 "$dir/now"
	return $got
}
check "a run" said run text.json -c meld -r meld --results results --backend exec:./evil.sh --max-failures .9
check "its report" said report --results results -o report --claims "$claims" --replicates 200
for folder in "$dir"/results/asks/*; do
	check "its replies scored" status 3 said score --dataset meld --root meld --columns id=id,reply=text "$folder/journal.jsonl"
done
echo '{"id": "a", "messages": [{"role": "user", "content": "hi"}]}' >"$dir/asks.jsonl"
check "merc ask" said ask -v -b exec:./evil.sh -a asks.jsonl -o asked
check "its summary" said ask -b exec:./evil.sh -a asks.jsonl -o asked --format json

said_it()
{
	cat "$dir"/results/asks/*/journal.jsonl | grep -c 'alert(3)'
}
# no_match PATTERN FILE…: and the files are there
no_match()
{
	pattern=$1
	shift
	[ -e "$1" ] && ! grep -rn "$pattern" "$@"
}
nothing_ran()
{
	[ -z "$(find "$dir" . -name 'PWNED*' -not -path './build/*')" ]
}
escape=$(printf '\033')
check "the model did say it" [ "$(said_it)" -gt 3 ]
check "nothing ran, and no file has its name" nothing_ran
check "no page runs it" no_match '<script>alert\|<img src=x\|</style><b>' "$dir/report"
check "no terminal obeys it" no_match "$escape" "$dir/said"
check "no file that people read holds control characters" no_match "$escape" "$dir/report/index.html" "$dir/report/tables" "$dir/results/runs"
echo "1..$n"
