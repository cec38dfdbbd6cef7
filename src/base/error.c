/* SPDX-License-Identifier: MIT */
/*
 * The facts about return codes, all from two lists: FLARE_ERRORS of the public
 * header, and the errno values below.  Everything is static and constant, so
 * every function here works on any thread; strerror does not.
 */
#include <flare/error.h>

#include <errno.h>
#include <string.h>

/* What sockets, files, memory and threads answer on Linux, BSD and macOS. */
#define ERROR_ERRNOS(X)                                                        \
    X(EPERM, "operation not permitted")                                        \
    X(ENOENT, "no such file or directory")                                     \
    X(ESRCH, "no such process")                                                \
    X(EINTR, "interrupted by a signal")                                        \
    X(EIO, "input/output error")                                               \
    X(ENXIO, "no such device or address")                                      \
    X(E2BIG, "argument list is too long")                                      \
    X(EBADF, "bad file descriptor")                                            \
    X(ECHILD, "no child process")                                              \
    X(EAGAIN, "resource temporarily unavailable")                              \
    X(ENOMEM, "out of memory")                                                 \
    X(EACCES, "permission denied")                                             \
    X(EFAULT, "bad address")                                                   \
    X(EBUSY, "resource is busy")                                               \
    X(EEXIST, "file exists")                                                   \
    X(EXDEV, "link across devices")                                            \
    X(ENODEV, "no such device")                                                \
    X(ENOTDIR, "not a directory")                                              \
    X(EISDIR, "is a directory")                                                \
    X(EINVAL, "invalid argument")                                              \
    X(ENFILE, "too many open files in the system")                             \
    X(EMFILE, "too many open files")                                           \
    X(ENOTTY, "not a terminal")                                                \
    X(ETXTBSY, "text file is busy")                                            \
    X(EFBIG, "file is too large")                                              \
    X(ENOSPC, "no space left on device")                                       \
    X(ESPIPE, "illegal seek")                                                  \
    X(EROFS, "read-only file system")                                          \
    X(EMLINK, "too many links")                                                \
    X(EPIPE, "broken pipe")                                                    \
    X(EDOM, "argument out of domain")                                          \
    X(ERANGE, "result out of range")                                           \
    X(EDEADLK, "deadlock avoided")                                             \
    X(ENAMETOOLONG, "file name is too long")                                   \
    X(ENOLCK, "no locks available")                                            \
    X(ENOSYS, "the system has no such call")                                   \
    X(ENOTEMPTY, "directory is not empty")                                     \
    X(ELOOP, "too many symbolic links")                                        \
    X(EPROTO, "protocol error")                                                \
    X(EBADMSG, "bad message")                                                  \
    X(EOVERFLOW, "value is too large")                                         \
    X(EILSEQ, "illegal byte sequence")                                         \
    X(ENOTSOCK, "not a socket")                                                \
    X(EDESTADDRREQ, "destination address required")                            \
    X(EMSGSIZE, "message is too long")                                         \
    X(EPROTOTYPE, "wrong protocol type for socket")                            \
    X(ENOPROTOOPT, "protocol option not available")                            \
    X(EPROTONOSUPPORT, "protocol is not supported")                            \
    X(EOPNOTSUPP, "operation is not supported")                                \
    X(EPFNOSUPPORT, "protocol family not supported")                           \
    X(EAFNOSUPPORT, "address family not supported")                            \
    X(EADDRINUSE, "address is in use")                                         \
    X(EADDRNOTAVAIL, "address is not available")                               \
    X(ENETDOWN, "network is down")                                             \
    X(ENETUNREACH, "network is unreachable")                                   \
    X(ENETRESET, "connection reset by network")                                \
    X(ECONNABORTED, "connection aborted")                                      \
    X(ECONNRESET, "connection reset by peer")                                  \
    X(ENOBUFS, "no buffer space available")                                    \
    X(EISCONN, "socket is connected")                                          \
    X(ENOTCONN, "socket is not connected")                                     \
    X(ETIMEDOUT, "timed out")                                                  \
    X(ECONNREFUSED, "connection refused")                                      \
    X(EHOSTDOWN, "host is down")                                               \
    X(EHOSTUNREACH, "host is unreachable")                                     \
    X(EALREADY, "operation already in progress")                               \
    X(EINPROGRESS, "operation in progress")                                    \
    X(ESTALE, "stale file handle")                                             \
    X(EDQUOT, "disk quota exceeded")                                           \
    X(ECANCELED, "operation cancelled")

