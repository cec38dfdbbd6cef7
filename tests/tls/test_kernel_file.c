/* SPDX-License-Identifier: MIT */
/*
 * A file of 64 MiB by HTTPS from a server of the library's, read by OpenSSL
 * itself: the bytes are the file's, and the counters say who encrypted them.
 * Under strace it shows how they left (tests/support/vm/suite).
 */
#include <flare/flare.h>

#include "tests/support/test.h"
#include "tests/tls/tls_rig.h"

#include <openssl/err.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef TCP_ULP
#define TCP_ULP 31
#endif

enum { FILE_MIB = 64, MIB = 1024 * 1024 };

static const char *const backends[] = {"uring", "epoll"};
static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static struct tls_rig rig;
static char folder[64];
static char path[96];

/* What is in the file, one MiB after the other. */
static void fill(char *out, uint32_t mib)
{
    uint32_t x = mib * 747796405u + 2891336453u;

    for (int i = 0; i < MIB; i += 4) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        memcpy(out + i, &x, 4);
    }
}

static void set_up(void)
{
    static char block[MIB];
    FILE *file;

    rig_init(&rig);
    (void)snprintf(folder, sizeof(folder), "/tmp/flare_file_XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/big", folder);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    for (uint32_t i = 0; i < FILE_MIB; i++) {
        fill(block, i);
        ck_assert_uint_eq(fwrite(block, 1, MIB, file), MIB);
    }
    ck_assert_int_eq(fclose(file), 0);
}

static void tear_down(void)
{
    (void)unlink(path);
    (void)rmdir(folder);
    rig_fini(&rig);
}

static int connect_to(const char *address)
{
    const char *port = strrchr(address, ':');
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_ptr_nonnull(port);
    at.sin_port = htons((uint16_t)strtoul(port + 1, NULL, 10));
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    return fd;
}

static bool has_module(const char *address)
{
    int fd = connect_to(address);
    bool has = setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")) == 0;

    (void)close(fd);
    ck_assert(has || getenv("FLARE_TEST_KERNEL_TLS") == NULL);
    return has;
}

static void read_all(SSL *ssl, char *out, size_t len)
{
    for (size_t n = 0; n < len;) {
        int part = SSL_read(ssl, out + n, (int)(len - n));

        ck_assert_int_gt(part, 0);
        n += (size_t)part;
    }
}

/* One response's head; what it says of the length. */
static size_t read_head(SSL *ssl)
{
    char head[4096];
    size_t n = 0;
    const char *length;

    do {
        ck_assert_uint_lt(n, sizeof(head) - 1);
        read_all(ssl, head + n++, 1);
        head[n] = '\0';
    } while (n < 4 || memcmp(head + n - 4, "\r\n\r\n", 4) != 0);
    ck_assert_msg(strncmp(head, "HTTP/1.1 20", 11) == 0, "%s", head);
    length = strstr(head, "Content-Length: ");
    if (length == NULL)
        length = strstr(head, "content-length: ");
    ck_assert_ptr_nonnull(length);
    return strtoul(length + 16, NULL, 10);
}

static void download(const char *address, int version)
{
    static const char *const requests[] = {
        "GET /big HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "GET /big HTTP/1.1\r\nHost: a.test\r\nRange: bytes=0-1048575\r\n\r\n"};
    static char got[MIB];
    static char want[MIB];
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    int fd = connect_to(address);

    SSL_set_max_proto_version(ssl, version);
    ck_assert_int_eq(SSL_set_fd(ssl, fd), 1);
    ck_assert_int_eq(SSL_connect(ssl), 1);
    for (int i = 0; i < 2; i++) { /* the connection goes on */
        uint32_t mib_max = i == 0 ? FILE_MIB : 1;
        int len = (int)strlen(requests[i]);

        ck_assert_int_eq(SSL_write(ssl, requests[i], len), len);
        ck_assert_uint_eq(read_head(ssl), (size_t)mib_max * MIB);
        for (uint32_t mib = 0; mib < mib_max; mib++) {
            read_all(ssl, got, MIB);
            fill(want, mib);
            ck_assert_msg(memcmp(got, want, MIB) == 0, "MiB %u", mib);
        }
    }
    (void)SSL_shutdown(ssl);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    (void)close(fd);
}

static void *serve(void *server)
{
    struct flare_error err = {.code = 0};
    int rc = flare_server_run(server, &err);

    if (rc < 0)
        (void)fprintf(stderr, "%s\n", err.text);
    return NULL;
}

START_TEST(test_kernel_file_is_the_same_by_https)
{
    flare_tls_server *tls;
    struct flare_error err = {.code = 0};
    struct flare_tls_stats stats;
    flare_server *server;
    flare_files *files;
    pthread_t thread;
    bool has;

    if (flare_backend_probe(backends[_i / 2], &err) < 0)
        TEST_SKIP("%s", err.text);
    tls = rig_server(&rig, &(struct flare_tls_server_config){0});
    ck_assert_int_eq(
        flare_files_open(&files, &(struct flare_files_config){.root = folder},
                         &err),
        0);
    ck_assert_msg(flare_server_open(&server,
                                    &(struct flare_server_config){
                                        .tls_listen = "127.0.0.1:0",
                                        .tls = tls,
                                        .workers = 1,
                                        .backend = backends[_i / 2],
                                        .handler = flare_files_handler(files)},
                                    &err) == 0,
                  "%s", err.text);
    ck_assert_int_eq(pthread_create(&thread, NULL, serve, server), 0);
    has = has_module(flare_server_address(server));
    download(flare_server_address(server), versions[_i % 2]);
    flare_server_stop(server);
    (void)pthread_join(thread, NULL);
    flare_tls_server_stats(tls, &stats);
    printf("kernel_file: %s, %s: sent by the kernel %llu, received %llu\n",
           backends[_i / 2], _i % 2 ? "TLS 1.3" : "TLS 1.2",
           (unsigned long long)stats.kernel_tx,
           (unsigned long long)stats.kernel_rx);
    ck_assert_uint_eq(stats.handshakes, 1);
    ck_assert_uint_eq(stats.kernel_tx, has);
    ck_assert_uint_eq(stats.kernel_rx, has);
    flare_server_free(server);
    flare_files_close(files);
    flare_tls_server_free(tls);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls/kernel_file");
    TCase *tc = tcase_create("file");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, test_kernel_file_is_the_same_by_https, 0,
                        2 * ROWS(backends));
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
