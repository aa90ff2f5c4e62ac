/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-version-macros.h"

G_BEGIN_DECLS

/**
 * TesseraAlgorithm:
 * @TESSERA_ALGORITHM_ES256: ECDSA on P-256 with SHA-256 (RFC 7518 §3.4), the default
 * @TESSERA_ALGORITHM_EDDSA: Ed25519 (RFC 8037 §3.1)
 * @TESSERA_ALGORITHM_RS256: RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3), 2048 bits
 * @TESSERA_ALGORITHM_PS256: RSASSA-PSS with SHA-256 (RFC 7518 §3.5), 2048 bits
 *
 * How access tokens are signed. A key carries exactly one algorithm.
 */
typedef enum
{
  TESSERA_ALGORITHM_ES256,
  TESSERA_ALGORITHM_EDDSA,
  TESSERA_ALGORITHM_RS256,
  TESSERA_ALGORITHM_PS256
} TesseraAlgorithm;

TESSERA_AVAILABLE_IN_1_0
const char *tessera_algorithm_get_name (TesseraAlgorithm algorithm);
/* Exact and case-sensitive (RFC 7515 §4.1.1). */
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_algorithm_parse (const char *name, TesseraAlgorithm *out_algorithm);

G_END_DECLS
