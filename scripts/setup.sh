#!/bin/sh
# Checks what a build needs and installs what is missing.
#
# Needs no root where nothing has to be installed. Prints only what it does.
set -eu

fail() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

# True if version $1 is at least version $2.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# Installs Debian packages, as root or through sudo.
install() {
  if [ "$(id -u)" -eq 0 ]; then
    sudo=""
  elif command -v sudo >/dev/null; then
    sudo="sudo"
  else
    fail "the toolchain lacks packages; ask an administrator for: apt-get install $*"
  fi
  printf 'setup: installing %s\n' "$*" >&2
  [ -n "${lists_are_new:-}" ] || $sudo apt-get update -qq
  lists_are_new=yes
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# --- Tools that the machine must bring -------------------------------------------------------------------------------
command -v git >/dev/null || fail "git is missing: apt-get install git"
command -v python3 >/dev/null || fail "python3 is missing: apt-get install python3 python3-pip"
command -v swift >/dev/null ||
  fail "swift is missing: install Swift 6.3 or newer (https://www.swift.org/install/linux) and put its usr/bin on the PATH"

# --- Libraries that the toolchain itself runs on ---------------------------------------------------------------------
# Swift's archive brings its programs but not the system's libraries that they load.
tools=$(dirname "$(readlink -f "$(command -v swift)")")
lacking=$(for tool in swift-frontend swift-build swift-format clang lld; do
  [ ! -x "$tools/$tool" ] || ldd "$tools/$tool" 2>/dev/null | sed -n 's/^[[:space:]]*\([^ ]*\) => not found.*/\1/p'
done | sort -u)
packages=""
for library in $lacking; do
  case $library in
  libcurl.so.4) packages="$packages libcurl4" ;;
  libedit.so.2) packages="$packages libedit2" ;;
  libncurses.so.6) packages="$packages libncurses6" ;;
  libpython3.*) packages="$packages ${library%.so*}" ;;
  libsqlite3.so.0) packages="$packages libsqlite3-0" ;;
  libtinfo.so.6) packages="$packages libtinfo6" ;;
  libxml2.so.2) packages="$packages libxml2" ;;
  libz3.so.4) packages="$packages libz3-4" ;;
  *) fail "the Swift toolchain needs the library $library, which this system lacks: install the package that has it" ;;
  esac
done
if [ -n "$packages" ]; then
  command -v apt-get >/dev/null || fail "the Swift toolchain lacks these libraries of the system:" $lacking
  # shellcheck disable=SC2086 # a list of packages
  install $packages
fi

found=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9][0-9.]*\).*/\1/p' | head -n 1)
[ -n "$found" ] || fail "\`swift --version\` prints no version: is the toolchain whole?"
at_least "$found" 6.3 || fail "Swift 6.3 or newer is needed, this is $found: https://www.swift.org/install/linux"

# --- What the linker asks of the system ------------------------------------------------------------------------------
# Swift brings its own compiler and linker; from the system come the C library's headers and start files, GCC's start
# files and libgcc, and libstdc++ with its headers (the static Foundation holds C++). Compiling and linking one small
# C++ program asks for all of them, whatever the distribution calls its packages.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/probe.cpp" <<'PROBE'
#include <stdlib.h>
#include <string>
int main(int count, char **) { return std::string(count, 'x').size() == 0 ? EXIT_FAILURE : EXIT_SUCCESS; }
PROBE
compiler=$(dirname "$(command -v swift)")/clang++
[ -x "$compiler" ] || compiler=$(command -v clang++ || true)

links() { [ -z "$compiler" ] || "$compiler" "$folder/probe.cpp" -o "$folder/probe" 2>"$folder/errors"; }

if ! links; then
  command -v apt-get >/dev/null || {
    cat "$folder/errors" >&2
    fail "the toolchain cannot link; install binutils, GCC with libstdc++ and the C library's headers"
  }
  install binutils gcc g++ libc6-dev
  # Clang looks only at the newest GCC that it finds, whose libstdc++ need not be the distribution's default.
  if ! links; then
    newest=$(find /usr/lib/gcc/*/* -maxdepth 0 -type d -exec basename {} \; | sort -V | tail -n 1)
    install "libstdc++-$newest-dev"
  fi
  links || {
    cat "$folder/errors" >&2
    fail "the toolchain still cannot link: see above"
  }
fi
