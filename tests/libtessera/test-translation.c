/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which language a request gets, and that every language says everything. */

#include "server/tessera-pages-private.h"

#include <gio/gio.h>
#include <string.h>

static void
assert_language (TesseraPages *pages,
                 const char *ui_locales,
                 const char *accept,
                 const char *expected)
{
  const TesseraTranslation *choice
      = tessera_translation_choose (tessera_pages_get_translations (pages), ui_locales, accept);

  g_test_message ("%s / %s", ui_locales, accept);
  g_assert_cmpstr (tessera_translation_get_tag (choice), ==, expected);
}

static void
test_weighs_accept_language (void)
{
  g_autoptr (TesseraPages) pages = tessera_pages_new ();

  assert_language (pages, NULL, NULL, "en");
  assert_language (pages, NULL, "de", "de");
  assert_language (pages, NULL, "de-AT,en;q=0.5", "de");
  assert_language (pages, NULL, "en;q=0.5, de;q=0.8", "de");
  assert_language (pages, NULL, "fr, de;q=0.8, en;q=0.9", "en");
  assert_language (pages, NULL, "en-GB,en;q=0.9,de;q=0.8", "en");
  assert_language (pages, NULL, "fr-FR, *;q=0.1", "en");
  assert_language (pages, NULL, "de;q=0, en", "en");
  assert_language (pages, NULL, "fr, de;q=0", "en");
  assert_language (pages, NULL, "DE", "de");
}

static void
test_tells_chinese_scripts_apart (void)
{
  g_autoptr (TesseraPages) pages = tessera_pages_new ();

  assert_language (pages, NULL, "zh", "zh-CN");
  assert_language (pages, NULL, "zh-Hans-SG", "zh-CN");
  assert_language (pages, NULL, "zh-CN,zh;q=0.9,en;q=0.8", "zh-CN");
  assert_language (pages, NULL, "zh-TW,en;q=0.8", "en");
  assert_language (pages, NULL, "zh-Hant", "en");
}

static void
test_prefers_ui_locales (void)
{
  g_autoptr (TesseraPages) pages = tessera_pages_new ();

  assert_language (pages, "de", "zh", "de");
  assert_language (pages, "fr zh_CN de", "en", "zh-CN");
  assert_language (pages, "fr it", "de", "de");
  assert_language (pages, "en", "de", "en");
}

static void
test_survives_odd_wishes (void)
{
  g_autoptr (TesseraPages) pages = tessera_pages_new ();
  g_autofree char *many = g_strnfill (20000, ',');

  assert_language (pages, NULL, many, "en");
  assert_language (pages, "../../etc/passwd \"><svg>", ";;q=,=;de;q=x", "en");
  assert_language (pages, "", "", "en");
}

static void
on_message (const char *text, gpointer data)
{
  g_hash_table_add (data, g_strdup (text));
}

static gsize
count (const char *text, const char *what)
{
  gsize found = 0;

  for (const char *p = strstr (text, what); p != NULL; p = strstr (p + 1, what))
    found++;
  return found;
}

/* Each %{name} of the sentence stands in its translation too. */
static void
check_placeholders (const char *text, const char *translation)
{
  g_auto (GStrv) parts = g_strsplit (text, "%{", -1);

  g_assert_cmpuint (count (text, "%{"), ==, count (translation, "%{"));
  for (guint i = 1; parts[i] != NULL; i++)
    {
      g_autofree char *name = g_strndup (parts[i], strcspn (parts[i], "}"));
      g_autofree char *placeholder = g_strdup_printf ("%%{%s}", name);

      g_assert_nonnull (strstr (translation, placeholder));
    }
}

static void
test_every_sentence_is_in_every_language (void)
{
  g_autoptr (TesseraPages) pages = tessera_pages_new ();
  const GPtrArray *translations = tessera_pages_get_translations (pages);
  g_autoptr (GHashTable) messages = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  GHashTableIter iter;
  gpointer text;

  tessera_pages_foreach_message (pages, on_message, messages);
  g_assert_cmpuint (g_hash_table_size (messages), >, 40);
  g_assert_cmpuint (translations->len, ==, 2);

  g_hash_table_iter_init (&iter, messages);
  while (g_hash_table_iter_next (&iter, &text, NULL))
    for (guint i = 0; i < translations->len; i++)
      {
        g_test_message ("%s: %s", tessera_translation_get_language (translations->pdata[i]),
                        (char *) text);
        g_assert_true (tessera_translation_has (translations->pdata[i], text));
        check_placeholders (text, tessera_translation_lookup (translations->pdata[i], text));
      }
}

static void
test_refuses_damaged_files (void)
{
  g_autoptr (GBytes) good
      = g_resources_lookup_data ("/org/tessera/pages/de.mo", G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
  gsize length;
  const guint8 *bytes;

  if (good == NULL)
    {
      g_autoptr (TesseraPages) pages = tessera_pages_new ();

      good = g_resources_lookup_data ("/org/tessera/pages/de.mo", G_RESOURCE_LOOKUP_FLAGS_NONE,
                                      NULL);
    }
  g_assert_nonnull (good);
  bytes = g_bytes_get_data (good, &length);
  for (gsize cut = 0; cut < length; cut += 61)
    {
      g_autoptr (GBytes) part = g_bytes_new (bytes, cut);
      g_autoptr (GError) error = NULL;
      g_autoptr (TesseraTranslation) translation = tessera_translation_new ("de", part, &error);

      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
    }
  for (gsize at = 0; at < MIN (length, 600); at++)
    {
      g_autofree guint8 *copy = g_memdup2 (bytes, length);
      g_autoptr (GBytes) damaged = NULL;
      g_autoptr (TesseraTranslation) translation = NULL;

      copy[at] ^= 0xff;
      damaged = g_bytes_new (copy, length);
      translation = tessera_translation_new ("de", damaged, NULL);
    }
}

static void
test_knows_directions (void)
{
  g_autoptr (GBytes) empty
      = g_bytes_new_static ("\xde\x12\x04\x95\0\0\0\0\0\0\0\0\34\0\0\0\34\0\0\0"
                            "\0\0\0\0\0\0\0\0",
                            28);
  g_autoptr (TesseraTranslation) arabic = tessera_translation_new ("ar_EG", empty, NULL);

  g_assert_nonnull (arabic);
  g_assert_cmpstr (tessera_translation_get_direction (arabic), ==, "rtl");
  g_assert_cmpstr (tessera_translation_get_tag (arabic), ==, "ar-EG");
  g_assert_cmpstr (tessera_translation_get_direction (NULL), ==, "ltr");
  g_assert_cmpstr (tessera_translation_lookup (arabic, "Sign in"), ==, "Sign in");
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/translation/weighs-accept-language", test_weighs_accept_language);
  g_test_add_func ("/translation/tells-chinese-scripts-apart", test_tells_chinese_scripts_apart);
  g_test_add_func ("/translation/prefers-ui-locales", test_prefers_ui_locales);
  g_test_add_func ("/translation/survives-odd-wishes", test_survives_odd_wishes);
  g_test_add_func ("/translation/every-sentence-is-in-every-language",
                   test_every_sentence_is_in_every_language);
  g_test_add_func ("/translation/refuses-damaged-files", test_refuses_damaged_files);
  g_test_add_func ("/translation/knows-directions", test_knows_directions);

  return g_test_run ();
}
