// What libFuzzer offers to a program with a `main` of its own (compiler-rt, fuzzer/FuzzerInterface.h).
#pragma once
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerRunDriver(int *count, char ***arguments, int (*one_input)(const uint8_t *data, size_t size));

// Changes `data`, of `size` bytes, in place; returns how many it has then, at most `limit`.
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t limit);
