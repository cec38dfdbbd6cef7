/* SPDX-License-Identifier: MIT */
/*
 * See conn.h.  The stream is paused whenever bytes lie here that nobody has
 * asked for yet: at most what one turn of the loop brings.
 */
#include "tcp/conn.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/log.h"
#include "net/out.h"
#include "net/sock.h"
#include "net/user_loop.h"
#include "tcp/options.h"
#include "tcp/stream.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

enum {
    CONN_COPY_MAX = 4000,       /* what fits into a chunk is copied */
    CONN_WRITE_MAX = 64 * 1024, /* of one flare_conn_write */
    CONN_CHUNKS = 4,            /* kept for the next bytes */
    CONN_NS_PER_MS = 1000000
};

struct flare_conn {
    const struct flare_allocator *al;
    struct flare_loop *loop; /* NULL: not yet */
    flare_stream *stream;    /* NULL: not yet, or gone */
    struct flare_tcp_options options;
    struct flare__out_pool pool;
    struct flare__out rest; /* came, and was not asked for */
    char *want;             /* where bytes are to go; room is 0: nowhere */
    size_t room;
    size_t got;
    int fd; /* accepted, no loop yet; -1 */
    uint32_t read_timeout_ms;
    bool is_open;           /* it is connected */
    bool is_end;            /* the peer's FIN has come */
    struct flare_error err; /* what broke it */
};

/* ---- what the stream says ---- */

static void conn_on_open(flare_stream *stream, void *ctx)
{
    flare_conn *c = ctx;

    (void)stream;
    c->is_open = true;
}

static void conn_on_data(flare_stream *stream, struct flare_str data, void *ctx)
{
    flare_conn *c = ctx;
    size_t n = data.len < c->room ? data.len : c->room;

    if (n > 0 && c->rest.bytes == 0) {
        memcpy(c->want + c->got, data.ptr, n);
        c->got += n;
        c->room -= n;
        data.ptr += n;
        data.len -= n;
    }
    if (data.len == 0)
        return;
    flare_stream_pause(stream);
    if (flare__out_copy(&c->rest, &c->pool, data) < 0) {
        (void)flare__error(&c->err, -ENOMEM, "read: %s",
                           flare_strerror(-ENOMEM));
        flare_stream_abort(stream);
    }
}

static void conn_on_end(flare_stream *stream, void *ctx)
{
    flare_conn *c = ctx;

    (void)stream;
    c->is_end = true;
}

static void conn_on_closed(flare_stream *stream, int rc,
                           const struct flare_error *err, void *ctx)
{
    flare_conn *c = ctx;

    (void)stream;
    c->stream = NULL;
    if (rc < 0 && c->err.code == 0)
        c->err = *err;
}

static const struct flare_stream_handler conn_handler = {
    .on_open = conn_on_open,
    .on_data = conn_on_data,
    .on_end = conn_on_end,
    .on_closed = conn_on_closed,
};

/* ---- life ---- */

static void conn_free(flare_conn *c)
{
    flare__loop_free(c->loop);
    flare__out_clear(&c->rest, &c->pool);
    flare__out_pool_fini(&c->pool);
    flare__sock_close(c->fd);
    flare__free(c->al, c);
}

/* One turn; 0, or why the loop can no more. */
static int conn_turn(flare_conn *c, uint64_t limit_ns)
{
    int rc = flare__loop_turn(c->loop, limit_ns);

    if (rc < 0 && c->err.code == 0)
        (void)flare__error(&c->err, rc, "loop: %s", flare_strerror(rc));
    return rc;
}

/* What a call on a stream that is gone returns. */
static int conn_broken(const flare_conn *c)
{
    return c->err.code != 0 ? c->err.code : -EPIPE;
}

static int conn_new(flare_conn **out, const struct flare_tcp_options *options)
{
    const struct flare_allocator *al = options->allocator != NULL
                                           ? options->allocator
                                           : &flare__allocator_default;
    flare_conn *c = flare__calloc(al, 1, sizeof(*c));

    if (c == NULL)
        return -ENOMEM;
    c->al = al;
    c->fd = -1;
    c->options = *options;
    c->options.handler = &conn_handler;
    c->options.ctx = c;
    /* its timeout here is a call's: the connection stays good */
    c->options.read_timeout_ms = FLARE_UNLIMITED;
    c->read_timeout_ms = options->read_timeout_ms;
    flare__out_pool_init(&c->pool, al);
    flare__out_pool_keep(&c->pool, CONN_CHUNKS);
    *out = c;
    return 0;
}

int flare__conn_accepted(flare_conn **out, int fd,
                         const struct flare_tcp_options *options)
{
    int rc = conn_new(out, options);

    if (rc == 0)
        (*out)->fd = fd;
    return rc;
}

/*
 * Turns until it is open or gone.  The last words of a handshake leave with one
 * more turn: the next call may be late, and the peer waits for them.
 */
