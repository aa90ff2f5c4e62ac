/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gate/tessera-gate-queue-private.h"

typedef struct
{
  TesseraGateQueue *queue;
  TesseraGatePlace places[64];
  char names[64][4];
  guint n_places;
} Fixture;

static void
set_up (Fixture *self, gconstpointer max)
{
  self->queue = tessera_gate_queue_new (GPOINTER_TO_UINT (max));
}

static void
tear_down (Fixture *self, gconstpointer max)
{
  tessera_gate_queue_free (self->queue);
}

/* "a1" comes from the address a; from '-' comes who has none. Who makes way; NULL: nobody. */
static const char *
add (Fixture *self, const char *name)
{
  const TesseraGateAddress from = { .family = name[0] != '-' ? AF_INET : 0, .prefix = name[0] };
  guint i = self->n_places++;

  g_strlcpy (self->names[i], name, sizeof self->names[i]);
  return tessera_gate_queue_add (self->queue, &self->places[i], self->names[i], &from);
}

/* All of @names, of which nobody makes way. */
static void
add_all (Fixture *self, const char *names)
{
  g_auto (GStrv) parts = g_strsplit (names, " ", -1);

  for (guint i = 0; parts[i] != NULL; i++)
    g_assert_null (add (self, parts[i]));
}

static void
assert_order (Fixture *self, const char *expected)
{
  g_autoptr (GString) order = g_string_new (NULL);
  const char *name = NULL;

  while ((name = tessera_gate_queue_take (self->queue)) != NULL)
    g_string_append_printf (order, "%s%s", order->len > 0 ? " " : "", name);
  g_assert_cmpstr (order->str, ==, expected);
}

/* Who leaves without its turn. */
static void
leave (Fixture *self, guint place)
{
  g_assert_nonnull (self->places[place].line);
  tessera_gate_queue_remove (self->queue, &self->places[place]);
  g_assert_null (self->places[place].line);
}

static void
test_address_after_address (Fixture *self, gconstpointer max)
{
  add_all (self, "a1 a2 a3 a4 b1 b2 c1");
  assert_order (self, "a1 b1 c1 a2 b2 a3 a4");
  add_all (self, "c2 b3");
  assert_order (self, "c2 b3");
}

/* Who has just had a turn comes behind the others. */
static void
test_a_stranger_waits_for_one_of_each (Fixture *self, gconstpointer max)
{
  add_all (self, "a1 a2 a3 b1 b2 b3");
  g_assert_cmpstr (tessera_gate_queue_take (self->queue), ==, "a1");
  add_all (self, "c1");
  assert_order (self, "b1 a2 c1 b2 a3 b3");
}

static void
test_who_has_most_makes_way (Fixture *self, gconstpointer max)
{
  add_all (self, "a1 b1 b2 b3 b4 c1 c2 c3");
  g_assert_cmpstr (add (self, "d1"), ==, "b4");
  g_assert_cmpstr (add (self, "d2"), ==, "b3");
  g_assert_cmpstr (add (self, "e1"), ==, "c3");
  assert_order (self, "a1 b1 c1 d1 e1 b2 c2 d2");
}

static void
test_who_has_most_is_refused (Fixture *self, gconstpointer max)
{
  add_all (self, "a1 a2 a3 b1 b2 b3 c1 c2");
  g_assert_cmpstr (add (self, "a4"), ==, "a4");
  g_assert_null (self->places[self->n_places - 1].line);
  g_assert_cmpstr (add (self, "c3"), ==, "c3"); /* it would have as many as the others */
  assert_order (self, "a1 b1 c1 a2 b2 c2 a3 b3");
}

static void
test_of_many_that_are_alike_the_last_is_refused (Fixture *self, gconstpointer max)
{
  add_all (self, "a1 b1 c1 d1 e1 f1 g1 h1");
  g_assert_cmpstr (add (self, "i1"), ==, "i1");
  assert_order (self, "a1 b1 c1 d1 e1 f1 g1 h1");
}

static void
test_who_has_no_address_stands_for_itself (Fixture *self, gconstpointer max)
{
  add_all (self, "-1 -2 -3 a1 a2 -4 -5 -6");
  g_assert_cmpstr (add (self, "b1"), ==, "a2");
  assert_order (self, "-1 -2 -3 a1 -4 -5 -6 b1");
}

static void
test_who_leaves_makes_room (Fixture *self, gconstpointer max)
{
  add_all (self, "a1 a2 b1 c1 d1 e1 f1 g1");
  leave (self, 0);
  leave (self, 2);
  add_all (self, "h1 b2");
  g_assert_cmpstr (add (self, "i1"), ==, "i1");
  assert_order (self, "a2 c1 d1 e1 f1 g1 h1 b2");
}

static void
test_forgets_who_waits_at_the_end (Fixture *self, gconstpointer max)
{
  add_all (self, "a1 a2 b1 -1");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function)                                                                        \
  g_test_add ("/gate-queue/" name, Fixture, GUINT_TO_POINTER (8), set_up, function, tear_down)
  ADD ("address-after-address", test_address_after_address);
  ADD ("a-stranger-waits-for-one-of-each", test_a_stranger_waits_for_one_of_each);
  ADD ("who-has-most-makes-way", test_who_has_most_makes_way);
  ADD ("who-has-most-is-refused", test_who_has_most_is_refused);
  ADD ("of-many-that-are-alike-the-last-is-refused",
       test_of_many_that_are_alike_the_last_is_refused);
  ADD ("who-has-no-address-stands-for-itself", test_who_has_no_address_stands_for_itself);
  ADD ("who-leaves-makes-room", test_who_leaves_makes_room);
  ADD ("forgets-who-waits-at-the-end", test_forgets_who_waits_at_the_end);
  return g_test_run ();
}
