# SPDX-License-Identifier: MIT
"""Processes under a supervisor die, are replaced, and end (FAILURES M03 to
M05, M10).

Each case starts examples/supervised anew, two processes.
"""

import contextlib
import os
import re
import select
import signal
import time
import types

from lifecycle import Life, Load, WAIT_S, folder, get, numbers
from wire import Closed, Peer, post, request

WHO = re.compile(r"process (\d), start (\d+), pid (\d+)\n")
RESPAWN_S = 0.1
CONNECTIONS = 64


class Supervised(Life):
    def __init__(self, server, listen="127.0.0.1:0", backend=None):
        build = os.path.join(os.path.dirname(server.process.args[0]), "../..")
        program = os.path.join(build, "examples/supervised")
        super().__init__(types.SimpleNamespace(
            backend=backend or server.backend,
            process=types.SimpleNamespace(args=[program])), listen)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def children(self):
        """Its processes, also dead ones."""
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        with open(path, encoding="ascii") as file:
            return [int(pid) for pid in file.read().split()]


class AskLoad(Load):
    """Clients of that program: it has no other page."""

    probe = request()


def who(peer):
    """Which process answers: its place, its start and its PID."""
    peer.send(request())
    answer = peer.response()
    assert answer.status == 200, answer.status
    found = WHO.fullmatch(answer.body.decode())
    assert found, answer.body
    return tuple(int(number) for number in found.groups())


@contextlib.contextmanager
def peers_of_both(life):
    """Many connections, by the place that has them; both have some."""
    with contextlib.ExitStack() as stack:
        found = {0: [], 1: []}
        for _ in range(CONNECTIONS):
            peer = stack.enter_context(Peer(("127.0.0.1", life.port())))
            found[who(peer)[0]].append(peer)
        assert found[0] and found[1], {p: len(found[p]) for p in found}
        yield found


def pid_of(life, place):
    """Of the process that has that place now, asked until one answers."""
    limit = time.monotonic() + WAIT_S
    while time.monotonic() < limit:
        # One that dies may have been given it.
        with contextlib.suppress(Closed, OSError), \
                Peer(("127.0.0.1", life.port())) as peer:
            found = who(peer)
            if found[0] == place:
                return found[2]
    raise AssertionError(f"nobody answers for place {place}")


def is_ended(peer):
    try:
        peer.send(request())
        peer.response()
    except (Closed, OSError):
        return True
    return False


def dies_and_is_replaced(life, place, kill):
    """The other's connections stay, its own end, a new one answers."""
    with peers_of_both(life) as peers:
        before = [who(peer)[1:] for peer in peers[1 - place]]
        old = who(peers[place][0])[2]
        kill(old)
        new = old
        while new == old:
            new = pid_of(life, place)
        after = [who(peer)[1:] for peer in peers[1 - place]]
        assert before == after, f"{before} {after}"
        for peer in peers[place]:
            assert is_ended(peer)


def killed(number):
    return lambda pid: os.kill(pid, number)


def M03_segfault_ends_one_process_only(server):
    with Supervised(server).listening() as life:
        dies_and_is_replaced(life, 0, killed(signal.SIGSEGV))
        dies_and_is_replaced(life, 1, killed(signal.SIGSEGV))
        life.stop()


def M03_crash_in_a_handler_ends_one_process_only(server):
    with Supervised(server).listening() as life:
        with peers_of_both(life) as peers:
            others = [who(peer) for peer in peers[1]]
            peers[0][0].send(post(path="/crash"))
            assert is_ended(peers[0][1])
            assert [who(peer) for peer in peers[1]] == others
        pid_of(life, 0)
        life.stop()


def M03_who_waits_in_the_queue_of_a_dead_process_is_served(server):
    with Supervised(server).listening() as life:
        pids = [pid_of(life, place) for place in (0, 1)]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(0.05)
        with contextlib.ExitStack() as stack:
            waiting = [stack.enter_context(Peer(("127.0.0.1", life.port())))
                       for _ in range(CONNECTIONS)]
            time.sleep(0.05)
            for pid in pids:
                os.kill(pid, signal.SIGSEGV)
                os.kill(pid, signal.SIGCONT)
            for peer in waiting:
                assert who(peer)[2] not in pids
        life.stop()


def M04_kill_9_leaves_the_others_connections(server):
    with Supervised(server).listening() as life:
        dies_and_is_replaced(life, 0, killed(signal.SIGKILL))
        dies_and_is_replaced(life, 1, killed(signal.SIGKILL))
        life.stop()


def respawn_s(life, place):
    """From the kill to the next process; then waits until it answers."""
    old = pid_of(life, place)
    before = set(life.children())
    start = time.monotonic()
    os.kill(old, signal.SIGKILL)
    while not set(life.children()) - before:
        assert time.monotonic() - start < WAIT_S
    took = time.monotonic() - start
    while pid_of(life, place) == old:
        pass
    return took