static int conn_open_turns(flare_conn *c)
{
    int rc = 0;

    while (rc == 0 && c->stream != NULL && !c->is_open)
        rc = conn_turn(c, UINT64_MAX);
    if (rc == 0 && c->stream != NULL && flare__tcp_maker(&c->options) != NULL)
        rc = conn_turn(c, 0);
    return rc;
}

/* The first call about one that was accepted makes its loop. */
static int conn_ready(flare_conn *c)
{
    int rc = 0;

    if (c->fd < 0)
        return 0;
    c->err.code = 0; /* of an earlier try */
    if (c->loop == NULL)
        rc = flare__loop_private(&c->loop, c->al, &c->err);
    if (rc == 0)
        rc = flare_stream_adopt(c->loop, &c->stream, c->fd, &c->options,
                                &c->err);
    if (rc < 0)
        return rc;
    c->fd = -1;
    if (flare__tcp_maker(&c->options) == NULL)
        return 0;
    return conn_open_turns(c);
}

/* Waits until it is open; `rc` is what starting came to. */
static int conn_wait_open(flare_conn **out, flare_conn *c, int rc,
                          struct flare_error *err)
{
    if (rc == 0)
        rc = conn_open_turns(c);
    if (rc == 0 && c->stream == NULL)
        rc = conn_broken(c);
    if (rc == 0) {
        *out = c;
        return 0;
    }
    if (err != NULL && c->err.code != 0)
        *err = c->err;
    conn_free(c);
    return rc;
}

/* With a loop, and with nothing on it. */
static int conn_with_loop(flare_conn **out,
                          const struct flare_tcp_options *options,
                          struct flare_error *err)
{
    struct flare_tcp_options o;
    flare_conn *c;
    int rc = flare__tcp_options_resolve(&o, options, err);

    if (rc < 0)
        return rc;
    rc = conn_new(&c, &o);
    if (rc < 0)
        return flare__error(err, rc, "connection: %s", flare_strerror(rc));
    rc = flare__loop_private(&c->loop, c->al, err);
    if (rc < 0) {
        conn_free(c);
        return rc;
    }
    *out = c;
    return 0;
}

int flare_conn_open(flare_conn **out, struct flare_str host, uint16_t port,
                    const struct flare_tcp_options *options,
                    struct flare_error *err)
{
    flare_conn *c;
    int rc = conn_with_loop(&c, options, err);

    if (rc < 0)
        return rc;
    rc = flare_tcp_connect(c->loop, &c->stream, host, port, &c->options,
                           &c->err);
    return conn_wait_open(out, c, rc, err);
}

int flare_conn_open_addr(flare_conn **out, const struct flare_addr *addr,
                         const struct flare_tcp_options *options,
                         struct flare_error *err)
{
    flare_conn *c;
    int rc = conn_with_loop(&c, options, err);

    if (rc < 0)
        return rc;
    rc =
        flare_tcp_connect_addr(c->loop, &c->stream, addr, &c->options, &c->err);
    return conn_wait_open(out, c, rc, err);
}

/* Waits for the end of the stream, and is gone. */
static void conn_end(flare_conn *c)
{
    int rc = 0;

    while (rc == 0 && c->stream != NULL)
        rc = conn_turn(c, UINT64_MAX);
    conn_free(c);
}

void flare_conn_close(flare_conn *conn)
{
    if (conn == NULL)
        return;
    if (conn->stream != NULL)
        flare_stream_close(conn->stream);
    conn_end(conn);
}

void flare_conn_abort(flare_conn *conn)
{
    if (conn == NULL)
        return;
    conn->options.tls_server = NULL; /* no handshake only to end it */
    if (conn_ready(conn) == 0 && conn->stream != NULL)
        flare_stream_abort(conn->stream);
    conn_end(conn);
}

/* ---- reading ---- */

/* What lies here already. */
static int conn_take(flare_conn *c, char *buf, size_t size)
{
    size_t got = 0;

    while (got < size && c->rest.bytes != 0) {
        struct flare__out_chunk *chunk = c->rest.head;
        uint32_t n = chunk->len - chunk->sent;

        if (n > size - got)
            n = (uint32_t)(size - got);
        memcpy(buf + got, chunk->data + chunk->sent, n);
        chunk->sent += n;
        c->rest.in_flight = n;
        flare__out_sent(&c->rest, &c->pool);
        got += n;
    }
    return (int)got;
}

/* Turns until something has come, the end or the deadline. */
static int conn_receive(flare_conn *c, char *buf, size_t size)
{
    uint64_t now_ns = c->loop->ops->now(c->loop->backend);
    uint64_t until_ns =
        c->read_timeout_ms == FLARE_UNLIMITED
            ? UINT64_MAX
            : now_ns + (uint64_t)c->read_timeout_ms * CONN_NS_PER_MS;
    int rc = 0;

    c->want = buf;
    c->room = size;
    c->got = 0;
    flare_stream_resume(c->stream);
    while (rc == 0 && c->got == 0 && !c->is_end && c->stream != NULL) {
        if (now_ns >= until_ns)
            break;
        rc = conn_turn(c, until_ns);
        now_ns = c->loop->now_ns;
    }
    c->room = 0;
    if (rc < 0 && c->got == 0)
        return rc;
    return (int)c->got;
}

