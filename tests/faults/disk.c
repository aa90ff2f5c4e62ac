/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See disk.h. */

/* So that a function and its 64-bit name are two. */
#undef _FILE_OFFSET_BITS

#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SECTOR 512

/* @data NULL: the file has @offset bytes from then on. */
typedef struct
{
  gsize offset;
  GBytes *data;
} Change;

/* A file, whatever it is called. */
typedef struct
{
  GByteArray *durable;
  GArray *changes; /* Change, since the last sync */
  gboolean is_directory;
} Node;

/* What an operation on names did: `to` is @node now (NULL: gone), `from` is gone. */
typedef struct
{
  char *to;
  Node *node;
  char *from; /* or NULL */
} Renaming;

typedef struct
{
  Node *node;
  char *directory; /* it is one, and this */
} Handle;

/* How much of what was not synced survives. */
typedef enum
{
  NOTHING,
  EVERYTHING,
  BEGINNING, /* in order, up to some moment */
  ANY
} Luck;

static GMutex mutex; /* over what follows */
static char *root;
static GPtrArray *nodes;       /* Node: all that ever were */
static GHashTable *names;      /* char *path -> Node: as the program sees them */
static GHashTable *names_kept; /* the same, durable */
static GArray *renamings;      /* Renaming, that are not durable yet */
static GHashTable *handles;    /* fd -> Handle */
static DiskHook hook;
static gpointer hook_data;
static DiskKind kind;
static __thread gboolean inside; /* the hook: what it does itself is none of ours */

static void
change_clear (Change *change)
{
  g_clear_pointer (&change->data, g_bytes_unref);
}

static void
renaming_clear (Renaming *renaming)
{
  g_free (renaming->to);
  g_free (renaming->from);
}

static Node *
node_new (gboolean is_directory)
{
  Node *node = g_new0 (Node, 1);
  node->is_directory = is_directory;
  node->durable = g_byte_array_new ();
  node->changes = g_array_new (FALSE, FALSE, sizeof (Change));
  g_array_set_clear_func (node->changes, (GDestroyNotify) change_clear);
  g_ptr_array_add (nodes, node);
  return node;
}

static void
node_free (Node *node)
{
  g_byte_array_unref (node->durable);
  g_array_unref (node->changes);
  g_free (node);
}

static void
handle_free (Handle *handle)
{
  g_free (handle->directory);
  g_free (handle);
}

static gboolean
is_watched (const char *path)
{
  gsize length = root != NULL ? strlen (root) : 0;
  return length > 0 && strncmp (path, root, length) == 0
         && (path[length] == '/' || path[length] == '\0');
}

static void
add_name (const char *path, Node *node)
{
  g_hash_table_insert (names, g_strdup (path), node);
  g_hash_table_insert (names_kept, g_strdup (path), node);
}

/* What is there counts as durable. */
static void
add_files (const char *path)
{
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  const char *name;
  while (directory != NULL && (name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);
      g_autofree char *content = NULL;
      gsize length;
      if (g_file_test (child, G_FILE_TEST_IS_DIR))
        {
          add_name (child, node_new (TRUE));
          add_files (child);
        }
      else if (g_file_get_contents (child, &content, &length, NULL))
        {
          Node *node = node_new (FALSE);
          g_byte_array_append (node->durable, (const guint8 *) content, (guint) length);
          add_name (child, node);
        }
    }
}

void
disk_watch (const char *directory)
{
  nodes = g_ptr_array_new_with_free_func ((GDestroyNotify) node_free);
  names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  names_kept = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  renamings = g_array_new (FALSE, FALSE, sizeof (Renaming));
  g_array_set_clear_func (renamings, (GDestroyNotify) renaming_clear);
  handles = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) handle_free);
  add_files (directory);
  root = g_strdup (directory);
}

void
disk_forget (void)
{
  disk_set_hook (NULL, NULL);
  g_mutex_lock (&mutex);
  g_clear_pointer (&root, g_free);
  g_clear_pointer (&handles, g_hash_table_unref);
  g_clear_pointer (&renamings, g_array_unref);
  g_clear_pointer (&names_kept, g_hash_table_unref);
  g_clear_pointer (&names, g_hash_table_unref);
  g_clear_pointer (&nodes, g_ptr_array_unref);
  g_mutex_unlock (&mutex);
}

