/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The keys of one server, their states, their files and their JWKS (RFC 7517 §5; design.md §4).
 *
 * Two locks: whoever changes the ring holds `admin` throughout, with key generation and disk;
 * `mutex` guards the few pointers that requests read, and is never held across either. An array of
 * entries is not changed once it is published; a change makes another. */
#include "jose/tessera-key-ring-private.h"

#include "base/tessera-directory-private.h"
#include "base/tessera-error.h"
#include "base/tessera-json-private.h"
#include "base/tessera-seal-private.h"
#include "base/tessera-secret-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RING_FILE "keyring.json"
#define ROTATION_FILE "rotation.key"
#define SUBJECT_FILE "subject.key"
#define SEALING_FILE "sealing.key"
/* Stands in the directory while the first files are written, so that a start that was cut off there
 * is told from a ring whose list was lost. */
#define CREATING_FILE "creating"
#define RESERVE_FILE "reserve"
#define RESERVE_SIZE (64 * 1024) /* a few small files */
#define SECRET_SIZE 32
G_STATIC_ASSERT (SECRET_SIZE == TESSERA_SEAL_KEY_SIZE);
#define FILE_MAX_SIZE (64 * 1024)
#define RING_VERSION 1

struct _TesseraKeyRing
{
  GMutex admin;
  char *directory; /* NULL: in memory only */
  TesseraClock *clock;
  guint8 *rotation_key; /* in OpenSSL's secure memory, as the next */
  guint8 *subject_key;
  TesseraTokenKind *refresh_tokens;

  GMutex mutex;
  GPtrArray *entries; /* TesseraKeyEntry*, oldest first */
  GBytes *jwks;
  char *etag;
  guint8 *sealing_key; /* NULL: there is none yet */
};

static const char *const state_names[] = {
  [TESSERA_KEY_NEXT] = "next",
  [TESSERA_KEY_ACTIVE] = "active",
  [TESSERA_KEY_RETIRED] = "retired",
  [TESSERA_KEY_REVOKED] = "revoked",
};

static gboolean refuse (GError **error, gint code, const char *format, ...) G_GNUC_PRINTF (3, 4);

static gboolean
refuse (GError **error, gint code, const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  g_autofree char *message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error_literal (error, TESSERA_SETUP_ERROR, code, message);
  return FALSE;
}

/* --- entries --- */

static TesseraKeyEntry *
entry_new (TesseraKey *key, TesseraKeyState state, gint64 created_ms, gint64 changed_ms)
{
  TesseraKeyEntry *self = g_new0 (TesseraKeyEntry, 1);

  self->key = tessera_key_ref (key);
  self->state = state;
  self->created_ms = created_ms;
  self->changed_ms = changed_ms;
  return self;
}

static gpointer
entry_copy (gconstpointer source, gpointer data)
{
  const TesseraKeyEntry *self = source;

  return entry_new (self->key, self->state, self->created_ms, self->changed_ms);
}

void
tessera_key_entry_free (TesseraKeyEntry *self)
{
  if (self == NULL)
    return;
  tessera_key_unref (self->key);
  g_free (self);
}

static GPtrArray *
entries_new (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify) tessera_key_entry_free);
}

static GPtrArray *
entries_copy (GPtrArray *entries)
{
  GPtrArray *copy = g_ptr_array_copy (entries, entry_copy, NULL);

  g_ptr_array_set_free_func (copy, (GDestroyNotify) tessera_key_entry_free);
  return copy;
}

static TesseraKeyEntry *
find_by_state (GPtrArray *entries, TesseraAlgorithm algorithm, TesseraKeyState state)
{
  for (guint i = 0; i < entries->len; i++)
    {
      TesseraKeyEntry *entry = g_ptr_array_index (entries, i);
      if (entry->state == state && tessera_key_get_algorithm (entry->key) == algorithm)
        return entry;
    }
  return NULL;
}

static TesseraKeyEntry *
find_by_id (GPtrArray *entries, const char *kid)
{
  for (guint i = 0; kid != NULL && i < entries->len; i++)
    {
      TesseraKeyEntry *entry = g_ptr_array_index (entries, i);
      if (strcmp (tessera_key_get_id (entry->key), kid) == 0)
        return entry;
    }
  return NULL;
}

/* What still may sign keeps its private part; of anything else only the public part is kept. */
static gboolean
state_signs (TesseraKeyState state)
{
  return state == TESSERA_KEY_NEXT || state == TESSERA_KEY_ACTIVE;
}

static void
set_state (TesseraKeyEntry *entry, TesseraKeyState state, gint64 now_ms)
{
  entry->state = state;
  entry->changed_ms = now_ms;
  if (state_signs (state))
    return;

  g_autofree char *pem = tessera_key_dup_public_pem (entry->key);
  TesseraKey *public_key
      = tessera_key_new_from_pem (pem, -1, tessera_key_get_algorithm (entry->key), NULL);
  if (public_key == NULL)
    return; /* its file loses the private part all the same */
  tessera_key_unref (entry->key);
  entry->key = public_key;
}

