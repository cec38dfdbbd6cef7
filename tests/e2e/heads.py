# SPDX-License-Identifier: MIT
"""Failure catalogue, section 2: request lines, fields, Host (H01 to H43)."""

from framing import each
from rows import Row
from wire import Peer, post, request


def raw(line, *fields):
    """A head of exactly these lines."""
    return "".join(x + "\r\n" for x in [line, *fields, ""]).encode("latin-1")


def field(value):
    return request("GET", "/", value)


def target(value, method="GET"):
    return request(method, value)


def host(value):
    return raw("GET / HTTP/1.1", f"Host: {value}")


def line(value):
    return raw(value, "Host: a")


def field_rows():
    return [
        Row("H01_folded_field", raw("GET / HTTP/1.1", "Host: a", "X: a", " b"),
            "400c"),
        Row("H01_folded_with_tab",
            raw("GET / HTTP/1.1", "Host: a", "X: a", "\tb"), "400c"),
        Row("H01_folded_first_field",
            raw("GET / HTTP/1.1", " X: a", "Host: a"), "400c"),
        Row("H01_folded_host", raw("GET / HTTP/1.1", "Host: a", " b"), "400c"),
        Row("H01_folded_empty", raw("GET / HTTP/1.1", "Host: a", "X:", " "),
            "400c"),
        *each("H02_space_before_colon", "400c",
              ["X : a", "X\t: a", "Content-Length : 5",
               "Transfer-Encoding : chunked", "X\x0b: a"], field),
        Row("H02_space_before_the_colon_of_host",
            raw("GET / HTTP/1.1", "Host : a"), "400c"),
        *each("H03_bare_cr", "400c",
              ["X: a\rb", "X\r: a", "X: \ra", "X: a\r", "X: a\r\r",
               "X: a\rY: b"], field),
        Row("H03_bare_cr_in_target", line("GET /\r HTTP/1.1"), "400c"),
        Row("H03_bare_cr_after_version", line("GET / HTTP/1.1\r"), "400c"),
        Row("H03_bare_cr_ends_the_line", b"GET / HTTP/1.1\rHost: a\r\r",
            "400c"),
        Row("H04_lf_ends_the_request_line",
            b"GET / HTTP/1.1\nHost: a\r\n\r\n", "400c"),
        Row("H04_lf_ends_a_field", b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
            "400c"),
        Row("H04_lf_ends_the_head", b"GET / HTTP/1.1\r\nHost: a\r\n\n", "400c"),
        Row("H04_lf_everywhere", b"GET / HTTP/1.1\nHost: a\n\n", "400c"),
        Row("H05_cr_x_ends_the_head", b"GET / HTTP/1.1\r\nHost: a\r\n\rX",
            "400c"),
        *each("H06_nul", "400c",
              ["X: a\x00b", "X: \x00", "X\x00: a", "\x00X: a", "X: a\x00"],
              field),
        Row("H06_nul_in_target", target("/\x00"), "400c"),
        Row("H06_nul_in_method", line("GE\x00T / HTTP/1.1"), "400c"),
        Row("H06_nul_in_version", line("GET / HTTP/1.1\x00"), "400c"),
        *each("H07_control", "400c",
              [f"X: a{chr(c)}b" for c in [*range(1, 9), 11, 12,
                                          *range(14, 32), 127]], field),
        Row("H07_tab_inside_a_value_is_text", field("X: a\tb"), "200"),
        Row("H07_bytes_past_ascii_in_a_value_are_text", field("X: \xc3\xa9"),
            "200"),
        *each("H08_empty_name", "400c", [": v", ":", ":\tv"], field),
        *each("H09_no_colon", "400c", ["X", "X v", "X=v", "Content-Length 5"],
              field),
        *each("H10_name", "400c",
              [f"X{c}Y: v" for c in '"(),/;<=>?@[\\]{} \t\x7f\x80\xff\xa0'],
              field),
        *each("H10_name_is_a_token", "200",
              [f"X{c}Y: v" for c in "!#$%&'*+-.^_`|~09"], field),
        *each("H11_white_space_before_the_first_field", "400c",
              [" ", "\t", " Host: a"],
              lambda v: raw("GET / HTTP/1.1", v, "Host: a")),
        Row("H12_underscore_is_no_hyphen",
            request("POST", "/request", "Content_Length: 5",
                    "Transfer_Encoding: chunked", "X_Forwarded_For: b"), "200",
            contains=b"body 0\ntype \nfield Host=a\nfield Content_Length=5\n"
                     b"field Transfer_Encoding=chunked\n"
                     b"field X_Forwarded_For=b\n"),
        Row("H13_fields_at_the_limit",
            request("GET", "/", *[f"X{i}: v" for i in range(99)]), "200"),
        Row("H13_fields_past_the_limit",
            request("GET", "/", *[f"X{i}: v" for i in range(100)]), "431c"),
        Row("H13_fields_too_large",
            request("GET", "/", *[f"X{i}: {1000 * 'v'}" for i in range(9)]),
            "431c"),
        Row("H13_one_field_too_large", field("X: " + 9000 * "v"), "431c"),
        Row("H13_a_field_without_end", field("X: " + 20000 * "v")[:-4], "431c",
            tail=False),
        Row("H13_a_name_without_end", field(20000 * "X")[:-4], "431c",
            tail=False),
        Row("H14_many_tiny_fields",
            request("GET", "/", *(99 * ["a:"])), "200"),
        Row("H15_many_cookies", field("Cookie: " + 2000 * "a=;"), "200"),
        Row("H15_many_cookies_past_the_limit",
            field("Cookie: " + 5000 * "a=;"), "431c"),
        Row("H16_many_query_parameters", target("/?" + 2000 * "a=&"), "200"),
        Row("H16_many_query_parameters_past_the_limit",
            target("/?" + 5000 * "a=&"), "414c"),
        Row("H17_many_fields_of_a_response", target("/many-fields"), "200"),
    ]


