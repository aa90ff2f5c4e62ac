/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One attempt of a resource owner to log in, and the verdict on it: given once, delivered once, and
 * denied in every way in which it can fail to be given (RFC 6749 §3.1). */

#include "model/tessera-authentication-private.h"

#include "base/tessera-secret-private.h"
#include "model/tessera-login-private.h"
#include "model/tessera-scope-private.h"

#include <string.h>

#define PROMPT_MAX_LENGTH 256 /* bytes */

/**
 * TesseraAuthentication:
 *
 * One attempt to log in.
 *
 * The verdict is what a handler of [signal@Server::authenticate] calls on it, never what the
 * handler returns: [method@Authentication.accept], [method@Authentication.deny] or
 * [method@Authentication.ask], now; or [method@Authentication.hold] now and one of the three later,
 * from any thread, within 120 seconds. An attempt without a verdict, one that is forgotten or late,
 * is denied.
 *
 * What was asked comes back as another authentication with the same
 * [method@Authentication.get_id], the next [method@Authentication.get_step], and an
 * [method@Authentication.get_answer] instead of a password.
 */
struct _TesseraAuthentication
{
  GObject parent_instance;

  char *id;
  guint step;
  char *username;
  TesseraSecret *password; /* NULL at later steps */
  TesseraSecret *answer;   /* NULL at the first */
  TesseraClient *client;   /* or NULL */
  char **scopes;
  char *remote_address;

  GMainContext *context;
  GThread *thread; /* that the context belongs to */
  GMutex lock;     /* of what follows */
  TesseraVerdict verdict;
  TesseraLogin login; /* of an accepted one */
  char *prompt;       /* of what is asked, or NULL */
  gboolean asks_secret;
  GSource *deadline;                    /* or NULL */
  TesseraAuthenticationDecided decided; /* NULL when told already */
  gpointer decided_data;
  TesseraAuthenticationSettled settled;
  gpointer settled_data;
  gboolean busy;
};

G_DEFINE_FINAL_TYPE (TesseraAuthentication, tessera_authentication, G_TYPE_OBJECT)

static void
cancel_deadline (TesseraAuthentication *self)
{
  g_mutex_lock (&self->lock);
  GSource *deadline = g_steal_pointer (&self->deadline);
  g_mutex_unlock (&self->lock);
  if (deadline == NULL)
    return;
  g_source_destroy (deadline);
  g_source_unref (deadline);
}

static gboolean
tell (gpointer data)
{
  TesseraAuthentication *self = data;

  cancel_deadline (self);
  g_mutex_lock (&self->lock);
  TesseraAuthenticationDecided decided = g_steal_pointer (&self->decided);
  gpointer decided_data = g_steal_pointer (&self->decided_data);
  g_mutex_unlock (&self->lock);
  if (decided != NULL)
    decided (self, decided_data);
  return G_SOURCE_REMOVE;
}

/* Not g_main_context_invoke(): while the owner of the context does something else, that would run
 * tell() in whichever thread asks. */
static void
tell_on_context (TesseraAuthentication *self)
{
  if (g_thread_self () == self->thread)
    {
      tell (self);
      return;
    }
  g_autoptr (GSource) source = g_idle_source_new ();
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, tell, g_object_ref (self), g_object_unref);
  g_source_attach (source, self->context);
}

static void
tell_settled (TesseraAuthentication *self)
{
  g_mutex_lock (&self->lock);
  TesseraAuthenticationSettled settled = self->settled;
  gpointer data = self->settled_data;
  g_mutex_unlock (&self->lock);
  if (settled != NULL)
    settled (self, data);
}

/* Under the lock. */
static gboolean
is_open (TesseraAuthentication *self)
{
  return self->verdict == TESSERA_VERDICT_NONE || self->verdict == TESSERA_VERDICT_HELD;
}

/* A verdict and what belongs to it. */
typedef struct
{
  TesseraVerdict verdict;
  TesseraLogin *login; /* of who is accepted; is taken */
  const char *prompt;  /* of what is asked, or NULL */
  gboolean asks_secret;
} Decision;

