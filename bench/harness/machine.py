# SPDX-License-Identifier: MIT
"""The machine a run was made on: what it is, what it can show, and which of
its cores do what."""

import ctypes
import errno
import os
import platform
import re
import shutil
import socket
import subprocess
import time

from . import build

# Below so many cores two workers, the load and the rest share: no scaling.
SCALING_CORES = 4
VERSIONS = {
    "nginx": ["nginx", "-v"], "h2o": ["h2o", "--version"],
    "lighttpd": ["lighttpd", "-v"], "haproxy": ["haproxy", "-v"],
    "go": ["go", "version"], "wrk": ["wrk", "-v"],
    "gcc": ["gcc", "--version"], "openssl": ["openssl", "version"],
    "liburing": ["pkg-config", "--modversion", "liburing"],
    "libwebsockets": ["pkg-config", "--modversion", "libwebsockets"],
    "libcurl": ["pkg-config", "--modversion", "libcurl"],
}


def read(path):
    """A file's text without the white space around it; None: there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return None


def told(argv):
    """The first line that a program says of itself."""
    path = shutil.which(argv[0], path=build.SEARCH_PATH)
    if path is None:
        return None
    done = subprocess.run([path, *argv[1:]], capture_output=True, text=True,
                          check=False, stdin=subprocess.DEVNULL, timeout=10)
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0] if lines else None


def git(*words):
    done = subprocess.run(["git", "-C", build.TOP, *words],
                          capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def siblings(cpu):
    """Every CPU that shares a core with this one."""
    text = read(f"/sys/devices/system/cpu/cpu{cpu}/topology/"
                "thread_siblings_list") or str(cpu)
    found = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def choose_cpus(workers, allowed=None, together=siblings):
    """(CPUs of the servers, CPU of the load): the load on the last, and the
    servers on as many as there are workers, none of whose cores is another's,
    so far as the machine has them; else the workers share one."""
    allowed = sorted(allowed or os.sched_getaffinity(0))
    load = allowed[-1]
    apart, taken = [], set(together(load))
    for cpu in allowed[:-1]:
        if cpu not in taken:
            apart.append(cpu)
            taken |= together(cpu)
    if workers > 1 and len(allowed) < SCALING_CORES:
        workers = 1
    return (apart or allowed[:-1] or allowed)[:workers], load


def has_io_uring():
    """Asks the kernel; 425 is io_uring_setup on every architecture since 5.1,
    and no memory for its answer is EFAULT, not ENOSYS or EPERM."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall(425, 1, None)
    return ctypes.get_errno() == errno.EFAULT


def can_scale():
    return len(os.sched_getaffinity(0)) >= SCALING_CORES


def cpu_name():
    for line in (read("/proc/cpuinfo") or "").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def is_virtual():
    return bool(re.search(r"^flags\s*:.*\bhypervisor\b",
                          read("/proc/cpuinfo") or "", re.M))


def environment(options):
    bugs = "/sys/devices/system/cpu/vulnerabilities"
    governor = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
    servers_cpus, load_cpu = options.cpus
    return {
        "utc": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "host": socket.gethostname(),
        "commit": git("rev-parse", "--short", "HEAD"),
        "is_changed": bool(git("status", "--porcelain", "--untracked-files=no")),
        "cpu": cpu_name(),
        "cpus": len(os.sched_getaffinity(0)),
        "is_virtual": is_virtual(),
        "memory_mib": os.sysconf("SC_PAGE_SIZE") *
        os.sysconf("SC_PHYS_PAGES") >> 20,
        "kernel": platform.release(),
        "governor": read(governor),
        "mitigations": {name: read(os.path.join(bugs, name))
                        for name in sorted(os.listdir(bugs))}
        if os.path.isdir(bugs) else {},
        "congestion_control":
        read("/proc/sys/net/ipv4/tcp_congestion_control"),
        "somaxconn": read("/proc/sys/net/core/somaxconn"),
        "files_max": build.files_max(),
        "load_average": read("/proc/loadavg"),
        "pinning": {"servers": servers_cpus, "load": [load_cpu],
                    "nice": options.nice},
        "gate": options.gate,
        "arguments": options.arguments,
        "versions": {name: told(argv) for name, argv in VERSIONS.items()},
    }


def name_of_run(env):
    """What the folder of its results is called."""
    utc = re.sub(r"[-:]", "", env["utc"])
    host = re.sub(r"[^A-Za-z0-9_.]", "_", env["host"])
    return f"{utc}-{host}-{env['commit'] or 'unknown'}"


def limits(env):
    """What these figures cannot show, in sentences."""
    said = ["All traffic is loopback: no network card, no packet loss, and the "
            "sender pays for part of the receiver's work."]
    if env["cpus"] < SCALING_CORES:
        said.append(f"{env['cpus']} cores, one for the servers and one for "
                    "the load: nothing here says how anything scales, and "
                    "rows with more than one worker show only what a request "
                    "costs.")
    if env["is_virtual"]:
        said.append("A virtual machine: its neighbours come and go. Believe "
                    "ratios inside a rotation, and no requests/s.")
    if env["governor"] not in (None, "performance"):
        said.append(f"The governor is {env['governor']}: clocks move.")
    return said
