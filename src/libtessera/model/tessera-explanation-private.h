/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Why a request was refused, for the developer who reads the log: the rule, what was registered and
 * what came. No secrets. */
typedef struct
{
  const char *rule; /* static: "redirect_uri", "code_verifier", "audience", … */
  char *registered;
  char *came;
} TesseraExplanation;

void tessera_explanation_set (TesseraExplanation *self,
                              const char *static_rule,
                              const char *registered,
                              const char *came);
void tessera_explanation_clear (TesseraExplanation *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TesseraExplanation, tessera_explanation_clear)

G_END_DECLS
