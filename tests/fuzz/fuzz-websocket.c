/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A WebSocket that only tells (RFC 6455), from the handshake to the end, against a second reading
 * of what its client sends: whatever comes in whatever pieces, what goes out are whole frames, each
 * ping has its pong, each line its message, there is one close frame with the right status and
 * nothing behind it, and all is freed.
 *
 * The input: `H`, and a method and header fields in lines; or `F`, and what happens: a letter each,
 * with the byte that may follow it: b, w (bytes come, lines are written, so many of those behind
 * it), s, g (nothing is taken any more, all is), d (draining), e (the client goes), t (time goes
 * by), f (the writer ends it, for that reason), c (cuts it), r (ends it when all is taken). */

/* Its bytes go nowhere. */
#define tessera_soup_outlet_new inner_new
#define tessera_soup_outlet_set_reader inner_set_reader
#define tessera_soup_websocket_new websocket_under_test_new
#include "server/tessera-soup-websocket.c"

#include "endpoints/tessera-websocket-handshake-private.h"
#include "fuzz.h"

#include <openssl/evp.h>

#define LIMIT 512 /* bytes that may be unsent */

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  fuzz_init ();
  return 0;
}

/* --- where its bytes go --- */

typedef struct
{
  TesseraOutlet base;
  TesseraSoupOutletReader reader;
  GByteArray *bytes;
  gsize unsent;
  gboolean stuck;
  gboolean gone;     /* the client */
  gboolean released; /* finished, cut or ended: not called any more */
  gboolean cut;
} Inner;

static Inner inner;

static gboolean
inner_write (TesseraOutlet *base, const char *bytes, gsize length)
{
  g_assert_false (inner.released);
  if (inner.gone)
    return FALSE;
  g_byte_array_append (inner.bytes, (const guint8 *) bytes, (guint) length);
  inner.unsent += inner.stuck ? length : 0;
  return inner.unsent <= base->limit;
}

static gboolean
inner_is_ready (TesseraOutlet *base)
{
  g_assert_false (inner.released);
  return !inner.gone && inner.unsent == 0;
}

static void
inner_finish (TesseraOutlet *base, TesseraOutletEnd why)
{
  g_assert_false (inner.released);
  inner.released = TRUE;
}

static void
inner_cut (TesseraOutlet *base)
{
  g_assert_false (inner.released);
  inner.released = inner.cut = TRUE;
}

static const TesseraOutletFront inner_front
    = { inner_write, inner_is_ready, inner_finish, inner_cut };

TesseraOutlet *
inner_new (SoupServerMessage *message, const TesseraExchange *exchange)
{
  inner = (Inner){ .base.front = &inner_front };
  inner.bytes = g_byte_array_new ();
  return &inner.base;
}

void
inner_set_reader (TesseraOutlet *outlet, TesseraSoupOutletReader reader)
{
  inner.reader = reader;
}

/* --- who writes --- */

typedef struct
{
  TesseraOutlet *outlet; /* NULL: it has nothing to do with it any more */
  GPtrArray *lines;      /* GBytes* */
  gboolean ends_when_ready;
  guint n_ended;
  guint expected_status; /* of our close frame; 0: none was asked for */
} Writer;

static Writer writer;

static void
writer_end (TesseraOutletEnd why)
{
  static const guint statuses[] = { 1000, 1001, 1008, 1011, 1012 };

  writer.expected_status = statuses[why];
  tessera_outlet_finish (g_steal_pointer (&writer.outlet), why);
}

static void
writer_cut (void)
{
  writer.expected_status = 1013;
  tessera_outlet_cut (g_steal_pointer (&writer.outlet));
}

static void
writer_write (const char *bytes, gsize length)
{
  g_autoptr (GString) text = g_string_new_len (bytes, (gssize) length);

  g_string_append_c (text, '\n');
  for (const char *line = text->str, *end; line < text->str + text->len; line = end + 1)
    {
      end = memchr (line, '\n', (gsize) (text->str + text->len - line));
      g_ptr_array_add (writer.lines, g_bytes_new (line, (gsize) (end - line)));
    }
  if (!tessera_outlet_write (writer.outlet, text->str, text->len))
    writer_cut ();
}

static void
on_writer_ready (TesseraOutlet *outlet, gpointer data)
{
  g_assert_true (outlet == writer.outlet);
  if (writer.ends_when_ready)
    writer_end (TESSERA_OUTLET_WHOLE);
}

