#!/bin/sh
# Sets up what a fresh Debian machine lacks: a virtual environment with edgekit and its extras, Chromium, Node.
# Run by `make setup`; a second run does nothing unless pyproject.toml changed.
set -eu
cd "$(dirname "$0")/.."
venv=${VENV:-.venv}

install_package() { # Debian packages, as root or through sudo
    sudo=""
    [ "$(id -u)" = 0 ] || sudo=sudo
    command -v apt-get >/dev/null || { echo "please install $* and run this again" >&2; exit 3; }
    if [ -z "${apt_updated:-}" ]; then $sudo apt-get update -qq; apt_updated=1; fi
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq "$@" >/dev/null
}

find_python() { # TensorFlow 2.19 has wheels for Python 3.10 to 3.12
    for candidate in ${PYTHON:-} python3.11 python3.12 python3.10 python3; do
        "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null &&
            { echo "$candidate"; return; }
    done
    echo "edgekit's full set-up needs Python 3.10, 3.11 or 3.12; set PYTHON to one" >&2
    exit 3
}

python=$(find_python)
if ! "$python" -c 'import ensurepip' 2>/dev/null; then install_package python3-venv; fi
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then install_package nodejs npm; fi
if [ -z "${EDGEKIT_CHROME:-}" ] && ! command -v chromium >/dev/null && ! command -v google-chrome >/dev/null; then
    echo "installing Chromium ..."
    install_package chromium
fi
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
echo "installing edgekit with its extras into $venv (about 2 minutes the first time) ..."
"$venv/bin/python" -m pip install -q --disable-pip-version-check -e '.[all,dev]'
sh scripts/setup_arm.sh >/dev/null || echo "tests/test_arm.py will say: not run" >&2
touch "$venv/.ready"
