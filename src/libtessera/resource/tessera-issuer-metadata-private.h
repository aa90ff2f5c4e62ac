/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define TESSERA_ISSUER_METADATA_MAX_LENGTH (64 * 1024)

/* What an issuer says of itself (RFC 8414), as far as a resource server needs it. Immutable. */
typedef struct
{
  char *jwks_uri;
  char *token_endpoint;   /* or NULL, as the next */
  char *deny_list_uri;    /* a snapshot of its deny-list */
  char *deny_list_events; /* where to follow it */
} TesseraIssuerMetadata;

/* Where @issuer, which tessera_uri_check_issuer () accepts, says it (RFC 8414 §3.1). */
char *tessera_issuer_metadata_dup_uri (const char *issuer);
/* Refused when it is another's, or names places that cannot be trusted: all must be https, or lie
 * with an issuer on a loopback address. G_IO_ERROR_INVALID_DATA. */
TesseraIssuerMetadata *
tessera_issuer_metadata_parse (const char *issuer, const char *text, gsize length, GError **error);
void tessera_issuer_metadata_free (TesseraIssuerMetadata *self);
/* Do both name the same places? */
gboolean tessera_issuer_metadata_equal (const TesseraIssuerMetadata *a,
                                        const TesseraIssuerMetadata *b);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraIssuerMetadata, tessera_issuer_metadata_free)

G_END_DECLS
