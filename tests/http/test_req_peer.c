/* SPDX-License-Identifier: MIT */
/* Who sent a request: socket, PROXY header, forwarded fields. */
#include <flare/peer.h>

#include "tests/http/conn_rig.h"
#include "tests/support/test.h"

#include <string.h>

static int on_who(flare_req *req, flare_res *res)
{
    char peer[FLARE_ADDR_TEXT_MAX];
    char local[FLARE_ADDR_TEXT_MAX];
    char client[FLARE_ADDR_TEXT_MAX];

    flare_addr_format(flare_req_peer(req), peer, sizeof(peer));
    flare_addr_format(flare_req_local(req), local, sizeof(local));
    flare_addr_format(flare_req_client(req), client, sizeof(client));
    ck_assert_ptr_eq(flare_req_peer(req), flare_req_peer(req));
    return flare_res_printf(res, 200, "%s %s %s %d %.*s %.*s", peer, local,
                            client, flare_req_is_client_known(req),
                            FLARE_STR_ARG(flare_req_scheme(req)),
                            FLARE_STR_ARG(flare_req_client_host(req)));
}

#define GET(fields) "GET / HTTP/1.1\r\nHost: a\r\n" fields "\r\n"
#define V1 "PROXY TCP4 198.51.100.7 203.0.113.9 4711 443\r\n"

static const struct {
    const char *name;
    const char *trusted;
    enum flare_forwarded forwarded;
    bool is_proxied;
    const char *wire;
    const char *want; /* NULL: not a byte */
} rows[] = {
    {"the socket", NULL, FLARE_FORWARDED_NONE, false,
     GET("X-Forwarded-For: 192.0.2.9\r\n"), "192.0.2.1:80 10."},
    {"proxy", NULL, FLARE_FORWARDED_NONE, true, V1 GET(""),
     "198.51.100.7:4711 203.0.113.9:443 198.51.100.7:4711 1 http a"},
    {"trusted proxy", "10.0.0.0/8", FLARE_FORWARDED_NONE, true, V1 GET(""),
     "198.51.100.7:4711 203.0.113.9:443 198.51.100.7:4711 1 http a"},
    {"no trusted proxy", "11.0.0.0/8, unix", FLARE_FORWARDED_NONE, true,
     V1 GET(""), NULL},
    {"no header", NULL, FLARE_FORWARDED_NONE, true, GET(""), NULL},
    {"half a header", NULL, FLARE_FORWARDED_NONE, true, "PROXY TCP4 1", NULL},
    {"forwarded", "10.0.0.0/8", FLARE_FORWARDED_X, false,
     GET("X-Forwarded-For: 192.0.2.9\r\nX-Forwarded-Proto: https\r\n"),
     "192.0.2.9:0 1 https a"},
    {"hidden", "10.0.0.0/8", FLARE_FORWARDED_STANDARD, false,
     GET("Forwarded: for=unknown\r\n"), " 0 http a"},
    {"both", "10.0.0.0/8, 198.51.100.0/24", FLARE_FORWARDED_X, true,
     V1 GET("X-Forwarded-For: 192.0.2.9\r\n"),
     "198.51.100.7:4711 203.0.113.9:443 192.0.2.9:0 1 http a"},
};

START_TEST(test_req_peer_is_who_may_be_believed_whatever_the_cut)
{
    const struct flare_server_config config = {
        .handler = {on_who, NULL},
        .trusted = rows[_i].trusted,
        .forwarded = rows[_i].forwarded,
        .proxy_protocol = rows[_i].is_proxied,
    };
    size_t len = strlen(rows[_i].wire);

    for (size_t cut = 0; cut < len; cut++) {
        struct rig *r = rig_new(&config);

        rig_connect(r, 0);
        rig_send(r, 0, rows[_i].wire, cut);
        rig_run(r, 2);
        rig_send(r, 0, rows[_i].wire + cut, len - cut);
        rig_run(r, 20);
        if (rows[_i].want == NULL) {
            rig_run(r, 20000);
            ck_assert_msg(r->peers[0].len == 0, "%s", rows[_i].name);
            ck_assert(r->peers[0].has_fin || r->peers[0].has_rst);
        } else if (_i > 0) {
            ck_assert_msg(strstr(r->peers[0].got, rows[_i].want) != NULL,
                          "%s, cut at %zu: %s", rows[_i].name, cut,
                          r->peers[0].got);
        } else {
            ck_assert_ptr_nonnull(strstr(r->peers[0].got, "\r\n\r\n10."));
            ck_assert_ptr_nonnull(strstr(r->peers[0].got, " 192.0.2.1:80 10."));
        }
        rig_free(r);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/req_peer");
    TCase *tc = tcase_create("req_peer");

    tcase_add_loop_test(tc,
                        test_req_peer_is_who_may_be_believed_whatever_the_cut,
                        0, ROWS(rows));
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
