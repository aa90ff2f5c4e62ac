/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a server and its program for requests elsewhere say to each other: the input is what comes
 * over the socket, to either of them. What is read is written again, byte for byte. */

#include "base/tessera-outbound-wire-private.h"
#include "fuzz.h"

#include <string.h>

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  fuzz_init ();
  return 0;
}

static void
assert_same (GBytes *written, const guint8 *frame, gsize length)
{
  gsize size = 0;
  const guint8 *bytes = g_bytes_get_data (written, &size);

  g_assert_cmpmem (bytes + TESSERA_OUTBOUND_PREFIX, size - TESSERA_OUTBOUND_PREFIX, frame, length);
}

static gboolean
try_request (const guint8 *frame, gsize length)
{
  g_autoptr (TesseraOutboundRequest) request = tessera_outbound_request_parse (frame, length);

  if (request == NULL)
    return FALSE;
  g_autoptr (GBytes) written = tessera_outbound_request_serialise (request);
  assert_same (written, frame, length);
  g_assert_cmpuint (length, <=, TESSERA_OUTBOUND_REQUEST_MAX);
  g_assert_true (tessera_outbound_is_text (request->uri, TESSERA_OUTBOUND_URI_MAX));
  g_assert_true (request->form[0] == '\0' || request->method == TESSERA_OUTBOUND_POST_FORM);
  return TRUE;
}

static gboolean
try_reply (const guint8 *frame, gsize length)
{
  g_autoptr (TesseraOutboundReply) reply = tessera_outbound_reply_parse (frame, length);

  if (reply == NULL)
    return FALSE;
  g_autoptr (GBytes) written = tessera_outbound_reply_serialise (reply);
  assert_same (written, frame, length);
  g_assert_cmpuint (length, <=, TESSERA_OUTBOUND_REPLY_MAX);
  g_assert_true ((reply->outcome == TESSERA_OUTBOUND_ANSWERED) == (reply->status != 0));
  return TRUE;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  gsize at = 0, length = 0;

  while (tessera_outbound_split (data + at, size - at, TESSERA_OUTBOUND_REPLY_MAX, &length)
         == TESSERA_OUTBOUND_SPLIT_FRAME)
    {
      /* On the heap, so that reading behind it is noticed. */
      g_autofree guint8 *frame = g_memdup2 (data + at + TESSERA_OUTBOUND_PREFIX, length);

      g_assert_false (try_request (frame, length) && try_reply (frame, length));
      try_reply (frame, length);
      at += TESSERA_OUTBOUND_PREFIX + length;
    }
  return 0;
}
