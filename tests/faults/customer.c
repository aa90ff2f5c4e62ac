/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See customer.h; what the verbs promise is written down in model.py. */

#include "customer.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define REDIRECT_URI "https%3A%2F%2Fload.test%2Fcb"
#define BUSY_MAX 4
#define SHOWN 3
#define TOKENS_MAX 40 /* far below where the deny-list makes one entry of many */

typedef enum
{
  LIVING,
  WAITING, /* for a kill */
  PROBING,
  DONE
} Phase;

typedef enum
{
  ISSUE = 'i',
  MACHINE_TOKEN = 't',
  REDEEM = 'c',
  REDEEM_WRONG = 'w', /* with another code_verifier */
  REFRESH = 'f',
  REFRESH_FOREIGN = 'x',
  REVOKE_ACCESS = 'v',
  REVOKE_REFRESH = 'z',
  ASK_ACCESS = 'q',
  ASK_REFRESH = 'm',
  KILLED = 'k'
} Verb;

typedef struct
{
  Verb verb;
  int token;
  gint64 begun;
  gint64 ended;
  char outcome; /* o done, n refused; 1 active, 0 not; l lost, b busy, e what should not be */
  int access;   /* what came with it, or -1 */
  int refresh;
} Operation;

struct _Customer
{
  World *world;
  guint number;
  gboolean is_machine;
  gboolean is_patient; /* waits for what its code gives before it uses the code again */
  Phase phase;
  guint busy;
  guint target;
  guint kills_to_see;
  guint probed;
  gboolean was_revoked;
  char *code;
  char *verifier;
  GPtrArray *access;
  GPtrArray *refresh;
  GArray *operations;
};

static guint shown; /* answers that should not be */

gint64
now_ns (void)
{
  struct timespec now;
  clock_gettime (CLOCK_MONOTONIC, &now);
  return (gint64) now.tv_sec * 1000000000 + now.tv_nsec;
}

static char *
make_verifier (GRand *random)
{
  return g_strdup_printf ("%08x%08x%08x%08x%08x%08x", g_rand_int (random), g_rand_int (random),
                          g_rand_int (random), g_rand_int (random), g_rand_int (random),
                          g_rand_int (random));
}

static char *
make_challenge (const char *verifier)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  guint8 digest[32];
  gsize length = sizeof digest;
  g_checksum_update (checksum, (const guchar *) verifier, -1);
  g_checksum_get_digest (checksum, digest, &length);
  char *text = g_base64_encode (digest, length);
  text[43] = '\0';
  return g_strdelimit (g_strdelimit (text, "+", '-'), "/", '_');
}

Customer *
customer_new (World *world, guint number)
{
  Customer *self = g_new0 (Customer, 1);
  self->world = world;
  self->number = number;
  self->is_machine = g_rand_int_range (world->random, 0, 8) == 0;
  self->is_patient = g_rand_int_range (world->random, 0, 4) != 0;
  self->target
      = (guint) g_rand_int_range (world->random, world->length / 3, world->length * 5 / 3 + 1);
  /* A few stay for long, so that what was kept early is looked at late. */
  if (world->kills)
    self->kills_to_see = g_rand_int_range (world->random, 0, 40) == 0 ? 60 : 1;
  self->verifier = make_verifier (world->random);
  self->access = g_ptr_array_new_with_free_func (g_free);
  self->refresh = g_ptr_array_new_with_free_func (g_free);
  self->operations = g_array_new (FALSE, TRUE, sizeof (Operation));
  return self;
}

void
customer_free (Customer *self)
{
  g_free (self->code);
  g_free (self->verifier);
  g_ptr_array_unref (self->access);
  g_ptr_array_unref (self->refresh);
  g_array_unref (self->operations);
  g_free (self);
}

/* What to do. */

static guint
pick (Customer *self, guint count)
{
  return (guint) g_rand_int_range (self->world->random, 0, (gint32) count);
}

static Verb
choose_first (Customer *self)
{
  if (self->is_machine)
    return MACHINE_TOKEN;
  return ISSUE;
}

