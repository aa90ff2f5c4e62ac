/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client that signs who it is, while something else happens. */

#include "base/tessera-json-private.h"
#include "base/tessera-secret-private.h"
#include "endpoints/tessera-client-assertion-private.h"
#include "jose/tessera-jwt-private.h"
#include "server/tessera-server-object-private.h"
#include "store/tessera-store-private.h"

#include "fake-front.h"
#include "log-capture.h"

#include <string.h>

#define ISSUER "http://127.0.0.1:8417"

typedef struct
{
  TesseraServer *server;
  TesseraKey *key;
} Fixture;

/* The linker puts ours before theirs. */
gboolean __real_tessera_store_use_assertion (TesseraStore *self,
                                             const TesseraDigest *digest,
                                             gint64 expires_ms,
                                             gboolean for_revocation,
                                             gboolean *out_is_new,
                                             GError **error);
gboolean __wrap_tessera_store_use_assertion (TesseraStore *self,
                                             const TesseraDigest *digest,
                                             gint64 expires_ms,
                                             gboolean for_revocation,
                                             gboolean *out_is_new,
                                             GError **error);

static gint was_for_revocation; /* the assertion that was stored last */

gboolean
__wrap_tessera_store_use_assertion (TesseraStore *self,
                                    const TesseraDigest *digest,
                                    gint64 expires_ms,
                                    gboolean for_revocation,
                                    gboolean *out_is_new,
                                    GError **error)
{
  g_atomic_int_set (&was_for_revocation, for_revocation);
  return __real_tessera_store_use_assertion (self, digest, expires_ms, for_revocation, out_is_new,
                                             error);
}

static TesseraClient *
make_client (TesseraKey *key)
{
  g_autoptr (json_t) set = json_pack ("{s:[o]}", "keys", tessera_key_to_jwk (key));
  g_autofree char *jwks = tessera_json_dump (set);

  return g_object_new (TESSERA_TYPE_CLIENT, "id", "signs", "token-endpoint-auth-method",
                       "private_key_jwt", "jwks", jwks, "grant-types",
                       (const char *const[]){ "client_credentials", NULL }, NULL);
}

static void
set_up (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  self->key = tessera_key_generate (TESSERA_ALGORITHM_ES256, NULL);
  self->server = tessera_server_new_in_memory (ISSUER);
  g_autoptr (TesseraClient) client = make_client (self->key);
  tessera_server_add_client_object (self->server, client, &error);
  g_assert_no_error (error);
  while (!tessera_token_checker_is_ready (TESSERA_TOKEN_CHECKER (self->server)))
    g_main_context_iteration (NULL, TRUE);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  tessera_server_close (self->server);
  g_object_unref (self->server);
  tessera_key_unref (self->key);
}

static char *
make_form (Fixture *self)
{
  g_autoptr (TesseraClaims) claims = tessera_claims_new ();
  g_autofree char *jti = tessera_secret_new ("");
  gint64 now = tessera_clock_get_seconds (self->server->engine.clock);

  tessera_claims_set_string (claims, "iss", "signs");
  tessera_claims_set_string (claims, "sub", "signs");
  tessera_claims_set_string (claims, "aud", ISSUER);
  tessera_claims_set_string (claims, "jti", jti);
  tessera_claims_set_int (claims, "exp", now + 60);
  g_autofree char *assertion = tessera_jwt_sign (self->key, "JWT", claims, NULL);
  return g_strconcat ("grant_type=client_credentials&client_assertion_type="
                      "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
                      "&client_assertion=",
                      assertion, NULL);
}

/* What is asked, and has not been answered. */
static TesseraExchange *
begin_at (Fixture *self, FakeFront *front, const char *path, const char *form)
{
  TesseraExchange *exchange = fake_front_request (front, "POST", path, form);

  fake_front_set_header (front, "Content-Type", "application/x-www-form-urlencoded");
  tessera_server_handle (self->server, exchange);
  g_assert_cmpuint (front->sent, ==, 0);
  return exchange;
}

