#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes ./configure from configure.ac; needs autoconf, automake, libtool and
# pkg-config (scripts/setup installs them).
set -eu
cd "$(dirname "$0")"
mkdir -p build-aux
exec autoreconf --install --symlink "$@"
