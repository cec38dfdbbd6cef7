/* SPDX-License-Identifier: MIT */
/*
 * Whose request it is: rows of fields as proxies and liars write them, and the
 * property that nothing in front of the proxies' elements bears on the answer.
 */
#include "http/forwarded.h"
#include "tests/support/guard.h"
#include "tests/support/test.h"

#include <string.h>

enum {
    FOUND = FLARE__FORWARDED_FOUND,
    ALL = FLARE__FORWARDED_ALL_TRUSTED,
    OBSCURED = FLARE__FORWARDED_OBSCURED,
    FIELDS_MAX = 8
};

/* 10.0.0.0/8 and fd00::/8 are proxies; so are peers on Unix sockets. */
static struct flare_ip_net nets[2];
static struct flare__forwarded_rules rules = {
    .trusts_unix = true, .nets = nets, .net_count = 2};
static struct guard memory;

static void set_up(void)
{
    int rc = flare_ip_net_parse(&nets[0], FLARE_STR("10.0.0.0/8"), NULL);

    ck_assert_int_eq(rc, 0);
    rc = flare_ip_net_parse(&nets[1], FLARE_STR("fd00::/8"), NULL);
    ck_assert_int_eq(rc, 0);
    guard_init(&memory, 16384);
}

static void tear_down(void)
{
    guard_fini(&memory);
}

/* Fields from lines "Name: value\n", the text ending at an unmapped page. */
static size_t fields_of(struct flare__field *fields, const char *lines,
                        size_t len)
{
    const char *p = guard_put(&memory, lines, len);
    const char *end = p + len;
    size_t count = 0;

    while (p < end) {
        const char *line_end = memchr(p, '\n', (size_t)(end - p));
        const char *colon = memchr(p, ':', (size_t)(end - p));

        if (line_end == NULL)
            line_end = end;
        ck_assert_ptr_nonnull(colon);
        ck_assert_uint_lt(count, FIELDS_MAX);
        fields[count].name = p;
        fields[count].name_len = (uint32_t)(colon - p);
        fields[count].value = colon + 1 + (colon[1] == ' ');
        fields[count].value_len = (uint32_t)(line_end - fields[count].value);
        count++;
        p = line_end < end ? line_end + 1 : end;
    }
    return count;
}

static void read_from(struct flare__forwarded *out,
                      enum flare__forwarded_kind kind, const char *peer,
                      const char *lines, size_t len)
{
    struct flare__field fields[FIELDS_MAX];
    size_t count = fields_of(fields, lines, len);
    struct flare_addr addr;
    int rc = flare_addr_parse(&addr, flare_str(peer), NULL);

    ck_assert_int_eq(rc, 0);
    rules.kind = kind;
    flare__forwarded_read(out, &rules, &addr, fields, count);
}

struct row {
    const char *name;
    const char *peer; /* NULL: a trusted one */
    const char *lines;
    const char *client; /* NULL: the peer */
    int end;
    uint32_t hops;
    const char *proto;
    const char *host;
};

static const char proxy[] = "10.0.0.1:4000";

