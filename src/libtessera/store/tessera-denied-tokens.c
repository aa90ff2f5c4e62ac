/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The compact set of denied token ids (design.md §5). */

#include "store/tessera-denied-tokens-private.h"

#include "base/tessera-secret-private.h"

#include <string.h>

/* Between 69 and 80 in a hundred of the slots are taken: 41 to 48 bytes an entry. */
#define MAX_LOAD(capacity) ((capacity) -MAX ((capacity) / 5, 1))
#define GROWTH(count) ((count) + (count) / 20 * 9 + 16)

/* What one search passes is a dozen slots, each half a line of memory. Their marks lie in one line
 * or two, and tell nearly all of them from what is looked for. */
struct _TesseraDeniedTokens
{
  gsize capacity;
  gsize count;
  gsize tagged;  /* of them, those of grants */
  guint8 *marks; /* behind the slots, one for each; 0: it is empty */
  TesseraDeniedToken slots[];
};

TesseraDeniedTokens *
tessera_denied_tokens_new (gsize count)
{
  gsize capacity = GROWTH (count);
  TesseraDeniedTokens *self
      = g_malloc0 (sizeof (TesseraDeniedTokens) + capacity * (sizeof (TesseraDeniedToken) + 1));
  self->capacity = capacity;
  self->marks = (guint8 *) (self->slots + capacity);
  return self;
}

void
tessera_denied_tokens_free (TesseraDeniedTokens *self)
{
  g_free (self);
}

guint64
tessera_denied_tokens_tag (const char *grant_id)
{
  if (grant_id == NULL)
    return 0;
  guint64 tag = G_GUINT64_CONSTANT (0xcbf29ce484222325);
  for (; *grant_id != '\0'; grant_id++)
    tag = (tag ^ (guint8) *grant_id) * G_GUINT64_CONSTANT (0x100000001b3);
  return tag != 0 ? tag : 1;
}

/* Where a token is looked for first: by its grant, else by the random end of its own id. */
static gsize
home_slot (const TesseraDeniedTokens *self, const guint8 id[16], guint64 grant_tag)
{
  guint64 hash = grant_tag;
  if (grant_tag == 0)
    memcpy (&hash, id + 8, sizeof hash);
  hash ^= hash >> 32;
  hash *= G_GUINT64_CONSTANT (0xd6e8feb86659fd93);
  hash ^= hash >> 32;
  return (gsize) (((unsigned __int128) hash * self->capacity) >> 64);
}

/* Of the id alone, so that the tokens of one grant have different ones; of other bits than the home
 * is. */
static guint8
get_mark (const guint8 id[16])
{
  guint64 random;
  memcpy (&random, id + 8, sizeof random);
  random *= G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
  return (guint8) MAX (random >> 56, 1);
}

static gsize
next_slot (const TesseraDeniedTokens *self, gsize slot)
{
  return slot + 1 < self->capacity ? slot + 1 : 0;
}

static gboolean
find_slot (const TesseraDeniedTokens *self, const guint8 id[16], guint64 grant_tag, gsize *out_slot)
{
  const guint8 mark = get_mark (id);
  gsize slot = home_slot (self, id, grant_tag);
  for (; self->marks[slot] != 0; slot = next_slot (self, slot))
    if (self->marks[slot] == mark && self->slots[slot].grant_tag == grant_tag
        && memcmp (self->slots[slot].id, id, 16) == 0)
      {
        *out_slot = slot;
        return TRUE;
      }
  return FALSE;
}

gsize
tessera_denied_tokens_get_count (const TesseraDeniedTokens *self)
{
  return self->count;
}

gsize
tessera_denied_tokens_get_size (const TesseraDeniedTokens *self)
{
  return sizeof (TesseraDeniedTokens) + self->capacity * (sizeof (TesseraDeniedToken) + 1);
}

gboolean
tessera_denied_tokens_is_full (const TesseraDeniedTokens *self)
{
  return self->count >= MAX_LOAD (self->capacity);
}

void
tessera_denied_tokens_prefetch (const TesseraDeniedTokens *self,
                                const guint8 id[16],
                                guint64 grant_tag)
{
  if (self->count > self->tagged)
    __builtin_prefetch (self->marks + home_slot (self, id, 0));
  if (grant_tag != 0 && self->tagged > 0)
    __builtin_prefetch (self->marks + home_slot (self, id, grant_tag));
}

