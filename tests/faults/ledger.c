/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See ledger.h. */

#include "ledger.h"

#include "base/tessera-secret-private.h"
#include "model/tessera-client-private.h"
#include "model/tessera-user-private.h"

#include <stdlib.h>
#include <string.h>

#define N_PEOPLE 4
#define N_CLIENTS 4
#define N_SESSIONS 12
#define N_CODES 48 /* and so many grants */
#define N_TOKENS 64
#define N_KEYS 4
/* Of nobody's password. */
#define PASSWORD_HASH "$y$j75$ni328Q7fT16H51x1rvpgY1$z5l34sRSwjdFB1dbZRWmMlURPPIaO0QpxjcpYUHO229"
#define LIFETIME_MS (600 * 1000)
#define LONG_MS (24 * 3600 * 1000)

struct _Ledger
{
  char *tag;
  gint64 began_ms;
  char *tokens[N_TOKENS]; /* jti */
};

typedef enum
{
  SIGN_IN,
  ALLOW,
  TAKE_BACK,
  ISSUE,
  REDEEM,
  ROTATE,
  DENY_TOKEN,
  DENY_GRANT,
  DENY_SESSION,
  DENY_PERSON,
  DENY_CLIENT,
  DENY_KEY,
  DENY_ALL,
  REGISTER,
  UNREGISTER,
  DECLARE,
  ENROL,
  DISMISS,
  N_DEEDS
} Deed;

/* How often of a thousand; each also has a name. */
static const struct
{
  const char *name;
  guint weight;
} deeds[N_DEEDS] = {
  [SIGN_IN] = { "sign in", 60 },
  [ALLOW] = { "allow", 50 },
  [TAKE_BACK] = { "take back", 15 },
  [ISSUE] = { "issue a code", 175 },
  [REDEEM] = { "redeem a code", 190 },
  [ROTATE] = { "rotate", 160 },
  [DENY_TOKEN] = { "revoke a token", 150 },
  [DENY_GRANT] = { "end a grant", 50 },
  [DENY_SESSION] = { "end a session", 16 },
  [DENY_PERSON] = { "end a person", 6 },
  [DENY_CLIENT] = { "end a client", 6 },
  [DENY_KEY] = { "revoke a key", 5 },
  [DENY_ALL] = { "end all", 1 },
  [REGISTER] = { "register", 50 },
  [UNREGISTER] = { "unregister", 16 },
  [DECLARE] = { "declare", 20 },
  [ENROL] = { "enrol", 20 },
  [DISMISS] = { "dismiss", 10 },
};

struct _Entry
{
  Ledger *ledger;
  Deed deed;
  guint which;
  guint version;
};

Ledger *
ledger_new (guint32 seed)
{
  Ledger *self = g_new0 (Ledger, 1);
  self->tag = g_strdup_printf ("%08x", seed);
  self->began_ms = g_get_real_time () / 1000;
  for (guint i = 0; i < N_TOKENS; i++)
    self->tokens[i] = tessera_uuid_new (self->began_ms);
  return self;
}

void
ledger_free (Ledger *self)
{
  for (guint i = 0; i < N_TOKENS; i++)
    g_free (self->tokens[i]);
  g_free (self->tag);
  g_free (self);
}

/* Names: of person 2, code 7, … */
static char *
name_of (Ledger *self, const char *kind, guint number)
{
  return g_strdup_printf ("%s-%s-%u", kind, self->tag, number);
}

static TesseraDigest
digest_of (Ledger *self, const char *kind, guint number)
{
  g_autofree char *name = name_of (self, kind, number);
  return tessera_digest (name, -1);
}

static guint
session_of_code (guint code)
{
  return code % N_SESSIONS;
}

static guint
person_of_session (guint session)
{
  return session % N_PEOPLE;
}

static guint
client_of_code (guint code)
{
  return code / 3 % N_CLIENTS;
}

static void
fill_login (Ledger *self, TesseraLogin *login, guint session)
{
  login->subject = name_of (self, "person", person_of_session (session));
  login->session_id = name_of (self, "session", session);
  login->auth_time = 1;
}

