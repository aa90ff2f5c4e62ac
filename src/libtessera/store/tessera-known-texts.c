/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The digests of texts that come again and again, by the texts themselves. */

#include "store/tessera-known-texts-private.h"

#include <openssl/crypto.h>
#include <string.h>

#define WAYS 8 /* texts that share an index; the one put in first leaves first */

typedef struct
{
  gsize length;
  TesseraDigest digest;
  char text[];
} Text;

/* Side by side, so that a set is looked through in two lines of the cache. */
typedef struct
{
  guint64 hint;
  Text *text; /* or NULL */
} Slot;

struct _TesseraKnownTexts
{
  gsize n_sets;
  guint64 seed; /* so that nobody can choose texts that share an index */
  Slot *slots;
};

TesseraKnownTexts *
tessera_known_texts_new (guint texts)
{
  TesseraKnownTexts *self = g_new0 (TesseraKnownTexts, 1);

  self->n_sets = MAX ((texts + WAYS - 1) / WAYS, 1);
  self->slots = g_new0 (Slot, self->n_sets * WAYS);
  tessera_random_bytes ((guint8 *) &self->seed, sizeof self->seed);
  return self;
}

static void
slot_clear (Slot *slot)
{
  if (slot->text != NULL)
    OPENSSL_cleanse (slot->text->text, slot->text->length);
  g_free (slot->text);
  *slot = (Slot){ 0 };
}

void
tessera_known_texts_clear (TesseraKnownTexts *self)
{
  for (gsize i = 0; i < self->n_sets * WAYS; i++)
    slot_clear (&self->slots[i]);
}

void
tessera_known_texts_free (TesseraKnownTexts *self)
{
  tessera_known_texts_clear (self);
  g_free (self->slots);
  g_free (self);
}

static gboolean
is_kept (gsize length)
{
  return length >= TESSERA_KNOWN_TEXTS_LENGTH_MIN && length <= TESSERA_KNOWN_TEXTS_LENGTH_MAX;
}

/* Where to look; the end of a token is its signature, which differs for each. Whether it is the
 * text, the text says. */
static guint64
get_hint (const TesseraKnownTexts *self, const char *text, gsize length)
{
  guint64 end[2];

  memcpy (end, text + length - sizeof end, sizeof end);
  guint64 hint = (end[0] ^ self->seed) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
  hint = (hint ^ hint >> 32 ^ end[1] ^ length) * G_GUINT64_CONSTANT (0xd6e8feb86659fd93);
  return hint ^ hint >> 32;
}

static Slot *
get_set (TesseraKnownTexts *self, guint64 hint)
{
  return self->slots + ((hint & G_MAXUINT32) * self->n_sets >> 32) * WAYS;
}

gboolean
tessera_known_texts_lookup (TesseraKnownTexts *self,
                            const char *text,
                            gsize length,
                            TesseraDigest *out_digest)
{
  if (!is_kept (length))
    return FALSE;
  guint64 hint = get_hint (self, text, length);
  const Slot *set = get_set (self, hint);

  for (guint i = 0; i < WAYS; i++)
    if (set[i].hint == hint && set[i].text != NULL && set[i].text->length == length
        && memcmp (set[i].text->text, text, length) == 0)
      {
        *out_digest = set[i].text->digest;
        return TRUE;
      }
  return FALSE;
}

void
tessera_known_texts_add (TesseraKnownTexts *self,
                         const char *text,
                         gsize length,
                         const TesseraDigest *digest)
{
  if (!is_kept (length))
    return;
  guint64 hint = get_hint (self, text, length);
  Slot *set = get_set (self, hint);
  Text *kept = g_malloc (sizeof *kept + length);

  kept->length = length;
  kept->digest = *digest;
  memcpy (kept->text, text, length);
  slot_clear (&set[WAYS - 1]);
  memmove (set + 1, set, (WAYS - 1) * sizeof *set);
  set[0] = (Slot){ hint, kept };
}