/* --- JWKS --- */

static char *
make_jwks (GPtrArray *entries)
{
  g_autoptr (json_t) set = json_object ();
  json_t *keys = json_array ();

  for (guint i = 0; i < entries->len; i++)
    {
      TesseraKeyEntry *entry = g_ptr_array_index (entries, i);
      if (entry->state != TESSERA_KEY_REVOKED)
        json_array_append_new (keys, tessera_key_to_jwk (entry->key));
    }
  json_object_set_new (set, "keys", keys);
  return tessera_json_dump (set);
}

/* Takes over @entries; from here on requests see them. */
static void
publish (TesseraKeyRing *self, GPtrArray *entries)
{
  char *text = make_jwks (entries);
  TesseraDigest digest = tessera_digest (text, -1);
  g_autofree char *tag = tessera_base64url_encode (digest.bytes, sizeof digest.bytes);
  g_autoptr (GBytes) old_jwks = NULL;
  g_autoptr (GPtrArray) old_entries = NULL;
  g_autofree char *old_etag = NULL;

  g_mutex_lock (&self->mutex);
  old_entries = self->entries;
  old_jwks = self->jwks;
  old_etag = self->etag;
  self->entries = entries;
  self->jwks = g_bytes_new_take (text, strlen (text));
  self->etag = g_strdup_printf ("\"%s\"", tag); /* strong (RFC 9110 §8.8.3) */
  g_mutex_unlock (&self->mutex);
}

/* --- files --- */

static gboolean
write_file (TesseraKeyRing *self, const char *name, const void *data, gsize length, GError **error)
{
  g_autofree char *path = g_build_filename (self->directory, name, NULL);
  g_autoptr (GError) cause = NULL;

  /* A temporary file, synced, renamed, and the directory synced; whether that failed is not told,
   * so we do it once more. */
  if (!g_file_set_contents_full (path, data, (gssize) length,
                                 G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0600,
                                 &cause))
    return refuse (error, TESSERA_SETUP_ERROR_KEY, "%s cannot be written: %s", path,
                   cause->message);
  return tessera_directory_sync (self->directory)
         || refuse (error, TESSERA_SETUP_ERROR_KEY, "%s cannot be synced: %s", self->directory,
                    g_strerror (errno));
}

static void
remove_file (TesseraKeyRing *self, const char *name)
{
  g_autofree char *path = g_build_filename (self->directory, name, NULL);

  if (g_unlink (path) != 0 && errno != ENOENT)
    g_warning ("%s cannot be removed: %s", path, g_strerror (errno));
}

static gboolean
has_file (TesseraKeyRing *self, const char *name)
{
  g_autofree char *path = g_build_filename (self->directory, name, NULL);
  struct stat status;

  return lstat (path, &status) == 0;
}

static char *
make_pem_name (const char *kid)
{
  return g_strconcat (kid, ".pem", NULL);
}

/* Only the server's own user may read or write what @status describes. */
static gboolean
check_access (const struct stat *status, const char *path, GError **error)
{
  if (status->st_uid != geteuid ())
    return refuse (error, TESSERA_SETUP_ERROR_KEY, "%s belongs to another user.", path);
  if ((status->st_mode & 077) != 0)
    return refuse (error, TESSERA_SETUP_ERROR_KEY, "%s is open to other users (mode %04o).", path,
                   status->st_mode & 07777);
  return TRUE;
}

static gboolean
check_file (int fd, const char *path, GError **error)
{
  struct stat status;

  if (fstat (fd, &status) != 0 || !S_ISREG (status.st_mode) || status.st_size > FILE_MAX_SIZE)
    return refuse (error, TESSERA_SETUP_ERROR_KEY, "%s is not a key file.", path);
  return check_access (&status, path, error);
}

/* The whole file and a NUL behind it; NULL with an error. Release after cleansing *@out_length
 * bytes. */
static char *
read_descriptor (int fd, const char *path, gsize *out_length, GError **error)
{
  char *text = g_malloc0 (FILE_MAX_SIZE + 1);
  gsize length = 0;

  while (length < FILE_MAX_SIZE)
    {
      ssize_t n = read (fd, text + length, FILE_MAX_SIZE - length);
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        {
          refuse (error, TESSERA_SETUP_ERROR_KEY, "%s cannot be read: %s", path,
                  g_strerror (errno));
          OPENSSL_cleanse (text, length);
          g_free (text);
          return NULL;
        }
      if (n == 0)
        break;
      length += (gsize) n;
    }
  *out_length = length;
  return text;
}

