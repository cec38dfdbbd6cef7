/* SPDX-License-Identifier: MIT */
/* A bug ends the process with one line that names it. */
#include "base/assert.h"

#include "tests/support/test.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

START_TEST(test_assert_writes_one_line_and_aborts)
{
    char text[256];
    int ends[2];
    int status;
    ssize_t len;
    pid_t child;

    ck_assert_int_eq(pipe(ends), 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        FLARE_ASSERT(1 + 1 == 3);
        _exit(0);
    }
    close(ends[1]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    len = read(ends[0], text, sizeof(text) - 1);
    close(ends[0]);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    ck_assert_int_gt(len, 0);
    text[len] = '\0';
    ck_assert_ptr_nonnull(strstr(text, "assertion failed: 1 + 1 == 3\n"));
    ck_assert_ptr_nonnull(strstr(text, "test_assert.c:"));
    /* an emulator of the processor has its own word to say afterwards */
    if (strncmp(strchr(text, '\n') + 1, "qemu: ", 6) != 0)
        ck_assert_ptr_eq(strchr(text, '\n'), text + len - 1);
}
END_TEST

START_TEST(test_assert_evaluates_its_condition_once)
{
    int count = 0;

    FLARE_ASSERT(++count == 1);
    ck_assert_int_eq(count, 1);
}
END_TEST

START_TEST(test_assert_container_is_found_from_its_member)
{
    struct pair {
        int first;
        long second;
    } pair = {1, 2};

    ck_assert_ptr_eq(FLARE_CONTAINER_OF(&pair.second, struct pair, second),
                     &pair);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("assert");
    TCase *tc = tcase_create("assert");

    tcase_add_test(tc, test_assert_writes_one_line_and_aborts);
    tcase_add_test(tc, test_assert_evaluates_its_condition_once);
    tcase_add_test(tc, test_assert_container_is_found_from_its_member);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
