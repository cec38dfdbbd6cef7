#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What the built library exports is what flare.map lists and the public headers
# declare, and nothing of it can clash with a user's names.
set -u
srcdir=${srcdir:-.}
builddir=${builddir:-.}
passed=0
failed=0

# claim TEXT COMMAND...: counts; a claim's command prints what is wrong.
claim() {
    local text=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $text"
    fi
}

headers_agree() {
    python3 "$srcdir/scripts/lint" --root "$srcdir" symbols
}

map_names() {
    sed -n 's/^ \{4\}\(flare_[a-z0-9_]*\);$/\1/p' "$srcdir/flare.map" | sort
}

# "name version", defined or weak, of the shared library.
exported() {
    nm -D --defined-only "$builddir/.libs/libflare.so" |
        sed -n 's/^[0-9a-f]* [A-TV-Z] \([^@]*\)@*\(.*\)$/\1 \2/p' |
        grep -v '^FLARE_' | sort
}

exports_agree() {
    diff -u --label flare.map --label libflare.so \
        <(map_names) <(exported | cut -d ' ' -f 1)
}

exports_are_versioned() {
    ! exported | grep -v ' FLARE_[0-9.]*$'
}

soname_is() {
    objdump -p "$builddir/.libs/libflare.so" | grep -E "SONAME +$1\$" ||
        ! objdump -p "$builddir/.libs/libflare.so" | grep SONAME
}

# The last name is that of sys/sdt.h, weak and hidden, where there are probes.
archive_is_prefixed() {
    ! nm -g --defined-only "$builddir/.libs/libflare.a" 2>/dev/null |
        awk 'NF == 3 { print $3 }' | grep -vE '^(flare_|__asan|__odr|__tsan|_[.]stapsdt[.]base$)'
}

no_undefined_of_ours() {
    ! nm -D --undefined-only "$builddir/.libs/libflare.so" | grep ' flare_'
}

claim "the headers and flare.map agree" headers_agree
if [ -e "$builddir/.libs/libflare.so" ]; then
    claim "flare.map and the shared library agree" exports_agree
    claim "every exported name carries its version" exports_are_versioned
    claim "no name of ours is left undefined" no_undefined_of_ours
    claim "the soname is the one of docs/ABI.md" soname_is libflare.so.0
else
    echo "SKIP symbols: no shared library in this build"
fi
if [ -e "$builddir/.libs/libflare.a" ]; then
    claim "every global name of the archive has the prefix" archive_is_prefixed
else
    echo "SKIP symbols: no archive in this build"
fi
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
