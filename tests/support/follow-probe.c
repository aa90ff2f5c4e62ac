/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Follows the deny-list of a service and tells what it knows: follow-probe ISSUER CLIENT-ID
 * SECRET-FILE [SNAPSHOT-URI]. Lines on standard input are questions, each answered by one line of
 * JSON: `state`; `dump`, with all entries; `refuses JTI CLIENT-ID ISSUED-MS`. It ends with its
 * input. */

#include "base/tessera-json-private.h"
#include "base/tessera-secret-private.h"
#include "resource/tessera-feed-follower-private.h"

#include <gio/gunixinputstream.h>
#include <string.h>
#include <unistd.h>

#define JWKS_MAX_LENGTH (64 * 1024)

typedef struct
{
  SoupSession *session;
  TesseraDenyReplica *replica;
  TesseraFeedFollower *follower;
  char *issuer;
  guint n_failures;
  GMainLoop *loop;
} Probe;

static TesseraKey *
find_key (const char *text, gsize length, const char *kid)
{
  g_autoptr (json_t) jwks = tessera_json_parse (text, length, JWKS_MAX_LENGTH, NULL);
  gsize i;
  json_t *jwk;

  json_array_foreach (json_object_get (jwks, "keys"), i, jwk)
    {
      g_autoptr (TesseraKey) key = tessera_key_new_from_jwk (jwk, NULL);

      if (key != NULL && g_str_equal (tessera_key_get_id (key), kid))
        return g_steal_pointer (&key);
    }
  return NULL;
}

static TesseraKey *
lookup_key (gpointer data, const char *kid)
{
  Probe *self = data;
  g_autofree char *uri = g_strconcat (self->issuer, "/jwks", NULL);
  g_autoptr (SoupSession) session = soup_session_new ();
  g_autoptr (SoupMessage) message = soup_message_new (SOUP_METHOD_GET, uri);
  g_autoptr (GBytes) body = soup_session_send_and_read (session, message, NULL, NULL);

  return body != NULL ? find_key (g_bytes_get_data (body, NULL), g_bytes_get_size (body), kid)
                      : NULL;
}

static void
on_failed (gpointer data, const GError *error)
{
  ((Probe *) data)->n_failures++;
  g_printerr ("%s\n", error->message);
}

static void
add_entry (const TesseraDenial *denial, gpointer entries)
{
  json_t *entry = json_pack ("{s:s, s:s, s:I}", "rule", tessera_denial_get_rule (denial), "value",
                             denial->value, "instant", (json_int_t) denial->instant_ms);

  if (denial->expires_ms != G_MAXINT64)
    json_object_set_new (entry, "expires", json_integer (denial->expires_ms));
  json_array_append_new (entries, entry);
}

static json_t *
describe (Probe *self)
{
  g_autofree char *list = tessera_deny_replica_dup_list (self->replica);
  gint64 age = tessera_deny_replica_get_age_ms (self->replica);

  return json_pack ("{s:s?, s:I, s:I, s:I}", "list", list, "generation",
                    (json_int_t) tessera_deny_replica_get_generation (self->replica), "age",
                    (json_int_t) (age == G_MAXINT64 ? -1 : age), "failures",
                    (json_int_t) self->n_failures);
}

static json_t *
answer (Probe *self, const char *line)
{
  g_auto (GStrv) words = g_strsplit (line, " ", -1);
  guint n = g_strv_length (words);

  if (n == 1 && g_str_equal (words[0], "state"))
    return describe (self);
  if (n == 1 && g_str_equal (words[0], "dump"))
    {
      json_t *all = describe (self);
      json_t *entries = json_array ();

      tessera_deny_replica_foreach (self->replica, add_entry, entries);
      json_object_set_new (all, "entries", entries);
      return all;
    }
  if (n == 4 && g_str_equal (words[0], "refuses"))
    {
      TesseraTokenIdentity token = { .jti = words[1],
                                     .client_id = words[2],
                                     .issued_ms = g_ascii_strtoll (words[3], NULL, 10),
                                     .expires_ms = G_MAXINT64 };
      return json_pack ("{s:b}", "refused", tessera_deny_replica_check (self->replica, &token));
    }
  return json_pack ("{s:s}", "error", "no such question");
}

static void
on_line (GObject *source, GAsyncResult *result, gpointer data)
{
  Probe *self = data;
  GDataInputStream *in = G_DATA_INPUT_STREAM (source);
  g_autofree char *line = g_data_input_stream_read_line_finish (in, result, NULL, NULL);

  if (line == NULL)
    {
      g_main_loop_quit (self->loop);
      return;
    }
  g_autoptr (json_t) said = answer (self, line);
  g_autofree char *text = tessera_json_dump (said);
  g_print ("%s\n", text);
  g_data_input_stream_read_line_async (in, G_PRIORITY_DEFAULT, NULL, on_line, self);
}

static void
start (Probe *self, char **words)
{
  g_autofree char *token = g_strconcat (self->issuer, "/token", NULL);
  g_autofree char *snapshot = g_strconcat (self->issuer, "/deny-list", NULL);
  g_autofree char *events = g_strconcat (self->issuer, "/deny-list/events", NULL);
  g_autofree char *secret = NULL;
  g_autoptr (GError) error = NULL;

  if (!g_file_get_contents (words[3], &secret, NULL, &error))
    g_error ("%s", error->message);
  TesseraFeedPlaces places = { .issuer = self->issuer,
                               .token_endpoint = token,
                               .snapshot_uri = words[4] != NULL ? words[4] : snapshot,
                               .events_uri = events,
                               .client_id = words[2],
                               .secret = g_strstrip (secret) };
  tessera_feed_follower_start (self->follower, &places);
}

int
main (int argc, char **argv)
{
  static const TesseraFeedFollowerFuncs funcs = { lookup_key, NULL, on_failed };
  g_autoptr (TesseraClock) clock = tessera_clock_new ();
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GInputStream) input = g_unix_input_stream_new (STDIN_FILENO, FALSE);
  g_autoptr (GDataInputStream) lines = g_data_input_stream_new (input);
  Probe self = { .loop = loop };

  if (argc < 4)
    return 2;
  self.issuer = argv[1];
  self.session = soup_session_new ();
  self.replica = tessera_deny_replica_new (clock);
  self.follower = tessera_feed_follower_new (self.session, self.replica, &funcs, &self);
  start (&self, argv);
  g_data_input_stream_read_line_async (lines, G_PRIORITY_DEFAULT, NULL, on_line, &self);
  g_main_loop_run (loop);
  tessera_feed_follower_free (self.follower);
  tessera_deny_replica_free (self.replica);
  g_object_unref (self.session);
  return 0;
}
