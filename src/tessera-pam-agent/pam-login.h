/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "pam-settings.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* One login: the process in which PAM works for it, and the question that waits for its answer. */
typedef struct _PamLogin PamLogin;

/* The process has decided or died. The login is freed behind this. */
typedef void (*PamLoginOver) (PamLogin *self, gpointer data);

/* @arguments: of the command that becomes that process. @seconds: how long PAM may take for each
 * step. */
PamLogin *pam_login_new (const char *id,
                         const char *const *arguments,
                         guint seconds,
                         PamLoginOver over,
                         gpointer data,
                         GError **error);
/* Denies what waits for an answer. */
void pam_login_free (PamLogin *self);

const char *pam_login_get_id (PamLogin *self);
/* Nothing is waiting for its answer: the person is typing. */
gboolean pam_login_is_idle (PamLogin *self);

/* Each takes @invocation, and answers it when PAM has spoken. */
void pam_login_begin (PamLogin *self,
                      const char *username,
                      const char *password,
                      const char *remote_address,
                      GDBusMethodInvocation *invocation);
void pam_login_answer (PamLogin *self, const char *answer, GDBusMethodInvocation *invocation);

G_END_DECLS
