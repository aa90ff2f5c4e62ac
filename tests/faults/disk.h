/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A disk that knows what a power cut would leave. For the program it is linked into, GLib and
 * SQLite included, it stands before the calls of libc that change files below one directory: what
 * was written and not synced may be lost, sector by sector; a name that was made, moved or removed
 * counts when its directory was synced. */
#pragma once

#include <glib.h>

/* From now on, files and folders below @directory; what is there is durable. */
void disk_watch (const char *directory);
void disk_forget (void);

/* Called before each change and each sync, in whichever thread does it. */
typedef void (*DiskHook) (gpointer data);
void disk_set_hook (DiskHook hook, gpointer data);
/* Writes below @directory what a power cut now might leave. */
void disk_cut_power (const char *directory, GRand *random);

typedef enum
{
  DISK_HONEST,
  DISK_IGNORES_DIRECTORY_SYNCS /* as if the program forgot them */
} DiskKind;
void disk_set_kind (DiskKind kind);
