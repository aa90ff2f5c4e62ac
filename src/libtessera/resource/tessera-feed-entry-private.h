/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-json-private.h"
#include "model/tessera-denial-private.h"

G_BEGIN_DECLS

#define TESSERA_FEED_ENTRY_MAX_LENGTH (8 * 1024) /* bytes of its JSON */

/* An entry of the published deny-list: a line of the snapshot, or the data of an event. */
typedef struct
{
  TesseraDenial denial; /* its value is the JSON's */
  json_t *json;
} TesseraFeedEntry;

/* Where a list stands: the data of `heartbeat` and `reset`, and part of `deny`. */
typedef struct
{
  const char *list; /* the JSON's */
  guint64 generation;
  gint64 time_ms; /* 0: nothing is promised as of any time */
} TesseraFeedPosition;

typedef enum
{
  TESSERA_FEED_ENTRY_GOOD,
  TESSERA_FEED_ENTRY_UNKNOWN_RULE, /* it refuses something, but one cannot tell what */
  TESSERA_FEED_ENTRY_MALFORMED
} TesseraFeedEntryVerdict;

/* @self is to be cleared when it is good, else there is nothing in it. */
TesseraFeedEntryVerdict
tessera_feed_entry_parse (TesseraFeedEntry *self, const char *text, gsize length);
/* The same of JSON that was read already; takes another reference. */
TesseraFeedEntryVerdict tessera_feed_entry_read (TesseraFeedEntry *self, json_t *json);
void tessera_feed_entry_clear (TesseraFeedEntry *self);

/* FALSE unless `list`, `generation` and `time` are there and possible. */
gboolean tessera_feed_position_read (TesseraFeedPosition *self, const json_t *json);
/* An integer of 0 to 2^53; FALSE for anything else. */
gboolean tessera_feed_read_number (const json_t *json, const char *name, gint64 *out_value);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TesseraFeedEntry, tessera_feed_entry_clear)

G_END_DECLS
