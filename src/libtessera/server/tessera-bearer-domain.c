/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guard: demands a Bearer token on HTTP requests and WebSocket handshakes (RFC 6750, RFC 6455
 * §4.2.2), and tells where tokens come from (RFC 9728). */

#include "server/tessera-bearer-domain.h"
#include "base/tessera-audit-private.h"
#include "base/tessera-bearer-private.h"
#include "base/tessera-log-private.h"
#include "base/tessera-secret-private.h"
#include "model/tessera-scope-private.h"
#include "server/tessera-bearer-credentials-private.h"
#include "server/tessera-resource-metadata-private.h"
#include "server/tessera-soup-adapter-private.h"
#include "server/tessera-websocket-watch-private.h"

/* How long a request waits for a checker that is still loading. */
#define READY_DEADLINE_SECONDS 15
#define WAITING_MAX 1024

/**
 * TesseraBearerDomain:
 *
 * The guard of an HTTP server: every request on the paths it covers needs a Bearer token.
 *
 * Make one with [ctor@Tessera.BearerDomain.new], which covers every path, and hand it to
 * [method@Soup.Server.add_auth_domain]. Plain requests and WebSocket handshakes are treated alike.
 * A request without a token is answered with 401 and a bare challenge; with a token that is
 * malformed, expired, revoked or meant for another audience, with 401 and `invalid_token`; with a
 * good token that lacks a scope, with 403 and `insufficient_scope`; with two `Authorization`
 * headers with 400 (RFC 6750 §3.1). While the checker is still loading, requests that carry a token
 * wait, 15 seconds at most. When it cannot tell, because what it knows is too old, they are
 * answered with 503 and `Retry-After`.
 *
 * The endpoints and pages of a [class@Tessera.Server] that is attached to the same HTTP server stay
 * open: exactly their paths, nothing below or beside them; and so does the metadata of the
 * protected resource, when [property@Tessera.BearerDomain:resource] is set. No WebSocket handshake
 * is ever exempt.
 *
 * A path can be taken out with [method@Soup.AuthDomain.remove_path]. Take it out only once, and
 * never one that was itself added, as those of WebSocket handlers and the place of the metadata
 * that [property@Tessera.BearerDomain:resource] adds are: libsoup (3.2 at least) takes the path
 * above it out instead. If that is `/`, the whole server is open. The filter of the auth domain is
 * used by the guard itself and must not be replaced. When several domains cover a path, libsoup
 * lets a request pass that one of them accepts: two guards on one path do not add up.
 *
 * The handler behind the guard asks [func@Tessera.get_access_token] who is calling.
 */
struct _TesseraBearerDomain
{
  SoupAuthDomain parent_instance;

  TesseraTokenChecker *checker;
  char *issuer; /* of a checker that tells one */
  char *audience;
  char *scope;
  TesseraResourceMetadata metadata;
  gboolean close_connection;
  TesseraExpiryPolicy expiry_policy;
  gboolean websocket_protocol_token;
  char **allowed_origins;

  GPtrArray *waiting; /* Waiting* */
  TesseraWebsocketWatch *watch;
};

/* A request whose token cannot be judged yet. */
typedef struct
{
  TesseraBearerDomain *domain;
  SoupServerMessage *message;
  char *token;
  GSource *deadline;
  gboolean gone; /* the client */
} Waiting;

typedef struct
{
  TesseraBearerDomain *domain;
  SoupServerWebsocketCallback callback;
  gpointer user_data;
  GDestroyNotify destroy;
} WebsocketHandler;

enum
{
  PROP_CHECKER = 1,
  PROP_AUDIENCE,
  PROP_SCOPE,
  PROP_RESOURCE,
  PROP_RESOURCE_NAME,
  PROP_RESOURCE_DOCUMENTATION,
  PROP_SCOPES_SUPPORTED,
  PROP_AUTHORIZATION_SERVERS,
  PROP_CLOSE_CONNECTION,
  PROP_EXPIRY_POLICY,
  PROP_WEBSOCKET_PROTOCOL_TOKEN,
  PROP_ALLOWED_ORIGINS,
  N_PROPS
};

enum
{
  SIGNAL_TOKEN_VALIDATED,
  SIGNAL_UNAUTHORIZED,
  N_SIGNALS
};

static GParamSpec *props[N_PROPS];
static guint signals[N_SIGNALS];

static G_DEFINE_QUARK (tessera_access_token, access_token);
static G_DEFINE_QUARK (tessera_bearer_refusal, refusal); /* GError* that the challenge tells */

G_DEFINE_FINAL_TYPE (TesseraBearerDomain, tessera_bearer_domain, SOUP_TYPE_AUTH_DOMAIN)

