# SPDX-License-Identifier: MIT
# Flags are taken one by one, and only if this compiler takes them in silence.

# FLARE_CC_FLAG(VARIABLE, FLAG)
# Appends FLAG to VARIABLE if a file compiles with it under -Werror.
AC_DEFUN([FLARE_CC_FLAG], [
    AS_VAR_PUSHDEF([cache], [flare_cv_cc_flag_$2])
    AC_CACHE_CHECK([whether $CC takes $2], [cache], [
        flare_saved_CFLAGS=$CFLAGS
        CFLAGS="$CFLAGS -Werror $2"
        AC_COMPILE_IFELSE(
            [AC_LANG_PROGRAM([[#include <string.h>]],
                [[char text[8]; memset(text, 0, sizeof(text));
                  return text[1];]])],
            [AS_VAR_SET([cache], [yes])], [AS_VAR_SET([cache], [no])])
        CFLAGS=$flare_saved_CFLAGS
    ])
    AS_VAR_IF([cache], [yes], [AS_VAR_APPEND([$1], [" $2"])])
    AS_VAR_POPDEF([cache])
])

# FLARE_LD_FLAG(VARIABLE, FLAG)
# Appends FLAG to VARIABLE if a program links with it.
AC_DEFUN([FLARE_LD_FLAG], [
    AS_VAR_PUSHDEF([cache], [flare_cv_ld_flag_$2])
    AC_CACHE_CHECK([whether the linker takes $2], [cache], [
        flare_saved_LDFLAGS=$LDFLAGS
        LDFLAGS="$LDFLAGS -Werror $2"
        AC_LINK_IFELSE([AC_LANG_PROGRAM()],
            [AS_VAR_SET([cache], [yes])], [AS_VAR_SET([cache], [no])])
        LDFLAGS=$flare_saved_LDFLAGS
    ])
    AS_VAR_IF([cache], [yes], [AS_VAR_APPEND([$1], [" $2"])])
    AS_VAR_POPDEF([cache])
])

# FLARE_WARNINGS: sets WARN_CFLAGS.
AC_DEFUN([FLARE_WARNINGS], [
    AC_ARG_ENABLE([werror],
        [AS_HELP_STRING([--enable-werror], [warnings are errors])],
        [], [enable_werror=no])
    WARN_CFLAGS=
    m4_foreach_w([flag], [-Wall -Wextra -Wshadow -Wstrict-prototypes
        -Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wvla -Wundef
        -Wformat=2 -Wmissing-field-initializers], [
        FLARE_CC_FLAG([WARN_CFLAGS], flag)
    ])
    AS_IF([test "x$enable_werror" = xyes],
        [AS_VAR_APPEND([WARN_CFLAGS], [" -Werror"])])
    AC_SUBST([WARN_CFLAGS])
])

# FLARE_SANITIZERS: sets SANITIZE_FLAGS, and FUZZER_FLAGS for fuzz targets.
# Called before FLARE_HARDENING, which leaves FORTIFY out under a sanitizer.
AC_DEFUN([FLARE_SANITIZERS], [
    AC_ARG_ENABLE([sanitizers],
        [AS_HELP_STRING([--enable-sanitizers=LIST],
            [build with -fsanitize=LIST, e.g. address,undefined or thread])],
        [], [enable_sanitizers=no])
    AS_CASE([$enable_sanitizers],
        [yes], [enable_sanitizers=address,undefined],
        [''], [enable_sanitizers=no])
    AC_ARG_ENABLE([fuzzers],
        [AS_HELP_STRING([--enable-fuzzers],
            [link the fuzz targets with libFuzzer (clang)])],
        [], [enable_fuzzers=no])

    SANITIZE_FLAGS=
    FUZZER_FLAGS=
    AS_IF([test "x$enable_sanitizers" != xno], [
        FLARE_LD_FLAG([SANITIZE_FLAGS], [-fsanitize=$enable_sanitizers])
        AS_IF([test -z "$SANITIZE_FLAGS"], [AC_MSG_ERROR(
            [$CC does not link with -fsanitize=$enable_sanitizers])])
        AS_VAR_APPEND([SANITIZE_FLAGS],
            [" -fno-omit-frame-pointer -fno-sanitize-recover=all"])
    ])
    AS_IF([test "x$enable_fuzzers" = xyes], [
        FLARE_CC_FLAG([SANITIZE_FLAGS], [-fsanitize=fuzzer-no-link])
        AS_CASE([$SANITIZE_FLAGS],
            [*fuzzer-no-link*], [FUZZER_FLAGS=-fsanitize=fuzzer],
            [AC_MSG_ERROR(
                [--enable-fuzzers needs a clang with libFuzzer as CC])])
    ])
    AC_SUBST([SANITIZE_FLAGS])
    AC_SUBST([FUZZER_FLAGS])
    AM_CONDITIONAL([WITH_FUZZERS], [test "x$enable_fuzzers" = xyes])
])

# FLARE_HARDENING: sets HARDEN_CPPFLAGS, HARDEN_CFLAGS and HARDEN_LDFLAGS.
AC_DEFUN([FLARE_HARDENING], [
    AC_ARG_ENABLE([hardening],
        [AS_HELP_STRING([--disable-hardening],
            [leave out stack protector, FORTIFY, relro and the like])],
        [], [enable_hardening=yes])
    HARDEN_CPPFLAGS=
    HARDEN_CFLAGS=
    HARDEN_LDFLAGS=
    AS_IF([test "x$enable_hardening" = xyes], [
        m4_foreach_w([flag], [-fstack-protector-strong
            -fstack-clash-protection -fcf-protection], [
            FLARE_CC_FLAG([HARDEN_CFLAGS], flag)
        ])
        m4_foreach([flag], [[-Wl,-z,relro], [-Wl,-z,now],
            [-Wl,-z,noexecstack]], [
            FLARE_LD_FLAG([HARDEN_LDFLAGS], [flag])
        ])
        # The sanitizers' own checks are finer, and FORTIFY hides from them.
        AS_IF([test -z "$SANITIZE_FLAGS"],
            [FLARE_CC_FLAG([HARDEN_CPPFLAGS], [-D_FORTIFY_SOURCE=2])])
    ])
    AC_SUBST([HARDEN_CPPFLAGS])
    AC_SUBST([HARDEN_CFLAGS])
    AC_SUBST([HARDEN_LDFLAGS])
])
