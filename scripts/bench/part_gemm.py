# SPDX-License-Identifier: Apache-2.0
"""Matrix products as shares of the measured peak."""
import part_plain


def run(o):
    return part_plain.shown(o, "Matrix products", "bench_gemm", "3" if o.short else "7")
