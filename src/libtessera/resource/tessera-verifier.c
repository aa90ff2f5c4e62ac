/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checks the access tokens of an issuer elsewhere, from memory (RFC 9068 §4, RFC 8725, design.md
 * §5). */

#include "resource/tessera-verifier-private.h"

#include "base/tessera-error.h"
#include "base/tessera-secret-file-private.h"
#include "store/tessera-token-reader-private.h"

#include <string.h>

/**
 * TesseraVerifier:
 *
 * Checks the access tokens of an issuer elsewhere: what a resource server needs that is not the
 * process that issues them.
 *
 * It reads the issuer's metadata (RFC 8414) and keys, and follows its published deny-list, so that
 * [method@Tessera.Verifier.check] answers from memory, without asking anybody, and yet refuses what
 * was revoked moments ago. It needs a client at the issuer that may ask for the scope `denylist`.
 *
 * How long it goes on without news of the issuer is for the application to say:
 * [property@Tessera.Verifier:max-staleness]. After that it refuses everything, with
 * %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE.
 *
 * Its network traffic happens in a thread of its own; the program needs no main loop for it. A
 * check may be made in any thread. Signals are emitted in the main context that was the thread's
 * default when it was made.
 *
 * ```c
 * g_autoptr (TesseraVerifier) verifier
 *     = g_object_new (TESSERA_TYPE_VERIFIER, "issuer", "https://id.example.org", "client-id",
 *                     "api", "client-secret-file", "/etc/api/secret", NULL);
 * ```
 *
 * It is a [iface@Tessera.TokenChecker], so that a [class@Tessera.BearerDomain] guards an HTTP
 * server with it.
 */
struct _TesseraVerifier
{
  GObject parent_instance;

  /* Of the construction: */
  char *issuer;
  char *client_id;
  char *secret; /* scrubbed */
  char *secret_file;
  guint max_staleness;
  gboolean accept_stale;
  char *token_type;
  gboolean follow;
  char *snapshot_uri;
  GTlsDatabase *tls_database;

  TesseraClock *clock;
  GMainContext *context;
  GMutex mutex;              /* over starting and stopping */
  TesseraIssuerWatch *watch; /* atomic; set once */
  gboolean stopped;
};

static void token_checker_init (TesseraTokenCheckerInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (TesseraVerifier,
                               tessera_verifier,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (TESSERA_TYPE_TOKEN_CHECKER,
                                                      token_checker_init))

enum
{
  PROP_ISSUER = 1,
  PROP_CLIENT_ID,
  PROP_CLIENT_SECRET,
  PROP_CLIENT_SECRET_FILE,
  PROP_MAX_STALENESS,
  PROP_ACCEPT_STALE,
  PROP_TOKEN_TYPE,
  PROP_FOLLOW_DENY_LIST,
  PROP_SNAPSHOT_URI,
  PROP_TLS_DATABASE,
  PROP_READY,
  PROP_GENERATION,
  PROP_AGE,
  PROP_PROBLEM,
  N_PROPS
};

static GParamSpec *props[N_PROPS];
static guint stale_signal;

/* From the watch's thread to the context of the verifier, which may be gone meanwhile. */
typedef struct
{
  GWeakRef verifier;
  GMainContext *context;
  gint changed_is_due; /* atomic */
} Relay;

typedef struct
{
  Relay *relay;
  guint age; /* of `stale` */
} News;

static void
relay_clear (gpointer data)
{
  Relay *relay = data;

  g_weak_ref_clear (&relay->verifier);
  g_main_context_unref (relay->context);
}

static void
relay_release (gpointer relay)
{
  g_atomic_rc_box_release_full (relay, relay_clear);
}

static void
news_free (gpointer data)
{
  News *news = data;

  relay_release (news->relay);
  g_free (news);
}

static void
post (Relay *relay, GSourceFunc func, guint age)
{
  News *news = g_new0 (News, 1);
  GSource *source = g_idle_source_new ();

  news->relay = g_atomic_rc_box_acquire (relay);
  news->age = age;
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, func, news, news_free);
  g_source_attach (source, relay->context);
  g_source_unref (source);
}

