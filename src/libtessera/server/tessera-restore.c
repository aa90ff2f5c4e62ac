/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A backup becomes the state again (design.md §5: a missing or rolled-back database must not
 * un-revoke). */

#include "jose/tessera-key-ring-private.h"
#include "server/tessera-administration.h"
#include "store/tessera-database-private.h"
#include "store/tessera-mirror-private.h"
#include "store/tessera-sqlite-store-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DATABASE "tessera.db"
#define MIRROR "generation"
#define KEYS "keys"
#define SUFFIX ".before-restore"
#define PIECE (1024 * 1024)
#define NO_ID "restored" /* of no database */

typedef struct
{
  GInputStream *backup;
  const char *directory;
  char *key_directory;
  char *scratch; /* a directory in the state directory, so that a rename is enough */
  int lock_fd;

  TesseraStoreState state;
  guint clients;
  guint users;
  guint64 denials;
  gboolean complete; /* nothing was committed after the backup */
  gboolean made_keys;
} Restore;

static gboolean
fail_errno (const char *path, GError **error)
{
  int code = errno;
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code), "%s: %s", path, g_strerror (code));
  return FALSE;
}

static void
remove_scratch (Restore *self)
{
  g_autoptr (GDir) dir = g_dir_open (self->scratch, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (self->scratch, name, NULL);
      g_unlink (path);
    }
  g_rmdir (self->scratch);
}

static void
restore_clear (Restore *self)
{
  if (self->scratch != NULL)
    remove_scratch (self);
  if (self->lock_fd >= 0)
    close (self->lock_fd);
  g_free (self->scratch);
  g_free (self->key_directory);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Restore, restore_clear)

static gboolean
prepare (Restore *self, GError **error)
{
  if (g_mkdir_with_parents (self->directory, 0700) != 0)
    return fail_errno (self->directory, error);
  self->lock_fd = tessera_database_lock (self->directory, error);
  if (self->lock_fd < 0)
    return FALSE;
  self->scratch = g_build_filename (self->directory, "restore-XXXXXX", NULL);
  if (g_mkdtemp_full (self->scratch, 0700) != NULL)
    return TRUE;
  g_clear_pointer (&self->scratch, g_free);
  return fail_errno (self->directory, error);
}

static gboolean
copy_backup (Restore *self, GError **error)
{
  g_autofree char *path = g_build_filename (self->scratch, DATABASE, NULL);
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GFileOutputStream) copy = g_file_create (file, G_FILE_CREATE_PRIVATE, NULL, error);
  gssize size = -1;

  if (copy != NULL)
    size = g_output_stream_splice (G_OUTPUT_STREAM (copy), self->backup,
                                   G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, NULL, error);
  if (size == 0)
    g_set_error_literal (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_STATE,
                         "The backup is empty.");
  return size > 0;
}

static void
count_client (TesseraClient *client, gpointer data)
{
  (*(guint *) data)++;
}

static void
count_user (TesseraUser *user, gpointer data)
{
  (*(guint *) data)++;
}

static void
count_denial (const TesseraDenial *denial, gpointer data)
{
  (*(guint64 *) data)++;
}

/* All of it is read, so that damage is met now. */
static gboolean
read_store (Restore *self, TesseraStore *store, GError **error)
{
  return tessera_store_get_state (store, &self->state, error)
         && tessera_store_foreach_client (store, count_client, &self->clients, error)
         && tessera_store_foreach_user (store, count_user, &self->users, error)
         && tessera_store_foreach_denial (store, 0, G_MAXUINT, count_denial, &self->denials, error);
}

/* Each page has a checksum; those that nothing uses, too. */
static gboolean
read_pages (TesseraStore *store, GError **error)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  gint64 size = 0;

  if (!tessera_store_read_copy (store, 0, bytes, &size, error))
    return FALSE;
  for (gint64 offset = 0; offset < size; offset += bytes->len)
    {
      g_byte_array_set_size (bytes, (guint) MIN (PIECE, size - offset));
      if (!tessera_store_read_copy (store, offset, bytes, &size, error))
        return FALSE;
    }
  return TRUE;
}

/* Opening it examines it, and brings it to the schema of now. */
static gboolean
examine (Restore *self, GError **error)
{
  g_autoptr (TesseraStore) store = tessera_sqlite_store_open (self->scratch, NULL, error);
  g_autoptr (GError) problem = NULL;

  if (store == NULL)
    {
      g_prefix_error (error, "The backup cannot be used: ");
      return FALSE;
    }
  if (tessera_store_begin (store, &problem) && read_store (self, store, &problem)
      && tessera_store_request_copy (store, &problem) && tessera_store_commit (store, &problem)
      && read_pages (store, &problem))
    return TRUE;
  g_set_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_STATE, "The backup is damaged: %s",
               problem->message);
  return FALSE;
}

/* The mirror of the state that was tells whether anything was revoked after the backup. It stays,
 * so that the next start sees the same; unless it might not be the last one, and then the next
 * start has to fear the worst. */
static gboolean
compare_mirror (Restore *self, GError **error)
{
  g_autofree char *path = g_build_filename (self->directory, MIRROR, NULL);
  g_autoptr (TesseraMirror) mirror = tessera_mirror_new (path);
  g_autoptr (GError) problem = NULL;
  TesseraStoreState mirrored = { 0 };
  gboolean is_last;

  if (!tessera_mirror_load (mirror, &mirrored, &is_last, &problem))
    {
      if (problem == NULL)
        return TRUE;
      g_propagate_error (error, g_steal_pointer (&problem));
      return FALSE;
    }
  gboolean covered = strcmp (mirrored.id, self->state.id) == 0
                     && mirrored.generation <= self->state.generation
                     && mirrored.commits <= self->state.commits;
  self->complete = covered && is_last;
  if (!covered || is_last)
    return TRUE;
  g_strlcpy (mirrored.id, NO_ID, sizeof mirrored.id);
  return tessera_mirror_create (mirror, &mirrored, error);
}

