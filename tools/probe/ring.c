/* SPDX-License-Identifier: MIT */
/*
 * io_uring, feature by feature, by trying each: a version number does not tell
 * what a filter or a distribution makes of it.  By system calls alone, and with
 * the kernel's numbers written down here, as headers are often older than the
 * kernel that runs.
 */
#include "tools/common/tool.h"
#include "tools/probe/facts.h"
#include "tools/probe/probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* include/uapi/linux/io_uring.h of Linux 6.18. */
enum {
    SETUP_COOP_TASKRUN = 1 << 8,
    SETUP_SINGLE_ISSUER = 1 << 12,
    SETUP_DEFER_TASKRUN = 1 << 13,
    SETUP_NO_SQARRAY = 1 << 16,
    FEATURE_EXT_ARG = 1 << 8,
    FEATURE_CQE_SKIP = 1 << 11,
    FEATURE_BUNDLE = 1 << 14,
    FEATURE_MIN_TIMEOUT = 1 << 15,
    REGISTER_PROBE = 8,
    REGISTER_FILES2 = 13,
    REGISTER_BUFFER_RING = 22,
    REGISTER_NAPI = 27,
    REGISTER_CLOCK = 29,
    RING_MMAP = 1,
    RING_INCREMENTAL = 2,
    FILES_SPARSE = 1,
    OP_SUPPORTED = 1,
    OPS_MAX = 256
};

/* struct io_uring_params: 120 bytes, of which we know these. */
struct ring_params {
    uint32_t sq_entries;
    uint32_t cq_entries;
    uint32_t flags;
    uint32_t sq_thread_cpu;
    uint32_t sq_thread_idle;
    uint32_t features;
    uint32_t rest[24];
};
_Static_assert(sizeof(struct ring_params) == 120, "as the kernel has it");

struct ring_probe {
    uint8_t last_op;
    uint8_t ops_len;
    uint16_t unused;
    uint32_t unused_too[3];
    struct {
        uint8_t op;
        uint8_t unused;
        uint16_t flags;
        uint32_t unused_too;
    } ops[OPS_MAX];
};

static int setup(uint32_t flags, struct ring_params *params)
{
    *params = (struct ring_params){.flags = flags};
    return (int)syscall(SYS_io_uring_setup, 8, params);
}

static bool can_register(int fd, unsigned what, void *argument, unsigned count)
{
    return syscall(SYS_io_uring_register, fd, what, argument, count) >= 0;
}

/* ---- why not ---- */

static const char *sysctl_text(const char *value)
{
    if (value == NULL)
        return "not there: every process may (before Linux 6.6)";
    if (*value == '0')
        return "0: every process may";
    return *value == '1' ? "1: processes with CAP_SYS_ADMIN and a group may"
                         : "2: nobody may";
}

/* Of this thread: 0 none, 1 strict, 2 by a filter. */
static int seccomp_mode(void)
{
    FILE *file = fopen("/proc/self/status", "re");
    char line[256];
    int mode = -1;

    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, "Seccomp:", 8) == 0)
            mode = line[8 + strspn(line + 8, " \t")] - '0';
    if (file != NULL)
        fclose(file);
    return mode;
}

static void explain(int error, const char *disabled, int seccomp)
{
    bool is_off = disabled != NULL && *disabled != '0';

    facts_text("refused_with", "%s", flare_error_name(-error));
    if (error == EPERM && is_off)
        facts_advise("io_uring is off by kernel.io_uring_disabled: "
                     "\"sysctl kernel.io_uring_disabled=0\" allows it; until "
                     "then flare uses epoll");
    else if ((error == EPERM || error == ENOSYS || error == EACCES) &&
             seccomp == 2)
        facts_advise("a seccomp filter refuses io_uring (%s), as those of "
                     "containers do: flare has a profile for it in "
                     "share/flare/seccomp",
                     flare_error_name(-error));
    else if (error == ENOSYS)
        facts_advise("the kernel has no io_uring: flare uses epoll");
    else if (error == ENOMEM)
        facts_advise("io_uring may lock too little memory: raise "
                     "RLIMIT_MEMLOCK (ulimit -l)");
    else
        facts_advise("io_uring is refused: %s", flare_strerror(-error));
}

/* ---- feature by feature ---- */

static void probe_setup(void)
{
    static const struct {
        const char *key;
        uint32_t flags;
        const char *since;
    } rows[] = {
        {"cooperative_task_run", SETUP_COOP_TASKRUN, "Linux 5.19"},
        {"single_issuer", SETUP_SINGLE_ISSUER, "Linux 6.0"},
        {"deferred_task_run", SETUP_SINGLE_ISSUER | SETUP_DEFER_TASKRUN,
         "Linux 6.1"},
        {"no_submission_array", SETUP_NO_SQARRAY, "Linux 6.6"},
    };
    struct ring_params params;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int fd = setup(rows[i].flags, &params);

        facts_bool(rows[i].key, fd >= 0, rows[i].since);
        if (fd >= 0)
            close(fd);
    }
}

static void probe_features(uint32_t features)
{
    facts_bool("wait_with_timeout", (features & FEATURE_EXT_ARG) != 0,
               "Linux 5.11");
    facts_bool("silent_success", (features & FEATURE_CQE_SKIP) != 0,
               "Linux 5.17");
    facts_bool("bundles", (features & FEATURE_BUNDLE) != 0, "Linux 6.10");
    facts_bool("minimum_wait", (features & FEATURE_MIN_TIMEOUT) != 0,
               "Linux 6.12");
}

