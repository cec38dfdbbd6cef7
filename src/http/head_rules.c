/* SPDX-License-Identifier: MIT */
/* Host, Content-Length, Transfer-Encoding, Connection and Expect: of requests,
 * and of responses what has a meaning there. */
#include "http/head_rules.h"

#include "http/chars.h"
#include "http/host.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/*
 * Takes one element from the front of a comma-separated list, without the
 * white space around it, and its comma; at the end list->ptr becomes NULL.
 */
static struct flare_str list_next(struct flare_str *list)
{
    const char *end = list->ptr + list->len;
    const char *p = list->ptr;
    struct flare_str element;

    while (p < end && *p != ',')
        p++;
    element = (struct flare_str){list->ptr, (size_t)(p - list->ptr)};
    if (p < end)
        *list = (struct flare_str){p + 1, (size_t)(end - p - 1)};
    else
        *list = (struct flare_str){NULL, 0};
    while (element.len > 0 && is_blank(element.ptr[0]))
        element.ptr++, element.len--;
    while (element.len > 0 && is_blank(element.ptr[element.len - 1]))
        element.len--;
    return element;
}

static int rule_host(struct flare__head *head, struct flare_str value,
                     uint32_t *seen)
{
    if (*seen & FLARE__SEEN_HOST)
        return FLARE_E_BAD_HOST;
    *seen |= FLARE__SEEN_HOST;
    if (!flare__host_is_valid(value, FLARE__PORT_MAY_BE))
        return FLARE_E_BAD_HOST;
    if (!(*seen & FLARE__SEEN_AUTHORITY))
        head->host = value;
    return 0;
}

/*
 * One decimal number up to 2^63 - 1.  Leading zeros are refused because some
 * reader on the way takes them for octal; a list of equal numbers, which RFC
 * 9110 section 8.6 allows to be merged, because some take its first only.
 */
static int rule_length(uint64_t *content_length, struct flare_str value,
                       uint32_t *seen)
{
    uint64_t length = 0;

    if ((*seen & FLARE__SEEN_LENGTH) || value.len == 0 || value.len > 19)
        return FLARE_E_BAD_FRAMING;
    if (value.ptr[0] == '0' && value.len > 1)
        return FLARE_E_BAD_FRAMING;
    for (size_t i = 0; i < value.len; i++) {
        if (!flare__char_is(value.ptr[i], FLARE__CHAR_DIGIT))
            return FLARE_E_BAD_FRAMING;
        length = length * 10 + (uint64_t)(value.ptr[i] - '0');
    }
    if (length > INT64_MAX)
        return FLARE_E_BAD_FRAMING;
    *seen |= FLARE__SEEN_LENGTH;
    *content_length = length;
    return 0;
}

/*
 * "chunked" alone is served.  Another coding before it is one we do not know;
 * everything else leaves the length of the body to guesses (RFC 9112 section
 * 6.3), also on HTTP/1.0, where the sender cannot have meant it (6.1).
 */
static int rule_coding(uint8_t minor, struct flare_str value, uint32_t *seen)
{
    struct flare_str list = value;
    bool is_last_chunked = false;

    if ((*seen & FLARE__SEEN_CODING) || minor == 0)
        return FLARE_E_BAD_FRAMING;
    *seen |= FLARE__SEEN_CODING;
    if (flare_str_equal_nocase(value, FLARE_STR("chunked")))
        return 0;
    while (list.ptr) {
        struct flare_str coding = list_next(&list);

        if (!flare__is_token(coding) || is_last_chunked)
            return FLARE_E_BAD_FRAMING;
        is_last_chunked = flare_str_equal_nocase(coding, FLARE_STR("chunked"));
    }
    return is_last_chunked ? FLARE_E_CODING_UNKNOWN : FLARE_E_BAD_FRAMING;
}

/* Empty elements are allowed to a list's recipient (RFC 9110 section 5.6.1). */
static int rule_connection(struct flare_str list, uint32_t *seen)
{
    if (list.len == 10 && flare__word_is(list.ptr, "keep-alive", 10)) {
        *seen |= FLARE__SEEN_KEEP_ALIVE;
        return 0;
    }
    while (list.ptr) {
        struct flare_str option = list_next(&list);

        if (option.len == 0)
            continue;
        if (!flare__is_token(option))
            return FLARE_E_BAD_REQUEST;
        if (flare_str_equal_nocase(option, FLARE_STR("close")))
            *seen |= FLARE__SEEN_CLOSE;
        else if (flare_str_equal_nocase(option, FLARE_STR("keep-alive")))
            *seen |= FLARE__SEEN_KEEP_ALIVE;
        else if (flare_str_equal_nocase(option, FLARE_STR("upgrade")))
            *seen |= FLARE__SEEN_UPGRADE;
    }
    return 0;
}

