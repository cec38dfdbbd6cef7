#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs manual pages below a folder, and for each further name in a page's
# NAME section a file that leads to it, so that `man flare_serve` opens
# flare_server(3); or removes them.
#
#     pages.sh install|uninstall MANDIR PAGE...
set -eu
verb=$1
mandir=$2
shift 2

# names PAGE: what stands in its NAME section.
names() {
    sed -n '/^\.Sh NAME/,/^\.Nd/s/^\.Nm \([^ ]*\).*/\1/p' "$1"
}

for page; do
    file=${page##*/}
    section=${file##*.}
    folder=$mandir/man$section
    if [ "$verb" = install ]; then
        mkdir -p "$folder"
        rm -f "$folder/$file"
        cp "$page" "$folder/$file"
        chmod 644 "$folder/$file"
    else
        rm -f "$folder/$file"
    fi
    for name in $(names "$page"); do
        link=$name.$section
        [ "$link" != "$file" ] || continue
        rm -f "$folder/$link"
        [ "$verb" != install ] ||
            echo ".so man$section/$file" >"$folder/$link"
    done
done