struct error_entry {
    const char *name;
    const char *text;
    enum flare_error_class class_;
    int status;
};

/* Indexed by code - FLARE__E_BASE - 1: the enumerators count up from there. */
static const struct error_entry error_own[] = {
#define ERROR_OWN(name, text, class_, status)                                  \
    {"FLARE_E_" #name, text, FLARE_CLASS_##class_, status},
    FLARE_ERRORS(ERROR_OWN)
#undef ERROR_OWN
};

_Static_assert(sizeof(error_own) / sizeof(error_own[0]) ==
                   FLARE__E_END - FLARE__E_BASE - 1,
               "one row for each code");
_Static_assert(FLARE__E_END < -10000, "library codes lie below -10000");

/* Indexed by errno; numbers without a name have NULLs. */
static const struct error_entry error_errnos[] = {
#define ERROR_ERRNO(name, text) [name] = {#name, text, FLARE_CLASS_SYSTEM, 500},
    ERROR_ERRNOS(ERROR_ERRNO)
#undef ERROR_ERRNO
};

static const struct error_entry error_success = {"FLARE_OK", "success",
                                                 FLARE_CLASS_NONE, 200};
static const struct error_entry error_unknown = {"UNKNOWN", "unknown error",
                                                 FLARE_CLASS_SYSTEM, 500};

static const struct error_entry *error_find(int rc)
{
    const int errnos = (int)(sizeof(error_errnos) / sizeof(error_errnos[0]));

    if (rc >= 0)
        return &error_success;
    if (rc > FLARE__E_BASE && rc < FLARE__E_END)
        return &error_own[rc - FLARE__E_BASE - 1];
    if (rc > -errnos && error_errnos[-rc].name != NULL)
        return &error_errnos[-rc];
    return &error_unknown;
}

/* glibc 2.32 has a constant table of all its errno values. */
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 32)
#define error_rare_text(number) strerrordesc_np(number)
#define error_rare_name(number) strerrorname_np(number)
#else
#define error_rare_text(number) NULL
#define error_rare_name(number) NULL
#endif

const char *flare_strerror(int rc)
{
    const struct error_entry *entry = error_find(rc);
    const char *rare = NULL;

    if (entry == &error_unknown && rc > FLARE__E_BASE)
        rare = error_rare_text(-rc);
    return rare != NULL ? rare : entry->text;
}

const char *flare_error_name(int rc)
{
    const struct error_entry *entry = error_find(rc);
    const char *rare = NULL;

    if (entry == &error_unknown && rc > FLARE__E_BASE)
        rare = error_rare_name(-rc);
    return rare != NULL ? rare : entry->name;
}

enum flare_error_class flare_error_class(int rc)
{
    return error_find(rc)->class_;
}

const char *flare_error_class_name(enum flare_error_class class_)
{
    static const char *const names[] = {
        [FLARE_CLASS_NONE] = "none",    [FLARE_CLASS_SYSTEM] = "system",
        [FLARE_CLASS_USAGE] = "usage",  [FLARE_CLASS_CONFIG] = "config",
        [FLARE_CLASS_PARSE] = "parse",  [FLARE_CLASS_LIMIT] = "limit",
        [FLARE_CLASS_STATE] = "state",  [FLARE_CLASS_HTTP] = "http",
        [FLARE_CLASS_DNS] = "dns",      [FLARE_CLASS_TLS] = "tls",
        [FLARE_CLASS_WS] = "websocket",
    };

    if ((size_t)class_ >= sizeof(names) / sizeof(names[0]))
        return "unknown";
    return names[class_];
}

int flare_error_status(int rc)
{
    /* the process has run out of something: the peer may come back later */
    if (rc == -ENOMEM || rc == -EMFILE || rc == -ENFILE || rc == -ENOBUFS)
        return 503;
    return error_find(rc)->status;
}
