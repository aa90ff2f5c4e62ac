/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a person goes through between an authorization request and its code, without a network: a
 * browser that keeps cookies and follows forms, in front of a server in memory. */

#include "base/tessera-audit-private.h"
#include "base/tessera-clock-private.h"
#include "base/tessera-error.h"
#include "endpoints/tessera-exchange-private.h"
#include "server/tessera-page.h"
#include "server/tessera-server-private.h"
#include "store/tessera-store-private.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ISSUER "http://127.0.0.1:8417"
#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

static gint64 offset_ms; /* atomic: the committer tells the time, too */

static void
advance_clock (gint64 ms)
{
  __atomic_fetch_add (&offset_ms, ms, __ATOMIC_RELAXED);
}

/* The linker puts ours before theirs. */
gboolean __real_tessera_audit_check (TesseraAudit *self, GError **error);
gboolean __wrap_tessera_audit_check (TesseraAudit *self, GError **error);
gboolean __real_tessera_store_put_consent (TesseraStore *self,
                                           const TesseraConsent *consent,
                                           GError **error);
gboolean __wrap_tessera_store_put_consent (TesseraStore *self,
                                           const TesseraConsent *consent,
                                           GError **error);
gboolean __real_tessera_store_is_challenge_redeemed (TesseraStore *self,
                                                     const char *client_id,
                                                     const char *code_challenge,
                                                     gboolean *out_redeemed,
                                                     GError **error);
gboolean __wrap_tessera_store_is_challenge_redeemed (TesseraStore *self,
                                                     const char *client_id,
                                                     const char *code_challenge,
                                                     gboolean *out_redeemed,
                                                     GError **error);

static gboolean audit_fails;
static gboolean consents_fail;
static gboolean challenges_fail;

static gboolean
fail (GError **error)
{
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE, "injected");
  return FALSE;
}

gboolean
__wrap_tessera_audit_check (TesseraAudit *self, GError **error)
{
  return audit_fails ? fail (error) : __real_tessera_audit_check (self, error);
}

gboolean
__wrap_tessera_store_put_consent (TesseraStore *self, const TesseraConsent *consent, GError **error)
{
  return consents_fail ? fail (error) : __real_tessera_store_put_consent (self, consent, error);
}

gboolean
__wrap_tessera_store_is_challenge_redeemed (TesseraStore *self,
                                            const char *client_id,
                                            const char *code_challenge,
                                            gboolean *out_redeemed,
                                            GError **error)
{
  return challenges_fail
             ? fail (error)
             : __real_tessera_store_is_challenge_redeemed (self, client_id, code_challenge,
                                                           out_redeemed, error);
}

/* A browser */

typedef struct
{
  TesseraServer *server;
  GHashTable *cookies; /* char *name -> char *value */
  gboolean refuses_cookies;
  const char *language;
  const char *address;

  guint status;
  char *location;
  char *html;
  char *retry_after;
} Browser;

static Browser *
browser_new (TesseraServer *server)
{
  Browser *self = g_new0 (Browser, 1);

  self->server = server;
  self->cookies = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->address = "192.0.2.1";
  return self;
}

static void
browser_free (Browser *self)
{
  g_hash_table_unref (self->cookies);
  g_free (self->location);
  g_free (self->html);
  g_free (self->retry_after);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Browser, browser_free)

typedef struct
{
  Browser *browser;
  char *cookies;
  char *path;
  gboolean is_answered;
} Request;

static const char *
on_get_header (TesseraExchange *exchange, const char *name)
{
  Request *request = exchange->front_data;

  if (g_ascii_strcasecmp (name, "Cookie") == 0)
    return request->cookies;
  if (g_ascii_strcasecmp (name, "Accept-Language") == 0)
    return request->browser->language;
  if (g_ascii_strcasecmp (name, "Content-Type") == 0)
    return "application/x-www-form-urlencoded";
  if (g_ascii_strcasecmp (name, "Host") == 0)
    return "127.0.0.1:8417";
  return NULL;
}

static void
keep_cookie (Browser *self, const char *text)
{
  g_auto (GStrv) parts = g_strsplit_set (text, "=;", 3);

  if (self->refuses_cookies)
    return;
  if (strstr (text, "Max-Age=0") != NULL)
    g_hash_table_remove (self->cookies, parts[0]);
  else
    g_hash_table_insert (self->cookies, g_strdup (parts[0]), g_strdup (parts[1]));
}

static void
on_send (TesseraExchange *exchange)
{
  Request *request = exchange->front_data;
  Browser *browser = request->browser;

  g_clear_pointer (&browser->location, g_free);
  g_clear_pointer (&browser->html, g_free);
  g_clear_pointer (&browser->retry_after, g_free);
  browser->status = exchange->status;
  for (guint i = 0; i < exchange->headers->len; i++)
    {
      TesseraHeader *header = &g_array_index (exchange->headers, TesseraHeader, i);

      if (g_str_equal (header->name, "Set-Cookie"))
        keep_cookie (browser, header->value);
      else if (g_str_equal (header->name, "Location"))
        browser->location = g_strdup (header->value);
      else if (g_str_equal (header->name, "Retry-After"))
        browser->retry_after = g_strdup (header->value);
    }
  if (exchange->response != NULL)
    browser->html = g_strndup (g_bytes_get_data (exchange->response, NULL),
                               g_bytes_get_size (exchange->response));
  request->is_answered = TRUE;
}

static char *
join_cookies (Browser *self)
{
  g_autoptr (GString) text = g_string_new (NULL);
  GHashTableIter iter;
  gpointer name, value;

  g_hash_table_iter_init (&iter, self->cookies);
  while (g_hash_table_iter_next (&iter, &name, &value))
    g_string_append_printf (text, "%s%s=%s", text->len > 0 ? "; " : "", (char *) name,
                            (char *) value);
  return text->len > 0 ? g_strdup (text->str) : NULL;
}

/* Nothing is followed. Answered when request->is_answered. */
static void
begin_request (
    Request *request, Browser *self, const char *method, const char *url, const char *body)
{
  static const TesseraExchangeFront front = { on_get_header, on_send };
  g_autoptr (TesseraExchange) exchange = tessera_exchange_new (&front, request, NULL);

  request->browser = self;
  request->cookies = join_cookies (self);
  request->path = g_strndup (url, strcspn (url, "?"));
  request->is_answered = FALSE;
  exchange->method = method;
  exchange->path = request->path;
  exchange->query = strchr (url, '?') != NULL ? strchr (url, '?') + 1 : NULL;
  exchange->body = body != NULL ? body : "";
  exchange->body_length = strlen (exchange->body);
  exchange->remote_address = self->address;
  tessera_server_handle (self->server, exchange);
}

static void
end_request (Request *request)
{
  while (!request->is_answered)
    g_main_context_iteration (NULL, TRUE);
  g_free (request->cookies);
  g_free (request->path);
}

static void
send_request (Browser *self, const char *method, const char *url, const char *body)
{
  Request request;

  begin_request (&request, self, method, url, body);
  end_request (&request);
}

static void
follow (Browser *self)
{
  for (guint i = 0; i < 5 && self->status == 303 && self->location[0] == '/'; i++)
    {
      g_autofree char *url = g_strdup (self->location);

      send_request (self, "GET", url, NULL);
    }
}

static void
open_page (Browser *self, const char *url)
{
  send_request (self, "GET", url, NULL);
  follow (self);
}

/* The value of attribute @name in the first element that has @marker. */
static char *
find_attribute (const char *html, const char *marker, const char *name)
{
  const char *element = strstr (html, marker);
  g_autofree char *start = g_strdup_printf (" %s=\"", name);
  const char *value;

  if (element == NULL)
    return NULL;
  while (element > html && *element != '<')
    element--;
  value = strstr (element, start);
  if (value == NULL)
    return NULL;
  value += strlen (start);
  {
    g_autofree char *raw = g_strndup (value, strcspn (value, "\""));
    g_auto (GStrv) parts = g_strsplit (raw, "&amp;", -1);

    return g_strjoinv ("&", parts);
  }
}

