/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What can be set on a server, with its defaults; and the resource servers tokens may be for. */

#include "model/tessera-settings-private.h"

#include <string.h>

static char *
dup_issuer_path (const char *issuer)
{
  const char *authority = strstr (issuer, "://");
  const char *path = authority != NULL ? strchr (authority + 3, '/') : NULL;
  return g_strdup (path != NULL ? path : "");
}

static void
set_default_paths (TesseraSettings *self)
{
  self->authorization_path = g_strdup ("/authorize");
  self->token_path = g_strdup ("/token");
  self->revocation_path = g_strdup ("/revoke");
  self->introspection_path = g_strdup ("/introspect");
  self->check_path = g_strdup ("/check");
  self->jwks_path = g_strdup ("/jwks");
  self->deny_list_path = g_strdup ("/deny-list");
  self->deny_list_events_path = g_strdup ("/deny-list/events");
  self->userinfo_path = g_strdup ("/userinfo");
  self->registration_path = g_strdup ("/register");
  self->login_path = g_strdup ("/login");
  self->consent_path = g_strdup ("/consent");
  self->logout_path = g_strdup ("/logout");
  self->account_path = g_strdup ("/account");
  self->status_list_path = g_strdup ("/status-lists");
}

static void
set_default_lifetimes (TesseraSettings *self)
{
  self->access_token_lifetime = 600;
  self->refresh_token_lifetime = 30 * 24 * 60 * 60;
  self->refresh_token_idle_lifetime = 14 * 24 * 60 * 60;
  self->code_lifetime = 60;
  self->replay_window = 30;
  self->session_lifetime = 8 * 60 * 60;
  self->session_idle = 30 * 60;
  self->jwks_max_age = 900;
  self->status_list_ttl = 60;
}

TesseraSettings *
tessera_settings_new (const char *issuer)
{
  TesseraSettings *self = g_new0 (TesseraSettings, 1);
  self->issuer = g_strdup (issuer);
  self->issuer_path = dup_issuer_path (issuer);
  self->signing_algorithm = TESSERA_ALGORITHM_ES256;
  self->revocation_enabled = TRUE;
  self->introspection_enabled = TRUE;
  self->deny_list_enabled = TRUE;
  self->feed_subscribers = 2048;
  self->registration_policy = tessera_registration_policy_new ();
  self->account_enabled = TRUE;
  self->openid_enabled = TRUE;
  self->revocation_requires_client_authentication = TRUE;
  set_default_paths (self);
  set_default_lifetimes (self);
  return self;
}

void
tessera_settings_free (TesseraSettings *self)
{
  if (self == NULL)
    return;
  g_free (self->issuer);
  g_free (self->issuer_path);
  g_free (self->authorization_path);
  g_free (self->token_path);
  g_free (self->revocation_path);
  g_free (self->introspection_path);
  g_free (self->check_path);
  g_free (self->jwks_path);
  g_free (self->deny_list_path);
  g_free (self->deny_list_events_path);
  g_free (self->userinfo_path);
  g_free (self->registration_path);
  g_object_unref (self->registration_policy);
  g_free (self->login_path);
  g_free (self->consent_path);
  g_free (self->logout_path);
  g_free (self->account_path);
  g_free (self->status_list_path);
  g_free (self);
}

char *
tessera_settings_dup_url (const TesseraSettings *self, const char *path)
{
  return g_strconcat (self->issuer, path, NULL);
}

void
tessera_resource_free (TesseraResource *self)
{
  if (self == NULL)
    return;
  g_free (self->identifier);
  g_free (self->scope);
  g_free (self->token_type);
  g_free (self);
}
