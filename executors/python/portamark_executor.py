#!/usr/bin/env python3
"""Runs portamark's cases on what a Python runtime computes with: NumPy, PyTorch and its vendors'
plug-ins, JAX, ONNX Runtime.

    python3 portamark_executor.py RUNTIME[:DEVICE[:INDEX]]

    numpy                                       the host's processor
    torch, torch:cpu, torch:cuda:1, torch:npu   a card if there is one; also mlu, musa, supa, gcu, hpu,
                                                xpu, mps, each with its vendor's plug-in
    jax, jax:cpu, jax:gpu                       JAX's first choice, or a platform of JAX
    onnx, onnx:CUDA, onnx:CANN                  CPU, or an execution provider of ONNX Runtime

It reads one JSON request a line on stdin and writes one JSON response a line on stdout:

    {"request":"hello","protocol":1}    the device and what it can do
    {"request":"prepare", ...}          makes the buffers of a case and its inputs, and compiles
    {"request":"sample", ...}           k executions back to back, timed
    {"request":"read", ...}             elements of an output, and how many still hold the poison
    {"request":"poison", ...}           fills the outputs with a pattern that no operator produces
    {"request":"release", ...}          frees a preparation
    {"request":"bye"}                   the end

What does not work is {"response":"error","status":S,"reason":TEXT} with S one of unsupported,
out-of-memory, failed, device-lost. Messages and formats are those of src/executor/protocol.rs, inputs
those of src/workload/generator.rs. Only the standard library and the runtime itself are needed.
"""

import base64
import concurrent.futures
import functools
import importlib
import importlib.util
import itertools
import json
import math
import os
import platform
import re
import struct
import subprocess
import sys
import time
import warnings

PROTOCOL = 1
VERSION = "1.0"
WORD = 0xFFFFFFFF


class Refused(Exception):
    """What cannot be done, with the status of the protocol and a reason in words."""

    def __init__(self, status, reason):
        super().__init__(reason)
        self.status, self.reason = status, reason


def unsupported(reason):
    return Refused("unsupported", reason)


def failed(reason):
    return Refused("failed", reason)


OUT_OF_MEMORY = re.compile(
    r"out ?of ?memory|RESOURCE_EXHAUSTED|fail(ed|ure) to allocate|can't allocate|not enough memory", re.I)
LOST = re.compile(
    r"device.?(is |was )?lost|illegal memory access|unspecified launch failure|device-side assert"
    r"|uncorrectable ECC|fell off the bus", re.I)
LACKING = re.compile(
    r"not (yet |currently )?(implemented|supported)|unsupported|could not run '|NOT_IMPLEMENTED|unimplemented"
    r"|no kernel|could not find an implementation|cpu ep fallback|is not available", re.I)


def refusal(error):
    """What an exception of a runtime means to the runner, with the first line of its message."""
    if isinstance(error, Refused):
        return error
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    name = type(error).__name__
    reason = f"{name}: {lines[0][:300]}" if lines else name
    if isinstance(error, MemoryError) or "OutOfMemory" in name or OUT_OF_MEMORY.search(str(error)):
        return Refused("out-of-memory", reason)
    if LOST.search(str(error)):
        return Refused("device-lost", reason)
    if isinstance(error, NotImplementedError) or LACKING.search(str(error)):
        return unsupported(reason)
    return failed(reason)


# ---- Cases: what a key says -------------------------------------------------------------------

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
FLOATS = ("f32", "f16", "bf16")
ITEM_BYTES = {"f32": 4, "i32": 4, "f16": 2, "bf16": 2, "i8": 1}
# Significant bits that the generator uses: values are k / 2^bits with |k| < 2^bits.
GRID_BITS = {"f32": 23, "f16": 10, "bf16": 7}
POISON = {4: 0x7FC0DEAD, 2: 0x7EAD}


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

    def mask_rows(self):
        """For each query the first and end of its keys within `seen`, or None if all see all of them."""
        begin = self.seen()[0]
        rows = [tuple(edge - begin for edge in self.visible(query)) for query in range(self.q)]
        return None if len(set(rows)) == 1 else rows

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


# ---- Inputs: element i of tensor t is a pure function of (seed, t, i) -------------------------

# The places of the two elements that are not zero, for each of the six ways: four bits each.
KEPT_OF_FOUR = 0x00CA6953
KEPT = [KEPT_OF_FOUR >> (4 * way) >> place & 1 for way in range(6) for place in range(4)]


def mix(x):
    """`lowbias32` of an int, an array of uint32 or a tensor of int64 that holds 32-bit words."""
    x = x ^ (x >> 16)
    x = (x * 0x7FEB352D) & WORD
    x = x ^ (x >> 15)
    x = (x * 0x846CA68B) & WORD
    return x ^ (x >> 16)


def keys(seed, stream):
    """The two keys of a tensor."""
    first = mix((seed ^ (stream * 0x9E3779B9)) & WORD)
    return first, mix((first + 0x85EBCA6B) & WORD)


def element_hash(index, first, second):
    return mix((mix(index ^ first) + second) & WORD)


def modulo(x, divisor):
    """x mod divisor, by a division that NumPy has vector instructions for."""
    return x - x // divisor * divisor


