#!/usr/bin/env bash
# Runs a command inside the Debian 13 folder that `scripts/drivers.sh test-drivers` makes, with
# this checkout at its own path, the same working folder, environment, output and exit status.
#
#   scripts/in-trixie.sh target/debug/deps/drivers-0123456789abcdef --nocapture
#
# Environment:
#   PORTAMARK_TRIXIE_ROOT   the folder (default: target/drivers/trixie)
#   PORTAMARK_NO_MOUNT=1    work with a copy of the checkout even where mounts are allowed
#
# Exit status: the command's; 125 when this script itself failed.
set -euo pipefail

die() {
  printf '%s\n' "in-trixie: $*" >&2
  exit 125
}

repo="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
trixie="${PORTAMARK_TRIXIE_ROOT:-$repo/target/drivers/trixie}"
cwd="$(pwd -P)"

[ $# -gt 0 ] || die "usage: scripts/in-trixie.sh COMMAND [ARGUMENT...]"
[ -d "$trixie/usr/bin" ] || die "no Debian 13 in $trixie: run scripts/drivers.sh test-drivers first."

# insta would ask cargo for the workspace, and there is no cargo in there.
export INSTA_WORKSPACE_ROOT="${INSTA_WORKSPACE_ROOT:-$repo}"
export PATH="${PATH:-}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Folders outside of the checkout that commands in there may be told about.
extra=(/tmp)
for folder in "${TMPDIR:-}" "${CARGO_TARGET_DIR:-}"; do
  if [ -n "$folder" ] && [ -d "$folder" ]; then extra+=("$(cd "$folder" && pwd -P)"); fi
done

namespace=(--mount --propagation private)
[ "$(id -u)" = 0 ] || namespace=(--user --map-root-user "${namespace[@]}")

# shellcheck disable=SC2016 # expanded by the inner shell
probe='mount --bind "$1" "$1" && chroot "$1" /bin/true'
if [ "${PORTAMARK_NO_MOUNT:-}" != 1 ] &&
  unshare "${namespace[@]}" -- sh -c "$probe" sh "$trixie" 2>/dev/null; then
  # The mounts live in a namespace of their own: they end with the command, however it ends, and
  # nobody who empties target/ meanwhile can reach the checkout through them.
  # shellcheck disable=SC2016 # expanded by the inner shell
  exec unshare "${namespace[@]}" -- bash -c '
    set -eu
    trixie=$1 cwd=$2 count=$3
    shift 3
    for folder in "${@:1:count}"; do
      mkdir -p "$trixie$folder"
      mount --rbind "$folder" "$trixie$folder"
    done
    shift "$count"
    exec chroot "$trixie" /usr/bin/env --chdir="$cwd" -- "$@"
  ' in-trixie "$trixie" "$cwd" $((${#extra[@]} + 4)) /proc /sys /dev "${extra[@]}" "$repo" "$@"
fi

# Without mounts: a copy of the checkout at the same path inside, less what is large and what
# the command does not need.
[ "$(id -u)" = 0 ] || die "mounts are not permitted here, and chroot alone needs root."
inside="$trixie$repo"
# What is copied in is removed again below: never the checkout itself, seen through a mount.
if mountpoint -q "$inside"; then die "$inside is a mount point: unmount it first."; fi
# shellcheck disable=SC2317 # called by the trap
cleanup() {
  rm -rf --one-file-system "${inside:?}"
  # Kept as the mount point for a time when mounts are allowed.
  mkdir -p "$inside"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir -p "$inside" "$trixie/tmp"
tar -C "$repo" --exclude=./target --exclude=./.git -cf - . | tar -C "$inside" -xf -
copy_in() {
  local file="$1"
  mkdir -p "$trixie$(dirname "$file")"
  cp -p "$file" "$trixie$file"
}
program="$1"
case "$program" in
  /*) ;;
  */*) program="$cwd/$program" ;;
esac
if [ -f "$program" ]; then
  program="$(cd "$(dirname "$program")" && pwd -P)/$(basename "$program")"
  [ -e "$trixie$program" ] || copy_in "$program"
fi
target="${CARGO_TARGET_DIR:-$repo/target}"
for built in "$target/debug/portamark" "$target/release/portamark"; do
  # Tests start the program that was built along with them.
  if [ -f "$built" ]; then copy_in "$built"; fi
done
[ -d "$trixie$cwd" ] || mkdir -p "$trixie$cwd"
# debootstrap cannot always make device nodes; a plain file is a sufficient /dev/null to write to.
[ -e "$trixie/dev/null" ] || : >"$trixie/dev/null"
if [ -n "${TMPDIR:-}" ]; then mkdir -p "$trixie$TMPDIR"; fi
shift
status=0
chroot "$trixie" /usr/bin/env --chdir="$cwd" -- "$program" "$@" || status=$?
exit "$status"
