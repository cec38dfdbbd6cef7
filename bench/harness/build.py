# SPDX-License-Identifier: MIT
"""Builds what the chosen targets need, and nothing else."""

import os
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


def run(argv, log):
    done = subprocess.run(argv, cwd=TOP, stdout=log, stderr=log,
                          stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        log.flush()
        with open(log.name, encoding="utf-8", errors="replace") as file:
            tail = file.readlines()[-20:]
        raise BuildError(f"{' '.join(argv[:3])} failed; {log.name} ends in\n"
                         + "".join(tail))


def programs(names, folder, instead=None):
    """Paths of the programs for `names`, built in `folder` (below the top
    of the tree unless absolute).  `instead`: other programs for some."""
    table = {**PROGRAMS, **(instead or {})}
    folder = os.path.join(TOP, folder)
    os.makedirs(folder, exist_ok=True)
    wanted = sorted({table[name] for name in names if name in table})
    paths = {name: os.path.join(folder, table[name])
             for name in names if name in table}
    with open(os.path.join(folder, "bench.log"), "w",
              encoding="utf-8") as log:
        if wanted:
            if not os.path.exists(os.path.join(folder, "config.status")) or \
                    folder.startswith(TOP):
                run(["bash", "-c", CONFIGURE, "configure", folder], log)
            run(["make", "-C", folder, "-j2", *wanted], log)
        if "go" in names:
            paths["go"] = go_hello(folder, log)
    if "nginx" in names:
        paths["nginx"] = tool("nginx", "nginx-light")
    return paths


def go_hello(folder, log):
    source = os.path.join(TOP, "bench", "peers", "go_hello.go")
    path = os.path.join(folder, "bench", "go_hello")
    if not os.path.exists(path) or \
            os.path.getmtime(path) < os.path.getmtime(source):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        run([tool("go", "golang-go"), "build", "-o", path, source], log)
    return path


def tool(name, package):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")
    if path is None:
        raise BuildError(f"no {name}: scripts/setup bench installs {package}")
    return path
