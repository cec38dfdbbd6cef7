/* SPDX-License-Identifier: MIT */
/* A client's configuration: defaults, ranges, copies; who needs no proxy. */
#include "http/client.h"

#include "base/alloc.h"
#include "base/base64.h"
#include "base/log.h"
#include "http/list.h"

#include <errno.h>
#include <string.h>

enum {
    CONF_TEXTS = 1024,
    CONF_TEXTS_MAX = 4 * 1024 * 1024,
    CONF_FIELDS_MAX = 1000,
    CONF_TIME_MAX = 86400000
};

/* ---- numbers ---- */

struct conf_range {
    const char *name;
    uint32_t *value;
    uint32_t standard;
    uint32_t least;
    uint32_t most;
    bool may_be_unlimited;
};

static int conf_range(const struct conf_range *r, struct flare_error *err)
{
    if (*r->value == 0)
        *r->value = r->standard;
    if (r->may_be_unlimited && *r->value == FLARE_UNLIMITED)
        return 0;
    if (*r->value < r->least || *r->value > r->most)
        return flare__error(err, FLARE_E_BAD_CONFIG, "%s: %u is not %u to %u",
                            r->name, *r->value, r->least, r->most);
    return 0;
}

static int conf_ranges(struct flare_client_config *c, struct flare_error *err)
{
    const struct conf_range ranges[] = {
        {"connections_per_origin_max", &c->connections_per_origin_max, 6, 1,
         65536, false},
        {"connections_max", &c->connections_max, 100, 1, 65536, false},
        {"idle_timeout_ms", &c->idle_timeout_ms, 60000, 1, CONF_TIME_MAX,
         false},
        {"waiting_max", &c->waiting_max, 1024, 1, 1 << 20, false},
        {"connect_timeout_ms", &c->connect_timeout_ms, 10000, 1, CONF_TIME_MAX,
         false},
        {"first_byte_timeout_ms", &c->first_byte_timeout_ms, 30000, 1,
         CONF_TIME_MAX, false},
        {"between_bytes_timeout_ms", &c->between_bytes_timeout_ms, 30000, 1,
         CONF_TIME_MAX, false},
        {"total_timeout_ms", &c->total_timeout_ms, 300000, 1, CONF_TIME_MAX,
         true},
        {"redirects_max", &c->redirects_max, 10, 1, 100, false},
        {"head_bytes_max", &c->head_bytes_max, 300 * 1024, 1024, 16 << 20,
         false},
        {"head_fields_max", &c->head_fields_max, 256, 1, 10000, false},
        {"body_bytes_max", &c->body_bytes_max, 64 << 20, 1, INT32_MAX, false},
        {"decoded_ratio_max", &c->decoded_ratio_max, FLARE__INFLATE_RATIO_MAX,
         1, 1 << 20, false},
    };

    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        int rc = conf_range(&ranges[i], err);

        if (rc < 0)
            return rc;
    }
    if (c->decoded_bytes_max == 0)
        c->decoded_bytes_max = UINT64_MAX;
    return 0;
}

/* ---- credentials and fields ---- */

/* "Basic " and user:password in base64. */
static int auth_basic(struct flare_str *out, struct flare__arena *texts,
                      struct flare_str user, struct flare_str password)
{
    static const char scheme[] = "Basic ";
    size_t n = sizeof(scheme) - 1;
    size_t len = user.len + 1 + password.len;
    char *plain = flare__arena_alloc(texts, len, 1);
    char *value;

    if (plain == NULL)
        return -ENOMEM;
    value = flare__arena_alloc(texts, n + flare__base64_length(len), 1);
    if (value == NULL)
        return -ENOMEM;
    memcpy(plain, user.ptr, user.len);
    plain[user.len] = ':';
    if (password.len > 0)
        memcpy(plain + user.len + 1, password.ptr, password.len);
    memcpy(value, scheme, n);
    flare__base64_encode(value + n, (struct flare_str){plain, len});
    *out = (struct flare_str){value, n + flare__base64_length(len)};
    return 0;
}

static bool has_control(struct flare_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return true;
    return false;
}

