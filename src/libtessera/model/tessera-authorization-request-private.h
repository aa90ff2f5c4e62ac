/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tessera-client.h"

G_BEGIN_DECLS

/* Bytes; what a client sends along comes back to it in an address. */
#define TESSERA_STATE_MAX_LENGTH 2048

typedef enum
{
  TESSERA_PROMPT_NONE = 1 << 0,
  TESSERA_PROMPT_LOGIN = 1 << 1,
  TESSERA_PROMPT_CONSENT = 1 << 2,
  TESSERA_PROMPT_SELECT_ACCOUNT = 1 << 3
} TesseraPrompt;

/* How the answer goes to the client (OAuth 2.0 Multiple Response Type Encoding Practices §2.1). */
typedef enum
{
  TESSERA_RESPONSE_MODE_QUERY,
  TESSERA_RESPONSE_MODE_FORM_POST
} TesseraResponseMode;

/* A validated authorization request (RFC 6749 §4.1.1). Immutable once it is valid,
 * reference-counted. */
typedef struct
{
  gint ref_count;
  TesseraClient *client;
  char *redirect_uri;
  gboolean redirect_uri_was_sent;
  TesseraResponseMode response_mode;
  char *state; /* or NULL */
  char *scope;
  char *resources;      /* separated by single spaces, or NULL */
  char *code_challenge; /* or NULL */
  guint prompt;         /* TesseraPrompt */
  gint64 max_age;       /* seconds, -1: any */
  char *login_hint;     /* or NULL */
  char *ui_locales;     /* or NULL */
  /* OpenID Connect Core §3.1.2.1, each or NULL: */
  char *nonce;
  char *claims_request; /* what the client may ask for of the claims parameter, a JSON object */
  char *acr_values;     /* separated by single spaces */
  char *essential_acr;  /* one of these, separated by single spaces, or no answer */
  char *wanted_subject; /* who must be signed in: of id_token_hint, or a claim that is asked for */
  gint64 began_ms;
} TesseraAuthorizationRequest;

TesseraAuthorizationRequest *tessera_authorization_request_new (TesseraClient *client);
TesseraAuthorizationRequest *tessera_authorization_request_ref (TesseraAuthorizationRequest *self);
void tessera_authorization_request_unref (TesseraAuthorizationRequest *self);
/* What the person is asked to allow: the scope, and the scopes whose claims are asked for by name.
 * Owned. */
char *tessera_authorization_request_dup_asked_scope (TesseraAuthorizationRequest *self);
/* Digest over what the person is shown and decides about: client, redirect_uri, scope, resources,
 * claims (threats.md A34). Text, owned. */
char *tessera_authorization_request_dup_fingerprint (TesseraAuthorizationRequest *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraAuthorizationRequest, tessera_authorization_request_unref)

G_END_DECLS
