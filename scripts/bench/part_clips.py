# SPDX-License-Identifier: Apache-2.0
"""All cues of a corpus beside ffmpeg, which merely decodes the same files on the same cores; and
the memory of `merc cues` over many clips."""
import csv
import glob
import os
import shutil
import struct
import tempfile

from runs import Run, median, table

CLIPS = "meld/clips/output_repeated_splits_test"
HEAD = ("Sr No.", "Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID",
        "Season", "Episode", "StartTime", "EndTime")
TRAIN = ["--data-set", "splits=train"]


def as_meld(root, put, n):
    """A train split of n clips, which put(i, path) writes."""
    os.makedirs(os.path.join(root, "train_splits"))
    with open(os.path.join(root, "train_sent_emo.csv"), "w", encoding="utf-8", newline="") as f:
        rows = csv.writer(f)
        rows.writerow(HEAD)
        for i in range(n):
            put(i, os.path.join(root, "train_splits", f"dia{i}_utt0.mp4"))
            rows.writerow((i + 1, "Hello.", "Rachel", "neutral", "neutral", i, 0, 1, 1,
                           "00:00:00,000", "00:00:03,000"))
    return root


def synth(o, folder, layout):
    root = os.path.join(folder, layout)
    done = Run([o.merc, "data", "synth", "-q", "--layout", layout, "-o", root, "--dialogues", "12"])
    if done.failed:
        raise RuntimeError(f"merc data synth: {done.why()}")
    return root


def found(root, suffix):
    return sorted(glob.glob(os.path.join(root, "**", "*" + suffix), recursive=True))


def corpora(o, folder):
    """What there is: name, layout, root, options, files."""
    data = os.environ.get("MERC_DATA") or "../shared/data"
    made = os.path.join(os.environ.get("MERC_MEDIA", ""), "meld")
    if os.path.isdir(os.path.join(data, CLIPS)):
        yield "real clips", "meld", os.path.join(data, "meld"), [], found(
            os.path.join(data, CLIPS), ".mp4")
    if os.environ.get("MERC_MEDIA") and os.path.isdir(made):
        clips = [os.path.abspath(clip) for clip in found(made, ".mp4")]
        root = as_meld(os.path.join(folder, "made"), lambda i, path: os.symlink(clips[i], path),
                       len(clips))
        yield "generated clips", "meld", root, TRAIN, clips
    for layout, suffix in (("meld", ".mp4"), ("iemocap", ".avi")):
        root = synth(o, folder, layout)
        yield f"calibrated, {layout}", layout, root, [], found(root, suffix)


def cues(o, folder, layout, root, options):
    cache = os.path.join(folder, "cache")
    shutil.rmtree(cache, ignore_errors=True)
    done = Run([o.merc, "cues", "-q", "-c", layout, "-r", root, *options, "--cache", cache, "-o",
                os.path.join(folder, "cues.csv")], limit=o.limit)
    if done.failed:
        raise RuntimeError(f"merc cues: {done.why()}")
    return done


def decoders(folder, files):
    """ffmpeg started for each file, as many at a time as there are cores; and once for all."""
    names, script = os.path.join(folder, "names"), os.path.join(folder, "script")
    with open(names, "w", encoding="utf-8") as f:
        f.write("".join(name + "\0" for name in files))
    with open(script, "w", encoding="utf-8") as f:
        f.write("".join(f"file '{os.path.abspath(name)}'\n" for name in files))
    cores = str(len(os.sched_getaffinity(0)))
    ffmpeg = ["ffmpeg", "-nostdin", "-v", "fatal"]
    return (["xargs", "-0", "-a", names, "-P", cores, "-I@", *ffmpeg, "-i", "@", "-f", "null", "-"],
            [*ffmpeg, "-f", "concat", "-safe", "0", "-i", script, "-f", "null", "-"])


def beside_ffmpeg(o, folder):
    rows, lines = [], []
    for name, layout, root, options, files in corpora(o, folder):
        o.say(f"cues of {name} beside ffmpeg")
        mine, theirs, commands = [], ([], []), decoders(folder, files)
        for _ in range(max(3, o.rounds)):
            mine.append(cues(o, folder, layout, root, options))
            for runs, command in zip(theirs, commands):
                runs.append(Run(command, limit=o.limit))
        row = [name, len(files), f"{median([r.cpu_seconds for r in mine]):.2f}"]
        for runs in theirs:
            clock = median([b.seconds / a.seconds for a, b in zip(mine, runs)])
            work = median([b.cpu_seconds / a.cpu_seconds for a, b in zip(mine, runs)])
            row += [f"{clock:.2f}", f"{work:.2f}"]
        rows.append(row)
        lines.append({"side": "ffmpeg", "failed": None, "corpus": name, "files": len(files),
                      "merc_cpu_s": row[2], "each": row[3:5], "one": row[5:7],
                      "others_cores": median([r.others for r in mine])})
    head = ["all cues of", "files", "merc, processor s", "ffmpeg a file: clock", "processor",
            "one ffmpeg: clock", "processor"]
    return [table(head, rows), "Times that `ffmpeg -f null` takes, over those of merc: above 1 "
            "merc is faster.  Medians of alternating runs, all cores."], lines


def flat(o, folder):
    """Short clips that differ in a box which holds nothing: none comes from the cache."""
    clips = found(synth(o, folder, "meld"), ".mp4")

    def put(i, path):
        shutil.copyfile(clips[i % len(clips)], path)
        with open(path, "ab") as f:
            f.write(struct.pack(">I4sQ", 16, b"free", i))

    rows, lines = [], []
    for n in (200, 2000):
        o.say(f"memory over {n} clips")
        root = as_meld(os.path.join(folder, str(n)), put, n)
        done = cues(o, folder, "meld", root, TRAIN)
        rows.append([n, f"{done.rss_mb:.1f}", f"{done.cpu_seconds:.1f}"])
        lines.append({"side": "merc", "failed": None, "clips": n, "rss_mb": done.rss_mb})
        shutil.rmtree(root)
    return [table(["clips", "memory at its highest, MB", "processor s"], rows)], lines


def run(o):
    with tempfile.TemporaryDirectory() as folder:
        blocks, lines = flat(o, folder)
    if not shutil.which("ffmpeg") or not shutil.which("xargs"):
        return blocks + ["ffmpeg is left out: it, or xargs, is not installed."], lines
    if not os.environ.get("MERC_MEDIA"):
        blocks.append("Generated clips are left out: MERC_MEDIA names their folder.")
    with tempfile.TemporaryDirectory() as folder:
        more = beside_ffmpeg(o, folder)
    return blocks + more[0], lines + more[1]
