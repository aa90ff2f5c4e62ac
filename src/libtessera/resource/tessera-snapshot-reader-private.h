/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "jose/tessera-key-private.h"
#include "resource/tessera-deny-replica-private.h"

G_BEGIN_DECLS

/* Reads a snapshot of the published deny-list, piece by piece, plain or as gzip, and puts it into a
 * replica when everything about it was right: all lines, their digest, and the signature of the
 * issuer. Until then nothing of it is believed, and what it takes is bounded. */
typedef struct _TesseraSnapshotReader TesseraSnapshotReader;

#define TESSERA_SNAPSHOT_LINE_MAX (16 * 1024)           /* bytes */
#define TESSERA_SNAPSHOT_ENTRIES_MAX (64 * 1024 * 1024) /* unless it is set */

typedef enum
{
  TESSERA_SNAPSHOT_TAKEN,
  TESSERA_SNAPSHOT_OLDER,         /* than what the replica has of the same list; nothing changed */
  TESSERA_SNAPSHOT_NOT_OURS,      /* the signature, or what it vouches for, is wrong */
  TESSERA_SNAPSHOT_NOT_UNDERSTOOD /* it is the issuer's, and has an entry with an unknown rule */
} TesseraSnapshotVerdict;

/* @replica must outlive it. */
TesseraSnapshotReader *tessera_snapshot_reader_new (TesseraDenyReplica *replica,
                                                    const char *issuer);
void tessera_snapshot_reader_free (TesseraSnapshotReader *self);
void tessera_snapshot_reader_set_max_entries (TesseraSnapshotReader *self, guint64 max_entries);

/* FALSE when it can become nothing any more; then it is to be freed. */
gboolean tessera_snapshot_reader_feed (TesseraSnapshotReader *self,
                                       const void *bytes,
                                       gsize length,
                                       GError **error);
/* There was no more. FALSE: it was not whole. */
gboolean tessera_snapshot_reader_end (TesseraSnapshotReader *self, GError **error);
/* After the end: which of the issuer's keys must have signed it. */
const char *tessera_snapshot_reader_get_kid (TesseraSnapshotReader *self);
/* After the end, once. @error is set unless it was taken. */
TesseraSnapshotVerdict
tessera_snapshot_reader_commit (TesseraSnapshotReader *self, TesseraKey *key, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraSnapshotReader, tessera_snapshot_reader_free)

G_END_DECLS