void
disk_set_hook (DiskHook func, gpointer data)
{
  g_mutex_lock (&mutex);
  hook = func;
  hook_data = data;
  g_mutex_unlock (&mutex);
}

void
disk_set_kind (DiskKind new_kind)
{
  kind = new_kind;
}

/* Outside the lock: the hook may ask for a cut. */
static void
tell_hook (void)
{
  g_mutex_lock (&mutex);
  DiskHook func = hook;
  gpointer data = hook_data;
  g_mutex_unlock (&mutex);
  if (func == NULL || inside)
    return;
  inside = TRUE;
  func (data);
  inside = FALSE;
}

/* Takes a lock that the caller gives back when there is a handle. */
static Handle *
lock_handle (int fd)
{
  g_mutex_lock (&mutex);
  Handle *handle = handles != NULL ? g_hash_table_lookup (handles, GINT_TO_POINTER (fd)) : NULL;
  if (handle == NULL)
    g_mutex_unlock (&mutex);
  return handle;
}

static gboolean
has_handle (int fd)
{
  if (lock_handle (fd) == NULL)
    return FALSE;
  g_mutex_unlock (&mutex);
  return TRUE;
}

/* Files. */

static void
apply_size (GByteArray *bytes, gsize size)
{
  guint old = bytes->len;
  g_byte_array_set_size (bytes, (guint) size);
  if (size > old)
    memset (bytes->data + old, 0, size - old);
}

static void
apply_piece (GByteArray *bytes, gsize offset, const guint8 *data, gsize length)
{
  if (bytes->len < offset + length)
    apply_size (bytes, offset + length);
  memcpy (bytes->data + offset, data, length);
}

static gboolean
survives (Luck luck, GRand *random)
{
  return luck == EVERYTHING || (luck == ANY && g_rand_boolean (random));
}

static void
apply_change (GByteArray *bytes, const Change *change, Luck luck, GRand *random)
{
  gsize length = 0;
  if (change->data == NULL)
    {
      if (survives (luck, random))
        apply_size (bytes, change->offset);
      return;
    }

  const guint8 *data = g_bytes_get_data (change->data, &length);
  for (gsize at = 0, size; at < length; at += size)
    {
      size = MIN (length - at, SECTOR - (change->offset + at) % SECTOR);
      if (survives (luck, random))
        apply_piece (bytes, change->offset + at, data + at, size);
    }
}

static GByteArray *
what_is_left (const Node *node, GRand *random)
{
  Luck luck = g_rand_int_range (random, NOTHING, ANY + 1);
  gint count = (gint) node->changes->len;
  GByteArray *bytes = g_byte_array_sized_new (node->durable->len);
  g_byte_array_append (bytes, node->durable->data, node->durable->len);
  if (luck == BEGINNING)
    {
      count = g_rand_int_range (random, 0, count + 1);
      luck = EVERYTHING;
    }
  for (gint i = 0; i < count; i++)
    apply_change (bytes, &g_array_index (node->changes, Change, i), luck, random);
  return bytes;
}

static void
note_change (int fd, gsize offset, const void *data, gssize length)
{
  Handle *handle = lock_handle (fd);
  if (handle == NULL)
    return;
  Change change = { offset, data != NULL ? g_bytes_new (data, (gsize) length) : NULL };
  if (handle->node != NULL)
    g_array_append_val (handle->node->changes, change);
  g_mutex_unlock (&mutex);
}

/* Names. */

static void
apply_renaming (GHashTable *table, const Renaming *renaming)
{
  if (renaming->node != NULL)
    g_hash_table_replace (table, g_strdup (renaming->to), renaming->node);
  else
    g_hash_table_remove (table, renaming->to);
  if (renaming->from != NULL)
    g_hash_table_remove (table, renaming->from);
}

static void
note_renaming (const char *to, Node *node, const char *from)
{
  Renaming renaming = { g_strdup (to), node, g_strdup (from) };
  apply_renaming (names, &renaming);
  g_array_append_val (renamings, renaming);
}

static gboolean
is_in (const char *path, const char *directory)
{
  g_autofree char *parent = g_path_get_dirname (path);
  return strcmp (parent, directory) == 0;
}

static void
keep_names_in (const char *directory)
{
  for (guint i = 0; i < renamings->len;)
    {
      const Renaming *renaming = &g_array_index (renamings, Renaming, i);
      if (!is_in (renaming->to, directory))
        {
          i++;
          continue;
        }
      apply_renaming (names_kept, renaming);
      g_array_remove_index (renamings, i);
    }
}

