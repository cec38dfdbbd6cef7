# SPDX-License-Identifier: MIT
EXTRA_DIST += \
	%D%/ABI.md \
	%D%/http-semantics.md
