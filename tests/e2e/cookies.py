# SPDX-License-Identifier: MIT
"""The cookies example, and its file in the hands of curl and Python."""

import http.cookiejar
import os
import shutil
import subprocess
import tempfile

from plain import run

CURL = shutil.which("curl")


def jar(server, folder, *fields):
    out, _ = run(server, "cookies", os.path.join(folder, "jar"),
                 "www.example.com", "/a", *fields)
    return out.splitlines()


def cookies(server):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "jar")
        out = jar(server, folder, "id=7; Domain=example.com; Max-Age=60",
                  "s=x; Secure; HttpOnly", "no=1; Domain=com",
                  "__Host-a=b; Secure; Path=/")
        assert out[0].startswith("FLARE_E_COOKIE_DOMAIN: "), out
        assert out[1:] == [
            "3 in the jar",
            "  id=7 for *.example.com/, 60 s",
            "  s=x for www.example.com/, until the session ends",
            "  __Host-a=b for www.example.com/, until the session ends",
            "Cookie: id=7; s=x; __Host-a=b"], out
        assert os.stat(path).st_mode & 0o777 == 0o600
        assert os.listdir(folder) == ["jar"]

        # Python reads and writes it, and curl.
        theirs = http.cookiejar.MozillaCookieJar(path)
        theirs.load(ignore_discard=True, ignore_expires=True)
        assert {c.name: (c.value, c.domain, c.secure) for c in theirs} == {
            "id": ("7", ".example.com", False),
            "s": ("x", "www.example.com", True),
            "__Host-a": ("b", "www.example.com", True)}, list(theirs)
        theirs.save(ignore_discard=True, ignore_expires=True)
        assert jar(server, folder)[0] == "3 in the jar"
        if CURL:
            subprocess.run(
                [CURL, "--silent", "--show-error", "--noproxy", "*",
                 "--output", os.devnull, "--connect-to",
                 "::127.0.0.1:" + server.url.rsplit(":", 1)[1], "--cookie",
                 path, "--cookie-jar", path, "http://www.example.com/"],
                check=True, timeout=60)
            with open(path, encoding="ascii") as file:
                assert "curl" in file.read()
        out = jar(server, folder, "id=; Domain=example.com; Max-Age=0")
        assert out[0] == "2 in the jar", out
        assert sorted(out[-1][len("Cookie: "):].split("; ")) == \
            ["__Host-a=b", "s=x"], out

        with open(path, "a", encoding="ascii") as file:
            file.write("x\n")
        lines = len(open(path, encoding="ascii").read().splitlines())
        _, err = run(server, "cookies", path, "a.example", "/", status=1)
        assert f"line {lines}: " in err, err


CASES = [("example_cookies", cookies, "hello")]
