# SPDX-License-Identifier: MIT
"""Failure catalogue, section 1: framing of requests (F01 to F37)."""

import time

from rows import PROBE, Row
from wire import Peer, SMUGGLED, chunked, post, request

HELLO = b"5\r\nhello\r\n0\r\n\r\n"
BODY = b"hello"


def lengths(*values):
    return post(*[f"Content-Length: {v}" for v in values], body=BODY)


def coded(value, version="HTTP/1.1"):
    return request("POST", "/echo", f"Transfer-Encoding: {value}", body=HELLO,
                   version=version)


def each(name, expects, values, make, **options):
    """A row for each value; its name says which."""
    def say(value):
        text = repr(value)
        return text if len(text) <= 40 else f"{text[:20]}... {len(text)}"

    return [Row(f"{name}[{say(value)}]", make(value), expects, **options)
            for value in values]


def length_rows():
    cl, te = "Content-Length: 5", "Transfer-Encoding: chunked"
    return [
        Row("F01_length_then_coding", post(cl, te, body=HELLO), "400c"),
        Row("F01_coding_then_length", post(te, cl, body=HELLO), "400c"),
        Row("F01_length_and_coding_in_any_case",
            post("CONTENT-length: 0", "transfer-ENCODING: Chunked",
                 body=HELLO), "400c"),
        Row("F01_length_0_and_coding",
            post("Content-Length: 0", te, body=HELLO), "400c"),
        Row("F01_coding_identity_and_length",
            post("Transfer-Encoding: identity", cl, body=BODY), "400c"),
        Row("F02_two_lengths", lengths("5", "6"), "400c"),
        Row("F02_two_lengths_in_one", lengths("5, 6"), "400c"),
        Row("F03_length_twice", lengths("5", "5"), "400c"),
        Row("F03_length_twice_in_one", lengths("5, 5"), "400c"),
        *each("F04_length", "400c", ["-1", "-48", "-0", "-5"], lengths),
        *each("F05_length", "400c",
              ["+5", "0x5", "0o5", "1_0", "5 6", "1Z", "010", "05", "00",
               "5.0", "5;", "5,", ",5", "\u00b2", "5\x0b"], lengths),
        *each("F06_length_empty", "400c", ["", " ", "\t"], lengths),
        *each("F07_length", "400c",
              [str(2**64), str(2**64 + 5), "1" + 30 * "0", "9" * 400],
              lengths),
        *each("F07_length", "400c", [str(2**63), str(2**64 - 1)],
              lengths),
        *each("F08_length_past_the_limit", "413c",
              [str(2**63 - 1), "10485761"], lengths),
        Row("F08_length_at_the_limit",
            post("Content-Length: 1000", body=1000 * b"x"), "200",
            server="small"),
        Row("F08_length_one_past_the_limit", post("Content-Length: 1001"),
            "413c", tail=False, server="small"),
        Row("F08_white_space_around_a_length_is_none_of_it",
            lengths(" \t5\t "), "200", contains=BODY),
    ]


def coding_rows():
    te = "Transfer-Encoding: chunked"
    return [
        *each("F09_coding", "400c",
              ["xchunked", "chunked;x", '"chunked"', "chunked x", "chunke",
               "chunked=1", "'chunked'"], coded),
        *each("F10_coding", "501c",
              ["gzip, chunked", "gzip,chunked", "br , chunked"], coded),
        *each("F11_coding", "400c",
              ["chunked, gzip", "chunked, identity"], coded),
        *each("F12_coding", "400c", ["chunked, chunked", "chunked,chunked"],
              coded),
        Row("F13_coding_in_two_lines", post(te, te, body=HELLO), "400c"),
        Row("F13_other_coding_in_second_line",
            post(te, "Transfer-Encoding: gzip", body=HELLO), "400c"),
        Row("F13_other_coding_in_first_line",
            post("Transfer-Encoding: gzip", te, body=HELLO), "400c"),
        *each("F14_coding", "400c",
              [",chunked", "chunked,", ", chunked", "chunked ,", ",", ",,"],
              coded),
        *each("F15_coding", "400c",
              [v for c in "\x0b\x0c\x00\x85\xa0\x01\x7f"
               for v in (c + "chunked", "chunked" + c)], coded),
        *each("F16_coding", "400c", ["identity"], coded),
        *each("F16_coding_empty", "400c", ["", " "], coded),
        Row("F17_coding_on_http_1_0", coded("chunked", "HTTP/1.0"), "400c"),
        Row("F17_unknown_coding_on_http_1_0", coded("gzip", "HTTP/1.0"),
            "400c"),
        Row("F17_coding_with_white_space_and_case",
            post("Transfer-Encoding: \t CHUNKED \t", body=HELLO), "200",
            contains=BODY),
    ]