static gboolean
emit_changed (gpointer data)
{
  News *news = data;
  g_autoptr (TesseraVerifier) self = g_weak_ref_get (&news->relay->verifier);

  g_atomic_int_set (&news->relay->changed_is_due, FALSE);
  if (self == NULL)
    return G_SOURCE_REMOVE;
  for (guint i = PROP_READY; i < N_PROPS; i++)
    g_object_notify_by_pspec (G_OBJECT (self), props[i]);
  tessera_token_checker_changed (TESSERA_TOKEN_CHECKER (self));
  return G_SOURCE_REMOVE;
}

static gboolean
emit_stale (gpointer data)
{
  News *news = data;
  g_autoptr (TesseraVerifier) self = g_weak_ref_get (&news->relay->verifier);

  if (self != NULL)
    g_signal_emit (self, stale_signal, 0, news->age);
  return G_SOURCE_REMOVE;
}

static void
on_changed (gpointer data)
{
  Relay *relay = data;

  if (g_atomic_int_compare_and_exchange (&relay->changed_is_due, FALSE, TRUE))
    post (relay, emit_changed, 0);
}

static void
on_stale (gpointer data, guint age)
{
  post (data, emit_stale, age);
}

/* Starting. */

/* Owned: the property, or what is in the file. NULL: none, or it cannot be read. */
static char *
read_secret (TesseraVerifier *self)
{
  g_autoptr (GError) error = NULL;
  char *secret = NULL;

  if (self->secret_file == NULL)
    return g_strdup (self->secret);
  secret = tessera_secret_file_read (self->secret_file, &error);
  if (secret == NULL)
    g_warning ("The secret of the verifier cannot be used: %s", error->message);
  return secret;
}

static TesseraIssuerWatch *
make_watch (TesseraVerifier *self)
{
  static const TesseraIssuerWatchFuncs funcs = { on_changed, on_stale };
  g_autoptr (TesseraSecret) secret = self->follow ? read_secret (self) : NULL;
  Relay *relay = g_atomic_rc_box_new0 (Relay);
  const TesseraIssuerWatchTerms terms = { .issuer = self->issuer,
                                          .follow = self->follow,
                                          .client_id = self->client_id,
                                          .secret = secret,
                                          .snapshot_uri = self->snapshot_uri,
                                          .max_staleness_s = self->max_staleness,
                                          .tls_database = self->tls_database };

  g_weak_ref_init (&relay->verifier, self);
  relay->context = g_main_context_ref (self->context);
  return tessera_issuer_watch_new (&terms, self->clock, &funcs, relay, relay_release);
}

TesseraIssuerWatch *
tessera_verifier_get_watch (TesseraVerifier *self)
{
  return g_atomic_pointer_get (&self->watch);
}

/**
 * tessera_verifier_start:
 * @self: a verifier
 *
 * Begins to read what the issuer publishes, and returns at once. Again: nothing, unless it was
 * stopped. The first check does the same.
 *
 * [signal@Tessera.TokenChecker::changed] and [property@Tessera.Verifier:ready] tell when tokens can
 * be checked.
 */
void
tessera_verifier_start (TesseraVerifier *self)
{
  g_return_if_fail (TESSERA_IS_VERIFIER (self));

  g_mutex_lock (&self->mutex);
  if (self->watch == NULL)
    g_atomic_pointer_set (&self->watch, make_watch (self));
  self->stopped = FALSE;
  tessera_issuer_watch_start (self->watch);
  g_mutex_unlock (&self->mutex);
}

/**
 * tessera_verifier_stop:
 * @self: a verifier
 *
 * Ends all that goes on with the issuer, and waits until its thread has ended. Checks are refused
 * with %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE until it is started again. Dropping the last
 * reference stops it too.
 */
void
tessera_verifier_stop (TesseraVerifier *self)
{
  g_return_if_fail (TESSERA_IS_VERIFIER (self));

  g_mutex_lock (&self->mutex);
  self->stopped = TRUE;
  if (self->watch != NULL)
    tessera_issuer_watch_stop (self->watch);
  g_mutex_unlock (&self->mutex);
}

