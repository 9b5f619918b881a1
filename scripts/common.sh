# shellcheck shell=bash
# Sourced by the scripts beside it, from any working directory: leaves the reader in the root of the
# source tree.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# Prints the comment block a script opens with: its help.
print_help() {
  sed -n '2,/^[^#]/{/^#/!q;s/^# \{0,1\}//;p}' "$0"
}

# Runs a command that may start a sanitized program. Where addresses are randomised by more bits than
# clang 14 knows of, its sanitizers fail at random; so they are not randomised, if that is allowed.
steadily() {
  if setarch -R true 2>/dev/null; then
    setarch -R "$@"
  else
    "$@"
  fi
}

# Configures and builds one preset; further arguments go to the build (`--target X`). The build runs
# the test programs to learn their tests.
build_preset() {
  local preset=$1
  shift
  if [[ -z ${CMAKE_CXX_COMPILER_LAUNCHER:-} ]] && command -v ccache >/dev/null; then
    export CMAKE_CXX_COMPILER_LAUNCHER=ccache
  fi
  cmake --preset "$preset" -Wno-dev
  steadily cmake --build --preset "$preset" "$@"
}

# Our sources: what git tracks or would track; in an unpacked archive, what is there.
list_sources() {
  if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files --cached --others --exclude-standard -- '*.h' '*.cc' | sort -u
  else
    find . -path ./build -prune -o \( -name '*.h' -o -name '*.cc' \) -printf '%P\n' | sort
  fi | while IFS= read -r file; do
    # Tracked, but deleted here.
    if [[ -f $file ]]; then printf '%s\n' "$file"; fi
  done
}
