/* SPDX-License-Identifier: MIT */
/*
 * States:  HEAD -> (LENGTH | CHUNK... | CLOSE | nothing) -> HEAD
 *
 * A head is read when it is whole; one that is cut is collected first.  A
 * chunked body is walked byte by byte but for its data.
 */
#include "tools/bench/answer.h"

#include <stdlib.h>
#include <string.h>

enum {
    IN_HEAD,
    IN_LENGTH,
    IN_CLOSE,
    IN_SIZE,      /* digits of a chunk's size; left: their value */
    IN_EXTENSION, /* the rest of its line */
    IN_SIZE_LF,
    IN_DATA,
    IN_DATA_CR,
    IN_DATA_LF,
    IN_TRAILER, /* at the begin of a line, or within */
    IN_TRAILER_LF,
    IN_END_LF
};

enum { BODY_NONE, BODY_LENGTH, BODY_CHUNKED, BODY_CLOSE };

static enum answer_state bad(struct answer *a, const char *fault)
{
    a->fault = fault;
    return ANSWER_BAD;
}

/* ---- a head ---- */

static bool is_token_char(unsigned char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
        (c >= '0' && c <= '9'))
        return true;
    return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool is_text_char(unsigned char c)
{
    return c == '\t' || (c >= ' ' && c != 0x7f);
}

static struct flare_str trim(struct flare_str s)
{
    while (s.len > 0 && (*s.ptr == ' ' || *s.ptr == '\t')) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* Parts `*rest` at `c`; the last part is what is left. */
static struct flare_str part(struct flare_str *rest, char c)
{
    const char *at = memchr(rest->ptr, c, rest->len);
    struct flare_str first = *rest;

