# SPDX-License-Identifier: MIT
noinst_PROGRAMS += %D%/router %D%/http_server %D%/hello %D%/users
%C%_hello_SOURCES = %D%/hello.c
%C%_hello_LDADD = libflare.la
%C%_users_SOURCES = %D%/users.c
%C%_users_LDADD = libflare.la
%C%_http_server_SOURCES = %D%/http_server.c
%C%_http_server_LDADD = libflare.la
%C%_router_SOURCES = %D%/router.c
%C%_router_LDADD = libflare.la
noinst_PROGRAMS += %D%/files
%C%_files_SOURCES = %D%/files.c
%C%_files_LDADD = libflare.la
noinst_PROGRAMS += %D%/state
%C%_state_SOURCES = %D%/state.c
%C%_state_LDADD = libflare.la
