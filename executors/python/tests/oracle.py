"""What each case gives, in f64 and plain Python, written from the definitions in crates/model/src/workload alone."""

import math
import re

WORD = 0xFFFFFFFF
UNIT = {"f32": 2.0 ** -24, "f16": 2.0 ** -11, "bf16": 2.0 ** -8, "i32": 0.0}
SHIFT = {"f32": 23, "f16": 10, "bf16": 7}


def mix(x):
    x ^= x >> 16
    x = x * 0x7FEB352D & WORD
    x ^= x >> 15
    x = x * 0x846CA68B & WORD
    return x ^ x >> 16


def value(seed, stream, index, dtype, scale, dist):
    """Element `index` of the tensor of number `stream`."""
    first = mix(seed ^ stream * 0x9E3779B9 & WORD)
    second = mix(first + 0x85EBCA6B & WORD)
    hashed = mix(mix(index ^ first) + second & WORD)
    shift = SHIFT.get(dtype, 0)
    limit = 127 if dtype == "i8" else (1 << shift) - 1
    k = hashed % (2 * limit + 1) - limit
    if dist == "normal":
        total = sum(hashed.to_bytes(4, "little"))
        down = max(limit.bit_length() - 20, 0)
        k = ((2 * total + 1) * (2 * (limit >> down) + 1) // 2042 - (limit >> down)) << down
    elif dist == "zeros":
        k = 0
    elif dist == "sparse":
        group = mix(mix(index // 4 ^ second) + first & WORD)
        k = k if 0x00CA6953 >> 4 * (group % 6) >> index % 4 & 1 else 0
    return k * 2.0 ** (scale - shift)


class Oracle:
    """Values and largest errors of all elements of a case's output."""

    def __init__(self, key, seed=7, set=0, dist="uniform"):
        words = key.split()
        self.family, self.flags = words[0], words[2:]
        self.input, _, self.accumulate = words[1].partition(".")
        self.accumulate = self.accumulate or self.input
        self.output = "i32" if self.input == "i8" else self.input
        self.seed, self.set, self.dist = seed, set, dist
        self.of = {m[1]: int(m[2]) for m in (re.fullmatch(r"([a-z]+)(\d+)", w) for w in self.flags) if m}
        self.u = UNIT[self.accumulate]

    def tensor(self, number, scale=0, dtype=None):
        dtype = dtype or self.input
        return lambda index: value(self.seed, self.set * 64 + number, index, dtype, scale, self.dist)

    def stored(self, exact, bound):
        """The bound with the error of storing, and a little for what is zero."""
        size = abs(exact)
        store = {"f16": 2 * UNIT["f16"] * size + 2.0 ** -14, "bf16": UNIT["bf16"] * size * (1 + 1e-6),
                 "f32": UNIT["f32"] * size}.get(self.output, 0.25)
        return exact, bound + store + 1e-30

    def elements(self):
        return getattr(self, self.family)()

    def gemm(self):
        batch, m, n, k = self.of.get("b", 1), self.of.get("m", 1), self.of["n"], self.of["k"]
        layout = next((flag for flag in self.flags if re.fullmatch("[nt]{2}", flag)), "nt")
        a, b = self.tensor(1), self.tensor(2)
        for at in range(batch):
            for i in range(m):
                for j in range(n):
                    products = [a(at * m * k + (p * m + i if layout[0] == "t" else i * k + p))
                                * b(at * n * k + (j * k + p if layout[1] == "t" else p * n + j)) for p in range(k)]
                    yield self.stored(sum(products), 4 * math.sqrt(k) * self.u * sum(map(abs, products)))

    gemv = gemm

    def attention(self):
        of = self.of
        heads, queries, d = of["hq"], of["q"], of["d"]
        kv_heads, keys, dv = of.get("hkv", heads), of.get("kv", queries), of.get("dv", d)
        q, k = self.tensor(1, 2), self.tensor(2)
        v, stride = (k, d) if "latent" in self.flags else (self.tensor(3), dv)
        for row in range(of["b"] * heads * queries):
            sequence, head, i = row // (heads * queries), row // queries % heads, row % queries
            place = (sequence * kv_heads + head // (heads // kv_heads)) * keys
            end = keys - queries + i + 1 if "causal" in self.flags else keys
            seen = [place + j for j in range(max(0, end - of.get("w", end)), end)]
            terms = [[q(row * d + p) * k(j * d + p) / math.sqrt(d) for p in range(d)] for j in seen]
            scores = [sum(term) for term in terms]
            powers = [math.exp(score - max(scores)) for score in scores]
            largest = max(sum(map(abs, term)) for term in terms)
            for c in range(dv):
                parts = [power / sum(powers) * v(j * stride + c) for power, j in zip(powers, seen)]
                size, root = sum(map(abs, parts)), math.sqrt(sum(part * part for part in parts))
                growth = self.u * (math.sqrt(d) * largest + math.sqrt(keys)) * size
                yield self.stored(sum(parts), 8 * (growth + UNIT[self.input] * root))

    def stream(self):
        a, b, s = self.tensor(1), self.tensor(2), self.tensor(3)(0)
        op = self.flags[0]
        if op == "read":
            for block in range(self.of["n"] // 1024):
                parts = [a(i) for i in range(block * 1024, block * 1024 + 1024)]
                yield sum(parts), 4 * 32 * self.u * sum(map(abs, parts))
            return
        for i in range(self.of["n"]):
            exact = {"copy": lambda: a(i), "write": lambda: s, "scale": lambda: s * a(i),
                     "add": lambda: a(i) + b(i), "triad": lambda: a(i) + s * b(i)}[op]()
            yield exact, 0.0 if op in ("copy", "write") else 4 * self.u

    def softmax(self):
        x, c = self.tensor(1, 3), self.of["c"]
        for row in range(self.of["r"]):
            values = [x(row * c + j) for j in range(c)]
            powers = [math.exp(one - max(values)) for one in values]
            for power in powers:
                exact = power / sum(powers)
                yield self.stored(exact, 16 * self.u * (1 + math.sqrt(c) + 16) * exact)

    def rmsnorm(self):
        x, g, c = self.tensor(1), self.tensor(2), self.of["c"]
        for i in range(self.of["r"] * c):
            squares = sum(x(j) ** 2 for j in range(i // c * c, i // c * c + c))
            exact = g(i % c) * x(i) / math.sqrt(squares / c + 2.0 ** -17)
            yield self.stored(exact, 4 * self.u * (4 + math.sqrt(c)) * abs(exact))

    def swiglu(self):
        gate, up = self.tensor(1, 2), self.tensor(2)
        for i in range(self.of["r"] * self.of["c"]):
            exact = gate(i) / (1 + math.exp(-gate(i))) * up(i)
            yield self.stored(exact, 16 * self.u * (1 + abs(gate(i))) * abs(exact))

    def rope(self):
        heads, d = self.of["h"], self.of["d"]
        x, cosines, sines = self.tensor(1), self.tensor(2, 0, "f32"), self.tensor(3, 0, "f32")
        for i in range(self.of["t"] * heads * d):
            angle = i // (heads * d) * (d // 2) + i % d % (d // 2)
            own = x(i) * cosines(angle)
            other = sines(angle) * (-x(i + d // 2) if i % d < d // 2 else x(i - d // 2))
            yield self.stored(own + other, 2 * self.u * (abs(own) + abs(other)))

    def gather(self):
        table, c = self.tensor(1), self.of["c"]
        for i in range(self.of["r"] * c):
            yield table(mix(i // c) % self.of["v"] * c + i % c), 0.0

    def transpose(self):
        x, m, n = self.tensor(1), self.of["m"], self.of["n"]
        for i in range(m * n):
            yield x(i % m * n + i // m), 0.0
