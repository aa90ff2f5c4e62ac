/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tessera-dbus-agents-private.h"

G_BEGIN_DECLS

/* One login that agents are to decide: held until one of them has, or none can any more. */
typedef struct _TesseraDBusQuestion TesseraDBusQuestion;

/* Over: @asked is the agent that wants an answer before it decides, or NULL. The question is freed
 * behind this. */
typedef void (*TesseraDBusQuestionOver) (TesseraDBusQuestion *self,
                                         TesseraDBusAgent *asked,
                                         gpointer data);

/* Asks @agent, and if it turns out to be gone and @may_fall_over the next one, and so on. */
TesseraDBusQuestion *tessera_dbus_question_new (TesseraDBusAgents *agents,
                                                TesseraAuthentication *authentication,
                                                gboolean may_fall_over,
                                                TesseraDBusQuestionOver over,
                                                gpointer data);
void tessera_dbus_question_put (TesseraDBusQuestion *self, TesseraDBusAgent *agent);
TesseraDBusAgent *tessera_dbus_question_get_agent (TesseraDBusQuestion *self);
const char *tessera_dbus_question_get_id (TesseraDBusQuestion *self);
const char *tessera_dbus_question_get_remote_address (TesseraDBusQuestion *self);
/* Denied, and over. */
void tessera_dbus_question_withdraw (TesseraDBusQuestion *self, const char *problem);

G_END_DECLS
