/* SPDX-License-Identifier: MIT */
/*
 * The watch has all directories below the root, up to LIVE_DIRECTORIES, those
 * that come later too.  Changes within LIVE_SETTLE_MS are told as one: an
 * editor writes, renames and removes for a single save.
 */
#include "tools/serve/live.h"

#include "tools/common/tool.h"
#include "tools/serve/root.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { LIVE_DIRECTORIES = 8192, LIVE_DEPTH = 32, LIVE_SETTLE_MS = 60 };

/* A page that waits. */
struct page {
    flare_res *res;
    struct page *next;
    struct page **link; /* what points to it */
};

/* A worker's: its loop, while it runs, and its pages. */
struct live_worker {
    flare_loop *loop; /* under `lock` for other threads */
    struct page *pages;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct live_worker *workers;
static uint32_t worker_count;
static int inotify = -1;
static uint32_t directories;
static flare_timer *settle; /* on the first worker */

int live_script(flare_req *req, flare_res *res)
{
    static const char script[] =
        "(() => {\n"
        "  const events = new EventSource('" SERVE_LIVE_PATH "')\n"
        "  let lost = false\n"
        "  events.onerror = () => { lost = true }\n"
        "  events.onopen = () => { if (lost) location.reload() }\n"
        "  events.addEventListener('reload', () => location.reload())\n"
        "})()\n";
    int rc = flare_res_header(res, "Cache-Control", FLARE_STR("no-cache"));

    (void)req;
    return rc < 0
               ? rc
               : flare_res_static(res, 200,
                                  FLARE_STR("text/javascript; charset=utf-8"),
                                  flare_str(script));
}

/* ---- pages ---- */

static void on_gone(flare_req *req, flare_res *res,
                    const struct flare_outcome *outcome, void *ctx)
{
    struct page *p = ctx;

    (void)req, (void)res, (void)outcome;
    *p->link = p->next;
    if (p->next != NULL)
        p->next->link = p->link;
}

int live_events(flare_req *req, flare_res *res)
{
    const struct flare_sse_options options = {.retry_ms = 500};
    struct live_worker *w = &workers[flare_worker_index(flare_req_worker(req))];
    struct page *p = flare_req_alloc(req, sizeof(*p));
    int rc;

    if (p == NULL)
        return -ENOMEM;
    rc = flare_res_on_done(res, on_gone, p);
    if (rc < 0)
        return rc;
    *p = (struct page){res, w->pages, &w->pages};
    if (p->next != NULL)
        p->next->link = &p->next;
    w->pages = p;
    return flare_sse_start(res, &options);
}

static void tell(void *ctx)
{
    const struct flare_sse_event event = {
        FLARE_STR("reload"), {NULL, 0}, FLARE_STR("now")};
    struct live_worker *w = ctx;

    for (struct page *p = w->pages, *next; p != NULL; p = next) {
        next = p->next; /* who is gone takes itself out */
        (void)!flare_sse_send(p->res, &event);
    }
}

static void on_settled(flare_timer *timer, void *ctx)
{
    (void)timer, (void)ctx;
    pthread_mutex_lock(&lock);
    for (uint32_t i = 0; i < worker_count; i++)
        if (workers[i].loop != NULL) /* a full mailbox: the next change */
            (void)!flare_loop_post(workers[i].loop, tell, &workers[i]);
    pthread_mutex_unlock(&lock);
}

/* ---- the watch ---- */

static void watch_below(int fd, int depth)
{
    enum {
        WANTED = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
                 IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR
    };
    char name[64];
    const struct dirent *d;
    DIR *dir;

    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    if (directories >= LIVE_DIRECTORIES || depth > LIVE_DEPTH ||
        inotify_add_watch(inotify, name, WANTED) < 0 ||
        (dir = fdopendir(fd)) == NULL) {
        (void)close(fd); /* nothing was written to it */
        return;
    }
    directories++;
    while ((d = readdir(dir)) != NULL) {
        int below;

        if (d->d_name[0] == '.' ||
            (d->d_type != DT_DIR && d->d_type != DT_UNKNOWN))
            continue;
        below = openat(fd, d->d_name,
                       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (below >= 0)
            watch_below(below, depth + 1);
    }
    (void)closedir(dir); /* nothing was written to it */
}

/* A watch that is there already is the same again: all anew is simplest. */
static void watch_all(void)
{
    int fd = root_open("", O_RDONLY | O_DIRECTORY);

    directories = 0;
    if (fd >= 0)
        watch_below(fd, 0);
}

static void on_change(flare_watch *watch, unsigned events, void *ctx)
{
    _Alignas(struct inotify_event) char bytes[16384];
    bool is_change = false, is_directory = false;
    ssize_t n;

    (void)watch, (void)events, (void)ctx;
    while ((n = read(inotify, bytes, sizeof(bytes))) > 0)
        for (char *p = bytes; p < bytes + n;) {
            const struct inotify_event *e = (const void *)p;

            /* hidden files are the editors' and the uploads' */
            if (e->len == 0 || e->name[0] != '.')
                is_change = true;
            if ((e->mask & IN_ISDIR) || (e->mask & IN_Q_OVERFLOW))
                is_directory = true;
            p += sizeof(*e) + e->len;
        }
    if (is_directory)
        watch_all();
    if (is_change)
        flare_timer_start(settle, LIVE_SETTLE_MS, 0);
}

static int watch_start(flare_loop *loop)
{
    flare_watch *watch;
    int rc = flare_timer_new(loop, &settle, on_settled, NULL);

    return rc < 0 ? rc
                  : flare_watch_new(loop, &watch, inotify, FLARE_WATCH_READ,
                                    on_change, NULL);
}

static void watch_begin(void)
{
    inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (inotify < 0)
        tool_die("--live: inotify: %s", flare_strerror(-errno));
    watch_all();
    if (directories == 0)
        tool_die("--live: '%s' cannot be watched: %s", serve.root,
                 "see /proc/sys/fs/inotify/max_user_watches");
    if (directories == LIVE_DIRECTORIES)
        tool_warn("--live: only the first %d directories are watched",
                  LIVE_DIRECTORIES);
}

/* ---- workers ---- */

void live_begin(uint32_t count)
{
    workers = calloc(count, sizeof(*workers));
    if (workers == NULL)
        tool_die("out of memory");
    worker_count = count;
    watch_begin();
}

void live_end(void)
{
    if (inotify >= 0)
        (void)close(inotify); /* nothing was written to it */
    free(workers);
}

int live_worker_start(flare_worker *worker)
{
    uint32_t index = flare_worker_index(worker);
    flare_loop *loop = flare_worker_loop(worker);

    pthread_mutex_lock(&lock);
    workers[index].loop = loop;
    pthread_mutex_unlock(&lock);
    return index == 0 ? watch_start(loop) : 0;
}

void live_worker_stop(flare_worker *worker)
{
    pthread_mutex_lock(&lock);
    workers[flare_worker_index(worker)].loop = NULL;
    pthread_mutex_unlock(&lock);
}
