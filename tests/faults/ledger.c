/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See ledger.h. */

#include "ledger-names.h"

#include "model/tessera-client-private.h"
#include "model/tessera-user-private.h"

#include <stdlib.h>
#include <string.h>

/* Of nobody's password. */
#define PASSWORD_HASH "$y$j75$ni328Q7fT16H51x1rvpgY1$z5l34sRSwjdFB1dbZRWmMlURPPIaO0QpxjcpYUHO229"
#define LIFETIME_MS (600 * 1000)

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
  ASSERT,
  TAKE_PART,
  TELL,
  TELL_IN_VAIN,
  INVITE,
  JOIN,
  UNINVITE,
  N_DEEDS
} Deed;

/* How often of a thousand; each also has a name. */
static const struct
{
  const char *name;
  guint weight;
} deeds[N_DEEDS] = {
  [SIGN_IN] = { "sign in", 60 },
  [ALLOW] = { "allow", 40 },
  [TAKE_BACK] = { "take back", 15 },
  [ISSUE] = { "issue a code", 120 },
  [REDEEM] = { "redeem a code", 135 },
  [ROTATE] = { "rotate", 108 },
  [DENY_TOKEN] = { "revoke a token", 110 },
  [DENY_GRANT] = { "end a grant", 50 },
  [DENY_SESSION] = { "end a session", 26 },
  [DENY_PERSON] = { "end a person", 10 },
  [DENY_CLIENT] = { "end a client", 6 },
  [DENY_KEY] = { "revoke a key", 5 },
  [DENY_ALL] = { "end all", 1 },
  [REGISTER] = { "register", 43 },
  [UNREGISTER] = { "unregister", 16 },
  [DECLARE] = { "declare", 20 },
  [ENROL] = { "enrol", 20 },
  [DISMISS] = { "dismiss", 10 },
  [ASSERT] = { "assert", 40 },
  [TAKE_PART] = { "take part", 60 },
  [TELL] = { "tell of an end", 15 },
  [TELL_IN_VAIN] = { "tell of an end in vain", 15 },
  [INVITE] = { "invite", 25 },
  [JOIN] = { "register by an invitation", 30 },
  [UNINVITE] = { "take an invitation back", 20 },
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

char *
ledger_name (Ledger *self, const char *kind, guint number)
{
  return g_strdup_printf ("%s-%s-%u", kind, self->tag, number);
}

TesseraDigest
ledger_digest (Ledger *self, const char *kind, guint number)
{
  g_autofree char *name = ledger_name (self, kind, number);
  return tessera_digest (name, -1);
}

static guint
session_of_code (guint code)
{
  return code % N_SESSIONS;
}

guint
ledger_person_of (guint session)
{
  return session % N_PEOPLE;
}

guint
ledger_client_of (guint code)
{
  return code / 3 % N_CLIENTS;
}

guint
ledger_session_of_participant (guint participant)
{
  return participant / N_CLIENTS;
}

guint
ledger_client_of_participant (guint participant)
{
  return participant % N_CLIENTS;
}

char *
ledger_sub_of_participant (Ledger *self, guint participant)
{
  return participant % 2 == 0 ? ledger_name (self, "sub", participant) : NULL;
}

static void
fill_login (Ledger *self, TesseraLogin *login, guint session)
{
  login->subject = ledger_name (self, "person", ledger_person_of (session));
  login->session_id = ledger_name (self, "session", session);
  login->auth_time = 1;
}

/* Deeds. */

static gboolean
sign_in (Entry *self, Books *books, TesseraStore *store, GError **error)
{
  g_autoptr (TesseraSession) session = g_new0 (TesseraSession, 1);
  g_autoptr (TesseraSession) known = NULL;
  g_autoptr (GError) problem = NULL;

  session->digest = ledger_digest (self->ledger, "cookie", self->which);
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
  consent->subject = ledger_name (self->ledger, "person", self->which % N_PEOPLE);
  consent->client_id = ledger_name (self->ledger, "client", self->which / N_PEOPLE % N_CLIENTS);
  consent->redirect_uri = g_strdup ("https://c.test/cb");
  consent->scope = g_strdup_printf ("%u", self->version);
  consent->given_ms = tessera_clock_get_ms (books->clock);
  return tessera_store_put_consent (store, consent, error);
}

/* What one person allowed one client, as grants/tessera-withdrawal.c does it. */
static gboolean
take_back (Entry *self, Books *books, TesseraStore *store, GError **error)
{
  g_autofree char *subject = ledger_name (self->ledger, "person", self->which % N_PEOPLE);
  g_autofree char *client_id
      = ledger_name (self->ledger, "client", self->which / N_PEOPLE % N_CLIENTS);
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
  TesseraDigest digest = ledger_digest (self->ledger, "code", self->which);
  return tessera_store_lookup_code (store, &digest, error);
}

static gboolean
issue (Entry *self, Books *books, TesseraStore *store, GError **error)
{
  g_autoptr (GError) problem = NULL;
  g_autofree char *grant_id = ledger_name (self->ledger, "grant", self->which);
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
  code->digest = ledger_digest (self->ledger, "code", self->which);
  code->client_id = ledger_name (self->ledger, "client", ledger_client_of (self->which));
  code->redirect_uri = g_strdup ("https://c.test/cb");
  code->code_challenge = ledger_name (self->ledger, "challenge", self->which);
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
  grant->grant_id = ledger_name (self->ledger, "grant", self->which);
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
  g_autofree char *grant_id = ledger_name (self, "grant", number);
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
  g_autofree char *grant_id = ledger_name (self->ledger, "grant", self->which);
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
  g_autofree char *value = ledger_name (self->ledger, kinds[self->deed], self->which);
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
declare (Entry *self, TesseraStore *store, GError **error)
{
  g_autofree char *name = ledger_name (self->ledger, "user", self->which);
  g_autofree char *print = g_strdup_printf ("%u", self->version);
  return tessera_store_put_declared (store, name, self->version % 5 == 0 ? NULL : print, error);
}

static gboolean
enrol (Entry *self, TesseraStore *store, GError **error)
{
  g_autofree char *name = ledger_name (self->ledger, "user", self->which);
  g_autoptr (TesseraUser) enabled = tessera_user_new (name, PASSWORD_HASH, NULL, NULL);
  g_autoptr (TesseraUser) disabled = tessera_user_copy_with_disabled (enabled, TRUE);
  if (self->deed == DISMISS)
    return tessera_store_remove_user (store, name, error);
  return tessera_store_put_user (store, self->version % 2 == 0 ? enabled : disabled, error);
}

/* A client's word, good once. */
static gboolean
use_assertion (Entry *self, Books *books, TesseraStore *store, GError **error)
{
  TesseraDigest digest = ledger_digest (self->ledger, "assertion", self->which);
  gboolean is_new;

  return tessera_store_use_assertion (store, &digest, tessera_clock_get_ms (books->clock) + LONG_MS,
                                      self->version % 2 == 0, &is_new, error);
}

/* In a session that there is. */
static gboolean
take_part (Entry *self, Books *books, TesseraStore *store, GError **error)
{
  g_autoptr (GError) problem = NULL;
  guint session = ledger_session_of_participant (self->which);
  TesseraDigest cookie = ledger_digest (self->ledger, "cookie", session);
  g_autoptr (TesseraSession) known = tessera_store_lookup_session (store, &cookie, &problem);
  g_autoptr (TesseraParticipant) participant = g_new0 (TesseraParticipant, 1);

  if (problem != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&problem));
      return FALSE;
    }
  if (known == NULL)
    return TRUE;
  participant->session_id = g_strdup (known->login.session_id);
  participant->subject = g_strdup (known->login.subject);
  participant->client_id
      = ledger_name (self->ledger, "client", ledger_client_of_participant (self->which));
  participant->sub = ledger_sub_of_participant (self->ledger, self->which);
  participant->began_ms = known->began_ms;
  participant->expires_ms = tessera_clock_get_ms (books->clock) + LONG_MS;
  return tessera_store_put_participant (store, participant, error);
}