static const struct row standard_rows[] = {
    {"no field", NULL, "Host: a", NULL, ALL, 0, "", ""},
    {"peer not trusted", "192.0.2.9:1",
     "Forwarded: for=1.2.3.4;proto=https;host=evil", NULL, FOUND, 0, "", ""},
    {"IPv4", NULL, "Forwarded: for=192.0.2.1", "192.0.2.1:0", FOUND, 1, "", ""},
    {"all of it", NULL,
     "Forwarded: for=192.0.2.1;proto=https;by=203.0.113.43;host=example.com",
     "192.0.2.1:0", FOUND, 1, "https", "example.com"},
    {"names in any case", NULL, "fORWARDED: For=192.0.2.1;PROTO=HTTPS;Host=a",
     "192.0.2.1:0", FOUND, 1, "HTTPS", "a"},
    {"port", NULL, "Forwarded: for=\"192.0.2.1:8080\"", "192.0.2.1:8080", FOUND,
     1, "", ""},
    {"obfuscated port", NULL, "Forwarded: for=\"192.0.2.1:_p-1.x\"",
     "192.0.2.1:0", FOUND, 1, "", ""},
    {"IPv6", NULL, "Forwarded: for=\"[2001:db8::1]\"", "[2001:db8::1]:0", FOUND,
     1, "", ""},
    {"IPv6 and port", NULL, "Forwarded: for=\"[2001:db8:cafe::17]:4711\"",
     "[2001:db8:cafe::17]:4711", FOUND, 1, "", ""},
    {"quoted IPv4", NULL, "Forwarded: for=\"192.0.2.1\"", "192.0.2.1:0", FOUND,
     1, "", ""},
    {"mapped", NULL, "Forwarded: for=\"[::ffff:192.0.2.1]\"", "192.0.2.1:0",
     FOUND, 1, "", ""},
    {"host with a port", NULL,
     "Forwarded: for=192.0.2.1;host=\"example.com:8443\"", "192.0.2.1:0", FOUND,
     1, "", "example.com:8443"},
    {"extension", NULL, "Forwarded: x=\"a,;\\\"b\";for=192.0.2.1;y=z",
     "192.0.2.1:0", FOUND, 1, "", ""},
    {"pairs left out", NULL, "Forwarded: ;for=192.0.2.1;;proto=http;",
     "192.0.2.1:0", FOUND, 1, "http", ""},
    {"two hops, the last one is the client's word", NULL,
     "Forwarded: for=1.2.3.4, for=192.0.2.1", "192.0.2.1:0", FOUND, 1, "", ""},
    {"two trusted hops", NULL,
     "Forwarded: for=192.0.2.1;proto=https;host=a, for=10.9.9.9;proto=http",
     "192.0.2.1:0", FOUND, 2, "https", "a"},
    {"two fields", NULL,
     "Forwarded: for=192.0.2.1;proto=https\nHost: a\nForwarded: for=10.9.9.9",
     "192.0.2.1:0", FOUND, 2, "https", ""},
    {"proto of the outermost or none", NULL,
     "Forwarded: for=192.0.2.1, for=10.9.9.9;proto=https;host=b", "192.0.2.1:0",
     FOUND, 2, "", ""},
    {"IPv6 proxy", NULL, "Forwarded: for=192.0.2.1, for=\"[fd00::1]\"",
     "192.0.2.1:0", FOUND, 2, "", ""},
    {"K12 mapped proxy", NULL,
     "Forwarded: for=192.0.2.1, for=\"[::ffff:10.1.1.1]\"", "192.0.2.1:0",
     FOUND, 2, "", ""},
    {"only proxies", NULL, "Forwarded: for=10.0.0.3, for=10.0.0.2",
     "10.0.0.3:0", ALL, 2, "", ""},
    {"empty elements", NULL, "Forwarded: , ,for=192.0.2.1 ,\t, ", "192.0.2.1:0",
     FOUND, 1, "", ""},
    {"empty field", NULL, "Forwarded: ", NULL, ALL, 0, "", ""},
    {"peer on a Unix socket", "unix:@p", "Forwarded: for=192.0.2.1",
     "192.0.2.1:0", FOUND, 1, "", ""},
    {"other fields are not looked at", NULL,
     "X-Forwarded-For: 1.2.3.4\nX-Real-IP: 1.2.3.4\n"
     "X-Forwarded-Proto: https\nX-Forwarded-Host: evil",
     NULL, ALL, 0, "", ""},
    {"unknown", NULL, "Forwarded: for=unknown;proto=https;host=a", NULL,
     OBSCURED, 1, "https", "a"},
    {"obfuscated", NULL, "Forwarded: for=_hidden", NULL, OBSCURED, 1, "", ""},
    {"obfuscated behind a hop", NULL,
     "Forwarded: for=192.0.2.1, for=\"_gazonk\", for=10.9.9.9", "10.9.9.9:0",
     OBSCURED, 2, "", ""},
    {"no for", NULL, "Forwarded: proto=https", NULL, OBSCURED, 1, "https", ""},
    {"no pair", NULL, "Forwarded: ;", NULL, OBSCURED, 1, "", ""},
    {"not a node", NULL, "Forwarded: for=localhost", NULL, OBSCURED, 1, "", ""},
    {"IPv6 without brackets", NULL, "Forwarded: for=\"2001:db8::1\"", NULL,
     OBSCURED, 1, "", ""},
    {"IPv6 without quotes", NULL, "Forwarded: for=[2001:db8::1]", NULL,
     OBSCURED, 0, "", ""},
    {"port without quotes", NULL, "Forwarded: for=192.0.2.1:80", NULL, OBSCURED,
     0, "", ""},
    {"port past its end", NULL, "Forwarded: for=\"192.0.2.1:65536\"", NULL,
     OBSCURED, 1, "", ""},
    {"port empty", NULL, "Forwarded: for=\"192.0.2.1:\"", NULL, OBSCURED, 1, "",
     ""},
    {"port obfuscated by nothing", NULL, "Forwarded: for=\"192.0.2.1:_\"", NULL,
     OBSCURED, 1, "", ""},
    {"port obfuscated by a space", NULL, "Forwarded: for=\"192.0.2.1:_a b\"",
     NULL, OBSCURED, 1, "", ""},
    {"bracket not closed", NULL, "Forwarded: for=\"[2001:db8::1\"", NULL,
     OBSCURED, 1, "", ""},
    {"IPv4 in brackets", NULL, "Forwarded: for=\"[192.0.2.1]\"", NULL, OBSCURED,
     1, "", ""},
    {"after the bracket", NULL, "Forwarded: for=\"[2001:db8::1]80\"", NULL,
     OBSCURED, 1, "", ""},
    {"zone", NULL, "Forwarded: for=\"[fe80::1%1]\"", NULL, OBSCURED, 1, "", ""},
    {"octal", NULL, "Forwarded: for=192.0.2.01", NULL, OBSCURED, 1, "", ""},
    {"address with an escape", NULL, "Forwarded: for=\"192.0.2\\.1\"", NULL,
     OBSCURED, 1, "", ""},
    {"empty address", NULL, "Forwarded: for=\"\"", NULL, OBSCURED, 1, "", ""},
    {"for twice", NULL, "Forwarded: for=192.0.2.1;for=192.0.2.2", NULL,
     OBSCURED, 0, "", ""},
    {"by twice", NULL, "Forwarded: for=192.0.2.1;by=_a;by=_b", NULL, OBSCURED,
     0, "", ""},
    {"proto twice", NULL, "Forwarded: for=192.0.2.1;proto=http;Proto=https",
     NULL, OBSCURED, 0, "", ""},
    {"host twice", NULL, "Forwarded: for=192.0.2.1;host=a;host=a", NULL,
     OBSCURED, 0, "", ""},
    {"not a scheme", NULL, "Forwarded: for=192.0.2.1;proto=\"ht tp\"", NULL,
     OBSCURED, 0, "", ""},
    {"not a host", NULL, "Forwarded: for=192.0.2.1;host=\"a/b\"", NULL,
     OBSCURED, 0, "", ""},
    {"empty host", NULL, "Forwarded: for=192.0.2.1;host=\"\"", NULL, OBSCURED,
     0, "", ""},
    {"no name", NULL, "Forwarded: =192.0.2.1", NULL, OBSCURED, 0, "", ""},
    {"no value", NULL, "Forwarded: for=", NULL, OBSCURED, 0, "", ""},
    {"no equals sign", NULL, "Forwarded: for", NULL, OBSCURED, 0, "", ""},
    {"space before the value", NULL, "Forwarded: for= 192.0.2.1", NULL,
     OBSCURED, 0, "", ""},
    {"space after a semicolon", NULL, "Forwarded: for=192.0.2.1; proto=http",
     NULL, OBSCURED, 0, "", ""},
    {"after the quotes", NULL, "Forwarded: for=\"192.0.2.1\"x", NULL, OBSCURED,
     0, "", ""},
    {"quotes not closed", NULL, "Forwarded: for=\"192.0.2.1", NULL, OBSCURED, 0,
     "", ""},
    {"quotes closed by an escape", NULL, "Forwarded: for=\"192.0.2.1\\\"", NULL,
     OBSCURED, 0, "", ""},
    {"control byte in quotes", NULL, "Forwarded: x=\"\x01\";for=192.0.2.1",
     NULL, OBSCURED, 0, "", ""},
    {"malformed behind a hop", NULL, "Forwarded: for=x y, for=10.9.9.9",
     "10.9.9.9:0", OBSCURED, 1, "", ""},
    /* what the client put in front */
    {"quotes left open in front", NULL, "Forwarded: for=\", for=192.0.2.1",
     "192.0.2.1:0", FOUND, 1, "", ""},
    {"quotes and a backslash in front", NULL,
     "Forwarded: for=\"\\, for=\"192.0.2.1:5\";x=\"\\\\\"", "192.0.2.1:5",
     FOUND, 1, "", ""},
    {"a comma in the proxy's own quotes", NULL,
     "Forwarded: for=1.2.3.4, x=\"a, for=5.6.7.8\";for=192.0.2.1",
     "192.0.2.1:0", FOUND, 1, "", ""},
    {"a quotation mark in the proxy's own quotes", NULL,
     "Forwarded: for=1.2.3.4, x=\"a\\\", for=5.6.7.8\";for=192.0.2.1",
     "192.0.2.1:0", FOUND, 1, "", ""},
};

