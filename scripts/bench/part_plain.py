# SPDX-License-Identifier: Apache-2.0
"""Parts whose program prints its own table: shown as it is; JSON lines become a table."""
import os

from runs import Run, table


def shown(o, title, program, *arguments):
    path = os.path.join(o.bench, program)
    if not os.path.isfile(path):
        return title, [f"There is no {program}."], []
    o.say(program)
    done = Run([path, *arguments], limit=o.limit, quiet=o.quiet)
    body = [line for line in done.text if not line.startswith("[")]
    blocks = ["```\n" + "\n".join(body) + "\n```"] if body else []
    if done.rows and not body:
        head = list(done.rows[0])
        blocks.append(table(head, [[row.get(key) for key in head] for row in done.rows]))
    if done.failed:
        blocks.append(f"{program}: {done.why()}")
    blocks.append(f"Other work had {done.others:.2f} cores meanwhile.")
    return title, blocks, [{"side": "merc", "failed": done.why() if done.failed else None,
                            "rss_mb": done.rss_mb, "others_cores": done.others,
                            "rows": done.rows, "text": body}]


def packing(o):
    return shown(o, "A dialogue packed once beside one prompt an utterance", "bench_packing",
                 "1" if o.short else "3")


def decoder(o):
    return shown(o, "The small decoder", "bench_decoder")


def cues(o):
    return shown(o, "Decoding and measuring clips", "bench_cues")


def load(o):
    return shown(o, "Opening weights", "bench_load")


def tokenizer(o):
    return shown(o, "Tokenizers", "bench_tokenizer")


def asks(o):
    return shown(o, "Asks with pictures and sound (200 ms, 16 in flight)", "bench_asks",
                 "50" if o.short else "200")


def remote(o):
    return shown(o, "Asking a server (2 ms, 64 in flight)", "bench_remote",
                 "20000" if o.short else "200000")
