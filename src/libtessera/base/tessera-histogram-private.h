/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How values are spread over a few fixed ranges, as Prometheus wants it told. Plain; whoever shares
 * one locks it. */

#define TESSERA_HISTOGRAM_BUCKETS 16

typedef struct
{
  guint n;
  gint64 upper[TESSERA_HISTOGRAM_BUCKETS]; /* of a range, inclusive, rising */
  double unit;                             /* what 1 is when it is told: 1e-6 for microseconds */
} TesseraBuckets;

extern const TesseraBuckets tessera_latency_buckets; /* microseconds; 100 µs to 10 s */
extern const TesseraBuckets tessera_batch_buckets;   /* 1 to 2048 */

typedef struct
{
  guint64 counts[TESSERA_HISTOGRAM_BUCKETS + 1]; /* the last: above all */
  gint64 sum;
} TesseraHistogram;

static inline void
tessera_histogram_add (TesseraHistogram *self, const TesseraBuckets *buckets, gint64 value)
{
  guint i = 0;

  while (i < buckets->n && value > buckets->upper[i])
    i++;
  self->counts[i]++;
  self->sum += value;
}

guint64 tessera_histogram_get_count (const TesseraHistogram *self);
/* The lines of one series; @labels such as `endpoint="token"`, or "". */
void tessera_histogram_append (const TesseraHistogram *self,
                               const TesseraBuckets *buckets,
                               GString *text,
                               const char *name,
                               const char *labels);

G_END_DECLS
