/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See fake-outlet.h. */

#include "fake-outlet.h"

#include <string.h>

static gboolean
fake_write (TesseraOutlet *base, const char *bytes, gsize length)
{
  FakeOutlet *self = (FakeOutlet *) base;

  g_assert_false (self->finished || self->cut);
  g_assert_cmpuint (length, <=, self->most);
  g_string_append_len (self->text, bytes, (gssize) length);
  return !self->full;
}

static gboolean
fake_is_ready (TesseraOutlet *base)
{
  return !((FakeOutlet *) base)->stopped;
}

static void
fake_finish (TesseraOutlet *base, TesseraOutletEnd why)
{
  ((FakeOutlet *) base)->finished = TRUE;
  ((FakeOutlet *) base)->why = why;
}

static void
fake_cut (TesseraOutlet *base)
{
  ((FakeOutlet *) base)->cut = TRUE;
}

static const TesseraOutletFront front = { fake_write, fake_is_ready, fake_finish, fake_cut };

FakeOutlet *
fake_outlet_new (gsize most)
{
  FakeOutlet *self = g_new0 (FakeOutlet, 1);

  self->base.front = &front;
  self->most = most;
  self->text = g_string_new (NULL);
  return self;
}

void
fake_outlet_free (FakeOutlet *self)
{
  g_string_free (self->text, TRUE);
  g_free (self);
}

const char *
fake_outlet_find (const char *text, const char *wanted)
{
  gsize length = strlen (wanted);

  for (; *text != '\0'; text++)
    if (*text == *wanted && strncmp (text, wanted, length) == 0)
      return text + length;
  return NULL;
}

static gboolean
on_timeout (gpointer data)
{
  *(gboolean *) data = TRUE;
  return G_SOURCE_REMOVE;
}

void
fake_outlet_wait_for (FakeOutlet *outlet, const char *wanted)
{
  gboolean late = FALSE;
  guint id = g_timeout_add_seconds (60, on_timeout, &late);

  while (fake_outlet_find (outlet->text->str, wanted) == NULL && !late)
    g_main_context_iteration (NULL, TRUE);
  g_assert_nonnull (fake_outlet_find (outlet->text->str, wanted));
  g_source_remove (id);
}

void
fake_outlet_wait_for_flag (const gboolean *flag)
{
  gboolean late = FALSE;
  guint id = g_timeout_add_seconds (60, on_timeout, &late);

  while (!*flag && !late)
    g_main_context_iteration (NULL, TRUE);
  g_assert_true (*flag);
  g_source_remove (id);
}

guint
fake_outlet_count (const FakeOutlet *outlet, const char *what)
{
  guint n = 0;

  for (const char *at = outlet->text->str; (at = fake_outlet_find (at, what)) != NULL;)
    n++;
  return n;
}
