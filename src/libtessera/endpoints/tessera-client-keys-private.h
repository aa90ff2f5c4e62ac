/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grants/tessera-engine-private.h"
#include "model/tessera-client-private.h"

G_BEGIN_DECLS

/* The keys of a client, wherever they are: the one place to ask for them (RFC 7591 §2, jwks and
 * jwks_uri). Main loop only. */

/* @keys: borrowed; NULL: it has none, or they cannot be read. */
typedef void (*TesseraClientKeysFound) (gpointer data, TesseraKeySet *keys);

/* The keys to verify a signature of @client with, on what @use says, that names @kid (NULL: it
 * names none). What is at its jwks_uri is kept; it is read again when it is old, or when it lacks
 * @kid, but not more often than once a minute. @found is called at once when nothing has to be
 * read. */
void tessera_client_keys_find (TesseraEngine *engine,
                               TesseraClient *client,
                               TesseraClientKeyUse use,
                               const char *kid,
                               TesseraClientKeysFound found,
                               gpointer data);

/* Whether anything can be said about a signature of @client with the @keys that were found: not
 * while what is at its jwks_uri cannot be read, which is not the fault of who asks. */
gboolean tessera_client_keys_check (TesseraClient *client, TesseraKeySet *keys, GError **error);

TesseraClientKeys *tessera_client_keys_new (void);
/* Whoever waits is told that there are none. */
void tessera_client_keys_close (TesseraClientKeys *self);

G_END_DECLS