gboolean
tessera_denied_tokens_contains (const TesseraDeniedTokens *self,
                                const guint8 id[16],
                                guint64 grant_tag)
{
  gsize slot;
  gsize candidates = grant_tag != 0 ? self->tagged : self->count - self->tagged;
  return candidates > 0 && find_slot (self, id, grant_tag, &slot);
}

void
tessera_denied_tokens_add (TesseraDeniedTokens *self, const TesseraDeniedToken *token)
{
  g_return_if_fail (!tessera_denied_tokens_is_full (self) && token->expires_s != 0);

  gsize slot = home_slot (self, token->id, token->grant_tag);
  while (self->marks[slot] != 0)
    slot = next_slot (self, slot);
  self->slots[slot] = *token;
  self->marks[slot] = get_mark (token->id);
  self->count++;
  self->tagged += token->grant_tag != 0;
}

/* Is @home cyclically in (hole, slot]? Then what lies in @slot must not move into @hole. */
static gboolean
is_between (gsize hole, gsize home, gsize slot)
{
  if (hole <= slot)
    return hole < home && home <= slot;
  return hole < home || home <= slot;
}

gboolean
tessera_denied_tokens_remove (TesseraDeniedTokens *self, const guint8 id[16], guint64 grant_tag)
{
  gsize hole;
  if (!find_slot (self, id, grant_tag, &hole))
    return FALSE;

  /* What follows moves up, so that no search ends at the hole too early. */
  for (gsize slot = next_slot (self, hole); self->marks[slot] != 0; slot = next_slot (self, slot))
    {
      const TesseraDeniedToken *token = &self->slots[slot];
      if (is_between (hole, home_slot (self, token->id, token->grant_tag), slot))
        continue;
      self->slots[hole] = *token;
      self->marks[hole] = self->marks[slot];
      hole = slot;
    }
  memset (&self->slots[hole], 0, sizeof (TesseraDeniedToken));
  self->marks[hole] = 0;
  self->count--;
  self->tagged -= grant_tag != 0;
  return TRUE;
}

guint
tessera_denied_tokens_count_grant (const TesseraDeniedTokens *self,
                                   guint64 grant_tag,
                                   guint32 now_s,
                                   gint64 since_ms)
{
  guint count = 0;
  gsize slot = home_slot (self, NULL, grant_tag);
  for (; self->slots[slot].expires_s != 0; slot = next_slot (self, slot))
    if (self->slots[slot].grant_tag == grant_tag && self->slots[slot].expires_s >= now_s
        && tessera_uuid_get_ms (self->slots[slot].id) > since_ms)
      count++;
  return count;
}

void
tessera_denied_tokens_list_grant (const TesseraDeniedTokens *self,
                                  guint64 grant_tag,
                                  GArray *out_tokens)
{
  gsize slot = home_slot (self, NULL, grant_tag);
  for (; self->slots[slot].expires_s != 0; slot = next_slot (self, slot))
    if (self->slots[slot].grant_tag == grant_tag)
      g_array_append_val (out_tokens, self->slots[slot]);
}

void
tessera_denied_tokens_foreach (const TesseraDeniedTokens *self,
                               void (*func) (const TesseraDeniedToken *token, gpointer data),
                               gpointer data)
{
  for (gsize slot = 0; slot < self->capacity; slot++)
    if (self->slots[slot].expires_s != 0)
      func (&self->slots[slot], data);
}

TesseraDeniedTokens *
tessera_denied_tokens_copy (const TesseraDeniedTokens *self,
                            gsize extra,
                            TesseraDeniedTokenKeep keep,
                            gpointer data)
{
  gsize count = 0;
  for (gsize slot = 0; slot < self->capacity; slot++)
    if (self->slots[slot].expires_s != 0 && (keep == NULL || keep (&self->slots[slot], data)))
      count++;

  TesseraDeniedTokens *copy = tessera_denied_tokens_new (count + extra);
  for (gsize slot = 0; slot < self->capacity; slot++)
    if (self->slots[slot].expires_s != 0 && (keep == NULL || keep (&self->slots[slot], data)))
      tessera_denied_tokens_add (copy, &self->slots[slot]);
  return copy;
}