/* By name, as what ended at once has its numbers in no promised order. */
static gint
compare_logouts (gconstpointer a, gconstpointer b)
{
  const TesseraLogout *one = *(const TesseraLogout *const *) a;
  const TesseraLogout *other = *(const TesseraLogout *const *) b;
  gint order = strcmp (one->session_id, other->session_id);

  if (order == 0)
    order = strcmp (one->client_id, other->client_id);
  return order != 0 ? order : (one->number > other->number) - (one->number < other->number);
}

/* One of those that have yet to hear. */
static gboolean
tell (Entry *self, TesseraStore *store, GError **error)
{
  g_autoptr (GPtrArray) logouts
      = tessera_store_list_logouts (store, 0, TESSERA_STORE_LOGOUTS, error);

  if (logouts == NULL)
    return FALSE;
  if (logouts->len == 0)
    return TRUE;
  g_ptr_array_sort (logouts, compare_logouts);
  const TesseraLogout *logout = logouts->pdata[self->which % logouts->len];
  if (self->deed == TELL)
    return tessera_store_remove_logout (store, logout->number, error);
  return tessera_store_put_logout_attempts (store, logout->number, logout->attempts + 1, error);
}

static gboolean
invite (Entry *self, Books *books, TesseraStore *store, GError **error)
{
  g_autoptr (TesseraInitialAccessToken) token = g_new0 (TesseraInitialAccessToken, 1);

  token->id = ledger_name (self->ledger, "invitation", self->which);
  token->digest = ledger_digest (self->ledger, "invitation", self->which);
  token->note = g_strdup_printf ("%u", self->version);
  token->created_ms = tessera_clock_get_ms (books->clock);
  token->expires_ms = token->created_ms + LONG_MS;
  return tessera_store_put_initial_token (store, token, error);
}

