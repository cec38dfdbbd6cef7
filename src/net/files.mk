# SPDX-License-Identifier: MIT
libflare_core_la_SOURCES += \
	%D%/mailbox.h \
	%D%/timer.h
