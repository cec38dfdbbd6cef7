/* SPDX-License-Identifier: MIT */
/* Chooses the parser's kernel, once; finds fields by name. */
#include "http/head.h"

#include "base/assert.h"
#include "base/cpu.h"
#include "http/list.h"
#include "http/scan.h"

#include <stdatomic.h>
#include <string.h>

size_t flare__scan_kernels(
    struct flare__scan_kernel out[FLARE__SCAN_KERNELS_MAX + 1], uint32_t denied)
{
    uint32_t cpu = flare__cpu_features(denied);
    size_t n = 0;

    (void)cpu;
#ifdef FLARE__SCAN_X86
    if (cpu & FLARE__CPU_AVX512BW)
        out[n++] = (struct flare__scan_kernel){
            "avx512", flare__head_parse_avx512, flare__reply_parse_avx512};
    if (cpu & FLARE__CPU_AVX2)
        out[n++] = (struct flare__scan_kernel){"avx2", flare__head_parse_avx2,
                                               flare__reply_parse_avx2};
    if (cpu & FLARE__CPU_SSE42)
        out[n++] = (struct flare__scan_kernel){"sse42", flare__head_parse_sse42,
                                               flare__reply_parse_sse42};
#endif
#ifdef FLARE__SCAN_NEON
    if (cpu & FLARE__CPU_NEON)
        out[n++] = (struct flare__scan_kernel){"neon", flare__head_parse_neon,
                                               flare__reply_parse_neon};
#endif
    out[n++] = (struct flare__scan_kernel){"scalar", flare__head_parse_scalar,
                                           flare__reply_parse_scalar};
    out[n] = (struct flare__scan_kernel){NULL, NULL, NULL};
    return n;
}

static flare__head_parse_fn head_parse_first;

/* Chosen by the first call; threads that race here store the same. */
static _Atomic(flare__head_parse_fn *) head_parse = head_parse_first;

static int head_parse_first(struct flare__head *head,
                            const struct flare__head_limits *limits,
                            const char *buf, size_t len)
{
    struct flare__scan_kernel kernels[FLARE__SCAN_KERNELS_MAX + 1];

    (void)flare__scan_kernels(kernels, 0); /* scalar at least */
    atomic_store_explicit(&head_parse, kernels[0].parse, memory_order_relaxed);
    return kernels[0].parse(head, limits, buf, len);
}

int flare__head_parse(struct flare__head *head,
                      const struct flare__head_limits *limits, const char *buf,
                      size_t len)
{
    flare__head_parse_fn *parse =
        atomic_load_explicit(&head_parse, memory_order_relaxed);

    return parse(head, limits, buf, len);
}

const struct flare__field *flare__field_find(const struct flare__field *fields,
                                             uint32_t count,
                                             struct flare_str name)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct flare__field *field = &fields[i];
        struct flare_str own = {field->name, field->name_len};

        if (flare_str_equal_nocase(own, name))
            return field;
    }
    return NULL;
}

/* One line without its CRLF. */
static void field_line_read(struct flare__field *f, const char *line,
                            const char *end)
{
    const char *colon = memchr(line, ':', (size_t)(end - line));
    struct flare_str value;

    FLARE_ASSERT(colon != NULL);
    value =
        flare__trim((struct flare_str){colon + 1, (size_t)(end - colon - 1)});
    *f = (struct flare__field){line, value.ptr, (uint32_t)(colon - line),
                               (uint32_t)value.len};
}

uint32_t flare__field_lines(struct flare_str section,
                            struct flare__field *fields, uint32_t fields_max)
{
    const char *line = section.ptr;
    uint32_t count = 0;

    while (section.len > 0) {
        const char *lf = memchr(line, '\n', section.len);

        FLARE_ASSERT(lf != NULL && lf > line);
        if (count < fields_max)
            field_line_read(&fields[count], line, lf - 1);
        count++;
        section.len -= (size_t)(lf + 1 - line);
        line = lf + 1;
    }
    return count;
}

const struct flare__field *flare__head_find(const struct flare__head *head,
                                            struct flare_str name)
{
    return flare__field_find(head->fields, head->field_count, name);
}
