/* SPDX-License-Identifier: MIT */
/*
 * The engine is built like the io_uring floor, and does less for each answer
 * than any server can (compare, note the time, send the same bytes again), so
 * that the server is the limit, not the load.  Two calls of the clock for each
 * turn: latency runs from just before the system call that sends to just after
 * the one that received, as a client sees it.
 */
#include "bench/load.h"

#include <errno.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    SQ_ENTRIES = 4096,
    CQ_ENTRIES = 16384,
    BUFFER_BYTES = 4096,        /* one for each answer ... */
    BUFFER_LARGE_BYTES = 65536, /* ... or many bytes of a large one, or a whole
                                   datagram */
    BUFFERS_MIN = 256,
    SPINS_MAX = 1000000, /* a few milliseconds */
    SILENCE_SECONDS = 10
};

enum op { OP_RECV, OP_SEND };

/* Requests sent together; their answers come in this order. */
struct batch {
    uint64_t sent_at;
    uint32_t count;
};

struct conn {
    int fd; /* -1: none yet, of a short connection */
    uint32_t index;
    uint32_t kind;        /* of the answer that is due, of the next request */
    uint32_t at;          /* bytes of the current answer already seen */
    uint32_t outstanding; /* requests sent and not yet answered */
    uint32_t owed;        /* requests to send at the end of this turn */
    int is_answered;      /* a short one that waits for its end */
    uint64_t due_at;      /* at a rate: when the request owed was to be sent */
    uint32_t batch_first; /* free-running, into `batches` modulo the depth */
    uint32_t batch_end;
    struct batch *batches;
};

struct load {
    struct load_config config;
    struct io_uring ring;
    struct io_uring_buf_ring *pool;
    uint8_t *buffers;
    uint32_t buffer_count;
    uint32_t buffer_bytes;
    uint16_t pool_tail;
    struct conn *conns; /* target by target */
    uint32_t *dirty;    /* connections that owe requests */
    uint32_t dirty_count;
    /* the slice under way */
    struct load_target *target;
    struct load_slice *slice;
    uint64_t outstanding;
    int is_draining;
    uint64_t start;
    uint64_t begun; /* requests handed to a connection, at a rate */
    uint64_t total; /* of the slice, likewise */
    uint32_t next;  /* connection to try first */
};

uint64_t load_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

void load_die(const char *what, int rc)
{
    fprintf(stderr, "load: %s%s%s\n", what, rc < 0 ? ": " : "",
            rc < 0 ? strerror(-rc) : "");
    exit(1);
}

static void target_break(struct load_target *target, const char *why, int rc)
{
    if (target->broken[0] == '\0')
        snprintf(target->broken, sizeof(target->broken), "%s%s%s", why,
                 rc < 0 ? ": " : "", rc < 0 ? strerror(-rc) : "");
}

uint64_t load_target_cpu(struct load_target *target)
{
    uint64_t ns = 0;

    for (unsigned i = 0; i < target->pid_count; i++) {
        struct timespec ts;
        clockid_t clock;

        /* sum_exec_runtime of all its threads, also of one running now: the
         * same account as /proc/PID/stat, to the nanosecond */
        if (clock_getcpuclockid(target->pids[i], &clock) != 0 ||
            clock_gettime(clock, &ts) < 0) {
            target_break(target, "a server process is gone", 0);
            return 0;
        }
        ns += (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
    }
    return ns;
}

static uint64_t own_cpu(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static struct load_target *conn_target(struct load *load, const struct conn *c)
{
    return &load->config.targets[c->index / load->config.connections];
}

static struct io_uring_sqe *load_sqe(struct load *load, enum op op,
                                     const struct conn *c)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&load->ring);

    if (sqe == NULL) {
        int rc = io_uring_submit(&load->ring);

        sqe = io_uring_get_sqe(&load->ring);
        if (sqe == NULL)
            load_die("submit", rc);
    }
    memset(sqe, 0, sizeof(*sqe));
    sqe->user_data = (uint64_t)op << 32 | c->index;
    sqe->fd = c->fd;
    return sqe;
}

static void recv_arm(struct load *load, const struct conn *c)
{
    struct io_uring_sqe *sqe = load_sqe(load, OP_RECV, c);

    sqe->opcode = IORING_OP_RECV;
    sqe->ioprio = IORING_RECV_MULTISHOT;
    sqe->flags = IOSQE_BUFFER_SELECT;
}