/* Under the lock. */
static void
settle (TesseraAuthentication *self, const Decision *decision)
{
  self->verdict = decision->verdict;
  self->prompt = g_strdup (decision->prompt);
  self->asks_secret = decision->asks_secret;
  if (decision->login == NULL)
    return;
  self->login = *decision->login;
  *decision->login = (TesseraLogin){ 0 };
}

/* FALSE when there is a verdict already; the first one stands, and nothing of another. */
static gboolean
decide_as (TesseraAuthentication *self, const Decision *decision)
{
  g_mutex_lock (&self->lock);
  gboolean open = is_open (self);
  if (open)
    settle (self, decision);
  g_mutex_unlock (&self->lock);
  if (!open)
    return FALSE;
  tell_settled (self);
  tell_on_context (self);
  return TRUE;
}

static gboolean
decide (TesseraAuthentication *self, TesseraVerdict verdict)
{
  return decide_as (self, &(Decision){ .verdict = verdict });
}

/* The last reference went while the verdict was still owed: nobody is left who could give it. */
static void
tessera_authentication_dispose (GObject *object)
{
  TesseraAuthentication *self = TESSERA_AUTHENTICATION (object);
  decide (self, TESSERA_VERDICT_DENIED);
  G_OBJECT_CLASS (tessera_authentication_parent_class)->dispose (object);
}

static void
tessera_authentication_finalize (GObject *object)
{
  TesseraAuthentication *self = TESSERA_AUTHENTICATION (object);
  cancel_deadline (self);
  g_free (self->id);
  g_free (self->username);
  tessera_secret_free (self->password);
  tessera_secret_free (self->answer);
  g_clear_object (&self->client);
  g_strfreev (self->scopes);
  g_free (self->remote_address);
  tessera_login_clear (&self->login);
  g_free (self->prompt);
  g_main_context_unref (self->context);
  g_mutex_clear (&self->lock);
  G_OBJECT_CLASS (tessera_authentication_parent_class)->finalize (object);
}

static void
tessera_authentication_class_init (TesseraAuthenticationClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = tessera_authentication_dispose;
  G_OBJECT_CLASS (klass)->finalize = tessera_authentication_finalize;
}

static void
tessera_authentication_init (TesseraAuthentication *self)
{
  g_mutex_init (&self->lock);
  self->context = g_main_context_ref_thread_default ();
  self->thread = g_thread_self ();
}

static TesseraAuthentication *
authentication_new (const char *username,
                    TesseraClient *client,
                    const char *scope,
                    const char *remote_address)
{
  TesseraAuthentication *self = g_object_new (TESSERA_TYPE_AUTHENTICATION, NULL);
  self->username = g_strdup (username != NULL ? username : "");
  self->client = client != NULL ? g_object_ref (client) : NULL;
  self->scopes = tessera_scope_split (scope);
  self->remote_address = g_strdup (remote_address != NULL ? remote_address : "");
  return self;
}

TesseraAuthentication *
tessera_authentication_new (const char *username,
                            const char *password,
                            TesseraClient *client,
                            const char *scope,
                            const char *remote_address)
{
  TesseraAuthentication *self = authentication_new (username, client, scope, remote_address);
  self->id = tessera_identifier_new ();
  self->password = g_strdup (password != NULL ? password : "");
  return self;
}

TesseraAuthentication *
tessera_authentication_new_step (const char *id,
                                 guint step,
                                 const char *username,
                                 const char *answer,
                                 TesseraClient *client,
                                 const char *scope,
                                 const char *remote_address)
{
  TesseraAuthentication *self = authentication_new (username, client, scope, remote_address);
  self->id = g_strdup (id);
  self->step = step;
  self->answer = g_strdup (answer);
  return self;
}

void
tessera_authentication_on_decided (TesseraAuthentication *self,
                                   TesseraAuthenticationDecided decided,
                                   gpointer data)
{
  self->decided = decided;
  self->decided_data = data;
}

void
tessera_authentication_on_settled (TesseraAuthentication *self,
                                   TesseraAuthenticationSettled settled,
                                   gpointer data)
{
  g_mutex_lock (&self->lock);
  self->settled = settled;
  self->settled_data = data;
  g_mutex_unlock (&self->lock);
}