static char *
read_file (TesseraKeyRing *self, const char *name, gsize *out_length, GError **error)
{
  g_autofree char *path = g_build_filename (self->directory, name, NULL);
  char *text = NULL;
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

  if (fd < 0)
    {
      refuse (error, TESSERA_SETUP_ERROR_KEY, "%s cannot be opened: %s", path, g_strerror (errno));
      return NULL;
    }
  if (check_file (fd, path, error))
    text = read_descriptor (fd, path, out_length, error);
  close (fd);
  return text;
}

static gboolean
write_key (TesseraKeyRing *self, const TesseraKeyEntry *entry, GError **error)
{
  g_autofree char *name = make_pem_name (tessera_key_get_id (entry->key));
  g_autoptr (TesseraSecret) pem = state_signs (entry->state)
                                      ? tessera_key_dup_private_pem (entry->key)
                                      : tessera_key_dup_public_pem (entry->key);

  return write_file (self, name, pem, strlen (pem), error);
}

static json_t *
entry_to_json (const TesseraKeyEntry *entry)
{
  json_t *row = json_object ();
  TesseraAlgorithm algorithm = tessera_key_get_algorithm (entry->key);

  json_object_set_new (row, "kid", json_string (tessera_key_get_id (entry->key)));
  json_object_set_new (row, "alg", json_string (tessera_algorithm_get_name (algorithm)));
  json_object_set_new (row, "state", json_string (state_names[entry->state]));
  json_object_set_new (row, "created_ms", json_integer (entry->created_ms));
  json_object_set_new (row, "changed_ms", json_integer (entry->changed_ms));
  return row;
}

/* By which another one is noticed; of 256 random bits it tells nothing. */
static char *
dup_fingerprint (const guint8 *secret)
{
  TesseraDigest digest = tessera_digest (secret, SECRET_SIZE);

  return tessera_base64url_encode (digest.bytes, sizeof digest.bytes);
}

static gboolean
write_list (TesseraKeyRing *self, GPtrArray *entries, GError **error)
{
  g_autoptr (json_t) list = json_object ();
  json_t *rows = json_array ();
  g_autofree char *subject_key = dup_fingerprint (self->subject_key);
  g_autofree char *rotation_key = dup_fingerprint (self->rotation_key);

  json_object_set_new (list, "version", json_integer (RING_VERSION));
  for (guint i = 0; i < entries->len; i++)
    json_array_append_new (rows, entry_to_json (g_ptr_array_index (entries, i)));
  json_object_set_new (list, "keys", rows);
  json_object_set_new (list, "subject_key", json_string (subject_key));
  json_object_set_new (list, "rotation_key", json_string (rotation_key));
  g_autofree char *text = tessera_json_dump (list);
  return write_file (self, RING_FILE, text, strlen (text), error);
}

/* New keys are on disk before the list names them. */
static gboolean
write_new_keys (TesseraKeyRing *self, GPtrArray *entries, GError **error)
{
  for (guint i = 0; i < entries->len; i++)
    {
      TesseraKeyEntry *entry = g_ptr_array_index (entries, i);
      if (find_by_id (self->entries, tessera_key_get_id (entry->key)) == NULL
          && !write_key (self, entry, error))
        return FALSE;
    }
  return TRUE;
}

/* After the list is durable: what no longer signs loses its private part, what is no longer listed
 * its file. A failure here is said and made good at the next load. */
static void
tidy_keys (TesseraKeyRing *self, GPtrArray *entries)
{
  for (guint i = 0; i < self->entries->len; i++)
    {
      TesseraKeyEntry *old = g_ptr_array_index (self->entries, i);
      TesseraKeyEntry *present = find_by_id (entries, tessera_key_get_id (old->key));
      g_autofree char *name = make_pem_name (tessera_key_get_id (old->key));
      g_autoptr (GError) error = NULL;

      if (present == NULL)
        remove_file (self, name);
      else if (state_signs (old->state) && !state_signs (present->state)
               && !write_key (self, present, &error))
        g_warning ("A private key that is no longer used stays on disk: %s", error->message);
    }
}

/* Room for a revocation on a full disk. */
static char *
dup_reserve_path (TesseraKeyRing *self)
{
  return g_build_filename (self->directory, RESERVE_FILE, NULL);
}

/* Where there is no room it is missing, and made by a later change. */
static void
make_reserve (TesseraKeyRing *self)
{
  g_autofree char *path = dup_reserve_path (self);
  int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

  if (fd < 0)
    return;
  gboolean made = posix_fallocate (fd, 0, RESERVE_SIZE) == 0;
  close (fd);
  if (!made)
    g_unlink (path);
}

static gboolean
give_up_reserve (TesseraKeyRing *self)
{
  g_autofree char *path = self->directory != NULL ? dup_reserve_path (self) : NULL;

  return path != NULL && g_unlink (path) == 0;
}

