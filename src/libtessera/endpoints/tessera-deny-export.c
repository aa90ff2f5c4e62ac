/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The whole deny-list as a signed file (design.md §5; docs/denylist-feed.md; RFC 7515, RFC 9110
 * §8.4 for its compression).
 *
 * The committing thread writes the lines of a page; a thread of the pool digests and compresses
 * them, so that the main loop has nothing to do but to send; and when they are taken, the next page
 * is read. A page counts when the batch is durable in which it was read. */

#include "endpoints/tessera-deny-export-private.h"

#include "endpoints/tessera-error-responder-private.h"

#include "base/tessera-secret-private.h"

#include <gio/gio.h>
#include <string.h>

#define PAGE 500 /* entries; the next are read when these are sent */
#define LEVEL 3  /* of compression: most of the gain, little of the time */
#define CONTENT_TYPE "application/vnd.tessera.deny-list+jsonl"

struct _TesseraDenyExports
{
  guint ref_count;       /* exports hold it */
  TesseraEngine *engine; /* NULL: closed */
  GQueue exports;        /* Export*, those with an outlet */
};

typedef struct
{
  GList link; /* of the exports; its data is the export */
  TesseraDenyExports *exports;
  TesseraOutlet *outlet; /* NULL: nobody reads it any more */
  gboolean working;      /* in another thread */

  GChecksum *checksum;
  GZlibCompressor *compressor; /* or NULL */
  guint64 cursor;
  guint64 entries;
  gint64 time_ms; /* of the page under way */

  /* The page: */
  GString *lines;
  guint n_rows, n_entries;
  guint64 last;
  guint64 generation; /* up to which the store had all */
  GByteArray *packed;
} Export;

/* Life */

static void
exports_unref (TesseraDenyExports *self)
{
  if (--self->ref_count == 0)
    g_free (self);
}

static void
export_free (Export *self)
{
  g_checksum_free (self->checksum);
  g_clear_object (&self->compressor);
  g_string_free (self->lines, TRUE);
  g_byte_array_unref (self->packed);
  exports_unref (self->exports);
  g_free (self);
}

/* Its outlet is gone, or is to go. Whoever works for it frees it in the end. */
static void
leave (Export *self)
{
  self->outlet = NULL;
  g_queue_unlink (&self->exports->exports, &self->link);
  if (!self->working)
    export_free (self);
}

static void
cut (Export *self)
{
  tessera_outlet_cut (self->outlet);
  leave (self);
}

/* Packing: in any thread, but one at a time */

static void
compress (Export *self, const char *bytes, gsize length, gboolean last)
{
  const GConverterFlags flags = last ? G_CONVERTER_INPUT_AT_END : G_CONVERTER_NO_FLAGS;
  GConverterResult result = G_CONVERTER_CONVERTED;
  char buffer[16384];

  while (result == G_CONVERTER_CONVERTED && (length > 0 || last))
    {
      gsize read = 0, written = 0;

      result = g_converter_convert (G_CONVERTER (self->compressor), bytes, length, buffer,
                                    sizeof buffer, flags, &read, &written, NULL);
      g_byte_array_append (self->packed, (const guint8 *) buffer, (guint) written);
      bytes += read;
      length -= read;
    }
}

static void
pack (Export *self, const GString *text, gboolean last)
{
  if (self->compressor != NULL)
    compress (self, text->str, text->len, last);
  else
    g_byte_array_append (self->packed, (const guint8 *) text->str, (guint) text->len);
}

static void
run_pack (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Export *self = data;

  g_checksum_update (self->checksum, (const guchar *) self->lines->str, (gssize) self->lines->len);
  pack (self, self->lines, FALSE);
  g_task_return_boolean (task, TRUE);
}

/* The end of the file */