/* RFC 7617 section 2: no ':' in a user, no control characters. */
static int auth_user(struct flare_str *out, struct flare__arena *texts,
                     struct flare_str user, struct flare_str password)
{
    if (has_control(user) || has_control(password) ||
        memchr(user.ptr, ':', user.len) != NULL)
        return FLARE_E_BAD_HEADER;
    return auth_basic(out, texts, user, password);
}

int flare__client_auth(struct flare_str *out, struct flare__arena *texts,
                       const char *user, const char *password,
                       const char *bearer)
{
    static const char scheme[] = "Bearer ";
    size_t n = sizeof(scheme) - 1;
    struct flare_str token = flare_str(bearer);
    char *value;

    *out = (struct flare_str){NULL, 0};
    if (bearer != NULL && (user != NULL || password != NULL))
        return FLARE_E_BAD_HEADER;
    if (user != NULL || password != NULL)
        return auth_user(out, texts, flare_str(user != NULL ? user : ""),
                         flare_str(password));
    if (bearer == NULL)
        return 0;
    if (token.len == 0 || has_control(token) ||
        memchr(token.ptr, ' ', token.len) != NULL)
        return FLARE_E_BAD_HEADER;
    value = flare__arena_alloc(texts, n + token.len, 1);
    if (value == NULL)
        return -ENOMEM;
    memcpy(value, scheme, n);
    memcpy(value + n, token.ptr, token.len);
    *out = (struct flare_str){value, n + token.len};
    return 0;
}

int flare__client_fields(const struct flare__ask_field **out, size_t *count,
                         struct flare__arena *texts,
                         const struct flare_field *from)
{
    struct flare__ask_field *fields;
    size_t n = 0;

    *out = NULL;
    *count = 0;
    while (from != NULL && from[n].name.len > 0)
        n++;
    if (n == 0)
        return 0;
    if (n > CONF_FIELDS_MAX)
        return FLARE_E_HEAD_TOO_LARGE;
    fields = flare__arena_alloc(texts, n * sizeof(*fields), sizeof(void *));
    if (fields == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        fields[i].name = from[i].name;
        fields[i].value = from[i].value;
        fields[i].name.ptr = flare__arena_copy(texts, from[i].name);
        fields[i].value.ptr = flare__arena_copy(texts, from[i].value);
        if (fields[i].name.ptr == NULL || fields[i].value.ptr == NULL)
            return -ENOMEM;
    }
    *out = fields;
    *count = n;
    return 0;
}

/* Each by itself, so that the sentence can name it. */
static int fields_check(const struct flare__ask_field *fields, size_t count,
                        struct flare_error *err)
{
    char shown[64];

    for (size_t i = 0; i < count; i++) {
        const struct flare__ask ask = {.method = FLARE_STR("GET"),
                                       .target = FLARE_STR("/"),
                                       .host = FLARE_STR("a"),
                                       .fields = &fields[i],
                                       .field_count = 1};
        int rc = flare__ask_check(&ask);

        if (rc >= 0)
            continue;
        (void)flare__log_escape(shown, sizeof(shown), fields[i].name);
        return flare__error(err, rc, "headers: %s: %s", shown,
                            flare_strerror(rc));
    }
    return 0;
}

/* User-Agent, unless there is to be none, and the user's. */
static int conf_fields(struct flare__client_conf *conf, struct flare_error *err)
{
    const char *agent = conf->c.user_agent != NULL ? conf->c.user_agent
                                                   : "flare/" FLARE_VERSION;
    const struct flare__ask_field *own;
    struct flare__ask_field *all;
    size_t count;
    size_t n = 0;
    int rc = flare__client_fields(&own, &count, &conf->texts, conf->c.headers);

    if (rc < 0)
        return flare__error(err, rc, "headers: %s", flare_strerror(rc));
    all = flare__arena_alloc(&conf->texts, (count + 1) * sizeof(*all),
                             sizeof(void *));
    if (all == NULL)
        return flare__error(err, -ENOMEM, "headers: %s",
                            flare_strerror(-ENOMEM));
    for (size_t i = 0; i < count; i++)
        if (flare_str_equal_nocase(own[i].name, FLARE_STR("User-Agent")))
            agent = "";
    if (agent[0] != '\0') {
        const struct flare_str value = flare_str(agent);

        all[n].name = FLARE_STR("User-Agent");
        all[n].value.ptr = flare__arena_copy(&conf->texts, value);
        all[n].value.len = value.len;
        if (all[n++].value.ptr == NULL)
            return flare__error(err, -ENOMEM, "user_agent: %s",
                                flare_strerror(-ENOMEM));
    }
    for (size_t i = 0; i < count; i++)
        if (own[i].value.len > 0)
            all[n++] = own[i];
    conf->fields = all;
    conf->field_count = n;
    return fields_check(all, n, err);
}

