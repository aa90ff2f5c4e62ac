/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Failures counted in a table of fixed size (threats.md §3, A37, B19). */
#include "base/tessera-throttle-private.h"

#include "base/tessera-network-private.h"
#include "base/tessera-secret-private.h"

#include <string.h>

#define N_SETS 1024
#define WAYS 4 /* entries that share an index */
#define MINUTE_MS (60 * 1000)
#define LONGEST_DELAY_MS (15 * MINUTE_MS)
#define FORGET_MS (60 * MINUTE_MS) /* after so long without a failure a key is as good as new */

typedef struct
{
  guint64 key[2];  /* zero: free */
  double tokens;   /* failures that are free, at @since_ms */
  gint64 since_ms; /* the end of the delay, while there is one */
  guint strikes;   /* how often the bucket ran dry */
} Bucket;

struct _TesseraThrottle
{
  guint failures;
  guint n_used;
  guint8 secret[16]; /* so that nobody can choose keys that share an index */
  Bucket buckets[N_SETS * WAYS];
};

TesseraThrottle *
tessera_throttle_new (guint failures)
{
  TesseraThrottle *self = g_new0 (TesseraThrottle, 1);

  self->failures = MAX (failures, 1);
  tessera_random_bytes (self->secret, sizeof self->secret);
  return self;
}

void
tessera_throttle_free (TesseraThrottle *self)
{
  g_free (self);
}

static void
make_key (TesseraThrottle *self, const char *what, const char *address, guint64 out_key[2])
{
  guint8 text[16 + TESSERA_DIGEST_SIZE + TESSERA_NETWORK_SIZE];
  TesseraDigest name = tessera_digest (what != NULL ? what : "", -1);

  memcpy (text, self->secret, 16);
  memcpy (text + 16, name.bytes, TESSERA_DIGEST_SIZE);
  gsize length = 16 + TESSERA_DIGEST_SIZE;
  length += tessera_network_read (address != NULL ? address : "", text + length);
  TesseraDigest digest = tessera_digest (text, (gssize) length);
  memcpy (out_key, digest.bytes, 2 * sizeof *out_key);
}

static Bucket *
find_set (TesseraThrottle *self, const guint64 key[2])
{
  return self->buckets + key[0] % N_SETS * WAYS;
}

static Bucket *
lookup (TesseraThrottle *self, const guint64 key[2])
{
  Bucket *set = find_set (self, key);

  for (guint i = 0; i < WAYS; i++)
    {
      if (set[i].key[0] == key[0] && set[i].key[1] == key[1])
        return &set[i];
    }
  return NULL;
}

static gboolean
is_free (const Bucket *bucket)
{
  return bucket->key[0] == 0 && bucket->key[1] == 0;
}

static void
refill (TesseraThrottle *self, Bucket *bucket, gint64 now_ms)
{
  gint64 passed_ms = now_ms - bucket->since_ms;
  if (passed_ms <= 0)
    return;

  if (passed_ms >= FORGET_MS)
    bucket->strikes = 0;
  bucket->tokens += (double) passed_ms * self->failures / MINUTE_MS;
  bucket->tokens = MIN (bucket->tokens, self->failures);
  bucket->since_ms = now_ms;
}

/* What a bucket holds at @now_ms, and still since when it is quiet. */
static Bucket
look_at (TesseraThrottle *self, const Bucket *bucket, gint64 now_ms)
{
  Bucket seen = *bucket;

  refill (self, &seen, now_ms);
  seen.since_ms = bucket->since_ms;
  return seen;
}

static gboolean
is_missed_less (const Bucket *a, const Bucket *b)
{
  if (a->strikes != b->strikes)
    return a->strikes < b->strikes;
  if (a->tokens < b->tokens || a->tokens > b->tokens)
    return a->tokens > b->tokens;
  return a->since_ms < b->since_ms;
}

/* A free one, else the one with the fewest strikes, then with the fewest failures, then quiet for
 * the longest: invented names push out each other, and who was slowed down stays unless all of the
 * set were as often. A new failure always gets a place, or whoever fills the table could guess for
 * nothing; but that others are forgotten for it is told, so that it is held against its address
 * alone, where filling the table then ends soon and keeps nobody else out. */
static Bucket *
find_place (TesseraThrottle *self, const guint64 key[2], gint64 now_ms, gboolean *out_missed)
{
  Bucket *set = find_set (self, key);
  Bucket *place = NULL;
  Bucket least = { 0 };

  *out_missed = FALSE;
  for (guint i = 0; i < WAYS; i++)
    {
      if (is_free (&set[i]))
        return &set[i];
      Bucket seen = look_at (self, &set[i], now_ms);
      if (place != NULL && !is_missed_less (&seen, &least))
        continue;
      place = &set[i];
      least = seen;
    }
  *out_missed = least.strikes > 0 || least.tokens < self->failures;
  return place;
}

static Bucket *
take_bucket (TesseraThrottle *self, const guint64 key[2], gint64 now_ms, gboolean *out_missed)
{
  Bucket *bucket = find_place (self, key, now_ms, out_missed);

  if (is_free (bucket))
    self->n_used++;
  memcpy (bucket->key, key, sizeof bucket->key);
  bucket->tokens = self->failures;
  bucket->since_ms = now_ms;
  bucket->strikes = 0;
  return bucket;
}

guint
tessera_throttle_check (TesseraThrottle *self, const char *what, const char *address, gint64 now_ms)
{
  guint64 key[2];

  if (self->n_used == 0)
    return 0;
  make_key (self, what, address, key);
  Bucket *bucket = lookup (self, key);
  if (bucket == NULL || bucket->since_ms <= now_ms)
    return 0;
  return (guint) ((bucket->since_ms - now_ms + 999) / 1000);
}

/* Each time the bucket runs dry the delay doubles; behind the delay one attempt is free. */
static void
strike (TesseraThrottle *self, Bucket *bucket, gint64 now_ms)
{
  gint64 delay_ms = (gint64) MINUTE_MS / self->failures << MIN (bucket->strikes, 20);

  bucket->strikes++;
  bucket->since_ms = now_ms + CLAMP (delay_ms, 1000, LONGEST_DELAY_MS);
  bucket->tokens = 1;
}

gboolean
tessera_throttle_fail (TesseraThrottle *self, const char *what, const char *address, gint64 now_ms)
{
  gboolean missed = FALSE;
  guint64 key[2];
  make_key (self, what, address, key);

  Bucket *bucket = lookup (self, key);
  if (bucket == NULL)
    bucket = take_bucket (self, key, now_ms, &missed);
  refill (self, bucket, now_ms);
  bucket->tokens -= 1;
  if (bucket->tokens < 1)
    strike (self, bucket, now_ms);
  return missed;
}

void
tessera_throttle_succeed (TesseraThrottle *self, const char *what, const char *address)
{
  guint64 key[2];

  if (self->n_used == 0)
    return;
  make_key (self, what, address, key);
  Bucket *bucket = lookup (self, key);
  if (bucket == NULL)
    return;
  memset (bucket, 0, sizeof *bucket);
  self->n_used--;
}
