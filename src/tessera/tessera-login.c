/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera login: a whole login, as a native application does it (RFC 6749 §4.1, RFC 7636, RFC 8252,
 * RFC 9207). */

#include "tessera-calls.h"
#include "tessera-command.h"
#include "tessera-input.h"
#include "tessera-issuer.h"
#include "tessera-login-report.h"
#include "tessera-loopback.h"
#include "tessera-output.h"

#include <string.h>

static char *option_issuer;
static char *option_client_id;
static char *option_secret_file;
static char *option_scope;
static char **option_resources;
static char *option_redirect_uri;
static char *option_ca_file;
static int option_timeout = 300;
static gboolean option_no_browser;
static gboolean option_introspect;
static gboolean option_refresh;
static gboolean option_revoke;
static gboolean option_show_tokens;

static const GOptionEntry entries[] = {
  { "issuer", 'i', 0, G_OPTION_ARG_STRING, &option_issuer,
    "Where to sign in (default: where the service is)", "URL" },
  { "client-id", 'c', 0, G_OPTION_ARG_STRING, &option_client_id,
    "As which client (default: one that is registered for this login and then removed)",
    "CLIENT_ID" },
  { "client-secret-file", 0, 0, G_OPTION_ARG_FILENAME, &option_secret_file,
    "Its secret, if it has one (-: standard input)", "FILE" },
  { "scope", 's', 0, G_OPTION_ARG_STRING, &option_scope, "What to ask for", "SCOPES" },
  { "resource", 0, 0, G_OPTION_ARG_STRING_ARRAY, &option_resources,
    "Which resource server the token is for; may be repeated", "URI" },
  { "redirect-uri", 'r', 0, G_OPTION_ARG_STRING, &option_redirect_uri,
    "Where the answer comes to, on this machine (http://127.0.0.1/callback, any port)", "URI" },
  { "ca-file", 0, 0, G_OPTION_ARG_FILENAME, &option_ca_file,
    "Certificates to trust, in place of the system's", "FILE" },
  { "timeout", 0, 0, G_OPTION_ARG_INT, &option_timeout, "How long to wait for the browser (300)",
    "SECONDS" },
  { "no-browser", 0, 0, G_OPTION_ARG_NONE, &option_no_browser,
    "Start no browser, only say the address", NULL },
  { "introspect", 0, 0, G_OPTION_ARG_NONE, &option_introspect,
    "Ask the issuer about the token afterwards", NULL },
  { "refresh", 0, 0, G_OPTION_ARG_NONE, &option_refresh, "Use the refresh token once", NULL },
  { "revoke", 0, 0, G_OPTION_ARG_NONE, &option_revoke, "Revoke the tokens at the end", NULL },
  { "show-tokens", 0, 0, G_OPTION_ARG_NONE, &option_show_tokens, "Say the tokens themselves, too",
    NULL },
  { NULL },
};

typedef struct
{
  TesseraIssuer *issuer;
  TesseraLoopback *loopback;
  char *client_id;
  char *secret;   /* or NULL */
  char *removing; /* id of the client that was registered for this login, or NULL */
  char *state;
  char *verifier;
  json_t *tokens; /* of the token endpoint */
  json_t *report; /* what is said at the end */
} Login;

static gboolean
fail (GError **error, const char *sentence)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, sentence);
  return FALSE;
}

static const char *
get_token (Login *self, const char *member)
{
  return json_string_value (json_object_get (self->tokens, member));
}

/* Who signs in where */

static char *
dup_issuer_of_service (GError **error)
{
  g_autoptr (GVariant) properties
      = tessera_get_properties (TESSERA_SERVICE_MANAGER, "Manager", error);
  char *issuer = NULL;

  if (properties == NULL)
    return NULL;
  if (!g_variant_lookup (properties, "Issuer", "s", &issuer))
    fail (error, "The service does not say who it is.");
  return issuer;
}

