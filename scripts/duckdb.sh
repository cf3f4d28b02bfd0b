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

name=duckdb
excuse=PORTAMARK_ALLOW_MISSING_DUCKDB
without="the example of docs/export.md is not tested"
. scripts/obtaining.sh

has() { "$python" -c "import duckdb; assert duckdb.__version__ == '$version'" 2>/dev/null; }

if ! has; then
  python_environment "$folder" "duckdb==$version"
  has || missing "the installed duckdb does not start"
fi
printf 'export PORTAMARK_DUCKDB_PYTHON=%q PORTAMARK_REQUIRE_DUCKDB=1\n' "$python"
