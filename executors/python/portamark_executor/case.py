"""Cases: what a key says, and the shapes of its tensors."""

import math
import re

from portamark_executor.formats import FLOATS, GRID_BITS, ITEM_BYTES, WORD
from portamark_executor.generator import mix
from portamark_executor.refusals import failed, unsupported

# Family: parameters it needs, those it may have, flags. `r4096` is parameter r, `causal` a flag.
FAMILIES = {
    "gemm": ("m n k", "b", "nn nt tn tt"),
    "gemv": ("n k", "m", ""),
    "attention": ("b hq q d", "hkv kv dv w page", "causal latent"),
    "stream": ("n", "", "copy scale add triad read write"),
    "softmax": ("r c", "", ""),
    "rmsnorm": ("r c", "", ""),
    "swiglu": ("r c", "", ""),
    "rope": ("t h d", "", ""),
    "gather": ("r c v", "", ""),
    "transpose": ("m n", "", ""),
}
NO_OPERATOR = {
    "peak": "chains of multiply-adds within registers are written by hand",
    "latency": "a chain of dependent loads is written by hand",
    "launch": "empty dispatches are no work of a library",
    "moe": "experts of a layer are several operators, and which ones depends on the library around it",
    "layer": "a chain of cases is several operators",
}
READ_BLOCK = 1024
RMSNORM_EPSILON = 1.0 / 131072.0


