#!/bin/sh
# Tests the web page in a headless Chromium, against an imitation of the server. Arguments are flags for unittest:
# `-k phone`. MARTLET_CHROMIUM names a browser; `none` leaves these tests out.
set -eu
cd "$(dirname "$0")/.."
if [ "${MARTLET_CHROMIUM:-}" = none ]; then
  printf 'The tests of the web page are left out: MARTLET_CHROMIUM is none.\n' >&2
  exit
fi
found=${MARTLET_CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
if [ -z "$found" ] && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  printf 'test-page: installing chromium\n' >&2
  # Without lists of packages the first attempt finds none.
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null 2>&1 ||
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; } || true
  found=$(command -v chromium || true)
fi
if [ -z "$found" ]; then
  printf 'The tests of the web page are left out: there is no Chromium (apt-get install chromium).\n' >&2
  exit
fi
export MARTLET_CHROMIUM="$found" PYTHONDONTWRITEBYTECODE=1
exec python3 -m unittest discover -s Tests/Page -t Tests/Page "$@"
