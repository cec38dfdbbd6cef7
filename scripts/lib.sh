# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What scripts/run and scripts/test share.  Sourced with the current folder at
# the top of the tree.

top=$PWD
# shellcheck disable=SC2034 # used by those who source this
jobs=$(nproc 2>/dev/null || echo 2)

# compiler NAME: what to give configure as CC, through ccache where that is.
compiler() {
    if command -v ccache >/dev/null; then
        echo "ccache $1"
    else
        echo "$1"
    fi
}

# make_configure: ./configure is there and not older than what it is made of.
make_configure() {
    if [ ! -x configure ] || [ ! -e Makefile.in ] || [ -n "$(
        find configure.ac Makefile.am m4 . -maxdepth 3 \
            \( -name 'configure.ac' -o -name 'Makefile.am' \
            -o -name 'files.mk' -o -name 'flare_*.m4' \) \
            -newer Makefile.in -print -quit)" ]; then
        ./autogen.sh
    fi
}

# configure_in FOLDER ARGS...: a build folder set up with those arguments;
# configured again only when they or configure changed.
configure_in() {
    local folder=$1
    shift
    mkdir -p "$folder"
    if [ -e "$folder/Makefile" ] && [ ! configure -nt "$folder/Makefile" ] &&
        [ "$(cat "$folder/configured-with" 2>/dev/null)" = "$*" ]; then
        return 0
    fi
    (cd "$folder" && "$top/configure" "$@") || return
    echo "$*" >"$folder/configured-with"
}