static void conn_send(struct load *load, struct conn *c, uint64_t now)
{
    const struct load_kind *kind = &load->target->kinds[c->kind];
    struct batch *batch = &c->batches[c->batch_end++ % load->config.depth];
    struct io_uring_sqe *sqe;

    if (c->fd < 0) {
        c->fd = load_target_connect(load->target);
        recv_arm(load, c);
    }
    sqe = load_sqe(load, OP_SEND, c);

    batch->sent_at = load->config.rate > 0 ? c->due_at : now;
    batch->count = c->owed;
    c->outstanding += c->owed;
    load->outstanding += c->owed;
    sqe->opcode = IORING_OP_SEND;
    /* the bytes never change, and the loop is closed, so no second send meets
     * this one: no completion is needed but for a failure */
    sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
    sqe->addr = (uintptr_t)kind->requests;
    sqe->len = c->owed * kind->request_bytes;
    sqe->msg_flags = MSG_WAITALL;
    c->owed = 0;
}

static void conn_owe(struct load *load, struct conn *c, uint32_t requests)
{
    if (c->owed == 0)
        load->dirty[load->dirty_count++] = c->index;
    c->owed += requests;
}

static void load_send_owed(struct load *load)
{
    uint64_t now = load_now();

    for (uint32_t i = 0; i < load->dirty_count; i++)
        conn_send(load, &load->conns[load->dirty[i]], now);
    load->dirty_count = 0;
}

/* Is data[0, len) what the answer has from `at` on, leaving out the Date? */
static int answer_matches(const struct load_kind *t, uint32_t at,
                          const uint8_t *data, uint32_t len)
{
    uint32_t date_end = t->date_at + t->date_bytes;
    uint32_t before = at < t->date_at ? t->date_at - at : 0;
    uint32_t skip = at < date_end ? date_end - at : 0;

    if (before > len)
        before = len;
    if (memcmp(data, t->answer + at, before) != 0)
        return 0;
    return len <= skip ||
           memcmp(data + skip, t->answer + at + skip, len - skip) == 0;
}

/* Complete answers in the bytes received, or -1 if a byte is wrong. */
static int answers_count(const struct load_target *t, struct conn *c,
                         const uint8_t *data, uint32_t len)
{
    int answers = 0;

    while (len > 0) {
        const struct load_kind *kind = &t->kinds[c->kind];
        uint32_t n = kind->answer_bytes - c->at;

        if (n > len)
            n = len;
        if (!answer_matches(kind, c->at, data, n))
            return -1;
        c->at += n;
        if (c->at == kind->answer_bytes) {
            c->at = 0;
            c->kind = c->kind + 1 < t->kind_count ? c->kind + 1 : 0;
            answers++;
        }
        data += n;
        len -= n;
    }
    return answers;
}

static void conn_answered(struct load *load, struct conn *c, uint32_t answers,
                          uint64_t now)
{
    uint32_t left = answers;

    c->outstanding -= answers;
    load->outstanding -= answers;
    load->slice->requests += answers;
    while (left > 0) {
        struct batch *batch = &c->batches[c->batch_first % load->config.depth];
        uint32_t n = batch->count < left ? batch->count : left;

        histogram_add(&load->slice->latency, now - batch->sent_at, n);
        batch->count -= n;
        left -= n;
        if (batch->count == 0)
            c->batch_first++;
    }
    if (!load->is_draining && load->config.rate == 0)
        conn_owe(load, c, answers);
}

/* A short connection has had its answer and its end. */
static void conn_ended(struct load *load, struct conn *c, uint64_t now)
{
    close(c->fd);
    c->fd = -1;
    c->is_answered = 0;
    conn_answered(load, c, 1, now);
}

static void buffer_put(struct load *load, uint16_t id)
{
    struct io_uring_buf *buf =
        &load->pool->bufs[load->pool_tail++ & (load->buffer_count - 1)];

    buf->addr = (uintptr_t)(load->buffers + (size_t)id * load->buffer_bytes);
    buf->len = load->buffer_bytes;
    buf->bid = id;
}

static void on_recv(struct load *load, const struct io_uring_cqe *cqe,
                    struct conn *c, uint64_t now)
{
    struct load_target *target = conn_target(load, c);

    if (cqe->res > 0) {
        uint16_t id = (uint16_t)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
        int answers = 0;

        if (target->broken[0] == '\0')
            answers = answers_count(
                target, c, load->buffers + (size_t)id * load->buffer_bytes,
                (uint32_t)cqe->res);
        buffer_put(load, id);
        if (answers < 0)
            target_break(target, "an answer differs from the first", 0);
        else if ((uint32_t)answers > c->outstanding)
            target_break(target, "more answers than requests", 0);
        else if (answers > 0 && load->config.is_short)
            c->is_answered = 1; /* and counts once the server has closed */
        else if (answers > 0)
            conn_answered(load, c, (uint32_t)answers, now);
    }
    if (cqe->flags & IORING_CQE_F_MORE)
        return;
    if (cqe->res > 0 || cqe->res == -ENOBUFS)
        recv_arm(load, c); /* buffers are back before it is submitted */
    else if (cqe->res == 0 && c->is_answered)
        conn_ended(load, c, now);
    else
        target_break(target, "the server closed a connection", cqe->res);
}

