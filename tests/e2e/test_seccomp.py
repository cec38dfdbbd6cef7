#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Under the reference profile (tools/seccomp/flare.json) everything works.

The profile answers ENOSYS to a call it does not list.  Here such a call kills
the process instead, so that none is missed silently.
"""

import errno
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import traceback
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from servers import BACKENDS  # noqa: E402

try:
    import seccomp
except ImportError:
    # Debian's packages are Debian's Python's.
    if (sys.executable != "/usr/bin/python3" and
            os.path.exists("/usr/bin/python3")):
        os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])
    print("SKIP test_seccomp.py: no python3-seccomp")
    sys.exit(77)

SOURCE = os.environ.get("srcdir") or os.path.join(os.path.dirname(__file__),
                                                  "../..")
BUILD = os.environ.get("builddir") or os.path.join(SOURCE, "build")
with open(os.path.join(SOURCE, "tools/seccomp/flare.json"),
          encoding="utf-8") as profile_file:
    PROFILE = json.load(profile_file)


def confine(without=(), action=seccomp.KILL_PROCESS):
    """What a child does before it becomes the program; None: nothing."""
    if action is None:
        return
    rules = seccomp.SyscallFilter(action)
    for group in PROFILE["syscalls"]:
        for name in group["names"]:
            number = seccomp.resolve_syscall(seccomp.Arch(), name)
            if number >= 0 and name not in without:
                rules.add_rule(seccomp.ALLOW, name)
    rules.load()


def program(name):
    """The program itself: libtool's wrapper is a shell with its own calls."""
    folder, base = os.path.split(os.path.join(BUILD, name))
    inner = os.path.join(folder, ".libs", base)
    return inner if os.path.exists(inner) else os.path.join(folder, base)


def start(name, *arguments, backend, **options):
    environment = dict(os.environ, FLARE_BACKEND=backend,
                       LD_LIBRARY_PATH=os.path.join(BUILD, ".libs"))
    # LeakSanitizer traces the process, which is not in the profile.
    environment["ASAN_OPTIONS"] = ":".join(filter(None, (
        environment.get("ASAN_OPTIONS"), "detect_leaks=0")))
    process = subprocess.Popen(
        [program(name), *arguments], env=environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, preexec_fn=lambda: confine(**options))
    line = process.stdout.readline().decode()
    if "listening on" not in line:
        rest = line + process.stdout.read().decode(errors="replace")
        raise RuntimeError(f"{name}: {process.wait()}: {rest}")
    addresses = [word.strip(",\n") for word in line.split("listening on ")[1]
                 .split() if ":" in word]
    return process, addresses


def stop(process):
    process.send_signal(signal.SIGTERM)
    code = process.wait(timeout=20)
    process.stdout.close()
    return code


def get(url, **headers):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    request = urllib.request.Request(url, headers=headers)
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=context))
    with opener.open(request, timeout=20) as answer:
        return answer.status, answer.read()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def https_and_redirects(backend):
    plain, tls = free_port(), free_port()
    process, _ = start("examples/https_server", f"127.0.0.1:{plain}",
                       f"127.0.0.1:{tls}", "--self-signed", backend=backend)
    status, body = get(f"https://127.0.0.1:{tls}/")
    assert status == 200 and body, (status, body)
    status, again = get(f"http://127.0.0.1:{plain}/")
    assert (status, again) == (200, body)
    assert stop(process) == 0


def files_and_ranges(backend):
    with tempfile.TemporaryDirectory() as folder:
        content = bytes(range(256)) * 4096
        with open(os.path.join(folder, "a.bin"), "wb") as file:
            file.write(content)
        process, found = start("examples/files", "127.0.0.1:0", folder,
                               backend=backend)
        url = f"http://{found[0]}"
        assert get(f"{url}/static/a.bin") == (200, content)
        assert get(f"{url}/static/a.bin", Range="bytes=5-8") == (206, content[5:9])
        assert get(f"{url}/static")[0] == 200
        assert stop(process) == 0


def a_call_beside_it_kills_here(backend):
    """The filter is there at all: without `listen` no server starts."""
    try:
        process, _ = start("examples/hello", "127.0.0.1:0", backend=backend,
                           without=("listen",))
    except RuntimeError as err:
        assert str(-signal.SIGSYS) in str(err), err
        return
    stop(process)
    raise AssertionError("it started without listen(2)")


def io_uring_denied_is_epoll(_backend):
    """A container's usual answer to io_uring: the server runs, on epoll."""
    calls = ("io_uring_setup", "io_uring_enter", "io_uring_register")
    process, found = start("examples/hello", "127.0.0.1:0", backend="",
                           without=calls,
                           action=seccomp.ERRNO(errno.EPERM))
    assert get(f"http://{found[0]}/")[0] == 200
    assert stop(process) == 0


CASES = (https_and_redirects, files_and_ranges, a_call_beside_it_kills_here,
         io_uring_denied_is_epoll)


def runs(backend):
    """Whether the machine has that backend, without a filter."""
    try:
        process, _ = start("examples/hello", "127.0.0.1:0", backend=backend,
                           action=None)
    except RuntimeError as err:
        print(f"SKIP {backend}: {err}")
        return False
    stop(process)
    return True


def main():
    passed = failed = 0
    for backend in filter(runs, BACKENDS):
        for case in CASES:
            try:
                case(backend)
                print(f"ok   {backend} {case.__name__}")
                passed += 1
            except Exception:  # noqa: BLE001 each is a failed claim
                print(f"FAIL {backend} {case.__name__}: "
                      f"{traceback.format_exc()}")
                failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
