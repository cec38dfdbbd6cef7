# SPDX-License-Identifier: MIT
"""The parts of bench/run, bench/ws, bench/wrk_check and bench/echo_syscalls."""
