/* SPDX-License-Identifier: MIT */
/* Datagrams that wait: order, whole packets, the ring's end, bounds. */
#include "udp/queue.h"

#include <flare/error.h>

#include "base/alloc.h"
#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

enum { HEAD = sizeof(struct flare__udp_packet), SHADOW = 4096 };

struct bench {
    struct fault fault;
    struct flare__udp_queue q;
};

static void bench_init(struct bench *b, uint32_t capacity)
{
    fault_init(&b->fault, FAULT_NEVER, 0);
    flare__udp_queue_init(&b->q, &b->fault.al, capacity);
    ck_assert_int_eq(flare__udp_queue_prepare(&b->q), 0);
}

static void bench_fini(struct bench *b)
{
    flare__udp_queue_fini(&b->q);
    fault_fini(&b->fault, "queue");
}

/* `len` bytes that only `tag` has. */
static void fill(char *out, size_t len, uint32_t tag)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (char)(tag * 31 + i * 7);
}

static int push(struct flare__udp_queue *q, size_t len, uint32_t tag)
{
    static char bytes[70000];
    struct flare__udp_to to = {.addr_len = FLARE__UDP_ADDR_MAX,
                               .segment = (uint16_t)tag};

    fill(bytes, len, tag);
    memset(to.addr, (int)tag, sizeof(to.addr));
    return flare__udp_queue_push(q, &to, (struct flare_str){bytes, len});
}

/* Whether `p` is what push() put. */
static void check(struct flare__udp_packet *p, size_t len, uint32_t tag)
{
    static char bytes[70000];
    uint8_t addr[FLARE__UDP_ADDR_MAX];

    ck_assert_ptr_nonnull(p);
    fill(bytes, len, tag);
    memset(addr, (int)tag, sizeof(addr));
    ck_assert_uint_eq(p->len, len);
    ck_assert_uint_eq(p->segment, (uint16_t)tag);
    ck_assert_uint_eq(p->sent, 0);
    ck_assert_uint_eq(p->flags, 0);
    ck_assert_mem_eq(p->addr, addr, sizeof(addr));
    ck_assert_mem_eq(flare__udp_packet_data(p), bytes, len);
    ck_assert_uint_eq((uintptr_t)p % FLARE__UDP_PACKET_ALIGN, 0);
}

START_TEST(test_queue_gives_packets_in_order_and_whole)
{
    struct bench b;

    bench_init(&b, 65536);
    ck_assert_ptr_null(flare__udp_queue_first(&b.q));
    for (uint32_t i = 0; i < 100; i++)
        ck_assert_int_eq(push(&b.q, i, i), 0); /* an empty one too */
    for (uint32_t i = 0; i < 100; i++) {
        check(flare__udp_queue_first(&b.q), i, i);
        flare__udp_queue_pop(&b.q);
    }
    ck_assert_ptr_null(flare__udp_queue_first(&b.q));
    ck_assert_uint_eq(b.q.bytes, 0);
    bench_fini(&b);
}
END_TEST

START_TEST(test_queue_is_full_to_the_byte_and_refuses_without_harm)
{
    struct bench b;

    bench_init(&b, 2 * HEAD + 64);
    ck_assert_int_eq(push(&b.q, 32, 1), 0);
    ck_assert_int_eq(push(&b.q, 33, 2), FLARE_E_OUTPUT_FULL);
    ck_assert_int_eq(push(&b.q, 32, 2), 0);
    ck_assert_uint_eq(b.q.bytes, b.q.capacity);
    ck_assert_int_eq(push(&b.q, 0, 3), FLARE_E_OUTPUT_FULL);
    check(flare__udp_queue_first(&b.q), 32, 1);
    check(flare__udp_queue_next(&b.q, flare__udp_queue_first(&b.q)), 32, 2);

    /* full, and wrapped: the tail has come round to the head */
    flare__udp_queue_pop(&b.q);
    ck_assert_int_eq(push(&b.q, 32, 3), 0);
    ck_assert_uint_eq(b.q.bytes, b.q.capacity);
    ck_assert_int_eq(push(&b.q, 0, 4), FLARE_E_OUTPUT_FULL);
    check(flare__udp_queue_first(&b.q), 32, 2);
    check(flare__udp_queue_next(&b.q, flare__udp_queue_first(&b.q)), 32, 3);
    bench_fini(&b);
}
END_TEST