    if (at == NULL) {
        rest->ptr += rest->len;
        rest->len = 0;
        return first;
    }
    first.len = (size_t)(at - rest->ptr);
    rest->ptr += first.len + 1;
    rest->len -= first.len + 1;
    return first;
}

/* What of the fields decides how the body ends. */
struct framing {
    const char *fault;
    bool is_1_0;
    bool has_length;
    bool has_coding;
    bool is_chunked;
    bool says_close;
    bool says_keep_alive;
    bool says_websocket;
    bool has_accept;
    bool has_extension;
    uint64_t length;
};

static void read_length(struct framing *f, struct flare_str value)
{
    if (f->has_length)
        f->fault = "Content-Length is there twice";
    f->has_length = true;
    f->length = 0;
    if (value.len == 0 || value.len > 18)
        f->fault = "Content-Length is no length";
    for (size_t i = 0; i < value.len && f->fault == NULL; i++) {
        if (value.ptr[i] < '0' || value.ptr[i] > '9')
            f->fault = "Content-Length is no length";
        f->length = f->length * 10 + (uint64_t)(value.ptr[i] - '0');
    }
}

static void read_coding(struct framing *f, struct flare_str value)
{
    if (f->has_coding)
        f->fault = "Transfer-Encoding is there twice";
    f->has_coding = true;
    f->is_chunked = flare_str_equal_nocase(value, FLARE_STR("chunked"));
    if (!f->is_chunked)
        f->fault = "Transfer-Encoding is not chunked";
}

static void read_connection(struct framing *f, struct flare_str value)
{
    while (value.len > 0) {
        struct flare_str word = trim(part(&value, ','));

        if (flare_str_equal_nocase(word, FLARE_STR("close")))
            f->says_close = true;
        if (flare_str_equal_nocase(word, FLARE_STR("keep-alive")))
            f->says_keep_alive = true;
    }
}

/* What is asked of a handshake's answer alone. */
static void read_upgrade(struct framing *f, struct flare_str name,
                         struct flare_str value)
{
    if (flare_str_equal_nocase(name, FLARE_STR("upgrade")))
        f->says_websocket =
            flare_str_equal_nocase(value, FLARE_STR("websocket"));
    if (flare_str_equal_nocase(name, FLARE_STR("sec-websocket-accept")))
        f->has_accept = flare_str_equal(value, FLARE_STR(ANSWER_WS_ACCEPT));
    if (flare_str_equal_nocase(name, FLARE_STR("sec-websocket-extensions")))
        f->has_extension = true;
}

static void read_field(struct framing *f, struct flare_str line)
{
    struct flare_str value = line;
    struct flare_str name = part(&value, ':');

    if (name.len == line.len || name.len == 0) {
        f->fault = name.len == 0 ? "a field without a name"
                                 : "a field without a colon";
        return;
    }
    for (size_t i = 0; i < name.len; i++)
        if (!is_token_char((unsigned char)name.ptr[i]))
            f->fault = "a field's name has a character that none may have";
    for (size_t i = 0; i < value.len; i++)
        if (!is_text_char((unsigned char)value.ptr[i]))
            f->fault = "a field's value has a control character";
    if (f->fault != NULL)
        return;
    value = trim(value);
    if (flare_str_equal_nocase(name, FLARE_STR("content-length")))
        read_length(f, value);
    else if (flare_str_equal_nocase(name, FLARE_STR("transfer-encoding")))
        read_coding(f, value);
    else if (flare_str_equal_nocase(name, FLARE_STR("connection")))
        read_connection(f, value);
    else
        read_upgrade(f, name, value);
}

/* "HTTP/1.1 200 OK"; the status, or 0 with the fault. */
static uint16_t read_status_line(struct framing *f, struct flare_str line)
{
    const char *p = line.ptr;
    uint16_t status = 0;

    f->fault = "the first line is no status line of HTTP/1";
    if (line.len < 12 || memcmp(p, "HTTP/1.", 7) != 0 ||
        (p[7] != '0' && p[7] != '1') || p[8] != ' ')
        return 0;
    f->is_1_0 = p[7] == '0';
    for (int i = 9; i < 12; i++) {
        if (p[i] < '0' || p[i] > '9')
            return 0;
        status = (uint16_t)(status * 10 + (p[i] - '0'));
    }
    if (status < 100 || status > 599 || (line.len > 12 && p[12] != ' '))
        return 0;
    for (size_t i = 12; i < line.len; i++)
        if (!is_text_char((unsigned char)p[i]))
            return 0;
    f->fault = NULL;
    return status;
}

/* RFC 9112 section 6.3. */
static void decide(struct answer_head *head, struct framing *f, bool of_head)
{
    bool has_none = head->status < 200 || head->status == 204;

    if (f->has_coding && f->has_length)
        f->fault = "both Content-Length and Transfer-Encoding";
    else if (f->has_coding && f->is_1_0)
        f->fault = "Transfer-Encoding in HTTP/1.0";
    else if (has_none && (f->has_coding || f->has_length))
        f->fault = "a body announced by a status that has none";

    if (f->fault != NULL)
        return;
    head->is_informal = head->status < 200 && head->status != 101;
    head->is_ws = f->says_websocket && f->has_accept && !f->has_extension;
    head->is_last = f->says_close || (f->is_1_0 && !f->says_keep_alive);
    head->length = f->length;
    if (has_none || head->status == 304 || of_head)
        head->body = BODY_NONE;
    else if (f->has_coding)
        head->body = BODY_CHUNKED;
    else if (f->has_length)
        head->body = f->length > 0 ? BODY_LENGTH : BODY_NONE;
    else
        head->body = BODY_CLOSE;
    if (head->body == BODY_CLOSE)
        head->is_last = true;
}

/* Reads a whole head; NULL, or the fault. */
static const char *read_head(struct answer_head *head, struct flare_str bytes,
                             bool of_head)
{
    struct framing f = {.fault = NULL};
    bool is_first = true;

    *head = (struct answer_head){.status = 0};
    if (bytes.len < 2 || bytes.ptr[bytes.len - 2] != '\r')
        return "a line of the head ends without CR";
    bytes.len -= 2;
    while (bytes.len > 0 && f.fault == NULL) {
        struct flare_str line = part(&bytes, '\n');

        if (line.len == 0 || line.ptr[line.len - 1] != '\r')
            return "a line of the head ends without CR";
        line.len--;
        if (is_first)
            head->status = read_status_line(&f, line);
        else
            read_field(&f, line);
        is_first = false;
    }
    if (f.fault == NULL)
        decide(head, &f, of_head);
    return f.fault;
}

/* The length of the head at the begin of `bytes`, its empty line included; 0
 * if that has not come.  The first `seen` are known to hold no end. */
static size_t find_end(struct flare_str bytes, size_t seen)
{
    size_t at = seen > 3 ? seen - 3 : 0;

    while (at < bytes.len) {
        const char *lf = memchr(bytes.ptr + at, '\n', bytes.len - at);

        if (lf == NULL)
            return 0;
        at = (size_t)(lf - bytes.ptr) + 1;
        if (at >= 4 && memcmp(lf - 3, "\r\n\r\n", 4) == 0)
            return at;
        /* Some take an LF alone for the end of a line, and of the head: it is
         * read as far as that, and refused. */
        if (lf == bytes.ptr || lf[-1] != '\r')
            return at;
    }
    return 0;
}

static void remember(struct answer *a, struct flare_str bytes)
{
    struct answer_memo *memo = a->memo;

    if (bytes.len > ANSWER_MEMO_MAX)
        return;
    memcpy(memo->bytes, bytes.ptr, bytes.len);
    memo->len = bytes.len;
    memo->of_head = a->of_head;
    memo->head = a->head;
}

/* What follows a head that has been read. */
static enum answer_state enter_body(struct answer *a)
{
    static const uint8_t states[] = {[BODY_NONE] = IN_HEAD,
                                     [BODY_LENGTH] = IN_LENGTH,
                                     [BODY_CHUNKED] = IN_SIZE,
                                     [BODY_CLOSE] = IN_CLOSE};