def processors():
    """How many the system lets this process use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Generator:
    """Makes inputs on the host, in NumPy or, where there is none, in torch."""

    def __init__(self, numpy, torch=None):
        self.numpy, self.torch = numpy, torch
        self.kept = numpy.array(KEPT, bool) if numpy else torch.tensor(KEPT, dtype=torch.bool)
        # A chunk stays in the cache; NumPy computes in one thread each.
        self.chunk = 1 << 16 if numpy else 1 << 20
        self.threads = concurrent.futures.ThreadPoolExecutor(processors()) if numpy else None

    def floats(self, first, count, tensor, stream, seed, dist):
        """Elements first to first + count in f32, which holds them exactly."""
        np, torch = self.numpy, self.torch
        limit = tensor["grid"]["limit"]
        one, two = keys(seed, stream)
        if np:
            index = np.arange(first, first + count, dtype=np.uint32)
            as_float, where = lambda k: k.astype(np.float32), np.where
        else:
            index = torch.arange(first, first + count, dtype=torch.int64)
            as_float, where = lambda k: k.to(torch.float32), torch.where
        step = tensor["scale"] - tensor["grid"]["shift"]
        hashed = element_hash(index, one, two)
        if dist == "zeros":
            return as_float(index * 0)
        if dist == "normal":
            total = (hashed & 255) + (hashed >> 8 & 255) + (hashed >> 16 & 255) + (hashed >> 24)
            wide = max(limit.bit_length() - 20, 0)
            limit, step = limit >> wide, step + wide
            k = (2 * total + 1) * (2 * limit + 1) // 2042
        else:
            k = modulo(hashed, 2 * limit + 1)
        values = (as_float(k) - limit) * 2.0 ** step
        if dist == "sparse":
            # The keys change places.
            way = modulo(element_hash(index >> 2, two, one), 6)
            values = where(self.kept[(way << 2) + (index & 3)], values, as_float(index * 0))
        return values

    def make(self, tensor, seed, set_number, dist):
        """A whole tensor on the host: a NumPy array, bf16 as its upper 16 bits, or a torch tensor."""
        np, torch = self.numpy, self.torch
        dtype, length = tensor["dtype"], tensor["len"]
        if tensor.get("table") is not None:
            if len(tensor["table"]) != length:
                raise failed(f"the table of {tensor['name']} is not of {length} words")
            return np.array(tensor["table"], np.int32) if np else torch.tensor(tensor["table"]).to(torch.int32)
        try:
            known = dist in ("uniform", "normal", "zeros", "sparse") and 0 < tensor["grid"]["limit"] < 1 << 23
            stream = (set_number * 64 + tensor["number"]) & WORD
            step = tensor["scale"] - tensor["grid"]["shift"]
        except (KeyError, TypeError):
            raise failed(f"tensor {tensor['name']} has no grid, number or scale") from None
        if not known or not -126 <= step <= 63:
            raise failed(f"the values of tensor {tensor['name']} are not known to this executor")
        if np:
            storage = {"f32": "float32", "f16": "float16", "bf16": "uint16", "i8": "int8", "i32": "int32"}
            host = np.empty(length, storage[dtype])
        else:
            host = torch.empty(length, dtype=torch_dtypes(torch)[dtype])

        def fill(first):
            count = min(self.chunk, length - first)
            values = self.floats(first, count, tensor, stream, seed, dist)
            if np and dtype == "bf16":
                # Exact values: the lower half of the f32 is zero.
                values = values.view(np.uint32) >> 16
            host[first:first + count] = values

        chunks = range(0, length, self.chunk)
        if self.threads and len(chunks) > 1:
            list(self.threads.map(fill, chunks))
        else:
            for first in chunks:
                fill(first)
        return host


# ---- What a device is called ------------------------------------------------------------------

# Commands of the vendors that list cards, and how a card's name looks in what they print.
QUERIES = {
    "cuda": [("nvidia-smi --query-gpu=name --format=csv,noheader", r"^(.+)$"),
             ("rocm-smi --showproductname", r"Card [Ss]eries:\s*(.+)$"), ("mx-smi", r"\b(MetaX \w+|MXC\d+)"),
             ("ixsmi", r"\b(Iluvatar [\w-]+)"), ("hy-smi --showproductname", r"Card [Ss]eries:\s*(.+)$")],
    "npu": [("npu-smi info", r"^\|\s*\d+\s+([A-Z]*\d\w*)\s*\|\s*(?:OK|Warning|Alarm|Critical)")],
    "mlu": [("cnmon info", r"Product Name\s*:\s*(.+)$"), ("cnmon", r"\b(MLU\d[\w-]*)")],
    "musa": [("mthreads-gmi -q", r"Product Name\s*:\s*(.+)$"), ("mthreads-gmi", r"\b(MTT \w+)")],
    "supa": [("brsmi", r"\b(Biren ?\w+|BR\d+\w*)")],
    "gcu": [("efsmi -q", r"(?:Product|Dev) Name\s*:\s*(.+)$"), ("efsmi", r"\b(Enflame [\w ]*\w|[TiSL]\d{2,3})\b")],
    "hpu": [("hl-smi -Q name -f csv,noheader", r"^(?!name$)(.+)$")],
    "xpu": [("xpu-smi discovery", r"Device Name:\s*([^|]+)")],
    "mps": [("sysctl -n machdep.cpu.brand_string", r"^(.+)$")],
}
BRANDS = {"npu": "Ascend ", "hpu": "Habana "}


def output_of(command):
    """What a command prints; nothing if it is missing, fails or takes long."""
    try:
        done = subprocess.run(command.split(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, timeout=5, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""


def clean(text):
    """A text as a part of a device's id: one line without slashes."""
    return re.sub(r"\s+", " ", re.sub(r"[/\\\x00-\x1f\x7f]", " ", str(text))).strip()[:120]


def card_name(kind, index):
    """What the vendor's own command calls a card, or nothing."""
    for command, pattern in QUERIES.get(kind, []):
        names = re.findall(pattern, output_of(command), re.M)
        if names:
            name = clean(names[index] if index < len(names) else names[0])
            brand = BRANDS.get(kind, "")
            return name if brand.strip().lower() in name.lower() else brand + name
    return ""


def processor_name():
    """The host's processor as its maker calls it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as text:
            found = re.search(r"^model name\s*:\s*(.+)$", text.read(), re.M)
    except OSError:
        found = None
    name = found[1] if found else ""
    if not name and platform.system() == "Darwin":
        name = output_of("sysctl -n machdep.cpu.brand_string")
    if not name:
        listed = re.search(r"^Model name:\s*(.+)$", output_of("lscpu"), re.M)
        name = listed[1] if listed and listed[1].strip() != "-" else platform.processor()
    return clean(name) or clean(platform.machine()) + " processor"


# ---- Runtimes ---------------------------------------------------------------------------------

def load(module, install):
    """Imports a module, or says how it is installed."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        top = module.split(".")[0]
        if error.name and error.name.split(".")[0] != top:
            raise unsupported(f"{module} needs {error.name}, which is missing: "
                              f"pip install {error.name.split('.')[0]}") from None
        raise unsupported(f"{top} is not installed: {install}") from None
    except Exception as error:  # a plug-in without its driver raises what it likes
        raise unsupported(f"{module} does not load: {refusal(error).reason}") from None


def listed(found):
    return found if isinstance(found, list) else [found]


class Runtime:
    """What every runtime has. Arrays are its own; a thunk executes one buffer set and gives its output.

    A family that it computes is a method: of the case, the output and the inputs of one set it gives a
    thunk and in words what that is, or a list of several such pairs, best first.
    """

    formats = ("f32", "f16", "i8", "i32")
    # Whether something is compiled or may be lacking, so that `prepare` has to execute once.
    is_probed = True
    device_type = "software"
    timer = "host"
    memory_bytes = None
    driver = None
    pci_bus_id = None

    def capabilities(self):
        """The device as the protocol describes it. Limits are those of plans and bind no runtime."""
        name, version = clean(self.card) or "unknown card", clean(self.version)
        much = (1 << 32) - 1
        limits = {"workgroup_memory": 0, "workgroup_size": much, "dispatch": much, "binding_bytes": 1 << 62,
                  "buffer_bytes": 1 << 62, "storage_buffers": much}
        if self.memory_bytes:
            limits["memory_bytes"] = int(self.memory_bytes)
        device = {
            "id": f"{self.api}/{name}/{version}", "name": name, "api": self.api,
            "driver": clean(self.driver or self.api), "driver_version": version, "vendor_id": 0, "device_id": 0,
            "device_type": self.device_type, "takes": "cases",
            "features": ["shader-f16"] if self.has_f16() else [], "subgroup_min": 0, "subgroup_max": 0,
            "limits": limits, "matrix_shapes": [], "timer": self.timer}
        if self.pci_bus_id:
            device["pci_bus_id"] = self.pci_bus_id
        return device

    def has_f16(self):
        return True

    def check(self, case):
        if not hasattr(self, case.family):
            raise unsupported(f"{self.api} has no operator for {case.family} as one graph of this executor")
        for name in (case.input, case.accumulate):
            if name not in self.formats:
                raise unsupported(f"{self.api} has no {name}")

    def scratch(self, case):
        """Bytes of what an execution holds beside inputs and output: the scores of composed attention."""
        if case.family != "attention":
            return 0
        begin, end = case.seen()
        return 4 * case.b * case.hq * case.q * (end - begin)

    def build(self, case, inputs, outputs):
        """Thunks of all sets, and in words what computes them: of what may, the first that works here."""
        operator, lacking = getattr(self, case.family), None
        for at, (thunk, words) in enumerate(listed(operator(case, outputs[0], *inputs[0]))):
            try:
                if self.is_probed:
                    self.prove(thunk, outputs[0])
            except Exception as error:
                if refusal(error).status in ("out-of-memory", "device-lost"):
                    raise
                lacking = lacking or refusal(error)
                continue
            others = (listed(operator(case, output, *arrays)) for arrays, output in zip(inputs[1:], outputs[1:]))
            return [thunk] + [found[at][0] for found in others], words
        raise lacking

    def prove(self, thunk, output):
        """Executes once: that compiles, and shows what the runtime lacks."""
        self.fence([thunk()])

    def fence(self, outputs):
        """Waits until everything submitted is done."""

    def stamps(self):
        """A pair of device events, or nothing where the host's clock has to do."""
        return None

    def close(self):
        """Gives back memory that the runtime keeps."""

    def inspect(self, output, dtype, elements):
        """Elements in f64 and how many of all elements hold the poison."""
        np = self.np
        flat = self.to_host(output).reshape(-1)
        words = flat.view(np.uint32 if ITEM_BYTES[dtype] == 4 else np.uint16)
        poisoned = int(np.count_nonzero(words == POISON[ITEM_BYTES[dtype]]))
        if dtype == "bf16":
            chosen = (words[elements].astype(np.uint32) << 16).view(np.float32)
        else:
            chosen = flat[elements]
        return chosen.astype(np.float64).tolist(), poisoned

    def host_poison(self, dtype, shape):
        """Poison as NumPy has the format, bf16 as its bits."""
        np, size = self.np, ITEM_BYTES[dtype]
        words = np.full(shape, POISON[size], np.uint32 if size == 4 else np.uint16)
        return words if dtype == "bf16" else words.view({"f32": "float32", "i32": "int32", "f16": "float16"}[dtype])


