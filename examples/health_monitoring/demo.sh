#!/bin/sh
# What README.md shows a user typing, from training to the page. DEMO_SERVE=0 does not keep serving.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
run() { echo; echo "\$ $*"; "$@"; }
mkdir -p "$here/out"
cd "$here/out"
rm -rf hosting
cp ../edgekit.toml .
run python ../train.py . 2>/dev/null
run edgekit inspect model.keras
run edgekit export model.keras --data calibration.npz --to tflite,tfjs,wasm --out bundle/
run edgekit verify bundle/
run edgekit publish bundle/ --site local
if [ "${DEMO_SERVE:-1}" = 0 ]; then
    run edgekit serve hosting/ --port 0 --check
else
    run edgekit serve hosting/
fi
