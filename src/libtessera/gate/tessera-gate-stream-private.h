/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define TESSERA_TYPE_GATE_STREAM (tessera_gate_stream_get_type ())
/* What libsoup sees of a connection: an I/O stream without a descriptor, whose bytes come from and
 * go to an owner in memory, and whose GSources are woken by hand. libsoup keeps it as long as it
 * has messages to read there, or steals it. */
G_DECLARE_FINAL_TYPE (TesseraGateStream, tessera_gate_stream, TESSERA, GATE_STREAM, GIOStream)

#define TESSERA_GATE_STREAM_LATER (-1) /* nothing now; a wake says when */
#define TESSERA_GATE_STREAM_BROKEN (-2)

/* The owner's side; called in the thread that made the stream. */
typedef struct
{
  /* Bytes, 0 at the end, or LATER. */
  gssize (*read) (gpointer owner, void *buffer, gsize count);
  /* Bytes taken, LATER or BROKEN. @all: takes them all (or none). */
  gssize (*write) (gpointer owner, const void *bytes, gsize count, gboolean all);
  /* Nothing is written any more, and with @input nothing read. Once each. */
  void (*close) (gpointer owner, gboolean input);
} TesseraGateStreamFuncs;

/* @funcs: static. @owner: borrowed, until tessera_gate_stream_forget_owner (). */
TesseraGateStream *tessera_gate_stream_new (const TesseraGateStreamFuncs *funcs, gpointer owner);
/* From now on reading finds the end and writing a broken pipe; who waits is woken. */
void tessera_gate_stream_forget_owner (TesseraGateStream *self);

/* Nothing more is there to be read until the next wake: who is about to wait need not look. */
void tessera_gate_stream_dry_input (TesseraGateStream *self);
/* Somebody waits for something to read. */
gboolean tessera_gate_stream_is_awaited (TesseraGateStream *self);

/* There is something to read, or room to write again. */
void tessera_gate_stream_wake_input (TesseraGateStream *self);
void tessera_gate_stream_wake_output (TesseraGateStream *self);

G_END_DECLS