static void
submit_only (Browser *self, const char *fields)
{
  g_autofree char *action = find_attribute (self->html, "<form", "action");
  g_autofree char *csrf = find_attribute (self->html, "name=\"csrf\"", "value");
  g_autofree char *step = find_attribute (self->html, "name=\"step\"", "value");
  g_autofree char *body = g_strdup_printf ("csrf=%s%s%s&%s", csrf, step != NULL ? "&step=" : "",
                                           step != NULL ? step : "", fields);

  g_assert_nonnull (action);
  g_assert_nonnull (csrf);
  send_request (self, "POST", action, body);
}

static void
submit (Browser *self, const char *fields)
{
  submit_only (self, fields);
  follow (self);
}

static void
log_in (Browser *self, const char *username)
{
  g_autofree char *fields = g_strdup_printf ("username=%s&password=secret", username);

  submit (self, fields);
}

#define assert_page(browser, marker)                                                               \
  G_STMT_START                                                                                     \
  {                                                                                                \
    if ((browser)->html == NULL || strstr ((browser)->html, marker) == NULL)                       \
      g_test_message ("%u %s %s", (browser)->status, (browser)->location, (browser)->html);        \
    g_assert_nonnull ((browser)->html);                                                            \
    g_assert_nonnull (strstr ((browser)->html, marker));                                           \
  }                                                                                                \
  G_STMT_END

#define LOGIN_PAGE "id=\"password\""
#define CONSENT_PAGE "id=\"allow\""
#define CHALLENGE_PAGE "id=\"answer\""

static void
assert_code (Browser *self)
{
  g_assert_cmpuint (self->status, ==, 303);
  g_assert_nonnull (strstr (self->location, "code="));
}

static void
assert_refused (Browser *self, const char *error)
{
  g_autofree char *wanted = g_strdup_printf ("error=%s", error);

  g_assert_cmpuint (self->status, ==, 303);
  g_assert_nonnull (strstr (self->location, wanted));
  g_assert_null (strstr (self->location, "code="));
}

/* A server */

/* What the handler saw of those who are asked for more. */
static struct
{
  guint answers;
  char *id;
  guint step;
  TesseraAuthentication *held;
} seen;

/* Says how it goes on: "right", "again", "other", "later"; anything else is wrong. */
static void
on_answer (TesseraAuthentication *authentication)
{
  const char *answer = tessera_authentication_get_answer (authentication);

  seen.answers++;
  g_assert_null (tessera_authentication_get_password (authentication));
  g_assert_cmpstr (tessera_authentication_get_id (authentication), ==, seen.id);
  g_assert_cmpuint (tessera_authentication_get_step (authentication), ==, ++seen.step);
  if (g_str_equal (answer, "right"))
    tessera_authentication_accept (authentication, "careful");
  else if (g_str_equal (answer, "again"))
    tessera_authentication_ask (authentication, NULL, FALSE);
  else if (g_str_equal (answer, "other"))
    tessera_authentication_ask (authentication, "Mother's <name>", TRUE);
  else if (g_str_equal (answer, "later"))
    {
      tessera_authentication_hold (authentication);
      g_set_object (&seen.held, authentication);
    }
  else
    tessera_authentication_deny (authentication);
}

static void
ask_for_more (TesseraAuthentication *authentication)
{
  g_assert_null (tessera_authentication_get_answer (authentication));
  g_assert_cmpuint (tessera_authentication_get_step (authentication), ==, 0);
  g_free (seen.id);
  seen.id = g_strdup (tessera_authentication_get_id (authentication));
  seen.step = 0;
  tessera_authentication_ask (authentication, NULL, FALSE);
}

static void
on_authenticate (TesseraServer *server, TesseraAuthentication *authentication, gpointer data)
{
  if (tessera_authentication_get_step (authentication) > 0)
    on_answer (authentication);
  else if (g_str_equal (tessera_authentication_get_username (authentication), "careful"))
    ask_for_more (authentication);
  else if (g_str_equal (tessera_authentication_get_password (authentication), "secret"))
    tessera_authentication_accept (authentication, NULL);
  else
    tessera_authentication_deny (authentication);
}

static void
add_client (TesseraServer *server,
            const char *id,
            const char *redirect_uri,
            const char *secret,
            gboolean first_party)
{
  const char *uris[] = { redirect_uri, NULL };
  const char *grant_types[] = { "authorization_code", NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraClient) client
      = g_object_new (TESSERA_TYPE_CLIENT, "id", id, "name", "Some <App>", "redirect-uris", uris,
                      "grant-types", grant_types, "scope", "a b", "secret", secret, "first-party",
                      first_party, NULL);

  tessera_server_add_client_object (server, client, &error);
  g_assert_no_error (error);
}

static TesseraServer *
make_server (void)
{
  TesseraServer *server = tessera_server_new_in_memory (ISSUER);
  g_autoptr (GError) error = NULL;

  add_client (server, "web", "https://web.test/cb", "a-secret-of-many-characters-0123456", FALSE);
  add_client (server, "own", "https://own.test/cb", "a-secret-of-many-characters-0123456", TRUE);
  add_client (server, "app", "http://127.0.0.1/cb", NULL, FALSE);
  add_client (server, "scheme", "com.example.app:/cb", NULL, FALSE);
  g_signal_connect (server, "authenticate", G_CALLBACK (on_authenticate), NULL);
  tessera_server_wait_ready (server, &error);
  g_assert_no_error (error);
  return server;
}

static void
destroy_server (TesseraServer *server)
{
  tessera_server_close (server);
  g_object_unref (server);
}

#define QUERY(client, uri, more)                                                                   \
  "/authorize?response_type=code&client_id=" client "&redirect_uri=" uri                           \
  "&scope=a&state=S&code_challenge=" CHALLENGE "&code_challenge_method=S256" more
#define WEB(more) QUERY ("web", "https%3A%2F%2Fweb.test%2Fcb", more)
#define OWN(more) QUERY ("own", "https%3A%2F%2Fown.test%2Fcb", more)
#define APP(more) QUERY ("app", "http%3A%2F%2F127.0.0.1%3A5000%2Fcb", more)
#define SCHEME(more) QUERY ("scheme", "com.example.app%3A%2Fcb", more)

typedef struct
{
  TesseraServer *server;
  Browser *browser;
} Fixture;

static void
set_up (Fixture *self, gconstpointer data)
{
  self->server = make_server ();
  self->browser = browser_new (self->server);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  browser_free (self->browser);
  destroy_server (self->server);
}

/* Tests */

static void
test_login_consent_code (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;

  open_page (browser, WEB ("&login_hint=al%3Cice"));
  g_assert_cmpuint (browser->status, ==, 200);
  assert_page (browser, LOGIN_PAGE);
  assert_page (browser, "value=\"al&lt;ice\"");
  log_in (browser, "alice");
  assert_page (browser, CONSENT_PAGE);
  assert_page (browser, "Some &lt;App&gt;");
  assert_page (browser, "<bdi>web.test</bdi>");
  assert_page (browser, "<bdi>alice</bdi>");
  submit (browser, "decision=allow");
  assert_code (browser);
  g_assert_true (g_str_has_prefix (browser->location, "https://web.test/cb?"));

  /* Remembered, and signed in. */
  open_page (browser, WEB (""));
  assert_code (browser);
  open_page (browser, WEB ("&prompt=none"));
  assert_code (browser);
  open_page (browser, WEB ("&prompt=consent"));
  assert_page (browser, CONSENT_PAGE);
  submit (browser, "decision=deny");
  assert_refused (browser, "access_denied");
}

static void
test_addresses_carry_nothing (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;

  send_request (browser, "GET", WEB (""), NULL);
  g_assert_cmpuint (browser->status, ==, 303);
  g_assert_true (g_str_has_prefix (browser->location, "/login?t="));
  g_assert_null (strpbrk (browser->location + strlen ("/login?t="), "&=%:/"));
}

static void
test_first_party_skips_consent (Fixture *self, gconstpointer data)
{
  open_page (self->browser, OWN (""));
  assert_page (self->browser, LOGIN_PAGE);
  log_in (self->browser, "alice");
  assert_code (self->browser);
}