GType
tessera_expiry_policy_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[]
      = { { TESSERA_EXPIRY_POLICY_CLOSE, "TESSERA_EXPIRY_POLICY_CLOSE", "close" },
          { TESSERA_EXPIRY_POLICY_KEEP, "TESSERA_EXPIRY_POLICY_KEEP", "keep" },
          { TESSERA_EXPIRY_POLICY_RENEW, "TESSERA_EXPIRY_POLICY_RENEW", "renew" },
          { 0, NULL, NULL } };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("TesseraExpiryPolicy", values));
  return type;
}

/* What is refused, and how it is told */

static guint
get_status (const GError *error)
{
  if (g_error_matches (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_TOKEN))
    return SOUP_STATUS_UNAUTHORIZED;
  if (g_error_matches (error, TESSERA_ERROR, TESSERA_ERROR_INSUFFICIENT_SCOPE))
    return SOUP_STATUS_FORBIDDEN;
  if (g_error_matches (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST))
    return SOUP_STATUS_BAD_REQUEST;
  return SOUP_STATUS_SERVICE_UNAVAILABLE;
}

static char *
dup_challenge (TesseraBearerDomain *self, const GError *error)
{
  const char *realm = soup_auth_domain_get_realm (SOUP_AUTH_DOMAIN (self));

  /* RFC 6750 §3.1: without a token there is no error to name. */
  if (error == NULL)
    return tessera_bearer_dup_challenge (NULL, NULL, self->scope, self->metadata.url, realm);
  return tessera_bearer_dup_challenge (tessera_error_get_name (error->code), error->message,
                                       self->scope, self->metadata.url, realm);
}

static const char *
get_audience (TesseraBearerDomain *self)
{
  if (self->audience != NULL)
    return self->audience;
  return self->metadata.resource != NULL ? self->metadata.resource : self->issuer;
}

/* One line for the developer whose token is refused. Requests without one are too common to be told
 * of: every stranger makes some. */
static void
log_refusal (TesseraBearerDomain *self,
             SoupServerMessage *message,
             const char *name,
             const GError *error)
{
  g_autofree char *path
      = tessera_log_escape (g_uri_get_path (soup_server_message_get_uri (message)));
  g_autofree char *from = tessera_log_escape (soup_server_message_get_remote_host (message));
  g_autofree char *audience = tessera_log_escape (get_audience (self));
  g_autofree char *line = NULL;

  if (error == NULL)
    {
      g_info ("refused a request without a token from=\"%s\" path=\"%s\"", from, path);
      return;
    }
  if (name == NULL)
    name = "server_error";
  line = g_strdup_printf ("refused error=%s audience=\"%s\" from=\"%s\" path=\"%s\" because=\"%s\"",
                          name, audience, from, path, error->message);
  tessera_audit_write (NULL, TESSERA_AUDIT_RESOURCE_REFUSED,
                       &(TesseraAuditRecord){
                           .object = g_uri_get_path (soup_server_message_get_uri (message)),
                           .result = "refused",
                           .reason = name,
                           .remote_address = soup_server_message_get_remote_host (message),
                           .message = line,
                       });
}

/* What every refused answer has: the body of the request is not kept, the answer not cached. */
static void
prepare_refusal (TesseraBearerDomain *self, SoupServerMessage *message, const GError *error)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);
  const char *name = NULL;

  if (error != NULL && error->domain == TESSERA_ERROR)
    name = tessera_error_get_name (error->code);
  soup_message_body_set_accumulate (soup_server_message_get_request_body (message), FALSE);
  soup_message_headers_replace (headers, "Cache-Control", "no-store");
  if (self->close_connection)
    soup_message_headers_replace (headers, "Connection", "close");
  log_refusal (self, message, name, error);
  g_signal_emit (self, signals[SIGNAL_UNAUTHORIZED], 0, message, name);
}

static void
refuse (TesseraBearerDomain *self, SoupServerMessage *message, const GError *error)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);
  guint status = get_status (error);

  soup_server_message_set_status (message, status, NULL);
  if (status == SOUP_STATUS_SERVICE_UNAVAILABLE)
    soup_message_headers_replace (headers, "Retry-After", "1");
  else
    {
      g_autofree char *challenge = dup_challenge (self, error);
      soup_message_headers_append (headers, "WWW-Authenticate", challenge);
    }
  prepare_refusal (self, message, error);
}

static char *
tessera_bearer_domain_challenge (SoupAuthDomain *domain, SoupServerMessage *message)
{
  TesseraBearerDomain *self = TESSERA_BEARER_DOMAIN (domain);
  const GError *error = g_object_get_qdata (G_OBJECT (message), refusal_quark ());

  prepare_refusal (self, message, error);
  return dup_challenge (self, error);
}

/* What is accepted */

static gboolean
check_scope (TesseraBearerDomain *self, TesseraAccessToken *token, GError **error)
{
  if (tessera_scope_is_subset (self->scope, tessera_access_token_get_scope (token)))
    return TRUE;
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INSUFFICIENT_SCOPE,
                       "The access token lacks a scope");
  return FALSE;
}

