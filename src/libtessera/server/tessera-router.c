/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one table of endpoints: which path, which methods, which media type, which origins
 * (RFC 9110 §15.5, RFC 8414 §3.1, the Fetch standard §3.2 for CORS). */

#include "server/tessera-server-object-private.h"

#include "endpoints/tessera-authorization-endpoint-private.h"
#include "endpoints/tessera-check-endpoint-private.h"
#include "endpoints/tessera-deny-list-endpoint-private.h"
#include "endpoints/tessera-introspection-endpoint-private.h"
#include "endpoints/tessera-jwks-endpoint-private.h"
#include "endpoints/tessera-metadata-endpoint-private.h"
#include "endpoints/tessera-registration-endpoint-private.h"
#include "endpoints/tessera-revocation-endpoint-private.h"
#include "endpoints/tessera-status-list-endpoint-private.h"
#include "endpoints/tessera-token-endpoint-private.h"
#include "endpoints/tessera-userinfo-endpoint-private.h"
#include "server/tessera-page-private.h"

#include <string.h>

#define WELL_KNOWN_PATH "/.well-known/oauth-authorization-server"
#define OPENID_PATH "/.well-known/openid-configuration"
#define STYLESHEET_PATH "/tessera.css"
#define WAITING_MAX 1024 /* requests that may wait for the setup */

typedef enum
{
  METHOD_GET = 1 << 0, /* HEAD too */
  METHOD_POST = 1 << 1,
  METHOD_EMPTY = 1 << 2, /* a POST without a body will do */
  METHOD_PUT = 1 << 3,
  METHOD_DELETE = 1 << 4,
  METHOD_JSON = 1 << 5, /* bodies are JSON, and no forms */
} Methods;

typedef enum
{
  ANSWER_PAGE,   /* for a person's browser */
  ANSWER_PIECES, /* for a program, and may last */
  ANSWER_WHOLE,  /* for a program, in one piece: any front can give it */
} Answer;

typedef enum
{
  ORIGINS_NONE,    /* no CORS: a person's browser goes there, not a script */
  ORIGINS_CLIENTS, /* of registered public clients */
  ORIGINS_ANY,     /* public documents, without credentials */
} Origins;

typedef struct
{
  gsize path_offset; /* of the path in TesseraSettings; 0: @path */
  const char *path;
  gsize enabled_offset; /* of the switch in TesseraSettings; 0: always */
  Methods methods;
  Origins origins;
  Answer answer;
  TesseraEndpointName name; /* in the metrics */
  void (*endpoint) (TesseraEngine *engine, TesseraExchange *exchange);
  void (*page) (TesseraInteraction *interaction, TesseraExchange *exchange);
} TesseraRoute;

#define SETTING(member) G_STRUCT_OFFSET (TesseraSettings, member)