    if (a->head.status == 101 && !a->wants_ws)
        return bad(a, "another protocol that nobody asked for");
    if (a->head.status == 101 && !a->head.is_ws)
        return bad(a, "a 101 without what proves that it is WebSocket");
    a->state = states[a->head.body];
    a->left = a->head.body == BODY_LENGTH ? a->head.length : 0;
    a->column = 0;
    if (a->head.is_informal || a->head.body != BODY_NONE)
        return ANSWER_MORE;
    return ANSWER_DONE;
}

static bool hold(struct answer *a, struct flare_str bytes)
{
    size_t len = a->held_len + bytes.len;

    if (len > a->held_size) {
        size_t size = len < 2048 ? 4096 : 2 * len;
        char *held = realloc(a->held, size);

        if (held == NULL)
            return false;
        a->held = held;
        a->held_size = size;
    }
    memcpy(a->held + a->held_len, bytes.ptr, bytes.len);
    a->held_len = len;
    return true;
}

static void take(struct flare_str *bytes, size_t len)
{
    bytes->ptr += len;
    bytes->len -= len;
}

static enum answer_state use_head(struct answer *a, struct flare_str head)
{
    a->fault = read_head(&a->head, head, a->of_head);
    if (a->fault != NULL)
        return ANSWER_BAD;
    remember(a, head);
    return enter_body(a);
}

/* A head whose begin is held. */
static enum answer_state feed_held(struct answer *a, struct flare_str *bytes)
{
    size_t seen = a->held_len;
    struct flare_str head = *bytes;
    enum answer_state state;

    if (head.len > ANSWER_HEAD_MAX - seen)
        head.len = ANSWER_HEAD_MAX - seen;
    if (!hold(a, head))
        return bad(a, "no memory for a head");
    head = (struct flare_str){a->held, a->held_len};
    head.len = find_end(head, seen);
    if (head.len == 0) {
        take(bytes, bytes->len);
        return a->held_len >= ANSWER_HEAD_MAX ? bad(a, "a head above 64 KiB")
                                              : ANSWER_MORE;
    }
    take(bytes, head.len - seen);
    state = use_head(a, head);
    a->held_len = 0;
    return state;
}

static enum answer_state feed_head(struct answer *a, struct flare_str *bytes)
{
    const struct answer_memo *memo = a->memo;
    struct flare_str head = *bytes;

    if (a->held_len > 0)
        return feed_held(a, bytes);
    if (memo->len > 0 && memo->len <= bytes->len &&
        memo->of_head == a->of_head &&
        memcmp(memo->bytes, bytes->ptr, memo->len) == 0) {
        a->head = memo->head;
        take(bytes, memo->len);
        return enter_body(a);
    }
    head.len = find_end(head, 0);
    if (head.len == 0 || head.len > ANSWER_HEAD_MAX)
        return feed_held(a, bytes);
    take(bytes, head.len);
    return use_head(a, head);
}

/* ---- bodies ---- */

static enum answer_state feed_length(struct answer *a, struct flare_str *bytes)
{
    size_t len = bytes->len < a->left ? bytes->len : (size_t)a->left;

