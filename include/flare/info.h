/* SPDX-License-Identifier: MIT */
/* What this build of the library is, and what it can do on this machine. */
#ifndef FLARE_INFO_H
#define FLARE_INFO_H

#include <flare/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Writes one line to `out`, terminated and cut to fit `size` bytes: version,
 * compiler, the backends and libraries compiled in (without OpenSSL there is no
 * TLS, without zlib no coding), and if a loop of this process fell back to a
 * lesser backend, why.  Makes no system call.
 *
 * Returns the length of the whole line, as snprintf does.  `out` may be NULL
 * if `size` is 0.  Thread: any.
 */
FLARE_API size_t flare_build_info(char *out, size_t size);

/*
 * Tries whether the backend `name` ("uring", "epoll", "kqueue") works here, by
 * opening and closing one.
 *
 * Returns 0; FLARE_E_BACKEND_UNAVAILABLE, and `why` (may be NULL) says what was
 * refused; FLARE_E_BAD_CONFIG for a name that no build has.  Thread: any.
 */
FLARE_API FLARE_MUST_USE int flare_backend_probe(const char *name,
                                                 struct flare_error *why);

#ifdef __cplusplus
}
#endif
#endif
