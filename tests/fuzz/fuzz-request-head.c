/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The head of a request (RFC 9112): the reader against a grammar of regular expressions, however
 * the bytes are split, and what is written anew against what was read. The input is what comes over
 * the connection. */

#include "fuzz.h"
#include "gate/tessera-request-head-private.h"

#include <stdlib.h>
#include <string.h>

#define BODY_MAX 65536
/* Nothing is ever given back, so that a long address needs no more memory than a short one. */
#define PATH "(?:[A-Za-z0-9/\\-._~!$&'()*+,;=:@]++|%[0-9A-Fa-f]{2})*+"
#define QUERY "(?:[A-Za-z0-9/\\-._~!$&'()*+,;=:@?\\[\\]{}|\\\\^`]++|%[0-9A-Fa-f]{2})*+"

static GRegex *request_line, *dot_segment, *field_line, *host_value;

static GRegex *
compile (const char *pattern)
{
  GRegex *regex = g_regex_new (pattern, G_REGEX_RAW | G_REGEX_DOTALL | G_REGEX_OPTIMIZE, 0, NULL);

  g_assert_nonnull (regex);
  return regex;
}

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  fuzz_init ();
  request_line = compile ("\\A(GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS) (/" PATH "(?:\\?" QUERY
                          ")?|(?<=OPTIONS )\\*) HTTP/1\\.([01])\\z");
  dot_segment = compile ("\\A[^?]*/(?:\\.|%2[eE]){1,2}(?:[/?]|\\z)");
  field_line
      = compile ("\\A([!#$%&'*+\\-.^_`|~0-9A-Za-z]+):[ \\t]*"
                 "((?:[!-~\\x80-\\xff](?:[ -~\\t\\x80-\\xff]*[!-~\\x80-\\xff])?)?)[ \\t]*\\z");
  host_value = compile ("\\A(?:\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9\\-._~]+)(?::([0-9]{1,5}))?\\z");
  return 0;
}

/* What a head says, read the other way. */
typedef struct
{
  char *method;
  char *target;
  guint minor_version;
  GPtrArray *names, *values; /* char* */
  gsize content_length;
  gboolean expects_continue;
  gboolean keep_alive;
  gboolean upgrade;
} Expected;