static void
on_writer_draining (TesseraOutlet *outlet, gpointer data)
{
  g_assert_true (outlet == writer.outlet);
}

static void
on_writer_ended (TesseraOutlet *outlet, gpointer data)
{
  g_assert_true (outlet == writer.outlet);
  g_assert_cmpuint (++writer.n_ended, ==, 1);
  writer.outlet = NULL;
}

static const TesseraOutletFuncs writer_funcs
    = { on_writer_ready, on_writer_draining, on_writer_ended };

/* --- what happens --- */

static GByteArray *received; /* all that came while somebody listened */

static void
receive (const guint8 *bytes, gsize length)
{
  g_autofree guint8 *exact = g_memdup2 (bytes, length);

  g_byte_array_append (received, bytes, (guint) length);
  if (length > 0)
    inner.reader (exact, length, inner.base.data);
}

static void
go_on (void)
{
  inner.stuck = FALSE;
  if (inner.unsent == 0)
    return;
  inner.unsent = 0;
  inner.base.funcs->ready (&inner.base, inner.base.data);
}

static void
leave (void)
{
  inner.gone = TRUE;
  inner.base.funcs->ended (&inner.base, inner.base.data);
  inner.released = TRUE;
}

static void
pass_time (void)
{
  Websocket *self = inner.base.data;
  gboolean lingers = self->linger != NULL;

  if (lingers)
    g_source_set_ready_time (self->linger, 0);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpint (inner.released, ==, lingers);
}

static gboolean
has_number (guint8 letter)
{
  return letter == 'b' || letter == 'w' || letter == 'f';
}

/* Takes what it needs of @data. */
static void
step (guint8 letter, const guint8 **data, gsize *size)
{
  gsize number = 0;

  if (has_number (letter) && *size > 0)
    {
      number = *(*data)++;
      (*size)--;
    }
  gsize length = letter == 'f' ? 0 : MIN (number, *size);
  if (letter == 'b')
    receive (*data, length);
  else if (letter == 'w' && writer.outlet != NULL)
    writer_write ((const char *) *data, length);
  else if (letter == 's')
    inner.stuck = TRUE;
  else if (letter == 'g')
    go_on ();
  else if (letter == 'd')
    inner.base.funcs->draining (&inner.base, inner.base.data);
  else if (letter == 'e')
    leave ();
  else if (letter == 't')
    pass_time ();
  else if (letter == 'f' && writer.outlet != NULL)
    writer_end (number % 5);
  else if (letter == 'c' && writer.outlet != NULL)
    writer_cut ();
  else if (letter == 'r')
    writer.ends_when_ready = TRUE;
  *data += length;
  *size -= length;
}

/* --- the second reading of what came --- */

typedef struct
{
  GPtrArray *pings; /* GBytes* */
  guint status;     /* of our answer to the end; 0: there is none yet */
} Reading;

/* RFC 3629 §4; but for U+0000, which is no text here. */
static gboolean
is_text (const guint8 *at, gsize length)
{
  static const struct
  {
    guint8 first, last, low, high;
    guint more;
  } forms[] = {
    { 0x01, 0x7f, 0, 0, 0 },       { 0xc2, 0xdf, 0x80, 0xbf, 1 }, { 0xe0, 0xe0, 0xa0, 0xbf, 2 },
    { 0xe1, 0xec, 0x80, 0xbf, 2 }, { 0xed, 0xed, 0x80, 0x9f, 2 }, { 0xee, 0xef, 0x80, 0xbf, 2 },
    { 0xf0, 0xf0, 0x90, 0xbf, 3 }, { 0xf1, 0xf3, 0x80, 0xbf, 3 }, { 0xf4, 0xf4, 0x80, 0x8f, 3 },
  };

  while (length > 0)
    {
      guint form = 0;

      while (form < G_N_ELEMENTS (forms) && (*at < forms[form].first || *at > forms[form].last))
        form++;
      if (form == G_N_ELEMENTS (forms) || length <= forms[form].more
          || (forms[form].more > 0 && (at[1] < forms[form].low || at[1] > forms[form].high)))
        return FALSE;
      for (guint i = 2; i <= forms[form].more; i++)
        if ((at[i] & 0xc0) != 0x80)
          return FALSE;
      at += forms[form].more + 1;
      length -= forms[form].more + 1;
    }
  return TRUE;
}