START_TEST(test_queue_takes_any_packet_when_it_is_empty)
{
    struct bench b;

    /* whatever was in it before, and wherever its head had come to */
    for (uint32_t before = 0; before < 40; before++) {
        bench_init(&b, 4096);
        for (uint32_t i = 0; i < before; i++)
            ck_assert_int_eq(push(&b.q, 16, i), 0);
        for (uint32_t i = 0; i < before; i++)
            flare__udp_queue_pop(&b.q);
        ck_assert_int_eq(push(&b.q, 4096 - HEAD, 7), 0);
        check(flare__udp_queue_first(&b.q), 4096 - HEAD, 7);
        ck_assert_int_eq(push(&b.q, 0, 8), FLARE_E_OUTPUT_FULL);
        bench_fini(&b);
    }
}
END_TEST

START_TEST(test_queue_refuses_what_it_can_never_hold)
{
    struct bench b;

    bench_init(&b, 1024);
    ck_assert_int_eq(push(&b.q, 1024 - HEAD + 1, 1), FLARE_E_OUTPUT_FULL);
    ck_assert_int_eq(push(&b.q, 65535, 1), FLARE_E_OUTPUT_FULL);
    ck_assert_int_eq(push(&b.q, 1024 - HEAD, 1), 0);
    bench_fini(&b);
}
END_TEST

START_TEST(test_queue_has_no_memory_until_it_is_prepared)
{
    struct fault fault;
    struct flare__udp_queue q;

    fault_init(&fault, FAULT_ONCE, 1);
    flare__udp_queue_init(&q, &fault.al, 1024);
    flare__udp_queue_fini(&q);
    ck_assert_uint_eq(fault.allocs, 0);
    ck_assert_int_eq(flare__udp_queue_prepare(&q), -ENOMEM);
    ck_assert_int_eq(flare__udp_queue_prepare(&q), 0);
    ck_assert_int_eq(flare__udp_queue_prepare(&q), 0);
    ck_assert_uint_eq(fault.allocs, 2);
    flare__udp_queue_fini(&q);
    fault_fini(&fault, "queue");
}
END_TEST

/* ---- against a model ---- */

static uint32_t random_next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

struct shadow {
    size_t len[SHADOW];
    uint32_t tag[SHADOW];
    uint32_t first, count;
    uint32_t bytes;
};

static void shadow_check(const struct flare__udp_queue *q,
                         const struct shadow *s)
{
    struct flare__udp_packet *p = flare__udp_queue_first(q);

    ck_assert_uint_eq(q->count, s->count);
    ck_assert_uint_eq(q->bytes, s->bytes);
    for (uint32_t i = 0; i < s->count; i++) {
        uint32_t at = (s->first + i) % SHADOW;

        check(p, s->len[at], s->tag[at]);
        p = flare__udp_queue_next(q, p);
    }
    ck_assert_ptr_null(p);
}

static uint32_t size_of(size_t len)
{
    return (uint32_t)((HEAD + len + 7) & ~(size_t)7);
}

START_TEST(test_queue_is_a_queue_whatever_is_done)
{
    static struct shadow s;
    uint32_t state = (uint32_t)_i + 1;
    uint32_t capacity = 512 + random_next(&state) % 4096;
    struct bench b;

    s = (struct shadow){.first = 0};
    bench_init(&b, capacity);
    for (uint32_t step = 0; step < 2000; step++) {
        size_t len = random_next(&state) % (capacity / 3);

        if (random_next(&state) % 100 < 55) {
            int rc = push(&b.q, len, step);

            if (rc == 0) {
                uint32_t at = (s.first + s.count++) % SHADOW;

                s.len[at] = len;
                s.tag[at] = step;
                s.bytes += size_of(len);
            } else {
                ck_assert_int_eq(rc, FLARE_E_OUTPUT_FULL);
                ck_assert_uint_gt(s.count, 0); /* a third always fits */
                /* no more is lost than a packet at the end and one between */
                ck_assert_uint_gt(s.bytes + 3 * size_of(capacity / 3),
                                  b.q.capacity);
            }
        } else if (s.count > 0) {
            flare__udp_queue_pop(&b.q);
            s.bytes -= size_of(s.len[s.first]);
            s.first = (s.first + 1) % SHADOW;
            s.count--;
        }
        shadow_check(&b.q, &s);
    }
    bench_fini(&b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("udp/queue");
    TCase *tc = tcase_create("queue");

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, test_queue_gives_packets_in_order_and_whole);
    tcase_add_test(tc, test_queue_is_full_to_the_byte_and_refuses_without_harm);
    tcase_add_test(tc, test_queue_takes_any_packet_when_it_is_empty);
    tcase_add_test(tc, test_queue_refuses_what_it_can_never_hold);
    tcase_add_test(tc, test_queue_has_no_memory_until_it_is_prepared);
    tcase_add_loop_test(tc, test_queue_is_a_queue_whatever_is_done, 0, 50);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
