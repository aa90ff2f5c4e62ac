/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Why a request was refused, for the log. */

#include "model/tessera-explanation-private.h"

void
tessera_explanation_set (TesseraExplanation *self,
                         const char *static_rule,
                         const char *registered,
                         const char *came)
{
  tessera_explanation_clear (self);
  self->rule = static_rule;
  self->registered = g_strdup (registered);
  self->came = g_strdup (came);
}

void
tessera_explanation_clear (TesseraExplanation *self)
{
  self->rule = NULL;
  g_clear_pointer (&self->registered, g_free);
  g_clear_pointer (&self->came, g_free);
}
