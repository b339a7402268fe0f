# Finds a Python and makes virtual environments. Sourced by the scripts beside it.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
REQUIREMENTS=$ROOT/scripts/requirements-dev.txt

say() { printf '%s\n' "$*" >&2; }

# Prints 3.x for a Python that really runs and is new enough. A pyenv shim may have no version behind it.
python_version() {
  "$1" -c 'import sys; v = sys.version_info; print(f"{v[0]}.{v[1]}"); sys.exit(v < (3, 11))' 2>/dev/null
}

# Prints the Python to use: $PYTHON, else the first one that is new enough.
find_python() {
  local python
  for python in ${PYTHON:-python3 python3.11 python3.12 python3.13 python3.14 python}; do
    python_version "$python" >/dev/null && { command -v "$python"; return; }
  done
  say "no Python 3.11 or newer was found: install one, or set PYTHON to its path"
  return 1
}

# What an environment was made from. When this changes, packages are installed again.
fingerprint() { cat "$REQUIREMENTS" "$ROOT/pyproject.toml" | cksum; printf '%s\n' "$ROOT"; }

# prepare_venv FOLDER PYTHON: makes the environment if it is absent, broken or older than its requirements.
prepare_venv() {
  local folder=$1 python=$2 stamp=$1/stamp
  if [[ -f $stamp && $(<"$stamp") == "$(fingerprint)" ]] && "$folder/bin/python" -c '' 2>/dev/null; then return; fi
  if ! "$folder/bin/python" -m pip --version >/dev/null 2>&1; then
    "$python" -m venv --clear "$folder" || { say "cannot make $folder: does $python have the venv module?"; return 1; }
  fi
  local pip=("$folder/bin/python" -m pip -qq --disable-pip-version-check install)
  say "installing what $folder needs; this is done once"
  "${pip[@]}" -r "$REQUIREMENTS" && "${pip[@]}" --no-deps --no-build-isolation -e "$ROOT" || return 1
  fingerprint >"$stamp"
}
