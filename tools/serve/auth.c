/* SPDX-License-Identifier: MIT */
/*
 * A hash is made to be slow, and it is computed on the loop.  So the password
 * that a user was let in with is kept, and compared first: a browser sends it
 * with every request.  Nobody learns from the time it takes whether a name
 * exists: an unknown one is hashed too.
 */
#include "tools/serve/auth.h"

#include "tools/common/tool.h"

#include <crypt.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { USERS_MAX = 4096, PASSWORD_MAX = 128 };

struct user {
    char *name;
    char *hash;
    size_t known_len; /* of the password it was let in with; 0: none yet */
    char known[PASSWORD_MAX];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct user *users;
static size_t user_count;
static struct flare_basic_user one;
static struct flare_basic_auth options;

/* ---- reading ---- */

static bool is_hash(const char *hash)
{
    return strncmp(hash, "$2", 2) == 0 || strncmp(hash, "$5$", 3) == 0 ||
           strncmp(hash, "$6$", 3) == 0 || strncmp(hash, "$y$", 3) == 0 ||
           strncmp(hash, "$7$", 3) == 0 || strncmp(hash, "$gy$", 4) == 0;
}

static void user_add(char *line, unsigned number)
{
    char *colon = strchr(line, ':');
    struct user *more;

    if (colon == NULL || colon == line)
        tool_die("--auth-file: '%s' line %u is not NAME:HASH", serve.auth_file,
                 number);
    *colon = '\0';
    if (!is_hash(colon + 1))
        tool_die("--auth-file: '%s' line %u: the hash of '%s' is none of "
                 "bcrypt, sha-crypt and yescrypt; make one with 'htpasswd -B'",
                 serve.auth_file, number, line);
    if (user_count == USERS_MAX)
        tool_die("--auth-file: '%s' has more than %d users", serve.auth_file,
                 USERS_MAX);
    more = realloc(users, (user_count + 1) * sizeof(*users));
    if (more == NULL)
        tool_die("out of memory");
    users = more;
    users[user_count] = (struct user){strdup(line), strdup(colon + 1), 0, ""};
    if (users[user_count].name == NULL || users[user_count].hash == NULL)
        tool_die("out of memory");
    user_count++;
}

static void users_read(void)
{
    FILE *file = fopen(serve.auth_file, "re");
    char line[1024];
    unsigned number = 0;

    if (file == NULL)
        tool_die("--auth-file: '%s': %s", serve.auth_file,
                 flare_strerror(-errno));
    while (fgets(line, sizeof(line), file) != NULL) {
        number++;
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] != '\0' && line[0] != '#')
            user_add(line, number);
    }
    if (ferror(file))
        tool_die("--auth-file: '%s' cannot be read", serve.auth_file);
    (void)fclose(file); /* it was only read */
    if (user_count == 0)
        tool_die("--auth-file: '%s' has no user in it: nobody could come in",
                 serve.auth_file);
}

/* ---- asking ---- */

static bool is_known(const struct user *u, struct flare_str password)
{
    bool is;

    pthread_mutex_lock(&lock);
    is = u->known_len > 0 &&
         flare_secret_equal(password,
                            (struct flare_str){u->known, u->known_len});
    pthread_mutex_unlock(&lock);
    return is;
}

static void learn(struct user *u, struct flare_str password)
{
    pthread_mutex_lock(&lock);
    memcpy(u->known, password.ptr, password.len);
    u->known_len = password.len;
    pthread_mutex_unlock(&lock);
}

static int verify(flare_req *req, struct flare_str name,
                  struct flare_str password, void *ctx)
{
    char text[PASSWORD_MAX + 1];
    struct user *u = NULL;
    struct crypt_data *data;
    const char *hash, *made;
    bool is = false;

    (void)req, (void)ctx;
    for (size_t i = 0; i < user_count; i++)
        if (flare_str_equal(name, flare_str(users[i].name)))
            u = &users[i];
    if (password.len == 0 || password.len > PASSWORD_MAX ||
        memchr(password.ptr, '\0', password.len) != NULL)
        return FLARE_E_UNAUTHORIZED;
    if (u != NULL && is_known(u, password))
        return 0;
    data = calloc(1, sizeof(*data));
    if (data == NULL)
        return -ENOMEM;
    memcpy(text, password.ptr, password.len);
    text[password.len] = '\0';
    hash = u != NULL ? u->hash : users[0].hash;
    made = crypt_r(text, hash, data);
    if (made != NULL && made[0] != '*')
        is = flare_secret_equal(flare_str(made), flare_str(hash)) && u != NULL;
    explicit_bzero(text, sizeof(text));
    explicit_bzero(data, sizeof(*data));
    free(data);
    if (is)
        learn(u, password);
    return is ? 0 : FLARE_E_UNAUTHORIZED;
}

/* ---- both ---- */

void auth_begin(struct flare_middleware *out)
{
    struct flare_error err;
    char *colon;

    options.realm = serve.realm;
    if (serve.auth_file != NULL) {
        users_read();
        options.verify = verify;
    } else {
        one.name = strdup(serve.auth);
        if (one.name == NULL)
            tool_die("out of memory");
        colon = strchr(one.name, ':'); /* it has one: serve_options */
        *colon = '\0';
        one.password = colon + 1;
        options.users = &one;
        options.user_count = 1;
    }
    if (flare_basic_auth_init(out, &options, &err) < 0)
        tool_usage("--auth: %s", err.text);
}

void auth_end(void)
{
    for (size_t i = 0; i < user_count; i++) {
        free(users[i].name);
        free(users[i].hash);
    }
    free(users);
    free((void *)(uintptr_t)one.name);
}
