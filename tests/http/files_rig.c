/* SPDX-License-Identifier: MIT */
/* See files_rig.h. */
#include "tests/http/files_rig.h"

#include "tests/support/test.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

const char *files_rig_path(const struct files_rig *f, const char *name)
{
    static char path[512];

    (void)snprintf(path, sizeof(path), "%s/%s", f->root, name);
    return path;
}

void files_rig_write(const struct files_rig *f, const char *name,
                     const char *bytes, size_t len)
{
    int fd = open(files_rig_path(f, name),
                  O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
    close(fd);
}

static void write_text(const struct files_rig *f, const char *name,
                       const char *text)
{
    files_rig_write(f, name, text, strlen(text));
}

static void make_link(const struct files_rig *f, const char *to,
                      const char *name)
{
    ck_assert_int_eq(symlink(to, files_rig_path(f, name)), 0);
}

static void make_socket(const struct files_rig *f)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const char *path = files_rig_path(f, "socket");

    ck_assert_uint_lt(strlen(path), sizeof(address.sun_path));
    memcpy(address.sun_path, path, strlen(path) + 1);
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)(const void *)&address,
                          sizeof(address)),
                     0);
    close(fd);
}

static void make_big(const struct files_rig *f)
{
    char *big = malloc(FILES_RIG_BIG);

    ck_assert_ptr_nonnull(big);
    for (int i = 0; i < FILES_RIG_BIG; i++)
        big[i] = (char)('a' + i % 26);
    files_rig_write(f, "big", big, FILES_RIG_BIG);
    free(big);
}

static void make_folder(struct files_rig *f)
{
    static const char *const folders[] = {"", "sub", "bare", ".well-known"};
    const struct timespec times[2] = {{978307200, 0}, {978307200, 0}};
    char outside[128];

    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        ck_assert_int_eq(mkdir(files_rig_path(f, folders[i]), 0755), 0);
    write_text(f, "a.txt", "0123456789");
    ck_assert_int_eq(utimensat(AT_FDCWD, files_rig_path(f, "a.txt"), times, 0),
                     0);
    write_text(f, "app.js", "plain");
    write_text(f, "app.js.br", "brotli");
    write_text(f, "app.js.gz", "gzip");
    write_text(f, "only.css", "style");
    write_text(f, "only.css.gz", "gz");
    write_text(f, "empty", "");
    write_text(f, "sub/index.html", "index");
    write_text(f, ".hidden", "hidden");
    write_text(f, ".well-known/x", "known");
    write_text(f, "../outside", "outside");
    make_big(f);
    (void)snprintf(outside, sizeof(outside), "../outside");
    make_link(f, outside, "out");
    make_link(f, "a.txt", "link");
    make_link(f, "..", "up");
    make_link(f, "sub", "dirlink");
    make_link(f, "loop", "loop");
    make_link(f, "/proc/self/root", "proc");
    ck_assert_int_eq(mkfifo(files_rig_path(f, "fifo"), 0600), 0);
    make_socket(f);
}

struct files_rig *files_rig_new(struct flare_files_config config,
                                bool is_mounted)
{
    struct files_rig *f = calloc(1, sizeof(*f));
    struct flare_server_config server = {.listen = NULL};
    struct flare_error err;
    struct flare_handler h;

    ck_assert_ptr_nonnull(f);
    (void)snprintf(f->top, sizeof(f->top), "/tmp/flare-files-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(f->top));
    (void)snprintf(f->root, sizeof(f->root), "%s/root", f->top);
    make_folder(f);
    config.root = f->root;
    ck_assert_msg(flare_files_open(&f->files, &config, &err) == 0, "%s",
                  err.text);
    h = flare_files_handler(f->files);
    f->routes[0] = (struct flare_route)FLARE_GET("/static", h.fn, h.ctx);
    f->routes[1] = (struct flare_route)FLARE_GET("/static/*path", h.fn, h.ctx);
    f->routes[2] = (struct flare_route)FLARE_GET("/:a/deep/*path", h.fn, h.ctx);
    if (is_mounted)
        server.routes = FLARE_ROUTES(f->routes);
    else
        server.handler = h;
    f->rig = rig_new(&server);
    return f;
}

static void remove_folder(const char *path)
{
    char command[160];

    (void)snprintf(command, sizeof(command), "rm -rf '%s'", path);
    ck_assert_int_eq(system(command), 0);
}

void files_rig_free(struct files_rig *f)
{
    rig_free(f->rig);
    flare_files_close(f->files);
    remove_folder(f->top);
    free(f);
}

const char *files_rig_ask(struct files_rig *f, const char *line,
                          const char *fields)
{
    static char text[16384];

    ck_assert_int_lt(snprintf(text, sizeof(text),
                              "%s HTTP/1.1\r\nHost: h\r\n%s\r\n", line, fields),
                     (int)sizeof(text));
    return rig_ask(f->rig, text);
}

int files_rig_status(const struct files_rig *f)
{
    const char *got = f->rig->peers[0].got;

    return strncmp(got, "HTTP/1.1 ", 9) == 0 ? (int)strtol(got + 9, NULL, 10)
                                             : 0;
}

const char *files_rig_body(const struct files_rig *f)
{
    const char *end = strstr(f->rig->peers[0].got, "\r\n\r\n");

    return end != NULL ? end + 4 : "(no head)";
}