/* Deeds. */

static gboolean
sign_in (Entry *self, Books *books, TesseraStore *store, GError **error)
{
  g_autoptr (TesseraSession) session = g_new0 (TesseraSession, 1);
  g_autoptr (TesseraSession) known = NULL;
  g_autoptr (GError) problem = NULL;

  session->digest = digest_of (self->ledger, "cookie", self->which);
  known = tessera_store_lookup_session (store, &session->digest, &problem);
  if (problem != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&problem));
      return FALSE;
    }
  if (known != NULL)
    return TRUE;
  fill_login (self->ledger, &session->login, self->which);
  session->began_ms = session->last_seen_ms = tessera_clock_get_ms (books->clock);
  session->expires_ms = session->began_ms + LONG_MS;
  return tessera_store_put_session (store, session, error);
}

static gboolean
allow (Entry *self, Books *books, TesseraStore *store, GError **error)
{
  g_autoptr (TesseraConsent) consent = g_new0 (TesseraConsent, 1);
  consent->subject = name_of (self->ledger, "person", self->which % N_PEOPLE);
  consent->client_id = name_of (self->ledger, "client", self->which / N_PEOPLE % N_CLIENTS);
  consent->redirect_uri = g_strdup ("https://c.test/cb");
  consent->scope = g_strdup_printf ("%u", self->version);
  consent->given_ms = tessera_clock_get_ms (books->clock);
  return tessera_store_put_consent (store, consent, error);
}

/* What one person allowed one client, as grants/tessera-withdrawal.c does it. */
static gboolean
take_back (Entry *self, Books *books, TesseraStore *store, GError **error)
{
  g_autofree char *subject = name_of (self->ledger, "person", self->which % N_PEOPLE);
  g_autofree char *client_id = name_of (self->ledger, "client", self->which / N_PEOPLE % N_CLIENTS);
  TesseraStoreFilter filter = {
    .subject = subject, .client_id = client_id, .after = "", .limit = N_CODES, .now_ms = G_MININT64
  };
  g_autoptr (GPtrArray) grants = tessera_store_list_grants (store, &filter, error);

  if (grants == NULL)
    return FALSE;
  for (guint i = 0; i < grants->len; i++)
    {
      const TesseraGrant *grant = grants->pdata[i];
      if (!tessera_deny_list_deny_grant (books->list, store, grant->grant_id, NULL, error))
        return FALSE;
    }
  return tessera_store_end_all (store, subject, client_id, tessera_clock_get_ms (books->clock),
                                error);
}

static TesseraAuthorizationCode *
lookup_code (Entry *self, TesseraStore *store, GError **error)
{
  TesseraDigest digest = digest_of (self->ledger, "code", self->which);
  return tessera_store_lookup_code (store, &digest, error);
}

static gboolean
issue (Entry *self, Books *books, TesseraStore *store, GError **error)
{
  g_autoptr (GError) problem = NULL;
  g_autofree char *grant_id = name_of (self->ledger, "grant", self->which);
  TesseraAuthorizationCode *code = lookup_code (self, store, &problem);
  TesseraTokenIdentity identity
      = { .jti = "none", .grant_id = grant_id, .issued_ms = G_MAXINT64 / 2, .client_id = "c" };

  if (problem != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&problem));
      return FALSE;
    }
  /* A code is given once; one whose grant ended is not given again. */
  if (code != NULL || tessera_deny_list_check (books->list, &identity))
    {
      g_clear_pointer (&code, tessera_authorization_code_free);
      return TRUE;
    }
  code = g_new0 (TesseraAuthorizationCode, 1);
  code->digest = digest_of (self->ledger, "code", self->which);
  code->client_id = name_of (self->ledger, "client", client_of_code (self->which));
  code->redirect_uri = g_strdup ("https://c.test/cb");
  code->code_challenge = name_of (self->ledger, "challenge", self->which);
  fill_login (self->ledger, &code->login, session_of_code (self->which));
  code->scope = g_strdup ("a b");
  code->began_ms = tessera_clock_get_ms (books->clock);
  code->expires_ms = code->began_ms + LONG_MS;
  gboolean done = tessera_store_put_code (store, code, error);
  g_clear_pointer (&code, tessera_authorization_code_free);
  return done;
}

