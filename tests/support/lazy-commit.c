/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lets a test break durability on purpose, to see that what looks for losses finds some: with
 * TESSERA_TEST_LAZY_COMMIT=N a commit only says that it was done, and every N-th one is. Only in
 * the test build, by the linker's --wrap.
 */

#include "store/tessera-store-private.h"

#include <stdlib.h>

gboolean __real_tessera_store_begin (TesseraStore *self, GError **error);
gboolean __real_tessera_store_commit (TesseraStore *self, GError **error);
gboolean __wrap_tessera_store_begin (TesseraStore *self, GError **error);
gboolean __wrap_tessera_store_commit (TesseraStore *self, GError **error);
void __real_tessera_store_rollback (TesseraStore *self);
void __wrap_tessera_store_rollback (TesseraStore *self);

#define PROMISED                                                                                   \
  "tessera-test-promised" /* commits of a store that are said to be done and are not */

static guint interval;

static void __attribute__ ((constructor)) follow_environment (void)
{
  const char *text = g_getenv ("TESSERA_TEST_LAZY_COMMIT");
  interval = text != NULL ? (guint) atoi (text) : 0;
}

static guint
get_promised (TesseraStore *self)
{
  return interval > 0 ? GPOINTER_TO_UINT (g_object_get_data (G_OBJECT (self), PROMISED)) : 0;
}

static void
set_promised (TesseraStore *self, guint promised)
{
  if (interval > 0)
    g_object_set_data (G_OBJECT (self), PROMISED, GUINT_TO_POINTER (promised));
}

gboolean
__wrap_tessera_store_begin (TesseraStore *self, GError **error)
{
  return get_promised (self) > 0 || __real_tessera_store_begin (self, error);
}

gboolean
__wrap_tessera_store_commit (TesseraStore *self, GError **error)
{
  guint promised = get_promised (self) + 1;
  if (promised < interval)
    {
      set_promised (self, promised);
      return TRUE;
    }
  set_promised (self, 0);
  return __real_tessera_store_commit (self, error);
}

void
__wrap_tessera_store_rollback (TesseraStore *self)
{
  set_promised (self, 0);
  __real_tessera_store_rollback (self);
}
