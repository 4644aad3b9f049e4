# SPDX-License-Identifier: Apache-2.0
"""That merc says which kernels it uses, and that it reports an environment that forces slow ones."""
from runs import Run


def lines_of(run, words):
    return [line for line in run.text if line.split(" ")[0] in words]


def run(o):
    plain = Run([o.merc, "--version"])
    forced = Run([o.merc, "--version"], {"OPENBLAS_CORETYPE": "Nehalem"})
    failed = None
    if not lines_of(plain, ("blas",)) or not lines_of(forced, ("warning",)):
        failed = "merc --version names no kernels, or is silent on OPENBLAS_CORETYPE"
    said = ["```", *lines_of(plain, ("blas", "warning")), "",
            "with OPENBLAS_CORETYPE=Nehalem:", *lines_of(forced, ("blas", "warning")), "```"]
    return "Kernels in use", ["\n".join(said)] + ([failed] if failed else []), [
        {"side": "merc", "failed": failed, "said": plain.text, "said_when_forced": forced.text}]
