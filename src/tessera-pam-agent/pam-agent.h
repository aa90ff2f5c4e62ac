/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The object that the service asks, org.tessera.Tessera1.Agent. */
typedef struct _PamAgent PamAgent;

/* @arguments: of the command that a login's process is; borrowed. @seconds: for PAM, each step. */
PamAgent *pam_agent_new (GDBusConnection *connection,
                         const char *const *arguments,
                         guint seconds,
                         GError **error);
void pam_agent_free (PamAgent *self);

/* Who may ask: the unique name of the service on a bus; NULL: the peer, or nobody on a bus. What
 * was under way for another one ends. */
void pam_agent_set_service (PamAgent *self, const char *name);
/* Blocks until the service has said what it thinks of this agent. */
gboolean pam_agent_register (PamAgent *self, int priority, GError **error);

G_END_DECLS