/* ---- URLs ---- */

static int conf_base(struct flare__client_conf *conf, struct flare_error *err)
{
    const struct flare_str text = flare_str(conf->c.base_url);
    struct flare_url url;
    char *copy;
    int len;
    int rc;

    if (conf->c.base_url == NULL)
        return 0;
    rc = flare_url_parse(&url, text, err);
    if (rc < 0)
        return rc;
    if (flare__url_scheme(&url) != FLARE__SCHEME_HTTP &&
        flare__url_scheme(&url) != FLARE__SCHEME_HTTPS)
        return flare__error(err, FLARE_E_BAD_URL,
                            "base_url: neither http nor https");
    if (url.host.len == 0 || url.has_userinfo)
        return flare__error(err, FLARE_E_BAD_URL, "base_url: %s",
                            url.has_userinfo ? "it has userinfo: give user and "
                                               "password"
                                             : "it has no host");
    copy = flare__arena_alloc(&conf->texts, text.len + 16, 1);
    if (copy == NULL)
        return flare__error(err, -ENOMEM, "base_url: %s",
                            flare_strerror(-ENOMEM));
    len = flare_url_normalize(&url, copy, text.len + 16);
    if (len < 0)
        return flare__error(err, FLARE_E_BAD_URL, "base_url: %s",
                            flare_strerror(len));
    return flare_url_parse(&conf->base, (struct flare_str){copy, (size_t)len},
                           err);
}

/* The two halves of userinfo, decoded. */
static int proxy_userinfo(struct flare__client_conf *conf,
                          struct flare_str userinfo)
{
    const char *mark = memchr(userinfo.ptr, ':', userinfo.len);
    size_t n = mark != NULL ? (size_t)(mark - userinfo.ptr) : userinfo.len;
    struct flare_str half[2] = {{userinfo.ptr, n}, {NULL, 0}};

    if (mark != NULL)
        half[1] = (struct flare_str){mark + 1, userinfo.len - n - 1};
    for (int i = 0; i < 2; i++) {
        char *to = flare__arena_alloc(&conf->texts, half[i].len + 1, 1);
        int len;

        if (to == NULL)
            return -ENOMEM;
        len = flare_percent_decode(FLARE_PERCENT_USERINFO, half[i], to,
                                   half[i].len + 1);
        if (len < 0)
            return len;
        half[i] = (struct flare_str){to, (size_t)len};
    }
    return auth_user(&conf->proxy_auth, &conf->texts, half[0], half[1]);
}

static int conf_proxy(struct flare__client_conf *conf, struct flare_error *err)
{
    struct flare_url url;
    int rc;

    if (conf->c.proxy == NULL)
        return 0;
    rc = flare_url_parse(&url, flare_str(conf->c.proxy), err);
    if (rc < 0)
        return rc;
    if (flare__url_scheme(&url) != FLARE__SCHEME_HTTP || url.host.len == 0)
        return flare__error(err, FLARE_E_BAD_URL,
                            "proxy: not http://host:port");
    rc = flare_dns_host_check(url.host, err);
    if (rc < 0)
        return rc;
    conf->proxy_host = url.host;
    conf->proxy_host.ptr = flare__arena_copy(&conf->texts, url.host);
    conf->proxy_port = flare_url_port(&url);
    rc = conf->proxy_host.ptr == NULL ? -ENOMEM : 0;
    if (rc == 0 && url.has_userinfo)
        rc = proxy_userinfo(conf, url.userinfo);
    if (rc < 0)
        return flare__error(err, rc, "proxy: %s", flare_strerror(rc));
    return 0;
}

/* ---- who needs no proxy ---- */

/* Cuts ":port" off; 0: none.  "::1" has none, "[::1]:80" has. */
static struct flare_str direct_port(struct flare_str entry, uint32_t *port)
{
    const char *mark = NULL;