static void
test_public_clients_are_asked_each_time (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;

  open_page (browser, APP (""));
  log_in (browser, "alice");
  assert_page (browser, CONSENT_PAGE);
  assert_page (browser, "cannot prove its name");
  submit (browser, "decision=allow");
  assert_code (browser);
  open_page (browser, APP (""));
  assert_page (browser, CONSENT_PAGE);
  open_page (browser, APP ("&prompt=none"));
  assert_refused (browser, "consent_required");
}

static void
test_silence_without_session (Fixture *self, gconstpointer data)
{
  open_page (self->browser, WEB ("&prompt=none"));
  assert_refused (self->browser, "login_required");
}

static void
test_prompts_and_max_age (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;

  open_page (browser, OWN (""));
  log_in (browser, "alice");
  assert_code (browser);

  open_page (browser, OWN ("&prompt=login"));
  assert_page (browser, LOGIN_PAGE);
  log_in (browser, "alice");
  assert_code (browser);

  open_page (browser, OWN ("&max_age=60"));
  assert_code (browser);
  advance_clock (61 * 1000);
  open_page (browser, OWN ("&max_age=60&prompt=none"));
  assert_refused (browser, "login_required");
  open_page (browser, OWN ("&max_age=60"));
  assert_page (browser, LOGIN_PAGE);
  open_page (browser, OWN ("&max_age=0"));
  assert_page (browser, LOGIN_PAGE);
  log_in (browser, "alice");
  assert_code (browser);

  open_page (browser, OWN ("&prompt=select_account"));
  assert_page (browser, CONSENT_PAGE);
  assert_page (browser, "id=\"switch\"");
}

static void
test_somebody_else_can_sign_in (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  g_autofree char *other = NULL;

  open_page (browser, WEB (""));
  log_in (browser, "alice");
  assert_page (browser, CONSENT_PAGE);
  other = find_attribute (browser->html, "id=\"switch\"", "href");
  open_page (browser, other);
  assert_page (browser, LOGIN_PAGE);
  assert_page (browser, "<bdi>alice</bdi>");
  log_in (browser, "bob");
  assert_page (browser, CONSENT_PAGE);
  assert_page (browser, "<bdi>bob</bdi>");
  submit (browser, "decision=allow");
  assert_code (browser);
}

static void
test_failures_look_the_same (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  g_autofree char *first = NULL;

  open_page (browser, WEB (""));
  submit (browser, "username=alice&password=wrong");
  g_assert_cmpuint (browser->status, ==, 200);
  assert_page (browser, "<title>Error: Sign in");
  assert_page (browser, "value=\"alice\"");
  g_assert_null (strstr (browser->html, "wrong"));
  first = g_strdup (browser->html);
  submit (browser, "username=alice&password=other");
  g_assert_cmpstr (first, ==, browser->html);
  submit (browser, "username=alice&password=");
  assert_page (browser, "both your user name");
}

static void
test_guessing_is_slowed_down (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;

  for (guint i = 0; i < 10; i++)
    {
      open_page (browser, WEB (""));
      submit (browser, "username=alice&password=wrong");
      g_assert_cmpuint (browser->status, ==, 200);
    }
  open_page (browser, WEB (""));
  submit (browser, "username=alice&password=secret");
  g_assert_cmpuint (browser->status, ==, 429);
  g_assert_cmpint (atoi (browser->retry_after), >, 0);
  assert_page (browser, "Too many attempts");

  browser->address = "192.0.2.2";
  open_page (browser, WEB (""));
  submit (browser, "username=alice&password=secret");
  assert_page (browser, CONSENT_PAGE);
}

/* A wrong password for one more account, from where @browser is. */
static void
guess_at_another (Browser *browser)
{
  static guint number;
  g_autofree char *fields = g_strdup_printf ("username=u%u&password=wrong", number++);

  open_page (browser, "/login");
  submit (browser, fields);
}

#define ADDRESS_FAILURES 100 /* a minute, which is real time here */
#define GUESSES_MAX 400

static void
test_guesses_at_many_accounts_are_slowed_down (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  guint guesses = 0;

  for (; browser->status != 429 && guesses < GUESSES_MAX; guesses++)
    guess_at_another (browser);
  g_assert_cmpuint (browser->status, ==, 429);
  g_assert_cmpuint (guesses, >, ADDRESS_FAILURES);
  g_assert_cmpint (atoi (browser->retry_after), >, 0);
  open_page (browser, WEB (""));
  log_in (browser, "alice");
  g_assert_cmpuint (browser->status, ==, 429);
  g_assert_false (g_hash_table_contains (browser->cookies, "tessera-session"));

  browser->address = "192.0.2.2";
  open_page (browser, WEB (""));
  log_in (browser, "alice");
  assert_page (browser, CONSENT_PAGE);
}

static void
on_authenticate_ask (TesseraServer *server, TesseraAuthentication *authentication, gpointer data)
{
  tessera_authentication_ask (authentication, NULL, FALSE);
}

#define FLOOD_MAX 20000

/* They may be asked for more without end; but not when the table is full of them, for then it
 * forgets others. */
static void
test_a_flood_of_names_has_an_end (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  guint names = 0;

  g_signal_handlers_disconnect_by_func (self->server, on_authenticate, NULL);
  g_signal_connect (self->server, "authenticate", G_CALLBACK (on_authenticate_ask), NULL);
  open_page (browser, "/login");
  g_autofree char *page = g_strdup (browser->html);
  for (; browser->status != 429 && names < FLOOD_MAX; names++)
    {
      g_autofree char *fields = g_strdup_printf ("username=u%u&password=any", names);

      g_free (browser->html);
      browser->html = g_strdup (page);
      submit_only (browser, fields);
      if (names < 1000)
        g_assert_cmpuint (browser->status, ==, 303);
    }
  g_assert_cmpuint (browser->status, ==, 429);
  browser->address = "192.0.2.2";
  open_page (browser, "/login");
  submit (browser, "username=u1&password=any");
  assert_page (browser, CHALLENGE_PAGE);
}

/* Whoever guesses at others has an account too. */
static void
test_one_s_own_login_forgives_no_guesses_at_others (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  g_autoptr (Browser) own = browser_new (self->server);
  guint guesses = 0;

  for (; browser->status != 429 && guesses < GUESSES_MAX; guesses++)
    {
      if (guesses % (ADDRESS_FAILURES / 2) == 0)
        {
          open_page (own, OWN ("&prompt=login"));
          log_in (own, "mallory");
        }
      guess_at_another (browser);
    }
  g_assert_cmpuint (browser->status, ==, 429);
}

static void
test_who_signs_in_often_has_not_failed (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;

  for (guint i = 0; i < ADDRESS_FAILURES * 3 / 2; i++)
    {
      open_page (browser, OWN ("&prompt=login"));
      log_in (browser, "alice");
      assert_code (browser);
    }
}

static void
guess (Browser *browser, const char *username, guint times)
{
  g_autofree char *fields = g_strdup_printf ("username=%s&password=wrong", username);

  for (guint i = 0; i < times; i++)
    {
      open_page (browser, WEB ("&prompt=login"));
      submit (browser, fields);
      g_assert_cmpuint (browser->status, ==, 200);
    }
}

static void
test_a_good_attempt_forgives_its_own_account (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;

  guess (browser, "bob", 9);
  for (guint i = 0; i < 2; i++)
    {
      guess (browser, "alice", 9);
      open_page (browser, WEB ("&prompt=login"));
      log_in (browser, "alice");
      assert_page (browser, CONSENT_PAGE);
    }
  guess (browser, "bob", 1);
  open_page (browser, WEB ("&prompt=login"));
  log_in (browser, "bob");
  g_assert_cmpuint (browser->status, ==, 429);
}

