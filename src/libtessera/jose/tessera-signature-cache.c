/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which token texts had a good signature when it was last verified: a table of fixed size. Only who
 * holds good tokens gets anything in, so that strangers can neither fill nor probe it. */
#include "jose/tessera-signature-cache-private.h"

#include "base/tessera-secret-private.h"

#include <string.h>

#define WAYS 4 /* entries that share an index; the one put in first leaves first */

struct _TesseraSignatureCache
{
  GMutex mutex;
  gsize n_sets; /* a power of two */
  TesseraDigest *entries;
};

static const TesseraDigest nothing; /* no text is known whose SHA-256 is zero */

TesseraSignatureCache *
tessera_signature_cache_new (guint entries)
{
  TesseraSignatureCache *self = g_new0 (TesseraSignatureCache, 1);

  g_mutex_init (&self->mutex);
  self->n_sets = 1;
  while (self->n_sets * WAYS < entries)
    self->n_sets *= 2;
  self->entries = g_new0 (TesseraDigest, self->n_sets * WAYS);
  return self;
}

void
tessera_signature_cache_free (TesseraSignatureCache *self)
{
  g_mutex_clear (&self->mutex);
  g_free (self->entries);
  g_free (self);
}

static TesseraDigest *
find_set (TesseraSignatureCache *self, const TesseraDigest *digest)
{
  return self->entries + (tessera_digest_hash (digest) & (self->n_sets - 1)) * WAYS;
}

static gboolean
set_contains (const TesseraDigest *set, const TesseraDigest *digest)
{
  for (guint i = 0; i < WAYS; i++)
    {
      if (memcmp (&set[i], digest, sizeof *digest) == 0)
        return TRUE;
    }
  return FALSE;
}

gboolean
tessera_signature_cache_contains (TesseraSignatureCache *self, const char *token, gsize length)
{
  TesseraDigest digest = tessera_digest (token, (gssize) length);

  g_mutex_lock (&self->mutex);
  gboolean found = set_contains (find_set (self, &digest), &digest);
  g_mutex_unlock (&self->mutex);
  return found && !tessera_digest_equal (&digest, &nothing);
}

void
tessera_signature_cache_add (TesseraSignatureCache *self, const char *token, gsize length)
{
  TesseraDigest digest = tessera_digest (token, (gssize) length);

  g_mutex_lock (&self->mutex);
  TesseraDigest *set = find_set (self, &digest);
  if (!set_contains (set, &digest))
    {
      memmove (set + 1, set, (WAYS - 1) * sizeof *set);
      set[0] = digest;
    }
  g_mutex_unlock (&self->mutex);
}

void
tessera_signature_cache_clear (TesseraSignatureCache *self)
{
  g_mutex_lock (&self->mutex);
  memset (self->entries, 0, self->n_sets * WAYS * sizeof *self->entries);
  g_mutex_unlock (&self->mutex);
}
