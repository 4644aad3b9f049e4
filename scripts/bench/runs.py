# SPDX-License-Identifier: Apache-2.0
"""One run of a program: time limit, peak memory, and what else the machine did meanwhile."""
import json
import os
import signal
import statistics
import subprocess
import tempfile
import threading
import time

TICK = os.sysconf("SC_CLK_TCK")
SLOW_BLAS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")


def busy_seconds():
    """Processor seconds that the whole machine has worked since it started."""
    with open("/proc/stat", encoding="ascii") as f:
        user, nice, system, _idle, _wait, irq, soft, steal = map(int, f.readline().split()[1:9])
    return (user + nice + system + irq + soft + steal) / TICK


def wait_for_quiet(limit):
    """Returns when two seconds passed with under a tenth of a core at work, or after `limit`."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        before = busy_seconds()
        time.sleep(2)
        if busy_seconds() - before < 0.2:
            return


class Run:
    """What one run gave.  rows: the JSON lines it printed; text: the others."""

    def __init__(self, command, env=None, limit=600, quiet=0):
        if quiet:
            wait_for_quiet(quiet)
        full = {k: v for k, v in os.environ.items() if k not in SLOW_BLAS}
        full.update(env or {})
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
            busy, start = busy_seconds(), time.monotonic()
            child = subprocess.Popen(command, env=full, stdout=out, stderr=errors,
                                     stdin=subprocess.DEVNULL, start_new_session=True)
            timer = threading.Timer(limit, self._stop, (child.pid,))
            self.timed_out = False
            timer.start()
            try:
                _, status, use = os.wait4(child.pid, 0)
            except BaseException:
                self._stop(child.pid)
                raise
            finally:
                timer.cancel()
            child.returncode = os.waitstatus_to_exitcode(status)
            self.seconds = time.monotonic() - start
            self.status = child.returncode
            self.rss_mb = use.ru_maxrss / 1024
            self.cpu_seconds = use.ru_utime + use.ru_stime
            # the part of the machine that others had, in cores
            others = busy_seconds() - busy - self.cpu_seconds
            self.others = max(0.0, others / self.seconds)
            out.seek(0)
            errors.seek(0)
            lines = out.read().splitlines()
            self.errors = errors.read().strip()
        self.rows = [json.loads(line) for line in lines if line.startswith("{")]
        self.text = [line for line in lines if not line.startswith("{")]

    def _stop(self, pid):
        self.timed_out = True
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    @property
    def failed(self):
        return self.timed_out or self.status != 0

    def why(self):
        """One line on what went wrong."""
        if self.timed_out:
            return f"stopped after {self.seconds:.0f} s"
        return (self.errors.splitlines() or [f"status {self.status}"])[-1]


def median(values):
    return statistics.median(values) if values else None


def table(head, rows):
    """Markdown; None is an empty cell."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        lines.append("| " + " | ".join("" if cell is None else str(cell) for cell in row) + " |")
    return "\n".join(lines)
