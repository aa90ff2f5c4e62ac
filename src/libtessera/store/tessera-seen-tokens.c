/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which token texts had a good signature when it was last verified, and what they say: a table of
 * fixed size. Only who holds good tokens gets anything in, so that strangers can neither fill nor
 * probe it. */

#include "store/tessera-seen-tokens-private.h"

#include "store/tessera-known-texts-private.h"

#include <string.h>

#define WAYS 16           /* entries that share an index; the one put in first leaves first */
#define PROFILES_MAX 2048 /* some 700 bytes each */
#define KEPT_OF 8   /* texts found by their digest, one is kept: those that come often soon are */
#define TAG_SIZE 16 /* of a SHA-256: to find a second text for one of them takes 2¹²⁸ tries */

typedef struct
{
  guint8 tag[TAG_SIZE]; /* of the text; zero: nothing */
  guint8 jti[16];
  TesseraTokenProfile *profile; /* or NULL */
} Entry;

/* How many entries have a profile. */
typedef struct
{
  TesseraTokenProfile *profile;
  guint uses;
} Shared;

/* What a token says that is put in. */
typedef struct
{
  const TesseraTokenOutline *outline; /* NULL: it has to be read */
  TesseraTokenProfile *profile;       /* when it is there already, or NULL */
  const TesseraTokenForm *form;       /* else, or NULL */
  TesseraClaims *claims;              /* else, or NULL */
} What;

struct _TesseraSeenTokens
{
  GMutex mutex;
  gsize n_sets;
  Entry *entries;
  guint8
      *oldest; /* of each set, which leaves next: to move them up would touch ten lines of memory */
  GHashTable *profiles;     /* TesseraTokenOutline*, of the profile -> Shared */
  Shared *last;             /* of the entry that was put last; or NULL */
  TesseraKnownTexts *texts; /* or NULL: none is kept */
  guint n_unkept;           /* texts found by their digest */
};

static const guint8 nothing[TAG_SIZE]; /* no text is known whose SHA-256 begins so */

void
tessera_seen_token_clear (TesseraSeenToken *self)
{
  g_clear_pointer (&self->profile, tessera_token_profile_unref);
}

static void
shared_free (Shared *shared)
{
  tessera_token_profile_unref (shared->profile);
  g_free (shared);
}

TesseraSeenTokens *
tessera_seen_tokens_new (guint entries)
{
  TesseraSeenTokens *self = g_new0 (TesseraSeenTokens, 1);

  g_mutex_init (&self->mutex);
  self->n_sets = MAX ((entries + WAYS - 1) / WAYS, 1);
  self->entries = g_new0 (Entry, self->n_sets * WAYS);
  self->oldest = g_new0 (guint8, self->n_sets);
  self->profiles = g_hash_table_new_full (tessera_token_outline_hash, tessera_token_outline_equal,
                                          NULL, (GDestroyNotify) shared_free);
  return self;
}

void
tessera_seen_tokens_keep_texts (TesseraSeenTokens *self, guint texts)
{
  self->texts = tessera_known_texts_new (texts);
}

void
tessera_seen_tokens_free (TesseraSeenTokens *self)
{
  g_clear_pointer (&self->texts, tessera_known_texts_free);
  g_hash_table_unref (self->profiles);
  g_mutex_clear (&self->mutex);
  g_free (self->entries);
  g_free (self->oldest);
  g_free (self);
}

static gsize
find_set (TesseraSeenTokens *self, const TesseraDigest *digest)
{
  guint64 hash = tessera_digest_hash (digest);
  return (hash * self->n_sets) >> 32;
}

static Entry *
find_entry (TesseraSeenTokens *self, const TesseraDigest *digest)
{
  Entry *set = self->entries + find_set (self, digest) * WAYS;

  for (guint i = 0; i < WAYS; i++)
    if (memcmp (set[i].tag, digest->bytes, TAG_SIZE) == 0)
      return memcmp (set[i].tag, nothing, TAG_SIZE) != 0 ? &set[i] : NULL;
  return NULL;
}

/* With the lock. */
static gboolean
lookup_digest (TesseraSeenTokens *self, TesseraSeenToken *seen)
{
  const Entry *entry = find_entry (self, &seen->digest);

  if (entry != NULL && entry->profile != NULL)
    {
      seen->profile = tessera_token_profile_ref (entry->profile);
      memcpy (seen->jti, entry->jti, sizeof seen->jti);
    }
  return entry != NULL;
}

/* By a text that is kept: no digest is needed. */
static gboolean
lookup_text (TesseraSeenTokens *self, const char *token, gsize length, TesseraSeenToken *seen)
{
  g_mutex_lock (&self->mutex);
  gboolean found = tessera_known_texts_lookup (self->texts, token, length, &seen->digest)
                   && lookup_digest (self, seen);
  g_mutex_unlock (&self->mutex);
  return found;
}

gboolean
tessera_seen_tokens_lookup (TesseraSeenTokens *self,
                            const char *token,
                            gsize length,
                            TesseraSeenToken *out_seen)
{
  *out_seen = (TesseraSeenToken){ 0 };
  if (self->texts != NULL && lookup_text (self, token, length, out_seen))
    return TRUE;

  out_seen->digest = tessera_digest (token, (gssize) length);
  g_mutex_lock (&self->mutex);
  gboolean found = lookup_digest (self, out_seen);
  /* Only texts that are good are kept. */
  if (found && self->texts != NULL && self->n_unkept++ % KEPT_OF == 0)
    tessera_known_texts_add (self->texts, token, length, &out_seen->digest);
  g_mutex_unlock (&self->mutex);
  return found;
}

