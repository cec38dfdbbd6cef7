# SPDX-License-Identifier: MIT
libflare_core_la_SOURCES += \
	%D%/addr.c \
	%D%/addr.h \
	%D%/choose.c \
	%D%/choose.h \
	%D%/clock.c \
	%D%/clock.h \
	%D%/embed.c \
	%D%/embed.h \
	%D%/file.c \
	%D%/file.h \
	%D%/ip.c \
	%D%/ip_class.c \
	%D%/handoff.c \
	%D%/handoff.h \
	%D%/handoff_wire.c \
	%D%/handoff_wire.h \
	%D%/inherit.c \
	%D%/inherit.h \
	%D%/lines.c \
	%D%/lines.h \
	%D%/listen_set.c \
	%D%/listen_set.h \
	%D%/listener.c \
	%D%/listener.h \
	%D%/loop.c \
	%D%/loop.h \
	%D%/mailbox.c \
	%D%/mailbox.h \
	%D%/notify.c \
	%D%/notify.h \
	%D%/offload.c \
	%D%/offload.h \
	%D%/os.h \
	%D%/out.c \
	%D%/out.h \
	%D%/part_file.c \
	%D%/part_file.h \
	%D%/random.c \
	%D%/random.h \
	%D%/signal.c \
	%D%/signal.h \
	%D%/sock.c \
	%D%/sock.h \
	%D%/sock_option.c \
	%D%/sock_option.h \
	%D%/stall.c \
	%D%/stall.h \
	%D%/steer.h \
	%D%/supervise.c \
	%D%/supervise.h \
	%D%/supervise_child.c \
	%D%/takeover.c \
	%D%/timer.c \
	%D%/timer.h \
	%D%/user_loop.c \
	%D%/user_loop.h \
	%D%/user_signal.c \
	%D%/user_timer.c \
	%D%/user_watch.c \
	%D%/user_watch.h \
	%D%/watchdog.c \
	%D%/watchdog.h \
	%D%/wire.c \
	%D%/wire.h \
	%D%/whole_file.c \
	%D%/whole_file.h \
	%D%/worker.c \
	%D%/worker.h

# What the systems do differently: os.h.
if SYSTEM_BSD
libflare_core_la_SOURCES += %D%/os_bsd.c
else
libflare_core_la_SOURCES += %D%/os_linux.c
endif
if HAVE_CPU_SETS
libflare_core_la_SOURCES += %D%/os_cpus_mask.c
else
libflare_core_la_SOURCES += %D%/os_cpus_none.c
endif
if HAVE_REUSEPORT_BPF
libflare_core_la_SOURCES += %D%/steer.c
else
libflare_core_la_SOURCES += %D%/steer_none.c
endif
