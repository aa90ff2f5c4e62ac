/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Authorization requests that the client signed, by value (RFC 9101 §4 to §6; OpenID Connect Core
 * §6.1).
 *
 * Its type: `oauth-authz-req+jwt`, or JWT, or none, since clients of OpenID Connect write no other.
 * What RFC 9101 §10.8 wants of it, that no other JWT of the client passes for one, `sub` does: an
 * assertion has its client_id there, and a request object may not. */

#include "endpoints/tessera-request-object-private.h"

#include "base/tessera-json-private.h"
#include "endpoints/tessera-client-keys-private.h"
#include "endpoints/tessera-client-statement-private.h"

#include <string.h>

static const TesseraClientStatementRules rules = {
  .type = TESSERA_REQUEST_OBJECT_TYPE,
  .max_lifetime = TESSERA_REQUEST_OBJECT_MAX_LIFETIME,
  .check_signature = tessera_client_check_request_signature,
  .may_list_audience = TRUE,
};

static gboolean
refuse (GError **error, const char *why)
{
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST_OBJECT, why);
  return FALSE;
}

/* --- is it good? --- */

/* RFC 9101 §10.8: what else the client signs for us has its name there. */
static const char *
find_wrong_name (const TesseraJwt *self, const char *client_id)
{
  if (g_strcmp0 (tessera_claims_get_string (self->claims, "iss"), client_id) != 0)
    return "iss of another client";
  if (g_strcmp0 (tessera_claims_get_string (self->claims, "client_id"), client_id) != 0)
    return "client_id is not the one beside it";
  if (g_strcmp0 (tessera_claims_get_string (self->claims, "sub"), client_id) == 0)
    return "sub as in an assertion";
  return NULL;
}

static const char *
find_fault (const TesseraJwt *self,
            TesseraClient *client,
            TesseraKeySet *keys,
            const TesseraSettings *settings,
            gint64 now_seconds)
{
  const char *fault = find_wrong_name (self, tessera_client_get_id (client));

  if (fault != NULL)
    return fault;
  fault = tessera_client_statement_find_fault (self, &rules, client, keys, settings, now_seconds);
  if (fault != NULL)
    return fault;
  /* RFC 9101 §4: not one inside another. */
  if (tessera_claims_has (self->claims, "request")
      || tessera_claims_has (self->claims, "request_uri"))
    return "request or request_uri inside";
  return NULL;
}

/* --- what does it say? --- */

typedef struct
{
  const char *name;
  enum
  {
    TEXT,
    NUMBER,       /* or text */
    OBJECT,       /* goes on as JSON */
    TEXT_OR_LIST, /* of texts */
  } kind;
} Member;

/* Others are ignored, as in a query. */
static const Member members[] = {
  { "response_type", TEXT },
  { "response_mode", TEXT },
  { "client_id", TEXT },
  { "redirect_uri", TEXT },
  { "scope", TEXT },
  { "state", TEXT },
  { "nonce", TEXT },
  { "display", TEXT },
  { "prompt", TEXT },
  { "max_age", NUMBER },
  { "ui_locales", TEXT },
  { "claims_locales", TEXT },
  { "id_token_hint", TEXT },
  { "login_hint", TEXT },
  { "acr_values", TEXT },
  { "claims", OBJECT },
  { "registration", OBJECT },
  { "code_challenge", TEXT },
  { "code_challenge_method", TEXT },
  { "resource", TEXT_OR_LIST },
};

static void
append_text (GString *form, const char *name, const char *text)
{
  if (form->len > 0)
    g_string_append_c (form, '&');
  g_string_append_printf (form, "%s=", name);
  g_string_append_uri_escaped (form, text, NULL, FALSE);
}

static gboolean
append_json (GString *form, const char *name, const json_t *value)
{
  g_autofree char *text = tessera_json_dump (value);

  append_text (form, name, text);
  return TRUE;
}

static gboolean
append_value (GString *form, const char *name, const json_t *value)
{
  const char *text = json_string_value (value);

  if (text == NULL)
    return FALSE;
  append_text (form, name, text);
  return TRUE;
}

static gboolean
append_list (GString *form, const char *name, const json_t *list)
{
  gsize i;
  json_t *value;

  json_array_foreach (list, i, value)
    if (!append_value (form, name, value))
      return FALSE;
  return TRUE;
}

/* FALSE: it is of another kind. */
static gboolean
append_member (GString *form, const Member *member, const json_t *value)
{
  if (member->kind == NUMBER && json_is_integer (value))
    return append_json (form, member->name, value);
  if (member->kind == OBJECT)
    return json_is_object (value) && append_json (form, member->name, value);
  if (member->kind == TEXT_OR_LIST && json_is_array (value))
    return append_list (form, member->name, value);
  return append_value (form, member->name, value);
}

/* Written as a query, so that there is one reader of parameters. */
static TesseraParams *
read_members (const TesseraJwt *self, GError **error)
{
  g_autoptr (json_t) json
      = tessera_json_parse (self->payload, self->payload_length, TESSERA_CLAIMS_MAX_LENGTH, NULL);
  g_autoptr (GString) form = g_string_new (NULL);

  for (guint i = 0; i < G_N_ELEMENTS (members); i++)
    {
      const json_t *value = json_object_get (json, members[i].name);

      if (value != NULL && !append_member (form, &members[i], value))
        {
          refuse (error, "A member of the request object is of another type");
          return NULL;
        }
    }
  TesseraParams *params = tessera_params_parse (form->str, form->len, NULL);
  if (params == NULL)
    refuse (error, "The request object says too much");
  return params;
}

/* --- both --- */

/* RFC 7515 §3.1, appendix A.5: there is nothing behind the second dot. */
static gboolean
is_unsigned (const char *text)
{
  const char *first = strchr (text, '.');
  const char *second = first != NULL ? strchr (first + 1, '.') : NULL;

  return second != NULL && second[1] == '\0';
}

/* Is it of a kind that this client may send? OpenID Connect Core §3.1.2.6 has a name for what is
 * not offered. */
static gboolean
check_offered (const char *text, TesseraClient *client, GError **error)
{
  const char *why = NULL;

  if (!tessera_client_has_request_keys (client))
    why = "The application has no keys for request objects";
  else if (is_unsigned (text) && !tessera_client_pins_request_objects (client))
    why = "A request object must be signed";
  if (why == NULL)
    return TRUE;
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_REQUEST_NOT_SUPPORTED, why);
  return FALSE;
}

TesseraParams *
tessera_request_object_read (const char *text,
                             TesseraClient *client,
                             TesseraKeySet *keys,
                             const TesseraSettings *settings,
                             gint64 now_seconds,
                             TesseraExplanation *explanation,
                             GError **error)
{
  const char *fault = "no signed JWT";

  if (!check_offered (text, client, error))
    return NULL;
  g_autoptr (TesseraJwt) jwt = tessera_jwt_parse (text, strlen (text), NULL);
  if (jwt != NULL && !tessera_client_keys_check (client, keys, error))
    return NULL;
  if (jwt != NULL)
    fault = find_fault (jwt, client, keys, settings, now_seconds);
  if (fault != NULL)
    {
      tessera_explanation_set (explanation, "request", "a fresh one for the issuer", fault);
      refuse (error, "The request object is not good");
      return NULL;
    }
  return read_members (jwt, error);
}

char *
tessera_request_object_dup_kid (const char *text)
{
  g_autoptr (TesseraJwt) jwt = tessera_jwt_parse (text, strlen (text), NULL);

  return jwt != NULL ? g_strdup (jwt->kid) : NULL;
}
