/* SPDX-License-Identifier: MIT */
/* See sim_jobs.h. */
#include "tests/support/sim_jobs.h"

#include "base/assert.h"
#include "net/loop.h"
#include "tests/support/sim_bytes.h"
#include "tests/support/sim_server.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    JOB_WAIT_MS = 30,    /* the most that a job lets the peer wait */
    JOB_PIECE_MAX = 3000 /* of what is written at once */
};

#define TYPE FLARE_STR("application/octet-stream")

/* ---- a job's life ---- */

static void job_fail(const struct sim_job *job, const char *what)
{
    flare__sim_fail(job->server->world, "job %s: %s", job->id.text, what);
}

static int job_name(flare_req *req, flare_res *res, void *ctx)
{
    struct sim_job *job = ctx;

    (void)req;
    if (!job->is_open)
        job_fail(job, "before_head after its end");
    return flare_res_header(res, "X-Id", flare_str(job->id.text));
}

static void job_end(flare_req *req, flare_res *res,
                    const struct flare_outcome *outcome, void *ctx)
{
    struct sim_job *job = ctx;
    struct sim_id id = sim_id_read(req);

    flare__sim_note(job->server->world, "done", job->id.conn, outcome->rc);
    if (++job->done > 1 || !job->is_open || res != job->res)
        job_fail(job, "done twice, or another's");
    if (strcmp(id.text, job->id.text) != 0)
        job_fail(job, "its request has become another");
    if (outcome->rc == 0 && outcome->status == 0)
        job_fail(job, "done well without an answer");
    job->is_open = false;
    flare__wheel_stop(&flare_req_loop(req)->wheel, &job->timer);
}

static struct sim_job *job_new(flare_req *req, flare_res *res, int *rc)
{
    struct sim_server *s = flare_req_ctx(req);
    struct sim_job *job;
    struct sim_id id;

    sim_handler_count(req, &id);
    *rc = FLARE_E_BAD_INPUT;
    if (!id.is_there)
        return NULL;
    job = &s->jobs[id.conn][id.request];
    *job = (struct sim_job){.server = s, .req = req, .res = res, .id = id};
    *rc = flare_res_on_done(res, job_end, job);
    if (*rc < 0)
        return NULL;
    job->hooked++;
    job->is_open = true;
    *rc = flare_res_before_head(res, job_name, job);
    return *rc < 0 ? NULL : job;
}

static void job_on_timer(struct flare__timer *timer)
{
    struct sim_job *job = FLARE_CONTAINER_OF(timer, struct sim_job, timer);

    if (!job->is_open)
        job_fail(job, "a timer after its end");
    job->on_timer(job);
}

static uint32_t job_ms(struct sim_job *job)
{
    return flare__sim_below(job->server->world, JOB_WAIT_MS);
}

static void job_wait(struct sim_job *job, void (*then)(struct sim_job *job))
{
    struct flare_loop *loop = flare_req_loop(job->req);

    job->on_timer = then;
    flare__wheel_start(&loop->wheel, &job->timer, loop->now_ms + job_ms(job),
                       job_on_timer);
}

static bool job_chance(struct sim_job *job, uint32_t one_of)
{
    return flare__sim_below(job->server->world, one_of) == 1;
}

/* Without memory the time for it ends. */
static void job_answered(const struct sim_job *job, int rc)
{
    if (rc < 0 && rc != -ENOMEM)
        job_fail(job, "a late answer is refused");
}

static void job_answer_small(struct sim_job *job)
{
    job_answered(job,
                 flare_res_printf(job->res, 200, "small %s\n", job->id.text));
}

/* ---- later ---- */

static int job_promise(struct sim_job *job, flare_later_fn answer,
                       uint64_t in_ns)
{
    struct flare_loop *loop = flare_req_loop(job->req);

    job->later = flare_res_defer(job->res);
    if (job->later == NULL)
        return -ENOMEM;
    job->answer = answer;
    job->due_ns = loop->ops->now(loop->backend) + in_ns;
    job->server->promises++;
    return FLARE_LATER;
}

