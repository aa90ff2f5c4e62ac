/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tessera-dbus-agent-private.h"

G_BEGIN_DECLS

/* The programs that decide the logins of one server, whichever connections they came by. */
typedef struct _TesseraDBusAgents TesseraDBusAgents;

/* Those of @server: the same for all that hold them. */
TesseraDBusAgents *tessera_dbus_agents_hold (TesseraServer *server);
TesseraDBusAgents *tessera_dbus_agents_ref (TesseraDBusAgents *self);
void tessera_dbus_agents_unref (TesseraDBusAgents *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraDBusAgents, tessera_dbus_agents_unref)

/* @sender NULL: the peer. */
gboolean tessera_dbus_agents_add (TesseraDBusAgents *self,
                                  GDBusConnection *connection,
                                  const char *sender,
                                  const char *path,
                                  GVariant *options,
                                  GError **error);
gboolean tessera_dbus_agents_remove (TesseraDBusAgents *self,
                                     GDBusConnection *connection,
                                     const char *sender,
                                     const char *path,
                                     GError **error);
/* Nothing more is asked over @connection: its agents are told, and what they were asked is denied.
 */
void tessera_dbus_agents_leave (TesseraDBusAgents *self, GDBusConnection *connection);

/* Of the highest priority, and there for the longest time; NULL: there is none. Borrowed. */
TesseraDBusAgent *tessera_dbus_agents_get_first (TesseraDBusAgents *self);
/* For the audit trail: @decision of @agent (a name, or NULL for nobody) on a login. @problem: why
 * it is none of the agent's own, or NULL. */
void tessera_dbus_agents_record (TesseraDBusAgents *self,
                                 const char *decision,
                                 const char *agent,
                                 const char *login,
                                 const char *problem);
/* An agent that was found to have gone. */
void tessera_dbus_agents_drop (TesseraDBusAgents *self, TesseraDBusAgent *agent);

/* How long a second is: tests cannot wait. */
void tessera_dbus_agents_set_second (TesseraDBusAgents *self, guint milliseconds);
guint tessera_dbus_agents_get_second (TesseraDBusAgents *self);

G_END_DECLS
