/* SPDX-License-Identifier: MIT */
/*
 * The io_uring floor: one multishot accept, one multishot receive per
 * connection out of a buffer ring, one plain send per connection and turn, and
 * one system call per turn for everything.  Needs Linux 6.1 (DEFER_TASKRUN).
 * With -e it is the floor of an echo: what came is sent back out of the buffer
 * it lies in, one send per connection and turn for all its buffers.
 */
#include "bench/floor.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    SQ_ENTRIES = 2048,
    CQ_ENTRIES = 8192,
    BUFFER_GROUP = 0,
    ECHO_PARTS_MAX = 1024 /* the kernel's UIO_MAXIOV */
};

enum op { OP_ACCEPT, OP_RECV, OP_SEND, OP_CLOSE };

struct conn {
    struct floor_cut cut;
    uint8_t is_dirty; /* in the turn's list of connections to send on */
    uint8_t is_gone;
    uint32_t owed;    /* answers, or buffers, not yet handed to the kernel */
    uint32_t sending; /* bytes of the send in flight */
    uint32_t flying_count; /* echo: buffers in it */
    uint16_t flying;
    uint16_t first; /* echo: of the buffers owed, linked by `next` */
    uint16_t last;
};

struct server {
    struct io_uring ring;
    struct io_uring_buf_ring *pool;
    uint8_t *buffers;
    uint16_t pool_tail;
    int listen_fd;
    uint32_t dirty_count;
    struct floor_sheet sheet;
    uint16_t next[FLOOR_BUFFERS_MAX]; /* echo: of one connection's buffers */
    uint32_t held[FLOOR_BUFFERS_MAX]; /* bytes in them */
    struct iovec parts[FLOOR_BUFFERS_MAX]; /* echo: of this turn's sends */
    struct msghdr messages[FLOOR_FD_MAX];
    uint32_t part_count;
    uint32_t message_count;
    int dirty[FLOOR_FD_MAX];
    struct conn conns[FLOOR_FD_MAX]; /* by descriptor or direct slot */
};

static struct io_uring_sqe *server_sqe(struct server *s, enum op op, int fd)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&s->ring);

    if (sqe == NULL) { /* the queue is full: flush it */
        int rc = io_uring_submit(&s->ring);

        sqe = io_uring_get_sqe(&s->ring);
        if (sqe == NULL)
            floor_die("submit", rc);
    }
    memset(sqe, 0, sizeof(*sqe));
    sqe->user_data = (uint64_t)op << 32 | (uint32_t)fd;
    sqe->fd = fd;
    if (floor_options.is_direct && op != OP_ACCEPT)
        sqe->flags = IOSQE_FIXED_FILE;
    return sqe;
}

static void accept_arm(struct server *s)
{
    struct io_uring_sqe *sqe = server_sqe(s, OP_ACCEPT, s->listen_fd);

    sqe->opcode = IORING_OP_ACCEPT;
    sqe->ioprio = IORING_ACCEPT_MULTISHOT;
    if (floor_options.is_direct)
        sqe->file_index = IORING_FILE_INDEX_ALLOC;
    else
        sqe->accept_flags = SOCK_CLOEXEC;
}

static void recv_arm(struct server *s, int fd)
{
    struct io_uring_sqe *sqe = server_sqe(s, OP_RECV, fd);

    sqe->opcode = IORING_OP_RECV;
    sqe->ioprio = IORING_RECV_MULTISHOT;
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = BUFFER_GROUP;
}

static void send_start(struct server *s, struct conn *c, int fd)
{
    struct io_uring_sqe *sqe = server_sqe(s, OP_SEND, fd);
    uint32_t answers =
        c->owed < FLOOR_SHEET_ANSWERS ? c->owed : FLOOR_SHEET_ANSWERS;

    c->owed -= answers;
    c->sending = answers * BENCH_ANSWER_BYTES;
    sqe->opcode = IORING_OP_SEND;
    sqe->addr = (uintptr_t)floor_sheet_bytes(&s->sheet);
    sqe->len = c->sending;
    sqe->msg_flags = MSG_WAITALL; /* the kernel finishes a short one */
}

