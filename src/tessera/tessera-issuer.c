/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An authorization server seen from a client: metadata (RFC 8414 §3), requests with the client's
 * credentials (RFC 6749 §2.3.1). */

#include "tessera-issuer.h"

#include <libsoup/soup.h>
#include <string.h>

#define TIMEOUT 30 /* seconds */
#define BODY_MAX (1024 * 1024)
#define FORM "application/x-www-form-urlencoded"

struct _TesseraIssuer
{
  SoupSession *session;
  json_t *metadata;
};

static gboolean fail (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

static gboolean
fail (GError **error, const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  g_autofree char *sentence = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, sentence);
  return FALSE;
}

/* Addresses */

/* Secrets travel by TLS, or do not leave the machine. */
static GUri *
parse_address (const char *address, GError **error)
{
  static const char *const loopback[] = { "127.0.0.1", "::1", "localhost", NULL };
  g_autoptr (GUri) uri = g_uri_parse (address, SOUP_HTTP_URI_FLAGS, NULL);
  const char *host = uri != NULL ? g_uri_get_host (uri) : NULL;

  if (host != NULL && *host != '\0' && g_uri_get_fragment (uri) == NULL
      && (g_str_equal (g_uri_get_scheme (uri), "https")
          || (g_str_equal (g_uri_get_scheme (uri), "http") && g_strv_contains (loopback, host))))
    return g_steal_pointer (&uri);
  fail (error, "%s is not an https address, nor an http address of this machine", address);
  return NULL;
}

/* RFC 8414 §3.1: the well-known part comes between host and path. */
static char *
make_metadata_address (const char *issuer, GError **error)
{
  g_autoptr (GUri) uri = parse_address (issuer, error);
  g_autofree char *path = NULL;
  gsize length = 0;

  if (uri == NULL)
    return NULL;
  if (g_uri_get_query (uri) != NULL)
    {
      fail (error, "an issuer has no query");
      return NULL;
    }
  path = g_strconcat ("/.well-known/oauth-authorization-server", g_uri_get_path (uri), NULL);
  length = strlen (path);
  if (path[length - 1] == '/')
    path[length - 1] = '\0';
  return g_uri_join (G_URI_FLAGS_ENCODED, g_uri_get_scheme (uri), NULL, g_uri_get_host (uri),
                     g_uri_get_port (uri), path, NULL, NULL);
}

/* Requests */

/* NULL with an error: it was cut off, or has no end. */
static GBytes *
read_body (GInputStream *stream, GError **error)
{
  g_autoptr (GByteArray) body = g_byte_array_new ();
  guint8 buffer[8192];
  gssize size = 0;

  while ((size = g_input_stream_read (stream, buffer, sizeof buffer, NULL, error)) > 0)
    {
      g_byte_array_append (body, buffer, (guint) size);
      if (body->len > BODY_MAX)
        {
          fail (error, "the answer is too long");
          return NULL;
        }
    }
  return size == 0 ? g_byte_array_free_to_bytes (g_steal_pointer (&body)) : NULL;
}

/* The answer as JSON; NULL with *out_status set, and no error, if it is none. */
static json_t *
send_message (TesseraIssuer *self, SoupMessage *message, guint *out_status, GError **error)
{
  g_autoptr (GInputStream) stream = NULL;
  g_autoptr (GBytes) body = NULL;
  gconstpointer data = NULL;
  gsize size = 0;

  soup_message_headers_replace (soup_message_get_request_headers (message), "Accept",
                                "application/json");
  soup_message_add_flags (message, SOUP_MESSAGE_NO_REDIRECT);
  stream = soup_session_send (self->session, message, NULL, error);
  if (stream == NULL)
    return NULL;
  body = read_body (stream, error);
  if (body == NULL)
    return NULL;
  *out_status = soup_message_get_status (message);
  data = g_bytes_get_data (body, &size);
  if (size == 0)
    return json_object ();
  return json_loadb (data, size, JSON_REJECT_DUPLICATES, NULL);
}

static json_t *
fetch_metadata (TesseraIssuer *self, const char *address, GError **error)
{
  g_autoptr (SoupMessage) message = soup_message_new ("GET", address);
  guint status = 0;
  json_t *metadata = NULL;

  if (message == NULL)
    fail (error, "%s is no address", address);
  else
    metadata = send_message (self, message, &status, error);
  if (status != 0 && (status != SOUP_STATUS_OK || !json_is_object (metadata)))
    {
      fail (error, "%s answered %u, and no metadata", address, status);
      g_clear_pointer (&metadata, json_decref);
    }
  return metadata;
}

static gboolean
trust (TesseraIssuer *self, const char *ca_file, GError **error)
{
  g_autofree char *path = g_canonicalize_filename (ca_file, NULL);
  g_autoptr (GTlsDatabase) database = g_tls_file_database_new (path, error);

  if (database == NULL)
    return FALSE;
  soup_session_set_tls_database (self->session, database);
  return TRUE;
}