static const TesseraRoute route_table[] = {
  { SETTING (authorization_path), NULL, 0, METHOD_GET | METHOD_POST, ORIGINS_NONE, ANSWER_PAGE,
    TESSERA_ENDPOINT_AUTHORIZATION, tessera_authorization_endpoint_handle, NULL },
  { SETTING (token_path), NULL, 0, METHOD_POST, ORIGINS_CLIENTS, ANSWER_WHOLE,
    TESSERA_ENDPOINT_TOKEN, tessera_token_endpoint_handle, NULL },
  { SETTING (revocation_path), NULL, SETTING (revocation_enabled), METHOD_POST, ORIGINS_CLIENTS,
    ANSWER_WHOLE, TESSERA_ENDPOINT_REVOCATION, tessera_revocation_endpoint_handle, NULL },
  { SETTING (introspection_path), NULL, SETTING (introspection_enabled), METHOD_POST, ORIGINS_NONE,
    ANSWER_WHOLE, TESSERA_ENDPOINT_INTROSPECTION, tessera_introspection_endpoint_handle, NULL },
  { SETTING (check_path), NULL, SETTING (check_enabled), METHOD_GET, ORIGINS_NONE, ANSWER_WHOLE,
    TESSERA_ENDPOINT_CHECK, tessera_check_endpoint_handle, NULL },
  { SETTING (jwks_path), NULL, 0, METHOD_GET, ORIGINS_ANY, ANSWER_WHOLE, TESSERA_ENDPOINT_JWKS,
    tessera_jwks_endpoint_handle, NULL },
  { SETTING (status_list_path), NULL, SETTING (status_list_enabled), METHOD_GET, ORIGINS_ANY,
    ANSWER_WHOLE, TESSERA_ENDPOINT_STATUS_LIST, tessera_status_list_endpoint_handle, NULL },
  { SETTING (deny_list_path), NULL, SETTING (deny_list_enabled), METHOD_GET, ORIGINS_NONE,
    ANSWER_PIECES, TESSERA_ENDPOINT_DENY_LIST, tessera_deny_list_endpoint_handle, NULL },
  { SETTING (deny_list_events_path), NULL, SETTING (deny_list_enabled), METHOD_GET, ORIGINS_NONE,
    ANSWER_PIECES, TESSERA_ENDPOINT_DENY_LIST, tessera_deny_list_events_endpoint_handle, NULL },
  { SETTING (userinfo_path), NULL, SETTING (openid_enabled),
    METHOD_GET | METHOD_POST | METHOD_EMPTY, ORIGINS_CLIENTS, ANSWER_WHOLE,
    TESSERA_ENDPOINT_USERINFO, tessera_userinfo_endpoint_handle, NULL },
  { SETTING (registration_path), NULL, SETTING (registration_enabled), METHOD_POST | METHOD_JSON,
    ORIGINS_NONE, ANSWER_WHOLE, TESSERA_ENDPOINT_REGISTRATION, tessera_registration_endpoint_handle,
    NULL },
  { SETTING (login_path), NULL, 0, METHOD_GET | METHOD_POST, ORIGINS_NONE, ANSWER_PAGE,
    TESSERA_ENDPOINT_LOGIN, NULL, tessera_interaction_handle_login },
  { SETTING (consent_path), NULL, 0, METHOD_GET | METHOD_POST, ORIGINS_NONE, ANSWER_PAGE,
    TESSERA_ENDPOINT_CONSENT, NULL, tessera_interaction_handle_consent },
  { SETTING (logout_path), NULL, 0, METHOD_GET | METHOD_POST, ORIGINS_NONE, ANSWER_PAGE,
    TESSERA_ENDPOINT_PAGE, NULL, tessera_interaction_handle_logout },
  { SETTING (account_path), NULL, SETTING (account_enabled), METHOD_GET | METHOD_POST, ORIGINS_NONE,
    ANSWER_PAGE, TESSERA_ENDPOINT_PAGE, NULL, tessera_interaction_handle_account },
  { 0, STYLESHEET_PATH, 0, METHOD_GET, ORIGINS_NONE, ANSWER_PAGE, TESSERA_ENDPOINT_PAGE, NULL,
    tessera_interaction_handle_stylesheet },
};

/* Each key of the set, below it. */
static const TesseraRoute key_route = { SETTING (jwks_path),
                                        NULL,
                                        0,
                                        METHOD_GET,
                                        ORIGINS_ANY,
                                        ANSWER_WHOLE,
                                        TESSERA_ENDPOINT_JWKS,
                                        tessera_jwks_endpoint_handle,
                                        NULL };

/* Each list, below the aggregation. */
static const TesseraRoute status_list_route = { SETTING (status_list_path),
                                                NULL,
                                                SETTING (status_list_enabled),
                                                METHOD_GET,
                                                ORIGINS_ANY,
                                                ANSWER_WHOLE,
                                                TESSERA_ENDPOINT_STATUS_LIST,
                                                tessera_status_list_endpoint_handle,
                                                NULL };

/* Each client that registered itself, below the registration endpoint. */
static const TesseraRoute client_route = { SETTING (registration_path),
                                           NULL,
                                           SETTING (registration_enabled),
                                           METHOD_GET | METHOD_PUT | METHOD_DELETE | METHOD_JSON,
                                           ORIGINS_NONE,
                                           ANSWER_WHOLE,
                                           TESSERA_ENDPOINT_REGISTRATION,
                                           tessera_client_configuration_endpoint_handle,
                                           NULL };

static const TesseraRoute metadata_route = { 0,
                                             WELL_KNOWN_PATH,
                                             0,
                                             METHOD_GET,
                                             ORIGINS_ANY,
                                             ANSWER_WHOLE,
                                             TESSERA_ENDPOINT_METADATA,
                                             tessera_metadata_endpoint_handle,
                                             NULL };