int flare_conn_read(flare_conn *conn, void *buf, size_t size)
{
    int rc = conn_ready(conn);

    FLARE_ASSERT(size > 0);
    if (rc < 0)
        return rc;
    if (size > INT_MAX)
        size = INT_MAX;
    if (conn->rest.bytes != 0)
        return conn_take(conn, buf, size);
    if (conn->stream != NULL && !conn->is_end) {
        rc = conn_receive(conn, buf, size);
        if (rc != 0)
            return rc;
    }
    if (conn->is_end)
        return 0;
    return conn->stream == NULL ? conn_broken(conn) : -ETIMEDOUT;
}

int flare_conn_read_exact(flare_conn *conn, void *buf, size_t size)
{
    char *to = buf;

    while (size > 0) {
        int n = flare_conn_read(conn, to, size);

        if (n <= 0)
            return n < 0 ? n : FLARE_E_END_OF_STREAM;
        to += n;
        size -= (size_t)n;
    }
    return 0;
}

static int conn_pull(void *ctx, void *buf, size_t size)
{
    return flare_conn_read(ctx, buf, size);
}

int flare_conn_reader(flare_reader **out, flare_conn *conn,
                      const struct flare_reader_options *options)
{
    return flare_reader_new(out, options, conn_pull, conn);
}

/* ---- writing ---- */

/* It is known by the queue when the kernel has what was lent. */
static void conn_on_given(void *ctx, void *block)
{
    (void)ctx;
    (void)block;
}

static int conn_queue(flare_conn *c, struct flare_str bytes)
{
    int rc;

    if (bytes.len <= CONN_COPY_MAX)
        rc = flare_stream_write(c->stream, bytes);
    else
        rc = flare_stream_give(c->stream, bytes, conn_on_given, NULL);
    return rc < 0 ? rc : 0;
}

/* Whether what was queued is still here, or the stream ends meanwhile. */
static bool conn_is_busy(const flare_conn *c)
{
    return c->stream != NULL && (c->stream->phase == FLARE__STREAM_DEAD ||
                                 flare_stream_queued(c->stream) != 0);
}

int flare_conn_write(flare_conn *conn, struct flare_str bytes)
{
    int rc = conn_ready(conn);

    if (rc < 0 || bytes.len == 0)
        return rc;
    if (bytes.len > CONN_WRITE_MAX)
        bytes.len = CONN_WRITE_MAX;
    if (bytes.len > conn->options.queue_max)
        bytes.len = conn->options.queue_max;
    if (conn->stream == NULL)
        return conn_broken(conn);
    rc = conn_queue(conn, bytes);
    while (rc == 0 && conn_is_busy(conn))
        rc = conn_turn(conn, UINT64_MAX);
    if (rc < 0)
        return rc;
    if (conn->stream == NULL)
        return conn_broken(conn);
    return conn->stream->send_rc < 0 ? conn->stream->send_rc : (int)bytes.len;
}

int flare_conn_write_all(flare_conn *conn, struct flare_str bytes)
{
    while (bytes.len > 0) {
        int n = flare_conn_write(conn, bytes);

        if (n < 0)
            return n;
        bytes.ptr += n;
        bytes.len -= (size_t)n;
    }
    return 0;
}

int flare_conn_shutdown(flare_conn *conn)
{
    int rc = conn_ready(conn);

    if (rc < 0)
        return rc;
    if (conn->stream == NULL)
        return conn->is_end && conn->err.code == 0 ? 0 : conn_broken(conn);
    flare_stream_shutdown(conn->stream);
    while (rc == 0 && conn->stream != NULL && !conn->stream->is_fin_sent)
        rc = conn_turn(conn, UINT64_MAX);
    if (rc == 0)
        rc = conn_turn(conn, 0); /* what it has queued leaves now */
    return rc == 0 ? conn->err.code : rc;
}

/* ---- facts ---- */

struct flare_addr flare_conn_local(flare_conn *conn)
{
    if (conn_ready(conn) < 0 || conn->stream == NULL)
        return (struct flare_addr){.kind = FLARE_ADDR_NONE};
    return flare_stream_local(conn->stream);
}

struct flare_addr flare_conn_peer(flare_conn *conn)
{
    if (conn_ready(conn) < 0 || conn->stream == NULL)
        return (struct flare_addr){.kind = FLARE_ADDR_NONE};
    return flare_stream_peer(conn->stream);
}

flare_stream *flare__conn_stream(flare_conn *conn)
{
    return conn_ready(conn) < 0 ? NULL : conn->stream;
}

const struct flare_error *flare_conn_error(const flare_conn *conn)
{
    return &conn->err;
}
