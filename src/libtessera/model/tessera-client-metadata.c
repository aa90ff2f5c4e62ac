/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The members of a client's registration, in one table: on the wire, as properties and in the store
 * (RFC 7591 §2, OpenID Connect Dynamic Client Registration §2). */

#include "model/tessera-client-metadata-private.h"

#include "model/tessera-client-object-private.h"

#define FIELD(member) G_STRUCT_OFFSET (TesseraClient, member)

/* The rights come first and in this order: fingerprints of declared clients outlive an upgrade. */
static const TesseraClientMember members[] = {
  /**
   * TesseraClient:id:
   *
   * The `client_id` (RFC 6749 §2.2): printable ASCII, at most 128 bytes. No resource owner may have
   * the same text as subject.
   */
  { "client_id", "id", TESSERA_CLIENT_TEXT, FIELD (id),
    TESSERA_CLIENT_KEPT | TESSERA_CLIENT_RIGHT },

  /**
   * TesseraClient:redirect-uris: (getter get_redirect_uris)
   *
   * Where an authorization response may go (RFC 6749 §3.1.2); compared byte by byte. Empty: any
   * loopback address with any port and path, and nothing else.
   */
  { "redirect_uris", "redirect-uris", TESSERA_CLIENT_LIST, FIELD (redirect_uris),
    TESSERA_CLIENT_KEPT | TESSERA_CLIENT_RIGHT | TESSERA_CLIENT_REGISTRABLE },

  /**
   * TesseraClient:grant-types: (getter get_grant_types)
   *
   * Out of `authorization_code`, `refresh_token` and `client_credentials` (RFC 7591 §2). Empty:
   * `authorization_code`.
   */
  { "grant_types", "grant-types", TESSERA_CLIENT_LIST, FIELD (grant_types),
    TESSERA_CLIENT_KEPT | TESSERA_CLIENT_RIGHT | TESSERA_CLIENT_REGISTRABLE },

  /**
   * TesseraClient:scope: (getter get_scope)
   *
   * The scopes the client may ask for, separated by spaces (RFC 6749 §3.3), or %NULL for none.
   */
  { "scope", "scope", TESSERA_CLIENT_TEXT, FIELD (scope),
    TESSERA_CLIENT_KEPT | TESSERA_CLIENT_RIGHT | TESSERA_CLIENT_REGISTRABLE },

  /**
   * TesseraClient:token-endpoint-auth-method:
   *
   * `client_secret_basic`, `client_secret_post`, `client_secret_jwt`, `private_key_jwt` or `none`
   * (RFC 7591 §2). %NULL: either of the first two when there is a secret, else none.
   *
   * `client_secret_jwt` needs the secret itself: of a registered client the store keeps it, sealed
   * with a key that lies beside the signing keys. Prefer `private_key_jwt`.
   */
  { "token_endpoint_auth_method", "token-endpoint-auth-method", TESSERA_CLIENT_TEXT,
    FIELD (token_endpoint_auth_method),
    TESSERA_CLIENT_KEPT | TESSERA_CLIENT_RIGHT | TESSERA_CLIENT_REGISTRABLE },

  /**
   * TesseraClient:token-endpoint-auth-signing-alg:
   *
   * How the assertions of a client with `private_key_jwt` are signed (OpenID Connect Dynamic Client
   * Registration §2): `RS256`, `ES256`, `PS256` or `EdDSA`; with `client_secret_jwt` `HS256`,
   * `HS384` or `HS512`. %NULL: as any of its keys, or its secret, can.
   */
  { "token_endpoint_auth_signing_alg", "token-endpoint-auth-signing-alg", TESSERA_CLIENT_TEXT,
    FIELD (token_endpoint_auth_signing_alg),
    TESSERA_CLIENT_KEPT | TESSERA_CLIENT_RIGHT | TESSERA_CLIENT_REGISTRABLE },

  /**
   * TesseraClient:application-type:
   *
   * `web` or `native`. Only a native client's loopback redirect URIs match on every port (RFC 8252
   * §7.3). %NULL: native when every redirect URI is a loopback or private-use one.
   */
  { "application_type", "application-type", TESSERA_CLIENT_TEXT, FIELD (application_type),
    TESSERA_CLIENT_KEPT | TESSERA_CLIENT_RIGHT | TESSERA_CLIENT_REGISTRABLE },

  /**
   * TesseraClient:id-token-signed-response-alg:
   *
   * How its ID tokens are signed (OpenID Connect Dynamic Client Registration §2): `RS256`, which is
   * the default there and here, `ES256`, `PS256` or `EdDSA`.
   */
  { "id_token_signed_response_alg", "id-token-signed-response-alg", TESSERA_CLIENT_TEXT,
    FIELD (id_token_signed_response_alg),
    TESSERA_CLIENT_KEPT | TESSERA_CLIENT_RIGHT | TESSERA_CLIENT_REGISTRABLE },

  /**
   * TesseraClient:subject-type:
   *
   * What the client is told that people are called (OpenID Connect Core §8): `public`, the same as
   * all others are told, or `pairwise`, so that it cannot find out with others whom they have in
   * common. %NULL: public.
   */
  { "subject_type", "subject-type", TESSERA_CLIENT_TEXT, FIELD (subject_type),
    TESSERA_CLIENT_KEPT | TESSERA_CLIENT_RIGHT | TESSERA_CLIENT_REGISTRABLE },

  /**
   * TesseraClient:sector-identifier-uri:
   *
   * An https address whose host names those whom a pairwise client shares what people are called
   * with (OpenID Connect Core §8.1). %NULL: the host of its redirect URIs, if that is one.
   */
  { "sector_identifier_uri", "sector-identifier-uri", TESSERA_CLIENT_TEXT,
    FIELD (sector_identifier_uri),
    TESSERA_CLIENT_KEPT | TESSERA_CLIENT_RIGHT | TESSERA_CLIENT_REGISTRABLE },

  /**
   * TesseraClient:resources:
   *
   * The resources the client may ask for (RFC 8707 §2). Empty: none.
   */
  { "resources", "resources", TESSERA_CLIENT_LIST, FIELD (resources),
    TESSERA_CLIENT_KEPT | TESSERA_CLIENT_RIGHT },

  /**
   * TesseraClient:audience:
   *
   * Whom its tokens are for when it asks for no resource.
   */
  { "audience", "audience", TESSERA_CLIENT_LIST, FIELD (audience),
    TESSERA_CLIENT_KEPT | TESSERA_CLIENT_RIGHT },

  /**
   * TesseraClient:introspect:
   *
   * The audiences whose tokens the client may introspect (RFC 7662), `*` for all. Empty: only
   * tokens of its own.
   */
  { "introspect", "introspect", TESSERA_CLIENT_LIST, FIELD (introspect),
    TESSERA_CLIENT_KEPT | TESSERA_CLIENT_RIGHT },

  /**
   * TesseraClient:allowed-origins:
   *
   * Origins (RFC 6454) from which scripts may call the server, beside those of a public client's
   * redirect URIs.
   */
  { "allowed_origins", "allowed-origins", TESSERA_CLIENT_LIST, FIELD (allowed_origins),
    TESSERA_CLIENT_KEPT | TESSERA_CLIENT_RIGHT },

  /**
   * TesseraClient:access-token-lifetime:
   *
   * Seconds; 0 for the server's own.
   */
  { "access_token_lifetime", "access-token-lifetime", TESSERA_CLIENT_NUMBER,
    FIELD (access_token_lifetime), TESSERA_CLIENT_KEPT | TESSERA_CLIENT_RIGHT },

  /**
   * TesseraClient:refresh-token-lifetime:
   *
   * Seconds after which a grant ends whatever happens; 0 for the server's own.
   */
  { "refresh_token_lifetime", "refresh-token-lifetime", TESSERA_CLIENT_NUMBER,
    FIELD (refresh_token_lifetime), TESSERA_CLIENT_KEPT | TESSERA_CLIENT_RIGHT },

  /**
   * TesseraClient:first-party:
   *
   * Whether the client belongs to whoever runs the server: people are not asked for consent. Only
   * for confidential clients.
   */
  { "first_party", "first-party", TESSERA_CLIENT_FLAG, FIELD (first_party),
    TESSERA_CLIENT_KEPT | TESSERA_CLIENT_RIGHT | TESSERA_CLIENT_ALWAYS_WRITTEN },

  /**
   * TesseraClient:require-pkce:
   *
   * Whether an authorization request needs a `code_challenge` (RFC 7636). %FALSE only for
   * confidential clients that cannot send one.
   */
  { "require_pkce", "require-pkce", TESSERA_CLIENT_FLAG, FIELD (require_pkce),
    TESSERA_CLIENT_KEPT | TESSERA_CLIENT_RIGHT | TESSERA_CLIENT_ALWAYS_WRITTEN, TRUE },

  /**
   * TesseraClient:jwks-uri:
   *
   * Where the public keys of the client are (RFC 7591 §2), in place of
   * [property@Client:jwks]: an https address that the server's [class@Outbound] reads.
   */
  { "jwks_uri", "jwks-uri", TESSERA_CLIENT_TEXT, FIELD (jwks_uri),
    TESSERA_CLIENT_KEPT | TESSERA_CLIENT_RIGHT | TESSERA_CLIENT_REGISTRABLE },

  /**
   * TesseraClient:dynamic:
   *
   * Whether the client registered itself (RFC 7591 §3). Such a client can never be
   * [property@Client:first-party].
   */
  { "dynamic", "dynamic", TESSERA_CLIENT_FLAG, FIELD (dynamic),
    TESSERA_CLIENT_KEPT | TESSERA_CLIENT_RIGHT },

  /**
   * TesseraClient:name: (getter get_name)
   *
   * What people read on the consent page; the id when none is given.
   */
  { "client_name", "name", TESSERA_CLIENT_TEXT, FIELD (name),
    TESSERA_CLIENT_KEPT | TESSERA_CLIENT_REGISTRABLE },

  /**
   * TesseraClient:jwks:
   *
   * The public keys of a client with `private_key_jwt`, or one that signs its requests: a JWK Set
   * (RFC 7517 §5), as JSON. Up to 16 keys; with a private one among them it is refused. While keys
   * change, the old ones and the new ones are all good.
   */
  { "jwks", "jwks", TESSERA_CLIENT_TEXT, FIELD (jwks),
    TESSERA_CLIENT_KEPT | TESSERA_CLIENT_REGISTRABLE },

  /**
   * TesseraClient:userinfo-signed-response-alg:
   *
   * How what it is told at the userinfo endpoint is signed (OpenID Connect Dynamic Client
   * Registration §2, Core §5.3.2): `RS256`, `ES256`, `PS256` or `EdDSA`. %NULL: it is not signed.
   */
  { "userinfo_signed_response_alg", "userinfo-signed-response-alg", TESSERA_CLIENT_TEXT,
    FIELD (userinfo_signed_response_alg), TESSERA_CLIENT_KEPT | TESSERA_CLIENT_REGISTRABLE },

  /**
   * TesseraClient:request-object-signing-alg:
   *
   * How the request objects of the client are signed (RFC 9101; OpenID Connect Dynamic Client
   * Registration §2): `RS256`, `ES256`, `PS256` or `EdDSA`. %NULL: as any of its keys can. Unsigned
   * ones are never taken.
   */
  { "request_object_signing_alg", "request-object-signing-alg", TESSERA_CLIENT_TEXT,
    FIELD (request_object_signing_alg), TESSERA_CLIENT_KEPT | TESSERA_CLIENT_REGISTRABLE },

  /**
   * TesseraClient:require-signed-request-object:
   *
   * Whether an authorization request must be a signed request object (RFC 9101 §10.5).
   */
  { "require_signed_request_object", "require-signed-request-object", TESSERA_CLIENT_FLAG,
    FIELD (require_signed_request_object), TESSERA_CLIENT_KEPT | TESSERA_CLIENT_REGISTRABLE },

  /**
   * TesseraClient:client-names:
   *
   * Its name in other languages: each a language tag (RFC 5646), a space and the name (RFC 7591
   * §2.2), such as `de Tagebuch`.
   */
  { "client_names", "client-names", TESSERA_CLIENT_LIST, FIELD (client_names),
    TESSERA_CLIENT_KEPT | TESSERA_CLIENT_REGISTRABLE },

  /**
   * TesseraClient:client-uri:
   *
   * The https address of a page about the client (RFC 7591 §2). People see it on the consent page.
   */
  { "client_uri", "client-uri", TESSERA_CLIENT_TEXT, FIELD (client_uri),
    TESSERA_CLIENT_KEPT | TESSERA_CLIENT_REGISTRABLE },

  /**
   * TesseraClient:logo-uri:
   *
   * The https address of a picture (RFC 7591 §2). It is never loaded; people see where it is.
   */
  { "logo_uri", "logo-uri", TESSERA_CLIENT_TEXT, FIELD (logo_uri),
    TESSERA_CLIENT_KEPT | TESSERA_CLIENT_REGISTRABLE },

  /**
   * TesseraClient:policy-uri:
   *
   * The https address of what the client says it does with data (RFC 7591 §2).
   */
  { "policy_uri", "policy-uri", TESSERA_CLIENT_TEXT, FIELD (policy_uri),
    TESSERA_CLIENT_KEPT | TESSERA_CLIENT_REGISTRABLE },

  /**
   * TesseraClient:tos-uri:
   *
   * The https address of the client's terms of service (RFC 7591 §2).
   */
  { "tos_uri", "tos-uri", TESSERA_CLIENT_TEXT, FIELD (tos_uri),
    TESSERA_CLIENT_KEPT | TESSERA_CLIENT_REGISTRABLE },

  /**
   * TesseraClient:contacts:
   *
   * How to reach the people who are responsible for the client, mostly e-mail addresses (RFC 7591
   * §2). For the administrator; people do not see them.
   */
  { "contacts", "contacts", TESSERA_CLIENT_LIST, FIELD (contacts),
    TESSERA_CLIENT_KEPT | TESSERA_CLIENT_REGISTRABLE },

  /**
   * TesseraClient:software-id:
   *
   * What program the client is a copy of (RFC 7591 §2).
   */
  { "software_id", "software-id", TESSERA_CLIENT_TEXT, FIELD (software_id),
    TESSERA_CLIENT_KEPT | TESSERA_CLIENT_REGISTRABLE },

  /**
   * TesseraClient:software-version:
   *
   * Which version of it (RFC 7591 §2).
   */
  { "software_version", "software-version", TESSERA_CLIENT_TEXT, FIELD (software_version),
    TESSERA_CLIENT_KEPT | TESSERA_CLIENT_REGISTRABLE },

  /**
   * TesseraClient:initiate-login-uri:
   *
   * The https address at which others can have the client begin a login (OpenID Connect Core §4).
   */
  { "initiate_login_uri", "initiate-login-uri", TESSERA_CLIENT_TEXT, FIELD (initiate_login_uri),
    TESSERA_CLIENT_KEPT | TESSERA_CLIENT_REGISTRABLE },

  /**
   * TesseraClient:default-max-age:
   *
   * After how many seconds a login is asked for again when a request does not say (OpenID Connect
   * Dynamic Client Registration §2); -1 for never.
   */
  { "default_max_age", "default-max-age", TESSERA_CLIENT_NUMBER, FIELD (default_max_age),
    TESSERA_CLIENT_KEPT | TESSERA_CLIENT_REGISTRABLE, -1 },

  /**
   * TesseraClient:require-auth-time:
   *
   * Whether its ID tokens must have `auth_time`. They always do.
   */
  { "require_auth_time", "require-auth-time", TESSERA_CLIENT_FLAG, FIELD (require_auth_time),
    TESSERA_CLIENT_KEPT | TESSERA_CLIENT_REGISTRABLE },

  /**
   * TesseraClient:default-acr-values:
   *
   * The authentication contexts it wishes for when a request does not say, the best one first
   * (OpenID Connect Dynamic Client Registration §2).
   */
  { "default_acr_values", "default-acr-values", TESSERA_CLIENT_LIST, FIELD (default_acr_values),
    TESSERA_CLIENT_KEPT | TESSERA_CLIENT_REGISTRABLE },

  /**
   * TesseraClient:registered-at:
   *
   * When the client registered itself, in seconds since 1970; 0 when it did not.
   */
  { "registered_at", "registered-at", TESSERA_CLIENT_TIME, FIELD (registered_at),
    TESSERA_CLIENT_KEPT },

  /**
   * TesseraClient:used-at:
   *
   * About when a client that registered itself was used last, in seconds since 1970; 0 for never.
   * Written down once a day at most.
   */
  { "used_at", "used-at", TESSERA_CLIENT_TIME, FIELD (used_at), TESSERA_CLIENT_KEPT },

  /**
   * TesseraClient:post-logout-redirect-uris:
   *
   * Where the browser may go once the client has asked to sign a person out (OpenID Connect
   * RP-Initiated Logout §3); compared byte by byte, the port of a loopback address too. Empty: the
   * person stays here.
   */
  { "post_logout_redirect_uris", "post-logout-redirect-uris", TESSERA_CLIENT_LIST,
    FIELD (post_logout_redirect_uris), TESSERA_CLIENT_KEPT | TESSERA_CLIENT_REGISTRABLE },

  /**
   * TesseraClient:backchannel-logout-uri:
   *
   * Where the server tells the client that a person's session has ended (OpenID Connect
   * Back-Channel Logout §2.2): with https, and without a fragment. The server needs a way there
   * ([property@Server:outbound]). %NULL: it is not told.
   */
  { "backchannel_logout_uri", "backchannel-logout-uri", TESSERA_CLIENT_TEXT,
    FIELD (backchannel_logout_uri), TESSERA_CLIENT_KEPT | TESSERA_CLIENT_REGISTRABLE },

  /**
   * TesseraClient:backchannel-logout-session-required:
   *
   * Whether the client wants to be told which session ended, with a `sid` (OpenID Connect
   * Back-Channel Logout §2.2). It is told in any case.
   */
  { "backchannel_logout_session_required", "backchannel-logout-session-required",
    TESSERA_CLIENT_FLAG, FIELD (backchannel_logout_session_required),
    TESSERA_CLIENT_KEPT | TESSERA_CLIENT_REGISTRABLE },

  /**
   * TesseraClient:allow-short-secret:
   *
   * Whether a secret below 16 bytes is accepted. Such a secret can be guessed: for tests and
   * samples.
   */
  { "allow_short_secret", "allow-short-secret", TESSERA_CLIENT_FLAG, FIELD (allow_short_secret),
    TESSERA_CLIENT_KEPT },

  /**
   * TesseraClient:disabled: (getter is_disabled)
   *
   * Whether the client is treated as if it did not exist, until it is enabled again.
   */
  { "disabled", "disabled", TESSERA_CLIENT_FLAG, FIELD (disabled), TESSERA_CLIENT_KEPT },

  /**
   * TesseraClient:origin:
   *
   * Where the client is declared, in words for an administrator, such as a file and a group in it;
   * %NULL when the store keeps it.
   */
  { "origin", "origin", TESSERA_CLIENT_TEXT, FIELD (origin), 0 },

  /**
   * TesseraClient:refresh-tokens:
   *
   * Whether a code is exchanged for a refresh token too; the same as `refresh_token` among the
   * grant types.
   */
  { "refresh_tokens", "refresh-tokens", TESSERA_CLIENT_FLAG, FIELD (refresh_tokens), 0 },
};