/* `res` is there for exactly as long as the answer is not complete. */
static bool job_is_asked(struct sim_job *job, const flare_res *res)
{
    job->server->promises_due--;
    if ((res != NULL) != job->is_open)
        job_fail(job, "a kept promise with the wrong request");
    return res != NULL;
}

static void answer_small(flare_req *req, flare_res *res, void *ctx)
{
    (void)req;
    if (job_is_asked(ctx, res))
        job_answer_small(ctx);
}

static void answer_again(flare_req *req, flare_res *res, void *ctx)
{
    struct sim_job *job = ctx;

    (void)req;
    if (!job_is_asked(job, res))
        return;
    if (job->kept < 3)
        (void)job_promise(job, answer_again, job_ms(job) * UINT64_C(1000000));
    else
        job_answer_small(job);
}

static void answer_hash(flare_req *req, flare_res *res, void *ctx)
{
    struct sim_job *job = ctx;

    (void)req;
    if (job_is_asked(job, res))
        job_answered(job,
                     flare_res_printf(res, 200, "%016" PRIx64 "\n", job->sum));
}

static int job_promise_soon(struct sim_job *job, flare_later_fn answer)
{
    return job_promise(job, answer, job_ms(job) * UINT64_C(1000000));
}

static int on_later(flare_req *req, flare_res *res)
{
    int rc;
    struct sim_job *job = job_new(req, res, &rc);

    return job == NULL ? rc : job_promise_soon(job, answer_small);
}

static int on_again(flare_req *req, flare_res *res)
{
    int rc;
    struct sim_job *job = job_new(req, res, &rc);

    return job == NULL ? rc : job_promise_soon(job, answer_again);
}

static int on_dropped(flare_req *req, flare_res *res)
{
    int rc;
    struct sim_job *job = job_new(req, res, &rc);

    if (job == NULL)
        return rc;
    job->is_drop = true;
    return job_promise_soon(job, NULL);
}

/* Kept after the server's end only. */
static int on_never(flare_req *req, flare_res *res)
{
    int rc;
    struct sim_job *job = job_new(req, res, &rc);

    return job == NULL ? rc : job_promise(job, answer_small, UINT64_MAX / 4);
}

static int on_timer(flare_req *req, flare_res *res)
{
    int rc;
    struct sim_job *job = job_new(req, res, &rc);

    if (job == NULL)
        return rc;
    job_wait(job, job_answer_small);
    return FLARE_LATER;
}

/* ---- writing ---- */

/* Its size is a function of where it is: the framing does not depend on when
 * there is room. */
static struct flare_str job_piece(struct sim_job *job, char *room)
{
    uint32_t n = 1 + (job->at * 7919 + job->id.request * 31) % JOB_PIECE_MAX;

    if (n > SIM_STREAM_BYTES - job->at)
        n = SIM_STREAM_BYTES - job->at;
    sim_bytes_fill(room, n, job->id.conn, job->id.request, job->at);
    return (struct flare_str){room, n};
}

/* Until it is whole, there is no room, or it wants to wait. */
static void job_write(struct sim_job *job)
{
    char room[JOB_PIECE_MAX];
    int rc = 0;

    job->is_waiting = false;
    while (job->at < SIM_STREAM_BYTES && rc == 0) {
        struct flare_str piece = job_piece(job, room);

        if (job->is_cutting && job->at > SIM_STREAM_BYTES / 2) {
            flare_res_abort(job->res);
            return;
        }
        rc = flare_res_write(job->res, piece);
        if (rc >= 0)
            job->at += (uint32_t)piece.len;
        if (rc == 0 && job_chance(job, 16)) {
            job->is_waiting = true;
            job_wait(job, job_write);
            return;
        }
    }
    if (rc == 1 && job->at < SIM_STREAM_BYTES)
        return;
    if (rc >= 0)
        rc = flare_res_trailer(job->res, "X-End", FLARE_STR("yes"));
    if (rc >= 0)
        rc = flare_res_finish(job->res);
    if (rc >= 0)
        return;
    if (rc != -ENOMEM)
        job_fail(job, "a write is refused");
    flare_res_abort(job->res);
}

