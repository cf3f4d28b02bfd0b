# shellcheck shell=bash
# The scripts that read this set `name` and use what it finds.
# shellcheck disable=SC2034,SC2154
# What checks in a browser need: node, Chromium and, of npm, what tests/page/package-lock.json lists, in
# $folder. To be sourced, with `name` set to that of the check; scripts/page-check.sh says which variables
# steer it.
folder="${PORTAMARK_PAGE_DIR:-$PWD/target/page}"
log="$folder/npm.log"

excuse=PORTAMARK_ALLOW_MISSING_PAGE
without="nothing is looked at in a browser"
left_out="a program could not be had"
. scripts/obtaining.sh

has() { command -v "$1" >/dev/null; }

browser() {
  [ -n "${PORTAMARK_CHROMIUM:-}" ] || has chromium || has chromium-browser || has google-chrome-stable ||
    has google-chrome
}

install() {
  has apt-get || missing "$1 is missing, and this script can install it on Debian and Ubuntu only"
  scripts/drivers.sh _install "$@" >&2 || missing "apt-get can't install $1"
}

has node || install nodejs
browser || install chromium
major="$(node -p 'process.versions.node.split(".")[0]')"
[ "$major" -ge 18 ] || missing "node $(node --version) is too old: the check needs 18"

# The list is copied last, so that an interrupted installation begins anew.
mkdir -p "$folder"
if ! cmp -s tests/page/package-lock.json "$folder/installed.json"; then
  has npm || install npm
  cp tests/page/package.json tests/page/package-lock.json "$folder"
  (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund) >"$log" 2>&1 ||
    missing "npm can't install what tests/page/package-lock.json lists; see $log"
  cp "$folder/package-lock.json" "$folder/installed.json"
fi

portamark="${PORTAMARK_PROGRAM:-$(cargo build --locked --message-format=json-render-diagnostics |
  sed -n 's/.*"kind":\["bin"\].*"executable":"\([^"]*\)".*/\1/p')}"
