/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A SQLite VFS that knows what has been synced: it can show what a power cut would leave, and fail.
 */
#pragma once

#include <glib.h>

/* Becomes the default VFS of the process. */
void faulty_vfs_install (void);
/* All counting begins anew; no fault, no cut. */
void faulty_vfs_reset (void);

/* Called before every write, truncation and sync, in whichever thread does it. */
typedef void (*FaultyVfsHook) (guint operation, gpointer data);
void faulty_vfs_set_hook (FaultyVfsHook hook, gpointer data);
/* Writes into @directory what a power cut at this moment might leave of the files opened since the
 * reset: every sector that was not synced is either old or new, as @random says. From the hook. */
void faulty_vfs_cut_power (const char *directory, GRand *random);

void faulty_vfs_fail_syncs (guint count);          /* so many of the next ones */
void faulty_vfs_fail_database_syncs (guint count); /* not those of its log */
void faulty_vfs_fail_reads (guint count);          /* likewise */
void faulty_vfs_fail_writes (guint count);         /* as on a full disk */
