#!/bin/sh
# Two new environments that want the same source distribution: the first builds it, the second finds the wheel.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for name in first second; do
    python3 -m venv --without-pip "$folder/$name"
    echo "== $name"
    pipcache --python "$folder/$name" install --no-binary docopt docopt==0.6.2
done
