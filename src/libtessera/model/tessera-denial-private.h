/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tessera-denial.h"

G_BEGIN_DECLS

/* An entry of the deny-list as it is kept (design.md §5). The strings belong to whoever made it; a
 * copy has its own. */
struct _TesseraDenial
{
  guint64 generation; /* in commit order, from 1 */
  TesseraDenialKind kind;
  const char *value;
  gint64 instant_ms; /* GRANT: 0 when the grant itself ended */
  gint64 expires_ms; /* when it may be forgotten; G_MAXINT64: never */
  /* Of a TOKEN, for its share of the limit; else NULL: */
  const char *grant_id;
  const char *client_id;
  const char *subject;
};

/* As a kind: of a rule that nobody here knows. */
#define TESSERA_DENIAL_UNKNOWN ((TesseraDenialKind) -1)

/* Appends the members of the entry as it is published (docs/denylist-feed.md), without braces. */
void tessera_denial_append_json (const TesseraDenial *self, GString *text);

G_END_DECLS