static void buffer_put(struct server *s, uint16_t id)
{
    struct io_uring_buf *buf =
        &s->pool->bufs[s->pool_tail++ & (floor_options.buffers - 1)];

    buf->addr = (uintptr_t)(s->buffers + (size_t)id * FLOOR_BUFFER_BYTES);
    buf->len = FLOOR_BUFFER_BYTES;
    buf->bid = id;
}

/* Echo: sends all that is owed with one call.  The kernel has taken the list
 * of parts by the end of the submission. */
static void echo_start(struct server *s, struct conn *c, int fd)
{
    struct io_uring_sqe *sqe = server_sqe(s, OP_SEND, fd);
    struct msghdr *message = &s->messages[s->message_count++];
    uint16_t id = c->first;

    if (c->owed > ECHO_PARTS_MAX)
        floor_die("more than a send of an echo may have", -EMSGSIZE);
    *message = (struct msghdr){.msg_iov = &s->parts[s->part_count]};
    c->sending = 0;
    for (uint32_t i = 0; i < c->owed; i++) {
        s->parts[s->part_count++] = (struct iovec){
            s->buffers + (size_t)id * FLOOR_BUFFER_BYTES, s->held[id]};
        c->sending += s->held[id];
        id = s->next[id];
    }
    message->msg_iovlen = c->owed;
    c->flying = c->first;
    c->flying_count = c->owed;
    c->owed = 0;
    sqe->opcode = IORING_OP_SENDMSG;
    sqe->addr = (uintptr_t)message;
    sqe->len = 1;
    if (c->flying_count == 1) {
        sqe->opcode = IORING_OP_SEND;
        sqe->addr = (uintptr_t)message->msg_iov->iov_base;
        sqe->len = c->sending;
    }
    sqe->msg_flags = MSG_WAITALL;
}

static void echo_owe(struct server *s, struct conn *c, uint16_t id,
                     uint32_t bytes)
{
    s->held[id] = bytes;
    if (c->owed++ == 0)
        c->first = id;
    else
        s->next[c->last] = id;
    c->last = id;
}

/* Gives `count` buffers from `id` on back to the kernel. */
static void echo_give(struct server *s, uint16_t id, uint32_t count)
{
    for (; count > 0; count--) {
        buffer_put(s, id);
        id = s->next[id];
    }
}

/* What is owed is not sent. */
static void conn_stop(struct server *s, struct conn *c)
{
    if (floor_options.is_echo)
        echo_give(s, c->first, c->owed);
    c->owed = 0;
}

static void conn_close(struct server *s, struct conn *c, int fd)
{
    struct io_uring_sqe *sqe;

    c->is_gone = 1;
    conn_stop(s, c);
    if (c->sending > 0)
        return; /* when it is back */
    if (!floor_options.is_direct) {
        (void)close(fd); /* the peer left */
        return;
    }
    sqe = server_sqe(s, OP_CLOSE, fd);
    sqe->flags = 0; /* the slot is named in file_index */
    sqe->fd = 0;
    sqe->opcode = IORING_OP_CLOSE;
    sqe->file_index = (uint32_t)fd + 1;
}

static void conn_mark_dirty(struct server *s, struct conn *c, int fd)
{
    if (c->is_dirty)
        return;
    c->is_dirty = 1;
    s->dirty[s->dirty_count++] = fd;
}

static void on_accept(struct server *s, const struct io_uring_cqe *cqe)
{
    if (cqe->res >= FLOOR_FD_MAX) {
        if (!floor_options.is_direct)
            (void)close(cqe->res); /* beyond the table */
    } else if (cqe->res >= 0) {
        s->conns[cqe->res] = (struct conn){0};
        recv_arm(s, cqe->res);
    }
    if (!(cqe->flags & IORING_CQE_F_MORE))
        accept_arm(s);
}

static void on_recv(struct server *s, const struct io_uring_cqe *cqe, int fd)
{
    struct conn *c = &s->conns[fd];

    if (cqe->res > 0) {
        uint16_t id = (uint16_t)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
        uint8_t *data = s->buffers + (size_t)id * FLOOR_BUFFER_BYTES;

        if (floor_options.is_echo) {
            echo_owe(s, c, id, (uint32_t)cqe->res);
        } else {
            c->owed += floor_heads_count(&c->cut, data, (uint32_t)cqe->res);
            buffer_put(s, id);
        }
        if (c->owed > 0)
            conn_mark_dirty(s, c, fd);
    }
    if (cqe->flags & IORING_CQE_F_MORE)
        return;
    if (cqe->res > 0 || cqe->res == -ENOBUFS)
        recv_arm(s, fd); /* buffers are back before it is submitted */
    else
        conn_close(s, c, fd);
}

