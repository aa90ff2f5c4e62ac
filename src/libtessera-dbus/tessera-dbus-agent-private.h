/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <tessera.h>

#include <gio/gio.h>

G_BEGIN_DECLS

/* One program that decides logins: an object of somebody's on a connection. */
typedef struct _TesseraDBusAgent TesseraDBusAgent;

/* The program has gone. */
typedef void (*TesseraDBusAgentGone) (TesseraDBusAgent *self, gpointer data);

struct _TesseraDBusAgent
{
  gatomicrefcount ref_count;
  GDBusConnection *connection;
  char *sender; /* NULL: the peer */
  char *path;
  gint32 priority;
  guint32 timeout; /* seconds */

  TesseraDBusAgentGone gone; /* NULL when nobody wants to know any more */
  gpointer data;
  guint name_watch;
  gulong closed;
};

/* @options: a{sv}, priority (i) and timeout (u). */
TesseraDBusAgent *tessera_dbus_agent_new (GDBusConnection *connection,
                                          const char *sender,
                                          const char *path,
                                          GVariant *options,
                                          GError **error);
TesseraDBusAgent *tessera_dbus_agent_ref (TesseraDBusAgent *self);
void tessera_dbus_agent_unref (TesseraDBusAgent *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraDBusAgent, tessera_dbus_agent_unref)

gboolean tessera_dbus_agent_is (TesseraDBusAgent *self,
                                GDBusConnection *connection,
                                const char *sender,
                                const char *path);
/* For logs: who, and where. */
char *tessera_dbus_agent_dup_name (TesseraDBusAgent *self);

/* @gone is called at most once, until unwatch. */
void tessera_dbus_agent_watch (TesseraDBusAgent *self, TesseraDBusAgentGone gone, gpointer data);
void tessera_dbus_agent_unwatch (TesseraDBusAgent *self);

/* Without a deadline: the caller has one. */
void tessera_dbus_agent_authenticate (TesseraDBusAgent *self,
                                      TesseraAuthentication *authentication,
                                      GCancellable *cancellable,
                                      GAsyncReadyCallback callback,
                                      gpointer data);
/* Of the type (sa{sv}). */
GVariant *tessera_dbus_agent_authenticate_finish (TesseraDBusAgent *self,
                                                  GAsyncResult *result,
                                                  GError **error);
/* Nobody is there who could have decided. */
gboolean tessera_dbus_agent_is_unreachable (const GError *error);
void tessera_dbus_agent_cancel (TesseraDBusAgent *self, const char *id);
void tessera_dbus_agent_release (TesseraDBusAgent *self);

G_END_DECLS
