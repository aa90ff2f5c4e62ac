/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A snapshot of the published deny-list: lines of JSON, and a signature over them as the last one
 * (RFC 7515 §3.1). Nobody is trusted with it on the way: it may come from any host. */
#include "resource/tessera-snapshot-reader-private.h"

#include "base/tessera-error.h"
#include "base/tessera-secret-private.h"
#include "jose/tessera-jwt-private.h"
#include "resource/tessera-feed-entry-private.h"

#include <gio/gio.h>
#include <openssl/evp.h>
#include <string.h>

#define FORMAT_VERSION 1
#define TOKEN_TYPE "deny-list+jwt"
/* Of all lines together, for each entry that may be there: several times what an entry takes. */
#define BYTES_PER_ENTRY 256
#define INFLATED_SIZE (32 * 1024)
#define GZIP_MAGIC "\x1f\x8b"

typedef enum
{
  HEAD,
  ENTRIES,
  OVER
} Part;

struct _TesseraSnapshotReader
{
  char *issuer;
  TesseraDenyStage *stage;
  guint64 max_entries;

  /* Bytes to lines: */
  guint8 magic[2];
  guint n_magic;           /* how many of the first bytes have come */
  GConverter *inflater;    /* NULL: it came as it is */
  gboolean is_member_over; /* the compressed data may end here */
  GString *line;
  guint64 n_bytes;
  EVP_MD_CTX *digest;

  /* Lines to a list: */
  Part part;
  char *list;
  guint64 generation; /* of the last entry */
  guint64 n_entries;
  gboolean has_unknown_rule;
  char *token;
  TesseraJwt *jwt; /* of @token */
};

static gboolean
refuse (GError **error, const char *why)
{
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST, why);
  return FALSE;
}

TesseraSnapshotReader *
tessera_snapshot_reader_new (TesseraDenyReplica *replica, const char *issuer)
{
  TesseraSnapshotReader *self = g_new0 (TesseraSnapshotReader, 1);

  self->issuer = g_strdup (issuer);
  self->stage = tessera_deny_replica_begin (replica);
  self->max_entries = TESSERA_SNAPSHOT_ENTRIES_MAX;
  self->line = g_string_new (NULL);
  self->digest = EVP_MD_CTX_new ();
  if (self->digest == NULL || EVP_DigestInit_ex (self->digest, EVP_sha256 (), NULL) != 1)
    g_error ("SHA-256 is not available.");
  return self;
}

void
tessera_snapshot_reader_free (TesseraSnapshotReader *self)
{
  g_clear_pointer (&self->stage, tessera_deny_stage_free);
  g_clear_object (&self->inflater);
  g_string_free (self->line, TRUE);
  EVP_MD_CTX_free (self->digest);
  tessera_jwt_free (self->jwt);
  g_free (self->token);
  g_free (self->list);
  g_free (self->issuer);
  g_free (self);
}

void
tessera_snapshot_reader_set_max_entries (TesseraSnapshotReader *self, guint64 max_entries)
{
  self->max_entries = max_entries;
}

/* Lines. */

static gboolean
take_head (TesseraSnapshotReader *self, const json_t *json, GError **error)
{
  const char *issuer = json_string_value (json_object_get (json, "issuer"));
  const char *list = json_string_value (json_object_get (json, "list"));
  gint64 version;

  if (!tessera_feed_read_number (json, "tessera_deny_list", &version))
    return refuse (error, "It is no snapshot of a deny-list.");
  if (version != FORMAT_VERSION)
    return refuse (error, "The snapshot is of a version that is not known.");
  if (g_strcmp0 (issuer, self->issuer) != 0)
    return refuse (error, "The snapshot is another issuer's.");
  if (list == NULL)
    return refuse (error, "The snapshot does not name its list.");
  self->list = g_strdup (list);
  self->part = ENTRIES;
  return TRUE;
}

static gboolean
take_signature (TesseraSnapshotReader *self, const json_t *json, GError **error)
{
  self->token = g_strdup (json_string_value (json_object_get (json, "signature")));
  if (self->token == NULL)
    return refuse (error, "The signature of the snapshot is malformed.");
  self->jwt = tessera_jwt_split (self->token, strlen (self->token), error);
  if (self->jwt == NULL)
    return FALSE;
  if (self->jwt->kid == NULL || !tessera_jwt_has_type (self->jwt, TOKEN_TYPE))
    return refuse (error, "The signature of the snapshot is not meant for it.");
  self->part = OVER;
  return TRUE;
}

