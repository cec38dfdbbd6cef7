# SPDX-License-Identifier: MIT

# FLARE_WITH(NAME, VARIABLE, PKG-CONFIG SPEC, WHAT FOR)
# --with-NAME=auto|yes|no through pkg-config.  Sets with_NAME to yes or no and
# VARIABLE_CFLAGS, VARIABLE_LIBS; the conditional is HAVE_VARIABLE.
AC_DEFUN([FLARE_WITH], [
    AC_ARG_WITH([$1], [AS_HELP_STRING([--with-$1], [$4 (auto)])],
        [], [with_$1=auto])
    AS_IF([test "x$with_$1" = xno],
        [$2_CFLAGS=
         $2_LIBS=
         AC_SUBST([$2_CFLAGS])
         AC_SUBST([$2_LIBS])],
        [PKG_CHECK_MODULES([$2], [$3], [with_$1=yes], [
            AS_IF([test "x$with_$1" = xyes],
                [AC_MSG_ERROR([--with-$1: pkg-config has no $3])])
            with_$1=no
        ])])
    AM_CONDITIONAL([HAVE_$2], [test "x$with_$1" = xyes])
])
