/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The claim set of a JWT (RFC 7519 §4), carried by libjwt. libjwt calls a claim a "grant". It
 * neither signs nor decides here: its decoder takes what must be refused, and its encoder fixes
 * `typ`. */
#include "jose/tessera-claims-private.h"

#include "base/tessera-error.h"
#include "base/tessera-json-private.h"
#include "jose/tessera-claim-text-private.h"

#include <errno.h>
#include <jwt.h>
#include <stdlib.h>
#include <string.h>

struct _TesseraClaims
{
  gint ref_count;
  jwt_t *jwt;
  TesseraClaimText text; /* the same, as far as it was set claim by claim */
};

TesseraClaims *
tessera_claims_new (void)
{
  TesseraClaims *self = g_new0 (TesseraClaims, 1);

  self->ref_count = 1;
  if (jwt_new (&self->jwt) != 0)
    g_error ("libjwt cannot make a claim set.");
  return self;
}

TesseraClaims *
tessera_claims_ref (TesseraClaims *self)
{
  g_atomic_int_inc (&self->ref_count);
  return self;
}

void
tessera_claims_unref (TesseraClaims *self)
{
  if (!g_atomic_int_dec_and_test (&self->ref_count))
    return;
  jwt_free (self->jwt);
  tessera_claim_text_clear (&self->text);
  g_free (self);
}

/* libjwt reads a NUL-terminated object without duplicates or NUL; size and depth are looked at
 * here. */
static gboolean
add_json (TesseraClaims *self, const char *json, gsize length)
{
  tessera_claim_text_give_up (&self->text);
  if (length > TESSERA_CLAIMS_MAX_LENGTH || memchr (json, '\0', length) != NULL
      || !tessera_json_is_shallow (json, length))
    return FALSE;

  g_autofree char *text = g_strndup (json, length);
  return jwt_add_grants_json (self->jwt, text) == 0;
}

TesseraClaims *
tessera_claims_new_from_json (const char *json, gsize length, GError **error)
{
  g_autoptr (TesseraClaims) self = tessera_claims_new ();

  if (!add_json (self, json, length))
    {
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_TOKEN,
                           "The claims of the token are malformed.");
      return NULL;
    }
  return g_steal_pointer (&self);
}

void
tessera_claims_set_string (TesseraClaims *self, const char *name, const char *value)
{
  int result = jwt_add_grant (self->jwt, name, value);

  if (result == EEXIST)
    {
      jwt_del_grants (self->jwt, name);
      result = jwt_add_grant (self->jwt, name, value);
    }
  if (result == 0)
    tessera_claim_text_add_string (&self->text, name, value);
  else
    {
      tessera_claim_text_give_up (&self->text);
      g_critical ("The claim %s cannot be set to a text that is not UTF-8.", name);
    }
}

/* Any value; takes over @value. */
static void
set_json (TesseraClaims *self, const char *name, json_t *value)
{
  g_autoptr (json_t) object = json_object ();

  if (json_object_set_new (object, name, value) != 0)
    {
      g_critical ("The claim %s cannot be set to a text that is not UTF-8.", name);
      return;
    }
  g_autofree char *text = tessera_json_dump (object);
  jwt_add_grants_json (self->jwt, text);
}

void
tessera_claims_set_int (TesseraClaims *self, const char *name, gint64 value)
{
  if (value < G_MINLONG || value > G_MAXLONG) /* a long has 32 bits on some machines */
    {
      tessera_claim_text_give_up (&self->text);
      set_json (self, name, json_integer (value));
      return;
    }
  tessera_claim_text_add_int (&self->text, name, value);
  jwt_del_grants (self->jwt, name);
  jwt_add_grant_int (self->jwt, name, value);
}

void
tessera_claims_set_strings (TesseraClaims *self, const char *name, const char *const *values)
{
  if (values[0] != NULL && values[1] == NULL)
    tessera_claims_set_string (self, name, values[0]);
  else
    tessera_claims_set_array (self, name, values);
}

void
tessera_claims_set_array (TesseraClaims *self, const char *name, const char *const *values)
{
  json_t *array = json_array ();

  tessera_claim_text_add_array (&self->text, name, values);
  for (guint i = 0; array != NULL && values[i] != NULL; i++)
    if (json_array_append_new (array, json_string (values[i])) != 0)
      g_clear_pointer (&array, json_decref); /* all of it, or nothing */
  set_json (self, name, array);
}

gboolean
tessera_claims_merge_json (TesseraClaims *self,
                           const char *json,
                           const char *const *protected_names)
{
  gsize length = strlen (json);
  g_autoptr (json_t) members = NULL;

  if (protected_names == NULL)
    return add_json (self, json, length);
  members = tessera_json_parse (json, length, TESSERA_CLAIMS_MAX_LENGTH, NULL);
  if (members == NULL)
    return FALSE;
  for (guint i = 0; protected_names[i] != NULL; i++)
    {
      if (json_object_get (members, protected_names[i]) != NULL)
        return FALSE;
    }
  return add_json (self, json, length);
}

/* Compact JSON text; NULL when absent. An empty name would mean the whole set to libjwt. */
static char *
get_json (TesseraClaims *self, const char *name)
{
  return name[0] == '\0' ? NULL : jwt_get_grants_json (self->jwt, name);
}

gboolean
tessera_claims_has (TesseraClaims *self, const char *name)
{
  if (tessera_claims_get_string (self, name) != NULL)
    return TRUE;
  g_autofree char *text = get_json (self, name);
  return text != NULL;
}

const char *
tessera_claims_get_string (TesseraClaims *self, const char *name)
{
  return jwt_get_grant (self->jwt, name);
}

gboolean
tessera_claims_get_int (TesseraClaims *self, const char *name, gint64 *out_value)
{
  /* By its text: libjwt's own reader gives a long, and speaks of errors through errno. */
  g_autofree char *text = get_json (self, name);

  return text != NULL
         && g_ascii_string_to_signed (text, 10, G_MININT64, G_MAXINT64, out_value, NULL);
}

static char **
dup_array (const json_t *array)
{
  g_autoptr (GPtrArray) strings = g_ptr_array_new_with_free_func (g_free);
  gsize i;
  json_t *item;

  json_array_foreach (array, i, item)
    {
      if (!json_is_string (item))
        return NULL;
      g_ptr_array_add (strings, g_strdup (json_string_value (item)));
    }
  g_ptr_array_add (strings, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&strings), FALSE);
}

char **
tessera_claims_dup_strings (TesseraClaims *self, const char *name)
{
  const char *single = tessera_claims_get_string (self, name);
  if (single != NULL)
    {
      char **one = g_new0 (char *, 2);
      one[0] = g_strdup (single);
      return one;
    }

  g_autofree char *text = get_json (self, name);
  g_autoptr (json_t) json = text == NULL ? NULL : json_loads (text, JSON_DECODE_ANY, NULL);
  return json_is_array (json) ? dup_array (json) : NULL;
}

char *
tessera_claims_dup_json (TesseraClaims *self, const char *name)
{
  return get_json (self, name);
}

char *
tessera_claims_to_json (TesseraClaims *self)
{
  char *json = tessera_claim_text_dup_json (&self->text);

  return json != NULL ? json : jwt_get_grants_json (self->jwt, NULL);
}
