# SPDX-License-Identifier: MIT
# Completion of flare-probe in fish; by tools/completion/generate.
complete -c flare-probe -l json -d 'one JSON object'
complete -c flare-probe -l color -x -d 'always, never [auto]'
complete -c flare-probe -s h -l help -d 'this text'
complete -c flare-probe -s V -l version -d 'the version'