static char *
dup_claims (Export *self)
{
  TesseraEngine *engine = self->exports->engine;
  g_autoptr (json_t) json = json_object ();
  guint8 digest[32];
  gsize length = sizeof digest;

  g_checksum_get_digest (self->checksum, digest, &length);
  g_autofree char *sha256 = tessera_base64url_encode (digest, length);
  json_object_set_new (json, "iss", json_string (engine->settings->issuer));
  json_object_set_new (json, "iat", json_integer (self->time_ms / 1000));
  json_object_set_new (json, "list", json_string (tessera_deny_list_get_id (engine->deny_list)));
  json_object_set_new (json, "generation", json_integer ((json_int_t) self->generation));
  json_object_set_new (json, "time", json_integer (self->time_ms));
  json_object_set_new (json, "entries", json_integer ((json_int_t) self->entries));
  json_object_set_new (json, "sha256", json_string (sha256));
  return tessera_json_dump (json);
}

static gboolean
append_signature (Export *self, GString *line, GError **error)
{
  TesseraEngine *engine = self->exports->engine;
  g_autoptr (TesseraKey) key
      = tessera_key_ring_dup_active (engine->keys, engine->settings->signing_algorithm);
  g_autofree char *claims = dup_claims (self);
  g_autofree char *signature
      = key != NULL ? tessera_jwt_sign_text (key, "deny-list+jwt", claims, error) : NULL;

  if (signature == NULL)
    return FALSE;
  g_string_append_printf (line, "{\"signature\":\"%s\"}\n", signature);
  return TRUE;
}

static void
send_end (Export *self)
{
  g_autoptr (GString) line = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  TesseraOutlet *outlet = self->outlet;

  if (!append_signature (self, line, &error))
    {
      g_warning ("The deny-list cannot be signed: %s",
                 error != NULL ? error->message : "there is no key");
      cut (self);
      return;
    }
  pack (self, line, TRUE);
  if (!tessera_outlet_write (outlet, (const char *) self->packed->data, self->packed->len))
    {
      cut (self);
      return;
    }
  leave (self);
  tessera_outlet_finish (outlet, TESSERA_OUTLET_WHOLE);
}

/* Pages */

static void read_page (Export *self);

static void
go_on (Export *self)
{
  if (self->n_rows < PAGE)
    {
      send_end (self);
      return;
    }
  gboolean taken
      = tessera_outlet_write (self->outlet, (const char *) self->packed->data, self->packed->len);
  g_byte_array_set_size (self->packed, 0);
  if (!taken)
    cut (self);
  else if (tessera_outlet_is_ready (self->outlet))
    read_page (self);
}

static void
on_packed (GObject *source, GAsyncResult *result, gpointer data)
{
  Export *self = data;

  self->working = FALSE;
  if (self->outlet == NULL)
    export_free (self);
  else
    go_on (self);
}

static void
add_line (const TesseraDenial *denial, gpointer data)
{
  Export *self = data;

  self->n_rows++;
  self->last = denial->generation;
  if (denial->expires_ms < self->time_ms)
    return;
  self->n_entries++;
  g_string_append_c (self->lines, '{');
  tessera_denial_append_json (denial, self->lines);
  g_string_append (self->lines, "}\n");
}

static gboolean
run_page (gpointer data, TesseraStore *store, GError **error)
{
  Export *self = data;
  TesseraStoreState state;

  g_string_truncate (self->lines, 0);
  self->n_rows = self->n_entries = 0;
  if (!tessera_store_foreach_denial (store, self->cursor, PAGE, add_line, self, error)
      || !tessera_store_get_state (store, &state, error))
    return FALSE;
  self->generation = state.generation;
  return TRUE;
}

static void
on_page (gpointer data, const GError *error)
{
  Export *self = data;
  g_autoptr (GTask) task = NULL;

  self->working = FALSE;
  if (self->outlet == NULL)
    {
      export_free (self);
      return;
    }
  if (error != NULL)
    {
      cut (self);
      return;
    }
  self->cursor = self->last;
  self->entries += self->n_entries;
  self->working = TRUE;
  task = g_task_new (NULL, NULL, on_packed, self);
  g_task_set_source_tag (task, on_page);
  g_task_set_task_data (task, self, NULL);
  g_task_run_in_thread (task, run_pack);
}

static void
read_page (Export *self)
{
  TesseraEngine *engine = self->exports->engine;

  self->working = TRUE;
  self->time_ms = tessera_clock_get_ms (engine->clock); /* before the look, not after it */
  tessera_committer_submit (engine->committer, run_page, on_page, self);
}