def transposed(array, is_wanted):
    """A view of matrices with rows and columns exchanged."""
    if not is_wanted:
        return array
    return array.mT if hasattr(array, "mT") else array.swapaxes(-1, -2)


def mask_array(np, case):
    """Queries × keys seen: whether a query sees a key; nothing if every query sees every key."""
    rows = case.mask_rows()
    if rows is None:
        return None
    begin, end = (np.array(edges)[:, None] for edges in zip(*rows))
    key = np.arange(case.seen()[1] - case.seen()[0])[None, :]
    return (key >= begin) & (key < end)


class NumPy(Runtime):
    """NumPy on the host's processor. f16 is software there, so products and sums are of f32 copies."""

    api, is_probed = "numpy", False

    def __init__(self, device):
        if device not in (None, "cpu"):
            raise unsupported(f"`{device}` is no device of numpy; there is cpu")
        self.np = load("numpy", "pip install numpy")
        self.version, self.card = self.np.__version__, processor_name()
        self.generator = Generator(self.np)

    def array(self, host, dtype, shape):
        return host.reshape(shape)

    def poisoned(self, dtype, shape):
        return self.host_poison(dtype, shape)

    def poison(self, output, dtype):
        output.view(self.np.uint32 if output.itemsize == 4 else self.np.uint16).fill(POISON[output.itemsize])
        return output

    def to_host(self, output):
        return output

    def wide(self, array):
        return array.astype(self.np.float32) if array.dtype == self.np.float16 else array

    def gemm(self, case, out, a, b):
        np, words = self.np, "numpy.matmul"
        a, b = transposed(a, case.a_transposed), transposed(b, case.b_transposed)
        if case.input == "i8":
            return lambda: np.matmul(a, b, out=out, dtype=np.int32), words + " in int32"
        if case.input == "f32":
            return lambda: np.matmul(a, b, out=out), words

        def product():
            out[...] = np.matmul(self.wide(a), self.wide(b))
            return out
        return product, words + " of f32 copies"

    gemv = gemm

    def attention(self, case, out, q, k, v=None):
        np, (begin, end) = self.np, case.seen()
        k = k[:, :, begin:end]
        v = k[..., :case.dv] if v is None else v[:, :, begin:end]
        # Heads that share keys are one long matrix of queries.
        q = q.reshape(case.b, case.hkv, case.group * case.q, case.d)
        mask, rows = mask_array(np, case), (case.b, case.hkv, case.group, case.q, end - begin)
        result = out.reshape(case.b, case.hkv, case.group * case.q, case.dv)
        scale = np.float32(case.d ** -0.5)

        def attend():
            scores = np.matmul(self.wide(q), self.wide(k).swapaxes(-1, -2))
            scores *= scale
            if mask is not None:
                np.copyto(scores.reshape(rows), np.float32(-np.inf), where=~mask)
            scores -= scores.max(axis=-1, keepdims=True)
            np.exp(scores, out=scores)
            scores /= scores.sum(axis=-1, keepdims=True)
            if case.input == "f32":
                np.matmul(scores, v, out=result)
            else:
                result[...] = np.matmul(scores, self.wide(v))
            return out
        return attend, "composed attention: numpy.matmul, softmax, matmul"

    def stream(self, case, y, *inputs):
        np, scalar = self.np, inputs[-1]
        if case.op in ("copy", "write"):
            def move():
                np.copyto(y, inputs[0])
                return y
            return move, "numpy.copyto"
        if case.op == "triad":
            return lambda: np.add(inputs[0], np.multiply(inputs[1], scalar, out=y), out=y), "numpy.multiply, add"
        if case.op == "read":
            return lambda: np.sum(inputs[0], axis=1, out=y), "numpy.sum"
        ufunc = np.multiply if case.op == "scale" else np.add
        return lambda: ufunc(inputs[0], inputs[1], out=y), f"numpy.{ufunc.__name__}"

    def softmax(self, case, y, x):
        np = self.np

        def normalise():
            power = np.subtract(x, x.max(axis=-1, keepdims=True), dtype=np.float32)
            np.exp(power, out=power)
            return np.divide(power, power.sum(axis=-1, keepdims=True), out=y)
        return normalise, "numpy max, exp, sum, divide"

    def rmsnorm(self, case, y, x, g):
        np, epsilon = self.np, self.np.float32(RMSNORM_EPSILON)

        def normalise():
            full = self.wide(x)
            root = np.sqrt(np.mean(full * full, axis=-1, keepdims=True) + epsilon)
            return np.multiply(full / root, g, out=y)
        return normalise, "numpy mean, sqrt, divide, multiply"

    def swiglu(self, case, y, gate, up):
        np = self.np

        def activate():
            full = self.wide(gate)
            return np.multiply(full / (1 + np.exp(-full)), up, out=y)
        return activate, "numpy exp, divide, multiply"

    def rope(self, case, y, x, cosines, sines):
        np, half = self.np, case.d // 2
        first, second = x[..., :half], x[..., half:]

        def turn():
            np.subtract(first * cosines, second * sines, out=y[..., :half])
            np.add(second * cosines, first * sines, out=y[..., half:])
            return y
        return turn, "numpy multiply, subtract, add"

    def gather(self, case, y, table, index):
        # Without a mode, take copies through a buffer to be able to fail half-way.
        return lambda: self.np.take(table, index, axis=0, out=y, mode="clip"), "numpy.take"

    def transpose(self, case, y, x):
        def move():
            self.np.copyto(y, x.T)
            return y
        return move, "numpy.copyto of a transposed view"


def torch_dtypes(torch):
    return {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16, "i8": torch.int8,
            "i32": torch.int32}


# Device of torch: module of its plug-in, how to get it.
PLUGINS = {
    "cuda": (None, "pip install torch, in the build of the card's vendor"),
    "xpu": (None, "pip install torch --index-url https://download.pytorch.org/whl/xpu"),
    "mps": (None, "pip install torch, on a Mac"),
    "npu": ("torch_npu", "pip install torch-npu"),
    "mlu": ("torch_mlu", "pip install torch_mlu, from Cambricon's PyTorch package"),
    "musa": ("torch_musa", "pip install torch_musa, from Moore Threads' releases"),
    "supa": ("torch_br", "pip install torch_br, from Biren's SDK"),
    "gcu": ("torch_gcu", "pip install torch_gcu, from Enflame's TopsRider"),
    "hpu": ("habana_frameworks.torch", "pip install habana-torch-plugin"),
}
# What a backend may be allowed to round to in f32, or to sum in less than f32.
SHORTCUTS = ("backends.{0}.matmul.allow_tf32", "backends.cudnn.allow_tf32", "backends.mudnn.allow_tf32",
             "backends.cuda.matmul.allow_tf32", "{0}.matmul.allow_hf32", "{0}.conv.allow_hf32",
             "backends.cuda.matmul.allow_fp16_reduced_precision_reduction",
             "backends.cuda.matmul.allow_bf16_reduced_precision_reduction")


