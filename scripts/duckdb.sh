#!/usr/bin/env bash
# Makes a Python with DuckDB for the tests of `portamark export`, in target/duckdb, and prints shell
# assignments on stdout; talks on stderr.
#
# Environment:
#   PORTAMARK_DUCKDB_DIR              where it is kept (default: target/duckdb)
#   PORTAMARK_ALLOW_MISSING_DUCKDB=1  warns instead of failing when it can't be had
#
# Exit status: 0 done, 1 it can't be had (the text says why).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=2.0.0
folder="${PORTAMARK_DUCKDB_DIR:-$PWD/target/duckdb}"
python="$folder/bin/python"
log="$folder/install.log"

say() { printf '%s\n' "duckdb: $*" >&2; }

missing() {
  say "$*"
  if [ "${PORTAMARK_ALLOW_MISSING_DUCKDB:-}" = 1 ]; then
    say "going on without it: the example of docs/export.md is not tested"
    exit 0
  fi
  say "PORTAMARK_ALLOW_MISSING_DUCKDB=1 goes on without it"
  exit 1
}

has() { "$python" -c "import duckdb; assert duckdb.__version__ == '$version'" 2>/dev/null; }

if ! has; then
  command -v python3 >/dev/null || missing "python3 is missing"
  # Debian has the module venv in a package of its own.
  if ! python3 -m venv "$folder" >&2; then
    scripts/drivers.sh _install python3-venv >&2 || missing "python3 has no module venv"
    python3 -m venv "$folder" >&2 || missing "python3 can't make an environment"
  fi
  "$python" -m pip install --quiet --disable-pip-version-check "duckdb==$version" >"$log" 2>&1 ||
    missing "pip can't install duckdb $version; see $log"
  has || missing "the installed duckdb does not start"
fi
printf 'export PORTAMARK_PYTHON=%q PORTAMARK_REQUIRE_DUCKDB=1\n' "$python"