/* Makes @entries durable, then visible. Under `admin`, so that self->entries stands still. */
static gboolean
commit (TesseraKeyRing *self, GPtrArray *entries, GError **error)
{
  if (self->directory != NULL)
    {
      if (!write_new_keys (self, entries, error) || !write_list (self, entries, error))
        return FALSE;
      tidy_keys (self, entries);
      make_reserve (self);
    }
  publish (self, g_ptr_array_ref (entries));
  return TRUE;
}

/* As commit () does, on a full disk too. */
static gboolean
commit_revocation (TesseraKeyRing *self, GPtrArray *entries, GError **error)
{
  g_autoptr (GError) problem = NULL;

  if (commit (self, entries, &problem))
    return TRUE;
  if (give_up_reserve (self))
    return commit (self, entries, error);
  g_propagate_error (error, g_steal_pointer (&problem));
  return FALSE;
}

/* --- loading --- */

static gboolean
parse_state (const char *name, TesseraKeyState *out_state)
{
  for (guint i = 0; name != NULL && i < G_N_ELEMENTS (state_names); i++)
    {
      if (strcmp (name, state_names[i]) == 0)
        {
          *out_state = i;
          return TRUE;
        }
    }
  return FALSE;
}

/* A thumbprint, so that it is a safe file name. */
static gboolean
is_kid (const char *kid)
{
  g_autofree guint8 *bytes = NULL;
  gsize length = 0;

  if (kid == NULL)
    return FALSE;
  bytes = tessera_base64url_decode (kid, strlen (kid), &length);
  return bytes != NULL && length == TESSERA_DIGEST_SIZE;
}

static gboolean
refuse_list (TesseraKeyRing *self, GError **error)
{
  return refuse (error, TESSERA_SETUP_ERROR_KEY, "%s/%s is damaged, or from a newer release.",
                 self->directory, RING_FILE);
}

static TesseraKey *
load_key (TesseraKeyRing *self, const char *kid, TesseraAlgorithm algorithm, GError **error)
{
  gsize length = 0;
  g_autoptr (GError) cause = NULL;
  g_autofree char *name = make_pem_name (kid);
  char *pem = read_file (self, name, &length, error);
  if (pem == NULL)
    return NULL;

  g_autoptr (TesseraKey) key = tessera_key_new_from_pem (pem, (gssize) length, algorithm, &cause);
  OPENSSL_cleanse (pem, length);
  g_free (pem);
  if (key == NULL)
    refuse (error, TESSERA_SETUP_ERROR_KEY, "%s/%s: %s", self->directory, name, cause->message);
  else if (strcmp (tessera_key_get_id (key), kid) == 0)
    return g_steal_pointer (&key);
  else
    refuse (error, TESSERA_SETUP_ERROR_KEY, "%s/%s holds another key.", self->directory, name);
  return NULL;
}

static gboolean
load_entry (TesseraKeyRing *self, const json_t *row, GPtrArray *entries, GError **error)
{
  const char *kid = json_string_value (json_object_get (row, "kid"));
  json_t *created = json_object_get (row, "created_ms");
  json_t *changed = json_object_get (row, "changed_ms");
  TesseraAlgorithm algorithm;
  TesseraKeyState state;

  if (!is_kid (kid) || find_by_id (entries, kid) != NULL || !json_is_integer (created)
      || !json_is_integer (changed)
      || !tessera_algorithm_parse (json_string_value (json_object_get (row, "alg")), &algorithm)
      || !parse_state (json_string_value (json_object_get (row, "state")), &state)
      || (state_signs (state) && find_by_state (entries, algorithm, state) != NULL))
    return refuse_list (self, error);

  g_autoptr (TesseraKey) key = load_key (self, kid, algorithm, error);
  if (key == NULL)
    return FALSE;
  if (state_signs (state) && !tessera_key_is_private (key))
    return refuse (error, TESSERA_SETUP_ERROR_KEY, "%s/%s.pem lacks the private part.",
                   self->directory, kid);

  g_ptr_array_add (entries, entry_new (key, state, json_integer_value (created),
                                       json_integer_value (changed)));
  return TRUE;
}

/* After a change that was cut off before the file was rewritten; and only of a list that is good as
 * a whole, for what is lost here does not come back. */
static gboolean
drop_private_parts (TesseraKeyRing *self, GPtrArray *entries, GError **error)
{
  for (guint i = 0; i < entries->len; i++)
    {
      TesseraKeyEntry *entry = g_ptr_array_index (entries, i);

      if (state_signs (entry->state) || !tessera_key_is_private (entry->key))
        continue;
      set_state (entry, entry->state, entry->changed_ms);
      if (!write_key (self, entry, error))
        return FALSE;
    }
  return TRUE;
}

