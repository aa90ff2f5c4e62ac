/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What a server and its program for requests to other machines say to each other: frames, each with
 * its length before it, on a stream between the two. Neither believes the other: all is bounded,
 * and what is not as written here ends the connection. */

#define TESSERA_OUTBOUND_URI_MAX 2048
#define TESSERA_OUTBOUND_ACCEPT_MAX 256
#define TESSERA_OUTBOUND_FORM_MAX (16 * 1024)
#define TESSERA_OUTBOUND_MEDIA_TYPE_MAX 128
#define TESSERA_OUTBOUND_WHY_MAX 256
#define TESSERA_OUTBOUND_BODY_MAX (64 * 1024)

#define TESSERA_OUTBOUND_PREFIX 4 /* bytes: how long the frame behind it is */
/* The longest frames, without their prefix. */
#define TESSERA_OUTBOUND_REQUEST_MAX                                                               \
  (20 + TESSERA_OUTBOUND_URI_MAX + TESSERA_OUTBOUND_ACCEPT_MAX + TESSERA_OUTBOUND_FORM_MAX)
#define TESSERA_OUTBOUND_REPLY_MAX                                                                 \
  (20 + TESSERA_OUTBOUND_MEDIA_TYPE_MAX + TESSERA_OUTBOUND_WHY_MAX + TESSERA_OUTBOUND_BODY_MAX)

#define TESSERA_OUTBOUND_PATIENCE_MS 5000 /* for all of a request, from its name on */
#define TESSERA_OUTBOUND_AT_ONCE 8        /* requests under way on a connection */

typedef enum
{
  TESSERA_OUTBOUND_GET = 1,
  TESSERA_OUTBOUND_POST_FORM = 2
} TesseraOutboundMethod;

/* Texts of a request are printable ASCII. */
typedef struct
{
  guint32 id; /* of who asks; the reply has it too */
  TesseraOutboundMethod method;
  char *uri;
  char *accept; /* media types for the header of that name; "" with a form */
  char *form;   /* "" with GET */
} TesseraOutboundRequest;

typedef enum
{
  TESSERA_OUTBOUND_ANSWERED = 1, /* with a status */
  TESSERA_OUTBOUND_REFUSED = 2,  /* nobody may go there; nothing was connected */
  TESSERA_OUTBOUND_FAILED = 3,
  TESSERA_OUTBOUND_LATE = 4,
  TESSERA_OUTBOUND_TOO_LONG = 5,
  TESSERA_OUTBOUND_BUSY = 6
} TesseraOutboundOutcome;

typedef struct
{
  guint32 id;
  TesseraOutboundOutcome outcome;
  guint status;     /* 100 to 999 if answered, else 0 */
  char *media_type; /* of the body, without parameters; "" without one */
  char *why;        /* for a log; "" if answered */
  GBytes *body;     /* of a GET that was answered with 200, else empty */
} TesseraOutboundReply;

void tessera_outbound_request_free (TesseraOutboundRequest *self);
void tessera_outbound_reply_free (TesseraOutboundReply *self);

/* Whole frames with their prefix. */
GBytes *tessera_outbound_request_serialise (const TesseraOutboundRequest *self);
GBytes *tessera_outbound_reply_serialise (const TesseraOutboundReply *self);
/* Of one frame without its prefix. NULL: it is not as it should be. */
TesseraOutboundRequest *tessera_outbound_request_parse (const guint8 *frame, gsize length);
TesseraOutboundReply *tessera_outbound_reply_parse (const guint8 *frame, gsize length);

/* May @text be part of a request: at most @max bytes, all of them printable ASCII? */
gboolean tessera_outbound_is_text (const char *text, gsize max);

typedef enum
{
  TESSERA_OUTBOUND_SPLIT_MORE,  /* nothing is wrong yet, and not all is there */
  TESSERA_OUTBOUND_SPLIT_FRAME, /* it begins behind the prefix */
  TESSERA_OUTBOUND_SPLIT_BAD
} TesseraOutboundSplit;

/* Looks for the first frame, of at most @max bytes, in what was read. */
TesseraOutboundSplit
tessera_outbound_split (const guint8 *bytes, gsize length, gsize max, gsize *out_length);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraOutboundRequest, tessera_outbound_request_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraOutboundReply, tessera_outbound_reply_free)

G_END_DECLS