guint
tessera_client_member_get_count (void)
{
  return G_N_ELEMENTS (members);
}

const TesseraClientMember *
tessera_client_member_get (guint index)
{
  return &members[index];
}

GParamSpec *
tessera_client_member_new_property (const TesseraClientMember *self)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS;

  switch (self->kind)
    {
    case TESSERA_CLIENT_LIST:
      return g_param_spec_boxed (self->property, NULL, NULL, G_TYPE_STRV, flags);
    case TESSERA_CLIENT_NUMBER:
      return g_param_spec_int (self->property, NULL, NULL, self->usual, G_MAXINT32, self->usual,
                               flags);
    case TESSERA_CLIENT_TIME:
      return g_param_spec_int64 (self->property, NULL, NULL, 0, G_MAXINT64, 0, flags);
    case TESSERA_CLIENT_FLAG:
      return g_param_spec_boolean (self->property, NULL, NULL, self->usual, flags);
    case TESSERA_CLIENT_TEXT:
    default:
      return g_param_spec_string (self->property, NULL, NULL, NULL, flags);
    }
}

#define TEXT(client, member) G_STRUCT_MEMBER (char *, client, (member)->offset)
#define LIST(client, member) G_STRUCT_MEMBER (char **, client, (member)->offset)
#define NUMBER(client, member) G_STRUCT_MEMBER (int, client, (member)->offset)
#define TIME(client, member) G_STRUCT_MEMBER (gint64, client, (member)->offset)
#define FLAG(client, member) G_STRUCT_MEMBER (gboolean, client, (member)->offset)