static const struct row x_rows[] = {
    {"no field", NULL, "Host: a", NULL, ALL, 0, "", ""},
    {"peer not trusted", "192.0.2.9:1",
     "X-Forwarded-For: 1.2.3.4\nX-Forwarded-Proto: https\nX-Forwarded-Host: e",
     NULL, FOUND, 0, "", ""},
    {"IPv4", NULL, "X-Forwarded-For: 192.0.2.1", "192.0.2.1:0", FOUND, 1, "",
     ""},
    {"IPv6", NULL, "x-forwarded-for: 2001:db8::1", "[2001:db8::1]:0", FOUND, 1,
     "", ""},
    {"brackets", NULL, "X-Forwarded-For: [2001:db8::1]", "[2001:db8::1]:0",
     FOUND, 1, "", ""},
    {"brackets and port", NULL, "X-Forwarded-For: [2001:db8::1]:80",
     "[2001:db8::1]:80", FOUND, 1, "", ""},
    {"port", NULL, "X-Forwarded-For: 192.0.2.1:80", "192.0.2.1:80", FOUND, 1,
     "", ""},
    {"the client's own in front", NULL,
     "X-Forwarded-For: 127.0.0.1,10.0.0.1, evil, 192.0.2.1", "192.0.2.1:0",
     FOUND, 1, "", ""},
    {"three hops in two fields", NULL,
     "X-Forwarded-For: 8.8.8.8, 192.0.2.1,10.0.0.3\nX-Forwarded-For: fd00::2",
     "192.0.2.1:0", FOUND, 3, "", ""},
    {"K12 mapped proxy", NULL, "X-Forwarded-For: 192.0.2.1, ::ffff:10.0.0.2",
     "192.0.2.1:0", FOUND, 2, "", ""},
    {"proto and host", NULL,
     "X-Forwarded-For: 192.0.2.1\nX-Forwarded-Proto: https\n"
     "X-Forwarded-Host: example.com:8443",
     "192.0.2.1:0", FOUND, 1, "https", "example.com:8443"},
    {"one proto for two hops", NULL,
     "X-Forwarded-Proto: https\nX-Forwarded-For: 192.0.2.1, 10.0.0.2",
     "192.0.2.1:0", FOUND, 2, "https", ""},
    {"a proto for each hop", NULL,
     "X-Forwarded-Proto: https, http\nX-Forwarded-For: 192.0.2.1, 10.0.0.2",
     "192.0.2.1:0", FOUND, 2, "https", ""},
    {"the client's own proto in front", NULL,
     "X-Forwarded-Proto: https\nX-Forwarded-Proto: http\n"
     "X-Forwarded-Host: evil, example.com\nX-Forwarded-For: 192.0.2.1",
     "192.0.2.1:0", FOUND, 1, "http", "example.com"},
    {"too few protos", NULL,
     "X-Forwarded-Proto: https, http\n"
     "X-Forwarded-For: 192.0.2.1, 10.0.0.3, 10.0.0.2",
     "192.0.2.1:0", FOUND, 3, "", ""},
    {"proto without an address", NULL, "X-Forwarded-Proto: http, https", NULL,
     ALL, 0, "https", ""},
    {"not a scheme", NULL,
     "X-Forwarded-For: 192.0.2.1\nX-Forwarded-Proto: 1http\n"
     "X-Forwarded-Host: a b",
     "192.0.2.1:0", FOUND, 1, "", ""},
    {"unknown", NULL, "X-Forwarded-For: 192.0.2.1, unknown", NULL, OBSCURED, 1,
     "", ""},
    {"unknown behind a hop", NULL, "X-Forwarded-For: unknown, 10.0.0.2",
     "10.0.0.2:0", OBSCURED, 2, "", ""},
    {"a name", NULL, "X-Forwarded-For: localhost", NULL, OBSCURED, 1, "", ""},
    {"short form", NULL, "X-Forwarded-For: 127.1", NULL, OBSCURED, 1, "", ""},
    {"quotes", NULL, "X-Forwarded-For: \"192.0.2.1\"", NULL, OBSCURED, 1, "",
     ""},
    {"a mark in front does not quote", NULL, "X-Forwarded-For: \",192.0.2.1",
     "192.0.2.1:0", FOUND, 1, "", ""},
    {"Forwarded is not looked at", NULL,
     "Forwarded: for=1.2.3.4\nX-Real-IP: 1.2.3.4", NULL, ALL, 0, "", ""},
    {"similar names", NULL, "X_Forwarded_For: 1.2.3.4\nX-Forwarded-Fo: 1.2.3.4",
     NULL, ALL, 0, "", ""}, /* H12 */
};