static gboolean
make_grant (Entry *self,
            Books *books,
            TesseraStore *store,
            const TesseraAuthorizationCode *code,
            GError **error)
{
  g_autoptr (TesseraGrant) grant = g_new0 (TesseraGrant, 1);
  gint64 now = tessera_clock_get_ms (books->clock);
  grant->grant_id = name_of (self->ledger, "grant", self->which);
  grant->client_id = g_strdup (code->client_id);
  tessera_login_copy (&code->login, &grant->login);
  grant->scope = g_strdup (code->scope);
  grant->began_ms = code->began_ms;
  grant->last_used_ms = now;
  grant->expires_ms = now + LONG_MS;
  grant->nonce = tessera_nonce_new ();
  return tessera_store_put_grant (store, grant, &grant->number, error)
         && tessera_store_redeem_code (store, code, grant->grant_id, now, error)
         && tessera_store_begin_rotation (store, grant->number, now, error);
}

/* As the grant of the same name does: a second time ends what the first began. */
static gboolean
redeem (Entry *self, Books *books, TesseraStore *store, GError **error)
{
  g_autoptr (GError) problem = NULL;
  TesseraAuthorizationCode *code = lookup_code (self, store, &problem);
  gboolean done = TRUE;

  if (problem != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&problem));
      return FALSE;
    }
  if (code != NULL && code->grant_id == NULL)
    done = make_grant (self, books, store, code, error);
  else if (code != NULL && self->version % 4 == 0)
    done = tessera_deny_list_deny_grant (books->list, store, code->grant_id, NULL, error);
  g_clear_pointer (&code, tessera_authorization_code_free);
  return done;
}

/* The grant of the name, if it is there. */
static TesseraGrant *
lookup_grant (Ledger *self, TesseraStore *store, guint number, GError **error)
{
  g_autofree char *grant_id = name_of (self, "grant", number);
  return tessera_store_lookup_grant (store, grant_id, error);
}

static gboolean
rotate (Entry *self, Books *books, TesseraStore *store, GError **error)
{
  g_autoptr (GError) problem = NULL;
  g_autoptr (TesseraGrant) grant = lookup_grant (self->ledger, store, self->which, &problem);

  if (problem != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&problem));
      return FALSE;
    }
  return grant == NULL
         || tessera_store_rotate (store, grant->number, tessera_clock_get_ms (books->clock), error);
}

static gboolean
deny_token (Entry *self, Books *books, TesseraStore *store, GError **error)
{
  gint64 now = tessera_clock_get_ms (books->clock);
  TesseraTokenIdentity identity = {
    .jti = self->ledger->tokens[self->which],
    .issued_ms = self->ledger->began_ms,
    .expires_ms = now + LIFETIME_MS,
    .client_id = "machine",
  };
  return tessera_deny_list_deny_token (books->list, store, &identity, NULL, error);
}

/* Only one that there is, as its name is made with it. */
static gboolean
deny_grant (Entry *self, Books *books, TesseraStore *store, GError **error)
{
  g_autoptr (GError) problem = NULL;
  g_autofree char *grant_id = name_of (self->ledger, "grant", self->which);
  g_autoptr (TesseraGrant) grant = tessera_store_lookup_grant (store, grant_id, &problem);
  if (problem == NULL && grant != NULL)
    return tessera_deny_list_deny_grant (books->list, store, grant_id, NULL, error);
  if (problem == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&problem));
  return FALSE;
}

