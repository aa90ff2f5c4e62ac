/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tessera-dbus-export-private.h"

G_BEGIN_DECLS

/* One method call on its way: may the caller, then do it, then answer. What is done is what was
 * asked about: parameters are immutable from the moment they arrive. */
typedef struct
{
  TesseraDBusExport *export; /* held */
  GDBusMethodInvocation *invocation;
  const TesseraDBusMethod *method;
  GCancellable *cancellable; /* cancelled when the caller goes before the check is over */
  gint64 uid;                /* of a caller on a bus; -1: not known, or not wanted */
  guint name_watch;
  gulong closed;
} TesseraDBusCall;

/* Takes @invocation. */
void tessera_dbus_call_begin (TesseraDBusExport *export,
                              const TesseraDBusMethod *method,
                              GDBusMethodInvocation *invocation);
/* Each ends the call. @error is taken, and told by a name of our own. */
void tessera_dbus_call_return (TesseraDBusCall *self, GVariant *floating_result);
/* The outcome of what says no more than that it was done. */
void tessera_dbus_call_finish (TesseraDBusCall *self, gboolean done, GError *error);
/* With one result, a descriptor; it is taken. */
void tessera_dbus_call_return_fd (TesseraDBusCall *self, int fd);
void tessera_dbus_call_fail (TesseraDBusCall *self, GError *error);

/* The unique name that a bus vouches for; NULL: a peer, known by its credentials. */
const char *tessera_dbus_get_sender (GDBusMethodInvocation *invocation);

GVariant *tessera_dbus_call_get_parameters (TesseraDBusCall *self);
TesseraServer *tessera_dbus_call_get_server (TesseraDBusCall *self);

G_END_DECLS
