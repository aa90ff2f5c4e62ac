/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What a process that holds signing keys sets before it reads anything: no core, no debugger, files
 * for us alone, and no environment that changes how libraries behave. */
void tesserad_process_harden (void);
/* Before OpenSSL is used and the first thread starts: keys get memory that is locked, surrounded by
 * guard pages and in no core image; nothing that is executed gains privileges; root keeps of its
 * own only the right to bind ports below 1024. Speaks of what the machine refuses. */
void tesserad_process_prepare_keys (void);
/* Before SQLite is used. */
void tesserad_process_prepare_database (void);
void tesserad_process_drop_privileges (void);
/* Once all is up: gives back the memory of code that ran or was looked at to get there, which is
 * half of what the process has. What is needed again comes back from the page cache, piece by
 * piece. */
void tesserad_process_drop_start (void);

G_END_DECLS