static gboolean
deny (Entry *self, Books *books, TesseraStore *store, GError **error)
{
  static const char *const kinds[N_DEEDS] = {
    [DENY_SESSION] = "session", [DENY_PERSON] = "person", [DENY_CLIENT] = "client",
    [DENY_KEY] = "key",         [DENY_ALL] = "all",
  };
  g_autofree char *value = name_of (self->ledger, kinds[self->deed], self->which);
  switch (self->deed)
    {
    case DENY_SESSION:
      return tessera_deny_list_deny_session (books->list, store, value, NULL, error);
    case DENY_PERSON:
      return tessera_deny_list_deny_subject (books->list, store, value, NULL, error);
    case DENY_CLIENT:
      return tessera_deny_list_deny_client (books->list, store, value, NULL, error);
    case DENY_KEY:
      return tessera_deny_list_deny_key (books->list, store, value, NULL, error);
    default:
      return tessera_deny_list_deny_all (books->list, store, NULL, error);
    }
}

static gboolean
enlist (Entry *self, TesseraStore *store, GError **error)
{
  g_autofree char *id = name_of (self->ledger, "client", self->which);
  g_autofree char *name = g_strdup_printf ("%u", self->version);
  g_autoptr (TesseraClient) client = tessera_client_new (id, name);
  if (self->deed == UNREGISTER)
    return tessera_store_remove_client (store, id, error);
  return tessera_store_put_client (store, client, error);
}

static gboolean
declare (Entry *self, TesseraStore *store, GError **error)
{
  g_autofree char *name = name_of (self->ledger, "user", self->which);
  g_autofree char *print = g_strdup_printf ("%u", self->version);
  return tessera_store_put_declared (store, name, self->version % 5 == 0 ? NULL : print, error);
}

static gboolean
enrol (Entry *self, TesseraStore *store, GError **error)
{
  g_autofree char *name = name_of (self->ledger, "user", self->which);
  g_autoptr (TesseraUser) enabled = tessera_user_new (name, PASSWORD_HASH, NULL, NULL);
  g_autoptr (TesseraUser) disabled = tessera_user_copy_with_disabled (enabled, TRUE);
  if (self->deed == DISMISS)
    return tessera_store_remove_user (store, name, error);
  return tessera_store_put_user (store, self->version % 2 == 0 ? enabled : disabled, error);
}

gboolean
entry_run (Entry *self, Books *books, TesseraStore *store, GError **error)
{
  switch (self->deed)
    {
    case SIGN_IN:
      return sign_in (self, books, store, error);
    case ALLOW:
      return allow (self, books, store, error);
    case TAKE_BACK:
      return take_back (self, books, store, error);
    case ISSUE:
      return issue (self, books, store, error);
    case REDEEM:
      return redeem (self, books, store, error);
    case ROTATE:
      return rotate (self, books, store, error);
    case DENY_TOKEN:
      return deny_token (self, books, store, error);
    case DENY_GRANT:
      return deny_grant (self, books, store, error);
    case REGISTER:
    case UNREGISTER:
      return enlist (self, store, error);
    case DECLARE:
      return declare (self, store, error);
    case ENROL:
    case DISMISS:
      return enrol (self, store, error);
    default:
      return deny (self, books, store, error);
    }
}

static Deed
choose_deed (GRand *random)
{
  gint chance = g_rand_int_range (random, 0, 1000);
  for (Deed deed = 0; deed < N_DEEDS; deed++)
    {
      chance -= (gint) deeds[deed].weight;
      if (chance < 0)
        return deed;
    }
  g_assert_not_reached ();
}

static guint
count_of (Deed deed)
{
  switch (deed)
    {
    case SIGN_IN:
    case DENY_SESSION:
      return N_SESSIONS;
    case ALLOW:
    case TAKE_BACK:
      return N_PEOPLE * N_CLIENTS;
    case ISSUE:
    case REDEEM:
    case ROTATE:
    case DENY_GRANT:
      return N_CODES;
    case DENY_TOKEN:
      return N_TOKENS;
    case DENY_KEY:
      return N_KEYS;
    case DENY_ALL:
      return 1;
    default:
      return N_PEOPLE; /* as many as clients */
    }
}

Entry *
entry_new (Ledger *ledger, GRand *random)
{
  Entry *self = g_new0 (Entry, 1);
  self->ledger = ledger;
  self->deed = choose_deed (random);
  self->which = (guint) g_rand_int_range (random, 0, (gint32) count_of (self->deed));
  self->version = (guint) g_rand_int_range (random, 1, 1000);
  return self;
}