/* @secret: SECRET_SIZE bytes. */
static gboolean
load_secret (TesseraKeyRing *self, const char *name, guint8 *secret, GError **error)
{
  gsize length = 0;
  char *bytes = read_file (self, name, &length, error);

  if (bytes == NULL)
    return FALSE;
  if (length == SECRET_SIZE)
    memcpy (secret, bytes, SECRET_SIZE);
  else
    refuse (error, TESSERA_SETUP_ERROR_KEY, "%s/%s is damaged.", self->directory, name);
  OPENSSL_cleanse (bytes, length);
  g_free (bytes);
  return length == SECRET_SIZE;
}

static gboolean
make_secret (TesseraKeyRing *self, const char *name, guint8 *secret, GError **error)
{
  tessera_random_bytes (secret, SECRET_SIZE);
  return self->directory == NULL || write_file (self, name, secret, SECRET_SIZE, error);
}

/* Whoever restores a backup without keys may have put the old one here, which outlives them all. */
static gboolean
load_or_make_subject_key (TesseraKeyRing *self, GError **error)
{
  if (self->directory != NULL && has_file (self, SUBJECT_FILE))
    return load_secret (self, SUBJECT_FILE, self->subject_key, error);
  return make_secret (self, SUBJECT_FILE, self->subject_key, error);
}

/* @before: the fingerprint in the list; a list of an older release has none. */
static gboolean
load_same_secret (
    TesseraKeyRing *self, const char *name, guint8 *secret, const char *before, GError **error)
{
  if (!load_secret (self, name, secret, error))
    return FALSE;
  g_autofree char *now = dup_fingerprint (secret);
  return before == NULL || strcmp (before, now) == 0
         || refuse (error, TESSERA_SETUP_ERROR_KEY, "%s/%s is another one than before.",
                    self->directory, name);
}

/* Another one would make strangers of people, and every refresh token unknown: never instead of
 * those that @list, of this ring, was written with. */
static gboolean
load_secrets (TesseraKeyRing *self, const json_t *list, gboolean *out_is_new, GError **error)
{
  const char *subject_key = json_string_value (json_object_get (list, "subject_key"));
  const char *rotation_key = json_string_value (json_object_get (list, "rotation_key"));

  *out_is_new = subject_key == NULL || rotation_key == NULL;
  if (!load_same_secret (self, ROTATION_FILE, self->rotation_key, rotation_key, error))
    return FALSE;
  if (subject_key == NULL)
    return load_or_make_subject_key (self, error);
  return load_same_secret (self, SUBJECT_FILE, self->subject_key, subject_key, error);
}

/* It is made when it is needed first; or it came along, as the key of subjects may. */
static gboolean
load_sealing_key (TesseraKeyRing *self, GError **error)
{
  if (self->directory == NULL || !has_file (self, SEALING_FILE))
    return TRUE;
  self->sealing_key = OPENSSL_secure_zalloc (SECRET_SIZE);
  if (self->sealing_key == NULL)
    return refuse (error, TESSERA_SETUP_ERROR_KEY, "There is no secure memory left for keys.");
  return load_secret (self, SEALING_FILE, self->sealing_key, error);
}

static gboolean
load (TesseraKeyRing *self, GError **error)
{
  gboolean is_new = FALSE;
  gsize length = 0, i;
  json_t *row;
  g_autofree char *text = read_file (self, RING_FILE, &length, error);
  if (text == NULL)
    return FALSE;

  g_autoptr (GPtrArray) entries = entries_new ();
  g_autoptr (json_t) list = tessera_json_parse (text, length, FILE_MAX_SIZE, NULL);
  json_t *rows = json_object_get (list, "keys");
  if (json_integer_value (json_object_get (list, "version")) != RING_VERSION
      || json_array_size (rows) == 0)
    return refuse_list (self, error);
  json_array_foreach (rows, i, row)
    {
      if (!load_entry (self, row, entries, error))
        return FALSE;
    }
  if (!load_secrets (self, list, &is_new, error) || !load_sealing_key (self, error)
      || !drop_private_parts (self, entries, error))
    return FALSE;
  publish (self, g_steal_pointer (&entries));
  remove_file (self, CREATING_FILE);
  return !is_new || write_list (self, self->entries, error);
}

/* --- the first start --- */

static gboolean
check_directory (TesseraKeyRing *self, gboolean may_create, GError **error)
{
  struct stat status;

  if (may_create && !tessera_directory_make (self->directory))
    return refuse (error, TESSERA_SETUP_ERROR_KEY, "%s cannot be made: %s", self->directory,
                   g_strerror (errno));
  if (stat (self->directory, &status) != 0 || !S_ISDIR (status.st_mode))
    return refuse (error, TESSERA_SETUP_ERROR_KEY,
                   "%s, the directory of the signing keys, is missing.", self->directory);
  return check_access (&status, self->directory, error);
}

