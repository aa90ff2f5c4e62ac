/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a server counts of itself, told in the text format of Prometheus, version 0.0.4. */

#include "base/tessera-metrics-private.h"

#include <string.h>

static const char *const endpoints[TESSERA_N_ENDPOINTS] = {
  [TESSERA_ENDPOINT_OTHER] = "other",
  [TESSERA_ENDPOINT_AUTHORIZATION] = "authorization",
  [TESSERA_ENDPOINT_TOKEN] = "token",
  [TESSERA_ENDPOINT_REVOCATION] = "revocation",
  [TESSERA_ENDPOINT_INTROSPECTION] = "introspection",
  [TESSERA_ENDPOINT_CHECK] = "check",
  [TESSERA_ENDPOINT_JWKS] = "jwks",
  [TESSERA_ENDPOINT_DENY_LIST] = "deny-list",
  [TESSERA_ENDPOINT_USERINFO] = "userinfo",
  [TESSERA_ENDPOINT_REGISTRATION] = "registration",
  [TESSERA_ENDPOINT_METADATA] = "metadata",
  [TESSERA_ENDPOINT_STATUS_LIST] = "status-list",
  [TESSERA_ENDPOINT_PAGE] = "page",
  [TESSERA_ENDPOINT_LOGIN] = "login",
  [TESSERA_ENDPOINT_CONSENT] = "consent",
};

static const char *const logouts[TESSERA_N_LOGOUTS] = { "told", "again", "untold" };
static const char *const logins[TESSERA_N_LOGINS] = {
  [TESSERA_LOGIN_ACCEPTED] = "accepted", [TESSERA_LOGIN_ASKED] = "asked",
  [TESSERA_LOGIN_REFUSED] = "refused",   [TESSERA_LOGIN_THROTTLED] = "throttled",
  [TESSERA_LOGIN_PUT_OFF] = "put-off",
};

static const char *const issued[TESSERA_N_ISSUED] = {
  [TESSERA_ISSUED_FOR_CODE] = "authorization_code",
  [TESSERA_ISSUED_FOR_REFRESH_TOKEN] = "refresh_token",
  [TESSERA_ISSUED_FOR_CLIENT_CREDENTIALS] = "client_credentials",
};

static const char *const revocations[TESSERA_METRICS_REVOCATIONS]
    = { "nothing", "token", "grant", "session", "subject", "client", "key", "all" };

/* The statuses there are; any other is counted with the last. */
static const guint16 statuses[TESSERA_METRICS_STATUSES]
    = { 200, 201, 204, 303, 304, 400, 401, 403, 404, 405,
        408, 411, 413, 414, 415, 429, 431, 500, 503, 0 };

TesseraMetrics *
tessera_metrics_new (void)
{
  TesseraMetrics *self = g_new0 (TesseraMetrics, 1);

  self->ref_count = 1;
  self->started_us = g_get_real_time ();
  return self;
}

TesseraMetrics *
tessera_metrics_ref (TesseraMetrics *self)
{
  self->ref_count++;
  return self;
}

void
tessera_metrics_unref (TesseraMetrics *self)
{
  if (--self->ref_count == 0)
    g_free (self);
}

static guint
find_status (guint status)
{
  guint i = 0;

  while (statuses[i] != 0 && statuses[i] != status)
    i++;
  return i;
}

void
tessera_metrics_count_answer (TesseraMetrics *self,
                              TesseraEndpointName endpoint,
                              guint status,
                              gint64 microseconds)
{
  self->answers[endpoint][find_status (status)]++;
  tessera_histogram_add (&self->latency[endpoint], &tessera_latency_buckets, microseconds);
}

/* The text */

