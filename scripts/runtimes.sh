#!/usr/bin/env bash
# Makes a Python with NumPy, JAX (on the processor) and ONNX Runtime for the tests of executors/python,
# in target/runtimes, and prints shell assignments on stdout; talks on stderr. About 0.7 GB and half a
# minute the first time.
#
# PyTorch is not among them: the wheel on PyPI brings gigabytes of CUDA. Debian's python3-torch is a
# small one for the processor; tests use it where /usr/bin/python3 has it.
#
# Environment:
#   PORTAMARK_RUNTIMES_DIR              where it is kept (default: target/runtimes)
#   PORTAMARK_ALLOW_MISSING_RUNTIMES=1  warns instead of failing when it can't be had
#
# Exit status: 0 done, 1 it can't be had (the text says why).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

numpy=2.4.6
jax=0.10.2
onnxruntime=1.32.0
folder="${PORTAMARK_RUNTIMES_DIR:-$PWD/target/runtimes}"
python="$folder/bin/python"
log="$folder/install.log"

name=runtimes
excuse=PORTAMARK_ALLOW_MISSING_RUNTIMES
without="the Python executor is not tested"
. scripts/obtaining.sh

# Versions are read from their metadata: importing all three takes seconds.
has() {
  "$python" - "numpy=$numpy" "jax=$jax" "jaxlib=$jax" "onnxruntime=$onnxruntime" 2>/dev/null <<'END'
import importlib.metadata, sys
for name, wanted in (word.split("=") for word in sys.argv[1:]):
    assert importlib.metadata.version(name) == wanted
END
}

if ! has; then
  python_environment "$folder" "numpy==$numpy" "jax==$jax" "jaxlib==$jax" "onnxruntime==$onnxruntime"
  has || missing "the installed runtimes are not those asked for; see $log"
  "$python" -c 'import jax, numpy, onnxruntime' >>"$log" 2>&1 ||
    missing "the installed runtimes do not load; see $log"
fi
printf 'export PORTAMARK_RUNTIMES_PYTHON=%q PORTAMARK_REQUIRE_RUNTIMES=numpy,jax,onnx\n' "$python"
