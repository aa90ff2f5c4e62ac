/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sentences of the pages in one language (the .mo format of GNU gettext), and which language a
 * request wants (RFC 9110 §12.5.4, RFC 4647 §3.4). */

#include "server/tessera-translation-private.h"

#include <gio/gio.h>
#include <string.h>

#define MO_MAGIC 0x950412deU
#define MO_HEADER_SIZE 20
#define MAX_MESSAGES 10000
#define MAX_WISHES 16

struct _TesseraTranslation
{
  char *language;
  char *tag;
  GBytes *file;
  GHashTable *messages; /* const char *text -> const char *translation; both lie in the file */
};

/* Reading .mo */

typedef struct
{
  const guint8 *bytes;
  gsize length;
  gboolean swapped;
} MoFile;

static guint32
mo_read_number (const MoFile *self, gsize offset)
{
  guint32 number;

  memcpy (&number, self->bytes + offset, sizeof number);
  return self->swapped ? GUINT32_SWAP_LE_BE (number) : number;
}

/* The string that the descriptor at @offset names: inside the file, with a NUL behind it, UTF-8. */
static const char *
mo_read_string (const MoFile *self, gsize offset)
{
  guint64 length = mo_read_number (self, offset);
  guint64 start = mo_read_number (self, offset + 4);

  if (start + length >= self->length || self->bytes[start + length] != '\0')
    return NULL;
  if (!g_utf8_validate ((const char *) self->bytes + start, (gssize) length, NULL))
    return NULL;
  return (const char *) self->bytes + start;
}

static gboolean
mo_open (MoFile *self, GBytes *file)
{
  guint32 magic;

  self->bytes = g_bytes_get_data (file, &self->length);
  if (self->length < MO_HEADER_SIZE)
    return FALSE;

  memcpy (&magic, self->bytes, sizeof magic);
  self->swapped = magic == GUINT32_SWAP_LE_BE (MO_MAGIC);
  /* The major revision is the upper half. */
  return (magic == MO_MAGIC || self->swapped) && mo_read_number (self, 4) >> 16 == 0;
}

static gboolean
mo_read_messages (const MoFile *self, GHashTable *messages)
{
  guint32 count = mo_read_number (self, 8);
  guint64 texts = mo_read_number (self, 12);
  guint64 translations = mo_read_number (self, 16);

  if (count > MAX_MESSAGES || texts + 8 * (guint64) count > self->length
      || translations + 8 * (guint64) count > self->length)
    return FALSE;

  for (guint32 i = 0; i < count; i++)
    {
      const char *text = mo_read_string (self, texts + 8 * (gsize) i);
      const char *translation = mo_read_string (self, translations + 8 * (gsize) i);

      if (text == NULL || translation == NULL)
        return FALSE;
      /* The empty text is the header. */
      if (*text != '\0' && *translation != '\0')
        g_hash_table_insert (messages, (gpointer) text, (gpointer) translation);
    }
  return TRUE;
}

TesseraTranslation *
tessera_translation_new (const char *language, GBytes *file, GError **error)
{
  g_autoptr (TesseraTranslation) self = g_new0 (TesseraTranslation, 1);
  MoFile mo = { 0 };

  self->language = g_strdup (language);
  self->tag = g_strdelimit (g_strdup (language), "_", '-');
  self->file = g_bytes_ref (file);
  self->messages = g_hash_table_new (g_str_hash, g_str_equal);
  if (!mo_open (&mo, file) || !mo_read_messages (&mo, self->messages))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                   "the translation for %s is not a .mo file in UTF-8", language);
      return NULL;
    }
  return g_steal_pointer (&self);
}

void
tessera_translation_free (TesseraTranslation *self)
{
  if (self == NULL)
    return;

  g_hash_table_unref (self->messages);
  g_bytes_unref (self->file);
  g_free (self->tag);
  g_free (self->language);
  g_free (self);
}

const char *
tessera_translation_get_language (const TesseraTranslation *self)
{
  return self != NULL ? self->language : "en";
}

const char *
tessera_translation_get_tag (const TesseraTranslation *self)
{
  return self != NULL ? self->tag : "en";
}

const char *
tessera_translation_get_direction (const TesseraTranslation *self)
{
  static const char *const right_to_left[]
      = { "ar", "ckb", "dv", "fa", "he", "ks", "ps", "sd", "ug", "ur", "yi", NULL };
  g_autofree char *primary = g_strdup (tessera_translation_get_language (self));

  primary[strcspn (primary, "_-@")] = '\0';
  return g_strv_contains (right_to_left, primary) ? "rtl" : "ltr";
}

gboolean
tessera_translation_has (const TesseraTranslation *self, const char *text)
{
  return g_hash_table_contains (self->messages, text);
}

const char *
tessera_translation_lookup (const TesseraTranslation *self, const char *text)
{
  const char *translation = NULL;

  if (self != NULL)
    translation = g_hash_table_lookup (self->messages, text);
  return translation != NULL ? translation : text;
}

/* What a request wants */

typedef struct
{
  char *tag; /* lower case, with '-' */
  guint weight;
  guint order;
} Wish;

static void
wish_clear (gpointer data)
{
  g_free (((Wish *) data)->tag);
}

