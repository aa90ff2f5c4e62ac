/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libsoup/soup.h>

G_BEGIN_DECLS

/* What a protected resource tells about itself (RFC 9728). Without a resource it tells nothing. */
typedef struct
{
  char *resource; /* its identifier: an https URL, or http on a loopback address */
  char *url;      /* where the metadata is */
  char *path;     /* of @url */
  char *name;
  char *documentation;
  char **authorization_servers;
  char **scopes_supported;
} TesseraResourceMetadata;

void tessera_resource_metadata_clear (TesseraResourceMetadata *self);
/* NULL switches it off. FALSE: no identifier of a resource; nothing is changed. */
gboolean tessera_resource_metadata_set_resource (TesseraResourceMetadata *self,
                                                 const char *resource);
/* The document (owned). @issuer and @scope stand in for what was not set. */
char *tessera_resource_metadata_serialise (const TesseraResourceMetadata *self,
                                           const char *issuer,
                                           const char *scope);
/* Whether the request is for the document; only its path decides. */
gboolean tessera_resource_metadata_is_wanted (const TesseraResourceMetadata *self,
                                              SoupServerMessage *message);
/* Answers with @document (taken), or with 405. */
void tessera_resource_metadata_answer (SoupServerMessage *message, char *document);

G_END_DECLS
