/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera status, tessera reload: the service as a whole. */

#include "tessera-calls.h"
#include "tessera-command.h"
#include "tessera-key.h"
#include "tessera-output.h"

static const TesseraColumn columns[] = {
  { "Issuer", "issuer" },         { "Version", "version" },
  { "Reached by", "reached_by" }, { "Clients", "clients" },
  { "Users", "users" },           { "Refused", "denials" },
  { "Generation", "generation" }, { "Rows written", "rows_written" },
  { "Commits", "commits" },       { "Signs with", "signs_with" },
  { "Next key", "next_key" },     { NULL },
};

static void
put_text (json_t *status, const char *name, GVariant *properties, const char *property)
{
  const char *text = NULL;

  if (g_variant_lookup (properties, property, "&s", &text))
    json_object_set_new (status, name, json_string (text));
}

static void
put_statistics (json_t *status, GVariant *properties)
{
  static const char *const names[]
      = { "clients", "users", "denials", "generation", "rows_written", "commits" };
  g_autoptr (GVariant) figures
      = g_variant_lookup_value (properties, "Statistics", G_VARIANT_TYPE_VARDICT);
  guint64 figure = 0;

  for (guint i = 0; figures != NULL && i < G_N_ELEMENTS (names); i++)
    if (g_variant_lookup (figures, names[i], "t", &figure))
      json_object_set_new (status, names[i], json_integer ((json_int_t) figure));
}

static void
put_keys (json_t *status, json_t *keys)
{
  json_t *key = NULL;
  size_t i = 0;

  json_array_foreach (keys, i, key)
    {
      const char *state = json_string_value (json_object_get (key, "state"));
      if (g_str_equal (state, "active"))
        json_object_set (status, "signs_with", json_object_get (key, "kid"));
      else if (g_str_equal (state, "next"))
        json_object_set (status, "next_key", json_object_get (key, "kid"));
    }
}

static int
run_status (char **words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) properties
      = tessera_get_properties (TESSERA_SERVICE_MANAGER, "Manager", &error);
  json_t *keys = properties != NULL ? tessera_key_list (&error) : NULL;
  json_t *status = NULL;

  if (keys == NULL)
    return tessera_command_fail_with (error);
  status = json_object ();
  put_text (status, "issuer", properties, "Issuer");
  put_text (status, "version", properties, "Version");
  json_object_set_new (status, "reached_by",
                       json_string (tessera_service_get_place (tessera_service_get (NULL))));
  put_statistics (status, properties);
  put_keys (status, keys);
  json_decref (keys);
  tessera_output_object (status, columns);
  return TESSERA_EXIT_DONE;
}

static int
run_reload (char **words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = tessera_call_manager ("Reload", NULL, NULL, &error);

  if (reply == NULL)
    return tessera_command_fail_with (error);
  tessera_output_done (json_pack ("{s:b}", "reloaded", TRUE), "The configuration was read anew.");
  return TESSERA_EXIT_DONE;
}

const TesseraCommand tessera_status_command = {
  .name = "status",
  .summary = "Say how the service is",
  .run = run_status,
  .details = "Examples:\n"
             "  tessera status\n"
             "  tessera status --json --socket /run/tessera/bus",
};

const TesseraCommand tessera_reload_command = {
  .name = "reload",
  .summary = "Let the service read its configuration anew",
  .run = run_reload,
  .details = "What the new configuration drops loses its tokens. A mistake in it changes nothing, "
             "and is said.\n\n"
             "Example:\n"
             "  tessera reload",
};
