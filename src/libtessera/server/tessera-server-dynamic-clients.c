/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Clients that register themselves: made durable, counted, and forgotten when nobody uses them
 * (RFC 7591 §3, §5, RFC 7592). */

#include "server/tessera-administration.h"
#include "server/tessera-client-change-private.h"

#include "endpoints/tessera-registration-private.h"
#include "model/tessera-client-private.h"

#include <string.h>

#define REGISTRATION_TOKEN_PREFIX "trt_"
#define DAY_SECONDS (24 * 60 * 60)
#define REMOVED_AT_ONCE 100

/* What a client wants of itself. */
typedef struct
{
  TesseraClientChange change;
  const char *token;        /* that it came with, borrowed from the registration; or NULL */
  char *registration_token; /* a new one, or NULL */
  char *request_id;
  char *remote_address;
} Wish;

static void
wish_clear (TesseraAct *act)
{
  Wish *self = (Wish *) act;

  tessera_secret_free (self->registration_token);
  g_free (self->request_id);
  g_free (self->remote_address);
  tessera_client_change_clear (act);
}

static void
write_audit (TesseraServer *server,
             const char *action,
             const char *client_id,
             const char *request_id,
             const char *remote_address)
{
  tessera_audit_write (server->engine.audit, TESSERA_AUDIT_REGISTRATION,
                       &(TesseraAuditRecord){
                           .request = request_id,
                           .client = client_id,
                           .action = action,
                           .result = "done",
                           .remote_address = remote_address,
                       });
}

static void
record (Wish *self, const char *action)
{
  TesseraServer *server = self->change.act.server;

  if (tessera_audit_wants (server->engine.audit, TESSERA_AUDIT_REGISTRATION))
    write_audit (server, action, self->change.client_id, self->request_id, self->remote_address);
}

static gboolean
refuse_token (GError **error)
{
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_TOKEN,
                       "This token is not good for that");
  return FALSE;
}

/* Registering */

static gboolean
check_room (TesseraServer *server, GError **error)
{
  TesseraEngine *engine = &server->engine;
  guint max = tessera_registration_policy_get_max_clients (engine->settings->registration_policy);

  if (tessera_client_registry_count_dynamic (engine->clients) < max)
    return TRUE;
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE,
                       "No more clients can register themselves");
  return FALSE;
}

/* @client with a registration token of its own; takes it. */
static TesseraClient *
give_token (Wish *self, TesseraClient *taken_client, gint64 registered_at)
{
  g_autoptr (TesseraClient) client = taken_client;

  self->registration_token = tessera_secret_new (REGISTRATION_TOKEN_PREFIX);
  return tessera_client_copy_with_registration (client, self->registration_token, registered_at);
}

static gboolean
register_begin (TesseraAct *act, GError **error)
{
  Wish *self = (Wish *) act;
  TesseraClientChange *change = &self->change;

  if (!check_room (act->server, error))
    return FALSE;
  change->client_id = tessera_identifier_new ();
  change->secret = tessera_client_change_make_secret (change->wanted);
  change->after
      = give_token (self,
                    tessera_client_copy_with (change->wanted, change->client_id, change->secret),
                    tessera_clock_get_seconds (act->server->engine.clock));
  return tessera_client_check (change->after, error)
         && tessera_server_can_serve (act->server, change->after, error);
}

/* Both or neither: the token is used, the client is registered. */
static gboolean
use_token (Wish *self, TesseraStore *store, GError **error)
{
  TesseraDigest digest = tessera_digest (self->token, -1);
  g_autoptr (GError) problem = NULL;
  g_autoptr (TesseraInitialAccessToken) token
      = tessera_store_lookup_initial_token (store, &digest, &problem);
  gint64 now_ms = tessera_clock_get_ms (self->change.act.server->engine.clock);

  if (problem != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&problem));
      return FALSE;
    }
  if (token == NULL || !tessera_initial_access_token_is_good (token, now_ms))
    return refuse_token (error);
  token->uses++;
  return tessera_store_put_initial_token (store, token, error);
}

