/* SPDX-License-Identifier: MIT */
/* What a worker keeps of files, and for how long.  The wall clock is ours. */
#include "net/clock.h"

#include "base/alloc.h"
#include "tests/http/files_rig.h"
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t __wrap_flare__clock_realtime(void);

static int64_t clock_ahead_s; /* of the real one */

int64_t __wrap_flare__clock_realtime(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec + clock_ahead_s;
}

/* A minute from now: all files have been left alone for long. */
static struct files_rig *settled_rig(struct flare_files_config config)
{
    clock_ahead_s = 60;
    return files_rig_new(config, true);
}

/* The folder is gone: what still answers is kept. */
static void hide(const struct files_rig *f, bool is_hidden)
{
    char away[96];

    (void)snprintf(away, sizeof(away), "%s/away", f->top);
    ck_assert_int_eq(is_hidden ? rename(files_rig_path(f, "sub"), away)
                               : rename(away, files_rig_path(f, "sub")),
                     0);
}

static int status(struct files_rig *f, const char *line)
{
    (void)files_rig_ask(f, line, "");
    return files_rig_status(f);
}

START_TEST(test_files_cache_keeps_contents_for_a_while)
{
    struct files_rig *f =
        settled_rig((struct flare_files_config){.cache_ms = 1000});

    ck_assert_int_eq(status(f, "GET /static/sub/index.html"), 200);
    hide(f, true);
    ck_assert_int_eq(status(f, "GET /static/sub/index.html"), 200);
    ck_assert_str_eq(files_rig_body(f), "index");
    rig_run(f->rig, 1000);
    ck_assert_int_eq(status(f, "GET /static/sub/index.html"), 404);
    hide(f, false);
    ck_assert_int_eq(status(f, "GET /static/sub/index.html"), 200);
    files_rig_free(f);
}
END_TEST

START_TEST(test_files_cache_sees_a_change_when_it_looks_again)
{
    struct files_rig *f =
        settled_rig((struct flare_files_config){.root = NULL});

    ck_assert_int_eq(status(f, "GET /static/a.txt"), 200);
    files_rig_write(f, "a.txt", "9876543210", 10);
    rig_run(f->rig, 1000);
    ck_assert_int_eq(status(f, "GET /static/a.txt"), 200);
    ck_assert_str_eq(files_rig_body(f), "9876543210");
    files_rig_free(f);
}
END_TEST

START_TEST(test_files_cache_serves_ranges_conditions_and_HEAD)
{
    struct files_rig *f =
        settled_rig((struct flare_files_config){.root = NULL});

    for (int i = 0; i < 3; i++) {
        (void)files_rig_ask(f, "GET /static/a.txt", "Range: bytes=2-4\r\n");
        ck_assert_int_eq(files_rig_status(f), 206);
        ck_assert_str_eq(files_rig_body(f), "234");
        (void)files_rig_ask(f, "GET /static/a.txt", "If-None-Match: *\r\n");
        ck_assert_int_eq(files_rig_status(f), 304);
        (void)files_rig_ask(f, "HEAD /static/a.txt", "");
        ck_assert_str_eq(files_rig_body(f), "");
        ck_assert_int_eq(status(f, "GET /static/empty"), 200);
        ck_assert_str_eq(files_rig_body(f), "");
    }
    files_rig_free(f);
}
END_TEST

/* Written in the present second, it may change again unseen. */
START_TEST(test_files_cache_keeps_nothing_that_has_just_changed)
{
    struct files_rig *f =
        settled_rig((struct flare_files_config){.root = NULL});

    clock_ahead_s = 0;
    ck_assert_int_eq(status(f, "GET /static/sub/index.html"), 200);
    hide(f, true);
    ck_assert_int_eq(status(f, "GET /static/sub/index.html"), 404);
    hide(f, false);
    clock_ahead_s = -3600;
    ck_assert_int_eq(status(f, "GET /static/sub/index.html"), 200);
    hide(f, true);
    ck_assert_int_eq(status(f, "GET /static/sub/index.html"), 404);
    files_rig_free(f);
}
END_TEST

START_TEST(test_files_cache_can_be_done_without)
{
    struct files_rig *f = settled_rig(
        (struct flare_files_config){.cache_bytes_max = FLARE_FILES_UNCACHED});

    ck_assert_int_eq(status(f, "GET /static/sub/index.html"), 200);
    hide(f, true);
    ck_assert_int_eq(status(f, "GET /static/sub/index.html"), 404);
    files_rig_free(f);
}
END_TEST

/* ---- the cache itself, without a server ---- */

