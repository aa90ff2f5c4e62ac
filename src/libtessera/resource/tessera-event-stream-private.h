/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Reads `text/event-stream` piece by piece (WHATWG HTML, "Server-sent events"), however it was cut,
 * and never keeps more than one event. Bytes stay as they came: whoever reads the data checks that
 * it is UTF-8. */
typedef struct _TesseraEventStream TesseraEventStream;

#define TESSERA_EVENT_LINE_MAX (16 * 1024) /* bytes of one line */
#define TESSERA_EVENT_DATA_MAX (64 * 1024) /* bytes of one event's data */

/* An event; valid until the next call. */
typedef struct
{
  const char *type; /* "message" when the stream names none */
  const char *id;   /* the last one that the stream named, with this event or before; or "" */
  const char *data;
  gsize length;
} TesseraEvent;

TesseraEventStream *tessera_event_stream_new (void);
void tessera_event_stream_free (TesseraEventStream *self);

/* Reads on at @bytes until an event is complete or all is used up, and moves @bytes and @length
 * behind what it used. @out_event: NULL when there is none yet. FALSE when a line or an event is
 * larger than it may be, then and ever after (TESSERA_ERROR_INVALID_REQUEST). */
gboolean tessera_event_stream_read (TesseraEventStream *self,
                                    const char **bytes,
                                    gsize *length,
                                    const TesseraEvent **out_event,
                                    GError **error);
/* How long to wait before connecting again, as the stream said last; -1: it did not. */
gint64 tessera_event_stream_get_retry_ms (TesseraEventStream *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraEventStream, tessera_event_stream_free)

G_END_DECLS
