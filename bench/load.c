/* SPDX-License-Identifier: MIT */
/*
 * The load generator: rotates between its targets in short slices and prints a
 * line of JSON for each, so that figures of one rotation, a fraction of a
 * second apart, can be compared on a machine whose speed drifts.
 *
 *   load [options] NAME@ADDRESS:PORT@PID[,PID...] ...
 */
#include "bench/load.h"

#include "bench/load_slow.h"
#include "bench/number.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

static struct {
    unsigned connections;
    unsigned depth;
    unsigned rotations; /* at most */
    uint64_t budget_ms; /* for all rotations; 0: no bound */
    uint64_t slice_ms;
    uint64_t warmup_ms;
    uint64_t rate; /* requests a second; 0: a closed loop */
    int is_sleeping;
    int is_stepping;
    int is_short;
    size_t echo;     /* bytes of a message; 0: HTTP */
    size_t ws;       /* bytes of a WebSocket message; 0: none */
    int is_datagram; /* UDP */
    unsigned slow;   /* clients beside the traffic */
    unsigned slow_s; /* seconds without them, and at most with them */
    const char *requests[LOAD_KINDS_MAX]; /* files with the bytes of one */
    unsigned request_count;
} options = {
    .connections = 64,
    .depth = 1,
    .rotations = 40,
    .slice_ms = 60,
    .warmup_ms = 10,
    .slow_s = 30,
};

/* Fewer than these say nothing, whatever the budget. */
enum { ROTATIONS_MIN = 5, REQUEST_MAX = 2 << 20 };

static struct load_target targets[LOAD_TARGETS_MAX];
static unsigned target_count;

static void kind_request(struct load_kind *kind, const char *request,
                         size_t len)
{
    if (len == 0 || len == REQUEST_MAX)
        load_die("the request file is empty or too long", 0);
    kind->request_bytes = (uint32_t)len;
    kind->requests = malloc(len * options.depth);
    if (kind->requests == NULL)
        load_die("memory", -ENOMEM);
    for (unsigned i = 0; i < options.depth; i++)
        memcpy(kind->requests + i * len, request, len);
}

/* The header of an unfragmented binary message (RFC 6455 section 5.2). */
static size_t frame_head(char *out, size_t len, unsigned mask_bit)
{
    out[0] = (char)0x82;
    if (len < 126) {
        out[1] = (char)(mask_bit | len);
        return 2;
    }
    out[1] = (char)(mask_bit | 126);
    out[2] = (char)(len >> 8);
    out[3] = (char)len;
    return 4;
}

/* Masked messages, which a server sends back unmasked, and a floor as they
 * are. */
static void target_ws(struct load_target *target, char *request)
{
    static const char key[4] = {0x37, (char)0xfa, 0x21, 0x3d};
    struct load_kind *kind = &target->kinds[target->kind_count++];
    size_t head = frame_head(request, options.ws, 0x80);

    target->is_echo = 1;
    target->is_ws = strncmp(target->name, "floor-", 6) != 0;
    if (target->is_ws) {
        kind->answer = malloc(options.ws + 4);
        if (kind->answer == NULL)
            load_die("memory", -ENOMEM);
        kind->answer_bytes =
            (uint32_t)(frame_head((char *)kind->answer, options.ws, 0) +
                       options.ws);
    }
    memcpy(request + head, key, 4);
    head += 4;
    for (size_t i = 0; i < options.ws; i++) {
        char byte = (char)(i * 7 + i / 251);

        request[head + i] = (char)(byte ^ key[i % 4]);
        if (target->is_ws)
            kind->answer[kind->answer_bytes - options.ws + i] = (uint8_t)byte;
    }
    kind_request(kind, request, head + options.ws);
}

static void target_request(struct load_target *target)
{
    static char request[REQUEST_MAX];
    size_t len;

    if (options.ws > 0) {
        target_ws(target, request);
        return;
    }
    target->is_echo = options.echo > 0;
    target->is_datagram = options.is_datagram;
    if (options.echo > 0) {
        for (size_t i = 0; i < options.echo; i++)
            request[i] = (char)(i * 7 + i / 251);
        kind_request(&target->kinds[target->kind_count++], request,
                     options.echo);
        return;
    }
    for (unsigned i = 0; i < options.request_count; i++) {
        FILE *file = fopen(options.requests[i], "re");

        if (file == NULL)
            load_die(options.requests[i], -errno);
        len = fread(request, 1, sizeof(request), file);
        fclose(file);
        kind_request(&target->kinds[target->kind_count++], request, len);
    }
    if (options.request_count > 0)
        return;
    /* what wrk sends */
    len = (size_t)snprintf(request, sizeof(request),
                           "GET / HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n",
                           ntohs(target->address.sin_port));
    kind_request(&target->kinds[target->kind_count++], request, len);
}

