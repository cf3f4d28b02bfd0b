#!/usr/bin/env bash
# Compiles the kernels in DirectX's language, as naga writes it for wgpu, with Microsoft's compiler (DXC): it also runs
# on Linux. The texts are those of tests/program/languages/hlsl.rs. The compiler comes from PyPI, in a wheel of
# compushady-lrtu, from which nothing else is taken; it goes into target/hlsl.
#
# DXC stands in for FXC too: it takes what wgpu writes for FXC, and is less strict in some of it.
#
# Environment:
#   PORTAMARK_HLSL_DIR              where that is kept (default: target/hlsl)
#   PORTAMARK_HLSL_EVERY            each which text is compiled (default: 5; 1 takes minutes)
#   PORTAMARK_TEST_PROGRAM          the built tests/program, if there is one
#   PORTAMARK_ALLOW_MISSING_HLSL=1  leaves the check out instead of failing where the compiler can't be had
#
# Exit status: 0 done, 1 a fault was found, or the compiler can't be had (the text says which).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

wheel=compushady-lrtu
version=0.18.0
hash=sha256:b76371972f2543a1e83034a86c83cfad678dabf66be0b50b7d78edbcb1c98243
member=compushady/backends/libdxcompiler_x86_64.so
folder="${PORTAMARK_HLSL_DIR:-$PWD/target/hlsl}"
library="$folder/$version/$member"
log="$folder/install.log"

name=hlsl-check
excuse=PORTAMARK_ALLOW_MISSING_HLSL
without="no compiler sees the HLSL"
left_out="Microsoft's compiler could not be had"
. scripts/obtaining.sh

if [ ! -e "$library" ]; then
  [ "$(uname -sm)" = "Linux x86_64" ] || missing "the compiler is there for Linux on x86-64 only"
  python_environment "$folder/python" pip
  printf '%s==%s --hash=%s\n' "$wheel" "$version" "$hash" >"$folder/wanted.txt"
  # That of one Python serves all: only a library is taken out of it.
  "$folder/python/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
    --only-binary :all: --implementation cp --python-version 3.11 --abi cp311 --platform manylinux_2_28_x86_64 \
    --dest "$folder" -r "$folder/wanted.txt" >"$log" 2>&1 || missing "pip can't fetch $wheel $version; see $log"
  "$folder/python/bin/python" -m zipfile -e "$folder"/*.whl "$folder/$version.part" >>"$log" 2>&1 ||
    missing "the wheel of $wheel can't be unpacked; see $log"
  # Moved last, so that an interrupted installation begins anew.
  mkdir -p "$(dirname "$library")"
  mv "$folder/$version.part/$member" "$library"
  rm -rf "$folder/$version.part" "$folder"/*.whl
fi

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
written() {
  local filter=languages::hlsl::every_kernel
  export PORTAMARK_HLSL_TEXTS="$work"
  if [ -n "${PORTAMARK_TEST_PROGRAM:-}" ]; then
    "$PORTAMARK_TEST_PROGRAM" "$filter"
  else
    cargo test --locked --test program "$filter"
  fi
}
written >"$work/log" 2>&1 || {
  cat "$work/log"
  say "the texts can't be written"
  exit 1
}
count="${PORTAMARK_HLSL_EVERY:-5}"
say "every ${count}th of $(find "$work" -name '*.hlsl' | wc -l) texts"
find "$work" -name '*.hlsl' | sort | awk -v n="$count" 'NR % n' | xargs -r rm
"$folder/python/bin/python" tests/hlsl/compile.py "$library" "$work" | tee "$work/said"
# As the tests of Rust end, for ./test.
printf 'test result: ok. %s passed;\n' "$(sed -n 's/^\([0-9]*\) passed, .*/\1/p' "$work/said")"
