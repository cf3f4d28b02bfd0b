#!/usr/bin/env bash
# Packs every crate as for a registry, unpacks what was packed, and checks that it builds from that alone: a
# file that a crate embeds and does not hold is found here and not by its first user.
#
# Exit status: that of cargo.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target="$PWD/${CARGO_TARGET_DIR:-target}"
work="$target/package/unpacked"
rm -rf "$target/package"
# What is in the working tree is packed, committed or not; nothing is built yet.
cargo package --workspace --no-verify --locked --allow-dirty --quiet

mkdir -p "$work"
{
  printf '[workspace]\nresolver = "3"\nmembers = ["*"]\nexclude = ["target"]\n\n[patch.crates-io]\n'
  for packed in "$target"/package/*.crate; do
    name="$(basename "$packed" .crate)"
    # Files as of now: those in a package are years old, and cargo would take what it built of an earlier one.
    tar -xzmf "$packed" -C "$work"
    printf '%s = { path = "%s" }\n' "${name%-[0-9]*}" "$name"
  done
  # With the same profiles, what clippy has checked of dependencies need not be checked again.
  sed -n '/^\[profile/,$p' Cargo.toml
} >"$work/Cargo.toml"
cp Cargo.lock "$work"
printf 'package-check: %s crates\n' "$(find "$work" -mindepth 1 -maxdepth 1 -type d | wc -l)"

# The same folder of built dependencies as everything else.
cd "$work"
CARGO_TARGET_DIR="$target" cargo check --workspace --all-features --lib --bins --offline
