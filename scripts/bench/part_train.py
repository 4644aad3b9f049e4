# SPDX-License-Identifier: Apache-2.0
"""Training steps beside PyTorch's: full and LoRA, fp32 and bf16, one and two threads."""
import os

from runs import Run, median, table

# what makes PyTorch's two threads three times faster: one pool of threads, pages kept
BEST = {
    "LD_LIBRARY_PATH": "/usr/lib/x86_64-linux-gnu/openblas-openmp",
    "MALLOC_MMAP_THRESHOLD_": "8589934592",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    "MALLOC_TOP_PAD_": "268435456",
}
# processor time instead of wall time, for one thread on a machine with other work
CPU_CLOCK = ("import runpy, sys, time; time.perf_counter = time.process_time; "
             "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')")


class Side:
    """One program in one setting; its runs of all rounds."""

    def __init__(self, name, make, env, limit, probe=False):
        self.name, self.make, self.env, self.limit, self.probe = name, make, env, limit, probe
        self.runs, self.why, self.bound = [], None, None

    def go(self, o):
        if self.why:
            return
        run = Run(self.make, self.env, self.limit, o.quiet)
        if run.failed or not run.rows:
            self.why = run.why()
            self.bound = self.seconds(o, run) if run.timed_out else None
            return
        self.runs.append((run, run.rows[-1]))

    def figure(self, key):
        return median([row[key] for _, row in self.runs if row.get(key) is not None])

    @staticmethod
    def seconds(o, run):
        """By the clock that the rows count."""
        return run.cpu_seconds if o.clock == "cpu" else run.seconds

    def start_seconds(self, o):
        """What a run takes beside its steps."""
        if not self.runs:
            return 0.0
        return median([max(0.0, self.seconds(o, run) - 1e-3 * (o.steps + o.warmup) *
                           row["ms_median"]) for run, row in self.runs])

    @property
    def rss(self):
        return median([run.rss_mb for run, _ in self.runs])

    @property
    def others(self):
        return median([run.others for run, _ in self.runs])


def ours(o, mode, amp, threads):
    return [os.path.join(o.bench, "bench_train"), f"mode={mode}", f"threads={threads}",
            f"steps={o.steps}", f"warmup={o.warmup}"] + (["type=bf16"] if amp else [])


def torch(o, mode, amp, threads, steps=None):
    script = os.path.join(o.peers, "torch_decoder.py")
    start = [o.python, "-c", CPU_CLOCK, script] if o.clock == "cpu" else [o.python, script]
    return start + ["--mode", mode, "--threads", str(threads), "--steps", str(steps or o.steps),
                    "--warmup", str(0 if steps else o.warmup)] + (["--amp"] if amp else [])


def sides_of(o, mode, amp, threads):
    sides = [Side("merc", ours(o, mode, amp, threads), {}, o.limit)]
    if not o.peer_there:
        return sides
    if amp and not o.has_bf16:
        # one step without warm-up: enough to bound it from below
        command = torch(o, mode, amp, threads, steps=1)
        return sides + [Side("PyTorch, at its best", command, BEST, o.peer_limit, probe=True)]
    sides.append(Side("PyTorch, at its best", torch(o, mode, amp, threads), BEST, o.limit))
    if threads > 1 or not o.short:
        sides.append(Side("PyTorch, as installed", torch(o, mode, amp, threads), {}, o.limit))
    return sides


def cells(o, mode, amp, side, our, threads):
    what = f"{'full' if mode == 'train' else 'LoRA'} {'bf16' if amp else 'fp32'}"
    row = [what, threads, side.name]
    mine = our.figure(o.time_key(our))
    if side.bound:
        ratio = f"> {1e3 * side.bound / mine:.1f}" if mine and side is not our else None
        return row + [f"> {1e3 * side.bound:.0f}", None, None, ratio, None, None]
    if side.why:
        return row + [side.why] + [None] * 5
    ms, wall = side.figure(o.time_key(side)), side.figure("ms_median")
    row += [f"{ms:.0f}", f"{side.figure('tok_s') * wall / ms:.0f}",
            f"{side.figure('gflops') * wall / ms:.0f}"]
    if side is our or not mine:
        return row + [None, f"{side.rss:.0f}", None]
    return row + [f"{ms / mine:.2f}", f"{side.rss:.0f}", f"{our.rss / side.rss:.2f}"]


def kept(o, mode, amp, side, threads):
    return {"mode": mode, "type": "bf16" if amp else "f32", "threads": threads, "side": side.name,
            "failed": side.why, "bound_s": side.bound, "rss_mb": side.rss,
            "others_cores": side.others, "ms": side.figure(o.time_key(side)),
            "runs": [row for _, row in side.runs]}


def compare(o, mode, threads):
    """Table rows and kept lines of one kind of step in fp32 and bf16."""
    shown, lines, plain = [], [], None
    for amp in (False, True):
        sides = sides_of(o, mode, amp, threads)
        for i in range(o.rounds):
            for side in sides:
                if i == 0 or not (side.probe or side.name.endswith("installed")):
                    side.go(o)
        for side in sides:
            if side.bound and plain:
                side.bound -= min(side.bound / 2, plain.start_seconds(o))
        lines += [kept(o, mode, amp, side, threads) for side in sides]
        if amp and plain:
            sides.append(plain)
        shown += [cells(o, mode, amp, side, sides[0], threads) for side in sides]
        if not amp and len(sides) > 1:
            plain = sides[1]
            plain.name = "PyTorch fp32, at its best"
        o.say(f"train: {mode} {'bf16' if amp else 'f32'}, {threads} thread(s)")
    return shown, lines


def run(o):
    lines, shown = [], []
    for threads in o.threads:
        for mode in ("train", "lora"):
            more = compare(o, mode, threads)
            shown += more[0]
            lines += more[1]
    load = [line["others_cores"] for line in lines if line["others_cores"] is not None]
    head = ["step", "threads", "program", "ms a step", "tokens/s", "GFLOP/s",
            "times merc's time", "peak MB", "merc's memory / its"]
    notes = ["d 512, 8 layers, 8 heads, ff 1376, vocabulary 4096, 4 sequences of 256; GFLOP/s by "
             "the script's counting.  bf16: PyTorch's autocast; merc's mixed training and frozen "
             "weights in bf16.  `>`: its first step had not ended when the time limit came."]
    if not o.peer_there:
        notes.append(f"PyTorch is left out: {o.peer_missing}")
    elif not o.has_bf16:
        notes.append("This processor has no bf16 instructions: autocast emulates them.")
    if o.clock == "cpu":
        notes.append("Rows of one thread count processor time.")
    if load:
        notes.append(f"Other work had {max(load):.2f} cores at most (medians of a row's runs).")
    return "Training beside PyTorch", [table(head, shown)] + notes, lines
