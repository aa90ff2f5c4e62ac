/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Puts N grants with a refresh token each into the state directory of a service that does not run,
 * as that many log-ins would have done, and prints the tokens: {"refresh":"…"} a line. */

#include "base/tessera-clock-private.h"
#include "grants/tessera-refresh-token-grant-private.h"
#include "store/tessera-sqlite-store-private.h"

#include <stdio.h>
#include <stdlib.h>

static gboolean
put_one (TesseraStore *store, const char *client_id, gint64 now_ms, guint i, GError **error)
{
  g_autofree char *grant_id = tessera_identifier_new ();
  g_autofree char *subject = g_strdup_printf ("person%u", i % 1000);
  g_autofree char *token = NULL;
  TesseraGrant grant = {
    .grant_id = grant_id,
    .client_id = (char *) client_id,
    .login = { .subject = subject, .session_id = (char *) "bench", .auth_time = now_ms / 1000 },
    .scope = (char *) "read write",
    .began_ms = now_ms,
    .last_used_ms = now_ms,
    .expires_ms = now_ms + 30 * G_TIME_SPAN_DAY / 1000,
  };

  if (!tessera_store_put_grant (store, &grant, error))
    return FALSE;
  token = tessera_refresh_token_begin (store, grant_id, now_ms, error);
  if (token == NULL)
    return FALSE;
  printf ("{\"refresh\":\"%s\"}\n", token);
  return TRUE;
}

int
main (int argc, char **argv)
{
  gboolean is_new = FALSE;
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraStore) store = NULL;
  guint n;

  if (argc != 4)
    {
      fprintf (stderr, "usage: seed-grants STATE-DIRECTORY CLIENT-ID N\n");
      return 2;
    }
  n = atoi (argv[3]);
  store = tessera_sqlite_store_open (argv[1], &is_new, &error);
  if (store == NULL || !tessera_store_begin (store, &error))
    g_error ("%s", error->message);
  for (guint i = 0; i < n; i++)
    if (!put_one (store, argv[2], g_get_real_time () / 1000, i, &error))
      g_error ("%s", error->message);
  if (!tessera_store_commit (store, &error))
    g_error ("%s", error->message);
  return 0;
}