/* An unknown rule is no reason to stop: whether the issuer wrote it is seen at the end. */
static gboolean
take_entry (TesseraSnapshotReader *self, json_t *json, GError **error)
{
  g_auto (TesseraFeedEntry) entry = { .json = NULL };
  TesseraFeedEntryVerdict verdict = tessera_feed_entry_read (&entry, json);
  gint64 generation;

  if (verdict == TESSERA_FEED_ENTRY_MALFORMED
      || !tessera_feed_read_number (json, "generation", &generation)
      || (guint64) generation <= self->generation)
    return refuse (error, "An entry of the snapshot is malformed or out of order.");
  if (self->n_entries == self->max_entries)
    return refuse (error, "The snapshot has too many entries.");
  self->generation = (guint64) generation;
  self->n_entries++;
  if (verdict == TESSERA_FEED_ENTRY_UNKNOWN_RULE
      || !tessera_deny_stage_add (self->stage, &entry.denial))
    self->has_unknown_rule = TRUE;
  return TRUE;
}

static gboolean
take_line (TesseraSnapshotReader *self, GError **error)
{
  if (self->part == OVER)
    return refuse (error, "Something follows the signature of the snapshot.");

  g_autoptr (json_t) json
      = tessera_json_parse (self->line->str, self->line->len, TESSERA_SNAPSHOT_LINE_MAX, error);
  if (json == NULL)
    return FALSE;
  if (self->part == ENTRIES && json_object_get (json, "signature") != NULL)
    return take_signature (self, json, error);

  /* Every byte before the last line, with the line feeds. */
  g_string_append_c (self->line, '\n');
  if (EVP_DigestUpdate (self->digest, self->line->str, self->line->len) != 1)
    g_error ("SHA-256 failed.");
  return self->part == HEAD ? take_head (self, json, error) : take_entry (self, json, error);
}

static gboolean
is_too_large (TesseraSnapshotReader *self, gsize length)
{
  self->n_bytes += length;
  return self->n_bytes / BYTES_PER_ENTRY > self->max_entries + TESSERA_SNAPSHOT_LINE_MAX;
}

static gboolean
take_text (TesseraSnapshotReader *self, const char *text, gsize length, GError **error)
{
  if (is_too_large (self, length))
    return refuse (error, "The snapshot is too large.");
  while (length > 0)
    {
      const char *feed = memchr (text, '\n', length);
      gsize part = feed != NULL ? (gsize) (feed - text) : length;

      if (part > TESSERA_SNAPSHOT_LINE_MAX - self->line->len)
        return refuse (error, "A line of the snapshot is too long.");
      g_string_append_len (self->line, text, (gssize) part);
      if (feed == NULL)
        return TRUE;
      if (!take_line (self, error))
        return FALSE;
      g_string_truncate (self->line, 0);
      text += part + 1;
      length -= part + 1;
    }
  return TRUE;
}

/* Bytes. */

/* One piece of what comes out. @inout_more: there may be another, even without more bytes. */
static gboolean
inflate_some (TesseraSnapshotReader *self,
              const guint8 **bytes,
              gsize *length,
              gboolean *inout_more,
              GError **error)
{
  guint8 inflated[INFLATED_SIZE];
  gsize n_read = 0;
  gsize n_written = 0;
  g_autoptr (GError) problem = NULL;

  if (self->is_member_over)
    g_converter_reset (self->inflater);
  self->is_member_over = FALSE;
  GConverterResult result
      = g_converter_convert (self->inflater, *bytes, *length, inflated, sizeof inflated,
                             G_CONVERTER_NO_FLAGS, &n_read, &n_written, &problem);
  if (result == G_CONVERTER_ERROR)
    {
      *inout_more = FALSE;
      return (*length == 0 && g_error_matches (problem, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT))
             || refuse (error, "The compression of the snapshot is damaged.");
    }
  *bytes += n_read;
  *length -= n_read;
  self->is_member_over = result == G_CONVERTER_FINISHED;
  *inout_more = *length > 0 || (n_written == sizeof inflated && !self->is_member_over);
  return take_text (self, (const char *) inflated, n_written, error);
}