def host_rows():
    return [
        Row("H18_no_host", raw("GET / HTTP/1.1"), "400c"),
        Row("H18_no_host_but_fields", raw("GET / HTTP/1.1", "Hos: a"), "400c"),
        Row("H18_no_host_on_http_1_0", raw("GET / HTTP/1.0"), "200c"),
        Row("H18_no_host_on_absolute_form", raw("GET http://a/ HTTP/1.1"),
            "400c"),
        Row("H19_host_twice", request("GET", "/", "Host: a"), "400c"),
        Row("H19_two_hosts", request("GET", "/", "Host: b"), "400c"),
        Row("H19_two_hosts_in_any_case", request("GET", "/", "hOST: b"),
            "400c"),
        Row("H19_host_twice_on_http_1_0",
            raw("GET / HTTP/1.0", "Host: a", "Host: a"), "400c"),
        *each("H20_host", "400c",
              ["user@h", "u:p@h", "h/path", "a,b", "a, b", "h:99999",
               "h:65536", "h:junk", "h:-1", "h:+1", "h: 80", "h :80", "a b",
               "[::1", "::1", "[::1]x", "[]", "[g::]", "h?q", "h#f", "h\\",
               "http://h", "h:80:80", "[::1]:99999", "h\x80", "h%zz", "<h>",
               '"h"', "h|", ":80"], host),
        *each("H20_host_is_valid", "200",
              ["h", "h:80", "h:65535", "example.com", "127.0.0.1:8080",
               "[::1]", "[::1]:80", "[2001:db8::1]:8080", "a-b.c_d~",
               "xn--e1afmkfd.example"], host),
        *each("H21_host_empty", "400c", ["", " ", "\t"], host),
        Row("H22_absolute_form_overrides_host",
            raw("GET http://target:81/request?q HTTP/1.1", "Host: other"),
            "200", contains=b"path /request\nquery q\nhost target:81\n"),
        Row("H22_absolute_form_without_path",
            raw("GET http://a HTTP/1.1", "Host: a"), "200"),
        Row("H22_absolute_form_with_query_only",
            raw("GET http://a?q HTTP/1.1", "Host: a"), "200"),
        Row("H22_absolute_form_of_https",
            raw("GET https://a/request HTTP/1.1", "Host: b"), "200",
            contains=b"host a\n"),
        Row("H22_absolute_form_scheme_in_any_case",
            raw("GET HTTP://a/ HTTP/1.1", "Host: a"), "200"),
        *each("H22_absolute_form", "400c",
              ["http:///", "http://", "http://u@a/", "http://a:99999/",
               "http://a b/", "http://[::1/", "ftp://a/", "http:a", "://a/"],
              target),
    ]


