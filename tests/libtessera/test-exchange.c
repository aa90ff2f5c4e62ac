/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera-exchange.c and tessera-error-responder.c: a request has one answer, and an error one
 * form. */

#include "fake-front.h"
#include "log-capture.h"

#include "endpoints/tessera-error-responder-private.h"
#include "server/tessera-cookie-private.h"

#include <gio/gio.h>
#include <string.h>

static const char *
get_answer_header (FakeFront *front, const char *name)
{
  return g_hash_table_lookup (front->headers, name);
}

static void
test_cookie_is_found_among_others (void)
{
  g_autoptr (FakeFront) front = fake_front_new ();
  g_autoptr (TesseraExchange) exchange = fake_front_request (front, "GET", "/login", NULL);
  fake_front_set_header (front, "Cookie", "a=1; tessera-session=abc; tessera-sessionx=no;b=2");
  g_autofree char *value = tessera_exchange_dup_cookie (exchange, "tessera-session");
  g_autofree char *first = tessera_exchange_dup_cookie (exchange, "a");
  g_autofree char *last = tessera_exchange_dup_cookie (exchange, "b");
  g_autofree char *none = tessera_exchange_dup_cookie (exchange, "session");

  g_assert_cmpstr (value, ==, "abc");
  g_assert_cmpstr (first, ==, "1");
  g_assert_cmpstr (last, ==, "2");
  g_assert_null (none);
  tessera_exchange_respond (exchange, 200, NULL, NULL);
}

static void
test_cookie_sent_twice_is_not_believed (void)
{
  g_autoptr (FakeFront) front = fake_front_new ();
  g_autoptr (TesseraExchange) exchange = fake_front_request (front, "GET", "/login", NULL);
  fake_front_set_header (front, "Cookie", "s=1; s=2");
  g_autofree char *value = tessera_exchange_dup_cookie (exchange, "s");

  g_assert_null (value);
  tessera_exchange_respond (exchange, 200, NULL, NULL);
}

/* What no server of ours made is not looked up, nor sent back. */
static void
test_cookie_of_foreign_characters_is_not_ours (void)
{
  g_autoptr (TesseraSettings) settings = tessera_settings_new ("http://127.0.0.1:8417");
  g_autoptr (FakeFront) front = fake_front_new ();
  g_autoptr (TesseraExchange) exchange = fake_front_request (front, "GET", "/login", NULL);

  for (const char *c = "A_-\001/ \""; *c != '\0'; c++)
    {
      g_autofree char *header
          = g_strdup_printf ("tessera-session=%.21s%c%.21s", "aaaaaaaaaaaaaaaaaaaaa", *c,
                             "aaaaaaaaaaaaaaaaaaaaa");
      fake_front_set_header (front, "Cookie", header);
      g_autofree char *value = tessera_cookie_dup (TESSERA_COOKIE_SESSION, exchange, settings);

      g_assert_cmpint (value != NULL, ==, strchr ("A_-", *c) != NULL);
    }
  tessera_exchange_respond (exchange, 200, NULL, NULL);
}

static void
test_json_is_not_stored_and_not_sniffed (void)
{
  g_autoptr (FakeFront) front = fake_front_new ();
  g_autoptr (TesseraExchange) exchange = fake_front_request (front, "POST", "/token", "");
  json_t *json = json_object ();
  json_object_set_new (json, "active", json_false ());
  tessera_exchange_respond_json (exchange, 200, json);

  g_assert_cmpuint (front->status, ==, 200);
  g_assert_cmpstr (front->body, ==, "{\"active\":false}");
  g_assert_cmpstr (front->content_type, ==, "application/json");
  g_assert_cmpstr (get_answer_header (front, "Cache-Control"), ==, "no-store");
  g_assert_cmpstr (get_answer_header (front, "Pragma"), ==, "no-cache");
  g_assert_cmpstr (get_answer_header (front, "X-Content-Type-Options"), ==, "nosniff");
}

static void
test_redirect_is_303 (void)
{
  g_autoptr (FakeFront) front = fake_front_new ();
  g_autoptr (TesseraExchange) exchange = fake_front_request (front, "POST", "/login", "");
  tessera_exchange_redirect (exchange, "https://c1.test/cb?code=x");

  g_assert_cmpuint (front->status, ==, 303);
  g_assert_cmpstr (get_answer_header (front, "Location"), ==, "https://c1.test/cb?code=x");
  g_assert_cmpstr (get_answer_header (front, "Cache-Control"), ==, "no-store");
}

static void
test_dropped_request_is_answered (void)
{
  g_autoptr (FakeFront) front = fake_front_new ();
  TesseraExchange *exchange = fake_front_request (front, "GET", "/authorize", NULL);
  log_capture_begin ();
  tessera_exchange_unref (exchange);
  log_capture_assert_one (G_LOG_LEVEL_MESSAGE, "refused *error=server_error*");

  g_assert_cmpuint (front->sent, ==, 1);
  g_assert_cmpuint (front->status, ==, 500);
}

