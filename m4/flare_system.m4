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

# FLARE_SYSTEM: which of the two sides of src/net/os.h, and the little of it that
# is asked for by name.
AC_DEFUN([FLARE_SYSTEM], [
    AM_CONDITIONAL([SYSTEM_BSD], [test "x$have_kqueue" = xyes])
    AC_CACHE_CHECK([for sets of CPUs], [flare_cv_cpu_sets], [
        flare_saved_CPPFLAGS=$CPPFLAGS
        CPPFLAGS="$CPPFLAGS -D_GNU_SOURCE"
        AC_LINK_IFELSE([AC_LANG_PROGRAM([[
            #include <pthread.h>
            #ifdef __FreeBSD__
            #include <pthread_np.h>
            #endif
            #include <sched.h>
        ]], [[
            cpu_set_t set;
            pthread_attr_t attr;
            return sched_getaffinity(0, sizeof(set), &set) + CPU_COUNT(&set) +
                pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
        ]])], [flare_cv_cpu_sets=yes], [flare_cv_cpu_sets=no])
        CPPFLAGS=$flare_saved_CPPFLAGS
    ])
    AM_CONDITIONAL([HAVE_CPU_SETS], [test "x$flare_cv_cpu_sets" = xyes])
    AC_CHECK_HEADER([linux/filter.h],
        [flare_have_filter=yes], [flare_have_filter=no])
    AM_CONDITIONAL([HAVE_REUSEPORT_BPF], [test "x$flare_have_filter" = xyes])
    # macOS has the times of a file by another name.
    AC_CHECK_MEMBER([struct stat.st_mtim], [], [AS_VAR_APPEND([CPPFLAGS],
        [" -Dst_mtim=st_mtimespec -Dst_ctim=st_ctimespec"])],
        [[#include <sys/stat.h>]])
])