static const struct row real_ip_rows[] = {
    {"no field", NULL, "X-Forwarded-For: 1.2.3.4", NULL, ALL, 0, "", ""},
    {"peer not trusted", "192.0.2.9:1", "X-Real-IP: 1.2.3.4", NULL, FOUND, 0,
     "", ""},
    {"one", NULL, "X-Real-IP: 192.0.2.1\nX-Forwarded-Proto: https",
     "192.0.2.1:0", FOUND, 1, "https", ""},
    {"IPv6", NULL, "x-real-ip: 2001:db8::1", "[2001:db8::1]:0", FOUND, 1, "",
     ""},
    {"a proxy's", NULL, "X-Real-IP: 10.0.0.7", "10.0.0.7:0", ALL, 1, "", ""},
    {"two", NULL, "X-Real-IP: 192.0.2.1\nX-Real-IP: 192.0.2.2", NULL, OBSCURED,
     0, "", ""},
    {"a list", NULL, "X-Real-IP: 192.0.2.1, 192.0.2.2", NULL, OBSCURED, 0, "",
     ""},
    {"malformed", NULL, "X-Real-IP: unknown", NULL, OBSCURED, 0, "", ""},
};

static const struct row none_rows[] = {
    {"nothing is believed", NULL,
     "Forwarded: for=1.2.3.4\nX-Forwarded-For: 1.2.3.4\nX-Real-IP: 1.2.3.4",
     NULL, FOUND, 0, "", ""},
};

