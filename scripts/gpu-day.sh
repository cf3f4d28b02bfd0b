#!/usr/bin/env bash
# Measures a GPU that can be had for ten minutes, and leaves a folder that is ready to commit under results/: the device
# and its matrices, what its compiler makes of the kernels, the bars and what is held against them, before and after
# tuning, the same cases by the vendor's libraries through PyTorch if that is there, and a report.
#
#   scripts/gpu-day.sh [-o FOLDER] [-d DEVICE] [--vendor DEVICE] [--suite FILE] [--seconds N] [--program FILE]
#
#   -o FOLDER        where to write (default: results/gpu-day)
#   -d DEVICE        the device, as for `portamark run` (default: gpu)
#   --vendor DEVICE  the vendor's library beside it (default: torch:cuda if Python has it; `none` leaves it out)
#   --suite FILE     what to measure (default: scripts/gpu-day.toml)
#   --seconds N      how long all may take (default: 540)
#   --program FILE   a portamark that is built already, as where no compiler is (default: builds it)
#
# A part that fails does not stop the others: one day is all there is. Exit status: 0 if each part did its work, 1 if some
# did not, 2 for wrong usage, 3 if there is no such device.
set -euo pipefail

die() {
  printf 'gpu-day: %s\n' "$2" >&2
  exit "$1"
}

here="$(cd "$(dirname "$0")/.." && pwd -P)"
folder="$here/results/gpu-day" device=gpu vendor="" suite="$here/scripts/gpu-day.toml" seconds=540 program=""
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || die 2 "$1 needs a value"
  case "$1" in
    -o) folder="$2" ;;
    -d) device="$2" ;;
    --vendor) vendor="$2" ;;
    --suite) suite="$2" ;;
    --seconds) seconds="$2" ;;
    --program) program="$2" ;;
    *) die 2 "unknown option $1" ;;
  esac
  shift 2
done
[[ "$seconds" =~ ^[1-9][0-9]*$ ]] || die 2 "--seconds $seconds is no number of seconds"
[ -f "$suite" ] || die 2 "there is no suite $suite"
if [ -z "$program" ]; then
  (cd "$here" && cargo build --release --locked)
  program="${CARGO_TARGET_DIR:-$here/target}/release/portamark"
fi
[ -x "$program" ] || die 2 "$program cannot be run"
if [ -z "$vendor" ]; then
  vendor=none
  if python3 -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' >/dev/null 2>&1; then vendor=torch:cuda; fi
fi

mkdir -p "$folder"
began=$SECONDS
failed=0
summary=()

# part NAME SHARE COMMAND... - runs a part with SHARE percent of the time, what it prints in FOLDER/NAME.txt, and ends it
# when that has passed by half: a driver that hangs must not take the day.
part() {
  local name="$1" share="$2" status=0 start=$SECONDS limit
  shift 2
  limit=$((seconds * share / 100))
  printf '==== %s: at most %s s\n' "$name" "$limit"
  timeout --kill-after=10 $((limit * 3 / 2 + 20)) "$@" >"$folder/$name.txt" 2>"$folder/$name.log" || status=$?
  # 1 says that some row is bad, which is a result.
  case "$status" in
    0) summary+=("$(printf '%-10s ok, %s s' "$name" $((SECONDS - start)))") ;;
    1) summary+=("$(printf '%-10s with bad rows, %s s' "$name" $((SECONDS - start)))") ;;
    *)
      summary+=("$(printf '%-10s FAILED (exit status %s), %s s' "$name" "$status" $((SECONDS - start)))")
      failed=1
      tail -n 5 "$folder/$name.log" >&2
      ;;
  esac
  [ -s "$folder/$name.log" ] || rm -f "$folder/$name.log"
}

of() { printf '%ss' $((seconds * $1 / 100)); }

"$program" devices --json >"$folder/devices.json" 2>"$folder/devices.log" || {
  cat "$folder/devices.log" >&2
  die 3 "no device can be listed"
}
rm -f "$folder/devices.log"
"$program" run "$suite" -d "$device" --dry-run >/dev/null || die 3 "there is no device '$device' for this suite"

part inspect 5 "$program" inspect "$suite" -d "$device" --format md
part untuned 30 "$program" run "$suite" -d "$device" --untuned --budget "$(of 30)" -o "$folder/untuned"
part tune 30 "$program" tune "$suite" -d "$device" --budget "$(of 30)" -o "$folder/tuned.toml"
if [ -s "$folder/tuned.toml" ]; then
  part tuned 20 "$program" run "$suite" -d "$device" --tuned "$folder/tuned.toml" --budget "$(of 20)" -o "$folder/tuned"
fi
if [ "$vendor" != none ]; then
  part vendor 15 "$program" run "$suite" -d "$vendor" --budget "$(of 15)" -o "$folder/vendor"
fi
results=()
for name in untuned tuned vendor; do
  if [ -d "$folder/$name" ]; then results+=("$folder/$name"); fi
done
if [ ${#results[@]} -gt 0 ]; then
  part report 5 "$program" report "${results[@]}" -o "$folder/report"
  part rows 1 "$program" export "${results[@]}" --format csv
fi

{
  printf '%s\n' "${summary[@]}"
  printf 'all of it: %s s\n' $((SECONDS - began))
} | tee "$folder/summary.txt"
exit "$failed"