static void target_parse(struct load_target *target, char *text)
{
    char *address = strchr(text, '@');
    char *pids = address != NULL ? strchr(address + 1, '@') : NULL;
    char *port = address != NULL ? strchr(address, ':') : NULL;

    if (pids == NULL || port == NULL || port > pids)
        load_die("a target is NAME@ADDRESS:PORT@PID[,PID...]", 0);
    *address++ = '\0';
    *port++ = '\0';
    *pids++ = '\0';
    if (strlen(text) >= sizeof(target->name))
        load_die("a name is too long", 0);
    memcpy(target->name, text, strlen(text) + 1);
    target->address.sin_family = AF_INET;
    target->address.sin_port =
        htons((uint16_t)bench_number("PORT", port, 1, 65535));
    if (inet_pton(AF_INET, address, &target->address.sin_addr) != 1)
        load_die("a target's address is no dotted quad", 0);
    while (pids != NULL) {
        const char *pid = strsep(&pids, ",");

        if (target->pid_count == LOAD_PIDS_MAX)
            load_die("too many processes", 0);
        target->pids[target->pid_count++] =
            (pid_t)bench_number("PID", pid, 1, 1UL << 22);
    }
}

static void usage(void)
{
    fputs(
        "usage: load [options] NAME@ADDRESS:PORT@PID[,PID...] ...\n"
        "  -c, --connections N  to each target (64)\n"
        "  -d, --depth N        requests in flight on each connection (1)\n"
        "  -r, --rotations N    at most (40)\n"
        "  -b, --budget S       seconds for all rotations (no bound)\n"
        "  -s, --slice-ms N     measured load on one target (60)\n"
        "  -w, --warmup-ms N    load before it, not counted (10)\n"
        "      --rate N         requests a second, and latencies from when "
        "each\n"
        "                       was due; at depth 1 (closed loop)\n"
        "      --step           a rotation for each line that comes on stdin\n"
        "      --sleep          block for answers (each wakes the load, at\n"
        "                       the server's cost) instead of spinning\n"
        "      --request FILE   bytes of the request (GET / as wrk sends);\n"
        "                       several: in turn, at depth 1\n"
        "      --short          a connection for each request, whose bytes\n"
        "                       ask for Connection: close\n"
        "      --echo BYTES     messages of so many bytes, which come back\n"
        "      --ws BYTES       WebSocket messages of so many bytes, which "
        "come\n"
        "                       back; as plain bytes from targets floor-*\n"
        "      --udp            over UDP: echoes only\n"
        "      --slow N         one target: without, then beside N clients\n"
        "                       that send a byte of a head each second\n"
        "      --slow-s S       seconds of each, at most (30)\n",
        stderr);
    exit(2);
}

/* What is left of the arguments; and whether the options go together. */
static void targets_parse(int argc, char **argv)
{
    if (argc < 1 || argc > LOAD_TARGETS_MAX || (options.slow && argc != 1))
        usage();
    if (options.depth > 1 &&
        (options.request_count > 1 || options.is_short || options.rate > 0))
        load_die("several requests, short connections and those at a rate go "
                 "one by one",
                 0);
    if (options.rate > 0 && (options.is_sleeping || options.is_short))
        load_die("at a rate the load neither sleeps nor connects", 0);
    if (options.is_short && options.request_count > 1)
        load_die("a short connection has one kind of request", 0);
    if (options.echo || options.ws
            ? options.request_count > 0 || options.is_short
            : options.is_datagram)
        load_die("an echo has no other request, and UDP only echoes", 0);
    for (int i = 0; i < argc; i++) {
        target_parse(&targets[i], argv[i]);
        target_request(&targets[i]);
    }
    target_count = (unsigned)argc;
}

