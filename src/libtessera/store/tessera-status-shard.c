/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who has which index of one status list (Token Status List §4.1, §12.5, §13.3), in memory and as a
 * file that is only appended to. */

#include "store/tessera-status-shard-private.h"

#include "base/tessera-secret-private.h"
#include "store/tessera-deny-snapshot-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 4096 /* tokens; a block stays where it is */
#define TOKENS_MAX (TESSERA_STATUS_SHARD_SIZE / 4 * 3)
#define MAGIC G_GUINT64_CONSTANT (0x3154534c54415453) /* with byte order */
#define RANDOM 64                                     /* numbers got at a time */
#define N_TEXTS 5 /* grant_id, session_id, subject, client_id, kid; "": none */

/* What the tokens of one client and key have in common. */
typedef struct _Holder Holder;
typedef struct
{
  char *client_id;
  char *kid;
  Holder *own; /* of the client's own tokens; or NULL */
} Application;

struct _Holder
{
  const Application *application;
  char texts[]; /* grant_id, session_id and subject, one behind the other */
};

typedef struct
{
  guint8 jti[16];
  guint32 index;
  guint16 owner;
  const Holder *holder;
} Token;

struct _TesseraStatusShard
{
  gint ref_count;
  char name[TESSERA_STATUS_SHARD_NAME_MAX + 1];
  gint64 ends_ms;
  guint count;
  gboolean torn;
  Token *blocks[TOKENS_MAX / BLOCK];
  guint8 used[TESSERA_STATUS_SHARD_SIZE / 8];
  GHashTable *applications; /* char *"client_id\nkid" -> Application */
  GPtrArray *holders;       /* Holder*, one for each token of a grant */
  guint32 random[RANDOM];   /* numbers not used yet */
  guint n_random;
  gsize holders_size;

  /* Of whoever saves it: */
  guint saved;
  goffset file_size;
  gboolean file_closed;
};

typedef struct
{
  guint64 magic;
  char state_id[64];
  char name[TESSERA_STATUS_SHARD_NAME_MAX + 1];
  gint64 ends_ms;
  guint64 checksum; /* of all above */
} Header;

/* Before the records of some tokens; without any, the last one. */
typedef struct
{
  guint32 length;
  guint32 number; /* of tokens before */
  guint64 checksum;
} Piece;

typedef struct
{
  guint8 jti[16];
  guint32 index;
  guint32 length; /* of the texts that follow */
} Record;

static void
application_free (Application *self)
{
  g_free (self->client_id);
  g_free (self->kid);
  g_free (self->own);
  g_free (self);
}

TesseraStatusShard *
tessera_status_shard_new (gint64 ends_ms)
{
  TesseraStatusShard *self = g_new0 (TesseraStatusShard, 1);
  g_autofree char *name = tessera_identifier_new ();

  self->ref_count = 1;
  /* Never that of a list of an earlier run. */
  g_strlcpy (self->name, name, sizeof self->name);
  self->ends_ms = ends_ms;
  self->applications
      = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) application_free);
  self->holders = g_ptr_array_new_with_free_func (g_free);
  return self;
}

TesseraStatusShard *
tessera_status_shard_ref (TesseraStatusShard *self)
{
  g_atomic_int_inc (&self->ref_count);
  return self;
}

void
tessera_status_shard_unref (TesseraStatusShard *self)
{
  if (!g_atomic_int_dec_and_test (&self->ref_count))
    return;
  for (guint i = 0; i < G_N_ELEMENTS (self->blocks); i++)
    g_free (self->blocks[i]);
  g_hash_table_unref (self->applications);
  g_ptr_array_unref (self->holders);
  g_free (self);
}

const char *
tessera_status_shard_get_name (TesseraStatusShard *self)
{
  return self->name;
}

gint64
tessera_status_shard_get_end (TesseraStatusShard *self)
{
  return self->ends_ms;
}

guint
tessera_status_shard_get_count (TesseraStatusShard *self)
{
  return self->count;
}

gsize
tessera_status_shard_get_memory (TesseraStatusShard *self)
{
  gsize blocks = (self->count + BLOCK - 1) / BLOCK;
  return sizeof *self + blocks * BLOCK * sizeof (Token) + self->holders_size
         + self->holders->len * sizeof (gpointer);
}

gboolean
tessera_status_shard_is_full (TesseraStatusShard *self)
{
  return self->count == TOKENS_MAX;
}

gboolean
tessera_status_shard_is_torn (TesseraStatusShard *self)
{
  return self->torn;
}

/* Indexes. */

