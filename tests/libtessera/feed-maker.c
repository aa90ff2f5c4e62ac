/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Snapshots of a deny-list, right and wrong. */

#include "feed-maker.h"

#include "base/tessera-json-private.h"
#include "base/tessera-secret-private.h"
#include "jose/tessera-jwt-private.h"

#include <gio/gio.h>
#include <string.h>

const char *feed_maker_issuer = FEED_MAKER_ISSUER;

GString *
feed_maker_head (const char *list, gint64 time_ms)
{
  GString *text = g_string_new (NULL);

  g_string_append_printf (text,
                          "{\"tessera_deny_list\":1,\"issuer\":\"%s"
                          "\",\"list\":\"%s\",\"time\":%" G_GINT64_FORMAT "}\n",
                          feed_maker_issuer, list, time_ms);
  return text;
}

void
feed_maker_add_token (GString *text, guint64 generation, const char *jti)
{
  g_string_append_printf (text,
                          "{\"generation\":%" G_GUINT64_FORMAT
                          ",\"rule\":\"token\",\"value\":\"%s\",\"expires\":4102444800000}\n",
                          generation, jti);
}

static guint
count_lines (const GString *text)
{
  guint n = 0;

  for (gsize i = 0; i < text->len; i++)
    n += text->str[i] == '\n';
  return n;
}

void
feed_maker_sign (GString *text,
                 TesseraKey *key,
                 const char *typ,
                 const char *list,
                 guint64 generation,
                 gint64 time_ms,
                 const char *more)
{
  TesseraDigest digest = tessera_digest (text->str, (gssize) text->len);
  g_autofree char *sha256 = tessera_base64url_encode (digest.bytes, sizeof digest.bytes);
  guint lines = count_lines (text);
  g_autoptr (json_t) claims
      = json_pack ("{s:s, s:I, s:s, s:I, s:I, s:I, s:s}", "iss", feed_maker_issuer, "iat",
                   (json_int_t) time_ms / 1000, "list", list, "generation", (json_int_t) generation,
                   "time", (json_int_t) time_ms, "entries",
                   (json_int_t) (lines > 0 ? lines - 1 : 0), "sha256", sha256);
  g_autofree char *members = g_strdup_printf ("{%s}", more);
  g_autoptr (json_t) others = json_loads (members, 0, NULL);

  g_assert_nonnull (others);
  json_object_update (claims, others);
  g_autofree char *json = tessera_json_dump (claims);
  g_autofree char *token
      = tessera_jwt_sign_text (key, typ != NULL ? typ : "deny-list+jwt", json, NULL);
  g_string_append_printf (text, "{\"signature\":\"%s\"}\n", token);
}

GBytes *
feed_maker_compress (const char *text, gsize length)
{
  g_autoptr (GConverter) deflater
      = G_CONVERTER (g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP, 6));
  g_autoptr (GInputStream) plain
      = g_memory_input_stream_new_from_data (text, (gssize) length, NULL);
  g_autoptr (GInputStream) stream = g_converter_input_stream_new (plain, deflater);
  g_autoptr (GOutputStream) out = g_memory_output_stream_new_resizable ();

  g_assert_cmpint (
      g_output_stream_splice (out, stream, G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, NULL, NULL), >=, 0);
  return g_memory_output_stream_steal_as_bytes (G_MEMORY_OUTPUT_STREAM (out));
}
