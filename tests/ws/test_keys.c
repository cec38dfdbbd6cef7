/* SPDX-License-Identifier: MIT */
/* Keys of frames (W23): each is used once, also by a forked child; no random
 * bytes is an error and no key; what was taken is not kept. */
#include "ws/keys.h"

#include "net/random.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PER_BATCH = FLARE__WS_KEYS_BYTES / 4, BATCHES = 3 };

static int random_calls;
static int random_rc;
static bool random_counts; /* 1, 2, 3 ... instead: no two keys are the same */

int __real_flare__random(void *out, size_t size); /* NOLINT: the linker's */
int __wrap_flare__random(void *out, size_t size);

int __wrap_flare__random(void *out, size_t size)
{
    static uint32_t next;

    random_calls++;
    if (random_rc < 0)
        return random_rc;
    if (!random_counts)
        return __real_flare__random(out, size);
    for (size_t i = 0; i + 4 <= size; i += 4) {
        next++;
        memcpy((char *)out + i, &next, 4);
    }
    return 0;
}

static void setup(void)
{
    random_calls = random_rc = 0;
    random_counts = false;
}

static uint32_t take(struct flare__ws_keys *keys)
{
    uint32_t key;
    char bytes[4];

    ck_assert_int_eq(flare__ws_keys_take(keys, bytes), 0);
    memcpy(&key, bytes, 4);
    return key;
}

/* The system is asked once for many, and each of them is given once. */
START_TEST(test_keys_are_taken_by_the_batch_and_once)
{
    struct flare__ws_keys keys = {.left = 0};
    bool is_seen[PER_BATCH * BATCHES + 1] = {false};

    random_counts = true;
    for (int i = 0; i < PER_BATCH * BATCHES; i++) {
        uint32_t key = take(&keys);

        ck_assert_int_eq(random_calls, i / PER_BATCH + 1);
        ck_assert_uint_ge(key, 1);
        ck_assert_uint_le(key, PER_BATCH * BATCHES);
        ck_assert(!is_seen[key]);
        is_seen[key] = true;
    }
    ck_assert_uint_eq(keys.left, 0);
}
END_TEST

START_TEST(test_keys_that_were_taken_are_not_kept)
{
    struct flare__ws_keys keys = {.left = 0};

    random_counts = true;
    for (int i = 1; i <= PER_BATCH; i++) {
        (void)take(&keys);
        ck_assert_uint_eq(keys.left, sizeof(keys.bytes) - 4 * (size_t)i);
        for (size_t at = keys.left; at < sizeof(keys.bytes); at++)
            ck_assert_int_eq(keys.bytes[at], 0);
    }
}
END_TEST

START_TEST(test_keys_without_random_bytes_are_none)
{
    struct flare__ws_keys keys = {.left = 0};
    char bytes[4] = "xyz";

    random_rc = -EIO;
    ck_assert_int_eq(flare__ws_keys_take(&keys, bytes), -EIO);
    ck_assert_int_eq(flare__ws_keys_take(&keys, bytes), -EIO);
    ck_assert_str_eq(bytes, "xyz");
    ck_assert_uint_eq(keys.left, 0);
    random_rc = 0; /* and it goes on */
    (void)take(&keys);
    ck_assert_int_eq(random_calls, 3);
}
END_TEST

/* Those of the batch that is left do not need any. */
START_TEST(test_keys_in_hand_need_no_random_bytes)
{
    struct flare__ws_keys keys = {.left = 0};
    char bytes[4];

    (void)take(&keys);
    random_rc = -EIO;
    for (int i = 1; i < PER_BATCH; i++)
        (void)take(&keys);
    ck_assert_int_eq(flare__ws_keys_take(&keys, bytes), -EIO);
}
END_TEST

/* In the child: 0 if it asks for keys of its own, and none is the parent's. */
static int child_of_a_fork(struct flare__ws_keys *keys)
{
    char left[FLARE__WS_KEYS_BYTES];
    char key[4];
    size_t len = keys->left;

    memcpy(left, keys->bytes, len);
    for (size_t at = 0; at < len; at += 4) {
        if (flare__ws_keys_take(keys, key) < 0)
            return 2;
        for (size_t old = 0; old < len; old += 4)
            if (memcmp(left + old, key, 4) == 0)
                return 3;
    }
    return random_calls == 2 ? 0 : 4;
}

START_TEST(test_keys_of_a_forked_child_are_others)
{
    struct flare__ws_keys keys = {.left = 0};
    int status;
    pid_t pid;

    random_counts = true;
    (void)take(&keys);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        _exit(child_of_a_fork(&keys));
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
    (void)take(&keys); /* the parent goes on with what it has */
    ck_assert_int_eq(random_calls, 1);
}
END_TEST

/* A child does not fall back on what the parent has. */
START_TEST(test_keys_without_random_bytes_in_a_child_are_none)
{
    struct flare__ws_keys keys = {.left = 0};
    char key[4];
    int status;
    pid_t pid;

    (void)take(&keys);
    random_rc = -ENOSYS;
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        _exit(flare__ws_keys_take(&keys, key) == -ENOSYS ? 0 : 1);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ws/keys");
    TCase *tc = tcase_create("keys");

    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_add_test(tc, test_keys_are_taken_by_the_batch_and_once);
    tcase_add_test(tc, test_keys_that_were_taken_are_not_kept);
    tcase_add_test(tc, test_keys_without_random_bytes_are_none);
    tcase_add_test(tc, test_keys_in_hand_need_no_random_bytes);
    tcase_add_test(tc, test_keys_of_a_forked_child_are_others);
    tcase_add_test(tc, test_keys_without_random_bytes_in_a_child_are_none);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