static void
test_forms_need_their_token_and_browser (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  g_autoptr (Browser) stranger = browser_new (self->server);
  g_autofree char *action = NULL, *csrf = NULL, *body = NULL, *other = NULL;

  open_page (browser, WEB (""));
  action = find_attribute (browser->html, "<form", "action");
  csrf = find_attribute (browser->html, "name=\"csrf\"", "value");
  body = g_strdup_printf ("csrf=%s&username=alice&password=secret", csrf);

  send_request (browser, "POST", action, "username=alice&password=secret");
  g_assert_cmpuint (browser->status, ==, 403);
  other = g_strconcat (body, "&t=another", NULL);
  send_request (browser, "POST", action, other);
  g_assert_cmpuint (browser->status, ==, 403);
  send_request (stranger, "POST", action, body);
  g_assert_cmpuint (stranger->status, ==, 403);
  assert_page (stranger, "no cookie");
  open_page (stranger, WEB (""));
  send_request (stranger, "POST", action, body);
  g_assert_cmpuint (stranger->status, ==, 403);
  g_assert_null (g_hash_table_lookup (stranger->cookies, "tessera-session"));
  send_request (browser, "POST", action, body);
  g_assert_cmpuint (browser->status, ==, 303);
  g_assert_nonnull (g_hash_table_lookup (browser->cookies, "tessera-session"));
}

static void
test_consent_is_bound_to_the_person (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  g_autofree char *action = NULL, *csrf = NULL, *body = NULL, *altered = NULL;

  open_page (browser, WEB (""));
  log_in (browser, "alice");
  assert_page (browser, CONSENT_PAGE);
  action = find_attribute (browser->html, "<form", "action");
  csrf = find_attribute (browser->html, "name=\"csrf\"", "value");
  body = g_strdup_printf ("csrf=%s&decision=allow", csrf);
  altered = g_strdup_printf ("%s&scope=a+b", body);

  send_request (browser, "POST", action, altered);
  g_assert_cmpuint (browser->status, ==, 403);
  send_request (browser, "POST", action, "decision=allow");
  g_assert_cmpuint (browser->status, ==, 403);

  open_page (browser, WEB ("&prompt=login"));
  log_in (browser, "bob");
  send_request (browser, "POST", action, body);
  g_assert_cmpuint (browser->status, ==, 403);
  g_assert_null (browser->location);
  assert_page (browser, "id=\"again\"");
}

static void
test_a_session_is_new_at_each_login (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  g_autofree char *old = NULL;

  open_page (browser, OWN (""));
  log_in (browser, "alice");
  old = g_strdup (g_hash_table_lookup (browser->cookies, "tessera-session"));
  open_page (browser, OWN ("&prompt=login"));
  log_in (browser, "alice");
  assert_code (browser);
  g_assert_cmpstr (old, !=, g_hash_table_lookup (browser->cookies, "tessera-session"));
  g_hash_table_insert (browser->cookies, g_strdup ("tessera-session"), g_strdup (old));
  open_page (browser, OWN ("&prompt=none"));
  assert_refused (browser, "login_required");
}

/* Whether the browser still sends its cookie or not. */
static void
test_who_signs_in_instead_ends_the_session_before (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  g_autofree char *old = NULL, *other = NULL;

  open_page (browser, WEB (""));
  log_in (browser, "alice");
  assert_page (browser, CONSENT_PAGE);
  old = g_strdup (g_hash_table_lookup (browser->cookies, "tessera-session"));
  other = find_attribute (browser->html, "id=\"switch\"", "href");
  open_page (browser, other);
  g_hash_table_remove (browser->cookies, "tessera-session");
  log_in (browser, "bob");
  assert_page (browser, CONSENT_PAGE);
  g_hash_table_insert (browser->cookies, g_strdup ("tessera-session"), g_strdup (old));
  open_page (browser, OWN ("&prompt=none"));
  assert_refused (browser, "login_required");
}

static void
test_an_answer_is_given_once (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  g_autofree char *action = NULL, *csrf = NULL, *body = NULL, *location = NULL;

  open_page (browser, WEB (""));
  log_in (browser, "alice");
  action = find_attribute (browser->html, "<form", "action");
  csrf = find_attribute (browser->html, "name=\"csrf\"", "value");
  body = g_strdup_printf ("csrf=%s&decision=allow", csrf);
  send_request (browser, "POST", action, body);
  assert_code (browser);
  location = g_strdup (browser->location);

  /* Who presses twice gets what the first one was given; who changes their mind comes too late. */
  send_request (browser, "POST", action, body);
  g_assert_cmpstr (browser->location, ==, location);
  g_free (body);
  body = g_strdup_printf ("csrf=%s&decision=deny", csrf);
  send_request (browser, "POST", action, body);
  g_assert_cmpuint (browser->status, ==, 200);
  assert_page (browser, "already answered");
  open_page (browser, action);
  g_assert_cmpuint (browser->status, ==, 200);
  assert_page (browser, "already answered");
}

/* A decision that was answered with a code, to be sent again. */
typedef struct
{
  char *action;
  char *body;
} Decision;

static void
decision_clear (Decision *self)
{
  g_free (self->action);
  g_free (self->body);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Decision, decision_clear)

static void
decide (Decision *self, Browser *browser, const char *url)
{
  g_autofree char *csrf = NULL;

  open_page (browser, url);
  log_in (browser, "alice");
  self->action = find_attribute (browser->html, "<form", "action");
  csrf = find_attribute (browser->html, "name=\"csrf\"", "value");
  self->body = g_strdup_printf ("csrf=%s&decision=allow", csrf);
  send_request (browser, "POST", self->action, self->body);
  assert_code (browser);
}

static void
assert_too_late (Browser *self)
{
  g_assert_cmpuint (self->status, ==, 200);
  g_assert_null (self->location);
  assert_page (self, "already answered");
}

/* What is not the same request to the letter gets no answer of another. */
static void
test_an_answer_is_for_the_same_address (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  g_auto (Decision) decision = { 0 };
  g_autofree char *longer = NULL, *elsewhere = NULL;

  decide (&decision, browser, WEB (""));
  longer = g_strconcat (decision.action, "&more=1", NULL);
  send_request (browser, "POST", longer, decision.body);
  assert_too_late (browser);
  elsewhere = g_strconcat ("/login", strchr (decision.action, '?'), NULL);
  send_request (browser, "POST", elsewhere, decision.body);
  assert_too_late (browser);
  send_request (browser, "POST", decision.action, decision.body);
  assert_code (browser);
}

/* Nor does somebody else who signed in there meanwhile, or who has only part of the cookies. */
static void
test_an_answer_is_for_the_same_session (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  g_auto (Decision) decision = { 0 };

  decide (&decision, browser, WEB (""));
  g_hash_table_remove (browser->cookies, "tessera-session");
  send_request (browser, "POST", decision.action, decision.body);
  assert_too_late (browser);
  open_page (browser, WEB (""));
  log_in (browser, "bob");
  send_request (browser, "POST", decision.action, decision.body);
  assert_too_late (browser);
}

#define WITHOUT_CHALLENGE                                                                          \
  "/authorize?response_type=code&client_id=old&redirect_uri=https%3A%2F%2Fold.test%2Fcb"           \
  "&scope=a&state=S"

/* Whether such a code was redeemed nobody could tell. */
static void
test_without_a_challenge_nothing_is_repeated (Fixture *self, gconstpointer data)
{
  const char *uris[] = { "https://old.test/cb", NULL };
  const char *grant_types[] = { "authorization_code", NULL };
  g_autoptr (TesseraClient) client
      = g_object_new (TESSERA_TYPE_CLIENT, "id", "old", "name", "Old", "redirect-uris", uris,
                      "grant-types", grant_types, "scope", "a b", "secret",
                      "a-secret-of-many-characters-0123456", "require-pkce", FALSE, NULL);
  g_auto (Decision) decision = { 0 };
  g_autoptr (GError) error = NULL;

  tessera_server_add_client_object (self->server, client, &error);
  g_assert_no_error (error);
  decide (&decision, self->browser, WITHOUT_CHALLENGE);
  send_request (self->browser, "POST", decision.action, decision.body);
  assert_too_late (self->browser);
}

static void
test_in_doubt_nothing_is_repeated (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  g_auto (Decision) decision = { 0 };

  decide (&decision, browser, WEB (""));
  challenges_fail = TRUE;
  send_request (browser, "POST", decision.action, decision.body);
  challenges_fail = FALSE;
  g_assert_cmpuint (browser->status, ==, 503);
  g_assert_null (browser->location);
  send_request (browser, "POST", decision.action, decision.body);
  assert_code (browser);
}

/* The browser drops its first request when the button is pressed again, and waits for the second.
 */