static Verb
choose_for_machine (Customer *self)
{
  guint chance = pick (self, 100);
  if (chance < 25 && self->access->len < TOKENS_MAX)
    return MACHINE_TOKEN;
  return chance < 50 ? REVOKE_ACCESS : ASK_ACCESS;
}

static Verb
choose_for_grant (Customer *self)
{
  guint chance = pick (self, 100);
  if (chance < 26)
    return self->access->len < TOKENS_MAX ? REFRESH : ASK_ACCESS;
  if (chance < 38)
    return REVOKE_ACCESS;
  if (chance < 40)
    return REDEEM_WRONG;
  if (chance < 42)
    return REFRESH_FOREIGN;
  if (chance < 48)
    return ASK_REFRESH;
  /* What ends the grant, late in its life for the most part. */
  if (chance < 54 && self->operations->len * 3 > self->target * 2)
    return REVOKE_REFRESH;
  if (chance < 55)
    return REDEEM;
  return ASK_ACCESS;
}

static Verb
choose (Customer *self)
{
  if (self->operations->len == 0)
    return choose_first (self);
  if (self->is_machine)
    return choose_for_machine (self);
  if (self->refresh->len == 0)
    return pick (self, 10) < 8 ? REDEEM : REDEEM_WRONG;
  return choose_for_grant (self);
}

/* Nearly always the newest. */
static int
choose_refresh_token (Customer *self)
{
  guint newest = self->refresh->len - 1;
  if (pick (self, 12) == 0)
    return (int) pick (self, self->refresh->len);
  if (newest > 0 && pick (self, 6) == 0)
    return (int) newest - 1;
  return (int) newest;
}

static int
choose_token (Customer *self, Verb verb)
{
  switch (verb)
    {
    case REFRESH:
    case REFRESH_FOREIGN:
    case ASK_REFRESH:
    case REVOKE_REFRESH:
      return choose_refresh_token (self);
    case REVOKE_ACCESS:
    case ASK_ACCESS:
      return (int) pick (self, self->access->len);
    default:
      return -1;
    }
}

/* When it is over, every token is asked for once more, and the newest refresh token used. */
static gboolean
choose_probe (Customer *self, Verb *out_verb, int *out_token)
{
  guint probe = self->probed;
  *out_verb = ASK_ACCESS;
  *out_token = (int) probe;
  if (probe < self->access->len)
    {
      self->probed++;
      return TRUE;
    }
  /* The rest in order: the last one gives a new token. */
  if (self->busy > 0 || self->probed == G_MAXUINT || self->refresh->len == 0)
    return FALSE;
  *out_verb = REFRESH;
  *out_token = (int) self->refresh->len - 1;
  self->probed = G_MAXUINT;
  return TRUE;
}

/* Requests. */

static const char *
token_of (Customer *self, Verb verb, int token)
{
  if (verb == REVOKE_ACCESS || verb == ASK_ACCESS)
    return self->access->pdata[token];
  return self->refresh->pdata[token];
}

static void
write_form (Customer *self, GString *request, const char *path, const char *form)
{
  g_string_printf (request,
                   "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
                   "Content-Type: application/x-www-form-urlencoded\r\n"
                   "Content-Length: %zu\r\n\r\n%s",
                   path, self->world->port, strlen (form), form);
}

static void
write_authorize (Customer *self, GString *request)
{
  World *world = self->world;
  g_autofree char *challenge = make_challenge (self->verifier);
  g_string_printf (request,
                   "GET /authorize?response_type=code&client_id=%s&redirect_uri=%s&scope=a&state=S"
                   "&code_challenge=%s&code_challenge_method=S256 HTTP/1.1\r\n"
                   "Host: 127.0.0.1:%u\r\nCookie: %s\r\n\r\n",
                   world->identifier, REDIRECT_URI, challenge, world->port,
                   (char *) world->cookies->pdata[self->number % world->cookies->len]);
}

static void
write_redeem (Customer *self, GString *request, gboolean right)
{
  g_autofree char *form = g_strdup_printf ("grant_type=authorization_code&code=%s&redirect_uri=%s"
                                           "&code_verifier=%s%s&%s",
                                           self->code, REDIRECT_URI, self->verifier,
                                           right ? "" : "x", self->world->client);
  write_form (self, request, "/token", form);
}