static gboolean
take_bytes (TesseraSnapshotReader *self, const guint8 *bytes, gsize length, GError **error)
{
  if (self->inflater == NULL)
    return take_text (self, (const char *) bytes, length, error);

  gboolean more = length > 0;
  while (more)
    {
      if (!inflate_some (self, &bytes, &length, &more, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
tessera_snapshot_reader_feed (TesseraSnapshotReader *self,
                              const void *bytes,
                              gsize length,
                              GError **error)
{
  const guint8 *at = bytes;

  /* RFC 1952 §2.3.1; no JSON begins so. */
  for (; self->n_magic < sizeof self->magic && length > 0; length--)
    {
      self->magic[self->n_magic++] = *at++;
      if (self->n_magic < sizeof self->magic)
        continue;
      if (memcmp (self->magic, GZIP_MAGIC, sizeof self->magic) == 0)
        self->inflater = G_CONVERTER (g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP));
      if (!take_bytes (self, self->magic, sizeof self->magic, error))
        return FALSE;
    }
  return take_bytes (self, at, length, error);
}

gboolean
tessera_snapshot_reader_end (TesseraSnapshotReader *self, GError **error)
{
  if (self->part != OVER || self->line->len > 0
      || (self->inflater != NULL && !self->is_member_over))
    return refuse (error, "The snapshot is not whole.");
  return TRUE;
}

const char *
tessera_snapshot_reader_get_kid (TesseraSnapshotReader *self)
{
  return self->jwt->kid;
}

/* The signature, and what it vouches for. */

static char *
end_digest (TesseraSnapshotReader *self)
{
  guint8 bytes[TESSERA_DIGEST_SIZE];

  if (EVP_DigestFinal_ex (self->digest, bytes, NULL) != 1)
    g_error ("SHA-256 failed.");
  return tessera_base64url_encode (bytes, sizeof bytes);
}

/* Where the list stands by the signed claims, if they are about what was read. */
static gboolean
read_claims (TesseraSnapshotReader *self, const json_t *claims, TesseraFeedPosition *out_position)
{
  g_autofree char *digest = end_digest (self);
  gint64 n_entries;
  gint64 issued_at;

  return g_strcmp0 (json_string_value (json_object_get (claims, "iss")), self->issuer) == 0
         && tessera_feed_read_number (claims, "iat", &issued_at)
         && g_strcmp0 (json_string_value (json_object_get (claims, "sha256")), digest) == 0
         && tessera_feed_read_number (claims, "entries", &n_entries)
         && (guint64) n_entries == self->n_entries
         && tessera_feed_position_read (out_position, claims)
         && g_str_equal (out_position->list, self->list)
         && out_position->generation >= self->generation;
}

TesseraSnapshotVerdict
tessera_snapshot_reader_commit (TesseraSnapshotReader *self, TesseraKey *key, GError **error)
{
  TesseraFeedPosition position;

  if (!tessera_jwt_verify (self->jwt, key))
    {
      refuse (error, "The signature of the snapshot is wrong.");
      return TESSERA_SNAPSHOT_NOT_OURS;
    }
  g_autoptr (json_t) claims = tessera_json_parse (self->jwt->payload, self->jwt->payload_length,
                                                  TESSERA_JWT_MAX_LENGTH, NULL);
  if (claims == NULL || !read_claims (self, claims, &position))
    {
      refuse (error, "The signature of the snapshot is about something else.");
      return TESSERA_SNAPSHOT_NOT_OURS;
    }
  if (self->has_unknown_rule)
    {
      refuse (error, "The snapshot has an entry with an unknown rule.");
      return TESSERA_SNAPSHOT_NOT_UNDERSTOOD;
    }
  if (!tessera_deny_stage_commit (self->stage, position.list, position.generation,
                                  position.time_ms))
    {
      refuse (error, "The snapshot is older than what is known already.");
      return TESSERA_SNAPSHOT_OLDER;
    }
  return TESSERA_SNAPSHOT_TAKEN;
}