static void
test_the_last_of_two_clicks_gets_the_code (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  g_autoptr (Browser) dropped = browser_new (self->server);
  g_autofree char *action = NULL, *csrf = NULL, *body = NULL;
  Request first, second;

  open_page (browser, WEB (""));
  log_in (browser, "alice");
  action = find_attribute (browser->html, "<form", "action");
  csrf = find_attribute (browser->html, "name=\"csrf\"", "value");
  body = g_strdup_printf ("csrf=%s&decision=allow", csrf);
  g_hash_table_unref (dropped->cookies);
  dropped->cookies = g_hash_table_ref (browser->cookies);

  begin_request (&first, dropped, "POST", action, body);
  g_assert_false (first.is_answered);
  begin_request (&second, browser, "POST", action, body);
  g_assert_true (first.is_answered);
  end_request (&first);
  end_request (&second);
  assert_page (dropped, "already answered");
  assert_code (browser);
}

static void
load_user (TesseraServer *server, const char *name, const char *password)
{
  g_autofree char *file = NULL, *text = NULL, *hash = tessera_hash_password (password, NULL);
  g_autoptr (GError) error = NULL;
  int fd = g_file_open_tmp ("tessera-users-XXXXXX", &file, &error);

  g_assert_no_error (error);
  close (fd);
  text = g_strdup_printf ("%s:%s\n", name, hash);
  g_assert_true (g_file_set_contents (file, text, -1, &error));
  g_assert_true (tessera_server_load_users (server, file, &error));
  unlink (file);
}

#define CROWD 40

/* More at once than passwords can be hashed and queued for. */
static void
test_a_crowd_is_asked_to_come_back (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) browsers = g_ptr_array_new_with_free_func ((GDestroyNotify) browser_free);
  Request requests[CROWD];
  guint busy = 0;

  g_signal_handlers_disconnect_by_func (self->server, on_authenticate, NULL);
  load_user (self->server, "alice", "secret");
  for (guint i = 0; i < CROWD; i++)
    {
      Browser *browser = browser_new (self->server);
      g_autofree char *action = NULL, *csrf = NULL, *body = NULL, *address = NULL;

      g_ptr_array_add (browsers, browser);
      address = g_strdup_printf ("192.0.2.%u", i);
      browser->address = g_intern_string (address);
      open_page (browser, WEB (""));
      action = find_attribute (browser->html, "<form", "action");
      csrf = find_attribute (browser->html, "name=\"csrf\"", "value");
      body = g_strdup_printf ("csrf=%s&username=alice&password=wrong", csrf);
      begin_request (&requests[i], browser, "POST", action, body);
    }
  for (guint i = 0; i < CROWD; i++)
    {
      Browser *browser = g_ptr_array_index (browsers, i);

      end_request (&requests[i]);
      if (browser->status != 503)
        continue;
      busy++;
      g_assert_nonnull (browser->retry_after);
    }
  g_assert_cmpuint (busy, >, 0);
  g_assert_cmpuint (busy, <, CROWD);
}

static void
hold_login (TesseraServer *server, TesseraAuthentication *authentication, gpointer data)
{
  TesseraAuthentication **held = data;

  tessera_authentication_hold (authentication);
  *held = g_object_ref (authentication);
}

/* The server stops while somebody's password is still being checked. */
static void
test_a_held_login_outlives_the_server (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  g_autoptr (TesseraAuthentication) held = NULL;
  g_autofree char *action = NULL, *csrf = NULL, *body = NULL;
  Request request;

  g_signal_handlers_disconnect_by_func (self->server, on_authenticate, NULL);
  g_signal_connect (self->server, "authenticate", G_CALLBACK (hold_login), &held);
  open_page (browser, WEB (""));
  action = find_attribute (browser->html, "<form", "action");
  csrf = find_attribute (browser->html, "name=\"csrf\"", "value");
  body = g_strdup_printf ("csrf=%s&username=alice&password=secret", csrf);
  begin_request (&request, browser, "POST", action, body);
  while (held == NULL)
    g_main_context_iteration (NULL, TRUE);
  tessera_server_close (self->server);
  tessera_authentication_accept (held, NULL);
  end_request (&request);

  g_assert_cmpuint (browser->status, ==, 503);
}

/* What says anything else does not. */
static void
test_another_form_does_not_take_its_place (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  g_autoptr (Browser) other = browser_new (self->server);
  g_autofree char *action = NULL, *csrf = NULL, *body = NULL;
  Request first, second;

  open_page (browser, WEB (""));
  log_in (browser, "alice");
  action = find_attribute (browser->html, "<form", "action");
  csrf = find_attribute (browser->html, "name=\"csrf\"", "value");
  body = g_strdup_printf ("csrf=%s&decision=allow", csrf);
  g_hash_table_unref (other->cookies);
  other->cookies = g_hash_table_ref (browser->cookies);

  begin_request (&first, browser, "POST", action, body);
  begin_request (&second, other, "POST", action, "csrf=x&decision=allow");
  end_request (&first);
  end_request (&second);
  assert_code (browser);
  g_assert_null (other->location);
}

static void
test_an_expired_login_starts_again (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;

  open_page (browser, WEB (""));
  advance_clock (21 * 60 * 1000);
  log_in (browser, "alice");
  assert_page (browser, LOGIN_PAGE);
  assert_page (browser, "id=\"restarted\"");
  log_in (browser, "alice");
  assert_page (browser, CONSENT_PAGE);
  advance_clock (21 * 60 * 1000);
  submit (browser, "decision=allow");
  assert_page (browser, CONSENT_PAGE);
  submit (browser, "decision=allow");
  assert_code (browser);
}

static void
test_a_removed_client_ends_its_logins (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  g_autoptr (GError) error = NULL;

  open_page (browser, WEB (""));
  log_in (browser, "alice");
  assert_page (browser, CONSENT_PAGE);
  tessera_server_remove_client (self->server, "web", &error);
  g_assert_no_error (error);
  submit (browser, "decision=allow");
  g_assert_null (browser->location);
  assert_page (browser, "This page has expired");
}

static void
test_a_revoked_subject_starts_again (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  g_autoptr (GError) error = NULL;

  open_page (browser, WEB (""));
  log_in (browser, "alice");
  assert_page (browser, CONSENT_PAGE);
  tessera_server_revoke_subject (self->server, "alice", &error);
  g_assert_no_error (error);
  submit (browser, "decision=allow");
  g_assert_cmpuint (browser->status, ==, 403);
  open_page (browser, WEB ("&prompt=none"));
  assert_refused (browser, "login_required");

  /* What begins later is not what was revoked. */
  open_page (browser, WEB (""));
  log_in (browser, "alice");
  assert_page (browser, CONSENT_PAGE);
  submit (browser, "decision=allow");
  assert_code (browser);
}

static void
test_a_revoked_client_starts_again (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  g_autoptr (GError) error = NULL;

  open_page (browser, WEB (""));
  log_in (browser, "alice");
  assert_page (browser, CONSENT_PAGE);
  tessera_server_revoke_client (self->server, "web", &error);
  g_assert_no_error (error);
  submit (browser, "decision=allow"); /* of a request that was before */
  g_assert_null (browser->location);
  assert_page (browser, CONSENT_PAGE);
  submit (browser, "decision=allow");
  assert_code (browser);
}

/* Whoever lost the account while the password was looked at does not get in any more. */
static void
test_a_revocation_reaches_a_held_login (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  g_autoptr (TesseraAuthentication) held = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *action = NULL, *csrf = NULL, *body = NULL;
  Request request;

  g_signal_handlers_disconnect_by_func (self->server, on_authenticate, NULL);
  g_signal_connect (self->server, "authenticate", G_CALLBACK (hold_login), &held);
  open_page (browser, WEB (""));
  action = find_attribute (browser->html, "<form", "action");
  csrf = find_attribute (browser->html, "name=\"csrf\"", "value");
  body = g_strdup_printf ("csrf=%s&username=alice&password=secret", csrf);
  begin_request (&request, browser, "POST", action, body);
  while (held == NULL)
    g_main_context_iteration (NULL, TRUE);
  tessera_server_revoke_subject (self->server, "alice", &error);
  g_assert_no_error (error);
  tessera_authentication_accept (held, NULL);
  end_request (&request);

  g_assert_cmpuint (browser->status, >=, 400);
  g_assert_false (g_hash_table_contains (browser->cookies, "tessera-session"));
  open_page (browser, WEB ("&prompt=none"));
  assert_refused (browser, "login_required");
}