static gboolean
set_aside (Restore *self, const char *suffix, GError **error)
{
  g_autofree char *path = g_strconcat (self->directory, "/" DATABASE, suffix, NULL);
  g_autofree char *aside = g_strconcat (self->directory, "/" DATABASE SUFFIX, suffix, NULL);

  return g_rename (path, aside) == 0 || errno == ENOENT || fail_errno (path, error);
}

/* The log of a database that was set aside earlier would be taken for the log of this one. */
static void
forget_old_log (Restore *self, const char *suffix)
{
  g_autofree char *database = g_build_filename (self->directory, DATABASE, NULL);
  g_autofree char *aside = g_strconcat (self->directory, "/" DATABASE SUFFIX, suffix, NULL);

  if (g_file_test (database, G_FILE_TEST_EXISTS)) /* else it was this one, before a crash */
    g_unlink (aside);
}

static gboolean
sync_path (const char *path, GError **error)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  gboolean synced = fd >= 0 && fsync (fd) == 0;

  if (!synced)
    fail_errno (path, error);
  if (fd >= 0)
    close (fd);
  return synced;
}

/* A crash between the renames leaves no database beside a mirror: a rollback, too. */
static gboolean
put_in_place (Restore *self, GError **error)
{
  g_autofree char *from = g_build_filename (self->scratch, DATABASE, NULL);
  g_autofree char *to = g_build_filename (self->directory, DATABASE, NULL);

  if (!sync_path (from, error)) /* SQLite did so only if it had something to change */
    return FALSE;
  forget_old_log (self, "-wal");
  forget_old_log (self, "-journal");
  if (!set_aside (self, "", error) || !set_aside (self, "-wal", error)
      || !set_aside (self, "-journal", error))
    return FALSE;
  if (g_rename (from, to) != 0)
    return fail_errno (to, error);
  return sync_path (self->directory, error);
}

/* The keys that are there are newer than any backup, and stay: a key that was revoked since must
 * not come back. Where there are none, as on another machine, new ones are made. */
static gboolean
make_keys (Restore *self, GError **error)
{
  if (tessera_key_ring_exists (self->key_directory))
    return TRUE;
  g_autoptr (TesseraClock) clock = tessera_clock_new ();
  g_autoptr (TesseraKeyRing) keys
      = tessera_key_ring_open (self->key_directory, TESSERA_ALGORITHM_ES256, TRUE, clock, error);
  self->made_keys = keys != NULL;
  return keys != NULL;
}

static GVariant *
report (Restore *self)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "taken_at", "x", self->state.high_water_ms / 1000);
  g_variant_dict_insert (&dict, "generation", "t", self->state.generation);
  g_variant_dict_insert (&dict, "clients", "t", (guint64) self->clients);
  g_variant_dict_insert (&dict, "users", "t", (guint64) self->users);
  g_variant_dict_insert (&dict, "denials", "t", self->denials);
  g_variant_dict_insert (&dict, "complete", "b", self->complete);
  g_variant_dict_insert (&dict, "made_keys", "b", self->made_keys);
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

/**
 * tessera_restore_state:
 * @backup: what [method@Server.back_up_async] wrote
 * @state_directory: (type filename): where no server may be at work
 * @key_directory: (type filename) (nullable): where its keys are, or %NULL for `keys` in
 *   @state_directory
 * @error: return location for an error
 *
 * Makes a backup the state again. What was there is set aside as `tessera.db.before-restore`.
 *
 * What was revoked after the backup cannot be known from it. So, unless the state beside it shows
 * that nothing happened since, the next start refuses every token, code and session that was issued
 * until then, and people log in again; clients, users and consents are those of the backup. The
 * report says which it is: `complete` (b); and `taken_at` (x, seconds since 1970), `generation`,
 * `clients`, `users`, `denials` (t), `made_keys` (b: there were none, as on another machine).
 *
 * Errors: %TESSERA_SETUP_ERROR_LOCKED while a server is at work, %TESSERA_SETUP_ERROR_STATE when
 * the backup is damaged or of a newer release, %TESSERA_SETUP_ERROR_KEY; or of %G_IO_ERROR.
 *
 * Returns: (transfer full): the report, of type `a{sv}`, or %NULL with @error, and then all is as
 *   it was
 */
GVariant *
tessera_restore_state (GInputStream *backup,
                       const char *state_directory,
                       const char *key_directory,
                       GError **error)
{
  g_auto (Restore) self = { .backup = backup, .directory = state_directory, .lock_fd = -1 };

  g_return_val_if_fail (G_IS_INPUT_STREAM (backup), NULL);
  g_return_val_if_fail (state_directory != NULL, NULL);
  self.key_directory = key_directory != NULL ? g_strdup (key_directory)
                                             : g_build_filename (state_directory, KEYS, NULL);
  if (!prepare (&self, error) || !copy_backup (&self, error) || !examine (&self, error)
      || !compare_mirror (&self, error) || !make_keys (&self, error)
      || !put_in_place (&self, error))
    return NULL;
  return report (&self);
}
