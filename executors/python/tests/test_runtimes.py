"""Every family on every runtime that is installed, through the real process, against the oracle.

A runtime that is not installed is skipped by name, unless PORTAMARK_REQUIRE_RUNTIMES (words like
`numpy,jax,onnx`) lists it. One that is installed and fails, fails the test.
"""

import importlib.util
import os
import unittest

from oracle import Oracle
from process import Process

MODULES = {"numpy": "numpy", "torch": "torch", "jax": "jax", "onnx": "onnxruntime"}
REQUIRED = os.environ.get("PORTAMARK_REQUIRE_RUNTIMES", "").replace(",", " ").split()

PLAIN = [
    "gemm f32 m5 n7 k9 nn", "gemm f32 m5 n7 k9 nt", "gemm f32 m5 n7 k9 tn", "gemm f32 m5 n7 k9 tt",
    "gemm f32 b3 m4 n5 k6 nn", "gemm f32 b3 m4 n5 k6 tt", "gemm f32 m1 n1 k1 nn",
    "gemv f32 n9 k33", "gemv f32 m3 n9 k33",
    "attention f32 b2 hq4 hkv2 q5 kv5 d8 causal", "attention f32 b1 hq2 q3 kv7 d8 causal",
    "attention f32 b2 hq4 hkv2 q3 kv7 d8 causal", "attention f32 b2 hq4 hkv2 q1 kv9 d8",
    "attention f32 b1 hq2 q3 kv6 d8", "attention f32 b1 hq1 hkv1 q4 kv6 d8 causal w3",
    "attention f32 b1 hq2 q1 kv9 d8 w4", "attention f32 b1 hq2 q5 d8 causal w2",
    "attention f32 b1 hq2 q3 kv5 d8 dv4", "attention f32 b1 hq4 hkv1 q1 kv6 d12 dv8 latent",
    "attention f32 b2 hq4 hkv1 q3 kv6 d12 dv8 causal latent",
    "stream f32 copy n2048", "stream f32 scale n2048", "stream f32 add n2048", "stream f32 triad n2048",
    "stream f32 read n4096", "stream f32 write n2048",
    "softmax f32 r3 c37", "gather f32 r6 c5 v4", "transpose f32 m3 n5", "transpose f32 m1 n5",
]
COMPOSED = ["rmsnorm f32 r3 c37", "swiglu f32 r3 c37", "rope f32 t3 h2 d8"]
HALF = ["gemm f16.f32 m5 n7 k9 nn", "gemm f16.f32 m5 n7 k9 tt", "gemv f16.f32 n9 k33",
        "attention f16.f32 b2 hq4 hkv2 q5 kv5 d8 causal", "attention f16.f32 b1 hq2 q3 kv7 d8 causal",
        "attention f16.f32 b2 hq4 hkv2 q1 kv9 d8", "attention f16.f32 b1 hq4 hkv1 q1 kv6 d12 dv8 latent",
        "softmax f16.f32 r3 c37", "gather f16 r6 c5 v4", "transpose f16 m3 n5"]
HALF_COMPOSED = ["rmsnorm f16.f32 r3 c37", "swiglu f16.f32 r3 c37", "rope f16.f32 t3 h2 d8"]
INTEGER = ["gemm i8.i32 m5 n7 k9 nn", "gemm i8.i32 m32 n16 k24 nt", "gemv i8.i32 m1 n8 k24"]


def in_bf16(keys):
    return [key.replace("f16", "bf16") for key in keys]


# What each runtime is known to compute, and what it says it lacks.
ABILITIES = {
    "numpy": (PLAIN + COMPOSED + HALF + HALF_COMPOSED + INTEGER, ["gemm bf16.f32 m4 n4 k4 nn"]),
    "jax": (PLAIN + COMPOSED + HALF + HALF_COMPOSED + INTEGER + in_bf16(HALF + HALF_COMPOSED), []),
    "onnx": (PLAIN + HALF + INTEGER, COMPOSED + ["gemm bf16.f32 m4 n4 k4 nn"]),
    # What torch supports of f16, bf16 and i8 on the CPU depends on its version.
    "torch": (PLAIN + COMPOSED, []),
}
OPTIONAL = {"torch": HALF + HALF_COMPOSED + in_bf16(HALF + HALF_COMPOSED) + INTEGER}
NOWHERE = ["peak f32 fma c64 s16", "latency i32 n1024 s1024", "launch i32 d4", "moe f32 e4 k2 t4 n8 d8",
           "layer f32 anything", "gemm f16 m4 n4 k4 nn", "gemm f32xq8_0 m1 n4 k32 nt", "gemm e4m3.f32 m4 n4 k4 nn",
           "attention f32 b1 hq1 q1 kv4 d8 page2", "attention f32xq8_0 b1 hq1 q1 kv4 d32"]