static void
write_with_token (
    Customer *self, GString *request, const char *path, const char *field, const char *token)
{
  g_autofree char *form = g_strdup_printf ("%s=%s&%s", field, token, self->world->client);
  write_form (self, request, path, form);
}

static void
write_foreign_refresh (Customer *self, GString *request, const char *token)
{
  g_autofree char *form
      = g_strdup_printf ("grant_type=refresh_token&refresh_token=%s&%s", token, self->world->other);
  write_form (self, request, "/token", form);
}

static void
write_machine (Customer *self, GString *request)
{
  g_autofree char *form
      = g_strdup_printf ("grant_type=client_credentials&scope=a&%s", self->world->client);
  write_form (self, request, "/token", form);
}

static void
write_request (Customer *self, GString *request, Verb verb, int token)
{
  switch (verb)
    {
    case ISSUE:
      write_authorize (self, request);
      return;
    case MACHINE_TOKEN:
      write_machine (self, request);
      return;
    case REDEEM:
    case REDEEM_WRONG:
      write_redeem (self, request, verb == REDEEM);
      return;
    case REFRESH:
      write_with_token (self, request, "/token", "grant_type=refresh_token&refresh_token",
                        token_of (self, verb, token));
      return;
    case REFRESH_FOREIGN:
      write_foreign_refresh (self, request, token_of (self, verb, token));
      return;
    case REVOKE_ACCESS:
    case REVOKE_REFRESH:
      write_with_token (self, request, "/revoke", "token", token_of (self, verb, token));
      return;
    case ASK_ACCESS:
    case ASK_REFRESH:
      write_with_token (self, request, "/introspect", "token", token_of (self, verb, token));
      return;
    case KILLED:
      break;
    }
  g_assert_not_reached ();
}

static gboolean
has_begun (Customer *self)
{
  if (self->is_machine)
    return self->access->len > 0;
  return self->code != NULL;
}

static gboolean
choose_next (Customer *self, Verb *out_verb, int *out_token)
{
  if (self->phase == PROBING)
    return choose_probe (self, out_verb, out_token);
  if (self->phase != LIVING || self->operations->len >= self->target)
    return FALSE;
  if (self->operations->len > 0 && !has_begun (self))
    return FALSE;
  if (self->is_patient && !self->is_machine && self->refresh->len == 0 && self->busy > 0)
    return FALSE;
  *out_verb = choose (self);
  *out_token = choose_token (self, *out_verb);
  return TRUE;
}

gboolean
customer_begin (Customer *self, GString *request, guint *out_operation)
{
  Operation operation = { .ended = -1, .outcome = 'l', .access = -1, .refresh = -1 };
  if (self->busy >= BUSY_MAX || !choose_next (self, &operation.verb, &operation.token))
    return FALSE;

  write_request (self, request, operation.verb, operation.token);
  *out_operation = self->operations->len;
  self->busy++;
  operation.begun = now_ns ();
  g_array_append_val (self->operations, operation);
  return TRUE;
}

/* Answers. */

static char *
dup_between (const char *text, const char *before, const char *ends)
{
  const char *at = strstr (text, before);
  if (at == NULL)
    return NULL;
  at += strlen (before);
  return g_strndup (at, strcspn (at, ends));
}

static char *
dup_member (const Answer *answer, const char *name)
{
  g_autofree char *before = g_strdup_printf ("\"%s\":\"", name);
  return dup_between (answer->body, before, "\"");
}

/* Takes @token; its number, the same for the same token. */
static int
number_token (GPtrArray *tokens, char *token)
{
  if (token == NULL)
    return -1;
  for (guint i = 0; i < tokens->len; i++)
    if (strcmp (tokens->pdata[i], token) == 0)
      {
        g_free (token);
        return (int) i;
      }
  g_ptr_array_add (tokens, token);
  return (int) tokens->len - 1;
}

