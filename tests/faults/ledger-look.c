/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All that can be seen of what a ledger names. */

#include "ledger-names.h"

#include "model/tessera-client-private.h"
#include "model/tessera-user-private.h"

#include <stdlib.h>
#include <string.h>

/* Looking. */

/* What cannot be read is told of by the books. */
static gboolean
is_readable (Books *books, const GError *error)
{
  if (error != NULL)
    books->is_damaged = TRUE;
  return error == NULL;
}

static guint32
look_at_code (Ledger *self, Books *books, guint number)
{
  g_autoptr (GError) error = NULL;
  TesseraDigest digest = ledger_digest (self, "code", number);
  TesseraAuthorizationCode *code = tessera_store_lookup_code (books->store, &digest, &error);
  if (!is_readable (books, error) || code == NULL)
    return 0;
  guint32 seen = code->grant_id == NULL ? 1 : 2;
  g_clear_pointer (&code, tessera_authorization_code_free);
  return seen;
}

static guint32
look_at_challenge (Ledger *self, Books *books, guint number)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *client_id = ledger_name (self, "client", ledger_client_of (number));
  g_autofree char *challenge = ledger_name (self, "challenge", number);
  gboolean redeemed = FALSE;
  tessera_store_is_challenge_redeemed (books->store, client_id, challenge, &redeemed, &error);
  return is_readable (books, error) && redeemed ? 1 : 0;
}

static guint32
look_at_grant (Ledger *self, Books *books, guint number)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *grant_id = ledger_name (self, "grant", number);
  g_autoptr (TesseraGrant) grant = tessera_store_lookup_grant (books->store, grant_id, &error);
  return is_readable (books, error) && grant != NULL ? 1 : 0;
}

/* How many times it rotated, and one more. */
static guint32
look_at_rotation (Ledger *self, Books *books, guint number)
{
  TesseraRotation rotation = { 0 };
  g_autoptr (GError) error = NULL;
  g_autofree char *grant_id = ledger_name (self, "grant", number);
  g_autoptr (TesseraGrant) grant = tessera_store_lookup_grant (books->store, grant_id, &error);
  g_autoptr (TesseraGrant) found = NULL;

  if (grant != NULL)
    found = tessera_store_lookup_rotation (books->store, grant->number, &rotation, &error);
  if (!is_readable (books, error) || found == NULL)
    return 0;
  return 1 + (guint32) rotation.turn;
}

static guint32
look_at_session (Ledger *self, Books *books, guint number)
{
  g_autoptr (GError) error = NULL;
  TesseraDigest digest = ledger_digest (self, "cookie", number);
  g_autoptr (TesseraSession) session = tessera_store_lookup_session (books->store, &digest, &error);
  return is_readable (books, error) && session != NULL ? 1 : 0;
}

static guint32
look_at_consent (Ledger *self, Books *books, guint number)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *subject = ledger_name (self, "person", number % N_PEOPLE);
  g_autofree char *client_id = ledger_name (self, "client", number / N_PEOPLE % N_CLIENTS);
  g_autoptr (TesseraConsent) consent
      = tessera_store_lookup_consent (books->store, subject, client_id, "https://c.test/cb",
                                      &error);
  return is_readable (books, error) && consent != NULL ? (guint32) atoi (consent->scope) : 0;
}

typedef struct
{
  const char *id;
  guint32 version;
} WantedClient;

static void
note_client (TesseraClient *client, gpointer data)
{
  WantedClient *wanted = data;
  if (g_str_equal (tessera_client_get_id (client), wanted->id))
    wanted->version = (guint32) atoi (tessera_client_get_name (client));
}

static guint32
look_at_client (Ledger *self, Books *books, guint number)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *id = ledger_name (self, "client", number);
  WantedClient wanted = { id, 0 };
  tessera_store_foreach_client (books->store, note_client, &wanted, &error);
  return is_readable (books, error) ? wanted.version : 0;
}

typedef struct
{
  const char *name;
  guint32 seen;
} WantedUser;

static void
note_user (TesseraUser *user, gpointer data)
{
  WantedUser *wanted = data;
  if (g_str_equal (tessera_user_get_username (user), wanted->name))
    wanted->seen = tessera_user_is_disabled (user) ? 2 : 1;
}