TesseraVerdict
tessera_authentication_get_verdict (TesseraAuthentication *self)
{
  g_mutex_lock (&self->lock);
  TesseraVerdict verdict = self->verdict;
  g_mutex_unlock (&self->lock);
  return verdict;
}

void
tessera_authentication_overrule (TesseraAuthentication *self)
{
  g_mutex_lock (&self->lock);
  self->verdict = TESSERA_VERDICT_DENIED;
  g_mutex_unlock (&self->lock);
}

void
tessera_authentication_set_busy (TesseraAuthentication *self)
{
  self->busy = TRUE;
}

gboolean
tessera_authentication_is_busy (TesseraAuthentication *self)
{
  return self->busy;
}

static gboolean
on_deadline (gpointer data)
{
  g_autoptr (TesseraAuthentication) self = g_weak_ref_get (data);
  if (self != NULL && decide (self, TESSERA_VERDICT_DENIED))
    g_message ("authenticate: no verdict in time; denied");
  return G_SOURCE_REMOVE;
}

static void
weak_ref_free (gpointer data)
{
  g_weak_ref_clear (data);
  g_free (data);
}

/* The timer holds no reference: a held attempt that everybody forgot is denied at once. */
static void
start_deadline (TesseraAuthentication *self, guint deadline_ms)
{
  GWeakRef *weak = g_new0 (GWeakRef, 1);
  g_weak_ref_init (weak, self);
  g_autoptr (GSource) source = g_timeout_source_new (deadline_ms);
  g_source_set_callback (source, on_deadline, weak, weak_ref_free);

  g_mutex_lock (&self->lock);
  gboolean held = self->verdict == TESSERA_VERDICT_HELD;
  if (held)
    {
      self->deadline = g_source_ref (source);
      g_source_attach (source, self->context);
    }
  g_mutex_unlock (&self->lock);
}

void
tessera_authentication_close_emission (TesseraAuthentication *self, guint deadline_ms)
{
  if (tessera_authentication_get_verdict (self) == TESSERA_VERDICT_NONE
      && decide (self, TESSERA_VERDICT_DENIED))
    g_warning ("no handler of authenticate called accept (), deny (), ask () or hold (): the login "
               "is denied");
  start_deadline (self, deadline_ms);
}

const TesseraLogin *
tessera_authentication_get_login (TesseraAuthentication *self)
{
  return &self->login;
}

const char *
tessera_authentication_get_prompt (TesseraAuthentication *self)
{
  return self->prompt;
}

gboolean
tessera_authentication_asks_secret (TesseraAuthentication *self)
{
  return self->asks_secret;
}

/**
 * tessera_authentication_get_id:
 * @self: an authentication
 *
 * What its steps have in common: the same text at each of them, and never at another login's. It
 * cannot be guessed, is no secret of the person's, and never reaches the browser.
 *
 * Returns: the identifier
 */
const char *
tessera_authentication_get_id (TesseraAuthentication *self)
{
  g_return_val_if_fail (TESSERA_IS_AUTHENTICATION (self), NULL);
  return self->id;
}

/**
 * tessera_authentication_get_step:
 * @self: an authentication
 *
 * How often something was asked before: 0 with the password, 1 with the answer to the first
 * [method@Authentication.ask], and at most 5.
 *
 * Returns: the step
 */
guint
tessera_authentication_get_step (TesseraAuthentication *self)
{
  g_return_val_if_fail (TESSERA_IS_AUTHENTICATION (self), 0);
  return self->step;
}

/**
 * tessera_authentication_get_answer:
 * @self: an authentication
 *
 * What was typed where the step before asked, 1 to 1024 bytes of UTF-8. It is overwritten when the
 * object goes.
 *
 * Returns: (nullable): the answer, or %NULL at step 0
 */
const char *
tessera_authentication_get_answer (TesseraAuthentication *self)
{
  g_return_val_if_fail (TESSERA_IS_AUTHENTICATION (self), NULL);
  return self->answer;
}

/**
 * tessera_authentication_get_username:
 * @self: an authentication
 *
 * The user name as it was typed.
 *
 * Returns: the user name
 */
