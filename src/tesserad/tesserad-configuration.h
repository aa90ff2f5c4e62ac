/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tessera.h"
#include "tesserad-audit.h"
#include "tesserad-bus-settings.h"
#include "tesserad-key-file.h"
#include "tesserad-outbound.h"

G_BEGIN_DECLS

/* [listener NAME] */
typedef struct
{
  char *name;
  char *address;     /* HOST:PORT, unix:PATH (absolute) or systemd */
  char *certificate; /* path, or NULL: no TLS */
  char *private_key; /* path, or NULL: in the certificate's file */
  gboolean proxy_protocol;
} TesseradListenerSettings;

/* [resource NAME] */
typedef struct
{
  char *name;
  char *identifier;
  char *scope;             /* names separated by single spaces, or NULL */
  char *token_type;        /* or NULL */
  char *signing_algorithm; /* or NULL */
} TesseradResourceSettings;

/* All that the configuration says, read and checked as a whole (design: one reading, then one
 * swap). */
typedef struct
{
  TesseradKeyFile *key_file; /* for messages that name the place */
  char *issuer;
  char *state_directory;
  char *key_directory;
  char *users_file; /* path, or NULL */
  gboolean direct_endpoints;
  TesseradAuditSettings audit;
  TesseradOutboundSettings outbound;
  char *metrics_address; /* or NULL: none */
  TesseradBusSettings *bus;
  GPtrArray *listeners; /* TesseradListenerSettings* */
  GPtrArray *resources; /* TesseradResourceSettings* */
  GPtrArray *clients;   /* TesseraClient* */
  TesseraRegistrationPolicy *registration_policy;
  GPtrArray *trusted_proxies; /* char*: addresses in digits, or "unix" */
  GHashTable *values;         /* const char *property of TesseraServer -> char *value as text */
  GHashTable *limits;         /* const char *property of TesseraListener -> char *value as text */
  GPtrArray *notices;         /* char*: what the log should say at the start */
} TesseradConfiguration;

TesseradConfiguration *tesserad_configuration_load (const char *path, GError **error);
void tesserad_configuration_free (TesseradConfiguration *self);

/* Tries everything on a server in memory and on TLS contexts that serve nobody: the library's own
 * rules, without touching the state. */
gboolean tesserad_configuration_rehearse (TesseradConfiguration *self, GError **error);

/* For --check-config, which may not open the state: can others read the signing keys in it? */
gboolean tesserad_configuration_check_keys (TesseradConfiguration *self, GError **error);

/* What can change while the service runs: paths, lifetimes, switches. */
void tesserad_configuration_apply (TesseradConfiguration *self, TesseraServer *server);
/* Borrows the texts of @self; to be freed with g_free (). */
const char **tesserad_configuration_list_proxies (TesseradConfiguration *self);
/* @listener has one. */
GTlsCertificate *tesserad_configuration_load_certificate (const TesseradListenerSettings *listener,
                                                          GError **error);
/* Limits, and who answers: from the next request on. */
void tesserad_configuration_apply_to_gate (TesseradConfiguration *self, TesseraListener *gate);
gboolean tesserad_configuration_load_users (TesseradConfiguration *self,
                                            TesseraServer *server,
                                            GError **error);
/* Those of @self that @old does not have; all of them when @old is NULL. */
gboolean tesserad_configuration_add_resources (TesseradConfiguration *self,
                                               TesseradConfiguration *old,
                                               TesseraServer *server,
                                               GError **error);
gboolean tesserad_configuration_replace_clients (TesseradConfiguration *self,
                                                 TesseraServer *server,
                                                 GError **error);
/* What only a restart can change must be as in @old, and no client may be one that @server, which
 * runs with @old, has from elsewhere. */
gboolean tesserad_configuration_check_reload (TesseradConfiguration *self,
                                              TesseradConfiguration *old,
                                              TesseraServer *server,
                                              GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseradConfiguration, tesserad_configuration_free)

G_END_DECLS