static gboolean
register_run (TesseraAct *act, TesseraStore *store, GError **error)
{
  Wish *self = (Wish *) act;

  return (self->token == NULL || use_token (self, store, error))
         && tessera_client_change_run (act, store, error);
}

static void
register_end (TesseraAct *act, const GError *error)
{
  Wish *self = (Wish *) act;

  if (error != NULL)
    return;
  tessera_client_registry_add (act->server->engine.clients, self->change.after, FALSE, NULL);
  tessera_server_settings_changed (act->server);
  record (self, "register");
}

/* Replacing and removing */

/* The client whose token it is; looked at again, for others may have come first. */
static gboolean
find (Wish *self, GError **error)
{
  TesseraClientChange *change = &self->change;

  if (!tessera_client_change_find (change, FALSE, NULL)
      || tessera_client_is_disabled (change->before)
      || !tessera_client_check_registration_token (change->before, self->token))
    return refuse_token (error);
  return TRUE;
}

static TesseraClient *
make_replacement (TesseraClientChange *change)
{
  g_autoptr (TesseraClient) replaced
      = tessera_client_copy_replaced (change->before, change->wanted);

  if (tessera_client_has_secret (replaced))
    return g_steal_pointer (&replaced);
  change->secret = tessera_client_change_make_secret (change->wanted);
  return tessera_client_copy_with_secret (replaced, change->secret, FALSE);
}

static gboolean
replace_begin (TesseraAct *act, GError **error)
{
  Wish *self = (Wish *) act;
  TesseraClientChange *change = &self->change;

  if (!find (self, error))
    return FALSE;
  change->after = give_token (self, make_replacement (change),
                              tessera_client_get_registered_at (change->before));
  return tessera_client_check (change->after, error)
         && tessera_server_can_serve (act->server, change->after, error);
}

static void
replace_end (TesseraAct *act, const GError *error)
{
  tessera_client_change_end (act, error);
  if (error == NULL)
    record ((Wish *) act, "replace");
}

static gboolean
remove_begin (TesseraAct *act, GError **error)
{
  return find ((Wish *) act, error);
}

static void
remove_end (TesseraAct *act, const GError *error)
{
  tessera_client_change_end_removal (act, error);
  if (error == NULL)
    record ((Wish *) act, "remove");
}

static const TesseraActClass wish_classes[] = {
  [TESSERA_REGISTRATION_NEW] = { .size = sizeof (Wish),
                                 .begin = register_begin,
                                 .run = register_run,
                                 .end = register_end,
                                 .clear = wish_clear },
  [TESSERA_REGISTRATION_REPLACE] = { .size = sizeof (Wish),
                                     .begin = replace_begin,
                                     .apply = tessera_client_change_apply,
                                     .run = tessera_client_change_run,
                                     .end = replace_end,
                                     .clear = wish_clear },
  [TESSERA_REGISTRATION_REMOVE] = { .size = sizeof (Wish),
                                    .always = TRUE,
                                    .begin = remove_begin,
                                    .apply = tessera_client_change_apply_removal,
                                    .run = tessera_client_change_run,
                                    .end = remove_end,
                                    .clear = wish_clear },
};

static void
on_wish_over (GObject *source, GAsyncResult *result, gpointer data)
{
  TesseraRegistration *registration = data;
  g_autoptr (GError) error = NULL;
  Wish *wish = tessera_act_finish (TESSERA_SERVER (source), result,
                                   tessera_server_start_registration, &error);

  if (wish != NULL && wish->change.after != NULL)
    {
      registration->client = g_object_ref (wish->change.after);
      registration->client_secret = g_steal_pointer (&wish->change.secret);
      registration->registration_token = g_steal_pointer (&wish->registration_token);
    }
  tessera_registration_done (registration, error);
}