static void on_send(struct server *s, const struct io_uring_cqe *cqe, int fd)
{
    struct conn *c = &s->conns[fd];
    int is_whole = cqe->res == (int32_t)c->sending;

    c->sending = 0;
    echo_give(s, c->flying, c->flying_count); /* none but in an echo */
    c->flying_count = 0;
    if (c->is_gone)
        conn_close(s, c, fd);
    else if (!is_whole)
        conn_stop(s, c); /* broken: the receive ends too, and closes */
    else if (c->owed > 0)
        conn_mark_dirty(s, c, fd);
}

static void server_reap(struct server *s)
{
    struct io_uring_cqe *cqe;
    unsigned head;
    unsigned n = 0;

    io_uring_for_each_cqe(&s->ring, head, cqe)
    {
        int fd = (int)(uint32_t)cqe->user_data;

        switch ((enum op)(cqe->user_data >> 32)) {
        case OP_RECV:
            on_recv(s, cqe, fd);
            break;
        case OP_SEND:
            on_send(s, cqe, fd);
            break;
        case OP_ACCEPT:
            on_accept(s, cqe);
            break;
        case OP_CLOSE:
            break;
        }
        n++;
    }
    io_uring_cq_advance(&s->ring, n);
    io_uring_smp_store_release(&s->pool->tail, s->pool_tail);
}

static void server_send_dirty(struct server *s)
{
    for (uint32_t i = 0; i < s->dirty_count; i++) {
        int fd = s->dirty[i];
        struct conn *c = &s->conns[fd];

        c->is_dirty = 0;
        if (c->sending > 0 || c->owed == 0 || c->is_gone)
            continue;
        if (floor_options.is_echo)
            echo_start(s, c, fd);
        else
            send_start(s, c, fd);
    }
    s->dirty_count = 0;
    s->part_count = 0;
    s->message_count = 0;
}

static void ring_open(struct server *s)
{
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                 IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE,
        .cq_entries = CQ_ENTRIES,
    };
    int rc = io_uring_queue_init_params(SQ_ENTRIES, &s->ring, &params);

    if (rc < 0)
        floor_die("io_uring_setup", rc);
    rc = io_uring_register_ring_fd(&s->ring);
    if (rc < 0)
        floor_die("register ring", rc);
    if (floor_options.is_direct) {
        rc = io_uring_register_files_sparse(&s->ring, FLOOR_FD_MAX);
        if (rc < 0)
            floor_die("register files", rc);
    }
}

static void *pages(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        floor_die("memory", -errno);
    return p;
}

static void pool_open(struct server *s)
{
    unsigned count = floor_options.buffers;
    struct io_uring_buf_reg reg = {.ring_entries = count, .bgid = BUFFER_GROUP};
    int rc;

    s->pool = pages(count * sizeof(struct io_uring_buf));
    s->buffers = pages((size_t)count * FLOOR_BUFFER_BYTES + 64);
    reg.ring_addr = (uintptr_t)s->pool;
    rc = io_uring_register_buf_ring(&s->ring, &reg, 0);
    if (rc < 0)
        floor_die("buffer ring", rc);
    for (unsigned i = 0; i < count; i++)
        io_uring_buf_ring_add(s->pool, s->buffers + i * FLOOR_BUFFER_BYTES,
                              FLOOR_BUFFER_BYTES, (uint16_t)i, (int)(count - 1),
                              (int)i);
    io_uring_buf_ring_advance(s->pool, (int)count);
    s->pool_tail = (uint16_t)count;
}

static void *worker(void *listen_fd)
{
    struct server *s = pages(sizeof(*s));

    s->listen_fd = *(int *)listen_fd;
    ring_open(s);
    pool_open(s);
    accept_arm(s);
    for (;;) {
        int rc = io_uring_submit_and_wait(&s->ring, 1);

        if (rc < 0 && rc != -EINTR && rc != -EBUSY)
            floor_die("io_uring_enter", rc);
        floor_sheet_refresh(&s->sheet);
        server_reap(s);
        server_send_dirty(s);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    floor_main(argc, argv, worker);
}
