"""Parts of the executor by themselves: inputs, keys, names, models, and what exceptions mean."""

import importlib.util
import os
import random
import sys
import unittest
from unittest import mock

import oracle
from process import EXECUTOR

sys.path.insert(0, os.path.dirname(EXECUTOR))
from portamark_executor import cards, formats, generator, onnx_graph, refusals, runtime, torch_runtime  # noqa: E402
from portamark_executor.case import Case  # noqa: E402

DISTRIBUTIONS = ("uniform", "normal", "zeros", "sparse")


def installed(name):
    return importlib.util.find_spec(name) is not None


def values_of(host, dtype, np=None):
    """A tensor made on the host in f64."""
    if np is not None and dtype == "bf16":
        host = (host.astype(np.uint32) << 16).view(np.float32)
    return [float(value) for value in host.tolist()]


class Inputs(unittest.TestCase):
    def test_the_published_vectors_hold(self):
        self.assertEqual((generator.mix(0), generator.mix(1)), (0, 0x688990C0))
        keys = generator.keys(42, 1)
        hashes = [generator.element_hash(index, *keys) for index in range(4)]
        self.assertEqual(hashes, [0x05B66F04, 0xCF92DDB0, 0x5DF812E9, 0xDB6E4CD6])

    def check(self, maker, np=None):
        for dtype in ("f32", "f16", "bf16", "i8"):
            bits = formats.GRID_BITS.get(dtype, 0)
            grid = {"limit": (1 << (bits or 7)) - 1, "shift": bits}
            for dist in DISTRIBUTIONS:
                for scale in (0, 3) if bits else (0,):
                    tensor = {"name": "x", "dtype": dtype, "len": 150, "number": 5, "grid": grid, "scale": scale}
                    host = maker.make(tensor, 0xFFFFFFF0, 3, dist)
                    expected = [oracle.value(0xFFFFFFF0, 3 * 64 + 5, i, dtype, scale, dist) for i in range(150)]
                    self.assertEqual(values_of(host, dtype, np), expected, (dtype, dist))
        # Of no distribution is a zero negative, which would be other bits.
        tensor = {"name": "x", "dtype": "f32", "len": 4000, "number": 1, "grid": {"limit": 3, "shift": 2}, "scale": 0}
        for dist in DISTRIBUTIONS:
            self.assertNotIn("-0.0", map(str, values_of(maker.make(tensor, 1, 0, dist), "f32")))

    @unittest.skipUnless(installed("numpy"), "numpy is not installed")
    def test_numpy_makes_the_bits_of_the_definition(self):
        import numpy
        self.check(generator.Generator(numpy), numpy)

    @unittest.skipUnless(installed("torch"), "torch is not installed")
    def test_torch_without_numpy_makes_the_bits_of_the_definition(self):
        import torch
        self.check(generator.Generator(None, torch))

    @unittest.skipUnless(installed("numpy"), "numpy is not installed")
    def test_chunks_join_without_a_seam_and_the_index_may_be_large(self):
        import numpy
        maker = generator.Generator(numpy)
        grid, many = {"limit": 1023, "shift": 10}, (1 << 16) * 2 + 77
        tensor = {"name": "x", "dtype": "f16", "len": many, "number": 1, "grid": grid, "scale": 0}
        host = maker.make(tensor, 9, 0, "normal")
        for index in [0, 65535, 65536, 131071, 131072, many - 1] + random.Random(1).sample(range(many), 50):
            self.assertEqual(float(host[index]), oracle.value(9, 1, index, "f16", 0, "normal"), index)
        last = maker.floats(0xFFFFFF00, 255, tensor, 1, 9, "sparse")
        self.assertEqual(float(last[-1]), oracle.value(9, 1, 0xFFFFFFFE, "f16", 0, "sparse"))

    @unittest.skipUnless(installed("numpy"), "numpy is not installed")
    def test_what_is_not_known_is_refused(self):
        import numpy
        maker = generator.Generator(numpy)
        tensor = {"name": "x", "dtype": "f32", "len": 4, "number": 1, "grid": {"limit": 7, "shift": 3}, "scale": 0}
        for change, dist in (({}, "cauchy"), ({"grid": {}}, "uniform"), ({"grid": {"limit": 1 << 24, "shift": 0}},
                             "uniform"), ({"table": [1, 2]}, "uniform"), ({"scale": 100}, "uniform")):
            with self.assertRaises(refusals.Refused):
                maker.make({**tensor, **change}, 1, 0, dist)


