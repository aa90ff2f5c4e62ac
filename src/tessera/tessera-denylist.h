/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tessera-output.h"
#include "tessera-service.h"

G_BEGIN_DECLS

/* Entries of the deny-list, read behind a cursor (design.md §5). */
extern const TesseraColumn tessera_denylist_columns[];

/* What a page said. */
typedef struct
{
  json_t *entries; /* generation, kind, value; until_ms or expires_ms */
  guint64 cursor;
  gboolean reset;
} TesseraDenyListPage;

gboolean tessera_denylist_read (TesseraService *service,
                                guint64 since,
                                TesseraDenyListPage *out_page,
                                GError **error);
int tessera_denylist_monitor (char **words);
extern const GOptionEntry tessera_denylist_monitor_entries[];

G_END_DECLS
