/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "resource/tessera-issuer-watch-private.h"
#include "resource/tessera-verifier.h"

G_BEGIN_DECLS

/* Borrowed; NULL before it was started. */
TesseraIssuerWatch *tessera_verifier_get_watch (TesseraVerifier *self);

G_END_DECLS