/* long: one case per option */
static void options_parse(int argc, char **argv)
{
    static const struct option longs[] = {
        {"connections", required_argument, NULL, 'c'},
        {"depth", required_argument, NULL, 'd'},
        {"rotations", required_argument, NULL, 'r'},
        {"budget", required_argument, NULL, 'b'},
        {"slice-ms", required_argument, NULL, 's'},
        {"warmup-ms", required_argument, NULL, 'w'},
        {"rate", required_argument, NULL, 'R'},
        {"step", no_argument, NULL, 't'},
        {"sleep", no_argument, NULL, 'z'},
        {"request", required_argument, NULL, 'q'},
        {"short", no_argument, NULL, 'x'},
        {"echo", required_argument, NULL, 'e'},
        {"ws", required_argument, NULL, 'W'},
        {"udp", no_argument, NULL, 'u'},
        {"slow", required_argument, NULL, 'o'},
        {"slow-s", required_argument, NULL, 'p'},
        {NULL, 0, NULL, 0},
    };
    int opt;

    while ((opt = getopt_long(argc, argv, "c:d:r:b:s:w:", longs, NULL)) != -1) {
        switch (opt) {
        case 'c':
            options.connections =
                (unsigned)bench_number("connections", optarg, 1, 16384);
            break;
        case 'd':
            options.depth = (unsigned)bench_number("depth", optarg, 1, 1024);
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
        case 'w':
            options.warmup_ms = bench_number("warmup-ms", optarg, 1, 60000);
            break;
        case 'R':
            options.rate = bench_number("rate", optarg, 1, 100000000);
            break;
        case 't':
            options.is_stepping = 1;
            break;
        case 'z':
            options.is_sleeping = 1;
            break;
        case 'q':
            if (options.request_count == LOAD_KINDS_MAX)
                load_die("too many requests", 0);
            options.requests[options.request_count++] = optarg;
            break;
        case 'x':
            options.is_short = 1;
            break;
        case 'e':
            options.echo = bench_number("echo", optarg, 1, 65507);
            break;
        case 'W':
            options.ws = bench_number("ws", optarg, 1, 65535);
            break;
        case 'u':
            options.is_datagram = 1;
            break;
        case 'o':
            options.slow = (unsigned)bench_number("slow", optarg, 1, 65536);
            break;
        case 'p':
            options.slow_s = (unsigned)bench_number("slow-s", optarg, 1, 600);
            break;
        default:
            usage();
        }
    }
    targets_parse(argc - optind, argv + optind);
}

static void slice_print(unsigned rotation, const struct load_target *target,
                        const struct load_slice *s)
{
    printf("{\"rotation\":%u,\"target\":\"%s\",\"requests\":%" PRIu64
           ",\"elapsed_ns\":%" PRIu64 ",\"server_cpu_ns\":%" PRIu64
           ",\"client_cpu_ns\":%" PRIu64 ",\"client_turns\":%" PRIu64
           ",\"p50_ns\":%" PRIu64 ",\"p99_ns\":%" PRIu64 "}\n",
           rotation, target->name, s->requests, s->elapsed_ns, s->server_cpu_ns,
           s->client_cpu_ns, s->turns, histogram_at(&s->latency, 0.50),
           histogram_at(&s->latency, 0.99));
}

/* ---- slow clients ---- */

static struct load_slow *slow; /* NULL: not yet */

static void slow_turn(void *ctx, uint64_t now)
{
    (void)ctx;
    if (slow != NULL)
        load_slow_turn(slow, now);
}

/* Honest traffic for at most `seconds`, in one figure; false: it broke. */
static int honest_run(struct load *load, const char *name, uint64_t ns)
{
    static struct load_slice slice;
    int rc = load_slice_run(load, 0, ns, &slice);

    printf(
        "{\"phase\":\"%s\",\"requests\":%" PRIu64 ",\"elapsed_ns\":%" PRIu64
        ",\"server_cpu_ns\":%" PRIu64 ",\"p50_ns\":%" PRIu64
        ",\"p99_ns\":%" PRIu64 ",\"p999_ns\":%" PRIu64 ",\"error\":\"%s\"}\n",
        name, slice.requests, slice.elapsed_ns, slice.server_cpu_ns,
        histogram_at(&slice.latency, 0.50), histogram_at(&slice.latency, 0.99),
        histogram_at(&slice.latency, 0.999), targets[0].broken);
    fflush(stdout);
    return rc == 0;
}

/*
 * The honest alone, then beside the slow.  The figures are of some seconds
 * while all the slow are there; then until the last of them is gone, so long
 * as patience lasts.
 */
static void slow_run(struct load *load)
{
    const uint64_t second = UINT64_C(1000000000);
    uint64_t end;

    (void)honest_run(load, "warm", second);
    if (!honest_run(load, "alone", 8 * second))
        return;
    slow = load_slow_open(&targets[0], options.slow);
    end = load_now() + options.slow_s * second;
    if (honest_run(load, "beside", 8 * second))
        while (load_slow_left(slow) > 0 && load_now() < end)
            if (!honest_run(load, "leaving", second / 2))
                break;
    load_slow_close(slow);
}

/*
 * Every other rotation runs backwards and each starts one target later, so no
 * target always follows the same neighbour.
 */