def M04_kill_9_is_replaced_within_100_ms(server):
    """The best of four: other tests run at the same time."""
    with Supervised(server).listening() as life:
        took = []
        for _ in range(2):
            took += [respawn_s(life, place) for place in (0, 1)]
            time.sleep(1.1)  # steady again: no backoff
        assert min(took) < RESPAWN_S, took
        life.stop()


def M04_kill_9_leaks_nothing(server):
    with Supervised(server).listening() as life:
        before = life.descriptors()
        for place in (0, 1, 0):
            respawn_s(life, place)
        assert life.descriptors() == before, life.descriptors()
        pids = [pid_of(life, place) for place in (0, 1)]
        assert sorted(life.children()) == sorted(pids)
        life.stop()
        for pid in pids:
            assert not os.path.exists(f"/proc/{pid}"), pid


def M05_crash_loop_gives_up(server):
    """No process can start: there is no such backend."""
    with Supervised(server, backend="none") as life:
        start = time.monotonic()
        said = life.fails()
    assert re.search(r"supervised: process \d ended within 1000 ms of its "
                     r"start 8 times in a row, at last with status 1$",
                     said), said
    # 0 + 100 + 200 + 400 + 800 + 1600 + 3200 ms
    assert time.monotonic() - start > 6


def M10_connections_are_spread_over_processes(server):
    with Supervised(server).listening() as life:
        with peers_of_both(life) as peers:
            assert min(len(peers[place]) for place in (0, 1)) \
                >= CONNECTIONS // 8
        life.stop()


def M10_statistics_show_how_connections_are_spread(server):
    with Life(server, "127.0.0.1:0", "workers=4").listening() as life:
        count = 200
        for _ in range(count):
            get(life.addresses[0])
        found = numbers(life.addresses[0])
        accepted = [int(found[f"worker{i}"].split()[1]) for i in range(4)]
        assert min(accepted) >= count // 16, accepted
        assert sum(accepted) >= count, accepted
        life.stop()


def SIGTERM_to_the_supervisor_loses_nobody(server):
    """M01, K14: under load."""
    with Supervised(server).listening() as life:
        load = AskLoad(life.port(), 4, refused_ends=True)
        time.sleep(0.3)
        life.stop()
        load.end()


def SIGTERM_removes_the_path(server):
    with folder() as place:
        path = os.path.join(place, "a.sock")
        with Supervised(server, f"unix:{path}, 127.0.0.1:0") \
                .listening() as life:
            for address in life.addresses:
                assert WHO.fullmatch(get(address))
            life.stop()
        assert not os.path.exists(path)


def Ctrl_C_is_one_signal_to_the_processes(server):
    """As the terminal sends it: to the whole process group."""
    with Supervised(server).listening() as life:
        with Peer(("127.0.0.1", life.port())) as peer:
            who(peer)
            group = os.getpgid(life.process.pid)
            for pid in (*life.children(), life.process.pid):
                if os.getpgid(pid) == group:
                    os.kill(pid, signal.SIGINT)
            time.sleep(0.1)
            who(peer)  # a second signal would have reset it
        life.ended()


def hangup_replaces_all_and_loses_nobody(server):
    with Supervised(server).listening() as life:
        old = {pid_of(life, place) for place in (0, 1)}
        load = AskLoad(life.port(), 2)
        life.process.send_signal(signal.SIGHUP)
        limit = time.monotonic() + 2 * WAIT_S
        while old & set(life.children()) and time.monotonic() < limit:
            time.sleep(0.05)
        load.end()
        new = {pid_of(life, place) for place in (0, 1)}
        assert not old & new and len(life.children()) == 2, (old, new)
        life.stop()


def processes_do_not_outlive_a_killed_supervisor(server):
    with Supervised(server).listening() as life:
        ends = [os.pidfd_open(pid_of(life, place)) for place in (0, 1)]
        life.process.kill()
        for end in ends:
            assert select.select([end], [], [], WAIT_S)[0], "it lives on"
            os.close(end)


CASES = [(f"supervise_{case.__name__}", case, "plain") for case in (
    M03_segfault_ends_one_process_only,
    M03_crash_in_a_handler_ends_one_process_only,
    M03_who_waits_in_the_queue_of_a_dead_process_is_served,
    M04_kill_9_leaves_the_others_connections,
    M04_kill_9_is_replaced_within_100_ms,
    M04_kill_9_leaks_nothing,
    M05_crash_loop_gives_up,
    M10_connections_are_spread_over_processes,
    M10_statistics_show_how_connections_are_spread,
    SIGTERM_to_the_supervisor_loses_nobody,
    SIGTERM_removes_the_path,
    Ctrl_C_is_one_signal_to_the_processes,
    hangup_replaces_all_and_loses_nobody,
    processes_do_not_outlive_a_killed_supervisor,
)]
