#!/usr/bin/env bash
# Measures in Chromium, whose software adapter is a WebGPU device on any machine: that the page's numbers
# are those that are published, that runs in a browser end with verified rows, that a page which dies or
# hangs costs one row, and that people can read the page. tests/browser has the checks.
#
# The environment is that of scripts/page-check.sh. Pictures go into target/page/browser.
#
# Exit status: 0 done, 1 a fault was found, or the programs can't be had (the text says which).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

name=browser-check
. scripts/chromium.sh
node --test tests/browser/numbers.test.mjs
node tests/browser/check.mjs "$folder" "$portamark" "$folder/browser"
