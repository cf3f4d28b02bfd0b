#!/usr/bin/env bash
# Looks at pages of reports in Chromium by tests/page/check.mjs: that no text of a result file runs or
# loads anything, and that people can read and reach everything. What it needs of npm goes into
# target/page, at the versions of tests/page/package-lock.json.
#
# Environment:
#   PORTAMARK_PAGE_DIR              where that is kept (default: target/page)
#   PORTAMARK_CHROMIUM              the browser, if it is not in the PATH as chromium or google-chrome
#   PORTAMARK_PAGE_PICTURES=1       also keeps pictures of the pages without a fault
#   PORTAMARK_ALLOW_MISSING_PAGE=1  leaves the check out instead of failing where its programs can't be had
#
# Exit status: 0 done, 1 a fault was found, or the programs can't be had (the text says which).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

name=page-check
. scripts/chromium.sh
node tests/page/check.mjs "$folder" "$portamark" "$folder/work"
