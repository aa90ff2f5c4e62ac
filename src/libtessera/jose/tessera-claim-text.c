/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The JSON text of a claim set in the making (RFC 7519 §4, RFC 8259 §4, §7). */

#include "jose/tessera-claim-text-private.h"

#include "base/tessera-decimal-private.h"

#include <string.h>

#define USUAL_SIZE 512 /* bytes */

/* Visible ASCII and the space, but for '"' and '\': it has no escapes in JSON, and one form. */
static const guint8 stands_for_itself[256] = {
  [' ' ... '!'] = 1,
  ['#' ... '['] = 1,
  [']' ... '~'] = 1,
};

gboolean
tessera_claim_text_is_plain (const char *value)
{
  while (stands_for_itself[(guchar) *value])
    value++;
  return *value == '\0';
}

/* … and sorts with a quote behind it as it does by itself. */
static gboolean
is_plain_name (const char *name)
{
  for (; *name != '\0'; name++)
    if (!g_ascii_isalnum (*name) && *name != '_')
      return FALSE;
  return TRUE;
}

static gboolean
has (const TesseraClaimText *self, const char *name)
{
  gsize length = strlen (name);

  for (guint i = 0; i < self->n_members; i++)
    {
      const char *member = self->text->str + self->members[i].at + 1;

      if (strncmp (member, name, length) == 0 && member[length] == '"')
        return TRUE;
    }
  return FALSE;
}

/* Where the value goes, for which there is room; NULL: it is given up, now or before. */
static char *
begin_member (TesseraClaimText *self, const char *name, gsize value_length)
{
  gsize at = self->text != NULL ? self->text->len : 0;
  char *end = NULL;

  if (self->given_up || self->n_members == TESSERA_CLAIM_TEXT_MAX || !is_plain_name (name)
      || has (self, name))
    {
      tessera_claim_text_give_up (self);
      return NULL;
    }
  if (self->text == NULL)
    self->text = g_string_sized_new (USUAL_SIZE);
  g_string_set_size (self->text, at + strlen (name) + strlen ("\"\":") + value_length);
  self->members[self->n_members].at = at;
  end = self->text->str + at;
  *end++ = '"';
  end = stpcpy (end, name);
  return stpcpy (end, "\":");
}

static void
end_member (TesseraClaimText *self, const char *end)
{
  gsize at = self->members[self->n_members].at;

  self->members[self->n_members].length = (gsize) (end - self->text->str) - at;
  self->n_members++;
  g_string_truncate (self->text, (gsize) (end - self->text->str));
}

static char *
put_string (char *end, const char *value)
{
  *end++ = '"';
  end = stpcpy (end, value);
  return stpcpy (end, "\"");
}

void
tessera_claim_text_add_string (TesseraClaimText *self, const char *name, const char *value)
{
  char *end = NULL;

  if (!tessera_claim_text_is_plain (value))
    tessera_claim_text_give_up (self);
  end = begin_member (self, name, strlen (value) + strlen ("\"\""));
  if (end != NULL)
    end_member (self, put_string (end, value));
}

void
tessera_claim_text_add_int (TesseraClaimText *self, const char *name, gint64 value)
{
  char *end = begin_member (self, name, TESSERA_DECIMAL_MAX);

  if (end != NULL)
    end_member (self, tessera_decimal_put (end, value));
}

void
tessera_claim_text_add_array (TesseraClaimText *self, const char *name, const char *const *values)
{
  gsize length = strlen ("[]");
  char *end = NULL;

  for (guint i = 0; values[i] != NULL; i++)
    {
      if (!tessera_claim_text_is_plain (values[i]))
        tessera_claim_text_give_up (self);
      length += strlen (values[i]) + strlen ("\"\",");
    }
  end = begin_member (self, name, length);
  if (end == NULL)
    return;
  *end++ = '[';
  for (guint i = 0; values[i] != NULL; i++)
    {
      if (i > 0)
        *end++ = ',';
      end = put_string (end, values[i]);
    }
  end_member (self, stpcpy (end, "]"));
}

void
tessera_claim_text_give_up (TesseraClaimText *self)
{
  self->given_up = TRUE;
}

/* Which member comes at which place. */
static void
sort (const TesseraClaimText *self, guint8 order[TESSERA_CLAIM_TEXT_MAX])
{
  const char *text = self->text->str;

  for (guint i = 0; i < self->n_members; i++)
    {
      guint at = i;

      for (; at > 0
             && strcmp (text + self->members[i].at, text + self->members[order[at - 1]].at) < 0;
           at--)
        order[at] = order[at - 1];
      order[at] = (guint8) i;
    }
}

char *
tessera_claim_text_dup_json (const TesseraClaimText *self)
{
  guint8 order[TESSERA_CLAIM_TEXT_MAX];
  char *json = NULL, *end = NULL;

  if (self->given_up || self->n_members == 0)
    return NULL;
  sort (self, order);
  json = end = g_malloc (self->text->len + self->n_members + 2);
  for (guint i = 0; i < self->n_members; i++)
    {
      gsize length = self->members[order[i]].length;

      *end++ = i == 0 ? '{' : ',';
      memcpy (end, self->text->str + self->members[order[i]].at, length);
      end += length;
    }
  *end++ = '}';
  *end = '\0';
  return json;
}

void
tessera_claim_text_clear (TesseraClaimText *self)
{
  if (self->text != NULL)
    g_string_free (g_steal_pointer (&self->text), TRUE);
  self->n_members = 0;
}
