/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-json-private.h"
#include "base/tessera-secret-private.h"
#include "endpoints/tessera-exchange-private.h"
#include "grants/tessera-engine-private.h"

G_BEGIN_DECLS

/* A registration that is asked for over HTTP (RFC 7591 §3, RFC 7592 §2): from the first look at the
 * request until it is answered. */

typedef enum
{
  TESSERA_REGISTRATION_NEW,
  TESSERA_REGISTRATION_REPLACE,
  TESSERA_REGISTRATION_REMOVE
} TesseraRegistrationKind;

struct _TesseraRegistration
{
  TesseraEngine *engine;
  TesseraExchange *exchange;
  TesseraRegistrationKind kind;
  gboolean counted;      /* against the rate of its address */
  char *client_id;       /* whose; NULL: it is new */
  char *token;           /* an initial access token (or NULL), or the client's own */
  TesseraClient *wanted; /* NULL: it goes */

  /* How it ended. */
  TesseraClient *client;
  char *client_secret;      /* a new one, or NULL */
  char *registration_token; /* likewise */
};

TesseraRegistration *tessera_registration_new (TesseraEngine *engine,
                                               TesseraExchange *exchange,
                                               TesseraRegistrationKind kind);
void tessera_registration_free (TesseraRegistration *self);

/* What the two endpoints share. */

/* FALSE: it was answered, for there were too many attempts from there. */
gboolean tessera_registration_check_rate (TesseraEngine *engine, TesseraExchange *exchange);
/* Against the rate of its address: once, however it goes on. */
void tessera_registration_count (TesseraRegistration *self);
/* 401, and that is counted: no token came, or it is not good. */
void
tessera_registration_refuse_token (TesseraEngine *engine, TesseraExchange *exchange, gboolean came);
/* The body. TESSERA_ERROR_INVALID_CLIENT_METADATA. */
json_t *tessera_registration_parse_body (TesseraExchange *exchange, GError **error);
/* Takes @self: reads what is wished for, fetches what has to be looked at, has it made durable and
 * answers. */
void tessera_registration_proceed (TesseraRegistration *self, const json_t *metadata);
/* Takes @self, which is without @wanted. */
void tessera_registration_submit (TesseraRegistration *self);
/* All there is to tell the client, as JSON (RFC 7591 §3.2.1). NULL: without the one or the other.
 */
char *tessera_registration_describe (TesseraEngine *engine,
                                     TesseraClient *client,
                                     const char *client_secret,
                                     const char *registration_token);

/* For whoever makes it durable: it is, or @error says why not. Takes @self. */
void tessera_registration_done (TesseraRegistration *self, const GError *error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraRegistration, tessera_registration_free)

G_END_DECLS