static int
compare_wishes (gconstpointer a, gconstpointer b)
{
  const Wish *first = a, *second = b;

  if (first->weight != second->weight)
    return first->weight < second->weight ? 1 : -1;
  return first->order < second->order ? -1 : first->order > second->order;
}

static gboolean
is_language_tag (const char *text)
{
  if (g_str_equal (text, "*"))
    return TRUE;
  if (!g_ascii_isalpha (*text) || strlen (text) > 35)
    return FALSE;
  for (const char *p = text; *p != '\0'; p++)
    if (!g_ascii_isalnum (*p) && *p != '-')
      return FALSE;
  return TRUE;
}

static void
add_wish (GArray *wishes, const char *tag, guint weight)
{
  Wish wish = { .weight = weight, .order = wishes->len };

  if (wishes->len >= MAX_WISHES || !is_language_tag (tag))
    return;

  wish.tag = g_ascii_strdown (tag, -1);
  g_array_append_val (wishes, wish);
}

/* `q=0.8` in thousandths; 1000 without one, 0 when it cannot be read. */
static guint
parse_weight (const char *parameters)
{
  const char *q = parameters != NULL ? strstr (parameters, "q=") : NULL;
  guint weight = 0, unit = 100;

  if (q == NULL)
    return 1000;
  if (q[2] == '1')
    return 1000;
  if (q[2] != '0' || q[3] != '.')
    return 0;

  for (const char *p = q + 4; g_ascii_isdigit (*p) && unit > 0; p++, unit /= 10)
    weight += (guint) g_ascii_digit_value (*p) * unit;
  return weight;
}

static GArray *
parse_accept_language (const char *text)
{
  GArray *wishes = g_array_new (FALSE, FALSE, sizeof (Wish));
  g_auto (GStrv) ranges = g_strsplit (text, ",", MAX_WISHES + 1);

  g_array_set_clear_func (wishes, wish_clear);
  for (guint i = 0; ranges[i] != NULL && i < MAX_WISHES; i++)
    {
      char *parameters = strchr (ranges[i], ';');

      if (parameters != NULL)
        *parameters++ = '\0';
      add_wish (wishes, g_strstrip (ranges[i]), parse_weight (parameters));
    }
  g_array_sort (wishes, compare_wishes);
  return wishes;
}

static GArray *
parse_ui_locales (const char *text)
{
  GArray *wishes = g_array_new (FALSE, FALSE, sizeof (Wish));
  g_auto (GStrv) tags = g_strsplit (text, " ", MAX_WISHES + 1);

  g_array_set_clear_func (wishes, wish_clear);
  for (guint i = 0; tags[i] != NULL && i < MAX_WISHES; i++)
    add_wish (wishes, g_strdelimit (tags[i], "_", '-'), 1000);
  return wishes;
}

/* Chinese is told apart by script, which a region implies when the tag does not say it. */
static const char *
get_chinese_script (const char *tag)
{
  if (strstr (tag, "-hant") != NULL || strstr (tag, "-tw") != NULL || strstr (tag, "-hk") != NULL
      || strstr (tag, "-mo") != NULL)
    return strstr (tag, "-hans") != NULL ? "hans" : "hant";
  return "hans";
}

/* Lookup of RFC 4647 §3.4, with the last step generous: de serves de-AT, and pt_BR serves pt. */
static gboolean
serves (const char *offered, const char *wanted)
{
  gsize length = strcspn (offered, "-");

  if (g_ascii_strcasecmp (offered, wanted) == 0)
    return TRUE;
  if (strcspn (wanted, "-") != length || g_ascii_strncasecmp (offered, wanted, length) != 0)
    return FALSE;
  if (length == 2 && g_str_has_prefix (wanted, "zh"))
    {
      g_autofree char *lower = g_ascii_strdown (offered, -1);

      return g_str_equal (get_chinese_script (lower), get_chinese_script (wanted));
    }
  /* A language without a region serves all of its regions; one with a region only the bare
   * language. */
  return offered[length] == '\0' || wanted[length] == '\0';
}

/* TRUE when the wishes are met; *out_choice NULL: by English. */
static gboolean
choose (const GPtrArray *translations, const GArray *wishes, const TesseraTranslation **out_choice)
{
  for (guint i = 0; i < wishes->len; i++)
    {
      const Wish *wish = &g_array_index (wishes, Wish, i);

      *out_choice = NULL;
      if (wish->weight == 0)
        continue;
      if (g_str_equal (wish->tag, "*") || serves ("en", wish->tag))
        return TRUE;
      for (guint n = 0; n < translations->len; n++)
        if (serves (tessera_translation_get_tag (translations->pdata[n]), wish->tag))
          {
            *out_choice = translations->pdata[n];
            return TRUE;
          }
    }
  return FALSE;
}

const TesseraTranslation *
tessera_translation_choose (const GPtrArray *translations,
                            const char *ui_locales,
                            const char *accept_language)
{
  const TesseraTranslation *choice = NULL;

  if (ui_locales != NULL)
    {
      g_autoptr (GArray) wishes = parse_ui_locales (ui_locales);

      if (choose (translations, wishes, &choice))
        return choice;
    }
  if (accept_language != NULL)
    {
      g_autoptr (GArray) wishes = parse_accept_language (accept_language);

      if (choose (translations, wishes, &choice))
        return choice;
    }
  return NULL;
}
