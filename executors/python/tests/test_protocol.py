"""The executor answers every line with one line, whatever the line is."""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import unittest
import zipapp

from process import EXECUTOR, Process

KEY = "gemm f32 m4 n4 k4 nn"


class WithoutRuntime(unittest.TestCase):
    def test_words_that_name_no_runtime_are_refused_with_the_list(self):
        for argument, part in (("tensorflow", "numpy, torch, jax, onnx"), ("", "numpy, torch"),
                               ("torch:../../etc", "`../../etc` is no device"), ("numpy:cuda", "there is cpu"),
                               ("torch:cpu:0:1", "is no device"), ("onnx:", None), ("torch:banana", None)):
            with Process(argument) as process:
                hello = process.hello()
                if part:
                    self.assertEqual((hello["response"], hello["status"]), ("error", "unsupported"), hello)
                    self.assertIn(part, hello["reason"])
                self.assertEqual(process.farewell(), 0)

    def test_what_is_not_installed_is_named_with_the_command_that_installs_it(self):
        for name, module in (("numpy", "numpy"), ("torch", "torch"), ("jax", "jax"), ("onnx", "onnxruntime")):
            if importlib.util.find_spec(module):
                continue
            with Process(name) as process:
                for hello in (process.hello(), process.ask("prepare", device="x", case=KEY)):
                    self.assertEqual(hello["status"], "unsupported")
                    self.assertIn(f"{module} is not installed: pip install", hello["reason"])

    def test_its_help_is_on_stderr_and_wrong_usage_is_2(self):
        for arguments in ([], ["--help"], ["numpy", "torch"]):
            done = subprocess.run([sys.executable, EXECUTOR] + arguments, capture_output=True, check=False)
            self.assertEqual((done.returncode, done.stdout), (2, b""))
            self.assertIn(b"RUNTIME[:DEVICE", done.stderr)


class Folder(unittest.TestCase):
    def test_it_runs_as_one_file_too(self):
        with tempfile.TemporaryDirectory() as folder:
            archive = os.path.join(folder, "portamark_executor.pyz")
            zipapp.create_archive(EXECUTOR, archive)
            done = subprocess.run([sys.executable, archive, "tensorflow"], input=b'{"request":"hello","protocol":1}',
                                  capture_output=True, check=False, timeout=60)
            self.assertIn("numpy, torch, jax, onnx", json.loads(done.stdout)["reason"], done.stderr)

    def test_its_modules_neither_hide_those_of_a_runtime_nor_are_hidden(self):
        with tempfile.TemporaryDirectory() as folder:
            names = [name for name in os.listdir(EXECUTOR) if name.endswith(".py") and not name.startswith("_")]
            for name in names:
                with open(os.path.join(folder, name), "w", encoding="utf-8") as module:
                    module.write(f"IS = 'the vendor s {name}'")
            with open(os.path.join(folder, "numpy.py"), "w", encoding="utf-8") as module:
                module.write("".join(f"import {name[:-3]}\n" for name in names)
                             + "raise OSError(' and '.join((cards.IS, case.IS, runtime.IS)))")
            with Process("numpy", {"PYTHONPATH": folder}) as process:
                self.assertIn("the vendor s cards.py and the vendor s case.py and the vendor s runtime.py",
                              process.hello()["reason"])