/* The entry in the deny-list lives shorter than the login may. */
static void
test_a_changed_client_ends_its_logins_for_good (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  g_autoptr (GError) error = NULL;

  open_page (browser, WEB (""));
  log_in (browser, "alice");
  assert_page (browser, CONSENT_PAGE);
  tessera_server_remove_client (self->server, "web", &error);
  g_assert_no_error (error);
  tessera_server_add_client (self->server, "Web", "https://new.test/cb", "web",
                             "another-secret-of-web", 0, FALSE, NULL, &error);
  g_assert_no_error (error);
  advance_clock (19 * 60 * 1000);
  tessera_server_revoke_subject (self->server, "nobody", &error); /* so that it is pruned */
  g_assert_no_error (error);
  tessera_server_revoke_subject (self->server, "nobody", &error);
  g_assert_no_error (error);
  submit (browser, "decision=allow");
  g_assert_null (browser->location);
}

static void
test_a_browser_without_cookies_is_told (Fixture *self, gconstpointer data)
{
  self->browser->refuses_cookies = TRUE;
  open_page (self->browser, WEB (""));
  g_assert_cmpuint (self->browser->status, ==, 403);
  assert_page (self->browser, "Your browser sent no cookie");
}

/* As a browser does it: SameSite=Lax cookies are left out of a POST from another site. */
static void
test_a_request_may_come_by_post_from_elsewhere (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  const char *body = strchr (OWN (""), '?') + 1;
  g_autoptr (GHashTable) kept = NULL;
  g_autofree char *url = NULL;

  open_page (browser, OWN (""));
  log_in (browser, "alice");
  assert_code (browser);

  kept = browser->cookies;
  browser->cookies = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  send_request (browser, "POST", "/authorize", body);
  g_assert_cmpuint (g_hash_table_size (browser->cookies), ==, 0);
  url = g_strdup (browser->location);
  g_hash_table_unref (browser->cookies);
  browser->cookies = g_steal_pointer (&kept);
  open_page (browser, url);
  assert_code (browser);

  g_hash_table_remove_all (browser->cookies);
  send_request (browser, "POST", "/authorize", body);
  follow (browser);
  assert_page (browser, LOGIN_PAGE);
  log_in (browser, "alice");
  assert_code (browser);

  g_hash_table_remove_all (browser->cookies);
  browser->refuses_cookies = TRUE;
  send_request (browser, "POST", "/authorize", body);
  follow (browser);
  assert_page (browser, "Your browser sent no cookie");
}

static void
test_an_application_with_its_own_scheme_gets_a_page (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  g_autofree char *there = NULL;

  open_page (browser, SCHEME (""));
  log_in (browser, "alice");
  assert_page (browser, "<bdi>com.example.app</bdi>");
  submit (browser, "decision=allow");
  g_assert_cmpuint (browser->status, ==, 200);
  assert_page (browser, "You can return to");
  there = find_attribute (browser->html, "id=\"return\"", "href");
  g_assert_true (g_str_has_prefix (there, "com.example.app:/cb?"));
  g_assert_nonnull (strstr (there, "code="));
}

static guint revocations;

static void
on_revoked (TesseraServer *server, TesseraRevocation *revocation, gpointer data)
{
  revocations++;
  g_assert_true (tessera_revocation_get_revoked (revocation));
  g_assert_cmpint (tessera_revocation_get_kind (revocation), ==, TESSERA_REVOCATION_KIND_SESSION);
  g_assert_cmpint (tessera_revocation_get_cause (revocation), ==, TESSERA_REVOCATION_CAUSE_LOGOUT);
}

static void
test_logout_asks_and_ends (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;

  revocations = 0;
  g_signal_connect (self->server, "after-revoke-token", G_CALLBACK (on_revoked), NULL);
  open_page (browser, "/logout");
  assert_page (browser, "You are signed out");
  open_page (browser, OWN (""));
  log_in (browser, "alice");
  open_page (browser, "/logout");
  assert_page (browser, "id=\"logout\"");
  send_request (browser, "POST", "/logout", "");
  g_assert_cmpuint (browser->status, ==, 403);
  open_page (browser, "/logout");
  submit_only (browser, "x=");
  g_assert_cmpuint (browser->status, ==, 303);
  g_assert_null (g_hash_table_lookup (browser->cookies, "tessera-session"));
  follow (browser);
  assert_page (browser, "You are signed out");
  g_assert_cmpuint (revocations, ==, 1);
}

static void
test_login_without_application (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;

  open_page (browser, "/login?return_to=//evil.test&password=secret&username=alice");
  g_assert_cmpuint (browser->status, ==, 200);
  assert_page (browser, LOGIN_PAGE);
  g_assert_null (strstr (browser->html, "evil"));
  g_assert_null (strstr (browser->html, "secret"));
  log_in (browser, "alice");
  assert_page (browser, "You are signed in");
  assert_page (browser, "<bdi>alice</bdi>");
}

static void
test_languages (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;

  browser->language = "de-DE,de;q=0.9,en;q=0.5";
  open_page (browser, WEB (""));
  assert_page (browser, "<html lang=\"de\" dir=\"ltr\">");
  assert_page (browser, "Benutzername");
  open_page (browser, WEB ("&ui_locales=zh-CN"));
  assert_page (browser, "<html lang=\"zh-CN\" dir=\"ltr\">");
  submit (browser, "username=alice&password=wrong");
  assert_page (browser, "<html lang=\"zh-CN\" dir=\"ltr\">");
}

static void
on_render_page (TesseraServer *server, TesseraPage *page, gpointer data)
{
  if (g_str_equal (tessera_page_get_name (page), "login"))
    tessera_page_set_html (page, "<p>Another login page</p>");
}

static void
test_pages_can_be_replaced (Fixture *self, gconstpointer data)
{
  g_signal_connect (self->server, "render-page", G_CALLBACK (on_render_page), NULL);
  open_page (self->browser, WEB (""));
  g_assert_cmpstr (self->browser->html, ==, "<p>Another login page</p>");
}

static void
test_errors_come_as_pages (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;

  open_page (browser, "/authorize?client_id=%3Csvg%3E&response_type=code");
  g_assert_cmpuint (browser->status, ==, 400);
  assert_page (browser, "invalid_request");
  g_assert_null (strstr (browser->html, "<svg"));
  open_page (browser, "/consent?t=unknown");
  g_assert_cmpuint (browser->status, ==, 400);
  assert_page (browser, "This page has expired");
}

static void
test_sessions_end (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;

  open_page (browser, OWN (""));
  log_in (browser, "alice");
  advance_clock (29 * 60 * 1000);
  open_page (browser, OWN ("&prompt=none"));
  assert_code (browser);
  advance_clock (29 * 60 * 1000);
  open_page (browser, OWN ("&prompt=none"));
  assert_code (browser);
  advance_clock (31 * 60 * 1000);
  open_page (browser, OWN ("&prompt=none"));
  assert_refused (browser, "login_required");
}

/* One thing more */

static gboolean
is_signed_in (Browser *browser)
{
  return g_hash_table_contains (browser->cookies, "tessera-session");
}

static void
test_a_login_continues_with_another_page (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;

  open_page (browser, WEB (""));
  log_in (browser, "careful");
  g_assert_cmpuint (browser->status, ==, 200);
  assert_page (browser, CHALLENGE_PAGE);
  assert_page (browser, "autocomplete=\"one-time-code\"");
  assert_page (browser, ">One-time code</label>");
  g_assert_null (strstr (browser->html, "id=\"error\""));
  g_assert_null (strstr (browser->html, seen.id));
  g_assert_false (is_signed_in (browser));
  submit (browser, "answer=again");
  assert_page (browser, "What you entered was not right");
  submit (browser, "answer=other");
  assert_page (browser, "<bdi>Mother&#39;s &lt;name&gt;</bdi>");
  assert_page (browser, "type=\"password\"");
  g_assert_null (strstr (browser->html, "id=\"error\""));
  submit (browser, "answer=");
  assert_page (browser, "Enter what is asked for");
  submit (browser, "answer=right");
  assert_page (browser, CONSENT_PAGE);
  submit (browser, "decision=allow");
  assert_code (browser);
}

