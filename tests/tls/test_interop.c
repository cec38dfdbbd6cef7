/* SPDX-License-Identifier: MIT */
/*
 * Our engine against the programs `openssl s_client` and `openssl s_server`,
 * over TCP on the loopback, driven by poll(2).
 */
#include "tls/engine.h"

#include "tests/support/test.h"
#include "tests/tls/tls_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WAIT_MS = 60000, TEXT_MAX = 64 * 1024 };

static struct tls_rig rig;
static char folder[64];
static char text[TEXT_MAX]; /* what the program has printed */
static size_t text_len;

struct program {
    pid_t pid;
    int in;  /* its standard input, ours to write */
    int out; /* its output and errors, ours to read */
};

static const char *path_of(const char *name)
{
    static char paths[8][128];
    static int next;
    char *path = paths[next++ % 8];

    (void)snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const char *bytes)
{
    FILE *file = fopen(path_of(name), "w");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(bytes, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static void set_up(void)
{
    rig_init(&rig);
    (void)snprintf(folder, sizeof(folder), "/tmp/flare_tls_XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    write_file("ca.pem", rig.ca.pem);
    write_file("leaf.pem", rig.leaf.pem);
    write_file("key.pem", rig.leaf.key_pem);
    text_len = 0;
    signal(SIGPIPE, SIG_IGN);
}

static void tear_down(void)
{
    static const char *const names[] = {"ca.pem", "leaf.pem", "key.pem",
                                        "session.pem"};

    for (int i = 0; i < ROWS(names); i++)
        (void)unlink(path_of(names[i]));
    (void)rmdir(folder);
    rig_fini(&rig);
}

static bool has_program(void)
{
    return system("openssl version >/dev/null 2>&1") == 0;
}

static struct program spawn(const char *const *args)
{
    struct program p;
    int in[2];
    int out[2];

    ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
    p.pid = fork();
    ck_assert_int_ge(p.pid, 0);
    if (p.pid == 0) {
        (void)dup2(in[0], 0);
        (void)dup2(out[1], 1);
        (void)dup2(out[1], 2);
        execvp("openssl", (char *const *)(uintptr_t)args);
        _exit(127);
    }
    (void)close(in[0]);
    (void)close(out[1]);
    p.in = in[1];
    p.out = out[0];
    return p;
}

static int reap(struct program *p)
{
    int status;

    if (p->in >= 0)
        (void)close(p->in);
    (void)close(p->out);
    ck_assert_int_eq(waitpid(p->pid, &status, 0), p->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* false at the end of its output. */
static bool read_text(struct program *p)
{
    ssize_t n = read(p->out, text + text_len, sizeof(text) - 1 - text_len);

    if (n <= 0)
        return false;
    text_len += (size_t)n;
    text[text_len] = '\0';
    return true;
}

static bool has_text(const char *part)
{
    text[text_len] = '\0';
    return strstr(text, part) != NULL;
}

static void wait_text(struct program *p, const char *part)
{
    while (!has_text(part)) {
        struct pollfd fd = {.fd = p->out, .events = POLLIN};

        ck_assert_msg(poll(&fd, 1, WAIT_MS) == 1, "no '%s' in: %s", part, text);
        ck_assert_msg(read_text(p), "no '%s' in: %s", part, text);
    }
}

/* One connection over a descriptor; what it got is in `got`. */
struct wire {
    struct flare__tls *e;
    int fd;
    char got[4096];
    size_t got_len;
    bool has_end;
    bool is_gone; /* the descriptor has nothing more */
};

static void wire_send(struct wire *w)
{
    struct flare_str out = flare__tls_output(w->e);

    while (out.len > 0) {
        ssize_t n = write(w->fd, out.ptr, out.len);

        if (n < 0) {
            w->is_gone = true;
            n = (ssize_t)out.len;
        }
        flare__tls_sent(w->e, (size_t)n);
        out = flare__tls_output(w->e);
    }
}

/* Gives what has come to the engine; 0, or the error that ended it. */
static int wire_feed(struct wire *w, struct flare_str in)
{
    int rc;

    do {
        rc = flare__tls_read(w->e, &in, w->got + w->got_len,
                             sizeof(w->got) - w->got_len);
        if (rc > 0)
            w->got_len += (size_t)rc;
        if (rc == 0)
            w->has_end = true;
    } while (rc > 0);
    wire_send(w);
    return rc == -EAGAIN ? 0 : rc;
}

/* One wait for the descriptor and the program. */
static int wire_turn(struct wire *w, struct program *p)
{
    struct pollfd fds[2] = {{.fd = w->fd, .events = POLLIN},
                            {.fd = p->out, .events = POLLIN}};
    char bytes[4096];

    ck_assert_int_gt(poll(fds, 2, WAIT_MS), 0);
    if (fds[1].revents != 0 && !read_text(p))
        ck_assert_msg(fds[0].revents != 0, "the program is gone: %s", text);
    if (fds[0].revents != 0) {
        ssize_t n = read(w->fd, bytes, sizeof(bytes));

        if (n <= 0) {
            w->is_gone = true;
            flare__tls_eof(w->e);
            n = 0;
        }
        return wire_feed(w, (struct flare_str){bytes, (size_t)n});
    }
    return 0;
}

static int listen_any(char *address, size_t size)
{
    struct sockaddr_in sin = {.sin_family = AF_INET,
                              .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(sin);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, len), 0);
    ck_assert_int_eq(listen(fd, 8), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
    (void)snprintf(address, size, "127.0.0.1:%d", ntohs(sin.sin_port));
    return fd;
}

static const struct {
    const char *flag;
    const char *version;
    enum flare_tls_version ours;
} versions[] = {
    {"-tls1_2", "TLSv1.2", FLARE_TLS_1_2},
    {"-tls1_3", "TLSv1.3", FLARE_TLS_1_3},
};

/* s_client says "ping", our server "pong" and that is all. */
static void serve_program(flare_tls_server *server, const char *flag,
                          bool is_resuming)
{
    const struct flare__tls_start start = {.unix_now = CERTS_NOW};
    char address[32];
    int listener = listen_any(address, sizeof(address));
    const char *args[] = {"openssl",
                          "s_client",
                          "-connect",
                          address,
                          "-servername",
                          "a.test",
                          "-CAfile",
                          path_of("ca.pem"),
                          "-verify_hostname",
                          "a.test",
                          "-verify_return_error",
                          "-attime",
                          "1767225600",
                          "-alpn",
                          "h2,http/1.1",
                          flag,
                          "-cert",
                          path_of("leaf.pem"),
                          "-key",
                          path_of("key.pem"),
                          "-status",
                          is_resuming ? "-sess_in" : "-sess_out",
                          path_of("session.pem"),
                          NULL};
    struct program p = spawn(args);
    struct wire w = {.fd = accept(listener, NULL, NULL)};
    int rc = 0;

    ck_assert_int_ge(w.fd, 0);
    ck_assert_int_eq(flare__tls_new_server(&w.e, server, &start), 0);
    while (!flare__tls_is_open(w.e)) {
        rc = wire_turn(&w, &p);
        ck_assert_msg(rc == 0, "%s: %s", flare__tls_error(w.e)->text, text);
    }
    ck_assert_int_eq(write(p.in, "ping\n", 5), 5);
    while (w.got_len < 5) {
        rc = wire_turn(&w, &p);
        ck_assert_msg(rc == 0, "%s: %s", flare__tls_error(w.e)->text, text);
    }
    ck_assert_mem_eq(w.got, "ping\n", 5);
    ck_assert_int_eq(flare__tls_write(w.e, FLARE_STR("pong\n")), 5);
    wire_send(&w);
    wait_text(&p, "pong\n");
    ck_assert_int_eq(flare__tls_close(w.e), 0);
    wire_send(&w);
    (void)shutdown(w.fd, SHUT_WR);
    while (read_text(&p))
        ;
    (void)close(w.fd);
    (void)close(listener);
    flare__tls_free(w.e);
    ck_assert_int_eq(reap(&p), 0);
}

START_TEST(test_interop_s_client_is_served_and_resumed)
{
    static const char *const alpn[] = {"http/1.1", NULL};
    struct flare_tls_cert cert = cert_config(&rig.leaf);
    struct flare_str staple =
        cert_staple(&rig.ca, &rig.leaf, false, CERTS_NOW - 60);
    flare_tls_server *server;

    if (!has_program())
        TEST_SKIP("no openssl program");
    cert.staple.pem = staple;
    server = rig_server(&rig, &(struct flare_tls_server_config){
                                  .certs = &cert,
                                  .cert_count = 1,
                                  .alpn = alpn,
                                  .client_auth = FLARE_TLS_CLIENT_REQUIRED,
                                  .client_ca = {.pem = flare_str(rig.ca.pem)}});
    serve_program(server, versions[_i].flag, false);
    ck_assert_msg(has_text("Verification: OK"), "%s", text);
    ck_assert_msg(has_text("ALPN protocol: http/1.1"), "%s", text);
    ck_assert_msg(has_text("OCSP Response Status: successful"), "%s", text);
    ck_assert_msg(has_text(versions[_i].version), "%s", text);
    ck_assert_msg(has_text("New, TLS"), "%s", text);
    text_len = 0;
    serve_program(server, versions[_i].flag, true);
    ck_assert_msg(has_text("Reused, TLS"), "%s", text);
    flare_tls_server_free(server);
    free((char *)(uintptr_t)staple.ptr);
}
END_TEST

static int connect_to(const char *port)
{
    struct sockaddr_in sin = {.sin_family = AF_INET,
                              .sin_addr = {htonl(INADDR_LOOPBACK)},
                              .sin_port =
                                  htons((uint16_t)strtoul(port, NULL, 10))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
    return fd;
}

/* s_server -rev turns our line around. */
static void ask_program(flare_tls_client *client, struct program *p,
                        const char *port, struct flare_tls_info *info)
{
    const struct flare__tls_start start = {
        .unix_now = CERTS_NOW, .host = FLARE_STR("a.test"), .port = 443};
    struct wire w = {.fd = connect_to(port)};
    int rc;

    ck_assert_int_eq(flare__tls_new_client(&w.e, client, &start, NULL), 0);
    rc = wire_feed(&w, (struct flare_str){NULL, 0});
    while (rc == 0 && !flare__tls_is_open(w.e))
        rc = wire_turn(&w, p);
    ck_assert_msg(rc == 0, "%s: %s", flare__tls_error(w.e)->text, text);
    flare__tls_info(w.e, info);
    ck_assert_int_eq(flare__tls_write(w.e, FLARE_STR("abc\n")), 4);
    wire_send(&w);
    while (rc == 0 && w.got_len < 4)
        rc = wire_turn(&w, p);
    ck_assert_msg(rc == 0, "%s: %s", flare__tls_error(w.e)->text, text);
    ck_assert_mem_eq(w.got, "cba\n", 4);
    ck_assert_int_eq(flare__tls_close(w.e), 0);
    wire_send(&w);
    while (rc == 0 && !w.has_end && !w.is_gone)
        rc = wire_turn(&w, p);
    (void)close(w.fd);
    flare__tls_free(w.e);
}

START_TEST(test_interop_s_server_is_asked_and_resumes)
{
    struct flare_tls_cert cert = cert_config(&rig.leaf);
    const char *args[] = {"openssl",
                          "s_server",
                          "-accept",
                          "127.0.0.1:0",
                          "-cert",
                          path_of("leaf.pem"),
                          "-key",
                          path_of("key.pem"),
                          "-CAfile",
                          path_of("ca.pem"),
                          "-Verify",
                          "1",
                          "-verify_return_error",
                          "-attime",
                          "1767225600",
                          versions[_i].flag,
                          "-rev",
                          NULL};
    flare_tls_client *client;
    struct flare_tls_info info;
    struct program p;
    char port[8] = "";
    const char *at;

    if (!has_program())
        TEST_SKIP("no openssl program");
    client = rig_client(&rig, &(struct flare_tls_client_config){.cert = &cert});
    p = spawn(args);
    wait_text(&p, "ACCEPT 127.0.0.1:");
    at = strstr(text, "ACCEPT 127.0.0.1:") + strlen("ACCEPT 127.0.0.1:");
    while (strchr(at, '\n') == NULL)
        ck_assert(read_text(&p));
    (void)snprintf(port, sizeof(port), "%.*s", (int)strcspn(at, "\n"), at);
    for (int i = 0; i < 3; i++) {
        ask_program(client, &p, port, &info);
        ck_assert_str_eq(info.version, versions[_i].version);
        ck_assert_int_eq(info.is_resumed, i > 0);
        ck_assert(info.is_verified);
    }
    (void)kill(p.pid, SIGTERM);
    (void)reap(&p);
    flare_tls_client_free(client);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls/interop");
    TCase *tc = tcase_create("interop");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, test_interop_s_client_is_served_and_resumed, 0,
                        ROWS(versions));
    tcase_add_loop_test(tc, test_interop_s_server_is_asked_and_resumes, 0,
                        ROWS(versions));
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
