/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON objects (RFC 8259): the strict reader against a grammar of its own, the two readers of
 * claims against each other, and what was written against what was read. */

#include "base/tessera-json-private.h"
#include "fuzz.h"
#include "jose/tessera-claims-private.h"

#include <string.h>

#define MAX_LENGTH 4096

/* A second reader, which only says whether the text is well-formed. */
typedef struct
{
  const char *at;
  const char *end;
  guint depth;
} Grammar;

static gboolean accepts_value (Grammar *self);

static char
peek (const Grammar *self)
{
  return self->at < self->end ? *self->at : '\0';
}

static void
skip_space (Grammar *self)
{
  while (self->at < self->end && *self->at != '\0' && strchr (" \t\r\n", *self->at) != NULL)
    self->at++;
}

static gboolean
takes (Grammar *self, char c)
{
  if (self->at == self->end || *self->at != c)
    return FALSE;
  self->at++;
  return TRUE;
}

static gboolean
takes_word (Grammar *self, const char *word)
{
  gsize length = strlen (word);

  if ((gsize) (self->end - self->at) < length || memcmp (self->at, word, length) != 0)
    return FALSE;
  self->at += length;
  return TRUE;
}

static int
take_hex (Grammar *self)
{
  int code = 0;

  for (guint i = 0; i < 4; i++, self->at++)
    {
      if (self->at == self->end || !g_ascii_isxdigit (*self->at))
        return -1;
      code = code * 16 + g_ascii_xdigit_value (*self->at);
    }
  return code;
}

/* Behind \u. No NUL, and surrogates in pairs only. */
static gboolean
takes_code (Grammar *self)
{
  int code = take_hex (self);

  if (code <= 0 || (code >= 0xdc00 && code <= 0xdfff))
    return FALSE;
  if (code < 0xd800 || code > 0xdbff)
    return TRUE;
  if (!takes_word (self, "\\u"))
    return FALSE;
  code = take_hex (self);
  return code >= 0xdc00 && code <= 0xdfff;
}

static gboolean
accepts_string (Grammar *self)
{
  const char *start = self->at + 1;

  if (!takes (self, '"'))
    return FALSE;
  while (self->at < self->end && *self->at != '"')
    {
      guchar c = *self->at++;

      if (c < 0x20)
        return FALSE;
      if (c != '\\')
        continue;
      if (takes (self, 'u') ? !takes_code (self)
                            : peek (self) == '\0' || strchr ("\"\\/bfnrt", *self->at++) == NULL)
        return FALSE;
    }
  return g_utf8_validate (start, self->at - start, NULL) && takes (self, '"');
}

static gboolean
accepts_digits (Grammar *self)
{
  const char *start = self->at;

  while (g_ascii_isdigit (peek (self)))
    self->at++;
  return self->at > start;
}

/* Also: within 64 bits, or a double. */
static gboolean
accepts_number (Grammar *self)
{
  const char *start = self->at;
  gboolean real = FALSE;

  takes (self, '-');
  if (!takes (self, '0') && !accepts_digits (self))
    return FALSE;
  if (takes (self, '.'))
    {
      real = TRUE;
      if (!accepts_digits (self))
        return FALSE;
    }
  if (takes (self, 'e') || takes (self, 'E'))
    {
      real = TRUE;
      if (!takes (self, '+'))
        takes (self, '-');
      if (!accepts_digits (self))
        return FALSE;
    }

  g_autofree char *text = g_strndup (start, self->at - start);
  if (real)
    return ABS (g_ascii_strtod (text, NULL)) <= G_MAXDOUBLE;
  return g_ascii_string_to_signed (text, 10, G_MININT64, G_MAXINT64, NULL, NULL);
}