/* A confidential client, so that it may ask about its tokens. */
static GVariant *
make_registration (const char *redirect_uri)
{
  const char *uris[] = { redirect_uri, NULL };
  const char *grant_types[] = { "authorization_code", "refresh_token", NULL };
  GVariantDict dict = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&dict, "client_name", "s", "tessera login");
  g_variant_dict_insert (&dict, "application_type", "s", "native");
  g_variant_dict_insert_value (&dict, "redirect_uris", g_variant_new_strv (uris, -1));
  g_variant_dict_insert_value (&dict, "grant_types", g_variant_new_strv (grant_types, -1));
  if (option_scope != NULL)
    g_variant_dict_insert (&dict, "scope", "s", option_scope);
  if (option_resources != NULL)
    g_variant_dict_insert_value (&dict, "resources",
                                 g_variant_new_strv ((const char *const *) option_resources, -1));
  return g_variant_dict_end (&dict);
}

static gboolean
register_client (Login *self, GError **error)
{
  g_autoptr (GVariant) reply = tessera_call_manager (
      "RegisterClient",
      g_variant_new ("(@a{sv})",
                     make_registration (tessera_loopback_get_redirect_uri (self->loopback))),
      "(ss)", error);

  if (reply == NULL)
    return FALSE;
  g_variant_get (reply, "(ss)", &self->client_id, &self->secret);
  self->removing = g_strdup (self->client_id);
  return TRUE;
}

static gboolean
choose_client (Login *self, GError **error)
{
  if (option_client_id == NULL)
    return register_client (self, error);
  self->client_id = g_strdup (option_client_id);
  if (option_secret_file == NULL)
    return TRUE;
  self->secret
      = tessera_read_secret (option_secret_file, "Client secret", FALSE, TESSERA_TOKEN_MAX);
  return self->secret != NULL || fail (error, "There is no client secret.");
}

static gboolean
discover (Login *self, GError **error)
{
  g_autofree char *issuer
      = option_issuer != NULL ? g_strdup (option_issuer) : dup_issuer_of_service (error);

  if (issuer != NULL)
    self->issuer = tessera_issuer_discover (issuer, option_ca_file, error);
  return self->issuer != NULL;
}

/* The authorization request */

/* RFC 7636 §4.2: S256. */
static char *
make_challenge (const char *verifier)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  guint8 digest[32];
  gsize size = sizeof digest;

  g_checksum_update (checksum, (const guchar *) verifier, -1);
  g_checksum_get_digest (checksum, digest, &size);
  return tessera_encode_base64url (digest, size);
}

static void
add_parameter (GString *address, const char *name, const char *value)
{
  g_autofree char *escaped = g_uri_escape_string (value, NULL, FALSE);

  g_string_append_printf (address, "%c%s=%s", strchr (address->str, '?') != NULL ? '&' : '?', name,
                          escaped);
}

static char *
make_request (Login *self, GError **error)
{
  const char *endpoint
      = tessera_issuer_get_endpoint (self->issuer, "authorization_endpoint", error);
  g_autofree char *challenge = make_challenge (self->verifier);
  GString *address = NULL;

  if (endpoint == NULL)
    return NULL;
  address = g_string_new (endpoint);
  add_parameter (address, "response_type", "code");
  add_parameter (address, "client_id", self->client_id);
  add_parameter (address, "redirect_uri", tessera_loopback_get_redirect_uri (self->loopback));
  if (option_scope != NULL)
    add_parameter (address, "scope", option_scope);
  for (char **resource = option_resources; resource != NULL && *resource != NULL; resource++)
    add_parameter (address, "resource", *resource);
  add_parameter (address, "state", self->state);
  add_parameter (address, "code_challenge", challenge);
  add_parameter (address, "code_challenge_method", "S256");
  return g_string_free (address, FALSE);
}

static gboolean
has_display (void)
{
  return g_getenv ("DISPLAY") != NULL || g_getenv ("WAYLAND_DISPLAY") != NULL;
}

/* The address is no secret: what makes its answer worth something stays here. */
static void
show_request (const char *address)
{
  g_autoptr (GError) error = NULL;

  tessera_remark ("Sign in with a browser on this machine:");
  tessera_remark ("%s", address);
  if (option_no_browser || !has_display ())
    return;
  if (!g_app_info_launch_default_for_uri (address, NULL, &error))
    tessera_remark ("No browser could be started: %s", error->message);
}