/* HTTP/1.0 knows no Expect: ignored (RFC 9110 section 10.1.1). */
static int rule_expect(const struct flare__head *head, struct flare_str value,
                       uint32_t *seen)
{
    if (head->minor == 0)
        return 0;
    if (!flare_str_equal_nocase(value, FLARE_STR("100-continue")))
        return FLARE_E_EXPECTATION;
    *seen |= FLARE__SEEN_CONTINUE;
    return 0;
}

static int rule_apply(struct flare__head *head,
                      const struct flare__field *field, uint32_t *seen)
{
    const char *name = field->name;
    struct flare_str value = {field->value, field->value_len};

    switch (field->name_len) {
    case 4:
        return flare__word_is(name, "host", 4) ? rule_host(head, value, seen)
                                               : 0;
    case 6:
        return flare__word_is(name, "expect", 6)
                   ? rule_expect(head, value, seen)
                   : 0;
    case 10:
        return flare__word_is(name, "connection", 10)
                   ? rule_connection(value, seen)
                   : 0;
    case 14:
        return flare__word_is(name, "content-length", 14)
                   ? rule_length(&head->content_length, value, seen)
                   : 0;
    case 17:
        return flare__word_is(name, "transfer-encoding", 17)
                   ? rule_coding(head->minor, value, seen)
                   : 0;
    default:
        return 0;
    }
}

int flare__rule_field(struct flare__head *head,
                      const struct flare__field *field, uint32_t seen)
{
    int rc = rule_apply(head, field, &seen);

    return rc < 0 ? rc : (int)seen;
}

/* What both kinds of head say about the connection and the body. */
static uint8_t rule_flags(uint8_t minor, uint32_t seen)
{
    uint8_t flags = 0;

    if (!(seen & FLARE__SEEN_CLOSE) &&
        (minor > 0 || (seen & FLARE__SEEN_KEEP_ALIVE)))
        flags |= FLARE__HEAD_KEEP_ALIVE;
    if (seen & FLARE__SEEN_CODING)
        flags |= FLARE__HEAD_CHUNKED;
    if (seen & FLARE__SEEN_LENGTH)
        flags |= FLARE__HEAD_HAS_LENGTH;
    if (minor > 0 && (seen & FLARE__SEEN_UPGRADE))
        flags |= FLARE__HEAD_UPGRADE;
    return flags;
}

int flare__rule_end_slow(struct flare__head *head, uint32_t seen)
{
    bool has_body = head->content_length > 0 || (seen & FLARE__SEEN_CODING);

    if ((seen & FLARE__SEEN_LENGTH) && (seen & FLARE__SEEN_CODING))
        return FLARE_E_BAD_FRAMING;
    if (head->minor > 0 && !(seen & FLARE__SEEN_HOST))
        return FLARE_E_BAD_HOST;
    head->flags = rule_flags(head->minor, seen);
    if (has_body && (seen & FLARE__SEEN_CONTINUE))
        head->flags |= FLARE__HEAD_CONTINUE;
    return 0;
}

static int rule_reply_apply(struct flare__reply_head *head,
                            const struct flare__field *field, uint32_t *seen)
{
    const char *name = field->name;
    struct flare_str value = {field->value, field->value_len};

    switch (field->name_len) {
    case 10:
        return flare__word_is(name, "connection", 10)
                   ? rule_connection(value, seen)
                   : 0;
    case 14:
        return flare__word_is(name, "content-length", 14)
                   ? rule_length(&head->content_length, value, seen)
                   : 0;
    case 17:
        return flare__word_is(name, "transfer-encoding", 17)
                   ? rule_coding(head->minor, value, seen)
                   : 0;
    default:
        return 0;
    }
}

int flare__rule_reply_field(struct flare__reply_head *head,
                            const struct flare__field *field, uint32_t seen)
{
    int rc = rule_reply_apply(head, field, &seen);

    return rc < 0 ? rc : (int)seen;
}

int flare__rule_reply_end(struct flare__reply_head *head, uint32_t seen)
{
    if ((seen & FLARE__SEEN_LENGTH) && (seen & FLARE__SEEN_CODING))
        return FLARE_E_BAD_FRAMING;
    head->flags = rule_flags(head->minor, seen);
    return 0;
}
