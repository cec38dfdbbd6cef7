/* SPDX-License-Identifier: MIT */
/*
 * The hot system calls, inlined: a `ret` right after `syscall` is expensive
 * where the return stack is flushed on kernel entry.  Measured on the 2 vCPU
 * EPYC machine of docs: getppid 160 ns inlined, 241 ns through libc, and the
 * same assembly in a function that is not inlined gains nothing.
 *
 * Results are the kernel's: >= 0, or -errno; errno is not touched.  These are
 * no cancellation points.  Sanitizers must see the memory the kernel writes,
 * so with them, and on other machines, libc is called.
 */
#ifndef FLARE__SYSCALL_H
#define FLARE__SYSCALL_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __linux__
#include <sys/epoll.h>
#include <sys/syscall.h>
#endif
#include <sys/socket.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FLARE__SYSCALL_INLINE 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||     \
    __has_feature(memory_sanitizer)
#define FLARE__SYSCALL_INLINE 0
#endif
#endif

#ifndef FLARE__SYSCALL_INLINE
#if defined(__linux__) && defined(__LP64__) &&                                 \
    (defined(__x86_64__) || defined(__aarch64__))
#define FLARE__SYSCALL_INLINE 1
#else
#define FLARE__SYSCALL_INLINE 0
#endif
#endif

#define FLARE__SYSCALL static inline __attribute__((always_inline))

#if FLARE__SYSCALL_INLINE && defined(__x86_64__)

FLARE__SYSCALL long flare__syscall(long number, const long args[6])
{
    register long r10 __asm__("r10") = args[3];
    register long r8 __asm__("r8") = args[4];
    register long r9 __asm__("r9") = args[5];
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(args[0]), "S"(args[1]), "d"(args[2]),
                       "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

#elif FLARE__SYSCALL_INLINE && defined(__aarch64__)

FLARE__SYSCALL long flare__syscall(long number, const long args[6])
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = args[0];
    register long x1 __asm__("x1") = args[1];
    register long x2 __asm__("x2") = args[2];
    register long x3 __asm__("x3") = args[3];
    register long x4 __asm__("x4") = args[4];
    register long x5 __asm__("x5") = args[5];

    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory", "cc");
    return x0;
}

#endif

FLARE__SYSCALL long flare__sys_recv(int fd, void *buf, size_t len, int flags)
{
#if FLARE__SYSCALL_INLINE
    return flare__syscall(SYS_recvfrom,
                          (const long[6]){fd, (long)buf, (long)len, flags});
#else
    ssize_t n = recv(fd, buf, len, flags);

    return n < 0 ? -errno : n;
#endif
}

FLARE__SYSCALL long flare__sys_send(int fd, const void *buf, size_t len,
                                    int flags)
{
#if FLARE__SYSCALL_INLINE
    return flare__syscall(SYS_sendto,
                          (const long[6]){fd, (long)buf, (long)len, flags});
#else
    ssize_t n = send(fd, buf, len, flags);

    return n < 0 ? -errno : n;
#endif
}

FLARE__SYSCALL long flare__sys_sendmsg(int fd, const struct msghdr *msg,
                                       int flags)
{
#if FLARE__SYSCALL_INLINE
    return flare__syscall(SYS_sendmsg, (const long[6]){fd, (long)msg, flags});
#else
    ssize_t n = sendmsg(fd, msg, flags);

    return n < 0 ? -errno : n;
#endif
}

#ifdef __linux__
/* epoll_wait by the call that every architecture has. */
FLARE__SYSCALL long flare__sys_epoll_wait(int fd, struct epoll_event *list,
                                          int capacity, int timeout_ms)
{
#if FLARE__SYSCALL_INLINE
    return flare__syscall(
        SYS_epoll_pwait,
        (const long[6]){fd, (long)list, capacity, timeout_ms, 0, 8});
#else
    int n = epoll_wait(fd, list, capacity, timeout_ms);

    return n < 0 ? -errno : n;
#endif
}

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441 /* of every architecture; Linux 5.11 */
#endif

FLARE__SYSCALL long flare__sys_epoll_wait_ns(int fd, struct epoll_event *list,
                                             int capacity, uint64_t ns)
{
    const int64_t timeout[2] = {(int64_t)(ns / 1000000000),
                                (int64_t)(ns % 1000000000)};
#if FLARE__SYSCALL_INLINE
    return flare__syscall(
        SYS_epoll_pwait2,
        (const long[6]){fd, (long)list, capacity, (long)timeout, 0, 8});
#else
    long n =
        syscall(SYS_epoll_pwait2, fd, list, capacity, timeout, NULL, (size_t)8);

    return n < 0 ? -errno : n;
#endif
}
#endif

#endif