static gboolean
ask_handlers (TesseraBearerDomain *self,
              TesseraAccessToken *token,
              SoupServerMessage *message,
              GError **error)
{
  gboolean agreed = FALSE;

  if (!g_signal_has_handler_pending (self, signals[SIGNAL_TOKEN_VALIDATED], 0, FALSE))
    return TRUE;
  g_signal_emit (self, signals[SIGNAL_TOKEN_VALIDATED], 0, token, message, &agreed);
  if (!agreed)
    g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INSUFFICIENT_SCOPE,
                         "The access token does not suffice here");
  return agreed;
}

/* Checker and handlers belong to the application, which may end the connection in them. Who it was
 * is wanted for the log even then, and libsoup knows it later only if it was asked before. */
static TesseraAccessToken *
check_token (TesseraBearerDomain *self,
             const char *text,
             SoupServerMessage *message,
             GError **error)
{
  g_autoptr (TesseraAccessToken) token = NULL;

  if (message != NULL)
    soup_server_message_get_remote_address (message);
  token = tessera_token_checker_check (self->checker, text, get_audience (self), error);
  if (token == NULL || !check_scope (self, token, error)
      || !ask_handlers (self, token, message, error))
    return NULL;
  return g_steal_pointer (&token);
}

static gboolean
admit (TesseraBearerDomain *self, SoupServerMessage *message, const char *text, GError **error)
{
  TesseraAccessToken *token = check_token (self, text, message, error);

  if (token == NULL)
    return FALSE;
  g_object_set_qdata_full (G_OBJECT (message), access_token_quark (), token, g_object_unref);
  return TRUE;
}

/* Requests that came while the checker was loading */

static void
waiting_free (Waiting *waiting)
{
  g_signal_handlers_disconnect_by_data (waiting->message, waiting);
  g_source_destroy (waiting->deadline);
  g_source_unref (waiting->deadline);
  tessera_secret_free (waiting->token);
  g_object_unref (waiting->message);
  g_object_unref (waiting->domain);
  g_free (waiting);
}

/* libsoup has nothing to go on with once the connection has ended. */
static void
go_on (Waiting *waiting)
{
  if (!waiting->gone)
    soup_server_message_unpause (waiting->message);
  waiting_free (waiting);
}

/* Nobody is left to be refused when the application ended the connection while it was asked. */
static void
decide (Waiting *waiting)
{
  TesseraBearerDomain *self = waiting->domain;
  g_autoptr (GError) error = NULL;

  if (!admit (self, waiting->message, waiting->token, &error) && !waiting->gone)
    {
      g_object_set_qdata_full (G_OBJECT (waiting->message), refusal_quark (), g_error_copy (error),
                               (GDestroyNotify) g_error_free);
      if (get_status (error) == SOUP_STATUS_UNAUTHORIZED)
        soup_auth_domain_challenge (SOUP_AUTH_DOMAIN (self), waiting->message);
      else
        refuse (self, waiting->message, error);
    }
  go_on (waiting);
}

static void
on_checker_changed (TesseraBearerDomain *self)
{
  g_autoptr (TesseraBearerDomain) guard = g_object_ref (self);

  while (self->waiting->len > 0 && tessera_token_checker_is_ready (self->checker))
    decide (g_ptr_array_steal_index (self->waiting, 0));
}

/* Of a message that is paused, libsoup tells no other end. It may be the application that ends the
 * connection, while it hears what was decided. */
static void
on_disconnected (SoupServerMessage *message, Waiting *waiting)
{
  waiting->gone = TRUE;
  if (g_ptr_array_remove (waiting->domain->waiting, waiting))
    waiting_free (waiting);
}

static GError *
new_not_ready_error (void)
{
  return g_error_new_literal (TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE,
                              "Access tokens cannot be checked yet");
}

static gboolean
on_deadline (gpointer data)
{
  Waiting *waiting = data;
  g_autoptr (GError) error = new_not_ready_error ();

  g_ptr_array_remove (waiting->domain->waiting, waiting);
  refuse (waiting->domain, waiting->message, error);
  go_on (waiting);
  return G_SOURCE_REMOVE;
}

static void
wait_until_ready (TesseraBearerDomain *self, SoupServerMessage *message, const char *token)
{
  Waiting *waiting = g_new0 (Waiting, 1);
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();

  waiting->domain = g_object_ref (self);
  waiting->message = g_object_ref (message);
  waiting->token = g_strdup (token);
  waiting->deadline = g_timeout_source_new_seconds (READY_DEADLINE_SECONDS);
  g_source_set_callback (waiting->deadline, on_deadline, waiting, NULL);
  g_source_attach (waiting->deadline, context);
  g_signal_connect (message, "disconnected", G_CALLBACK (on_disconnected), waiting);
  g_ptr_array_add (self->waiting, waiting);
  soup_server_message_pause (message);
}

