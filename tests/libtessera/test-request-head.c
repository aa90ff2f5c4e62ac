/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gate/tessera-request-head-private.h"

#include <string.h>

#define HOST "Host: as.example\r\n"
#define GET "GET / HTTP/1.1\r\n"
#define POST "POST /token HTTP/1.1\r\n" HOST

typedef struct
{
  const char *what;
  guint status; /* 0: good */
  const char *head;
} Case;

static TesseraRequestHeadState
parse (TesseraRequestHead *head, const char *text, gsize length)
{
  gsize seen = 0;

  memset (head, 0xa5, sizeof *head);
  return tessera_request_head_parse (head, text, length, &seen, TESSERA_REQUEST_BODY_MAX);
}

/* The verdict when @text comes in pieces that end at @step, 2 · @step and so on; @out_at: how many
 * bytes there were when it fell. */
static TesseraRequestHeadState
parse_dripping (TesseraRequestHead *head, const char *text, gsize length, gsize step, gsize *out_at)
{
  TesseraRequestHeadState state = TESSERA_REQUEST_HEAD_PARTIAL;
  gsize seen = 0, at = 0;

  while (state == TESSERA_REQUEST_HEAD_PARTIAL && at < length)
    {
      at = MIN (at + step, length);
      g_autofree char *moved = g_memdup2 (text, at); /* so that reading past it is seen */
      memset (head, 0xa5, sizeof *head);             /* others had it meanwhile */
      state = tessera_request_head_parse (head, moved, at, &seen, TESSERA_REQUEST_BODY_MAX);
      if (state == TESSERA_REQUEST_HEAD_PARTIAL)
        g_assert_cmpuint (seen, ==, at);
    }
  *out_at = at;
  return state;
}

static void
assert_same_verdict (const TesseraRequestHead *a,
                     TesseraRequestHeadState a_state,
                     const TesseraRequestHead *b,
                     TesseraRequestHeadState b_state)
{
  g_assert_cmpint (a_state, ==, b_state);
  if (a_state == TESSERA_REQUEST_HEAD_REFUSED)
    {
      g_assert_cmpuint (a->status, ==, b->status);
      g_assert_cmpstr (a->description, ==, b->description);
      return;
    }
  g_assert_cmpuint (a->head_length, ==, b->head_length);
  g_assert_cmpuint (a->n_fields, ==, b->n_fields);
  g_assert_cmpmem (a->fields, a->n_fields * sizeof a->fields[0], b->fields,
                   b->n_fields * sizeof b->fields[0]);
  g_assert_cmpuint (a->content_length, ==, b->content_length);
  g_assert_cmpint (a->keep_alive, ==, b->keep_alive);
  g_assert_cmpint (a->upgrade, ==, b->upgrade);
}

/* Split at each byte, and byte by byte. */
static void
check_splits (const Case *test, const TesseraRequestHead *whole, TesseraRequestHeadState state)
{
  TesseraRequestHead head;
  gsize length = strlen (test->head), at;

  assert_same_verdict (whole, state, &head, parse_dripping (&head, test->head, length, 1, &at));
  for (gsize split = 1; split < length; split++)
    {
      gsize seen = 0;
      TesseraRequestHeadState first
          = tessera_request_head_parse (&head, test->head, split, &seen, TESSERA_REQUEST_BODY_MAX);
      if (first == TESSERA_REQUEST_HEAD_PARTIAL)
        first = tessera_request_head_parse (&head, test->head, length, &seen,
                                            TESSERA_REQUEST_BODY_MAX);
      assert_same_verdict (whole, state, &head, first);
    }
}

/* A refusal falls at the same byte however the bytes come, and not later with more behind them. */
static void
check_case (const Case *test)
{
  TesseraRequestHead head;
  TesseraRequestHeadState state = parse (&head, test->head, strlen (test->head));

  g_test_message ("%s", test->what);
  if (test->status == 0)
    {
      g_assert_cmpint (state, ==, TESSERA_REQUEST_HEAD_COMPLETE);
      g_assert_cmpuint (head.head_length, ==, strlen (test->head));
    }
  else
    {
      g_assert_cmpint (state, ==, TESSERA_REQUEST_HEAD_REFUSED);
      g_assert_cmpuint (head.status, ==, test->status);
      g_assert_nonnull (head.description);
    }
  check_splits (test, &head, state);
}

static void
check_cases (gconstpointer data)
{
  for (const Case *test = data; test->what != NULL; test++)
    check_case (test);
}

