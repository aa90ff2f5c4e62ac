/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Histograms in the text format of Prometheus, version 0.0.4. */

#include "base/tessera-histogram-private.h"

const TesseraBuckets tessera_latency_buckets = {
  .n = 16,
  .upper = { 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000,
             2500000, 5000000, 10000000 },
  .unit = 1e-6,
};

const TesseraBuckets tessera_batch_buckets = {
  .n = 12,
  .upper = { 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048 },
  .unit = 1,
};

guint64
tessera_histogram_get_count (const TesseraHistogram *self)
{
  guint64 count = 0;

  for (guint i = 0; i < G_N_ELEMENTS (self->counts); i++)
    count += self->counts[i];
  return count;
}

static void
append_number (GString *text, double value)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append (text, g_ascii_formatd (number, sizeof number, "%.9g", value));
}

static void
append_bucket (
    GString *text, const char *name, const char *labels, const double *upper, guint64 count)
{
  g_string_append_printf (text, "%s_bucket{%s%sle=\"", name, labels, *labels != '\0' ? "," : "");
  if (upper != NULL)
    append_number (text, *upper);
  else
    g_string_append (text, "+Inf");
  g_string_append_printf (text, "\"} %" G_GUINT64_FORMAT "\n", count);
}

static void
append_total (GString *text, const char *name, const char *suffix, const char *labels)
{
  g_string_append_printf (text, "%s_%s", name, suffix);
  if (*labels != '\0')
    g_string_append_printf (text, "{%s}", labels);
  g_string_append_c (text, ' ');
}

void
tessera_histogram_append (const TesseraHistogram *self,
                          const TesseraBuckets *buckets,
                          GString *text,
                          const char *name,
                          const char *labels)
{
  guint64 count = 0;

  for (guint i = 0; i < buckets->n; i++)
    {
      double upper = (double) buckets->upper[i] * buckets->unit;

      count += self->counts[i];
      append_bucket (text, name, labels, &upper, count);
    }
  count += self->counts[buckets->n];
  append_bucket (text, name, labels, NULL, count);
  append_total (text, name, "sum", labels);
  append_number (text, (double) self->sum * buckets->unit);
  g_string_append_c (text, '\n');
  append_total (text, name, "count", labels);
  g_string_append_printf (text, "%" G_GUINT64_FORMAT "\n", count);
}
