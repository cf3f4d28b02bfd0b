# shellcheck shell=bash
# What scripts have in common that get programs for checks. To be sourced, with
#   name     what says things
#   excuse   the variable that allows to go on without
#   without  what is not checked then

# shellcheck disable=SC2154
say() { printf '%s\n' "$name: $*" >&2; }

# missing WHY - goes on without where that is allowed, and fails otherwise.
missing() {
  say "$*"
  if [ "${!excuse:-}" = 1 ]; then
    say "going on without: $without"
    # Where stdout is for people, and not for `eval`.
    [ -z "${left_out:-}" ] || printf 'left out: %s\n' "$left_out"
    exit 0
  fi
  say "$excuse=1 goes on without"
  exit 1
}

# python_environment FOLDER PACKAGE... - makes a Python in FOLDER with packages of PyPI.
python_environment() {
  local folder="$1"
  shift
  command -v python3 >/dev/null || missing "python3 is missing"
  # Debian has the module venv in a package of its own.
  if ! python3 -m venv "$folder" >&2; then
    scripts/drivers.sh _install python3-venv >&2 || missing "python3 has no module venv"
    python3 -m venv "$folder" >&2 || missing "python3 can't make an environment"
  fi
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$@" >"$folder/install.log" 2>&1 ||
    missing "pip can't install $*; see $folder/install.log"
}