/* What libsoup asks */

/* TRUE: it is answered, and libsoup runs no handler. */
static gboolean
answer_metadata (TesseraBearerDomain *self, SoupServerMessage *message)
{
  if (!tessera_resource_metadata_is_wanted (&self->metadata, message))
    return FALSE;
  tessera_resource_metadata_answer (
      message, tessera_resource_metadata_serialise (&self->metadata, self->issuer, self->scope));
  return TRUE;
}

/* TRUE: a token is needed. Not by the path: an endpoint that no server serves here, because it is
 * attached elsewhere or was detached, would be an open door to the application's handlers. */
static gboolean
needs_token (SoupAuthDomain *domain, SoupServerMessage *message, gpointer data)
{
  TesseraBearerDomain *self = TESSERA_BEARER_DOMAIN (domain);
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);

  if (!tessera_bearer_credentials_is_handshake (headers))
    return !tessera_soup_adapter_has_taken (message) && !answer_metadata (self, message);
  if (self->websocket_protocol_token)
    tessera_bearer_credentials_take_protocol_token (headers,
                                                    (const char *const *) self->allowed_origins);
  return TRUE;
}

/* libsoup turns NULL into a 401 with the challenge. An answer with another status is complete when
 * it is set here: libsoup then runs no handler, and asks for no challenge when a name comes back.
 */
static char *
answer (TesseraBearerDomain *self, SoupServerMessage *message, GError *error)
{
  g_object_set_qdata_full (G_OBJECT (message), refusal_quark (), error,
                           (GDestroyNotify) g_error_free);
  if (get_status (error) == SOUP_STATUS_UNAUTHORIZED)
    return NULL;
  refuse (self, message, error);
  return g_strdup ("");
}

static char *
tessera_bearer_domain_accepts (SoupAuthDomain *domain,
                               SoupServerMessage *message,
                               const char *header)
{
  TesseraBearerDomain *self = TESSERA_BEARER_DOMAIN (domain);
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);
  g_autoptr (TesseraSecret) token = tessera_bearer_parse (header);
  GError *error = NULL;

  if (tessera_bearer_credentials_count_headers (headers, "Authorization") > 1)
    return answer (self, message,
                   g_error_new_literal (TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST,
                                        "There is more than one Authorization header"));
  if (token == NULL)
    return NULL;
  if (!tessera_token_checker_is_ready (self->checker))
    {
      if (self->waiting->len >= WAITING_MAX)
        return answer (self, message, new_not_ready_error ());
      wait_until_ready (self, message, token);
      return g_strdup ("");
    }
  if (!admit (self, message, token, &error))
    return answer (self, message, error);
  return g_strdup (tessera_access_token_get_subject (tessera_get_access_token (message)));
}

/* Bearer tokens know no passwords. */
static gboolean
tessera_bearer_domain_check_password (SoupAuthDomain *domain,
                                      SoupServerMessage *message,
                                      const char *username,
                                      const char *password)
{
  return FALSE;
}

/* The object */

/* The first handler that says no decides. */
static gboolean
all_must_agree (GSignalInvocationHint *hint,
                GValue *accumulated,
                const GValue *returned,
                gpointer data)
{
  gboolean agreed = g_value_get_boolean (returned);

  g_value_set_boolean (accumulated, agreed);
  return agreed;
}

