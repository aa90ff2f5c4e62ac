/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Lets a test fail what a program does with regular files and directories, at the border of libc,
 * as a broken or full disk does. The program is linked with faulty-files.c. */

enum
{
  FAULTY_WRITE = 1 << 0,         /* write, pwrite, ftruncate, fallocate */
  FAULTY_SYNC = 1 << 1,          /* fsync, fdatasync */
  FAULTY_NAME = 1 << 2,          /* rename, unlink */
  FAULTY_DIRECTORY_SYNC = 1 << 3 /* fsync of a directory alone */
};

/* Of a service, the file that TESSERA_TEST_FILES names holds this; see FaultyFiles in
 * tessera_fixture.py. */
typedef struct
{
  gint32 kinds;    /* which calls are counted */
  gint32 error;    /* what the failing ones say: an errno */
  gint32 skip;     /* so many of them are let through first */
  gint32 count;    /* so many fail then; -1: all */
  gint32 torn;     /* a failing write leaves half of its bytes all the same */
  gint32 delay_ms; /* each sync takes so much longer, counted or not */
  gint32 seen;     /* calls counted so far */
} FaultyFiles;

/* The one that applies to this process. */
FaultyFiles *faulty_files_get (void);
/* Nothing fails from now on; @seen starts anew. */
void faulty_files_reset (void);

G_END_DECLS