class Torch(Runtime):
    """PyTorch on the processor, on a GPU, or on the device of a vendor's plug-in."""

    api, formats = "torch", ("f32", "f16", "bf16", "i8", "i32")
    choices = ["math", "flash", "memory-efficient", "cudnn", "overrideable"]

    def __init__(self, device):
        kind, _, index = (device or "").partition(":")
        if kind and kind != "cpu" and kind not in PLUGINS:
            raise unsupported(f"`{kind}` is no device of torch; there are cpu, {', '.join(PLUGINS)}")
        # Lazy mode would join executions and leave out those whose result is replaced.
        os.environ["PT_HPU_LAZY_MODE"] = "0"
        self.torch = torch = load("torch", "pip install torch")
        self.np = None
        if importlib.util.find_spec("numpy"):
            self.np = importlib.import_module("numpy")
        self.generator = Generator(self.np, torch)
        self.dtypes = torch_dtypes(torch)
        torch.set_grad_enabled(False)
        self.kind = kind or self._first()
        self.index = int(index or 0)
        self.version, self.backend, self.card = str(torch.__version__), None, ""
        if self.kind == "cpu":
            self.device, self.card = torch.device("cpu"), processor_name()
        else:
            self._open()
        for path in SHORTCUTS:
            self._forbid(path.format(self.kind))
        if hasattr(torch, "set_float32_matmul_precision"):
            torch.set_float32_matmul_precision("highest")

    def _first(self):
        """The first card that is there, else the processor."""
        for kind, (plugin, _) in PLUGINS.items():
            if plugin and not importlib.util.find_spec(plugin.split(".")[0]):
                continue
            try:
                if plugin:
                    importlib.import_module(plugin)
                if self._backend(kind).is_available():
                    return kind
            except Exception:  # a plug-in without its card raises what it likes
                continue
        return "cpu"

    def _backend(self, kind):
        if kind == "mps":
            return self.torch.backends.mps
        return getattr(self.torch, kind)

    def _open(self):
        torch, kind = self.torch, self.kind
        plugin, install = PLUGINS[kind]
        if plugin:
            version = getattr(load(plugin, install), "__version__", None)
            self.version += f"+{plugin.split('.')[0]}-{version}" if version else ""
        try:
            available = self._backend(kind).is_available()
            count = 1 if kind == "mps" else getattr(torch, kind).device_count() if available else 0
        except AttributeError:
            raise unsupported(f"torch {torch.__version__} has no torch.{kind}: {install}") from None
        if not available or self.index >= count:
            raise unsupported(f"torch sees {count} devices of {kind}, so there is no {kind}:{self.index}; "
                              f"they need their driver and: {install}")
        self.backend = getattr(torch, kind)
        self.device = torch.device(kind, self.index)
        self.device_type = "integrated" if kind == "mps" else "discrete"
        if hasattr(self.backend, "set_device"):
            self.backend.set_device(self.index)
        self.card = self._name()
        self.driver = self._driver()
        tool = clean(self.driver).replace(" ", "")
        if tool != kind and tool.lower().replace("cuda", "cu").replace(".", "") not in self.version.replace(".", ""):
            self.version += ("-" if "+" in self.version else "+") + tool
        try:
            self.memory_bytes = self.backend.mem_get_info(self.index)[1]
        except Exception:  # not every backend has it
            pass
        try:
            begin, end = self.stamps()
            end.record()
            self.backend.synchronize()
            if math.isfinite(begin.elapsed_time(end)):
                self.timer = "pass-timestamps"
        except Exception:  # the host's clock has to do
            pass

    def _name(self):
        """The card's own name: four vendors answer to `cuda`, so the word of torch alone says nothing."""
        name = ""
        try:
            properties = self.backend.get_device_properties(self.index)
            if hasattr(properties, "pci_bus_id"):
                self.pci_bus_id = (f"{getattr(properties, 'pci_domain_id', 0):04x}:{properties.pci_bus_id:02x}:"
                                   f"{getattr(properties, 'pci_device_id', 0):02x}.0")
        except Exception:  # not every backend has them
            pass
        try:
            name = clean(self.backend.get_device_name(self.index))
        except Exception:  # nor a name
            pass
        if re.sub(r"[^a-z]", "", name.lower()) in ("", "cuda", "gpu", "device", self.kind):
            name = card_name(self.kind, self.index) or f"unnamed card of torch.{self.kind}"
        return name

    def _driver(self):
        if self.kind != "cuda":
            return self.kind
        hip, cuda = (getattr(self.torch.version, name, None) for name in ("hip", "cuda"))
        return f"ROCm {hip}" if hip else f"CUDA {cuda}" if cuda else "cuda"

    def _forbid(self, path):
        *owners, name = path.split(".")
        owner = self.torch
        try:
            for step in owners:
                owner = getattr(owner, step)
            if hasattr(owner, name):
                setattr(owner, name, False)
        except Exception:  # a backend that lacks the switch has no such shortcut
            pass

    def has_f16(self):
        try:
            x = self.torch.full((8, 8), 1, dtype=self.torch.float16, device=self.device)
            return float(self.torch.matmul(x, x)[0, 0]) == 8.0
        except Exception:  # not there
            return False

    def array(self, host, dtype, shape):
        torch, wanted = self.torch, self.dtypes[dtype]
        if self.np:
            host = torch.from_numpy(host.view(self.np.int16) if dtype == "bf16" else host)
            host = host.view(wanted) if dtype == "bf16" else host
        return host.reshape(shape).to(self.device)

    def _words(self, tensor):
        return tensor.view(self.torch.int32 if tensor.element_size() == 4 else self.torch.int16)

    def poisoned(self, dtype, shape):
        return self.poison(self.torch.empty(shape, dtype=self.dtypes[dtype], device=self.device), dtype)

    def poison(self, output, dtype):
        self._words(output).fill_(POISON[output.element_size()])
        return output

    def inspect(self, output, dtype, elements):
        flat = output.cpu().reshape(-1)
        poisoned = int((self._words(flat) == POISON[flat.element_size()]).sum())
        chosen = flat[self.torch.tensor(elements, dtype=self.torch.int64)]
        return chosen.to(self.torch.float64).tolist(), poisoned

    def fence(self, outputs):
        if self.backend:
            self.backend.synchronize()

    def stamps(self):
        if not self.backend:
            return None
        begin, end = self.backend.Event(enable_timing=True), self.backend.Event(enable_timing=True)
        begin.record()
        return begin, end

    def close(self):
        if self.backend and hasattr(self.backend, "empty_cache"):
            self.backend.empty_cache()

    def scratch(self, case):
        fused = hasattr(self.torch.nn.functional, "scaled_dot_product_attention")
        return 0 if fused else super().scratch(case)

    def prove(self, thunk, output):
        """Executes once. What silently computes on the host is not the device's work."""
        torch = self.torch
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            if hasattr(torch, "set_warn_always"):
                torch.set_warn_always(True)
            result = thunk()
            self.fence([])
            if hasattr(torch, "set_warn_always"):
                torch.set_warn_always(False)
        if result.device.type != self.device.type:
            raise unsupported(f"torch computes this on {result.device.type} and not on {self.device.type}")
        said = [str(warning.message).strip() for warning in heard]
        fallback = [text for text in said if re.search(r"fall(s|ing)?[ -]?back.*cpu|cpu.*fall(s|ing)?[ -]?back",
                                                       text, re.I | re.S)]
        if self.backend and fallback:
            raise unsupported(f"torch computes this on the processor: {fallback[0].splitlines()[0][:200]}")
        if result.dtype != output.dtype or result.shape != output.shape:
            raise failed(f"torch gives {tuple(result.shape)} of {result.dtype}")

    def gemm(self, case, out, a, b):
        torch = self.torch
        a, b = transposed(a, case.a_transposed), transposed(b, case.b_transposed)
        if case.input == "i8":
            if not hasattr(torch, "_int_mm") or a.dim() > 2:
                raise unsupported(f"torch {torch.__version__} has no product of i8 that sums in i32 for this: "
                                  "torch._int_mm")
            return lambda: torch._int_mm(a, b, out=out), "torch._int_mm"
        return lambda: torch.matmul(a, b, out=out), "torch.matmul"

    def gemv(self, case, out, a, b):
        if case.m > 1 or case.input == "i8":
            return self.gemm(case, out, a, b)
        torch, vector, row = self.torch, a[0], out[0]

        def product():
            torch.mv(b, vector, out=row)
            return out
        return product, "torch.mv"

    def attention(self, case, out, q, k, v=None):
        torch, (begin, end) = self.torch, case.seen()
        k = k[:, :, begin:end]
        v = k[..., :case.dv] if v is None else v[:, :, begin:end]
        mask = self._mask(case)
        composed = self._composed(case, out, q, k, v, mask)
        fused = getattr(torch.nn.functional, "scaled_dot_product_attention", None)
        if fused is None:
            return [composed]
        plain_causal = mask is not None and case.causal and "w" not in case.numbers
        choices = [dict(attn_mask=mask)]
        if plain_causal and case.q == case.kv:
            choices = [dict(is_causal=True)]
        elif plain_causal and self.backend:
            # On the processor it makes a mask at every execution.
            try:
                bias = importlib.import_module("torch.nn.attention.bias")
                choices.insert(0, dict(attn_mask=bias.causal_lower_right(case.q, case.kv)))
            except (ImportError, AttributeError):
                pass
        candidates = []
        for options in choices:
            if case.group == 1:
                candidates.append(self._fused(fused, q, k, v, options))
            else:
                candidates.append(self._fused(fused, q, k, v, dict(options, enable_gqa=True)))
        if case.group > 1:
            candidates.append(self._repeated(fused, case.group, q, k, v, choices[-1]))
        return candidates + [composed]

    def _mask(self, case):
        """Queries × keys seen: whether a query sees a key; all sets share it."""
        if "mask" not in case.shared and case.mask_rows() is not None:
            torch, (begin, end) = self.torch, case.seen()
            first, last = (torch.tensor(edges)[:, None] for edges in zip(*case.mask_rows()))
            key = torch.arange(end - begin)[None, :]
            case.shared["mask"] = ((key >= first) & (key < last)).to(self.device)
        return case.shared.get("mask")

    def _fused(self, fused, q, k, v, options):
        words, mask = "torch.nn.functional.scaled_dot_product_attention", options.get("attn_mask")
        if mask is not None and type(mask) is not type(q):
            # It chooses by itself, and not as the inner function below would.
            return lambda: fused(q, k, v, **options), words + " with causal_lower_right"
        try:
            plain = {name: value for name, value in options.items() if name != "attn_mask"}
            chosen = self.torch._fused_sdp_choice(q, k, v, mask, 0.0, **plain)
            words += f" ({self.choices[int(chosen)]})"
        except Exception:  # it is an inner function of torch and says no more than a name
            pass
        return lambda: fused(q, k, v, **options), words

    def _repeated(self, fused, group, q, k, v, options):
        """For a torch that knows no groups: each key head once for every query head of its group."""
        def attend():
            return fused(q, k.repeat_interleave(group, 1), v.repeat_interleave(group, 1), **options)
        return attend, "torch.nn.functional.scaled_dot_product_attention of repeat_interleave"

    def _composed(self, case, out, q, k, v, mask):
        """For a torch or a device without the fused operator."""
        torch, keys_seen = self.torch, k.shape[2]
        # Heads that share keys are one long matrix of queries.
        q = q.reshape(case.b, case.hkv, case.group * case.q, case.d)
        result = out.reshape(case.b, case.hkv, case.group * case.q, case.dv)
        grouped = (case.b, case.hkv, case.group, case.q, keys_seen)
        swapped, hidden = transposed(k, True), None if mask is None else ~mask

        def attend():
            scores = torch.matmul(q, swapped).float() * case.d ** -0.5
            if hidden is not None:
                scores = scores.view(grouped).masked_fill_(hidden, -math.inf).view(scores.shape)
            torch.matmul(torch.softmax(scores, -1).to(v.dtype), v, out=result)
            return out
        return attend, "composed attention: torch.matmul, softmax, matmul"

    def stream(self, case, y, *inputs):
        torch, a, last = self.torch, inputs[0], inputs[-1]
        if case.op in ("copy", "write"):
            return lambda: y.copy_(a), "torch.Tensor.copy_"
        if case.op == "triad":
            return lambda: torch.addcmul(a, inputs[1], last, out=y), "torch.addcmul"
        if case.op == "read":
            return lambda: torch.sum(a, 1, out=y), "torch.sum"
        operator = torch.mul if case.op == "scale" else torch.add
        return lambda: operator(a, last, out=y), f"torch.{'mul' if case.op == 'scale' else 'add'}"

    def softmax(self, case, y, x):
        return lambda: self.torch.nn.functional.softmax(x, -1), "torch.nn.functional.softmax"

    def rmsnorm(self, case, y, x, g):
        torch, fused = self.torch, getattr(self.torch.nn.functional, "rms_norm", None)

        def composed():
            full = x.float()
            root = torch.rsqrt((full * full).mean(-1, True) + RMSNORM_EPSILON)
            return torch.mul(full * root, g, out=y)
        plain = (composed, "composed: torch mean, rsqrt, mul")
        if fused is None:
            return plain
        return [(lambda: fused(x, (case.c,), g, RMSNORM_EPSILON), "torch.nn.functional.rms_norm"), plain]

    def swiglu(self, case, y, gate, up):
        torch, silu = self.torch, self.torch.nn.functional.silu
        if case.input == "f32":
            return lambda: torch.mul(silu(gate), up, out=y), "torch.nn.functional.silu, torch.mul"
        # In the input's format, silu would round once more than the case allows.
        return lambda: torch.mul(silu(gate.float()), up, out=y), "torch.nn.functional.silu in f32, torch.mul"

    def rope(self, case, y, x, cosines, sines):
        torch, half = self.torch, case.d // 2
        first, second = x[..., :half], x[..., half:]

        def turn():
            torch.sub(first * cosines, second * sines, out=y[..., :half])
            torch.add(second * cosines, first * sines, out=y[..., half:])
            return y
        return turn, "torch.mul, sub, add"

    def gather(self, case, y, table, index):
        return lambda: self.torch.index_select(table, 0, index, out=y), "torch.index_select"

    def transpose(self, case, y, x):
        return lambda: y.copy_(x.t()), "torch.Tensor.copy_ of a transposed view"


