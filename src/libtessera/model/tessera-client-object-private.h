/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-secret-private.h"
#include "model/tessera-client-private.h"

G_BEGIN_DECLS

/* For the files of the client itself. */

typedef struct
{
  TesseraDigest digest;
  char *plain;  /* of client_secret_jwt, and known: else NULL */
  char *sealed; /* the same as the store keeps it; atomic, set once */
} TesseraClientSecret;

struct _TesseraClient
{
  GObject parent_instance;

  char *id;
  char *name;
  char *origin;
  char **redirect_uris;
  char **post_logout_redirect_uris;
  char *backchannel_logout_uri;
  char **grant_types;
  char *scope;
  char *token_endpoint_auth_method;
  char *token_endpoint_auth_signing_alg;
  char *request_object_signing_alg;
  char *jwks;
  char *jwks_uri;
  char *application_type;
  char *id_token_signed_response_alg;
  char *userinfo_signed_response_alg;
  char *subject_type;
  char *sector_identifier_uri;
  char **resources;
  char **audience;
  char **introspect;
  char **allowed_origins;
  char **client_names;
  char *client_uri;
  char *logo_uri;
  char *policy_uri;
  char *tos_uri;
  char **contacts;
  char *software_id;
  char *software_version;
  char *initiate_login_uri;
  char **default_acr_values;
  int default_max_age;
  gboolean require_auth_time;
  gboolean dynamic;
  gint64 registered_at;
  gint64 used_at;
  int access_token_lifetime;
  int refresh_token_lifetime;
  gboolean refresh_tokens;
  gboolean first_party;
  gboolean require_pkce;
  gboolean require_signed_request_object;
  gboolean backchannel_logout_session_required;
  gboolean allow_short_secret;
  gboolean disabled;

  TesseraClientSecret secrets[2]; /* `secret` and `previous-secret` */
  guint n_secrets;
  gboolean has_short_secret;
  TesseraKeySet *keys;         /* of `jwks`; NULL: none, or it is malformed */
  TesseraKeySet *request_keys; /* the same, for request objects */
  TesseraDigest registration_token;
  gboolean has_registration_token;
};

static inline gboolean
list_has (char **list, const char *member)
{
  return g_strv_contains ((const char *const *) list, member);
}

/* While it is built. */
void tessera_client_add_secret (TesseraClient *self, const char *secret);
/* Forgets them where a digest is enough. */
void tessera_client_drop_plain_secrets (TesseraClient *self);
/* What its `jwks` says to who wants signatures of @signing_alg (NULL: any). */
TesseraKeySet *
tessera_client_parse_keys (TesseraClient *self, const char *signing_alg, GError **error);

/* Of what tessera_client_to_json() wrote; without the secrets, and not checked. */
TesseraClient *tessera_client_new_from_members (const json_t *json);

G_END_DECLS
