/* SPDX-License-Identifier: MIT */
/*
 * Closed-loop load over TLS, in the slices of bench/load: one target is driven,
 * the others are idle, and the CPU time that its processes used belongs to the
 * requests of the slice.
 *
 *   load_tls MODE [options] NAME@ADDRESS:PORT@PID[,PID...] ...
 *
 *   requests  on connections that stay open, one request at a time on each
 *   full      a connection for each request, with a whole handshake
 *   resumed   the same, each resuming the session of the one before it
 *
 * OpenSSL on plain sockets and epoll, none of it the library's: the client is
 * the same for every target.  No certificate is verified.
 */
#include "bench/histogram.h"
#include "bench/number.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum {
    TARGETS_MAX = 8,
    PIDS_MAX = 16,
    CONNS_MAX = 1024,
    READ_BYTES = 65536,
    EVENTS = 64,
    SILENT_MS = 10000,
    ROTATIONS_MIN = 5 /* fewer say nothing, whatever the budget */
};

enum mode { MODE_REQUESTS, MODE_FULL, MODE_RESUMED };

struct target;

struct conn {
    struct target *target;
    SSL *ssl;
    SSL_SESSION *session;
    int fd;
    int is_asked;    /* the request is out */
    uint64_t begun;  /* when it was */
    uint64_t got;    /* bytes of the answer */
    uint64_t expect; /* of the whole answer; 0: its head is not here */
    char head[1024];
};

struct target {
    char name[32];
    struct sockaddr_in address;
    pid_t pids[PIDS_MAX];
    unsigned pid_count;
    struct conn *conns;
    char broken[160];
    struct histogram latency; /* of all slices that count */
};

static struct {
    enum mode mode;
    unsigned connections;
    unsigned rotations;
    uint64_t budget_ms;
    uint64_t slice_ms;
    uint64_t warmup_ms;
    const char *path;
    const char *cipher; /* of TLS 1.3 */
    int is_1_2;
} options = {
    .connections = 64,
    .rotations = 40,
    .budget_ms = 60000,
    .slice_ms = 200,
    .warmup_ms = 20,
    .path = "/",
    .cipher = "TLS_AES_128_GCM_SHA256",
};

static struct target targets[TARGETS_MAX];
static unsigned target_count;
static SSL_CTX *context;
static int poller = -1;
static char request[512];
static size_t request_len;
static int is_stopping; /* answers under way are awaited, none is asked for */
static unsigned busy;   /* connections with a request under way */
static struct histogram latency;
static uint64_t answers;

__attribute__((noreturn)) static void die(const char *what, const char *why)
{
    fprintf(stderr, "load_tls: %s: %s\n", what, why);
    exit(1);
}

static uint64_t clock_ns(clockid_t id)
{
    struct timespec ts = {0, 0};

    (void)clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static uint64_t target_cpu(struct target *t)
{
    uint64_t ns = 0;

    for (unsigned i = 0; i < t->pid_count; i++) {
        clockid_t id;

        if (clock_getcpuclockid(t->pids[i], &id) != 0)
            snprintf(t->broken, sizeof(t->broken), "a process is gone");
        else
            ns += clock_ns(id);
    }
    return ns;
}

static void target_break(struct target *t, const char *why)
{
    char reason[96];

    ERR_error_string_n(ERR_get_error(), reason, sizeof(reason));
    if (t->broken[0] == '\0')
        snprintf(t->broken, sizeof(t->broken), "%s (%s, errno %d)", why, reason,
                 errno);
}

/* ---- a connection ---- */

static void conn_close(struct conn *c)
{
    if (c->ssl == NULL)
        return;
    if (options.mode == MODE_RESUMED) {
        SSL_SESSION_free(c->session);
        c->session = SSL_get1_session(c->ssl);
    }
    SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(c->ssl);
    close(c->fd);
    c->ssl = NULL;
}

static void conn_open(struct conn *c)
{
    const int on = 1;
    struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLET,
                             .data.ptr = c};

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 ||
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
        connect(c->fd, (const struct sockaddr *)&c->target->address,
                sizeof(c->target->address)) < 0 ||
        fcntl(c->fd, F_SETFL, O_NONBLOCK) < 0 ||
        epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &ev) < 0)
        die(c->target->name, strerror(errno));
    c->ssl = SSL_new(context);
    if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1 ||
        SSL_set_tlsext_host_name(c->ssl, "localhost") != 1)
        die("OpenSSL", "no memory");
    SSL_set_connect_state(c->ssl);
    if (c->session != NULL)
        (void)SSL_set_session(c->ssl, c->session);
    c->is_asked = 0;
    c->got = 0;
    c->expect = 0;
}

