/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The names of the signature algorithms (RFC 7518 §3.1, RFC 8037 §3.1). */
#include "jose/tessera-algorithm.h"

#include <string.h>

static const char *const algorithm_names[] = {
  [TESSERA_ALGORITHM_ES256] = "ES256",
  [TESSERA_ALGORITHM_EDDSA] = "EdDSA",
  [TESSERA_ALGORITHM_RS256] = "RS256",
  [TESSERA_ALGORITHM_PS256] = "PS256",
};

/**
 * tessera_algorithm_get_name:
 * @algorithm: an algorithm
 *
 * What the header of a token calls the algorithm: its `alg` (RFC 7515 §4.1.1).
 *
 * Returns: (transfer none): the name, for example `ES256`
 */
const char *
tessera_algorithm_get_name (TesseraAlgorithm algorithm)
{
  g_return_val_if_fail ((guint) algorithm < G_N_ELEMENTS (algorithm_names), NULL);

  return algorithm_names[algorithm];
}

/**
 * tessera_algorithm_parse:
 * @name: (nullable): a name such as `ES256`
 * @out_algorithm: (out) (optional): the algorithm of that name
 *
 * Reads the name of an algorithm, exact and case-sensitive (RFC 7515 §4.1.1).
 *
 * Returns: whether there is such an algorithm; else @out_algorithm is left alone
 */
gboolean
tessera_algorithm_parse (const char *name, TesseraAlgorithm *out_algorithm)
{
  for (guint i = 0; name != NULL && i < G_N_ELEMENTS (algorithm_names); i++)
    {
      if (strcmp (name, algorithm_names[i]) != 0)
        continue;
      if (out_algorithm != NULL)
        *out_algorithm = i;
      return TRUE;
    }
  return FALSE;
}
