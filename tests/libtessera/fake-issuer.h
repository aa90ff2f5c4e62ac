/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "feed-server.h"

#include <libsoup/soup.h>

G_BEGIN_DECLS

/* An issuer with metadata, keys and a deny-list, which says whatever the test wants it to. In the
 * thread of the test, which runs its main context. */
typedef struct
{
  SoupServer *server;
  FeedServer *feed;
  char *issuer;
  GPtrArray *keys; /* TesseraKey*; what the JWKS names */

  /* In place of the right answers, or NULL: */
  char *metadata;
  char *jwks;
  gboolean has_feed; /* in the metadata */
  guint status;      /* of both documents */
  char *location;    /* with the status */
  char *cache_control;
  gboolean is_endless; /* no body ends */
  gboolean is_mute;    /* no answer comes */

  guint n_metadata;
  guint n_jwks;
} FakeIssuer;

FakeIssuer *fake_issuer_new (TesseraKey *key);
void fake_issuer_free (FakeIssuer *self);
/* Of @self, now, with its audience "https://api.test" and scope "a b". @more: JSON members in place
 * of claims, or "". */
char *fake_issuer_sign (FakeIssuer *self, TesseraKey *key, const char *typ, const char *more);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (FakeIssuer, fake_issuer_free)

G_END_DECLS