/* Empty members say nothing: an application that registers "" means "none". */
static char **
dup_list (const GValue *value)
{
  g_autoptr (GPtrArray) list = g_ptr_array_new ();
  const char *const *strv = g_value_get_boxed (value);
  for (; strv != NULL && *strv != NULL; strv++)
    if (**strv != '\0')
      g_ptr_array_add (list, g_strdup (*strv));
  g_ptr_array_add (list, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&list), FALSE);
}

static char *
dup_text (const GValue *value)
{
  const char *text = g_value_get_string (value);
  return text != NULL && *text != '\0' ? g_strdup (text) : NULL;
}

void
tessera_client_member_set (const TesseraClientMember *self,
                           TesseraClient *client,
                           const GValue *value)
{
  switch (self->kind)
    {
    case TESSERA_CLIENT_LIST:
      LIST (client, self) = dup_list (value);
      break;
    case TESSERA_CLIENT_NUMBER:
      NUMBER (client, self) = g_value_get_int (value);
      break;
    case TESSERA_CLIENT_TIME:
      TIME (client, self) = g_value_get_int64 (value);
      break;
    case TESSERA_CLIENT_FLAG:
      FLAG (client, self) = g_value_get_boolean (value);
      break;
    case TESSERA_CLIENT_TEXT:
    default:
      TEXT (client, self) = dup_text (value);
    }
}

