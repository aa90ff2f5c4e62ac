/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Many connections that issue, redeem, refresh, revoke and introspect without pause, and print what
 * they were told (customer.h), for a checker to judge.
 *
 * usage: clients --port N [--connections N] [--customers N] [--length N] [--operations N] [--seed
 * N]
 *                [--kills]
 *
 * On standard input first `client_id=…&client_secret=…` of the client, the same of another one, the
 * client_id alone, the cookies of signed-in browsers a line each, and an empty line. With --kills
 * then "K" whenever the service was killed and is gone, answered by "k" when all that it had said
 * is read; "S" ends it all. */

#include "customer.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define RETRY_MS 1

/* What a connection is busy with. */
typedef struct
{
  Customer *customer;
  guint operation;
} Work;

static World world = { .length = 24 };
static gint n_connections = 16, n_customers = 0;
static gint64 n_operations = 0;
static int poll_fd = -1;
static GPtrArray *connections; /* Connection; data: Work */
static GPtrArray *customers;   /* Customer: those that live */
static GPtrArray *waiting;     /* Customer: those that wait for a kill */
static GPtrArray *leaving;     /* Customer: those that are looked at for the last time */
static guint next_number;
static gint64 operations_done;
static guint errors, lost, broken;
static gboolean stopping;

static char *
read_line (void)
{
  g_autofree char *line = NULL;
  size_t size = 0;
  ssize_t length = getline (&line, &size, stdin);
  if (length <= 0)
    return NULL;
  line[strcspn (line, "\n")] = '\0';
  return g_steal_pointer (&line);
}

static void
read_world (void)
{
  world.client = read_line ();
  world.other = read_line ();
  world.identifier = read_line ();
  world.cookies = g_ptr_array_new_with_free_func (g_free);
  char *line = read_line ();
  for (; line != NULL && *line != '\0'; line = read_line ())
    g_ptr_array_add (world.cookies, line);
  g_free (line);
  g_assert (world.cookies->len > 0);
}

/* Customers. */

static void
replace_customer (guint slot)
{
  customers->pdata[slot] = customer_new (&world, next_number++);
}

static gboolean
wants_more (void)
{
  return !stopping && (n_operations == 0 || operations_done < n_operations);
}

static void
retire (Customer *customer)
{
  customer_print (customer);
  customer_free (customer);
}

/* Those that wait make room for others. */
static void
let_wait (void)
{
  for (guint i = 0; i < customers->len; i++)
    {
      Customer *customer = customers->pdata[i];
      if (customer == NULL || !customer_is_idle (customer))
        continue;
      g_ptr_array_add (waiting, customer);
      customers->pdata[i] = NULL;
      if (wants_more ())
        replace_customer (i);
    }
}

/* Those that are done are told of. */
static void
let_leave (void)
{
  for (guint i = waiting->len; i > 0; i--)
    if (!customer_is_waiting (waiting->pdata[i - 1]))
      g_ptr_array_add (leaving, g_ptr_array_remove_index_fast (waiting, i - 1));
  for (guint i = leaving->len; i > 0; i--)
    if (customer_is_done (leaving->pdata[i - 1]))
      retire (g_ptr_array_remove_index_fast (leaving, i - 1));
}

static gboolean
begin_with (Connection *connection, Customer *customer)
{
  Work *work = connection->data;
  if (customer == NULL || !customer_begin (customer, connection->request, &work->operation))
    return FALSE;
  work->customer = customer;
  connection_send (connection);
  return TRUE;
}

static gboolean
begin_with_any (Connection *connection, GPtrArray *among)
{
  guint first = among->len > 0 ? (guint) g_rand_int_range (world.random, 0, (gint) among->len) : 0;
  for (guint i = 0; i < among->len; i++)
    if (begin_with (connection, among->pdata[(first + i) % among->len]))
      return TRUE;
  return FALSE;
}

static void
end_work (Connection *connection, const Answer *answer)
{
  Work *work = connection->data;
  Customer *customer = g_steal_pointer (&work->customer);
  operations_done++;
  if (!customer_end (customer, work->operation, answer))
    errors++;
}

/* Connections. */

static void
open_connections (void)
{
  for (guint i = 0; i < connections->len; i++)
    {
      Connection *connection = connections->pdata[i];
      /* While nobody listens one of them asks for all. */
      if (connection->state == CONNECTION_CLOSED && !connection_open (connection, world.port))
        return;
    }
}

/* Whose service died under it waits for the order that says so; else it is an error of its own. */
static void
advance (Connection *connection)
{
  Work *work = connection->data;
  Answer answer;
  if (connection_advance (connection, &answer))
    end_work (connection, &answer);
  if (connection->state != CONNECTION_DEAD || world.kills)
    return;
  broken++;
  lost++;
  connection_close (connection);
  g_assert (work->customer != NULL);
  end_work (connection, NULL);
}