static gboolean
is_used (const TesseraStatusShard *self, guint32 index)
{
  return self->used[index / 8] >> index % 8 & 1;
}

static guint32
take_random (TesseraStatusShard *self)
{
  if (self->n_random == 0)
    {
      tessera_random_bytes ((guint8 *) self->random, sizeof self->random);
      self->n_random = RANDOM;
    }
  return self->random[--self->n_random];
}

static guint32
pick_index (TesseraStatusShard *self)
{
  guint32 index;

  /* One in four is free at least. */
  do
    index = take_random (self) % TESSERA_STATUS_SHARD_SIZE;
  while (is_used (self, index));
  return index;
}

static Application *
get_application (TesseraStatusShard *self, const char *client_id, const char *kid)
{
  g_autofree char *key = g_strconcat (client_id, "\n", kid, NULL);
  Application *application = g_hash_table_lookup (self->applications, key);

  if (application == NULL)
    {
      application = g_new0 (Application, 1);
      application->client_id = g_strdup (client_id);
      application->kid = g_strdup (kid);
      g_hash_table_insert (self->applications, g_steal_pointer (&key), application);
    }
  return application;
}

static Holder *
new_holder (TesseraStatusShard *self, const Application *application, const char *const texts[3])
{
  gsize lengths[3], length = sizeof (Holder);
  for (guint i = 0; i < 3; i++)
    length += lengths[i] = strlen (texts[i]) + 1;

  Holder *holder = g_malloc (length);
  char *end = holder->texts;
  holder->application = application;
  for (guint i = 0; i < 3; end += lengths[i++])
    memcpy (end, texts[i], lengths[i]);
  self->holders_size += length;
  return holder;
}

/* @texts: N_TEXTS of them. */
static const Holder *
take_holder (TesseraStatusShard *self, const char *const *texts)
{
  Application *application = get_application (self, texts[3], texts[4]);
  gboolean is_own = texts[0][0] == '\0' && texts[1][0] == '\0' && strcmp (texts[2], texts[3]) == 0;

  if (is_own && application->own != NULL)
    return application->own;
  Holder *holder = new_holder (self, application, texts);
  if (is_own)
    application->own = holder;
  else
    g_ptr_array_add (self->holders, holder);
  return holder;
}

static void
add_token (TesseraStatusShard *self,
           const guint8 jti[16],
           guint32 index,
           guint16 owner,
           const char *const *texts)
{
  Token **block = &self->blocks[self->count / BLOCK];
  if (*block == NULL)
    *block = g_new (Token, BLOCK);

  Token *token = &(*block)[self->count % BLOCK];
  memcpy (token->jti, jti, sizeof token->jti);
  token->index = index;
  token->owner = owner;
  token->holder = take_holder (self, texts);
  self->used[index / 8] |= (guint8) (1 << index % 8);
  self->count++;
}

static const char *
or_empty (const char *text)
{
  return text != NULL ? text : "";
}

guint32
tessera_status_shard_reserve (TesseraStatusShard *self,
                              const TesseraTokenIdentity *token,
                              guint16 owner)
{
  guint8 jti[16];
  gint64 ms;
  const char *texts[N_TEXTS]
      = { or_empty (token->grant_id), or_empty (token->session_id), or_empty (token->subject),
          or_empty (token->client_id), or_empty (token->kid) };

  g_return_val_if_fail (tessera_uuid_parse (token->jti, jti, &ms), 0);
  g_return_val_if_fail (!tessera_status_shard_is_full (self), 0);
  guint32 index = pick_index (self);
  add_token (self, jti, index, owner, texts);
  return index;
}

/* What the deny-list is asked about. */

static const char *
or_null (const char *text)
{
  return text[0] != '\0' ? text : NULL;
}

static void
get_identity (const Token *token, char jti[TESSERA_UUID_LENGTH + 1], TesseraTokenIdentity *out)
{
  const Holder *holder = token->holder;
  const char *grant_id = holder->texts;
  const char *session_id = grant_id + strlen (grant_id) + 1;
  const char *subject = session_id + strlen (session_id) + 1;

  tessera_uuid_write (token->jti, jti);
  *out = (TesseraTokenIdentity){
    .jti = jti,
    .subject = or_null (subject),
    .client_id = or_null (holder->application->client_id),
    .grant_id = or_null (grant_id),
    .session_id = or_null (session_id),
    .kid = or_null (holder->application->kid),
  };
  for (guint i = 0; i < 6; i++)
    out->issued_ms = out->issued_ms << 8 | token->jti[i];
}