static guint
judge_head (guint8 first, guint8 second)
{
  if ((first & 0x70) != 0 || second < 0x80)
    return 1002;
  if ((first & 0xf) == 1 || (first & 0xf) == 2)
    return 1003;
  return first >= 0x88 && first <= 0x8a && (second & 0x7f) <= 125 ? 0 : 1002;
}

static guint
judge_close (const guint8 *payload, gsize length)
{
  guint status = length >= 2 ? payload[0] * 256u + payload[1] : 0;

  if (length == 0)
    return 1000;
  if (length == 1 || status < 1000 || status > 4999 || (status > 1014 && status < 3000)
      || (status > 1003 && status < 1007))
    return 1002;
  return is_text (payload + 2, length - 2) ? status : 1007;
}

static void
read_frames (Reading *out)
{
  const guint8 *at = received->data;
  gsize left = received->len;

  while (left >= 2 && out->status == 0)
    {
      guint8 payload[125];
      gsize length = at[1] & 0x7f;

      out->status = judge_head (at[0], at[1]);
      if (out->status != 0 || left < 6 + length)
        return;
      for (gsize i = 0; i < length; i++)
        payload[i] = at[6 + i] ^ at[2 + i % 4];
      if (at[0] == 0x88)
        out->status = judge_close (payload, length);
      else if (at[0] == 0x89)
        g_ptr_array_add (out->pings, g_bytes_new (payload, length));
      at += 6 + length;
      left -= 6 + length;
    }
}

/* --- what went out --- */

/* The length of a frame's payload (RFC 6455 §5.2), as short as can be. */
static gsize
read_length (const guint8 **at, gsize *left)
{
  guint n = **at == 126 ? 2 : **at == 127 ? 8 : 0;
  guint64 length = n == 0 ? **at : 0;

  g_assert_cmpuint (*left, >, n);
  for (guint i = 0; i < n; i++)
    length = length << 8 | (*at)[1 + i];
  g_assert_true (n == 0 || length > (n == 2 ? 125 : 65535));
  *at += 1 + n;
  *left -= 1 + n;
  g_assert_cmpuint (length, <=, *left);
  return length;
}

static void
assert_is (const GPtrArray *wanted, guint *n, const guint8 *payload, gsize length)
{
  g_assert_cmpuint (*n, <, wanted->len);
  g_assert_cmpmem (payload, length, g_bytes_get_data (wanted->pdata[*n], NULL),
                   g_bytes_get_size (wanted->pdata[*n]));
  (*n)++;
}

/* *out_status: of the close frame; 0: there is none. */
static void
check_frames (const Reading *reading, guint *out_n_pongs, guint *out_n_lines, guint *out_status)
{
  const guint8 *at = inner.bytes->data;
  gsize left = inner.bytes->len;

  *out_n_pongs = *out_n_lines = *out_status = 0;
  while (left > 0)
    {
      guint8 head = *at++;

      g_assert_cmpuint (*out_status, ==, 0); /* nothing behind it */
      g_assert_cmpuint (--left, >, 0);
      gsize length = read_length (&at, &left);
      if (head == 0x81)
        assert_is (writer.lines, out_n_lines, at, length);
      else if (head == 0x8a)
        assert_is (reading->pings, out_n_pongs, at, length);
      else
        {
          g_assert_cmpuint (head, ==, 0x88);
          g_assert_cmpuint (length, ==, 2);
          *out_status = at[0] * 256u + at[1];
        }
      at += length;
      left -= length;
    }
}

/* Who closed first? Whoever it was, that is the status. */
static void
check_end (const Reading *reading)
{
  guint n_pongs, n_lines, status;
  gboolean asked = writer.expected_status != 0;

  check_frames (reading, &n_pongs, &n_lines, &status);
  g_assert_cmpuint (n_lines, ==, writer.lines->len);
  g_assert_true (status == 0 || status == reading->status || status == writer.expected_status);
  if (inner.gone || inner.cut)
    return;
  g_assert_cmpint (status != 0, ==, asked || reading->status != 0);
  if (!asked)
    g_assert_cmpuint (n_pongs, ==, reading->pings->len);
  if (reading->status != 0 && inner.unsent == 0)
    g_assert_true (inner.released);
  if (!asked && reading->status == 0)
    g_assert_false (inner.released);
}

