#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Losses of fifty training steps of a small decoder in PyTorch, as one JSON object.

    torch_curve.py > tests/golden/torch_curve.json

Initial values and tokens follow from integers alone, so that another program starts from the
same bits (tests/test_curve.c does): element i of the parameter NAME is drawn from
splitmix64(fnv1a(NAME) + i), tokens from splitmix64(fnv1a("tokens") + running number).  The net
is that of models/backbone/decoder.h: RMSNorm, rotary halves, causal attention, SwiGLU.
"""
import json
import math
import os
import re
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch  # noqa: E402  (after the number of threads)
import torch.nn.functional as F  # noqa: E402

MASK = (1 << 64) - 1
LINEARS = ("q", "k", "v", "o", "gate", "up", "down")
BASE = dict(vocab=256, dim=64, layers=3, heads=4, kv_heads=4, head_dim=16, ff=160,
            rope_theta=10000.0, rope_factor=0.0, rope_low=0.0, rope_high=0.0, rope_context=0,
            norm_eps=1e-5, untied=False, qkv_bias=False, base_type="f32",
            lora_rank=0, lora_alpha=0.0, lora_on=[],
            batches=8, sequences=4, length=32, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8,
            weight_decay=0.01, clip=0.0)
CURVES = [
    dict(BASE, name="full"),
    dict(BASE, name="full, clipped", clip=0.5, lr=1e-3, weight_decay=0.1),
    dict(BASE, name="lora", lora_rank=8, lora_alpha=16.0, lora_on=["q", "v"], lr=1e-2),
    dict(BASE, name="as LLaMA-3", kv_heads=2, untied=True, rope_theta=500000.0, rope_factor=8.0,
         rope_low=1.0, rope_high=4.0, rope_context=64),
    dict(BASE, name="as Qwen2, wide heads", kv_heads=1, head_dim=24, qkv_bias=True, norm_eps=1e-6,
         rope_theta=1000000.0),
    dict(BASE, name="lora on all", lora_rank=4, lora_alpha=8.0, lora_on=list(LINEARS), lr=1e-2),
    dict(BASE, name="lora on a bf16 base", base_type="bf16", kv_heads=2, untied=True, lora_rank=8,
         lora_alpha=16.0, lora_on=["q", "v", "down"], lr=1e-2),
]


def fnv1a(text):
    h = 0xCBF29CE484222325
    for byte in text.encode():
        h = ((h ^ byte) * 0x100000001B3) & MASK
    return h


def splitmix64(x):
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def drawn(name, rows, cols, amplitude, middle=0.0):
    """Uniform in middle +- amplitude, 24 bits: exact in single precision."""
    h = fnv1a(name)
    values = [middle + amplitude * ((splitmix64((h + i) & MASK) >> 40) / 2**23 - 1)
              for i in range(rows * cols)]
    return torch.tensor(values, dtype=torch.float64).view(rows, cols)


def stretched(c, frequency):
    """LLaMA-3's rule: long waves are stretched by the factor, short ones stay."""
    if not c["rope_factor"]:
        return frequency
    turns = c["rope_context"] * frequency / (2 * math.pi)  # in the original context
    if turns >= c["rope_high"]:
        return frequency
    if turns <= c["rope_low"]:
        return frequency / c["rope_factor"]
    keep = (turns - c["rope_low"]) / (c["rope_high"] - c["rope_low"])
    return frequency * (keep + (1 - keep) / c["rope_factor"])