static Token *
get_token (const TesseraStatusShard *self, guint number)
{
  return &self->blocks[number / BLOCK][number % BLOCK];
}

void
tessera_status_shard_set_owners (TesseraStatusShard *self,
                                 guint16 (*get_owner) (const TesseraTokenIdentity *token,
                                                       gpointer data),
                                 gpointer data)
{
  char jti[TESSERA_UUID_LENGTH + 1];
  TesseraTokenIdentity identity;

  for (guint i = 0; i < self->count; i++)
    {
      Token *token = get_token (self, i);
      get_identity (token, jti, &identity);
      token->owner = get_owner (&identity, data);
    }
}

guint16
tessera_status_shard_get_owner (TesseraStatusShard *self, guint number)
{
  return get_token (self, number)->owner;
}

TesseraStatusList *
tessera_status_shard_draw_up (TesseraStatusShard *self, guint count, TesseraDenyList *deny_list)
{
  TesseraStatusList *list = tessera_status_list_new (1, TESSERA_STATUS_SHARD_SIZE);
  char jti[TESSERA_UUID_LENGTH + 1];
  TesseraTokenIdentity identity;

  /* Whose it is is not known: it must be taken for that of a token that was revoked. */
  for (guint32 index = 0; self->torn && index < TESSERA_STATUS_SHARD_SIZE; index++)
    if (!is_used (self, index))
      tessera_status_list_set (list, index, TESSERA_STATUS_INVALID);
  for (guint i = 0; i < count; i++)
    {
      const Token *token = get_token (self, i);
      get_identity (token, jti, &identity);
      if (tessera_deny_list_check (deny_list, &identity))
        tessera_status_list_set (list, token->index, TESSERA_STATUS_INVALID);
    }
  return list;
}

/* The file. */

static guint64
sum_piece (const Piece *piece, const guint8 *data)
{
  return tessera_deny_snapshot_sum (piece->length > 0 ? data : (const guint8 *) "", piece->length)
         ^ tessera_deny_snapshot_sum (piece, G_STRUCT_OFFSET (Piece, checksum));
}

static void
append_record (GByteArray *bytes, const Token *token)
{
  char jti[TESSERA_UUID_LENGTH + 1];
  TesseraTokenIdentity identity;
  get_identity (token, jti, &identity);
  const char *texts[N_TEXTS] = { identity.grant_id, identity.session_id, identity.subject,
                                 identity.client_id, identity.kid };
  Record record = { .index = token->index };

  memcpy (record.jti, token->jti, sizeof record.jti);
  for (guint i = 0; i < N_TEXTS; i++)
    record.length += (guint32) strlen (or_empty (texts[i])) + 1;
  g_byte_array_append (bytes, (const guint8 *) &record, sizeof record);
  for (guint i = 0; i < N_TEXTS; i++)
    g_byte_array_append (bytes, (const guint8 *) or_empty (texts[i]),
                         (guint) strlen (or_empty (texts[i])) + 1);
}

/* @number: of tokens before it, so that no piece can be missing. */
static void
append_piece (GByteArray *bytes, const GByteArray *records, guint32 number)
{
  Piece piece = { .length = records->len, .number = number };

  piece.checksum = sum_piece (&piece, records->data);
  g_byte_array_append (bytes, (const guint8 *) &piece, sizeof piece);
  g_byte_array_append (bytes, records->data, records->len);
}

static void
append_header (TesseraStatusShard *self, GByteArray *bytes, const char *state_id)
{
  Header header = { .magic = MAGIC, .ends_ms = self->ends_ms };

  g_strlcpy (header.state_id, state_id, sizeof header.state_id);
  g_strlcpy (header.name, self->name, sizeof header.name);
  header.checksum = tessera_deny_snapshot_sum (&header, G_STRUCT_OFFSET (Header, checksum));
  g_byte_array_append (bytes, (const guint8 *) &header, sizeof header);
}

static GByteArray *
gather_news (TesseraStatusShard *self, guint count, const char *state_id, gboolean closing)
{
  GByteArray *bytes = g_byte_array_new ();
  g_autoptr (GByteArray) records = g_byte_array_new ();

  if (self->file_size == 0)
    append_header (self, bytes, state_id);
  for (guint i = self->saved; i < count; i++)
    append_record (records, get_token (self, i));
  if (records->len > 0)
    append_piece (bytes, records, self->saved);
  g_byte_array_set_size (records, 0);
  if (closing)
    append_piece (bytes, records, count);
  return bytes;
}

