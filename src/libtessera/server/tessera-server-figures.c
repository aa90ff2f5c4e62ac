/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Figures of a running server. */

#include "server/tessera-administration.h"
#include "server/tessera-server-object-private.h"

/**
 * tessera_server_get_store_counts:
 * @self: a server
 * @out_writes: (out) (optional): rows written since the start
 * @out_syncs: (out) (optional): commits that were made durable since the start
 *
 * Tells what the store did: tokens for client credentials, for one, write nothing.
 */
void
tessera_server_get_store_counts (TesseraServer *self, guint64 *out_writes, guint64 *out_syncs)
{
  guint64 writes = 0, syncs = 0;

  g_return_if_fail (TESSERA_IS_SERVER (self));
  if (self->engine.ready)
    tessera_committer_get_counts (self->engine.committer, &writes, &syncs);
  if (out_writes != NULL)
    *out_writes = writes;
  if (out_syncs != NULL)
    *out_syncs = syncs;
}

/**
 * tessera_server_get_generation:
 * @self: a server
 *
 * The place of the last durable entry in the deny-list: a cursor that only grows.
 *
 * Returns: the generation, 0 while the server is not ready
 */
guint64
tessera_server_get_generation (TesseraServer *self)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (self), 0);
  return self->engine.ready ? tessera_deny_list_get_generation (self->engine.deny_list) : 0;
}

/**
 * tessera_server_get_n_denials:
 * @self: a server
 *
 * Counts the entries of the deny-list that are in force.
 *
 * Returns: how many, 0 while the server is not ready
 */
guint64
tessera_server_get_n_denials (TesseraServer *self)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (self), 0);
  return self->engine.ready ? tessera_deny_list_get_count (self->engine.deny_list) : 0;
}

/**
 * tessera_server_get_statistics:
 * @self: a server
 *
 * Gathers figures for whoever watches the server: `clients`, `users`, `denials`, `generation`,
 * `rows_written` and `commits`, all of type `t`.
 *
 * Returns: (transfer floating): a dictionary of type `a{sv}`
 */
GVariant *
tessera_server_get_statistics (TesseraServer *self)
{
  guint64 writes = 0, syncs = 0;
  GVariantDict figures;

  g_return_val_if_fail (TESSERA_IS_SERVER (self), NULL);
  tessera_server_get_store_counts (self, &writes, &syncs);
  g_variant_dict_init (&figures, NULL);
  g_variant_dict_insert (&figures, "clients", "t",
                         (guint64) tessera_client_registry_get_count (self->engine.clients));
  g_variant_dict_insert (&figures, "users", "t",
                         (guint64) tessera_user_registry_get_count (self->users));
  g_variant_dict_insert (&figures, "denials", "t", tessera_server_get_n_denials (self));
  g_variant_dict_insert (&figures, "generation", "t", tessera_server_get_generation (self));
  g_variant_dict_insert (&figures, "rows_written", "t", writes);
  g_variant_dict_insert (&figures, "commits", "t", syncs);
  return g_variant_dict_end (&figures);
}