static void load_reap(struct load *load, uint64_t now)
{
    struct io_uring_cqe *cqe;
    unsigned head;
    unsigned n = 0;

    io_uring_for_each_cqe(&load->ring, head, cqe)
    {
        struct conn *c = &load->conns[(uint32_t)cqe->user_data];

        if ((enum op)(cqe->user_data >> 32) == OP_RECV)
            on_recv(load, cqe, c, now);
        else /* successes are skipped */
            target_break(conn_target(load, c), "send", cqe->res);
        n++;
    }
    io_uring_cq_advance(&load->ring, n);
    io_uring_smp_store_release(&load->pool->tail, load->pool_tail);
}

/* Watches the ring's memory until the kernel has something; 0: too long. */
static int load_spin(const struct load *load)
{
    for (unsigned i = 0; i < SPINS_MAX; i++) {
        if (IO_URING_READ_ONCE(*load->ring.sq.kflags) & IORING_SQ_TASKRUN)
            return 1;
        if (io_uring_cq_ready(&load->ring) > 0)
            return 1;
    }
    return 0;
}

/* ---- at a rate ---- */

static uint64_t due_at(const struct load *load, uint64_t number)
{
    return load->start + number * 1000000000 / load->config.rate;
}

static int has_free_conn(const struct load *load)
{
    return load->outstanding + load->dirty_count < load->config.connections;
}

/* Hands what is due to connections that wait for nothing, in turn; what finds
 * none stays due, and its clock runs. */
static void due_hand(struct load *load, struct conn *conns)
{
    uint64_t now = load_now();

    while (load->begun < load->total && has_free_conn(load) &&
           due_at(load, load->begun) <= now) {
        struct conn *c;

        do {
            c = &conns[load->next];
            load->next = (load->next + 1) % load->config.connections;
        } while (c->outstanding + c->owed > 0);
        c->due_at = due_at(load, load->begun++);
        conn_owe(load, c, 1);
    }
}

/* When to look again if no answer comes. */
static uint64_t due_next(const struct load *load)
{
    if (load->begun < load->total && has_free_conn(load))
        return due_at(load, load->begun);
    return load_now() + UINT64_C(1000000000) * SILENCE_SECONDS;
}

/* As load_turn, until the next request is due. */
static uint64_t rate_turn(struct load *load)
{
    uint64_t until = due_next(load);
    int is_silent = load->begun == load->total || !has_free_conn(load);
    int rc = io_uring_submit_and_get_events(&load->ring);
    uint64_t now;

    if (rc < 0 && rc != -EINTR && rc != -EBUSY)
        load_die("io_uring_enter", rc);
    do {
        if (IO_URING_READ_ONCE(*load->ring.sq.kflags) & IORING_SQ_TASKRUN)
            io_uring_get_events(&load->ring);
        now = load_now();
    } while (io_uring_cq_ready(&load->ring) == 0 && now < until);
    if (is_silent && io_uring_cq_ready(&load->ring) == 0)
        target_break(load->target, "silent for ten seconds", 0);
    load->slice->turns++;
    load_reap(load, now);
    return now;
}

/* Sends what is queued and waits for answers; returns when they came. */
static uint64_t load_turn(struct load *load)
{
    struct __kernel_timespec patience = {.tv_sec = SILENCE_SECONDS};
    struct io_uring_cqe *cqe;
    uint64_t now;
    int rc = 0;

    if (!load->config.is_sleeping) {
        rc = io_uring_submit_and_get_events(&load->ring);
        if (rc >= 0 && io_uring_cq_ready(&load->ring) == 0)
            load_spin(load);
    }
    if (io_uring_cq_ready(&load->ring) == 0)
        rc = io_uring_submit_and_wait_timeout(&load->ring, &cqe, 1, &patience,
                                              NULL);
    now = load_now();

    if (rc == -ETIME)
        target_break(load->target, "silent for ten seconds", 0);
    else if (rc < 0 && rc != -EINTR && rc != -EBUSY)
        load_die("io_uring_enter", rc);
    load->slice->turns++;
    load_reap(load, now);
    return now;
}

static void slice_begin(struct load *load, unsigned index, uint64_t ns,
                        struct load_slice *out)
{
    struct conn *conns = &load->conns[index * load->config.connections];