/* The state lies here, so that every address of the login leads back to what is due. */
static void
test_no_step_is_skipped (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  g_autoptr (Browser) stranger = browser_new (self->server);
  g_autofree char *action = NULL, *csrf = NULL, *body = NULL, *later = NULL, *consent = NULL;
  guint answers;

  open_page (browser, WEB (""));
  log_in (browser, "careful");
  action = find_attribute (browser->html, "<form", "action");
  csrf = find_attribute (browser->html, "name=\"csrf\"", "value");
  consent = g_strconcat ("/consent", strchr (action, '?'), NULL);
  open_page (browser, consent);
  assert_page (browser, CHALLENGE_PAGE);
  answers = seen.answers;

  body = g_strdup_printf ("csrf=%s&step=1&answer=right", csrf);
  later = g_strdup_printf ("csrf=%s&step=2&answer=right", csrf);
  send_request (browser, "POST", action, "step=1&answer=right");
  g_assert_cmpuint (browser->status, ==, 403);
  send_request (browser, "POST", action, later);
  g_assert_cmpuint (browser->status, ==, 303);
  send_request (stranger, "POST", action, body);
  g_assert_cmpuint (stranger->status, ==, 403);
  open_page (stranger, WEB (""));
  send_request (stranger, "POST", action, body);
  g_assert_cmpuint (stranger->status, ==, 403);
  g_assert_cmpuint (seen.answers, ==, answers);
  g_assert_false (is_signed_in (browser) || is_signed_in (stranger));
}

static void
test_no_step_is_taken_twice (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  g_autofree char *action = NULL, *csrf = NULL, *body = NULL;
  guint answers = seen.answers;

  open_page (browser, WEB (""));
  log_in (browser, "careful");
  action = find_attribute (browser->html, "<form", "action");
  csrf = find_attribute (browser->html, "name=\"csrf\"", "value");
  body = g_strdup_printf ("csrf=%s&step=1&answer=again", csrf);
  for (guint i = 0; i < 3; i++)
    {
      send_request (browser, "POST", action, body);
      g_assert_cmpuint (browser->status, ==, 303);
      g_assert_cmpuint (seen.answers, ==, answers + 1);
    }
  open_page (browser, action);
  assert_page (browser, CHALLENGE_PAGE);
  submit (browser, "answer=right");
  assert_page (browser, CONSENT_PAGE);
  send_request (browser, "POST", action, body);
  follow (browser);
  assert_page (browser, CONSENT_PAGE);
  g_assert_cmpuint (seen.answers, ==, answers + 2);
}

static void
test_another_login_s_answer_does_not_fit (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  g_autofree char *action = NULL, *csrf = NULL, *body = NULL, *other = NULL;
  guint answers = seen.answers;

  open_page (browser, WEB (""));
  log_in (browser, "careful");
  action = find_attribute (browser->html, "<form", "action");
  csrf = find_attribute (browser->html, "name=\"csrf\"", "value");
  body = g_strdup_printf ("csrf=%s&step=1&answer=right", csrf);
  /* Once more from the beginning, in the same transaction. */
  other = find_attribute (browser->html, "id=\"switch\"", "href");
  open_page (browser, other);
  log_in (browser, "careful");
  assert_page (browser, CHALLENGE_PAGE);
  send_request (browser, "POST", action, body);
  g_assert_cmpuint (browser->status, ==, 403);
  g_assert_cmpuint (seen.answers, ==, answers);
}

static void
test_a_wrong_answer_ends_its_login (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  g_autofree char *action = NULL;

  open_page (browser, WEB (""));
  log_in (browser, "careful");
  assert_page (browser, CHALLENGE_PAGE);
  action = find_attribute (browser->html, "<form", "action");
  submit (browser, "answer=wrong");
  assert_page (browser, LOGIN_PAGE);
  open_page (browser, action);
  assert_page (browser, LOGIN_PAGE);
  g_assert_null (strstr (browser->html, CHALLENGE_PAGE));
}

/* In the same transaction, from another window. */
static void
test_a_login_that_was_begun_meanwhile_goes_on (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  g_autoptr (Browser) window = browser_new (self->server);
  g_autofree char *action = NULL, *csrf = NULL, *body = NULL, *other = NULL;
  Request request;

  open_page (browser, WEB (""));
  log_in (browser, "careful");
  action = find_attribute (browser->html, "<form", "action");
  csrf = find_attribute (browser->html, "name=\"csrf\"", "value");
  other = find_attribute (browser->html, "id=\"switch\"", "href");
  body = g_strdup_printf ("csrf=%s&step=1&answer=later", csrf);
  g_hash_table_unref (window->cookies);
  window->cookies = g_hash_table_ref (browser->cookies);
  begin_request (&request, browser, "POST", action, body);
  while (seen.held == NULL)
    g_main_context_iteration (NULL, TRUE);

  open_page (window, other);
  log_in (window, "careful");
  assert_page (window, CHALLENGE_PAGE);
  tessera_authentication_deny (seen.held);
  g_clear_object (&seen.held);
  end_request (&request);
  assert_page (browser, "What you entered was not right. Sign in again.");
  submit (window, "answer=right");
  assert_page (window, CONSENT_PAGE);
}

static void
test_wrong_answers_are_slowed_down (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;

  open_page (browser, WEB (""));
  for (guint i = 0; i < 5; i++)
    {
      log_in (browser, "careful");
      assert_page (browser, CHALLENGE_PAGE);
      submit (browser, "answer=wrong");
      assert_page (browser, "What you entered was not right. Sign in again.");
      assert_page (browser, LOGIN_PAGE);
      assert_page (browser, "value=\"careful\"");
    }
  log_in (browser, "careful");
  g_assert_cmpuint (browser->status, ==, 429);
  g_assert_false (is_signed_in (browser));
}

/* Asking again is no way round it. */
static void
test_answers_count_as_attempts (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  guint status = 200;
  guint asked = 0;

  for (; status == 200 && asked < 20; asked++)
    {
      if (asked % 4 == 0)
        {
          open_page (browser, WEB (""));
          log_in (browser, "careful");
        }
      if (browser->status == 200)
        submit (browser, "answer=again");
      status = browser->status;
    }
  g_assert_cmpuint (status, ==, 429);
  g_assert_cmpuint (asked, <=, 10);
}

/* However many logins were begun for it, behind each of which an answer might be tried. */
static void
test_an_answer_waits_for_its_turn (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  guint answers = seen.answers;

  for (guint i = 0; i < 10; i++)
    {
      open_page (browser, WEB (""));
      log_in (browser, "careful");
      assert_page (browser, CHALLENGE_PAGE);
    }
  submit (browser, "answer=right");
  g_assert_cmpuint (browser->status, ==, 429);
  g_assert_cmpuint (seen.answers, ==, answers);
  g_assert_false (is_signed_in (browser));
}

static void
test_a_question_without_application (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;

  open_page (browser, "/login");
  log_in (browser, "careful");
  assert_page (browser, CHALLENGE_PAGE);
  submit (browser, "answer=wrong");
  assert_page (browser, LOGIN_PAGE);
  log_in (browser, "careful");
  submit (browser, "answer=right");
  g_assert_cmpuint (browser->status, ==, 200);
  assert_page (browser, "You are signed in");
}

static void
test_a_question_expires (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  guint answers = seen.answers;

  open_page (browser, WEB (""));
  log_in (browser, "careful");
  advance_clock (21 * 60 * 1000);
  submit (browser, "answer=right");
  assert_page (browser, LOGIN_PAGE);
  assert_page (browser, "id=\"restarted\"");

  open_page (browser, "/login");
  log_in (browser, "careful");
  advance_clock (21 * 60 * 1000);
  submit (browser, "answer=right");
  assert_page (browser, LOGIN_PAGE);
  g_assert_cmpuint (seen.answers, ==, answers);
  g_assert_false (is_signed_in (browser));
}

