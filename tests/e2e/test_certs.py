#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The certificate matrix (FAILURES T11, T15): a server shows each row, our
client refuses it with its own code, and curl is asked the same.

    tests/e2e/test_certs.py [--build DIR] [WORD ...]

Where curl is laxer the row says why (docs/tls.md lists them); that it refuses
what we accept, or is laxer anywhere else, fails.  Each row is one line; with
words, only rows whose name has one of them are asked.  Exits with 77 without
TLS.  The last line is "N passed, N failed".
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True

CURL = shutil.which("curl")
CURL_REFUSES = {35, 51, 56, 60, 83, 90, 91}  # of its exit codes: TLS, the peer
SECONDS = 30


class Matrix:
    """The servers of all rows."""

    def __init__(self, program):
        self.program = program
        self.folder = tempfile.mkdtemp(prefix="flare-certs-")
        # its input ends with us, however we end
        self.process = subprocess.Popen(
            [program, "serve", self.folder], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        self.rows = []
        for line in self.process.stdout:
            if line == "\n":
                break
            self.rows.append(dict(zip(
                ("name", "port", "host", "code", "curl", "list", "staple"),
                line.rstrip("\n").split("\t"))))

    def file(self, name):
        """A file beside the certificates; "-" stays."""
        return name if name == "-" else os.path.join(self.folder, name)

    def ours(self, row):
        """Our client's code and sentence."""
        done = subprocess.run(
            [self.program, "ask", row["host"], row["port"],
             self.file("ca.pem"), self.file(row["list"]), row["staple"]],
            stdout=subprocess.PIPE, text=True, check=True, timeout=SECONDS)
        return done.stdout.rstrip("\n").split("\t")

    def curl(self, row):
        """Whether curl accepts it."""
        command = [CURL, "-q", "--silent", "--noproxy", "*", "--output",
                   os.devnull, "--max-time", str(SECONDS), "--cacert",
                   self.file("ca.pem"), "--connect-to",
                   f"::127.0.0.1:{row['port']}"]
        if row["list"] != "-":
            command += ["--crlfile", self.file(row["list"])]
        if row["staple"] != "-":
            command.append("--cert-status")
        command.append(f"https://{row['host']}:{row['port']}/")
        code = subprocess.run(command, check=False).returncode
        assert code == 0 or code in CURL_REFUSES, f"curl exits with {code}"
        return code == 0

    def close(self):
        """Ends it; asserts that it did not fail."""
        self.process.stdin.close()
        code = self.process.wait(SECONDS)
        self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        assert code == 0, f"cert_matrix exits with {code}"


def check(matrix, row):
    """What is wrong with a row, or None; and what to say of it."""
    code, sentence = matrix.ours(row)
    if code != row["code"]:
        return f"{code} ({sentence}), not {row['code']}", ""
    if code != "FLARE_OK":
        host = row["host"].strip("[]").rstrip(".").lower()
        if host not in sentence:
            return f"the sentence names no host: {sentence}", ""
    if CURL is None:
        return None, code
    is_accepted = matrix.curl(row)
    is_lax = row["curl"] != "agrees"
    if is_accepted != (code == "FLARE_OK" or is_lax):
        return "curl " + ("accepts" if is_accepted else "refuses") + " it", ""
    return None, code + (f"; curl accepts: {row['curl']}" if is_lax else "")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.environ.get("builddir", "."))
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    program = os.path.join(options.build, "tests/support/cert_matrix")
    failed = passed = 0

    if not os.path.exists(program):
        print("SKIP: built without OpenSSL")
        return 77
    if CURL is None:
        print("SKIP curl: not installed (scripts/setup test)")
    matrix = Matrix(program)
    try:
        for row in matrix.rows:
            if options.words and not any(w in row["name"]
                                         for w in options.words):
                continue
            wrong, said = check(matrix, row)
            failed += wrong is not None
            passed += wrong is None
            print(f"FAIL {row['name']}: {wrong}" if wrong
                  else f"ok   {row['name']}: {said}", flush=True)
    finally:
        matrix.close()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
