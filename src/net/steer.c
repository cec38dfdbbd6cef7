/* SPDX-License-Identifier: MIT */
/* See steer.h. */
#include "net/steer.h"

#include "base/alloc.h"

#include <errno.h>
#include <linux/filter.h>
#include <sys/socket.h>

#ifndef SO_DETACH_REUSEPORT_BPF
#define SO_DETACH_REUSEPORT_BPF 68 /* Linux 5.3; not in every libc */
#endif

static int steer_detach(int fd)
{
    int unused = 0;

    /* ENOENT: there is none */
    return setsockopt(fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &unused,
                      sizeof(unused)) == 0 ||
                   errno == ENOENT
               ? 0
               : -errno;
}

/* The program: random % up, then the number of the socket at that place. */
static uint16_t steer_write(struct sock_filter *code, const bool *is_up,
                            uint32_t count, uint32_t up)
{
    uint16_t n = 0;
    uint32_t place = 0;

    code[n++] = (struct sock_filter)BPF_STMT(
        BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_RANDOM));
    code[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, up);
    for (uint32_t i = 0; i < count; i++) {
        if (!is_up[i])
            continue;
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
                                                 place++, 0, 1);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, i);
    }
    /* no such socket: the kernel's own way */
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
    return n;
}

int flare__steer(int fd, const bool *is_up, uint32_t count,
                 const struct flare_allocator *al)
{
    struct sock_fprog program;
    uint32_t up = 0;
    int rc;

    for (uint32_t i = 0; i < count; i++)
        up += is_up[i];
    if (up == 0 || up == count)
        return steer_detach(fd);
    program.filter = flare__calloc(al, 2 * up + 3, sizeof(*program.filter));
    if (program.filter == NULL)
        return -ENOMEM;
    program.len = steer_write(program.filter, is_up, count, up);
    rc = setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program,
                    sizeof(program)) < 0
             ? -errno
             : 0;
    flare__free(al, program.filter);
    return rc;
}
