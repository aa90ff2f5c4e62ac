/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "store/tessera-store-private.h"

G_BEGIN_DECLS

#define TESSERA_TYPE_MEMORY_STORE (tessera_memory_store_get_type ())
G_DECLARE_FINAL_TYPE (TesseraMemoryStore, tessera_memory_store, TESSERA, MEMORY_STORE, GObject)

TesseraStore *tessera_memory_store_new (void);

G_END_DECLS
