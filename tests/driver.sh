# What tests share that drive the program as a person does; sourced from the project's root:
#	cd "$(dirname "$0")/.." || exit 99
#	. tests/driver.sh
# Gives $merc, a scratch folder $dir that goes with the test, no configuration or cache but
# its own, and the functions below.  The test ends with: echo "1..$n"
merc=${MERC:?}
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
export OPENBLAS_NUM_THREADS=1 XDG_CONFIG_HOME="$dir/none" XDG_CACHE_HOME="$dir/cache"
n=0

# check NAME CONDITION…: the condition is a command
check()
{
	name=$1
	shift
	n=$((n + 1))
	if "$@" >"$dir/log" 2>&1; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		sed 's/^/# /' "$dir/log" | tail -n 40
	fi
}

# status WANT COMMAND…
status()
{
	want=$1
	shift
	"$@"
	got=$?
	[ "$got" = "$want" ] || { echo "status $got, wanted $want"; return 1; }
}

# says WANT TEXT COMMAND…: that status, that text on stderr, nothing on stdout
says()
{
	want=$1 text=$2
	shift 2
	"$@" >"$dir/out" 2>"$dir/err"
	got=$?
	cat "$dir/err"
	[ "$got" = "$want" ] || { echo "status $got, wanted $want"; return 1; }
	grep -q -- "$text" "$dir/err" || { echo "no '$text' on stderr"; return 1; }
	[ ! -s "$dir/out" ] || { echo "something on stdout"; return 1; }
}

# serve NAME DIALECT DELAY_MS [OPTION…]: a server that goes with the test, and the profile
# $dir/NAME.json for it; $dir/NAME.facts has a line a request; it wants the key $KEY
serve()
{
	name=$1 dialect=$2 delay=$3
	shift 3
	"${TESTS:?}/mock_server" "$dir/$name.port" "$delay" "${KEY:-}" "$dir/$name.asked" "dialect=$dialect" "facts=$dir/$name.facts" "$@" &
	servers="${servers:-} $!"
	trap 'kill $servers 2>/dev/null; rm -rf "$dir"' EXIT
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		[ -s "$dir/$name.port" ] && break
		sleep .1
	done
	cat >"$dir/$name.json" <<-EOF2
	{"schema_version": 1, "name": "$name", "dialect": "$dialect", "model": "mock-1",
	 "base_url": "http://127.0.0.1:$(cat "$dir/$name.port")/v1",
	 "can": ["choice", "likelihood", "letters", "images", "audio"],
	 "retry": {"max": 1, "base_s": 0.01}, "timeouts": {"request_s": 5},
	 "price": {"prompt_per_million": 1000000, "completion_per_million": 0}}
	EOF2
}