void
tessera_metrics_append_head (GString *text, const char *name, const char *type, const char *help)
{
  g_string_append_printf (text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void
tessera_metrics_append_value (GString *text, const char *name, const char *labels, double value)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append (text, name);
  if (labels != NULL)
    g_string_append_printf (text, "{%s}", labels);
  g_string_append_printf (text, " %s\n", g_ascii_formatd (number, sizeof number, "%.15g", value));
}

void
tessera_metrics_append_single (
    GString *text, const char *name, const char *type, const char *help, double value)
{
  tessera_metrics_append_head (text, name, type, help);
  tessera_metrics_append_value (text, name, NULL, value);
}

static void
append_answers (const TesseraMetrics *self, GString *text)
{
  tessera_metrics_append_head (text, "tessera_http_responses_total", "counter",
                               "Requests that were answered, by endpoint and HTTP status.");
  for (guint i = 0; i < TESSERA_N_ENDPOINTS; i++)
    for (guint j = 0; j < TESSERA_METRICS_STATUSES; j++)
      {
        char labels[96];
        char code[8] = "other";

        if (self->answers[i][j] == 0)
          continue;
        if (statuses[j] != 0)
          g_snprintf (code, sizeof code, "%u", statuses[j]);
        g_snprintf (labels, sizeof labels, "endpoint=\"%s\",code=\"%s\"", endpoints[i], code);
        tessera_metrics_append_value (text, "tessera_http_responses_total", labels,
                                      (double) self->answers[i][j]);
      }
}

/* Two statuses have one name: each is told by it and its status. */
static void
append_errors (const TesseraMetrics *self, GString *text)
{
  tessera_metrics_append_head (text, "tessera_refusals_total", "counter",
                               "Requests that were refused, by endpoint, OAuth error and the HTTP "
                               "status of that error.");
  for (guint i = 0; i < TESSERA_N_ENDPOINTS; i++)
    for (guint code = 0; code < TESSERA_METRICS_ERRORS; code++)
      {
        char labels[128];

        if (self->errors[i][code] == 0)
          continue;
        g_snprintf (labels, sizeof labels, "endpoint=\"%s\",error=\"%s\",code=\"%u\"", endpoints[i],
                    tessera_error_get_name (code), tessera_error_get_status (code));
        tessera_metrics_append_value (text, "tessera_refusals_total", labels,
                                      (double) self->errors[i][code]);
      }
}

static void
append_latency (const TesseraMetrics *self, GString *text)
{
  tessera_metrics_append_head (text, "tessera_http_request_duration_seconds", "histogram",
                               "From the whole request to its answer, people and disks included.");
  for (guint i = 0; i < TESSERA_N_ENDPOINTS; i++)
    {
      g_autofree char *labels = g_strdup_printf ("endpoint=\"%s\"", endpoints[i]);

      if (tessera_histogram_get_count (&self->latency[i]) > 0)
        tessera_histogram_append (&self->latency[i], &tessera_latency_buckets, text,
                                  "tessera_http_request_duration_seconds", labels);
    }
}

static void
append_counts (GString *text,
               const char *name,
               const char *help,
               const char *label,
               const char *const *values,
               const guint64 *counts,
               guint n)
{
  tessera_metrics_append_head (text, name, "counter", help);
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *labels = g_strdup_printf ("%s=\"%s\"", label, values[i]);

      tessera_metrics_append_value (text, name, labels, (double) counts[i]);
    }
}

void
tessera_metrics_append (const TesseraMetrics *self, GString *text)
{
  append_answers (self, text);
  append_errors (self, text);
  append_latency (self, text);
  tessera_metrics_append_single (text, "tessera_codes_issued_total", "counter",
                                 "Authorization codes issued.",
                                 (double) self->issued[TESSERA_ISSUED_CODE]);
  append_counts (text, "tessera_tokens_issued_total", "Access tokens issued, by grant type.",
                 "grant_type", issued + 1, self->issued + 1, TESSERA_N_ISSUED - 1);
  append_counts (text, "tessera_logins_total", "Attempts to log in, by outcome.", "outcome", logins,
                 self->logins, TESSERA_N_LOGINS);
  append_counts (text, "tessera_revocations_total", "Attempts to revoke, by what was revoked.",
                 "kind", revocations, self->revocations, TESSERA_METRICS_REVOCATIONS);
  tessera_metrics_append_single (text, "tessera_replays_total", "counter",
                                 "Codes and refresh tokens that were used twice.",
                                 (double) self->replays);
  append_counts (text, "tessera_backchannel_logouts_total",
                 "Clients that were to hear that a session had ended, by outcome.", "outcome",
                 logouts, self->logouts, TESSERA_N_LOGOUTS);
  tessera_metrics_append_single (text, "tessera_backchannel_logouts_pending", "gauge",
                                 "Clients that have yet to hear that a session has ended.",
                                 (double) self->logouts_pending);
}