class Jax(Runtime):
    """JAX: each case is one jitted function, whose result is the output of its set."""

    api, formats = "jax", ("f32", "f16", "bf16", "i8", "i32")

    def __init__(self, device):
        kind, _, index = (device or "").partition(":")
        if kind == "cpu":
            os.environ["JAX_PLATFORMS"] = "cpu"
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        self.jax = load("jax", "pip install jax, or jax[cuda12] for cards of NVIDIA")
        self.jnp, self.np = importlib.import_module("jax.numpy"), importlib.import_module("numpy")
        self.jax.config.update("jax_default_matmul_precision", "highest")
        try:
            self.device = self.jax.devices(kind or None)[int(index or 0)]
        except (RuntimeError, IndexError) as error:
            lines = str(error).splitlines() or ["none"]
            raise unsupported(f"jax has no device {device}: {lines[0][:200]}; "
                              "pip install jax[cuda12] or the vendor's plug-in") from None
        self.version, self.driver = self.jax.__version__, f"XLA {self.device.platform}"
        if self.device.platform == "cpu":
            self.card = processor_name()
        else:
            self.card, self.device_type = self.device.device_kind, "discrete"
            backend = getattr(self.device, "client", None)
            self.version += "+" + clean(getattr(backend, "platform_version", self.device.platform))
        try:
            self.memory_bytes = self.device.memory_stats()["bytes_limit"]
        except Exception:  # not every platform tells
            pass
        self.generator = Generator(self.np)

    def array(self, host, dtype, shape):
        host = host.view(self.jnp.bfloat16) if dtype == "bf16" else host
        return self.jax.device_put(host.reshape(shape), self.device)

    def poisoned(self, dtype, shape):
        return self.array(self.host_poison(dtype, shape), dtype, shape)

    def poison(self, output, dtype):
        return self.poisoned(dtype, output.shape)

    def to_host(self, output):
        host = self.np.asarray(output)
        return host.view(self.np.uint16) if host.dtype == self.jnp.bfloat16 else host

    def fence(self, outputs):
        self.jax.block_until_ready(outputs)

    def build(self, case, inputs, outputs):
        """Jits what may compute the case, best first; all sets share the function that works."""
        lacking = None
        for function, words in listed(getattr(self, case.family)(case, outputs[0])):
            jitted = self.jax.jit(function)
            thunks = [functools.partial(jitted, *arrays) for arrays in inputs]
            try:
                self.prove(thunks[0], outputs[0])
                return thunks, words
            except Exception as error:
                lacking = lacking or refusal(error)
        raise lacking

    def gemm(self, case, out, *_):
        total = self.jnp.int32 if case.input == "i8" else self.jnp.float32

        def product(a, b):
            a, b = transposed(a, case.a_transposed), transposed(b, case.b_transposed)
            return self.jnp.matmul(a, b, preferred_element_type=total).astype(out.dtype)
        return product, "jax.numpy.matmul"

    gemv = gemm

    def attention(self, case, out, *_):
        jnp, (begin, end), mask = self.jnp, case.seen(), mask_array(self.np, case)
        fused = getattr(self.jax.nn, "dot_product_attention", None)
        composed = (self._composed(case, out, begin, end, mask), "composed attention: jax.numpy.einsum, softmax, einsum")
        if fused is None or case.latent or case.dv != case.d:
            return [composed]
        causal = mask is not None and case.q == case.kv and "w" not in case.numbers
        options = {"is_causal": True} if causal else {} if mask is None else {"mask": mask[None, None]}

        def attend(q, k, v):
            # It takes heads after positions.
            q, k, v = (jnp.swapaxes(x, 1, 2) for x in (q, k[:, :, begin:end], v[:, :, begin:end]))
            return jnp.swapaxes(fused(q, k, v, **options), 1, 2)
        return [(attend, "jax.nn.dot_product_attention"), composed]

    def _composed(self, case, out, begin, end, mask):
        jnp = self.jnp

        def attend(q, k, v=None):
            k = k[:, :, begin:end]
            v = k[..., :case.dv] if v is None else v[:, :, begin:end]
            q = q.reshape(case.b, case.hkv, case.group, case.q, case.d)
            scores = jnp.einsum("bhgqd,bhkd->bhgqk", q, k, preferred_element_type=jnp.float32) * case.d ** -0.5
            if mask is not None:
                scores = jnp.where(mask, scores, -jnp.inf)
            weights = self.jax.nn.softmax(scores, axis=-1).astype(v.dtype)
            result = jnp.einsum("bhgqk,bhkd->bhgqd", weights, v, preferred_element_type=jnp.float32)
            return result.reshape(out.shape).astype(out.dtype)
        return attend

    def stream(self, case, y, *_):
        jnp = self.jnp
        return {"copy": (jnp.copy, "jax.numpy.copy"), "scale": (jnp.multiply, "jax.numpy.multiply"),
                "add": (jnp.add, "jax.numpy.add"),
                "triad": (lambda a, b, s: a + s * b, "jax.numpy multiply, add"),
                "read": (lambda a: jnp.sum(a, axis=1), "jax.numpy.sum"),
                "write": (lambda s: jnp.broadcast_to(s, y.shape), "jax.numpy.broadcast_to")}[case.op]

    def softmax(self, case, y, *_):
        return (lambda x: self.jax.nn.softmax(x.astype(self.jnp.float32), axis=-1).astype(y.dtype),
                "jax.nn.softmax")

    def rmsnorm(self, case, y, *_):
        jnp = self.jnp

        def normalise(x, g):
            full = x.astype(jnp.float32)
            root = self.jax.lax.rsqrt(jnp.mean(full * full, axis=-1, keepdims=True) + RMSNORM_EPSILON)
            return (full * root * g.astype(jnp.float32)).astype(y.dtype)
        return normalise, "jax.numpy mean, rsqrt, multiply"

    def swiglu(self, case, y, *_):
        wide = self.jnp.float32
        return (lambda gate, up: (self.jax.nn.silu(gate.astype(wide)) * up.astype(wide)).astype(y.dtype),
                "jax.nn.silu, multiply")

    def rope(self, case, y, *_):
        jnp, half = self.jnp, case.d // 2

        def turn(x, cosines, sines):
            first, second = (part.astype(jnp.float32) for part in (x[..., :half], x[..., half:]))
            parts = (first * cosines - second * sines, second * cosines + first * sines)
            return jnp.concatenate(parts, axis=-1).astype(y.dtype)
        return turn, "jax.numpy multiply, subtract, add, concatenate"

    def gather(self, case, y, *_):
        return lambda table, index: self.jnp.take(table, index, axis=0, mode="clip"), "jax.numpy.take"

    def transpose(self, case, y, *_):
        return self.jnp.transpose, "jax.numpy.transpose"


