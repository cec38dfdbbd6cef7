# SPDX-License-Identifier: MIT
libflare_core_la_SOURCES += \
	%D%/accept.c \
	%D%/close.c \
	%D%/close.h \
	%D%/conn.c \
	%D%/conn.h \
	%D%/conn_input.c \
	%D%/conn_send.c \
	%D%/deflate.c \
	%D%/deflate.h \
	%D%/deflate_none.c \
	%D%/end.c \
	%D%/end.h \
	%D%/extension.c \
	%D%/extension.h \
	%D%/field.c \
	%D%/field.h \
	%D%/handshake.c \
	%D%/handshake.h \
	%D%/handshake_client.c \
	%D%/handshake_lines.h \
	%D%/handshake_server.c \
	%D%/frame.c \
	%D%/frame.h \
	%D%/frame_write.c \
	%D%/mask.c \
	%D%/mask.h \
	%D%/mask_avx2.c \
	%D%/mask_avx512.c \
	%D%/mask_kernels.h \
	%D%/mask_neon.c \
	%D%/mask_run.inc \
	%D%/mask_scalar.c \
	%D%/mask_sse2.c \
	%D%/origin.c \
	%D%/origin.h
