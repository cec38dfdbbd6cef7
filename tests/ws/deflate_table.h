/* SPDX-License-Identifier: MIT */
/*
 * RFC 7692 section 7.2 as data: compressed messages by hand, in the frames and
 * words of tests/ws/frames_table.h; and messages for a compressor that is not
 * ours to make.
 */
#ifndef FLARE__TEST_WS_DEFLATE_TABLE_H
#define FLARE__TEST_WS_DEFLATE_TABLE_H

#include "tests/ws/frames_table.h"

#include <zlib.h>

/* What was agreed on, of the row's peer and of whom it speaks to. */
struct deflate_terms {
    bool peer_fresh; /* no context takeover */
    bool ours_fresh;
    uint8_t peer_bits; /* 0: 15, and not spoken of */
    uint8_t ours_bits;
};

struct deflate_row {
    struct table_row row;
    struct deflate_terms terms;
};

#define FRESH                                                                  \
    {                                                                          \
        true, false, 0, 0                                                      \
    }
#define USUAL                                                                  \
    {                                                                          \
        false, false, 0, 0                                                     \
    }
#define DROW(name, want, ...)                                                  \
    {                                                                          \
        DEFLATED(name, want, __VA_ARGS__), USUAL                               \
    }
#define DFRESH(name, want, ...)                                                \
    {                                                                          \
        DEFLATED(name, want, __VA_ARGS__), FRESH                               \
    }
#define DLIMIT(name, bytes, want, ...)                                         \
    {                                                                          \
        {name, want, FRAMES(__VA_ARGS__), bytes, 0, true}, USUAL               \
    }
#define Z(op, text) F(FIN | R1 | (op), text)

#define HELLO "\xf2\x48\xcd\xc9\xc9\x07\x00"
#define AGAIN "\xf2\x00\x11\x00\x00" /* Hello, by reference to the last one */

#define HELLO_CUT(first, second)                                               \
    DROW("7.2.3.1 Hello in two frames", "text(Hello)", F(R1 | TEXT, first),    \
         F(FIN | CONT, second)),                                               \
        DROW("Hello around a ping", "ping(p) text(Hello)",                     \
             F(R1 | TEXT, first), F(FIN | PING, "p"), F(FIN | CONT, second)),  \
        DROW("Hello around an empty frame", "text(Hello)",                     \
             F(R1 | TEXT, first), F(CONT, ""), F(FIN | CONT, second)),         \
        DROW("W18 Hello cut off", "fail(1007)", Z(TEXT, first)),               \
        DROW("Hello not there yet", "~", F(R1 | TEXT, first)),                 \
        DROW("Hello left for a close", "close(1000)", F(R1 | TEXT, first),     \
             F(FIN | CLOSE, "\3\xe8"))

#define BAD_DEFLATE(name, bytes)                                               \
    DROW("W18 " name, "fail(1007)", Z(BIN, bytes)),                            \
        DROW(name ", behind a message", "text(Hello) fail(1007)",              \
             Z(TEXT, HELLO), Z(BIN, bytes)),                                   \
        DROW(name ", in fragments", "fail(1007)", F(R1 | BIN, ""),             \
             F(CONT, bytes), F(FIN | CONT, ""))