static TesseraIssuerWatch *
ensure_watch (TesseraVerifier *self)
{
  TesseraIssuerWatch *watch = tessera_verifier_get_watch (self);

  if (watch != NULL)
    return watch;
  g_mutex_lock (&self->mutex);
  if (self->watch == NULL)
    {
      g_atomic_pointer_set (&self->watch, make_watch (self));
      if (!self->stopped)
        tessera_issuer_watch_start (self->watch);
    }
  watch = self->watch;
  g_mutex_unlock (&self->mutex);
  return watch;
}

/* Checking. */

typedef struct
{
  TesseraVerifier *verifier;
  TesseraIssuerWatch *watch;
  TesseraIssuerTrust *trust;
  gboolean lacks_key;
} Lookup;

static TesseraKey *
lookup_key (gpointer data, const char *kid)
{
  Lookup *lookup = data;
  TesseraKey *key = tessera_key_set_lookup (lookup->trust->keys, kid);

  lookup->lacks_key = key == NULL;
  return key != NULL ? tessera_key_ref (key) : NULL;
}

static const char *
get_type (gpointer data, TesseraAccessToken *token)
{
  return ((Lookup *) data)->verifier->token_type;
}

static gboolean
refuse (GError **error, TesseraError code, const char *why)
{
  g_set_error_literal (error, TESSERA_ERROR, (gint) code, why);
  return FALSE;
}

static gboolean
has_scopes (TesseraAccessToken *token, const char *const *scopes)
{
  for (guint i = 0; scopes != NULL && scopes[i] != NULL; i++)
    if (!tessera_access_token_has_scope (token, scopes[i]))
      return FALSE;
  return TRUE;
}

/* The deny-list, and whether it can be relied on. */
static gboolean
check_revocation (TesseraVerifier *self,
                  TesseraIssuerWatch *watch,
                  TesseraAccessToken *token,
                  gboolean *out_stale,
                  GError **error)
{
  TesseraDenyReplica *replica = tessera_issuer_watch_get_replica (watch);
  TesseraTokenIdentity identity;

  *out_stale = FALSE;
  if (replica == NULL)
    return TRUE;
  tessera_access_token_get_identity (token, &identity);
  /* The age first: the list that is asked afterwards is that old at most. The other way round, what
   * arrived in between would make fresh what was asked without it. */
  *out_stale
      = tessera_deny_replica_get_age_ms (replica) > self->max_staleness * G_GINT64_CONSTANT (1000);
  if (tessera_deny_replica_check (replica, &identity))
    return refuse (error, TESSERA_ERROR_INVALID_TOKEN, "The token was revoked");
  return !*out_stale || self->accept_stale
         || refuse (error, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE,
                    "Nothing is known of what was revoked lately");
}

static TesseraAccessToken *
read_token (TesseraVerifier *self, Lookup *lookup, const char *token, GError **error)
{
  const TesseraTokenReader reader = { .issuer = self->issuer,
                                      .origin = TESSERA_TOKEN_FOREIGN,
                                      .seen = *lookup->trust->seen,
                                      .lookup_key = lookup_key,
                                      .get_type = get_type,
                                      .data = lookup,
                                      .now_ms = tessera_clock_get_ms (self->clock) };

  return tessera_token_reader_read (&reader, token, strlen (token), error);
}

