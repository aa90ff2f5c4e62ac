/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The server as an application sees it: its life, its logins, and what the engine calls back. */

#include "server/tessera-act-private.h"
#include "server/tessera-server-object-private.h"

#include "base/tessera-log-private.h"
#include "endpoints/tessera-client-keys-private.h"
#include "endpoints/tessera-deny-export-private.h"
#include "endpoints/tessera-deny-feed-private.h"
#include "model/tessera-issuance-private.h"
#include "model/tessera-user-claims-private.h"
#include "server/tessera-page-private.h"
#include "server/tessera-soup-adapter-private.h"
#include "server/tessera-soup-deadlines-private.h"

#include <string.h>

#define HOLD_DEADLINE_MS (TESSERA_HOLD_SECONDS * 1000)
#define CLIENT_FAILURES_A_MINUTE 10 /* threats.md B19 */
#define FLOOD_FAILURES_A_MINUTE 100

/**
 * TesseraServer:
 *
 * An OAuth 2 authorization server.
 *
 * Make one with the issuer, that is, the URL under which clients reach it; declare clients with
 * [method@Server.add_client]; decide logins in [signal@Server::authenticate]; and
 * [method@Server.attach] it to a [class@Soup.Server]. Its keys and its store are made ready in a
 * thread, while requests wait.
 *
 * It is also a [iface@TokenChecker]: give it to a [class@BearerDomain] to protect paths.
 *
 * The server and its signals live in the thread, and on the main context, that made it. What the
 * program declares (clients, users, resources) is to be declared before that context runs again
 * after the server became ready: a client that was declared when the program ran last and is not
 * any more loses its tokens then.
 */