static char
take_code (Customer *self, const Answer *answer)
{
  g_autofree char *code = dup_between (answer->head, "code=", "&\r ");
  if (answer->status != 303 || code == NULL)
    return 'e';
  self->code = g_steal_pointer (&code);
  return 'o';
}

static char
take_tokens (Customer *self, Operation *operation, const Answer *answer)
{
  if (answer->status == 400 && strstr (answer->body, "\"invalid_grant\"") != NULL)
    return 'n';
  if (answer->status != 200)
    return 'e';
  operation->access = number_token (self->access, dup_member (answer, "access_token"));
  operation->refresh = number_token (self->refresh, dup_member (answer, "refresh_token"));
  return operation->access >= 0 ? 'o' : 'e';
}

static char
take_activity (const Answer *answer)
{
  if (answer->status != 200)
    return 'e';
  if (strstr (answer->body, "\"active\":true") != NULL)
    return '1';
  return strstr (answer->body, "\"active\":false") != NULL ? '0' : 'e';
}

static char
judge (Customer *self, Operation *operation, const Answer *answer)
{
  if (answer->status == 503)
    return 'b';
  switch (operation->verb)
    {
    case ISSUE:
      return take_code (self, answer);
    case REVOKE_ACCESS:
    case REVOKE_REFRESH:
      return answer->status == 200 ? 'o' : 'e';
    case ASK_ACCESS:
    case ASK_REFRESH:
      return take_activity (answer);
    default:
      return take_tokens (self, operation, answer);
    }
}

/* From one phase to the next, when nothing is under way. */
static void
move_on (Customer *self)
{
  if (self->busy > 0)
    return;
  if (self->phase == LIVING && !has_begun (self) && self->operations->len > 0)
    self->phase = DONE; /* the very first answer was lost */
  if (self->phase == LIVING && self->operations->len >= self->target)
    self->phase = self->kills_to_see > 0 ? WAITING : PROBING;
  if (self->phase == WAITING && self->kills_to_see == 0)
    self->phase = PROBING;
  if (self->phase == PROBING && self->probed >= self->access->len
      && (self->refresh->len == 0 || self->probed == G_MAXUINT))
    self->phase = DONE;
}

gboolean
customer_end (Customer *self, guint number, const Answer *answer)
{
  Operation *operation = &g_array_index (self->operations, Operation, number);
  operation->ended = now_ns ();
  self->busy--;
  if (answer != NULL)
    operation->outcome = judge (self, operation, answer);
  gboolean good = operation->outcome != 'e';
  if (!good && shown++ < SHOWN)
    fprintf (stderr, "# %c was answered with %u\n", operation->verb, answer->status);
  move_on (self);
  return good;
}

void
customer_note_kill (Customer *self, gint64 killed_ns)
{
  Operation operation = { .verb = KILLED,
                          .token = -1,
                          .begun = killed_ns,
                          .ended = killed_ns,
                          .outcome = 'o',
                          .access = -1,
                          .refresh = -1 };
  if (self->operations->len == 0)
    return;
  g_array_append_val (self->operations, operation);
  if (self->phase == WAITING && self->kills_to_see > 0)
    self->kills_to_see--;
  move_on (self);
}

void
customer_finish (Customer *self)
{
  self->kills_to_see = 0;
  self->target = 0;
  if (self->operations->len == 0)
    self->phase = DONE;
  move_on (self);
}

gboolean
customer_is_idle (Customer *self)
{
  return self->phase >= WAITING;
}

gboolean
customer_is_waiting (Customer *self)
{
  return self->phase == WAITING;
}

gboolean
customer_is_done (Customer *self)
{
  return self->phase == DONE;
}

void
customer_print (Customer *self)
{
  printf ("%u", self->number);
  for (guint i = 0; i < self->operations->len; i++)
    {
      const Operation *o = &g_array_index (self->operations, Operation, i);
      printf (" %c,%d,%" G_GINT64_FORMAT ",%" G_GINT64_FORMAT ",%c,%d,%d", o->verb, o->token,
              o->begun, o->ended, o->outcome, o->access, o->refresh);
    }
  putchar ('\n');
}
