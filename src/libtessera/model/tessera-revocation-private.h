/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tessera-revocation.h"

G_BEGIN_DECLS

TesseraRevocation *tessera_revocation_new (const char *token,
                                           const char *token_type_hint,
                                           const char *client_id,
                                           TesseraRevocationCause cause);
/* What became of it; before the signal. @kind NONE: not revoked. */
void tessera_revocation_set_outcome (TesseraRevocation *self,
                                     TesseraRevocationKind kind,
                                     const char *token_id,
                                     guint64 generation);

G_END_DECLS
