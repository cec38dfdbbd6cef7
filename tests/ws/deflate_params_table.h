/* SPDX-License-Identifier: MIT */
/*
 * RFC 7692 section 7.1 as rows: what a server makes of offers, what a client
 * makes of an answer.  Written by hand from the RFC's rules; section numbers
 * are its own.  Run by test_extension.c.
 */
#ifndef FLARE__TEST_WS_DEFLATE_PARAMS_TABLE_H
#define FLARE__TEST_WS_DEFLATE_PARAMS_TABLE_H

/* What a side wishes: server bits, client bits, flags. */
struct ws_wish_row {
    int server_bits;
    int client_bits;
    int server_no_context;
    int client_no_context;
};

#define ANY                                                                    \
    {                                                                          \
        15, 15, 0, 0                                                           \
    }

#define DECLINED NULL /* the handshake goes on without */
#define MALFORMED ""  /* not of the grammar: 400, or the connection fails */

struct ws_params_row {
    const char *name;
    struct ws_wish_row wish;
    const char *came; /* a server: offers; a client: the answer */
    const char *out;  /* a server: its answer; a client: what is agreed */
};

#define D "permessage-deflate"
#define SNC "server_no_context_takeover"
#define CNC "client_no_context_takeover"
#define SB "server_max_window_bits"
#define CB "client_max_window_bits"