class Net:
    """Parameters by the names of our checkpoints, in float or double."""

    def __init__(self, c, dtype):
        self.c, self.p, self.dtype = c, {}, dtype
        self.no_decay = []
        d, f, head = c["dim"], c["ff"], c["head_dim"]
        wide, kv = c["heads"] * head, c["kv_heads"] * head
        shape = dict(q=(wide, d), k=(kv, d), v=(kv, d), o=(d, wide), gate=(f, d), up=(f, d),
                     down=(d, f))
        base = not c["lora_rank"]
        self.add("base.embed", c["vocab"], d, 0.5, base)
        self.add("base.norm", 1, d, 0.125, base, 1.0, decay=False)
        if c["untied"]:
            self.add("base.head", c["vocab"], d, 0.1875, base)
        for l in range(c["layers"]):
            for norm in ("norm1", "norm2"):
                self.add(f"layer{l}.{norm}", 1, d, 0.125, base, 1.0, decay=False)
            for name, (rows, cols) in shape.items():
                self.add(f"layer{l}.{name}", rows, cols, 0.1875, base)
                if c["qkv_bias"] and name in "qkv":
                    self.add(f"layer{l}.{name}.bias", 1, rows, 0.125, base, decay=False)
                if c["lora_rank"] and name in c["lora_on"]:
                    self.add(f"layer{l}.{name}.lora_a", c["lora_rank"], cols, 0.1875, True)
                    self.add(f"layer{l}.{name}.lora_b", rows, c["lora_rank"], 0.0625, True)
        angle = [stretched(c, c["rope_theta"] ** (-i / head)) for i in range(0, head, 2)]
        turns = torch.outer(torch.arange(c["length"], dtype=torch.float64),
                            torch.tensor(angle, dtype=torch.float64))
        self.cos, self.sin = turns.cos().to(dtype), turns.sin().to(dtype)
        self.mask = torch.full((c["length"], c["length"]), float("-inf"), dtype=dtype).triu(1)

    def add(self, name, rows, cols, amplitude, train, middle=0.0, decay=True):
        t = drawn(name, rows, cols, amplitude, middle)
        if self.c["base_type"] == "bf16" and decay and ".lora_" not in name:
            t = t.float().bfloat16()  # matrices only
        t = t.to(self.dtype)
        self.p[name] = t.requires_grad_(train)
        if not decay:
            self.no_decay.append(name)

    def linear(self, x, name):
        y = F.linear(x, self.p[name])
        if name + ".bias" in self.p:
            y = y + self.p[name + ".bias"][0]
        if name + ".lora_a" in self.p:
            low = F.linear(x, self.p[name + ".lora_a"])
            y = y + F.linear(low, self.p[name + ".lora_b"]) * (
                self.c["lora_alpha"] / self.c["lora_rank"])
        return y

    def norm(self, x, name):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.c["norm_eps"]) * self.p[name][0]

    def rope(self, x):
        half = x.shape[-1] // 2
        a, b = x[..., :half], x[..., half:]
        return torch.cat((a * self.cos - b * self.sin, a * self.sin + b * self.cos), -1)

    def attention(self, x, l):
        c = self.c
        n, t, _ = x.shape
        head = c["head_dim"]
        q, k, v = (self.linear(x, f"layer{l}.{name}").view(n, t, -1, head).transpose(1, 2)
                   for name in "qkv")
        q, k = self.rope(q), self.rope(k)
        share = c["heads"] // c["kv_heads"]
        k, v = k.repeat_interleave(share, 1), v.repeat_interleave(share, 1)
        seen = F.softmax(q @ k.transpose(-2, -1) * head**-0.5 + self.mask, -1)
        return self.linear((seen @ v).transpose(1, 2).reshape(n, t, -1), f"layer{l}.o")

    def loss(self, ids):
        x = F.embedding(ids[:, :-1], self.p["base.embed"])
        for l in range(self.c["layers"]):
            x = x + self.attention(self.norm(x, f"layer{l}.norm1"), l)
            h = self.norm(x, f"layer{l}.norm2")
            h = F.silu(self.linear(h, f"layer{l}.gate")) * self.linear(h, f"layer{l}.up")
            x = x + self.linear(h, f"layer{l}.down")
        x = self.norm(x, "base.norm")
        logits = F.linear(x, self.p["base.head" if self.c["untied"] else "base.embed"])
        return F.cross_entropy(logits.reshape(-1, self.c["vocab"]), ids[:, 1:].reshape(-1))

    def optimizer(self):
        c, free = self.c, set(self.no_decay)
        trained = {k: v for k, v in self.p.items() if v.requires_grad}
        groups = [dict(params=[v for k, v in trained.items() if k not in free],
                       weight_decay=c["weight_decay"]),
                  dict(params=[v for k, v in trained.items() if k in free], weight_decay=0.0)]
        return torch.optim.AdamW([g for g in groups if g["params"]], lr=c["lr"],
                                 betas=(c["beta1"], c["beta2"]), eps=c["eps"])


def batch(c, number):
    """Tokens (sequences, length + 1) of one of the few batches that come round again."""
    n = c["sequences"] * (c["length"] + 1)
    h = fnv1a("tokens")
    ids = [splitmix64((h + number * n + i) & MASK) % c["vocab"] for i in range(n)]
    return torch.tensor(ids).view(c["sequences"], c["length"] + 1)


def curve(c, steps, dtype):
    net = Net(c, dtype)
    optimizer = net.optimizer()
    batches = [batch(c, i) for i in range(c["batches"])]
    losses = []
    for step in range(steps):
        optimizer.zero_grad()
        loss = net.loss(batches[step % c["batches"]])
        loss.backward()
        if c["clip"]:
            torch.nn.utils.clip_grad_norm_(
                [p for p in net.p.values() if p.requires_grad], c["clip"])
        optimizer.step()
        losses.append(float(f"{loss.item():.9g}"))
    return losses


def main():
    torch.set_num_threads(1)
    steps = 50
    curves = []
    for c in CURVES:
        curves.append(dict(c, loss=curve(c, steps, torch.float32),
                           loss_double=curve(c, steps, torch.float64)))
        print(f"{c['name']}: {curves[-1]['loss'][0]:.4f} to {curves[-1]['loss'][-1]:.4f}",
              file=sys.stderr)
    text = json.dumps(dict(schema_version=1, torch=torch.__version__, command="make golden-torch",
                           steps=steps, curves=curves), indent=1)
    # a list of plain values is one line
    print(re.sub(r"\[[^][{}]*\]", lambda m: " ".join(m.group().split()), text))


if __name__ == "__main__":
    main()
