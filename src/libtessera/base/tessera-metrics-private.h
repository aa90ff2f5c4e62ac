/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-error.h"
#include "base/tessera-histogram-private.h"

G_BEGIN_DECLS

/* What a server counts of itself. No label ever comes from outside: the names are the fixed ones
 * below, so that nobody can make more series than there are. Main loop only, so nothing is locked.
 */
typedef struct _TesseraMetrics TesseraMetrics;

typedef enum
{
  TESSERA_ENDPOINT_OTHER, /* of no path of ours */
  TESSERA_ENDPOINT_AUTHORIZATION,
  TESSERA_ENDPOINT_TOKEN,
  TESSERA_ENDPOINT_REVOCATION,
  TESSERA_ENDPOINT_INTROSPECTION,
  TESSERA_ENDPOINT_CHECK,
  TESSERA_ENDPOINT_JWKS,
  TESSERA_ENDPOINT_DENY_LIST, /* the events too */
  TESSERA_ENDPOINT_USERINFO,
  TESSERA_ENDPOINT_REGISTRATION,
  TESSERA_ENDPOINT_METADATA,
  TESSERA_ENDPOINT_STATUS_LIST,
  TESSERA_ENDPOINT_PAGE, /* what people see, but for the next two */
  TESSERA_ENDPOINT_LOGIN,
  TESSERA_ENDPOINT_CONSENT,
  TESSERA_N_ENDPOINTS
} TesseraEndpointName;

typedef enum
{
  TESSERA_LOGIN_ACCEPTED,
  TESSERA_LOGIN_ASKED, /* one thing more */
  TESSERA_LOGIN_REFUSED,
  TESSERA_LOGIN_THROTTLED,
  TESSERA_LOGIN_PUT_OFF,
  TESSERA_N_LOGINS
} TesseraLoginOutcome;

typedef enum
{
  TESSERA_ISSUED_CODE,
  TESSERA_ISSUED_FOR_CODE,
  TESSERA_ISSUED_FOR_REFRESH_TOKEN,
  TESSERA_ISSUED_FOR_CLIENT_CREDENTIALS,
  TESSERA_N_ISSUED
} TesseraIssuedKind;

/* A client was to hear that a session had ended. */
typedef enum
{
  TESSERA_LOGOUT_TOLD,
  TESSERA_LOGOUT_AGAIN, /* it did not hear, and will be told again */
  TESSERA_LOGOUT_UNTOLD,
  TESSERA_N_LOGOUTS
} TesseraLogoutOutcome;

/* What was revoked: TesseraRevocationKind, and what had no effect at 0. */
#define TESSERA_METRICS_REVOCATIONS 8
/* OAuth errors: TesseraError. */
#define TESSERA_METRICS_ERRORS (TESSERA_ERROR_INVALID_CLIENT_METADATA + 1) /* the last one */
#define TESSERA_METRICS_STATUSES 24

struct _TesseraMetrics
{
  guint ref_count;
  gint64 started_us; /* real time */
  guint64 answers[TESSERA_N_ENDPOINTS][TESSERA_METRICS_STATUSES];
  guint64 errors[TESSERA_N_ENDPOINTS][TESSERA_METRICS_ERRORS];
  TesseraHistogram latency[TESSERA_N_ENDPOINTS];
  guint64 issued[TESSERA_N_ISSUED];
  guint64 logins[TESSERA_N_LOGINS];
  guint64 revocations[TESSERA_METRICS_REVOCATIONS];
  guint64 replays;
  guint64 logouts[TESSERA_N_LOGOUTS];
  guint64 logouts_pending; /* now */
};

TesseraMetrics *tessera_metrics_new (void);
TesseraMetrics *tessera_metrics_ref (TesseraMetrics *self);
void tessera_metrics_unref (TesseraMetrics *self);

void tessera_metrics_count_answer (TesseraMetrics *self,
                                   TesseraEndpointName endpoint,
                                   guint status,
                                   gint64 microseconds);
void tessera_metrics_append (const TesseraMetrics *self, GString *text);

/* The text format, for whoever has something to add. */
void
tessera_metrics_append_head (GString *text, const char *name, const char *type, const char *help);
/* @labels such as `state="open"`, or NULL. */
void
tessera_metrics_append_value (GString *text, const char *name, const char *labels, double value);
/* All three for a value without labels. */
void tessera_metrics_append_single (
    GString *text, const char *name, const char *type, const char *help, double value);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraMetrics, tessera_metrics_unref)

G_END_DECLS
