"""Runs portamark's cases on what a Python runtime computes with: NumPy, PyTorch and its vendors'
plug-ins, JAX, ONNX Runtime.

    python3 -u executors/python/portamark_executor RUNTIME[:DEVICE[:INDEX]]

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
out-of-memory, failed, device-lost. Messages and formats are those of executors/src/protocol.rs, inputs
those of crates/model/src/workload/generator.rs.

Only the standard library of Python 3.9 or later and the runtime itself are needed. The folder becomes a
single file, for a machine that has nothing else of portamark, by

    python3 -m zipapp executors/python/portamark_executor -o portamark_executor.pyz
    python3 -u portamark_executor.pyz RUNTIME[:DEVICE[:INDEX]]
"""

import json
import os
import sys
import types

if not __package__:
    # Run as a folder or a zip, whose modules would be top-level ones and could hide those of a runtime, or
    # be hidden by them. They become those of a package instead.
    package = types.ModuleType("portamark_executor")
    package.__path__ = [sys.path.pop(0)]
    sys.modules["portamark_executor"] = package

from portamark_executor.protocol import Executor  # noqa: E402  the package is known since the lines before


def main():
    if len(sys.argv) != 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__, file=sys.stderr)
        return 2
    # Whatever a library prints goes to stderr: stdout holds responses alone. No runtime is imported yet.
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