static const TesseraRoute openid_route
    = { 0,           OPENID_PATH,  SETTING (openid_enabled),  METHOD_GET,
        ORIGINS_ANY, ANSWER_WHOLE, TESSERA_ENDPOINT_METADATA, tessera_metadata_endpoint_handle,
        NULL };

static const char *
get_path (const TesseraRoute *route, const TesseraSettings *settings)
{
  return route->path_offset == 0 ? route->path
                                 : G_STRUCT_MEMBER (char *, settings, route->path_offset);
}

static void
add_route (GHashTable *routes, char *path, const TesseraRoute *route)
{
  if (g_hash_table_contains (routes, path))
    g_warning ("Two endpoints have the path %s: only one of them can be reached", path);
  g_hash_table_insert (routes, path, (gpointer) route);
}

static GHashTable *
make_routes (const TesseraSettings *settings)
{
  GHashTable *routes = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (route_table); i++)
    add_route (routes,
               g_strconcat (settings->issuer_path, get_path (&route_table[i], settings), NULL),
               &route_table[i]);
  /* RFC 8414 §3.1: the well-known part goes before the issuer's path; behind it in OpenID Connect
   * Discovery §4. */
  add_route (routes, g_strconcat (settings->issuer_path, OPENID_PATH, NULL), &openid_route);
  add_route (routes, g_strconcat (WELL_KNOWN_PATH, settings->issuer_path, NULL), &metadata_route);
  return routes;
}

/* The name in PARENT/NAME; NULL for any other path. */
static const char *
get_name_below (const TesseraSettings *settings, const char *parent, const char *path)
{
  gsize prefix = strlen (settings->issuer_path);
  if (strncmp (path, settings->issuer_path, prefix) != 0)
    return NULL;
  gsize length = strlen (parent);
  path += prefix;
  if (strncmp (path, parent, length) != 0 || path[length] != '/' || path[length + 1] == '\0'
      || strchr (path + length + 1, '/') != NULL)
    return NULL;
  return path + length + 1;
}

/* A key set's single keys lie below it as KID.pem, status lists below their aggregation, clients
 * below the place where they are registered. */
static const TesseraRoute *
lookup_below (const TesseraSettings *settings, const char *path)
{
  const char *name = get_name_below (settings, settings->jwks_path, path);
  if (name != NULL && g_str_has_suffix (name, ".pem"))
    return &key_route;
  if (get_name_below (settings, settings->registration_path, path) != NULL)
    return &client_route;
  name = get_name_below (settings, settings->status_list_path, path);
  return name != NULL ? &status_list_route : NULL;
}

static const TesseraRoute *
lookup_route (TesseraServer *self, const char *path)
{
  TesseraSettings *settings = self->engine.settings;

  if (self->routes == NULL)
    self->routes = make_routes (settings);
  const TesseraRoute *route = g_hash_table_lookup (self->routes, path);
  if (route == NULL)
    route = lookup_below (settings, path);
  /* Where nobody registers a client, /register is the application's own: people sign up there. */
  if (route != NULL && route->name == TESSERA_ENDPOINT_REGISTRATION
      && !settings->registration_enabled)
    return NULL;
  return route;
}

static gboolean
is_enabled (const TesseraRoute *route, const TesseraSettings *settings)
{
  return route->enabled_offset == 0 || G_STRUCT_MEMBER (gboolean, settings, route->enabled_offset);
}

/**
 * tessera_server_owns_path:
 * @self: a server
 * @path: the raw path of a request, without its query
 *
 * Whether @path is exactly one of the server's endpoints, its pages or its metadata: what an
 * attached server takes from the application, and what a guard leaves out.
 *
 * Returns: %TRUE if requests for @path are the server's
 */
gboolean
tessera_server_owns_path (TesseraServer *self, const char *path)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (self), FALSE);
  g_return_val_if_fail (path != NULL, FALSE);
  return lookup_route (self, path) != NULL;
}

gboolean
tessera_server_answers_whole (TesseraServer *self, const char *path)
{
  const TesseraRoute *route = lookup_route (self, path);

  return route != NULL && route->answer == ANSWER_WHOLE;
}