void
tessera_client_member_read (const TesseraClientMember *self, TesseraClient *client, GValue *value)
{
  switch (self->kind)
    {
    case TESSERA_CLIENT_LIST:
      g_value_set_boxed (value, LIST (client, self));
      break;
    case TESSERA_CLIENT_NUMBER:
      g_value_set_int (value, NUMBER (client, self));
      break;
    case TESSERA_CLIENT_TIME:
      g_value_set_int64 (value, TIME (client, self));
      break;
    case TESSERA_CLIENT_FLAG:
      g_value_set_boolean (value, FLAG (client, self));
      break;
    case TESSERA_CLIENT_TEXT:
    default:
      g_value_set_string (value, TEXT (client, self));
    }
}

void
tessera_client_member_clear (const TesseraClientMember *self, TesseraClient *client)
{
  if (self->kind == TESSERA_CLIENT_TEXT)
    g_clear_pointer (&TEXT (client, self), g_free);
  else if (self->kind == TESSERA_CLIENT_LIST)
    g_clear_pointer (&LIST (client, self), g_strfreev);
}

static json_t *
list_to_json (char **list)
{
  json_t *array = json_array ();
  for (; *list != NULL; list++)
    json_array_append_new (array, json_string (*list));
  return array;
}

json_t *
tessera_client_member_to_json (const TesseraClientMember *self, TesseraClient *client)
{
  switch (self->kind)
    {
    case TESSERA_CLIENT_LIST:
      return *LIST (client, self) != NULL ? list_to_json (LIST (client, self)) : NULL;
    case TESSERA_CLIENT_NUMBER:
      return NUMBER (client, self) != self->usual ? json_integer (NUMBER (client, self)) : NULL;
    case TESSERA_CLIENT_TIME:
      return TIME (client, self) != 0 ? json_integer (TIME (client, self)) : NULL;
    case TESSERA_CLIENT_FLAG:
      if (FLAG (client, self) == self->usual && !(self->uses & TESSERA_CLIENT_ALWAYS_WRITTEN))
        return NULL;
      return json_boolean (FLAG (client, self));
    case TESSERA_CLIENT_TEXT:
    default:
      return TEXT (client, self) != NULL ? json_string (TEXT (client, self)) : NULL;
    }
}

