# SPDX-License-Identifier: MIT

# FLARE_KQUEUE: sets have_kqueue, kqueue_note, HAVE_KQUEUE and KQUEUE_SHIM.
# --enable-kqueue-shim builds the kqueue backend on Linux, on a stand-in that the
# tests bring along, so that every test can be run on it.
AC_DEFUN([FLARE_KQUEUE], [
    AC_ARG_ENABLE([kqueue-shim],
        [AS_HELP_STRING([--enable-kqueue-shim],
            [kqueue over epoll, for tests: cannot be installed])],
        [], [enable_kqueue_shim=no])
    kqueue_note=
    AS_IF([test "x$enable_kqueue_shim" = xyes], [
        AC_CHECK_HEADER([sys/epoll.h], [],
            [AC_MSG_ERROR([--enable-kqueue-shim is for Linux])])
        have_kqueue=yes
        kqueue_note=' (a stand-in over epoll, for tests only)'
    ], [
        AC_CHECK_HEADER([sys/event.h], [have_kqueue=yes], [have_kqueue=no])
        # udata carries a handle of 53 bits.
        AS_IF([test "x$have_kqueue" = xyes], [
            AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [[
                char wide[sizeof(void *) >= 8 ? 1 : -1]; return sizeof(wide);
            ]])], [], [
                have_kqueue=no
                kqueue_note=' (for 64-bit machines only)'
            ])
        ])
    ])
    AM_CONDITIONAL([HAVE_KQUEUE], [test "x$have_kqueue" = xyes])
    AM_CONDITIONAL([KQUEUE_SHIM], [test "x$enable_kqueue_shim" = xyes])
])
