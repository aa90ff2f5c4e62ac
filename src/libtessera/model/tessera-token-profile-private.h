/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "jose/tessera-claims-private.h"
#include "jose/tessera-key-private.h"

G_BEGIN_DECLS

/* The text of an access token's claims, in view of what other tokens say too: all of it but exp,
 * iat and jti. Borrowed from that text and from the header. */
typedef struct
{
  TesseraAlgorithm algorithm;
  const char *typ;
  const char *kid;
  gint64 lifetime;      /* exp - iat */
  const char *parts[4]; /* around the three values */
  gsize lengths[4];
  guint8 jti[16]; /* the token's own; its millisecond is iat */
} TesseraTokenOutline;

/* The header is set already. FALSE when the claims are not written as the issuer writes them. */
gboolean tessera_token_outline_read (TesseraTokenOutline *self, const char *claims_json);
/* The same, faster, when it is another token of what @known was read from; FALSE when it is not. */
gboolean tessera_token_outline_match (TesseraTokenOutline *self,
                                      const TesseraTokenOutline *known,
                                      const char *claims_json);
guint tessera_token_outline_hash (gconstpointer outline);
/* Whether two tokens have all in common but jti, iat and exp; for hash tables. */
gboolean tessera_token_outline_equal (gconstpointer a, gconstpointer b);

/* What the access tokens of one authorization have in common, read once: a second token of it needs
 * 32 bytes more to be known. Immutable, counted; safe in any thread. */
typedef struct
{
  gint ref_count;
  TesseraTokenOutline outline; /* of a text of its own */
  char *text;
  char *issuer;
  char *subject;
  char *client_id;
  char *grant_id;   /* or NULL */
  char *session_id; /* or NULL */
  char *scope;      /* or NULL */
  char **audience;
} TesseraTokenProfile;

/* All that the issuer puts into a token of its own accord, but jti, iat and exp. Borrowed. */
typedef struct
{
  TesseraAlgorithm algorithm;
  const char *typ;
  const char *kid;
  const char *issuer;
  const char *subject;
  const char *client_id;
  const char *const *audience;
  const char *scope; /* or NULL */
  gint64 lifetime;
  /* Of a person's alone; else NULL. */
  const char *grant_id;
  const char *session_id; /* or NULL */
  const char *acr;        /* or NULL */
  const char *amr;        /* or NULL */
  gint64 auth_time;
} TesseraTokenForm;

/* @claims: of the token that @outline was read from, as they are understood. NULL when one that
 * every access token needs is missing, or when they are not what the outline says. */
TesseraTokenProfile *tessera_token_profile_new (const TesseraTokenOutline *outline,
                                                TesseraClaims *claims);
/* The same of a token that says what @form says. */
TesseraTokenProfile *tessera_token_profile_new_of_form (const TesseraTokenOutline *outline,
                                                        const TesseraTokenForm *form);
TesseraTokenProfile *tessera_token_profile_ref (TesseraTokenProfile *self);
void tessera_token_profile_unref (TesseraTokenProfile *self);
/* Says what @form says. It may say more. */
gboolean tessera_token_profile_has_form (const TesseraTokenProfile *self,
                                         const TesseraTokenForm *form);
/* The claims of one token, as it carries them. */
char *tessera_token_profile_dup_claims_json (const TesseraTokenProfile *self,
                                             const char *jti,
                                             gint64 iat);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraTokenProfile, tessera_token_profile_unref)

G_END_DECLS