static guint32
look_at_user (Ledger *self, Books *books, guint number)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = ledger_name (self, "user", number);
  WantedUser wanted = { name, 0 };
  tessera_store_foreach_user (books->store, note_user, &wanted, &error);
  return is_readable (books, error) ? wanted.seen : 0;
}

static guint32
look_at_declared (Ledger *self, Books *books, guint number)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = ledger_name (self, "user", number);
  g_autoptr (GHashTable) declared = tessera_store_dup_declared (books->store, &error);
  if (!is_readable (books, error))
    return 0;
  const char *print = g_hash_table_lookup (declared, name);
  return print != NULL ? (guint32) atoi (print) : 0;
}

static guint32
ask (Books *books, const TesseraTokenIdentity *identity)
{
  return tessera_deny_list_check (books->list, identity) ? 1 : 0;
}

static guint32
look_at_token (Ledger *self, Books *books, guint number)
{
  TesseraTokenIdentity identity
      = { .jti = self->tokens[number], .issued_ms = self->began_ms, .client_id = "machine" };
  return ask (books, &identity);
}

/* Of what ended for good whenever a token was issued, and of what has an instant. */
static guint32
look_at_denied_grant (Ledger *self, Books *books, guint number)
{
  g_autofree char *value = ledger_name (self, "grant", number);
  TesseraTokenIdentity identity
      = { .jti = "none", .issued_ms = G_MAXINT64 / 4, .client_id = "c", .grant_id = value };
  return ask (books, &identity);
}

static guint32
look_at_denied_session (Ledger *self, Books *books, guint number)
{
  g_autofree char *value = ledger_name (self, "session", number);
  TesseraTokenIdentity identity
      = { .jti = "none", .issued_ms = G_MAXINT64 / 4, .client_id = "c", .session_id = value };
  return ask (books, &identity);
}

static guint32
look_at_denied_key (Ledger *self, Books *books, guint number)
{
  g_autofree char *value = ledger_name (self, "key", number);
  TesseraTokenIdentity identity
      = { .jti = "none", .issued_ms = G_MAXINT64 / 4, .client_id = "c", .kid = value };
  return ask (books, &identity);
}

static guint32
look_at_denied_person (Ledger *self, Books *books, guint number)
{
  g_autofree char *value = ledger_name (self, "person", number);
  TesseraTokenIdentity identity
      = { .jti = "none", .issued_ms = 1, .client_id = "c", .grant_id = "none", .subject = value };
  return ask (books, &identity);
}

static guint32
look_at_denied_client (Ledger *self, Books *books, guint number)
{
  g_autofree char *value = ledger_name (self, "client", number);
  TesseraTokenIdentity identity = { .jti = "none", .issued_ms = 1, .client_id = value };
  return ask (books, &identity);
}

/* How often it was used, and which it is. */
static guint32
look_at_initial_token (Ledger *self, Books *books, guint number)
{
  g_autoptr (GError) error = NULL;
  TesseraDigest digest = ledger_digest (self, "invitation", number);
  g_autoptr (TesseraInitialAccessToken) token
      = tessera_store_lookup_initial_token (books->store, &digest, &error);
  if (!is_readable (books, error) || token == NULL)
    return 0;
  return (guint32) atoi (token->note) + 1000 * token->uses;
}

static GPtrArray *
list_logouts (Books *books, gint64 after)
{
  g_autoptr (GError) error = NULL;
  GPtrArray *logouts
      = tessera_store_list_logouts (books->store, after, TESSERA_STORE_LOGOUTS, &error);
  return is_readable (books, error) ? logouts : g_ptr_array_new ();
}

static gint64
get_last_logout (Books *books)
{
  g_autoptr (GPtrArray) logouts = list_logouts (books, 0);
  return logouts->len > 0 ? ((TesseraLogout *) logouts->pdata[logouts->len - 1])->number : 0;
}