class Keys(unittest.TestCase):
    def test_a_key_gives_shapes_and_tensors(self):
        for key, shapes, output in (
                ("gemm f32 m2 n3 k4 nn", [(2, 4), (4, 3)], (2, 3)),
                ("gemm f32 b5 m2 n3 k4 tt", [(5, 4, 2), (5, 3, 4)], (5, 2, 3)),
                ("gemm f32 b1 m2 n3 k4 tn", [(4, 2), (4, 3)], (2, 3)),
                ("gemv f16.f32 n3 k4", [(1, 4), (3, 4)], (1, 3)),
                ("attention f32 b1 hq4 hkv2 q3 kv7 d8 dv4 causal w3", [(1, 4, 3, 8), (1, 2, 7, 8), (1, 2, 7, 4)],
                 (1, 4, 3, 4)),
                ("stream f32 read n2048", [(2, 1024)], (2,)),
                ("gather bf16 r3 c8 v5", [(5, 8), (3,)], (3, 8))):
            case = Case(key)
            self.assertEqual(([shape for _, _, shape, _ in case.inputs], case.output[1]), (shapes, output), key)
        tensors = Case("rope f16.f32 t3 h2 d8").tensors()
        self.assertEqual([tensor["dtype"] for tensor in tensors], ["f16", "f32", "f32", "f16"])
        self.assertEqual(Case("gather f32 r2 c1 v5").tensors()[1]["table"], [0, 2])

    def test_masks_are_aligned_with_the_last_key(self):
        case = Case("attention f32 b1 hq1 q4 kv6 d8 causal w3")
        self.assertEqual([case.visible(query) for query in range(4)], [(0, 3), (1, 4), (2, 5), (3, 6)])
        self.assertEqual((case.seen(), case.is_masked), ((0, 6), True))
        step = Case("attention f32 b1 hq1 q1 kv100 d8 w10 causal")
        self.assertEqual((step.seen(), step.is_masked), ((90, 100), False))

    def masks(self, xp):
        """Masks made by arithmetic against what each query sees."""
        for key in ("q4 kv6 causal w3", "q4 kv6 causal", "q4 kv6 w3", "q1 kv6 causal w3", "q5 causal w9", "q5 causal"):
            case = Case("attention f32 b1 hq1 d8 " + key)
            mask, (begin, end) = runtime.mask_array(xp, case), case.seen()
            rows = [case.visible(query) for query in range(case.q)]
            expected = [[first <= at < last for at in range(begin, end)] for first, last in rows]
            self.assertEqual(mask is None, all(map(all, expected)), key)
            if mask is not None:
                self.assertEqual(mask.tolist(), expected, key)

    @unittest.skipUnless(installed("numpy"), "numpy is not installed")
    def test_masks_of_numpy_are_what_each_query_sees(self):
        self.masks(importlib.import_module("numpy"))

    @unittest.skipUnless(installed("torch"), "torch is not installed")
    def test_masks_of_torch_are_what_each_query_sees(self):
        self.masks(importlib.import_module("torch"))

    def test_what_is_wrong_fails_and_what_is_lacking_is_unsupported(self):
        for status, keys in (
                ("failed", ["", "gemm", "gemm f32 m1 n1 nn", "gemm f32 m0 n1 k1 nn", "gemm f32 m1 n1 k1",
                            "gemm f32 m1 n1 k1 nn nt", "gemm f32 m9999999999 n1 k1 nn", "stream f32 copy n5",
                            "attention f32 b1 hq3 hkv2 q1 d8", "attention f32 b1 hq1 q4 kv3 d8 causal",
                            "rope f32 t1 h1 d3"]),
                ("unsupported", ["conv f32 n1", "gemm f64 m1 n1 k1 nn", "gemm f16 m1 n1 k1 nn",
                                 "gemm bf16 m1 n1 k1 nn", "gemm f32.i32 m1 n1 k1 nn", "softmax i8.i32 r1 c1",
                                 "gemm f32xq4_0 m1 n1 k32 nt", "gemm f32 m1 n1 k1 nn sparse",
                                 "attention f32 b1 hq1 q1 kv4 d8 page2"])):
            for key in keys:
                with self.assertRaises(refusals.Refused, msg=key) as caught:
                    Case(key)
                self.assertEqual(caught.exception.status, status, key)


