#!/bin/bash
# Installs the client library from a build folder, and builds the examples with
# it as a project of their own: the installed headers are complete, and need
# nothing of the source tree.
#
#   install_test.sh BUILD COMPILER
set -euo pipefail
build=$1 compiler=$2
examples=$(cd "$(dirname "$0")" && pwd)/examples
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cmake --install "$build" --component caravan_client --prefix "$folder/prefix" >/dev/null
cmake -S "$examples" -B "$folder/build" -G Ninja -DCMAKE_PREFIX_PATH="$folder/prefix" \
  -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_CXX_FLAGS="-Wall -Wextra -Werror" >"$folder/log" 2>&1 ||
  { cat "$folder/log"; exit 1; }
cmake --build "$folder/build"
# Run without arguments, it says how it is to be run.
usage=$("$folder/build/example-pilot-zones" || true)
[[ $usage == usage:* ]]