const char *
tessera_authentication_get_username (TesseraAuthentication *self)
{
  g_return_val_if_fail (TESSERA_IS_AUTHENTICATION (self), NULL);
  return self->username;
}

/**
 * tessera_authentication_get_password:
 * @self: an authentication
 *
 * The password as it was typed. It is overwritten when the object goes, and not kept for the steps
 * that [method@Authentication.ask] adds.
 *
 * Returns: (nullable): the password, or %NULL at later steps
 */
const char *
tessera_authentication_get_password (TesseraAuthentication *self)
{
  g_return_val_if_fail (TESSERA_IS_AUTHENTICATION (self), NULL);
  return self->password;
}

/**
 * tessera_authentication_get_client:
 * @self: an authentication
 *
 * The client on whose behalf somebody logs in. There is none when somebody opens the login page by
 * itself, without an application that waits.
 *
 * Returns: (transfer none) (nullable): the client, or %NULL
 */
TesseraClient *
tessera_authentication_get_client (TesseraAuthentication *self)
{
  g_return_val_if_fail (TESSERA_IS_AUTHENTICATION (self), NULL);
  return self->client;
}

/**
 * tessera_authentication_get_scopes:
 * @self: an authentication
 *
 * The scopes the client asked for.
 *
 * Returns: (transfer none) (array zero-terminated=1): the scopes
 */
const char *const *
tessera_authentication_get_scopes (TesseraAuthentication *self)
{
  g_return_val_if_fail (TESSERA_IS_AUTHENTICATION (self), NULL);
  return (const char *const *) self->scopes;
}

/**
 * tessera_authentication_get_remote_address:
 * @self: an authentication
 *
 * Where the attempt came from.
 *
 * Returns: an IP address, or `unix` for a unix socket
 */
const char *
tessera_authentication_get_remote_address (TesseraAuthentication *self)
{
  g_return_val_if_fail (TESSERA_IS_AUTHENTICATION (self), NULL);
  return self->remote_address;
}

/**
 * tessera_authentication_accept:
 * @self: an authentication
 * @subject: (nullable): who it is, or %NULL for the user name
 *
 * Accepts the login. @subject becomes the `sub` of tokens, or what is told instead of it
 * ([property@Client:subject-type]): it must be stable, never given to somebody else, and never the
 * `client_id` of a client. The first verdict stands; a later one has no effect.
 */
void
tessera_authentication_accept (TesseraAuthentication *self, const char *subject)
{
  tessera_authentication_accept_with (self, subject, NULL, NULL);
}

/**
 * tessera_authentication_accept_with:
 * @self: an authentication
 * @subject: (nullable): who it is, or %NULL for the user name
 * @acr: (nullable): the authentication context class that was reached (RFC 9068 §2.2.1)
 * @amr: (nullable) (array zero-terminated=1): the methods used, such as `pwd` and `otp` (RFC 8176
 * §2)
 *
 * Accepts the login as [method@Authentication.accept] does, and says how it was done.
 */
void
tessera_authentication_accept_with (TesseraAuthentication *self,
                                    const char *subject,
                                    const char *acr,
                                    const char *const *amr)
{
  tessera_authentication_accept_full (self, subject, acr, amr, NULL);
}

/**
 * tessera_authentication_accept_full:
 * @self: an authentication
 * @subject: (nullable): who it is, or %NULL for the user name
 * @acr: (nullable): the authentication context class that was reached (RFC 9068 §2.2.1)
 * @amr: (nullable) (array zero-terminated=1): the methods used, such as `pwd` and `otp` (RFC 8176
 * §2)
 * @claims: (nullable) (transfer none): what else is known of the person, such as `name` or `email`
 *   (a{sv}; consumed when it is floating), or %NULL
 *
 * Accepts the login as [method@Authentication.accept_with] does, and keeps @claims with the session
 * and with what the person allows in it. Userinfo and ID tokens tell of them what a client may know
 * (OpenID Connect Core §5.4, §5.5); they go into no access token by themselves: a handler of
 * [signal@Server::issue-token] finds them by [method@Issuance.get_login_claims].
 *
 * Values are texts, booleans, numbers, and arrays and dictionaries (a{sv}) of these; as JSON they
 * are at most 4096 bytes. No name may be one that the server gives a token itself, such as `sub`. A
 * subject, @acr (255 bytes), @amr (16 names without spaces) or @claims that is not as said denies
 * the login, with a warning that does not repeat it.
 */