class Names(unittest.TestCase):
    def test_of_the_names_of_a_plug_in_the_first_that_is_there_is_taken(self):
        self.assertEqual(torch_runtime.installed(("no_such_module.torch", "json", "re")), "json")
        self.assertIsNone(torch_runtime.installed(("no_such_module",)))
        self.assertIsNone(torch_runtime.installed(()))

    def named(self, kind, printed, index=0):
        with mock.patch.object(cards, "output_of", lambda command: printed.get(command.split()[0], "")):
            return cards.card_name(kind, index)

    def test_the_vendors_commands_are_read(self):
        for kind, command, text, name in (
                ("cuda", "nvidia-smi", "NVIDIA H100 80GB HBM3\nNVIDIA L4\n", "NVIDIA H100 80GB HBM3"),
                ("cuda", "rocm-smi", "GPU[0]\t\t: Card series:\t\tAMD Instinct MI300X\n", "AMD Instinct MI300X"),
                ("cuda", "mx-smi", "| 0   MetaX C500   Off |", "MetaX C500"),
                ("npu", "npu-smi", "| 0     910B3               | OK            | 93.6  40 |", "Ascend 910B3"),
                ("npu", "npu-smi", "| 0     Ascend910           | OK            | 167.5  45 |", "Ascend910"),
                ("npu", "npu-smi", "| 0     910B4-1             | OK            | 93.6  40 |", "Ascend 910B4-1"),
                ("mlu", "cnmon", "Product Name                   : MLU370-X8\n", "MLU370-X8"),
                ("musa", "mthreads-gmi", "| 0    MTT S4000         |00000000:01:00.0   |", "MTT S4000"),
                ("hpu", "hl-smi", "name\nHL-225H\n", "Habana HL-225H"),
                ("supa", "brsmi", "| 0   Biren106B   On |", "Biren106B"),
                ("xpu", "xpu-smi", "| 0 | Device Name: Intel(R) Data Center GPU Max 1550  |",
                 "Intel(R) Data Center GPU Max 1550"),
                ("npu", "npu-smi", "dcmi module initialize failed. ret is -8005", ""),
                ("npu", "none", "", "")):
            self.assertEqual(self.named(kind, {command: text}), name)
        self.assertEqual(self.named("cuda", {"nvidia-smi": "NVIDIA H100\nNVIDIA L4\n"}, 1), "NVIDIA L4")

    def test_a_name_of_many_chips_has_the_architecture_beside_it(self):
        def named(name, **properties):
            there = object.__new__(torch_runtime.Torch)
            there.kind, there.index, there.device_type = "cuda", 0, "discrete"
            there.backend = mock.Mock(spec=["get_device_properties", "get_device_name"])
            there.backend.get_device_properties.return_value = mock.Mock(spec=list(properties), **properties)
            there.backend.get_device_name.return_value = name
            return there._name(), there.device_type
        strix = dict(gcnArchName="gfx1151", is_integrated=1)
        self.assertEqual(named("AMD Radeon Graphics", **strix), ("AMD Radeon Graphics (gfx1151)", "integrated"))
        mi300 = dict(gcnArchName="gfx942:sramecc+:xnack-", is_integrated=0)
        self.assertEqual(named("AMD Instinct MI300X", **mi300), ("AMD Instinct MI300X", "discrete"))
        self.assertEqual(named("AMD Radeon Graphics", **mi300), ("AMD Radeon Graphics (gfx942)", "discrete"))
        self.assertEqual(named("NVIDIA H20"), ("NVIDIA H20", "discrete"))

    def test_a_name_is_one_line_without_slashes(self):
        self.assertEqual(cards.clean(" a/b\\c\n\x00d  e "), "a b c d e")
        self.assertTrue(cards.processor_name())
        self.assertEqual(cards.output_of("there-is-no-such-command at all"), "")


class Meanings(unittest.TestCase):
    def test_exceptions_become_the_status_of_a_row(self):
        class OutOfMemoryError(RuntimeError):
            pass
        for error, status in (
                (MemoryError(), "out-of-memory"), (OutOfMemoryError("x"), "out-of-memory"),
                (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "out-of-memory"),
                (RuntimeError("RESOURCE_EXHAUSTED: Out of memory"), "out-of-memory"),
                (RuntimeError("\"addmm_impl_cpu_\" not implemented for 'Half'"), "unsupported"),
                (NotImplementedError("no"), "unsupported"),
                (RuntimeError("CUDA error: an illegal memory access was encountered"), "device-lost"),
                (RuntimeError("mat1 and mat2 shapes"), "failed"), (ZeroDivisionError(), "failed")):
            self.assertEqual(refusals.refusal(error).status, status, error)
        self.assertEqual(refusals.refusal(RuntimeError("one\ntwo")).reason, "RuntimeError: one")

    def test_protobuf_is_written_by_its_rules(self):
        # 300 is 0xAC 0x02, in the example of the encoding's documentation; -1 has ten bytes.
        self.assertEqual(onnx_graph.varint(300), b"\xac\x02")
        self.assertEqual(onnx_graph.varint(-1), b"\xff" * 9 + b"\x01")
        self.assertEqual(onnx_graph.field(1, 150), b"\x08\x96\x01")
        self.assertEqual(onnx_graph.field(2, "testing"), b"\x12\x07testing")
        self.assertEqual(onnx_graph.field(3, 1.0), b"\x1d\x00\x00\x80\x3f")


if __name__ == "__main__":
    unittest.main()
