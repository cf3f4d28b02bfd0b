"""Requests and responses, as executors/src/protocol.rs has them."""

import base64
import itertools
import json
import math
import platform
import re
import struct
import time

from portamark_executor.cards import clean
from portamark_executor.case import Case, elements_of
from portamark_executor.formats import ITEM_BYTES, WORD
from portamark_executor.jax_runtime import Jax
from portamark_executor.numpy_runtime import NumPy
from portamark_executor.onnx_runtime import Onnx
from portamark_executor.refusals import Refused, failed, refusal, unsupported
from portamark_executor.torch_runtime import Torch

PROTOCOL = 1
VERSION = "1.0"
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
                "executor": f"portamark_executor {VERSION} ({runtime.api} {clean(runtime.version)}, "
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