static const struct deflate_row deflate_rows[] = {
    /* 7.2.3.1, one block */
    DROW("Hello", "text(Hello)", Z(TEXT, HELLO)),
    DROW("Hello as bytes", "binary(Hello)", Z(BIN, HELLO)),
    HELLO_CUT("\xf2", "\x48\xcd\xc9\xc9\x07\x00"),
    HELLO_CUT("\xf2\x48", "\xcd\xc9\xc9\x07\x00"),
    HELLO_CUT("\xf2\x48\xcd", "\xc9\xc9\x07\x00"),
    HELLO_CUT("\xf2\x48\xcd\xc9", "\xc9\x07\x00"),
    HELLO_CUT("\xf2\x48\xcd\xc9\xc9", "\x07\x00"),
    HELLO_CUT("\xf2\x48\xcd\xc9\xc9\x07", "\x00"),
    DROW("the last frame is empty", "text(Hello)", F(R1 | TEXT, HELLO),
         F(FIN | CONT, "")),
    DROW("the first frame is empty", "text(Hello)", F(R1 | TEXT, ""),
         F(FIN | CONT, HELLO)),

    /* 7.2.3.2, the window is shared */
    DROW("Hello by reference", "text(Hello) text(Hello)", Z(TEXT, HELLO),
         Z(TEXT, AGAIN)),
    DROW("three times", "text(Hello) text(Hello) binary(Hello)", Z(TEXT, HELLO),
         Z(TEXT, AGAIN), Z(BIN, AGAIN)),
    DROW("in fragments", "text(Hello) text(Hello)", Z(TEXT, HELLO),
         F(R1 | TEXT, "\xf2\x00"), F(FIN | CONT, "\x11\x00\x00")),
    DROW("past a message that is not compressed",
         "text(Hello) text(x) text(Hello)", Z(TEXT, HELLO), F(FIN | TEXT, "x"),
         Z(TEXT, AGAIN)),
    DROW("past an empty one", "text(Hello) text() text(Hello)", Z(TEXT, HELLO),
         Z(TEXT, "\x00"), Z(TEXT, AGAIN)),
    DROW("W18 by reference to nothing", "fail(1007)", Z(TEXT, AGAIN)),
    DFRESH("W18 by reference, without takeover", "text(Hello) fail(1007)",
           Z(TEXT, HELLO), Z(TEXT, AGAIN)),
    DFRESH("twice, without takeover", "text(Hello) text(Hello)", Z(TEXT, HELLO),
           Z(TEXT, HELLO)),
    DFRESH("fragments, without takeover", "text(Hello) text(Hello)",
           F(R1 | TEXT, "\xf2\x48"), F(FIN | CONT, "\xcd\xc9\xc9\x07\x00"),
           Z(TEXT, HELLO)),
    DFRESH("BFINAL, without takeover", "text(Hello) fail(1007)",
           Z(TEXT, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), Z(TEXT, AGAIN)),

    /* 7.2.3.3, no compression; .4, BFINAL; .5, two blocks; .6, empty */
    DROW("a stored block", "text(Hello)",
         Z(TEXT, "\x00\x05\x00\xfa\xff"
                 "Hello\x00")),
    DROW("a stored block cut in its length", "text(Hello)",
         F(R1 | TEXT, "\x00\x05\x00"),
         F(FIN | CONT, "\xfa\xff"
                       "Hello\x00")),
    DROW("a stored block by reference", "text(Hello) text(Hello)",
         Z(TEXT, "\x00\x05\x00\xfa\xff"
                 "Hello\x00"),
         Z(TEXT, AGAIN)),
    DROW("two stored blocks", "binary(ab)",
         Z(BIN, "\x00\x01\x00\xfe\xff"
                "a\x00\x01\x00\xfe\xff"
                "b\x00")),
    DROW("a stored block that takes the tail", "binary(Hello\\00\\00\\ff\\ff)",
         Z(BIN, "\x00\x09\x00\xf6\xff"
                "Hello")),
    DROW("BFINAL", "text(Hello)", Z(TEXT, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00")),
    DROW("BFINAL and no more", "text(Hello)",
         Z(TEXT, "\xf3\x48\xcd\xc9\xc9\x07\x00")),
    DROW("BFINAL, then by reference", "text(Hello) text(Hello)",
         Z(TEXT, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), Z(TEXT, AGAIN)),
    DROW("BFINAL in fragments", "text(Hello)",
         F(R1 | TEXT, "\xf3\x48\xcd\xc9\xc9\x07\x00"), F(FIN | CONT, "\x00")),
    DROW("two blocks", "text(Hello)",
         Z(TEXT, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00")),
    DROW("empty blocks before", "text(Hello)",
         Z(TEXT, "\x00\x00\x00\xff\xff\x00\x00\x00\xff\xff" HELLO)),
    DROW("an empty message", "text()", Z(TEXT, "\x00")),
    DROW("an empty one of bytes", "binary()", Z(BIN, "\x00")),
    DROW("an empty fixed block", "text()", Z(TEXT, "\x02\x00")),
    DROW("an empty one by BFINAL", "text()", Z(TEXT, "\x03\x00")),
    DROW("an empty one in fragments", "text()", F(R1 | TEXT, ""), F(CONT, ""),
         F(FIN | CONT, "\x00")),
    DROW("many empty ones", "text() text() text() text()", Z(TEXT, "\x00"),
         Z(TEXT, "\x00"), Z(TEXT, "\x00"), Z(TEXT, "\x00")),
    DROW("W18 a message of no bytes", "fail(1007)", Z(TEXT, "")),
    DROW("W18 of no bytes in fragments", "fail(1007)", F(R1 | BIN, ""),
         F(FIN | CONT, "")),
    BAD_DEFLATE("block of the reserved type", "\x06\x00"),
    BAD_DEFLATE("last block of the reserved type", "\x07"),
    BAD_DEFLATE("all bits set", "\xff\xff"),
    BAD_DEFLATE("a stored length that is not complemented",
                "\x00\x05\x00\x00\x00Hello\x00"),
    BAD_DEFLATE("a stored block that is longer", "\x00\x20\x00\xdf\xff"
                                                 "Hello\x00"),
    BAD_DEFLATE("a dynamic block cut off", "\x04\x00"),
    BAD_DEFLATE("too many length codes", "\xfd\xff\xff"),
    BAD_DEFLATE("a distance past the window", "\x02\x03\xff\xff\xff\x00"),
    BAD_DEFLATE("a zlib header", "\x78\x9c\xf3\x48\xcd\xc9\xc9\x07\x00"),
    BAD_DEFLATE("a gzip header", "\x1f\x8b\x08\x00\x00\x00\x00\x00"),

    /* what must be text once inflated */
    DROW("W11 not text", "fail(1007)",
         Z(TEXT, "\x00\x02\x00\xfd\xff\xc3\x28\x00")),
    DROW("it may be bytes", "binary(\\c3()",
         Z(BIN, "\x00\x02\x00\xfd\xff\xc3\x28\x00")),
    DROW("W11 a surrogate", "fail(1007)",
         Z(TEXT, "\x00\x03\x00\xfc\xff\xed\xa0\x80\x00")),
    DROW("W11 a character cut by a frame", "text(\\c3\\a9)",
         F(R1 | TEXT, "\x00\x02\x00\xfd\xff\xc3"), F(FIN | CONT, "\xa9\x00")),
    DROW("a character cut by a block", "text(\\c3\\a9)",
         Z(TEXT, "\x00\x01\x00\xfe\xff\xc3\x00\x01\x00\xfe\xff\xa9\x00")),
    DROW("W11 a character cut by the end", "fail(1007)",
         Z(TEXT, "\x00\x01\x00\xfe\xff\xc3\x00")),
    DROW("nor does the next message end it", "fail(1007)",
         Z(TEXT, "\x00\x01\x00\xfe\xff\xc3\x00"),
         Z(TEXT, "\x00\x01\x00\xfe\xff\xa9\x00")),
    DROW("fails before the message ends", "fail(1007)",
         F(R1 | TEXT, "\x00\x02\x00\xfd\xff\xc3\x28"), F(CONT, "\x00")),

    /* 6.1 and 5.4: what may and may not be compressed */
    DROW("compressed and not in turn", "text(Hello) text(ab) text(Hello)",
         Z(TEXT, HELLO), F(FIN | TEXT, "ab"), Z(TEXT, HELLO)),
    DROW("W03 RSV1 on the second frame", "fail(1002)", F(R1 | TEXT, "\xf2"),
         F(FIN | R1 | CONT, "\x48\xcd\xc9\xc9\x07\x00")),
    DROW("W03 RSV1 on a ping inside", "fail(1002)", F(R1 | TEXT, "\xf2"),
         F(FIN | R1 | PING, "")),
    DROW("W03 RSV2 on a compressed message", "fail(1002)",
         F(FIN | R1 | R2 | TEXT, HELLO)),
    DROW("W03 RSV3 on a compressed message", "fail(1002)",
         F(FIN | R1 | R3 | TEXT, HELLO)),
    DROW("W08 a message inside a compressed one", "fail(1002)",
         F(R1 | TEXT, "\xf2"), F(FIN | TEXT, "a")),
    DROW("W02 masked as the other role", "fail(1002)",
         WRONG(FIN | R1 | TEXT, HELLO)),
    DROW("a compressed one behind the close", "close()", F(FIN | CLOSE, ""),
         Z(TEXT, HELLO)),

    /* limits, of what it inflates to */
    DLIMIT("W17 at the limit", 5, "text(Hello)", Z(TEXT, HELLO)),
    DLIMIT("W17 past the limit", 4, "fail(1009)", Z(TEXT, HELLO)),
    DLIMIT("past it in the second frame", 4, "fail(1009)",
           F(R1 | TEXT, "\xf2\x48\xcd"), F(FIN | CONT, "\xc9\xc9\x07\x00")),
    DLIMIT("each message has it", 5, "text(Hello) text(Hello)", Z(TEXT, HELLO),
           Z(TEXT, AGAIN)),
    DLIMIT("a plain one has it too", 4, "text(abcd) fail(1009)",
           F(FIN | TEXT, "abcd"), F(FIN | TEXT, "abcde")),
    DLIMIT("a plain one in fragments", 4, "fail(1009)", F(TEXT, "abc"),
           F(FIN | CONT, "de")),
    DLIMIT("longer as it is sent", 5, "text(Hello)",
           Z(TEXT, "\x00\x00\x00\xff\xff" HELLO)),
    DLIMIT("W10 far longer as it is sent", 5, "fail(1009)",
           N(FIN | R1 | TEXT, 200)),
};

/* ---- to be made ---- */

enum made_bytes { MADE_WORDS, MADE_ZEROS, MADE_NOISE };

struct made_row {
    const char *name;
    const char *want; /* behind what echoes; NULL: nothing */
    struct deflate_terms terms;
    uint32_t size;
    uint32_t bytes_max; /* 0: TABLE_BYTES_MAX */
    uint8_t frames;     /* 0: one */
    uint8_t level;      /* 0 to 9 */
    uint8_t strategy;   /* of zlib */
    uint8_t flush;      /* of zlib, between frames; 0: none */
    uint8_t bytes;      /* enum made_bytes */
};

#define LEVEL(n)                                                               \
    {"level " #n, NULL, USUAL, 20000, 0, 3, n, 0, 0, MADE_WORDS},              \
    {                                                                          \
        "level " #n ", noise", NULL, USUAL, 9000, 0, 1, n, 0, 0, MADE_NOISE    \
    }
#define WINDOW(n)                                                              \
    {"window of " #n " bits",                                                  \
     NULL,                                                                     \
     {false, false, n, n},                                                     \
     40000,                                                                    \
     0,                                                                        \
     2,                                                                        \
     6,                                                                        \
     0,                                                                        \
     0,                                                                        \
     MADE_WORDS},                                                              \
        {"window of " #n " bits, alone",                                       \
         NULL,                                                                 \
         {true, true, n, n},                                                   \
         40000,                                                                \
         0,                                                                    \
         2,                                                                    \
         6,                                                                    \
         0,                                                                    \
         0,                                                                    \
         MADE_WORDS},                                                          \
        {"their window of " #n,                                                \
         NULL,                                                                 \
         {false, true, n, 0},                                                  \
         5000,                                                                 \
         0,                                                                    \
         2,                                                                    \
         9,                                                                    \
         0,                                                                    \
         0,                                                                    \
         MADE_NOISE},                                                          \
    {                                                                          \
        "our window of " #n, NULL, {true, false, 0, n}, 5000, 0, 2, 1, 0, 0,   \
            MADE_ZEROS                                                         \
    }
#define MANNER(strategy, name)                                                 \
    {                                                                          \
        name, NULL, USUAL, 10000, 0, 4, 6, strategy, 0, MADE_WORDS             \
    }
#define SIZE(n)                                                                \
    {"of " #n " bytes", NULL, USUAL, n, 0, 1, 6, 0, 0, MADE_WORDS},            \
    {                                                                          \
        "of " #n " zeros", NULL, FRESH, n, 0, 1, 6, 0, 0, MADE_ZEROS           \
    }

static const struct made_row made_rows[] = {
    LEVEL(0),
    LEVEL(1),
    LEVEL(2),
    LEVEL(3),
    LEVEL(4),
    LEVEL(5),
    LEVEL(6),
    LEVEL(7),
    LEVEL(8),
    LEVEL(9),
    WINDOW(9),
    WINDOW(10),
    WINDOW(11),
    WINDOW(12),
    WINDOW(13),
    WINDOW(14),
    WINDOW(15),
    MANNER(Z_FILTERED, "filtered"),
    MANNER(Z_HUFFMAN_ONLY, "Huffman alone"),
    MANNER(Z_RLE, "runs alone"),
    MANNER(Z_FIXED, "fixed codes"),
    SIZE(1),
    SIZE(125),
    SIZE(8191),
    SIZE(8192),
    SIZE(8193),
    SIZE(16384),
    SIZE(65535),
    SIZE(65536),
    SIZE(70000),
    {"flushed between frames", NULL, USUAL, 9000, 0, 9, 6, 0, Z_SYNC_FLUSH,
     MADE_WORDS},
    {"forgets between frames", NULL, USUAL, 9000, 0, 9, 6, 0, Z_FULL_FLUSH,
     MADE_WORDS},
    {"partly flushed", NULL, USUAL, 9000, 0, 9, 6, 0, Z_PARTIAL_FLUSH,
     MADE_WORDS},
    {"W17 a bomb", "fail(1009)", USUAL, 1 << 20, 70000, 1, 9, 0, 0, MADE_ZEROS},
    {"W17 a bomb in many frames", "fail(1009)", USUAL, 1 << 20, 70000, 20, 9, 0,
     0, MADE_ZEROS},
    {"W17 one byte past", "fail(1009)", USUAL, 30001, 30000, 1, 9, 0, 0,
     MADE_ZEROS},
    {"W17 just within", NULL, USUAL, 30000, 30000, 1, 9, 0, 0, MADE_ZEROS},
};

#endif
