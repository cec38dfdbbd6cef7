#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""flare-probe: as this machine is, and where io_uring is refused.

    tests/tools/test_flare_probe.py [--build DIR] [WORD ...]

The last line is "N passed, N failed".
"""

import ctypes
import json
import os
import platform
import re
import resource
import struct
import sys

sys.dont_write_bytecode = True

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from tool_world import Skip, main

EPERM, ENOSYS = 1, 38


def refuse_io_uring(error):
    """For a child before it runs: a filter as those of containers."""
    def instruction(code, true, false, value):
        return struct.pack("HBBI", code, true, false, value)

    program = b"".join((
        instruction(0x20, 0, 0, 0),  # the call's number
        instruction(0x15, 0, 1, 425),  # io_uring_setup
        instruction(0x06, 0, 0, 0x00050000 | error),
        instruction(0x06, 0, 0, 0x7fff0000),
    ))
    libc = ctypes.CDLL(None, use_errno=True)

    def begin():
        text = ctypes.create_string_buffer(program)
        head = struct.pack("HxxxxxxP", 4, ctypes.addressof(text))
        libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
        if libc.prctl(22, 2, head) != 0:  # PR_SET_SECCOMP, by a filter
            os._exit(99)
    return begin


def json_of(world, **how):
    process = world.start("--json", **how)
    out, err = process.communicate(timeout=60)
    if process.returncode == 99:
        raise Skip("no seccomp")
    assert process.returncode == 0, err
    return json.loads(out)


def tells_of_this_machine(world):
    facts = json_of(world)
    assert facts["system"]["kernel"] == f"Linux {platform.release()}"
    assert facts["cpu"]["usable"] == len(os.sched_getaffinity(0))
    assert facts["limits"]["descriptors"] == \
        resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert facts["flare"]["epoll"] is True
    assert facts["flare"]["backend"] in ("uring", "epoll")
    assert facts["flare"]["uring"] == (facts["flare"]["backend"] == "uring")
    assert isinstance(facts["kernel_tls"]["available"], bool)
    if facts["io_uring"]["available"]:
        assert facts["io_uring"]["op_accept"] is True
        assert facts["io_uring"]["operations"] > 30


def people_and_programs_are_told_the_same(world):
    text, _ = world.run()
    facts = json_of(world)
    assert b"\033" not in text
    for section, rows in facts.items():
        if section == "advice":
            continue
        assert re.search(rf"^{section}$", text.decode(), re.M), section
        for key, value in rows.items():
            shown = {True: "yes", False: "no"}.get(value, value) \
                if isinstance(value, bool) else value
            label = key.replace("_", " ")
            assert f"  {label} " in text.decode(), key
            assert str(shown) in text.decode(), (key, shown)
    for sentence in facts["advice"]:
        assert f"* {sentence}\n" in text.decode()


def colours_are_for_terminals(world):
    shown, code = world.on_terminal()
    assert code == 0 and b"\033[1msystem\033[0m" in shown
    shown, _ = world.on_terminal("--color", "never")
    assert b"\033" not in shown
    out, _ = world.run("--color", "always")
    assert b"\033[32myes" in out


def says_why_io_uring_is_refused(world):
    if platform.machine() != "x86_64":
        raise Skip("the filter is for x86-64")
    if not json_of(world)["io_uring"]["available"]:
        raise Skip("io_uring is refused anyway")
    for error, name in ((EPERM, "EPERM"), (ENOSYS, "ENOSYS")):
        facts = json_of(world, preexec_fn=refuse_io_uring(error))
        ring = facts["io_uring"]
        assert not ring["available"] and ring["refused_with"] == name, ring
        assert ring["seccomp"] == "a filter is in place"
        assert facts["flare"]["uring"] is False
        assert facts["flare"]["backend"] == "epoll"
        assert any("seccomp" in sentence and name in sentence
                   for sentence in facts["advice"]), facts["advice"]


def advises_about_descriptors(world):
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))

    facts = json_of(world, preexec_fn=few)
    assert facts["limits"]["descriptors"] == 256
    assert any(sentence.startswith("256 descriptors")
               for sentence in facts["advice"])


def refuses_what_makes_no_sense(world):
    _, err = world.run("what", code=2)
    assert b"there are no arguments" in err
    _, err = world.run("--what", code=2)
    assert b"there is no option" in err


TESTS = (
    tells_of_this_machine, people_and_programs_are_told_the_same,
    colours_are_for_terminals, says_why_io_uring_is_refused,
    advises_about_descriptors, refuses_what_makes_no_sense,
)

if __name__ == "__main__":
    sys.exit(main("flare-probe", TESTS, [None]))