static GHashTable *
which_names_are_left (GRand *random)
{
  GHashTable *left = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  Luck luck = g_rand_int_range (random, NOTHING, ANY + 1);
  gint count = (gint) renamings->len;
  GHashTableIter iter;
  gpointer path, node;

  g_hash_table_iter_init (&iter, names_kept);
  while (g_hash_table_iter_next (&iter, &path, &node))
    g_hash_table_insert (left, g_strdup (path), node);
  if (luck == BEGINNING)
    {
      count = g_rand_int_range (random, 0, count + 1);
      luck = EVERYTHING;
    }
  for (gint i = 0; i < count; i++)
    if (survives (luck, random))
      apply_renaming (left, &g_array_index (renamings, Renaming, i));
  return left;
}

/* A name counts for nothing when one of the directories above it is lost. */
static gboolean
is_reached (GHashTable *left, const char *path)
{
  g_autofree char *parent = g_path_get_dirname (path);
  const Node *node = NULL;

  if (strcmp (parent, root) == 0)
    return TRUE;
  node = g_hash_table_lookup (left, parent);
  return node != NULL && node->is_directory && is_reached (left, parent);
}

/* @bytes NULL: a directory. */
static void
write_left (const char *path, GByteArray *bytes)
{
  g_autofree char *folder = bytes != NULL ? g_path_get_dirname (path) : g_strdup (path);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  if (bytes == NULL)
    return;
  g_file_set_contents_full (path, (const char *) bytes->data, bytes->len, G_FILE_SET_CONTENTS_NONE,
                            0600, &error);
  g_assert_no_error (error);
}

static void
byte_array_unref0 (gpointer bytes)
{
  if (bytes != NULL)
    g_byte_array_unref (bytes);
}

void
disk_cut_power (const char *directory, GRand *random)
{
  g_autoptr (GHashTable) left
      = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, byte_array_unref0);
  GHashTableIter iter;
  gpointer path, value;

  g_mutex_lock (&mutex);
  g_autoptr (GHashTable) paths = which_names_are_left (random);
  g_hash_table_iter_init (&iter, paths);
  while (g_hash_table_iter_next (&iter, &path, &value))
    /* The reserve holds nothing, and is large. */
    if (is_reached (paths, path) && !g_str_has_suffix (path, "/reserve"))
      g_hash_table_insert (left, g_strdup ((char *) path + strlen (root)),
                           ((Node *) value)->is_directory ? NULL : what_is_left (value, random));
  g_mutex_unlock (&mutex);

  g_hash_table_iter_init (&iter, left);
  while (g_hash_table_iter_next (&iter, &path, &value))
    {
      g_autofree char *target = g_strconcat (directory, path, NULL);
      write_left (target, value);
    }
}

/* Calls of libc. */

static void
note_open (int fd, const char *path, int flags)
{
  struct stat status;
  if (fd < 0 || fstat (fd, &status) != 0)
    return;
  g_mutex_lock (&mutex);
  if (root != NULL && is_watched (path))
    {
      Handle *handle = g_new0 (Handle, 1);
      if (S_ISDIR (status.st_mode))
        handle->directory = g_strdup (path);
      else
        {
          handle->node = g_hash_table_lookup (names, path);
          if (handle->node == NULL)
            note_renaming (path, handle->node = node_new (FALSE), NULL);
        }
      g_hash_table_replace (handles, GINT_TO_POINTER (fd), handle);
    }
  g_mutex_unlock (&mutex);
  if ((flags & O_TRUNC) != 0)
    note_change (fd, 0, NULL, 0);
}

static gboolean
may_change (const char *path, int flags)
{
  g_mutex_lock (&mutex);
  gboolean watched = root != NULL && is_watched (path);
  g_mutex_unlock (&mutex);
  return watched && (flags & (O_CREAT | O_TRUNC)) != 0;
}

static int
do_open (const char *path, int flags, mode_t mode)
{
  if (may_change (path, flags))
    tell_hook ();
  int fd = (int) syscall (SYS_openat, AT_FDCWD, path, flags | O_LARGEFILE, mode);
  note_open (fd, path, flags);
  return fd;
}

