/* SPDX-License-Identifier: MIT */
/*
 * The trace: a hash of everything that happened, the last lines of it in
 * memory, all of it on a stream if asked for; and the end of a run that broke
 * a rule.
 */
#include "backends/sim_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const note_names[] = {
#define SIM_NOTE_NAME(name) #name,
    SIM_NOTES(SIM_NOTE_NAME)
#undef SIM_NOTE_NAME
};

static const char *const fault_names[] = {
#define SIM_FAULT_NAME(name, highest) #name,
    FLARE__SIM_FAULTS(SIM_FAULT_NAME) FLARE__SIM_DATAGRAM_FAULTS(SIM_FAULT_NAME)
#undef SIM_FAULT_NAME
};

const char *flare__sim_fault_name(enum flare__sim_fault fault)
{
    return fault_names[fault];
}

static void line_print(const struct sim_line *l, FILE *out)
{
    const char *name = note_names[l->note];

    if (l->note == SIM_N_NOTE)
        name = l->text;
    else if (l->note == SIM_N_FAULT)
        name = fault_names[l->who];
    fprintf(out, "%12.6f ms  %-14s", (double)l->time / 1e6, name);
    if (l->note == SIM_N_FAULT)
        fprintf(out, " (fault)\n");
    else
        fprintf(out, " #%-4" PRIu32 " %" PRId64 " %" PRId64 "\n", l->who, l->a,
                l->b);
}

static inline uint64_t hash_mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x9fb21c651e98df25);
    return hash ^ (hash >> 29);
}

static uint64_t hash_word(const uint8_t *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof(word));
    return word;
}

/* Four lanes for long runs: one would wait for its own multiplications. */
uint64_t sim_hash_bytes(uint64_t hash, const void *data, size_t len)
{
    const uint8_t *p = data;
    uint64_t lanes[4] = {hash, 1, 2, 3};
    uint64_t last = len;

    for (; len >= sizeof(lanes); len -= sizeof(lanes), p += sizeof(lanes))
        for (int i = 0; i < 4; i++)
            lanes[i] = hash_mix(lanes[i], hash_word(p + i * 8));
    hash = lanes[0];
    for (int i = 1; i < 4 && p != data; i++)
        hash = hash_mix(hash, lanes[i]);
    for (; len >= 8; len -= 8, p += 8)
        hash = hash_mix(hash, hash_word(p));
    for (; len > 0; len--)
        last = last << 8 | *p++;
    return hash_mix(hash, last);
}

static void line_add(struct flare__sim *w, const struct sim_line *line)
{
    w->hash = hash_mix(w->hash, line->time);
    w->hash = hash_mix(w->hash, (uint64_t)line->note << 32 | line->who);
    w->hash = hash_mix(w->hash, (uint64_t)line->a);
    w->hash = hash_mix(w->hash, (uint64_t)line->b);
    w->tail[w->line_count++ % SIM_TAIL] = *line;
    if (w->config.trace != NULL)
        line_print(line, w->config.trace);
}

void sim_trace(struct flare__sim *w, enum sim_note note, uint32_t who,
               int64_t a, int64_t b)
{
    line_add(w, &(struct sim_line){
                    .time = w->now, .note = note, .who = who, .a = a, .b = b});
}

void flare__sim_note(struct flare__sim *w, const char *what, int64_t a,
                     int64_t b)
{
    line_add(
        w,
        &(struct sim_line){
            .time = w->now, .text = what, .note = SIM_N_NOTE, .a = a, .b = b});
}

uint64_t flare__sim_hash(const struct flare__sim *w)
{
    return w->hash;
}

void flare__sim_dump(const struct flare__sim *w, FILE *out)
{
    uint64_t at = w->line_count > SIM_TAIL ? w->line_count - SIM_TAIL : 0;

    for (; at < w->line_count; at++)
        line_print(&w->tail[at % SIM_TAIL], out);
}

void flare__sim_fail(const struct flare__sim *w, const char *format, ...)
{
    va_list args;

    flare__sim_dump(w, stderr);
    fprintf(stderr,
            "sim, seed %" PRIu64 ", %" PRIu64 " lines: ", w->config.seed,
            w->line_count);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    if (w->config.replay != NULL && w->config.tape == NULL)
        fprintf(stderr, "replay: FLARE_SIM_FIRST=%" PRIu64 " %s\n",
                w->config.seed, w->config.replay);
    abort();
}

void flare__sim_count(const struct flare__sim *w, struct flare__sim_counts *sum)
{
    for (uint32_t i = 0; i < FLARE__SIM_FAULT_ALL; i++)
        sum->faults[i] += w->counts.faults[i];
    sum->polls += w->counts.polls;
    sum->events += w->counts.events;
    sum->conns += w->counts.conns;
    sum->accepted += w->counts.accepted;
    sum->datagrams += w->counts.datagrams;
    sum->overflows += w->counts.overflows;
    sum->virtual_ns += w->now;
}

void *sim_memory(void *block, size_t size)
{
    void *got = realloc(block, size);

    if (got == NULL)
        abort(); /* the world itself does not run out of memory */
    return got;
}