def line_rows():
    return [
        Row("H23_authority_form_of_get", target("a:80"), "400c"),
        Row("H23_connect", target("a:80", "CONNECT"), "501c"),
        *each("H23_connect_of", "400c",
              ["/", "a", "a:", "a:x", "a:99999", "u@a:80", "http://a:80/",
               "*"], lambda v: target(v, "CONNECT")),
        *each("H24_asterisk_of", "400c",
              ["GET", "HEAD", "POST", "DELETE", "TRACE"],
              lambda v: target("*", v)),
        Row("H24_asterisk_of_options", target("*", "OPTIONS"), "204"),
        *each("H24_asterisk_and_more", "400c", ["**", "*/", "/*\\"],
              lambda v: target(v, "OPTIONS")),
        *each("H25_target", "400c",
              ["a", "a/b", "//evil", "//evil/a", "\\", "\\a", "http:/x",
               "http:/", "?q", ".", "%2f", "/\\a", "/a\\b"], target),
        *each("H25_path_is_not_normalised", "404",
              ["/a/../", "/./", "/a/../users/7", "/users/./7", "/%2e/",
               "/users//7", "/USERS/7", "/%75sers/7"], target),
        *each("H26_fragment", "400c", ["/#", "/a#b", "/?q#f", "#"], target),
        *each("H27_target", "400c",
              ["/\x80", "/\xc3\xa9", "/\x01", "/\t", "/\x7f", "/a b", "/?\x80",
               "/?\x00", "/\x0b", "/<", "/>", '/"', "/{", "/}", "/|", "/^",
               "/`"], target),
        *each("H27_escape", "400c", ["/%", "/%4", "/%zz", "/%4z", "/?%", "/a%"],
              target),
        Row("H28_target_at_the_limit", target("/?" + 8190 * "a"), "200"),
        Row("H28_target_past_the_limit", target("/?" + 8191 * "a"), "414c"),
        Row("H28_target_without_end", b"GET /" + 20000 * b"a", "414c",
            tail=False),
        Row("H28_target_of_a_megabyte", target("/" + 200000 * "a"), "414c"),
        *each("H29_method", "501c",
              ["get", "Get", "GETS", "GE", "FOO", "PROPFIND", "HEADER"],
              lambda v: target("/", v)),
        *each("H29_method_too_long", "501c",
              [17 * "A", 33 * "A", 1000 * "A", 20000 * "A"],
              lambda v: target("/", v)),
        Row("H29_method_not_allowed", target("/", "DELETE"), "405"),
        *each("H30_method", "400c",
              ["G(T", "G\x80T", "G/T", "G:T", "G\x01T", "{}", "G\"T", ""],
              lambda v: target("/", v)),
        *each("H31_http_0_9", "400c",
              [b"GET /\r\n", b"GET / \r\n", b"GET\r\n", b"GET /\r\n\r\n"],
              lambda v: v),
        Row("H31_http_0_9_lf", b"GET /\n", "400c"),
        *each("H32_version", "505c",
              ["HTTP/2.0", "HTTP/0.9", "HTTP/3.0", "HTTP/9.9", "HTTP/1.2",
               "HTTP/1.9"],
              lambda v: line(f"GET / {v}")),
        *each("H32_version", "400c",
              ["HTTP/1", "HTTP/01.1", "http/1.1", "HTTP/1.1 ", "HTTP/1.1 x",
               "HTTP/1.", "HTTP/.1", "HTTP/1.10", "HTTP/1.01", "HTTP/257.1",
               "HTTP/11.1", "HTTP/1,1", "HTTP 1.1", "HTTP/1.x", "HTTP/-1.1",
               "HTTP/+1.1", "HTTPS/1.1", "HTTP/1.1\t", "Http/1.1", "HTP/1.1",
               "HTTP/2", "HTTP/ 1.1", "ICY/1.1"],
              lambda v: line(f"GET / {v}")),
        Row("H33_http_2_preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "505c"),
        Row("H33_tls_hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            "400c", tail=False),
        Row("H34_one_leading_crlf", b"\r\n" + request(), "200"),
        Row("H34_one_leading_crlf_before_each",
            b"\r\n" + request() + b"\r\n" + request(), "200 200"),
        *each("H34_leading", "400c",
              [b"\r\n\r\n", b"\n", b"\r", b"\r\r\n", b" ", b"\r\n ", b"\n\n",
               b"\r\n\n", b"\t", b"\x00", b"\xef\xbb\xbf"],
              lambda v: v + request()),
        *each("H35_endless", "400c", [b"\r\n", b"\n", b" ", b"\r"],
              lambda v: 5000 * v, tail=False),
        *each("H36_line", "400c",
              ["GET  / HTTP/1.1", "GET /  HTTP/1.1", "GET\t/ HTTP/1.1",
               "GET /\tHTTP/1.1", " GET / HTTP/1.1", "\tGET / HTTP/1.1",
               "GET / HTTP/1.1 ", "GET/ HTTP/1.1", "GET /HTTP/1.1", "GET", "",
               "GET \x0b/ HTTP/1.1", "/ HTTP/1.1"], line),
        Row("H37_trace", target("/", "TRACE"), "405"),
        Row("H37_trace_of_any", target("/request", "TRACE"), "405"),
    ]


def connection_rows():
    one = "HTTP/1.0"
    return [
        Row("H38_http_1_0_closes", request(version=one), "200c"),
        Row("H38_http_1_0_keep_alive",
            request("GET", "/", "Connection: keep-alive", version=one), "200"),
        Row("H38_http_1_0_keep_alive_in_any_case",
            request("GET", "/", "Connection: Keep-Alive", version=one), "200"),
        Row("H38_http_1_0_both",
            request("GET", "/", "Connection: keep-alive, close", version=one),
            "200c"),
        Row("H38_close", request("GET", "/", "Connection: close"), "200c"),
        Row("H38_close_in_any_case", request("GET", "/", "connection: CLOSE"),
            "200c"),
        Row("H38_close_among_others",
            request("GET", "/", "Connection: foo, close, bar"), "200c"),
        Row("H38_close_in_second_line",
            request("GET", "/", "Connection: keep-alive", "Connection: close"),
            "200c"),
        Row("H38_close_among_empty_elements",
            request("GET", "/", "Connection: ,close,"), "200c"),
        *each("H38_option_that_is_no_token", "400c",
              ["Connection: a b", "Connection: close x", 'Connection: "close"',
               "Connection: close;", "Connection: keep-alive, \x80"], field),
        Row("H38_closer_is_no_close",
            request("GET", "/", "Connection: closer, xclose"), "200"),
        Row("H38_keep_alive", request("GET", "/", "Connection: keep-alive"),
            "200"),
        Row("H39_nominated_fields_stay",
            request("GET", "/request", "X-Forwarded-For: 1.2.3.4",
                    "Connection: upgrade, close, X-Forwarded-For"), "200c",
            contains=b"field X-Forwarded-For=1.2.3.4\n"),
        Row("H39_upgrade_that_is_not_offered",
            request("GET", "/", "Connection: upgrade", "Upgrade: foo"), "200"),
        Row("H39_nominated_framing_stays",
            post("Connection: Content-Length", "Content-Length: 5",
                 body=b"hello"), "200", contains=b"hello"),
        Row("H40_first_of_two_is_given",
            request("GET", "/request", "Content-Type: a/b",
                    "Content-Type: c/d"), "200", contains=b"type a/b\n"),
        Row("H41_head", request("HEAD"), "200h"),
        Row("H41_head_of_a_big_body", request("HEAD", "/static"), "200h"),
        Row("H41_head_of_an_error", request("HEAD", "/nope"), "404h"),
        Row("H41_status_204", target("/status/204"), "204"),
        Row("H41_status_304", target("/status/304"), "304"),
        Row("H41_status_205", target("/status/205"), "205"),
        Row("H41_delete", target("/users/1", "DELETE"), "204"),
        *each("H41_status_is_no_final_status", "500",
              [0, 100, 101, 103, 199, 600, 999],
              lambda v: target(f"/status/{v}")),
        *each("H42_field", "500", range(15),
              lambda v: target(f"/bad-field/{v}")),
        Row("H42_type", target("/bad-type"), "500"),
        Row("H42_fields_of_a_dropped_answer", target("/fails"), "409"),
        Row("H43_length_is_the_librarys", target("/bad-field/10"), "500"),
        Row("H43_no_answer", target("/no-answer"), "500"),
        Row("H43_two_answers", target("/two-answers"), "200",
            contains=b"first\n"),
    ]


# ---- conversations ----

def allow_is_sent(server):
    for method, path, status, allow in (
            ("DELETE", "/", 405, b"GET, HEAD, POST, OPTIONS"),
            ("PUT", "/users/1", 405, b"GET, HEAD, DELETE, OPTIONS"),
            ("OPTIONS", "/users/1", 204, b"GET, HEAD, DELETE, OPTIONS"),
            ("POST", "/static", 405, b"GET, HEAD, OPTIONS")):
        with Peer(server.address) as peer:
            peer.send(request(method, path))
            answer = peer.response()
            assert answer.status == status, answer.status
            assert answer.one(b"Allow") == allow, answer.one(b"Allow")


def head_has_the_fields_of_get(server):
    for path in ("/", "/users/7", "/static", "/nope", "/many-fields",
                 "/fails"):
        with Peer(server.address) as peer:
            peer.send(request("GET", path) + request("HEAD", path))
            whole = peer.response()
            head = peer.response(is_head=True)
            assert head.status == whole.status
            assert head.body == b""
            skip = (b"Date",)
            assert [f for f in head.fields if f[0] not in skip] == \
                [f for f in whole.fields if f[0] not in skip], head.fields


def nothing_of_a_dropped_answer_is_seen(server):
    with Peer(server.address) as peer:
        peer.send(request(path="/fails"))
        assert not peer.response().all(b"X-Half")


def many_fields_of_a_response(server):
    with Peer(server.address) as peer:
        peer.send(request(path="/many-fields"))
        assert peer.response().all(b"X-Many") == 200 * [b"value"]


def parameters(server):
    """Section 3, U02 and U03: a parameter is decoded once and strictly."""
    for path, status, body in (
            ("/users/7", 200, b"user 7\n"),
            ("/users/7/", 200, b"user 7\n"),
            ("/users/%37", 200, b"user 7\n"),
            ("/users/x", 400, None),
            ("/users/-1", 400, None),
            ("/users/18446744073709551615", 200,
             b"user 18446744073709551615\n"),
            ("/users/18446744073709551616", 400, None),
            ("/users/7/x", 404, None),
            ("/users//", 404, None),
            ("/files/a/b%2Fc", 200, b"path a/b/c\n"),
            ("/files/%2541", 200, b"path %41\n"),
            ("/files/%00", 400, None),
            ("/files/%0d%0a", 400, None),
            ("/files/%5c", 400, None),
            ("/files/%c0%af", 400, None),
            ("/files", 404, None)):
        with Peer(server.address) as peer:
            peer.send(request(path=path))
            answer = peer.response()
            assert answer.status == status, f"{path}: {answer.status}"
            assert body is None or answer.body == body, answer.body


ROWS = [*field_rows(), *host_rows(), *line_rows(), *connection_rows()]

CASES = [
    ("H29_allow_is_sent", allow_is_sent, "plain"),
    ("H17_many_fields_of_a_response_are_all_there", many_fields_of_a_response,
     "plain"),
    ("H41_head_has_the_fields_of_get", head_has_the_fields_of_get, "plain"),
    ("H42_nothing_of_a_dropped_answer_is_seen",
     nothing_of_a_dropped_answer_is_seen, "plain"),
    ("U02_U03_parameters_are_decoded_once_and_strictly", parameters, "plain"),
]