struct bench {
    struct files_rig *rig;
    struct fault fault;
    flare_files *files;
    struct flare_loop loop;
    struct flare__http http;
    struct flare_req req;
    struct flare__files_cache *cache;
};

static void bench_open(struct bench *b, uint32_t bytes_max)
{
    memset(b, 0, sizeof(*b));
    b->rig = settled_rig((struct flare_files_config){.root = NULL});
    fault_init(&b->fault, FAULT_NEVER, 0);
    ck_assert_int_eq(flare_files_open(&b->files,
                                      &(struct flare_files_config){
                                          .root = b->rig->root,
                                          .cache_bytes_max = bytes_max,
                                          .allocator = b->fault.al,
                                      },
                                      NULL),
                     0);
    b->http.loop = &b->loop;
    b->req.http = &b->http;
    b->loop.now_ms = 5000;
    b->cache = flare__files_cache_of(b->files, &b->req);
    ck_assert_ptr_nonnull(b->cache);
}

static void bench_close(struct bench *b)
{
    flare_files_close(b->files);
    fault_fini(&b->fault, "files cache");
    files_rig_free(b->rig);
}

static int bench_get(struct bench *b, const char *name, bool is_derived)
{
    struct flare__files_file file;
    int rc = flare__files_get(b->files, b->cache, &b->loop, flare_str(name),
                              is_derived, &file);
    int is_kept = rc == 0 && file.content != NULL;

    if (rc == 0 || rc == -EISDIR)
        flare__files_drop(&file);
    return rc < 0 ? rc : is_kept;
}

START_TEST(test_files_cache_stays_within_its_bound)
{
    const uint32_t max = 100000;
    struct bench b;

    bench_open(&b, max);
    for (int i = 0; i < 200; i++) {
        char name[32], text[5000];

        (void)snprintf(name, sizeof(name), "f%d", i % 50);
        memset(text, 'x', sizeof(text));
        if (i < 50)
            files_rig_write(b.rig, name, text, sizeof(text));
        ck_assert_int_eq(bench_get(&b, name, false), 1);
        ck_assert_uint_le(b.fault.live_bytes, sizeof(*b.files) + max + 16384);
    }
    bench_close(&b);
}
END_TEST

/* What is lent outlives the entry, and counts until it is given back. */
START_TEST(test_files_cache_lends_no_more_than_its_bound)
{
    struct flare__files_file lent[2];
    struct bench b;
    char text[5000];

    memset(text, 'x', sizeof(text));
    bench_open(&b, 12000);
    files_rig_write(b.rig, "f0", text, sizeof(text));
    files_rig_write(b.rig, "f1", text, sizeof(text));
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(
            flare__files_get(b.files, b.cache, &b.loop,
                             i == 0 ? FLARE_STR("f0") : FLARE_STR("f1"), false,
                             &lent[i]),
            0);
        ck_assert_ptr_nonnull(lent[i].content);
    }
    files_rig_write(b.rig, "f2", text, sizeof(text));
    ck_assert_int_eq(bench_get(&b, "f2", false), 0);
    ck_assert_mem_eq(lent[0].content, text, sizeof(text));
    flare__files_drop(&lent[0]);
    ck_assert_int_eq(bench_get(&b, "f2", false), 1);
    ck_assert_mem_eq(lent[1].content, text, sizeof(text));
    flare__files_drop(&lent[1]);
    bench_close(&b);
}
END_TEST

