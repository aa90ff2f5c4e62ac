/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "jose/tessera-algorithm.h"
#include "model/tessera-registration-policy-private.h"

G_BEGIN_DECLS

/* What can be set on a server: read on the main loop at each request; changed only there. Lifetimes
 * are seconds. Paths are absolute paths below the issuer's own path. */
typedef struct
{
  char *issuer;
  char *issuer_path; /* of the issuer, "" for none: stands before every path below */
  TesseraAlgorithm signing_algorithm;

  char *authorization_path;
  char *token_path;
  char *revocation_path;
  char *introspection_path;
  char *check_path;
  char *jwks_path;
  char *deny_list_path;
  char *deny_list_events_path;
  char *userinfo_path;
  char *registration_path;
  char *login_path;
  char *consent_path;
  char *logout_path;
  char *account_path;
  char *status_list_path;

  gboolean revocation_enabled;
  gboolean introspection_enabled;
  gboolean deny_list_enabled;
  gboolean check_enabled;
  gboolean account_enabled;
  gboolean status_list_enabled;
  gboolean openid_enabled;
  gboolean registration_enabled;
  gboolean revocation_requires_client_authentication;
  gboolean assertions_for_token_endpoint; /* may name it as their audience, beside the issuer */
  gboolean revocation_ends_grant;         /* revoking an access token ends its grant too */
  gboolean has_outbound;                  /* other machines can be asked */

  guint access_token_lifetime;
  guint refresh_token_lifetime;
  guint refresh_token_idle_lifetime;
  guint code_lifetime;
  guint replay_window;
  guint session_lifetime;
  guint session_idle;
  guint jwks_max_age;
  guint status_list_ttl;
  TesseraRegistrationPolicy *registration_policy; /* never NULL */
  guint feed_subscribers; /* how many may follow the deny-list at the same time */
} TesseraSettings;

TesseraSettings *tessera_settings_new (const char *issuer); /* the defaults of design.md §10 */
void tessera_settings_free (TesseraSettings *self);
/* issuer + path, what metadata and pages call an endpoint. Owned. */
char *tessera_settings_dup_url (const TesseraSettings *self, const char *path);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraSettings, tessera_settings_free)

/* What resource servers there are: identifiers a token may be for. */
typedef struct
{
  char *identifier;
  char *scope;      /* NULL: any scope */
  char *token_type; /* JWT typ; NULL: at+jwt */
  TesseraAlgorithm signing_algorithm;
  gboolean has_signing_algorithm;
} TesseraResource;

void tessera_resource_free (TesseraResource *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraResource, tessera_resource_free)

G_END_DECLS