static const struct ws_params_row ws_offer_rows[] = {
    /* ---- 7.1: the extension itself ---- */
    {"no offer", ANY, "", DECLINED},
    {"bare", ANY, D, D},
    {"another extension", ANY, "x-webkit-deflate-frame", DECLINED},
    {"its old name", ANY, "permessage-compress; method=deflate", DECLINED},
    {"its name in capitals", ANY, "Permessage-Deflate", DECLINED},
    {"its name and more", ANY, "permessage-deflate2", DECLINED},
    {"its name and less", ANY, "permessage-deflat", DECLINED},
    {"behind another", ANY, "foo, " D, D},
    {"before another", ANY, D ", foo; bar=1", D},
    {"a quoted comma is no token", ANY, "foo; a=\"b,c\", " D, MALFORMED},
    {"offered twice, the same", ANY, D ", " D, D},
    {"the first is taken", ANY, D "; " SNC ", " D, D "; " SNC},
    {"the first that can be met", ANY, D "; foo, " D, D},
    {"the third that can be met", ANY,
     D "; foo, " D "; " SB "=7, " D "; " SB "=10, " D, D "; " SB "=10"},
    {"on two lines, the second", ANY, "foo\n" D, D},
    {"on two lines, both", ANY, D "; " SNC "\n" D, D "; " SNC},
    {"on two lines, the first declined", ANY, D "; foo\n" D, D},
    {"on two lines, one empty", ANY, "\n" D, D},
    {"all declined", ANY, D "; foo, " D "; bar", DECLINED},
    /* a parameter that is not defined for an offer */
    {"unknown parameter", ANY, D "; foo", DECLINED},
    {"unknown parameter with a value", ANY, D "; foo=1", DECLINED},
    {"unknown beside known", ANY, D "; " SNC "; foo", DECLINED},
    {"unknown before known", ANY, D "; foo; " SNC, DECLINED},
    {"a name in capitals", ANY, D "; Server_No_Context_Takeover", DECLINED},
    {"a name cut short", ANY, D "; server_max_window_bit=10", DECLINED},
    {"a name with dashes", ANY, D "; server-max-window-bits=10", DECLINED},

    /* ---- 7.1.1.1: server_no_context_takeover ---- */
    {"snc", ANY, D "; " SNC, D "; " SNC},
    {"snc, wished too", {15, 15, 1, 0}, D "; " SNC, D "; " SNC},
    {"snc, wished only", {15, 15, 1, 0}, D, D "; " SNC},
    {"snc with a value", ANY, D "; " SNC "=1", DECLINED},
    {"snc with a value that is true", ANY, D "; " SNC "=true", DECLINED},
    {"snc with a quoted value", ANY, D "; " SNC "=\"x\"", DECLINED},
    {"snc with an empty quoted value", ANY, D "; " SNC "=\"\"", MALFORMED},
    {"snc with no value behind =", ANY, D "; " SNC "=", MALFORMED},
    {"snc twice", ANY, D "; " SNC "; " SNC, DECLINED},
    {"snc in each of two offers", ANY, D "; " SNC ", " D "; " SNC, D "; " SNC},

    /* ---- 7.1.1.2: client_no_context_takeover ---- */
    {"cnc", ANY, D "; " CNC, D "; " CNC},
    {"cnc, wished too", {15, 15, 0, 1}, D "; " CNC, D "; " CNC},
    {"cnc, wished only", {15, 15, 0, 1}, D, D "; " CNC},
    {"cnc with a value", ANY, D "; " CNC "=1", DECLINED},
    {"cnc with a quoted value", ANY, D "; " CNC "=\"0\"", DECLINED},
    {"cnc with no value behind =", ANY, D "; " CNC "=", MALFORMED},
    {"cnc twice", ANY, D "; " CNC "; " CNC, DECLINED},
    {"both", ANY, D "; " SNC "; " CNC, D "; " SNC "; " CNC},
    {"both, the other way", ANY, D "; " CNC "; " SNC, D "; " SNC "; " CNC},
    {"both wished", {15, 15, 1, 1}, D, D "; " SNC "; " CNC},
    {"one offered, one wished",
     {15, 15, 1, 0},
     D "; " CNC,
     D "; " SNC "; " CNC},
    {"cnc twice beside snc", ANY, D "; " CNC "; " SNC "; " CNC, DECLINED},

    /* ---- 7.1.2.1: server_max_window_bits ---- */
    {"sb 8", ANY, D "; " SB "=8", D "; " SB "=8"},
    {"sb 9", ANY, D "; " SB "=9", D "; " SB "=9"},
    {"sb 10", ANY, D "; " SB "=10", D "; " SB "=10"},
    {"sb 11", ANY, D "; " SB "=11", D "; " SB "=11"},
    {"sb 12", ANY, D "; " SB "=12", D "; " SB "=12"},
    {"sb 13", ANY, D "; " SB "=13", D "; " SB "=13"},
    {"sb 14", ANY, D "; " SB "=14", D "; " SB "=14"},
    {"sb 15 is answered", ANY, D "; " SB "=15", D "; " SB "=15"},
    {"sb 0", ANY, D "; " SB "=0", DECLINED},
    {"sb 1", ANY, D "; " SB "=1", DECLINED},
    {"sb 7", ANY, D "; " SB "=7", DECLINED},
    {"sb 16", ANY, D "; " SB "=16", DECLINED},
    {"sb 32", ANY, D "; " SB "=32", DECLINED},
    {"sb 99", ANY, D "; " SB "=99", DECLINED},
    {"sb 100", ANY, D "; " SB "=100", DECLINED},
    {"sb 264 is not 8", ANY, D "; " SB "=264", DECLINED},
    {"sb 4294967304 is not 8", ANY, D "; " SB "=4294967304", DECLINED},
    {"sb with a leading zero", ANY, D "; " SB "=08", DECLINED},
    {"sb with a leading zero, two digits", ANY, D "; " SB "=010", DECLINED},
    {"sb with a plus", ANY, D "; " SB "=+8", DECLINED},
    {"sb with a minus", ANY, D "; " SB "=-8", DECLINED},
    {"sb in hexadecimal", ANY, D "; " SB "=0xa", DECLINED},
    {"sb with a dot", ANY, D "; " SB "=9.0", DECLINED},
    {"sb with a letter behind", ANY, D "; " SB "=10a", DECLINED},
    {"sb a word", ANY, D "; " SB "=ten", DECLINED},
    {"sb without a value", ANY, D "; " SB, DECLINED},
    {"sb with no value behind =", ANY, D "; " SB "=", MALFORMED},
    {"sb with an empty quoted value", ANY, D "; " SB "=\"\"", MALFORMED},
    {"sb quoted", ANY, D "; " SB "=\"10\"", D "; " SB "=10"},
    {"sb quoted, with a backslash", ANY, D "; " SB "=\"1\\0\"",
     D "; " SB "=10"},
    {"sb quoted, with two", ANY, D "; " SB "=\"\\1\\0\"", D "; " SB "=10"},
    {"sb quoted, with white space", ANY, D "; " SB "=\" 10\"", MALFORMED},
    {"sb quoted, too large", ANY, D "; " SB "=\"16\"", DECLINED},
    {"sb twice, the same", ANY, D "; " SB "=10; " SB "=10", DECLINED},
    {"sb twice, not the same", ANY, D "; " SB "=10; " SB "=11", DECLINED},
    {"sb 12, wished 10", {10, 15, 0, 0}, D "; " SB "=12", D "; " SB "=10"},
    {"sb 10, wished 12", {12, 15, 0, 0}, D "; " SB "=10", D "; " SB "=10"},
    {"sb 10, wished 10", {10, 15, 0, 0}, D "; " SB "=10", D "; " SB "=10"},
    {"sb wished only", {10, 15, 0, 0}, D, D "; " SB "=10"},
    {"sb 8 wished only", {8, 15, 0, 0}, D, D "; " SB "=8"},
    {"sb 15 offered, 9 wished", {9, 15, 0, 0}, D "; " SB "=15", D "; " SB "=9"},

    /* ---- 7.1.2.2: client_max_window_bits ---- */
    {"cb without a value", ANY, D "; " CB, D},
    {"cb 8", ANY, D "; " CB "=8", D "; " CB "=8"},
    {"cb 9", ANY, D "; " CB "=9", D "; " CB "=9"},
    {"cb 10", ANY, D "; " CB "=10", D "; " CB "=10"},
    {"cb 11", ANY, D "; " CB "=11", D "; " CB "=11"},
    {"cb 12", ANY, D "; " CB "=12", D "; " CB "=12"},
    {"cb 13", ANY, D "; " CB "=13", D "; " CB "=13"},
    {"cb 14", ANY, D "; " CB "=14", D "; " CB "=14"},
    {"cb 15 needs no answer", ANY, D "; " CB "=15", D},
    {"cb 0", ANY, D "; " CB "=0", DECLINED},
    {"cb 7", ANY, D "; " CB "=7", DECLINED},
    {"cb 16", ANY, D "; " CB "=16", DECLINED},
    {"cb 100", ANY, D "; " CB "=100", DECLINED},
    {"cb with a leading zero", ANY, D "; " CB "=09", DECLINED},
    {"cb with a sign", ANY, D "; " CB "=+9", DECLINED},
    {"cb a word", ANY, D "; " CB "=max", DECLINED},
    {"cb with no value behind =", ANY, D "; " CB "=", MALFORMED},
    {"cb quoted", ANY, D "; " CB "=\"9\"", D "; " CB "=9"},
    {"cb twice without values", ANY, D "; " CB "; " CB, DECLINED},
    {"cb twice, one with a value", ANY, D "; " CB "; " CB "=10", DECLINED},
    {"cb without a value, wished 10",
     {15, 10, 0, 0},
     D "; " CB,
     D "; " CB "=10"},
    {"cb 12, wished 10", {15, 10, 0, 0}, D "; " CB "=12", D "; " CB "=10"},
    {"cb 9, wished 10", {15, 10, 0, 0}, D "; " CB "=9", D "; " CB "=9"},
    {"cb 15, wished 8", {15, 8, 0, 0}, D "; " CB "=15", D "; " CB "=8"},
    {"cb wished of a client that cannot", {15, 10, 0, 0}, D, DECLINED},
    {"cb wished, the second offer can",
     {15, 10, 0, 0},
     D ", " D "; " CB,
     D "; " CB "=10"},

    /* ---- 7.1.3: examples, and all together ---- */
    {"the RFC's first example", ANY, D "; " CB "; " SB "=10", D "; " SB "=10"},
    {"the RFC's second example", ANY, D "; " CB "; " SB "=10, " D "; " CB,
     D "; " SB "=10"},
    {"what Chromium and Firefox offer", ANY, D "; " CB, D},
    {"what Safari offers", ANY, D, D},
    {"all four", ANY, D "; " SNC "; " CNC "; " SB "=11; " CB "=12",
     D "; " SNC "; " CNC "; " SB "=11; " CB "=12"},
    {"all four, the other way", ANY, D "; " CB "=12; " SB "=11; " CNC "; " SNC,
     D "; " SNC "; " CNC "; " SB "=11; " CB "=12"},
    {"all four, all wished",
     {9, 10, 1, 1},
     D "; " SNC "; " CNC "; " SB "=11; " CB "=12",
     D "; " SNC "; " CNC "; " SB "=9; " CB "=10"},
    {"nothing offered but cb, all wished",
     {9, 10, 1, 1},
     D "; " CB,
     D "; " SNC "; " CNC "; " SB "=9; " CB "=10"},
    {"three good and one bad", ANY,
     D "; " SNC "; " CNC "; " SB "=11; " CB "=16", DECLINED},

    /* ---- RFC 6455 section 9.1: grammar ---- */
    {"no space", ANY, D ";" SNC ";" SB "=10", D "; " SNC "; " SB "=10"},
    {"much space", ANY, " \t" D " \t; \t" SNC " ;  " SB "=10 \t",
     D "; " SNC "; " SB "=10"},
    {"space about =", ANY, D "; " SB " = 10", D "; " SB "=10"},
    {"tabs about =", ANY, D "; " SB "\t=\t\"10\"", D "; " SB "=10"},
    {"empty elements", ANY, ", ," D ",, ,", D},
    {"only commas", ANY, ",,,", DECLINED},
    {"only white space", ANY, " \t ", DECLINED},
    {"a semicolon at the end", ANY, D ";", MALFORMED},
    {"a semicolon at the end, with space", ANY, D "; ", MALFORMED},
    {"two semicolons", ANY, D ";; " SNC, MALFORMED},
    {"a semicolon first", ANY, ";" D, MALFORMED},
    {"an equals sign first", ANY, "=" D, MALFORMED},
    {"a name with a value", ANY, D "=1", MALFORMED},
    {"a parameter without a name", ANY, D "; =10", MALFORMED},
    {"two words", ANY, D " " SNC, MALFORMED},
    {"two words in a parameter", ANY, D "; " SNC " x", MALFORMED},
    {"two values", ANY, D "; " SB "=10=10", MALFORMED},
    {"a quoted name", ANY, "\"" D "\"", MALFORMED},
    {"a quoted name of a parameter", ANY, D "; \"" SNC "\"", MALFORMED},
    {"a quote that is not closed", ANY, D "; " SB "=\"10", MALFORMED},
    {"a lone quote", ANY, D "; " SB "=\"", MALFORMED},
    {"a backslash at the end", ANY, D "; " SB "=\"10\\", MALFORMED},
    {"a backslash before the quote", ANY, D "; " SB "=\"10\\\"", MALFORMED},
    {"text behind the quote", ANY, D "; " SB "=\"10\"x", MALFORMED},
    {"a quoted semicolon", ANY, D "; " SB "=\"1;0\"", MALFORMED},
    {"a quoted separator, escaped", ANY, D "; " SB "=\"1\\;0\"", MALFORMED},
    {"a slash", ANY, "permessage/deflate", MALFORMED},
    {"a bracket", ANY, D "; (" SNC ")", MALFORMED},
    {"a byte past ASCII", ANY, D "; \xC3\xA4", MALFORMED},
    {"a control", ANY, D "; " SNC "\x01", MALFORMED},
    {"a fault behind a good offer", ANY, D ", foo;", MALFORMED},
    {"a fault on the second line", ANY, D "\nfoo;", MALFORMED},
    {"a fault in another extension", ANY, "foo=1, " D, MALFORMED},
};

