#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What was installed is enough for a user: the headers, flare.pc, CMake, both
# libraries.  Run by `make installcheck`, with DESTDIR as it was for install;
# CC, CXX and the folders come from the Makefile.
set -u
: "${srcdir:?}" "${libdir:?}" "${includedir:?}" "${mandir:?}" "${CC:=cc}"
DESTDIR=${DESTDIR-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PKG_CONFIG_PATH=$DESTDIR$libdir/pkgconfig${PKG_CONFIG_PATH+:$PKG_CONFIG_PATH}
[ -z "$DESTDIR" ] || export PKG_CONFIG_SYSROOT_DIR=$DESTDIR
passed=0
failed=0

claim() {
    local text=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $text"
        cat "$work/log"
    fi
}

headers_of() {
    find "$1" -name '*.h' -printf '%f\n' | sort
}

headers_are_all_there() {
    diff <(headers_of "$srcdir/include/flare") \
        <(headers_of "$DESTDIR$includedir/flare")
}

version_is_the_headers() {
    local version
    version=$(sed -n 's/^#define FLARE_VERSION "\(.*\)"/\1/p' \
        "$DESTDIR$includedir/flare/base.h")
    [ "$(pkg-config --modversion flare)" = "$version" ]
}

# pc ARGS: pkg-config's answer, one word an argument.
pc() {
    local text
    text=$(pkg-config "$@" flare) || return
    read -r -a words <<<"$text"
}

shared_program_runs() {
    pc --cflags --libs || return
    # shellcheck disable=SC2086 # CC and CFLAGS may be many words
    $CC ${CFLAGS-} -std=c11 -Wall -Werror -o "$work/shared" \
        "$srcdir/tests/install/consumer.c" "${words[@]}" || return
    LD_LIBRARY_PATH=$DESTDIR$libdir "$work/shared"
}

static_program_runs() {
    local word args=()
    pc --static --cflags --libs || return
    for word in "${words[@]}"; do
        [ "$word" = -lflare ] && word=$DESTDIR$libdir/libflare.a
        args+=("$word")
    done
    # shellcheck disable=SC2086
    $CC ${CFLAGS-} -std=c11 -o "$work/static" "$srcdir/tests/install/consumer.c" \
        "${args[@]}" || return
    "$work/static" && ! ldd "$work/static" | grep libflare
}

cxx_program_runs() {
    pc --cflags --libs || return
    # shellcheck disable=SC2086
    $CXX -std=c++17 -Wall -Wextra -Werror -o "$work/cxx" \
        "$srcdir/tests/install/consumer.cc" "${words[@]}" || return
    LD_LIBRARY_PATH=$DESTDIR$libdir "$work/cxx"
}

# cmake_builds KIND...: the targets flare::KIND, of a tree that was moved.
cmake_builds() {
    local kind
    rm -rf "$work/moved" "$work/cmake"
    mkdir -p "$work/moved" "$work/cmake"
    cp -a "$prefix_dir/." "$work/moved/" || return
    cmake -S "$srcdir/tests/install/cmake" -B "$work/cmake" \
        -DCMAKE_PREFIX_PATH="$work/moved" -DCMAKE_C_FLAGS="${CFLAGS-}" \
        -DCMAKE_C_COMPILER="${CC##* }" -DKINDS="$(IFS=';' && echo "$*")" \
        -DSOURCE="$srcdir/tests/install/consumer.c" &&
        cmake --build "$work/cmake" || return
    for kind; do
        "$work/cmake/$kind" || return
    done
}

# A version that this one does not stand for is refused.
cmake_refuses() {
    rm -rf "$work/cmake"
    printf '%s\n' 'cmake_minimum_required(VERSION 3.16)' 'project(x C)' \
        "find_package(flare $1 CONFIG)" \
        'if(flare_FOUND)' 'message(FATAL_ERROR found)' 'endif()' \
        >"$work/CMakeLists.txt"
    cmake -S "$work" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$prefix_dir" &&
        return 0
}

# Pages are found by the names of functions, not by their own alone.
man_opens() {
    MANWIDTH=80 man -M "$DESTDIR$mandir" -P cat "$1" | col -b |
        grep -q "$1"
}

claim "every public header is installed" headers_are_all_there
claim "flare.pc and base.h have one version" version_is_the_headers
if [ -e "$DESTDIR$libdir/libflare.so" ]; then
    claim "a program links the shared library and runs" shared_program_runs
    if command -v "${CXX:=c++}" >/dev/null; then
        claim "a C++17 program uses the macros and runs" cxx_program_runs
    else
        echo "SKIP installcheck: no C++ compiler"
    fi
fi
[ ! -e "$DESTDIR$libdir/libflare.a" ] ||
    claim "a program links the archive and runs" static_program_runs
if command -v man >/dev/null; then
    claim "man flare_serve opens" man_opens flare_serve
    claim "man flare opens" man_opens flare
else
    echo "SKIP installcheck: no man"
fi
prefix_dir=$DESTDIR${prefix:?}
kinds=()
[ ! -e "$DESTDIR$libdir/libflare.so" ] || kinds+=(flare)
[ ! -e "$DESTDIR$libdir/libflare.a" ] || kinds+=(flare_static)
case $libdir:$includedir in
"$prefix"/*:"$prefix"/*)
    if command -v cmake >/dev/null; then
        claim "a CMake project finds it where it was moved to" \
            cmake_builds "${kinds[@]}"
        claim "CMake refuses 0.2 for 0.1" cmake_refuses 0.2
        claim "CMake refuses 1 for 0.1" cmake_refuses 1
    else
        echo "SKIP installcheck: no cmake"
    fi
    ;;
*) echo "SKIP installcheck: libraries and headers are outside the prefix" ;;
esac
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
