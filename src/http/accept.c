/* SPDX-License-Identifier: MIT */
/* Content negotiation: elements with weights, the best of them. */
#include "http/accept.h"

#include "http/chars.h"

#include <string.h>

enum { WEIGHT_MAX = 1000, WEIGHT_UNSAID = -1 };

static const struct flare_str coding_names[FLARE__CODING_COUNT] = {
    [FLARE__CODING_IDENTITY] = {"", 0},
    [FLARE__CODING_GZIP] = {"gzip", 4},
    [FLARE__CODING_DEFLATE] = {"deflate", 7},
    [FLARE__CODING_BR] = {"br", 2},
};

struct flare_str flare__coding_name(enum flare__coding coding)
{
    return coding < 0 || coding >= FLARE__CODING_COUNT ? coding_names[0]
                                                       : coding_names[coding];
}

enum flare__coding flare__coding_find(struct flare_str name)
{
    if (flare_str_equal_nocase(name, FLARE_STR("identity")))
        return FLARE__CODING_IDENTITY;
    if (flare_str_equal_nocase(name, FLARE_STR("x-gzip")))
        return FLARE__CODING_GZIP; /* section 8.4.1.3 */
    for (int i = FLARE__CODING_IDENTITY + 1; i < FLARE__CODING_COUNT; i++)
        if (flare_str_equal_nocase(name, coding_names[i]))
            return (enum flare__coding)i;
    return FLARE__CODING_NONE;
}

enum flare__coding flare__coding_of(struct flare__values content_encoding)
{
    enum flare__coding coding = FLARE__CODING_IDENTITY;

    for (size_t i = 0; i < content_encoding.count; i++) {
        struct flare_str rest = content_encoding.at[i], name;

        while (flare__list_next(&rest, FLARE__QUOTED_STRING, &name)) {
            enum flare__coding next = flare__coding_find(name);

            if (next == FLARE__CODING_NONE ||
                (coding != FLARE__CODING_IDENTITY &&
                 next != FLARE__CODING_IDENTITY))
                return FLARE__CODING_NONE;
            if (next != FLARE__CODING_IDENTITY)
                coding = next;
        }
    }
    return coding;
}

/* qvalue of section 12.4.2 in thousandths, or -1. */
static int parse_qvalue(struct flare_str text)
{
    int weight = 0, scale = 100;

    if (text.len == 0 || text.len > 5 ||
        (text.ptr[0] != '0' && text.ptr[0] != '1') ||
        (text.len > 1 && text.ptr[1] != '.'))
        return -1;
    for (size_t i = 2; i < text.len; i++, scale /= 10) {
        if (!flare__char_is(text.ptr[i], FLARE__CHAR_DIGIT))
            return -1;
        weight += (text.ptr[i] - '0') * scale;
    }
    if (text.ptr[0] == '0')
        return weight;
    return weight == 0 ? WEIGHT_MAX : -1;
}

struct element {
    struct flare_str name; /* "gzip", "text/html" */
    int weight;
    bool has_params; /* others than q */
};

/* Returns false if the element is not of the grammar. */
static bool parse_element(struct flare_str text, struct element *out)
{
    out->name = flare__cut(&text, ';', FLARE__QUOTED_STRING);
    out->weight = WEIGHT_MAX;
    out->has_params = false;
    if (out->name.len == 0)
        return false;
    while (text.len > 0) {
        struct flare_str param = flare__cut(&text, ';', FLARE__QUOTED_STRING);

        if (param.len >= 2 && (param.ptr[0] | 0x20) == 'q' &&
            param.ptr[1] == '=') {
            param.ptr += 2;
            param.len -= 2;
            out->weight = parse_qvalue(param);
            return out->weight >= 0; /* what follows q is no parameter */
        }
        out->has_params = true;
    }
    return true;
}

static void lower(int *weight, int by)
{
    if (*weight == WEIGHT_UNSAID || by < *weight)
        *weight = by;
}

/* weights[c] is that of coding c, weights[FLARE__CODING_COUNT] that of `*`. */
static void read_codings(struct flare__values values, int *weights)
{
    struct flare_str text;
    struct element element;

    for (int i = 0; i <= FLARE__CODING_COUNT; i++)
        weights[i] = WEIGHT_UNSAID;
    for (size_t i = 0; i < values.count; i++) {
        struct flare_str rest = values.at[i];

        while (flare__list_next(&rest, FLARE__QUOTED_STRING, &text)) {
            enum flare__coding coding;

            if (!parse_element(text, &element) || element.has_params)
                continue;
            coding = flare__coding_find(element.name);
            if (coding != FLARE__CODING_NONE)
                lower(&weights[coding], element.weight);
            else if (element.name.len == 1 && element.name.ptr[0] == '*')
                lower(&weights[FLARE__CODING_COUNT], element.weight);
        }
    }
}

/* Doubled, so that identity that nobody named has a place above nothing. */
static int coding_rank(const int *weights, enum flare__coding coding)
{
    int weight = weights[coding];

    if (weight == WEIGHT_UNSAID)
        weight = weights[FLARE__CODING_COUNT];
    if (weight == WEIGHT_UNSAID)
        return coding == FLARE__CODING_IDENTITY ? 1 : 0;
    return 2 * weight;
}

enum flare__coding flare__accept_coding(struct flare__values accept_encoding,
                                        const enum flare__coding *offered,
                                        size_t count)
{
    int weights[FLARE__CODING_COUNT + 1];
    enum flare__coding best = FLARE__CODING_NONE;
    int best_rank = 0;

    if (accept_encoding.count == 0)
        return FLARE__CODING_IDENTITY;
    read_codings(accept_encoding, weights);
    for (size_t i = 0; i <= count; i++) {
        enum flare__coding coding =
            i < count ? offered[i] : FLARE__CODING_IDENTITY;
        int rank = coding_rank(weights, coding);

        if (rank > best_rank) {
            best = coding;
            best_rank = rank;
        }
    }
    return best;
}

/* How closely `range` names `type`: 3 both, 2 the type, 1 neither, 0 no. */
static int media_match(struct flare_str range, struct flare_str type)
{
    const char *slash = memchr(type.ptr, '/', type.len);
    struct flare_str major = {
        type.ptr, slash == NULL ? type.len : (size_t)(slash - type.ptr) + 1};

    if (flare_str_equal_nocase(range, type))
        return 3;
    if (flare_str_equal(range, FLARE_STR("*/*")))
        return 1;
    if (range.len != major.len + 1 || range.ptr[major.len] != '*')
        return 0;
    range.len--;
    return flare_str_equal_nocase(range, major) ? 2 : 0;
}

unsigned flare__accept_weight(struct flare__values accept,
                              struct flare_str type)
{
    struct flare_str text;
    struct element element;
    int best = 0, weight = 0;

    if (accept.count == 0)
        return WEIGHT_MAX;
    for (size_t i = 0; i < accept.count; i++) {
        struct flare_str rest = accept.at[i];

        while (flare__list_next(&rest, FLARE__QUOTED_STRING, &text)) {
            int match;

            if (!parse_element(text, &element) || element.has_params)
                continue;
            match = media_match(element.name, type);
            if (match > best || (match == best && element.weight < weight)) {
                best = match;
                weight = element.weight;
            }
        }
    }
    return best == 0 ? 0 : (unsigned)weight;
}

bool flare__accept_prefers_json(struct flare__values accept)
{
    return flare__accept_weight(accept, FLARE_STR("application/json")) >
           flare__accept_weight(accept, FLARE_STR("text/html"));
}
