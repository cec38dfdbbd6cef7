/* SPDX-License-Identifier: MIT */
/*
 * What RFC 6455 sections 5 to 8 demand of whoever reads frames, as data: the
 * frames that a peer sends, and what comes of them.  One table for both roles:
 * whoever runs it masks the frames of a client and not those of a server.
 *
 * What comes of them, in order, a blank between:
 *   text(Hello) binary(..)   a whole message; other bytes than printable ASCII
 *                            as \xx, more than 40 of them as their number:
 * [300] ping(..) pong(..)        control frames close(1000 bye) close()  the
 * peer's close; all behind it is dropped fail(1002)               the
 * connection is failed with that code ~                        last: the input
 * ended inside a frame or message
 */
#ifndef FLARE__TEST_FRAMES_TABLE_H
#define FLARE__TEST_FRAMES_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FIN = 0x80, R1 = 0x40, R2 = 0x20, R3 = 0x10 };
enum { CONT = 0, TEXT = 1, BIN = 2, CLOSE = 8, PING = 9, PONG = 10 };

/* The limits of the table's reader where a row has none. */
enum { TABLE_BYTES_MAX = 70000, TABLE_FRAMES_MAX = 64 };

struct table_frame {
    uint8_t first; /* FIN, RSV, opcode */
    uint8_t form;  /* of the length: 0 shortest, 7, 16 or 64 bits */
    const char *payload;
    size_t len;       /* of the payload; NULL: so many times 'x' */
    uint64_t claims;  /* the header's length, if it is not that; else 0 */
    bool wrong_mask;  /* masked as the other role */
    uint16_t repeats; /* so many frames of that kind; 0: one */
};

struct table_row {
    const char *name;
    const char *want;
    const struct table_frame *frames;
    size_t count;
    uint32_t bytes_max; /* 0: TABLE_BYTES_MAX */
    uint32_t frames_max;
    bool has_deflate;
};

#define FRAMES(...)                                                            \
    (const struct table_frame[]){__VA_ARGS__},                                 \
        sizeof((const struct table_frame[]){__VA_ARGS__}) /                    \
            sizeof(struct table_frame)
/* A frame of a literal; one of n bytes; one whose header says so much. */
#define F(first, text)                                                         \
    {                                                                          \
        (first), 0, (text), sizeof(text) - 1, 0, false, 0                      \
    }
#define N(first, n)                                                            \
    {                                                                          \
        (first), 0, NULL, (n), 0, false, 0                                     \
    }
#define FORM(first, form, n)                                                   \
    {                                                                          \
        (first), (form), NULL, (n), 0, false, 0                                \
    }
#define CLAIM(first, form, n)                                                  \
    {                                                                          \
        (first), (form), NULL, 0, (n), false, 0                                \
    }
#define WRONG(first, text)                                                     \
    {                                                                          \
        (first), 0, (text), sizeof(text) - 1, 0, true, 0                       \
    }
#define TIMES(first, text, n)                                                  \
    {                                                                          \
        (first), 0, (text), sizeof(text) - 1, 0, false, n                      \
    }

#define ROW(name, want, ...)                                                   \
    {                                                                          \
        name, want, FRAMES(__VA_ARGS__), 0, 0, false                           \
    }
#define DEFLATED(name, want, ...)                                              \
    {                                                                          \
        name, want, FRAMES(__VA_ARGS__), 0, 0, true                            \
    }
#define LIMITED(name, bytes, frames, want, ...)                                \
    {                                                                          \
        name, want, FRAMES(__VA_ARGS__), bytes, frames, false                  \
    }