static void check_row(const struct row *row, enum flare__forwarded_kind kind)
{
    const char *peer = row->peer ? row->peer : proxy;
    const char *want = row->client ? row->client : peer;
    struct flare__forwarded out;
    char text[FLARE_ADDR_TEXT_MAX];

    read_from(&out, kind, peer, row->lines, strlen(row->lines));
    flare_addr_format(&out.client, text, sizeof(text));
    ck_assert_msg(strcmp(text, want) == 0, "%s: %s", row->name, text);
    ck_assert_msg((int)out.end == row->end, "%s: end %d", row->name, out.end);
    ck_assert_msg(out.hops == row->hops, "%s: %u hops", row->name, out.hops);
    ck_assert_msg(flare_str_equal(out.proto, flare_str(row->proto)),
                  "%s: proto '%.*s'", row->name, FLARE_STR_ARG(out.proto));
    ck_assert_msg(flare_str_equal(out.host, flare_str(row->host)),
                  "%s: host '%.*s'", row->name, FLARE_STR_ARG(out.host));
}

START_TEST(test_forwarded_names_the_client)
{
    check_row(&standard_rows[_i], FLARE__FORWARDED_STANDARD);
}
END_TEST

START_TEST(test_x_forwarded_for_names_the_client)
{
    check_row(&x_rows[_i], FLARE__FORWARDED_X);
}
END_TEST

