/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "server/tessera-server.h"

G_BEGIN_DECLS

/* The audit trail: one structured record for everything that is granted, refused, revoked, decided
 * and administered, in the log domain `Tessera-Audit`, and in a file if that is wanted. */
TESSERA_AVAILABLE_IN_1_0
void tessera_server_audit_act (TesseraServer *self,
                               const char *action,
                               const char *caller,
                               const char *object,
                               const char *subject,
                               const GError *error);
TESSERA_AVAILABLE_IN_1_0
gboolean
tessera_server_set_audit_events (TesseraServer *self, const char *const *groups, GError **error);
TESSERA_AVAILABLE_IN_1_0
void tessera_server_set_audit_rate (TesseraServer *self, guint records_per_second);
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_server_set_audit_file (TesseraServer *self,
                                        const char *path,
                                        gboolean required,
                                        GError **error);
TESSERA_AVAILABLE_IN_1_0
char *tessera_server_dup_subject_hash (TesseraServer *self, const char *subject);

/* How it is. */
TESSERA_AVAILABLE_IN_1_0
char *tessera_server_dup_metrics (TesseraServer *self);
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_server_check_available (TesseraServer *self, GError **error);

G_END_DECLS