TesseraIssuer *
tessera_issuer_discover (const char *issuer, const char *ca_file, GError **error)
{
  g_autofree char *address = make_metadata_address (issuer, error);
  g_autoptr (TesseraIssuer) self = g_new0 (TesseraIssuer, 1);
  const char *named = NULL;

  self->session = soup_session_new_with_options ("timeout", TIMEOUT, "user-agent", "tessera", NULL);
  if (address == NULL || (ca_file != NULL && !trust (self, ca_file, error)))
    return NULL;
  self->metadata = fetch_metadata (self, address, error);
  if (self->metadata == NULL)
    return NULL;
  /* RFC 8414 §3.3: what names itself otherwise is somebody else. */
  named = json_string_value (json_object_get (self->metadata, "issuer"));
  if (g_strcmp0 (named, issuer) == 0)
    return g_steal_pointer (&self);
  fail (error, "%s calls itself %s", address, named != NULL ? named : "nothing");
  return NULL;
}

void
tessera_issuer_free (TesseraIssuer *self)
{
  g_clear_object (&self->session);
  json_decref (self->metadata);
  g_free (self);
}

const char *
tessera_issuer_get_identifier (TesseraIssuer *self)
{
  return json_string_value (json_object_get (self->metadata, "issuer"));
}

const char *
tessera_issuer_get_endpoint (TesseraIssuer *self, const char *member, GError **error)
{
  const char *address = json_string_value (json_object_get (self->metadata, member));
  g_autoptr (GUri) uri = NULL;

  if (address == NULL)
    fail (error, "%s has no %s", tessera_issuer_get_identifier (self), member);
  else
    uri = parse_address (address, error);
  return uri != NULL ? address : NULL;
}

gboolean
tessera_issuer_names_itself (TesseraIssuer *self)
{
  return json_is_true (
      json_object_get (self->metadata, "authorization_response_iss_parameter_supported"));
}

/* Client authentication */

/* RFC 8414 §2: Basic unless the metadata says otherwise. */
static gboolean
takes_basic (TesseraIssuer *self)
{
  json_t *methods = json_object_get (self->metadata, "token_endpoint_auth_methods_supported");
  json_t *method = NULL;
  size_t i = 0;

  json_array_foreach (methods, i, method)
    if (g_strcmp0 (json_string_value (method), "client_secret_basic") == 0)
      return TRUE;
  return !json_is_array (methods);
}

static char *
encode_form (const char *text)
{
  g_autoptr (GHashTable) one = g_hash_table_new (g_str_hash, g_str_equal);
  g_autofree char *pair = NULL;

  g_hash_table_insert (one, (gpointer) "", (gpointer) text);
  pair = soup_form_encode_hash (one);
  return g_strdup (pair + 1);
}

/* RFC 6749 §2.3.1: both are form-urlencoded first. */
static char *
make_basic (const TesseraCredentials *credentials)
{
  g_autofree char *id = encode_form (credentials->client_id);
  g_autofree char *secret = encode_form (credentials->secret);
  g_autofree char *pair = g_strconcat (id, ":", secret, NULL);
  g_autofree char *encoded = g_base64_encode ((const guchar *) pair, strlen (pair));

  return g_strconcat ("Basic ", encoded, NULL);
}

static void
append_field (GString *form, const char *name, const char *value)
{
  g_autofree char *encoded = encode_form (value);

  g_string_append_printf (form, "%s%s=%s", form->len > 0 ? "&" : "", name, encoded);
}

static void
authenticate (TesseraIssuer *self,
              SoupMessage *message,
              const TesseraCredentials *credentials,
              GString *form)
{
  if (credentials->secret != NULL && takes_basic (self))
    {
      g_autofree char *basic = make_basic (credentials);
      soup_message_headers_replace (soup_message_get_request_headers (message), "Authorization",
                                    basic);
      return;
    }
  append_field (form, "client_id", credentials->client_id);
  if (credentials->secret != NULL)
    append_field (form, "client_secret", credentials->secret);
}

static void
fail_with_answer (GError **error, const char *address, guint status, json_t *answer)
{
  const char *code = json_string_value (json_object_get (answer, "error"));
  const char *description = json_string_value (json_object_get (answer, "error_description"));

  fail (error, "%s answered %u%s%s%s%s", address, status, code != NULL ? ": " : "",
        code != NULL ? code : "", description != NULL ? ", " : "",
        description != NULL ? description : "");
}

json_t *
tessera_issuer_post (TesseraIssuer *self,
                     const char *member,
                     const TesseraCredentials *credentials,
                     const char *const *fields,
                     GError **error)
{
  const char *address = tessera_issuer_get_endpoint (self, member, error);
  g_autoptr (SoupMessage) message = NULL;
  g_autoptr (GString) form = g_string_new (NULL);
  g_autoptr (GBytes) body = NULL;
  json_t *answer = NULL;
  guint status = 0;

  if (address == NULL)
    return NULL;
  message = soup_message_new ("POST", address);
  authenticate (self, message, credentials, form);
  for (; *fields != NULL; fields += 2)
    append_field (form, fields[0], fields[1]);
  body = g_bytes_new (form->str, form->len);
  soup_message_set_request_body_from_bytes (message, FORM, body);
  answer = send_message (self, message, &status, error);
  if (status == 0)
    return NULL;
  if (status == SOUP_STATUS_OK && json_is_object (answer))
    return answer;
  fail_with_answer (error, address, status, answer);
  json_decref (answer);
  return NULL;
}