/* RFC 9207 §2.4: an answer of another issuer is refused, and so is one that does not say whose it
 * is though this issuer always does. */
static gboolean
check_issuer (Login *self, GHashTable *answer, GError **error)
{
  const char *iss = g_hash_table_lookup (answer, "iss");

  if (iss == NULL && !tessera_issuer_names_itself (self->issuer))
    return TRUE;
  if (g_strcmp0 (iss, tessera_issuer_get_identifier (self->issuer)) == 0)
    return TRUE;
  return fail (error, "The answer is from another issuer, or does not say from which.");
}

static gboolean
check_answer (Login *self, GHashTable *answer, GError **error)
{
  const char *code = g_hash_table_lookup (answer, "error");
  const char *description = g_hash_table_lookup (answer, "error_description");

  if (!check_issuer (self, answer, error))
    return FALSE;
  if (code != NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "The issuer refused: %s%s%s", code,
                   description != NULL ? ", " : "", description != NULL ? description : "");
      return FALSE;
    }
  return g_hash_table_contains (answer, "code") || fail (error, "The answer has no code.");
}

/* Tokens */

static json_t *
post (Login *self, const char *endpoint, const char *const *fields, GError **error)
{
  TesseraCredentials credentials = { self->client_id, self->secret };

  return tessera_issuer_post (self->issuer, endpoint, &credentials, fields, error);
}

/* RFC 6749 §5.1. */
static gboolean
take_tokens (Login *self, json_t *answer, GError **error)
{
  const char *type = json_string_value (json_object_get (answer, "token_type"));

  if (answer == NULL)
    return FALSE;
  if (json_string_value (json_object_get (answer, "access_token")) == NULL || type == NULL
      || g_ascii_strcasecmp (type, "Bearer") != 0)
    {
      json_decref (answer);
      return fail (error, "The issuer gave no Bearer token.");
    }
  /* Without another one the refresh token stays as it was (§6). */
  if (json_object_get (answer, "refresh_token") == NULL && self->tokens != NULL)
    json_object_set (answer, "refresh_token", json_object_get (self->tokens, "refresh_token"));
  json_decref (self->tokens);
  self->tokens = answer;
  return TRUE;
}

static gboolean
redeem (Login *self, const char *code, GError **error)
{
  const char *fields[] = { "grant_type",
                           "authorization_code",
                           "code",
                           code,
                           "redirect_uri",
                           tessera_loopback_get_redirect_uri (self->loopback),
                           "code_verifier",
                           self->verifier,
                           NULL };

  return take_tokens (self, post (self, "token_endpoint", fields, error), error);
}

static gboolean
refresh (Login *self, GError **error)
{
  const char *token = get_token (self, "refresh_token");
  const char *fields[] = { "grant_type", "refresh_token", "refresh_token", token, NULL };

  if (token == NULL)
    return fail (error, "There is no refresh token.");
  return take_tokens (self, post (self, "token_endpoint", fields, error), error);
}

static gboolean
introspect (Login *self, const char *name, GError **error)
{
  const char *fields[] = { "token", get_token (self, "access_token"), NULL };
  json_t *answer = post (self, "introspection_endpoint", fields, error);

  if (answer != NULL)
    json_object_set_new (self->report, name, answer);
  return answer != NULL;
}

static gboolean
revoke_one (Login *self, const char *type, GError **error)
{
  const char *token = get_token (self, type);
  const char *fields[] = { "token", token, "token_type_hint", type, NULL };
  json_t *answer = token != NULL ? post (self, "revocation_endpoint", fields, error) : NULL;

  json_decref (answer);
  return token == NULL || answer != NULL;
}

static gboolean
revoke_tokens (Login *self, GError **error)
{
  if (!revoke_one (self, "access_token", error) || !revoke_one (self, "refresh_token", error))
    return FALSE;
  json_object_set_new (self->report, "revoked", json_true ());
  return TRUE;
}

/* The way */