def chunk_rows():
    one = b"5\r\nhello\r\n"
    return [
        Row("F18_size_line_ends_in_lf", chunked(b"5\nhello\r\n0\r\n\r\n"),
            "400c"),
        Row("F18_data_ends_in_lf", chunked(b"5\r\nhello\n0\r\n\r\n"), "400c"),
        Row("F18_last_chunk_ends_in_lf", chunked(one + b"0\n\r\n"), "400c"),
        Row("F18_body_ends_in_lf", chunked(one + b"0\r\n\n"), "400c"),
        Row("F18_trailer_ends_in_lf", chunked(one + b"0\r\na: b\n\r\n"),
            "400c"),
        Row("F19_size_ends_in_cr", chunked(b"5\rhello\r\n0\r\n\r\n"), "400c"),
        Row("F19_size_ends_in_cr_and_more",
            chunked(b"5\rX\nhello\r\n0\r\n\r\n"), "400c"),
        Row("F19_body_ends_in_cr_and_more", chunked(one + b"0\r\n\rX"),
            "400c"),
        *each("F20_extension", "400c",
              [b"a\x00", b"a=\x00b", b"a\x01", b"a=\x7f", b"a=\nb", b"a\rb",
               b"a=\"\n\"", b"a=\"\r\n\"", b"\x80", b"a=\"\x00\""],
              lambda v: chunked(b"5;" + v + b"\r\nhello\r\n0\r\n\r\n")),
        *each("F20_extension_is_skipped", "200",
              [b"a", b"a=b", b"a=\"b c\"", b"a=b;c=d", b"a=\"\\\"\""],
              lambda v: chunked(b"5;" + v + b"\r\nhello\r\n0\r\n\r\n"),
              contains=BODY),
        *each("F21_size", "400c",
              [b"10000000000000005", b"8000000000000000", b"ffffffffffffffff",
               b"00000000000000000005", b"0" * 200 + b"5", b"f" * 1000],
              lambda v: chunked(v + b"\r\nhello\r\n0\r\n\r\n")),
        *each("F22_size", "400c",
              [b"0x5", b"-5", b"+5", b" 5", b"5_0", b"5 ", b"", b"5g", b"\t5",
               b"g", b"5,", b"5.0", b"\"5\"", b"\xb5"],
              lambda v: chunked(v + b"\r\nhello\r\n0\r\n\r\n")),
        *each("F23_extension", "400c", [b"", b";", b"a;", b"a=", b"=b", b" "],
              lambda v: chunked(b"5;" + v + b"\r\nhello\r\n0\r\n\r\n")),
        Row("F24_data_longer_than_size",
            chunked(b"5\r\nhello!\r\n0\r\n\r\n"), "400c"),
        Row("F24_data_shorter_than_size",
            chunked(b"6\r\nhello\r\n0\r\n\r\n"), "400c"),
        Row("F24_no_crlf_after_data", chunked(b"5\r\nhello0\r\n\r\n"), "400c"),
        Row("F24_xx_after_data", chunked(b"5\r\nhelloXX0\r\n\r\n"), "400c"),
        Row("F24_cr_x_after_data", chunked(b"5\r\nhello\rX0\r\n\r\n"), "400c"),
        Row("F25_one_long_extension",
            chunked(b"1;a=" + 65536 * b"b" + b"\r\nx\r\n0\r\n\r\n"), "400c"),
        Row("F25_an_extension_per_byte",
            chunked(1000 * (b"1;a=" + 60 * b"b" + b"\r\nx\r\n")
                    + b"0\r\n\r\n"), "400c"),
        Row("F26_a_hundred_thousand_chunks",
            chunked(100000 * b"1\r\nx\r\n" + b"0\r\n\r\n"), "200",
            contains=100000 * b"x"),
        Row("F26_chunks_past_the_body_limit",
            chunked(1001 * b"1\r\nx\r\n" + b"0\r\n\r\n"), "413c",
            server="small"),
        Row("F26_chunks_to_the_body_limit",
            chunked(1000 * b"1\r\nx\r\n" + b"0\r\n\r\n"), "200",
            server="small", contains=1000 * b"x"),
        Row("F26_one_chunk_past_the_body_limit",
            chunked(b"3e9\r\n" + 1001 * b"x" + b"\r\n0\r\n\r\n"), "413c",
            server="small"),
        *each("F27_ends_after", "400c",
              [b"", b"5", b"5\r\n", b"5\r\nhel", one, one + b"0",
               one + b"0\r\n", one + b"0\r\n\r", one + b"0\r\na: b\r\n"],
              chunked, fin=True),
        *each("F28_trailer", "400c",
              [b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Host: b",
               b"content-length: 0", b"no colon", b": v", b"a b: c", b" a: b",
               b"a: \x00", b"a : b"],
              lambda v: chunked(one + b"0\r\n" + v + b"\r\n\r\n")),
        *each("F28_trailer_is_dropped", "200",
              [b"X-A: b", b"a:", b"a: b\r\nc: d"],
              lambda v: chunked(one + b"0\r\n" + v + b"\r\n\r\n"),
              contains=BODY),
        Row("F28_trailers_too_large",
            chunked(one + b"0\r\n" + 500 * b"X-Trailer: some-value\r\n"
                    + b"\r\n"), "431c"),
        Row("F28_one_trailer_too_large",
            chunked(one + b"0\r\nX-Trailer: " + 65536 * b"a"), "431c"),
    ]