static void
expected_clear (Expected *self)
{
  g_free (self->method);
  g_free (self->target);
  g_clear_pointer (&self->names, g_ptr_array_unref);
  g_clear_pointer (&self->values, g_ptr_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Expected, expected_clear)

static gboolean
expect_request_line (Expected *self, const char *line)
{
  g_autoptr (GMatchInfo) match = NULL;

  if (!g_regex_match (request_line, line, 0, &match))
    return FALSE;
  self->method = g_match_info_fetch (match, 1);
  self->target = g_match_info_fetch (match, 2);
  g_autofree char *minor = g_match_info_fetch (match, 3);
  self->minor_version = g_str_equal (minor, "1") ? 1 : 0;
  return strlen (self->target) <= TESSERA_REQUEST_TARGET_MAX
         && !g_regex_match (dot_segment, self->target, 0, NULL);
}

static gboolean
expect_field (Expected *self, const char *line)
{
  g_autoptr (GMatchInfo) match = NULL;

  if (!g_regex_match (field_line, line, 0, &match))
    return FALSE;
  g_ptr_array_add (self->names, g_match_info_fetch (match, 1));
  g_ptr_array_add (self->values, g_match_info_fetch (match, 2));
  return self->names->len <= TESSERA_REQUEST_FIELDS_MAX;
}

/* The value of the field if there is just one, else NULL. */
static const char *
get_field (const Expected *self, const char *name, guint *out_times)
{
  const char *value = NULL;

  *out_times = 0;
  for (guint i = 0; i < self->names->len; i++)
    if (g_ascii_strcasecmp (self->names->pdata[i], name) == 0)
      {
        value = self->values->pdata[i];
        ++*out_times;
      }
  return value;
}

static gboolean
expect_singles (const Expected *self)
{
  static const char *const singles[]
      = { "Host",         "Content-Length",    "Expect",
          "Upgrade",      "Authorization",     "Proxy-Authorization",
          "Content-Type", "Content-Encoding",  "Cookie",
          "Origin",       "Sec-WebSocket-Key", "Sec-WebSocket-Version" };
  guint times;

  for (guint i = 0; i < G_N_ELEMENTS (singles); i++)
    {
      get_field (self, singles[i], &times);
      if (times > 1)
        return FALSE;
    }
  get_field (self, "Transfer-Encoding", &times);
  return times == 0;
}

static gboolean
expect_host (const Expected *self)
{
  g_autoptr (GMatchInfo) match = NULL;
  guint times;
  const char *host = get_field (self, "Host", &times);

  if (host == NULL)
    return self->minor_version == 0;
  if (!g_regex_match (host_value, host, 0, &match))
    return FALSE;
  g_autofree char *port = g_match_info_fetch (match, 1);
  return port == NULL || atoi (port) <= 65535;
}

static gboolean
expect_content_length (Expected *self)
{
  guint times;
  const char *length = get_field (self, "Content-Length", &times);

  if (length == NULL)
    return TRUE;
  self->content_length = strtoul (length, NULL, 10);
  return g_regex_match_simple ("\\A(?:0|[1-9][0-9]{0,6})\\z", length, G_REGEX_RAW, 0)
         && self->content_length <= BODY_MAX
         && (self->content_length == 0
             || (!g_str_equal (self->method, "GET") && !g_str_equal (self->method, "HEAD")));
}

static gboolean
has_option (const Expected *self, const char *option)
{
  for (guint i = 0; i < self->names->len; i++)
    {
      if (g_ascii_strcasecmp (self->names->pdata[i], "Connection") != 0)
        continue;
      g_auto (GStrv) words = g_strsplit (self->values->pdata[i], ",", -1);
      for (guint n = 0; words[n] != NULL; n++)
        {
          g_autofree char *word = g_strdup (words[n] + strspn (words[n], " \t"));
          word[strcspn (word, " \t")] = words[n][strspn (words[n], " \t") + strcspn (word, " \t")];
          g_strchomp (word);
          if (g_ascii_strcasecmp (word, option) == 0)
            return TRUE;
        }
    }
  return FALSE;
}

static gboolean
expect_connection (Expected *self)
{
  guint times;
  const char *expectation = get_field (self, "Expect", &times);
  const char *protocol = get_field (self, "Upgrade", &times);

  if (expectation != NULL && g_ascii_strcasecmp (expectation, "100-continue") != 0)
    return FALSE;
  self->expects_continue
      = expectation != NULL && self->content_length > 0 && self->minor_version == 1;
  self->keep_alive = !has_option (self, "close")
                     && (self->minor_version == 1 || has_option (self, "keep-alive"));
  self->upgrade = protocol != NULL && g_ascii_strcasecmp (protocol, "websocket") == 0
                  && has_option (self, "upgrade") && self->minor_version == 1
                  && g_str_equal (self->method, "GET");
  return TRUE;
}

/* @text is a head with its empty line, without NULs. */
static gboolean
expect_head (Expected *self, const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\r\n", -1);
  guint n = g_strv_length (lines);

  self->names = g_ptr_array_new_with_free_func (g_free);
  self->values = g_ptr_array_new_with_free_func (g_free);
  if (n < 3 || !expect_request_line (self, lines[0]))
    return FALSE;
  for (guint i = 1; i < n - 2; i++)
    if (!expect_field (self, lines[i]))
      return FALSE;
  return expect_singles (self) && expect_host (self) && expect_content_length (self)
         && expect_connection (self);
}

static void
assert_slice (const char *bytes, gsize start, gsize length, const char *expected)
{
  g_assert_cmpmem (bytes + start, length, expected, strlen (expected));
}

static void
assert_path (const TesseraRequestHead *head, const char *target)
{
  gsize length = g_str_equal (target, "*") ? 0 : strcspn (target, "?");

  g_assert_cmpuint (head->path_length, ==, length);
  g_assert_cmpint (head->escaped_path, ==, strcspn (target, "%") < length);
}

static void
compare (const TesseraRequestHead *head, const char *bytes, const Expected *expected)
{
  assert_slice (bytes, 0, (gsize) (head->target - 1), expected->method);
  assert_slice (bytes, head->target, head->target_length, expected->target);
  assert_path (head, expected->target);
  g_assert_cmpuint (head->minor_version, ==, expected->minor_version);
  g_assert_cmpuint (head->n_fields, ==, expected->names->len);
  for (guint i = 0; i < head->n_fields; i++)
    {
      const TesseraRequestField *field = &head->fields[i];

      assert_slice (bytes, field->name, field->name_length, expected->names->pdata[i]);
      assert_slice (bytes, field->value, field->value_length, expected->values->pdata[i]);
      int found = tessera_request_head_find (head, bytes, expected->names->pdata[i], 0);
      g_assert_cmpint (found, <=, (int) i);
      g_assert_cmpint (found, >=, 0);
    }
  g_assert_cmpuint (head->content_length, ==, expected->content_length);
  g_assert_cmpint (head->expects_continue, ==, expected->expects_continue);
  g_assert_cmpint (head->keep_alive, ==, expected->keep_alive);
  g_assert_cmpint (head->upgrade, ==, expected->upgrade);
}

/* All of it at once, from a block of just that size. */
static TesseraRequestHeadState
parse (TesseraRequestHead *head, const char *bytes, gsize length)
{
  char *copy = malloc (length);
  gsize seen = 0;

  memcpy (copy, bytes, length);
  TesseraRequestHeadState state = tessera_request_head_parse (head, copy, length, &seen, BODY_MAX);
  free (copy);
  return state;
}

static void
assert_same (const TesseraRequestHead *a, const TesseraRequestHead *b)
{
  g_assert_cmpuint (a->status, ==, b->status);
  g_assert_cmpstr (a->description, ==, b->description);
  g_assert_cmpuint (a->head_length, ==, b->head_length);
  g_assert_cmpuint (a->content_length, ==, b->content_length);
  g_assert_cmpuint (a->n_fields, ==, b->n_fields);
  g_assert_cmpmem (a->fields, a->n_fields * sizeof *a->fields, b->fields,
                   b->n_fields * sizeof *b->fields);
}

/* Dripped in, the verdict falls at one byte, and is that of all of it at once. */
static void
check_pieces (TesseraRequestHeadState state,
              const TesseraRequestHead *whole,
              const char *bytes,
              gsize length)
{
  TesseraRequestHead head, again;
  TesseraRequestHeadState now = TESSERA_REQUEST_HEAD_PARTIAL;
  gsize seen = 0, step = 1 + (length > 512 ? bytes[length / 2] & 63 : 0), at = 0;

  while (at < length && now == TESSERA_REQUEST_HEAD_PARTIAL)
    {
      at = MIN (at + step, length);
      now = tessera_request_head_parse (&head, bytes, at, &seen, BODY_MAX);
    }
  if (length == 0)
    return;
  g_assert_cmpint (now, ==, state);
  if (state == TESSERA_REQUEST_HEAD_PARTIAL)
    return;
  assert_same (&head, whole);
  g_assert_cmpint (parse (&again, bytes, at), ==, state);
  assert_same (&again, whole);
  if (step == 1)
    g_assert_cmpint (parse (&again, bytes, at - 1), ==, TESSERA_REQUEST_HEAD_PARTIAL);
}

static void
check_refusal (const TesseraRequestHead *head)
{
  static const guint statuses[] = { 400, 405, 411, 413, 414, 417, 431, 501, 505 };
  guint i = 0;

  while (i < G_N_ELEMENTS (statuses) && statuses[i] != head->status)
    i++;
  g_assert_cmpuint (i, <, G_N_ELEMENTS (statuses));
  g_assert_true (head->description != NULL && g_str_is_ascii (head->description));
}

static gboolean
is_dropped (const char *name)
{
  static const char *const dropped[]
      = { "Connection", "Expect",   "Upgrade",       "Proxy-Authorization",
          "Range",      "If-Range", "Keep-Alive",    "Proxy-Connection",
          "TE",         "Trailer",  "HTTP2-Settings" };

  for (guint i = 0; i < G_N_ELEMENTS (dropped); i++)
    if (g_ascii_strcasecmp (name, dropped[i]) == 0)
      return TRUE;
  return FALSE;
}

static gboolean
has_host (const Expected *head)
{
  for (guint i = 0; i < head->names->len; i++)
    if (g_ascii_strcasecmp (head->names->pdata[i], "Host") == 0)
      return TRUE;
  return FALSE;
}

static gboolean
may_be_added (const char *name, const Expected *read)
{
  return g_ascii_strcasecmp (name, "Connection") == 0
         || (read->upgrade && g_ascii_strcasecmp (name, "Upgrade") == 0)
         || (!has_host (read) && g_ascii_strcasecmp (name, "Host") == 0);
}

/* Of the fields that stay, in their order. */
static void
assert_same_fields (const Expected *written, const Expected *read)
{
  guint n = 0;

  for (guint i = 0; i < read->names->len; i++)
    {
      if (is_dropped (read->names->pdata[i]))
        continue;
      g_assert_cmpuint (n, <, written->names->len);
      g_assert_cmpstr (written->names->pdata[n], ==, read->names->pdata[i]);
      g_assert_cmpstr (written->values->pdata[n], ==, read->values->pdata[i]);
      n++;
    }
  for (; n < written->names->len; n++)
    g_assert_true (may_be_added (written->names->pdata[n], read));
}

static void
check_written (const TesseraRequestHead *head,
               const char *bytes,
               const Expected *read,
               gboolean last)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GString) text_again = g_string_new (NULL);
  g_auto (Expected) written = { 0 };
  TesseraRequestHead anew;

  tessera_request_head_write (head, bytes, last, text);
  if (text->len > TESSERA_REQUEST_HEAD_MAX || head->n_fields + 3 > TESSERA_REQUEST_FIELDS_MAX)
    return;
  g_assert_cmpint (parse (&anew, text->str, text->len), ==, TESSERA_REQUEST_HEAD_COMPLETE);
  g_assert_cmpuint (anew.head_length, ==, text->len);
  g_assert_true (expect_head (&written, text->str));
  compare (&anew, text->str, &written);
  g_assert_cmpstr (written.method, ==, read->method);
  g_assert_cmpstr (written.target, ==, read->target);
  g_assert_cmpuint (written.minor_version, ==, read->minor_version);
  g_assert_cmpuint (written.content_length, ==, read->content_length);
  g_assert_cmpint (written.upgrade, ==, read->upgrade);
  g_assert_cmpint (written.keep_alive, ==, read->keep_alive && !last);
  g_assert_false (written.expects_continue);
  assert_same_fields (&written, read);
  tessera_request_head_write (&anew, text->str, last, text_again);
  g_assert_cmpstr (text_again->str, ==, text->str);
}

