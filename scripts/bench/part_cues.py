# SPDX-License-Identifier: Apache-2.0
"""Cues: the benchmark's own rows; behaviour cues beside what calibrated corpora show; speech beside
Praat's measurements of the same sound and beside its speed; log-mel frames beside torchaudio's; whole corpora beside ffmpeg."""
import csv
import os
import shutil
import subprocess
import tempfile
import wave

import part_clips
import part_plain
from runs import Run, median, table

CLIPS = "meld/clips/output_repeated_splits_test"
RECORDED = "cues/meld_test_audio_features.csv"
PRAAT = ("duration", "avg_intensity", "intensity_variation", "avg_pitch", "pitch_std",
         "pitch_range", "mean_hnr")
TEXTS = (
    "I never said that she took it. You must have heard somebody else.",
    "What a wonderful surprise! Come in, come in, and tell me all about the journey.",
    "Well, if nobody minds, we could leave now and be home before the rain starts.",
    "No. I told you yesterday, and the day before that, that it would not work.",
)
# language, variant of the voice, words a minute, pitch (0 to 99)
VOICES = (
    ("en-us", "m1", 150, 35), ("en-us", "f2", 170, 55), ("en-gb", "m3", 130, 50),
    ("en-gb", "f4", 190, 70), ("en-gb-scotland", "m7", 160, 40), ("de", "m2", 150, 45),
    ("de", "f1", 180, 60), ("fr-fr", "m4", 140, 30), ("fr-fr", "f3", 165, 65),
    ("it", "m5", 175, 55), ("it", "f5", 155, 75), ("es", "m6", 185, 50), ("es", "f2", 145, 45),
    ("nl", "m1", 160, 65), ("pl", "f1", 170, 50), ("sv", "m3", 150, 60), ("fi", "f4", 140, 40),
    ("pt", "m2", 195, 35), ("en-us", "f5", 120, 85), ("en-gb", "m4", 210, 20),
)
# the commands behind one file's cues; the last three are those of the articulation rate
COMMANDS = """form Args
  sentence file x.wav
  integer reps 1
endform
Read from file: file$
for r to reps
  selectObject: 1
  a = To Intensity: 100, 0, "yes"
  selectObject: 1
  b = To Pitch: 0, 75, 600
  selectObject: 1
  c = To Harmonicity (cc): 0.01, 75, 0.1, 1
  selectObject: 1
  d = To Intensity: 50, 0, "yes"
  e = To TextGrid (silences): -25, 0.3, 0.1, "silent", "sounding"
  selectObject: 1
  f = To Pitch (ac): 0.02, 30, 4, "no", 0.03, 0.25, 0.01, 0.35, 0.25, 450
  removeObject: a, b, c, d, e, f
endfor
"""
# file, share wanted, cue, largest difference: the clips' articulation rate stands beside the
# recorded values, everything else beside Praat's
GOALS = (
    ("mean f0", "avg_pitch", "%", 1, 90), ("mean f0", "avg_pitch", "%", 3, 100),
    ("mean intensity", "avg_intensity", "dB", 0.1, 100),
    ("intensity std", "intensity_variation", "dB", 0.2, 100),
    ("HNR", "mean_hnr", "dB", 0.7, 90), ("f0 std", "pitch_std", "%", 10, 90),
    ("articulation rate", "articulation_rate", "%", 5, 80),
)
STATE_GOAL = 0.9  # AUC
OTHER_RECORDING = 0.1  # s between a clip's length and the recorded one
CPU_CLOCK = ("import runpy, sys, time; time.perf_counter = time.process_time; "
             "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')")


def pinned(command):
    """Praat takes two threads by itself."""
    return ["taskset", "-c", str(min(os.sched_getaffinity(0))), *command]


def to_wav(source, target):
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", source, "-ac", "1", "-ar",
                    "16000", "-c:a", "pcm_s16le", target], check=True)


def real_wavs(data, folder):
    clips = os.path.join(data, CLIPS)
    made = []
    for name in sorted(os.listdir(clips)) if os.path.isdir(clips) else []:
        made.append(os.path.join(folder, name.removesuffix(".mp4") + ".wav"))
        to_wav(os.path.join(clips, name), made[-1])
    return made


def voice_wavs(folder):
    made = []
    for i, (language, variant, speed, pitch) in enumerate(VOICES):
        raw = os.path.join(folder, "raw.wav")
        made.append(os.path.join(folder, f"{language}-{variant}-{i}.wav"))
        subprocess.run(["espeak-ng", "-v", f"{language}+{variant}", "-s", str(speed), "-p",
                        str(pitch), "-w", raw, TEXTS[i % len(TEXTS)]], check=True)
        to_wav(raw, made[-1])
    return made


def samples(path):
    with wave.open(path) as f:
        return f.readframes(f.getnframes())


def write_wav(path, pcm):
    with wave.open(path, "wb") as f:
        f.setnchannels(1)
        f.setsampwidth(2)
        f.setframerate(16000)
        f.writeframes(pcm)
    return path