static TesseraAccessToken *
check (TesseraVerifier *self,
       const char *token,
       const char *audience,
       const char *const *scopes,
       gboolean *out_lacks_key,
       GError **error)
{
  Lookup lookup = { .verifier = self, .watch = ensure_watch (self) };
  g_autoptr (TesseraIssuerTrust) trust = tessera_issuer_watch_dup_trust (lookup.watch, error);
  g_autoptr (TesseraAccessToken) access_token = NULL;
  gboolean stale = FALSE;

  *out_lacks_key = FALSE;
  if (trust == NULL)
    return NULL;
  lookup.trust = trust;
  access_token = read_token (self, &lookup, token, error);
  *out_lacks_key = lookup.lacks_key;
  if (access_token == NULL)
    return NULL;
  if (audience != NULL && !tessera_access_token_has_audience (access_token, audience))
    {
      refuse (error, TESSERA_ERROR_INVALID_TOKEN, "The token is for another audience");
      return NULL;
    }
  if (!check_revocation (self, lookup.watch, access_token, &stale, error))
    return NULL;
  if (!has_scopes (access_token, scopes))
    {
      refuse (error, TESSERA_ERROR_INSUFFICIENT_SCOPE, "The token lacks a scope");
      return NULL;
    }
  if (stale)
    tessera_access_token_set_stale (access_token);
  return g_steal_pointer (&access_token);
}

/**
 * tessera_verifier_check:
 * @self: a verifier
 * @token: an access token, as it came
 * @audience: (nullable): the resource server it must be for (`aud`); %NULL for any, which is right
 *   only for an issuer that serves nobody else
 * @scopes: (nullable) (array zero-terminated=1): what it must allow, all of them
 * @error: return location for an error
 *
 * Decides whether an access token is good now: signature, type, issuer, times, audience, that it
 * was not revoked, and its scopes (RFC 9068 §4). From memory, without blocking, in any thread.
 *
 * Errors: %TESSERA_ERROR_INVALID_TOKEN, %TESSERA_ERROR_INSUFFICIENT_SCOPE, and
 * %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE when it cannot tell:
 * [property@Tessera.Verifier:problem] says why.
 *
 * A token whose key is unknown is refused; the issuer's keys are asked for again in the background,
 * once a minute at most.
 *
 * Returns: (transfer full): what the token says
 */
TesseraAccessToken *
tessera_verifier_check (TesseraVerifier *self,
                        const char *token,
                        const char *audience,
                        const char *const *scopes,
                        GError **error)
{
  gboolean lacks_key;

  g_return_val_if_fail (TESSERA_IS_VERIFIER (self), NULL);
  g_return_val_if_fail (token != NULL, NULL);

  TesseraAccessToken *access_token = check (self, token, audience, scopes, &lacks_key, error);
  if (lacks_key)
    tessera_issuer_watch_want_keys (tessera_verifier_get_watch (self));
  return access_token;
}

/* Checking, and waiting if need be. */

typedef struct
{
  char *token;
  char *audience;
  char **scopes;
} Request;

static void
request_free (Request *self)
{
  tessera_secret_free (self->token);
  g_free (self->audience);
  g_strfreev (self->scopes);
  g_free (self);
}

static TesseraAccessToken *
check_request (GTask *task, gboolean *out_lacks_key, GError **error)
{
  const Request *request = g_task_get_task_data (task);

  return check (g_task_get_source_object (task), request->token, request->audience,
                (const char *const *) request->scopes, out_lacks_key, error);
}

/* Takes @access_token and @error. */
static void
answer (GTask *task, TesseraAccessToken *access_token, GError *error)
{
  if (access_token != NULL)
    g_task_return_pointer (task, access_token, g_object_unref);
  else
    g_task_return_error (task, error);
}

static gboolean
on_settled (gpointer data)
{
  GTask *task = data;
  gboolean lacks_key;
  GError *error = NULL;
  TesseraAccessToken *access_token = check_request (task, &lacks_key, &error);

  answer (task, access_token, error);
  return G_SOURCE_REMOVE;
}

/* In any thread. The last reference to the verifier is dropped where it is used. */
static void
return_to_caller (gpointer task)
{
  GSource *source = g_idle_source_new ();

  g_source_set_priority (source, g_task_get_priority (task));
  g_source_set_callback (source, on_settled, task, g_object_unref);
  g_source_attach (source, g_task_get_context (task));
  g_source_unref (source);
}

