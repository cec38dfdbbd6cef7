# SPDX-License-Identifier: MIT
"""How a server begins and ends: its sockets, its signals, its successors.

Each case starts servers of its own; the shared one only names the program and
the backend.
"""

import array
import contextlib
import os
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time

from rows import PROBE
from wire import Closed, Peer, request

WAIT_S = 15


class Life:
    """One run of the program."""

    def __init__(self, like, listen, *options, environment=(), inherit=()):
        variables = {name: value for name, value in os.environ.items()
                     if not name.startswith(("LISTEN_", "NOTIFY_"))}
        variables.update(environment)
        if like.backend:
            variables["FLARE_BACKEND"] = like.backend
        program = like.process.args[0]
        command = [program, listen, *options]
        if inherit:  # as the service manager does it: 3, 4, ... and the PID
            moves = " ".join(f"{3 + i}<&{fd}"
                             for i, fd in enumerate(inherit))
            command = ["bash", "-c",
                       f'export LISTEN_PID=${{WRONG_PID:-$$}}; '
                       f'exec "$0" "$@" {moves}', *command]
            variables["LISTEN_FDS"] = str(len(inherit))
        self.process = subprocess.Popen(
            command, env=variables, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            pass_fds=inherit)
        self.addresses = []
        self.errors = ""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def listening(self):
        """Waits until it listens."""
        line = self.process.stdout.readline().decode()
        if not line.startswith("listening on "):
            raise AssertionError(f"{line!r} {self.fails()}")
        self.addresses = line[len("listening on "):].strip().split(", ")
        return self

    def fails(self):
        """Waits until it has failed; what it said last."""
        _, errors = self.process.communicate(timeout=WAIT_S)
        assert self.process.returncode == 1, self.process.returncode
        return errors.decode().strip().splitlines()[-1]

    def port(self, at=0):
        return int(self.addresses[at].rsplit(":", 1)[1])

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self):
        status = self.process.wait(timeout=WAIT_S)
        assert status == 0, \
            f"{status} {self.process.stderr.read().decode()}"


def connect(address):
    """To an address as the server writes it."""
    if not address.startswith("unix:"):
        host, port = address.rsplit(":", 1)
        return socket.create_connection((host.strip("[]"), int(port)),
                                        timeout=WAIT_S)
    name = address[5:]
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(WAIT_S)
    peer.connect("\0" + name[1:] if name[0] == "@" else name)
    return peer


def get(address, path="/"):
    """The body of one answer, on a connection of its own."""
    with connect(address) as peer:
        peer.sendall(request("GET", path, "Connection: close"))
        answer = b""
        while True:
            more = peer.recv(65536)
            if not more:
                break
            answer += more
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer
    return answer.split(b"\r\n\r\n", 1)[1].decode()


def numbers(address):
    return dict(line.split(" ", 1)
                for line in get(address, "/server").splitlines())


def pid_at(address):
    return int(numbers(address)["pid"])


def listener(family=socket.AF_INET, address=("127.0.0.1", 0), backlog=128):
    made = socket.socket(family)
    made.bind(address)
    made.listen(backlog)
    return made


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory(prefix="flare-") as path:
        yield path


