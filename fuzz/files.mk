# SPDX-License-Identifier: MIT
# A fuzz target is one line here: fuzz/fuzz_x.c with LLVMFuzzerTestOneInput.
# With --enable-fuzzers libFuzzer drives it.  Without, it is linked with
# replay.c and is a test that runs fuzz/corpus/x once.
fuzz_targets =
