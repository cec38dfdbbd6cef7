/* SPDX-License-Identifier: MIT */
/* The machine: kernel, CPUs and what slows them, limits. */
#include "tools/common/tool.h"
#include "tools/probe/facts.h"
#include "tools/probe/probe.h"

#include <dirent.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { NOFILE_ENOUGH = 65536, SOMAXCONN_ENOUGH = 1024 };

const char *probe_line(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    bool has_line = file != NULL && fgets(text, (int)size, file) != NULL;

    if (file != NULL)
        fclose(file);
    if (!has_line)
        return NULL;
    text[strcspn(text, "\n")] = '\0';
    return text;
}

/* ---- kernel and CPUs ---- */

static void put_cpu_name(void)
{
    FILE *file = fopen("/proc/cpuinfo", "re");
    char line[256];

    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        char *colon = strchr(line, ':');

        if (strncmp(line, "model name", 10) != 0 || colon == NULL)
            continue;
        line[strcspn(line, "\n")] = '\0';
        facts_text("model", "%s", colon + 2);
        break;
    }
    if (file != NULL)
        fclose(file);
}

static void put_simd(void)
{
#if defined(__x86_64__)
    facts_text("simd", "sse2%s%s%s",
               __builtin_cpu_supports("sse4.2") ? " sse4.2" : "",
               __builtin_cpu_supports("avx2") ? " avx2" : "",
               __builtin_cpu_supports("avx512bw") ? " avx512bw" : "");
    if (!__builtin_cpu_supports("avx2"))
        facts_advise("without AVX2 requests are parsed and frames unmasked "
                     "with 16 bytes at a time");
#elif defined(__aarch64__)
    facts_text("simd", "neon");
#else
    facts_text("simd", "none that flare uses");
#endif
}

static void put_cpus(void)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    cpu_set_t set;

    facts_number("online", online > 0 ? (uint64_t)online : 1);
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        facts_number("usable", (uint64_t)CPU_COUNT(&set));
}

/* Names of vulnerabilities that the kernel works around. */
static void put_mitigations(void)
{
    static const char folder[] = "/sys/devices/system/cpu/vulnerabilities";
    DIR *dir = opendir(folder);
    struct dirent *entry;
    char all[400] = "";
    size_t used = 0;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char path[400];
        char line[256];

        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] == '.' ||
            probe_line(path, line, sizeof(line)) == NULL ||
            strncmp(line, "Mitigation", 10) != 0)
            continue;
        if (used + strlen(entry->d_name) + 2 < sizeof(all))
            used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s",
                                     used > 0 ? " " : "", entry->d_name);
    }
    if (dir != NULL)
        closedir(dir);
    facts_text("mitigations", "%s", used > 0 ? all : "none");
}

void probe_system(void)
{
    struct utsname name;

    facts_section("system");
    if (uname(&name) == 0) {
        facts_text("kernel", "%s %s", name.sysname, name.release);
        facts_text("machine", "%s", name.machine);
    }
    facts_section("cpu");
    put_cpu_name();
    put_cpus();
    put_simd();
    put_mitigations();
}

/* ---- limits ---- */

static uint64_t limit_of(int which)
{
    struct rlimit limit;

    return getrlimit(which, &limit) == 0 ? limit.rlim_cur : 0;
}

static void put_limit(const char *key, int which)
{
    uint64_t limit = limit_of(which);

    if (limit == RLIM_INFINITY)
        facts_text(key, "unlimited");
    else
        facts_number(key, limit);
}

static uint64_t put_sysctl(const char *key, const char *path)
{
    char line[128];
    uint64_t value;

    if (probe_line(path, line, sizeof(line)) == NULL)
        return UINT64_MAX;
    value = strtoull(line, NULL, 10);
    if (line[strspn(line, "0123456789")] == '\0') {
        facts_number(key, value);
        return value;
    }
    for (char *tab = line; (tab = strchr(tab, '\t')) != NULL;)
        *tab = ' ';
    facts_text(key, "%s", line);
    return value;
}

/* Of cgroups of version 2, where this process is in one. */
static void put_cgroup(const char *key, const char *file)
{
    char group[256];
    char path[512];
    char line[128];

    if (probe_line("/proc/self/cgroup", group, sizeof(group)) == NULL ||
        strncmp(group, "0::", 3) != 0)
        return;
    snprintf(path, sizeof(path), "/sys/fs/cgroup%s/%s", group + 3, file);
    if (probe_line(path, line, sizeof(line)) == NULL) {
        snprintf(path, sizeof(path), "/sys/fs/cgroup/%s", file);
        if (probe_line(path, line, sizeof(line)) == NULL)
            return;
    }
    facts_text(key, "%s", line);
}

void probe_limits(void)
{
    uint64_t files = limit_of(RLIMIT_NOFILE);

    facts_section("limits");
    put_limit("descriptors", RLIMIT_NOFILE);
    put_limit("locked_memory_bytes", RLIMIT_MEMLOCK);
    if (put_sysctl("somaxconn", "/proc/sys/net/core/somaxconn") <
        SOMAXCONN_ENOUGH)
        facts_advise("net.core.somaxconn is below %d: connections that come "
                     "at once are dropped",
                     SOMAXCONN_ENOUGH);
    (void)put_sysctl("syn_backlog", "/proc/sys/net/ipv4/tcp_max_syn_backlog");
    (void)put_sysctl("port_range", "/proc/sys/net/ipv4/ip_local_port_range");
    (void)put_sysctl("receive_max_bytes", "/proc/sys/net/core/rmem_max");
    (void)put_sysctl("send_max_bytes", "/proc/sys/net/core/wmem_max");
    (void)put_sysctl("tcp_receive_bytes", "/proc/sys/net/ipv4/tcp_rmem");
    (void)put_sysctl("tcp_send_bytes", "/proc/sys/net/ipv4/tcp_wmem");
    put_cgroup("cgroup_cpu", "cpu.max");
    put_cgroup("cgroup_memory", "memory.max");
    if (files < NOFILE_ENOUGH)
        facts_advise("%llu descriptors bound the connections: raise "
                     "RLIMIT_NOFILE (ulimit -n) for more",
                     (unsigned long long)files);
}

/* ---- the library ---- */

static void put_backend(const char *key, const char *name)
{
    struct flare_error why = {.code = 0};
    int rc = flare_backend_probe(name, &why);

    facts_bool(key, rc == 0, rc == 0 ? NULL : why.text);
}

void probe_flare(void)
{
    const char *wanted = getenv("FLARE_BACKEND");
    struct flare_error err;
    flare_loop *loop;
    char line[512];
    int rc;

    facts_section("flare");
    put_backend("uring", "uring");
    put_backend("epoll", "epoll");
    rc = flare_loop_new(&loop, NULL, &err);
    facts_text("backend", "%s", rc == 0 ? flare_loop_backend(loop) : "none");
    if (rc == 0)
        flare_loop_free(loop);
    else
        facts_text("refused_with", "%s", err.text);
    facts_text("chosen_by", "%s",
               wanted != NULL ? "FLARE_BACKEND" : "the best that works");
    (void)flare_build_info(line, sizeof(line));
    facts_text("build", "%s", line);
}