START_TEST(test_x_real_ip_names_the_client)
{
    check_row(&real_ip_rows[_i], FLARE__FORWARDED_X_REAL_IP);
}
END_TEST

START_TEST(test_without_a_kind_the_peer_is_the_client)
{
    check_row(&none_rows[_i], FLARE__FORWARDED_NONE);
}
END_TEST

START_TEST(test_unix_peers_and_unknown_peers_are_trusted_only_on_request)
{
    struct flare_addr none = {.kind = FLARE_ADDR_NONE};
    struct flare__forwarded out;
    static const char lines[] = "X-Forwarded-For: 192.0.2.1";
    struct flare__field fields[FIELDS_MAX];
    size_t count;

    rules.trusts_unix = false;
    read_from(&out, FLARE__FORWARDED_X, "unix:/p", lines, sizeof(lines) - 1);
    rules.trusts_unix = true;
    ck_assert_int_eq(out.end, FOUND);
    ck_assert_int_eq(out.client.kind, FLARE_ADDR_UNIX);
    count = fields_of(fields, lines, sizeof(lines) - 1);
    flare__forwarded_read(&out, &rules, &none, fields, count);
    ck_assert_int_eq(out.end, FOUND);
    ck_assert_int_eq(out.client.kind, FLARE_ADDR_NONE);
}
END_TEST

/*
 * Whatever bytes a field value may have, put in front of a proxy's element:
 * the client is the one that the proxy saw.
 */
START_TEST(test_nothing_in_front_bears_on_the_client)
{
    static const char marks[] = "\",\\;= =f";
    static const struct {
        enum flare__forwarded_kind kind;
        const char *name;
        const char *element;
    } forms[] = {
        {FLARE__FORWARDED_STANDARD,
         "Forwarded: ", "for=\"192.0.2.1:7\";host=\"a:1\";x=\"\\\\,\\\"\""},
        {FLARE__FORWARDED_STANDARD, "Forwarded: ", "proto=http;for=192.0.2.1"},
        {FLARE__FORWARDED_X, "X-Forwarded-For: ", "192.0.2.1:7"},
    };
    unsigned count = 1;

    for (int len = 0; len <= 5; len++, count *= 8) {
        for (unsigned n = 0; n < count; n++) {
            char lines[128];
            size_t at = strlen(forms[_i].name);
            struct flare__forwarded out;

            memcpy(lines, forms[_i].name, at);
            for (int i = 0; i < len; i++)
                lines[at++] = marks[n >> 3 * i & 7];
            snprintf(lines + at, sizeof(lines) - at, ", %s", forms[_i].element);
            read_from(&out, forms[_i].kind, proxy, lines, strlen(lines));
            ck_assert_msg(out.end == FLARE__FORWARDED_FOUND && out.hops == 1 &&
                              out.client.ip.bytes[12] == 192,
                          "%s", lines);
        }
    }
}
END_TEST

