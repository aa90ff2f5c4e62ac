/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-secret-private.h"
#include "model/tessera-initial-access-token.h"

G_BEGIN_DECLS

#define TESSERA_INITIAL_ACCESS_TOKEN_PREFIX "tia_"
#define TESSERA_INITIAL_ACCESS_TOKEN_NOTE_MAX_LENGTH 200

struct _TesseraInitialAccessToken
{
  char *id;             /* names it; no secret */
  TesseraDigest digest; /* of the token */
  char *note;           /* or NULL */
  gint64 created_ms;
  gint64 expires_ms;
  guint max_uses; /* 0: any number */
  guint uses;
};

/* May it be used once more at @now_ms? */
gboolean tessera_initial_access_token_is_good (const TesseraInitialAccessToken *self,
                                               gint64 now_ms);

G_END_DECLS
