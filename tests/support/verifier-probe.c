/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A resource server that does what a test says: lines on standard input, each answered by a line of
 * JSON.
 *
 *   check TOKEN [AUDIENCE]         from memory
 *   check-async TOKEN [AUDIENCE]   waits
 *   wait-ready                     at most a minute
 *   wait-generation N              at most a minute
 *   ready, generation, age, problem, key-requests
 *   dump                           a line an entry, then {"entries": N}
 *   start, stop, quit
 *
 * usage: verifier-probe ISSUER [--client-id ID] [--secret-file FILE] [--max-staleness SECONDS]
 *                       [--accept-stale] [--no-deny-list] [--token-type TYPE] [--snapshot-uri URI]
 *                       [--ca FILE] */

#include "base/tessera-json-private.h"
#include "resource/tessera-verifier-private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_US (60 * G_USEC_PER_SEC)

static guint n_stale; /* how often `stale` came */

static void
say (json_t *json)
{
  g_autofree char *text = tessera_json_dump (json);

  puts (text);
  fflush (stdout);
  json_decref (json);
}

static void
say_answer (TesseraAccessToken *token, const GError *error)
{
  if (token == NULL)
    {
      say (json_pack ("{s:b, s:s, s:s}", "good", FALSE, "error",
                      error->domain == TESSERA_ERROR
                          ? tessera_error_get_name ((TesseraError) error->code)
                          : "?",
                      "description", error->message));
      return;
    }
  say (json_pack ("{s:b, s:s, s:s, s:b}", "good", TRUE, "jti", tessera_access_token_get_id (token),
                  "sub", tessera_access_token_get_subject (token), "stale",
                  tessera_access_token_is_stale (token)));
}

static void
check (TesseraVerifier *verifier, const char *token, const char *audience)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraAccessToken) good
      = tessera_verifier_check (verifier, token, audience, NULL, &error);

  say_answer (good, error);
}

static void
on_checked (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraAccessToken) good
      = tessera_verifier_check_finish (TESSERA_VERIFIER (source), result, &error);

  say_answer (good, error);
  *(gboolean *) data = TRUE;
}

static void
check_and_wait (TesseraVerifier *verifier, const char *token, const char *audience)
{
  gboolean done = FALSE;

  tessera_verifier_check_async (verifier, token, audience, NULL, NULL, on_checked, &done);
  while (!done)
    g_main_context_iteration (NULL, TRUE);
}

/* @generation: G_MAXUINT64 for ready. */
static void
wait_until (TesseraVerifier *verifier, guint64 generation)
{
  gint64 end = g_get_monotonic_time () + PATIENCE_US;
  gboolean done = FALSE;

  while (!done && g_get_monotonic_time () < end)
    {
      done = generation == G_MAXUINT64 ? tessera_verifier_get_ready (verifier)
                                       : tessera_verifier_get_generation (verifier) >= generation;
      if (!done)
        g_usleep (500);
    }
  say (json_pack ("{s:b, s:I}", "done", done, "generation",
                  (json_int_t) tessera_verifier_get_generation (verifier)));
}

static void
dump_one (const TesseraDenial *denial, gpointer data)
{
  json_t *json = json_pack ("{s:s, s:s, s:I}", "rule", tessera_denial_get_rule (denial), "value",
                            tessera_denial_get_value (denial), "expires",
                            (json_int_t) tessera_denial_get_expires_ms (denial));

  if (tessera_denial_get_instant_ms (denial) != 0)
    json_object_set_new (json, "instant",
                         json_integer ((json_int_t) tessera_denial_get_instant_ms (denial)));
  say (json);
  (*(guint *) data)++;
}

static void
dump (TesseraVerifier *verifier)
{
  TesseraIssuerWatch *watch = tessera_verifier_get_watch (verifier);
  TesseraDenyReplica *replica = watch != NULL ? tessera_issuer_watch_get_replica (watch) : NULL;
  guint count = 0;

  if (replica != NULL)
    tessera_deny_replica_foreach (replica, dump_one, &count);
  say (json_pack ("{s:i}", "entries", (int) count));
}