gboolean
tessera_seen_tokens_read_outline (TesseraSeenTokens *self,
                                  TesseraTokenOutline *outline,
                                  const char *claims_json)
{
  g_mutex_lock (&self->mutex);
  g_autoptr (TesseraTokenProfile) last
      = self->last != NULL ? tessera_token_profile_ref (self->last->profile) : NULL;
  g_mutex_unlock (&self->mutex);

  return (last != NULL && tessera_token_outline_match (outline, &last->outline, claims_json))
         || tessera_token_outline_read (outline, claims_json);
}

TesseraTokenProfile *
tessera_seen_tokens_dup_profile (TesseraSeenTokens *self, const TesseraTokenOutline *outline)
{
  g_mutex_lock (&self->mutex);
  const Shared *shared = g_hash_table_lookup (self->profiles, outline);
  TesseraTokenProfile *profile
      = shared != NULL ? tessera_token_profile_ref (shared->profile) : NULL;
  g_mutex_unlock (&self->mutex);
  return profile;
}

/* Most tokens are put in or go beside others of their kind. */
static Shared *
find_shared (TesseraSeenTokens *self, const TesseraTokenOutline *outline)
{
  if (self->last != NULL && tessera_token_outline_equal (&self->last->profile->outline, outline))
    return self->last;
  return g_hash_table_lookup (self->profiles, outline);
}

/* Takes @profile. */
static Shared *
share_profile (TesseraSeenTokens *self, TesseraTokenProfile *profile)
{
  Shared *shared = g_new0 (Shared, 1);

  shared->profile = profile;
  g_hash_table_insert (self->profiles, &profile->outline, shared);
  return shared;
}

/* NULL when there are too many, or it is not to be had. */
static Shared *
take_shared (TesseraSeenTokens *self, const What *what)
{
  Shared *shared = find_shared (self, what->outline);
  TesseraTokenProfile *profile = NULL;

  if (shared != NULL || g_hash_table_size (self->profiles) >= PROFILES_MAX)
    return shared;
  if (what->profile != NULL)
    profile = tessera_token_profile_ref (what->profile);
  else if (what->form != NULL)
    profile = tessera_token_profile_new_of_form (what->outline, what->form);
  else if (what->claims != NULL)
    profile = tessera_token_profile_new (what->outline, what->claims);
  return profile != NULL ? share_profile (self, profile) : NULL;
}

static void
drop_profile (TesseraSeenTokens *self, TesseraTokenProfile *profile)
{
  if (profile == NULL)
    return;
  Shared *shared = find_shared (self, &profile->outline);
  if (--shared->uses > 0)
    return;
  if (self->last == shared)
    self->last = NULL;
  g_hash_table_remove (self->profiles, &profile->outline);
}

static void
put_entry (TesseraSeenTokens *self, const TesseraDigest *digest, const What *what)
{
  gsize set = find_set (self, digest);
  Entry *entry = self->entries + set * WAYS + self->oldest[set];
  Shared *shared = what->outline != NULL ? take_shared (self, what) : NULL;

  if (shared != NULL)
    shared->uses++; /* before another goes */
  drop_profile (self, entry->profile);
  memcpy (entry->tag, digest->bytes, TAG_SIZE);
  entry->profile = NULL;
  self->oldest[set] = (guint8) ((self->oldest[set] + 1) % WAYS);
  if (shared == NULL)
    return;
  entry->profile = shared->profile;
  memcpy (entry->jti, what->outline->jti, sizeof entry->jti);
  self->last = shared;
}

void
tessera_seen_tokens_add_digest (TesseraSeenTokens *self,
                                const TesseraDigest *digest,
                                const TesseraTokenOutline *outline,
                                TesseraClaims *claims)
{
  g_mutex_lock (&self->mutex);
  if (find_entry (self, digest) == NULL)
    put_entry (self, digest, &(What){ .outline = outline, .claims = claims });
  g_mutex_unlock (&self->mutex);
}

void
tessera_seen_tokens_add (TesseraSeenTokens *self,
                         const char *token,
                         gsize length,
                         const TesseraTokenOutline *outline,
                         TesseraClaims *claims)
{
  TesseraDigest digest = tessera_digest (token, (gssize) length);

  tessera_seen_tokens_add_digest (self, &digest, outline, claims);
}

void
tessera_seen_tokens_add_known (TesseraSeenTokens *self,
                               const TesseraDigest *digest,
                               TesseraTokenProfile *profile,
                               const guint8 jti[16])
{
  TesseraTokenOutline outline = profile->outline;

  memcpy (outline.jti, jti, sizeof outline.jti);
  g_mutex_lock (&self->mutex);
  put_entry (self, digest, &(What){ .outline = &outline, .profile = profile });
  g_mutex_unlock (&self->mutex);
}

void
tessera_seen_tokens_add_form (TesseraSeenTokens *self,
                              const TesseraDigest *digest,
                              const TesseraTokenOutline *outline,
                              const TesseraTokenForm *form)
{
  g_mutex_lock (&self->mutex);
  put_entry (self, digest, &(What){ .outline = outline, .form = form });
  g_mutex_unlock (&self->mutex);
}

void
tessera_seen_tokens_clear (TesseraSeenTokens *self)
{
  g_mutex_lock (&self->mutex);
  memset (self->entries, 0, self->n_sets * WAYS * sizeof *self->entries);
  g_hash_table_remove_all (self->profiles);
  self->last = NULL;
  if (self->texts != NULL)
    tessera_known_texts_clear (self->texts);
  g_mutex_unlock (&self->mutex);
}

guint
tessera_seen_tokens_count_profiles (TesseraSeenTokens *self)
{
  g_mutex_lock (&self->mutex);
  guint count = g_hash_table_size (self->profiles);
  g_mutex_unlock (&self->mutex);
  return count;
}