@unittest.skipUnless(importlib.util.find_spec("numpy"), "numpy is not installed")
class Lines(unittest.TestCase):
    def setUp(self):
        self.process = Process("numpy")
        self.addCleanup(self.process.__exit__)

    def refused(self, answer, status, part):
        self.assertEqual((answer["response"], answer.get("status")), ("error", status), answer)
        self.assertIn(part, answer["reason"])

    def test_hello_is_the_description_of_one_device(self):
        hello = self.process.hello()
        self.assertEqual((hello["response"], hello["protocol"], len(hello["devices"])), ("hello", 1, 1))
        self.assertIn("portamark_executor ", hello["executor"])
        device = hello["devices"][0]
        self.assertEqual(device["id"], f"numpy/{device['name']}/{device['driver_version']}")
        self.assertEqual((device["takes"], device["device_type"], device["timer"]), ("cases", "software", "host"))
        # Another version is answered with its own: the runner refuses it.
        self.assertEqual(self.process.ask("hello", protocol=99)["protocol"], 1)
        self.refused(self.process.ask("hello"), "failed", "`protocol`")

    def test_what_is_no_request_fails_and_the_next_line_is_answered(self):
        for line in (b"}MESA: debug output", b"null", b"[]", b"7", b'"hello"', b"{}", b'{"request":7}', b"\xff\xfe",
                     b'{"request":["hello"]}', b"[" * 5000, b'{"request":"hello"'):
            answer = self.process.line(line)
            self.assertEqual((answer["response"], answer["status"]), ("error", "failed"), line)
        self.refused(self.process.ask("dance"), "failed", "`dance`")
        self.assertEqual(self.process.ask("hello", protocol=1, later={"field": 1})["response"], "hello")

    def test_a_prepare_that_cannot_be_says_why(self):
        good = self.process.prepare(KEY)
        self.assertEqual((good["response"], good["held_bytes"], good["kernel"]), ("prepared", 192, "numpy.matmul"))
        for fields, status, part in (
                ({"device": "numpy/other/1"}, "failed", "no device numpy/other/1"), ({"sets": 0}, "failed", "`sets`"),
                ({"sets": 1 << 20}, "failed", "`sets`"), ({"seed": -1}, "failed", "`seed`"),
                ({"seed": True}, "failed", "`seed`"), ({"memory_limit": "x"}, "failed", "`memory_limit`"),
                ({"dist": "cauchy"}, "failed", "values of tensor a"), ({"tensors": [1]}, "failed", "3 tensors"),
                ({"tensors": [{}, {}, {}]}, "failed", "no name"), ({"sets": 2, "memory_limit": 383}, "out-of-memory", "384")):
            self.refused(self.process.prepare(KEY, **fields), status, part)
        tensors = [{"name": name, "role": "input", "dtype": "f32", "len": 16, "number": number, "scale": 0,
                    "grid": {"limit": 7, "shift": 3}} for number, name in enumerate("abc")]
        self.refused(self.process.prepare(KEY, tensors=[dict(tensors[0], len=17)] + tensors[1:]), "failed", "17")
        self.refused(self.process.prepare(KEY, tensors=[dict(tensors[0], dtype="q4_0")] + tensors[1:]),
                     "unsupported", "q4_0")
        self.refused(self.process.prepare(KEY, tensors=[dict(tensors[0], grid=3)] + tensors[1:]), "failed", "grid")
        self.assertEqual(self.process.prepare(KEY, tensors=tensors)["response"], "prepared")

    def test_the_scores_of_composed_attention_count_against_the_memory(self):
        key, held, scores = "attention f32 b1 hq2 q16 kv64 d8", 4 * 2 * 8 * (16 + 64 + 64 + 16), 4 * 2 * 16 * 64
        self.refused(self.process.prepare(key, memory_limit=held + scores - 1), "out-of-memory", f"{scores} of scores")
        self.assertEqual(self.process.prepare(key, memory_limit=held + scores)["held_bytes"], held)

    def test_the_runner_s_tensors_are_what_is_computed_with(self):
        grid = {"limit": 1, "shift": 0}
        tensors = [{"name": "x", "role": "input", "dtype": "f32", "len": 6, "number": 9, "grid": grid, "scale": 2},
                   {"name": "y", "role": "output", "dtype": "f32", "len": 6, "number": 0, "grid": grid, "scale": 0}]
        handle = self.process.prepare("transpose f32 m2 n3", tensors=tensors)["handle"]
        self.process.ask("sample", handle=handle, k=1, first_set=0)
        values, _ = self.process.read(handle, range(6))
        self.assertTrue(set(values) <= {-4.0, 0.0, 4.0} and len(set(values)) > 1, values)

    def test_handles_sets_and_elements_that_are_not_there_fail(self):
        handle = self.process.prepare(KEY, sets=2)["handle"]
        ask = self.process.ask
        for answer, part in (
                (ask("sample", handle=99, k=1, first_set=0), "no handle 99"), (ask("poison", handle=99), "no handle"),
                (ask("release", handle=99), "no handle"), (ask("read", handle="1", set=0, elements=[]), "`handle`"),
                (ask("sample", handle=handle, k=-1, first_set=0), "`k`"),
                (ask("sample", handle=handle, k=1.5, first_set=0), "`k`"), (ask("sample", handle=handle, k=1), "first_set"),
                (ask("read", handle=handle, set=2, elements=[]), "no buffer set 2"),
                (ask("read", handle=handle, set=0, elements=[16]), "below 16"),
                (ask("read", handle=handle, set=0, elements=[-1]), "below 16"),
                (ask("read", handle=handle, set=0, elements=[0.5]), "below 16"),
                (ask("read", handle=handle, set=0, elements="all"), "below 16"), (ask("read", handle=handle, set=0), "below")):
            self.refused(answer, "failed", part)
        self.assertEqual(self.process.read(handle, []), ([], 16))
        # Set 4294967295 + i mod 2, as the runner counts.
        self.assertEqual(ask("sample", handle=handle, k=1, first_set=0xFFFFFFFF)["response"], "sampled")
        self.assertEqual([self.process.read(handle, [], chosen)[1] for chosen in (0, 1)], [16, 0])
        ask("release", handle=handle)
        self.refused(ask("release", handle=handle), "failed", "no handle")

    def test_it_ends_with_the_input_and_stdout_holds_answers_alone(self):
        requests = [{"request": "hello", "protocol": 1}, {"request": "bye"}, {"request": "hello", "protocol": 1}]
        for count, text in ((2, "\n".join(map(json.dumps, requests)) + "\n"), (1, json.dumps(requests[0])), (0, "\n\n")):
            done = subprocess.run([sys.executable, EXECUTOR, "numpy"], input=text.encode(), capture_output=True,
                                  check=False, timeout=60)
            answers = [json.loads(line) for line in done.stdout.splitlines()]
            self.assertEqual((done.returncode, len(answers)), (0, count))


if __name__ == "__main__":
    unittest.main()
