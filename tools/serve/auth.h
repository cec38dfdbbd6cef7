/* SPDX-License-Identifier: MIT */
/*
 * Who may come in: NAME:HASH lines as htpasswd writes them (bcrypt, and what
 * else crypt(3) has: sha-crypt, yescrypt), or one NAME:PASSWORD.
 */
#ifndef FLARE_SERVE_AUTH_H
#define FLARE_SERVE_AUTH_H

#include "tools/serve/serve.h"

/* Reads --auth-file or --auth and gives the middleware; a failure ends the
 * program, and names the line. */
void auth_begin(struct flare_middleware *out);
void auth_end(void);

#endif