# ---- ONNX Runtime: models are written here, so that the package onnx is not needed -------------

def varint(number):
    out = bytearray()
    number &= (1 << 64) - 1
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytes([number]))


def field(number, value):
    """One field of a protobuf message: an int, a float, or bytes and text by their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


# Numbers of formats in TensorProto.DataType.
ONNX_TYPES = {"f32": 1, "f16": 10, "i8": 3, "i32": 6, "i64": 7, "bool": 9}


class Graph:
    """A ModelProto in the making. Field numbers are those of onnx.proto3 (github.com/onnx/onnx)."""

    def __init__(self, opset, version):
        self.opset, self.version = opset, version
        self.nodes, self.constants, self.inputs, self.outputs = [], [], [], []
        self.names = itertools.count()

    def node(self, operator, inputs, output=None, **attributes):
        """NodeProto: input 1, output 2, op_type 4, attribute 5. Gives the name of the output."""
        output = output or f"t{next(self.names)}"
        text = b"".join(field(1, name) for name in inputs) + field(2, output) + field(4, operator)
        for name, value in attributes.items():
            # AttributeProto: name 1, f 2, i 3, ints 8, type 20 (1 float, 2 int, 7 ints).
            if isinstance(value, float):
                body = field(2, value) + field(20, 1)
            elif isinstance(value, int):
                body = field(3, value) + field(20, 2)
            else:
                body = b"".join(field(8, item) for item in value) + field(20, 7)
            text += field(5, field(1, name) + body)
        self.nodes.append(text)
        return output

    def constant(self, dtype, shape, data):
        """TensorProto: dims 1, data_type 2, name 8, raw_data 9."""
        name = f"t{next(self.names)}"
        dims = b"".join(field(1, size) for size in shape)
        self.constants.append(dims + field(2, ONNX_TYPES[dtype]) + field(8, name) + field(9, data))
        return name

    def value(self, name, dtype, shape):
        """ValueInfoProto: name 1, type 2, whose tensor_type 1 has elem_type 1 and shape 2."""
        dims = b"".join(field(1, field(1, size)) for size in shape)
        return field(1, name) + field(2, field(1, field(1, ONNX_TYPES[dtype]) + field(2, dims)))

    def model(self):
        """ModelProto: ir_version 1, producer_name 2, graph 7, opset_import 8 (version 2)."""
        graph = b"".join(field(1, node) for node in self.nodes) + field(2, "case")
        graph += b"".join(field(5, constant) for constant in self.constants)
        graph += b"".join(field(11, value) for value in self.inputs)
        graph += b"".join(field(12, value) for value in self.outputs)
        return field(1, self.version) + field(2, "portamark") + field(7, graph) + field(8, field(2, self.opset))


class Onnx(Runtime):
    """ONNX Runtime with one execution provider and bound buffers; nothing may fall back to the CPU."""

    api = "onnx"
    # Where a provider's buffers lie, and the command that knows its card; others take the host's memory.
    places = {"CUDA": ("cuda", "cuda"), "TensorRT": ("cuda", "cuda"), "MIGraphX": ("cuda", "cuda"),
              "ROCM": ("cuda", "cuda"), "CANN": ("cann", "npu"), "CoreML": ("cpu", "mps")}
    # Without these, a provider computes f32 in less.
    options = {"CUDA": {"use_tf32": "0"}, "CANN": {"precision_mode": "must_keep_origin_dtype"}}

    def __init__(self, device):
        wanted, _, index = (device or "CPU").partition(":")
        os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")
        self.ort = load("onnxruntime", "pip install onnxruntime, or the vendor's build such as onnxruntime-gpu")
        self.np = load("numpy", "pip install numpy")
        there = {name.replace("ExecutionProvider", ""): name for name in self.ort.get_available_providers()}
        short = next((name for name in there if name.lower() == wanted.lower()), None)
        if short is None:
            raise unsupported(f"onnxruntime {self.ort.__version__} has no {wanted}ExecutionProvider; it has "
                              f"{', '.join(there.values())}; pip install the build of the vendor, such as "
                              f"onnxruntime-{'gpu' if wanted.upper() == 'CUDA' else wanted.lower()}")
        self.short, self.provider, self.index = short, there[short], int(index or 0)
        self.place, query = self.places.get(short, ("cpu", None))
        self.version, self.driver = self.ort.__version__, self.provider
        if short == "CPU":
            self.card = processor_name()
        else:
            self.card = (query and card_name(query, self.index)) or f"unnamed device of {self.provider}"
            self.device_type = "discrete" if query and query != "mps" else "other"
            self.version += f"+{short}"
        self.generator = Generator(self.np)

    def array(self, host, dtype, shape):
        return self.ort.OrtValue.ortvalue_from_numpy(
            self.np.ascontiguousarray(host.reshape(shape)), self.place, self.index)

    def poisoned(self, dtype, shape):
        """An output: its value, and the binding that writes to it once there is one."""
        return {"value": self.array(self.host_poison(dtype, shape), dtype, shape), "binding": None}

    def poison(self, output, dtype):
        output["value"] = self.poisoned(dtype, output["value"].shape())["value"]
        if output["binding"]:
            output["binding"].bind_ortvalue_output("y", output["value"])
        return output

    def to_host(self, output):
        return output["value"].numpy()

    def session(self, graph):
        """Compiles a graph for the provider alone."""
        options = self.ort.SessionOptions()
        options.log_severity_level = 3
        chosen = {}
        if self.short != "CPU":
            options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
            chosen = dict(self.options.get(self.short, {}))
            if self.place != "cpu":
                chosen["device_id"] = str(self.index)
        session = self.ort.InferenceSession(graph.model(), options, providers=[(self.provider, chosen)])
        session.disable_fallback()
        if self.provider not in session.get_providers():
            raise unsupported(f"onnxruntime did not start {self.provider} and would compute on the CPU")
        return session

    def build(self, case, inputs, outputs):
        """A session for all sets, and a binding for each. Attention is an operator since version 23 of
        the standard; older runtimes and most providers have version 17 at least."""
        lacking = None
        for opset, version in ((23, 10), (17, 8)):
            try:
                session, words = self._compile(case, inputs[0], outputs[0], Graph(opset, version))
                thunks = [self._bind(session, arrays, output) for arrays, output in zip(inputs, outputs)]
                self.prove(thunks[0], outputs[0])
                return thunks, f"onnxruntime {words}"
            except Exception as error:
                lacking = lacking or refusal(error)
        raise lacking

    def _compile(self, case, inputs, output, graph):
        dtypes = [tensor["dtype"] for tensor in case.tensors()]
        graph.inputs = [graph.value(f"x{at}", dtypes[at], array.shape()) for at, array in enumerate(inputs)]
        graph.outputs = [graph.value("y", dtypes[-1], output["value"].shape())]
        words = getattr(self, case.family)(case, graph)
        return self.session(graph), words

    def _bind(self, session, inputs, output):
        binding, run = session.io_binding(), session.run_with_iobinding
        for at, array in enumerate(inputs):
            binding.bind_ortvalue_input(f"x{at}", array)
        binding.bind_ortvalue_output("y", output["value"])
        # A binding does not keep the host's memory of its inputs alive.
        output["binding"], output["inputs"] = binding, inputs

        def execute():
            run(binding)
            return output
        return execute

    def fence(self, outputs):
        for output in outputs:
            if output["binding"]:
                output["binding"].synchronize_outputs()

    def _scalar(self, graph, dtype, number):
        return graph.constant(dtype, (), self.np.array(number, "float16" if dtype == "f16" else "float32").tobytes())

    def gemm(self, case, graph):
        words, sides = "MatMul", []
        for name, is_transposed in (("x0", case.a_transposed), ("x1", case.b_transposed)):
            if is_transposed:
                batch = "b" in case.numbers and case.b > 1
                name = graph.node("Transpose", [name], perm=(0, 2, 1) if batch else (1, 0))
                words = "Transpose, MatMul"
            sides.append(name)
        if case.input == "i8":
            graph.node("MatMulInteger", sides, "y")
            return words + "Integer"
        graph.node("MatMul", sides, "y")
        return words

    gemv = gemm

    def attention(self, case, graph):
        np, (begin, end), mask = self.np, case.seen(), mask_array(self.np, case)

        def part(name, axis, first, last):
            edges = [graph.constant("i64", (1,), struct.pack("<q", number)) for number in (first, last, axis)]
            return graph.node("Slice", [name] + edges)
        k, v = "x1", None if case.latent else "x2"
        if end - begin < case.kv:
            k, v = part(k, 2, begin, end), v and part(v, 2, begin, end)
        v = v or part(k, 3, 0, case.dv)
        if graph.opset >= 23:
            if mask is not None and case.q == case.kv and "w" not in case.numbers:
                graph.node("Attention", ["x0", k, v], "y", is_causal=1)
            else:
                hidden = [] if mask is None else [graph.constant("bool", mask.shape, mask.tobytes())]
                graph.node("Attention", ["x0", k, v] + hidden, "y")
            return "Attention"
        # Five dimensions: keys of a group are the same for all its heads.
        five = [(case.b, case.hkv, case.group, case.q, case.d), (case.b, case.hkv, 1, end - begin, case.d),
                (case.b, case.hkv, 1, end - begin, case.dv), (case.b, case.hq, case.q, case.dv)]
        shapes = [graph.constant("i64", (len(shape),), struct.pack(f"<{len(shape)}q", *shape)) for shape in five]
        q, k, v = (graph.node("Reshape", [name, shape]) for name, shape in zip(("x0", k, v), shapes))
        scores = graph.node("MatMul", [q, graph.node("Transpose", [k], perm=(0, 1, 2, 4, 3))])
        scores = graph.node("Mul", [scores, self._scalar(graph, case.input, case.d ** -0.5)])
        if mask is not None:
            # Finite in f16 and far below every score: the exponential is zero.
            hidden = np.where(mask, 0, -60000).astype("float16" if case.input == "f16" else "float32")
            scores = graph.node("Add", [scores, graph.constant(case.input, hidden.shape, hidden.tobytes())])
        result = graph.node("MatMul", [graph.node("Softmax", [scores], axis=-1), v])
        graph.node("Reshape", [result, shapes[3]], "y")
        return "composed attention: MatMul, Softmax, MatMul"

    def stream(self, case, graph):
        if case.op == "read":
            axis = graph.constant("i64", (1,), struct.pack("<q", 1))
            graph.node("ReduceSum", ["x0", axis], "y", keepdims=0)
            return "ReduceSum"
        if case.op == "write":
            graph.node("Expand", ["x0", graph.constant("i64", (1,), struct.pack("<q", case.n))], "y")
            return "Expand"
        if case.op == "triad":
            graph.node("Add", ["x0", graph.node("Mul", ["x1", "x2"])], "y")
            return "Mul, Add"
        operator = {"copy": "Identity", "scale": "Mul", "add": "Add"}[case.op]
        graph.node(operator, ["x0"] if case.op == "copy" else ["x0", "x1"], "y")
        return operator

    def softmax(self, case, graph):
        graph.node("Softmax", ["x0"], "y", axis=-1)
        return "Softmax"

    def gather(self, case, graph):
        graph.node("Gather", ["x0", "x1"], "y", axis=0)
        return "Gather"

    def transpose(self, case, graph):
        graph.node("Transpose", ["x0"], "y", perm=(1, 0))
        return "Transpose"


# ---- The protocol -----------------------------------------------------------------------------

RUNTIMES = {"numpy": NumPy, "torch": Torch, "jax": Jax, "onnx": Onnx}


def open_runtime(text):
    """The runtime that an argument names."""
    name, _, device = text.partition(":")
    if name not in RUNTIMES:
        raise unsupported(f"`{name[:40]}` is no runtime; there are {', '.join(RUNTIMES)}, "
                          "each with :DEVICE behind it, e.g. torch:cuda")
    if device and not re.fullmatch(r"\w{1,40}(:\d{1,3})?", device):
        raise unsupported(f"`{device[:40]}` is no device of {name}; a device is a word, or a word and a number, "
                          "e.g. cuda:1")
    return RUNTIMES[name](device or None)


def number(request, name, most=WORD, least=0):
    """A field that is a whole number within bounds."""
    value = request.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise failed(f"`{name}` is not a whole number of {least} to {most}")
    return value


class Prepared:
    """Buffers and thunks of a case, one of each for every set."""

    def __init__(self, case, outputs, thunks, bytes_held):
        self.case, self.outputs, self.thunks, self.bytes = case, outputs, thunks, bytes_held


class Executor:
    """Answers requests with one runtime, or says why there is none."""

    def __init__(self, argument):
        self.argument, self.prepared, self.next_handle = argument, {}, 1
        self.runtime, self.device, self.trouble = None, None, None

    def start(self):
        """Imports the runtime at the first request that needs it."""
        if self.trouble is None and self.runtime is None:
            try:
                self.runtime = open_runtime(self.argument)
                self.device = self.runtime.capabilities()
            except Exception as error:
                self.runtime, self.trouble = None, refusal(error)
        if self.trouble:
            raise self.trouble
        return self.runtime

    def answer(self, line):
        """The response to one line; nothing that a runtime raises gets out."""
        try:
            try:
                request = json.loads(line)
                name = request["request"]
                method = {"hello": self.hello, "prepare": self.prepare, "sample": self.sample, "read": self.read,
                          "poison": self.poison, "release": self.release, "bye": self.bye}.get(name)
            except (ValueError, TypeError, KeyError, RecursionError):
                raise failed("the line is not a request in JSON") from None
            if method is None:
                raise failed(f"there is no request `{str(name)[:40]}`")
            return method(request)
        except Exception as error:
            trouble = refusal(error)
            return {"response": "error", "status": trouble.status, "reason": trouble.reason}

    def hello(self, request):
        number(request, "protocol")
        runtime = self.start()
        return {"response": "hello", "protocol": PROTOCOL, "devices": [self.device],
                "executor": f"portamark_executor.py {VERSION} ({runtime.api} {clean(runtime.version)}, "
                            f"Python {platform.python_version()})"}

    def prepare(self, request):
        runtime = self.start()
        if request.get("device") != self.device["id"]:
            raise failed(f"there is no device {str(request.get('device'))[:160]}")
        case = Case(str(request.get("case", "")), runtime.api)
        runtime.check(case)
        seed, sets = number(request, "seed"), number(request, "sets", 1 << 16, 1)
        limit = number(request, "memory_limit", (1 << 64) - 1)
        described = request.get("tensors") or case.tensors()
        shapes = [shape for _, _, shape, _ in case.inputs] + [case.output[1]]
        if not isinstance(described, list) or len(described) != len(shapes):
            raise failed(f"`{case.key}` has {len(shapes)} tensors")
        each = sum(elements_of(tensor, shape) * ITEM_BYTES[tensor["dtype"]]
                   for tensor, shape in zip(described, shapes))
        held, others = each * sets, sum(other.bytes for other in self.prepared.values())
        scratch = runtime.scratch(case)
        if held + scratch + others > limit:
            scores = f" and {scratch} of scores" if scratch else ""
            raise Refused("out-of-memory", f"{held} bytes{scores} beside {others} are more than {limit}")
        try:
            return self._make(case, described, shapes, seed, sets, request.get("dist", "uniform"), held)
        except Exception as error:
            trouble = refusal(error)
            # The exception knows the frames that hold the buffers.
            trouble = Refused(trouble.status, trouble.reason)
        runtime.close()
        raise trouble

    def _make(self, case, described, shapes, seed, sets, dist, held):
        runtime, *inputs, result = self.runtime, *described, described[-1]
        inputs.pop()
        outputs, arrays = [], []
        for number_of_set in range(sets):
            outputs.append(runtime.poisoned(result["dtype"], shapes[-1]))
            arrays.append([runtime.array(runtime.generator.make(tensor, seed, number_of_set, dist),
                                         tensor["dtype"], shape) for tensor, shape in zip(inputs, shapes)])
        began = time.perf_counter_ns()
        thunks, kernel = runtime.build(case, arrays, outputs)
        compile_ns = time.perf_counter_ns() - began
        handle, self.next_handle = self.next_handle, self.next_handle + 1
        self.prepared[handle] = Prepared(case, outputs, thunks, held)
        self.prepared[handle].outputs = [runtime.poison(output, result["dtype"]) for output in outputs]
        return {"response": "prepared", "handle": handle, "compile_ns": compile_ns, "held_bytes": held,
                "kernel": kernel}

    def _handle(self, request):
        handle = number(request, "handle")
        if handle not in self.prepared:
            raise failed(f"there is no handle {handle}")
        return self.prepared[handle]

    def sample(self, request):
        prepared, runtime = self._handle(request), self.runtime
        k, first = number(request, "k"), number(request, "first_set")
        thunks, outputs = prepared.thunks, prepared.outputs
        sets = len(thunks)
        order = itertools.islice(itertools.cycle(range(sets)), first % sets, first % sets + k)
        runtime.fence(outputs)
        began = time.perf_counter_ns()
        events = runtime.stamps() if self.device["timer"] == "pass-timestamps" else None
        for number_of_set in order:
            outputs[number_of_set] = thunks[number_of_set]()
        if events:
            events[1].record()
        runtime.fence(outputs)
        host_ns = time.perf_counter_ns() - began
        device_ns, invalid = None, 0
        if events:
            milliseconds = float(events[0].elapsed_time(events[1]))
            # An empty batch may well begin and end on one tick.
            if math.isfinite(milliseconds) and milliseconds > 0:
                device_ns = round(milliseconds * 1e6)
            else:
                invalid = int(k > 0 or milliseconds != 0)
        return {"response": "sampled", "device_ns": device_ns, "host_ns": host_ns, "invalid": invalid}

    def read(self, request):
        prepared = self._handle(request)
        chosen, elements = number(request, "set"), request.get("elements")
        if chosen >= len(prepared.outputs):
            raise failed(f"there is no buffer set {chosen}")
        count = math.prod(prepared.case.output[1])
        if not isinstance(elements, list) or not all(
                type(element) is int and 0 <= element < count for element in elements):
            raise failed(f"elements are whole numbers below {count}")
        values, poisoned = self.runtime.inspect(prepared.outputs[chosen], prepared.case.result, elements)
        packed = base64.b64encode(struct.pack(f"<{len(values)}d", *values)).decode("ascii")
        return {"response": "values", "values": packed, "poisoned": poisoned}

    def poison(self, request):
        prepared = self._handle(request)
        prepared.outputs[:] = [self.runtime.poison(output, prepared.case.result) for output in prepared.outputs]
        self.runtime.fence(prepared.outputs)
        return {"response": "done"}

    def release(self, request):
        self._handle(request)
        del self.prepared[request["handle"]]
        self.runtime.close()
        return {"response": "done"}

    def bye(self, request):
        return {"response": "done"}


def main():
    if len(sys.argv) != 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__, file=sys.stderr)
        return 2
    # Whatever a library prints goes to stderr: stdout holds responses alone.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    executor = Executor(sys.argv[1])
    for line in sys.stdin.buffer:
        if not line.strip():
            continue
        response = executor.answer(line)
        answers.write(json.dumps(response) + "\n")
        answers.flush()
        if response == {"response": "done"} and b'"bye"' in line:
            break
    return 0


if __name__ == "__main__":
    sys.exit(main())