void
tessera_server_start_registration (gpointer data, TesseraRegistration *registration)
{
  Wish *self = tessera_act_new (&wish_classes[registration->kind], data);

  self->token = registration->token;
  self->request_id = g_strdup (registration->exchange->request_id);
  self->remote_address = g_strdup (registration->exchange->remote_address);
  self->change.client_id = g_strdup (registration->client_id);
  if (registration->wanted != NULL)
    self->change.wanted = g_object_ref (registration->wanted);
  tessera_act_start (&self->change.act, tessera_server_start_registration, NULL, on_wish_over,
                     registration);
}

/* Using */

static gboolean
use_begin (TesseraAct *act, GError **error)
{
  TesseraClientChange *self = (TesseraClientChange *) act;
  gint64 now = tessera_clock_get_seconds (act->server->engine.clock);

  if (!tessera_client_change_find (self, FALSE, error))
    return FALSE;
  /* Another request of the same moment has written it down. */
  if (now - tessera_client_get_used_at (self->before) < DAY_SECONDS)
    return FALSE;
  self->after = tessera_client_copy_with_use (self->before, now);
  return TRUE;
}

static const TesseraActClass use_class = {
  .size = sizeof (TesseraClientChange),
  .begin = use_begin,
  .apply = tessera_client_change_apply,
  .run = tessera_client_change_run,
  .end = tessera_client_change_end,
  .clear = tessera_client_change_clear,
};

static void
ignore (GObject *source, GAsyncResult *result, gpointer tag)
{
  tessera_act_finish (TESSERA_SERVER (source), result, tag, NULL);
}

void
tessera_server_note_client_use (gpointer data, TesseraClient *client)
{
  TesseraServer *server = data;
  gint64 now = tessera_clock_get_seconds (server->engine.clock);

  if (now - tessera_client_get_used_at (client) < DAY_SECONDS)
    return;
  TesseraClientChange *self = tessera_act_new (&use_class, server);
  self->client_id = g_strdup (tessera_client_get_id (client));
  tessera_act_start (&self->act, tessera_server_note_client_use, NULL, ignore,
                     tessera_server_note_client_use);
}

/* Forgetting */

/* Those that were not seen since then are forgotten. */
static gint64
get_limit (TesseraServer *server)
{
  TesseraEngine *engine = &server->engine;
  gint64 lifetime
      = tessera_registration_policy_get_unused_lifetime (engine->settings->registration_policy);

  return lifetime > 0 ? tessera_clock_get_seconds (engine->clock) - lifetime : G_MININT64;
}

static gboolean
is_forgotten (TesseraServer *server, TesseraClient *client)
{
  gint64 last_seen
      = MAX (tessera_client_get_registered_at (client), tessera_client_get_used_at (client));

  return tessera_client_is_dynamic (client) && last_seen < get_limit (server);
}

static gboolean
forget_begin (TesseraAct *act, GError **error)
{
  TesseraClientChange *self = (TesseraClientChange *) act;

  return tessera_client_change_find (self, FALSE, error)
         && is_forgotten (act->server, self->before);
}

static void
forget_end (TesseraAct *act, const GError *error)
{
  TesseraClientChange *self = (TesseraClientChange *) act;

  tessera_client_change_end_removal (act, error);
  if (error == NULL && tessera_audit_wants (act->server->engine.audit, TESSERA_AUDIT_REGISTRATION))
    write_audit (act->server, "forget", self->client_id, NULL, NULL);
}

static const TesseraActClass forget_class = {
  .size = sizeof (TesseraClientChange),
  .always = TRUE,
  .begin = forget_begin,
  .apply = tessera_client_change_apply_removal,
  .run = tessera_client_change_run,
  .end = forget_end,
  .clear = tessera_client_change_clear,
};

void
tessera_server_forget_clients (TesseraServer *self)
{
  g_auto (GStrv) ids = tessera_client_registry_list_unused (self->engine.clients, get_limit (self),
                                                            REMOVED_AT_ONCE);

  for (char **id = ids; *id != NULL; id++)
    {
      TesseraClientChange *change = tessera_act_new (&forget_class, self);
      change->client_id = g_strdup (*id);
      tessera_act_start (&change->act, tessera_server_forget_clients, NULL, ignore,
                         tessera_server_forget_clients);
    }
}