def body_rows():
    hidden = f"Content-Length: {len(SMUGGLED)}"
    return [
        Row("F29_bytes_after_the_last_chunk",
            chunked(HELLO + b"X", "Connection: close"), "200c", rest=1),
        Row("F29_bytes_after_a_last_body",
            post("Content-Length: 5", "Connection: close", body=BODY + b"X"),
            "200c", rest=1),
        Row("F30_get_with_a_body", request("GET", "/", hidden, body=SMUGGLED),
            "200"),
        Row("F30_head_with_a_body",
            request("HEAD", "/", hidden, body=SMUGGLED), "200h"),
        Row("F30_options_with_a_body",
            request("OPTIONS", "/", hidden, body=SMUGGLED), "204"),
        Row("F30_delete_with_a_body",
            request("DELETE", "/users/1", hidden, body=SMUGGLED), "204"),
        Row("F30_get_with_a_chunked_body",
            request("GET", "/", "Transfer-Encoding: chunked",
                    body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)),
            "200"),
        Row("F31_body_of_an_unknown_path",
            post(hidden, body=SMUGGLED, path="/nope"), "404"),
        Row("F31_body_of_a_wrong_method",
            post(hidden, body=SMUGGLED, path="/static"), "405"),
        Row("F31_body_that_no_handler_reads",
            post(hidden, body=SMUGGLED, path="/request"), "200"),
        Row("F33_expectation_on_http_1_0",
            request("POST", "/echo", "Content-Length: 5",
                    "Expect: 100-continue", "Connection: keep-alive",
                    body=BODY, version="HTTP/1.0"), "200", contains=BODY),
        Row("F33_expectation_without_a_body",
            request("GET", "/", "Expect: 100-continue"), "200"),
        Row("F33_expectation_with_length_0",
            post("Content-Length: 0", "Expect: 100-continue"), "200"),
        *each("F34_expectation", "417c",
              ["bogus", "100-continue, bogus", "100-continue=1", "200-ok"],
              lambda v: post("Content-Length: 5", f"Expect: {v}", body=BODY)),
        Row("F35_nothing_after_a_refusal",
            request("GET", "/", "bad field") + 20 * SMUGGLED, "400c"),
        Row("F36_valid_then_invalid",
            request() + request(path="/users/1") + b"BAD\r\n\r\n",
            "200 200 400c"),
        Row("F36_body_then_invalid",
            post("Content-Length: 5", body=BODY) + b" GET / HTTP/1.1\r\n",
            "200 400c"),
        Row("F36_chunked_then_invalid", chunked(HELLO) + b"\x00", "200 400c"),
        Row("F36_big_answer_then_invalid",
            request(path="/static") + b"BAD\r\n\r\n", "200 400c"),
        Row("F37_garbage_after_length_0",
            post("Content-Length: 0", body=b"garbage\r\n\r\n"), "200 400c"),
        Row("F37_garbage_after_no_body", request(body=b"\x16\x03\x01\x02"),
            "200 400c"),
    ]


