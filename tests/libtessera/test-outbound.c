/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The server's end of the way to other machines, and a program at the other end that does as the
 * test says: it answers, lies, hangs, dies. */

#include "server/tessera-outbound-private.h"

#include "base/tessera-outbound-wire-private.h"
#include "log-capture.h"

#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const json[] = { "application/json", "application/jwk-set+json", NULL };

typedef struct
{
  char *folder;
  char *path;
  GSocket *listener;
  GSocket *other; /* the program's end of the connection of now */
  TesseraOutbound *outbound;
  guint n_over;
  GQuark domain;
  int code;
  guint status;
  GBytes *body;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GSocketAddress) address = NULL;

  f->folder = g_dir_make_tmp ("tessera-outbound-XXXXXX", NULL);
  f->path = g_build_filename (f->folder, "socket", NULL);
  address = g_unix_socket_address_new (f->path);
  f->listener
      = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL);
  g_assert_true (g_socket_bind (f->listener, address, FALSE, NULL));
  g_assert_true (g_socket_listen (f->listener, NULL));
  f->outbound = tessera_outbound_new_for_socket (f->path);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_clear_object (&f->outbound);
  g_clear_object (&f->other);
  g_clear_object (&f->listener);
  g_clear_pointer (&f->body, g_bytes_unref);
  g_unlink (f->path);
  g_rmdir (f->folder);
  g_free (f->path);
  g_free (f->folder);
}

static void
note (Fixture *f, const GError *error)
{
  f->n_over++;
  f->domain = error != NULL ? error->domain : 0;
  f->code = error != NULL ? error->code : 0;
}

static void
on_got (GObject *source, GAsyncResult *result, gpointer data)
{
  Fixture *f = data;
  g_autoptr (GError) error = NULL;

  g_clear_pointer (&f->body, g_bytes_unref);
  f->body = _tessera_outbound_get_finish (TESSERA_OUTBOUND (source), result, &error);
  g_assert_true ((f->body == NULL) == (error != NULL));
  note (f, error);
}

static void
on_posted (GObject *source, GAsyncResult *result, gpointer data)
{
  Fixture *f = data;
  g_autoptr (GError) error = NULL;

  f->status = _tessera_outbound_post_form_finish (TESSERA_OUTBOUND (source), result, &error);
  g_assert_true ((f->status == 0) == (error != NULL));
  note (f, error);
}

static void
get (Fixture *f, const char *uri)
{
  _tessera_outbound_get_async (f->outbound, uri, json, NULL, on_got, f);
}

static void
post (Fixture *f, const char *form)
{
  _tessera_outbound_post_form_async (f->outbound, "https://rp.test/out", form, NULL, on_posted, f);
}

static void
await (Fixture *f, guint n_over)
{
  while (f->n_over < n_over)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (f->n_over, ==, n_over);
}

static void
assert_failed (Fixture *f, int code)
{
  g_assert_true (f->domain == G_IO_ERROR);
  g_assert_cmpint (f->code, ==, code);
}

/* The program's end */

static void
accept_server (Fixture *f)
{
  g_autoptr (GError) error = NULL;

  g_clear_object (&f->other);
  f->other = g_socket_accept (f->listener, NULL, &error);
  g_assert_no_error (error);
}

