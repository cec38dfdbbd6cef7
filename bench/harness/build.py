# SPDX-License-Identifier: MIT
"""Builds what the chosen targets need, and nothing else."""

import os
import resource
import shutil
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))

# What `make` is asked for; Go and nginx are not ours to make.
PROGRAMS = {
    "floor-uring": "bench/floor_uring",
    "floor-epoll": "bench/floor_epoll",
    "flare-uring": "examples/hello",
    "flare-epoll": "examples/hello",
    "load": "bench/load",
}
# Where servers are that a user's shell does not look for.
SEARCH_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
PACKAGES = {"nginx": "nginx-light", "go": "golang-go"}
# What the workloads besides the smallest request run instead of hello.
SERVE = {"flare-uring": "bench/serve", "flare-epoll": "bench/serve"}

CONFIGURE = r"""
set -euo pipefail
. scripts/lib.sh
make_configure
configure_in "$1" CC="$(compiler gcc)"
"""


class BuildError(Exception):
    """What went wrong, with the end of the log."""


def files_max():
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def environment():
    """Ours without what a `make` above has said to its own."""
    return {name: value for name, value in os.environ.items()
            if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEFILES")}


def run(argv, log):
    done = subprocess.run(argv, cwd=TOP, stdout=log, stderr=log,
                          env=environment(), stdin=subprocess.DEVNULL,
                          check=False)
    if done.returncode != 0:
        log.flush()
        with open(log.name, encoding="utf-8", errors="replace") as file:
            tail = file.readlines()[-20:]
        raise BuildError(f"{' '.join(argv[:3])} failed; {log.name} ends in\n"
                         + "".join(tail))


def make(programs, folder, optional=()):
    """Builds them in `folder` (below the top of the tree unless absolute);
    gives the path of each, but of those of `optional` that cannot be built."""
    folder = os.path.join(TOP, folder)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "bench.log"), "w",
              encoding="utf-8") as log:
        # one that is set up is its owner's: make brings it up to date
        if not os.path.exists(os.path.join(folder, "config.status")):
            run(["bash", "-c", CONFIGURE, "configure", folder], log)
        built = sorted(set(programs))
        if built:
            run(["make", "-C", folder, "-j2", *built], log)
        for program in sorted(set(optional)):
            try:
                run(["make", "-C", folder, "-j2", program], log)
                built.append(program)
            except BuildError:
                continue  # the report says what is left out
    return {program: os.path.join(folder, program) for program in built}


def programs(names, folder, instead=None):
    """Paths of the programs for `names`, built in `folder`.  `instead`: other
    programs for some."""
    table = {**PROGRAMS, **(instead or {})}
    built = make([table[name] for name in names if name in table], folder)
    return {name: built[table[name]] if name in table else peer(name, folder)
            for name in names}


def peer(name, folder):
    """The path of a server that is not ours to build, Go's excepted."""
    if name != "go":
        return tool(name)
    with open(os.path.join(TOP, folder, "bench-go.log"), "w",
              encoding="utf-8") as log:
        return go_hello(os.path.join(TOP, folder), log)


def go_hello(folder, log):
    source = os.path.join(TOP, "bench", "peers", "go_hello.go")
    path = os.path.join(folder, "bench", "go_hello")
    if not os.path.exists(path) or \
            os.path.getmtime(path) < os.path.getmtime(source):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        run([tool("go"), "build", "-o", path, source], log)
    return path


def tool(name, package=None):
    path = shutil.which(name, path=SEARCH_PATH)
    if path is None:
        raise BuildError(f"no {name}: scripts/setup bench installs "
                         f"{package or PACKAGES.get(name, name)}")
    return path