static gboolean
write_all (int fd, const guint8 *bytes, gsize length, goffset offset)
{
  while (length > 0)
    {
      gssize written = pwrite (fd, bytes, length, offset);
      if (written < 0 && errno == EINTR)
        continue;
      if (written <= 0)
        return FALSE;
      bytes += written;
      offset += written;
      length -= (gsize) written;
    }
  return TRUE;
}

gboolean
tessera_status_shard_save (TesseraStatusShard *self,
                           const char *directory,
                           const char *state_id,
                           guint count,
                           gboolean closing,
                           GError **error)
{
  if (self->file_closed || (self->saved == count && !closing))
    return TRUE;

  g_autofree char *path = g_build_filename (directory, self->name, NULL);
  g_autoptr (GByteArray) news = gather_news (self, count, state_id, closing);
  int fd = open (path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  /* What was left of a piece that could not be written whole is written over. */
  gboolean done = fd >= 0 && ftruncate (fd, self->file_size) == 0
                  && write_all (fd, news->data, news->len, self->file_size)
                  && (!closing || fdatasync (fd) == 0);
  int code = errno;
  if (fd >= 0)
    close (fd);
  if (!done)
    {
      g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), "Cannot write %s: %s", path,
                   g_strerror (code));
      return FALSE;
    }
  self->file_size += news->len;
  self->saved = count;
  self->file_closed = closing;
  return TRUE;
}

static gboolean
split_texts (const char *data, gsize length, const char *out_texts[N_TEXTS])
{
  for (guint i = 0; i < N_TEXTS; i++)
    {
      const char *end = memchr (data, '\0', length);
      if (end == NULL)
        return FALSE;
      out_texts[i] = data;
      length -= (gsize) (end - data) + 1;
      data = end + 1;
    }
  return length == 0;
}

/* Advances behind it. */
static gboolean
read_record (TesseraStatusShard *self, const guint8 **data, gsize *length)
{
  Record record;
  const char *texts[N_TEXTS];

  if (*length < sizeof record)
    return FALSE;
  memcpy (&record, *data, sizeof record);
  *data += sizeof record;
  *length -= sizeof record;
  if (record.length > *length || !split_texts ((const char *) *data, record.length, texts)
      || record.index >= TESSERA_STATUS_SHARD_SIZE || is_used (self, record.index)
      || tessera_status_shard_is_full (self))
    return FALSE;
  add_token (self, record.jti, record.index, 0, texts);
  *data += record.length;
  *length -= record.length;
  return TRUE;
}

/* FALSE: nothing that follows can be believed. */
static gboolean
read_piece (TesseraStatusShard *self, const guint8 **data, gsize *length)
{
  Piece piece;

  if (*length < sizeof piece)
    return FALSE;
  memcpy (&piece, *data, sizeof piece);
  *data += sizeof piece;
  *length -= sizeof piece;
  if (piece.length > *length || piece.number != self->count
      || piece.checksum != sum_piece (&piece, *data))
    return FALSE;
  self->file_closed = piece.length == 0;
  *length -= piece.length;
  for (gsize rest = piece.length; rest > 0;)
    if (!read_record (self, data, &rest))
      return FALSE;
  return TRUE;
}

static gboolean
is_header_of (const Header *header, const char *name, const char *state_id)
{
  return header->magic == MAGIC
         && header->checksum
                == tessera_deny_snapshot_sum (header, G_STRUCT_OFFSET (Header, checksum))
         && strncmp (header->state_id, state_id, sizeof header->state_id) == 0
         && strncmp (header->name, name, sizeof header->name) == 0;
}

TesseraStatusShard *
tessera_status_shard_load (const char *directory, const char *name, const char *state_id)
{
  g_autofree char *path = g_build_filename (directory, name, NULL);
  g_autofree char *content = NULL;
  gsize length = 0;
  Header header;

  if (!g_file_get_contents (path, &content, &length, NULL) || length < sizeof header)
    return NULL;
  memcpy (&header, content, sizeof header);
  if (!is_header_of (&header, name, state_id))
    return NULL;

  TesseraStatusShard *self = tessera_status_shard_new (header.ends_ms);
  g_strlcpy (self->name, name, sizeof self->name);
  const guint8 *data = (const guint8 *) content + sizeof header;
  length -= sizeof header;
  while (!self->file_closed && read_piece (self, &data, &length))
    ;
  self->torn = !self->file_closed || length > 0;
  self->saved = self->count;
  self->file_closed = TRUE; /* nothing is reserved in it any more */
  return self;
}

void
tessera_status_shard_remove (TesseraStatusShard *self, const char *directory)
{
  g_autofree char *path = g_build_filename (directory, self->name, NULL);
  g_unlink (path);
}
