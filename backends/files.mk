# SPDX-License-Identifier: MIT
libflare_core_la_SOURCES += \
	%D%/backend.h \
	%D%/datagram.c \
	%D%/datagram.h \
	%D%/fd.c \
	%D%/fd.h \
	%D%/handles.c \
	%D%/handles.h

if HAVE_LIBURING
libflare_core_la_SOURCES += \
	%D%/uring.c \
	%D%/uring.h \
	%D%/uring_embed.c \
	%D%/uring_file.c \
	%D%/uring_ops.c \
	%D%/uring_poll.c \
	%D%/uring_probe.c \
	%D%/uring_reap.c \
	%D%/uring_recv.c \
	%D%/uring_setup.c
endif

if HAVE_EPOLL
libflare_core_la_SOURCES += \
	%D%/epoll.c \
	%D%/record.c \
	%D%/record.h
endif

if HAVE_KQUEUE
libflare_core_la_SOURCES += %D%/kqueue.c
endif

# What says "ready" has the contract's shape from here.
if HAVE_READY
libflare_core_la_SOURCES += \
	%D%/leases.c \
	%D%/leases.h \
	%D%/ready.c \
	%D%/ready.h \
	%D%/ready_ops.c \
	%D%/ready_sock.h \
	%D%/ready_turn.h \
	%D%/syscall.h
endif

# The simulated network is for tests and fuzzing: never part of the library.
libflare_sim_la_SOURCES += \
	%D%/sim.c \
	%D%/sim.h \
	%D%/sim_address.c \
	%D%/sim_datagram.c \
	%D%/sim_file.c \
	%D%/sim_impl.h \
	%D%/sim_net.c \
	%D%/sim_ops.c \
	%D%/sim_peer.c \
	%D%/sim_rand.c \
	%D%/sim_trace.c \
	%D%/sim_world.c
