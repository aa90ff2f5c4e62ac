/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Catalogues of translations (the .mo format of GNU gettext) against a second reader, and which
 * language a request wants (RFC 4647 §3.4). The input: ui_locales and Accept-Language, a line each;
 * the file. */

#include "fuzz.h"
#include "server/tessera-translation-private.h"

#include <string.h>

#define MESSAGES_MAX 10000

static GPtrArray *offered; /* TesseraTranslation*, in several languages */

static GBytes *
make_empty_file (void)
{
  static const guint32 header[] = { 0x950412de, 0, 0, 28, 28, 0, 28 };

  return g_bytes_new_static (header, sizeof header);
}

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  static const char *const languages[] = { "de", "zh_CN", "zh_TW", "pt_BR", "ar" };

  fuzz_init ();
  offered = g_ptr_array_new ();
  for (guint i = 0; i < G_N_ELEMENTS (languages); i++)
    {
      g_autoptr (GBytes) file = make_empty_file ();
      TesseraTranslation *translation = tessera_translation_new (languages[i], file, NULL);

      g_assert_nonnull (translation);
      g_ptr_array_add (offered, translation);
    }
  return 0;
}

/* A second reader, which takes nothing for granted. */

static gboolean
read_number (const guint8 *bytes, gsize length, gboolean swapped, guint64 offset, guint64 *out)
{
  if (offset > length || length - offset < 4)
    return FALSE;
  const guint8 *b = bytes + offset;
  gboolean big = swapped == (G_BYTE_ORDER == G_LITTLE_ENDIAN);
  *out = big ? (guint64) b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3]
             : (guint64) b[3] << 24 | b[2] << 16 | b[1] << 8 | b[0];
  return TRUE;
}

static char *
dup_string (const guint8 *bytes, gsize length, gboolean swapped, guint64 descriptor)
{
  guint64 size, start;

  if (!read_number (bytes, length, swapped, descriptor, &size)
      || !read_number (bytes, length, swapped, descriptor + 4, &start) || start >= length
      || length - start <= size || bytes[start + size] != 0
      || !g_utf8_validate ((const char *) bytes + start, (gssize) size, NULL))
    return NULL;
  return g_strndup ((const char *) bytes + start, size);
}

/* char* -> char*, or NULL when it is no catalogue. */
static GHashTable *
expect (const guint8 *bytes, gsize length)
{
  g_autoptr (GHashTable) messages = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  guint64 magic = 0, revision = 0, count = 0, texts = 0, translations = 0;
  gboolean swapped;

  if (length < 20 || !read_number (bytes, length, FALSE, 0, &magic))
    return NULL;
  swapped = magic != 0x950412de;
  if (swapped && (!read_number (bytes, length, TRUE, 0, &magic) || magic != 0x950412de))
    return NULL;
  if (!read_number (bytes, length, swapped, 4, &revision) || revision > 0xffff
      || !read_number (bytes, length, swapped, 8, &count) || count > MESSAGES_MAX
      || !read_number (bytes, length, swapped, 12, &texts) || texts + 8 * count > length
      || !read_number (bytes, length, swapped, 16, &translations)
      || translations + 8 * count > length)
    return NULL;
  for (guint64 i = 0; i < count; i++)
    {
      g_autofree char *text = dup_string (bytes, length, swapped, texts + 8 * i);
      g_autofree char *translation = dup_string (bytes, length, swapped, translations + 8 * i);

      if (text == NULL || translation == NULL)
        return NULL;
      if (text[0] != '\0' && translation[0] != '\0')
        g_hash_table_replace (messages, g_steal_pointer (&text), g_steal_pointer (&translation));
    }
  return g_steal_pointer (&messages);
}

static void
check_file (const char *bytes, gsize length)
{
  g_autoptr (GBytes) file = g_bytes_new (bytes, length);
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraTranslation) translation = tessera_translation_new ("de_AT", file, &error);
  g_autoptr (GHashTable) messages = expect ((const guint8 *) bytes, length);
  GHashTableIter iter;
  gpointer text, meaning;

  g_assert_cmpint (translation != NULL, ==, messages != NULL);
  g_assert_cmpint (translation == NULL, ==, error != NULL);
  if (translation == NULL)
    return;
  g_hash_table_iter_init (&iter, messages);
  while (g_hash_table_iter_next (&iter, &text, &meaning))
    {
      g_assert_true (tessera_translation_has (translation, text));
      g_assert_cmpstr (tessera_translation_lookup (translation, text), ==, meaning);
    }
  g_assert_cmpstr (tessera_translation_lookup (translation, "\xff"), ==, "\xff");
  g_assert_cmpstr (tessera_translation_get_tag (translation), ==, "de-AT");
}

/* One of those there are, the same whatever the case of the letters; ui_locales have the word. */
static void
check_choice (const char *ui_locales, const char *accept_language)
{
  g_autofree char *louder = g_ascii_strup (ui_locales, -1);
  g_autofree char *quieter = g_ascii_strdown (accept_language, -1);
  const TesseraTranslation *choice
      = tessera_translation_choose (offered, ui_locales, accept_language);
  const TesseraTranslation *alone = tessera_translation_choose (offered, ui_locales, NULL);

  g_assert_true (choice == NULL || g_ptr_array_find (offered, choice, NULL));
  g_assert_true (choice == tessera_translation_choose (offered, louder, accept_language));
  if (strstr (accept_language, "Q=") == NULL)
    g_assert_true (choice == tessera_translation_choose (offered, ui_locales, quieter));
  if (alone != NULL)
    g_assert_true (choice == alone);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  FuzzInput input = fuzz_input (data, size);
  g_autofree char *ui_locales = fuzz_input_take_line (&input);
  g_autofree char *accept_language = fuzz_input_take_line (&input);
  gsize length;
  const char *bytes = fuzz_input_take_rest (&input, &length);

  check_choice (ui_locales, accept_language);
  check_file (bytes, length);
  return 0;
}
