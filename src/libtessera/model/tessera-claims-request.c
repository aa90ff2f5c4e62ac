/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Claims that a client asks for by name (OpenID Connect Core §5.5). */

#include "model/tessera-claims-request-private.h"

#include "base/tessera-error.h"

#include <string.h>

struct _TesseraClaimsRequest
{
  json_t *json; /* NULL: asks for nothing */
};

static const char *const places[] = {
  [TESSERA_CLAIMS_USERINFO] = "userinfo",
  [TESSERA_CLAIMS_ID_TOKEN] = "id_token",
};

static gboolean
refuse (GError **error)
{
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST,
                       "claims is not what OpenID Connect calls a claims request");
  return FALSE;
}

/* §5.5.1: null, or an object; what else is in there is not understood, and may be. */
static gboolean
is_well_formed_claim (const json_t *claim)
{
  if (json_is_null (claim))
    return TRUE;
  if (!json_is_object (claim))
    return FALSE;
  const json_t *essential = json_object_get (claim, "essential");
  const json_t *values = json_object_get (claim, "values");
  return (essential == NULL || json_is_boolean (essential))
         && (values == NULL || json_is_array (values));
}

static gboolean
is_well_formed_place (json_t *place)
{
  const char *name;
  json_t *claim;

  if (place == NULL || json_is_null (place))
    return TRUE;
  if (!json_is_object (place))
    return FALSE;
  json_object_foreach (place, name, claim)
    if (!is_well_formed_claim (claim))
      return FALSE;
  return TRUE;
}

TesseraClaimsRequest *
tessera_claims_request_parse (const char *text, GError **error)
{
  g_autoptr (TesseraClaimsRequest) self = g_new0 (TesseraClaimsRequest, 1);

  if (text == NULL)
    return g_steal_pointer (&self);
  self->json = tessera_json_parse (text, strlen (text), TESSERA_CLAIMS_REQUEST_MAX_LENGTH, NULL);
  if (self->json == NULL
      || !is_well_formed_place (json_object_get (self->json, places[TESSERA_CLAIMS_USERINFO]))
      || !is_well_formed_place (json_object_get (self->json, places[TESSERA_CLAIMS_ID_TOKEN])))
    {
      refuse (error);
      return NULL;
    }
  return g_steal_pointer (&self);
}

void
tessera_claims_request_free (TesseraClaimsRequest *self)
{
  g_clear_pointer (&self->json, json_decref);
  g_free (self);
}

static const json_t *
lookup (const TesseraClaimsRequest *self, TesseraClaimsPlace place, const char *name)
{
  return json_object_get (json_object_get (self->json, places[place]), name);
}

static gboolean
is_among (const json_t *values, const json_t *value)
{
  gsize i;
  json_t *one;

  json_array_foreach ((json_t *) values, i, one)
    if (json_equal (one, value))
      return TRUE;
  return FALSE;
}

gboolean
tessera_claims_request_wants (const TesseraClaimsRequest *self,
                              TesseraClaimsPlace place,
                              const char *name,
                              const json_t *value)
{
  const json_t *claim = lookup (self, place, name);

  if (claim == NULL)
    return FALSE;
  const json_t *only = json_object_get (claim, "value");
  const json_t *values = json_object_get (claim, "values");
  return (only == NULL || json_equal (only, value)) && (values == NULL || is_among (values, value));
}

char **
tessera_claims_request_list_names (const TesseraClaimsRequest *self)
{
  g_autoptr (GStrvBuilder) names = g_strv_builder_new ();
  const char *name;
  json_t *claim;

  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    json_object_foreach (json_object_get (self->json, places[i]), name, claim)
      g_strv_builder_add (names, name);
  return g_strv_builder_end (names);
}

void
tessera_claims_request_remove (TesseraClaimsRequest *self, const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    json_object_del (json_object_get (self->json, places[i]), name);
}

char *
tessera_claims_request_dup_text (const TesseraClaimsRequest *self)
{
  return tessera_json_dump (self->json);
}

static const char *
get_subject (const TesseraClaimsRequest *self, TesseraClaimsPlace place)
{
  return json_string_value (json_object_get (lookup (self, place, "sub"), "value"));
}

const char *
tessera_claims_request_get_subject (const TesseraClaimsRequest *self)
{
  const char *subject = get_subject (self, TESSERA_CLAIMS_ID_TOKEN);

  return subject != NULL ? subject : get_subject (self, TESSERA_CLAIMS_USERINFO);
}

static void
append_value (GString *text, const json_t *value)
{
  const char *name = json_string_value (value);

  if (name == NULL || *name == '\0' || strchr (name, ' ') != NULL)
    return;
  if (text->len > 0)
    g_string_append_c (text, ' ');
  g_string_append (text, name);
}

char *
tessera_claims_request_dup_essential_acr (const TesseraClaimsRequest *self)
{
  const json_t *claim = lookup (self, TESSERA_CLAIMS_ID_TOKEN, "acr");
  g_autoptr (GString) text = g_string_new (NULL);
  gsize i;
  json_t *value;

  if (!json_is_true (json_object_get (claim, "essential")))
    return NULL;
  append_value (text, json_object_get (claim, "value"));
  json_array_foreach (json_object_get (claim, "values"), i, value)
    append_value (text, value);
  return text->len > 0 ? g_string_free (g_steal_pointer (&text), FALSE) : NULL;
}
