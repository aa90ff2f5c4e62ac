/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The deny-list of a service on the same machine, read out of the memory it shares (design.md §5):
 * the resource server's side. */

#include "resource/tessera-shared-list-private.h"

#include "model/tessera-access-token-private.h"
#include "resource/tessera-shared-table-private.h"

#define MAX_STALENESS_DEFAULT 10

/**
 * TesseraSharedList:
 *
 * The deny-list of a service on the same machine, in memory that the service shares.
 *
 * A local resource server asks the service once for a file descriptor, over D-Bus
 * (`OpenShared` of `org.tessera.Tessera1.DenyList`), and hands it to [ctor@Tessera.SharedList.new].
 * From then on [method@Tessera.SharedList.check] reads memory and the clock and nothing else: no
 * system call, no lock, no message, so that a sandboxed process can do it, and in a microsecond or
 * two. What is revoked is refused as soon as the service has it in the memory.
 *
 * The service renews a mark in the memory each second. When that is older than
 * [property@Tessera.SharedList:max-staleness], because the service was stopped or killed or hangs,
 * no token is good any more. A service that was started again shares new memory: ask it again, when
 * the answer is %TESSERA_SHARED_LIST_ANSWER_UNKNOWN or [method@Tessera.SharedList.is_moved] says
 * so.
 *
 * Signature, times and audience of a token are another's to check: this object knows what was
 * revoked, and only that. What is in the memory are salted digests, not names. Safe to use from
 * several threads.
 */
struct _TesseraSharedList
{
  GObject parent_instance;

  TesseraSharedTable *table;
  int max_staleness; /* seconds; atomic */
};

enum
{
  PROP_MAX_STALENESS = 1,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (TesseraSharedList, tessera_shared_list, G_TYPE_OBJECT)

GType
tessera_shared_list_answer_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[]
      = { { TESSERA_SHARED_LIST_ANSWER_GOOD, "TESSERA_SHARED_LIST_ANSWER_GOOD", "good" },
          { TESSERA_SHARED_LIST_ANSWER_REFUSED, "TESSERA_SHARED_LIST_ANSWER_REFUSED", "refused" },
          { TESSERA_SHARED_LIST_ANSWER_UNKNOWN, "TESSERA_SHARED_LIST_ANSWER_UNKNOWN", "unknown" },
          { 0, NULL, NULL } };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("TesseraSharedListAnswer", values));
  return type;
}

static void
tessera_shared_list_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  TesseraSharedList *self = TESSERA_SHARED_LIST (object);

  if (id == PROP_MAX_STALENESS)
    g_value_set_uint (value, (guint) g_atomic_int_get (&self->max_staleness));
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
tessera_shared_list_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  TesseraSharedList *self = TESSERA_SHARED_LIST (object);

  if (id == PROP_MAX_STALENESS)
    g_atomic_int_set (&self->max_staleness, (int) g_value_get_uint (value));
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
tessera_shared_list_finalize (GObject *object)
{
  TesseraSharedList *self = TESSERA_SHARED_LIST (object);

  g_clear_pointer (&self->table, tessera_shared_table_free);
  G_OBJECT_CLASS (tessera_shared_list_parent_class)->finalize (object);
}