static void job_on_drain(flare_req *req, flare_res *res, void *ctx)
{
    struct sim_job *job = ctx;

    (void)req;
    (void)res;
    if (!job->is_open)
        job_fail(job, "drained after its end");
    if (!job->is_waiting)
        job_write(job);
}

static int job_stream(flare_req *req, flare_res *res, bool is_cutting)
{
    int rc;
    struct sim_job *job = job_new(req, res, &rc);

    if (job == NULL)
        return rc;
    job->is_cutting = is_cutting;
    flare_res_on_drain(res, job_on_drain, job);
    rc = flare_res_start(res, 200, TYPE, FLARE_LENGTH_UNKNOWN);
    if (rc < 0)
        return rc;
    if (job->id.request % 2 == 0)
        job_write(job); /* perhaps all of it */
    else
        job_wait(job, job_write);
    return job->is_open ? FLARE_LATER : 0;
}

static int on_writes(flare_req *req, flare_res *res)
{
    return job_stream(req, res, /* is_cutting = */ false);
}

static int on_broken(flare_req *req, flare_res *res)
{
    return job_stream(req, res, /* is_cutting = */ true);
}

/* ---- pulling ---- */

static void job_pull_resume(struct sim_job *job)
{
    flare_res_pull_resume(job->res);
}

static int job_pull(flare_req *req, flare_res *res, void *ctx)
{
    struct sim_job *job = ctx;
    char room[JOB_PIECE_MAX];
    struct flare_str piece;
    int rc;

    (void)req;
    if (!job->is_open)
        job_fail(job, "pulled after its end");
    if (job->at == SIM_STREAM_BYTES)
        return flare_res_finish(res);
    piece = job_piece(job, room);
    rc = flare_res_write(res, piece);
    if (rc < 0)
        return rc;
    job->at += (uint32_t)piece.len;
    if (res->length != FLARE_LENGTH_UNKNOWN || !job_chance(job, 8))
        return 0;
    job_wait(job, job_pull_resume);
    return FLARE_LATER;
}

static int job_pull_start(flare_req *req, flare_res *res, uint64_t length)
{
    int rc;
    struct sim_job *job = job_new(req, res, &rc);

    return job == NULL ? rc
                       : flare_res_pull(res, 200, TYPE, length, job_pull, job);
}

static int on_pull(flare_req *req, flare_res *res)
{
    return job_pull_start(req, res, SIM_STREAM_BYTES);
}

static int on_pull_later(flare_req *req, flare_res *res)
{
    return job_pull_start(req, res, FLARE_LENGTH_UNKNOWN);
}

/* ---- files ---- */

uint32_t sim_file_bytes(uint32_t request)
{
    return request % 2 == 0 ? SIM_FILE_BYTES : SIM_FILE_SMALL_BYTES;
}

/* One for all: each request has its place in it (sim_bytes.c). */
static int file_get(void)
{
    static char bytes[SIM_FILE_BYTES + 64 * 1024];
    static int fd = -1;

    if (fd >= 0)
        return fd;
    fd = memfd_create("sim", MFD_CLOEXEC);
    sim_bytes_fill(bytes, sizeof(bytes), 0, 0, 0);
    if (fd < 0 || write(fd, bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes))
        abort();
    return fd;
}