static TesseraExchange *
begin (Fixture *self, FakeFront *front, const char *form)
{
  return begin_at (self, front, "/token", form);
}

static guint
finish (FakeFront *front, TesseraExchange *exchange)
{
  while (front->sent == 0)
    g_main_context_iteration (NULL, TRUE);
  tessera_exchange_unref (exchange);
  return front->status;
}

static void
test_it_is_who_it_says (Fixture *self, gconstpointer data)
{
  g_autoptr (FakeFront) front = fake_front_new ();
  g_autofree char *form = make_form (self);

  g_assert_cmpuint (finish (front, begin (self, front, form)), ==, 200);
}

/* A full disk keeps nobody from revoking: what it takes of the room is left for that. */
static void
test_who_revokes_has_the_last_room (Fixture *self, gconstpointer data)
{
  static const char *const paths[] = { "/token", "/revoke", "/introspect" };

  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      g_autoptr (FakeFront) front = fake_front_new ();
      g_autofree char *form = make_form (self);
      g_autofree char *more = g_strconcat (form, "&token=unknown", NULL);

      g_assert_cmpuint (finish (front, begin_at (self, front, paths[i], more)), ==, 200);
      g_assert_cmpint (g_atomic_int_get (&was_for_revocation), ==,
                       g_str_equal (paths[i], "/revoke"));
    }
}

/* Its jti is being stored, and it is removed, or registered anew with other keys. */
static void
test_who_went_meanwhile_is_refused (Fixture *self, gconstpointer comes_back)
{
  g_autoptr (FakeFront) front = fake_front_new ();
  g_autofree char *form = make_form (self);

  log_capture_begin ();
  TesseraExchange *exchange = begin (self, front, form);
  g_assert_true (tessera_client_registry_remove (self->server->engine.clients, "signs"));
  if (comes_back != NULL)
    {
      g_autoptr (TesseraKey) key = tessera_key_generate (TESSERA_ALGORITHM_ES256, NULL);
      g_autoptr (TesseraClient) other = make_client (key);
      g_assert_true (tessera_client_registry_add (self->server->engine.clients, other, TRUE, NULL));
    }
  g_assert_cmpuint (finish (front, exchange), ==, 401);
  g_assert_nonnull (strstr (front->body, "invalid_client"));
  log_capture_end ();
}

/* Whoever looks the client up elsewhere is told all the same. */
static void
test_it_is_nobody_elses (Fixture *self, gconstpointer data)
{
  g_autofree char *form = make_form (self);
  const char *text = strstr (form, "&client_assertion=") + strlen ("&client_assertion=");
  g_autoptr (TesseraJwt) assertion = tessera_jwt_parse (text, strlen (text), NULL);
  g_autoptr (TesseraClient) signer = make_client (self->key);
  g_autoptr (TesseraClient) other = g_object_new (TESSERA_TYPE_CLIENT, "id", "other", NULL);
  TesseraKeySet *keys = tessera_client_get_keys (signer, TESSERA_CLIENT_KEYS_OF_ASSERTIONS);
  gint64 now = tessera_clock_get_seconds (self->server->engine.clock);

  g_assert_null (tessera_client_assertion_find_fault (assertion, signer, keys,
                                                      self->server->engine.settings, now));
  g_assert_nonnull (tessera_client_assertion_find_fault (assertion, other, keys,
                                                         self->server->engine.settings, now));
}

#define ADD(name, data, func)                                                                      \
  g_test_add ("/client-assertion/" name, Fixture, data, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("it-is-who-it-says", NULL, test_it_is_who_it_says);
  ADD ("it-is-nobody-elses", NULL, test_it_is_nobody_elses);
  ADD ("who-revokes-has-the-last-room", NULL, test_who_revokes_has_the_last_room);
  ADD ("who-went-meanwhile-is-refused", NULL, test_who_went_meanwhile_is_refused);
  ADD ("who-came-back-meanwhile-is-refused", "comes back", test_who_went_meanwhile_is_refused);
  return g_test_run ();
}
