/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera token: what the service says of a token (RFC 7662), and revocation (RFC 7009). */

#include "tessera-token.h"

#include "tessera-calls.h"
#include "tessera-command.h"
#include "tessera-input.h"
#include "tessera-output.h"

static char *option_token_file;
static char *option_hint;
static char *option_jti;

static const GOptionEntry token_entries[] = {
  { "token-file", 'f', 0, G_OPTION_ARG_FILENAME, &option_token_file,
    "Take the token from the first line of FILE (-: standard input)", "FILE" },
  { NULL },
};

static const GOptionEntry revoke_entries[] = {
  { "hint", 0, 0, G_OPTION_ARG_STRING, &option_hint,
    "What it is: access_token or refresh_token (token_type_hint)", "TYPE" },
  { "jti", 0, 0, G_OPTION_ARG_STRING, &option_jti,
    "Revoke the access token with this jti, which is no secret", "JTI" },
  { NULL },
};

const TesseraColumn tessera_token_columns[] = {
  { "Active", "active", TESSERA_COLUMN_FLAG },
  { "Token type", "token_type" },
  { "Issuer", "iss" },
  { "Subject", "sub" },
  { "Username", "username" },
  { "Audience", "aud" },
  { "Client ID", "client_id" },
  { "Scope", "scope" },
  { "Issued", "iat", TESSERA_COLUMN_LIFE },
  { "Expires", "exp", TESSERA_COLUMN_LIFE },
  { "Not before", "nbf", TESSERA_COLUMN_LIFE },
  { "JWT ID", "jti" },
  { "Grant", "grant_id" },
  { "Session", "sid" },
  { "Signed in", "auth_time", TESSERA_COLUMN_LIFE },
  { "Methods", "amr" },
  { "Context", "acr" },
  { "Confirmation", "cnf" },
  { NULL },
};

/* The only word may be “-”, for standard input. FALSE: said on stderr. */
static gboolean
take_word (char **words)
{
  if (words[0] == NULL)
    return TRUE;
  if (!g_str_equal (words[0], "-") || option_token_file != NULL)
    return FALSE;
  option_token_file = g_strdup ("-");
  return TRUE;
}

static int
refuse_word (void)
{
  return tessera_command_misused ("a token is never an argument, since others can see those; it "
                                  "comes by --token-file FILE, or - for standard input");
}

static int
run_introspect (char **words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;
  const char *answer = NULL;
  char *token = NULL;

  if (!take_word (words))
    return refuse_word ();
  token = tessera_read_secret (option_token_file, "Token", FALSE, TESSERA_TOKEN_MAX);
  if (token == NULL)
    return TESSERA_EXIT_FAILED;
  reply = tessera_call_manager ("Introspect", g_variant_new ("(s)", token), "(s)", &error);
  tessera_clear_secret (&token);
  if (reply == NULL)
    return tessera_command_fail_with (error);
  g_variant_get (reply, "(&s)", &answer);
  json_t *claims = json_loads (answer, JSON_REJECT_DUPLICATES, NULL);
  if (!json_is_object (claims))
    {
      json_decref (claims);
      return tessera_command_fail ("the service did not answer in JSON");
    }
  gboolean active = json_is_true (json_object_get (claims, "active"));
  tessera_output_object (claims, tessera_token_columns);
  return active ? TESSERA_EXIT_DONE : TESSERA_EXIT_INACTIVE;
}

static int
revoke_jti (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;

  if (!g_uuid_string_is_valid (option_jti))
    return tessera_command_misused ("a jti is a UUID");
  reply = tessera_call_manager ("RevokeJti", g_variant_new ("(s)", option_jti), NULL, &error);
  if (reply == NULL)
    return tessera_command_fail_with (error);
  tessera_output_done (json_pack ("{s:s, s:b}", "jti", option_jti, "revoked", TRUE),
                       "The token %s is refused from now on.", option_jti);
  return TESSERA_EXIT_DONE;
}

static int
run_revoke (char **words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;
  gboolean revoked = FALSE;
  char *token = NULL;

  if (!take_word (words))
    return refuse_word ();
  if (option_jti != NULL)
    return option_token_file == NULL
               ? revoke_jti ()
               : tessera_command_misused ("--jti and a token exclude each other");
  token = tessera_read_secret (option_token_file, "Token", FALSE, TESSERA_TOKEN_MAX);
  if (token == NULL)
    return TESSERA_EXIT_FAILED;
  reply
      = tessera_call_manager ("RevokeToken",
                              g_variant_new ("(ss)", token, option_hint != NULL ? option_hint : ""),
                              "(b)", &error);
  tessera_clear_secret (&token);
  if (reply == NULL)
    return tessera_command_fail_with (error);
  g_variant_get (reply, "(b)", &revoked);
  tessera_output_done (json_pack ("{s:b}", "revoked", revoked), "%s",
                       revoked ? "The token is refused from now on."
                               : "There was nothing to revoke: it is unknown, or over.");
  return revoked ? TESSERA_EXIT_DONE : TESSERA_EXIT_INACTIVE;
}

static const TesseraCommand introspect_command = {
  .name = "introspect",
  .words = "[-]",
  .summary = "Say whether a token is good, and what is in it",
  .entries = token_entries,
  .run = run_introspect,
  .details = "The token is asked for, or is the first line of standard input. The exit code is 6 "
             "for a token that is not good.\n\n"
             "Examples:\n"
             "  tessera token introspect\n"
             "  tessera token introspect --token-file token --json",
};

static const TesseraCommand revoke_command = {
  .name = "revoke",
  .words = "[-]",
  .summary = "Revoke a token: an access token, or a refresh token with its grant",
  .entries = token_entries,
  .more_entries = revoke_entries,
  .run = run_revoke,
  .details = "The exit code is 6 when there was nothing to revoke.\n\n"
             "Examples:\n"
             "  tessera token revoke --token-file token\n"
             "  tessera token revoke --jti 0197a5de-3c41-7b1c-8f1e-0c6f1d1f2a3b",
};

static const TesseraCommand *const commands[] = { &introspect_command, &revoke_command, NULL };

const TesseraCommand tessera_token_command = {
  .name = "token",
  .summary = "What the service says of a token, and revocation of one",
  .commands = commands,
  .details = "A token is never an argument, since others can see those.",
};