static gboolean
accepts_member (Grammar *self, GHashTable *names)
{
  const char *start = self->at;

  if (!accepts_string (self))
    return FALSE;
  /* Names are compared as they are meant, not as they are written. */
  g_autoptr (json_t) name = json_loadb (start, self->at - start, JSON_DECODE_ANY, NULL);
  g_assert_nonnull (name);
  if (!g_hash_table_add (names, g_strdup (json_string_value (name))))
    return FALSE;
  skip_space (self);
  return takes (self, ':') && accepts_value (self);
}

static gboolean
accepts_items (Grammar *self, char close, GHashTable *names)
{
  self->at++;
  if (++self->depth > TESSERA_JSON_MAX_DEPTH)
    return FALSE;
  skip_space (self);
  if (!takes (self, close))
    do
      {
        skip_space (self);
        if (names != NULL ? !accepts_member (self, names) : !accepts_value (self))
          return FALSE;
        skip_space (self);
        if (takes (self, close))
          break;
        if (!takes (self, ','))
          return FALSE;
      }
    while (TRUE);
  self->depth--;
  return TRUE;
}

static gboolean
accepts_object (Grammar *self)
{
  g_autoptr (GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  return accepts_items (self, '}', names);
}

static gboolean
accepts_value (Grammar *self)
{
  skip_space (self);
  switch (peek (self))
    {
    case '{':
      return accepts_object (self);
    case '[':
      return accepts_items (self, ']', NULL);
    case '"':
      return accepts_string (self);
    case 't':
      return takes_word (self, "true");
    case 'f':
      return takes_word (self, "false");
    case 'n':
      return takes_word (self, "null");
    default:
      return accepts_number (self);
    }
}

static gboolean
expect (const char *text, gsize length)
{
  Grammar grammar = { text, text + length, 0 };

  skip_space (&grammar);
  if (length > MAX_LENGTH || peek (&grammar) != '{' || !accepts_value (&grammar))
    return FALSE;
  skip_space (&grammar);
  return grammar.at == grammar.end;
}

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  fuzz_init ();
  return 0;
}

static void
check_round_trip (const json_t *json)
{
  g_autofree char *text = tessera_json_dump (json);
  g_autoptr (json_t) again = tessera_json_parse (text, strlen (text), G_MAXSIZE, NULL);

  g_assert_true (json_equal (json, again));
  g_autofree char *text_again = tessera_json_dump (again);
  g_assert_cmpstr (text, ==, text_again);
}

/* libjwt carries the same members, and answers for each as JSON does. */
static void
check_claims (TesseraClaims *claims, json_t *json)
{
  const char *name;
  json_t *value;
  g_autofree char *text = tessera_claims_to_json (claims);
  g_autoptr (json_t) carried = tessera_json_parse (text, strlen (text), G_MAXSIZE, NULL);

  g_assert_true (json_equal (carried, json));
  json_object_foreach (json, name, value)
    {
      gint64 number = 0;

      if (name[0] == '\0')
        continue;
      g_assert_true (tessera_claims_has (claims, name));
      g_assert_cmpstr (tessera_claims_get_string (claims, name), ==, json_string_value (value));
      g_assert_cmpint (tessera_claims_get_int (claims, name, &number), ==, json_is_integer (value));
      g_assert_cmpint (number, ==, json_integer_value (value));
      g_auto (GStrv) strings = tessera_claims_dup_strings (claims, name);
      g_assert_false (strings != NULL && !json_is_string (value) && !json_is_array (value));
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const char *text = (const char *) data;
  g_autoptr (json_t) json = tessera_json_parse (text, size, MAX_LENGTH, NULL);
  g_autoptr (TesseraClaims) claims = NULL;

  g_assert_cmpint (json != NULL, ==, expect (text, size));
  if (size <= MAX_LENGTH)
    {
      claims = tessera_claims_new_from_json (text, size, NULL);
      g_assert_cmpint (claims != NULL, ==, json != NULL);
    }
  if (json == NULL)
    return 0;
  check_round_trip (json);
  check_claims (claims, json);
  return 0;
}
