/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What a process that holds signing keys sets before it reads anything: no core, no debugger, files
 * for us alone, and no environment that changes how libraries behave. */
void tesserad_process_harden (void);

G_END_DECLS