/* Whoever lost the account between password and code does not get in. */
static void
test_a_revocation_reaches_between_steps (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  g_autoptr (GError) error = NULL;

  open_page (browser, WEB (""));
  log_in (browser, "careful");
  advance_clock (1000);
  tessera_server_revoke_subject (self->server, "careful", &error);
  g_assert_no_error (error);
  advance_clock (1000);
  submit (browser, "answer=right");
  g_assert_cmpuint (browser->status, ==, 400);
  g_assert_false (is_signed_in (browser));
}

/* Each failure doubles the time, up to a quarter of an hour; and people are told. */
static void
test_long_waits_are_told_in_minutes (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  int seconds = 0;

  for (guint i = 0; i < 30 && seconds <= 100; i++)
    {
      advance_clock (seconds * G_GINT64_CONSTANT (1000));
      open_page (browser, WEB (""));
      submit (browser, "username=alice&password=wrong");
      seconds = browser->status == 429 ? atoi (browser->retry_after) : 0;
    }
  g_assert_cmpint (seconds, >, 100);
  assert_page (browser, "minutes, then try again");
}

/* What cannot be written down, in the audit trail or in the store, is not done. */

static void
test_unlogged_nobody_signs_in (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;

  open_page (browser, WEB (""));
  audit_fails = TRUE;
  log_in (browser, "alice");
  audit_fails = FALSE;
  g_assert_cmpuint (browser->status, ==, 503);
  g_assert_false (is_signed_in (browser));
}

static void
test_a_consent_that_is_not_kept_is_none (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;

  open_page (browser, WEB (""));
  log_in (browser, "alice");
  assert_page (browser, CONSENT_PAGE);
  consents_fail = TRUE;
  submit (browser, "decision=allow");
  consents_fail = FALSE;
  g_assert_cmpuint (browser->status, ==, 503);
  open_page (browser, WEB (""));
  assert_page (browser, CONSENT_PAGE);
}

/* The very same form: what failed was not answered. */
static void
test_what_failed_can_be_tried_again (Fixture *self, gconstpointer data)
{
  Browser *browser = self->browser;
  g_autofree char *action = NULL, *csrf = NULL, *body = NULL;

  open_page (browser, WEB (""));
  log_in (browser, "alice");
  action = find_attribute (browser->html, "<form", "action");
  csrf = find_attribute (browser->html, "name=\"csrf\"", "value");
  body = g_strdup_printf ("csrf=%s&decision=allow", csrf);
  consents_fail = TRUE;
  send_request (browser, "POST", action, body);
  consents_fail = FALSE;
  g_assert_cmpuint (browser->status, ==, 503);
  send_request (browser, "POST", action, body);
  assert_code (browser);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  tessera_clock_follow_offset (&offset_ms);

#define ADD(name, function)                                                                        \
  g_test_add ("/interaction/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("login-consent-code", test_login_consent_code);
  ADD ("addresses-carry-nothing", test_addresses_carry_nothing);
  ADD ("long-waits-are-told-in-minutes", test_long_waits_are_told_in_minutes);
  ADD ("unlogged-nobody-signs-in", test_unlogged_nobody_signs_in);
  ADD ("a-consent-that-is-not-kept-is-none", test_a_consent_that_is_not_kept_is_none);
  ADD ("what-failed-can-be-tried-again", test_what_failed_can_be_tried_again);
  ADD ("first-party-skips-consent", test_first_party_skips_consent);
  ADD ("public-clients-are-asked-each-time", test_public_clients_are_asked_each_time);
  ADD ("silence-without-session", test_silence_without_session);
  ADD ("prompts-and-max-age", test_prompts_and_max_age);
  ADD ("somebody-else-can-sign-in", test_somebody_else_can_sign_in);
  ADD ("failures-look-the-same", test_failures_look_the_same);
  ADD ("guessing-is-slowed-down", test_guessing_is_slowed_down);
  ADD ("A37-guesses-at-many-accounts-are-slowed-down",
       test_guesses_at_many_accounts_are_slowed_down);
  ADD ("a-flood-of-names-has-an-end", test_a_flood_of_names_has_an_end);
  ADD ("A37-one-s-own-login-forgives-no-guesses-at-others",
       test_one_s_own_login_forgives_no_guesses_at_others);
  ADD ("who-signs-in-often-has-not-failed", test_who_signs_in_often_has_not_failed);
  ADD ("a-good-attempt-forgives-its-own-account", test_a_good_attempt_forgives_its_own_account);
  ADD ("forms-need-their-token-and-browser", test_forms_need_their_token_and_browser);
  ADD ("consent-is-bound-to-the-person", test_consent_is_bound_to_the_person);
  ADD ("a-session-is-new-at-each-login", test_a_session_is_new_at_each_login);
  ADD ("who-signs-in-instead-ends-the-session-before",
       test_who_signs_in_instead_ends_the_session_before);
  ADD ("an-answer-is-given-once", test_an_answer_is_given_once);
  ADD ("an-answer-is-for-the-same-address", test_an_answer_is_for_the_same_address);
  ADD ("an-answer-is-for-the-same-session", test_an_answer_is_for_the_same_session);
  ADD ("without-a-challenge-nothing-is-repeated", test_without_a_challenge_nothing_is_repeated);
  ADD ("in-doubt-nothing-is-repeated", test_in_doubt_nothing_is_repeated);
  ADD ("the-last-of-two-clicks-gets-the-code", test_the_last_of_two_clicks_gets_the_code);
  ADD ("B46-a-crowd-is-asked-to-come-back", test_a_crowd_is_asked_to_come_back);
  ADD ("a-held-login-outlives-the-server", test_a_held_login_outlives_the_server);
  ADD ("another-form-does-not-take-its-place", test_another_form_does_not_take_its_place);
  ADD ("an-expired-login-starts-again", test_an_expired_login_starts_again);
  ADD ("a-removed-client-ends-its-logins", test_a_removed_client_ends_its_logins);
  ADD ("a-revoked-subject-starts-again", test_a_revoked_subject_starts_again);
  ADD ("a-revoked-client-starts-again", test_a_revoked_client_starts_again);
  ADD ("a-revocation-reaches-a-held-login", test_a_revocation_reaches_a_held_login);
  ADD ("a-changed-client-ends-its-logins-for-good", test_a_changed_client_ends_its_logins_for_good);
  ADD ("a-browser-without-cookies-is-told", test_a_browser_without_cookies_is_told);
  ADD ("a-request-may-come-by-post-from-elsewhere", test_a_request_may_come_by_post_from_elsewhere);
  ADD ("an-application-with-its-own-scheme-gets-a-page",
       test_an_application_with_its_own_scheme_gets_a_page);
  ADD ("logout-asks-and-ends", test_logout_asks_and_ends);
  ADD ("login-without-application", test_login_without_application);
  ADD ("languages", test_languages);
  ADD ("pages-can-be-replaced", test_pages_can_be_replaced);
  ADD ("errors-come-as-pages", test_errors_come_as_pages);
  ADD ("sessions-end", test_sessions_end);
  ADD ("a-login-continues-with-another-page", test_a_login_continues_with_another_page);
  ADD ("no-step-is-skipped", test_no_step_is_skipped);
  ADD ("no-step-is-taken-twice", test_no_step_is_taken_twice);
  ADD ("another-login-s-answer-does-not-fit", test_another_login_s_answer_does_not_fit);
  ADD ("a-wrong-answer-ends-its-login", test_a_wrong_answer_ends_its_login);
  ADD ("a-login-that-was-begun-meanwhile-goes-on", test_a_login_that_was_begun_meanwhile_goes_on);
  ADD ("wrong-answers-are-slowed-down", test_wrong_answers_are_slowed_down);
  ADD ("answers-count-as-attempts", test_answers_count_as_attempts);
  ADD ("an-answer-waits-for-its-turn", test_an_answer_waits_for_its_turn);
  ADD ("a-question-without-application", test_a_question_without_application);
  ADD ("a-question-expires", test_a_question_expires);
  ADD ("a-revocation-reaches-between-steps", test_a_revocation_reaches_between_steps);

  return g_test_run ();
}
