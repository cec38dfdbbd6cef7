# SPDX-License-Identifier: MIT
"""Calls and words that have no place in some folder."""

import re
from collections import namedtuple

from .source import SCRIPT_FOLDERS, Finding

# where: the files it holds for; names: the calls; but: files it is allowed in.
Ban = namedtuple("Ban", "where names but why")

# The simulated network is a test's: it may print and die.
LIBRARY = re.compile(r"^(src|backends|include)/")
BANS = (
    Ban(re.compile(r""),
        "strcpy strcat sprintf vsprintf gets strtok atoi atol atoll atof "
        "alloca", None, "is never safe"),
    Ban(LIBRARY,
        "malloc calloc realloc reallocarray free strdup strndup "
        "aligned_alloc posix_memalign",
        re.compile(r"^(src/base/alloc\.c|backends/sim)"), "goes through base/alloc.h"),
    Ban(LIBRARY,
        "printf vprintf fprintf vfprintf puts fputs putchar perror syslog",
        re.compile(r"^(src/base/assert\.c|backends/sim)"), "prints: the library speaks through its log hook"),
    Ban(LIBRARY, "exit _exit quick_exit abort", re.compile(
        r"^(src/base/assert\.c|src/net/supervise_child\.c|backends/sim)"), "ends the user's process"),
    Ban(LIBRARY, "getenv secure_getenv",
        re.compile(r"^src/net/(choose|inherit|notify)\.c$"),
        "reads the environment"),
    Ban(LIBRARY, "setenv putenv setlocale umask chdir srand srandom",
        None, "changes global state"),
    Ban(LIBRARY, "rand random strerror localtime gmtime ctime asctime "
        "inet_ntoa gethostbyname getservbyname",
        None, "is shared between threads"),
    Ban(LIBRARY, "readdir",
        re.compile(r"^src/net/os_bsd\.c$"),  # of a DIR that nobody else has
        "is shared between threads"),
    Ban(LIBRARY, "time gettimeofday", None, "goes through net/clock.h"),
    Ban(LIBRARY, "assert", None, "is FLARE_ASSERT here"),
    Ban(re.compile(r"^(src|backends|include|tests|fuzz)/"),
        "sleep usleep nanosleep clock_nanosleep thrd_sleep",
        re.compile(r"^backends/uring_setup\.c$"),  # for the kernel's memory
        "waits for nothing in particular"),
)


def check_calls(tree):
    """Banned calls; a field or a method of that name is not one."""
    for source in tree.sources:
        for ban in BANS:
            if not ban.where.match(source.path) or \
                    (ban.but and ban.but.match(source.path)):
                continue
            names = "|".join(ban.names.split())
            for match in re.finditer(
                    rf"(?<![\w.>])({names})\s*\(", source.code):
                yield Finding(source.path, source.line_of(match.start()),
                              "calls", f"{match.group(1)}() {ban.why}")


def check_assert_header(tree):
    """assert.h vanishes with NDEBUG."""
    for source in tree.sources:
        if not LIBRARY.match(source.path):
            continue
        for include in source.includes():
            if include.system and include.name == "assert.h":
                yield Finding(source.path, include.line, "calls",
                              "<assert.h>: FLARE_ASSERT of base/assert.h")


def check_open_ends(tree):
    """Work that is left is an issue, not a comment."""
    words = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
    for path in tree.paths:
        if not path.startswith(SCRIPT_FOLDERS) and "/" in path:
            continue
        for number, line in enumerate(tree.read(path).split("\n"), 1):
            match = words.search(line)
            if match:
                yield Finding(path, number, "open-ends", match.group(0))