class Load:
    """Clients that ask without a pause; whoever fails is remembered."""

    probe = PROBE

    def __init__(self, port, count=4, refused_ends=False):
        self.port = port
        self.refused_ends = refused_ends
        self.failures = []
        self.served = 0
        self.is_over = False
        self.threads = [threading.Thread(target=self._run)
                        for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def _connection(self):
        with Peer(("127.0.0.1", self.port), timeout=WAIT_S) as peer:
            while not self.is_over:
                peer.send(self.probe)
                answer = peer.response()
                assert answer.status == 200, answer.status
                self.served += 1
                if answer.is_last:
                    peer.end()
                    return

    def _run(self):
        while not self.is_over:
            try:
                self._connection()
            except ConnectionRefusedError as error:
                if not self.refused_ends:
                    self.failures.append(repr(error))
                return
            except (Closed, OSError, AssertionError) as error:
                self.failures.append(repr(error))

    def end(self):
        self.is_over = True
        for thread in self.threads:
            thread.join()
        assert not self.failures, self.failures[:5]
        assert self.served > 0


# ---- where it listens ----

def listens_on_all(server):
    with folder() as place:
        path = os.path.join(place, "a.sock")
        asked = (f"127.0.0.1:0 ,[::1]:0, unix:{path}, "
                 f"unix:@flare-{os.getpid()}-{server.backend}")
        with Life(server, asked, "workers=2").listening() as life:
            assert len(life.addresses) == 4, life.addresses
            for address in life.addresses:
                assert pid_at(address) == life.process.pid
            life.stop()
        assert not os.path.exists(path)


def both_families_of_one_port(server):
    with Life(server, "0.0.0.0:0").listening() as first:
        asked = f"127.0.0.2:0, [::]:{first.port()}"
        with Life(server, asked, "v6only=1").listening() as second:
            assert pid_at(f"[::1]:{first.port()}") == second.process.pid
            assert pid_at(f"127.0.0.1:{first.port()}") == first.process.pid


def bad_lists_name_the_item(server):
    taken = listener()
    port = taken.getsockname()[1]
    for asked, word in (
            ("", "empty item"),
            ("127.0.0.1:0,", "empty item"),
            ("127.0.0.1:0, 127.0.0.1:0", '"127.0.0.1:0" is there twice'),
            ("127.0.0.1:0, localhost:80", "localhost:80"),
            ("127.0.0.1:0, 127.0.0.1:99999", "127.0.0.1:99999"),
            (f"127.0.0.1:0, 127.0.0.1:{port}", f"127.0.0.1:{port}"),
            ("fd:", "fd: is followed by"), ("fd:x", "fd: is followed by"),
            ("fd:999", "descriptor 999"), ("fd:0", "descriptor 0"),
            ("inherit:", "no sockets were inherited"),
            ("unix:" + 120 * "x", "unix:xxx")):
        with Life(server, asked) as life:
            said = life.fails()
        assert word in said, f"{asked!r}: {said}"
    taken.close()


def nothing_is_left_of_a_start_that_fails(server):
    """M08: what was opened before the culprit is gone, its file too."""
    with folder() as place, listener() as taken:
        path = os.path.join(place, "a.sock")
        port = taken.getsockname()[1]
        for workers in (1, 3):
            with Life(server, f"unix:{path}, 127.0.0.1:{port}",
                      f"workers={workers}",
                      f"restart_socket={place}/restart") as life:
                life.fails()
            assert os.listdir(place) == [], os.listdir(place)


def unix_paths(server):
    """K15: in use, stale, no socket at all."""
    with folder() as place:
        path = os.path.join(place, "a.sock")
        with Life(server, f"unix:{path}").listening() as first:
            with Life(server, f"unix:{path}") as second:
                assert path in second.fails()
            assert pid_at(f"unix:{path}") == first.process.pid
            first.process.kill()
        assert os.path.exists(path)
        with Life(server, f"unix:{path}").listening() as third:
            assert pid_at(f"unix:{path}") == third.process.pid
            third.stop()
        with open(path, "w", encoding="ascii"):
            pass
        with Life(server, f"unix:{path}") as fourth:
            assert path in fourth.fails()
        assert os.path.isfile(path)


def numbers_out_of_range_are_named(server):
    for option, word in (("workers=2000", "workers"),
                         ("drain_grace_ms=99999999", "drain_grace_ms"),
                         ("restart_socket=", "restart_socket"),
                         ("restart_socket=/" + 120 * "x", "restart_socket"),
                         ("restart_socket=/no/such/place", "/no/such/place")):
        with Life(server, "127.0.0.1:0", option) as life:
            said = life.fails()
        assert word in said, f"{option}: {said}"


# ---- sockets that are inherited ----

def inherits(server):
    with listener() as one, listener() as two:
        ports = [s.getsockname()[1] for s in (one, two)]
        for asked, served in (("inherit:", ports), ("inherit:web", ports[:1]),
                              ("inherit:admin", ports[1:]),
                              ("fd:4", ports[1:])):
            with Life(server, asked, "workers=2",
                      environment={"LISTEN_FDNAMES": "web:admin"},
                      inherit=(one.fileno(), two.fileno())).listening() as l:
                assert [l.port(i) for i in range(len(l.addresses))] == served
                for address in l.addresses:
                    assert pid_at(address) == l.process.pid
                l.stop()


def inherited_are_checked(server):
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    idle = socket.socket()
    good = listener()
    with datagrams, idle, good, open("/dev/null", "rb") as file:
        for made, word in ((datagrams, "no stream"),
                           (idle, "does not listen"),
                           (file, "descriptor 3")):
            with Life(server, "inherit:", inherit=(made.fileno(),)) as life:
                said = life.fails()
            assert word in said, said
        for environment, word in (
                ({"WRONG_PID": "1"}, "no sockets were inherited"),
                ({"WRONG_PID": "x"}, "LISTEN_PID"),
                ({"LISTEN_FDNAMES": "web"}, "no inherited socket")):
            with Life(server, "inherit:admin", environment=environment,
                      inherit=(good.fileno(),)) as life:
                said = life.fails()
            assert word in said, said


def inherited_queue_outlives_the_server(server):
    """K14: stopped and started under load, nobody is refused or lost."""
    with listener(backlog=1024) as kept:
        load = Load(kept.getsockname()[1])
        for workers in (1, 2, 3):
            with Life(server, "inherit:", f"workers={workers}",
                      "drain_grace_ms=3000",
                      inherit=(kept.fileno(),)).listening() as life:
                time.sleep(0.2)
                life.stop()
        with Life(server, "inherit:",
                  inherit=(kept.fileno(),)).listening():
            time.sleep(0.2)
            load.end()


# ---- the service manager ----

def tells_the_service_manager(server):
    with folder() as place:
        name = f"flare-notify-{os.getpid()}-{server.backend}"
        for address, variable in ((os.path.join(place, "n"),) * 2,
                                  ("\0" + name, "@" + name)):
            manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            manager.bind(address)
            manager.settimeout(WAIT_S)
            with manager, Life(
                    server, "127.0.0.1:0", "notify=1",
                    environment={"NOTIFY_SOCKET": variable}) as life:
                said = manager.recv(1000).decode().split("\n")
                assert said == ["READY=1", f"MAINPID={life.process.pid}"], said
                life.listening()
                assert pid_at(life.addresses[0]) == life.process.pid
                life.process.send_signal(signal.SIGTERM)
                assert manager.recv(1000) == b"STOPPING=1"
                life.ended()


def a_deaf_service_manager_is_a_line(server):
    for variable in ("/no/such/socket", "vsock:2:1", "@", "/" + 200 * "x"):
        with Life(server, "127.0.0.1:0", "notify=1",
                  environment={"NOTIFY_SOCKET": variable}) as life:
            life.listening().stop()
            said = life.process.stderr.read().decode()
            assert "manager could not" in said or "NOTIFY_SOCKET" in said, said


# ---- the end ----

def signal_during_the_start(server):
    """M02: whenever it comes, the process ends, and soon."""
    for wait in (0, 0.002, 0.005, 0.01, 0.02):
        with Life(server, "127.0.0.1:0", "workers=2") as life:
            time.sleep(wait)
            life.process.send_signal(signal.SIGTERM)
            assert life.process.wait(timeout=WAIT_S) in (0, -signal.SIGTERM)


def queued_connections_are_served(server):
    """K14: the kernel has answered them; nobody has accepted them."""
    for workers in (1, 2):
        with Life(server, "127.0.0.1:0", f"workers={workers}",
                  f"connections_max={workers}").listening() as life:
            place = ("127.0.0.1", life.port())
            peers = [Peer(place) for _ in range(20)]
            time.sleep(0.1)
            for peer in peers:
                peer.send(request())
            life.process.send_signal(signal.SIGTERM)
            for peer in peers:
                answer = peer.response()
                assert answer.status == 200
                peer.end() if answer.is_last else None
                peer.socket.close()
            life.ended()


def queued_unix_connections_are_served(server):
    with folder() as place:
        path = os.path.join(place, "a.sock")
        with Life(server, f"unix:{path}", "connections_max=2",
                  "workers=2").listening() as life:
            peers = [connect(f"unix:{path}") for _ in range(20)]
            time.sleep(0.1)
            for peer in peers:
                peer.sendall(request())
            life.process.send_signal(signal.SIGTERM)
            for peer in peers:
                assert peer.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")
                peer.close()
            life.ended()
        assert not os.path.exists(path)


def a_request_on_its_way_is_answered(server):
    """M01: it comes when the drain has begun; the answer is the last."""
    with Life(server, "127.0.0.1:0").listening() as life:
        with Peer(("127.0.0.1", life.port())) as peer:
            peer.send(request())
            assert not peer.response().is_last
            life.process.send_signal(signal.SIGTERM)
            time.sleep(0.15)
            peer.send(request())
            answer = peer.response()
            assert answer.status == 200 and answer.is_last
            peer.end()
        life.ended()


def quiet_connections_are_closed(server):
    with Life(server, "127.0.0.1:0", "drain_grace_ms=200").listening() as life:
        with Peer(("127.0.0.1", life.port())) as old:
            old.send(request())
            old.response()
            time.sleep(0.4)
            start = time.monotonic()
            life.process.send_signal(signal.SIGTERM)
            old.end()
            assert time.monotonic() - start < 0.2
        life.ended()


def new_connections_are_refused(server):
    with Life(server, "127.0.0.1:0").listening() as life:
        with Peer(("127.0.0.1", life.port())) as peer:
            peer.send(b"GET / HT")
            time.sleep(0.1)
            life.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            try:
                socket.create_connection(("127.0.0.1", life.port()), 5)
                raise AssertionError("a connection, after the end")
            except ConnectionRefusedError:
                pass
            peer.send(b"TP/1.1\r\nHost: a\r\n\r\n")
            assert peer.response().is_last
        life.ended()


def drains_lose_nobody(server):
    for workers in (1, 3):
        with Life(server, "127.0.0.1:0", f"workers={workers}",
                  "drain_grace_ms=2000").listening() as life:
            load = Load(life.port(), 8, refused_ends=True)
            time.sleep(0.2)
            life.process.send_signal(signal.SIGTERM)
            life.ended()
            load.end()


# ---- hot restart ----

def restarts(server):
    """M06: with any number of workers on either side."""
    with folder() as place, contextlib.ExitStack() as stack:
        asked = f"127.0.0.1:0, unix:{place}/a.sock"
        option = f"restart_socket={place}/restart"
        patient = "drain_grace_ms=3000"  # the clients share a busy machine
        old = stack.enter_context(Life(server, asked, "workers=2", option,
                                       patient).listening())
        load = Load(old.port())
        for workers in (1, 3, 2, 1):
            new = stack.enter_context(Life(
                server, asked, f"workers={workers}", option,
                patient).listening())
            assert new.addresses == old.addresses
            old.ended()
            for address in new.addresses:
                assert pid_at(address) == new.process.pid
            assert sorted(os.listdir(place)) == ["a.sock", "restart"]
            mode = os.stat(f"{place}/restart").st_mode
            assert stat.S_IMODE(mode) == 0o600, oct(mode)
            old = new
        load.end()
        old.stop()
        assert os.listdir(place) == [], os.listdir(place)


def restarts_with_another_list(server):
    with folder() as place, contextlib.ExitStack() as stack:
        option = f"restart_socket={place}/restart"
        path = f"unix:{place}/a.sock"
        old = stack.enter_context(
            Life(server, f"127.0.0.1:0, {path}", option).listening())
        new = stack.enter_context(
            Life(server, "127.0.0.1:0, 127.0.0.2:0", option).listening())
        assert new.addresses[0] == old.addresses[0]
        old.ended()
        for address in new.addresses:
            assert pid_at(address) == new.process.pid
        new.stop()


def takes(place, count=1):
    """What a next server does first; its descriptors."""
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    peer.settimeout(WAIT_S)
    peer.connect(f"{place}/restart")
    fds = array.array("i")
    _, ancillary, _, _ = peer.recvmsg(100000, socket.CMSG_SPACE(4 * 64))
    for _, _, data in ancillary:
        fds.frombytes(data[:len(data) - len(data) % fds.itemsize])
    assert len(fds) == count, fds
    for fd in fds:
        os.close(fd)
    return peer


def a_successor_that_dies_changes_nothing(server):
    with folder() as place, listener() as taken:
        option = f"restart_socket={place}/restart"
        port = taken.getsockname()[1]
        with Life(server, "127.0.0.1:0", "workers=3", option,
                  "drain_grace_ms=3000").listening() as old:
            load = Load(old.port())
            takes(place, 3).close()
            with Life(server, f"127.0.0.1:0, 127.0.0.1:{port}",
                      option) as failing:
                failing.fails()
            peer = takes(place, 3)
            peer.send(b"nonsense")
            assert peer.recv(100) == b""
            peer.close()
            assert pid_at(old.addresses[0]) == old.process.pid
            with Life(server, "127.0.0.1:0", option).listening() as new:
                old.ended()
                assert pid_at(old.addresses[0]) == new.process.pid
                load.end()
                new.stop()


def a_stop_while_a_successor_starts(server):
    """K14: the sockets are the successor's too, so they are not sealed."""
    with folder() as place:
        option = f"restart_socket={place}/restart"
        with Life(server, "127.0.0.1:0", option).listening() as old:
            peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            peer.connect(f"{place}/restart")
            fds = array.array("i")
            _, ancillary, _, _ = peer.recvmsg(100000, socket.CMSG_SPACE(256))
            fds.frombytes(ancillary[0][2])
            old.stop()
            kept = socket.socket(fileno=fds[0])
            kept.settimeout(WAIT_S)
            with socket.create_connection(("127.0.0.1", old.port()), WAIT_S):
                kept.accept()[0].close()
            kept.close()
            peer.close()


def starts_where_nobody_waits(server):
    """The last server was killed: its file is there, and nobody answers."""
    with folder() as place:
        option = f"restart_socket={place}/restart"
        with Life(server, "127.0.0.1:0", option).listening() as old:
            old.process.kill()
            old.process.wait()
        assert os.path.exists(f"{place}/restart")
        with Life(server, "127.0.0.1:0", option).listening() as new:
            assert pid_at(new.addresses[0]) == new.process.pid
            new.stop()


def other_users_get_nothing(server):
    if os.getuid() != 0:
        print("SKIP M06_other_users_get_nothing: needs root")
        return
    with folder() as place:
        option = f"restart_socket={place}/restart"
        with Life(server, "127.0.0.1:0", option).listening() as life:
            os.chmod(place, 0o755)
            os.chmod(f"{place}/restart", 0o666)
            code = (f"import os, socket; os.setuid(65534); "
                    f"s = socket.socket(socket.AF_UNIX, "
                    f"socket.SOCK_SEQPACKET); s.settimeout({WAIT_S}); "
                    f"s.connect('{place}/restart'); "
                    f"data = s.recv(100); assert data == b'', data")
            subprocess.run(["python3", "-c", code], check=True)
            assert pid_at(life.addresses[0]) == life.process.pid
            life.stop()


# ---- statistics ----

def statistics(server):
    """K13: how the connections are spread, among other numbers."""
    with Life(server, "127.0.0.1:0", "workers=2").listening() as life:
        place = ("127.0.0.1", life.port())
        peers = [Peer(place) for _ in range(30)]
        for peer in peers:
            peer.send(request() + request(path="/nope"))
            assert peer.response().status == 200
            assert peer.response().status == 404
        time.sleep(0.05)
        seen = numbers(life.addresses[0])
        each = [int(seen[f"worker{i}"].split()[0]) for i in (0, 1)]
        assert sum(each) == int(seen["connections"]) == 31, seen
        assert int(seen["accepted"]) == 31, seen
        assert int(seen["requests"]) in (60, 61), seen
        assert int(seen["responses_2xx"]) in (30, 31), seen
        assert int(seen["responses_4xx"]) == 30, seen
        sent = 30 * len(request() + request(path="/nope"))
        assert int(seen["bytes_in"]) >= sent, (seen, sent)
        assert int(seen["bytes_out"]) >= 60 * 100, seen
        for peer in peers:
            peer.socket.close()
        until = time.monotonic() + WAIT_S
        while int(numbers(life.addresses[0])["connections"]) > 1:
            assert time.monotonic() < until, numbers(life.addresses[0])
            time.sleep(0.01)
        life.stop()


CASES = [(name, run, "plain") for name, run in (
    ("listens_on_all", listens_on_all),
    ("listens_on_both_families_of_one_port", both_families_of_one_port),
    ("M12_bad_lists_name_the_item", bad_lists_name_the_item),
    ("M08_nothing_is_left_of_a_start_that_fails",
     nothing_is_left_of_a_start_that_fails),
    ("K15_unix_paths", unix_paths),
    ("M12_numbers_out_of_range_are_named", numbers_out_of_range_are_named),
    ("inherits", inherits),
    ("inherited_are_checked", inherited_are_checked),
    ("K14_inherited_queue_outlives_the_server",
     inherited_queue_outlives_the_server),
    ("tells_the_service_manager", tells_the_service_manager),
    ("a_deaf_service_manager_is_a_line", a_deaf_service_manager_is_a_line),
    ("M02_signal_during_the_start", signal_during_the_start),
    ("K14_queued_connections_are_served", queued_connections_are_served),
    ("K14_queued_unix_connections_are_served",
     queued_unix_connections_are_served),
    ("M01_a_request_on_its_way_is_answered",
     a_request_on_its_way_is_answered),
    ("M01_quiet_connections_are_closed", quiet_connections_are_closed),
    ("M01_new_connections_are_refused", new_connections_are_refused),
    ("M01_drains_lose_nobody", drains_lose_nobody),
    ("M06_restarts", restarts),
    ("M06_restarts_with_another_list", restarts_with_another_list),
    ("M06_a_successor_that_dies_changes_nothing",
     a_successor_that_dies_changes_nothing),
    ("K14_a_stop_while_a_successor_starts", a_stop_while_a_successor_starts),
    ("M06_starts_where_nobody_waits", starts_where_nobody_waits),
    ("M06_other_users_get_nothing", other_users_get_nothing),
    ("K13_statistics", statistics),
)]