#define OPEN(NAME)                                                                                 \
  int NAME (const char *path, int flags, ...)                                                      \
  {                                                                                                \
    va_list arguments;                                                                             \
    va_start (arguments, flags);                                                                   \
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg (arguments, mode_t) : 0;           \
    va_end (arguments);                                                                            \
    return do_open (path, flags, mode);                                                            \
  }
OPEN (open)
OPEN (open64)

int __open_2 (const char *path, int flags);
int __open64_2 (const char *path, int flags);

int
__open_2 (const char *path, int flags)
{
  return do_open (path, flags, 0);
}

int
__open64_2 (const char *path, int flags)
{
  return do_open (path, flags, 0);
}

int
close (int fd)
{
  g_mutex_lock (&mutex);
  if (handles != NULL)
    g_hash_table_remove (handles, GINT_TO_POINTER (fd));
  g_mutex_unlock (&mutex);
  return (int) syscall (SYS_close, fd);
}

ssize_t
pwrite64 (int fd, const void *data, size_t size, off64_t offset)
{
  if (has_handle (fd))
    tell_hook ();
  ssize_t written = syscall (SYS_pwrite64, fd, data, size, offset);
  if (written > 0)
    note_change (fd, (gsize) offset, data, written);
  return written;
}

ssize_t
pwrite (int fd, const void *data, size_t size, off_t offset)
{
  return pwrite64 (fd, data, size, offset);
}

ssize_t
write (int fd, const void *data, size_t size)
{
  if (!has_handle (fd))
    return syscall (SYS_write, fd, data, size);
  tell_hook ();
  off64_t offset = lseek64 (fd, 0, SEEK_CUR);
  ssize_t written = syscall (SYS_write, fd, data, size);
  if (written > 0)
    note_change (fd, (gsize) offset, data, written);
  return written;
}

int
ftruncate64 (int fd, off64_t size)
{
  if (has_handle (fd))
    tell_hook ();
  int result = (int) syscall (SYS_ftruncate, fd, size);
  if (result == 0)
    note_change (fd, (gsize) size, NULL, 0);
  return result;
}

int
ftruncate (int fd, off_t size)
{
  return ftruncate64 (fd, size);
}

/* The process does not lose power: the real sync is left out. */
static int
do_sync (int fd)
{
  if (has_handle (fd))
    tell_hook ();
  Handle *handle = lock_handle (fd);
  if (handle == NULL)
    return 0;
  Node *node = handle->node;
  for (guint i = 0; node != NULL && i < node->changes->len; i++)
    apply_change (node->durable, &g_array_index (node->changes, Change, i), EVERYTHING, NULL);
  if (node != NULL)
    g_array_set_size (node->changes, 0);
  else if (kind != DISK_IGNORES_DIRECTORY_SYNCS)
    keep_names_in (handle->directory);
  g_mutex_unlock (&mutex);
  return 0;
}

int
fsync (int fd)
{
  return do_sync (fd);
}

int
fdatasync (int fd)
{
  return do_sync (fd);
}

static gboolean
is_watched_now (const char *path)
{
  g_mutex_lock (&mutex);
  gboolean watched = root != NULL && is_watched (path);
  g_mutex_unlock (&mutex);
  return watched;
}

int
rename (const char *from, const char *to)
{
  gboolean watched = is_watched_now (from);
  if (watched)
    tell_hook ();
  int result = (int) syscall (SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
  if (result != 0 || !watched)
    return result;
  g_mutex_lock (&mutex);
  note_renaming (to, g_hash_table_lookup (names, from), from);
  g_mutex_unlock (&mutex);
  return result;
}

int
unlink (const char *path)
{
  gboolean watched = is_watched_now (path);
  if (watched)
    tell_hook ();
  int result = (int) syscall (SYS_unlinkat, AT_FDCWD, path, 0);
  if (result != 0 || !watched)
    return result;
  g_mutex_lock (&mutex);
  note_renaming (path, NULL, NULL);
  g_mutex_unlock (&mutex);
  return result;
}

int
mkdir (const char *path, mode_t mode)
{
  gboolean watched = is_watched_now (path);
  if (watched)
    tell_hook ();
  int result = (int) syscall (SYS_mkdirat, AT_FDCWD, path, mode);
  if (result != 0 || !watched)
    return result;
  g_mutex_lock (&mutex);
  note_renaming (path, node_new (TRUE), NULL);
  g_mutex_unlock (&mutex);
  return result;
}