#define RESERVED(op)                                                           \
    ROW("W04 reserved opcode " #op, "fail(1002)", F(FIN | op, "")),            \
        ROW("with a payload " #op, "fail(1002)", F(FIN | op, "abc")),          \
        ROW("a fragment " #op, "fail(1002)", F(op, "abc")),                    \
        ROW("inside a message " #op, "fail(1002)", F(TEXT, "a"), F(op, "b")),  \
        ROW("behind a message " #op, "text(a) fail(1002)", F(FIN | TEXT, "a"), \
            F(FIN | op, ""))

#define RSV_OF(op)                                                             \
    ROW("W03 RSV1, " #op, "fail(1002)", F(FIN | R1 | op, "")),                 \
        ROW("W03 RSV2, " #op, "fail(1002)", F(FIN | R2 | op, "")),             \
        ROW("W03 RSV3, " #op, "fail(1002)", F(FIN | R3 | op, "")),             \
        ROW("RSV1 and 2, " #op, "fail(1002)", F(FIN | R1 | R2 | op, "")),      \
        ROW("RSV1 and 3, " #op, "fail(1002)", F(FIN | R1 | R3 | op, "")),      \
        ROW("RSV2 and 3, " #op, "fail(1002)", F(FIN | R2 | R3 | op, "")),      \
        ROW("all RSV, " #op, "fail(1002)", F(FIN | R1 | R2 | R3 | op, "")),    \
        ROW("RSV2 with payload, " #op, "text(a) fail(1002)",                   \
            F(FIN | TEXT, "a"), F(FIN | R2 | op, "abcdef")),                   \
        DEFLATED("RSV2 with deflate, " #op, "fail(1002)",                      \
                 F(FIN | R1 | R2 | op, "")),                                   \
        DEFLATED("RSV3 with deflate, " #op, "fail(1002)",                      \
                 F(FIN | R3 | op, ""))

#define MASK_OF(op)                                                            \
    ROW("W01 W02 masked as the other role, " #op, "fail(1002)",                \
        WRONG(FIN | op, "abc")),                                               \
        ROW("that and empty, " #op, "fail(1002)", WRONG(FIN | op, "")),        \
        ROW("that behind another, " #op, "text(a) fail(1002)",                 \
            F(FIN | TEXT, "a"), WRONG(FIN | op, "abc"))

#define CONTROL_OF(op, name)                                                   \
    ROW("W05 " name " of 126 bytes", "fail(1002)", N(FIN | op, 126)),          \
        ROW("W05 " name " claims 126 bytes", "fail(1002)",                     \
            CLAIM(FIN | op, 16, 126)),                                         \
        ROW(name " claims 2^63", "fail(1002)",                                 \
            CLAIM(FIN | op, 64, UINT64_C(1) << 63)),                           \
        ROW(name " of 5 bytes in 16 bits", "fail(1002)",                       \
            FORM(FIN | op, 16, 5)),                                            \
        ROW("W05 " name " without FIN", "fail(1002)", F(op, "")),              \
        ROW(name " without FIN, with payload", "fail(1002)", F(op, "abcd")),   \
        ROW(name " without FIN, inside a message", "fail(1002)", F(TEXT, "a"), \
            F(op, "abcd"), F(FIN | CONT, "b"))

#define ECHO_OF(op, name)                                                      \
    ROW(name " empty", name "()", F(FIN | op, "")),                            \
        ROW(name " with payload", name "(hi)", F(FIN | op, "hi")),             \
        ROW(name " of 125 bytes", name "[125]", N(FIN | op, 125)),             \
        ROW(name " with bytes that are no text", name "(\\00\\ff\\c3)",        \
            F(FIN | op, "\0\xff\xc3")),                                        \
        ROW("W09 " name " inside a message", name "(p) text(ab)",              \
            F(TEXT, "a"), F(FIN | op, "p"), F(FIN | CONT, "b")),               \
        ROW(name " inside a character", name "(p) text(\\c3\\a9)",             \
            F(TEXT, "\xc3"), F(FIN | op, "p"), F(FIN | CONT, "\xa9")),         \
        ROW(name " before the end of a message", name "() binary()",           \
            F(BIN, ""), F(FIN | op, ""), F(FIN | CONT, "")),                   \
        ROW(name " behind close", "close(1000)", F(FIN | CLOSE, "\3\xe8"),     \
            F(FIN | op, "p"))

#define CODE(number, payload, want)                                            \
    ROW("W12 close code " #number, want, F(FIN | CLOSE, payload))

/* Text that is not UTF-8: alone, behind and before ASCII, in two fragments cut
 * in front of it, as a close reason. */
#define BAD_TEXT(name, text)                                                   \
    ROW(name, "fail(1007)", F(FIN | TEXT, text)),                              \
        ROW(name ", between ASCII", "fail(1007)",                              \
            F(FIN | TEXT, "abcdefghijklmnopq" text "abcdefghi")),              \
        ROW("W11 " name ", in a fragment", "fail(1007)", F(TEXT, "a"),         \
            F(CONT, text "a"), F(FIN | CONT, "z")),                            \
        ROW(name ", as a reason", "fail(1007)", F(FIN | CLOSE, "\3\xe8" text))

#define CUT_TEXT(name, first, second, want)                                    \
    ROW("W11 " name " in two fragments", "text(" want ")", F(TEXT, first),     \
        F(FIN | CONT, second)),                                                \
        ROW(name " around an empty one", "text(" want ")", F(TEXT, first),     \
            F(CONT, ""), F(FIN | CONT, second)),                               \
        ROW(name " whole", "text(" want ")", F(FIN | TEXT, first second)),     \
        ROW(name " cut by the end", "fail(1007)", F(FIN | TEXT, first)),       \
        ROW(name " cut by the end of a fragment", "fail(1007)",                \
            F(TEXT, "a" first), F(FIN | CONT, "")),                            \
        ROW(name " cut by ASCII", "fail(1007)", F(TEXT, first),                \
            F(FIN | CONT, "a")),                                               \
        ROW(name " cut in a reason", "fail(1007)",                             \
            F(FIN | CLOSE, "\3\xe8" first)),                                   \
        ROW(name " not there yet", "~", F(TEXT, first))

static const struct table_row table[] = {
    /* 5.2 lengths, 5.6 data frames */
    ROW("empty text", "text()", F(FIN | TEXT, "")),
    ROW("empty binary", "binary()", F(FIN | BIN, "")),
    ROW("the RFC's Hello", "text(Hello)", F(FIN | TEXT, "Hello")),
    ROW("one byte", "binary(a)", F(FIN | BIN, "a")),
    ROW("two bytes", "binary(ab)", F(FIN | BIN, "ab")),
    ROW("three bytes", "binary(abc)", F(FIN | BIN, "abc")),
    ROW("four bytes", "binary(abcd)", F(FIN | BIN, "abcd")),
    ROW("five bytes", "binary(abcde)", F(FIN | BIN, "abcde")),
    ROW("all bytes are allowed in binary", "binary(\\00\\80\\ff)",
        F(FIN | BIN, "\0\x80\xff")),
    ROW("NUL is text", "text(\\00)", F(FIN | TEXT, "\0")),
    ROW("124 bytes", "text[124]", N(FIN | TEXT, 124)),
    ROW("125 bytes", "text[125]", N(FIN | TEXT, 125)),
    ROW("126 bytes", "text[126]", N(FIN | TEXT, 126)),
    ROW("127 bytes", "text[127]", N(FIN | TEXT, 127)),
    ROW("128 bytes", "binary[128]", N(FIN | BIN, 128)),
    ROW("65535 bytes", "binary[65535]", N(FIN | BIN, 65535)),
    ROW("65536 bytes", "binary[65536]", N(FIN | BIN, 65536)),
    ROW("65537 bytes", "text[65537]", N(FIN | TEXT, 65537)),
    ROW("several messages", "text(a) binary(b) text() text(d)",
        F(FIN | TEXT, "a"), F(FIN | BIN, "b"), F(FIN | TEXT, ""),
        F(FIN | TEXT, "d")),
    ROW("W07 0 in 16 bits", "fail(1002)", FORM(FIN | BIN, 16, 0)),
    ROW("1 in 16 bits", "fail(1002)", FORM(FIN | BIN, 16, 1)),
    ROW("W07 125 in 16 bits", "fail(1002)", FORM(FIN | BIN, 16, 125)),
    ROW("0 in 64 bits", "fail(1002)", FORM(FIN | BIN, 64, 0)),
    ROW("125 in 64 bits", "fail(1002)", FORM(FIN | BIN, 64, 125)),
    ROW("126 in 64 bits", "fail(1002)", FORM(FIN | BIN, 64, 126)),
    ROW("W07 65535 in 64 bits", "fail(1002)", FORM(FIN | BIN, 64, 65535)),
    ROW("125 in 16 bits, a continuation", "fail(1002)", F(TEXT, "a"),
        FORM(FIN | CONT, 16, 125)),
    ROW("W06 highest bit of 64", "fail(1002)",
        CLAIM(FIN | BIN, 64, UINT64_C(1) << 63)),
    ROW("all bits of 64", "fail(1002)", CLAIM(FIN | BIN, 64, UINT64_MAX)),
    ROW("highest bit of 64, text", "fail(1002)",
        CLAIM(FIN | TEXT, 64, (UINT64_C(1) << 63) + 5)),
    ROW("all but the highest bit", "fail(1009)",
        CLAIM(FIN | BIN, 64, INT64_MAX)),
    ROW("W06 header plus length overflows", "fail(1009)",
        CLAIM(FIN | BIN, 64, INT64_MAX - 13)),
    ROW("W06 a claim past the limit", "fail(1009)",
        CLAIM(FIN | BIN, 64, TABLE_BYTES_MAX + 1)),
    ROW("a claim at the limit", "~", CLAIM(FIN | BIN, 64, TABLE_BYTES_MAX)),
    ROW("a claim of nothing that comes", "~", CLAIM(FIN | TEXT, 7, 5)),

    /* 10.4 limits */
    LIMITED("a message at its limit", 10, 0, "text(xxxxxxxxxx)",
            N(FIN | TEXT, 10)),
    LIMITED("a message past its limit", 10, 0, "fail(1009)", N(FIN | TEXT, 11)),
    LIMITED("fragments at the limit", 10, 0, "text(xxxxxxxxxx)", N(TEXT, 4),
            N(CONT, 6), N(FIN | CONT, 0)),
    LIMITED("W10 fragments past the limit", 10, 0, "fail(1009)", N(TEXT, 4),
            N(CONT, 6), N(FIN | CONT, 1)),
    LIMITED("the second fragment past it", 10, 0, "fail(1009)", N(BIN, 10),
            N(FIN | CONT, 1)),
    LIMITED("fragments past 2^64 in sum", 10, 0, "fail(1009)", N(BIN, 10),
            CLAIM(FIN | CONT, 64, INT64_MAX)),
    LIMITED("a limit for each message", 10, 0,
            "binary(xxxxxxxxxx) "
            "binary(xxxxxxxxxx)",
            N(FIN | BIN, 10), N(FIN | BIN, 10)),
    LIMITED("control frames do not count", 3, 0, "ping[125] text(abc)",
            F(TEXT, "ab"), N(FIN | PING, 125), F(FIN | CONT, "c")),
    LIMITED("fragments at their number", 0, 3, "text(abc)", F(TEXT, "a"),
            F(CONT, "b"), F(FIN | CONT, "c")),
    LIMITED("fragments past their number", 0, 3, "fail(1009)", F(TEXT, "a"),
            F(CONT, "b"), F(CONT, "c"), F(FIN | CONT, "d")),
    LIMITED("one frame each, at a limit of one", 0, 1, "text(a) text(b)",
            F(FIN | TEXT, "a"), F(FIN | TEXT, "b")),
    LIMITED("two, at a limit of one", 0, 1, "fail(1009)", F(TEXT, "a"),
            F(FIN | CONT, "b")),
    ROW("W10 endless empty fragments", "fail(1009)", F(TEXT, ""),
        TIMES(CONT, "", 100)),
    ROW("endless small fragments", "fail(1009)", F(BIN, "a"),
        TIMES(CONT, "a", 100)),
    ROW("a number for each message", "text[64] text[64]", F(TEXT, "x"),
        TIMES(CONT, "x", 62), F(FIN | CONT, "x"), F(TEXT, "x"),
        TIMES(CONT, "x", 62), F(FIN | CONT, "x")),

    /* 5.2 opcodes, RSV, 5.1 masking */
    RESERVED(3),
    RESERVED(4),
    RESERVED(5),
    RESERVED(6),
    RESERVED(7),
    RESERVED(11),
    RESERVED(12),
    RESERVED(13),
    RESERVED(14),
    RESERVED(15),
    RSV_OF(TEXT),
    RSV_OF(BIN),
    RSV_OF(CLOSE),
    RSV_OF(PING),
    RSV_OF(PONG),
    ROW("RSV1 on a continuation", "fail(1002)", F(TEXT, "a"),
        F(FIN | R1 | CONT, "b")),
    ROW("RSV2 on a continuation", "fail(1002)", F(TEXT, "a"),
        F(FIN | R2 | CONT, "b")),
    DEFLATED("deflated text", "text*(\\ff\\c0)",
             F(FIN | R1 | TEXT, "\xff\xc0")),
    DEFLATED("deflated binary", "binary*(ab)", F(FIN | R1 | BIN, "ab")),
    DEFLATED("deflated and not in turn", "text*(ab) text(cd) binary*()",
             F(FIN | R1 | TEXT, "ab"), F(FIN | TEXT, "cd"),
             F(FIN | R1 | BIN, "")),
    DEFLATED("deflated fragments have it once", "text*(a\\ffc)",
             F(R1 | TEXT, "a"), F(CONT, "\xff"), F(FIN | CONT, "c")),
    DEFLATED("RSV1 on a continuation of it", "fail(1002)", F(R1 | TEXT, "a"),
             F(FIN | R1 | CONT, "c")),
    DEFLATED("RSV1 on a continuation of other", "fail(1002)", F(TEXT, "a"),
             F(FIN | R1 | CONT, "c")),
    DEFLATED("RSV1 on ping", "fail(1002)", F(FIN | R1 | PING, "a")),
    DEFLATED("RSV1 on pong", "fail(1002)", F(FIN | R1 | PONG, "")),
    DEFLATED("RSV1 on close", "fail(1002)", F(FIN | R1 | CLOSE, "\3\xe8")),
    DEFLATED("text that is not deflated is looked at", "fail(1007)",
             F(FIN | TEXT, "\xff")),
    MASK_OF(TEXT),
    MASK_OF(BIN),
    MASK_OF(CLOSE),
    MASK_OF(PING),
    MASK_OF(PONG),
    ROW("a continuation masked as the other role", "fail(1002)", F(TEXT, "a"),
        WRONG(FIN | CONT, "b")),

    /* 5.4 fragmentation */
    ROW("two fragments", "text(Hello)", F(TEXT, "Hel"), F(FIN | CONT, "lo")),
    ROW("three fragments", "binary(abc)", F(BIN, "a"), F(CONT, "b"),
        F(FIN | CONT, "c")),
    ROW("empty fragments", "text()", F(TEXT, ""), F(CONT, ""),
        F(FIN | CONT, "")),
    ROW("the first is empty", "text(a)", F(TEXT, ""), F(FIN | CONT, "a")),
    ROW("the last is empty", "text(a)", F(TEXT, "a"), F(FIN | CONT, "")),
    ROW("fragments of large size", "binary[69999]", N(BIN, 66000),
        N(CONT, 3000), N(FIN | CONT, 999)),
    ROW("message behind a fragmented one", "text(ab) text(c)", F(TEXT, "a"),
        F(FIN | CONT, "b"), F(FIN | TEXT, "c")),
    ROW("pings between all fragments", "ping(1) ping(2) pong(3) text(abc)",
        F(TEXT, "a"), F(FIN | PING, "1"), F(FIN | PING, "2"), F(CONT, "b"),
        F(FIN | PONG, "3"), F(FIN | CONT, "c")),
    ROW("W08 continuation of nothing", "fail(1002)", F(CONT, "a")),
    ROW("last continuation of nothing", "fail(1002)", F(FIN | CONT, "a")),
    ROW("empty continuation of nothing", "fail(1002)", F(FIN | CONT, "")),
    ROW("continuation behind a whole message", "text(a) fail(1002)",
        F(FIN | TEXT, "a"), F(FIN | CONT, "b")),
    ROW("continuation behind a fragmented message", "text(ab) fail(1002)",
        F(TEXT, "a"), F(FIN | CONT, "b"), F(FIN | CONT, "c")),
    ROW("continuation behind ping", "ping() fail(1002)", F(FIN | PING, ""),
        F(FIN | CONT, "a")),
    ROW("W08 text inside text", "fail(1002)", F(TEXT, "a"), F(FIN | TEXT, "b")),
    ROW("binary inside text", "fail(1002)", F(TEXT, "a"), F(FIN | BIN, "b")),
    ROW("text inside binary", "fail(1002)", F(BIN, "a"), F(FIN | TEXT, "b")),
    ROW("binary inside binary", "fail(1002)", F(BIN, "a"), F(BIN, "b")),
    ROW("text inside, behind ping", "ping() fail(1002)", F(TEXT, "a"),
        F(FIN | PING, ""), F(FIN | TEXT, "b")),
    ROW("a message that does not end", "~", F(TEXT, "a")),
    ROW("one that does not end behind one that does", "text(a) ~",
        F(FIN | TEXT, "a"), F(BIN, "b")),

    /* 5.5 control frames */
    ECHO_OF(PING, "ping"),
    ECHO_OF(PONG, "pong"),
    CONTROL_OF(PING, "ping"),
    CONTROL_OF(PONG, "pong"),
    CONTROL_OF(CLOSE, "close"),
    ROW("control frames of several bytes",
        "ping(abc) ping(de) pong(fghi) close(1000 bye)", F(FIN | PING, "abc"),
        F(FIN | PING, "de"), F(FIN | PONG, "fghi"),
        F(FIN | CLOSE, "\3\xe8"
                       "bye")),
    /* cut in the right place, their rests look like frames */
    ROW("a server's frame inside a ping", "ping() ping(a\\81\\00)",
        F(FIN | PING, ""), F(FIN | PING, "a\x81\x00")),
    ROW("a client's frame inside a ping",
        "ping() ping(a\\81\\80\\00\\00\\00\\00b)", F(FIN | PING, ""),
        F(FIN | PING, "a\x81\x80\0\0\0\0"
                      "b")),
    ROW("a server's frame inside a text", "ping() text(\\02\\00a)",
        F(FIN | PING, ""), F(FIN | TEXT, "\2\0a")),
    ROW("a length like a server's frame", "ping() binary[33024]",
        F(FIN | PING, ""), N(FIN | BIN, 0x8100)),
    ROW("a length like a client's frame", "ping() binary[33152]",
        F(FIN | PING, ""), N(FIN | BIN, 0x8180)),
    ROW("ping that is not there whole", "~", CLAIM(FIN | PING, 7, 9)),
    ROW("W16 pongs that nobody asked for", "pong(a) pong(b) text(c) pong()",
        F(FIN | PONG, "a"), F(FIN | PONG, "b"), F(FIN | TEXT, "c"),
        F(FIN | PONG, "")),
    ROW("W15 ten pings",
        "ping(a) ping(a) ping(a) ping(a) ping(a) ping(a) ping(a) "
        "ping(a) ping(a) ping(a)",
        TIMES(FIN | PING, "a", 10)),

    /* 5.5.1 and 7.4: close */
    ROW("close without a code", "close()", F(FIN | CLOSE, "")),
    ROW("W12 close with half a code", "fail(1002)", F(FIN | CLOSE, "\3")),
    ROW("close with a reason", "close(1000 bye)",
        F(FIN | CLOSE, "\3\xe8"
                       "bye")),
    ROW("close with a reason that is not ASCII", "close(1001 \\c3\\a9)",
        F(FIN | CLOSE, "\3\xe9\xc3\xa9")),
    ROW("close with the longest reason", "close(1000 [123])",
        F(FIN | CLOSE,
          "\3\xe8"
          "123456789a123456789b123456789c123456789d123456789e123456789f"
          "123456789a123456789b123456789c123456789d123456789e123456789f123")),
    ROW("W13 message behind close", "close(1000)", F(FIN | CLOSE, "\3\xe8"),
        F(FIN | TEXT, "a")),
    ROW("W13 second close", "close(1000)", F(FIN | CLOSE, "\3\xe8"),
        F(FIN | CLOSE, "\3\xe9")),
    ROW("faults behind close", "close(1000)", F(FIN | CLOSE, "\3\xe8"),
        F(R2 | 7, "abc")),
    ROW("close inside a message", "close(1000)", F(TEXT, "a"),
        F(FIN | CLOSE, "\3\xe8"), F(FIN | CONT, "b")),
    ROW("close behind a message", "text(a) close()", F(FIN | TEXT, "a"),
        F(FIN | CLOSE, "")),
    CODE(0, "\x00\x00", "fail(1002)"),
    CODE(1, "\x00\x01", "fail(1002)"),
    CODE(999, "\x03\xe7", "fail(1002)"),
    CODE(1000, "\x03\xe8", "close(1000)"),
    CODE(1001, "\x03\xe9", "close(1001)"),
    CODE(1002, "\x03\xea", "close(1002)"),
    CODE(1003, "\x03\xeb", "close(1003)"),
    CODE(1004, "\x03\xec", "fail(1002)"),
    CODE(1005, "\x03\xed", "fail(1002)"),
    CODE(1006, "\x03\xee", "fail(1002)"),
    CODE(1007, "\x03\xef", "close(1007)"),
    CODE(1008, "\x03\xf0", "close(1008)"),
    CODE(1009, "\x03\xf1", "close(1009)"),
    CODE(1010, "\x03\xf2", "close(1010)"),
    CODE(1011, "\x03\xf3", "close(1011)"),
    CODE(1012, "\x03\xf4", "close(1012)"),
    CODE(1013, "\x03\xf5", "close(1013)"),
    CODE(1014, "\x03\xf6", "close(1014)"),
    CODE(1015, "\x03\xf7", "fail(1002)"),
    CODE(1016, "\x03\xf8", "fail(1002)"),
    CODE(1100, "\x04\x4c", "fail(1002)"),
    CODE(2000, "\x07\xd0", "fail(1002)"),
    CODE(2999, "\x0b\xb7", "fail(1002)"),
    CODE(3000, "\x0b\xb8", "close(3000)"),
    CODE(3999, "\x0f\x9f", "close(3999)"),
    CODE(4000, "\x0f\xa0", "close(4000)"),
    CODE(4999, "\x13\x87", "close(4999)"),
    CODE(5000, "\x13\x88", "fail(1002)"),
    CODE(65535, "\xff\xff", "fail(1002)"),

    /* 8.1 text */
    CUT_TEXT("two bytes", "\xc3", "\xa9", "\\c3\\a9"),
    CUT_TEXT("three bytes", "\xe2", "\x82\xac", "\\e2\\82\\ac"),
    CUT_TEXT("three bytes behind two", "\xe2\x82", "\xac", "\\e2\\82\\ac"),
    CUT_TEXT("four bytes", "\xf0", "\x9f\x94\xa5", "\\f0\\9f\\94\\a5"),
    CUT_TEXT("four bytes behind two", "\xf0\x9f", "\x94\xa5",
             "\\f0\\9f\\94\\a5"),
    CUT_TEXT("four bytes behind three", "\xf0\x9f\x94", "\xa5",
             "\\f0\\9f\\94\\a5"),
    CUT_TEXT("the last before the surrogates", "\xed", "\x9f\xbf",
             "\\ed\\9f\\bf"),
    CUT_TEXT("the first behind them", "\xee", "\x80\x80", "\\ee\\80\\80"),
    CUT_TEXT("U+10FFFF", "\xf4\x8f", "\xbf\xbf", "\\f4\\8f\\bf\\bf"),
    CUT_TEXT("U+10000", "\xf0\x90", "\x80\x80", "\\f0\\90\\80\\80"),
    CUT_TEXT("U+FFFF", "\xef\xbf", "\xbf", "\\ef\\bf\\bf"),
    BAD_TEXT("continuation", "\x80"),
    BAD_TEXT("last continuation", "\xbf"),
    BAD_TEXT("overlong NUL", "\xc0\x80"),
    BAD_TEXT("overlong slash", "\xc0\xaf"),
    BAD_TEXT("overlong C1", "\xc1\xbf"),
    BAD_TEXT("overlong in three", "\xe0\x80\xaf"),
    BAD_TEXT("highest overlong in three", "\xe0\x9f\xbf"),
    BAD_TEXT("overlong in four", "\xf0\x80\x80\xaf"),
    BAD_TEXT("highest overlong in four", "\xf0\x8f\xbf\xbf"),
    BAD_TEXT("first surrogate", "\xed\xa0\x80"),
    BAD_TEXT("last surrogate", "\xed\xbf\xbf"),
    BAD_TEXT("pair of surrogates", "\xed\xa0\xbd\xed\xb4\xa5"),
    BAD_TEXT("U+110000", "\xf4\x90\x80\x80"),
    BAD_TEXT("F5", "\xf5\x80\x80\x80"),
    BAD_TEXT("five bytes", "\xf8\x88\x80\x80\x80"),
    BAD_TEXT("six bytes", "\xfc\x84\x80\x80\x80\x80"),
    BAD_TEXT("FE", "\xfe"),
    BAD_TEXT("FF", "\xff"),
    BAD_TEXT("a first byte behind a first byte", "\xc3\xc3"),
    BAD_TEXT("one continuation too many", "\xc3\xa9\xa9"),
    BAD_TEXT("third byte is none", "\xe2\x82\x41"),
    BAD_TEXT("fourth byte is none", "\xf0\x9f\x94\xc3"),
};

#endif