static void
test_second_answer_is_a_mistake (void)
{
  g_autoptr (FakeFront) front = fake_front_new ();
  g_autoptr (TesseraExchange) exchange = fake_front_request (front, "GET", "/jwks", NULL);
  tessera_exchange_respond (exchange, 200, NULL, NULL);
  log_capture_begin ();
  tessera_exchange_respond (exchange, 404, NULL, NULL);
  log_capture_assert_one (G_LOG_LEVEL_CRITICAL, "*answered twice*");

  g_assert_cmpuint (front->sent, ==, 1);
  g_assert_cmpuint (front->status, ==, 200);
}

static void
test_header_cannot_split_the_answer (void)
{
  g_autoptr (FakeFront) front = fake_front_new ();
  g_autoptr (TesseraExchange) exchange = fake_front_request (front, "GET", "/authorize", NULL);
  log_capture_begin ();
  tessera_exchange_add_header (exchange, "Location", "https://c1.test/\r\nSet-Cookie: a=b");
  log_capture_assert_one (G_LOG_LEVEL_CRITICAL, "A line break*Location");
  tessera_exchange_respond (exchange, 200, NULL, NULL);

  g_assert_null (get_answer_header (front, "Location"));
}

static void
test_request_ids_differ (void)
{
  g_autoptr (FakeFront) front = fake_front_new ();
  g_autoptr (TesseraExchange) a = fake_front_request (front, "GET", "/jwks", NULL);
  g_autoptr (TesseraExchange) b = fake_front_request (front, "GET", "/jwks", NULL);

  g_assert_cmpstr (a->request_id, !=, b->request_id);
  g_assert_cmpuint (strlen (a->request_id), ==, 16);
  tessera_exchange_respond (a, 200, NULL, NULL);
  tessera_exchange_respond (b, 200, NULL, NULL);
}

static void
test_error_has_status_and_description (void)
{
  g_autoptr (FakeFront) front = fake_front_new ();
  g_autoptr (TesseraExchange) exchange = fake_front_request (front, "POST", "/token", "");
  g_autoptr (GError) error
      = g_error_new_literal (TESSERA_ERROR, TESSERA_ERROR_INVALID_GRANT, "The code is not good.");
  log_capture_begin ();
  tessera_exchange_respond_error (exchange, error, NULL);
  log_capture_assert_one (G_LOG_LEVEL_MESSAGE,
                          "refused request=* error=invalid_grant*from=\"192.0.2.1\"*");

  g_assert_cmpuint (front->status, ==, 400);
  g_assert_cmpstr (front->body, ==,
                   "{\"error\":\"invalid_grant\",\"error_description\":\"The code is not good.\"}");
}

static void
test_invalid_client_is_challenged (void)
{
  g_autoptr (FakeFront) front = fake_front_new ();
  g_autoptr (TesseraExchange) exchange = fake_front_request (front, "POST", "/token", "");
  g_autoptr (GError) error
      = g_error_new_literal (TESSERA_ERROR, TESSERA_ERROR_INVALID_CLIENT, "Who are you?");
  log_capture_begin ();
  tessera_exchange_respond_error (exchange, error, NULL);
  log_capture_assert_one (G_LOG_LEVEL_MESSAGE, "refused *");

  g_assert_cmpuint (front->status, ==, 401);
  g_assert_true (g_str_has_prefix (get_answer_header (front, "WWW-Authenticate"), "Basic realm="));
}

static void
test_unavailable_says_when_to_return (void)
{
  g_autoptr (FakeFront) front = fake_front_new ();
  g_autoptr (TesseraExchange) exchange = fake_front_request (front, "POST", "/revoke", "");
  g_autoptr (GError) error
      = g_error_new_literal (TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE, "Later.");
  log_capture_begin ();
  tessera_exchange_respond_error (exchange, error, NULL);
  log_capture_assert_one (G_LOG_LEVEL_MESSAGE, "refused *");

  g_assert_cmpuint (front->status, ==, 503);
  g_assert_nonnull (get_answer_header (front, "Retry-After"));
}

static void
test_retry_after_of_the_endpoint_stays (void)
{
  g_autoptr (FakeFront) front = fake_front_new ();
  g_autoptr (TesseraExchange) exchange = fake_front_request (front, "POST", "/token", "");
  g_autoptr (GError) error
      = g_error_new_literal (TESSERA_ERROR, TESSERA_ERROR_TOO_MANY_REQUESTS, "Too many.");
  tessera_exchange_add_header (exchange, "Retry-After", "7");
  log_capture_begin ();
  tessera_exchange_respond_error (exchange, error, NULL);
  log_capture_assert_one (G_LOG_LEVEL_MESSAGE, "refused *");

  g_assert_cmpuint (front->status, ==, 429);
  g_assert_cmpstr (get_answer_header (front, "Retry-After"), ==, "7");
}