    memset(out, 0, sizeof(*out));
    load->target = &load->config.targets[index];
    load->slice = out;
    load->is_draining = 0;
    load->dirty_count = 0;
    load->outstanding = 0;
    load->start = load_now();
    load->begun = 0;
    /* in microseconds, lest a day of it overflow */
    load->total = load->config.rate * (ns / 1000) / 1000000;
    if (load->config.rate > 0)
        return;
    for (unsigned i = 0; i < load->config.connections; i++)
        conn_owe(load, &conns[i], load->config.depth);
}

int load_slice_run(struct load *load, unsigned index, uint64_t ns,
                   struct load_slice *out)
{
    struct load_target *target = &load->config.targets[index];
    struct conn *conns = &load->conns[index * load->config.connections];
    uint64_t server_cpu = load_target_cpu(target);
    uint64_t client_cpu = own_cpu();
    uint64_t now;

    slice_begin(load, index, ns, out);
    do {
        if (load->config.rate > 0)
            due_hand(load, conns);
        load_send_owed(load);
        now = load->config.rate > 0 ? rate_turn(load) : load_turn(load);
        if (load->config.on_turn != NULL)
            load->config.on_turn(load->config.turn_ctx, now);
        load->is_draining |= now - load->start >= ns;
    } while ((load->outstanding > 0 || load->dirty_count > 0 ||
              load->begun < load->total) &&
             target->broken[0] == '\0');
    out->elapsed_ns = now - load->start;
    out->server_cpu_ns = load_target_cpu(target) - server_cpu;
    out->client_cpu_ns = own_cpu() - client_cpu;
    return target->broken[0] == '\0' ? 0 : -1;
}

static void *pages(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        load_die("memory", -errno);
    return p;
}

static void pool_open(struct load *load)
{
    struct io_uring_buf_reg reg = {0};
    int rc;

    load->buffer_count = BUFFERS_MIN;
    while (load->buffer_count < 2 * load->config.connections &&
           load->buffer_count < 32768)
        load->buffer_count *= 2;
    load->pool = pages(load->buffer_count * sizeof(struct io_uring_buf));
    load->buffers = pages((size_t)load->buffer_count * load->buffer_bytes);
    reg.ring_addr = (uintptr_t)load->pool;
    reg.ring_entries = load->buffer_count;
    rc = io_uring_register_buf_ring(&load->ring, &reg, 0);
    if (rc < 0)
        load_die("buffer ring", rc);
    for (uint32_t i = 0; i < load->buffer_count; i++)
        buffer_put(load, (uint16_t)i);
    io_uring_smp_store_release(&load->pool->tail, load->pool_tail);
}

/* Also says how large the answers are. */
static void answers_learn(struct load *load)
{
    load->buffer_bytes = BUFFER_BYTES;
    for (unsigned i = 0; i < load->config.target_count; i++) {
        struct load_target *target = &load->config.targets[i];

        load_target_learn(target);
        for (unsigned k = 0; k < target->kind_count; k++)
            if (target->kinds[k].answer_bytes >
                (target->is_echo ? BUFFER_BYTES : BUFFER_LARGE_BYTES))
                load->buffer_bytes = BUFFER_LARGE_BYTES;
    }
}

static void conns_open(struct load *load)
{
    unsigned per_target = load->config.connections;
    size_t total = (size_t)per_target * load->config.target_count;
    struct batch *batches =
        pages(total * load->config.depth * sizeof(struct batch));

    load->conns = pages(total * sizeof(struct conn));
    load->dirty = pages(per_target * sizeof(uint32_t));
    for (uint32_t i = 0; i < total; i++) {
        struct conn *c = &load->conns[i];
        struct load_target *target = &load->config.targets[i / per_target];

        c->index = i;
        c->batches = &batches[(size_t)i * load->config.depth];
        c->fd = -1;
        if (load->config.is_short)
            continue;
        c->fd = load_target_connect(target);
        recv_arm(load, c);
    }
}

struct load *load_open(const struct load_config *config)
{
    struct load *load = pages(sizeof(*load));
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                 IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL |
                 IORING_SETUP_CQSIZE,
        .cq_entries = CQ_ENTRIES,
    };
    int rc = io_uring_queue_init_params(SQ_ENTRIES, &load->ring, &params);

    if (rc < 0)
        load_die("io_uring_setup", rc);
    rc = io_uring_register_ring_fd(&load->ring);
    if (rc < 0)
        load_die("register ring", rc);
    load->config = *config;
    answers_learn(load);
    pool_open(load);
    conns_open(load);
    rc = io_uring_submit(&load->ring);
    if (rc < 0)
        load_die("submit", rc);
    return load;
}