class Runtimes(unittest.TestCase):
    """One test of each kind for each runtime; see the end of the file."""

    def executor(self, name):
        if not importlib.util.find_spec(MODULES[name]):
            if name in REQUIRED:
                self.fail(f"{name} is required and not installed")
            self.skipTest(f"{name} is not installed")
        process = Process(f"{name}:cpu" if name == "torch" else name)
        self.addCleanup(process.__exit__)
        process.version = process.device()["driver_version"]
        return process

    def check(self, process, key, sets=1, chosen=0, **fields):
        """Prepares, samples and compares; gives the answer to `prepare`."""
        prepared = process.prepare(key, sets=sets, **fields)
        if prepared["response"] == "error":
            return prepared
        handle = prepared["handle"]
        expected = list(Oracle(key, set=chosen, dist=fields.get("dist", "uniform")).elements())
        elements = range(len(expected))
        self.assertEqual(process.read(handle, [0], chosen)[1], len(expected), f"{key}: poison before")
        sampled = process.ask("sample", handle=handle, k=2 * sets, first_set=0)
        self.assertGreater(sampled["host_ns"], 0)
        values, poisoned = process.read(handle, elements, chosen)
        self.assertEqual(poisoned, 0, key)
        for element, (value, (exact, bound)) in enumerate(zip(values, expected)):
            self.assertLessEqual(abs(value - exact), bound, f"{key} element {element}: {value}, exact {exact}")
        process.ask("poison", handle=handle)
        self.assertEqual(process.read(handle, [0], chosen)[1], len(expected), f"{key}: poison after")
        self.assertEqual(process.ask("release", handle=handle), {"response": "done"})
        return prepared

    def families(self, name):
        process = self.executor(name)
        can, lacks = ABILITIES[name]
        for key in can:
            with self.subTest(key):
                prepared = self.check(process, key)
                self.assertEqual(prepared["response"], "prepared", prepared)
                self.assertTrue(prepared["kernel"])
        for key in OPTIONAL.get(name, []):
            with self.subTest(key):
                if process.version.startswith("1.") and key.startswith("gem") and "bf16" in key:
                    # It sums in bf16 on a processor without instructions for it, which no bound forgives.
                    continue
                prepared = self.check(process, key)
                if prepared["response"] == "error":
                    self.assertEqual(prepared["status"], "unsupported", prepared)
        for key in lacks + NOWHERE:
            with self.subTest(key):
                refused = process.prepare(key)
                self.assertEqual((refused["response"], refused.get("status")), ("error", "unsupported"), refused)
                self.assertTrue(refused["reason"].startswith(name + " "), refused["reason"])
        self.assertEqual(process.farewell(), 0)

    def sets_and_inputs(self, name):
        """Every set has its own inputs and output, of every distribution."""
        process = self.executor(name)
        for dist in ("uniform", "normal", "zeros", "sparse"):
            for key in ("gemm f32 m4 n5 k6 nt", "softmax f32 r2 c5"):
                self.assertEqual(self.check(process, key, sets=3, chosen=2, dist=dist)["response"], "prepared")
        prepared = process.prepare("transpose f32 m4 n5", sets=3)
        handle, all_of = prepared["handle"], range(20)
        self.assertEqual(prepared["held_bytes"], 3 * 2 * 80)
        # An empty batch computes nothing, one execution on set 4 mod 3 only that set.
        process.ask("sample", handle=handle, k=0, first_set=0)
        process.ask("sample", handle=handle, k=1, first_set=4)
        self.assertEqual([process.read(handle, [0], number)[1] for number in range(3)], [20, 0, 20])
        process.ask("sample", handle=handle, k=2, first_set=2)
        exact = [[value for value, _ in Oracle("transpose f32 m4 n5", set=number).elements()] for number in range(3)]
        self.assertEqual([process.read(handle, all_of, number)[0] for number in range(3)], exact)

    def limits(self, name):
        process = self.executor(name)
        key = "gemm f32 m4 n4 k4 nn"
        self.assertEqual(process.prepare(key, memory_limit=191)["status"], "out-of-memory")
        prepared = process.prepare(key, memory_limit=192)
        self.assertEqual(prepared["held_bytes"], 192)
        self.assertEqual(process.prepare(key, memory_limit=383)["status"], "out-of-memory", "held beside it")
        process.ask("release", handle=prepared["handle"])
        self.assertEqual(process.prepare(key, memory_limit=192)["response"], "prepared")


for runtime in MODULES:
    for kind in (Runtimes.families, Runtimes.sets_and_inputs, Runtimes.limits):
        setattr(Runtimes, f"test_{runtime}_{kind.__name__}", lambda self, kind=kind, name=runtime: kind(self, name))


if __name__ == "__main__":
    unittest.main()
