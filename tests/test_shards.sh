#!/bin/sh
# Sweeps as a person drives them: shards joined again, what merge refuses, signals, resuming,
# and a cheap round of scripts/kill-sweep.sh.
set -u
cd "$(dirname "$0")/.." || exit 99
. tests/driver.sh
unset SLURM_ARRAY_TASK_ID SLURM_PROCID OMPI_COMM_WORLD_RANK PMI_RANK

# says WANT TEXT COMMAND…: that status, and that text in what it prints
says()
{
	want=$1 text=$2
	shift 2
	"$@" >"$dir/out" 2>&1
	got=$?
	cat "$dir/out"
	[ "$got" = "$want" ] || { echo "status $got, wanted $want"; return 1; }
	grep -q -- "$text" "$dir/out" || { echo "no '$text'"; return 1; }
}

./tests/tiny_corpus.sh "$dir/corpus" || exit 99

# sweep RESULTS OPTION…: six runs of three combinations
sweep()
{
	results=$1
	shift
	"$merc" sweep scripts/experiments/bow.json -c meld -r "$dir/corpus" --results "$results" \
		-a min_df=1-3 --seeds 1-2 -j 2 --replicates 200 "$@"
}
at=sweeps/meld-bow-by-min_df
same()
{
	./scripts/same-results.sh "$1" "$2"
}

check "a dry run lists, and knows no time yet" says 0 \
	"6 runs of 3 combinations: 0 done, 6 to do here; time unknown" sweep "$dir/whole" --dry-run
check "a dry run leaves nothing" test ! -e "$dir/whole"
check "without data it lists all the same" says 0 "#6 : min_df=3 seed=2" \
	"$merc" sweep scripts/experiments/bow.json -c meld -a min_df=1-3 --seeds 1-2 -n
check "an explosion is refused" says 2 "10000 runs, --max-jobs is 500" \
	"$merc" sweep scripts/experiments/bow.json -c meld -a min_df=1-1000 --seeds 1-10 -n
check "the sweep" says 0 "Tried: 6 runs of 3 combinations" sweep "$dir/whole"
check "done is done" says 0 "0 runs done, 6 were there" sweep "$dir/whole"
check "now the time is known" says 0 "6 done, 0 to do here; about 0.0 s" sweep "$dir/whole" -n
check "the dry run in JSON" says 0 '"to_do": 0' sweep "$dir/whole" -n --format json
check "one line a combination in CSV" says 0 '^3,bow,3,2,' sweep "$dir/whole" --format csv

# the summary is that of the runs: the mean of two seeds, by other means
mean_of()
{
	for d in "$dir/whole/$at"/runs/*; do
		grep -q '"min_df": 2' "$d/manifest.json" &&
			sed -n 's/^ "weighted_f1": \(.*\),$/\1/p' "$d/metrics.json"
	done | awk '{ s += $1; n++ } END { printf "%.12f %d\n", s / n, n }' >"$dir/x"
	awk -F, 'NR == 3 { printf "%.12f %d\n", $7, $4 }' "$dir/whole/$at/summary.csv" >"$dir/y"
	cat "$dir/x" "$dir/y"
	cmp "$dir/x" "$dir/y"
}
check "the summary has the mean of the runs" mean_of

longer()
{
	cp -r "$dir/whole" "$dir/longer"
	"$merc" sweep scripts/experiments/bow.json -c meld -r "$dir/corpus" --results "$dir/longer" \
		-a min_df=1-4 --seeds 1-2 --name bow-by-min_df --replicates 200 2>&1 |
		grep "2 runs done, 6 were there"
}
check "a longer axis runs what is new" longer
changed()
{
	cp -r "$dir/whole" "$dir/changed"
	sweep "$dir/changed" --set ngrams=1 2>&1 | grep "6 runs done, 0 were there"
}
check "a changed recipe is another run" changed
failing()
{
	says 3 "Not a result: 1 runs are missing" "$merc" sweep scripts/experiments/llmerc-text.json \
		-c meld -r "$dir/corpus" --results "$dir/failing" -a weights=,nosuch --seeds 1 \
		--set epochs=1 --replicates 200 &&
		grep -q "nosuch" "$dir/out" &&
		grep -q '"status": "error"' "$dir"/failing/sweeps/*/status.json
}
check "failed runs leave the others their summary" failing

check "a shard without runs" says 0 "0 runs done, 0 were there" sweep "$dir/few" --shard 8/9

check "what changes nothing is left out, with its reason" says 0 "left out: what it takes away" \
	"$merc" sweep scripts/experiments/bow.json -c meld -r "$dir/corpus" --results "$dir/none" \
	-a without=,face --seeds 1 --replicates 200
check "combinations that are one run are refused" says 2 "#1 : .* and #2 : .* are the same run" \
	"$merc" sweep scripts/experiments/bow.json -c meld -r "$dir/corpus" --results "$dir/none" \
	-a window=1,2

# a name that is odd as the name of a folder
odd()
{
	sed 's/"name": "bow"/"name": "bow (my own)"/' scripts/experiments/bow.json >"$dir/odd.json"
	says 0 "| bow (my own) | 3 |" "$merc" sweep "$dir/odd.json" -c meld -r "$dir/corpus" \
		--results "$dir/odd" -a min_df=3,4 --seeds 1 --replicates 200
}
check "a system with blanks in its name" odd

