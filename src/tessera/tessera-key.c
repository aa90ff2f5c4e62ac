/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera key: what the service signs tokens with. */

#include "tessera-key.h"

#include "tessera-calls.h"
#include "tessera-command.h"
#include "tessera-input.h"
#include "tessera-output.h"

#include <string.h>

static gboolean option_now;

static const GOptionEntry rotate_entries[] = {
  { "now", 0, 0, G_OPTION_ARG_NONE, &option_now,
    "Even if resource servers cannot know the next key yet", NULL },
  { NULL },
};

static const TesseraColumn columns[] = {
  { "KID", "kid" },
  { "ALGORITHM", "alg" },
  { "STATE", "state" },
  { NULL },
};

/* Where keys are */

static GVariant *
get_objects (GError **error)
{
  TesseraService *service = tessera_service_get (error);
  g_autoptr (GVariant) reply = NULL;

  if (service == NULL)
    return NULL;
  reply = tessera_service_call (service, TESSERA_SERVICE_PATH, TESSERA_SERVICE_OBJECTS,
                                "GetManagedObjects", NULL, "(a{oa{sa{sv}}})", error);
  return reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
}

static const char *
lookup_text (GVariant *properties, const char *name)
{
  const char *text = "";

  g_variant_lookup (properties, name, "&s", &text);
  return text;
}

static json_t *
make_key (const char *path, GVariant *properties)
{
  return json_pack ("{s:s, s:s, s:s, s:s}", "kid", lookup_text (properties, "Kid"), "alg",
                    lookup_text (properties, "Algorithm"), "state",
                    lookup_text (properties, "State"), "path", path);
}

/* As keys live: next, active, retired, revoked. */
static int
get_rank (const char *state)
{
  static const char *const states[] = { "next", "active", "retired", "revoked" };

  for (guint i = 0; i < G_N_ELEMENTS (states); i++)
    if (g_str_equal (states[i], state))
      return (int) i;
  return G_N_ELEMENTS (states);
}

static const char *
get_text (json_t *key, const char *name)
{
  return json_string_value (json_object_get (key, name));
}

static int
compare_keys (gconstpointer a, gconstpointer b)
{
  json_t *one = *(json_t *const *) a;
  json_t *other = *(json_t *const *) b;
  int difference = get_rank (get_text (one, "state")) - get_rank (get_text (other, "state"));

  return difference != 0 ? difference : strcmp (get_text (one, "kid"), get_text (other, "kid"));
}

json_t *
tessera_key_list (GError **error)
{
  g_autoptr (GVariant) objects = get_objects (error);
  g_autoptr (GPtrArray) keys = g_ptr_array_new ();
  json_t *list = NULL;
  const char *path = NULL;
  GVariant *interfaces = NULL;
  GVariantIter iter;

  if (objects == NULL)
    return NULL;
  g_variant_iter_init (&iter, objects);
  while (g_variant_iter_loop (&iter, "{&o@a{sa{sv}}}", &path, &interfaces))
    {
      g_autoptr (GVariant) properties
          = g_variant_lookup_value (interfaces, "org.tessera.Tessera1.Key", G_VARIANT_TYPE_VARDICT);
      if (properties != NULL)
        g_ptr_array_add (keys, make_key (path, properties));
    }
  g_ptr_array_sort (keys, compare_keys);
  list = json_array ();
  for (guint i = 0; i < keys->len; i++)
    json_array_append_new (list, keys->pdata[i]);
  return list;
}

static char *
dup_path (const char *kid, GError **error)
{
  json_t *list = tessera_key_list (error);
  char *path = NULL;
  json_t *key = NULL;
  size_t i = 0;

  if (list == NULL)
    return NULL;
  json_array_foreach (list, i, key)
    if (g_str_equal (get_text (key, "kid"), kid))
      path = g_strdup (get_text (key, "path"));
  json_decref (list);
  if (path == NULL)
    g_set_error_literal (error, TESSERA_SERVICE_ERROR, TESSERA_SERVICE_ERROR_NOT_FOUND,
                         "There is no such key.");
  return path;
}

