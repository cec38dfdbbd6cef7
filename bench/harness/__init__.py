# SPDX-License-Identifier: MIT
"""The parts of bench/run, bench/idle_memory and bench/wrk_check."""
