"""A vendor's plug-in, without its card: stand-ins of torch and torch_npu on the module path."""

import importlib.util
import os
import stat
import tempfile
import unittest

from oracle import Oracle
from process import HERE, Process

STANDIN = os.path.join(HERE, "standin")
TABLE = """\
+---------------------------+---------------+----------------------------------------------------+
| NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|
+===========================+===============+====================================================+
| 0     910B4               | OK            | 93.6        40                0    / 0             |
| 0                         | 0000:C1:00.0  | 0           0    / 0          3317 / 65536         |
| 1     910B2C              | OK            | 93.6        40                0    / 0             |
| 0                         | 0000:C2:00.0  | 0           0    / 0          3317 / 65536         |
"""


@unittest.skipUnless(importlib.util.find_spec("numpy"), "numpy, which the stand-in computes with, is not installed")
class PlugIn(unittest.TestCase):
    def open(self, argument="torch:npu", **environment):
        path = os.pathsep.join([STANDIN] + [p for p in [os.environ.get("PYTHONPATH")] if p])
        process = Process(argument, {"PYTHONPATH": path, **environment})
        self.addCleanup(process.__exit__)
        return process

    def test_the_card_has_its_own_name_and_the_versions_of_both(self):
        device = self.open().device()
        self.assertEqual(device["id"], "torch/Ascend910B3/2.9.9+torch_npu-2.9.9.post1")
        self.assertEqual((device["name"], device["api"], device["driver"]), ("Ascend910B3", "torch", "npu"))
        self.assertEqual((device["device_type"], device["timer"], device["takes"]),
                         ("discrete", "pass-timestamps", "cases"))
        self.assertEqual((device["features"], device["limits"]["memory_bytes"]), (["shader-f16"], 1 << 26))

    def test_a_card_is_taken_before_the_processor_where_no_device_is_named(self):
        self.assertEqual(self.open("torch").device()["name"], "Ascend910B3")
        self.assertEqual(self.open("torch", STANDIN_CARDS="0").device()["device_type"], "software")

    def test_the_vendor_s_command_names_a_card_that_the_plug_in_does_not(self):
        with tempfile.TemporaryDirectory() as folder:
            command = os.path.join(folder, "npu-smi")
            with open(command, "w", encoding="utf-8") as script:
                script.write(f"#!/bin/sh\ncat <<'END'\n{TABLE}END\n")
            os.chmod(command, os.stat(command).st_mode | stat.S_IXUSR)
            path = folder + os.pathsep + os.environ["PATH"]
            for name in ("npu", ""):
                device = self.open("torch:npu:1", PATH=path, STANDIN_NAME=name).device()
                self.assertEqual(device["name"], "Ascend 910B2C")
        # Without the command, the name says that it is none.
        self.assertEqual(self.open(STANDIN_NAME="npu:0").device()["name"], "unnamed card of torch.npu")
        self.assertEqual(self.open(STANDIN_NAME="a/b\nc\\d").device()["id"].count("/"), 2)

    def test_missing_cards_are_said(self):
        for argument, cards, part in (("torch:npu:2", "2", "there is no npu:2"), ("torch:npu", "0", "sees 0 devices"),
                                      ("torch:mlu", "1", "torch_mlu is not installed"),
                                      ("torch:cuda", "1", "has no torch.cuda")):
            hello = self.open(argument, STANDIN_CARDS=cards).hello()
            self.assertEqual((hello["response"], hello["status"]), ("error", "unsupported"), argument)
            self.assertIn(part, hello["reason"])
            self.assertIn("pip install", hello["reason"])

    def test_values_are_right_and_times_are_the_events(self):
        process = self.open()
        for key in ("gemm f32 m5 n7 k9 tt", "gemm f16.f32 m5 n7 k9 nt", "gemv f32 n9 k33",
                    "attention f32 b2 hq4 hkv2 q3 kv7 d8 causal", "attention f32 b1 hq2 q3 d8 causal",
                    "softmax f32 r3 c37", "rmsnorm f32 r3 c37", "swiglu f16.f32 r3 c37", "rope f32 t3 h2 d8",
                    "gather f32 r6 c5 v4", "transpose f32 m3 n5", "stream f32 triad n1024", "stream f32 read n4096"):
            with self.subTest(key):
                prepared = process.prepare(key, sets=2)
                self.assertEqual(prepared["response"], "prepared", prepared)
                sampled = process.ask("sample", handle=prepared["handle"], k=3, first_set=1)
                self.assertTrue(0 < sampled["device_ns"] <= sampled["host_ns"], sampled)
                expected = list(Oracle(key, set=1).elements())
                values, poisoned = process.read(prepared["handle"], range(len(expected)), set=1)
                self.assertEqual(poisoned, 0)
                self.assertTrue(all(abs(value - exact) <= bound for value, (exact, bound) in zip(values, expected)))
                process.ask("release", handle=prepared["handle"])
        fused = process.prepare("attention f32 b2 hq4 hkv2 q1 kv7 d8")
        self.assertIn("scaled_dot_product_attention", fused["kernel"])

    def test_an_operator_that_is_missing_is_unsupported_with_the_first_line_of_why(self):
        process = self.open(STANDIN_OPS="matmul=lacks")
        refused = process.prepare("gemm f32 m4 n4 k4 nn")
        self.assertEqual(refused["status"], "unsupported")
        self.assertIn("Could not run 'aten::matmul'", refused["reason"])
        self.assertNotIn("more", refused["reason"])
        self.assertEqual(process.prepare("softmax f32 r2 c4")["response"], "prepared")
        self.assertIn("not implemented for 'BFloat16'", process.prepare("softmax bf16.f32 r2 c4")["reason"])

    def test_attention_is_composed_where_the_fused_operator_is_missing(self):
        key = "attention f32 b2 hq4 hkv2 q3 kv7 d8 causal"
        process = self.open(STANDIN_OPS="attention=lacks")
        prepared = process.prepare(key)
        self.assertIn("composed attention", prepared["kernel"])
        process.ask("sample", handle=prepared["handle"], k=1, first_set=0)
        expected = list(Oracle(key).elements())
        values, _ = process.read(prepared["handle"], range(len(expected)))
        self.assertTrue(all(abs(value - exact) <= bound for value, (exact, bound) in zip(values, expected)))

    def test_what_falls_back_to_the_processor_is_not_measured_as_the_card(self):
        for act in ("falls", "cpu"):
            process = self.open(STANDIN_OPS=f"softmax={act},matmul={act}")
            # Twice: a warning that comes once only must not let the second case through.
            for key in ("softmax f32 r2 c4", "softmax f32 r2 c4", "gemm f32 m4 n4 k4 nn"):
                refused = process.prepare(key)
                self.assertEqual((refused["response"], refused.get("status")), ("error", "unsupported"), (act, refused))
                self.assertRegex(refused["reason"], "on the CPU|on cpu and not on npu")

    def test_a_full_card_is_out_of_memory_and_release_makes_room(self):
        process = self.open(STANDIN_MEMORY=str(5 << 20))
        key = "transpose f32 m1024 n512"
        self.assertEqual(process.prepare(key, sets=2)["status"], "out-of-memory")
        for _ in range(3):
            prepared = process.prepare(key)
            self.assertEqual(prepared["response"], "prepared", prepared)
            refused = process.prepare(key)
            self.assertEqual(refused["status"], "out-of-memory", refused)
            self.assertIn("NPU out of memory", refused["reason"])
            process.ask("release", handle=prepared["handle"])

    def test_events_that_lie_are_counted_and_never_mended(self):
        for lie, empty in (("zero", 0), ("backwards", 1), ("nan", 1)):
            process = self.open(STANDIN_EVENTS=lie)
            device = process.device()
            handle = process.prepare("stream f32 copy n1024")["handle"]
            if device["timer"] == "host":
                self.assertEqual(lie, "nan")
                empty, some = 0, 0
            else:
                some = 1
            for k, invalid in ((0, empty), (2, some)):
                sampled = process.ask("sample", handle=handle, k=k, first_set=0)
                self.assertEqual((sampled["device_ns"], sampled["invalid"]), (None, invalid), (lie, k))
                self.assertGreater(sampled["host_ns"], 0)
        self.assertEqual(self.open(STANDIN_EVENTS="none").device()["timer"], "host")


if __name__ == "__main__":
    unittest.main()