static gboolean
sign_in (Login *self, GError **error)
{
  g_autofree char *address = make_request (self, error);
  g_autoptr (GHashTable) answer = NULL;

  if (address == NULL)
    return FALSE;
  show_request (address);
  answer = tessera_loopback_wait (self->loopback, (guint) option_timeout, error);
  return answer != NULL && check_answer (self, answer, error)
         && redeem (self, g_hash_table_lookup (answer, "code"), error);
}

static gboolean
follow_up (Login *self, GError **error)
{
  if (option_refresh)
    {
      if (!refresh (self, error))
        return FALSE;
      json_object_set_new (self->report, "refreshed", json_true ());
    }
  if (option_introspect && !introspect (self, "introspection", error))
    return FALSE;
  if (option_revoke && !revoke_tokens (self, error))
    return FALSE;
  return !option_introspect || !option_revoke || introspect (self, "introspection_after", error);
}

static gboolean
run_login (Login *self, GError **error)
{
  const char *redirect_uri
      = option_redirect_uri != NULL ? option_redirect_uri : "http://127.0.0.1/callback";

  self->loopback = tessera_loopback_new (redirect_uri, self->state, error);
  if (self->loopback == NULL || !discover (self, error) || !choose_client (self, error)
      || !sign_in (self, error))
    return FALSE;
  json_object_set_new (self->report, "issuer",
                       json_string (tessera_issuer_get_identifier (self->issuer)));
  json_object_set_new (self->report, "client_id", json_string (self->client_id));
  if (!follow_up (self, error))
    return FALSE;
  tessera_login_report_tokens (self->report, self->tokens, option_show_tokens);
  return TRUE;
}

/* What was registered for this login goes with it, however it ended. */
static int
clean_up (Login *self, int status)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;

  if (self->removing != NULL)
    {
      reply = tessera_call_client (self->removing, "Remove", NULL, NULL, &error);
      if (reply == NULL)
        status = tessera_command_fail_with (error);
      else if (option_show_tokens)
        tessera_remark ("The client of this login is removed, and its tokens are refused: with "
                        "--client-id they would be good.");
    }
  g_clear_pointer (&self->issuer, tessera_issuer_free);
  g_clear_pointer (&self->loopback, tessera_loopback_free);
  tessera_clear_secret (&self->secret);
  tessera_clear_secret (&self->verifier);
  g_free (self->client_id);
  g_free (self->removing);
  g_free (self->state);
  json_decref (self->tokens);
  json_decref (self->report);
  return status;
}

static int
run (char **words)
{
  Login self = { .report = json_object () };
  g_autoptr (GError) error = NULL;
  int status = TESSERA_EXIT_DONE;

  if (option_issuer != NULL && option_client_id == NULL)
    return clean_up (&self, tessera_command_misused ("--issuer wants a --client-id too"));
  if (option_secret_file != NULL && option_client_id == NULL)
    return clean_up (&self, tessera_command_misused ("a secret wants a --client-id too"));
  if (option_timeout <= 0)
    return clean_up (&self, tessera_command_misused ("--timeout is seconds"));
  self.state = tessera_make_secret ();
  self.verifier = tessera_make_secret ();
  if (self.state == NULL || self.verifier == NULL)
    return clean_up (&self, TESSERA_EXIT_FAILED);
  if (!run_login (&self, &error))
    return clean_up (&self, tessera_command_fail_with (error));
  tessera_login_report_print (self.report);
  json_t *said = json_object_get (self.report, "introspection");
  if (said != NULL && !json_is_true (json_object_get (said, "active")))
    status = TESSERA_EXIT_INACTIVE;
  return clean_up (&self, status);
}

const TesseraCommand tessera_login_command = {
  .name = "login",
  .summary = "Sign in with a browser, and show the tokens that come of it",
  .entries = entries,
  .run = run,
  .details = "With nothing said, it signs in at the service itself, as a client that is registered "
             "for this login and removed\nafterwards, with its tokens. With --issuer and "
             "--client-id it signs in at any issuer that has metadata (RFC 8414).\n\n"
             "Examples:\n"
             "  tessera login\n"
             "  tessera login --refresh --introspect --revoke\n"
             "  tessera login --issuer https://login.example --client-id reader --scope \"a b\" "
             "--no-browser",
};
