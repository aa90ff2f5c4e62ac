/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-audit-private.h"
#include "base/tessera-json-private.h"
#include "base/tessera-metrics-private.h"
#include "base/tessera-params-private.h"
#include "endpoints/tessera-outlet-private.h"

G_BEGIN_DECLS

/* One HTTP request and its one answer, without an HTTP library. The front (the libsoup adapter;
 * later the gate) fills in the request, borrowed until the exchange is answered; an endpoint
 * answers now or later, exactly once. Main loop only. Whoever keeps it beyond its function holds a
 * reference. */
typedef struct _TesseraExchange TesseraExchange;

typedef struct
{
  /* Value of a request header, NULL when absent. The front has refused repeated ones that must be
   * single (Authorization, Host, Content-Type). */
  const char *(*get_header) (TesseraExchange *self, const char *name);
  /* The answer is complete in the exchange; send it. */
  void (*send) (TesseraExchange *self);
  /* The answer waits for a person, up to so many seconds; or NULL. */
  void (*hold) (TesseraExchange *self, guint seconds);
  /* The head of the answer is complete in the exchange; send it, and then what is written. NULL:
   * the head was all, or nobody is there. No function: the front cannot. */
  TesseraOutlet *(*open) (TesseraExchange *self);
} TesseraExchangeFront;

typedef struct
{
  const char *name; /* static */
  const char *value;
  char *owned; /* @value; NULL: it is static */
} TesseraHeader;

struct _TesseraExchange
{
  guint ref_count;
  const TesseraExchangeFront *front;
  gpointer front_data;
  GDestroyNotify front_data_free;

  /* The request */
  const char *method;
  const char *path;  /* raw, without the query */
  const char *query; /* raw, or NULL */
  const char *body;
  gsize body_length;
  const char *remote_address;
  gboolean secure;     /* came over TLS, to us or to a trusted proxy */
  char request_id[32]; /* also on the error page and in every log line */
  char *client_id;     /* who asks, once that is known; for the log */

  /* Who counts it and writes it down; NULL: nobody counts, and the log has no limits. */
  TesseraMetrics *metrics;
  TesseraAudit *audit;
  TesseraEndpointName endpoint;
  gint64 began_us; /* monotonic; 0: its answer is not counted */

  /* Hears of a refusal, by the name of its error; or NULL. */
  void (*refused) (TesseraExchange *self, const char *static_error, gpointer data);
  gpointer refused_data;
  GDestroyNotify refused_data_free;

  /* Atomic, of g_atomic_rc_box; when it is set, what the answer was made from was not whole. NULL:
   * it is. */
  const gint *doubt;

  /* The answer */
  gboolean answered;
  guint status;
  const char *content_type; /* static, or NULL: no body */
  GBytes *response;
  GArray *headers; /* TesseraHeader */
};

TesseraExchange *tessera_exchange_new (const TesseraExchangeFront *front,
                                       gpointer front_data,
                                       GDestroyNotify front_data_free);
TesseraExchange *tessera_exchange_ref (TesseraExchange *self);
void tessera_exchange_unref (
    TesseraExchange *self); /* unanswered at the end: answered with server_error */

/* Counts from now on, as a request to @endpoint. */
void tessera_exchange_watch (TesseraExchange *self,
                             TesseraMetrics *metrics,
                             TesseraAudit *audit,
                             TesseraEndpointName endpoint);
void tessera_exchange_set_client_id (TesseraExchange *self, const char *client_id);
const char *tessera_exchange_get_header (TesseraExchange *self, const char *name);
/* Whatever is answered once @taken_doubt is set, becomes a 503. Takes it, of g_atomic_rc_box. */
void tessera_exchange_doubt (TesseraExchange *self, const gint *taken_doubt);
/* Tells the front that the answer waits for a person. */
void tessera_exchange_hold (TesseraExchange *self, guint seconds);
/* The value of a cookie (RFC 6265 §5.4), owned; NULL when absent or sent twice. */
char *tessera_exchange_dup_cookie (TesseraExchange *self, const char *name);
/* The form body read strictly, or the query. Content type was checked by the front. */
TesseraParams *tessera_exchange_parse_form (TesseraExchange *self, GError **error);
TesseraParams *tessera_exchange_parse_query (TesseraExchange *self, GError **error);

void
tessera_exchange_add_header (TesseraExchange *self, const char *static_name, const char *value);
/* The same with a value that is good for ever, and a line. */
void tessera_exchange_add_static_header (TesseraExchange *self,
                                         const char *static_name,
                                         const char *static_value);
gboolean tessera_exchange_has_answer_header (TesseraExchange *self, const char *name);
/* RFC 6797 §6.1: a year. */
#define TESSERA_HSTS_NAME "Strict-Transport-Security"
#define TESSERA_HSTS_VALUE "max-age=31536000"
/* Takes @body (NULL: empty). Adds what every answer carries (nosniff, and HSTS when it came over
 * TLS). */
void tessera_exchange_respond (TesseraExchange *self,
                               guint status,
                               const char *static_content_type,
                               GBytes *body);
/* The same with a body that comes in pieces, of which @limit bytes at most may be unsent. NULL: it
 * is of no interest (HEAD), or nobody is there. */
TesseraOutlet *tessera_exchange_respond_stream (TesseraExchange *self,
                                                guint status,
                                                const char *static_content_type,
                                                gsize limit,
                                                const TesseraOutletFuncs *funcs,
                                                gpointer data);
/* application/json, `Cache-Control: no-store`, `Pragma: no-cache` (RFC 6749 §5.1). Takes @json. */
void tessera_exchange_respond_json (TesseraExchange *self, guint status, json_t *json);
/* The same with an object that is written already. Takes @text. */
void tessera_exchange_respond_json_text (TesseraExchange *self, guint status, char *text);
/* 303 See Other, no-store (RFC 9700 §4.12). */
void tessera_exchange_redirect (TesseraExchange *self, const char *location);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraExchange, tessera_exchange_unref)

G_END_DECLS