static bool try_buffers(int fd, uint16_t flags, uint16_t group)
{
    struct {
        uint64_t address;
        uint32_t entries;
        uint16_t group;
        uint16_t flags;
        uint64_t unused[3];
    } ring = {.entries = 8, .group = group, .flags = flags};

    return can_register(fd, REGISTER_BUFFER_RING, &ring, 1);
}

static void probe_registers(int fd)
{
    struct {
        uint32_t count;
        uint32_t flags;
        uint64_t unused;
        uint64_t data;
        uint64_t tags;
    } files = {.count = 8, .flags = FILES_SPARSE};
    struct {
        uint32_t busy_poll_us;
        uint8_t prefer;
        uint8_t unused[3];
        uint64_t unused_too;
    } napi = {.busy_poll_us = 1};
    uint32_t clock[4] = {1 /* CLOCK_MONOTONIC */};

    facts_bool("buffer_ring", try_buffers(fd, RING_MMAP, 1),
               "Linux 5.19; mapped since 6.4");
    facts_bool("incremental_buffers",
               try_buffers(fd, RING_MMAP | RING_INCREMENTAL, 2), "Linux 6.12");
    facts_bool("direct_descriptors",
               can_register(fd, REGISTER_FILES2, &files, sizeof(files)),
               "Linux 5.19");
    facts_bool("busy_poll_napi", can_register(fd, REGISTER_NAPI, &napi, 1),
               "Linux 6.9");
    facts_bool("choice_of_clock", can_register(fd, REGISTER_CLOCK, clock, 0),
               "Linux 6.12");
}

static void probe_operations(int fd)
{
    static const struct {
        const char *key;
        unsigned op;
        const char *since;
    } rows[] = {
        {"op_accept", 13, "Linux 5.5"},
        {"op_connect", 16, "Linux 5.5"},
        {"op_send", 26, "Linux 5.6"},
        {"op_recv", 27, "Linux 5.6"},
        {"op_splice", 30, "Linux 5.7"},
        {"op_shutdown", 34, "Linux 5.11"},
        {"op_message_ring", 40, "Linux 5.18"},
        {"op_socket", 45, "Linux 5.19"},
        {"op_send_zero_copy", 47, "Linux 6.0"},
        {"op_read_multishot", 49, "Linux 6.7"},
        {"op_wait_id", 50, "Linux 6.7"},
        {"op_futex_wait", 51, "Linux 6.7"},
        {"op_install_fd", 54, "Linux 6.8"},
        {"op_bind", 56, "Linux 6.11"},
        {"op_listen", 57, "Linux 6.11"},
        {"op_recv_zero_copy", 58, "Linux 6.15"},
        {"op_epoll_wait", 59, "Linux 6.15"},
        {"op_pipe", 62, "Linux 6.16"},
    };
    static struct ring_probe probe;
    unsigned count = 0;

    if (!can_register(fd, REGISTER_PROBE, &probe, OPS_MAX)) {
        facts_text("operations", "cannot be asked for");
        return;
    }
    for (unsigned i = 0; i < probe.ops_len; i++)
        count += (probe.ops[i].flags & OP_SUPPORTED) != 0;
    facts_number("operations", count);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        facts_bool(rows[i].key,
                   rows[i].op < probe.ops_len &&
                       (probe.ops[rows[i].op].flags & OP_SUPPORTED) != 0,
                   rows[i].since);
}

/* What only a try tells: the library's own, of a loop. */
static void probe_multishot(void)
{
    const struct flare_loop_config config = {.backend = "uring"};
    flare_loop *loop;
    uint32_t caps;

    if (flare_loop_new(&loop, &config, NULL) < 0)
        return;
    caps = flare_loop_caps(loop);
    flare_loop_free(loop);
    facts_bool("multishot_accept", (caps & FLARE_CAP_MULTISHOT_ACCEPT) != 0,
               "Linux 5.19");
    facts_bool("multishot_recv", (caps & FLARE_CAP_MULTISHOT_RECV) != 0,
               "Linux 6.0");
    if ((caps & FLARE_CAP_MULTISHOT_RECV) == 0)
        facts_advise("without multishot receives (Linux 6.0) each read is a "
                     "submission of its own");
    if ((caps & FLARE_CAP_DEFER_TASKRUN) == 0)
        facts_advise("without DEFER_TASKRUN (Linux 6.1) completions interrupt "
                     "the loop");
}

void probe_ring(void)
{
    char line[64];
    const char *disabled =
        probe_line("/proc/sys/kernel/io_uring_disabled", line, sizeof(line));
    int seccomp = seccomp_mode();
    struct ring_params params;
    int fd = setup(0, &params);
    int error = errno;

    facts_section("io_uring");
    facts_bool("available", fd >= 0, NULL);
    facts_text("sysctl", "%s", sysctl_text(disabled));
    facts_text("seccomp", "%s",
               seccomp == 2   ? "a filter is in place"
               : seccomp == 1 ? "strict"
               : seccomp == 0 ? "none"
                              : "not known");
    if (fd < 0) {
        explain(error, disabled, seccomp);
        return;
    }
    probe_setup();
    probe_features(params.features);
    probe_registers(fd);
    probe_multishot();
    probe_operations(fd);
    close(fd);
}
