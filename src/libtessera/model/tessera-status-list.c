/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A Status List: an array of statuses, packed and compressed (Token Status List §4; the header
 * names the draft). */

#include "model/tessera-status-list-private.h"

#include "base/tessera-secret-private.h"

#include <gio/gio.h>
#include <string.h>

#define PIECE 4096

struct _TesseraStatusList
{
  guint bits;
  guint32 size;
  gsize n_bytes;
  guint8 *bytes;
};

static gsize
count_bytes (guint bits, guint32 size)
{
  return ((gsize) size * bits + 7) / 8;
}

TesseraStatusList *
tessera_status_list_new (guint bits, guint32 size)
{
  TesseraStatusList *self = g_new0 (TesseraStatusList, 1);

  self->bits = bits;
  self->size = size;
  self->n_bytes = count_bytes (bits, size);
  self->bytes = g_malloc0 (MAX (self->n_bytes, 1));
  return self;
}

void
tessera_status_list_free (TesseraStatusList *self)
{
  if (self == NULL)
    return;
  g_free (self->bytes);
  g_free (self);
}

guint
tessera_status_list_get_bits (const TesseraStatusList *self)
{
  return self->bits;
}

guint32
tessera_status_list_get_size (const TesseraStatusList *self)
{
  return self->size;
}

/* Section 4.1: within a byte, from the least significant bit on. */
static guint
get_shift (const TesseraStatusList *self, guint64 index)
{
  return (guint) (index * self->bits % 8);
}

static guint8
get_mask (const TesseraStatusList *self)
{
  return (guint8) ((1u << self->bits) - 1);
}

void
tessera_status_list_set (TesseraStatusList *self, guint32 index, guint8 status)
{
  g_return_if_fail (index < self->size && status <= get_mask (self));

  guint8 *byte = &self->bytes[(gsize) index * self->bits / 8];
  guint shift = get_shift (self, index);
  *byte = (guint8) ((*byte & ~(get_mask (self) << shift)) | (status << shift));
}

gboolean
tessera_status_list_get (const TesseraStatusList *self, guint64 index, guint8 *out_status)
{
  if (index >= self->size)
    return FALSE;
  *out_status
      = (guint8) (self->bytes[index * self->bits / 8] >> get_shift (self, index)) & get_mask (self);
  return TRUE;
}

gboolean
tessera_status_list_equal (const TesseraStatusList *a, const TesseraStatusList *b)
{
  return a->bits == b->bits && a->size == b->size && memcmp (a->bytes, b->bytes, a->n_bytes) == 0;
}

/* All of @length bytes through @converter. FALSE when they are malformed or incomplete, more than
 * @max bytes come out, or something stands behind them. */
static gboolean
convert (GConverter *converter, const guint8 *bytes, gsize length, gsize max, GByteArray *out_bytes)
{
  guint8 piece[PIECE];
  GConverterResult result = G_CONVERTER_CONVERTED;

  while (result != G_CONVERTER_FINISHED)
    {
      gsize n_read, n_written;
      result = g_converter_convert (converter, bytes, length, piece, sizeof piece,
                                    G_CONVERTER_INPUT_AT_END, &n_read, &n_written, NULL);
      if (result == G_CONVERTER_ERROR || n_written > max - out_bytes->len)
        return FALSE;
      g_byte_array_append (out_bytes, piece, (guint) n_written);
      bytes += n_read;
      length -= n_read;
    }
  return length == 0;
}

char *
tessera_status_list_encode (const TesseraStatusList *self)
{
  g_autoptr (GByteArray) packed = g_byte_array_new ();
  g_autoptr (GZlibCompressor) compressor = g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_ZLIB, 9);

  convert (G_CONVERTER (compressor), self->bytes, self->n_bytes, G_MAXUINT, packed);
  return tessera_base64url_encode (packed->data, packed->len);
}

TesseraStatusList *
tessera_status_list_decode (guint bits, const char *lst, gsize length, GError **error)
{
  gsize n_packed = 0;
  g_autofree guint8 *packed = tessera_base64url_decode (lst, length, &n_packed);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GZlibDecompressor) decompressor
      = g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_ZLIB);

  if ((bits != 1 && bits != 2 && bits != 4 && bits != 8) || packed == NULL
      || !convert (G_CONVERTER (decompressor), packed, n_packed, TESSERA_STATUS_LIST_BYTES_MAX,
                   bytes))
    {
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_TOKEN,
                           "The status list is malformed.");
      return NULL;
    }

  TesseraStatusList *self = tessera_status_list_new (bits, (guint32) (bytes->len * 8 / bits));
  if (bytes->len > 0)
    memcpy (self->bytes, bytes->data, bytes->len);
  return self;
}
