#!/bin/sh
# Tests the C interface: the headers as C and as C++, what libmartlet.so shows and needs, its documentation, and the program
# of Tests/CInterface, once as it is and once under AddressSanitizer (the program; the library's allocations are watched,
# its own accesses are not).
set -eu
cd "$(dirname "$0")/.."
scripts/build.sh --quiet
release=.build/release
folder=.build/c-tests
mkdir -p "$folder"
include=Sources/CMartlet/include
compiler=${CLANG:-clang}

echo "== Headers"
(cd "$include" && printf '#include "%s"\n' martlet.h llaisys.h llaisys/*.h llaisys/models/*.h) >"$folder/headers.c"
for language in 'c -std=c99' 'c -std=c2x' 'c++ -std=c++11' 'c++ -std=c++20'; do
  # shellcheck disable=SC2086 # a language and its standard
  "$compiler" -fsyntax-only -Wall -Wextra -Wpedantic -Werror -I"$include" -x $language "$folder/headers.c"
done
python3 scripts/c_api.py docs --check

echo "== Library"
python3 scripts/c_api.py symbols >"$folder/expected"
nm -D --defined-only "$release/libmartlet.so" | awk '$2 ~ /[A-Z]/ { print $3 }' | LC_ALL=C sort >"$folder/found"
diff "$folder/expected" "$folder/found" || {
  echo "test_c: libmartlet.so does not show exactly the functions of its headers (< missing, > too many)" >&2
  exit 1
}
needed=$(objdump -p "$release/libmartlet.so" | awk '$1 == "NEEDED" { print $2 }')
for library in $needed; do
  case $library in
  libc.so.* | libm.so.* | libstdc++.so.* | libgcc_s.so.* | libz.so.* | ld-linux*) ;;
  *)
    echo "test_c: libmartlet.so needs $library, which not every system has" >&2
    exit 1
    ;;
  esac
done

goldens=Tests/MartletTests/Goldens
checkpoint=$goldens/checkpoints/qwen2-untied
python3 Tests/CInterface/golden.py "$checkpoint" "$goldens/greedy-smollm2.json" >"$folder/golden.h"
cache=${MARTLET_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/martlet}
model=$cache/models/SmolLM2-135M-Instruct.Q4_1.gguf
[ -e "$model" ] || model=

# run NAME FLAGS…: builds the program and runs it. What LLAISYS's functions write to standard error is shown on failure.
run() {
  name=$1
  shift
  echo "== Program, $name"
  "$compiler" -std=gnu2x -g -O1 -Wall -Wextra -Werror "$@" -I"$include" -I"$folder" Tests/CInterface/*.c \
    -o "$folder/$name" -L"$release" -lmartlet -lm -lpthread -Wl,-rpath,"$PWD/$release"
  "$folder/$name" "$checkpoint" ${model:+"$model"} 2>"$folder/$name.errors" || {
    cat "$folder/$name.errors" >&2
    exit 1
  }
}
run plain
# The tests ask for more memory than there is; gold would warn of symbols of the sanitizer.
export ASAN_OPTIONS=allocator_may_return_null=1
run sanitized -fsanitize=address -fno-omit-frame-pointer -fuse-ld=lld

echo "== Example"
make -s -C examples/c CFLAGS="-O2 -Wall -Wextra -Werror"
if [ -n "$model" ]; then
  examples/c/chat "$model" "Why is the sky blue?" "And at night?" 2>"$folder/example.errors" || {
    cat "$folder/example.errors" >&2
    exit 1
  }
else
  echo "  built; not run, since the default model is not in the cache: 'make model' brings it"
fi

echo "== Loaded at run time"
python3 - "$release/libmartlet.so" <<'PYTHON'
import ctypes, sys

library = ctypes.CDLL(sys.argv[1])
library.martlet_version.restype = ctypes.c_char_p
json = ctypes.c_char_p()
assert library.martlet_devices(ctypes.byref(json), None) == 0 and b'"cpu"' in json.value
print("  version", library.martlet_version().decode())
PYTHON
