/* SPDX-License-Identifier: MIT */
/*
 * Lists are cut from the right, so that nothing an untrusted client wrote in
 * front of the proxies' elements, not even a quotation mark left open, bears
 * on how those are read.  Each element is then read strictly from the left.
 */
#include "http/forwarded.h"

#include "http/chars.h"
#include "http/host.h"
#include "net/addr.h"

#include <string.h>

/* A walk over the elements of all fields of one name, from the last. */
struct walk {
    const struct flare__field *fields;
    size_t left; /* fields not yet begun */
    struct flare_str name;
    bool has_quotes;       /* quoted strings may hold commas */
    struct flare_str rest; /* of the field begun */
};

/* What one element of Forwarded tells; a name that is absent has no ptr. */
struct element {
    struct flare_str for_;
    struct flare_str by;
    struct flare_str proto;
    struct flare_str host;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_alpha(char c)
{
    return (unsigned)((c | 0x20) - 'a') < 26;
}

static struct flare_str trim(struct flare_str s)
{
    while (s.len > 0 && is_space(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/* Whether the quotation mark at `at` has an odd number of backslashes. */
static bool is_escaped(const char *start, const char *at)
{
    const char *p = at;

    while (p > start && p[-1] == '\\')
        p--;
    return (at - p) % 2 != 0;
}

/*
 * Cuts the last element off `rest`.  A well-formed quoted string is one in
 * either direction: its opening mark has '=' in front, no backslash.
 */
static struct flare_str last_cut(struct flare_str *rest, bool has_quotes)
{
    const char *end = rest->ptr + rest->len;
    const char *p = end;
    bool is_quoted = false;

    while (p > rest->ptr) {
        char c = p[-1];

        if (c == ',' && !is_quoted)
            break;
        p--;
        if (has_quotes && c == '"' && !is_escaped(rest->ptr, p))
            is_quoted = !is_quoted;
    }
    rest->len = p > rest->ptr ? (size_t)(p - rest->ptr) - 1 : 0;
    return trim((struct flare_str){p, (size_t)(end - p)});
}

/* The next element that is not empty (RFC 9110 section 5.6.1); false: none. */
static bool walk_next(struct walk *w, struct flare_str *element)
{
    for (;;) {
        const struct flare__field *f;

        while (w->rest.len > 0) {
            *element = last_cut(&w->rest, w->has_quotes);
            if (element->len > 0)
                return true;
        }
        if (w->left == 0)
            return false;
        f = &w->fields[--w->left];
        if (flare_str_equal_nocase((struct flare_str){f->name, f->name_len},
                                   w->name))
            w->rest = (struct flare_str){f->value, f->value_len};
    }
}

/* obfport of RFC 7239 section 6.3: it hides the port, not the address. */
static bool is_obfuscated(struct flare_str s)
{
    if (s.len < 2 || s.ptr[0] != '_')
        return false;
    for (size_t i = 1; i < s.len; i++) {
        char c = s.ptr[i];

        if (!is_alpha(c) && !flare__char_is(c, FLARE__CHAR_DIGIT) && c != '.' &&
            c != '_' && c != '-')
            return false;
    }
    return true;
}

/* What follows an address: nothing, or a colon and a port.  -1: else. */
static int node_port_read(struct flare_str text)
{
    struct flare_str port;

    if (text.len == 0)
        return 0;
    if (text.ptr[0] != ':')
        return -1;
    port = (struct flare_str){text.ptr + 1, text.len - 1};
    return is_obfuscated(port) ? 0 : flare__port_read(port);
}

/* An IP address as a node is written, its port an option; RFC 7239 section 6.
 */
static bool node_read(struct flare_addr *addr, struct flare_str text)
{
    struct flare_str host = text;
    const char *mark;
    struct flare_ip ip;
    bool is_v6;
    int port = 0;

    if (text.len == 0)
        return false;
    is_v6 = text.ptr[0] == '[';
    mark = memchr(text.ptr, is_v6 ? ']' : ':', text.len);
    if (mark != NULL)
        host.len = (size_t)(mark - text.ptr);
    if (is_v6) {
        if (mark == NULL)
            return false;
        host = (struct flare_str){host.ptr + 1, host.len - 1};
        mark++;
    }
    if (!(is_v6 ? flare__ip_read_v6(&ip, host) : flare__ip_read_v4(&ip, host)))
        return false;
    if (mark != NULL)
        port = node_port_read(
            (struct flare_str){mark, (size_t)(text.ptr + text.len - mark)});
    if (port < 0)
        return false;
    *addr = flare__addr_of_ip(&ip, (uint16_t)port);
    return true;
}

/* As X-Forwarded-For has them: IPv6 without brackets too. */
static bool node_read_x(struct flare_addr *addr, struct flare_str text)
{
    struct flare_ip ip;

    if (flare__ip_read_v6(&ip, text)) {
        *addr = flare__addr_of_ip(&ip, 0);
        return true;
    }
    return node_read(addr, text);
}

/* RFC 3986 section 3.1 */
static bool is_scheme(struct flare_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];

        if (!is_alpha(c) && (i == 0 || !(flare__char_is(c, FLARE__CHAR_DIGIT) ||
                                         c == '+' || c == '-' || c == '.')))
            return false;
    }
    return s.len > 0;
}

static bool is_host(struct flare_str s)
{
    return flare__host_is_valid(s, FLARE__PORT_MAY_BE);
}

static const char *token_skip(const char *p, const char *end)
{
    while (p < end && flare__char_is(*p, FLARE__CHAR_TOKEN))
        p++;
    return p;
}

/*
 * The value at `p`, a token or a quoted string, into `*value`, backslashes in
 * place; the end of it, or NULL.
 */
static const char *value_read(struct flare_str *value, const char *p,
                              const char *end)
{
    const char *start = p;

    if (p == end || *p != '"') {
        p = token_skip(p, end);
        *value = (struct flare_str){start, (size_t)(p - start)};
        return p > start ? p : NULL;
    }
    for (p = ++start; p < end && *p != '"'; p++) {
        if (*p == '\\' && ++p == end)
            return NULL;
        if (!flare__char_is(*p, FLARE__CHAR_VALUE))
            return NULL;
    }
    *value = (struct flare_str){start, (size_t)(p - start)};
    return p < end ? p + 1 : NULL;
}

/* Where a value of that name goes; `other` for those of no interest. */
static struct flare_str *slot_of(struct element *e, struct flare_str *other,
                                 struct flare_str name)
{
    if (flare_str_equal_nocase(name, FLARE_STR("for")))
        return &e->for_;
    if (flare_str_equal_nocase(name, FLARE_STR("by")))
        return &e->by;
    if (flare_str_equal_nocase(name, FLARE_STR("proto")))
        return &e->proto;
    if (flare_str_equal_nocase(name, FLARE_STR("host")))
        return &e->host;
    other->ptr = NULL;
    return other;
}

/* forwarded-element of RFC 7239 section 4; a name twice is not one. */
static bool element_read(struct element *e, struct flare_str text)
{
    const char *p = text.ptr;
    const char *end = text.ptr + text.len;
    struct flare_str other = {NULL, 0};

    memset(e, 0, sizeof(*e));
    while (p < end) {
        struct flare_str name = {p, 0};
        struct flare_str *slot;

        if (*p == ';') { /* a pair may be left out */
            p++;
            continue;
        }
        p = token_skip(p, end);
        name.len = (size_t)(p - name.ptr);
        if (name.len == 0 || p == end || *p != '=')
            return false;
        slot = slot_of(e, &other, name);
        if (slot->ptr != NULL)
            return false;
        p = value_read(slot, p + 1, end);
        if (p == NULL || (p < end && *p != ';'))
            return false;
    }
    return (e->proto.ptr == NULL || is_scheme(e->proto)) &&
           (e->host.ptr == NULL || is_host(e->host));
}

static bool is_trusted(const struct flare__forwarded_rules *rules,
                       const struct flare_addr *addr)
{
    if (addr->kind == FLARE_ADDR_UNIX || addr->kind == FLARE_ADDR_ABSTRACT)
        return rules->trusts_unix;
    if (addr->kind != FLARE_ADDR_IP)
        return false;
    for (size_t i = 0; i < rules->net_count; i++) {
        if (flare_ip_net_contains(&rules->nets[i], &addr->ip))
            return true;
    }
    return false;
}

/* Believes one element; false: it does not name an address. */
static bool element_take(struct flare__forwarded *out,
                         enum flare__forwarded_kind kind, struct flare_str text)
{
    struct element e;

