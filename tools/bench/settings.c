/* SPDX-License-Identifier: MIT */
/* Options into a job; see settings.h. */
#include "tools/bench/settings.h"

#include "tools/bench/target.h"
#include "tools/common/tool.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct tool_option options[] = {
    TOOL_GROUP("Load"),
    {'c', "connections", "N", "kept open at a time, of all threads [50]"},
    {'t', "threads", "N", "each with a loop of its own [half of the CPUs]"},
    {'d', "duration", "TIME", "how long, as 30s, 5m [10s]"},
    {'n', "requests", "N", "so many, instead of for some time"},
    {'R', "rate", "N",
     "a second, at fixed moments; latency counts from the\n"
     "moment, sent or not [as fast as answers come]"},
    {0, "poisson", NULL, "at a rate: at random moments"},
    {'p', "pipeline", "N", "requests under way on a connection [1]"},
    {'w', "warmup", "TIME", "before anything counts [1s; with -n none]"},
    {0, "timeout", "TIME", "for a connection or an answer [5s]"},
    {0, "no-keepalive", NULL, "a new connection for each request"},

    TOOL_GROUP("Requests"),
    {'m', "method", "NAME", "[GET; with a body POST]"},
    {'H', "header", "FIELD", "'Name: value'; may be repeated"},
    {'b', "body", "TEXT", "or @FILE"},
    {'f', "file", "FILE",
     "requests in turn, parted by empty lines; see the\n"
     "man page"},
    {0, "ws", "KIND",
     "messages of WebSocket, text or binary: echoes are\n"
     "answers; also by the URL: ws://, wss:// [text]"},
    {0, "size", "SIZE", "of a message, instead of a body [32]"},

    TOOL_GROUP("Connections"),
    {0, "unix", "PATH", "over a Unix socket"},
    {0, "connect", "ADDRESS", "there, whatever the URL says"},
    {'k', "insecure", NULL, "any certificate will do"},
    {0, "cacert", "FILE", "whom to trust, in PEM"},
    {0, "no-resume", NULL, "a whole TLS handshake each time"},
    {0, "backend", "NAME", "uring or epoll [the best that works]"},

    TOOL_GROUP("Results"),
    {0, "json", NULL, "as JSON on standard output"},
    {0, "hgrm", "FILE", "the distribution, for HdrHistogram's plotters"},
    {0, "html", "FILE", "a report, in one file"},
    {0, "fail-if", "COND",
     "exit 3 if it is so: 'p99>5ms', 'errors>0',\n"
     "'rate<1000', '5xx>1%'; may be repeated"},
    {0, "find-peak", "COND",
     "the highest rate at which p99=10ms is kept and\n"
     "nothing fails; -d is for each step"},
    {0, "compare", NULL, "two results of --json: A.json B.json"},
    {'q', "quiet", NULL, "no progress, no result but what was asked for"},
    {0, "color", "WHEN", "auto, always or never"},
    TOOL_OPTIONS_END,
};

static const struct tool tool = {
    .name = "flare-bench",
    .usage = "[OPTION]... URL\n"
             "       flare-bench --compare A.json B.json [--html FILE]",
    .about = "Loads a server with HTTP or WebSocket, and says what it took.",
    .options = options,
    .more = "In the URL, fields, bodies and messages: {seq}, {rand:1-99}, "
            "{hex:8},\n"
            "{line:FILE}.\n\n"
            "  flare-bench http://localhost:8080/\n"
            "  flare-bench -c 200 -R 20000 -d 30s http://localhost:8080/\n"
            "  flare-bench --find-peak p99=10ms http://localhost:8080/\n"
            "  flare-bench --fail-if 'p99>5ms' --fail-if 'errors>0' URL\n",
};

enum { NS_MS = 1000000 };
static const uint64_t second_ns = UINT64_C(1000000000);
static const uint64_t day_ns = UINT64_C(86400) * 1000000000;

/* What is only known in the end. */
struct given {
    struct settings *s;
    const char *url;
    const char *unix_path;
    const char *connect;
    const char *ws_kind;
    const char *size;
    bool has_duration;
    bool has_warmup;
    bool has_compare;
    struct requests_options request;
};

/* ---- options one by one ---- */

