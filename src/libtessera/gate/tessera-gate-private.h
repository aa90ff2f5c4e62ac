/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gate/tessera-gate-addresses-private.h"
#include "gate/tessera-gate-buffers-private.h"
#include "gate/tessera-gate-deadlines-private.h"
#include "gate/tessera-gate-proxies-private.h"
#include "gate/tessera-gate-tls-private.h"
#include "gate/tessera-request-head-private.h"

#include <libsoup/soup.h>
#include <sys/epoll.h>

G_BEGIN_DECLS

/* All connections of one listener: one epoll descriptor, one GSource, one timer. */
typedef struct _TesseraGate TesseraGate;
typedef struct _TesseraGateConnection TesseraGateConnection;

#define TESSERA_GATE_SCRATCH 65536 /* bytes */
#define TESSERA_GATE_EVENTS 128    /* a turn */

typedef struct
{
  guint connections;
  guint connections_per_address;
  guint requests; /* of one connection */
  guint body;     /* bytes */
  guint buffer;   /* bytes, of all connections together */
  guint tls;      /* the same of what TLS takes */
  guint handshake_ms, head_ms, body_ms, idle_ms, busy_idle_ms, answer_ms, write_ms;
} TesseraGateLimits;

/* What an epoll event is about; the first member of both. */
typedef enum
{
  TESSERA_GATE_WATCH_SOCKET,
  TESSERA_GATE_WATCH_CONNECTION,
} TesseraGateWatch;

/* A listening socket. */
typedef struct
{
  TesseraGateWatch watch;
  TesseraGate *gate;
  GSocket *socket;
  int fd;
  gboolean is_unix;
  TesseraTlsContext *tls; /* NULL: none */
  TesseraGateProxies *proxies;
  gboolean proxy_protocol; /* only proxies connect, and say for whom */
  GSocketAddress *local;   /* NULL: asked of each connection */
} TesseraGateSocket;

struct _TesseraGate
{
  SoupServer *soup;
  GPtrArray *servers; /* TesseraServer*: whose endpoints are behind it */
  gboolean direct;    /* they answer without libsoup what they can */
  const TesseraGateLimits *limits;
  GSource *source;
  int epoll_fd;
  gpointer epoll_tag;
  gint64 now;   /* monotonic microseconds, of this turn */
  gint64 armed; /* when the source is ready by itself; G_MAXINT64: never */

  GPtrArray *sockets; /* TesseraGateSocket* */
  gboolean paused;    /* nobody is accepted until @resume_at */
  gint64 warned_at;   /* that nobody can be accepted; 0: never */
  gint64 resume_at;
  GQueue connections; /* TesseraGateConnection* */
  GQueue dirty;       /* TesseraGateConnection* with something to send or to go on with */
  GQueue gone;        /* TesseraGateConnection* that an event may still name */
  guint n_requests;   /* that are not answered */
  guint n_lasting;    /* streams that libsoup is to keep between requests */
  gsize held;     /* bytes of requests that are not answered, and of answers that are not sent */
  gsize tls_held; /* bytes that TLS takes */
  guint64 n_accepted, n_refused, n_shed, n_expired; /* connections, since the start */
  guint64 n_malformed;                              /* requests */
  TesseraGateAddresses *addresses;
  TesseraGateDeadlines deadlines;
  gboolean anchored; /* libsoup keeps a stream that it was handed */
  gulong request_finished;
  gboolean stopped; /* nobody is accepted any more */
  gboolean draining;
  guint turning;                    /* connections are having their turns */
  gboolean freed;                   /* and then it is to end */
  void (*on_empty) (gpointer data); /* the last connection has gone */
  gpointer data;

  struct epoll_event events[TESSERA_GATE_EVENTS];
  guint n_events, next_event;

  /* For whoever has its turn. */
  char *scratch;
  TesseraRequestHead head;
  TesseraGateBuffers buffers;
  gint64 date_seconds; /* when @date is true, since 1970 */
  char date[32];       /* for an answer */
};

/* NULL: no descriptors left. @soup, @servers and @limits are borrowed; servers come and go, and
 * limits may change, at any time. */
TesseraGate *tessera_gate_new (SoupServer *soup,
                               GPtrArray *servers,
                               const TesseraGateLimits *limits,
                               void (*on_empty) (gpointer data),
                               gpointer data,
                               GError **error);
void tessera_gate_free (TesseraGate *self);

gboolean tessera_gate_add_socket (TesseraGate *self,
                                  GSocket *socket,
                                  GTlsCertificate *certificate,
                                  const char *const *trusted_proxies,
                                  GError **error);
/* For connections from now on. */
void tessera_gate_set_proxy_protocol (TesseraGate *self, GSocket *socket, gboolean expected);
/* For connections from now on. Errors: G_IO_ERROR; then the old ones stay. */
gboolean tessera_gate_set_trusted_proxies (TesseraGate *self,
                                           GSocket *socket,
                                           const char *const *trusted_proxies,
                                           GError **error);
/* For handshakes from now on. Errors: G_TLS_ERROR; then the old one stays. */
gboolean tessera_gate_set_certificate (TesseraGate *self,
                                       GSocket *socket,
                                       GTlsCertificate *certificate,
                                       GError **error);
/* Accepts who waits, and nobody after them; ends who idles, and everybody after the answer. */
void tessera_gate_drain (TesseraGate *self);
/* Ends all connections at once, and accepts nobody any more. */
void tessera_gate_close (TesseraGate *self);

/* For connections. What is not called from a turn of the gate's own is one: outside of them nobody
 * is freed, and no deadline is kept. */
void tessera_gate_begin_turn (TesseraGate *self);
void tessera_gate_end_turn (TesseraGate *self);
gboolean tessera_gate_is_pressed (TesseraGate *self); /* more than half is used */
void
tessera_gate_watch (TesseraGate *self, TesseraGateConnection *connection, int fd, gboolean out);
void tessera_gate_set_deadline (TesseraGate *self,
                                TesseraGateDeadline *deadline,
                                TesseraGateWait wait,
                                guint ms);
/* May somebody hold so many more bytes? Who has waited longest with half a request, or with an
 * answer that it does not read, makes way. */
gboolean tessera_gate_has_room (TesseraGate *self, gsize bytes);
/* May TLS take so many more bytes? Who has idled longest makes way, or who has shaken hands longest
 * when all who do take more than half. */
gboolean tessera_gate_has_tls_room (TesseraGate *self, gsize bytes);
/* Whoever holds too much of either makes way. */
void tessera_gate_keep_limits (TesseraGate *self);

G_END_DECLS
