# SPDX-License-Identifier: Apache-2.0
"""What machine and what program the figures belong to."""
import os
import platform
import re
import subprocess

FEATURES = ("avx2", "fma", "f16c", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")


def first_line(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return (done.stdout.splitlines() or [""])[0]
    except (OSError, subprocess.CalledProcessError):
        return None


def describe():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        info = f.read()
    name = re.search(r"^model name\s*: (.*)$", info, re.M)
    flags = re.search(r"^flags\s*: (.*)$", info, re.M)
    flags = flags.group(1).split() if flags else []
    with open("/proc/meminfo", encoding="ascii") as f:
        memory = int(f.readline().split()[1]) / 2**20
    return {
        "cpu": name.group(1) if name else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "features": [f for f in FEATURES if f in flags],
        "memory_gb": round(memory, 1),
        "kernel": platform.release(),
        "compiler": first_line(["cc", "--version"]),
        "commit": first_line(["git", "describe", "--always", "--dirty"]),
    }


def sentence(m):
    return (f"{m['cpu']}, {m['cores']} cores ({', '.join(m['features'])}), {m['memory_gb']} GB, "
            f"Linux {m['kernel']}, {m['compiler']}, merc at {m['commit']}")