static void token_checker_init (TesseraTokenCheckerInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (TesseraServer,
                               tessera_server,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (TESSERA_TYPE_TOKEN_CHECKER,
                                                      token_checker_init))

void
tessera_server_settings_changed (TesseraServer *self)
{
  g_clear_pointer (&self->routes, g_hash_table_unref);
  g_clear_pointer (&self->engine.metadata, g_bytes_unref);
  if (self->engine.feed != NULL && !self->engine.settings->deny_list_enabled)
    tessera_deny_feed_end_all (self->engine.feed);
  /* As long as registered clients are still to come, the state knows how long theirs live. */
  if (self->engine.deny_list != NULL && !tessera_client_registry_is_loading (self->engine.clients))
    tessera_deny_list_set_longest_lifetime (self->engine.deny_list,
                                            tessera_engine_get_longest_lifetime_ms (&self->engine));
}

TesseraEngine *
tessera_server_get_engine (TesseraServer *self)
{
  return &self->engine;
}

gboolean
tessera_server_trusts_proxy (TesseraServer *self, const char *peer)
{
  return self->trusted_proxies != NULL
         && g_strv_contains ((const char *const *) self->trusted_proxies, peer);
}

gboolean
tessera_server_reads_forwarded (TesseraServer *self)
{
  return self->proxies_send_forwarded;
}

/* Logins. */

/* Called in the thread that gives the verdict or holds: no further handler is asked. */
static void
on_settled (TesseraAuthentication *authentication, gpointer data)
{
  TesseraServer *self = data;
  if (g_thread_self () == self->thread && self->emitting == authentication)
    g_signal_stop_emission (self, tessera_server_get_signal (TESSERA_SIGNAL_AUTHENTICATE), 0);
}

typedef struct
{
  TesseraServer *server;
  TesseraAuthenticationDecided decided;
  gpointer data;
} Verdict;

/* A token of a person must never look like a client's own (RFC 9700 §4.15). */
static void
check_subject (TesseraServer *self, TesseraAuthentication *authentication)
{
  if (tessera_authentication_get_verdict (authentication) != TESSERA_VERDICT_ACCEPTED)
    return;
  if (!tessera_client_registry_is_taken (
          self->engine.clients, tessera_authentication_get_login (authentication)->subject))
    return;
  g_warning ("authenticate: the subject is the client_id of a client: the login is denied");
  tessera_authentication_overrule (authentication);
}

static void
on_decided (TesseraAuthentication *authentication, gpointer data)
{
  g_autofree Verdict *verdict = data;
  g_autoptr (TesseraServer) server = verdict->server;

  check_subject (server, authentication);
  verdict->decided (authentication, verdict->data);
}

void
tessera_server_authenticate (TesseraServer *self,
                             TesseraAuthentication *authentication,
                             TesseraAuthenticationDecided decided,
                             gpointer data)
{
  Verdict *verdict = g_new0 (Verdict, 1);
  TesseraAuthentication *outer = self->emitting;

  verdict->server = g_object_ref (self);
  verdict->decided = decided;
  verdict->data = data;
  tessera_authentication_on_decided (authentication, on_decided, verdict);
  tessera_authentication_on_settled (authentication, on_settled, self);

  g_object_ref (self);
  self->emitting = authentication;
  g_signal_emit (self, tessera_server_get_signal (TESSERA_SIGNAL_AUTHENTICATE), 0, authentication);
  self->emitting = outer;
  tessera_authentication_on_settled (authentication, NULL, NULL);
  tessera_authentication_close_emission (authentication, HOLD_DEADLINE_MS);
  g_object_unref (self);
}

static void
on_password_verified (gboolean matches, gpointer data)
{
  static const char *const password_only[] = { "pwd", NULL };
  g_autoptr (TesseraAuthentication) authentication = data;

  if (matches)
    tessera_authentication_accept_with (authentication, NULL, NULL, password_only);
  else
    tessera_authentication_deny (authentication);
}

/* No handler decided: the server's own users, if it has any. */
static void
authenticate_user (TesseraServer *self, TesseraAuthentication *authentication)
{
  g_autoptr (GError) error = NULL;

  /* What a handler asked is for a handler to judge. */
  if (tessera_authentication_get_step (authentication) > 0
      || tessera_user_registry_get_count (self->users) == 0)
    return;
  TesseraUser *user
      = tessera_user_registry_lookup (self->users,
                                      tessera_authentication_get_username (authentication));
  tessera_authentication_hold (authentication);
  if (tessera_server_verify_password (self, user,
                                      tessera_authentication_get_password (authentication),
                                      on_password_verified, g_object_ref (authentication), &error))
    return;
  tessera_authentication_set_busy (authentication);
  on_password_verified (FALSE, authentication);
}

void
tessera_server_render_page (TesseraServer *self,
                            const char *page,
                            TesseraExchange *exchange,
                            char **html)
{
  if (!tessera_server_has_handler (self, TESSERA_SIGNAL_RENDER_PAGE))
    return;
  g_autoptr (TesseraPage) object
      = tessera_page_new (g_intern_string (page), g_steal_pointer (html));
  tessera_server_emit (self, TESSERA_SIGNAL_RENDER_PAGE, object);
  *html = tessera_page_steal_html (object);
}

/* What the engine calls. */

static void
on_issue_token (gpointer data, TesseraIssuance *issuance)
{
  tessera_server_emit (data, TESSERA_SIGNAL_ISSUE_TOKEN, issuance);
}

static void
on_user_claims (gpointer data, TesseraUserClaims *claims)
{
  tessera_server_emit (data, TESSERA_SIGNAL_USER_CLAIMS, claims);
}

static void
on_token_issued (gpointer data, TesseraClaims *claims, gboolean refreshed)
{
  g_autofree char *json = tessera_claims_to_json (claims);
  tessera_server_emit (data,
                       refreshed ? TESSERA_SIGNAL_TOKEN_REFRESHED : TESSERA_SIGNAL_TOKEN_ISSUED,
                       json);
}

static void
on_introspected (gpointer data, const char *client_id, gboolean active)
{
  tessera_server_emit (data, TESSERA_SIGNAL_INTROSPECT, client_id, active);
}

static void
on_interact (gpointer data, TesseraExchange *exchange, TesseraAuthorizationRequest *request)
{
  TesseraServer *self = data;
  tessera_interaction_start (self->interaction, exchange, request);
}

static void
on_show_error (gpointer data, TesseraExchange *exchange, const GError *error)
{
  TesseraServer *self = data;
  tessera_interaction_show_error (self->interaction, exchange, error);
}

static void
on_show_return (gpointer data,
                TesseraExchange *exchange,
                TesseraAuthorizationRequest *request,
                const char *location)
{
  TesseraServer *self = data;
  tessera_interaction_show_return (self->interaction, exchange, request, location);
}

static void
on_show_form (gpointer data,
              TesseraExchange *exchange,
              TesseraAuthorizationRequest *request,
              const char *const *pairs)
{
  TesseraServer *self = data;
  tessera_interaction_show_form (self->interaction, exchange, request, pairs);
}

static gboolean
ends_sessions (TesseraRevocation *revocation)
{
  TesseraRevocationKind kind = tessera_revocation_get_kind (revocation);

  return kind == TESSERA_REVOCATION_KIND_SESSION || kind == TESSERA_REVOCATION_KIND_SUBJECT
         || kind == TESSERA_REVOCATION_KIND_ALL;
}

void
tessera_server_report_revocation (TesseraServer *self, TesseraRevocation *revocation)
{
  g_object_ref (self);
  tessera_server_audit_revocation (self, revocation);
  if (tessera_server_has_handler (self, TESSERA_SIGNAL_AFTER_REVOKE_TOKEN))
    tessera_server_emit (self, TESSERA_SIGNAL_AFTER_REVOKE_TOKEN, revocation);
  if (tessera_revocation_get_revoked (revocation))
    tessera_token_checker_changed (TESSERA_TOKEN_CHECKER (self));
  if (ends_sessions (revocation) && self->notifier != NULL)
    tessera_logout_notifier_wake (self->notifier);
  g_object_unref (self);
}

static void
on_revoked (gpointer data, TesseraRevocation *revocation)
{
  tessera_server_report_revocation (data, revocation);
}

void
tessera_server_refresh_hooks (TesseraServer *self)
{
  TesseraEngineHooks *hooks = &self->engine.hooks;
  hooks->issue_token
      = tessera_server_has_handler (self, TESSERA_SIGNAL_ISSUE_TOKEN) ? on_issue_token : NULL;
  hooks->user_claims
      = tessera_server_has_handler (self, TESSERA_SIGNAL_USER_CLAIMS) ? on_user_claims : NULL;
  hooks->token_issued = tessera_server_has_handler (self, TESSERA_SIGNAL_TOKEN_ISSUED)
                                || tessera_server_has_handler (self, TESSERA_SIGNAL_TOKEN_REFRESHED)
                            ? on_token_issued
                            : NULL;
  hooks->introspected
      = tessera_server_has_handler (self, TESSERA_SIGNAL_INTROSPECT) ? on_introspected : NULL;
}

/* TesseraTokenChecker. */

static TesseraAccessToken *
check_token (TesseraTokenChecker *checker, const char *token, const char *audience, GError **error)
{
  TesseraServer *self = TESSERA_SERVER (checker);

  if (!tessera_server_check_ready (self, error) || !tessera_server_settle (self, error))
    return NULL;
  return tessera_engine_check_token (&self->engine, token, strlen (token), audience, error);
}

static gboolean
recheck_token (TesseraTokenChecker *checker, TesseraAccessToken *token, gboolean *out_expired)
{
  TesseraEngine *engine = &TESSERA_SERVER (checker)->engine;

  *out_expired = FALSE;
  if (!engine->ready || tessera_engine_is_denied (engine, token))
    return FALSE;
  *out_expired
      = tessera_clock_get_seconds (engine->clock) >= tessera_access_token_get_expires_at (token);
  return !*out_expired;
}

/* Whether it is worth asking: after a failure too, for then the answer is an error at once. */
static gboolean
is_checker_ready (TesseraTokenChecker *checker)
{
  TesseraServerState state = TESSERA_SERVER (checker)->state;
  return state != TESSERA_SERVER_IDLE && state != TESSERA_SERVER_SETUP;
}

static void
token_checker_init (TesseraTokenCheckerInterface *iface)
{
  iface->check = check_token;
  iface->recheck = recheck_token;
  iface->is_ready = is_checker_ready;
}

/* Life. */

static void
tessera_server_init (TesseraServer *self)
{
  TesseraEngine *engine = &self->engine;

  self->context = g_main_context_ref_thread_default ();
  self->thread = g_thread_self ();
  self->adapters = g_ptr_array_new_with_free_func ((GDestroyNotify) tessera_soup_adapter_free);
  self->users = tessera_user_registry_new ();
  g_queue_init (&self->waiting);
  g_queue_init (&self->tasks);
  g_queue_init (&self->fetches);
  self->meters = g_array_new (FALSE, FALSE, sizeof (TesseraMeter));

  engine->resources = g_ptr_array_new ();
  self->old_resources = g_ptr_array_new_with_free_func ((GDestroyNotify) g_ptr_array_unref);
  engine->clock = tessera_clock_new ();
  engine->clients = tessera_client_registry_new ();
  engine->users = self->users;
  engine->client_throttle = tessera_throttle_new (CLIENT_FAILURES_A_MINUTE);
  engine->flood_throttle = tessera_throttle_new (FLOOD_FAILURES_A_MINUTE);
  engine->registration_throttle = tessera_throttle_new (10);
  engine->client_keys = tessera_client_keys_new ();
  engine->metrics = tessera_metrics_new ();
  engine->audit = tessera_audit_new (self->context);
  engine->hooks.revoked = on_revoked;
  engine->hooks.interact = on_interact;
  engine->hooks.show_error = on_show_error;
  engine->hooks.show_return = on_show_return;
  engine->hooks.show_form = on_show_form;
  engine->hooks.register_client = tessera_server_start_registration;
  engine->hooks.client_used = tessera_server_note_client_use;
  engine->hooks_data = self;
}

static void
tessera_server_constructed (GObject *object)
{
  TesseraServer *self = TESSERA_SERVER (object);

  G_OBJECT_CLASS (tessera_server_parent_class)->constructed (object);
  self->interaction = tessera_interaction_new (self);
  if (self->theme_directory != NULL)
    tessera_interaction_set_theme_directory (self->interaction, self->theme_directory);
  tessera_server_schedule_setup (self);
}

static void
tessera_server_dispose (GObject *object)
{
  TesseraServer *self = TESSERA_SERVER (object);

  tessera_server_close (self);
  /* The last outcomes are told while everything is still there. */
  tessera_committer_free (self->engine.committer);
  self->engine.committer = NULL;
  G_OBJECT_CLASS (tessera_server_parent_class)->dispose (object);
}

static void
engine_clear (TesseraEngine *engine)
{
  tessera_settings_free (engine->settings);
  g_ptr_array_set_free_func (engine->resources, (GDestroyNotify) tessera_resource_free);
  g_ptr_array_unref (engine->resources);
  g_clear_pointer (&engine->clients, tessera_client_registry_free);
  tessera_throttle_free (engine->client_throttle);
  tessera_throttle_free (engine->flood_throttle);
  tessera_throttle_free (engine->registration_throttle);
  g_clear_pointer (&engine->metadata, g_bytes_unref);
  tessera_metrics_unref (engine->metrics);
  tessera_audit_unref (engine->audit);
  tessera_clock_unref (engine->clock);
}

static void
tessera_server_finalize (GObject *object)
{
  TesseraServer *self = TESSERA_SERVER (object);

  g_clear_pointer (&self->passwords, tessera_password_pool_free);
  g_clear_pointer (&self->interaction, tessera_interaction_free);
  g_clear_pointer (&self->routes, g_hash_table_unref);
  g_ptr_array_unref (self->adapters);
  g_clear_pointer (&self->users, tessera_user_registry_free);
  g_ptr_array_unref (self->old_resources);
  g_array_unref (self->meters);
  engine_clear (&self->engine);
  g_clear_error (&self->failure);
  g_strfreev (self->trusted_proxies);
  g_free (self->state_directory);
  g_free (self->key_directory);
  g_free (self->theme_directory);
  g_clear_object (&self->outbound);
  g_main_context_unref (self->context);
  G_OBJECT_CLASS (tessera_server_parent_class)->finalize (object);
}

/**
 * tessera_server_new:
 * @issuer: the URL under which clients reach the server: https, or http on a loopback address;
 * without query, fragment and trailing slash (RFC 8414 §2)
 * @state_directory: (nullable) (type filename): where keys and database are kept, or %NULL for the
 *   folder `PROGRAM/tessera` in the user's data directory, where PROGRAM is
 * [func@GLib.get_prgname], or the executable's name when none was set
 *
 * Makes a server. It returns at once; keys and store are made ready in a thread once the main
 * context runs, and requests wait for them. [signal@Server::failed] and [method@Server.wait_ready]
 * tell what went wrong with them, a bad @issuer included.
 *
 * Returns: (transfer full): the server
 */
TesseraServer *
tessera_server_new (const char *issuer, const char *state_directory)
{
  g_return_val_if_fail (issuer != NULL, NULL);
  return g_object_new (TESSERA_TYPE_SERVER, "issuer", issuer, "state-directory", state_directory,
                       NULL);
}

/**
 * tessera_server_new_in_memory:
 * @issuer: as for [ctor@Server.new]
 *
 * Makes a server that forgets everything when it goes: for tests. Its keys are new each time, so
 * that nothing it ever issued is good afterwards.
 *
 * Returns: (transfer full): the server
 */
TesseraServer *
tessera_server_new_in_memory (const char *issuer)
{
  g_return_val_if_fail (issuer != NULL, NULL);
  return g_object_new (TESSERA_TYPE_SERVER, "issuer", issuer, "ephemeral", TRUE, NULL);
}

static guint
find_adapter (TesseraServer *self, SoupServer *server)
{
  for (guint i = 0; i < self->adapters->len; i++)
    if (tessera_soup_adapter_get_soup (self->adapters->pdata[i]) == server)
      return i;
  return G_MAXUINT;
}

gboolean
tessera_server_is_attached (TesseraServer *self, SoupServer *soup)
{
  return find_adapter (self, soup) != G_MAXUINT;
}

/**
 * tessera_server_attach:
 * @self: a server
 * @server: the HTTP server of the application
 *
 * Serves the endpoints on @server: exactly their paths, whatever handlers and auth domains it has.
 * All other paths stay the application's. Several HTTP servers can be attached, such as one for
 * HTTP and one for HTTPS; each must run on the main context of @self.
 */
void
tessera_server_attach (TesseraServer *self, SoupServer *server)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (SOUP_IS_SERVER (server));
  g_return_if_fail (self->state != TESSERA_SERVER_CLOSED);
  if (find_adapter (self, server) == G_MAXUINT)
    g_ptr_array_add (self->adapters, tessera_soup_adapter_new (self, server));
}