static void
tessera_shared_list_class_init (TesseraSharedListClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = tessera_shared_list_get_property;
  object_class->set_property = tessera_shared_list_set_property;
  object_class->finalize = tessera_shared_list_finalize;
  /**
   * TesseraSharedList:max-staleness:
   *
   * How many seconds old the service's last mark may be. The service makes one each second; the
   * time that the machine sleeps counts.
   */
  props[PROP_MAX_STALENESS]
      = g_param_spec_uint ("max-staleness", NULL, NULL, 2, 3600, MAX_STALENESS_DEFAULT,
                           G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
tessera_shared_list_init (TesseraSharedList *self)
{
  self->max_staleness = MAX_STALENESS_DEFAULT;
}

/**
 * tessera_shared_list_new:
 * @fd: what the service gave
 * @error: return location for an error
 *
 * Maps the memory behind @fd, which can be closed afterwards.
 *
 * Errors: %TESSERA_SETUP_ERROR_UNSUPPORTED when it is no shared deny-list, or one of a later form,
 * or could become shorter under our hands.
 *
 * Returns: (transfer full): the list
 */
TesseraSharedList *
tessera_shared_list_new (int fd, GError **error)
{
  TesseraSharedTable *table = tessera_shared_table_open (fd, error);

  if (table == NULL)
    return NULL;
  TesseraSharedList *self = g_object_new (TESSERA_TYPE_SHARED_LIST, NULL);
  self->table = table;
  return self;
}

/* The mark first: what is read afterwards is at least as new. */
TesseraSharedListAnswer
tessera_shared_list_lookup (TesseraSharedList *self, const TesseraTokenIdentity *token)
{
  gint64 max_age = (gint64) g_atomic_int_get (&self->max_staleness) * 1000;

  if (tessera_shared_list_get_age_ms (self) > max_age)
    return TESSERA_SHARED_LIST_ANSWER_UNKNOWN;
  switch (tessera_shared_table_lookup (self->table, token))
    {
    case TESSERA_SHARED_ANSWER_ABSENT:
      return TESSERA_SHARED_LIST_ANSWER_GOOD;
    case TESSERA_SHARED_ANSWER_PRESENT:
      return TESSERA_SHARED_LIST_ANSWER_REFUSED;
    default:
      return TESSERA_SHARED_LIST_ANSWER_UNKNOWN;
    }
}

/**
 * tessera_shared_list_check:
 * @self: a shared deny-list
 * @token: a token that is good as far as its signature, times and audience are concerned
 *
 * Asks whether a token was revoked. Reads memory and the clock, and does no system call.
 *
 * Returns: what the list says
 */
TesseraSharedListAnswer
tessera_shared_list_check (TesseraSharedList *self, TesseraAccessToken *token)
{
  TesseraTokenIdentity identity;

  g_return_val_if_fail (TESSERA_IS_SHARED_LIST (self), TESSERA_SHARED_LIST_ANSWER_UNKNOWN);
  g_return_val_if_fail (TESSERA_IS_ACCESS_TOKEN (token), TESSERA_SHARED_LIST_ANSWER_UNKNOWN);
  tessera_access_token_get_identity (token, &identity);
  return tessera_shared_list_lookup (self, &identity);
}

/**
 * tessera_shared_list_is_moved:
 * @self: a shared deny-list
 *
 * Whether the service shares the list in another place now, because it has grown, or has ended it.
 * A list that only grew is kept right for half a minute: time to ask the service again.
 *
 * Returns: %TRUE when it is time to ask for the new place
 */
gboolean
tessera_shared_list_is_moved (TesseraSharedList *self)
{
  g_return_val_if_fail (TESSERA_IS_SHARED_LIST (self), TRUE);
  return tessera_shared_table_get_state (self->table) != TESSERA_SHARED_TABLE_LIVE;
}

/**
 * tessera_shared_list_get_generation:
 * @self: a shared deny-list
 *
 * Up to which entry of the deny-list everything is in the memory.
 *
 * Returns: a generation
 */
guint64
tessera_shared_list_get_generation (TesseraSharedList *self)
{
  g_return_val_if_fail (TESSERA_IS_SHARED_LIST (self), 0);
  return tessera_shared_table_get_generation (self->table);
}

/**
 * tessera_shared_list_get_count:
 * @self: a shared deny-list
 *
 * How many entries are in the memory.
 *
 * Returns: a number
 */
guint
tessera_shared_list_get_count (TesseraSharedList *self)
{
  g_return_val_if_fail (TESSERA_IS_SHARED_LIST (self), 0);
  return (guint) tessera_shared_table_get_count (self->table);
}

/**
 * tessera_shared_list_get_age_ms:
 * @self: a shared deny-list
 *
 * How long ago the service said that everything is in the memory.
 *
 * Returns: milliseconds; %G_MAXINT64 when the list has ended
 */
gint64
tessera_shared_list_get_age_ms (TesseraSharedList *self)
{
  TesseraSharedTableState state;

  g_return_val_if_fail (TESSERA_IS_SHARED_LIST (self), G_MAXINT64);
  state = tessera_shared_table_get_state (self->table);
  if (state != TESSERA_SHARED_TABLE_LIVE && state != TESSERA_SHARED_TABLE_MOVED)
    return G_MAXINT64;
  return tessera_shared_table_get_age_ms (self->table);
}

/**
 * tessera_shared_list_get_list:
 * @self: a shared deny-list
 *
 * The identifier of the list. It is another one when the service lost its database: then
 * generations of before say nothing.
 *
 * Returns: an identifier
 */
const char *
tessera_shared_list_get_list (TesseraSharedList *self)
{
  g_return_val_if_fail (TESSERA_IS_SHARED_LIST (self), NULL);
  return tessera_shared_table_get_list (self->table);
}
