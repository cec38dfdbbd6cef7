# SPDX-License-Identifier: MIT
"""The rules of scripts/lint; each module holds one kind of them."""
