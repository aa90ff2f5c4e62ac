/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <tessera.h>

G_BEGIN_DECLS

typedef enum
{
  TESSERA_DBUS_DECISION_ALLOW,
  TESSERA_DBUS_DECISION_DENY,
  TESSERA_DBUS_DECISION_ASK
} TesseraDBusDecisionKind;

/* What an agent answered. */
typedef struct
{
  TesseraDBusDecisionKind kind;
  char *subject;    /* of allow */
  char *acr;        /* of allow; or NULL */
  char **amr;       /* of allow; or NULL */
  GVariant *claims; /* of allow, a{sv}; or NULL */
  char *prompt;     /* of ask; NULL: a one-time code */
  gboolean secret;  /* of ask */
} TesseraDBusDecision;

/* @answer: of the type (sa{sv}). FALSE: it is not what an agent may answer. */
gboolean tessera_dbus_decision_read (TesseraDBusDecision *self, GVariant *answer, GError **error);
void tessera_dbus_decision_clear (TesseraDBusDecision *self);
/* Gives the verdict. */
void tessera_dbus_decision_apply (const TesseraDBusDecision *self,
                                  TesseraAuthentication *authentication);
const char *tessera_dbus_decision_get_name (const TesseraDBusDecision *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TesseraDBusDecision, tessera_dbus_decision_clear)

G_END_DECLS