void
entry_free (Entry *self)
{
  g_free (self);
}

const char *
entry_get_name (Entry *self)
{
  return deeds[self->deed].name;
}

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
  TesseraDigest digest = digest_of (self, "code", number);
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
  g_autofree char *client_id = name_of (self, "client", client_of_code (number));
  g_autofree char *challenge = name_of (self, "challenge", number);
  gboolean redeemed = FALSE;
  tessera_store_is_challenge_redeemed (books->store, client_id, challenge, &redeemed, &error);
  return is_readable (books, error) && redeemed ? 1 : 0;
}

static guint32
look_at_grant (Ledger *self, Books *books, guint number)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *grant_id = name_of (self, "grant", number);
  g_autoptr (TesseraGrant) grant = tessera_store_lookup_grant (books->store, grant_id, &error);
  return is_readable (books, error) && grant != NULL ? 1 : 0;
}

/* How many times it rotated, and one more. */
static guint32
look_at_rotation (Ledger *self, Books *books, guint number)
{
  TesseraRotation rotation = { 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraGrant) grant = lookup_grant (self, books->store, number, &error);
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
  TesseraDigest digest = digest_of (self, "cookie", number);
  g_autoptr (TesseraSession) session = tessera_store_lookup_session (books->store, &digest, &error);
  return is_readable (books, error) && session != NULL ? 1 : 0;
}

static guint32
look_at_consent (Ledger *self, Books *books, guint number)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *subject = name_of (self, "person", number % N_PEOPLE);
  g_autofree char *client_id = name_of (self, "client", number / N_PEOPLE % N_CLIENTS);
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
  g_autofree char *id = name_of (self, "client", number);
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
  g_autofree char *name = name_of (self, "user", number);
  WantedUser wanted = { name, 0 };
  tessera_store_foreach_user (books->store, note_user, &wanted, &error);
  return is_readable (books, error) ? wanted.seen : 0;
}

static guint32
look_at_declared (Ledger *self, Books *books, guint number)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = name_of (self, "user", number);
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
  g_autofree char *value = name_of (self, "grant", number);
  TesseraTokenIdentity identity
      = { .jti = "none", .issued_ms = G_MAXINT64 / 4, .client_id = "c", .grant_id = value };
  return ask (books, &identity);
}

static guint32
look_at_denied_session (Ledger *self, Books *books, guint number)
{
  g_autofree char *value = name_of (self, "session", number);
  TesseraTokenIdentity identity
      = { .jti = "none", .issued_ms = G_MAXINT64 / 4, .client_id = "c", .session_id = value };
  return ask (books, &identity);
}

static guint32
look_at_denied_key (Ledger *self, Books *books, guint number)
{
  g_autofree char *value = name_of (self, "key", number);
  TesseraTokenIdentity identity
      = { .jti = "none", .issued_ms = G_MAXINT64 / 4, .client_id = "c", .kid = value };
  return ask (books, &identity);
}

static guint32
look_at_denied_person (Ledger *self, Books *books, guint number)
{
  g_autofree char *value = name_of (self, "person", number);
  TesseraTokenIdentity identity
      = { .jti = "none", .issued_ms = 1, .client_id = "c", .grant_id = "none", .subject = value };
  return ask (books, &identity);
}

static guint32
look_at_denied_client (Ledger *self, Books *books, guint number)
{
  g_autofree char *value = name_of (self, "client", number);
  TesseraTokenIdentity identity = { .jti = "none", .issued_ms = 1, .client_id = value };
  return ask (books, &identity);
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
};

GArray *
ledger_look (Ledger *self, Books *books)
{
  GArray *seen = g_array_new (FALSE, FALSE, sizeof (guint32));
  for (guint i = 0; i < G_N_ELEMENTS (things); i++)
    for (guint number = 0; number < things[i].count; number++)
      {
        guint32 value = things[i].look (self, books, number);
        g_array_append_val (seen, value);
      }
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
