/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An answer in pieces that a test can stop and break. */
#pragma once

#include "endpoints/tessera-exchange-private.h"

G_BEGIN_DECLS

typedef struct
{
  TesseraOutlet base;
  GString *text;    /* what was written */
  gsize most;       /* bytes at once */
  gboolean stopped; /* nothing is taken meanwhile */
  gboolean full;    /* more is too much */
  gboolean finished, cut;
  TesseraOutletEnd why;
} FakeOutlet;

FakeOutlet *fake_outlet_new (gsize most);
void fake_outlet_free (FakeOutlet *self);

/* Behind the next @wanted at or behind @text, by hand: the sanitizer's strstr () looks at all that
 * is left each time. NULL: there is none. */
const char *fake_outlet_find (const char *text, const char *wanted);
guint fake_outlet_count (const FakeOutlet *self, const char *what);
/* Turns the loop until it says @wanted, or @flag is set; five seconds at most. */
void fake_outlet_wait_for (FakeOutlet *self, const char *wanted);
void fake_outlet_wait_for_flag (const gboolean *flag);

G_END_DECLS