static const Case methods[] = {
  { "GET", 0, "GET / HTTP/1.1\r\n" HOST "\r\n" },
  { "HEAD", 0, "HEAD / HTTP/1.1\r\n" HOST "\r\n" },
  { "POST", 0, "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n" },
  { "PUT", 0, "PUT / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n" },
  { "DELETE", 0, "DELETE / HTTP/1.1\r\n" HOST "\r\n" },
  { "PATCH", 0, "PATCH / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n" },
  { "OPTIONS", 0, "OPTIONS /token HTTP/1.1\r\n" HOST "\r\n" },
  { "OPTIONS *", 0, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n" },
  { "TRACE", 405, "TRACE / HTTP/1.1\r\n" HOST "\r\n" },
  { "CONNECT", 405, "CONNECT as.example:443 HTTP/1.1\r\n" HOST "\r\n" },
  { "small letters", 501, "get / HTTP/1.1\r\n" HOST "\r\n" },
  { "unknown", 501, "BREW / HTTP/1.1\r\n" HOST "\r\n" },
  { "longer by a letter", 501, "GETS / HTTP/1.1\r\n" HOST "\r\n" },
  { "HTTP/2 preface", 501, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" },
  { "endless", 501, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" },
  { "quote", 400, "\"GET / HTTP/1.1\r\n" HOST "\r\n" },
  { "none", 400, " / HTTP/1.1\r\n" HOST "\r\n" },
  { "TLS", 400, "\x16\x03\x01\x02" },
  { "empty line before", 400, "\r\nGET / HTTP/1.1\r\n" HOST "\r\n" },
  { "LF before", 400, "\nGET / HTTP/1.1\r\n" HOST "\r\n" },
  { "method alone", 400, "GET\r\n" },
  { NULL },
};

static const Case targets[] = {
  { "path", 0, "GET /a/b-c._~!$&'()*+,;=:@%2f HTTP/1.1\r\n" HOST "\r\n" },
  { "dots that lead nowhere", 0,
    "GET /.a/..a/a./a../.../%2e.%2ea/-./~.?x/../y HTTP/1.1\r\n" HOST "\r\n" },
  { "a dot", 400, "GET /. HTTP/1.1\r\n" HOST "\r\n" },
  { "a dot before others", 400, "GET /./jwks HTTP/1.1\r\n" HOST "\r\n" },
  { "two dots", 400, "GET /x/../jwks HTTP/1.1\r\n" HOST "\r\n" },
  { "two dots at the end", 400, "GET /jwks/.. HTTP/1.1\r\n" HOST "\r\n" },
  { "a dot before a query", 400, "GET /jwks/.?a HTTP/1.1\r\n" HOST "\r\n" },
  { "two dots before a query", 400, "GET /x/..?/a HTTP/1.1\r\n" HOST "\r\n" },
  { "an escaped dot", 400, "GET /%2e/jwks HTTP/1.1\r\n" HOST "\r\n" },
  { "two escaped dots", 400, "GET /x/%2E%2e/jwks HTTP/1.1\r\n" HOST "\r\n" },
  { "a dot and an escaped one", 400, "GET /x/.%2E HTTP/1.1\r\n" HOST "\r\n" },
  { "an escaped dot and another", 400, "GET /x/%2e./ HTTP/1.1\r\n" HOST "\r\n" },
  { "a dot behind an empty part", 400, "OPTIONS //.//x HTTP/1.1\r\n" HOST "\r\n" },
  { "a dot that is escaped twice", 0, "GET /%252e/jwks HTTP/1.1\r\n" HOST "\r\n" },
  { "two slashes", 0, "GET //evil.example/ HTTP/1.1\r\n" HOST "\r\n" },
  { "query", 0, "GET /?a=b&c=%C3%A9/?:@ HTTP/1.1\r\n" HOST "\r\n" },
  { "what browsers leave in a query", 0, "GET /?a={[b|c]}\\^` HTTP/1.1\r\n" HOST "\r\n" },
  { "the same in a path", 400, "GET /a|b HTTP/1.1\r\n" HOST "\r\n" },
  { "backslash", 400, "GET /\\evil HTTP/1.1\r\n" HOST "\r\n" },
  { "absolute form", 400, "GET http://as.example/ HTTP/1.1\r\n" HOST "\r\n" },
  { "authority form", 400, "GET as.example:443 HTTP/1.1\r\n" HOST "\r\n" },
  { "asterisk of GET", 400, "GET * HTTP/1.1\r\n" HOST "\r\n" },
  { "OPTIONS **", 400, "OPTIONS ** HTTP/1.1\r\n" HOST "\r\n" },
  { "relative", 400, "GET token HTTP/1.1\r\n" HOST "\r\n" },
  { "fragment", 400, "GET /#a HTTP/1.1\r\n" HOST "\r\n" },
  { "half an escape", 400, "GET /%g1 HTTP/1.1\r\n" HOST "\r\n" },
  { "the other half", 400, "GET /%1g HTTP/1.1\r\n" HOST "\r\n" },
  { "bad escape", 400, "GET /%zz HTTP/1.1\r\n" HOST "\r\n" },
  { "half an escape", 400, "GET /%2 HTTP/1.1\r\n" HOST "\r\n" },
  { "bare percent in a query", 400, "GET /?a=% HTTP/1.1\r\n" HOST "\r\n" },
  { "quote", 400, "GET /?\" HTTP/1.1\r\n" HOST "\r\n" },
  { "angle", 400, "GET /?<a> HTTP/1.1\r\n" HOST "\r\n" },
  { "beyond ASCII", 400, "GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n" },
  { "NUL in hiding", 400, "GET /\x01 HTTP/1.1\r\n" HOST "\r\n" },
  { "DEL", 400, "GET /\x7f HTTP/1.1\r\n" HOST "\r\n" },
  { "none", 400, "GET  HTTP/1.1\r\n" HOST "\r\n" },
  { NULL },
};

static const Case versions[] = {
  { "1.1", 0, "GET / HTTP/1.1\r\n" HOST "\r\n" },
  { "1.0", 0, "GET / HTTP/1.0\r\n" HOST "\r\n" },
  { "1.0 without Host", 0, "GET / HTTP/1.0\r\n\r\n" },
  { "0.9", 400, "GET /\r\n" },
  { "0.9 said", 505, "GET / HTTP/0.9\r\n" HOST "\r\n" },
  { "1.2", 505, "GET / HTTP/1.2\r\n" HOST "\r\n" },
  { "2.0", 505, "GET / HTTP/2.0\r\n" HOST "\r\n" },
  { "9.9", 505, "GET / HTTP/9.9\r\n" HOST "\r\n" },
  { "2", 400, "GET / HTTP/2\r\n" HOST "\r\n" },
  { "1.10", 400, "GET / HTTP/1.10\r\n" HOST "\r\n" },
  { "01.1", 400, "GET / HTTP/01.1\r\n" HOST "\r\n" },
  { "1,1", 400, "GET / HTTP/1,1\r\n" HOST "\r\n" },
  { "small letters", 400, "GET / http/1.1\r\n" HOST "\r\n" },
  { "another protocol", 400, "GET / ICAP/1.1\r\n" HOST "\r\n" },
  { "two spaces before the target", 400, "GET  / HTTP/1.1\r\n" HOST "\r\n" },
  { "two spaces before the version", 400, "GET /  HTTP/1.1\r\n" HOST "\r\n" },
  { "space behind the version", 400, "GET / HTTP/1.1 \r\n" HOST "\r\n" },
  { "tab", 400, "GET\t/\tHTTP/1.1\r\n" HOST "\r\n" },
  { "tab before the version", 400, "GET /\tHTTP/1.1\r\n" HOST "\r\n" },
  { "target with a space", 400, "GET /a b HTTP/1.1\r\n" HOST "\r\n" },
  { NULL },
};

static const Case lines[] = {
  { "bare LF behind the request line", 400, "GET / HTTP/1.1\n" HOST "\r\n" },
  { "bare LF behind a field", 400, GET "Host: as.example\n\r\n" },
  { "bare LF at the end", 400, GET HOST "\n" },
  { "bare CR in a value", 400, GET HOST "A: b\rc\r\n\r\n" },
  { "two CR", 400, GET HOST "A: b\r\r\n\r\n" },
  { "bare CR between fields", 400, GET HOST "A: b\rContent-Length: 5\r\n\r\n" },
  { "CR at the end of a target", 400, "GET /\r HTTP/1.1\r\n" HOST "\r\n" },
  { "folding", 400, GET HOST "A: b\r\n c\r\n\r\n" },
  { "folding by a tab", 400, GET HOST "A: b\r\n\tc\r\n\r\n" },
  { "white space before the first field", 400, GET " " HOST "\r\n" },
  { "a line of white space", 400, GET HOST " \r\n\r\n" },
  { "space before the colon", 400, GET HOST "A : b\r\n\r\n" },
  { "tab before the colon", 400, GET HOST "A\t: b\r\n\r\n" },
  { "no colon", 400, GET HOST "A\r\n\r\n" },
  { "no name", 400, GET HOST ": b\r\n\r\n" },
  { "space in a name", 400, GET HOST "A b: c\r\n\r\n" },
  { "name beyond ASCII", 400, GET HOST "\xc3\xa9: c\r\n\r\n" },
  { "bracket in a name", 400, GET HOST "A(b): c\r\n\r\n" },
  { "control character in a value", 400, GET HOST "A: b\x0b\r\n\r\n" },
  { "escape character in a value", 400, GET HOST "A: \x1b[0m\r\n\r\n" },
  { "DEL in a value", 400, GET HOST "A: \x7f\r\n\r\n" },
  { "tab in a value", 0, GET HOST "A: b\tc\r\n\r\n" },
  { "value beyond ASCII", 0, GET HOST "A: \xc3\xa9\r\n\r\n" },
  { "empty value", 0, GET HOST "A:\r\nB: \t \r\n\r\n" },
  { "no space behind the colon", 0, GET "Host:as.example\r\n\r\n" },
  { "colon in a value", 0, GET HOST "A:b:c\r\n\r\n" },
  { NULL },
};

static const Case hosts[] = {
  { "name", 0, GET "Host: as.example\r\n\r\n" },
  { "any case", 0, GET "hOST: AS.example\r\n\r\n" },
  { "port", 0, GET "Host: as.example:8417\r\n\r\n" },
  { "IPv4", 0, GET "Host: 127.0.0.1:1\r\n\r\n" },
  { "IPv6", 0, GET "Host: [::1]:65535\r\n\r\n" },
  { "IPv6 without port", 0, GET "Host: [::ffff:1.2.3.4]\r\n\r\n" },
  { "none", 400, GET "\r\n" },
  { "two", 400, GET HOST HOST "\r\n" },
  { "two in other case", 400, GET HOST "HOST: as.example\r\n\r\n" },
  { "two in 1.0", 400, "GET / HTTP/1.0\r\n" HOST HOST "\r\n" },
  { "empty", 400, GET "Host:\r\n\r\n" },
  { "list", 400, GET "Host: a, b\r\n\r\n" },
  { "space", 400, GET "Host: a b\r\n\r\n" },
  { "user", 400, GET "Host: a@b\r\n\r\n" },
  { "path", 400, GET "Host: a/b\r\n\r\n" },
  { "query", 400, GET "Host: a?b\r\n\r\n" },
  { "address", 400, GET "Host: http://a\r\n\r\n" },
  { "percent", 400, GET "Host: a%00\r\n\r\n" },
  { "beyond ASCII", 400, GET "Host: \xc3\xa9\r\n\r\n" },
  { "port without a number", 400, GET "Host: a:\r\n\r\n" },
  { "port of letters", 400, GET "Host: a:http\r\n\r\n" },
  { "port with a sign", 400, GET "Host: a:-1\r\n\r\n" },
  { "port too large", 400, GET "Host: a:65536\r\n\r\n" },
  { "port too long", 400, GET "Host: a:000080\r\n\r\n" },
  { "port alone", 400, GET "Host: :80\r\n\r\n" },
  { "two ports", 400, GET "Host: a:80:80\r\n\r\n" },
  { "bare IPv6", 400, GET "Host: ::1\r\n\r\n" },
  { "no bracket", 400, GET "Host: [::1x\r\n\r\n" },
  { "open bracket", 400, GET "Host: [::1\r\n\r\n" },
  { "empty brackets", 400, GET "Host: []\r\n\r\n" },
  { "zone", 400, GET "Host: [fe80::1%25eth0]\r\n\r\n" },
  { "behind the bracket", 400, GET "Host: [::1]a\r\n\r\n" },
  { NULL },
};

static const Case lengths[] = {
  { "zero", 0, POST "Content-Length: 0\r\n\r\n" },
  { "none", 0, POST "\r\n" },
  { "the largest", 0, POST "Content-Length: 65536\r\n\r\n" },
  { "larger", 413, POST "Content-Length: 65537\r\n\r\n" },
  { "eight digits", 413, POST "Content-Length: 10000000\r\n\r\n" },
  { "beyond 64 bits", 413, POST "Content-Length: 18446744073709551617\r\n\r\n" },
  { "the same twice", 400, POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n" },
  { "two", 400, POST "Content-Length: 5\r\ncontent-length: 6\r\n\r\n" },
  { "list", 400, POST "Content-Length: 5, 5\r\n\r\n" },
  { "plus", 400, POST "Content-Length: +5\r\n\r\n" },
  { "minus", 400, POST "Content-Length: -1\r\n\r\n" },
  { "hex", 400, POST "Content-Length: 0x5\r\n\r\n" },
  { "leading zero", 400, POST "Content-Length: 05\r\n\r\n" },
  { "zeros", 400, POST "Content-Length: 00\r\n\r\n" },
  { "fraction", 400, POST "Content-Length: 5.0\r\n\r\n" },
  { "exponent", 400, POST "Content-Length: 1e1\r\n\r\n" },
  { "space inside", 400, POST "Content-Length: 1 0\r\n\r\n" },
  { "quotes", 400, POST "Content-Length: \"5\"\r\n\r\n" },
  { "empty", 400, POST "Content-Length:\r\n\r\n" },
  { "words", 400, POST "Content-Length: five\r\n\r\n" },
  { "space before the colon", 400, POST "Content-Length : 5\r\n\r\n" },
  { "folded", 400, POST "Content-Length:\r\n 5\r\n\r\n" },
  { "GET with a body", 400, GET HOST "Content-Length: 5\r\n\r\n" },
  { "HEAD with a body", 400, "HEAD / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n" },
  { "GET without one", 0, GET HOST "Content-Length: 0\r\n\r\n" },
  { "chunked", 411, POST "Transfer-Encoding: chunked\r\n\r\n" },
  { "chunked, then a length", 411, POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" },
  { "a length, then chunked", 411, POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" },
  { "identity", 411, POST "Transfer-Encoding: identity\r\n\r\n" },
  { "empty coding", 411, POST "Transfer-Encoding:\r\n\r\n" },
  { "chunked in 1.0", 411, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" },
  { "chunked with GET", 411, GET HOST "tRANSFER-eNCODING: xchunked\r\n\r\n" },
  { NULL },
};

static const Case singles[] = {
  { "one of each", 0,
    POST "Authorization: a\r\nContent-Type: b\r\nCookie: c\r\nOrigin: d\r\n\r\n" },
  { "Authorization", 400, GET HOST "Authorization: a\r\nauthorization: b\r\n\r\n" },
  { "Proxy-Authorization", 400,
    GET HOST "Proxy-Authorization: a\r\nProxy-Authorization: a\r\n\r\n" },
  { "Content-Type", 400, GET HOST "Content-Type: a\r\nContent-Type: a\r\n\r\n" },
  { "Content-Encoding", 400, GET HOST "Content-Encoding: a\r\nContent-Encoding: a\r\n\r\n" },
  { "Cookie", 400, GET HOST "Cookie: a\r\nCookie: b\r\n\r\n" },
  { "Origin", 400, GET HOST "Origin: a\r\nOrigin: b\r\n\r\n" },
  { "Upgrade", 400, GET HOST "Upgrade: websocket\r\nUpgrade: h2c\r\n\r\n" },
  { "Sec-WebSocket-Key", 400, GET HOST "Sec-WebSocket-Key: a\r\nSec-WebSocket-Key: b\r\n\r\n" },
  { "Sec-WebSocket-Version", 400,
    GET HOST "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 8\r\n\r\n" },
  { "Expect", 400, POST "Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n" },
  { "others may repeat", 0, GET HOST "Accept: a\r\nAccept: b\r\nForwarded: for=a\r\n\r\n" },
  { "Expect of another thing", 417, POST "Expect: 200-ok\r\n\r\n" },
  { "Expect of two things", 417, POST "Expect: 100-continue, a\r\n\r\n" },
  { "Expect of nothing", 417, POST "Expect:\r\n\r\n" },
  { "Expect", 0, POST "Expect: 100-CONTINUE\r\nContent-Length: 1\r\n\r\n" },
  { NULL },
};

/* --- what a good head says --- */

static TesseraRequestHead
parse_good (const char *text)
{
  TesseraRequestHead head;

  g_assert_cmpint (parse (&head, text, strlen (text)), ==, TESSERA_REQUEST_HEAD_COMPLETE);
  return head;
}

static void
assert_field (
    const TesseraRequestHead *head, const char *bytes, int i, const char *name, const char *value)
{
  const TesseraRequestField *field = &head->fields[i];

  g_assert_cmpmem (bytes + field->name, field->name_length, name, strlen (name));
  g_assert_cmpmem (bytes + field->value, field->value_length, value, strlen (value));
}

static void
test_holds_what_came (void)
{
  const char *text = "POST /token?a=b HTTP/1.1\r\nHost: x\r\nAccept:  a\t \r\nEmpty:\r\n"
                     "Content-Length: 7\r\naccept: b c\r\n\r\nGET /next";
  TesseraRequestHead head = parse_good (text);

  g_assert_cmpint (head.method, ==, TESSERA_REQUEST_METHOD_POST);
  g_assert_cmpuint (head.minor_version, ==, 1);
  g_assert_cmpmem (text + head.target, head.target_length, "/token?a=b", 10);
  g_assert_cmpuint (head.head_length, ==, strlen (text) - strlen ("GET /next"));
  g_assert_cmpuint (head.content_length, ==, 7);
  g_assert_cmpuint (head.n_fields, ==, 5);
  assert_field (&head, text, 0, "Host", "x");
  assert_field (&head, text, 1, "Accept", "a");
  assert_field (&head, text, 2, "Empty", "");
  assert_field (&head, text, 4, "accept", "b c");
  g_assert_cmpint (tessera_request_head_find (&head, text, "ACCEPT", 0), ==, 1);
  g_assert_cmpint (tessera_request_head_find (&head, text, "ACCEPT", 2), ==, 4);
  g_assert_cmpint (tessera_request_head_find (&head, text, "ACCEPT", 5), ==, -1);
  g_assert_cmpint (tessera_request_head_find (&head, text, "Accep", 0), ==, -1);
}

static void
assert_path (const char *text, const char *path, gboolean escaped)
{
  TesseraRequestHead head = parse_good (text);

  g_assert_cmpmem (text + head.target, head.path_length, path, strlen (path));
  g_assert_cmpint (head.escaped_path, ==, escaped);
}

static void
test_knows_the_path (void)
{
  assert_path ("GET / HTTP/1.0\r\n\r\n", "/", FALSE);
  assert_path ("GET /? HTTP/1.0\r\n\r\n", "/", FALSE);
  assert_path ("GET /a/b?c?d%20 HTTP/1.0\r\n\r\n", "/a/b", FALSE);
  assert_path ("GET /a%20b HTTP/1.0\r\n\r\n", "/a%20b", TRUE);
  assert_path ("GET /%61?b HTTP/1.0\r\n\r\n", "/%61", TRUE);
  assert_path ("OPTIONS * HTTP/1.0\r\n\r\n", "", FALSE);
}

static void
assert_kept_alive (const char *text, gboolean expected)
{
  g_assert_cmpint (parse_good (text).keep_alive, ==, expected);
}

static void
test_keeps_the_connection_as_asked (void)
{
  assert_kept_alive (GET HOST "\r\n", TRUE);
  assert_kept_alive (GET HOST "Connection: close\r\n\r\n", FALSE);
  assert_kept_alive (GET HOST "Connection: keep-alive, CLOSE\r\n\r\n", FALSE);
  assert_kept_alive (GET HOST "Connection: keep-alive\r\nConnection: close\r\n\r\n", FALSE);
  assert_kept_alive (GET HOST "Connection: a \t,\tclose\t, b\r\n\r\n", FALSE);
  assert_kept_alive (GET HOST "Connection: closed\r\n\r\n", TRUE);
  assert_kept_alive (GET HOST "Connection: , ,Host,\r\n\r\n", TRUE);
  assert_kept_alive ("GET / HTTP/1.0\r\n\r\n", FALSE);
  assert_kept_alive ("GET / HTTP/1.0\r\nConnection: foo,Keep-Alive\r\n\r\n", TRUE);
  assert_kept_alive ("GET / HTTP/1.0\r\nConnection: keep-alive,close\r\n\r\n", FALSE);
}

static void
test_hears_of_websocket_alone (void)
{
#define ASK "Connection: keep-alive, Upgrade\r\n"
  g_assert_true (parse_good (GET HOST ASK "Upgrade: WebSocket\r\n\r\n").upgrade);
  g_assert_false (parse_good (GET HOST ASK "Upgrade: h2c\r\n\r\n").upgrade);
  g_assert_false (parse_good (GET HOST ASK "Upgrade: websocket, h2c\r\n\r\n").upgrade);
  g_assert_false (parse_good (GET HOST "Upgrade: websocket\r\n\r\n").upgrade);
  g_assert_false (parse_good (GET HOST ASK "\r\n").upgrade);
  g_assert_false (parse_good (POST ASK "Upgrade: websocket\r\n\r\n").upgrade);
  g_assert_false (parse_good ("GET / HTTP/1.0\r\n" ASK "Upgrade: websocket\r\n\r\n").upgrade);
}

static void
test_continues_only_with_content_to_come (void)
{
  g_assert_true (
      parse_good (POST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n").expects_continue);
  g_assert_false (parse_good (POST "Expect: 100-continue\r\n\r\n").expects_continue);
  g_assert_false (
      parse_good ("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
          .expects_continue);
}

/* --- limits --- */

static void
assert_limit (GString *text, TesseraRequestHeadState expected, guint status)
{
  TesseraRequestHead head, dripping;
  gsize at;
  TesseraRequestHeadState state = parse (&head, text->str, text->len);

  g_assert_cmpint (state, ==, expected);
  if (state == TESSERA_REQUEST_HEAD_REFUSED)
    g_assert_cmpuint (head.status, ==, status);
  assert_same_verdict (&head, state, &dripping,
                       parse_dripping (&dripping, text->str, text->len, 61, &at));
  g_string_free (text, TRUE);
}

static GString *
make_target (gsize length, const char *rest)
{
  GString *text = g_string_new ("GET /");

  for (gsize i = 1; i < length; i++)
    g_string_append_c (text, 'a');
  return g_string_append (text, rest);
}

static void
test_limits_the_target (void)
{
  assert_limit (make_target (8192, " HTTP/1.1\r\n" HOST "\r\n"), TESSERA_REQUEST_HEAD_COMPLETE, 0);
  assert_limit (make_target (8193, " HTTP/1.1\r\n" HOST "\r\n"), TESSERA_REQUEST_HEAD_REFUSED, 414);
  assert_limit (make_target (8192, ""), TESSERA_REQUEST_HEAD_PARTIAL, 0);
  assert_limit (make_target (8193, ""), TESSERA_REQUEST_HEAD_REFUSED, 414);
  assert_limit (make_target (30000, " HTTP/1.1\r\n"), TESSERA_REQUEST_HEAD_REFUSED, 414);
}

static GString *
make_fields (guint n)
{
  GString *text = g_string_new (GET HOST);

  for (guint i = 1; i < n; i++)
    g_string_append (text, "A: b\r\n");
  return g_string_append (text, "\r\n");
}

static void
test_limits_the_fields (void)
{
  assert_limit (make_fields (TESSERA_REQUEST_FIELDS_MAX), TESSERA_REQUEST_HEAD_COMPLETE, 0);
  assert_limit (make_fields (TESSERA_REQUEST_FIELDS_MAX + 1), TESSERA_REQUEST_HEAD_REFUSED, 431);
}

/* @size: of the whole head */
static GString *
make_head (gsize size)
{
  GString *text = g_string_new (GET HOST "A: ");

  while (text->len < size - 4)
    g_string_append_c (text, 'a');
  return g_string_append (text, "\r\n\r\n");
}

static void
test_limits_the_head (void)
{
  assert_limit (make_head (TESSERA_REQUEST_HEAD_MAX), TESSERA_REQUEST_HEAD_COMPLETE, 0);
  assert_limit (make_head (TESSERA_REQUEST_HEAD_MAX + 1), TESSERA_REQUEST_HEAD_REFUSED, 431);
  assert_limit (make_head (1 << 20), TESSERA_REQUEST_HEAD_REFUSED, 431);
}

static void
test_refuses_every_control_byte_at_once (void)
{
  for (guint byte = 0; byte < 256; byte++)
    {
      TesseraRequestHead head;
      gboolean good = (byte >= 0x20 && byte != 0x7f) || byte == '\t';
      char text[] = GET HOST "A: ?";
      text[sizeof text - 2] = (char) byte;
      gboolean partial = parse (&head, text, sizeof text - 1) == TESSERA_REQUEST_HEAD_PARTIAL;
      g_assert_cmpint (partial, ==, good || byte == '\r');
    }
}

/* The verdict falls with the byte that gives it away. */
static void
test_refuses_as_soon_as_it_can (void)
{
  static const char *const bad[] = {
    "GET\r",
    "BREW ",
    "TRACE ",
    "AAAAAAAAAAAAAAAAA",
    "GET / HTTP/1.1\n",
    "GET http://a/ HTTP/1.1\r\n",
    "GET / HTTP/2.0\r\n",
    "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n",
    "POST / HTTP/1.1\r\nContent-Length: 70000\r\n",
    "POST / HTTP/1.1\r\nA : b\r\n",
    "POST / HTTP/1.1\r\nA: b\rc",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      TesseraRequestHead head;
      gsize at, length = strlen (bad[i]);
      g_assert_cmpint (parse (&head, bad[i], length - 1), ==, TESSERA_REQUEST_HEAD_PARTIAL);
      g_assert_cmpint (parse_dripping (&head, bad[i], length, 1, &at), ==,
                       TESSERA_REQUEST_HEAD_REFUSED);
      g_assert_cmpuint (at, ==, length);
    }
}

/* --- anew --- */

static char *
rewrite (const char *text, gboolean last)
{
  TesseraRequestHead head = parse_good (text);
  GString *out = g_string_new (NULL);

  tessera_request_head_write (&head, text, last, out);
  return g_string_free (out, FALSE);
}

static void
assert_rewritten (const char *text, gboolean last, const char *expected)
{
  g_autofree char *once = rewrite (text, last);
  g_autofree char *twice = rewrite (once, last);
  TesseraRequestHead head = parse_good (text), again = parse_good (once);

  g_assert_cmpstr (once, ==, expected);
  g_assert_cmpstr (twice, ==, once);
  g_assert_cmpint (again.method, ==, head.method);
  g_assert_cmpint (again.minor_version, ==, head.minor_version);
  g_assert_cmpuint (again.content_length, ==, head.content_length);
  g_assert_cmpint (again.upgrade, ==, head.upgrade);
  g_assert_cmpint (again.keep_alive, ==, head.keep_alive && !last);
  g_assert_false (again.expects_continue);
}

static void
test_writes_what_libsoup_is_to_see (void)
{
  assert_rewritten (GET "host:x\r\nA:  b \r\nEmpty:\r\na: c\r\n\r\n", FALSE,
                    GET "host: x\r\nA: b\r\nEmpty: \r\na: c\r\n\r\n");
  assert_rewritten (GET HOST "Range: bytes=0-1\r\nIf-Range: a\r\nKeep-Alive: 5\r\nTE: trailers\r\n"
                             "Trailer: a\r\nProxy-Connection: close\r\nHTTP2-Settings: a\r\n\r\n",
                    FALSE, GET HOST "\r\n");
  assert_rewritten (POST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n", FALSE,
                    POST "Content-Length: 1\r\n\r\n");
}

static void
test_writes_how_the_connection_goes_on (void)
{
  assert_rewritten (GET HOST "\r\n", TRUE, GET HOST "Connection: close\r\n\r\n");
  assert_rewritten (GET HOST "Connection: close\r\n\r\n", FALSE,
                    GET HOST "Connection: close\r\n\r\n");
  assert_rewritten ("GET / HTTP/1.0\r\n" HOST "Connection: keep-alive\r\n\r\n", FALSE,
                    "GET / HTTP/1.0\r\n" HOST "Connection: keep-alive\r\n\r\n");
  assert_rewritten ("GET / HTTP/1.0\r\n" HOST "\r\n", FALSE,
                    "GET / HTTP/1.0\r\n" HOST "Connection: close\r\n\r\n");
}

static void
test_writes_a_host_where_none_came (void)
{
  assert_rewritten ("GET /?a HTTP/1.0\r\n\r\n", FALSE,
                    "GET /?a HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n");
}

static void
test_writes_an_upgrade_to_websocket_alone (void)
{
  assert_rewritten (GET "Upgrade: WEBSOCKET\r\nConnection: upgrade\r\n" HOST "\r\n", FALSE,
                    GET HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
  assert_rewritten (GET "Upgrade: websocket\r\nConnection: upgrade\r\n" HOST "\r\n", TRUE,
                    GET HOST "Upgrade: websocket\r\nConnection: close, Upgrade\r\n\r\n");
  assert_rewritten (GET "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n" HOST
                        "HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
                    FALSE, GET HOST "\r\n");
}

/* Bytes at random from what heads are made of: no verdict depends on how they come, and what is
 * good is good again when written. */
static void
test_holds_its_properties_with_any_bytes (void)
{
  static const char *const pieces[] = { "GET ",
                                        "POST ",
                                        "/",
                                        "/token?a=b",
                                        " ",
                                        "HTTP/1.1",
                                        "HTTP/1.0",
                                        "\r\n",
                                        "\r\n",
                                        "\r\n",
                                        "\n",
                                        "\r",
                                        "Host: a",
                                        "Host",
                                        ":",
                                        ": ",
                                        "\t",
                                        "A",
                                        "b",
                                        "Content-Length: 5",
                                        "close",
                                        "Upgrade: websocket",
                                        "Connection: upgrade",
                                        "Expect: 100-continue",
                                        "\x01",
                                        "\x80",
                                        "%20",
                                        "GET / HTTP/1.1\r\nHost: a\r\n",
                                        "POST / HTTP/1.1\r\nHost: a\r\n" };
  guint good = 0;

  for (guint round = 0; round < 20000; round++)
    {
      GString *text = g_string_new (pieces[27 + g_test_rand_int_range (0, 2)]);
      TesseraRequestHead head, dripping;
      gsize at;
      for (int n = g_test_rand_int_range (0, 12); n > 0; n--)
        g_string_append (text, pieces[g_test_rand_int_range (0, G_N_ELEMENTS (pieces))]);
      g_string_append (text, "\r\n\r\n");

      TesseraRequestHeadState state = parse (&head, text->str, text->len);
      gsize step = (gsize) g_test_rand_int_range (1, 9);
      assert_same_verdict (&head, state, &dripping,
                           parse_dripping (&dripping, text->str, text->len, step, &at));
      g_assert_cmpint (state, !=, TESSERA_REQUEST_HEAD_PARTIAL);
      if (state == TESSERA_REQUEST_HEAD_COMPLETE)
        {
          g_autofree char *once = rewrite (text->str, FALSE);
          g_autofree char *twice = rewrite (once, FALSE);
          g_assert_cmpstr (once, ==, twice);
          good++;
        }
      g_string_free (text, TRUE);
    }
  g_assert_cmpuint (good, >, 500);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/request-head/knows-its-methods", methods, check_cases);
  g_test_add_data_func ("/request-head/takes-paths-for-targets", targets, check_cases);
  g_test_add_data_func ("/request-head/speaks-http-1", versions, check_cases);
  g_test_add_data_func ("/request-head/reads-lines-by-the-letter", lines, check_cases);
  g_test_add_data_func ("/request-head/wants-one-host", hosts, check_cases);
  g_test_add_data_func ("/request-head/wants-one-length", lengths, check_cases);
  g_test_add_data_func ("/request-head/refuses-repeats-of-single-fields", singles, check_cases);
  g_test_add_func ("/request-head/holds-what-came", test_holds_what_came);
  g_test_add_func ("/request-head/keeps-the-connection-as-asked",
                   test_keeps_the_connection_as_asked);
  g_test_add_func ("/request-head/hears-of-websocket-alone", test_hears_of_websocket_alone);
  g_test_add_func ("/request-head/continues-only-with-content-to-come",
                   test_continues_only_with_content_to_come);
  g_test_add_func ("/request-head/knows-the-path", test_knows_the_path);
  g_test_add_func ("/request-head/limits-the-target", test_limits_the_target);
  g_test_add_func ("/request-head/limits-the-fields", test_limits_the_fields);
  g_test_add_func ("/request-head/limits-the-head", test_limits_the_head);
  g_test_add_func ("/request-head/refuses-every-control-byte-at-once",
                   test_refuses_every_control_byte_at_once);
  g_test_add_func ("/request-head/refuses-as-soon-as-it-can", test_refuses_as_soon_as_it_can);
  g_test_add_func ("/request-head/writes-what-libsoup-is-to-see",
                   test_writes_what_libsoup_is_to_see);
  g_test_add_func ("/request-head/writes-how-the-connection-goes-on",
                   test_writes_how_the_connection_goes_on);
  g_test_add_func ("/request-head/writes-a-host-where-none-came",
                   test_writes_a_host_where_none_came);
  g_test_add_func ("/request-head/writes-an-upgrade-to-websocket-alone",
                   test_writes_an_upgrade_to_websocket_alone);
  g_test_add_func ("/request-head/holds-its-properties-with-any-bytes",
                   test_holds_its_properties_with_any_bytes);
  return g_test_run ();
}