static int on_file(flare_req *req, flare_res *res)
{
    int rc;
    struct sim_job *job = job_new(req, res, &rc);
    int fd;

    if (job == NULL)
        return rc;
    fd = fcntl(file_get(), F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    rc = flare_res_file(res, 200, TYPE, fd,
                        job->id.conn * 797 + job->id.request * 61,
                        sim_file_bytes(job->id.request));
    if (rc < 0)
        close(fd);
    return rc;
}

/* ---- reading ---- */

static void job_resume(struct sim_job *job)
{
    job->is_paused = false;
    flare_req_body_resume(job->req);
}

static void job_take(struct sim_job *job, struct flare_str piece, bool is_last)
{
    if (!job->is_open || !job->is_reading || job->is_paused)
        job_fail(job, "a piece that nobody awaits");
    if (piece.len == 0 && !is_last)
        job_fail(job, "an empty piece");
    if (!sim_bytes_equal(piece.ptr, piece.len, job->id.conn, job->id.request,
                         job->received))
        job_fail(job, "bytes of another's body");
    for (size_t i = 0; i < piece.len; i++)
        job->sum = (job->sum ^ (unsigned char)piece.ptr[i]) * 1099511628211u;
    job->received += (uint32_t)piece.len;
    job->is_reading = !is_last;
}

static int take_piece(flare_req *req, flare_res *res, struct flare_str piece,
                      bool is_last, void *ctx)
{
    struct sim_job *job = ctx;

    (void)req;
    job_take(job, piece, is_last);
    if (is_last && job->id.request % 3 == 0)
        return job_promise_soon(job, answer_hash);
    if (is_last)
        return flare_res_printf(res, 200, "%016" PRIx64 "\n", job->sum);
    if (!job_chance(job, 8))
        return 0;
    job->is_paused = true;
    job_wait(job, job_resume);
    return FLARE_LATER;
}

static int job_read(struct sim_job *job, flare_body_fn fn)
{
    int rc;

    job->sum = 1469598103934665603u;
    job->is_reading = true;
    rc = flare_req_read(job->req, fn, job);
    return rc < 0 ? rc : FLARE_LATER;
}

static void job_read_later(struct sim_job *job)
{
    (void)job_read(job, take_piece); /* else its time ends */
}

static int on_take(flare_req *req, flare_res *res)
{
    int rc;
    struct sim_job *job = job_new(req, res, &rc);

    if (job == NULL)
        return rc;
    if (job->id.request % 4 != 3)
        return job_read(job, take_piece);
    job_wait(job, job_read_later);
    return FLARE_LATER;
}

static int early_piece(flare_req *req, flare_res *res, struct flare_str piece,
                       bool is_last, void *ctx)
{
    struct sim_job *job = ctx;

    (void)req;
    job_take(job, piece, is_last);
    job->is_reading = false;
    return flare_res_printf(res, 200, "small %s\n", job->id.text);
}

/* Answers before the body, or after its first piece. */
static int on_early(flare_req *req, flare_res *res)
{
    int rc;
    struct sim_job *job = job_new(req, res, &rc);

    if (job == NULL)
        return rc;
    if (job->id.request % 3 == 1)
        return flare_res_printf(res, 200, "small %s\n", job->id.text);
    if (job->id.request % 3 == 2)
        return job_promise_soon(job, answer_small);
    return job_read(job, early_piece);
}

static int giving_up_piece(flare_req *req, flare_res *res,
                           struct flare_str piece, bool is_last, void *ctx)
{
    struct sim_job *job = ctx;

    (void)req;
    (void)res;
    job_take(job, piece, is_last);
    return is_last || job->received > 5000 ? FLARE_E_CONFLICT : 0;
}

static int on_giving_up(flare_req *req, flare_res *res)
{
    int rc;
    struct sim_job *job = job_new(req, res, &rc);

    return job == NULL ? rc : job_read(job, giving_up_piece);
}

/* ---- reading and writing at once ---- */

static void flow_on_drain(flare_req *req, flare_res *res, void *ctx)
{
    struct sim_job *job = ctx;

    (void)req;
    (void)res;
    if (!job->is_open)
        job_fail(job, "drained after its end");
    if (job->is_paused)
        job_resume(job);
}

static int flow_piece(flare_req *req, flare_res *res, struct flare_str piece,
                      bool is_last, void *ctx)
{
    struct sim_job *job = ctx;
    int rc;

    (void)req;
    job_take(job, piece, is_last);
    rc = flare_res_write(res, piece);
    if (rc < 0)
        return rc;
    if (is_last)
        return flare_res_finish(res);
    job->is_paused = rc == 1;
    return rc == 1 ? FLARE_LATER : 0;
}

static int on_flow(flare_req *req, flare_res *res)
{
    int rc;
    struct sim_job *job = job_new(req, res, &rc);

    if (job == NULL)
        return rc;
    flare_res_on_drain(res, flow_on_drain, job);
    rc = job_read(job, flow_piece);
    if (rc < 0)
        return rc;
    rc = flare_res_start(res, 200, TYPE, FLARE_LENGTH_UNKNOWN);
    return rc < 0 ? rc : FLARE_LATER;
}

/* ---- the server's side ---- */

uint64_t sim_jobs_next(const struct sim_server *s)
{
    uint64_t next_ns = UINT64_MAX;

    for (uint32_t i = 0; s->promises > 0 && i < SIM_CONNS_MAX; i++)
        for (uint32_t k = 0; k < SIM_REQUESTS_MAX; k++)
            if (s->jobs[i][k].later != NULL && s->jobs[i][k].due_ns < next_ns)
                next_ns = s->jobs[i][k].due_ns;
    return next_ns;
}

static void job_keep(struct sim_job *job)
{
    struct sim_server *s = job->server;
    flare_later *later = job->later;

    job->later = NULL;
    job->kept++;
    s->promises--;
    flare__sim_note(s->world, "promise", job->id.conn, job->id.request);
    if (job->is_drop) {
        flare_later_drop(later);
        return;
    }
    s->promises_due++;
    flare_later_answer(later, job->answer, job);
}

void sim_jobs_keep(struct sim_server *s, uint64_t now_ns)
{
    for (uint32_t i = 0; s->promises > 0 && i < SIM_CONNS_MAX; i++)
        for (uint32_t k = 0; k < SIM_REQUESTS_MAX; k++)
            if (s->jobs[i][k].later != NULL && s->jobs[i][k].due_ns <= now_ns)
                job_keep(&s->jobs[i][k]);
}

uint32_t sim_jobs_open(const struct sim_server *s)
{
    return s->promises;
}

void sim_jobs_check(const struct sim_server *s)
{
    for (uint32_t i = 0; i < SIM_CONNS_MAX; i++)
        for (uint32_t k = 0; k < SIM_REQUESTS_MAX; k++) {
            const struct sim_job *job = &s->jobs[i][k];

            if (job->is_open || job->hooked != job->done)
                job_fail(job, "nobody said that it is over");
        }
    if (s->promises != 0 || s->promises_due != 0)
        flare__sim_fail(s->world, "%u promises, %u of them kept, are left",
                        s->promises + s->promises_due, s->promises_due);
}

void sim_jobs_routes(struct sim_server *s)
{
    const struct flare_route routes[] = {
        FLARE_GET("/later", on_later, s),
        FLARE_GET("/again", on_again, s),
        FLARE_GET("/dropped", on_dropped, s),
        FLARE_GET("/never", on_never, s),
        FLARE_GET("/timer", on_timer, s),
        FLARE_GET("/writes", on_writes, s),
        FLARE_GET("/broken", on_broken, s),
        FLARE_GET("/pull", on_pull, s),
        FLARE_GET("/pull/later", on_pull_later, s),
        FLARE_GET("/file", on_file, s),
        FLARE_POST_STREAM("/take", on_take, s),
        FLARE_POST_STREAM("/early", on_early, s),
        FLARE_POST_STREAM("/giving-up", on_giving_up, s),
        FLARE_POST_STREAM("/flow", on_flow, s),
        FLARE_POST("/whole", on_take, s),
    };

    (void)file_get(); /* before the descriptors are counted */
    memcpy(s->routes + s->config.routes.count, routes, sizeof(routes));
    s->config.routes.count += sizeof(routes) / sizeof(routes[0]);
}
