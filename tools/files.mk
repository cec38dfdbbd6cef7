# SPDX-License-Identifier: MIT
# The programs that are installed.  Each is built on the public headers and on
# what tools/common has for all of them.
noinst_LTLIBRARIES += %D%/libtool_common.la
%C%_libtool_common_la_SOURCES = %D%/common/tool.c %D%/common/tool.h

# A seccomp profile for containers; docs/OPERATIONS.md says how it is used.
seccompdir = $(pkgdatadir)/seccomp
dist_seccomp_DATA = %D%/seccomp/flare.json