/* Answers wait to be sent while the file, and so the entry, is another. */
START_TEST(test_files_cache_sends_what_it_lent_when_it_has_dropped_it)
{
    struct files_rig *f =
        settled_rig((struct flare_files_config){.root = NULL});
    char text[5001];

    for (int i = 0; i < 6; i++) {
        memset(text, 'a' + i, sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        files_rig_write(f, "page", text, sizeof(text) - 1);
        rig_run(f->rig, 1000);
        ck_assert_int_eq(status(f, "GET /static/page"), 200);
        ck_assert_str_eq(files_rig_body(f), text);
        (void)files_rig_ask(f, "GET /static/page", "Range: bytes=1-4000\r\n");
        ck_assert_int_eq(files_rig_status(f), 206);
        ck_assert_int_eq(strncmp(files_rig_body(f), text, 4000), 0);
        (void)files_rig_ask(f, "HEAD /static/page", "");
        ck_assert_str_eq(files_rig_body(f), "");
    }
    files_rig_free(f);
}
END_TEST

START_TEST(test_files_cache_takes_no_large_file)
{
    struct bench b;
    char *text = calloc(1, FLARE__FILES_CONTENT_MAX + 1);

    bench_open(&b, 1 << 20);
    files_rig_write(b.rig, "fits", text, FLARE__FILES_CONTENT_MAX);
    files_rig_write(b.rig, "not", text, FLARE__FILES_CONTENT_MAX + 1);
    ck_assert_int_eq(bench_get(&b, "fits", false), 1);
    ck_assert_int_eq(bench_get(&b, "not", false), 0);
    ck_assert_int_eq(bench_get(&b, "big", false), 0);
    ck_assert_int_eq(bench_get(&b, "sub", false), -EISDIR);
    bench_close(&b);
    bench_open(&b, 100);
    ck_assert_int_eq(bench_get(&b, "a.txt", false), 0);
    bench_close(&b);
    free(text);
}
END_TEST

/* A peer that asks for names that are not there changes nothing. */
START_TEST(test_files_cache_remembers_absence_of_its_own_names_only)
{
    struct bench b;
    size_t before;

    bench_open(&b, 1 << 20);
    ck_assert_int_eq(bench_get(&b, "a.txt", false), 1);
    before = b.fault.live_bytes;
    for (int i = 0; i < 100; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "none%d", i);
        ck_assert_int_eq(bench_get(&b, name, false), FLARE_E_NOT_FOUND);
    }
    ck_assert_uint_eq(b.fault.live_bytes, before);
    ck_assert_int_eq(bench_get(&b, "a.txt.gz", true), FLARE_E_NOT_FOUND);
    files_rig_write(b.rig, "a.txt.gz", "gz", 2);
    ck_assert_int_eq(bench_get(&b, "a.txt.gz", true), FLARE_E_NOT_FOUND);
    b.loop.now_ms += 1000;
    ck_assert_int_eq(bench_get(&b, "a.txt.gz", true), 1);
    bench_close(&b);
}
END_TEST

START_TEST(test_files_cache_without_memory_reads_the_file)
{
    struct bench b;

    bench_open(&b, 1 << 20);
    b.fault.mode = FAULT_FROM;
    b.fault.at = 1;
    ck_assert_int_eq(bench_get(&b, "a.txt", false), 0);
    ck_assert_int_eq(bench_get(&b, "a.txt.gz", true), FLARE_E_NOT_FOUND);
    fault_disarm(&b.fault);
    ck_assert_int_eq(bench_get(&b, "a.txt", false), 1);
    bench_close(&b);
}
END_TEST

START_TEST(test_files_cache_is_one_for_each_loop)
{
    static struct flare_loop loops[FLARE__FILES_SHARDS];
    struct flare__files_cache *seen[FLARE__FILES_SHARDS];
    struct bench b;
    int count = 0;

    bench_open(&b, 4096);
    for (int i = 0; i < FLARE__FILES_SHARDS; i++) {
        b.http.loop = &loops[i];
        seen[i] = flare__files_cache_of(b.files, &b.req);
        count += seen[i] != NULL;
    }
    ck_assert_int_ge(count, FLARE__FILES_SHARDS / 4);
    for (int i = 0; i < FLARE__FILES_SHARDS; i++) {
        b.http.loop = &loops[i];
        ck_assert_ptr_eq(flare__files_cache_of(b.files, &b.req), seen[i]);
        for (int j = 0; j < i && seen[i] != NULL; j++)
            ck_assert_ptr_ne(seen[i], seen[j]);
    }
    bench_close(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("files_cache");
    TCase *tc = tcase_create("files_cache");

    tcase_add_test(tc, test_files_cache_keeps_contents_for_a_while);
    tcase_add_test(tc, test_files_cache_sees_a_change_when_it_looks_again);
    tcase_add_test(tc, test_files_cache_serves_ranges_conditions_and_HEAD);
    tcase_add_test(tc, test_files_cache_keeps_nothing_that_has_just_changed);
    tcase_add_test(tc, test_files_cache_can_be_done_without);
    tcase_add_test(tc, test_files_cache_stays_within_its_bound);
    tcase_add_test(tc, test_files_cache_lends_no_more_than_its_bound);
    tcase_add_test(tc,
                   test_files_cache_sends_what_it_lent_when_it_has_dropped_it);
    tcase_add_test(tc, test_files_cache_takes_no_large_file);
    tcase_add_test(tc,
                   test_files_cache_remembers_absence_of_its_own_names_only);
    tcase_add_test(tc, test_files_cache_without_memory_reads_the_file);
    tcase_add_test(tc, test_files_cache_is_one_for_each_loop);
    suite_add_tcase(s, tc);
    return test_run(s);
}
