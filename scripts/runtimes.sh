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

say() { printf '%s\n' "runtimes: $*" >&2; }

missing() {
  say "$*"
  if [ "${PORTAMARK_ALLOW_MISSING_RUNTIMES:-}" = 1 ]; then
    say "going on without them: the Python executor is not tested"
    exit 0
  fi
  say "PORTAMARK_ALLOW_MISSING_RUNTIMES=1 goes on without them"
  exit 1
}

# Versions are read from their metadata: importing all three takes seconds.
has() {
  "$python" - "numpy=$numpy" "jax=$jax" "jaxlib=$jax" "onnxruntime=$onnxruntime" 2>/dev/null <<'END'
import importlib.metadata, sys
for name, wanted in (word.split("=") for word in sys.argv[1:]):
    assert importlib.metadata.version(name) == wanted
END
}

if ! has; then
  command -v python3 >/dev/null || missing "python3 is missing"
  # Debian has the module venv in a package of its own.
  if ! python3 -m venv "$folder" >&2; then
    scripts/drivers.sh _install python3-venv >&2 || missing "python3 has no module venv"
    python3 -m venv "$folder" >&2 || missing "python3 can't make an environment"
  fi
  "$python" -m pip install --quiet --disable-pip-version-check \
    "numpy==$numpy" "jax==$jax" "jaxlib==$jax" "onnxruntime==$onnxruntime" >"$log" 2>&1 ||
    missing "pip can't install numpy $numpy, jax $jax and onnxruntime $onnxruntime; see $log"
  has || missing "the installed runtimes are not those asked for; see $log"
  "$python" -c 'import jax, numpy, onnxruntime' >>"$log" 2>&1 ||
    missing "the installed runtimes do not load; see $log"
fi
printf 'export PORTAMARK_RUNTIMES_PYTHON=%q PORTAMARK_REQUIRE_RUNTIMES=numpy,jax,onnx\n' "$python"
