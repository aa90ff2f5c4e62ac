/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An issuer for tests: over SoupServer, its deny-list over plain sockets. */

#include "fake-issuer.h"

#include "base/tessera-json-private.h"
#include "base/tessera-secret-private.h"
#include "feed-maker.h"
#include "jose/tessera-jwt-private.h"

#include <stdlib.h>
#include <string.h>

#define PIECE 4096

static char *
make_jwks (FakeIssuer *self)
{
  g_autoptr (json_t) keys = json_array ();

  for (guint i = 0; i < self->keys->len; i++)
    json_array_append_new (keys, tessera_key_to_jwk (self->keys->pdata[i]));
  g_autoptr (json_t) jwks = json_pack ("{s:O}", "keys", keys);
  return tessera_json_dump (jwks);
}

static char *
make_metadata (FakeIssuer *self)
{
  g_autofree char *feed
      = g_strdup_printf (",\"token_endpoint\":\"%s/token\",\"tessera_deny_list_endpoint\":"
                         "\"%s/deny-list\",\"tessera_deny_list_events_endpoint\":\"%s/events\"",
                         self->feed->uri, self->feed->uri, self->feed->uri);

  return g_strdup_printf ("{\"issuer\":\"%s\",\"jwks_uri\":\"%s/jwks\"%s}", self->issuer,
                          self->issuer, self->has_feed ? feed : "");
}

static void
on_wrote_chunk (SoupServerMessage *message, gpointer data)
{
  static char piece[PIECE];

  memset (piece, ' ', sizeof piece);
  soup_message_body_append (soup_server_message_get_response_body (message), SOUP_MEMORY_STATIC,
                            piece, sizeof piece);
}

static void
answer (FakeIssuer *self, SoupServerMessage *message, const char *body)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);

  soup_server_message_set_status (message, self->status, NULL);
  if (self->location != NULL)
    soup_message_headers_replace (headers, "Location", self->location);
  if (self->cache_control != NULL)
    soup_message_headers_replace (headers, "Cache-Control", self->cache_control);
  if (self->is_mute)
    {
      soup_server_message_pause (message);
      return;
    }
  if (self->is_endless)
    {
      soup_message_headers_set_encoding (headers, SOUP_ENCODING_CHUNKED);
      soup_message_body_set_accumulate (soup_server_message_get_response_body (message), FALSE);
      g_signal_connect (message, "wrote-chunk", G_CALLBACK (on_wrote_chunk), NULL);
      on_wrote_chunk (message, NULL);
      return;
    }
  soup_server_message_set_response (message, "application/json", SOUP_MEMORY_COPY, body,
                                    strlen (body));
}

static void
on_request (SoupServer *server,
            SoupServerMessage *message,
            const char *path,
            GHashTable *query,
            gpointer data)
{
  FakeIssuer *self = data;

  if (g_str_equal (path, "/jwks"))
    {
      g_autofree char *jwks = self->jwks != NULL ? g_strdup (self->jwks) : make_jwks (self);
      self->n_jwks++;
      answer (self, message, jwks);
      return;
    }
  g_assert_cmpstr (path, ==, "/.well-known/oauth-authorization-server");
  g_autofree char *metadata
      = self->metadata != NULL ? g_strdup (self->metadata) : make_metadata (self);
  self->n_metadata++;
  answer (self, message, metadata);
}

FakeIssuer *
fake_issuer_new (TesseraKey *key)
{
  FakeIssuer *self = g_new0 (FakeIssuer, 1);
  GSList *uris = NULL;

  self->status = SOUP_STATUS_OK;
  self->has_feed = TRUE;
  self->keys = g_ptr_array_new_with_free_func ((GDestroyNotify) tessera_key_unref);
  g_ptr_array_add (self->keys, tessera_key_ref (key));
  self->feed = feed_server_new (key);
  self->server = soup_server_new (NULL, NULL);
  soup_server_add_handler (self->server, NULL, on_request, self, NULL);
  g_assert_true (soup_server_listen_local (self->server, 0, SOUP_SERVER_LISTEN_IPV4_ONLY, NULL));
  uris = soup_server_get_uris (self->server);
  self->issuer = g_strdup_printf ("http://127.0.0.1:%d", g_uri_get_port (uris->data));
  feed_maker_issuer = self->issuer;
  g_slist_free_full (uris, (GDestroyNotify) g_uri_unref);
  return self;
}

void
fake_issuer_free (FakeIssuer *self)
{
  soup_server_disconnect (self->server);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_object_unref (self->server);
  feed_server_free (self->feed);
  g_ptr_array_unref (self->keys);
  feed_maker_issuer = FEED_MAKER_ISSUER;
  g_free (self->issuer);
  g_free (self->metadata);
  g_free (self->jwks);
  g_free (self->location);
  g_free (self->cache_control);
  g_free (self);
}

char *
fake_issuer_sign (FakeIssuer *self, TesseraKey *key, const char *typ, const char *more)
{
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  g_autofree char *jti = tessera_uuid_new (now * 1000);
  g_autofree char *other = g_strdup_printf ("{%s}", more);
  g_autoptr (json_t) others = json_loads (other, 0, NULL);
  g_autoptr (json_t) claims
      = json_pack ("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "iss", self->issuer, "sub", "c1",
                   "aud", "https://api.test", "client_id", "c1", "scope", "a b", "jti", jti, "iat",
                   (json_int_t) now, "exp", (json_int_t) now + 600);
  const char *name;
  json_t *value;

  g_assert_nonnull (others);
  json_object_foreach (others, name, value)
    {
      if (json_is_null (value))
        json_object_del (claims, name);
      else
        json_object_set (claims, name, value);
    }
  /* In the order of our own issuer. */
  char *json = json_dumps (claims, JSON_COMPACT | JSON_SORT_KEYS);
  g_autoptr (GError) error = NULL;
  char *token = tessera_jwt_sign_text (key, typ != NULL ? typ : "at+jwt", json, &error);
  g_assert_no_error (error);
  free (json);
  return token;
}