/**
 * tessera_verifier_check_async:
 * @self: a verifier
 * @token: an access token, as it came
 * @audience: (nullable): the resource server it must be for, or %NULL for any
 * @scopes: (nullable) (array zero-terminated=1): what it must allow, all of them
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called with the answer
 * @user_data: for @callback
 *
 * As [method@Tessera.Verifier.check], but waits until the verifier is ready, or has failed to
 * become so, half a minute at most; and for a token with an unknown key until the issuer's keys
 * were asked for again, which happens once a minute at most.
 */
void
tessera_verifier_check_async (TesseraVerifier *self,
                              const char *token,
                              const char *audience,
                              const char *const *scopes,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer user_data)
{
  gboolean lacks_key;
  GError *error = NULL;

  g_return_if_fail (TESSERA_IS_VERIFIER (self));
  g_return_if_fail (token != NULL);

  GTask *task = g_task_new (self, cancellable, callback, user_data);
  Request *request = g_new0 (Request, 1);
  request->token = g_strdup (token);
  request->audience = g_strdup (audience);
  request->scopes = g_strdupv ((char **) scopes);
  g_task_set_source_tag (task, tessera_verifier_check_async);
  g_task_set_task_data (task, request, (GDestroyNotify) request_free);

  TesseraAccessToken *access_token = check_request (task, &lacks_key, &error);
  TesseraIssuerWatch *watch = tessera_verifier_get_watch (self);
  if (access_token == NULL && (lacks_key || !tessera_issuer_watch_is_settled (watch)))
    {
      g_clear_error (&error);
      tessera_issuer_watch_wait (watch, lacks_key, return_to_caller, task);
      return;
    }
  answer (task, access_token, error);
  g_object_unref (task);
}

/**
 * tessera_verifier_check_finish:
 * @self: a verifier
 * @result: the result given to the callback
 * @error: return location for an error
 *
 * Finishes [method@Tessera.Verifier.check_async]. Errors: as [method@Tessera.Verifier.check].
 *
 * Returns: (transfer full): what the token says
 */