void
tessera_authentication_accept_full (TesseraAuthentication *self,
                                    const char *subject,
                                    const char *acr,
                                    const char *const *amr,
                                    GVariant *claims)
{
  g_return_if_fail (TESSERA_IS_AUTHENTICATION (self));

  g_autoptr (GVariant) owned = claims != NULL ? g_variant_ref_sink (claims) : NULL;
  g_auto (TesseraLogin) login = { 0 };
  g_autoptr (GError) error = NULL;
  if (!tessera_login_init (&login, subject != NULL ? subject : self->username, acr, amr, owned,
                           &error))
    {
      g_warning ("authenticate: %s; the login is denied", error->message);
      tessera_authentication_deny (self);
      return;
    }
  decide_as (self, &(Decision){ .verdict = TESSERA_VERDICT_ACCEPTED, .login = &login });
}

/* What must not be asked, in words; NULL: it may be. */
static const char *
refuse_question (TesseraAuthentication *self, const char *prompt)
{
  if (self->step >= TESSERA_AUTHENTICATION_MAX_STEP)
    return "nothing can be asked after step 5";
  if (prompt != NULL
      && (*prompt == '\0' || strlen (prompt) > PROMPT_MAX_LENGTH
          || !g_utf8_validate (prompt, -1, NULL)))
    return "a prompt is 1 to 256 bytes of UTF-8";
  return NULL;
}

/**
 * tessera_authentication_ask:
 * @self: an authentication
 * @prompt: (nullable): what to ask, 1 to 256 bytes of UTF-8; or %NULL for a one-time code, in the
 *   person's language
 * @secret: whether the answer is hidden while it is typed
 *
 * Neither accepts nor denies yet, but asks one thing more: the browser gets another page, and its
 * answer comes as another authentication of the same [method@Authentication.get_id]. Whoever asks
 * the same again tells the person that the answer was not right; nothing can be asked after step 5.
 * Each answer counts as a failed attempt until one is accepted.
 *
 * Who wants to keep it secret whether the password was right asks in both cases, and denies after
 * the answer.
 */
void
tessera_authentication_ask (TesseraAuthentication *self, const char *prompt, gboolean secret)
{
  g_return_if_fail (TESSERA_IS_AUTHENTICATION (self));

  const char *problem = refuse_question (self, prompt);
  if (problem != NULL)
    {
      g_warning ("authenticate: %s; the login is denied", problem);
      tessera_authentication_deny (self);
      return;
    }
  decide_as (self, &(Decision){
                       .verdict = TESSERA_VERDICT_ASKED, .prompt = prompt, .asks_secret = secret });
}

/**
 * tessera_authentication_deny:
 * @self: an authentication
 *
 * Refuses the login. The person is told that user name or password is wrong, and may try again.
 */
void
tessera_authentication_deny (TesseraAuthentication *self)
{
  g_return_if_fail (TESSERA_IS_AUTHENTICATION (self));
  decide (self, TESSERA_VERDICT_DENIED);
}

/**
 * tessera_authentication_hold:
 * @self: an authentication
 *
 * Promises a verdict for later: keep a reference and call [method@Authentication.accept],
 * [method@Authentication.deny] or [method@Authentication.ask] on it within 120 seconds, from any
 * thread. Dropping the last reference without a verdict denies.
 */
void
tessera_authentication_hold (TesseraAuthentication *self)
{
  g_return_if_fail (TESSERA_IS_AUTHENTICATION (self));
  g_mutex_lock (&self->lock);
  gboolean first = self->verdict == TESSERA_VERDICT_NONE;
  if (first)
    self->verdict = TESSERA_VERDICT_HELD;
  g_mutex_unlock (&self->lock);
  if (first)
    tell_settled (self);
}