/* How many of a participant there are, and how often telling them came to nothing. */
static guint32
count_logouts (Ledger *self, GPtrArray *logouts, guint participant)
{
  guint session = ledger_session_of_participant (participant);
  g_autofree char *session_id = ledger_name (self, "session", session);
  g_autofree char *client_id
      = ledger_name (self, "client", ledger_client_of_participant (participant));
  g_autofree char *subject = ledger_name (self, "person", ledger_person_of (session));
  g_autofree char *sub = ledger_sub_of_participant (self, participant);
  guint32 seen = 0;

  for (guint i = 0; i < logouts->len; i++)
    {
      const TesseraLogout *logout = logouts->pdata[i];
      if (strcmp (logout->session_id, session_id) == 0 && strcmp (logout->client_id, client_id) == 0
          && strcmp (logout->subject, subject) == 0 && g_strcmp0 (logout->sub, sub) == 0)
        seen = 100 * seen + 1 + logout->attempts;
    }
  return seen;
}

static guint32
look_at_logouts (Ledger *self, Books *books, guint number)
{
  g_autoptr (GPtrArray) logouts = list_logouts (books, 0);
  return count_logouts (self, logouts, number);
}

/* What only shows when it is used, in an operation that is undone. */

static guint32
look_at_assertion (Ledger *self, Books *books, guint number)
{
  g_autoptr (GError) error = NULL;
  TesseraDigest digest = ledger_digest (self, "assertion", number);
  gboolean is_new = TRUE;
  tessera_store_use_assertion (books->store, &digest, G_MAXINT64, TRUE, &is_new, &error);
  return is_readable (books, error) && !is_new ? 1 : 0;
}

/* Who hears of it when the session ends: one bit a client. */
static guint32
look_at_participants (Ledger *self, Books *books, guint number)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *session_id = ledger_name (self, "session", number);
  gint64 last = get_last_logout (books);
  guint32 seen = 0;

  tessera_store_end_session (books->store, session_id, tessera_clock_get_ms (books->clock), &error);
  g_autoptr (GPtrArray) logouts = error == NULL ? list_logouts (books, last) : g_ptr_array_new ();
  for (guint i = 0; i < N_CLIENTS; i++)
    seen |= (guint32) (count_logouts (self, logouts, number * N_CLIENTS + i) != 0) << i;
  return is_readable (books, error) ? seen : 0;
}

typedef guint32 (*Look) (Ledger *self, Books *books, guint number);

static const struct
{
  const char *name;
  guint count;
  Look look;
} things[] = {
  { "code", N_CODES, look_at_code },
  { "challenge", N_CODES, look_at_challenge },
  { "grant", N_CODES, look_at_grant },
  { "rotation", N_CODES, look_at_rotation },
  { "session", N_SESSIONS, look_at_session },
  { "consent", N_PEOPLE *N_CLIENTS, look_at_consent },
  { "client", N_CLIENTS, look_at_client },
  { "user", N_PEOPLE, look_at_user },
  { "declared user", N_PEOPLE, look_at_declared },
  { "revoked token", N_TOKENS, look_at_token },
  { "ended grant", N_CODES, look_at_denied_grant },
  { "ended session", N_SESSIONS, look_at_denied_session },
  { "revoked key", N_KEYS, look_at_denied_key },
  { "ended person", N_PEOPLE, look_at_denied_person },
  { "ended client", N_CLIENTS, look_at_denied_client },
  { "invitation", N_INITIAL_TOKENS, look_at_initial_token },
  { "who has yet to hear", N_PARTICIPANTS, look_at_logouts },
  /* Last, as they change what they look at. */
  { "used assertion", N_ASSERTIONS, look_at_assertion },
  { "participants of session", N_SESSIONS, look_at_participants },
};

GArray *
ledger_look (Ledger *self, Books *books)
{
  GArray *seen = g_array_new (FALSE, FALSE, sizeof (guint32));
  g_autoptr (GError) error = NULL;

  if (!tessera_store_begin (books->store, &error))
    books->is_damaged = TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (things); i++)
    for (guint number = 0; number < things[i].count; number++)
      {
        guint32 value = things[i].look (self, books, number);
        g_array_append_val (seen, value);
      }
  tessera_store_rollback (books->store);
  return seen;
}

char *
ledger_describe (Ledger *self, guint index)
{
  for (guint i = 0; i < G_N_ELEMENTS (things); index -= things[i++].count)
    if (index < things[i].count)
      return g_strdup_printf ("%s %u", things[i].name, index);
  g_assert_not_reached ();
}
