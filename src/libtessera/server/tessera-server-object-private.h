/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-password-private.h"
#include "server/tessera-interaction-private.h"
#include "server/tessera-loading-private.h"
#include "server/tessera-logout-notifier-private.h"
#include "server/tessera-outbound-private.h"
#include "server/tessera-server-private.h"
#include "server/tessera-sharing-private.h"
#include "store/tessera-user-registry-private.h"

G_BEGIN_DECLS

/* The server from inside: shared by the files tessera-server*.c and tessera-router.c only. */

typedef struct _TesseraSetup TesseraSetup;

typedef enum
{
  TESSERA_SERVER_IDLE,  /* setup not begun */
  TESSERA_SERVER_SETUP, /* in its thread */
  TESSERA_SERVER_READY,
  TESSERA_SERVER_FAILED, /* see failure */
  TESSERA_SERVER_CLOSED
} TesseraServerState;

struct _TesseraServer
{
  GObject parent_instance;

  GMainContext *context; /* of the objects and signals */
  GThread *thread;       /* that made the server */
  TesseraEngine engine;
  char *state_directory; /* NULL: the default */
  char *key_directory;   /* NULL: in the state directory */
  gboolean in_memory;
  gboolean backing_up;
  char *theme_directory;
  char **trusted_proxies;
  gboolean proxies_send_forwarded; /* instead of X-Forwarded-For */
  TesseraOutbound *outbound;       /* NULL: nothing leaves this machine */
  TesseraLogoutNotifier *notifier; /* NULL until ready */

  GPtrArray *old_resources; /* GPtrArray*: lists that the committing thread may still read */
  TesseraUserRegistry *users;
  TesseraPasswordPool *passwords; /* NULL until there are users */
  TesseraInteraction *interaction;
  TesseraAuthentication *emitting; /* during `authenticate` */

  GHashTable *routes;  /* char *path -> const TesseraRoute*; NULL: to be made */
  GPtrArray *adapters; /* TesseraSoupAdapter* */

  TesseraServerState state;
  TesseraSetup *setup;
  TesseraLoading *loading; /* from ready to close */
  gint store_failure_told; /* atomic */
  GSource *setup_source;   /* begins, then ends, the setup; then settles */
  GSource *prune_source;
  GSource
      *store_failed; /* attached by the committing thread, once, when the store failed for good */
  GError *failure;
  guint unsettled;         /* TesseraDeclared: what is not held against the store yet */
  GQueue waiting;          /* TesseraExchange*, until ready */
  GQueue tasks;            /* GTask*, until ready */
  GQueue acts;             /* TesseraAct*; the first one is under way */
  GQueue fetches;          /* Fetch*, of tessera-server-fetch.c */
  TesseraSharing *sharing; /* NULL: nobody has asked for it */

  GArray *meters; /* TesseraMeter: who else has something to tell */
};

typedef struct
{
  TesseraMeterFunc func;
  gpointer data;
} TesseraMeter;

/* What an application or a file declares at each start; a store remembers it to notice what is
 * gone. */
typedef enum
{
  TESSERA_DECLARED_CLIENTS = 1 << 0,
  TESSERA_DECLARED_USERS = 1 << 1
} TesseraDeclared;

typedef enum
{
  TESSERA_SIGNAL_AUTHENTICATE,
  TESSERA_SIGNAL_AFTER_REVOKE_TOKEN,
  TESSERA_SIGNAL_BEFORE_REQUEST,
  TESSERA_SIGNAL_RENDER_PAGE,
  TESSERA_SIGNAL_ISSUE_TOKEN,
  TESSERA_SIGNAL_USER_CLAIMS,
  TESSERA_SIGNAL_TOKEN_ISSUED,
  TESSERA_SIGNAL_TOKEN_REFRESHED,
  TESSERA_SIGNAL_INTROSPECT,
  TESSERA_SIGNAL_RESPONSE_ERROR,
  TESSERA_SIGNAL_READY,
  TESSERA_SIGNAL_KEYS_CHANGED,
  TESSERA_SIGNAL_FAILED,
  TESSERA_N_SIGNALS
} TesseraServerSignal;

/* Which hooks the engine may call: those somebody listens to. */
void tessera_server_refresh_hooks (TesseraServer *self);
/* A revocation is durable: tells handlers and guards. */
void tessera_server_report_revocation (TesseraServer *self, TesseraRevocation *revocation);
/* Settings, clients or resources changed. */
void tessera_server_settings_changed (TesseraServer *self);

/* tessera-server-properties.c */
void tessera_server_install_properties (GObjectClass *klass);

/* tessera-server-signals.c */
/* @authenticate: what happens to a login on which no handler has decided. */
void tessera_server_install_signals (GCallback authenticate);
guint tessera_server_get_signal (TesseraServerSignal signal);
gboolean tessera_server_has_handler (TesseraServer *self, TesseraServerSignal signal);
void tessera_server_emit (TesseraServer *self, TesseraServerSignal signal, ...);

/* tessera-server-setup.c */
void tessera_server_schedule_setup (TesseraServer *self);
void tessera_server_cancel_setup (TesseraServer *self);
/* After it was ready: nothing is served any more. */
void tessera_server_fail (TesseraServer *self, const GError *error);
/* Takes @task, and returns TRUE or an error to it when the setup is over. */
void tessera_server_await_ready (TesseraServer *self, GTask *task);
/* Ready now, or why not. */
gboolean tessera_server_check_ready (TesseraServer *self, GError **error);

/* tessera-server-clients.c */
/* Does this server offer what @client asks for? TESSERA_SETUP_ERROR_CLIENT. */
gboolean tessera_server_can_serve (TesseraServer *self, TesseraClient *client, GError **error);

/* tessera-server-declared.c */
/* Soon, on the context, holds what is declared now against what was declared before. */
void tessera_server_unsettle (TesseraServer *self, TesseraDeclared what);
/* Does it now if it is due, and waits until it is durable: whoever is gone or changed has lost its
 * tokens. In memory only, there is nothing to hold it against. */
gboolean tessera_server_settle (TesseraServer *self, GError **error);
/* The same for @what alone: the rest may not be declared yet. */
gboolean tessera_server_settle_only (TesseraServer *self, TesseraDeclared what, GError **error);

/* tessera-server-dynamic-clients.c: hooks of the engine, whose data is the server. */
void tessera_server_start_registration (gpointer data, TesseraRegistration *registration);
void tessera_server_note_client_use (gpointer data, TesseraClient *client);
/* Those that registered themselves and were not used for long. */
void tessera_server_forget_clients (TesseraServer *self);

/* tessera-server-fetch.c: likewise */
void tessera_server_fetch (gpointer data,
                           const char *uri,
                           const char *const *media_types,
                           TesseraFetched fetched,
                           gpointer fetched_data);
/* The server goes: whoever waits is told, and nothing more is read. */
void tessera_server_end_fetches (TesseraServer *self);

/* tessera-monitoring.c */
void tessera_server_audit_revocation (TesseraServer *self, TesseraRevocation *revocation);
/* The keys are there: subjects can be hashed. */
void tessera_server_audit_ready (TesseraServer *self);

/* tessera-router.c */
void tessera_server_drain_waiting (TesseraServer *self);

G_END_DECLS
