/* SPDX-License-Identifier: MIT */
/*
 * Every error there is: number, name, class, the HTTP status that stands for
 * it, text.  A return code is the library's or a system's -errno; both have
 * all of these.
 *
 *   errors [NUMBER ...]     all of the library's, and some of the system's
 */
#include <flare/flare.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void print_code(int rc)
{
    printf("%6d  %-27s %-6s  %d  %s\n", rc, flare_error_name(rc),
           flare_error_class_name(flare_error_class(rc)),
           flare_error_status(rc), flare_strerror(rc));
}

/* Calls that set something up say more than a code: which one, and why. */
static void print_sentence(void)
{
    struct flare_error err;
    struct flare_addr addr;
    int rc = flare_addr_parse(&addr, FLARE_STR("127.0.0.1:65536"), &err);

    if (rc < 0)
        printf("\nflare_addr_parse: %s\n  \"%s\"\n", flare_error_name(rc),
               err.text);
}

int main(int argc, char **argv)
{
#define CODE(name, text, class_, status) FLARE_E_##name,
    static const int own[] = {FLARE_ERRORS(CODE)};
#undef CODE
    static const int system_[] = {EADDRINUSE, ECONNREFUSED, ECONNRESET,
                                  ETIMEDOUT,  EPIPE,        EMFILE,
                                  ENOMEM,     EAGAIN,       EACCES};

    for (int i = 1; i < argc; i++)
        print_code((int)strtol(argv[i], NULL, 10));
    if (argc > 1)
        return 0;
    for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
        print_code(own[i]);
    for (size_t i = 0; i < sizeof(system_) / sizeof(*system_); i++)
        print_code(-system_[i]);
    print_sentence();
    return 0;
}