/* Files of ours without the list that names them; owned. */
static GPtrArray *
find_leftovers (TesseraKeyRing *self)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) directory = g_dir_open (self->directory, 0, NULL);
  const char *name;

  while (directory != NULL && (name = g_dir_read_name (directory)) != NULL)
    {
      if (g_str_has_suffix (name, ".pem") || strcmp (name, ROTATION_FILE) == 0)
        g_ptr_array_add (names, g_strdup (name));
    }
  return names;
}

/* The list is gone, but keys are there. Only a first start that was cut off may begin anew: nothing
 * was ever signed with what it left. */
static gboolean
clear_leftovers (TesseraKeyRing *self)
{
  g_autoptr (GPtrArray) names = find_leftovers (self);

  if (names->len > 0 && !has_file (self, CREATING_FILE))
    return FALSE;
  for (guint i = 0; i < names->len; i++)
    remove_file (self, g_ptr_array_index (names, i));
  return TRUE;
}

static gboolean
create (TesseraKeyRing *self, TesseraAlgorithm algorithm, GError **error)
{
  if (self->directory != NULL && !write_file (self, CREATING_FILE, "", 0, error))
    return FALSE;
  publish (self, entries_new ());
  if (!make_secret (self, ROTATION_FILE, self->rotation_key, error)
      || !load_or_make_subject_key (self, error) || !load_sealing_key (self, error)
      || !tessera_key_ring_ensure (self, algorithm, error))
    return FALSE;
  if (self->directory != NULL)
    remove_file (self, CREATING_FILE);
  return TRUE;
}

static gboolean
load_or_create (TesseraKeyRing *self,
                TesseraAlgorithm algorithm,
                gboolean may_create,
                GError **error)
{
  if (self->directory == NULL)
    return create (self, algorithm, error);
  if (!check_directory (self, may_create, error))
    return FALSE;
  if (has_file (self, RING_FILE))
    return load (self, error) && tessera_key_ring_ensure (self, algorithm, error);
  if (!may_create || !clear_leftovers (self))
    return refuse (error, TESSERA_SETUP_ERROR_KEY,
                   "%s/%s is missing, but there is state that needs it.", self->directory,
                   RING_FILE);
  return create (self, algorithm, error);
}

gboolean
tessera_key_ring_exists (const char *directory)
{
  g_autofree char *path = g_build_filename (directory, RING_FILE, NULL);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

TesseraKeyRing *
tessera_key_ring_open (const char *directory,
                       TesseraAlgorithm algorithm,
                       gboolean may_create,
                       TesseraClock *clock,
                       GError **error)
{
  g_autoptr (TesseraKeyRing) self = g_new0 (TesseraKeyRing, 1);

  g_mutex_init (&self->admin);
  g_mutex_init (&self->mutex);
  self->directory = g_strdup (directory);
  self->clock = tessera_clock_ref (clock);
  self->rotation_key = OPENSSL_secure_zalloc (SECRET_SIZE);
  self->subject_key = OPENSSL_secure_zalloc (SECRET_SIZE);
  if (self->rotation_key == NULL || self->subject_key == NULL)
    {
      refuse (error, TESSERA_SETUP_ERROR_KEY, "There is no secure memory left for keys.");
      return NULL;
    }
  if (!load_or_create (self, algorithm, may_create, error))
    return NULL;
  if (self->directory != NULL)
    make_reserve (self);
  self->refresh_tokens
      = tessera_token_kind_new (self->rotation_key, SECRET_SIZE, TESSERA_REFRESH_TOKEN_PREFIX);
  if (self->refresh_tokens == NULL)
    {
      refuse (error, TESSERA_SETUP_ERROR_KEY, "There is no secure memory left for keys.");
      return NULL;
    }
  return g_steal_pointer (&self);
}

void
tessera_key_ring_free (TesseraKeyRing *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->entries, g_ptr_array_unref);
  g_clear_pointer (&self->jwks, g_bytes_unref);
  tessera_clock_unref (self->clock);
  OPENSSL_secure_clear_free (self->rotation_key, SECRET_SIZE);
  OPENSSL_secure_clear_free (self->subject_key, SECRET_SIZE);
  OPENSSL_secure_clear_free (self->sealing_key, SECRET_SIZE);
  tessera_token_kind_free (self->refresh_tokens);
  g_free (self->etag);
  g_free (self->directory);
  g_mutex_clear (&self->mutex);
  g_mutex_clear (&self->admin);
  g_free (self);
}

/* --- what requests ask --- */

TesseraKey *
tessera_key_ring_dup_active (TesseraKeyRing *self, TesseraAlgorithm algorithm)
{
  TesseraKey *key = NULL;

  g_mutex_lock (&self->mutex);
  TesseraKeyEntry *entry = find_by_state (self->entries, algorithm, TESSERA_KEY_ACTIVE);
  if (entry != NULL)
    key = tessera_key_ref (entry->key);
  g_mutex_unlock (&self->mutex);
  return key;
}

