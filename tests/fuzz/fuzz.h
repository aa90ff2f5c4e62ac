/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

/* Each fuzz-NAME.c is one target: it defines LLVMFuzzerTestOneInput(), which aborts when a property
 * does not hold. libFuzzer drives it (`./dev fuzz`); in every other build corpus-runner.c does,
 * with the inputs kept in corpus/NAME, as a test. */
int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);
int LLVMFuzzerInitialize (int *argc, char ***argv);

/* A target may define it: another input, of at most @max_size bytes, from the one in @data. */
size_t LLVMFuzzerCustomMutator (uint8_t *data, size_t size, size_t max_size, unsigned int seed);
/* libFuzzer's own. */
size_t LLVMFuzzerMutate (uint8_t *data, size_t size, size_t max_size);

/* Criticals abort; lesser messages, which an input may provoke at will, are dropped. */
void fuzz_init (void);

/* An input in parts: texts with a line feed behind each. */
typedef struct
{
  const char *at;
  const char *end;
} FuzzInput;

FuzzInput fuzz_input (const uint8_t *data, size_t size);
/* The next line, without NULs (owned); "" when there is none left. */
char *fuzz_input_take_line (FuzzInput *self);
/* What is left, as it is (borrowed). */
const char *fuzz_input_take_rest (FuzzInput *self, gsize *out_length);

G_END_DECLS