/* The beginning */

static void
on_ready (TesseraOutlet *outlet, gpointer data)
{
  Export *self = data;

  if (!self->working)
    read_page (self);
}

static void
on_ended (TesseraOutlet *outlet, gpointer data)
{
  leave (data);
}

static gboolean
is_coding_wanted (const char *item)
{
  const char *quality = strchr (item, ';');
  g_autofree char *name
      = g_strndup (item, quality != NULL ? (gsize) (quality - item) : strlen (item));

  if (g_ascii_strcasecmp (g_strstrip (name), "gzip") != 0 && strcmp (name, "*") != 0)
    return FALSE;
  quality = quality != NULL ? strstr (quality, "q=") : NULL;
  return quality == NULL || g_ascii_strtod (quality + 2, NULL) > 0;
}

/* RFC 9110 §12.5.3 */
static gboolean
accepts_gzip (TesseraExchange *exchange)
{
  const char *header = tessera_exchange_get_header (exchange, "Accept-Encoding");
  g_auto (GStrv) items = g_strsplit (header != NULL ? header : "", ",", 16);

  for (guint i = 0; items[i] != NULL; i++)
    if (is_coding_wanted (items[i]))
      return TRUE;
  return FALSE;
}

static Export *
export_new (TesseraDenyExports *exports, gboolean gzip)
{
  Export *self = g_new0 (Export, 1);

  self->link.data = self;
  self->exports = exports;
  exports->ref_count++;
  self->checksum = g_checksum_new (G_CHECKSUM_SHA256);
  self->compressor = gzip ? g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP, LEVEL) : NULL;
  self->lines = g_string_new (NULL);
  self->packed = g_byte_array_new ();
  return self;
}

static void
pack_first_line (Export *self)
{
  TesseraEngine *engine = self->exports->engine;

  self->time_ms = tessera_clock_get_ms (engine->clock);
  g_string_append (self->lines, "{\"tessera_deny_list\":1,\"issuer\":");
  tessera_json_append_string (self->lines, engine->settings->issuer);
  g_string_append_printf (self->lines, ",\"list\":\"%s\",\"time\":%" G_GINT64_FORMAT "}\n",
                          tessera_deny_list_get_id (engine->deny_list), self->time_ms);
  g_checksum_update (self->checksum, (const guchar *) self->lines->str, (gssize) self->lines->len);
  pack (self, self->lines, FALSE);
}

void
tessera_deny_exports_begin (TesseraDenyExports *self, TesseraExchange *exchange)
{
  static const TesseraOutletFuncs funcs = { on_ready, NULL, on_ended };
  gboolean gzip = accepts_gzip (exchange);
  Export *export = NULL;

  if (self->exports.length >= TESSERA_DENY_EXPORTS_MAX)
    {
      tessera_exchange_respond_http_error (exchange, 503, "Too many others are reading the list.");
      return;
    }
  export = export_new (self, gzip);
  g_queue_push_tail_link (&self->exports, &export->link);
  tessera_exchange_add_header (exchange, "Cache-Control", "no-store");
  tessera_exchange_add_header (exchange, "Vary", "Accept-Encoding");
  if (gzip)
    tessera_exchange_add_header (exchange, "Content-Encoding", "gzip");
  export->outlet
      = tessera_exchange_respond_stream (exchange, 200, CONTENT_TYPE, G_MAXSIZE, &funcs, export);
  if (export->outlet == NULL)
    {
      leave (export);
      return;
    }
  pack_first_line (export);
  read_page (export);
}

TesseraDenyExports *
tessera_deny_exports_new (TesseraEngine *engine)
{
  TesseraDenyExports *self = g_new0 (TesseraDenyExports, 1);

  self->ref_count = 1;
  self->engine = engine;
  return self;
}

void
tessera_deny_exports_free (TesseraDenyExports *self)
{
  while (self->exports.head != NULL)
    cut (self->exports.head->data);
  self->engine = NULL;
  exports_unref (self);
}