def recorded_rates(data):
    """Length in s and articulation rate of each clip of the table."""
    path = os.path.join(data, RECORDED)
    if not os.path.isfile(path):
        return {}
    with open(path, encoding="utf-8", newline="") as f:
        return {row["filename"].removesuffix(".wav"):
                (float(row["duration"]), float(row["articulation_rate"] or 0))
                for row in csv.DictReader(f)}


def ours(o, files):
    done = Run([os.path.join(o.bench, "bench_speech"), "measure", *files], limit=o.limit)
    if done.failed:
        raise RuntimeError(f"bench_speech: {done.why()}")
    return done


def praat(o, file):
    """Its values by our names, and the run."""
    done = Run(pinned(["praat", "--run", os.path.join(o.peers, "praat_cues.praat"), file]),
               limit=600)
    if done.failed:
        raise RuntimeError(f"praat: {done.why()}")
    values = [None if "undefined" in v else float(v.split()[0])
              for v in done.text[-1].split("\t")]
    return dict(zip(PRAAT, values)), done


def difference(unit, mine, theirs):
    if mine is None or not theirs:
        return None
    return 100 * (mine / theirs - 1) if unit == "%" else mine - theirs


def accuracy(o, files, rates):
    """Table rows of every file, of every goal, lines to keep, clips that are other recordings."""
    cues = {goal[1]: goal[2] for goal in GOALS}
    shown, lines, others, off = [], [], [], {cue: [] for cue in cues}
    for file, mine in zip(files, ours(o, files).rows):
        name = os.path.basename(file).removesuffix(".wav")
        length, rate = rates.get(name, (None, None))
        if length and abs(length - mine["duration"]) > OTHER_RECORDING:
            others.append(f"{name} ({mine['duration']:.2f} s, recorded {length:.2f} s)")
            rate = None
        theirs = praat(o, file)[0] | {"articulation_rate": rate}
        gaps = {cue: difference(unit, mine[cue], theirs[cue]) for cue, unit in cues.items()}
        for cue, gap in gaps.items():
            if theirs[cue] is not None:
                off[cue].append(float("inf") if gap is None else abs(gap))
        shown.append([name, f"{mine['avg_pitch'] or 0:.2f}", f"{theirs['avg_pitch'] or 0:.2f}"] + [
            None if gap is None else f"{gap:+.2f}" for gap in gaps.values()])
        lines.append({"side": "merc", "failed": None, "file": name, "merc": mine, "praat": theirs})
    goals = []
    for what, cue, unit, most, share in GOALS:
        if off[cue]:
            good = 100 * sum(gap <= most for gap in off[cue]) / len(off[cue])
            goals.append([what, f"{most} {unit}", len(off[cue]), f"{share} %", f"{good:.0f} %",
                          f"{max(off[cue]):.2f}", "yes" if good >= share else "no"])
    return shown, goals, lines, others


