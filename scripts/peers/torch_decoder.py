#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A decoder of the LLaMA kind in PyTorch, timed: one JSON object.

    torch_decoder.py --mode train|lora|prefill|gen [--amp] [--threads N] [--steps N --warmup N]
                     [--d 512 --layers 8 --heads 8 --ff 1376 --vocab 4096 --seq 256 --batch 4]
                     [--rank 16] [--prompt 512 --gen 32]

What a step is: zeroed gradients, forward, cross-entropy, backward, AdamW.  LoRA lies on the
queries and values of a frozen model.  Arithmetic counts the products of the linears and the
whole T x T of the attention, three times forward (twice with a frozen base), nothing else.
--amp is autocast to bf16 in training, a bf16 model in prefill and gen.
"""
import argparse
import contextlib
import json
import os
import resource
import statistics
import time


def options():
    a = argparse.ArgumentParser()
    a.add_argument("--mode", choices=("train", "lora", "prefill", "gen"), default="train")
    a.add_argument("--amp", action="store_true")
    for name, value in dict(d=512, layers=8, heads=8, ff=1376, vocab=4096, seq=256, batch=4,
                            rank=16, prompt=512, gen=32, threads=1, steps=10, warmup=3).items():
        a.add_argument("--" + name, type=int, default=value)
    return a.parse_args()


o = options()
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = str(o.threads)

import torch  # noqa: E402  (after the number of threads)
import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

torch.set_num_threads(o.threads)
torch.manual_seed(1)
HEAD = o.d // o.heads
KEYS = o.seq if o.mode in ("train", "lora") else o.prompt + o.gen


class Norm(nn.Module):
    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(o.d))

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * self.gain


class Adapted(nn.Module):
    def __init__(self, linear):
        super().__init__()
        self.linear = linear
        self.a = nn.Parameter(torch.randn(o.rank, linear.in_features) * 0.02)
        self.b = nn.Parameter(torch.zeros(linear.out_features, o.rank))

    def forward(self, x):
        return self.linear(x) + F.linear(F.linear(x, self.a), self.b) * (32 / o.rank)


def linear(n_in, n_out, adapted=False):
    made = nn.Linear(n_in, n_out, bias=False)
    return Adapted(made) if adapted and o.mode == "lora" else made


def turned(x, cos, sin):
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), -1)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = Norm(), Norm()
        self.q, self.k = linear(o.d, o.d, True), linear(o.d, o.d)
        self.v, self.o = linear(o.d, o.d, True), linear(o.d, o.d)
        self.gate, self.up, self.down = linear(o.d, o.ff), linear(o.d, o.ff), linear(o.ff, o.d)

    def forward(self, x, cos, sin, mask, cache, at):
        n, t, _ = x.shape
        h = self.norm1(x)
        q, k, v = (f(h).view(n, t, o.heads, HEAD).transpose(1, 2) for f in (self.q, self.k, self.v))
        q, k = turned(q, cos, sin), turned(k, cos, sin)
        if cache is not None:
            cache[0][:, :, at:at + t], cache[1][:, :, at:at + t] = k, v
            k, v = cache[0][:, :, :at + t], cache[1][:, :, :at + t]
        seen = q @ k.transpose(-2, -1) * HEAD**-0.5
        seen = F.softmax(seen if mask is None else seen + mask, -1)
        x = x + self.o((seen @ v).transpose(1, 2).reshape(n, t, o.d))
        h = self.norm2(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(o.vocab, o.d)
        self.layers = nn.ModuleList(Layer() for _ in range(o.layers))
        self.norm, self.head = Norm(), linear(o.d, o.vocab)
        angle = 10000.0 ** (-torch.arange(0, HEAD, 2).float() / HEAD)
        turns = torch.outer(torch.arange(KEYS).float(), angle)
        self.register_buffer("cos", turns.cos())
        self.register_buffer("sin", turns.sin())
        self.register_buffer("mask", torch.full((KEYS, KEYS), float("-inf")).triu(1))

    def forward(self, ids, cache=None, at=0):
        x, t = self.embed(ids), ids.shape[1]
        mask = self.mask[:t, :t] if t > 1 else None
        for i, layer in enumerate(self.layers):
            x = layer(x, self.cos[at:at + t], self.sin[at:at + t], mask,
                      cache and cache[i], at)
        return self.head(self.norm(x if cache is None else x[:, -1:]))


LINEARS = o.layers * (4 * o.d**2 + 3 * o.d * o.ff) + o.d * o.vocab


def train(model):
    """Seconds of each step, tokens and arithmetic of one."""
    if o.mode == "lora":
        for name, p in model.named_parameters():
            p.requires_grad_(name.endswith((".a", ".b")))
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-4)
    autocast = (lambda: torch.autocast("cpu", dtype=torch.bfloat16)) if o.amp else (
        contextlib.nullcontext)
    seconds = []
    for _ in range(o.warmup + o.steps):
        ids = torch.randint(0, o.vocab, (o.batch, o.seq + 1))
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        with autocast():
            logits = model(ids[:, :-1]).reshape(-1, o.vocab).float()
            loss = F.cross_entropy(logits, ids[:, 1:].reshape(-1))
        loss.backward()
        optimizer.step()
        seconds.append(time.perf_counter() - start)
    tokens = o.batch * o.seq
    work = tokens * (2 * LINEARS + o.layers * 4 * o.seq * o.d)
    if o.mode == "train":
        return seconds, tokens, 3 * work
    return seconds, tokens, 2 * work + tokens * o.layers * 2 * 3 * 2 * 2 * o.rank * o.d


@torch.no_grad()
def infer(model):
    model.eval()
    kind = torch.bfloat16 if o.amp else torch.float32
    model.to(kind)
    room = (1, o.heads, KEYS, HEAD)
    cache = [(torch.zeros(room, dtype=kind), torch.zeros(room, dtype=kind)) for _ in model.layers]
    prompt, seconds = torch.randint(0, o.vocab, (1, o.prompt)), []
    for _ in range(o.warmup + o.steps):
        start = time.perf_counter()
        token = model(prompt, cache).argmax(-1)
        if o.mode == "gen":
            start = time.perf_counter()
            for i in range(o.gen):
                token = model(token, cache, o.prompt + i).argmax(-1)
        seconds.append(time.perf_counter() - start)
    tokens = o.prompt if o.mode == "prefill" else o.gen
    return seconds, tokens, 2 * tokens * LINEARS


def main():
    model = Decoder()
    seconds, tokens, work = (train if o.mode in ("train", "lora") else infer)(model)
    seconds = seconds[o.warmup:]
    middle = statistics.median(seconds)
    print(json.dumps({
        "mode": o.mode, "amp": o.amp, "threads": o.threads, "n": len(seconds),
        "ms_median": round(1e3 * middle, 2), "ms_min": round(1e3 * min(seconds), 2),
        "tok_s": round(tokens / middle, 1), "gflops": round(1e-9 * work / middle, 1),
        "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "torch": torch.__version__}), flush=True)


if __name__ == "__main__":
    main()
