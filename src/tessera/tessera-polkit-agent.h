/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Lets polkit ask for a password at this terminal, where there is no desktop that would. Does
 * nothing for root, and without a terminal or pkttyagent(1). */
void tessera_polkit_agent_open (void);
void tessera_polkit_agent_close (void);

G_END_DECLS