/* Every cut of every row is read within its bounds. */
START_TEST(test_every_cut_of_a_field_is_read_in_its_bounds)
{
    const char *lines = standard_rows[_i].lines;
    const char *start = strchr(lines, ':');

    for (size_t cut = (size_t)(start - lines) + 2; cut <= strlen(lines);
         cut++) {
        struct flare__forwarded out;

        if (memchr(lines, '\n', cut) != NULL)
            break;
        read_from(&out, FLARE__FORWARDED_STANDARD, proxy, lines, cut);
        ck_assert_uint_le(out.hops, FLARE__FORWARDED_HOPS_MAX);
    }
}
END_TEST

START_TEST(test_a_chain_of_proxies_has_a_bound)
{
    char lines[2048];

    for (int hops = FLARE__FORWARDED_HOPS_MAX - 1;
         hops <= FLARE__FORWARDED_HOPS_MAX + 1; hops++) {
        size_t at = (size_t)snprintf(lines, sizeof(lines),
                                     "X-Forwarded-For: 192.0.2.1");
        struct flare__forwarded out;

        for (int i = 1; i < hops; i++)
            at += (size_t)snprintf(lines + at, sizeof(lines) - at,
                                   ", 10.0.0.%d", i);
        read_from(&out, FLARE__FORWARDED_X, proxy, lines, at);
        ck_assert_int_eq(out.end,
                         hops <= FLARE__FORWARDED_HOPS_MAX ? FOUND : OBSCURED);
    }
}
END_TEST

/* A field of the greatest size, all of it backslashes and marks. */
START_TEST(test_hostile_fields_of_the_greatest_size_are_read)
{
    static char lines[16000];
    struct flare__forwarded out;

    memcpy(lines, "Forwarded: ", 11);
    memset(lines + 11, '\\', sizeof(lines) - 11);
    for (size_t i = 12; i < sizeof(lines); i += 101)
        lines[i] = '"';
    read_from(&out, FLARE__FORWARDED_STANDARD, proxy, lines, sizeof(lines));
    ck_assert_int_eq(out.end, OBSCURED);
    memset(lines + 11, ',', sizeof(lines) - 11);
    read_from(&out, FLARE__FORWARDED_STANDARD, proxy, lines, sizeof(lines));
    ck_assert_int_eq(out.end, ALL);
}
END_TEST

static TCase *case_rows(void)
{
    TCase *tc = tcase_create("rows");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, test_forwarded_names_the_client, 0,
                        ROWS(standard_rows));
    tcase_add_loop_test(tc, test_x_forwarded_for_names_the_client, 0,
                        ROWS(x_rows));
    tcase_add_loop_test(tc, test_x_real_ip_names_the_client, 0,
                        ROWS(real_ip_rows));
    tcase_add_loop_test(tc, test_without_a_kind_the_peer_is_the_client, 0,
                        ROWS(none_rows));
    tcase_add_test(
        tc, test_unix_peers_and_unknown_peers_are_trusted_only_on_request);
    return tc;
}

static TCase *case_properties(void)
{
    TCase *tc = tcase_create("properties");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, test_nothing_in_front_bears_on_the_client, 0, 3);
    tcase_add_loop_test(tc, test_every_cut_of_a_field_is_read_in_its_bounds, 0,
                        ROWS(standard_rows));
    tcase_add_test(tc, test_a_chain_of_proxies_has_a_bound);
    tcase_add_test(tc, test_hostile_fields_of_the_greatest_size_are_read);
    return tc;
}

int main(void)
{
    Suite *suite = suite_create("http/forwarded");

    suite_add_tcase(suite, case_rows());
    suite_add_tcase(suite, case_properties());
    return test_run(suite);
}
