/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-error.h"

#include <glib-object.h>

G_BEGIN_DECLS

/**
 * TesseraDenialKind:
 * @TESSERA_DENIAL_TOKEN: one token; the value is its `jti`
 * @TESSERA_DENIAL_GRANT: a grant; the value is its `grant_id`. With an instant: only its tokens
 *   that were issued up to then, and the grant lives on
 * @TESSERA_DENIAL_SESSION: a session; the value is its `sid`
 * @TESSERA_DENIAL_SUBJECT: what a person allowed up to an instant
 * @TESSERA_DENIAL_CLIENT: what a client was given up to an instant
 * @TESSERA_DENIAL_ALL: everything up to an instant; the value is empty
 * @TESSERA_DENIAL_KEY: every token of a signing key, for ever; the value is its `kid`
 * @TESSERA_DENIAL_CLIENT_TOKENS: a client's own tokens, without a grant, up to an instant
 * @TESSERA_DENIAL_SUBJECT_TOKENS: a person's tokens up to an instant; their grants live on
 *
 * What an entry of the deny-list refuses.
 */
typedef enum
{
  /* The numbers are those of the database. */
  TESSERA_DENIAL_TOKEN,
  TESSERA_DENIAL_GRANT,
  TESSERA_DENIAL_SESSION,
  TESSERA_DENIAL_SUBJECT,
  TESSERA_DENIAL_CLIENT,
  TESSERA_DENIAL_ALL,
  TESSERA_DENIAL_KEY,
  TESSERA_DENIAL_CLIENT_TOKENS,
  TESSERA_DENIAL_SUBJECT_TOKENS
} TesseraDenialKind;

#define TESSERA_TYPE_DENIAL (tessera_denial_get_type ())

/* An entry of the deny-list. */
typedef struct _TesseraDenial TesseraDenial;

TESSERA_AVAILABLE_IN_1_0
GType tessera_denial_get_type (void) G_GNUC_CONST;
TESSERA_AVAILABLE_IN_1_0
TesseraDenial *tessera_denial_copy (const TesseraDenial *self);
TESSERA_AVAILABLE_IN_1_0
void tessera_denial_free (TesseraDenial *self);

TESSERA_AVAILABLE_IN_1_0
guint64 tessera_denial_get_generation (const TesseraDenial *self);
TESSERA_AVAILABLE_IN_1_0
TesseraDenialKind tessera_denial_get_kind (const TesseraDenial *self);
TESSERA_AVAILABLE_IN_1_0
const char *tessera_denial_get_rule (const TesseraDenial *self);
TESSERA_AVAILABLE_IN_1_0
const char *tessera_denial_get_value (const TesseraDenial *self);
TESSERA_AVAILABLE_IN_1_0
gint64 tessera_denial_get_instant_ms (const TesseraDenial *self);
TESSERA_AVAILABLE_IN_1_0
gint64 tessera_denial_get_expires_ms (const TesseraDenial *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraDenial, tessera_denial_free)

G_END_DECLS
