"""The executor as its runner sees it: a process, a line in, a line out."""

import base64
import json
import os
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
EXECUTOR = os.path.join(os.path.dirname(HERE), "portamark_executor")
MUCH = 1 << 40


class Process:
    """A running executor. `environment` is added to that of the test."""

    def __init__(self, argument, environment=None):
        self.child = subprocess.Popen(
            [sys.executable, EXECUTOR, argument], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env={**os.environ, **(environment or {})})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.child.stdin.close()
            self.child.wait(60)
        for stream in (self.child.stdin, self.child.stdout, self.child.stderr):
            stream.close()

    def line(self, text):
        """Sends a line as it is and gives the answer."""
        self.child.stdin.write(text if isinstance(text, bytes) else text.encode())
        self.child.stdin.write(b"\n")
        self.child.stdin.flush()
        answer = self.child.stdout.readline()
        if not answer:
            raise AssertionError("it ended: " + self.child.stderr.read().decode("utf-8", "replace")[-2000:])
        return json.loads(answer)

    def ask(self, request, **fields):
        return self.line(json.dumps({"request": request, **fields}))

    def hello(self):
        return self.ask("hello", protocol=1)

    def device(self):
        hello = self.hello()
        if hello["response"] != "hello":
            raise AssertionError(str(hello))
        return hello["devices"][0]

    def prepare(self, case, **fields):
        """Asks for a case on the process's device, with one set and much memory unless told otherwise."""
        if not hasattr(self, "id"):
            self.id = self.device()["id"]
        request = dict(device=self.id, case=case, seed=7, sets=1, memory_limit=MUCH)
        return self.ask("prepare", **{**request, **fields})

    def read(self, handle, elements, set=0):
        """Values of elements, and how many of all hold the poison."""
        answer = self.ask("read", handle=handle, set=set, elements=list(elements))
        if answer["response"] != "values":
            raise AssertionError(str(answer))
        packed = base64.b64decode(answer["values"])
        return list(struct.unpack(f"<{len(packed) // 8}d", packed)), answer["poisoned"]

    def farewell(self):
        """Says bye and gives the exit code."""
        answer = self.ask("bye")
        if answer != {"response": "done"}:
            raise AssertionError(str(answer))
        return self.child.wait(60)
