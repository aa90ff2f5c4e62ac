/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Clients that register themselves while the store or the audit trail fails: nobody is registered,
 * and nobody is told that a token is wrong. */

#include "base/tessera-audit-private.h"
#include "base/tessera-error.h"
#include "server/tessera-server-object-private.h"
#include "store/tessera-store-private.h"

#include "fake-front.h"
#include "log-capture.h"

#include <string.h>

#define BODY "{\"redirect_uris\":[\"https://a.test/cb\"]}"

/* The linker puts ours before theirs. */
TesseraInitialAccessToken *__real_tessera_store_lookup_initial_token (TesseraStore *store,
                                                                      const TesseraDigest *digest,
                                                                      GError **error);
TesseraInitialAccessToken *__wrap_tessera_store_lookup_initial_token (TesseraStore *store,
                                                                      const TesseraDigest *digest,
                                                                      GError **error);
gboolean __real_tessera_audit_check (TesseraAudit *self, GError **error);
gboolean __wrap_tessera_audit_check (TesseraAudit *self, GError **error);

static gboolean store_fails;
static gboolean audit_fails;

TesseraInitialAccessToken *
__wrap_tessera_store_lookup_initial_token (TesseraStore *store,
                                           const TesseraDigest *digest,
                                           GError **error)
{
  if (!store_fails)
    return __real_tessera_store_lookup_initial_token (store, digest, error);
  g_set_error_literal (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_FAILED, "injected");
  return NULL;
}

gboolean
__wrap_tessera_audit_check (TesseraAudit *self, GError **error)
{
  if (!audit_fails)
    return __real_tessera_audit_check (self, error);
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE, "injected");
  return FALSE;
}

typedef struct
{
  TesseraServer *server;
  FakeFront *front;
} Fixture;

static void
set_up (Fixture *self, gconstpointer data)
{
  g_autoptr (TesseraRegistrationPolicy) policy
      = g_object_new (TESSERA_TYPE_REGISTRATION_POLICY, "open", TRUE, NULL);

  self->server = tessera_server_new_in_memory ("http://127.0.0.1:8417");
  g_object_set (self->server, "registration-enabled", TRUE, "registration-policy", policy, NULL);
  while (!tessera_token_checker_is_ready (TESSERA_TOKEN_CHECKER (self->server)))
    g_main_context_iteration (NULL, TRUE);
  self->front = fake_front_new ();
  fake_front_set_header (self->front, "Content-Type", "application/json");
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  store_fails = audit_fails = FALSE;
  fake_front_free (self->front);
  tessera_server_close (self->server);
  g_object_unref (self->server);
}

static guint
register_client (Fixture *self)
{
  TesseraExchange *exchange = fake_front_request (self->front, "POST", "/register", BODY);
  guint before = self->front->sent;

  log_capture_begin ();
  tessera_server_handle (self->server, exchange);
  while (self->front->sent == before)
    g_main_context_iteration (NULL, TRUE);
  log_capture_end ();
  tessera_exchange_unref (exchange);
  return self->front->status;
}

static void
test_unlogged_nobody_is_registered (Fixture *self, gconstpointer data)
{
  audit_fails = TRUE;
  g_assert_cmpuint (register_client (self), ==, 503);
  audit_fails = FALSE;
  g_assert_cmpuint (register_client (self), ==, 201);
}

static void
test_a_token_that_cannot_be_looked_up_is_not_called_wrong (Fixture *self, gconstpointer data)
{
  fake_front_set_header (self->front, "Authorization", "Bearer an-initial-access-token");
  store_fails = TRUE;
  g_assert_cmpuint (register_client (self), ==, 503);
  store_fails = FALSE;
  g_assert_cmpuint (register_client (self), ==, 401);
}

int
main (int argc, char **argv)
{
  log_capture_init ();
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/registration/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("unlogged-nobody-is-registered", test_unlogged_nobody_is_registered);
  ADD ("a-token-that-cannot-be-looked-up-is-not-called-wrong",
       test_a_token_that_cannot_be_looked_up_is_not_called_wrong);
  return g_test_run ();
}