    *port = 0;
    for (size_t i = 0; i < entry.len; i++)
        if (entry.ptr[i] == ':')
            mark = mark == NULL || entry.ptr[i - 1] == ']' ? entry.ptr + i
                                                           : entry.ptr;
    if (mark == NULL || mark == entry.ptr ||
        (entry.ptr[0] == '[' && mark[-1] != ']'))
        return entry;
    for (const char *p = mark + 1; p < entry.ptr + entry.len; p++) {
        if (*p < '0' || *p > '9' || *port > UINT16_MAX)
            return entry;
        *port = *port * 10 + (uint32_t)(*p - '0');
    }
    entry.len = (size_t)(mark - entry.ptr);
    return entry;
}

static bool direct_name(struct flare_str entry, struct flare_str host)
{
    if (entry.len > 0 && entry.ptr[0] == '.') {
        entry.ptr++;
        entry.len--;
    }
    if (entry.len == 0 || entry.len > host.len)
        return false;
    if (entry.len < host.len && host.ptr[host.len - entry.len - 1] != '.')
        return false;
    host.ptr += host.len - entry.len;
    host.len = entry.len;
    return flare_str_equal_nocase(entry, host);
}

static bool direct_entry(struct flare_str entry, const struct flare_url *url)
{
    struct flare_ip_net net;
    uint32_t port;

    if (flare_str_equal(entry, FLARE_STR("*")))
        return true;
    entry = direct_port(entry, &port);
    if (port != 0 && port != flare_url_port(url))
        return false;
    if (entry.len > 2 && entry.ptr[0] == '[') {
        entry.ptr++;
        entry.len -= 2;
    }
    if (url->ip.family == FLARE_IP_NONE)
        return direct_name(entry, url->host);
    return flare_ip_net_parse(&net, entry, NULL) == 0 &&
           flare_ip_net_contains(&net, &url->ip);
}

bool flare__client_is_direct(const struct flare__client_conf *conf,
                             const struct flare_url *url)
{
    struct flare_str rest = flare_str(conf->c.no_proxy);
    struct flare_str entry;

    if (conf->proxy_host.len == 0)
        return true;
    while (flare__list_next(&rest, FLARE__QUOTED_ETAG, &entry))
        if (direct_entry(entry, url))
            return true;
    return false;
}

/* ---- all of it ---- */

static int conf_fill(struct flare__client_conf *conf, struct flare_error *err)
{
    struct flare_client_config *c = &conf->c;
    int rc = conf_ranges(c, err);

    if (rc == 0)
        rc = conf_base(conf, err);
    if (rc == 0)
        rc = conf_fields(conf, err);
    if (rc == 0) {
        rc = flare__client_auth(&conf->auth, &conf->texts, c->user, c->password,
                                c->bearer);
        if (rc < 0)
            (void)flare__error(err, rc, "user, password, bearer: %s",
                               flare_strerror(rc));
    }
    if (rc == 0)
        rc = conf_proxy(conf, err);
    if (rc == 0 && c->no_proxy != NULL) {
        c->no_proxy = flare__arena_copy(&conf->texts, flare_str(c->no_proxy));
        if (c->no_proxy == NULL)
            rc = flare__error(err, -ENOMEM, "no_proxy: %s",
                              flare_strerror(-ENOMEM));
    }
    return rc;
}

int flare__client_conf_init(struct flare__client_conf *conf,
                            const struct flare_allocator *al,
                            const struct flare_client_config *config,
                            struct flare_error *err)
{
    int rc;

    *conf = (struct flare__client_conf){.c = *config};
    flare__arena_init(&conf->texts, al, CONF_TEXTS, CONF_TEXTS_MAX);
    rc = conf_fill(conf, err);
    /* what was the caller's is forgotten */
    conf->c.base_url = conf->c.proxy = conf->c.user_agent = NULL;
    conf->c.user = conf->c.password = conf->c.bearer = NULL;
    conf->c.headers = NULL;
    conf->c.resolver = NULL;
    conf->c.allocator = NULL;
    if (rc < 0)
        flare__client_conf_fini(conf);
    return rc;
}

void flare__client_conf_fini(struct flare__client_conf *conf)
{
    flare__arena_fini(&conf->texts);
}