static void rotation_run(struct load *load, unsigned rotation)
{
    static struct load_slice slice;

    for (unsigned i = 0; i < target_count; i++) {
        unsigned step = rotation % 2 ? target_count - 1 - i : i;
        unsigned index = (step + rotation / 2) % target_count;
        struct load_target *target = &targets[index];

        if (target->broken[0] != '\0')
            continue;
        if (load_slice_run(load, index, options.warmup_ms * 1000000, &slice) ==
                0 &&
            load_slice_run(load, index, options.slice_ms * 1000000, &slice) ==
                0) {
            slice_print(rotation, target, &slice);
            histogram_merge(&target->latency, &slice.latency);
        } else {
            printf("{\"rotation\":%u,\"target\":\"%s\",\"error\":\"%s\"}\n",
                   rotation, target->name, target->broken);
        }
    }
}

/* Is there to be another rotation?  With --step: whoever writes to our stdin
 * says so, so that several processes can take turns. */
static int rotation_wanted(unsigned rotation, uint64_t start)
{
    uint64_t spent_ms = (load_now() - start) / 1000000;
    int c = '\n';

    if (rotation >= options.rotations)
        return 0;
    if (options.is_stepping) {
        while ((c = getchar()) != '\n' && c != EOF)
            continue;
        return c == '\n';
    }
    return options.budget_ms == 0 || spent_ms < options.budget_ms ||
           rotation < ROTATIONS_MIN;
}

static void rotations_run(struct load *load)
{
    uint64_t start = load_now();

    for (unsigned r = 0; rotation_wanted(r, start); r++) {
        rotation_run(load, r);
        fflush(stdout);
    }
}

/*
 * User or system time (fields 14 and 15 of /proc/PID/stat) in nanoseconds.
 * What is gone counts nothing: load_target_cpu has marked the target.
 */
static uint64_t stat_ns(const struct load_target *target, int is_system)
{
    const uint64_t tick_ns = 1000000000 / (uint64_t)sysconf(_SC_CLK_TCK);
    uint64_t ns = 0;

    for (unsigned i = 0; i < target->pid_count; i++) {
        char path[64];
        char line[1024] = "";
        uint64_t ticks[2] = {0, 0};
        const char *rest;
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%d/stat", (int)target->pids[i]);
        file = fopen(path, "re");
        if (file == NULL)
            continue;
        if (fgets(line, sizeof(line), file) == NULL)
            line[0] = '\0';
        fclose(file);
        rest = strrchr(line, ')'); /* the name may hold anything */
        if (rest != NULL &&
            sscanf(rest + 1,
                   " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64
                   " %" SCNu64,
                   &ticks[0], &ticks[1]) == 2)
            ns += ticks[is_system] * tick_ns;
    }
    return ns;
}

struct account {
    uint64_t clock;
    uint64_t user;
    uint64_t system;
};

static struct account account_read(struct load_target *target)
{
    return (struct account){
        .clock = load_target_cpu(target),
        .user = stat_ns(target, /* is_system = */ 0),
        .system = stat_ns(target, /* is_system = */ 1),
    };
}

/* The two accounts of the kernel over the whole run, one to check the other. */
static void account_print(struct load_target *target,
                          const struct account *before)
{
    struct account after = account_read(target);

    printf("{\"account\":\"%s\",\"clock_ns\":%" PRIu64
           ",\"stat_user_ns\":%" PRIu64 ",\"stat_system_ns\":%" PRIu64 "}\n",
           target->name, after.clock - before->clock, after.user - before->user,
           after.system - before->system);
}

int main(int argc, char **argv)
{
    struct account before[LOAD_TARGETS_MAX];
    struct rlimit files;
    struct load *load;

    options_parse(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files); /* connecting will tell */
    }
    load = load_open(&(struct load_config){
        .targets = targets,
        .target_count = target_count,
        .connections = options.connections,
        .depth = options.depth,
        .rate = options.rate,
        .is_sleeping = options.is_sleeping,
        .is_short = options.is_short,
        .on_turn = options.slow > 0 ? slow_turn : NULL,
    });
    if (options.slow > 0) {
        slow_run(load);
        return 0;
    }
    for (unsigned i = 0; i < target_count; i++)
        before[i] = account_read(&targets[i]);
    if (options.is_stepping) { /* all connections are open */
        printf("{\"ready\":%u}\n", target_count);
        fflush(stdout);
    }
    rotations_run(load);
    for (unsigned i = 0; i < target_count; i++) {
        if (targets[i].broken[0] == '\0')
            account_print(&targets[i], &before[i]);
        histogram_print(&targets[i].latency, targets[i].name);
    }
    return 0;
}
