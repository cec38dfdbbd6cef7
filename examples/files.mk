# SPDX-License-Identifier: MIT
noinst_PROGRAMS += %D%/hello %D%/users
%C%_hello_SOURCES = %D%/hello.c
%C%_hello_LDADD = libflare.la
%C%_users_SOURCES = %D%/users.c
%C%_users_LDADD = libflare.la