static const char *
get_allowed_methods (Methods methods)
{
  if (methods & METHOD_PUT)
    return "GET, HEAD, PUT, DELETE";
  if (methods == METHOD_GET)
    return "GET, HEAD";
  return methods & METHOD_GET ? "GET, HEAD, POST" : "POST";
}

/* CORS: says so when a script of the request's origin may read the answer. */
static gboolean
allow_origin (TesseraServer *self, const TesseraRoute *route, TesseraExchange *exchange)
{
  if (route->origins == ORIGINS_NONE)
    return FALSE;
  if (route->origins == ORIGINS_ANY)
    {
      tessera_exchange_add_header (exchange, "Access-Control-Allow-Origin", "*");
      return TRUE;
    }
  const char *origin = tessera_exchange_get_header (exchange, "Origin");
  if (origin == NULL)
    return FALSE;
  tessera_exchange_add_header (exchange, "Vary", "Origin");
  if (!tessera_client_registry_allows_origin (self->engine.clients, origin))
    return FALSE;
  tessera_exchange_add_header (exchange, "Access-Control-Allow-Origin", origin);
  return TRUE;
}

static void
respond_preflight (TesseraServer *self, const TesseraRoute *route, TesseraExchange *exchange)
{
  if (allow_origin (self, route, exchange))
    {
      tessera_exchange_add_header (exchange, "Access-Control-Allow-Methods",
                                   get_allowed_methods (route->methods));
      tessera_exchange_add_header (exchange, "Access-Control-Allow-Headers",
                                   "Authorization, Content-Type");
      tessera_exchange_add_header (exchange, "Access-Control-Max-Age", "600");
    }
  tessera_exchange_respond (exchange, 204, NULL, NULL);
}

/* @wanted, with no parameter but charset=utf-8 (threats.md B03). */
static gboolean
is_of_type (const char *content_type, const char *wanted)
{
  if (content_type == NULL || g_ascii_strncasecmp (content_type, wanted, strlen (wanted)) != 0)
    return FALSE;
  const char *rest = content_type + strlen (wanted);
  rest += strspn (rest, " \t");
  if (*rest == '\0')
    return TRUE;
  if (*rest++ != ';')
    return FALSE;
  rest += strspn (rest, " \t");
  return *rest == '\0' || g_ascii_strcasecmp (rest, "charset=utf-8") == 0
         || g_ascii_strcasecmp (rest, "charset=\"utf-8\"") == 0;
}

/* FALSE when it was answered. HEAD is GET to the endpoints: the front leaves the body out. */
static gboolean
check_method (TesseraServer *self, const TesseraRoute *route, TesseraExchange *exchange)
{
  if (strcmp (exchange->method, "HEAD") == 0)
    exchange->method = "GET";
  if (strcmp (exchange->method, "GET") == 0 && (route->methods & METHOD_GET))
    return TRUE;
  if (strcmp (exchange->method, "POST") == 0 && (route->methods & METHOD_POST))
    return TRUE;
  if (strcmp (exchange->method, "PUT") == 0 && (route->methods & METHOD_PUT))
    return TRUE;
  if (strcmp (exchange->method, "DELETE") == 0 && (route->methods & METHOD_DELETE))
    return TRUE;
  if (strcmp (exchange->method, "OPTIONS") == 0 && route->origins != ORIGINS_NONE)
    {
      respond_preflight (self, route, exchange);
      return FALSE;
    }
  tessera_exchange_add_header (exchange, "Allow", get_allowed_methods (route->methods));
  tessera_exchange_respond_http_error (exchange, 405, "The method is not allowed here.");
  return FALSE;
}

static gboolean
check_media_type (const TesseraRoute *route, TesseraExchange *exchange)
{
  gboolean json = (route->methods & METHOD_JSON) != 0;
  const char *wanted = json ? "application/json" : "application/x-www-form-urlencoded";

  if (strcmp (exchange->method, "POST") != 0 && strcmp (exchange->method, "PUT") != 0)
    return TRUE;
  if ((route->methods & METHOD_EMPTY) && exchange->body_length == 0)
    return TRUE;
  if (is_of_type (tessera_exchange_get_header (exchange, "Content-Type"), wanted)
      && tessera_exchange_get_header (exchange, "Content-Encoding") == NULL)
    return TRUE;
  tessera_exchange_respond_http_error (exchange, 415,
                                       json
                                           ? "The body must be application/json."
                                           : "The body must be application/x-www-form-urlencoded.");
  return FALSE;
}

