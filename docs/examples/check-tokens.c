/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checks access tokens elsewhere than where they are issued: a token a line on standard input, an
 * answer a line on standard output.
 *
 *   check-tokens ISSUER AUDIENCE CLIENT-ID SECRET-FILE
 *
 * The client needs the grant `client_credentials` and the scope `denylist` at the issuer. */

#include <stdio.h>
#include <tessera.h>

static void
on_checked (GObject *verifier, GAsyncResult *result, gpointer loop)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraAccessToken) token
      = tessera_verifier_check_finish (TESSERA_VERIFIER (verifier), result, &error);

  if (token != NULL)
    g_print ("good: %s may %s\n", tessera_access_token_get_subject (token),
             tessera_access_token_get_scope (token));
  else
    g_print ("refused: %s\n", error->message);
  g_main_loop_quit (loop);
}

static void
on_stale (TesseraVerifier *verifier, guint age, gpointer data)
{
  g_printerr ("Nothing was heard of the issuer for %u seconds\n", age);
}

int
main (int argc, char **argv)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  char line[9000];

  if (argc != 5)
    {
      g_printerr ("usage: check-tokens ISSUER AUDIENCE CLIENT-ID SECRET-FILE\n");
      return 2;
    }
  g_autoptr (TesseraVerifier) verifier
      = g_object_new (TESSERA_TYPE_VERIFIER, "issuer", argv[1], "client-id", argv[3],
                      "client-secret-file", argv[4], "max-staleness", 60u, NULL);
  g_signal_connect (verifier, "stale", G_CALLBACK (on_stale), NULL);
  tessera_verifier_start (verifier);

  while (fgets (line, sizeof line, stdin) != NULL)
    {
      /* Waits until the verifier is ready; tessera_verifier_check () never waits. */
      tessera_verifier_check_async (verifier, g_strchomp (line), argv[2], NULL, NULL, on_checked,
                                    loop);
      g_main_loop_run (loop);
    }
  return 0;
}
