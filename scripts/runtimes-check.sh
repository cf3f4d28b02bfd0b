#!/usr/bin/env bash
# Runs the tests of executors/python, then the executor through the built program on every runtime that
# scripts/runtimes.sh makes: the protocol's conformance test, and a run of a few cases side by side with
# the host's processor. Where the system's own Python has PyTorch, that too.
#
# Environment: that of scripts/runtimes.sh.
#
# Exit status: 0 done, 1 a fault was found, or the runtimes can't be had (the text says which).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '%s\n' "runtimes-check: $*" >&2; }

assignments="$(scripts/runtimes.sh)"
eval "$assignments"
if [ -z "${PORTAMARK_RUNTIMES_PYTHON:-}" ]; then
  printf 'left out: the runtimes could not be had\n'
  exit 0
fi
python="$PORTAMARK_RUNTIMES_PYTHON"
export PYTHONDONTWRITEBYTECODE=1
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

passed=0
tests() {
  "$1" -m unittest discover -s executors/python/tests 2>&1 | tee "$work/tests"
  grep -q '^OK' "$work/tests"
  passed=$((passed + $(sed -n 's/^Ran \([0-9]*\) tests.*/\1/p' "$work/tests")))
}

portamark="${PORTAMARK_PROGRAM:-$(cargo build --locked --message-format=json-render-diagnostics |
  sed -n 's/.*"kind":\["bin"\].*"executable":"\([^"]*\)".*/\1/p')}"
conforms() {
  "$portamark" executor-check --python "$1" -d "$2" | tee "$work/check"
  passed=$((passed + $(grep -c '^  ok ' "$work/check")))
}

tests "$python"
for runtime in numpy jax onnx; do
  conforms "$python" "$runtime"
done
if PORTAMARK_REQUIRE_RUNTIMES='' /usr/bin/python3 -c 'import torch' 2>/dev/null; then
  say "the system's Python has PyTorch"
  conforms /usr/bin/python3 torch:cpu
fi

# A vendor's plug-in without its card: the stand-in plays torch and torch_npu.
PYTHONPATH="$PWD/executors/python/tests/standin" conforms "$python" torch:npu

cat >"$work/few.toml" <<'END'
name = "few"
[[case]]
key = "gemm f32 m256 n256 k256 nn"
[[case]]
key = "attention f32 b1 hq4 hkv2 q64 kv64 d64 causal"
[[case]]
key = "stream f32 triad n1048576"
END
"$portamark" run "$work/few.toml" -d host -d numpy -d jax -d onnx --python "$python" --budget 8s \
  -o "$work/results" --report "$work/report" >/dev/null
# Three cases on four devices, each proven, and the libraries of one chip side by side.
rows="$(cat "$work"/results/*/*.jsonl | grep -c '"status":"ok"')"
[ "$rows" = 12 ] || {
  say "$rows of 12 rows are ok"
  cat "$work"/results/*/*.jsonl | grep '"status"' | grep -v '"status":"ok"' | cut -c1-400 >&2
  exit 1
}
for name in numpy jax onnx; do
  grep -q "$name" "$work/report/report.html" || {
    say "$name is not in the report"
    exit 1
  }
done
passed=$((passed + 12))

if "$portamark" devices -d torch:npu --python "$python" 2>"$work/said"; then
  say "a device of a runtime that is not there was found"
  exit 1
fi
grep -q 'pip install' "$work/said" || {
  say "the error does not say how the runtime is installed: $(cat "$work/said")"
  exit 1
}
printf 'test result: ok. %s passed; 0 failed\n' "$((passed + 1))"