def speed(o, files, folder):
    """One long file, and many short ones with Praat started for each."""
    pcm = b"".join(map(samples, files))
    pcm = (pcm * (1 + 300 * 32000 // len(pcm)))[:300 * 32000]
    long = write_wav(os.path.join(folder, "long.wav"), pcm)
    short = [write_wav(os.path.join(folder, f"short{i}.wav"), pcm[i * 96000:][:96000])
             for i in range(100)]
    script = os.path.join(folder, "commands.praat")
    with open(script, "w", encoding="utf-8") as f:
        f.write(COMMANDS)
    mine, theirs, mine_short, theirs_short, wall_short = [], [], [], [], []
    for _ in range(max(3, o.rounds)):
        mine.append(ours(o, [long]).rows[0]["cue_s"])
        start, end = (Run(pinned(["praat", "--run", script, long, reps]), limit=600)
                      for reps in ("0", "1"))
        theirs.append(end.cpu_seconds - start.cpu_seconds)
        all_mine = ours(o, short)
        # each start costs the same: ten stand for all
        each = [praat(o, file)[1] for file in short[::10]]
        mine_short.append(all_mine.cpu_seconds)
        theirs_short.append(10 * sum(run.cpu_seconds for run in each))
        wall_short.append(10 * sum(run.seconds for run in each) / all_mine.seconds)
    rows, lines = [], []
    for what, our, their, by_clock, goal in (
            ("5 minutes: Praat's commands for the same cues", mine, theirs, None, 10),
            ("100 clips of 3 s, Praat started for each", mine_short, theirs_short, wall_short,
             50)):
        our, their, by_clock = median(our), median(their), median(by_clock)
        rows.append([what, f"{300 / our:.0f}", f"{300 / their:.1f}", f"{their / our:.1f}",
                     f"{by_clock:.1f}" if by_clock else None, goal])
        lines.append({"side": "praat", "failed": None, "what": what, "merc_s": our,
                      "praat_s": their, "ratio_by_clock": by_clock})
    return rows, lines


def speech(o, data):
    for program in ("praat", "ffmpeg", "taskset"):
        if not shutil.which(program):
            return [f"Praat is left out: {program} is not installed."], []
    if not os.path.isfile(os.path.join(o.peers, "praat_cues.praat")):
        return [f"Praat is left out: no praat_cues.praat in {o.peers} (say PEERS=DIR)."], []
    blocks = []
    with tempfile.TemporaryDirectory() as folder:
        o.say("speech beside Praat")
        files = real_wavs(data, folder)
        if not files:
            blocks.append(f"No clips in {data}.")
        if shutil.which("espeak-ng"):
            files += voice_wavs(folder)
        else:
            blocks.append("Synthetic voices are left out: espeak-ng is not installed.")
        if not files:
            return blocks, []
        shown, goals, lines, others = accuracy(o, files, recorded_rates(data))
        rows, more = speed(o, files, folder)
    head = ["file", "f0, Hz", "Praat", "f0 %", "intensity dB", "its std dB", "HNR dB", "f0 std %",
            "rate %"]
    blocks.append(table(head, shown))
    blocks.append("merc minus Praat, on the same sound (16 kHz, mono, 16 bits); the articulation "
                  "rate beside the recorded values of the clips.")
    if others:
        blocks.append("The recorded values of these names belong to other recordings, their "
                      "rates are not compared: " + ", ".join(others) + ".")
    blocks.append(table(["cue", "within", "files", "share wanted", "share", "worst", "reached"],
                        goals))
    blocks.append(table(["processor time of one thread", "merc, times real time", "Praat",
                         "ratio", "ratio by the clock", "goal"], rows))
    return blocks, lines + more


def mel(o):
    done = Run([os.path.join(o.bench, "bench_speech"), "mel"], limit=o.limit)
    if done.failed:
        return [f"bench_speech: {done.why()}"], [{"side": "merc", "failed": done.why()}]
    lines = [{"side": "merc", "failed": None, **row} for row in done.rows]
    mine = {(row["frames"], row["sound"]): row["times_real_time"] for row in done.rows}
    script = os.path.join(o.peers, "torch_audio.py")
    peer = Run([o.python, "-c", CPU_CLOCK, script, "1"], limit=o.limit)
    theirs = {row["feat"]: row for row in peer.rows}
    rows, notes = [], []
    for ours_name, feat in (("log-mel", "mel512"), ("mfcc", "mfcc40")):
        for sound, key in (("60 clips of 3 s", "clips60x3s_xrt"), ("300 s", "long300s_xrt")):
            our, their = mine[ours_name, sound], theirs.get(feat, {}).get(key)
            rows.append([f"{ours_name}, {sound}", f"{our:.0f}", their,
                         f"{our / their:.2f}" if their else None])
    if theirs:
        lines.append({"side": "torchaudio", "failed": None, "rows": peer.rows})
        notes.append("80 bands of 25 ms windows every 10 ms, transforms of 512 points, processor "
                     "time of one thread; merc writes 13 cepstra, torchaudio 40.")
    else:
        notes.append(f"torchaudio is left out: {peer.why()}")
    return [table(["frames", "merc, times real time", "torchaudio", "ratio"], rows)] + notes, lines


def states(o):
    """Calibrated corpora: how well each behaviour cue tells the state that was drawn."""
    o.say("planted states")
    done = Run([os.path.join(o.bench, "bench_cue_states")], limit=o.limit)
    if done.failed:
        return [f"bench_cue_states: {done.why()}"], [{"side": "merc", "failed": done.why()}]
    found = {}
    for row in done.rows:
        found.setdefault((row["part"], row["state"], row["cue"]), {})[row["layout"]] = row
    rows = []
    for (part, state, cue), by_layout in found.items():
        cells = []
        for layout in ("meld", "iemocap"):
            row = by_layout[layout]
            cells += [f"{row['shown']} of {row['shown'] + row['others']}", f"{row['auc']:.3f}"]
        reached = all(row["auc"] >= STATE_GOAL for row in by_layout.values())
        rows.append([part, state, cue, *cells, "yes" if reached else "no"])
    head = ["part", "planted state", "cue", "clips, MELD's layout", "AUC", "clips, IEMOCAP's",
            "AUC", f"at least {STATE_GOAL}"]
    note = ("Drawn figures: area under the ROC curve of the cue between the clips that show the "
            "state and those that do not, by truth.jsonl. Motion has a height only where "
            "something moves; every other cue is there for every clip.")
    return [table(head, rows), note], [{"side": "merc", "failed": None, "rows": done.rows}]


def run(o):
    data = os.environ.get("MERC_DATA") or "../shared/data"
    title, blocks, lines = part_plain.cues(o)
    for more in (states(o), speech(o, data), mel(o), part_clips.run(o)):
        blocks += more[0]
        lines += more[1]
    return title, blocks, lines