TesseraKey *
tessera_key_ring_lookup (TesseraKeyRing *self, const char *kid)
{
  TesseraKey *key = NULL;

  g_mutex_lock (&self->mutex);
  TesseraKeyEntry *entry = find_by_id (self->entries, kid);
  if (entry != NULL && entry->state != TESSERA_KEY_REVOKED)
    key = tessera_key_ref (entry->key);
  g_mutex_unlock (&self->mutex);
  return key;
}

GPtrArray *
tessera_key_ring_list (TesseraKeyRing *self)
{
  g_mutex_lock (&self->mutex);
  GPtrArray *entries = entries_copy (self->entries);
  g_mutex_unlock (&self->mutex);
  return entries;
}

GBytes *
tessera_key_ring_dup_jwks (TesseraKeyRing *self, char **out_etag)
{
  g_mutex_lock (&self->mutex);
  GBytes *jwks = g_bytes_ref (self->jwks);
  if (out_etag != NULL)
    *out_etag = g_strdup (self->etag);
  g_mutex_unlock (&self->mutex);
  return jwks;
}

const TesseraTokenKind *
tessera_key_ring_get_refresh_tokens (TesseraKeyRing *self)
{
  return self->refresh_tokens;
}

const guint8 *
tessera_key_ring_get_rotation_key (TesseraKeyRing *self)
{
  return self->rotation_key;
}

const guint8 *
tessera_key_ring_get_subject_key (TesseraKeyRing *self)
{
  return self->subject_key;
}

const guint8 *
tessera_key_ring_get_sealing_key (TesseraKeyRing *self)
{
  g_mutex_lock (&self->mutex);
  const guint8 *key = self->sealing_key;
  g_mutex_unlock (&self->mutex);
  return key;
}

/* --- administration --- */

/* Visible when it is durable: what it seals must not outlive it. */
static gboolean
make_sealing_key (TesseraKeyRing *self, GError **error)
{
  guint8 *key = OPENSSL_secure_zalloc (SECRET_SIZE);

  if (key == NULL)
    return refuse (error, TESSERA_SETUP_ERROR_KEY, "There is no secure memory left for keys.");
  if (!make_secret (self, SEALING_FILE, key, error))
    {
      OPENSSL_secure_clear_free (key, SECRET_SIZE);
      return FALSE;
    }
  g_mutex_lock (&self->mutex);
  self->sealing_key = key;
  g_mutex_unlock (&self->mutex);
  return TRUE;
}

gboolean
tessera_key_ring_ensure_sealing_key (TesseraKeyRing *self, GError **error)
{
  g_mutex_lock (&self->admin);
  gboolean done = self->sealing_key != NULL || make_sealing_key (self, error);
  g_mutex_unlock (&self->admin);
  return done;
}

static gboolean
add_generated (TesseraKeyRing *self,
               GPtrArray *entries,
               TesseraAlgorithm algorithm,
               TesseraKeyState state,
               GError **error)
{
  gint64 now = tessera_clock_get_ms (self->clock);
  g_autoptr (TesseraKey) key = tessera_key_generate (algorithm, error);

  if (key == NULL)
    return FALSE;
  g_ptr_array_add (entries, entry_new (key, state, now, now));
  return TRUE;
}

/* One active and one next key. An active key that is missing is not taken from next: next may not
 * have been published for long enough. */
static gboolean
complete (TesseraKeyRing *self, GPtrArray *entries, TesseraAlgorithm algorithm, GError **error)
{
  if (find_by_state (entries, algorithm, TESSERA_KEY_ACTIVE) == NULL
      && !add_generated (self, entries, algorithm, TESSERA_KEY_ACTIVE, error))
    return FALSE;
  return find_by_state (entries, algorithm, TESSERA_KEY_NEXT) != NULL
         || add_generated (self, entries, algorithm, TESSERA_KEY_NEXT, error);
}

static gboolean
ensure_locked (TesseraKeyRing *self, TesseraAlgorithm algorithm, GError **error)
{
  if (find_by_state (self->entries, algorithm, TESSERA_KEY_ACTIVE) != NULL
      && find_by_state (self->entries, algorithm, TESSERA_KEY_NEXT) != NULL)
    return TRUE;

  g_autoptr (GPtrArray) entries = entries_copy (self->entries);
  return complete (self, entries, algorithm, error) && commit (self, entries, error);
}

gboolean
tessera_key_ring_ensure (TesseraKeyRing *self, TesseraAlgorithm algorithm, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->admin);

  return ensure_locked (self, algorithm, error);
}

/* Resource servers may keep the JWKS for @jwks_max_age seconds; a key they cannot know yet must not
 * sign (threats.md G09). */