/* Sub-commands */

static int
run_list (char **words)
{
  g_autoptr (GError) error = NULL;
  json_t *list = tessera_key_list (&error);
  json_t *key = NULL;
  size_t i = 0;

  if (list == NULL)
    return tessera_command_fail_with (error);
  json_array_foreach (list, i, key)
    json_object_del (key, "path");
  tessera_output_list (list, columns, "There are no keys.");
  return TESSERA_EXIT_DONE;
}

static int
run_rotate (char **words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;

  if (option_now
      && !tessera_confirm ("Sign with the next key at once? Resource servers that do not know it "
                           "yet refuse its tokens until they look."))
    return TESSERA_EXIT_FAILED;
  reply = tessera_call (TESSERA_SERVICE_KEYRING, "KeyRing", "Rotate",
                        g_variant_new ("(b)", option_now), NULL, &error);
  if (reply == NULL)
    return tessera_command_fail_with (error);
  return run_list (words);
}

static int
act (const char *kid, const char *method, const char *member, const char *done)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;
  g_autofree char *path = dup_path (kid, &error);

  if (path != NULL)
    reply = tessera_call (path, "Key", method, NULL, NULL, &error);
  if (reply == NULL)
    return tessera_command_fail_with (error);
  g_autofree char *sentence = g_strdup_printf ("Key %s %s", kid, done);
  tessera_output_done (json_pack ("{s:s, s:b}", "kid", kid, member, TRUE), "%s", sentence);
  return TESSERA_EXIT_DONE;
}

static int
run_retire (char **words)
{
  if (!tessera_confirm (
          "Publish key %s no more? Resource servers refuse its tokens as soon as they "
          "look.",
          words[0]))
    return TESSERA_EXIT_FAILED;
  return act (words[0], "Retire", "retired", "is published no more.");
}

static int
run_revoke (char **words)
{
  if (!tessera_confirm ("Revoke key %s, and refuse every token it ever signed? This cannot be "
                        "taken back.",
                        words[0]))
    return TESSERA_EXIT_FAILED;
  return act (words[0], "Revoke", "revoked", "is revoked, and every token it signed is refused.");
}

static const TesseraCommand list_command = {
  .name = "list",
  .summary = "List the keys and their states",
  .run = run_list,
  .details = "next: known to resource servers, signs soon; active: signs; retired: its tokens are "
             "still good;\nrevoked: they are not.\n\n"
             "Example:\n"
             "  tessera key list",
};

static const TesseraCommand rotate_command = {
  .name = "rotate",
  .summary = "Sign with the next key, and make another next one",
  .entries = rotate_entries,
  .run = run_rotate,
  .details = "Tokens of the key until now stay good. It is refused while resource servers cannot "
             "know the next key yet,\nunless told --now.\n\n"
             "Examples:\n"
             "  tessera key rotate\n"
             "  tessera key rotate --now && tessera key revoke KID    # after a leak",
};

static const TesseraCommand retire_command = {
  .name = "retire",
  .words = "KID",
  .summary = "Publish a key that does not sign no more, before its time",
  .completes = TESSERA_WORD_KEY,
  .run = run_retire,
  .details = "A retired key goes by itself when its last token has expired. What it signed is not "
             "good any more wherever\nthe key set is read.\n\n"
             "Example:\n"
             "  tessera key retire ixGbJTe5VQk",
};

static const TesseraCommand revoke_command = {
  .name = "revoke",
  .words = "KID",
  .summary = "Refuse every token of a key: for a key that is known to others",
  .completes = TESSERA_WORD_KEY,
  .run = run_revoke,
  .details = "Example:\n"
             "  tessera key revoke ixGbJTe5VQk",
};

static const TesseraCommand *const commands[]
    = { &list_command, &rotate_command, &retire_command, &revoke_command, NULL };

const TesseraCommand tessera_key_command = {
  .name = "key",
  .summary = "What the service signs tokens with",
  .commands = commands,
};