/* Counts the bytes of an answer; its first must have its whole head. */
static int conn_count(struct conn *c, const char *bytes, size_t n)
{
    if (c->expect == 0) {
        size_t keep =
            n < sizeof(c->head) - 1 - c->got ? n : sizeof(c->head) - 1 - c->got;
        const char *end;
        const char *length;

        memcpy(c->head + c->got, bytes, keep);
        c->head[c->got + keep] = '\0';
        end = strstr(c->head, "\r\n\r\n");
        length = strcasestr(c->head, "\r\nContent-Length:");
        if (strncmp(c->head, "HTTP/1.1 200", 12) != 0 || end == NULL ||
            length == NULL || length > end)
            return -1;
        c->expect =
            (uint64_t)(end + 4 - c->head) + strtoull(length + 17, NULL, 10);
    }
    c->got += n;
    return c->got > c->expect ? -1 : 0;
}

static void conn_answered(struct conn *c)
{
    histogram_add(&latency, clock_ns(CLOCK_MONOTONIC) - c->begun, 1);
    answers++;
    c->is_asked = 0;
    c->got = 0;
    c->expect = 0;
    busy--;
    if (options.mode != MODE_REQUESTS) {
        if (options.mode == MODE_RESUMED && c->session != NULL &&
            !SSL_session_reused(c->ssl))
            target_break(c->target, "a session was not resumed");
        conn_close(c);
        if (!is_stopping)
            conn_open(c);
    }
}

static void conn_ask(struct conn *c)
{
    c->begun = clock_ns(CLOCK_MONOTONIC);
    busy++;
    if (SSL_write(c->ssl, request, (int)request_len) != (int)request_len)
        target_break(c->target, "a request could not be sent");
    c->is_asked = 1;
}

/* As far as it goes. */
static void conn_go(struct conn *c)
{
    static char room[READ_BYTES];

    while (c->ssl != NULL && c->target->broken[0] == '\0') {
        int n;

        if (!SSL_is_init_finished(c->ssl)) {
            n = SSL_do_handshake(c->ssl);
        } else if (!c->is_asked && !is_stopping) {
            conn_ask(c);
            continue;
        } else {
            n = SSL_read(c->ssl, room, sizeof(room));
            if (n > 0 && conn_count(c, room, (size_t)n) < 0)
                target_break(c->target, "a wrong answer");
            else if (n > 0 && c->got == c->expect)
                conn_answered(c);
        }
        if (n <= 0) {
            int why = SSL_get_error(c->ssl, n);

            if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
                target_break(c->target, "a connection broke");
            return;
        }
    }
}

/* ---- slices ---- */

/* Every connection that can ask does. */
static void slice_begin(struct target *t)
{
    is_stopping = 0;
    for (unsigned i = 0; i < options.connections; i++) {
        if (t->conns[i].ssl == NULL)
            conn_open(&t->conns[i]);
        conn_go(&t->conns[i]);
    }
}

static int slice_poll(struct target *t)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(poller, events, EVENTS, SILENT_MS);

    if (n == 0)
        target_break(t, "silence");
    for (int i = 0; i < n; i++)
        conn_go(events[i].data.ptr);
    return t->broken[0] == '\0' ? 0 : -1;
}

static int slice_run(struct target *t, uint64_t ns, unsigned rotation,
                     int is_told)
{
    uint64_t start = clock_ns(CLOCK_MONOTONIC);
    uint64_t server = target_cpu(t);
    uint64_t client = clock_ns(CLOCK_PROCESS_CPUTIME_ID);

    answers = 0;
    memset(&latency, 0, sizeof(latency));
    slice_begin(t);
    while (clock_ns(CLOCK_MONOTONIC) - start < ns)
        if (slice_poll(t) < 0)
            return -1;
    is_stopping = 1;
    while (busy > 0)
        if (slice_poll(t) < 0)
            return -1;
    if (!is_told)
        return 0;
    printf("{\"rotation\":%u,\"target\":\"%s\",\"requests\":%" PRIu64
           ",\"elapsed_ns\":%" PRIu64 ",\"server_cpu_ns\":%" PRIu64
           ",\"client_cpu_ns\":%" PRIu64 ",\"p50_ns\":%" PRIu64
           ",\"p99_ns\":%" PRIu64 "}\n",
           rotation, t->name, answers, clock_ns(CLOCK_MONOTONIC) - start,
           target_cpu(t) - server, clock_ns(CLOCK_PROCESS_CPUTIME_ID) - client,
           histogram_at(&latency, 0.50), histogram_at(&latency, 0.99));
    histogram_merge(&t->latency, &latency);
    fflush(stdout);
    return 0;
}

static void rotation_run(unsigned rotation)
{
    for (unsigned i = 0; i < target_count; i++) {
        unsigned step = rotation % 2 ? target_count - 1 - i : i;
        struct target *t = &targets[(step + rotation / 2) % target_count];

        if (t->broken[0] != '\0')
            continue;
        busy = 0;
        if (slice_run(t, options.warmup_ms * 1000000, rotation, 0) < 0 ||
            slice_run(t, options.slice_ms * 1000000, rotation, 1) < 0)
            printf("{\"rotation\":%u,\"target\":\"%s\",\"error\":\"%s\"}\n",
                   rotation, t->name, t->broken);
    }
}

