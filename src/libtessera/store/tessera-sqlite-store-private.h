/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "store/tessera-store-private.h"

G_BEGIN_DECLS

/* The embedded default (design.md §6): `tessera.db` in the state directory, one connection, WAL,
 * EXCLUSIVE, FULL, STRICT tables; a lock file; migrations by user_version. */
#define TESSERA_TYPE_SQLITE_STORE (tessera_sqlite_store_get_type ())
G_DECLARE_FINAL_TYPE (TesseraSqliteStore, tessera_sqlite_store, TESSERA, SQLITE_STORE, GObject)

/* Blocking. Makes @directory (0700) and the database (0600) when absent. Errors:
 * TESSERA_SETUP_ERROR_LOCKED, TESSERA_SETUP_ERROR_STATE (damaged, newer schema), or of
 * TESSERA_STORE_ERROR. @out_is_new: the database was made just now. */
TesseraStore *
tessera_sqlite_store_open (const char *directory, gboolean *out_is_new, GError **error);

G_END_DECLS