/* What a client makes of a server's answer to its offer of `wish`. */
static const struct ws_params_row ws_answer_rows[] = {
    {"no answer", ANY, "", DECLINED},
    {"an empty line", ANY, " ", DECLINED},
    {"bare", ANY, D, D},
    {"an extension that was not offered", ANY, "foo", MALFORMED},
    {"one beside it", ANY, D ", foo", MALFORMED},
    {"one before it", ANY, "foo, " D, MALFORMED},
    {"one on another line", ANY, D "\nfoo", MALFORMED},
    {"its name in capitals", ANY, "PERMESSAGE-DEFLATE", MALFORMED},
    {"twice", ANY, D ", " D, MALFORMED},
    {"twice, on two lines", ANY, D "\n" D, MALFORMED},
    {"unknown parameter", ANY, D "; foo", MALFORMED},
    {"unknown parameter with a value", ANY, D "; foo=1", MALFORMED},
    {"a name in capitals", ANY, D "; SERVER_NO_CONTEXT_TAKEOVER", MALFORMED},
    {"not of the grammar", ANY, D ";", MALFORMED},
    {"with white space", ANY, " " D " ; " SNC " ", D "; " SNC},

    {"snc, not offered", ANY, D "; " SNC, D "; " SNC},
    {"snc, offered", {15, 15, 1, 0}, D "; " SNC, D "; " SNC},
    {"snc offered, not answered", {15, 15, 1, 0}, D, MALFORMED},
    {"snc with a value", ANY, D "; " SNC "=1", MALFORMED},
    {"snc twice", ANY, D "; " SNC "; " SNC, MALFORMED},

    {"cnc, not offered", ANY, D "; " CNC, D "; " CNC},
    {"cnc, offered", {15, 15, 0, 1}, D "; " CNC, D "; " CNC},
    {"cnc offered, not answered: it holds", {15, 15, 0, 1}, D, D "; " CNC},
    {"cnc with a value", ANY, D "; " CNC "=1", MALFORMED},
    {"cnc twice", ANY, D "; " CNC "; " CNC, MALFORMED},

    {"sb 8, not offered", ANY, D "; " SB "=8", D "; " SB "=8"},
    {"sb 10, not offered", ANY, D "; " SB "=10", D "; " SB "=10"},
    {"sb 15, not offered", ANY, D "; " SB "=15", D "; " SB "=15"},
    {"sb 10, offered 10", {10, 15, 0, 0}, D "; " SB "=10", D "; " SB "=10"},
    {"sb 9, offered 10", {10, 15, 0, 0}, D "; " SB "=9", D "; " SB "=9"},
    {"sb 8, offered 8", {8, 15, 0, 0}, D "; " SB "=8", D "; " SB "=8"},
    {"sb 11, offered 10", {10, 15, 0, 0}, D "; " SB "=11", MALFORMED},
    {"sb offered, not answered", {10, 15, 0, 0}, D, MALFORMED},
    {"sb without a value", ANY, D "; " SB, MALFORMED},
    {"sb 7", ANY, D "; " SB "=7", MALFORMED},
    {"sb 16", ANY, D "; " SB "=16", MALFORMED},
    {"sb with a leading zero", ANY, D "; " SB "=010", MALFORMED},
    {"sb quoted", ANY, D "; " SB "=\"12\"", D "; " SB "=12"},
    {"sb twice", ANY, D "; " SB "=10; " SB "=10", MALFORMED},

    {"cb 8", ANY, D "; " CB "=8", D "; " CB "=8"},
    {"cb 9", ANY, D "; " CB "=9", D "; " CB "=9"},
    {"cb 15", ANY, D "; " CB "=15", D},
    {"cb 10, offered 10", {15, 10, 0, 0}, D "; " CB "=10", D "; " CB "=10"},
    {"cb 9, offered 10", {15, 10, 0, 0}, D "; " CB "=9", D "; " CB "=9"},
    {"cb 11, offered 10", {15, 10, 0, 0}, D "; " CB "=11", MALFORMED},
    {"cb offered, not answered: it holds", {15, 10, 0, 0}, D, D "; " CB "=10"},
    {"cb without a value", ANY, D "; " CB, MALFORMED},
    {"cb 7", ANY, D "; " CB "=7", MALFORMED},
    {"cb 16", ANY, D "; " CB "=16", MALFORMED},
    {"cb a word", ANY, D "; " CB "=x", MALFORMED},
    {"cb twice", ANY, D "; " CB "=9; " CB "=9", MALFORMED},

    {"all four",
     {11, 12, 1, 1},
     D "; " SNC "; " CNC "; " SB "=11; " CB "=12",
     D "; " SNC "; " CNC "; " SB "=11; " CB "=12"},
    {"all four, smaller",
     {11, 12, 1, 1},
     D "; " CB "=9; " SB "=10; " CNC "; " SNC,
     D "; " SNC "; " CNC "; " SB "=10; " CB "=9"},
    {"all four, of which one was not asked for",
     {11, 12, 0, 1},
     D "; " SNC "; " CNC "; " SB "=11; " CB "=12",
     D "; " SNC "; " CNC "; " SB "=11; " CB "=12"},
};

#undef ANY
#undef D
#undef SNC
#undef CNC
#undef SB
#undef CB

#endif