static char **
dup_json_list (const json_t *array)
{
  g_autoptr (GPtrArray) list = g_ptr_array_new ();
  for (size_t i = 0; i < json_array_size (array); i++)
    {
      const char *member = json_string_value (json_array_get (array, i));
      if (member != NULL)
        g_ptr_array_add (list, g_strdup (member));
    }
  g_ptr_array_add (list, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&list), FALSE);
}

void
tessera_client_member_from_json (const TesseraClientMember *self,
                                 const json_t *json,
                                 GValue *out_value)
{
  switch (self->kind)
    {
    case TESSERA_CLIENT_LIST:
      g_value_init (out_value, G_TYPE_STRV);
      g_value_take_boxed (out_value, dup_json_list (json));
      break;
    case TESSERA_CLIENT_NUMBER:
      g_value_init (out_value, G_TYPE_INT);
      g_value_set_int (out_value, json_is_integer (json)
                                      ? (int) CLAMP (json_integer_value (json), 0, G_MAXINT32)
                                      : self->usual);
      break;
    case TESSERA_CLIENT_TIME:
      g_value_init (out_value, G_TYPE_INT64);
      g_value_set_int64 (out_value, MAX (json_integer_value (json), 0));
      break;
    case TESSERA_CLIENT_FLAG:
      g_value_init (out_value, G_TYPE_BOOLEAN);
      g_value_set_boolean (out_value, json_is_boolean (json) ? json_is_true (json) : self->usual);
      break;
    case TESSERA_CLIENT_TEXT:
    default:
      g_value_init (out_value, G_TYPE_STRING);
      g_value_set_string (out_value, json_string_value (json));
    }
}
