/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Histograms and counters, and the text that tells them. */

#include "base/tessera-metrics-private.h"

#include <string.h>

static void
test_value_falls_into_the_first_range_that_holds_it (void)
{
  TesseraHistogram histogram = { 0 };

  tessera_histogram_add (&histogram, &tessera_latency_buckets, 0);
  tessera_histogram_add (&histogram, &tessera_latency_buckets, 100);
  tessera_histogram_add (&histogram, &tessera_latency_buckets, 101);
  tessera_histogram_add (&histogram, &tessera_latency_buckets, 10000000);
  tessera_histogram_add (&histogram, &tessera_latency_buckets, 10000001);
  g_assert_cmpuint (histogram.counts[0], ==, 2);
  g_assert_cmpuint (histogram.counts[1], ==, 1);
  g_assert_cmpuint (histogram.counts[15], ==, 1);
  g_assert_cmpuint (histogram.counts[16], ==, 1);
  g_assert_cmpuint (tessera_histogram_get_count (&histogram), ==, 5);
}

static void
test_ranges_rise (void)
{
  const TesseraBuckets *const all[] = { &tessera_latency_buckets, &tessera_batch_buckets };

  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    {
      g_assert_cmpuint (all[i]->n, <=, TESSERA_HISTOGRAM_BUCKETS);
      for (guint j = 1; j < all[i]->n; j++)
        g_assert_cmpint (all[i]->upper[j], >, all[i]->upper[j - 1]);
    }
}

static void
test_text_is_cumulative (void)
{
  static const TesseraBuckets buckets = { .n = 2, .upper = { 10, 1500 }, .unit = 1e-3 };
  TesseraHistogram histogram = { 0 };
  g_autoptr (GString) text = g_string_new (NULL);

  for (gint64 value = 0; value < 4; value++)
    tessera_histogram_add (&histogram, &buckets, value * 700);
  tessera_histogram_append (&histogram, &buckets, text, "n", "a=\"b\"");
  tessera_histogram_append (&histogram, &buckets, text, "m", "");
  g_assert_cmpstr (text->str, ==,
                   "n_bucket{a=\"b\",le=\"0.01\"} 1\n"
                   "n_bucket{a=\"b\",le=\"1.5\"} 3\n"
                   "n_bucket{a=\"b\",le=\"+Inf\"} 4\n"
                   "n_sum{a=\"b\"} 4.2\n"
                   "n_count{a=\"b\"} 4\n"
                   "m_bucket{le=\"0.01\"} 1\n"
                   "m_bucket{le=\"1.5\"} 3\n"
                   "m_bucket{le=\"+Inf\"} 4\n"
                   "m_sum 4.2\n"
                   "m_count 4\n");
}

static void
test_any_status_is_counted (void)
{
  g_autoptr (TesseraMetrics) metrics = tessera_metrics_new ();
  g_autoptr (GString) text = g_string_new (NULL);

  tessera_metrics_count_answer (metrics, TESSERA_ENDPOINT_TOKEN, 200, 1);
  tessera_metrics_count_answer (metrics, TESSERA_ENDPOINT_TOKEN, 200, 1);
  tessera_metrics_count_answer (metrics, TESSERA_ENDPOINT_TOKEN, 0, 1);
  tessera_metrics_count_answer (metrics, TESSERA_ENDPOINT_TOKEN, 599, 1);
  tessera_metrics_append (metrics, text);
  g_assert_nonnull (
      strstr (text->str, "\ntessera_http_responses_total{endpoint=\"token\",code=\"200\"} 2\n"));
  g_assert_nonnull (
      strstr (text->str, "\ntessera_http_responses_total{endpoint=\"token\",code=\"other\"} 2\n"));
}

static void
test_numbers_do_not_follow_the_locale (void)
{
  g_autoptr (GString) text = g_string_new (NULL);

  tessera_metrics_append_single (text, "a", "gauge", "A.", 1234567.5);
  tessera_metrics_append_value (text, "b", "c=\"d\"", 9007199254740991.0);
  g_assert_cmpstr (text->str, ==,
                   "# HELP a A.\n# TYPE a gauge\na 1234567.5\nb{c=\"d\"} 9.00719925474099e+15\n");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/metrics/histogram/value-falls-into-the-first-range-that-holds-it",
                   test_value_falls_into_the_first_range_that_holds_it);
  g_test_add_func ("/metrics/histogram/ranges-rise", test_ranges_rise);
  g_test_add_func ("/metrics/histogram/text-is-cumulative", test_text_is_cumulative);
  g_test_add_func ("/metrics/any-status-is-counted", test_any_status_is_counted);
  g_test_add_func ("/metrics/numbers-do-not-follow-the-locale",
                   test_numbers_do_not_follow_the_locale);
  return g_test_run ();
}