    if (kind == FLARE__FORWARDED_STANDARD) {
        if (!element_read(&e, text))
            return false;
        out->hops++;
        out->proto = e.proto;
        out->host = e.host;
        return node_read(&out->client, e.for_);
    }
    out->hops++;
    return node_read_x(&out->client, text);
}

/* The walk: from the peer to the first that is not trusted. */
static void chain_walk(struct flare__forwarded *out,
                       const struct flare__forwarded_rules *rules,
                       struct walk *w)
{
    struct flare_str text;

    for (;;) {
        if (!is_trusted(rules, &out->client)) {
            out->end = FLARE__FORWARDED_FOUND;
            return;
        }
        if (!walk_next(w, &text)) {
            out->end = FLARE__FORWARDED_ALL_TRUSTED;
            return;
        }
        if (out->hops == FLARE__FORWARDED_HOPS_MAX ||
            !element_take(out, rules->kind, text)) {
            out->end = FLARE__FORWARDED_OBSCURED;
            return;
        }
    }
}

/* X-Real-IP: one address, or nobody knows whose the others are. */
static void real_ip_take(struct flare__forwarded *out,
                         const struct flare__forwarded_rules *rules,
                         struct walk *w)
{
    struct flare_addr client;
    struct flare_str first;
    struct flare_str second;

