#!/usr/bin/env bash
# Checks that every crate in Cargo.lock may be used under a licence of the list below, without
# asking any server but the registry that cargo uses. Exit status 1 when one may not.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Permissive licences that a program under MIT OR Apache-2.0 may include. MPL-2.0 and other
# copyleft licences are left out on purpose: adding one is a decision for a person.
allowed="MIT MIT-0 Apache-2.0 BSD-2-Clause BSD-3-Clause ISC Zlib 0BSD BSL-1.0 CC0-1.0 Unlicense
  Unicode-3.0 Unicode-DFS-2016"

command -v python3 >/dev/null || {
  printf 'licences: python3 is missing.\n' >&2
  exit 2
}

metadata="$(mktemp)"
trap 'rm -f "$metadata"' EXIT
cargo metadata --locked --format-version 1 >"$metadata"

ALLOWED="$allowed" python3 - "$metadata" <<'PYTHON'
import json
import os
import re
import sys

allowed = set(os.environ["ALLOWED"].split())


def fits(expression):
    """Evaluates an SPDX expression: AND binds closer than OR; WITH only adds permissions."""
    # Old crates write "MIT/Apache-2.0", which means OR.
    tokens = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))
    position = 0

    def peek():
        return tokens[position] if position < len(tokens) else None

    def take():
        nonlocal position
        token = peek()
        position += 1
        return token

    def either():
        value = both()
        while peek() == "OR":
            take()
            other = both()
            value = value or other
        return value

    def both():
        value = single()
        while peek() == "AND":
            take()
            other = single()
            value = value and other
        return value

    def single():
        token = take()
        if token == "(":
            value = either()
            if take() != ")":
                raise ValueError("unbalanced parentheses")
            return value
        if token in (None, ")", "AND", "OR", "WITH"):
            raise ValueError("a licence is missing")
        if peek() == "WITH":
            take()
            take()
        return token in allowed

    value = either()
    if position != len(tokens):
        raise ValueError("unexpected " + tokens[position])
    return value


with open(sys.argv[1], encoding="utf-8") as file:
    packages = json.load(file)["packages"]

wrong = []
for package in packages:
    licence = package.get("license")
    try:
        if licence and fits(licence):
            continue
        reason = licence or "no licence given"
    except ValueError as error:
        reason = f"{licence} ({error})"
    wrong.append(f"  {package['name']} {package['version']}: {reason}")

if wrong:
    print("licences: not on the list of allowed licences:", file=sys.stderr)
    print("\n".join(sorted(wrong)), file=sys.stderr)
    sys.exit(1)
print(f"licences: {len(packages)} crates, all under an allowed licence")
PYTHON