static void
say_state (TesseraVerifier *verifier, const char *name)
{
  TesseraIssuerWatch *watch = tessera_verifier_get_watch (verifier);
  g_autofree char *problem = tessera_verifier_dup_problem (verifier);
  guint age = tessera_verifier_get_age (verifier);

  while (g_main_context_iteration (NULL, FALSE))
    ;
  if (g_str_equal (name, "ready"))
    say (json_pack ("{s:b}", name, tessera_verifier_get_ready (verifier)));
  else if (g_str_equal (name, "generation"))
    say (json_pack ("{s:I}", name, (json_int_t) tessera_verifier_get_generation (verifier)));
  else if (g_str_equal (name, "age"))
    say (json_pack ("{s:I}", name, age == G_MAXUINT ? (json_int_t) -1 : (json_int_t) age));
  else if (g_str_equal (name, "problem"))
    say (json_pack ("{s:s?}", name, problem));
  else if (g_str_equal (name, "stale"))
    say (json_pack ("{s:i}", name, (int) n_stale));
  else if (g_str_equal (name, "key-requests"))
    say (json_pack ("{s:i}", name,
                    watch != NULL ? (int) tessera_issuer_watch_get_key_requests (watch) : 0));
  else
    say (json_pack ("{s:s}", "error", "no such command"));
}

/* FALSE: it is over. */
static gboolean
obey (TesseraVerifier *verifier, const char *line)
{
  g_auto (GStrv) words = g_strsplit (line, " ", 3);
  guint n = g_strv_length (words);

  if (n == 0 || g_str_equal (words[0], "quit"))
    return FALSE;
  if (g_str_equal (words[0], "check") && n > 1)
    check (verifier, words[1], words[2]);
  else if (g_str_equal (words[0], "check-async") && n > 1)
    check_and_wait (verifier, words[1], words[2]);
  else if (g_str_equal (words[0], "wait-ready"))
    wait_until (verifier, G_MAXUINT64);
  else if (g_str_equal (words[0], "wait-generation") && n > 1)
    wait_until (verifier, g_ascii_strtoull (words[1], NULL, 10));
  else if (g_str_equal (words[0], "dump"))
    dump (verifier);
  else if (g_str_equal (words[0], "start") || g_str_equal (words[0], "stop"))
    {
      if (g_str_equal (words[0], "start"))
        tessera_verifier_start (verifier);
      else
        tessera_verifier_stop (verifier);
      say (json_pack ("{s:b}", "done", TRUE));
    }
  else
    say_state (verifier, words[0]);
  return TRUE;
}

static void
on_stale (TesseraVerifier *verifier, guint age, gpointer data)
{
  n_stale++;
}

static char *client_id, *secret_file, *token_type, *snapshot_uri, *ca_file;
static int max_staleness = 60;
static gboolean accept_stale, no_deny_list;
static const GOptionEntry entries[]
    = { { "client-id", 0, 0, G_OPTION_ARG_STRING, &client_id, NULL, NULL },
        { "secret-file", 0, 0, G_OPTION_ARG_FILENAME, &secret_file, NULL, NULL },
        { "token-type", 0, 0, G_OPTION_ARG_STRING, &token_type, NULL, NULL },
        { "snapshot-uri", 0, 0, G_OPTION_ARG_STRING, &snapshot_uri, NULL, NULL },
        { "ca", 0, 0, G_OPTION_ARG_FILENAME, &ca_file, NULL, NULL },
        { "max-staleness", 0, 0, G_OPTION_ARG_INT, &max_staleness, NULL, NULL },
        { "accept-stale", 0, 0, G_OPTION_ARG_NONE, &accept_stale, NULL, NULL },
        { "no-deny-list", 0, 0, G_OPTION_ARG_NONE, &no_deny_list, NULL, NULL },
        G_OPTION_ENTRY_NULL };

static TesseraVerifier *
make_verifier (const char *issuer)
{
  g_autoptr (GTlsDatabase) trusted
      = ca_file != NULL ? g_tls_file_database_new (ca_file, NULL) : NULL;

  return g_object_new (TESSERA_TYPE_VERIFIER, "issuer", issuer, "client-id", client_id,
                       "client-secret-file", secret_file, "max-staleness", (guint) max_staleness,
                       "accept-stale", accept_stale, "follow-deny-list", !no_deny_list,
                       "token-type", token_type != NULL ? token_type : "at+jwt", "snapshot-uri",
                       snapshot_uri, "tls-database", trusted, NULL);
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new ("ISSUER");
  g_autoptr (GError) error = NULL;
  g_autofree char *line = NULL;
  size_t size = 0;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || argc != 2)
    {
      fprintf (stderr, "verifier-probe: %s\n", error != NULL ? error->message : "one issuer");
      return 2;
    }
  g_autoptr (TesseraVerifier) verifier = make_verifier (argv[1]);
  g_signal_connect (verifier, "stale", G_CALLBACK (on_stale), NULL);
  tessera_verifier_start (verifier);
  while (getline (&line, &size, stdin) > 0 && obey (verifier, g_strchomp (line)))
    ;
  g_free (client_id);
  g_free (secret_file);
  g_free (token_type);
  g_free (snapshot_uri);
  g_free (ca_file);
  return EXIT_SUCCESS;
}