/* FALSE when a handler of before-request answered. */
static gboolean
ask_application (TesseraServer *self, TesseraExchange *exchange)
{
  if (!tessera_server_has_handler (self, TESSERA_SIGNAL_BEFORE_REQUEST))
    return TRUE;
  g_autoptr (TesseraRequest) request = tessera_request_new (exchange);
  tessera_server_emit (self, TESSERA_SIGNAL_BEFORE_REQUEST, request);
  tessera_request_close (request);
  return !exchange->answered;
}

static void
on_refused (TesseraExchange *exchange, const char *error, gpointer data)
{
  tessera_server_emit (data, TESSERA_SIGNAL_RESPONSE_ERROR, exchange->path, error);
}

static void
watch_refusals (TesseraServer *self, TesseraExchange *exchange)
{
  if (exchange->refused != NULL
      || !tessera_server_has_handler (self, TESSERA_SIGNAL_RESPONSE_ERROR))
    return;
  exchange->refused = on_refused;
  exchange->refused_data = g_object_ref (self);
  exchange->refused_data_free = g_object_unref;
}

/* Registered clients may turn out to be unreadable while this waits for one of them, or may have
 * done so although the context was not told yet: then it is not "no such client". */
static void
doubt_clients (TesseraServer *self, TesseraExchange *exchange)
{
  TesseraClientRegistry *clients = self->engine.clients;

  if (G_UNLIKELY (tessera_client_registry_is_loading (clients)
                  || tessera_client_registry_has_failed (clients)))
    tessera_exchange_doubt (exchange, tessera_client_registry_hold_failed (clients));
}

/* FALSE while the setup is under way (the exchange waits) or when it failed (answered). */
static gboolean
check_state (TesseraServer *self, TesseraExchange *exchange)
{
  g_autoptr (GError) error = NULL;

  if (G_LIKELY (self->state == TESSERA_SERVER_READY))
    {
      doubt_clients (self, exchange);
      if (tessera_server_settle (self, &error))
        return TRUE;
      tessera_exchange_respond_error (exchange, error, NULL);
      return FALSE;
    }
  gboolean may_wait = self->state == TESSERA_SERVER_IDLE || self->state == TESSERA_SERVER_SETUP;
  if (may_wait && self->waiting.length < WAITING_MAX)
    g_queue_push_tail (&self->waiting, tessera_exchange_ref (exchange));
  else
    tessera_exchange_respond_http_error (exchange, 503, "The server is not ready.");
  return FALSE;
}

static void
serve (TesseraServer *self, const TesseraRoute *route, TesseraExchange *exchange)
{
  if (!check_method (self, route, exchange) || !check_media_type (route, exchange))
    return;
  allow_origin (self, route, exchange);
  tessera_server_refresh_hooks (self);
  if (route->endpoint != NULL)
    route->endpoint (&self->engine, exchange);
  else
    route->page (self->interaction, exchange);
}

void
tessera_server_handle (TesseraServer *self, TesseraExchange *exchange)
{
  watch_refusals (self, exchange);
  const TesseraRoute *route = lookup_route (self, exchange->path);
  tessera_exchange_watch (exchange, self->engine.metrics, self->engine.audit,
                          route != NULL ? route->name : TESSERA_ENDPOINT_OTHER);
  if (route == NULL || !is_enabled (route, self->engine.settings))
    {
      tessera_exchange_respond_http_error (exchange, 404, "There is nothing here.");
      return;
    }
  if (!check_state (self, exchange) || !ask_application (self, exchange))
    return;
  /* Looked up again: the handler may have closed the server, or set another path. */
  route = lookup_route (self, exchange->path);
  if (self->state != TESSERA_SERVER_READY || route == NULL)
    tessera_exchange_respond_http_error (exchange, 503, "The server is not ready.");
  else
    serve (self, route, exchange);
}

void
tessera_server_drain_waiting (TesseraServer *self)
{
  /* A queue of its own, for handlers may let others wait again. */
  GQueue waiting = self->waiting;
  g_queue_init (&self->waiting);

  TesseraExchange *exchange;
  while ((exchange = g_queue_pop_head (&waiting)) != NULL)
    {
      tessera_server_handle (self, exchange);
      tessera_exchange_unref (exchange);
    }
}
