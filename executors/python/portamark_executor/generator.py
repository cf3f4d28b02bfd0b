"""Inputs: element i of tensor t is a pure function of (seed, t, i), as crates/model/src/workload/generator.rs has it."""

import concurrent.futures
import os

from portamark_executor.formats import WORD, torch_dtypes
from portamark_executor.refusals import failed

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