# ---- rows that are a conversation ----

def expect_on_http_1_0_waits_for_nothing(server):
    with Peer(server.address) as peer:
        peer.send(request("POST", "/echo", "Content-Length: 5",
                          "Expect: 100-continue", version="HTTP/1.0"))
        time.sleep(0.1)
        peer.send(BODY)
        assert peer.response().status == 200


def expect_is_told_to_go_on(server):
    for fields, body in ((["Content-Length: 5"], BODY),
                         (["Transfer-Encoding: chunked"], HELLO)):
        with Peer(server.address) as peer:
            peer.send(post("Expect: 100-Continue", *fields))
            assert peer.response().status == 100
            peer.send(body)
            answer = peer.response()
            assert (answer.status, answer.body) == (200, BODY), answer.status
            peer.send(PROBE)
            assert peer.response().status == 200


def expect_with_the_body_there_is_not_told(server):
    with Peer(server.address) as peer:
        peer.send(post("Content-Length: 5", "Expect: 100-continue", body=BODY))
        assert peer.response().status == 200
        peer.send(post("Content-Length: 5", "Expect: 100-continue",
                       body=BODY[:2]))
        time.sleep(0.05)
        peer.send(BODY[2:])
        assert peer.response().status == 200


def expect_for_an_unwanted_body_is_refused(server):
    for path, length, status in (("/nope", 5, 404), ("/static", 5, 405),
                                 ("/echo", 10485761, 413)):
        with Peer(server.address) as peer:
            peer.send(post(f"Content-Length: {length}", "Expect: 100-continue",
                           path=path))
            answer = peer.response()
            assert answer.status == status, answer.status
            assert answer.is_last
            peer.end()


def refused_body_is_not_run(server):
    """A 413 comes at once: not after the peer has sent ten megabytes."""
    with Peer(server.address) as peer:
        peer.send(post("Content-Length: 99999999"))
        answer = peer.response()
        assert answer.status == 413 and answer.is_last
        peer.send(100000 * b"x")
        peer.end()


ROWS = [*length_rows(), *coding_rows(), *chunk_rows(), *body_rows()]

CASES = [
    ("F08_refusal_comes_before_the_body", refused_body_is_not_run, "plain"),
    ("F32_told_to_go_on_once", expect_is_told_to_go_on, "plain"),
    ("F32_not_told_if_the_body_is_there",
     expect_with_the_body_there_is_not_told, "plain"),
    ("F32_refused_without_reading_the_body",
     expect_for_an_unwanted_body_is_refused, "plain"),
    ("F33_no_100_on_http_1_0", expect_on_http_1_0_waits_for_nothing, "plain"),
]