static bool take_load(struct given *g, const struct tool_option *option,
                      const char *value)
{
    struct job *job = &g->s->job;
    struct phase *phase = &g->s->phase;

    if (tool_is(option, "connections")) {
        job->connections = (uint32_t)tool_number("--connections", value, 1,
                                                 JOB_CONNECTIONS_MAX);
    } else if (tool_is(option, "threads")) {
        job->threads =
            (uint32_t)tool_number("--threads", value, 1, JOB_THREADS_MAX);
    } else if (tool_is(option, "duration")) {
        phase->duration_ns =
            tool_duration("--duration", value, 10 * NS_MS, 365 * day_ns);
        g->has_duration = true;
    } else if (tool_is(option, "requests")) {
        phase->count = tool_number("--requests", value, 1, UINT64_MAX / 2);
    } else if (tool_is(option, "rate")) {
        phase->rate = tool_decimal("--rate", value, 0.001, 1e9);
    } else if (tool_is(option, "poisson")) {
        phase->is_poisson = true;
    } else if (tool_is(option, "pipeline")) {
        job->depth =
            (uint32_t)tool_number("--pipeline", value, 1, JOB_DEPTH_MAX);
    } else if (tool_is(option, "warmup")) {
        phase->warmup_ns = tool_duration("--warmup", value, 0, day_ns);
        g->has_warmup = true;
    } else if (tool_is(option, "timeout")) {
        job->timeout_ns = tool_duration("--timeout", value, NS_MS, day_ns);
    } else if (tool_is(option, "no-keepalive")) {
        job->closes = true;
    } else {
        return false;
    }
    return true;
}

static void add_header(struct given *g, const char *value)
{
    if (g->request.field_count == REQUESTS_FIELDS_MAX)
        tool_usage("--header: more than %d fields", REQUESTS_FIELDS_MAX);
    g->request.fields[g->request.field_count++] = value;
}

static bool take_request(struct given *g, const struct tool_option *option,
                         const char *value)
{
    if (tool_is(option, "method"))
        g->request.method = value;
    else if (tool_is(option, "header"))
        add_header(g, value);
    else if (tool_is(option, "body"))
        g->request.body = value;
    else if (tool_is(option, "file"))
        g->request.file = value;
    else if (tool_is(option, "ws"))
        g->ws_kind = value;
    else if (tool_is(option, "size"))
        g->size = value;
    else
        return false;
    return true;
}

static bool take_connection(struct given *g, const struct tool_option *option,
                            const char *value)
{
    struct job *job = &g->s->job;

    if (tool_is(option, "unix"))
        g->unix_path = value;
    else if (tool_is(option, "connect"))
        g->connect = value;
    else if (tool_is(option, "insecure"))
        job->tls.insecure = true;
    else if (tool_is(option, "cacert"))
        job->tls.ca.file = value;
    else if (tool_is(option, "no-resume"))
        job->tls.sessions_off = true;
    else if (tool_is(option, "backend"))
        job->backend = value;
    else
        return false;
    return true;
}

static void take_result(struct given *g, const struct tool_option *option,
                        const char *value)
{
    struct settings *s = g->s;

    if (tool_is(option, "json")) {
        s->has_json = true;
    } else if (tool_is(option, "hgrm")) {
        s->hgrm = value;
    } else if (tool_is(option, "html")) {
        s->html = value;
    } else if (tool_is(option, "fail-if")) {
        if (s->fail_if_count == SETTINGS_CONDITIONS_MAX)
            tool_usage("--fail-if: more than %d conditions",
                       SETTINGS_CONDITIONS_MAX);
        condition_parse(&s->fail_if[s->fail_if_count++], "--fail-if", value);
    } else if (tool_is(option, "find-peak")) {
        condition_parse(&s->peak, "--find-peak", value);
        s->has_peak = true;
    } else if (tool_is(option, "compare")) {
        g->has_compare = true;
    } else if (tool_is(option, "quiet")) {
        s->is_quiet = true;
    } else {
        tool_set_colour(value);
    }
}

static void take_plain(struct given *g, const char *word)
{
    if (g->url == NULL)
        g->url = word;
    else if (g->s->compare[0] == NULL)
        g->s->compare[0] = word; /* the second one, so far */
    else
        tool_usage("what is '%s'?", word);
}

static void walk(struct given *g, int argc, char **argv)
{
    struct tool_args args = {.argc = argc, .argv = argv, .at = 1};
    const struct tool_option *option;

    while ((option = tool_next(&args)) != NULL) {
        if (option == &tool_plain)
            take_plain(g, args.value);
        else if (!take_load(g, option, args.value) &&
                 !take_request(g, option, args.value) &&
                 !take_connection(g, option, args.value))
            take_result(g, option, args.value);
    }
}

/* ---- what follows from all of them ---- */