static gboolean
check_published (TesseraKeyRing *self,
                 const TesseraKeyEntry *next,
                 gint64 jwks_max_age,
                 GError **error)
{
  gint64 left_ms = next->changed_ms + jwks_max_age * 1000 - tessera_clock_get_ms (self->clock);

  if (left_ms <= 0)
    return TRUE;
  return refuse (error, TESSERA_SETUP_ERROR_TOO_EARLY,
                 "The next key must stay published for %" G_GINT64_FORMAT " seconds more.",
                 (left_ms + 999) / 1000);
}

static void
promote_next (GPtrArray *entries, TesseraAlgorithm algorithm, gint64 now_ms)
{
  TesseraKeyEntry *next = find_by_state (entries, algorithm, TESSERA_KEY_NEXT);

  if (next != NULL)
    set_state (next, TESSERA_KEY_ACTIVE, now_ms);
}

/* @jwks_max_age: or -1, whoever may know the next key. */
static gboolean
rotate_algorithm (TesseraKeyRing *self,
                  GPtrArray *entries,
                  TesseraAlgorithm algorithm,
                  gint64 jwks_max_age,
                  GError **error)
{
  TesseraKeyEntry *next = find_by_state (entries, algorithm, TESSERA_KEY_NEXT);
  TesseraKeyEntry *active = find_by_state (entries, algorithm, TESSERA_KEY_ACTIVE);
  gint64 now_ms = tessera_clock_get_ms (self->clock);

  if (next == NULL || active == NULL)
    return TRUE; /* nothing is signed with it */
  if (jwks_max_age >= 0 && !check_published (self, next, jwks_max_age, error))
    return FALSE;
  set_state (active, TESSERA_KEY_RETIRED, now_ms);
  promote_next (entries, algorithm, now_ms);
  return complete (self, entries, algorithm, error);
}

gboolean
tessera_key_ring_rotate (TesseraKeyRing *self, gint64 jwks_max_age, gboolean now, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->admin);
  g_autoptr (GPtrArray) entries = entries_copy (self->entries);

  for (guint i = TESSERA_ALGORITHM_ES256; i <= TESSERA_ALGORITHM_PS256; i++)
    if (!rotate_algorithm (self, entries, i, now ? -1 : jwks_max_age, error))
      return FALSE;
  return commit (self, entries, error);
}

gboolean
tessera_key_ring_retire (TesseraKeyRing *self, const char *kid, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->admin);
  g_autoptr (GPtrArray) entries = entries_copy (self->entries);
  TesseraKeyEntry *entry = find_by_id (entries, kid);

  if (entry == NULL)
    return refuse (error, TESSERA_SETUP_ERROR_NOT_FOUND, "There is no such key.");
  if (entry->state != TESSERA_KEY_NEXT && entry->state != TESSERA_KEY_RETIRED)
    return refuse (error, TESSERA_SETUP_ERROR_KEY, "Only a next or retired key can be dropped.");
  TesseraAlgorithm algorithm = tessera_key_get_algorithm (entry->key);
  gboolean was_next = entry->state == TESSERA_KEY_NEXT;
  g_ptr_array_remove (entries, entry);
  return (!was_next || complete (self, entries, algorithm, error)) && commit (self, entries, error);
}

gboolean
tessera_key_ring_revoke (TesseraKeyRing *self, const char *kid, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->admin);
  g_autoptr (GPtrArray) entries = entries_copy (self->entries);
  TesseraKeyEntry *entry = find_by_id (entries, kid);
  gint64 now_ms = tessera_clock_get_ms (self->clock);

  if (entry == NULL)
    return refuse (error, TESSERA_SETUP_ERROR_NOT_FOUND, "There is no such key.");
  if (entry->state == TESSERA_KEY_REVOKED)
    return TRUE;
  TesseraAlgorithm algorithm = tessera_key_get_algorithm (entry->key);
  gboolean was_active = entry->state == TESSERA_KEY_ACTIVE;
  gboolean signed_or_would = state_signs (entry->state);
  set_state (entry, TESSERA_KEY_REVOKED, now_ms);
  if (was_active)
    promote_next (entries, algorithm, now_ms);
  if (signed_or_would && !complete (self, entries, algorithm, error))
    return FALSE;
  return commit_revocation (self, entries, error);
}

gboolean
tessera_key_ring_prune (TesseraKeyRing *self, gint64 lifetime_ms, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->admin);
  g_autoptr (GPtrArray) entries = entries_copy (self->entries);
  gint64 now_ms = tessera_clock_get_ms (self->clock);

  for (guint i = entries->len; i > 0; i--)
    {
      TesseraKeyEntry *entry = g_ptr_array_index (entries, i - 1);
      if (entry->state == TESSERA_KEY_RETIRED && now_ms - entry->changed_ms >= lifetime_ms)
        g_ptr_array_remove_index (entries, i - 1);
    }
  return entries->len == self->entries->len || commit (self, entries, error);
}