    out->end = FLARE__FORWARDED_ALL_TRUSTED;
    if (!walk_next(w, &first))
        return;
    out->end = FLARE__FORWARDED_OBSCURED;
    if (walk_next(w, &second) || !node_read_x(&client, first))
        return;
    out->hops = 1;
    out->client = client;
    out->end = is_trusted(rules, &client) ? FLARE__FORWARDED_ALL_TRUSTED
                                          : FLARE__FORWARDED_FOUND;
}

/* The only element of a field, or that of the outermost trusted proxy. */
static struct flare_str aligned_find(const struct walk *from,
                                     struct flare_str name, uint32_t hops)
{
    struct walk w = *from;
    struct flare_str found = {NULL, 0};
    struct flare_str text;
    uint32_t total = 0;

    w.name = name;
    while (total < 2 || total < hops) {
        if (!walk_next(&w, &text))
            break;
        total++;
        if (total == 1 || total == hops)
            found = text;
    }
    if (total > 1 && total < hops)
        found = (struct flare_str){NULL, 0};
    return found;
}

void flare__forwarded_read(struct flare__forwarded *out,
                           const struct flare__forwarded_rules *rules,
                           const struct flare_addr *peer,
                           const struct flare__field *fields, size_t count)
{
    struct walk w = {.fields = fields, .left = count};
    struct walk start = w;

    memset(out, 0, sizeof(*out));
    out->client = *peer;
    out->end = FLARE__FORWARDED_FOUND;
    if (rules->kind == FLARE__FORWARDED_NONE || !is_trusted(rules, peer))
        return;
    if (rules->kind == FLARE__FORWARDED_STANDARD) {
        w.name = FLARE_STR("Forwarded");
        w.has_quotes = true;
        chain_walk(out, rules, &w);
        return;
    }
    if (rules->kind == FLARE__FORWARDED_X) {
        w.name = FLARE_STR("X-Forwarded-For");
        chain_walk(out, rules, &w);
    } else {
        w.name = FLARE_STR("X-Real-IP");
        real_ip_take(out, rules, &w);
    }
    out->proto =
        aligned_find(&start, FLARE_STR("X-Forwarded-Proto"), out->hops);
    if (!is_scheme(out->proto))
        out->proto = (struct flare_str){NULL, 0};
    out->host = aligned_find(&start, FLARE_STR("X-Forwarded-Host"), out->hops);
    if (out->host.len == 0 || !is_host(out->host))
        out->host = (struct flare_str){NULL, 0};
}