static void
play (const guint8 *data, gsize size)
{
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  g_autoptr (GPtrArray) pings = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  Reading reading = { pings, 0 };

  writer = (Writer){ .lines = lines };
  received = g_byte_array_new ();
  writer.outlet = websocket_under_test_new (NULL, NULL);
  writer.outlet->funcs = &writer_funcs;
  writer.outlet->limit = LIMIT;
  while (size > 0 && !inner.released)
    {
      guint8 letter = *data++;
      size--;
      step (letter, &data, &size);
    }
  read_frames (&reading);
  check_end (&reading);
  if (!inner.released)
    leave ();
  g_assert_null (writer.outlet);
  g_byte_array_unref (received);
  g_byte_array_unref (inner.bytes);
}

/* --- the handshake --- */

static TesseraOutlet *
on_open (TesseraExchange *exchange)
{
  return NULL;
}

static void
on_send (TesseraExchange *exchange)
{
}

static const char *
get_field (TesseraExchange *exchange, const char *name)
{
  return g_hash_table_lookup (exchange->front_data, name);
}

static const TesseraExchangeFront front = { get_field, on_send, NULL, on_open };

static gboolean
matches (GHashTable *fields, const char *name, const char *pattern)
{
  const char *value = g_hash_table_lookup (fields, name);

  return value != NULL && g_regex_match_simple (pattern, value, G_REGEX_RAW, 0);
}

static void
check_accept (TesseraExchange *exchange, GHashTable *fields)
{
  g_autofree char *text = g_strconcat (g_hash_table_lookup (fields, "Sec-WebSocket-Key"),
                                       "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", NULL);
  guint8 digest[20], encoded[32];
  static const TesseraOutletFuncs funcs = { 0 };
  const char *accept = NULL;

  EVP_Digest (text, strlen (text), digest, NULL, EVP_sha1 (), NULL);
  EVP_EncodeBlock (encoded, digest, sizeof digest);
  g_assert_null (tessera_websocket_handshake_accept (exchange, LIMIT, &funcs, NULL));
  for (guint i = 0; i < exchange->headers->len; i++)
    if (g_str_equal (g_array_index (exchange->headers, TesseraHeader, i).name,
                     "Sec-WebSocket-Accept"))
      accept = g_array_index (exchange->headers, TesseraHeader, i).value;
  g_assert_cmpuint (exchange->status, ==, 101);
  g_assert_cmpstr (accept, ==, (const char *) encoded);
}

static void
shake_hands (FuzzInput *input)
{
  g_autoptr (GHashTable) fields = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_autoptr (TesseraExchange) exchange = tessera_exchange_new (&front, fields, NULL);
  g_autofree char *method = fuzz_input_take_line (input);

  while (input->at < input->end)
    {
      g_autofree char *line = fuzz_input_take_line (input);
      char *colon = strchr (line, ':');

      if (colon != NULL)
        g_hash_table_insert (fields, g_strndup (line, (gsize) (colon - line)),
                             g_strdup (colon + 1));
    }
  exchange->method = method;
  exchange->path = "/";
  exchange->remote_address = "192.0.2.1";
#define TOKEN(name) "(?i)(\\A|,)[ \\t\\n\\f\\r]*" name "[ \\t\\n\\f\\r]*(\\z|,)"
  g_assert_cmpint (tessera_websocket_handshake_is_asked (exchange), ==,
                   g_str_equal (method, "GET") && matches (fields, "Connection", TOKEN ("upgrade"))
                       && matches (fields, "Upgrade", TOKEN ("websocket")));
  gboolean version = matches (fields, "Sec-WebSocket-Version", "\\A13\\z");
  gboolean key = matches (fields, "Sec-WebSocket-Key", "\\A[A-Za-z0-9+/]{22}==\\z");
  g_assert_cmpint (tessera_websocket_handshake_check (exchange), ==, version && key);
  if (version && key)
    check_accept (exchange, fields);
  else
    g_assert_cmpuint (exchange->status, ==, version ? 400 : 426);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  FuzzInput input = fuzz_input (data + (size > 0), size - (size > 0));

  if (size > 0 && data[0] == 'H')
    shake_hands (&input);
  else if (size > 0 && data[0] == 'F')
    play (data + 1, size - 1);
  return 0;
}