# shards in folders of their own, and in one; any number gives the same
for i in 0 1 2 3; do
	check "shard $i of 4" sweep "$dir/part$i" --shard $i/4
done
p=$dir/part
check "four shards are the sweep" says 0 "Tried: 6 runs" "$merc" merge -q --replicates 200 \
	-o "$dir/joined/$at" "${p}2/$at" "${p}0/$at" "${p}1/$at" "${p}3/$at"
check "byte for byte" same "$dir/whole" "$dir/joined"
check "joining again changes nothing" says 0 "Tried: 6 runs" "$merc" merge -q --replicates 200 \
	-o "$dir/joined/$at" "${p}2/$at" "${p}0/$at" "${p}1/$at" "${p}3/$at"
array()
{
	for i in 3 5; do
		SLURM_ARRAY_TASK_ID=$i SLURM_ARRAY_TASK_MIN=3 SLURM_ARRAY_TASK_STEP=2 \
			SLURM_ARRAY_TASK_COUNT=2 sweep "$dir/array" --shard auto || return 1
	done
	grep -q SLURM_ARRAY_TASK_ID "$dir/array/$at/status-1-of-2.json" || return 1
	"$merc" merge -q --replicates 200 "$dir/array/$at" >"$dir/out" || return 1
	rm "$dir/array/$at"/status-?-of-2.json
	same "$dir/whole" "$dir/array"
}
check "an array of Slurm in one folder" array

merge()
{
	"$merc" merge -q --replicates 200 -o "$dir/refused" "$@"
}
check "a missing shard is a gap" says 3 "shard 1 of 4 is missing: a gap" \
	merge "${p}0/$at" "${p}2/$at" "${p}3/$at"
check "nothing is written then" test ! -e "$dir/refused/summary.md"
cp -r "${p}0" "$dir/copy"
check "a shard twice is an overlap" says 4 "shard 0 of 4 is in .*: an overlap" \
	merge "${p}0/$at" "${p}1/$at" "${p}2/$at" "${p}3/$at" "$dir/copy/$at"
check "one folder twice" says 4 "are one folder" merge "${p}0/$at" "${p}0/$at"
cp -r "${p}1/$at"/runs/* "$dir/copy/$at/runs"
check "a run twice is an overlap" says 4 "run 2 .*: an overlap" \
	merge "$dir/copy/$at" "${p}1/$at" "${p}2/$at" "${p}3/$at"
rm -r "$dir/copy/$at"/runs/*
check "a run that is gone is a gap" says 3 "run 1 .* is in no folder: a gap" \
	merge "$dir/copy/$at" "${p}1/$at" "${p}2/$at" "${p}3/$at"
check "unless a part is asked for, which is no result" says 3 "Not a result: 2 runs are missing" \
	merge --partial "$dir/copy/$at" "${p}1/$at" "${p}2/$at" "${p}3/$at"
sed -i 's/complete/started/' "$dir/copy/$at"/status*
check "a shard that did not end" says 3 "shard 0 of 4 is 'started', not complete" \
	merge "$dir/copy/$at" "${p}1/$at" "${p}2/$at" "${p}3/$at"
check "shards of another number" says 4 "others are of" merge "$dir/array/$at" "${p}1/$at"
check "another sweep" says 4 "is another sweep than" merge "${p}0/$at" "$dir/changed/$at"

# asked to stop: the status says so, the program dies by the signal, the command goes on
asked()
{
	rm -rf "$dir/asked"
	"$merc" sweep scripts/experiments/bemerc.json -c meld -r "$dir/corpus" \
		--results "$dir/asked" -a window=2,4 --set epochs=500,align_epochs=0 -j 2 \
		>"$dir/out" 2>"$dir/err" &
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		[ -e "$dir/asked/sweeps/meld-bemerc-by-window/status.json" ] && break
		sleep .5
	done
	sleep .5
	kill -"$1" $!
	wait $!
	got=$?
	cat "$dir/err"
	[ "$got" = "$2" ] || { echo "status $got, wanted $2"; return 1; }
	grep -q '"status": "interrupted"' "$dir/asked"/sweeps/*/status.json &&
		grep -q "goes on from here" "$dir/err" &&
		[ -z "$(ls -A "$dir"/asked/sweeps/*/runs 2>/dev/null)" ]
}
check "SIGINT stops a sweep" asked INT 130
check "SIGTERM stops a sweep" asked TERM 143
check "SIGUSR1 stops a sweep" asked USR1 $((128 + $(kill -l USR1 2>/dev/null | grep -o '[0-9]*' || echo 10)))

if "$merc" --version | grep -q MERC_MPI && command -v mpirun >/dev/null; then
	mpi()
	{
		OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 mpirun --oversubscribe -n 3 \
			"$merc" sweep scripts/experiments/bow.json -c meld -r "$dir/corpus" \
			--results "$dir/mpi" -a min_df=1-3 --seeds 1-2 -j 1 --replicates 200 -q || return 1
		rm "$dir/mpi/$at"/status-?-of-3.json
		same "$dir/whole" "$dir/mpi"
	}
	check "three ranks are the sweep" mpi
else
	n=$((n + 1))
	echo "ok $n - three ranks are the sweep # SKIP not built with MPI=1"
fi
check "ten kills resume to the same" env RUNS=10 SEED=7 ./scripts/kill-sweep.sh
echo "1..$n"