/* ---- beginnings ---- */

static void target_parse(struct target *t, char *text)
{
    char *address = strchr(text, '@');
    char *pids = address != NULL ? strchr(address + 1, '@') : NULL;
    char *port = address != NULL ? strchr(address, ':') : NULL;

    if (pids == NULL || port == NULL || port > pids)
        die(text, "a target is NAME@ADDRESS:PORT@PID[,PID...]");
    *address++ = '\0';
    *port++ = '\0';
    *pids++ = '\0';
    snprintf(t->name, sizeof(t->name), "%s", text);
    t->address.sin_family = AF_INET;
    t->address.sin_port = htons((uint16_t)bench_number("PORT", port, 1, 65535));
    if (inet_pton(AF_INET, address, &t->address.sin_addr) != 1)
        die(address, "no dotted quad");
    while (pids != NULL && t->pid_count < PIDS_MAX) {
        const char *pid = strsep(&pids, ",");

        t->pids[t->pid_count++] = (pid_t)bench_number("PID", pid, 1, 1UL << 22);
    }
    t->conns = calloc(options.connections, sizeof(*t->conns));
    if (t->conns == NULL)
        die(t->name, "no memory");
    for (unsigned i = 0; i < options.connections; i++)
        t->conns[i].target = t;
}

static void context_make(void)
{
    int version = options.is_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;

    context = SSL_CTX_new(TLS_client_method());
    if (context == NULL ||
        SSL_CTX_set_min_proto_version(context, version) != 1 ||
        SSL_CTX_set_max_proto_version(context, version) != 1 ||
        SSL_CTX_set_ciphersuites(context, options.cipher) != 1 ||
        SSL_CTX_set_cipher_list(context, "ECDHE+AES128+AESGCM") != 1)
        die("OpenSSL", "its context");
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

static void options_parse(int argc, char **argv)
{
    static const struct option longs[] = {
        {"connections", required_argument, NULL, 'c'},
        {"rotations", required_argument, NULL, 'r'},
        {"budget", required_argument, NULL, 'b'},
        {"slice-ms", required_argument, NULL, 's'},
        {"path", required_argument, NULL, 'p'},
        {"tls12", no_argument, NULL, '2'},
        {NULL, 0, NULL, 0},
    };
    int opt;

    while ((opt = getopt_long(argc, argv, "c:r:b:s:p:2", longs, NULL)) != -1) {
        switch (opt) {
        case 'c':
            options.connections =
                (unsigned)bench_number("connections", optarg, 1, CONNS_MAX);
            break;
        case 'r':
            options.rotations =
                (unsigned)bench_number("rotations", optarg, 1, 1000000);
            break;
        case 'b':
            options.budget_ms = bench_seconds_ms("budget", optarg);
            break;
        case 's':
            options.slice_ms = bench_number("slice-ms", optarg, 1, 60000);
            break;
        case 'p':
            options.path = optarg;
            break;
        case '2':
            options.is_1_2 = 1;
            break;
        default:
            die("usage", "load_tls [options] MODE NAME@ADDRESS:PORT@PID ...");
        }
    }
}

static enum mode mode_parse(const char *text)
{
    if (strcmp(text, "requests") == 0)
        return MODE_REQUESTS;
    if (strcmp(text, "full") == 0)
        return MODE_FULL;
    if (strcmp(text, "resumed") == 0)
        return MODE_RESUMED;
    die(text, "a mode is requests, full or resumed");
}

int main(int argc, char **argv)
{
    uint64_t start;

    options_parse(argc, argv);
    if (argc - optind < 2 || argc - optind - 1 > TARGETS_MAX)
        die("usage", "load_tls [options] MODE NAME@ADDRESS:PORT@PID ...");
    options.mode = mode_parse(argv[optind++]);
    signal(SIGPIPE, SIG_IGN);
    context_make();
    request_len = (size_t)snprintf(request, sizeof(request),
                                   "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n",
                                   options.path);
    if (request_len >= sizeof(request))
        die(options.path, "too long");
    poller = epoll_create1(EPOLL_CLOEXEC);
    for (; optind < argc; optind++)
        target_parse(&targets[target_count++], argv[optind]);
    start = clock_ns(CLOCK_MONOTONIC);
    for (unsigned r = 0; r < options.rotations; r++) {
        if (r >= ROTATIONS_MIN &&
            (clock_ns(CLOCK_MONOTONIC) - start) / 1000000 >= options.budget_ms)
            break;
        rotation_run(r);
    }
    for (unsigned i = 0; i < target_count; i++)
        histogram_print(&targets[i].latency, targets[i].name);
    return 0;
}