/* The head and its empty line, or NULL. */
static char *
dup_head (const char *bytes, gsize length)
{
  const char *end = memmem (bytes, length, "\r\n\r\n", 4);

  return end != NULL ? g_strndup (bytes, (gsize) (end - bytes) + 4) : NULL;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const char *bytes = (const char *) data;
  TesseraRequestHead head;
  TesseraRequestHeadState state = parse (&head, bytes, size);
  g_autofree char *text = dup_head (bytes, size);
  g_auto (Expected) expected = { 0 };
  /* A NUL in it cuts its end off. */
  gboolean good = text != NULL && g_str_has_suffix (text, "\r\n\r\n")
                  && strlen (text) <= TESSERA_REQUEST_HEAD_MAX && expect_head (&expected, text);

  check_pieces (state, &head, bytes, size);
  g_assert_cmpint (state == TESSERA_REQUEST_HEAD_COMPLETE, ==, good);
  if (state == TESSERA_REQUEST_HEAD_PARTIAL)
    g_assert_null (text);
  if (state == TESSERA_REQUEST_HEAD_REFUSED)
    check_refusal (&head);
  if (!good)
    return 0;
  g_assert_cmpuint (head.head_length, ==, strlen (text));
  compare (&head, bytes, &expected);
  check_written (&head, bytes, &expected, FALSE);
  check_written (&head, bytes, &expected, TRUE);
  return 0;
}