/* "bytes of WebSocket": the body, or so many of one letter. */
static void set_message(struct given *g)
{
    struct job *job = &g->s->job;
    struct flare_str text = flare_str(g->request.body);
    struct flare_str file = {.ptr = NULL};
    size_t size = 32;

    if (g->size != NULL)
        size = tool_size("--size", g->size, 0, 64 * 1024 * 1024);
    if (g->request.body != NULL && g->request.body[0] == '@')
        text = file = text_read_file("--body", g->request.body + 1);
    if (g->request.body == NULL) {
        char *filler = malloc(size + 1);

        if (filler == NULL)
            tool_die("no memory");
        memset(filler, 'x', size);
        text = file = (struct flare_str){filler, size};
    }
    text_compile(&job->message, "the message", text, TEXT_BODY);
    free((char *)file.ptr); /* malloc'ed above, or by text_read_file */
}

static void set_ws(struct given *g)
{
    struct job *job = &g->s->job;
    const char *kind = g->ws_kind != NULL ? g->ws_kind : "text";

    if (g->request.method != NULL || g->request.file != NULL || job->closes)
        tool_usage("--method, --file and --no-keepalive are of HTTP, not of "
                   "WebSocket");
    if (strcmp(kind, "text") != 0 && strcmp(kind, "binary") != 0)
        tool_usage("--ws is text or binary, not '%s'", kind);
    job->is_binary = strcmp(kind, "binary") == 0;
    set_message(g);
    g->request.body = NULL;
    g->request.is_ws = true;
}

static void check_requests(const struct given *g)
{
    if (g->request.file != NULL &&
        (g->request.method != NULL || g->request.body != NULL))
        tool_usage("--file has the methods and bodies of its requests: "
                   "neither --method nor --body goes with it");
    if (g->size != NULL)
        tool_usage("--size is of WebSocket");
}

/* Half of the CPUs: the server wants some, too. */
static uint32_t default_threads(void)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    return cpus < 4 ? 1 : cpus > 64 ? 32 : (uint32_t)cpus / 2;
}

static void set_load(struct given *g)
{
    struct job *job = &g->s->job;
    struct phase *phase = &g->s->phase;

    if (job->connections == 0)
        job->connections = 50;
    if (job->threads == 0)
        job->threads = default_threads();
    if (job->threads > job->connections)
        job->threads = job->connections;
    if (job->depth == 0)
        job->depth = 1;
    if (job->timeout_ns == 0)
        job->timeout_ns = 5 * second_ns;
    if (job->closes && job->depth > 1)
        tool_usage("--no-keepalive leaves nothing to --pipeline");
    if (phase->is_poisson && phase->rate == 0 && !g->s->has_peak)
        tool_usage("--poisson goes with --rate");
    if (!g->has_warmup)
        phase->warmup_ns = phase->count > 0 ? 0 : second_ns;
    if (!g->has_duration)
        phase->duration_ns = phase->count > 0 ? UINT64_MAX
                             : g->s->has_peak ? 3 * second_ns
                                              : 10 * second_ns;
    if ((uint64_t)job->connections * job->depth > 100000000)
        tool_usage("--connections times --pipeline is too much");
}

static void check_peak(const struct settings *s)
{
    if (!s->has_peak)
        return;
    if (s->phase.rate > 0 || s->phase.count > 0)
        tool_usage("--find-peak looks for the rate: neither --rate nor "
                   "--requests goes with it");
    if (!condition_is_time(&s->peak) || s->peak.op == CONDITION_ABOVE ||
        s->peak.op == CONDITION_AT_LEAST)
        tool_usage("--find-peak takes the latency that is to be kept, like "
                   "p99=10ms");
}

void settings_read(struct settings *s, int argc, char **argv)
{
    struct given g = {.s = s};

    memset(s, 0, sizeof(*s));
    tool_begin(&tool);
    walk(&g, argc, argv);
    if (g.has_compare) {
        if (s->compare[0] == NULL)
            tool_usage("--compare takes two files");
        s->compare[1] = s->compare[0];
        s->compare[0] = g.url;
        return;
    }
    if (g.url == NULL || s->compare[0] != NULL)
        tool_usage("one URL is wanted");
    s->job.is_ws = g.ws_kind != NULL;
    set_load(&g);
    check_peak(s);
    s->peak.op = CONDITION_AT_MOST;
    target_read(&s->job, g.url);
    if (s->job.is_ws)
        set_ws(&g);
    else
        check_requests(&g);
    g.request.host = flare_str(s->job.authority);
    g.request.target = flare_str(s->job.target);
    g.request.closes = s->job.closes;
    requests_load(&s->job.requests, &g.request);
    target_find(&s->job, g.unix_path, g.connect);
}

void settings_fini(struct settings *s)
{
    requests_fini(&s->job.requests);
    text_fini(&s->job.message);
}