TesseraAccessToken *
tessera_verifier_check_finish (TesseraVerifier *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* As a token checker. */

static TesseraAccessToken *
check_for_guard (TesseraTokenChecker *checker,
                 const char *token,
                 const char *audience,
                 GError **error)
{
  return tessera_verifier_check (TESSERA_VERIFIER (checker), token, audience, NULL, error);
}

static gboolean
recheck (TesseraTokenChecker *checker, TesseraAccessToken *token, gboolean *out_expired)
{
  TesseraVerifier *self = TESSERA_VERIFIER (checker);
  TesseraIssuerWatch *watch = ensure_watch (self);
  g_autoptr (TesseraIssuerTrust) trust = tessera_issuer_watch_dup_trust (watch, NULL);
  TesseraTokenIdentity identity;
  gboolean stale;

  *out_expired = FALSE;
  tessera_access_token_get_identity (token, &identity);
  if (trust == NULL || tessera_key_set_lookup (trust->keys, identity.kid) == NULL
      || !check_revocation (self, watch, token, &stale, NULL))
    return FALSE;
  *out_expired
      = tessera_clock_get_seconds (self->clock) >= tessera_access_token_get_expires_at (token);
  return !*out_expired;
}

/* Whether it is worth asking: after a failure too, for then the answer is an error at once. */
static gboolean
is_worth_asking (TesseraTokenChecker *checker)
{
  return tessera_issuer_watch_is_settled (ensure_watch (TESSERA_VERIFIER (checker)));
}

static void
token_checker_init (TesseraTokenCheckerInterface *iface)
{
  iface->check = check_for_guard;
  iface->recheck = recheck;
  iface->is_ready = is_worth_asking;
}

/* What is to be seen. */

/**
 * tessera_verifier_get_ready: (get-property ready)
 * @self: a verifier
 *
 * Whether tokens can be checked now.
 *
 * Returns: %FALSE while every check ends in %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE
 */
gboolean
tessera_verifier_get_ready (TesseraVerifier *self)
{
  g_return_val_if_fail (TESSERA_IS_VERIFIER (self), FALSE);

  TesseraIssuerWatch *watch = tessera_verifier_get_watch (self);
  g_autoptr (TesseraIssuerTrust) trust
      = watch != NULL ? tessera_issuer_watch_dup_trust (watch, NULL) : NULL;
  if (trust == NULL)
    return FALSE;
  TesseraDenyReplica *replica = tessera_issuer_watch_get_replica (watch);
  return replica == NULL || self->accept_stale
         || tessera_deny_replica_get_age_ms (replica)
                <= self->max_staleness * G_GINT64_CONSTANT (1000);
}

static TesseraDenyReplica *
get_replica (TesseraVerifier *self)
{
  TesseraIssuerWatch *watch = tessera_verifier_get_watch (self);

  return watch != NULL ? tessera_issuer_watch_get_replica (watch) : NULL;
}

/**
 * tessera_verifier_get_generation: (get-property generation)
 * @self: a verifier
 *
 * Up to which generation of the issuer's deny-list nothing is missing.
 *
 * Returns: a number that grows; 0 when there is no list yet
 */
guint64
tessera_verifier_get_generation (TesseraVerifier *self)
{
  g_return_val_if_fail (TESSERA_IS_VERIFIER (self), 0);

  TesseraDenyReplica *replica = get_replica (self);
  return replica != NULL ? tessera_deny_replica_get_generation (replica) : 0;
}

/**
 * tessera_verifier_get_age: (get-property age)
 * @self: a verifier
 *
 * How old what is known of the deny-list is, by the issuer's own time.
 *
 * Returns: seconds; %G_MAXUINT when nothing is known of it
 */
guint
tessera_verifier_get_age (TesseraVerifier *self)
{
  g_return_val_if_fail (TESSERA_IS_VERIFIER (self), G_MAXUINT);

  TesseraDenyReplica *replica = get_replica (self);
  gint64 age = replica != NULL ? tessera_deny_replica_get_age_ms (replica) : G_MAXINT64;
  return (guint) MIN (age / 1000, G_MAXUINT);
}

/**
 * tessera_verifier_dup_problem: (get-property problem)
 * @self: a verifier
 *
 * What is wrong between it and the issuer, in a sentence for people; it goes on trying. Not for the
 * wire.
 *
 * Returns: (transfer full) (nullable): a text, or %NULL when all is well
 */
char *
tessera_verifier_dup_problem (TesseraVerifier *self)
{
  g_return_val_if_fail (TESSERA_IS_VERIFIER (self), NULL);

  TesseraIssuerWatch *watch = tessera_verifier_get_watch (self);
  return watch != NULL ? tessera_issuer_watch_dup_problem (watch) : NULL;
}

/* Life. */

static void
tessera_verifier_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  TesseraVerifier *self = TESSERA_VERIFIER (object);

  switch (id)
    {
    case PROP_ISSUER:
      g_value_set_string (value, self->issuer);
      break;
    case PROP_CLIENT_ID:
      g_value_set_string (value, self->client_id);
      break;
    case PROP_CLIENT_SECRET_FILE:
      g_value_set_string (value, self->secret_file);
      break;
    case PROP_MAX_STALENESS:
      g_value_set_uint (value, self->max_staleness);
      break;
    case PROP_ACCEPT_STALE:
      g_value_set_boolean (value, self->accept_stale);
      break;
    case PROP_TOKEN_TYPE:
      g_value_set_string (value, self->token_type);
      break;
    case PROP_FOLLOW_DENY_LIST:
      g_value_set_boolean (value, self->follow);
      break;
    case PROP_SNAPSHOT_URI:
      g_value_set_string (value, self->snapshot_uri);
      break;
    case PROP_TLS_DATABASE:
      g_value_set_object (value, self->tls_database);
      break;
    case PROP_READY:
      g_value_set_boolean (value, tessera_verifier_get_ready (self));
      break;
    case PROP_GENERATION:
      g_value_set_uint64 (value, tessera_verifier_get_generation (self));
      break;
    case PROP_AGE:
      g_value_set_uint (value, tessera_verifier_get_age (self));
      break;
    case PROP_PROBLEM:
      g_value_take_string (value, tessera_verifier_dup_problem (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
tessera_verifier_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  TesseraVerifier *self = TESSERA_VERIFIER (object);

  switch (id)
    {
    case PROP_ISSUER:
      self->issuer
          = g_strdup (g_value_get_string (value) != NULL ? g_value_get_string (value) : "");
      break;
    case PROP_CLIENT_ID:
      self->client_id = g_value_dup_string (value);
      break;
    case PROP_CLIENT_SECRET:
      self->secret = g_value_dup_string (value);
      break;
    case PROP_CLIENT_SECRET_FILE:
      self->secret_file = g_value_dup_string (value);
      break;
    case PROP_MAX_STALENESS:
      self->max_staleness = g_value_get_uint (value);
      break;
    case PROP_ACCEPT_STALE:
      self->accept_stale = g_value_get_boolean (value);
      break;
    case PROP_TOKEN_TYPE:
      self->token_type = g_value_dup_string (value);
      break;
    case PROP_FOLLOW_DENY_LIST:
      self->follow = g_value_get_boolean (value);
      break;
    case PROP_SNAPSHOT_URI:
      self->snapshot_uri = g_value_dup_string (value);
      break;
    case PROP_TLS_DATABASE:
      self->tls_database = g_value_dup_object (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
tessera_verifier_finalize (GObject *object)
{
  TesseraVerifier *self = TESSERA_VERIFIER (object);

  g_clear_pointer (&self->watch, tessera_issuer_watch_free);
  g_clear_object (&self->tls_database);
  g_main_context_unref (self->context);
  tessera_clock_unref (self->clock);
  g_mutex_clear (&self->mutex);
  tessera_secret_free (self->secret);
  g_free (self->issuer);
  g_free (self->client_id);
  g_free (self->secret_file);
  g_free (self->token_type);
  g_free (self->snapshot_uri);
  G_OBJECT_CLASS (tessera_verifier_parent_class)->finalize (object);
}

static void
tessera_verifier_init (TesseraVerifier *self)
{
  g_mutex_init (&self->mutex);
  self->clock = tessera_clock_new ();
  self->context = g_main_context_ref_thread_default ();
}

static void
install_given (GParamFlags flags)
{
  /**
   * TesseraVerifier:issuer:
   *
   * Whose tokens are checked: exactly as its metadata and its tokens spell it (RFC 8414 §3.3).
   */
  props[PROP_ISSUER] = g_param_spec_string ("issuer", NULL, NULL, NULL, flags);
  /**
   * TesseraVerifier:client-id:
   *
   * As which client the deny-list is read: one with the grant `client_credentials` and the scope
   * `denylist`.
   */
  props[PROP_CLIENT_ID] = g_param_spec_string ("client-id", NULL, NULL, NULL, flags);
  /**
   * TesseraVerifier:client-secret:
   *
   * The secret of that client; better [property@Tessera.Verifier:client-secret-file].
   */
  props[PROP_CLIENT_SECRET]
      = g_param_spec_string ("client-secret", NULL, NULL, NULL,
                             G_PARAM_WRITABLE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  /**
   * TesseraVerifier:client-secret-file:
   *
   * A file with the secret in one line, which nobody else may read (mode 0600). Read when the
   * verifier starts.
   */
  props[PROP_CLIENT_SECRET_FILE]
      = g_param_spec_string ("client-secret-file", NULL, NULL, NULL, flags);
  /**
   * TesseraVerifier:token-type:
   *
   * The type that tokens must have (`typ`, RFC 9068 §2.1): `at+jwt`, unless the issuer promises
   * another to this audience.
   */
  props[PROP_TOKEN_TYPE] = g_param_spec_string ("token-type", NULL, NULL, "at+jwt", flags);
  /**
   * TesseraVerifier:tls-database:
   *
   * Which certificates are trusted for the issuer, or %NULL for those of the system.
   */
  props[PROP_TLS_DATABASE]
      = g_param_spec_object ("tls-database", NULL, NULL, G_TYPE_TLS_DATABASE, flags);
}

static void
install_staleness (GParamFlags flags)
{
  /**
   * TesseraVerifier:max-staleness:
   *
   * For how many seconds tokens are accepted without news of the deny-list.
   * [signal@Tessera.Verifier
   * ::stale] comes at half of it.
   */
  props[PROP_MAX_STALENESS]
      = g_param_spec_uint ("max-staleness", NULL, NULL, 1, 24 * 60 * 60, 60, flags);
  /**
   * TesseraVerifier:accept-stale:
   *
   * Whether tokens are accepted beyond [property@Tessera.Verifier:max-staleness] too, with
   * [method@Tessera.AccessToken.is_stale]: a token that was revoked in the meantime passes. %FALSE
   * by default.
   */
  props[PROP_ACCEPT_STALE] = g_param_spec_boolean ("accept-stale", NULL, NULL, FALSE, flags);
  /**
   * TesseraVerifier:follow-deny-list:
   *
   * Whether the issuer's deny-list is followed. %TRUE by default; %FALSE is for an issuer that
   * publishes none: then a token is good until it expires, whoever revokes it.
   */
  props[PROP_FOLLOW_DENY_LIST] = g_param_spec_boolean ("follow-deny-list", NULL, NULL, TRUE, flags);
  /**
   * TesseraVerifier:snapshot-uri:
   *
   * Another place for snapshots of the deny-list than the issuer itself: a file on any host, which
   * the issuer's signature vouches for.
   */
  props[PROP_SNAPSHOT_URI] = g_param_spec_string ("snapshot-uri", NULL, NULL, NULL, flags);
}

static void
install_seen (GParamFlags flags)
{
  /**
   * TesseraVerifier:ready: (getter get_ready)
   *
   * Whether tokens can be checked now.
   */
  props[PROP_READY] = g_param_spec_boolean ("ready", NULL, NULL, FALSE, flags);
  /**
   * TesseraVerifier:generation: (getter get_generation)
   *
   * Up to which generation of the deny-list nothing is missing.
   */
  props[PROP_GENERATION] = g_param_spec_uint64 ("generation", NULL, NULL, 0, G_MAXUINT64, 0, flags);
  /**
   * TesseraVerifier:age: (getter get_age)
   *
   * How many seconds old what is known of the deny-list is.
   */
  props[PROP_AGE] = g_param_spec_uint ("age", NULL, NULL, 0, G_MAXUINT, G_MAXUINT, flags);
  /**
   * TesseraVerifier:problem: (getter dup_problem)
   *
   * What is wrong between it and the issuer, for people, or %NULL.
   */
  props[PROP_PROBLEM] = g_param_spec_string ("problem", NULL, NULL, NULL, flags);
}

static void
tessera_verifier_class_init (TesseraVerifierClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags given = G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS;

  object_class->get_property = tessera_verifier_get_property;
  object_class->set_property = tessera_verifier_set_property;
  object_class->finalize = tessera_verifier_finalize;
  install_given (given);
  install_staleness (given);
  install_seen (G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);

  /**
   * TesseraVerifier::stale:
   * @self: the verifier
   * @age: how many seconds old what is known of the deny-list is
   *
   * Half of [property@Tessera.Verifier:max-staleness] has passed without news of the deny-list:
   * time to look, before tokens are refused. Once, until there is news again.
   */
  stale_signal = g_signal_new ("stale", TESSERA_TYPE_VERIFIER, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                               NULL, G_TYPE_NONE, 1, G_TYPE_UINT);
}

/**
 * tessera_verifier_new:
 * @issuer: whose tokens are checked
 *
 * Makes a verifier of an issuer that publishes no deny-list to follow, or whose credentials are yet
 * to come: properties other than @issuer have their defaults, so that
 * [property@Tessera.Verifier:follow-deny-list] is %TRUE and there is no client to follow it as.
 * Most programs construct it with these properties instead.
 *
 * Returns: (transfer full): a verifier
 */
TesseraVerifier *
tessera_verifier_new (const char *issuer)
{
  g_return_val_if_fail (issuer != NULL, NULL);
  return g_object_new (TESSERA_TYPE_VERIFIER, "issuer", issuer, NULL);
}
