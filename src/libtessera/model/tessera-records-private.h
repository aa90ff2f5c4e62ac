/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-secret-private.h"
#include "jose/tessera-numbered-token-private.h"
#include "model/tessera-grant.h"
#include "model/tessera-session.h"

G_BEGIN_DECLS

/* What the store keeps, as plain values without behaviour. Times are milliseconds since 1970; 0 is
 * "never" or "not yet". Strings are owned by the record; `scope` and `resources` are names
 * separated by single spaces. Nothing here is a secret in clear. */

/* How the resource owner was authenticated; travels from login to token. */
typedef struct
{
  char *subject;
  char *session_id; /* sid */
  gint64 auth_time; /* seconds */
  char *acr;        /* or NULL */
  char *amr;        /* names separated by single spaces, or NULL */
  char *claims;     /* what else is known of the person, a JSON object; or NULL */
  char *sub;        /* what tokens call them when that is not the subject; or NULL */
} TesseraLogin;

void tessera_login_clear (TesseraLogin *self);
void tessera_login_copy (const TesseraLogin *self, TesseraLogin *out_copy);
/* The claim `sub`. Borrowed. */
const char *tessera_login_get_sub (const TesseraLogin *self);

/* The stored approval: what a resource owner allowed a client to do. The family of its refresh
 * tokens. */
struct _TesseraGrant
{
  gint64 number;      /* in the store, which gives it; 0: none yet */
  TesseraNonce nonce; /* random: of this grant alone, whatever had its number before */
  char *grant_id;
  char *client_id;
  TesseraLogin login;
  char *scope;
  char *resources;
  char *claims_request; /* OpenID Connect: the claims parameter; or NULL */
  gint64
      began_ms; /* when the authorization began, that is, when the login of its code took place */
  gint64 last_used_ms;
  gint64 expires_ms; /* absolute end */
};

/* An authorization code (RFC 6749 §4.1.2), until it is redeemed and, as a memory of it, until its
 * grant ends. */
typedef struct
{
  gint64 number; /* of its row, where the store has rows; when it was looked up */
  TesseraDigest digest;
  char *client_id;
  char *redirect_uri;
  gboolean redirect_uri_was_sent; /* then the token request must repeat it (RFC 6749 §4.1.3) */
  char *code_challenge;           /* S256, or NULL */
  TesseraLogin login;
  char *scope;
  char *resources;
  char *nonce;          /* OpenID Connect, for the ID token; or NULL */
  char *claims_request; /* the claims parameter; or NULL */
  gint64 began_ms;
  gint64 expires_ms;
  char *grant_id; /* of the grant that redeeming it made, or NULL */
  gint64 redeemed_ms;
} TesseraAuthorizationCode;

/* How far the refresh tokens of a grant have come. Of a single one nothing is kept. */
typedef struct
{
  gint64 turn;      /* of the newest: so many were before it */
  gint64 issued_ms; /* the newest */
  gint64 before_ms; /* the one before it; 0: there was none */
} TesseraRotation;

/* A signed-in browser. */
struct _TesseraSession
{
  TesseraDigest digest; /* of the cookie's value */
  TesseraLogin login;
  gint64 began_ms;
  gint64 last_seen_ms;
  gint64 expires_ms;
};

/* A remembered "allow". */
typedef struct
{
  char *subject;
  char *client_id;
  char *redirect_uri;
  char *scope;
  char *resources;
  gint64 given_ms;
} TesseraConsent;

/* A client that was told of a login and wants to hear of its end (OpenID Connect Back-Channel
 * Logout §2.1). */
typedef struct
{
  char *session_id;
  char *client_id;
  char *subject;
  char *sub;         /* what this client calls them when that is not the subject; or NULL */
  gint64 began_ms;   /* the login */
  gint64 expires_ms; /* nothing of it is good any more */
} TesseraParticipant;

/* One that has yet to hear. */
typedef struct
{
  gint64 number; /* in the order in which sessions ended */
  char *client_id;
  char *subject;
  char *sub; /* likewise */
  char *session_id;
  guint attempts; /* that came to nothing */
  gint64 due_ms;  /* not before; nobody writes it down: 0 after a start */
} TesseraLogout;

void tessera_participant_free (TesseraParticipant *self);
TesseraParticipant *tessera_participant_copy (const TesseraParticipant *self);
void tessera_logout_free (TesseraLogout *self);
TesseraLogout *tessera_logout_copy (const TesseraLogout *self);
void tessera_authorization_code_free (TesseraAuthorizationCode *self);
TesseraAuthorizationCode *tessera_authorization_code_copy (const TesseraAuthorizationCode *self);
void tessera_consent_free (TesseraConsent *self);
TesseraConsent *tessera_consent_copy (const TesseraConsent *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TesseraLogin, tessera_login_clear)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraAuthorizationCode, tessera_authorization_code_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraConsent, tessera_consent_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraParticipant, tessera_participant_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraLogout, tessera_logout_free)

/* What a token is known by when the deny-list is asked. Borrowed. */
typedef struct
{
  const char *jti;
  gint64 issued_ms;  /* of the jti's UUIDv7 */
  gint64 expires_ms; /* exp */
  const char *subject;
  const char *client_id;
  const char *grant_id;   /* NULL: a client's own token */
  const char *session_id; /* or NULL */
  const char *kid;
} TesseraTokenIdentity;

G_END_DECLS
