/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Request parameters, decoded once and strictly (RFC 6749 §3.1, §3.2 and appendix B). */
#include "base/tessera-params-private.h"

#include "base/tessera-error.h"
#include "base/tessera-secret-private.h"

#include <openssl/crypto.h>
#include <string.h>

typedef struct
{
  const char *name;
  const char *value;
} Pair;

/* One block of memory: this, the pairs, and the decoded text that they point into. */
struct _TesseraParams
{
  gsize size;         /* of the block */
  GPtrArray *answers; /* const char **, made by get_all; or NULL */
  guint n_pairs;
  Pair pairs[];
};

static const char *const no_values[] = { NULL };

static gboolean
refuse (GError **error, const char *why)
{
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST, why);
  return FALSE;
}

/* Visible ASCII and the space, but for '%' and '+'. A table, since whole tokens are looked at. */
static const guint8 stands_for_itself[256] = {
  [' ' ... '$'] = 1,
  ['&' ... '*'] = 1,
  [',' ... '~'] = 1,
};

/* How many characters at the start stand for themselves: in a token all of them. */
static gsize
count_plain (const char *text, gsize length)
{
  gsize i = 0;
  while (i < length && stands_for_itself[(guchar) text[i]])
    i++;
  return i;
}

/* One character that may not stand for itself; FALSE when it is none. */
static gboolean
decode_one (const char *text, gsize length, guchar *out_char, gsize *out_used)
{
  guchar c = (guchar) text[0];

  *out_used = 1;
  if (c == '+')
    c = ' ';
  else if (c == '%')
    {
      if (length < 3 || !g_ascii_isxdigit (text[1]) || !g_ascii_isxdigit (text[2]))
        return FALSE;
      c = (guchar) (g_ascii_xdigit_value (text[1]) << 4 | g_ascii_xdigit_value (text[2]));
      *out_used = 3;
      if (c == 0)
        return FALSE;
    }
  else if (c < 0x20 || c == 0x7f)
    return FALSE;
  *out_char = c;
  return TRUE;
}

/* Decodes @text into @out, which has room for @length + 1 bytes; returns the end of what was
 * written (the NUL), or NULL. */
static char *
decode (const char *text, gsize length, char *out)
{
  const char *start = out;
  const char *end = text + length;
  gboolean has_high = FALSE;

  while (text < end)
    {
      gsize plain = count_plain (text, (gsize) (end - text));
      memcpy (out, text, plain);
      out += plain;
      text += plain;
      if (text == end)
        break;

      guchar c;
      gsize used;
      if (!decode_one (text, (gsize) (end - text), &c, &used))
        return NULL;
      has_high |= c >= 0x80;
      *out++ = (char) c;
      text += used;
    }
  *out = '\0';
  if (has_high && !g_utf8_validate (start, out - start, NULL))
    return NULL;
  return out;
}

char *
tessera_params_decode (const char *text, gsize length)
{
  g_autoptr (TesseraSecret) decoded = g_malloc0 (length + 1);

  return decode (text, length, decoded) != NULL ? g_steal_pointer (&decoded) : NULL;
}

/* One `name=value`; advances @cursor behind what it wrote. */
static gboolean
decode_pair (const char *text, gsize length, Pair *out_pair, char **cursor, GError **error)
{
  const char *equals = memchr (text, '=', length);
  if (equals == NULL || equals == text)
    return refuse (error, "A parameter is not of the form name=value.");

  out_pair->name = *cursor;
  char *end = decode (text, (gsize) (equals - text), *cursor);
  if (end == NULL)
    return refuse (error, "A parameter name is not properly encoded.");
  out_pair->value = end + 1;
  end = decode (equals + 1, (gsize) (text + length - (equals + 1)), end + 1);
  if (end == NULL)
    return refuse (error, "A parameter value is not properly encoded.");
  *cursor = end + 1;
  return TRUE;
}

static guint
count_pairs (const char *form, gsize length)
{
  guint n = length > 0 ? 1 : 0;

  for (gsize i = 0; i < length; i++)
    n += form[i] == '&';
  return n;
}

TesseraParams *
tessera_params_parse (const char *form, gsize length, GError **error)
{
  guint n = form == NULL ? 0 : count_pairs (form, length);
  if (n > TESSERA_PARAMS_MAX)
    {
      refuse (error, "There are too many parameters.");
      return NULL;
    }

  /* `=` and `&` become the NULs behind names and values; one more ends the last value. */
  gsize text_offset = sizeof (TesseraParams) + n * sizeof (Pair);
  gsize size = text_offset + length + 1;
  g_autoptr (TesseraParams) self = g_malloc (size);
  self->size = size;
  self->answers = NULL;
  self->n_pairs = n;

  char *cursor = (char *) self + text_offset;
  const char *rest = form;
  for (guint i = 0; i < n; i++)
    {
      const char *end = memchr (rest, '&', (gsize) (form + length - rest));
      gsize pair_length = (gsize) ((end != NULL ? end : form + length) - rest);
      if (!decode_pair (rest, pair_length, &self->pairs[i], &cursor, error))
        return NULL;
      rest += pair_length + 1;
    }
  return g_steal_pointer (&self);
}

void
tessera_params_free (TesseraParams *self)
{
  g_clear_pointer (&self->answers, g_ptr_array_unref);
  OPENSSL_cleanse (self, self->size);
  g_free (self);
}

const char *
tessera_params_get (const TesseraParams *self, const char *name)
{
  for (guint i = 0; i < self->n_pairs; i++)
    {
      if (strcmp (self->pairs[i].name, name) == 0 && self->pairs[i].value[0] != '\0')
        return self->pairs[i].value;
    }
  return NULL;
}

const char *const *
tessera_params_get_all (TesseraParams *self, const char *name)
{
  if (tessera_params_get (self, name) == NULL)
    return no_values;

  const char **values = g_new0 (const char *, self->n_pairs + 1);
  guint n = 0;
  for (guint i = 0; i < self->n_pairs; i++)
    {
      if (strcmp (self->pairs[i].name, name) == 0 && self->pairs[i].value[0] != '\0')
        values[n++] = self->pairs[i].value;
    }
  if (self->answers == NULL)
    self->answers = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (self->answers, values);
  return values;
}

static gboolean
is_repeated_after (const TesseraParams *self, guint first)
{
  const char *name = self->pairs[first].name;

  for (guint i = first + 1; i < self->n_pairs; i++)
    {
      if (strcmp (self->pairs[i].name, name) == 0)
        return TRUE;
    }
  return FALSE;
}

gboolean
tessera_params_is_repeated (const TesseraParams *self, const char *name)
{
  for (guint i = 0; i < self->n_pairs; i++)
    {
      if (strcmp (self->pairs[i].name, name) == 0)
        return is_repeated_after (self, i);
    }
  return FALSE;
}

gboolean
tessera_params_check_repeats (const TesseraParams *self, GError **error)
{
  for (guint i = 0; i < self->n_pairs; i++)
    {
      if (strcmp (self->pairs[i].name, "resource") != 0 && is_repeated_after (self, i))
        return refuse (error, "A parameter is repeated.");
    }
  return TRUE;
}