    take(bytes, len);
    a->left -= len;
    if (a->left > 0)
        return ANSWER_MORE;
    if (a->state == IN_DATA) {
        a->state = IN_DATA_CR;
        return ANSWER_MORE;
    }
    a->state = IN_HEAD;
    return ANSWER_DONE;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum answer_state size_char(struct answer *a, char c)
{
    int digit = hex_digit(c);

    if (digit >= 0) {
        if (a->left >> 58 != 0)
            return bad(a, "a chunk's size is too large");
        a->left = a->left * 16 + (uint64_t)digit;
        a->column++;
        return ANSWER_MORE;
    }
    if (a->column == 0)
        return bad(a, "a chunk without a size");
    if (c == '\r')
        a->state = IN_SIZE_LF;
    else if (c == ';' || c == ' ' || c == '\t')
        a->state = IN_EXTENSION;
    else
        return bad(a, "a chunk's size is no number");
    return ANSWER_MORE;
}

static enum answer_state line_char(struct answer *a, char c, uint8_t at_cr)
{
    if (c == '\r') {
        a->state = at_cr;
        return ANSWER_MORE;
    }
    if (!is_text_char((unsigned char)c))
        return bad(a, "a control character in a line of a chunked body");
    if (++a->column > ANSWER_LINE_MAX)
        return bad(a, "a line of a chunked body is too long");
    return ANSWER_MORE;
}

/* The LF after a line; `next` follows. */
static enum answer_state lf_char(struct answer *a, char c, uint8_t next)
{
    if (c != '\n')
        return bad(a, "a CR without LF in a chunked body");
    a->state = next;
    a->column = 0;
    return ANSWER_MORE;
}

static enum answer_state chunk_char(struct answer *a, char c)
{
    switch (a->state) {
    case IN_SIZE:
        return size_char(a, c);
    case IN_EXTENSION:
        return line_char(a, c, IN_SIZE_LF);
    case IN_SIZE_LF:
        return lf_char(a, c, a->left > 0 ? IN_DATA : IN_TRAILER);
    case IN_DATA_CR:
        if (c != '\r')
            return bad(a, "a chunk is longer than its size");
        a->state = IN_DATA_LF;
        return ANSWER_MORE;
    case IN_DATA_LF:
        return lf_char(a, c, IN_SIZE);
    case IN_TRAILER:
        return line_char(a, c, a->column == 0 ? IN_END_LF : IN_TRAILER_LF);
    case IN_TRAILER_LF:
        return lf_char(a, c, IN_TRAILER);
    default: /* IN_END_LF */
        if (c != '\n')
            return bad(a, "a CR without LF in a chunked body");
        a->state = IN_HEAD;
        return ANSWER_DONE;
    }
}

enum answer_state answer_feed(struct answer *a, struct flare_str *bytes)
{
    enum answer_state state = ANSWER_MORE;

    while (bytes->len > 0 && state == ANSWER_MORE) {
        if (a->state == IN_HEAD) {
            state = feed_head(a, bytes);
        } else if (a->state == IN_LENGTH || a->state == IN_DATA) {
            state = feed_length(a, bytes);
        } else if (a->state == IN_CLOSE) {
            take(bytes, bytes->len);
        } else {
            state = chunk_char(a, *bytes->ptr);
            take(bytes, 1);
        }
    }
    return state;
}

enum answer_state answer_end(struct answer *a)
{
    if (a->state == IN_CLOSE) {
        a->state = IN_HEAD;
        return ANSWER_DONE;
    }
    if (answer_is_begun(a))
        return bad(a, "the connection ended within an answer");
    return ANSWER_MORE;
}

bool answer_is_begun(const struct answer *a)
{
    return a->state != IN_HEAD || a->held_len > 0;
}

void answer_reset(struct answer *a)
{
    a->head = (struct answer_head){.status = 0};
    a->state = IN_HEAD;
    a->held_len = 0;
    a->fault = NULL;
}

void answer_fini(struct answer *a)
{
    free(a->held);
    a->held = NULL;
    a->held_size = 0;
    answer_reset(a);
}
