/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names as a test tells them, in TESSERA_TEST_HOSTS:
 * "a.test=127.0.0.1;b.test=192.0.2.1,127.0.0.1|127.0.0.2;c.test=never", where | parts the answers
 * of one look-up and the next, of which the last stays. No other name is known. Only in the test
 * build.
 */

#include <gio/gio.h>
#include <string.h>

typedef struct
{
  GResolver parent_instance;
  GHashTable *answers; /* char *name -> GPtrArray *(char *addresses) */
} ToldResolver;

typedef struct
{
  GResolverClass parent_class;
} ToldResolverClass;

GType told_resolver_get_type (void);
G_DEFINE_TYPE (ToldResolver, told_resolver, G_TYPE_RESOLVER)

static GList *
parse_addresses (const char *text)
{
  g_auto (GStrv) words = g_strsplit (text, ",", -1);
  GList *addresses = NULL;

  for (char **word = words; *word != NULL; word++)
    addresses = g_list_append (addresses, g_inet_address_new_from_string (*word));
  return addresses;
}

static void
on_cancelled (GCancellable *cancellable, gpointer task)
{
  g_task_return_error_if_cancelled (task);
}

static void
lookup_by_name_async (GResolver *resolver,
                      const char *name,
                      GCancellable *cancellable,
                      GAsyncReadyCallback callback,
                      gpointer data)
{
  GPtrArray *answers = g_hash_table_lookup (((ToldResolver *) resolver)->answers, name);
  GTask *task = g_task_new (resolver, cancellable, callback, data);
  const char *answer = answers != NULL ? answers->pdata[0] : "";

  g_message ("looked up %s: %s", name, answer);
  if (g_str_equal (answer, "never"))
    {
      g_cancellable_connect (cancellable, G_CALLBACK (on_cancelled), task, g_object_unref);
      return;
    }
  if (answers != NULL)
    g_task_return_pointer (task, parse_addresses (answer), NULL);
  else
    g_task_return_new_error (task, G_RESOLVER_ERROR, G_RESOLVER_ERROR_NOT_FOUND, "no such name");
  if (answers != NULL && answers->len > 1)
    g_ptr_array_remove_index (answers, 0);
  g_object_unref (task);
}

static GList *
lookup_by_name_finish (GResolver *resolver, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
told_resolver_class_init (ToldResolverClass *klass)
{
  GResolverClass *resolver_class = G_RESOLVER_CLASS (klass);

  resolver_class->lookup_by_name_async = lookup_by_name_async;
  resolver_class->lookup_by_name_finish = lookup_by_name_finish;
}

static void
add (ToldResolver *self, const char *line)
{
  g_auto (GStrv) sides = g_strsplit (line, "=", 2);
  g_auto (GStrv) texts = g_strv_length (sides) == 2 ? g_strsplit (sides[1], "|", -1) : NULL;
  GPtrArray *answers = g_ptr_array_new_with_free_func (g_free);

  for (char **text = texts; text != NULL && *text != NULL; text++)
    g_ptr_array_add (answers, g_strdup (*text));
  g_hash_table_insert (self->answers, g_strdup (sides[0]), answers);
}

static void
told_resolver_init (ToldResolver *self)
{
  const char *hosts = g_getenv ("TESSERA_TEST_HOSTS");
  g_auto (GStrv) lines = g_strsplit (hosts != NULL ? hosts : "", ";", -1);

  self->answers
      = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_ptr_array_unref);
  for (char **line = lines; *line != NULL; line++)
    if (**line != '\0')
      add (self, *line);
}

/* GCC 12's LeakSanitizer breaks on what the C library keeps for threads that load modules, which
 * those of GnuTLS do. */
int __lsan_is_turned_off (void);
int
__lsan_is_turned_off (void)
{
  return 1;
}

static void __attribute__ ((constructor)) set_told_resolver (void)
{
  g_resolver_set_default (g_object_new (told_resolver_get_type (), NULL));
}