static void
tessera_bearer_domain_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  TesseraBearerDomain *self = TESSERA_BEARER_DOMAIN (object);

  switch (id)
    {
    case PROP_CHECKER:
      g_value_set_object (value, self->checker);
      break;
    case PROP_AUDIENCE:
      g_value_set_string (value, self->audience);
      break;
    case PROP_SCOPE:
      g_value_set_string (value, self->scope);
      break;
    case PROP_RESOURCE:
      g_value_set_string (value, self->metadata.resource);
      break;
    case PROP_RESOURCE_NAME:
      g_value_set_string (value, self->metadata.name);
      break;
    case PROP_RESOURCE_DOCUMENTATION:
      g_value_set_string (value, self->metadata.documentation);
      break;
    case PROP_SCOPES_SUPPORTED:
      g_value_set_boxed (value, self->metadata.scopes_supported);
      break;
    case PROP_AUTHORIZATION_SERVERS:
      g_value_set_boxed (value, self->metadata.authorization_servers);
      break;
    case PROP_CLOSE_CONNECTION:
      g_value_set_boolean (value, self->close_connection);
      break;
    case PROP_EXPIRY_POLICY:
      g_value_set_enum (value, self->expiry_policy);
      break;
    case PROP_WEBSOCKET_PROTOCOL_TOKEN:
      g_value_set_boolean (value, self->websocket_protocol_token);
      break;
    case PROP_ALLOWED_ORIGINS:
      g_value_set_boxed (value, self->allowed_origins);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
set_expiry_policy (TesseraBearerDomain *self, TesseraExpiryPolicy policy)
{
  self->expiry_policy = policy;
  if (self->watch != NULL)
    tessera_websocket_watch_set_policy (self->watch, policy);
}

/* The guard covers the place of the metadata too, else it would not be asked about it. A place of
 * before stays covered: closed. */
static void
set_resource (TesseraBearerDomain *self, const char *resource)
{
  if (!tessera_resource_metadata_set_resource (&self->metadata, resource))
    g_critical ("A resource must be an https URL, or http on a loopback address, with a plain path "
                "and without a query");
  else if (resource != NULL)
    soup_auth_domain_add_path (SOUP_AUTH_DOMAIN (self), self->metadata.path);
}

static void
tessera_bearer_domain_set_property (GObject *object,
                                    guint id,
                                    const GValue *value,
                                    GParamSpec *pspec)
{
  TesseraBearerDomain *self = TESSERA_BEARER_DOMAIN (object);

  switch (id)
    {
    case PROP_CHECKER:
      self->checker = g_value_dup_object (value);
      break;
    case PROP_AUDIENCE:
      g_free (self->audience);
      self->audience = g_value_dup_string (value);
      break;
    case PROP_SCOPE:
      g_free (self->scope);
      self->scope = g_value_dup_string (value);
      break;
    case PROP_RESOURCE:
      set_resource (self, g_value_get_string (value));
      break;
    case PROP_RESOURCE_NAME:
      g_free (self->metadata.name);
      self->metadata.name = g_value_dup_string (value);
      break;
    case PROP_RESOURCE_DOCUMENTATION:
      g_free (self->metadata.documentation);
      self->metadata.documentation = g_value_dup_string (value);
      break;
    case PROP_SCOPES_SUPPORTED:
      g_strfreev (self->metadata.scopes_supported);
      self->metadata.scopes_supported = g_value_dup_boxed (value);
      break;
    case PROP_AUTHORIZATION_SERVERS:
      g_strfreev (self->metadata.authorization_servers);
      self->metadata.authorization_servers = g_value_dup_boxed (value);
      break;
    case PROP_CLOSE_CONNECTION:
      self->close_connection = g_value_get_boolean (value);
      break;
    case PROP_EXPIRY_POLICY:
      set_expiry_policy (self, g_value_get_enum (value));
      break;
    case PROP_WEBSOCKET_PROTOCOL_TOKEN:
      self->websocket_protocol_token = g_value_get_boolean (value);
      break;
    case PROP_ALLOWED_ORIGINS:
      g_strfreev (self->allowed_origins);
      self->allowed_origins = g_value_dup_boxed (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

/* A server and a verifier have it as a property. */
static char *
dup_issuer (TesseraTokenChecker *checker)
{
  GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (checker), "issuer");
  char *issuer = NULL;

  if (pspec != NULL && G_PARAM_SPEC_VALUE_TYPE (pspec) == G_TYPE_STRING)
    g_object_get (checker, "issuer", &issuer, NULL);
  return issuer;
}

static void
tessera_bearer_domain_constructed (GObject *object)
{
  TesseraBearerDomain *self = TESSERA_BEARER_DOMAIN (object);

  G_OBJECT_CLASS (tessera_bearer_domain_parent_class)->constructed (object);
  g_return_if_fail (self->checker != NULL);
  self->issuer = dup_issuer (self->checker);
  soup_auth_domain_set_filter (SOUP_AUTH_DOMAIN (self), needs_token, NULL, NULL);
  self->watch = tessera_websocket_watch_new (self->checker);
  tessera_websocket_watch_set_policy (self->watch, self->expiry_policy);
  g_signal_connect_object (self->checker, "changed", G_CALLBACK (on_checker_changed), self,
                           G_CONNECT_SWAPPED);
}

static void
tessera_bearer_domain_finalize (GObject *object)
{
  TesseraBearerDomain *self = TESSERA_BEARER_DOMAIN (object);

  g_clear_pointer (&self->watch, tessera_websocket_watch_unref);
  g_ptr_array_unref (self->waiting);
  g_strfreev (self->allowed_origins);
  g_free (self->scope);
  g_free (self->audience);
  g_free (self->issuer);
  tessera_resource_metadata_clear (&self->metadata);
  g_clear_object (&self->checker);
  G_OBJECT_CLASS (tessera_bearer_domain_parent_class)->finalize (object);
}

static void
install_metadata_properties (GParamFlags flags)
{
  /**
   * TesseraBearerDomain:resource:
   *
   * The identifier of what is guarded, as clients know it: an `https` URL, or `http` on a loopback
   * address, with a plain path and without a query (RFC 9728 §1.2).
   *
   * Once it is set, the guard serves the metadata of the protected resource to everybody, at
   * `/.well-known/oauth-protected-resource`, followed by the path of the resource (RFC 9728 §3.1),
   * and each challenge names that place as `resource_metadata` (§5.1), so that a client which knows
   * nothing but the address of the resource finds the server that issues tokens for it. Tokens must
   * then be meant for the resource, unless [property@Tessera.BearerDomain:audience] says another.
   *
   * %NULL by default: no metadata. What the guard is behind a proxy it cannot know.
   */
  props[PROP_RESOURCE] = g_param_spec_string ("resource", NULL, NULL, NULL, flags);
  /**
   * TesseraBearerDomain:resource-name:
   *
   * The resource's name for people, in its metadata (`resource_name`, RFC 9728 §2).
   */
  props[PROP_RESOURCE_NAME] = g_param_spec_string ("resource-name", NULL, NULL, NULL, flags);
  /**
   * TesseraBearerDomain:resource-documentation:
   *
   * The address of a page for developers, in the metadata (`resource_documentation`, RFC 9728 §2).
   */
  props[PROP_RESOURCE_DOCUMENTATION]
      = g_param_spec_string ("resource-documentation", NULL, NULL, NULL, flags);
  /**
   * TesseraBearerDomain:scopes-supported:
   *
   * The scopes that are of use at the resource, in its metadata (`scopes_supported`, RFC 9728 §2).
   * When %NULL those of [property@Tessera.BearerDomain:scope].
   */
  props[PROP_SCOPES_SUPPORTED]
      = g_param_spec_boxed ("scopes-supported", NULL, NULL, G_TYPE_STRV, flags);
  /**
   * TesseraBearerDomain:authorization-servers:
   *
   * The issuers of tokens for the resource, in its metadata (`authorization_servers`, RFC 9728 §2).
   * When %NULL the checker's.
   */
  props[PROP_AUTHORIZATION_SERVERS]
      = g_param_spec_boxed ("authorization-servers", NULL, NULL, G_TYPE_STRV, flags);
}

static void
install_properties (GObjectClass *object_class)
{
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;

  /**
   * TesseraBearerDomain:checker:
   *
   * Who decides about tokens: a [class@Tessera.Server], or another token checker.
   */
  props[PROP_CHECKER] = g_param_spec_object ("checker", NULL, NULL, TESSERA_TYPE_TOKEN_CHECKER,
                                             flags | G_PARAM_CONSTRUCT_ONLY);
  /**
   * TesseraBearerDomain:audience:
   *
   * Whom tokens must be meant for (`aud`, RFC 9068 §4). When %NULL:
   * [property@Tessera.BearerDomain:resource], else the issuer, when the checker has a property
   * `issuer` as [class@Tessera.Server] has, else whatever the checker accepts.
   */
  props[PROP_AUDIENCE] = g_param_spec_string ("audience", NULL, NULL, NULL, flags);
  /**
   * TesseraBearerDomain:scope:
   *
   * The scopes every request needs, separated by single spaces (RFC 6749 §3.3). A token without one
   * of them is answered with 403 `insufficient_scope`.
   */
  props[PROP_SCOPE] = g_param_spec_string ("scope", NULL, NULL, NULL, flags);
  install_metadata_properties (flags);
  /**
   * TesseraBearerDomain:close-connection:
   *
   * Whether a connection is closed after a refused request. %FALSE by default.
   */
  props[PROP_CLOSE_CONNECTION]
      = g_param_spec_boolean ("close-connection", NULL, NULL, FALSE, flags);
  /**
   * TesseraBearerDomain:expiry-policy:
   *
   * What becomes of an open WebSocket when its token expires: %TESSERA_EXPIRY_POLICY_CLOSE by
   * default.
   */
  props[PROP_EXPIRY_POLICY]
      = g_param_spec_enum ("expiry-policy", NULL, NULL, TESSERA_TYPE_EXPIRY_POLICY,
                           TESSERA_EXPIRY_POLICY_CLOSE, flags);
  /**
   * TesseraBearerDomain:websocket-protocol-token:
   *
   * Whether a browser may send its token as the second of two `Sec-WebSocket-Protocol` values, as
   * in `new WebSocket (url, ["app-protocol", token])`. Only from
   * [property@Tessera.BearerDomain:allowed-origins]. %FALSE by default.
   */
  props[PROP_WEBSOCKET_PROTOCOL_TOKEN]
      = g_param_spec_boolean ("websocket-protocol-token", NULL, NULL, FALSE, flags);
  /**
   * TesseraBearerDomain:allowed-origins:
   *
   * The origins (`scheme://host[:port]`, RFC 6454 §6.2) whose pages may send a token as a WebSocket
   * protocol.
   */
  props[PROP_ALLOWED_ORIGINS]
      = g_param_spec_boxed ("allowed-origins", NULL, NULL, G_TYPE_STRV, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
tessera_bearer_domain_class_init (TesseraBearerDomainClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  SoupAuthDomainClass *domain_class = SOUP_AUTH_DOMAIN_CLASS (klass);

  object_class->get_property = tessera_bearer_domain_get_property;
  object_class->set_property = tessera_bearer_domain_set_property;
  object_class->constructed = tessera_bearer_domain_constructed;
  object_class->finalize = tessera_bearer_domain_finalize;
  domain_class->accepts = tessera_bearer_domain_accepts;
  domain_class->challenge = tessera_bearer_domain_challenge;
  domain_class->check_password = tessera_bearer_domain_check_password;
  install_properties (object_class);

  /**
   * TesseraBearerDomain::token-validated:
   * @self: the guard
   * @token: a good token, with the scopes that are needed
   * @message: (nullable): the request, or %NULL when a WebSocket renews its token
   *
   * A token was found good. A handler may still refuse it, and that is all it can do: the first
   * that returns %FALSE decides, and the request is answered with 403.
   *
   * Returns: whether the token may be used here
   */
  signals[SIGNAL_TOKEN_VALIDATED]
      = g_signal_new ("token-validated", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0,
                      all_must_agree, NULL, NULL, G_TYPE_BOOLEAN, 2, TESSERA_TYPE_ACCESS_TOKEN,
                      SOUP_TYPE_SERVER_MESSAGE);
  /**
   * TesseraBearerDomain::unauthorized:
   * @self: the guard
   * @message: the refused request
   * @error: (nullable): the error code as on the wire (RFC 6750 §3.1); %NULL when there was no
   * token
   *
   * A request was refused.
   */
  signals[SIGNAL_UNAUTHORIZED]
      = g_signal_new ("unauthorized", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                      NULL, G_TYPE_NONE, 2, SOUP_TYPE_SERVER_MESSAGE, G_TYPE_STRING);
}

static void
tessera_bearer_domain_init (TesseraBearerDomain *self)
{
  self->waiting = g_ptr_array_new ();
}

/**
 * tessera_bearer_domain_new:
 * @checker: who decides about tokens
 *
 * Makes a guard for every path; if @checker is a [class@Tessera.Server], for all but its endpoints.
 * It guards nothing until it is handed to [method@Soup.Server.add_auth_domain].
 *
 * Returns: (transfer full): a new guard
 */
TesseraBearerDomain *
tessera_bearer_domain_new (TesseraTokenChecker *checker)
{
  TesseraBearerDomain *self;

  g_return_val_if_fail (TESSERA_IS_TOKEN_CHECKER (checker), NULL);
  self = g_object_new (TESSERA_TYPE_BEARER_DOMAIN, "checker", checker, "realm", "tessera", NULL);
  soup_auth_domain_add_path (SOUP_AUTH_DOMAIN (self), "/");
  return self;
}

/**
 * tessera_get_access_token:
 * @message: a request
 *
 * Tells who is calling: the access token of a request that a guard let pass.
 *
 * Returns: (transfer none) (nullable): the verified token, or %NULL when no guard saw the request
 */
TesseraAccessToken *
tessera_get_access_token (SoupServerMessage *message)
{
  g_return_val_if_fail (SOUP_IS_SERVER_MESSAGE (message), NULL);
  return g_object_get_qdata (G_OBJECT (message), access_token_quark ());
}

/* WebSockets */

static gboolean
watch_websocket (TesseraBearerDomain *self,
                 SoupServerMessage *message,
                 SoupWebsocketConnection *connection)
{
  TesseraAccessToken *token = tessera_get_access_token (message);

  if (token != NULL)
    return tessera_websocket_watch_add (self->watch, connection, token);
  g_warning ("A WebSocket was opened on a path that no guard covers; it is closed");
  tessera_websocket_watch_reject (self->watch, connection);
  return FALSE;
}

/**
 * tessera_bearer_domain_watch_websocket:
 * @self: the guard that let the handshake pass
 * @message: the handshake
 * @connection: the connection it opened
 *
 * Makes @connection end with its token: it is closed with 1008 within a second after the token was
 * revoked, and when it expires by [property@Tessera.BearerDomain:expiry-policy]. This is the one
 * line for an application's own WebSocket handler; call it before connecting to the connection's
 * signals, so that messages which arrive after the end are not delivered. @connection is not kept
 * alive.
 */
void
tessera_bearer_domain_watch_websocket (TesseraBearerDomain *self,
                                       SoupServerMessage *message,
                                       SoupWebsocketConnection *connection)
{
  g_return_if_fail (TESSERA_IS_BEARER_DOMAIN (self));
  g_return_if_fail (SOUP_IS_SERVER_MESSAGE (message));
  g_return_if_fail (SOUP_IS_WEBSOCKET_CONNECTION (connection));
  watch_websocket (self, message, connection);
}

static void
on_websocket (SoupServer *server,
              SoupServerMessage *message,
              const char *path,
              SoupWebsocketConnection *connection,
              gpointer data)
{
  WebsocketHandler *handler = data;

  if (watch_websocket (handler->domain, message, connection))
    handler->callback (server, message, path, connection, handler->user_data);
}

static void
websocket_handler_free (gpointer data)
{
  WebsocketHandler *handler = data;

  if (handler->destroy != NULL)
    handler->destroy (handler->user_data);
  g_object_unref (handler->domain);
  g_free (handler);
}

/**
 * tessera_bearer_domain_add_websocket_handler:
 * @self: the guard
 * @server: the server the guard was added to
 * @path: the toplevel path of the handler
 * @origin: (nullable): the origin connections must come from
 * @protocols: (nullable) (array zero-terminated=1): the protocols that are spoken
 * @callback: (scope notified) (closure user_data) (destroy destroy): called for each connection
 * @user_data: data for @callback
 * @destroy: frees @user_data
 *
 * The same as [method@Soup.Server.add_websocket_handler], and each connection is watched as by
 * [method@Tessera.BearerDomain.watch_websocket]. @path becomes one of the guard's. As with libsoup,
 * @callback must keep a reference to the connection.
 */
void
tessera_bearer_domain_add_websocket_handler (TesseraBearerDomain *self,
                                             SoupServer *server,
                                             const char *path,
                                             const char *origin,
                                             char **protocols,
                                             SoupServerWebsocketCallback callback,
                                             gpointer user_data,
                                             GDestroyNotify destroy)
{
  WebsocketHandler *handler;

  g_return_if_fail (TESSERA_IS_BEARER_DOMAIN (self));
  g_return_if_fail (SOUP_IS_SERVER (server));
  g_return_if_fail (callback != NULL);
  handler = g_new0 (WebsocketHandler, 1);
  handler->domain = g_object_ref (self);
  handler->callback = callback;
  handler->user_data = user_data;
  handler->destroy = destroy;
  soup_auth_domain_add_path (SOUP_AUTH_DOMAIN (self), path != NULL ? path : "/");
  soup_server_add_websocket_handler (server, path, origin, protocols, on_websocket, handler,
                                     websocket_handler_free);
}

static gboolean
check_renewal (TesseraAccessToken *old, TesseraAccessToken *new, GError **error)
{
  if (g_strcmp0 (tessera_access_token_get_subject (old), tessera_access_token_get_subject (new))
          == 0
      && g_strcmp0 (tessera_access_token_get_client_id (old),
                    tessera_access_token_get_client_id (new))
             == 0
      && tessera_access_token_get_issued_at (new) >= tessera_access_token_get_issued_at (old))
    return TRUE;
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_TOKEN,
                       "The token is not a newer one of the same subject and client");
  return FALSE;
}

/**
 * tessera_bearer_domain_renew_websocket:
 * @self: a guard with the policy %TESSERA_EXPIRY_POLICY_RENEW
 * @connection: a connection it watches
 * @token: a newer access token of the same subject and client
 * @error: return location for an error
 *
 * Lets @connection live on with @token, which the client sent over it in a way of the application's
 * own. Everything is asked of @token that was asked at the handshake. On failure the connection
 * keeps its old token.
 *
 * Errors: %TESSERA_ERROR_INVALID_TOKEN, %TESSERA_ERROR_INSUFFICIENT_SCOPE,
 * %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE; %TESSERA_ERROR_ACCESS_DENIED when @connection is not
 * watched, or the policy is another.
 *
 * Returns: %TRUE when @token took the old one's place
 */
gboolean
tessera_bearer_domain_renew_websocket (TesseraBearerDomain *self,
                                       SoupWebsocketConnection *connection,
                                       const char *token,
                                       GError **error)
{
  TesseraAccessToken *old;
  g_autoptr (TesseraAccessToken) new = NULL;

  g_return_val_if_fail (TESSERA_IS_BEARER_DOMAIN (self), FALSE);
  g_return_val_if_fail (SOUP_IS_WEBSOCKET_CONNECTION (connection), FALSE);
  g_return_val_if_fail (token != NULL, FALSE);
  old = tessera_websocket_watch_lookup (self->watch, connection);
  if (old == NULL || self->expiry_policy != TESSERA_EXPIRY_POLICY_RENEW)
    {
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_ACCESS_DENIED,
                           "The connection cannot be renewed");
      return FALSE;
    }
  new = check_token (self, token, NULL, error);
  if (new == NULL || !check_renewal (old, new, error))
    return FALSE;
  return tessera_websocket_watch_add (self->watch, connection, new);
}
