/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera denylist: what is refused, and what is being refused. */

#include "tessera-denylist.h"

#include "tessera-calls.h"
#include "tessera-command.h"
#include "tessera-progress.h"

#include <string.h>

#define PAGE 1000

static gint64 option_since;

static const GOptionEntry list_entries[] = {
  { "since", 0, 0, G_OPTION_ARG_INT64, &option_since, "Only what came behind this generation",
    "GENERATION" },
  { NULL },
};

const TesseraColumn tessera_denylist_columns[] = {
  { "GENERATION", "generation" },
  { "KIND", "kind" },
  { "VALUE", "value" },
  { "REFUSES ISSUED UNTIL", "until_ms", TESSERA_COLUMN_TIME_MS },
  { "FORGOTTEN AT", "expires_ms", TESSERA_COLUMN_TIME_MS },
  { NULL },
};

static const TesseraColumn stats_columns[] = {
  { "Generation", "generation" },
  { "In force", "count" },
  { "Tokens", "token" },
  { "Grants", "grant" },
  { "Grants' tokens", "grant-tokens" },
  { "Sessions", "session" },
  { "Subjects", "subject" },
  { "Subjects' tokens", "subject-tokens" },
  { "Clients", "client" },
  { "Clients' own tokens", "client-tokens" },
  { "Keys", "key" },
  { "All", "all" },
  { NULL },
};

/* Reading */

/* These refuse one thing as long as its tokens live; the others what was issued up to an instant.
 */
static gboolean
has_expiry (const char *kind)
{
  static const char *const kinds[] = { "token", "grant", "session", NULL };

  return g_strv_contains (kinds, kind);
}

/* A key is refused for ever. */
static json_t *
make_entry (guint64 generation, const char *kind, const char *value, guint64 at_ms)
{
  json_t *entry = json_pack ("{s:I, s:s, s:s}", "generation", (json_int_t) generation, "kind", kind,
                             "value", value);

  if (!g_str_equal (kind, "key"))
    json_object_set_new (entry, has_expiry (kind) ? "expires_ms" : "until_ms",
                         json_integer ((json_int_t) at_ms));
  return entry;
}

gboolean
tessera_denylist_read (TesseraService *service,
                       guint64 since,
                       TesseraDenyListPage *out_page,
                       GError **error)
{
  g_autoptr (GVariant) reply
      = tessera_service_call (service, TESSERA_SERVICE_DENYLIST, "DenyList", "Changes",
                              g_variant_new ("(tu)", since, PAGE), "(a(tsst)tb)", error);
  g_autoptr (GVariantIter) iter = NULL;
  const char *kind = NULL;
  const char *value = NULL;
  guint64 generation = 0;
  guint64 at_ms = 0;

  if (reply == NULL)
    return FALSE;
  g_variant_get (reply, "(a(tsst)tb)", &iter, &out_page->cursor, &out_page->reset);
  out_page->entries = json_array ();
  while (g_variant_iter_loop (iter, "(t&s&st)", &generation, &kind, &value, &at_ms))
    json_array_append_new (out_page->entries, make_entry (generation, kind, value, at_ms));
  return TRUE;
}

typedef void (*EntriesFunc) (json_t *entries, gpointer data);

/* Every page behind @since. */
static gboolean
foreach_page (guint64 since, EntriesFunc func, gpointer data, GError **error)
{
  TesseraService *service = tessera_service_get (error);
  TesseraDenyListPage page = { 0 };
  guint64 count = 0;
  size_t n_entries = 0;

  do
    {
      if (service == NULL || !tessera_denylist_read (service, since, &page, error))
        return FALSE;
      n_entries = json_array_size (page.entries);
      func (page.entries, data);
      json_decref (page.entries);
      tessera_progress_count (count += n_entries);
      since = page.cursor;
    }
  while (n_entries > 0);
  tessera_progress_clear ();
  return TRUE;
}

/* Sub-commands */

static void
append_entries (json_t *entries, gpointer data)
{
  json_array_extend (data, entries);
}

static int
run_list (char **words)
{
  g_autoptr (GError) error = NULL;
  json_t *list = NULL;

  if (option_since < 0)
    return tessera_command_misused ("a generation is not negative");
  list = json_array ();
  if (!foreach_page ((guint64) option_since, append_entries, list, &error))
    {
      json_decref (list);
      return tessera_command_fail_with (error);
    }
  tessera_output_list (list, tessera_denylist_columns, "Nothing is refused.");
  return TESSERA_EXIT_DONE;
}

static void
count_entries (json_t *entries, gpointer data)
{
  json_t *kinds = data;
  json_t *entry = NULL;
  size_t i = 0;

  json_array_foreach (entries, i, entry)
    {
      const char *kind = json_string_value (json_object_get (entry, "kind"));
      json_int_t count = json_integer_value (json_object_get (kinds, kind));
      json_object_set_new (kinds, kind, json_integer (count + 1));
    }
}

static int
run_stats (char **words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) properties
      = tessera_get_properties (TESSERA_SERVICE_DENYLIST, "DenyList", &error);
  guint64 cursor = 0;
  guint64 count = 0;
  json_t *kinds = json_object ();

  if (properties == NULL || !foreach_page (0, count_entries, kinds, &error))
    {
      json_decref (kinds);
      return tessera_command_fail_with (error);
    }
  g_variant_lookup (properties, "Cursor", "t", &cursor);
  g_variant_lookup (properties, "Count", "t", &count);
  json_t *stats
      = json_pack ("{s:I, s:I}", "generation", (json_int_t) cursor, "count", (json_int_t) count);
  if (tessera_options.json)
    json_object_set (stats, "kinds", kinds);
  else
    json_object_update (stats, kinds);
  json_decref (kinds);
  tessera_output_object (stats, stats_columns);
  return TESSERA_EXIT_DONE;
}

static const TesseraCommand list_command = {
  .name = "list",
  .summary = "List what is refused",
  .entries = list_entries,
  .run = run_list,
  .details = "Examples:\n"
             "  tessera denylist list\n"
             "  tessera denylist list --since 1200 --json",
};

static const TesseraCommand stats_command = {
  .name = "stats",
  .summary = "Count what is refused",
  .run = run_stats,
  .details = "Example:\n"
             "  tessera denylist stats",
};

static const TesseraCommand monitor_command = {
  .name = "monitor",
  .summary = "Say what is being refused, as it happens, until interrupted",
  .entries = tessera_denylist_monitor_entries,
  .run = tessera_denylist_monitor,
  .details = "A restart of the service interrupts nothing: what came meanwhile is said then. With "
             "--json each entry is\na document on a line.\n\n"
             "Examples:\n"
             "  tessera denylist monitor\n"
             "  tessera denylist monitor --since 0 --json",
};

static const TesseraCommand *const commands[]
    = { &list_command, &stats_command, &monitor_command, NULL };

const TesseraCommand tessera_denylist_command = {
  .name = "denylist",
  .summary = "What is refused",
  .commands = commands,
};
