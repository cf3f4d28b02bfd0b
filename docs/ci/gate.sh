#!/bin/sh
# Measures a suite, and keeps it as a baseline or compares it with one.
#
#   gate.sh save  [flags of portamark run]    on the main branch: measure and keep the baseline
#   gate.sh check [flags of portamark run]    on a change: measure and compare
#
# Settings are environment variables, see below. The exit code is that of portamark: 0 passed, 1 a gate
# failed, 2 wrong usage or no baseline, 3 no device. `check` leaves $REPORT.xml for the CI server and
# $REPORT.md for people.
set -eu

portamark=${PORTAMARK:-portamark}
results=${RESULTS:-results/local}
baseline=${BASELINE:-main}
suite=${SUITE:-quick}
repeats=${REPEATS:-7}
fail_on=${FAIL_ON:-slower,wrong,failed}
report=${REPORT:-portamark}

mode=${1:-check}
[ $# -eq 0 ] || shift

case $mode in
save)
  exec "$portamark" run "$suite" --repeats "$repeats" -o "$results" --save-baseline "$baseline" "$@"
  ;;
check)
  if [ ! -d "$results/baselines/$baseline" ]; then
    echo "gate.sh: no baseline \`$baseline\` in $results; run gate.sh save first" >&2
    exit 2
  fi
  # A wrong or failed case ends the run with 1, and the comparison says which; all else is an error.
  status=0
  "$portamark" run "$suite" --repeats "$repeats" -o "$results" "$@" || status=$?
  [ "$status" -le 1 ] || exit "$status"
  compare() {
    "$portamark" compare --baseline "$baseline" --in "$results" "$@"
  }
  compare --format md >"$report.md"
  compare --fail-on "$fail_on" --format junit >"$report.xml"
  ;;
*)
  echo "gate.sh: $mode is neither save nor check" >&2
  exit 2
  ;;
esac
