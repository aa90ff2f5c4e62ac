/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include <jansson.h>

G_BEGIN_DECLS

/* An authorization server, ours or any other, as its metadata describes it (RFC 8414). */
typedef struct _TesseraIssuer TesseraIssuer;

/* How a client says who it is (RFC 6749 §2.3.1). */
typedef struct
{
  const char *client_id;
  const char *secret; /* NULL: it has none */
} TesseraCredentials;

/* @ca_file: PEM certificates to trust in place of the system's, or NULL. */
TesseraIssuer *tessera_issuer_discover (const char *issuer, const char *ca_file, GError **error);
void tessera_issuer_free (TesseraIssuer *self);
/* As its metadata writes it: the same as was asked for. */
const char *tessera_issuer_get_identifier (TesseraIssuer *self);
/* The address of an endpoint, or NULL with an error when it has none. */
const char *tessera_issuer_get_endpoint (TesseraIssuer *self, const char *member, GError **error);
/* RFC 9207 §3: do its answers name it? */
gboolean tessera_issuer_names_itself (TesseraIssuer *self);
/* A form, NULL-terminated names and values, to an endpoint. NULL with an error unless the answer
 * has status 200; an empty object for an empty body. */
json_t *tessera_issuer_post (TesseraIssuer *self,
                             const char *member,
                             const TesseraCredentials *credentials,
                             const char *const *fields,
                             GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraIssuer, tessera_issuer_free)

G_END_DECLS
