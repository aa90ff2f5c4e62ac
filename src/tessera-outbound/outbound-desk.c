/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Takes the requests of one server, so many at a time, and gives it the replies. */

#include "outbound-desk.h"

#include "base/tessera-outbound-channel-private.h"

#define RUNNING_MAX 32 /* of all servers */
/* Replies that a server does not take are as many as it may ask at once. */
#define UNSENT_MAX                                                                                 \
  (TESSERA_OUTBOUND_AT_ONCE * (TESSERA_OUTBOUND_PREFIX + TESSERA_OUTBOUND_REPLY_MAX))

typedef struct
{
  OutboundDesk *desk;
  OutboundFetch *fetch;
  guint32 id;
} Errand;

struct _OutboundDesk
{
  TesseraOutboundChannel *channel;
  OutboundRules *rules;
  GPtrArray *errands; /* Errand* */
  OutboundDeskClosed closed;
  gpointer data;
};

static void
errand_free (Errand *errand)
{
  outbound_fetch_drop (errand->fetch);
  g_free (errand);
}

static void
send (OutboundDesk *self, TesseraOutboundReply *reply, guint32 id)
{
  reply->id = id;
  tessera_outbound_channel_send (self->channel, tessera_outbound_reply_serialise (reply));
}

static void
on_done (OutboundFetch *fetch, TesseraOutboundReply *reply, gpointer data)
{
  Errand *errand = data;
  OutboundDesk *self = errand->desk;

  send (self, reply, errand->id);
  g_ptr_array_remove_fast (self->errands, errand);
}

static void
refuse (OutboundDesk *self, guint32 id)
{
  TesseraOutboundReply reply = { .outcome = TESSERA_OUTBOUND_BUSY,
                                 .media_type = (char *) "",
                                 .why = (char *) "too many requests are under way",
                                 .body = g_bytes_new (NULL, 0) };

  send (self, &reply, id);
  g_bytes_unref (reply.body);
}

static void
begin (OutboundDesk *self, const TesseraOutboundRequest *request)
{
  if (self->errands->len >= TESSERA_OUTBOUND_AT_ONCE || self->rules->n_running >= RUNNING_MAX)
    {
      refuse (self, request->id);
      return;
    }
  Errand *errand = g_new0 (Errand, 1);
  errand->desk = self;
  errand->id = request->id;
  errand->fetch = outbound_fetch_start (self->rules, request, on_done, errand);
  g_ptr_array_add (self->errands, errand);
}

static void
on_frame (gpointer data, const guint8 *frame, gsize length)
{
  OutboundDesk *self = data;
  g_autoptr (TesseraOutboundRequest) request = tessera_outbound_request_parse (frame, length);

  /* Whoever asks and asks and reads nothing is not a server of ours. */
  if (request != NULL && tessera_outbound_channel_get_unsent (self->channel) <= UNSENT_MAX)
    begin (self, request);
  else
    self->closed (self, self->data);
}

static void
on_closed (gpointer data)
{
  OutboundDesk *self = data;

  self->closed (self, self->data);
}

OutboundDesk *
outbound_desk_new (GSocket *socket, OutboundRules *rules, OutboundDeskClosed closed, gpointer data)
{
  static const TesseraOutboundChannelFuncs funcs = { on_frame, on_closed };
  OutboundDesk *self = g_new0 (OutboundDesk, 1);

  self->rules = rules;
  self->errands = g_ptr_array_new_with_free_func ((GDestroyNotify) errand_free);
  self->closed = closed;
  self->data = data;
  self->channel = tessera_outbound_channel_new (socket, TESSERA_OUTBOUND_REQUEST_MAX, &funcs, self);
  return self;
}

void
outbound_desk_free (OutboundDesk *self)
{
  tessera_outbound_channel_free (self->channel);
  g_ptr_array_unref (self->errands);
  g_free (self);
}