static gboolean
enlist (Entry *self, TesseraStore *store, GError **error)
{
  g_autofree char *id = ledger_name (self->ledger, "client", self->which % N_CLIENTS);
  g_autofree char *name = g_strdup_printf ("%u", self->version);
  g_autoptr (TesseraClient) client = tessera_client_new (id, name);
  if (self->deed == UNREGISTER)
    return tessera_store_remove_client (store, id, error);
  return tessera_store_put_client (store, client, error);
}

/* Both or neither: one use more, and the client. */
static gboolean
join (Entry *self, TesseraStore *store, GError **error)
{
  g_autoptr (GError) problem = NULL;
  TesseraDigest digest = ledger_digest (self->ledger, "invitation", self->which);
  g_autoptr (TesseraInitialAccessToken) token
      = tessera_store_lookup_initial_token (store, &digest, &problem);

  if (problem != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&problem));
      return FALSE;
    }
  if (token == NULL)
    return TRUE;
  token->uses++;
  return tessera_store_put_initial_token (store, token, error) && enlist (self, store, error);
}

static gboolean
uninvite (Entry *self, TesseraStore *store, GError **error)
{
  g_autofree char *id = ledger_name (self->ledger, "invitation", self->which);
  gboolean removed;

  return tessera_store_remove_initial_token (store, id, &removed, error);
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
    case ASSERT:
      return use_assertion (self, books, store, error);
    case TAKE_PART:
      return take_part (self, books, store, error);
    case TELL:
    case TELL_IN_VAIN:
      return tell (self, store, error);
    case INVITE:
      return invite (self, books, store, error);
    case JOIN:
      return join (self, store, error);
    case UNINVITE:
      return uninvite (self, store, error);
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
    case ASSERT:
      return N_ASSERTIONS;
    case TAKE_PART:
    case TELL:
    case TELL_IN_VAIN:
      return N_PARTICIPANTS;
    case INVITE:
    case JOIN:
    case UNINVITE:
      return N_INITIAL_TOKENS;
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