/* What the database says about itself is for the log alone. */
static void
test_foreign_error_keeps_its_text (void)
{
  g_autoptr (FakeFront) front = fake_front_new ();
  g_autoptr (TesseraExchange) exchange = fake_front_request (front, "POST", "/token", "");
  g_autoptr (GError) error
      = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "/var/lib/tessera is full");
  log_capture_begin ();
  tessera_exchange_respond_error (exchange, error, NULL);
  log_capture_assert_one (G_LOG_LEVEL_MESSAGE,
                          "refused *error=server_error*/var/lib/tessera is full*");

  g_assert_cmpuint (front->status, ==, 500);
  g_assert_null (strstr (front->body, "/var/lib"));
  g_assert_nonnull (strstr (front->body, "server_error"));
}

static void
test_description_is_ascii (void)
{
  g_autoptr (FakeFront) front = fake_front_new ();
  g_autoptr (TesseraExchange) exchange = fake_front_request (front, "POST", "/token", "");
  g_autoptr (GError) error
      = g_error_new_literal (TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST, "a\"b\\c\nd\xc3\xa9");
  log_capture_begin ();
  tessera_exchange_respond_error (exchange, error, NULL);
  log_capture_assert_one (G_LOG_LEVEL_MESSAGE, "refused *");

  g_assert_nonnull (strstr (front->body, "\"a?b?c?d??\""));
}

static void
test_log_line_is_escaped (void)
{
  g_autoptr (FakeFront) front = fake_front_new ();
  g_autoptr (TesseraExchange) exchange = fake_front_request (front, "GET", "/authorize", NULL);
  g_autoptr (GError) error
      = g_error_new_literal (TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST, "No such address.");
  g_auto (TesseraExplanation) explanation = { 0 };
  tessera_explanation_set (&explanation, "redirect_uri", "https://c1.test/cb", "x\n\"evil\x1b[0m");
  tessera_exchange_set_client_id (exchange, "c1");
  log_capture_begin ();
  tessera_exchange_respond_error (exchange, error, &explanation);
  log_capture_assert_one (G_LOG_LEVEL_MESSAGE,
                          "refused *rule=\"redirect_uri\" registered=\"https://c1.test/cb\" "
                          "came=\"x\\x0a\\x22evil\\x1b[0m\" client=\"c1\"*");
}

static void
on_refused (TesseraExchange *exchange, const char *error, gpointer data)
{
  g_string_append_printf (data, "%s;", error);
}

static void
test_observer_hears_of_refusals (void)
{
  g_autoptr (FakeFront) front = fake_front_new ();
  g_autoptr (TesseraExchange) exchange = fake_front_request (front, "PUT", "/token", NULL);
  GString *heard = g_string_new (NULL);
  exchange->refused = on_refused;
  exchange->refused_data = heard;
  log_capture_begin ();
  tessera_exchange_respond_http_error (exchange, 405, "The method is not allowed here.");
  log_capture_assert_one (G_LOG_LEVEL_MESSAGE, "refused *");

  g_assert_cmpstr (heard->str, ==, "invalid_request;");
  g_assert_cmpuint (front->status, ==, 405);
  g_string_free (heard, TRUE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  log_capture_init ();
  g_test_add_func ("/exchange/finds-a-cookie-among-others", test_cookie_is_found_among_others);
  g_test_add_func ("/exchange/does-not-believe-a-cookie-sent-twice",
                   test_cookie_sent_twice_is_not_believed);
  g_test_add_func ("/cookie/of-foreign-characters-is-not-ours",
                   test_cookie_of_foreign_characters_is_not_ours);
  g_test_add_func ("/exchange/json-is-not-stored-and-not-sniffed",
                   test_json_is_not_stored_and_not_sniffed);
  g_test_add_func ("/exchange/redirects-with-303", test_redirect_is_303);
  g_test_add_func ("/exchange/answers-a-dropped-request", test_dropped_request_is_answered);
  g_test_add_func ("/exchange/answers-once", test_second_answer_is_a_mistake);
  g_test_add_func ("/exchange/A12-header-cannot-split-the-answer",
                   test_header_cannot_split_the_answer);
  g_test_add_func ("/exchange/request-ids-differ", test_request_ids_differ);
  g_test_add_func ("/error-responder/gives-status-and-description",
                   test_error_has_status_and_description);
  g_test_add_func ("/error-responder/challenges-an-invalid-client",
                   test_invalid_client_is_challenged);
  g_test_add_func ("/error-responder/says-when-to-return", test_unavailable_says_when_to_return);
  g_test_add_func ("/error-responder/keeps-the-endpoints-retry-after",
                   test_retry_after_of_the_endpoint_stays);
  g_test_add_func ("/error-responder/tells-strangers-no-internals",
                   test_foreign_error_keeps_its_text);
  g_test_add_func ("/error-responder/B33-description-is-plain-ascii", test_description_is_ascii);
  g_test_add_func ("/error-responder/I01-log-line-is-escaped", test_log_line_is_escaped);
  g_test_add_func ("/error-responder/tells-an-observer", test_observer_hears_of_refusals);
  return g_test_run ();
}
