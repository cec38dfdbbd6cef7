/* SPDX-License-Identifier: MIT */
/*
 * gzip and deflate in constant memory, from standard input to standard output.
 *
 *   encoding [-d] gzip|zlib|raw     -d: decodes at most 1 GiB; no bombs
 */
#include <flare/flare.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static flare_encoder *encoder; /* one of the two is there */
static flare_decoder *decoder;
static char in_bytes[65536], out_bytes[65536];

static bool read_some(struct flare_str *in)
{
    in->ptr = in_bytes;
    in->len = fread(in_bytes, 1, sizeof(in_bytes), stdin);
    return in->len > 0;
}

/* Writes what a step gave; true while there may be more of it. */
static bool write_some(int *rc)
{
    size_t len = *rc > 0 ? (size_t)*rc : 0;

    if (fwrite(out_bytes, 1, len, stdout) != len)
        *rc = -EIO;
    return *rc == sizeof(out_bytes);
}

static int step(struct flare_str *in)
{
    if (encoder != NULL)
        return flare_encoder_feed(encoder, in, out_bytes, sizeof(out_bytes));
    return flare_decoder_feed(decoder, in, out_bytes, sizeof(out_bytes));
}

static int finish(void)
{
    if (encoder != NULL)
        return flare_encoder_finish(encoder, out_bytes, sizeof(out_bytes));
    return flare_decoder_finish(decoder); /* input that was cut is an error */
}

static int run(enum flare_coding coding, bool is_decoding)
{
    const struct flare_decode_options limits = {.bytes_max = 1 << 30};
    struct flare_str in;
    int rc = is_decoding ? flare_decoder_new(&decoder, coding, &limits)
                         : flare_encoder_new(&encoder, coding, NULL);

    while (rc >= 0 && read_some(&in)) {
        do
            rc = step(&in);
        while (write_some(&rc));
    }
    do
        rc = rc < 0 ? rc : finish();
    while (write_some(&rc));
    flare_encoder_free(encoder);
    flare_decoder_free(decoder);
    return rc < 0 || fflush(stdout) == 0 ? rc : -EIO;
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"gzip", "zlib", "raw"};
    bool is_decoding = argc == 3 && strcmp(argv[1], "-d") == 0;
    int rc = FLARE_E_UNSUPPORTED_CODING;

    for (int i = 0; i < 3 && argc == 2 + is_decoding; i++)
        if (strcmp(argv[argc - 1], names[i]) == 0)
            rc = run((enum flare_coding)i, is_decoding);
    if (rc < 0)
        return fprintf(stderr, "encoding: %s\n", flare_strerror(rc)), 1;
    return 0;
}