class Case:
    """A case by its key: family, formats, numbers, flags, and the shapes of its tensors. `runtime` is the
    one that is named when it has no operator for it."""

    def __init__(self, key, runtime="this executor"):
        words = key.split()
        if not words:
            raise failed("the key of the case is empty")
        self.key, self.family, self.runtime = key, words[0], runtime
        if self.family in NO_OPERATOR:
            raise unsupported(f"{runtime} has no operator for {self.family}: {NO_OPERATOR[self.family]}")
        if self.family not in FAMILIES:
            raise unsupported(f"{runtime} knows no `{self.family}`; it computes {', '.join(FAMILIES)}")
        needed, optional, flags = (text.split() for text in FAMILIES[self.family])
        if len(words) < 2:
            raise failed(f"`{key}`: the format is missing")
        self._formats(words[1])
        # What a runtime makes once for all buffer sets.
        self.shared = {}
        self.flags, self.numbers = set(), {}
        for word in words[2:]:
            match = re.fullmatch(r"([a-z]+)([0-9]{1,10})", word)
            if word in flags:
                self.flags.add(word)
            elif match and match[1] in needed + optional and match[1] not in self.numbers:
                self.numbers[match[1]] = int(match[2])
            else:
                raise unsupported(f"{runtime}: `{word}` of `{key}` is not known to this executor")
        for name in needed:
            if name not in self.numbers:
                raise failed(f"`{key}`: {name}<number> is missing")
        if not all(0 < number <= WORD for number in self.numbers.values()):
            raise failed(f"`{key}`: sizes are 1 to 2^32 - 1")
        self.inputs, self.output = getattr(self, "_" + self.family)()

    def _formats(self, text):
        operands, _, accumulate = text.partition(".")
        self.input, _, right = operands.partition("x")
        self.right = right or self.input
        self.accumulate = accumulate or self.input
        self.precision = text
        for name in (self.input, self.right, self.accumulate):
            if name not in ITEM_BYTES:
                raise unsupported(f"{self.runtime} has no operator that takes {name}")
        self.result = self.input if self.input in FLOATS else self.accumulate
        if self.input != self.right:
            raise unsupported(f"{self.runtime} does not multiply {self.input} by {self.right}")
        moved = self.family in ("gather", "transpose")
        if self.accumulate == "f16" and not moved:
            raise unsupported(f"{self.runtime} does not promise to sum in f16")
        if (self.input == "bf16" and self.accumulate != "f32" and not moved) or (
                self.input == "i8") != (self.accumulate == "i32") or self.input == "i32":
            raise unsupported(f"{self.runtime} does not compute {text}")
        if self.input == "i8" and self.family not in ("gemm", "gemv"):
            raise unsupported(f"{self.runtime} has no {self.family} of i8")

    def __getattr__(self, name):
        """Numbers of the key are attributes."""
        try:
            return self.__dict__["numbers"][name]
        except KeyError:
            raise AttributeError(name) from None

    def _gemm(self):
        layout = [flag for flag in ("nn", "nt", "tn", "tt") if flag in self.flags]
        if len(layout) != 1:
            raise failed(f"`{self.key}`: the layout is missing: nn, nt, tn or tt")
        self.a_transposed, self.b_transposed = layout[0][0] == "t", layout[0][1] == "t"
        batch = (self.numbers.setdefault("b", 1),) if self.numbers.get("b", 1) > 1 else ()
        a = (self.k, self.m) if self.a_transposed else (self.m, self.k)
        b = (self.n, self.k) if self.b_transposed else (self.k, self.n)
        return [("a", 1, batch + a, 0), ("b", 2, batch + b, 0)], ("c", batch + (self.m, self.n))

    def _gemv(self):
        m = self.numbers.setdefault("m", 1)
        self.a_transposed, self.b_transposed = False, True
        return [("a", 1, (m, self.k), 0), ("b", 2, (self.n, self.k), 0)], ("c", (m, self.n))

    def _attention(self):
        if "page" in self.numbers:
            raise unsupported(f"{self.runtime} has no operator for attention over a paged cache")
        number = self.numbers.setdefault
        number("hkv", self.hq), number("kv", self.q), number("dv", self.d)
        self.causal, self.latent = "causal" in self.flags, "latent" in self.flags
        if self.hq % self.hkv or (self.causal and self.kv < self.q) or (self.latent and self.dv > self.d):
            raise failed(f"`{self.key}` is not a case")
        self.group = self.hq // self.hkv
        rows = (self.b, self.hkv, self.kv)
        # Queries are drawn from [-4, 4].
        inputs = [("q", 1, (self.b, self.hq, self.q, self.d), 2), ("k", 2, rows + (self.d,), 0)]
        if not self.latent:
            inputs.append(("v", 3, rows + (self.dv,), 0))
        return inputs, ("o", (self.b, self.hq, self.q, self.dv))

    def visible(self, query):
        """First and end of the keys that a query sees: causal masks are aligned with the last key."""
        end = self.kv - self.q + query + 1 if self.causal else self.kv
        return max(0, end - self.numbers.get("w", end)), end

    def seen(self):
        """First and end of the keys that any query sees."""
        return self.visible(0)[0], self.visible(self.q - 1)[1]

    @property
    def is_masked(self):
        """Whether some query sees less than all the keys of `seen`."""
        return self.causal and self.q > 1

    @property
    def is_plain_causal(self):
        """Whether the mask is causal without a window."""
        return self.is_masked and "w" not in self.numbers

    def _stream(self):
        if len(self.flags) != 1 or self.precision != "f32" or self.n % READ_BLOCK:
            raise failed(f"`{self.key}` is not a case")
        (self.op,) = self.flags
        arrays = {"add": "ab", "triad": "ab", "write": ""}.get(self.op, "a")
        shape = (self.n // READ_BLOCK, READ_BLOCK) if self.op == "read" else (self.n,)
        inputs = [(name, number + 1, shape, 0) for number, name in enumerate(arrays)]
        if self.op in ("scale", "triad", "write"):
            inputs.append(("s", 3, (1,), 0))
        return inputs, ("y", shape[:1])

    def _softmax(self):
        return [("x", 1, (self.r, self.c), 3)], ("y", (self.r, self.c))

    def _rmsnorm(self):
        return [("x", 1, (self.r, self.c), 0), ("g", 2, (self.c,), 0)], ("y", (self.r, self.c))

    def _swiglu(self):
        shape = (self.r, self.c)
        return [("gate", 1, shape, 2), ("up", 2, shape, 0)], ("y", shape)

    def _rope(self):
        if self.d % 2:
            raise failed(f"`{self.key}`: d{self.d} is odd")
        shape, angles = (self.t, self.h, self.d), (self.t, 1, self.d // 2)
        return [("x", 1, shape, 0), ("cosines", 2, angles, 0), ("sines", 3, angles, 0)], ("y", shape)

    def _gather(self):
        return [("table", 1, (self.v, self.c), 0), ("index", 0, (self.r,), 0)], ("y", (self.r, self.c))

    def _transpose(self):
        return [("x", 1, (self.m, self.n), 0)], ("y", (self.n, self.m))

    def tensors(self):
        """The tensors as the runner would describe them, for a runner that does not."""
        described = []
        for name, number, shape, scale in self.inputs:
            table = name == "index"
            dtype = "i32" if table else self.accumulate if name in ("cosines", "sines") else self.input
            bits = GRID_BITS.get(dtype, 0)
            limit = (1 << (bits or 7)) - 1
            tensor = {"name": name, "role": "input", "dtype": dtype, "len": math.prod(shape),
                      "number": number, "grid": {"limit": limit, "shift": bits}, "scale": scale}
            if table:
                tensor["table"] = [mix(row) % self.v for row in range(self.r)]
            described.append(tensor)
        name, shape = self.output
        described.append({"name": name, "role": "output", "dtype": self.result, "len": math.prod(shape)})
        return described


def elements_of(tensor, shape):
    """Checks a tensor that the runner described against the shape that its key implies."""
    try:
        name, dtype, length = tensor["name"], tensor["dtype"], tensor["len"]
    except (KeyError, TypeError):
        raise failed("a tensor has no name, dtype or len") from None
    if dtype not in ITEM_BYTES:
        raise unsupported(f"this executor has no format {dtype}, which tensor {name} is in")
    if length != math.prod(shape) or not 0 < length <= WORD:
        raise failed(f"tensor {name} has {length} elements and not {math.prod(shape)}")
    return length
