/* SPDX-License-Identifier: MIT */
/*
 * RFC 6455 sections 5 to 8 and RFC 7692 section 7 over the wire: every row of
 * the tables said to an end of ours that echoes, on every backend, whole and
 * cut; and what came back read by a reader that is not ours
 * (tests/support/ws_oracle.h).  The rows' W numbers are those of FAILURES.
 */
#include "tests/support/test.h"
#include "tests/support/ws_oracle.h"
#ifdef FLARE_HAVE_ZLIB
#include "tests/ws/deflate_table.h"
#endif
#include "tests/ws/frames_wire.h"
#include "tests/ws/wire_rig.h"

#include <string.h>

enum { CUTS_SIM = 40, CUTS_KERNEL = 2 };

static struct flare_ws_handler handlers[ROWS(table)];

static char wire_bytes[FRAMES_WIRE_MAX];
static struct ws_oracle said, echoed;

struct outcome {
    const char *row;
    const char *how; /* it was sent */
    const struct wire *wire;
};

#define MUST(outcome, condition)                                               \
    do {                                                                       \
        if (!(condition))                                                      \
            broken((outcome), #condition);                                     \
    } while (0)

static void broken(const struct outcome *oc, const char *what)
{
    ck_abort_msg("%s, %s, %s on %s: not %s\nsaid %s\ngot  %s", oc->row, oc->how,
                 oc->wire->is_client ? "client" : "server", oc->wire->rig.name,
                 what, said.text, echoed.text);
}

static bool is_same(const struct ws_oracle_word *a,
                    const struct ws_oracle_word *b)
{
    return a->len == b->len && a->hash == b->hash;
}

/* Its pong, from `*at` of what came on; those of pings before may be left out:
 * section 5.5.3. */
static bool find_pong(const struct ws_oracle_word *ping, size_t *at)
{
    for (; *at < echoed.count; ++*at) {
        const struct ws_oracle_word *w = &echoed.words[*at];

        if (w->kind != WS_ORACLE_PONG)
            continue;
        if (!is_same(ping, w))
            return false;
        ++*at;
        return true;
    }
    return false;
}

static size_t count_of(const struct ws_oracle *o, unsigned kind)
{
    size_t count = 0;

    for (size_t i = 0; i < o->count; i++)
        count += (unsigned)o->words[i].kind == kind;
    return count;
}

/* Messages come back as they were, in their order. */
static void check_messages(const struct outcome *oc)
{
    size_t at = 0;

    for (size_t i = 0; i < said.count; i++) {
        const struct ws_oracle_word *w = &said.words[i];

        if (w->kind != WS_ORACLE_TEXT && w->kind != WS_ORACLE_BINARY)
            continue;
        while (at < echoed.count && echoed.words[at].kind == WS_ORACLE_PONG)
            at++;
        MUST(oc, at < echoed.count && echoed.words[at].kind == w->kind);
        MUST(oc, is_same(w, &echoed.words[at]));
        at++;
    }
    MUST(oc, at <= echoed.count);
}

static bool is_failure(const struct ws_oracle *o)
{
    return o->count > 0 && o->words[o->count - 1].kind == WS_ORACLE_FAIL;
}

/* Every pong is a ping's, in order; the last ping has one. */
static void check_pongs(const struct outcome *oc)
{
    size_t pongs = count_of(&echoed, WS_ORACLE_PONG), at = 0, from = 0;
    const struct ws_oracle_word *last_ping = NULL, *last_pong = NULL;

    for (size_t i = 0; i < said.count; i++) {
        if (said.words[i].kind != WS_ORACLE_PING)
            continue;
        last_ping = &said.words[i];
        from = at;
        if (!find_pong(last_ping, &at))
            at = from;
        else
            pongs--, last_pong = last_ping;
    }
    MUST(oc, pongs == 0);
    MUST(oc, last_ping == NULL || is_failure(&said) ||
                 (last_pong != NULL && is_same(last_ping, last_pong)));
}

/* The close that came, and what on_closed was told. */
static void check_end(const struct outcome *oc, enum wire_end end)
{
    const struct wire_seen *seen = &oc->wire->seen;
    const struct ws_oracle_word *last =
        said.count > 0 ? &said.words[said.count - 1] : NULL;
    const struct ws_oracle_word *close =
        echoed.count > 0 ? &echoed.words[echoed.count - 1] : NULL;
    unsigned code = 1000, told;

    MUST(oc, seen->has_fin);
    MUST(oc, seen->opened == 1 && seen->closed == 1);
    MUST(oc, !echoed.is_cut && !is_failure(&echoed));
    if (end == WIRE_LEAVES) {
        MUST(oc, count_of(&echoed, WS_ORACLE_CLOSE) == 0);
        MUST(oc, seen->code == 1006);
        return;
    }
    if (last != NULL &&
        (last->kind == WS_ORACLE_CLOSE || last->kind == WS_ORACLE_FAIL))
        code = last->code;
    told = code;
    if (code == 1010 && !oc->wire->is_client)
        code = 1000; /* a server has no such code */
    MUST(oc, close != NULL && close->kind == WS_ORACLE_CLOSE);
    MUST(oc, close->code == code);
    MUST(oc, seen->code == told);
    MUST(oc, (close->len > 0) == is_failure(&said)); /* a reason */
}

static void check(const struct outcome *oc, enum wire_end end,
                  const struct ws_oracle_rules *ours)
{
    ws_oracle_read(&echoed, ours, oc->wire->seen.frames,
                   oc->wire->seen.frames_len);
    check_messages(oc);
    check_pongs(oc);
    check_end(oc, end);
}

/* ---- one row ---- */

static enum wire_end end_of(const struct ws_oracle *o)
{
    int last = o->count > 0 ? o->words[o->count - 1].kind : 0;

    if (last == WS_ORACLE_FAIL || last == WS_ORACLE_CLOSE)
        return WIRE_WAITS;
    return o->is_cut ? WIRE_LEAVES : WIRE_CLOSES;
}

/* Whether its deflated messages are deflated at all: the reader of frames
 * alone does not look, but a connection does. */
static bool is_of_frames(const struct table_row *row)
{
    return strchr(row->want, '*') == NULL;
}

/* A row, and who says it to whom. */
struct job {
    const char *name;
    const struct flare_ws_handler *handler;
    const char *fields; /* of the handshake */
    struct flare_str bytes;
    struct ws_oracle_rules theirs; /* ours as the reader of what they say */
    bool has_echo_takeover;
    size_t cuts;
};

static void run_once(struct wire *w, const struct wire_plan *plan,
                     struct outcome *oc, const struct job *job)
{
    const struct ws_oracle_rules ours = {
        .bytes_max = UINT32_MAX,
        .frames_max = UINT32_MAX,
        .is_client = !w->is_client,
        .has_deflate = job->theirs.has_deflate,
        .has_takeover = job->has_echo_takeover,
    };

    wire_run(w, plan);
    check(oc, plan->end, &ours);
}

static void run_cuts(struct wire *w, struct wire_plan *plan, struct outcome *oc,
                     const struct job *job)
{
    size_t len = plan->bytes.len;
    size_t step = len / job->cuts + 1;
    char how[64];

    oc->how = how;
    for (size_t cut = step; cut < len; cut += step) {
        (void)snprintf(how, sizeof(how), "cut at %zu", cut);
        plan->first = cut;
        run_once(w, plan, oc, job);
    }
    plan->first = plan->piece = len / 200 + 1;
    (void)snprintf(how, sizeof(how), "by %zu", plan->piece);
    run_once(w, plan, oc, job);
    plan->first = plan->piece = 0;
    plan->is_early = true;
    (void)snprintf(how, sizeof(how), "with the handshake");
    run_once(w, plan, oc, job);
}

static void run_job(struct wire *w, const struct job *job, const char *want)
{
    struct wire_plan plan = {
        .handler = job->handler,
        .fields = job->fields,
        .bytes = job->bytes,
    };
    struct outcome oc = {.row = job->name, .how = "whole", .wire = w};

    ws_oracle_read(&said, &job->theirs, job->bytes.ptr, job->bytes.len);
    if (want != NULL)
        ck_assert_msg(strcmp(said.text, want) == 0, "%s: the oracle says %s",
                      job->name, said.text);
    plan.end = end_of(&said);
    run_once(w, &plan, &oc, job);
    run_cuts(w, &plan, &oc, job);
}

static size_t cuts_of(const struct wire *w)
{
    return w->rig.world != NULL ? CUTS_SIM : CUTS_KERNEL;
}

static void run_row(struct wire *w, int i)
{
    const struct table_row *row = &table[i];
    const struct job job = {
        .name = row->name,
        .handler = &handlers[i],
        .fields = row->has_deflate
                      ? "Sec-WebSocket-Extensions: permessage-deflate\r\n"
                      : NULL,
        .bytes = {wire_bytes, frames_wire(wire_bytes, row, w->is_client)},
        .theirs = {.bytes_max = handlers[i].message_bytes_max,
                   .frames_max = handlers[i].message_frames_max,
                   .is_client = w->is_client,
                   .has_deflate = row->has_deflate,
                   .has_takeover = true},
        .has_echo_takeover = true,
        .cuts = cuts_of(w),
    };

    run_job(w, &job, is_of_frames(row) ? row->want : NULL);
}

static void run_table(int backend, bool is_client)
{
    static struct wire w;

    if (!wire_open(&w, backend, is_client))
        return;
    for (int i = 0; i < ROWS(table); i++) {
#ifndef FLARE_HAVE_ZLIB
        if (table[i].has_deflate)
            continue;
#endif
        run_row(&w, i);
    }
    wire_close(&w);
}

/* ---- compressed ---- */

#ifdef FLARE_HAVE_ZLIB
static struct flare_ws_handler deflate_handlers[ROWS(deflate_rows)];
static struct flare_ws_handler made_handlers[ROWS(made_rows)];

/* What the peer says in its handshake: an offer, or the answer to ours. */
static const char *fields_of(const struct deflate_terms *t, bool is_client)
{
    static char text[512];
    const char *peer = is_client ? "server" : "client";
    const char *ours = is_client ? "client" : "server";
    char bits[2][64] = {"", ""};

    if (t->peer_bits != 0)
        (void)snprintf(bits[0], sizeof(bits[0]), "; %s_max_window_bits=%u",
                       peer, t->peer_bits);
    if (t->ours_bits != 0)
        (void)snprintf(bits[1], sizeof(bits[1]), "; %s_max_window_bits=%u",
                       ours, t->ours_bits);
    (void)snprintf(text, sizeof(text),
                   "Sec-WebSocket-Extensions: permessage-deflate%s%s%s%s%s%s"
                   "%s%s\r\n",
                   t->peer_fresh ? "; " : "", t->peer_fresh ? peer : "",
                   t->peer_fresh ? "_no_context_takeover" : "",
                   t->ours_fresh ? "; " : "", t->ours_fresh ? ours : "",
                   t->ours_fresh ? "_no_context_takeover" : "", bits[0],
                   bits[1]);
    return text;
}

static void run_deflate(struct wire *w, const struct table_row *row,
                        const struct deflate_terms *terms,
                        const struct flare_ws_handler *handler, size_t cuts)
{
    const struct job job = {
        .name = row->name,
        .handler = handler,
        .fields = fields_of(terms, w->is_client),
        .bytes = {wire_bytes, frames_wire(wire_bytes, row, w->is_client)},
        .theirs = {.bytes_max = handler->message_bytes_max,
                   .frames_max = handler->message_frames_max,
                   .is_client = w->is_client,
                   .has_deflate = true,
                   .has_takeover = !terms->peer_fresh},
        .has_echo_takeover = !terms->ours_fresh,
        .cuts = cuts,
    };

    run_job(w, &job, row->want);
}

static void made_fill(char *out, const struct made_row *made)
{
    static const char words[] = "the quick brown fox jumps over the lazy dog ";
    uint32_t noise = made->size;

    for (uint32_t i = 0; i < made->size; i++) {
        noise = noise * 1664525u + 1013904223u;
        out[i] = made->bytes == MADE_ZEROS ? '\0'
                 : made->bytes == MADE_NOISE
                     ? (char)(noise >> 24)
                     : words[(i + (noise >> 31)) % (sizeof(words) - 1)];
    }
}

enum { MADE_FRAMES = 2 * 20 + 1, MADE_OUT = 200000 };

/* A message in the row's frames; the bytes of the last one end with a sync
 * flush, whose tail is cut off. */
static size_t made_message(z_stream *z, const struct made_row *made,
                           struct table_frame *frames)
{
    size_t count = made->frames > 0 ? made->frames : 1;

    for (size_t i = 0; i < count; i++) {
        bool is_last = i + 1 == count;
        char *out = (char *)z->next_out;
        size_t len;

        z->avail_in = is_last ? made->size - (uInt)(made->size / count * i)
                              : (uInt)(made->size / count);
        ck_assert_int_eq(deflate(z, is_last ? Z_SYNC_FLUSH : made->flush) ==
                             Z_STREAM_ERROR,
                         0);
        ck_assert_uint_gt(z->avail_out, 0);
        len = (size_t)((char *)z->next_out - out) - (is_last ? 4 : 0);
        frames[i] = (struct table_frame){
            .first =
                (uint8_t)((is_last ? FIN : 0) |
                          (i > 0 ? CONT
                                 : R1 | (made->bytes == MADE_NOISE ? BIN
                                                                   : TEXT))),
            .payload = out,
            .len = len,
        };
    }
    return count;
}

/* The same message twice: the second refers to the first if it may. */
static void run_made(struct wire *w, int i)
{
    static struct table_frame frames[MADE_FRAMES];
    static char plain[1 << 20], out[MADE_OUT];
    const struct made_row *made = &made_rows[i];
    const struct deflate_terms *terms = &made->terms;
    struct table_row row = {.name = made->name,
                            .want = made->want,
                            .frames = frames,
                            .has_deflate = true};
    z_stream z = {.next_out = (Bytef *)out, .avail_out = sizeof(out)};

    made_fill(plain, made);
    ck_assert_int_eq(deflateInit2(&z, made->level, Z_DEFLATED,
                                  -(terms->peer_bits ? terms->peer_bits : 15),
                                  8, made->strategy),
                     Z_OK);
    for (int n = 0; n < (made->want != NULL ? 1 : 2); n++) {
        z.next_in = (Bytef *)plain;
        row.count += made_message(&z, made, frames + row.count);
        if (terms->peer_fresh)
            (void)deflateReset(&z);
    }
    run_deflate(w, &row, terms, &made_handlers[i], cuts_of(w) / 12 + 2);
    (void)deflateEnd(&z);
}

static void run_deflate_table(int backend, bool is_client)
{
    static struct wire w;

    if (!wire_open(&w, backend, is_client))
        return;
    for (int i = 0; i < ROWS(deflate_rows); i++)
        run_deflate(&w, &deflate_rows[i].row, &deflate_rows[i].terms,
                    &deflate_handlers[i], cuts_of(&w));
    for (int i = 0; i < ROWS(made_rows); i++)
        run_made(&w, i);
    wire_close(&w);
}

START_TEST(test_conformance_of_the_server_deflated)
{
    run_deflate_table(_i, /* is_client = */ false);
}
END_TEST

START_TEST(test_conformance_of_the_client_deflated)
{
    run_deflate_table(_i, /* is_client = */ true);
}
END_TEST
#endif

START_TEST(test_conformance_of_the_server)
{
    run_table(_i, /* is_client = */ false);
}
END_TEST

START_TEST(test_conformance_of_the_client)
{
    run_table(_i, /* is_client = */ true);
}
END_TEST

/* ---- what no table says ---- */

static struct flare_ws_handler plain;
static struct flare_ws_handler leaves;  /* at once, and waits 30 ms */
static struct flare_ws_handler ends[2]; /* within on_message */

static void leave(flare_ws *ws, void *ctx)
{
    struct wire *w = ctx;

    w->seen.opened++;
    ck_assert_int_eq(flare_ws_close(ws, 1000, FLARE_STR("bye")), 0);
}

/* Every backend, as server and as client. */
static bool open_either(struct wire *w, int i)
{
    return wire_open(w, i / 2, /* is_client = */ i % 2 == 1);
}

START_TEST(test_conformance_W14_a_close_that_nobody_answers)
{
    static struct wire w;
    const struct wire_plan plan = {.handler = &leaves, .end = WIRE_WAITS};

    if (!open_either(&w, _i))
        return;
    wire_run(&w, &plan);
    ck_assert_int_eq(w.seen.opened, 1);
    ck_assert_int_eq(w.seen.closed, 1);
    ck_assert_uint_eq(w.seen.code, 1006);
    wire_close(&w);
}
END_TEST

START_TEST(test_conformance_W15_a_flood_of_pings)
{
    static struct wire w;
    const struct table_row row =
        ROW("W15 a flood", "", TIMES(FIN | PING, "0123456789abcdef", 400));
    struct job job = {.name = row.name,
                      .handler = &plain,
                      .theirs = {.bytes_max = TABLE_BYTES_MAX,
                                 .frames_max = TABLE_FRAMES_MAX},
                      .cuts = CUTS_KERNEL};

    if (!open_either(&w, _i))
        return;
    job.theirs.is_client = w.is_client;
    job.bytes = (struct flare_str){wire_bytes,
                                   frames_wire(wire_bytes, &row, w.is_client)};
    run_job(&w, &job, NULL);
    wire_close(&w);
}
END_TEST

/* All that may follow an end is called behind it, still inside. */
static void end_within(flare_ws *ws, struct wire *w, bool is_abort)
{
    w->seen.messages++;
    if (is_abort)
        flare_ws_abort(ws);
    ck_assert_int_eq(flare_ws_close(ws, 1000, FLARE_STR("bye")), 0);
    ck_assert_int_eq(flare_ws_send_text(ws, FLARE_STR("x")), FLARE_E_GONE);
    ck_assert_int_eq(flare_ws_ping(ws, FLARE_STR("x")), FLARE_E_GONE);
    flare_ws_pause(ws);
    flare_ws_resume(ws);
    ck_assert_int_eq(w->seen.closed, 0);
}

static void close_within(flare_ws *ws, enum flare_ws_kind kind,
                         struct flare_str bytes, void *ctx)
{
    (void)kind, (void)bytes;
    end_within(ws, ctx, /* is_abort = */ false);
}

static void abort_within(flare_ws *ws, enum flare_ws_kind kind,
                         struct flare_str bytes, void *ctx)
{
    (void)kind, (void)bytes;
    end_within(ws, ctx, /* is_abort = */ true);
}

START_TEST(test_conformance_W26_an_end_within_a_callback)
{
    static struct wire w;
    const struct table_row row =
        ROW("W26 an end within", "", TIMES(FIN | TEXT, "a", 3));
    struct wire_plan plan = {.end = WIRE_CLOSES};

    if (!open_either(&w, _i))
        return;
    plan.bytes = (struct flare_str){wire_bytes,
                                    frames_wire(wire_bytes, &row, w.is_client)};
    for (int is_abort = 0; is_abort < 2; is_abort++) {
        plan.handler = &ends[is_abort];
        wire_run(&w, &plan);
        ck_assert_int_eq(w.seen.messages, 1); /* the others are dropped */
        ck_assert_int_eq(w.seen.closed, 1);
        ck_assert_uint_eq(w.seen.code, is_abort ? 1006 : 1000);
    }
    wire_close(&w);
}
END_TEST

START_TEST(test_conformance_has_what_the_issue_asks_for)
{
    ck_assert_int_ge(ROWS(table), 400);
}
END_TEST

/* ---- the suite ---- */

static void set_up(struct flare_ws_handler *h, uint32_t bytes_max,
                   uint32_t frames_max, bool has_deflate)
{
    wire_handler(h);
    h->message_bytes_max = bytes_max > 0 ? bytes_max : TABLE_BYTES_MAX;
    h->message_frames_max = frames_max > 0 ? frames_max : TABLE_FRAMES_MAX;
    h->deflate.is_on = has_deflate;
    h->deflate.min_bytes = 1;
}

static void set_up_handlers(void)
{
    for (int i = 0; i < ROWS(table); i++)
        set_up(&handlers[i], table[i].bytes_max, table[i].frames_max,
               table[i].has_deflate);
    set_up(&plain, 0, 0, false);
    set_up(&leaves, 0, 0, false);
    leaves.on_open = leave;
    leaves.close_timeout_ms = 30;
    for (int i = 0; i < ROWS(ends); i++)
        set_up(&ends[i], 0, 0, false);
    ends[0].on_message = close_within;
    ends[1].on_message = abort_within;
#ifdef FLARE_HAVE_ZLIB
    for (int i = 0; i < ROWS(deflate_rows); i++)
        set_up(&deflate_handlers[i], deflate_rows[i].row.bytes_max, 0, true);
    for (int i = 0; i < ROWS(made_rows); i++)
        set_up(&made_handlers[i], made_rows[i].bytes_max, 0, true);
#endif
}

int main(void)
{
    Suite *suite = suite_create("ws/conformance");
    TCase *tc = tcase_create("conformance");

    set_up_handlers();
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, test_conformance_has_what_the_issue_asks_for);
    tcase_add_loop_test(tc, test_conformance_of_the_server, 0,
                        LOOP_RIG_BACKENDS);
    tcase_add_loop_test(tc, test_conformance_of_the_client, 0,
                        LOOP_RIG_BACKENDS);
    tcase_add_loop_test(tc, test_conformance_W14_a_close_that_nobody_answers, 0,
                        2 * LOOP_RIG_BACKENDS);
    tcase_add_loop_test(tc, test_conformance_W15_a_flood_of_pings, 0,
                        2 * LOOP_RIG_BACKENDS);
    tcase_add_loop_test(tc, test_conformance_W26_an_end_within_a_callback, 0,
                        2 * LOOP_RIG_BACKENDS);
#ifdef FLARE_HAVE_ZLIB
    tcase_add_loop_test(tc, test_conformance_of_the_server_deflated, 0,
                        LOOP_RIG_BACKENDS);
    tcase_add_loop_test(tc, test_conformance_of_the_client_deflated, 0,
                        LOOP_RIG_BACKENDS);
#endif
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
