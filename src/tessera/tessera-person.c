/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Claims of a person (OpenID Connect Core §5.1) as options of a command line, and as lines. */

#include "tessera-person.h"

#include "tessera-command.h"
#include "tessera-input.h"
#include "tessera-output.h"
#include "tessera-variant.h"

#include <string.h>

#define FLAG_SUFFIX "_verified"

static char **option_claims;
static char **option_unset;
static char *option_claims_file;

const GOptionEntry tessera_claim_entries[] = {
  { "claim", 'c', 0, G_OPTION_ARG_STRING_ARRAY, &option_claims,
    "Say this of the person; NAME:=JSON for what is no text; may be repeated", "NAME=VALUE" },
  { "unset", 0, 0, G_OPTION_ARG_STRING_ARRAY, &option_unset, "Say it no more; may be repeated",
    "CLAIM" },
  { "claims-file", 0, 0, G_OPTION_ARG_FILENAME, &option_claims_file,
    "Say what is in a JSON object (-: standard input)", "FILE" },
  { NULL },
};

static gboolean
refuse (GError **error, const char *format, const char *what)
{
  g_autofree char *message = g_strdup_printf ("%s %s", what, format);

  g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, message);
  return FALSE;
}

/* Only true and false can be meant there. */
static json_t *
read_text (const char *name, const char *value)
{
  if (g_str_has_suffix (name, FLAG_SUFFIX) && g_str_equal (value, "true"))
    return json_true ();
  if (g_str_has_suffix (name, FLAG_SUFFIX) && g_str_equal (value, "false"))
    return json_false ();
  return json_string (value);
}

/* NAME=VALUE, NAME:=JSON */
static gboolean
add_claim (json_t *claims, const char *word, GError **error)
{
  const char *equals = strchr (word, '=');
  gboolean is_json = equals != NULL && equals > word && equals[-1] == ':';
  gsize length = equals != NULL ? (gsize) (equals - word) - (is_json ? 1 : 0) : 0;
  g_autofree char *name = g_strndup (word, length);
  json_t *value = NULL;

  if (length == 0)
    return refuse (error, "is no NAME=VALUE", word);
  if (is_json)
    value = json_loads (equals + 1, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
  else
    value = read_text (name, equals + 1);
  if (json_object_set_new (claims, name, value) == 0)
    return TRUE;
  return refuse (error, is_json ? "is no JSON" : "is no UTF-8", name);
}

static gboolean
add_file (json_t *claims, GError **error)
{
  g_autofree char *text = NULL;
  json_t *more = NULL;

  if (option_claims_file == NULL)
    return TRUE;
  text = tessera_read_text (option_claims_file, error);
  if (text == NULL)
    return FALSE;
  more = json_loads (text, JSON_REJECT_DUPLICATES, NULL);
  if (!json_is_object (more))
    {
      json_decref (more);
      return refuse (error, "is no JSON object", option_claims_file);
    }
  json_object_update (claims, more);
  json_decref (more);
  return TRUE;
}

/* null says nothing of anybody, as an empty text. */
static void
replace_nulls (json_t *claims)
{
  const char *name = NULL;
  json_t *value = NULL;

  json_object_foreach (claims, name, value)
    if (json_is_null (value))
      json_object_set_new (claims, name, json_string (""));
}

/* What is said on the line says more than what a file does. */
static gboolean
read_options (json_t *claims, GError **error)
{
  if (!add_file (claims, error))
    return FALSE;
  for (char **word = option_claims; word != NULL && *word != NULL; word++)
    if (!add_claim (claims, *word, error))
      return FALSE;
  for (char **name = option_unset; name != NULL && *name != NULL; name++)
    json_object_set_new (claims, *name, json_string (""));
  replace_nulls (claims);
  if (json_object_size (claims) > 0)
    return TRUE;
  g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                       "say what is to change: --claim, --unset, --claims-file");
  return FALSE;
}

GVariant *
tessera_claims_read (GError **error)
{
  json_t *claims = json_object ();
  GVariant *variant = NULL;

  if (read_options (claims, error))
    variant = tessera_json_to_variant (claims);
  json_decref (claims);
  return variant;
}

/* Lines */

#define MEMBER_PREFIX "claim " /* so that no claim hides what is no claim */

static void
add_column (GArray *columns, json_t *flat, const char *name, json_t *value)
{
  g_autofree char *member = g_strconcat (MEMBER_PREFIX, name, NULL);
  TesseraColumn column
      = { g_intern_string (name), g_intern_string (member),
          g_str_equal (name, "updated_at") ? TESSERA_COLUMN_TIME : TESSERA_COLUMN_TEXT };

  json_object_set (flat, member, value);
  g_array_append_val (columns, column);
}

int
tessera_person_show (GVariant *user)
{
  static const TesseraColumn fixed[] = {
    { "Username", "username" },
    { "Subject", "subject" },
    { "State", "disabled", TESSERA_COLUMN_STATE },
    { "Declared by", "origin" },
  };
  g_autoptr (GArray) columns = g_array_new (TRUE, FALSE, sizeof (TesseraColumn));
  json_t *object = tessera_json_from_variant (user);
  const char *name = NULL;
  json_t *value = NULL;

  g_array_append_vals (columns, fixed, G_N_ELEMENTS (fixed));
  if (!tessera_options.json)
    json_object_foreach (json_object_get (object, "claims"), name, value)
      add_column (columns, object, name, value);
  tessera_output_object (object, (const TesseraColumn *) (void *) columns->data);
  return TESSERA_EXIT_DONE;
}