static void
receive (Fixture *f, gpointer bytes, gsize length)
{
  g_autoptr (GError) error = NULL;

  for (gsize at = 0; at < length;)
    {
      gssize more = 0;

      while (!(g_socket_condition_check (f->other, G_IO_IN) & (G_IO_IN | G_IO_HUP)))
        g_main_context_iteration (NULL, TRUE);
      more = g_socket_receive (f->other, (char *) bytes + at, length - at, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpint (more, >, 0);
      at += (gsize) more;
    }
}

static TesseraOutboundRequest *
take (Fixture *f)
{
  guint8 prefix[TESSERA_OUTBOUND_PREFIX];
  gsize length = 0;

  if (f->other == NULL)
    accept_server (f);
  receive (f, prefix, sizeof prefix);
  tessera_outbound_split (prefix, sizeof prefix, TESSERA_OUTBOUND_REQUEST_MAX, &length);
  g_assert_cmpuint (length, >, 0);
  g_autofree guint8 *frame = g_malloc (length);
  receive (f, frame, length);
  TesseraOutboundRequest *request = tessera_outbound_request_parse (frame, length);
  g_assert_nonnull (request);
  return request;
}

static void
say (Fixture *f, gconstpointer bytes, gsize length)
{
  g_autoptr (GError) error = NULL;

  for (gsize at = 0; at < length;)
    {
      gssize more = g_socket_send (f->other, (const char *) bytes + at, length - at, NULL, &error);

      g_assert_no_error (error);
      at += (gsize) more;
      while (g_main_context_iteration (NULL, FALSE))
        ;
    }
}

static void
reply (Fixture *f,
       guint32 id,
       TesseraOutboundOutcome outcome,
       guint status,
       const char *media_type,
       const char *body)
{
  TesseraOutboundReply message = { id, outcome, status, (char *) media_type, (char *) "why", NULL };
  g_autoptr (GBytes) bytes = g_bytes_new_static (body, strlen (body));
  gsize length = 0;

  message.body = bytes;
  g_autoptr (GBytes) frame = tessera_outbound_reply_serialise (&message);
  const guint8 *data = g_bytes_get_data (frame, &length);
  say (f, data, length);
}

/* Tests */

static void
gets_a_document (Fixture *f, gconstpointer data)
{
  get (f, "https://rp.test/jwks");
  g_autoptr (TesseraOutboundRequest) request = take (f);

  g_assert_cmpint (request->method, ==, TESSERA_OUTBOUND_GET);
  g_assert_cmpstr (request->uri, ==, "https://rp.test/jwks");
  g_assert_cmpstr (request->accept, ==, "application/json, application/jwk-set+json");
  g_assert_cmpstr (request->form, ==, "");
  reply (f, request->id, TESSERA_OUTBOUND_ANSWERED, 200, "Application/JSON", "{}");
  await (f, 1);
  g_assert_cmpuint (g_bytes_get_size (f->body), ==, 2);
}

static void
posts_a_form (Fixture *f, gconstpointer data)
{
  const guint statuses[] = { 200, 204, 302, 400, 503 };

  for (guint i = 0; i < G_N_ELEMENTS (statuses); i++)
    {
      post (f, "logout_token=a.b.c");
      g_autoptr (TesseraOutboundRequest) request = take (f);
      g_assert_cmpint (request->method, ==, TESSERA_OUTBOUND_POST_FORM);
      g_assert_cmpstr (request->form, ==, "logout_token=a.b.c");
      reply (f, request->id, TESSERA_OUTBOUND_ANSWERED, statuses[i], "", "");
      await (f, i + 1);
      g_assert_cmpuint (f->status, ==, statuses[i]);
    }
}

static void
tells_why_not (Fixture *f, gconstpointer data)
{
  const struct
  {
    TesseraOutboundOutcome outcome;
    guint status;
    const char *media_type;
    int code;
  } cases[] = {
    { TESSERA_OUTBOUND_REFUSED, 0, "", G_IO_ERROR_PERMISSION_DENIED },
    { TESSERA_OUTBOUND_FAILED, 0, "", G_IO_ERROR_FAILED },
    { TESSERA_OUTBOUND_LATE, 0, "", G_IO_ERROR_TIMED_OUT },
    { TESSERA_OUTBOUND_TOO_LONG, 0, "", G_IO_ERROR_MESSAGE_TOO_LARGE },
    { TESSERA_OUTBOUND_BUSY, 0, "", G_IO_ERROR_BUSY },
    { TESSERA_OUTBOUND_ANSWERED, 404, "application/json", G_IO_ERROR_FAILED },
    { TESSERA_OUTBOUND_ANSWERED, 302, "application/json", G_IO_ERROR_FAILED },
    { TESSERA_OUTBOUND_ANSWERED, 200, "text/html", G_IO_ERROR_FAILED },
    { TESSERA_OUTBOUND_ANSWERED, 200, "", G_IO_ERROR_FAILED },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      get (f, "https://rp.test/jwks");
      g_autoptr (TesseraOutboundRequest) request = take (f);
      reply (f, request->id, cases[i].outcome, cases[i].status, cases[i].media_type, "");
      await (f, i + 1);
      assert_failed (f, cases[i].code);
    }
}

static void
matches_replies_to_questions (Fixture *f, gconstpointer data)
{
  guint32 ids[3];

  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    {
      post (f, "a=b");
      g_autoptr (TesseraOutboundRequest) request = take (f);
      ids[i] = request->id;
    }
  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    {
      reply (f, ids[2 - i], TESSERA_OUTBOUND_ANSWERED, 200 + ids[2 - i], "", "");
      await (f, i + 1);
      g_assert_cmpuint (f->status, ==, 200 + ids[2 - i]);
    }
}

/* A program that was taken over says what it likes; and then it is not believed any more. */
static void
hangs_up_on_a_liar (Fixture *f, gconstpointer data)
{
  static const guint8 endless[] = { 0xff, 0xff, 0xff, 0xff };
  static const guint8 nonsense[] = { 0, 0, 0, 8, 'A', 1, 0, 200, 0, 0, 0, 1 };
  const struct
  {
    gconstpointer bytes;
    gsize length;
  } lies[] = { { endless, sizeof endless }, { nonsense, sizeof nonsense }, { NULL, 0 } };

  for (guint i = 0; i < G_N_ELEMENTS (lies); i++)
    {
      gboolean is_unasked = lies[i].bytes == NULL || i == 1;

      get (f, "https://rp.test/jwks");
      g_autoptr (TesseraOutboundRequest) good = take (f);
      reply (f, good->id, TESSERA_OUTBOUND_ANSWERED, 200, "application/json", "1");
      await (f, 2 * i + 1);
      get (f, "https://rp.test/jwks");
      g_autoptr (TesseraOutboundRequest) request = take (f);
      log_capture_begin ();
      if (lies[i].bytes != NULL)
        say (f, lies[i].bytes, lies[i].length);
      else
        reply (f, request->id + 1, TESSERA_OUTBOUND_ANSWERED, 200, "application/json", "{}");
      await (f, 2 * i + 2);
      assert_failed (f, G_IO_ERROR_FAILED);
      log_capture_assert_one (G_LOG_LEVEL_WARNING,
                              is_unasked ? "*said what it was not asked*" : "*has gone*");
      g_clear_object (&f->other);
    }
}

static void
goes_on_after_the_program_died (Fixture *f, gconstpointer data)
{
  get (f, "https://rp.test/jwks");
  g_autoptr (TesseraOutboundRequest) first = take (f);
  reply (f, first->id, TESSERA_OUTBOUND_ANSWERED, 200, "application/json", "1");
  await (f, 1);

  get (f, "https://rp.test/jwks");
  g_autoptr (TesseraOutboundRequest) lost = take (f);
  log_capture_begin ();
  g_clear_object (&f->other);
  await (f, 2);
  assert_failed (f, G_IO_ERROR_FAILED);
  log_capture_assert_one (G_LOG_LEVEL_WARNING, "*has gone*");

  get (f, "https://rp.test/jwks");
  g_autoptr (TesseraOutboundRequest) next = take (f);
  reply (f, next->id, TESSERA_OUTBOUND_ANSWERED, 200, "application/json", "2");
  await (f, 3);
  g_assert_nonnull (f->body);
}

/* Seven seconds of real time: there is no clock to move under a main loop. */
static void
gives_up_a_program_that_hangs (Fixture *f, gconstpointer data)
{
  get (f, "https://rp.test/jwks");
  g_autoptr (TesseraOutboundRequest) request = take (f);

  log_capture_begin ();
  await (f, 1);
  assert_failed (f, G_IO_ERROR_TIMED_OUT);
  log_capture_assert_one (G_LOG_LEVEL_WARNING, "*does not answer any more*");
  g_assert_cmpint (g_socket_receive (f->other, (char[1]){ 0 }, 1, NULL, NULL), ==, 0);
}

static void
asks_eight_at_once_and_lets_others_wait (Fixture *f, gconstpointer data)
{
  guint32 last = 0;

  for (guint i = 0; i < TESSERA_OUTBOUND_AT_ONCE + 64; i++)
    post (f, "a=b");
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (f->n_over, ==, 0);
  post (f, "a=b");
  await (f, 1);
  assert_failed (f, G_IO_ERROR_BUSY);
  for (guint i = 0; i < TESSERA_OUTBOUND_AT_ONCE + 64; i++)
    {
      g_autoptr (TesseraOutboundRequest) request = take (f);

      g_assert_cmpuint (request->id, ==, ++last);
      /* Nothing more comes before there is a place. */
      if (i >= TESSERA_OUTBOUND_AT_ONCE - 1)
        {
          while (g_main_context_iteration (NULL, FALSE))
            ;
          g_assert_cmpint (g_socket_condition_check (f->other, G_IO_IN), ==, 0);
          reply (f, last - TESSERA_OUTBOUND_AT_ONCE + 1, TESSERA_OUTBOUND_ANSWERED, 200, "", "");
        }
    }
  for (guint32 id = last - TESSERA_OUTBOUND_AT_ONCE + 2; id <= last; id++)
    reply (f, id, TESSERA_OUTBOUND_ANSWERED, 200, "", "");
  await (f, 1 + TESSERA_OUTBOUND_AT_ONCE + 64);
}

static void
can_be_cancelled (Fixture *f, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  _tessera_outbound_get_async (f->outbound, "https://rp.test/", json, cancellable, on_got, f);
  g_autoptr (TesseraOutboundRequest) request = take (f);
  g_cancellable_cancel (cancellable);
  await (f, 1);
  assert_failed (f, G_IO_ERROR_CANCELLED);
  /* What comes of it later is nobody's, and no lie. */
  reply (f, request->id, TESSERA_OUTBOUND_ANSWERED, 200, "application/json", "{}");
  get (f, "https://rp.test/jwks");
  g_autoptr (TesseraOutboundRequest) next = take (f);
  reply (f, next->id, TESSERA_OUTBOUND_ANSWERED, 200, "application/json", "{}");
  await (f, 2);
  g_assert_nonnull (f->body);
  _tessera_outbound_get_async (f->outbound, "https://rp.test/", json, cancellable, on_got, f);
  await (f, 3);
  assert_failed (f, G_IO_ERROR_CANCELLED);
}

static void
sends_no_odd_text (Fixture *f, gconstpointer data)
{
  g_autofree char *long_uri = g_strnfill (TESSERA_OUTBOUND_URI_MAX + 1, 'x');
  g_autofree char *long_form = g_strnfill (TESSERA_OUTBOUND_FORM_MAX + 1, 'x');
  const char *const uris[]
      = { "", "https://rp.test/\r\nX: y", "https://rp.test/\xc3\xa9", long_uri };

  for (guint i = 0; i < G_N_ELEMENTS (uris); i++)
    {
      get (f, uris[i]);
      await (f, i + 1);
      assert_failed (f, G_IO_ERROR_PERMISSION_DENIED);
    }
  post (f, long_form);
  await (f, 5);
  assert_failed (f, G_IO_ERROR_PERMISSION_DENIED);
  g_assert_false (g_socket_condition_check (f->listener, G_IO_IN) & G_IO_IN);
}

static void
fails_where_nobody_listens (Fixture *f, gconstpointer data)
{
  g_socket_close (f->listener, NULL);
  for (guint i = 1; i <= 3; i++)
    {
      get (f, "https://rp.test/");
      await (f, i);
      assert_failed (f, G_IO_ERROR_NOT_CONNECTED); /* nobody was asked */
    }
}

static void
survives_any_program (void)
{
  static const char *const programs[][4] = {
    { "/nowhere/tessera-outbound", NULL },
    { "/bin/false", NULL },
    { "/bin/sh", "-c", "cat <&3 >&3", NULL }, /* says what it hears */
    { "/bin/sh", "-c", "kill -9 $$", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (programs); i++)
    {
      Fixture f = { 0 };

      f.outbound = tessera_outbound_new_for_program (programs[i]);
      log_capture_begin ();
      get (&f, "https://rp.test/");
      await (&f, 1);
      assert_failed (&f, i > 0 ? G_IO_ERROR_FAILED : G_IO_ERROR_NOT_CONNECTED);
      if (i > 0)
        log_capture_assert_one (G_LOG_LEVEL_WARNING, i == 2 ? "*not asked*" : "*has gone*");
      else
        log_capture_assert_none ();
      /* Not at once again. */
      get (&f, "https://rp.test/");
      await (&f, 2);
      assert_failed (&f, G_IO_ERROR_NOT_CONNECTED);
      g_object_unref (f.outbound);
    }
}

/* The wire */

static void
reads_what_it_writes (void)
{
  TesseraOutboundRequest request
      = { 7, TESSERA_OUTBOUND_GET, (char *) "https://a/", (char *) "x/y", (char *) "" };
  g_autoptr (GBytes) bytes = tessera_outbound_request_serialise (&request);
  gsize size = 0, length = 0;
  const guint8 *data = g_bytes_get_data (bytes, &size);

  for (gsize i = 0; i < size; i++)
    g_assert_cmpint (tessera_outbound_split (data, i, TESSERA_OUTBOUND_REQUEST_MAX, &length), ==,
                     TESSERA_OUTBOUND_SPLIT_MORE);
  g_assert_cmpint (tessera_outbound_split (data, size, TESSERA_OUTBOUND_REQUEST_MAX, &length), ==,
                   TESSERA_OUTBOUND_SPLIT_FRAME);
  g_assert_cmpuint (length, ==, size - TESSERA_OUTBOUND_PREFIX);
  g_autoptr (TesseraOutboundRequest) read = tessera_outbound_request_parse (data + 4, length);
  g_assert_cmpuint (read->id, ==, 7);
  g_assert_cmpstr (read->uri, ==, "https://a/");
  g_assert_cmpstr (read->accept, ==, "x/y");
  for (gsize i = 0; i < length; i++)
    g_assert_null (tessera_outbound_request_parse (data + 4, i));
  g_assert_null (tessera_outbound_reply_parse (data + 4, length));
}

static void
refuses_replies_that_cannot_be (void)
{
  g_autofree char *text = g_strnfill (TESSERA_OUTBOUND_WHY_MAX + 1, 'x');
  g_autoptr (GBytes) none = g_bytes_new (NULL, 0);
  g_autoptr (GBytes) some = g_bytes_new_static ("x", 1);
  g_autoptr (GBytes) much
      = g_bytes_new_take (g_malloc0 (TESSERA_OUTBOUND_BODY_MAX + 1), TESSERA_OUTBOUND_BODY_MAX + 1);
  char empty[] = "", odd[] = "a\nb";
  const TesseraOutboundReply bad[] = {
    { 1, 0, 0, empty, empty, none },
    { 1, TESSERA_OUTBOUND_BUSY + 1, 0, empty, empty, none },
    { 1, TESSERA_OUTBOUND_ANSWERED, 0, empty, empty, none },
    { 1, TESSERA_OUTBOUND_ANSWERED, 99, empty, empty, none },
    { 1, TESSERA_OUTBOUND_ANSWERED, 1000, empty, empty, none },
    { 1, TESSERA_OUTBOUND_FAILED, 200, empty, empty, none },
    { 1, TESSERA_OUTBOUND_FAILED, 0, empty, empty, some },
    { 1, TESSERA_OUTBOUND_FAILED, 0, empty, text, none },
    { 1, TESSERA_OUTBOUND_FAILED, 0, empty, odd, none },
    { 1, TESSERA_OUTBOUND_ANSWERED, 200, text, empty, none },
    { 1, TESSERA_OUTBOUND_ANSWERED, 200, odd, empty, none },
    { 1, TESSERA_OUTBOUND_ANSWERED, 200, empty, empty, much },
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GBytes) bytes = tessera_outbound_reply_serialise (&bad[i]);
      gsize size = 0;
      const guint8 *data = g_bytes_get_data (bytes, &size);

      g_assert_null (tessera_outbound_reply_parse (data + 4, size - 4));
    }
}

#define ADD(name, func) g_test_add ("/outbound/" name, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  log_capture_init ();

  ADD ("gets-a-document", gets_a_document);
  ADD ("posts-a-form", posts_a_form);
  ADD ("tells-why-not", tells_why_not);
  ADD ("matches-replies-to-questions", matches_replies_to_questions);
  ADD ("hangs-up-on-a-program-that-lies", hangs_up_on_a_liar);
  ADD ("goes-on-after-the-program-died", goes_on_after_the_program_died);
  ADD ("gives-up-a-program-that-hangs", gives_up_a_program_that_hangs);
  ADD ("asks-eight-at-once-and-lets-others-wait", asks_eight_at_once_and_lets_others_wait);
  ADD ("can-be-cancelled", can_be_cancelled);
  ADD ("sends-no-odd-text", sends_no_odd_text);
  ADD ("fails-where-nobody-listens", fails_where_nobody_listens);
  g_test_add_func ("/outbound/survives-any-program", survives_any_program);
  g_test_add_func ("/outbound-wire/reads-what-it-writes", reads_what_it_writes);
  g_test_add_func ("/outbound-wire/refuses-replies-that-cannot-be", refuses_replies_that_cannot_be);
  return g_test_run ();
}