/**
 * tessera_server_harden:
 * @self: a server
 * @server: an HTTP server that it is attached to
 * @max_body: the largest body of a request for a path of the application, in bytes
 *
 * Holds all requests of @server, those for paths of the application too, to the rules that the
 * endpoints have anyway, as far as the public interface of libsoup allows: no `Transfer-Encoding`,
 * one `Content-Length` that is a number of at most seven digits, no repeat of `Host`,
 * `Authorization`, `Content-Type` and others that must be single, and limits for address, head and
 * body; whatever else comes is refused, and its connection closed. `Range` is taken away. A client
 * has ten seconds for a head, from the connection or the first byte on, ten for a body, and may
 * idle for fifteen between two requests; it is disconnected when it is late. `SOUP_SERVER_HTTP2` is
 * removed from the environment, so call this while there is one thread.
 *
 * What it cannot do, since libsoup has read the head by then or has no place for it: bare line
 * feeds, folded lines and white space before a colon pass, and a head that was cut off behind a
 * line counts as whole when the client closes; a client may take its time to read an answer and for
 * a TLS handshake; connections are not counted; TLS is whatever GnuTLS is set to; a failed accept
 * ends the listener; other spellings of a path (`/%6Awks`, `/x/../jwks`) are the same path, also to
 * the endpoints, since libsoup has normalised it. A program that strangers can reach is better
 * behind a proxy, or a `TesseraListener`, which does all of this.
 *
 * libsoup listens with a backlog of 10. More wait if the program opens the socket itself
 * (g_socket_set_listen_backlog(), then soup_server_listen_socket()).
 */
