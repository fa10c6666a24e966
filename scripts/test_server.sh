#!/bin/sh
# Tests the binary as a server: the official `openai` package, bare connections, kills at any moment, and a short soak.
#
# Installs the package into .build/server-python; where that cannot be done, its test is left out with a line that says so.
# MARTLET names another binary, MARTLET_SERVER_PYTHON a Python that has the package.
set -eu
cd "$(dirname "$0")/.."
echo "== Server"
cache=${MARTLET_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/martlet}
if [ ! -e "$cache/models/SmolLM2-135M-Instruct.Q4_1.gguf" ]; then
  echo "  not tested: the default model is not in the cache; 'make model' brings it"
  exit
fi
[ -n "${MARTLET:-}" ] || scripts/build.sh --quiet
python=${MARTLET_SERVER_PYTHON:-python3}
folder=$PWD/.build/server-python
requirements=Tests/Server/requirements.txt
if [ -z "${MARTLET_SERVER_PYTHON:-}" ] && ! cmp -s "$requirements" "$folder/.installed"; then
  rm -rf "$folder"
  mkdir -p "$folder"
  if python3 -m pip install --quiet --disable-pip-version-check --target "$folder" --requirement "$requirements" \
    2>"$folder.log"; then
    cp "$requirements" "$folder/.installed"
  fi
fi
export PYTHONPATH="$folder${PYTHONPATH:+:$PYTHONPATH}" PYTHONDONTWRITEBYTECODE=1
if "$python" -c 'import openai' 2>/dev/null; then
  "$python" Tests/Server/test_openai.py
else
  echo "  without the openai package: it could not be installed (.build/server-python.log)"
fi
"$python" Tests/Server/test_connections.py
"$python" Tests/Server/test_kills.py
"$python" scripts/soak.py --seconds 20 --clients 16 >.build/soak.json || {
  cat .build/soak.json
  exit 1
}
