# SPDX-License-Identifier: MIT
"""HTTPS and programs of others: curl, nginx at both ends, s_server, node,
sslscan; and the examples."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
import xml.etree.ElementTree

from programs import CURL, curl
from proxies import free_port, program
from sockets import until
from tls_pki import MIB, OPENSSL, context, pki
from wire import Peer, request

NODE = shutil.which("node")
SSLSCAN = shutil.which("sslscan")

NGINX_CONF = """\
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{
    worker_connections 64;
}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 0;
    upstream flare {{
        server {upstream};
        keepalive {keepalive};
    }}
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {pki}/a.pem;
        ssl_certificate_key {pki}/a.key;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_cache shared:x:1m;
        proxy_http_version 1.1;
        proxy_set_header Connection "{connection}";
        proxy_set_header Host a.test;
        proxy_ssl_verify on;
        proxy_ssl_trusted_certificate {ca};
        proxy_ssl_name a.test;
        proxy_ssl_server_name on;
        location = / {{
            return 200 "nginx $ssl_protocol $ssl_session_reused $host\\n";
        }}
        location / {{
            proxy_pass https://flare;
        }}
    }}
}}
"""


@contextlib.contextmanager
def running(argv, port, **how):
    """A program that is to listen on `port`; gives its process."""
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, **how)

    def listens():
        assert process.poll() is None, f"{argv[0]} has ended"
        with contextlib.suppress(OSError), \
                Peer(("127.0.0.1", port), timeout=5):
            return True
        return False

    try:
        until(listens, seconds=10)
        yield process
    finally:
        process.terminate()
        process.wait(10)


@contextlib.contextmanager
def nginx(server, is_keep_alive=True, ca="ca.pem"):
    """The port of an nginx that speaks TLS to both sides."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        conf = os.path.join(folder, "conf")
        with open(conf, "w", encoding="ascii") as text:
            text.write(NGINX_CONF.format(
                folder=folder, port=port, pki=pki().folder, ca=pki()[ca],
                user="user root;" if os.geteuid() == 0 else "",
                upstream="%s:%d" % server.tls_address,
                keepalive=8 if is_keep_alive else 1,
                connection="" if is_keep_alive else "close"))
        with running([program("nginx"), "-p", folder, "-c", conf], port,
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
            yield port


# ---- curl


def secure(server, *arguments, path="/tls", **how):
    """What curl got of a.test, which it verifies."""
    address, port = server.tls_address
    return curl("--cacert", pki()["ca.pem"], "--resolve",
                f"a.test:{port}:{address}", *arguments,
                f"https://a.test:{port}{path}", **how)


def fails(server, *arguments, status, host="a.test"):
    address, port = server.tls_address
    done = subprocess.run(
        [CURL, "--silent", "--noproxy", "*", "--resolve",
         f"{host}:{port}:{address}", *arguments, f"https://{host}:{port}/"],
        stdout=subprocess.DEVNULL, check=False)
    assert done.returncode == status, done.returncode


def curl_https_get(server):
    for version in ("1.2", "1.3"):
        out = secure(server, "--tlsv" + version, "--tls-max", version).decode()
        assert f"version TLSv{version}\n" in out, out
        assert "alpn http/1.1\n" in out and "name a.test\n" in out, out


def curl_https_post(server):
    body = os.urandom(10 * MIB)
    for version in ("1.2", "1.3"):
        assert secure(server, "--tls-max", version, "--data-binary", "@-",
                      path="/echo", body=body) == body


def curl_https_keep_alive(server):
    address, port = server.tls_address
    url = f"https://a.test:{port}/"
    out = curl("--cacert", pki()["ca.pem"], "--resolve",
               f"a.test:{port}:{address}", "--write-out", "%{num_connects} ",
               url, url, url)
    assert out == b"hello\n1 hello\n0 hello\n0 ", out


def curl_https_is_particular(server):
    fails(server, status=60)  # the system knows no such CA
    fails(server, "--cacert", pki()["ca.pem"], host="other.test", status=60)
    fails(server, "--insecure", "--tlsv1.0", "--tls-max", "1.1", "--ciphers",
          "DEFAULT:@SECLEVEL=0", status=35)


def curl_https_client_certificate(server):
    out = secure(server, "--cert", pki()["client.pem"], "--key",
                 pki()["client.key"]).decode()
    assert "subject CN=alice,O=Example\n" in out, out


# ---- nginx, s_server: ours behind, ours in front


def nginx_verifies_what_is_behind_it(server):
    with nginx(server) as port:
        client = http.client.HTTPSConnection("127.0.0.1", port, timeout=20,
                                             context=context())
        def ask(method, path, body=None):
            client.request(method, path, body)
            answer = client.getresponse()
            assert answer.status == 200, answer.status
            return answer.read()

        for _ in range(200):
            assert ask("GET", "/users/7") == b"user 7\n"
        assert len(ask("GET", "/static")) == 4 * MIB
        body = os.urandom(MIB)
        assert ask("POST", "/echo", body) == body
        assert b"name a.test\n" in ask("GET", "/tls")
        client.close()
    with nginx(server, ca="stranger.pem") as port:
        client = http.client.HTTPSConnection("127.0.0.1", port, timeout=20,
                                             context=context())
        client.request("GET", "/users/7")
        assert client.getresponse().status == 502
        client.close()


def nginx_resumes_what_is_behind_it(server):
    with nginx(server, is_keep_alive=False) as port:
        told = []
        for _ in range(4):
            client = http.client.HTTPSConnection("127.0.0.1", port, timeout=20,
                                                 context=context())
            client.request("GET", "/tls")
            told.append(b"resumed 1\n" in client.getresponse().read())
            client.close()
        assert not told[0] and all(told[1:]), told


def tls_example(server, *arguments):
    folder = os.path.dirname(server.process.args[0])
    done = subprocess.run(
        [os.path.join(folder, "../../examples/tls"), *arguments],
        env=dict(os.environ, FLARE_BACKEND=server.backend),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30,
        check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def example_tls_asks_nginx(server):
    with nginx(server) as port:
        rc, out, told = tls_example(server, "localhost", str(port),
                                    pki()["ca.pem"])
        assert rc == 0, told
        for word in ("full handshake\n", "resumed\n", "nginx TLSv1.3 r local",
                     "with CN=a, issued by CN=test CA\n"):
            assert word in out, out
        rc, out, told = tls_example(server, "localhost", str(port),
                                    pki()["stranger.pem"])
        assert rc == 1 and "issuer" in told, (rc, told)


def example_tls_asks_s_server(server):
    for version in ("-tls1_2", "-tls1_3"):
        port = free_port()
        with running([OPENSSL, "s_server", "-accept", f"127.0.0.1:{port}",
                      "-cert", pki()["a.pem"], "-key", pki()["a.key"], "-www",
                      version], port, stdout=subprocess.DEVNULL,
                     stderr=subprocess.DEVNULL):
            rc, out, told = tls_example(server, "localhost", str(port),
                                        pki()["ca.pem"])
            assert rc == 0, told
            assert out.count("HTTP/1.0 200 ok") == 2, out
            assert "full handshake\n" in out and "resumed\n" in out, out
            rc, out, told = tls_example(server, "127.0.0.1", str(port),
                                        pki()["stranger.pem"])
            assert rc == 1 and not out, (rc, out, told)


def example_tls_asks_ours(server):
    """And is refused what is not shown for it."""
    address, port = server.tls_address
    rc, out, told = tls_example(server, address, str(port), pki()["ca.pem"])
    assert rc == 0 and out.count("\r\n\r\nhello\n") == 2, (rc, out, told)
    assert "full handshake\n" in out and "resumed\n" in out, out
    rc, _, told = tls_example(server, "127.0.0.1", str(server.address[1]),
                              pki()["ca.pem"])
    assert rc == 1 and "does not speak TLS" in told, (rc, told)


# ---- node


NODE_PROGRAM = """
const https = require('https'), fs = require('fs');
const [address, port, ca] = process.argv.slice(1);
const agent = new https.Agent({keepAlive: true, ca: fs.readFileSync(ca)});
const seen = [];
function ask(method, path, body, connection, next) {
    const req = https.request({host: address, port, path, method, agent,
        servername: 'a.test', headers: {Host: 'a.test', connection}}, res => {
        const parts = [];
        res.on('data', part => parts.push(part));
        res.on('end', () => {
            seen.push({status: res.statusCode, reused: req.reusedSocket,
                       resumed: req.socket.isSessionReused(),
                       authorized: req.socket.authorized,
                       length: Buffer.concat(parts).length});
            next();
        });
    });
    req.on('error', error => { console.error(error); process.exit(1); });
    req.end(body);
}
const big = Buffer.alloc(1 << 20, 'x');
ask('GET', '/', null, 'keep-alive', () =>
setTimeout(() => ask('GET', '/static', null, 'keep-alive', () =>
setTimeout(() => ask('POST', '/echo', big, 'close', () =>
setTimeout(() => ask('GET', '/', null, 'close', () =>
    console.log(JSON.stringify(seen))), 50)), 50)), 50));
"""


def node_asks_by_https(server):
    address, port = server.tls_address
    done = subprocess.run(
        [NODE, "-e", NODE_PROGRAM, address, str(port), pki()["ca.pem"]],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
        check=False)
    assert done.returncode == 0, done.stderr.decode()
    seen = json.loads(done.stdout)
    assert [one["status"] for one in seen] == [200] * 4, seen
    assert [one["length"] for one in seen] == [6, 4 * MIB, MIB, 6], seen
    assert all(one["authorized"] for one in seen), seen
    assert [one["reused"] for one in seen] == [False, True, True, False], seen
    assert seen[3]["resumed"], seen


# ---- sslscan


STRONG = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
          "TLS_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256",
          "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305",
          "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384",
          "ECDHE-RSA-CHACHA20-POLY1305"}


def sslscan_finds_nothing(server):
    done = subprocess.run(
        [SSLSCAN, "--xml=-", "--no-colour", "--sni-name=localhost",
         "--show-sigs", "%s:%d" % server.tls_address],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120,
        check=False)
    test = xml.etree.ElementTree.fromstring(done.stdout).find("ssltest")
    spoken = {(one.get("type"), one.get("version"))
              for one in test.iter("protocol") if one.get("enabled") == "1"}
    assert spoken == {("tls", "1.2"), ("tls", "1.3")}, spoken
    ciphers = {one.get("cipher") for one in test.iter("cipher")}
    assert len(ciphers) >= 6 and ciphers <= STRONG, ciphers
    assert {one.get("strength") for one in test.iter("cipher")} <= \
        {"strong", "acceptable"}
    assert all(one.get("supported") == "0"
               for one in test.iter("compression"))
    assert test.find("renegotiation").get("supported") == "0"
    assert {one.get("vulnerable")
            for one in test.iter("heartbleed")} == {"0"}
    groups = {one.get("name") for one in test.iter("group")}
    assert groups <= {"x25519", "secp256r1 (NIST P-256)",
                      "secp384r1 (NIST P-384)"}, groups
    signed = {one.get("name")
              for one in test.iter("connection-signature-algorithm")}
    assert not [name for name in signed if "sha1" in name.lower()], signed


def sslscan_finds_nothing_in_the_example(server):
    sslscan_finds_nothing(server)


# ---- examples/https_server


def https_server_leads_to_https(server):
    with Peer(server.address) as peer:
        peer.send(request("GET", "/any", host="a"))
        answer = peer.response()
        assert answer.status == 308, answer.status
        location = answer.one(b"Location").decode()
        assert location == f"https://localhost:{server.tls_address[1]}/"
    out = curl("--insecure", "--location", "--resolve",
               f"localhost:{server.tls_address[1]}:{server.tls_address[0]}",
               server.url + "/")
    assert out == b"hello by TLSv1.3\n", out


def https_server_reloads(server):
    before = server.complaints().count("reloaded")
    server.signal(signal.SIGHUP)
    until(lambda: server.complaints().count("reloaded") > before)
    https_server_leads_to_https(server)


def cases(kind, *runs, needs=True):
    return [(run.__name__, run, kind) for run in runs] if needs else []


CASES = [] if OPENSSL is None else [
    *cases("tls", curl_https_get, curl_https_post, curl_https_keep_alive,
           curl_https_is_particular),
    *cases("tls_asked", curl_https_client_certificate),
    *cases("tls", nginx_verifies_what_is_behind_it,
           nginx_resumes_what_is_behind_it, example_tls_asks_nginx,
           needs=program("nginx")),
    *cases("tls", example_tls_asks_s_server, example_tls_asks_ours),
    *cases("tls", node_asks_by_https, needs=NODE),
    *cases("tls", sslscan_finds_nothing, needs=SSLSCAN),
    *cases("https_server", sslscan_finds_nothing_in_the_example,
           needs=SSLSCAN),
    *cases("https_server", https_server_leads_to_https, https_server_reloads),
]
SKIPPED = [name for name, there in (("openssl", OPENSSL), ("node", NODE),
                                    ("nginx", program("nginx")),
                                    ("sslscan", SSLSCAN)) if not there]
