# SPDX-License-Identifier: MIT
EXTRA_DIST += \
	%D%/abi \
	%D%/cross \
	%D%/deb \
	%D%/fresh \
	%D%/fuzz \
	%D%/lib.sh \
	%D%/lint \
	%D%/lintlib/__init__.py \
	%D%/lintlib/calls.py \
	%D%/lintlib/headers.py \
	%D%/lintlib/layers.py \
	%D%/lintlib/lengths.py \
	%D%/lintlib/reports.py \
	%D%/lintlib/source.py \
	%D%/lintlib/texts.py \
	%D%/packages \
	%D%/run \
	%D%/setup \
	%D%/test