static void
start_work (void)
{
  for (guint i = 0; i < connections->len; i++)
    {
      Connection *connection = connections->pdata[i];
      /* One that was idle for long may have been hung up since. */
      if (connection->state == CONNECTION_IDLE)
        advance (connection);
      if (connection->state != CONNECTION_IDLE)
        continue;
      if (!begin_with_any (connection, leaving) && !begin_with_any (connection, customers))
        return;
      advance (connection);
    }
}

/* What was said before the end counts, also where it has not been read yet. */
static void
on_killed (void)
{
  for (guint i = 0; i < connections->len; i++)
    {
      Connection *connection = connections->pdata[i];
      Work *work = connection->data;
      advance (connection);
      connection_close (connection);
      if (work->customer == NULL)
        continue;
      lost++;
      end_work (connection, NULL);
    }
  gint64 killed_ns = now_ns ();
  for (guint i = 0; i < customers->len; i++)
    if (customers->pdata[i] != NULL)
      customer_note_kill (customers->pdata[i], killed_ns);
  for (guint i = 0; i < waiting->len; i++)
    customer_note_kill (waiting->pdata[i], killed_ns);
  for (guint i = 0; i < leaving->len; i++)
    customer_note_kill (leaving->pdata[i], killed_ns);
  printf ("k\n");
  fflush (stdout);
}

static void
stop (void)
{
  stopping = TRUE;
  for (guint i = 0; i < customers->len; i++)
    if (customers->pdata[i] != NULL)
      customer_finish (customers->pdata[i]);
  for (guint i = 0; i < waiting->len; i++)
    customer_finish (waiting->pdata[i]);
}

static void
follow_orders (void)
{
  char order[64];
  ssize_t n = read (STDIN_FILENO, order, sizeof order);
  for (ssize_t i = 0; i < n; i++)
    if (order[i] == 'K')
      on_killed ();
    else if (order[i] == 'S')
      stop ();
  if (n == 0)
    exit (EXIT_FAILURE); /* who gives the orders is gone */
}

/* With an order at hand: TRUE. */
static gboolean
wait_for_something (void)
{
  struct epoll_event events[64];
  gboolean ordered = FALSE;
  int n = epoll_wait (poll_fd, events, G_N_ELEMENTS (events), RETRY_MS);
  for (int i = 0; i < n; i++)
    if (events[i].data.ptr == NULL)
      ordered = TRUE;
    else
      advance (events[i].data.ptr);
  return ordered;
}

static gboolean
is_over (void)
{
  if (wants_more () || waiting->len + leaving->len > 0)
    return FALSE;
  for (guint i = 0; i < customers->len; i++)
    if (customers->pdata[i] != NULL)
      return FALSE;
  return TRUE;
}

static void
run (void)
{
  while (!is_over ())
    {
      open_connections ();
      start_work ();
      if (wait_for_something ())
        follow_orders ();
      let_wait ();
      let_leave ();
    }
}

static void
set_up (void)
{
  struct epoll_event event = { .events = EPOLLIN };
  poll_fd = epoll_create1 (EPOLL_CLOEXEC);
  /* One order at a time. */
  if (world.kills)
    epoll_ctl (poll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &event);
  connections = g_ptr_array_new_with_free_func ((GDestroyNotify) connection_free);
  customers = g_ptr_array_new ();
  waiting = g_ptr_array_new ();
  leaving = g_ptr_array_new ();
  for (gint i = 0; i < n_connections; i++)
    {
      Connection *connection = connection_new (poll_fd);
      connection->data = g_new0 (Work, 1);
      g_ptr_array_add (connections, connection);
    }
  g_ptr_array_set_size (customers, n_customers);
  for (guint i = 0; i < customers->len; i++)
    replace_customer (i);
}

int
main (int argc, char *argv[])
{
  gint port = 0, length = 24;
  gint64 seed = 1;
  const GOptionEntry options[] = {
    { "port", 0, 0, G_OPTION_ARG_INT, &port, "of the service", "N" },
    { "connections", 0, 0, G_OPTION_ARG_INT, &n_connections, "at once", "N" },
    { "customers", 0, 0, G_OPTION_ARG_INT, &n_customers, "at once", "N" },
    { "length", 0, 0, G_OPTION_ARG_INT, &length, "of a customer's life", "N" },
    { "operations", 0, 0, G_OPTION_ARG_INT64, &n_operations, "in all", "N" },
    { "seed", 0, 0, G_OPTION_ARG_INT64, &seed, "of all that is random", "N" },
    { "kills", 0, 0, G_OPTION_ARG_NONE, &world.kills, "the service dies now and then", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;

  g_option_context_add_main_entries (context, options, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    g_error ("%s", error->message);
  setvbuf (stdin, NULL, _IONBF, 0); /* what follows the settings is read without it */
  world.port = (guint16) port;
  world.length = (guint) length;
  world.random = g_rand_new_with_seed ((guint32) seed);
  n_customers = n_customers > 0 ? n_customers : MAX (n_connections / 3, 1);
  read_world ();
  set_up ();
  run ();
  printf ("end %" G_GINT64_FORMAT " %u %u %u\n", operations_done, errors, lost, broken);
  return errors == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
