/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "server/tessera-act-private.h"

G_BEGIN_DECLS

/* One client as it was and as it will be. */
typedef struct
{
  TesseraAct act;
  char *client_id;
  TesseraClient *wanted; /* of an update: what is asked for */
  TesseraClient *before; /* NULL: it is new */
  TesseraClient *after;  /* NULL: it goes */
  gboolean was_declared;
  gboolean unusable; /* there is one, but its stored registration is none */
  gboolean disabled;
  gboolean keep_previous;
  char *secret;       /* a new one, or NULL */
  guint64 generation; /* of the entry that ended its tokens, or 0 */
} TesseraClientChange;

void tessera_client_change_clear (TesseraAct *act);
TesseraClientRegistry *tessera_client_change_get_clients (TesseraClientChange *self);
/* The client as it is, which only a file or the application may change when it declares it. */
gboolean
tessera_client_change_find (TesseraClientChange *self, gboolean even_declared, GError **error);
/* The same for who removes it, though it be unusable. */
gboolean tessera_client_change_find_removed (TesseraClientChange *self,
                                             gboolean even_declared,
                                             GError **error);
/* Takes effect in memory; becomes durable; and what follows from either. */
void tessera_client_change_apply (TesseraAct *act);
gboolean tessera_client_change_run (TesseraAct *act, TesseraStore *store, GError **error);
void tessera_client_change_end (TesseraAct *act, const GError *error);
void tessera_client_change_apply_removal (TesseraAct *act);
void tessera_client_change_end_removal (TesseraAct *act, const GError *error);
/* Its tokens are gone. */
void tessera_client_change_report (TesseraClientChange *self);
/* A secret for who needs one, owned; or NULL. */
char *tessera_client_change_make_secret (TesseraClient *client);

G_END_DECLS
