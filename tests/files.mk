# SPDX-License-Identifier: MIT
# A unit test is one line here: its source is the name with .c, and it links
# LDADD (Makefile.am).  One with more sources names them in
# tests_base_test_x_SOURCES.
unit_tests =

# What more than one of them links.
libflare_testing_la_SOURCES += \
	%D%/support/test.h

# A test of the build, of lint or of a program; runs in the build folder.
shell_tests = \
	%D%/support/symbols.sh

if HAVE_CHECK
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
endif
TESTS += $(shell_tests)
EXTRA_DIST += $(shell_tests)

TEST_EXTENSIONS = .sh
SH_LOG_COMPILER = bash
# The slowest property tests take seconds under a sanitizer on a busy machine.
AM_TESTS_ENVIRONMENT = \
	srcdir='$(abs_top_srcdir)'; export srcdir; \
	builddir='$(abs_top_builddir)'; export builddir; \
	CK_DEFAULT_TIMEOUT=$${CK_DEFAULT_TIMEOUT-120}; export CK_DEFAULT_TIMEOUT;