void
tessera_server_harden (TesseraServer *self, SoupServer *server, gsize max_body)
{
  static const TesseraSoupDeadlines deadlines = { .head = 10000, .body = 10000, .idle = 15000 };

  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (SOUP_IS_SERVER (server));
  guint index = find_adapter (self, server);
  g_return_if_fail (index != G_MAXUINT);

  g_unsetenv ("SOUP_SERVER_HTTP2");
  tessera_soup_adapter_harden (g_ptr_array_index (self->adapters, index), max_body);
  tessera_soup_deadlines_set (server, &deadlines);
}

/**
 * tessera_server_detach:
 * @self: a server
 * @server: an HTTP server it was attached to
 *
 * Serves nothing on @server any more. Requests under way are still answered.
 */
void
tessera_server_detach (TesseraServer *self, SoupServer *server)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (SOUP_IS_SERVER (server));
  guint index = find_adapter (self, server);
  if (index != G_MAXUINT)
    g_ptr_array_remove_index (self->adapters, index);
}

/**
 * tessera_server_close:
 * @self: a server
 *
 * Finishes what is under way, makes all of it durable and closes the store. It is detached
 * everywhere, and no token is good any more. Blocks. Dropping the last reference closes too.
 */
void
tessera_server_close (TesseraServer *self)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  if (self->state == TESSERA_SERVER_CLOSED)
    return;

  TesseraEngine *engine = &self->engine;
  g_object_ref (self);
  tessera_server_cancel_setup (self);
  self->state = TESSERA_SERVER_CLOSED;
  tessera_server_drain_waiting (self);
  tessera_server_end_fetches (self);
  tessera_act_await_work (self);
  g_clear_pointer (&self->notifier, tessera_logout_notifier_free);
  g_clear_pointer (&self->sharing, tessera_sharing_free);
  /* First the committing thread: it tells everybody who waits, and they use the rest. Closed, it
   * refuses what a login brings that was held until now. */
  if (engine->committer != NULL)
    tessera_committer_close (engine->committer);
  g_clear_pointer (&self->loading, tessera_loading_free);
  if (self->store_failed != NULL)
    g_source_destroy (self->store_failed);
  g_clear_pointer (&self->store_failed, g_source_unref);
  engine->ready = FALSE;
  g_clear_pointer (&engine->status_publisher, tessera_status_publisher_free);
  g_clear_pointer (&engine->status_lists, tessera_status_lists_free);
  g_clear_pointer (&engine->exports, tessera_deny_exports_free);
  g_clear_pointer (&engine->client_keys, tessera_client_keys_close);
  g_clear_pointer (&engine->feed, tessera_deny_feed_free);
  g_clear_pointer (&engine->deny_list, tessera_deny_list_free);
  g_clear_pointer (&engine->keys, tessera_key_ring_free);
  g_clear_pointer (&engine->seen, tessera_seen_tokens_free);
  g_clear_pointer (&engine->moulds, tessera_token_moulds_free);
  g_ptr_array_set_size (self->adapters, 0);
  tessera_audit_close (engine->audit);
  /* From now on no token is good, and no revocation would be heard of. */
  tessera_token_checker_changed (TESSERA_TOKEN_CHECKER (self));
  g_object_unref (self);
}

static void
tessera_server_class_init (TesseraServerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->constructed = tessera_server_constructed;
  object_class->dispose = tessera_server_dispose;
  object_class->finalize = tessera_server_finalize;
  tessera_server_install_properties (object_class);
  tessera_server_install_signals (G_CALLBACK (authenticate_user));
}
