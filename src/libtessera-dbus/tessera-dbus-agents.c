/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which programs decide the logins of a server, and which of them is asked (design.md §9). */

#include "tessera-dbus-agents-private.h"

#include "tessera-dbus-question-private.h"

#include <string.h>

#define AGENTS_MAX 16
#define QUESTIONS_MAX 256 /* logins that wait for an agent */
/* Logins that wait for a person to enter something. The page lasts 20 minutes. */
#define STEPS_MAX 1024
#define STEP_MINUTES 20

#define KEY "tessera-dbus-agents"

/* Who asked for more: the answer is for nobody else. */
typedef struct
{
  char *id;
  TesseraDBusAgent *agent;
  char *network;   /* that the login came from */
  gint64 asked_at; /* µs, monotonic */
} Step;

struct _TesseraDBusAgents
{
  gatomicrefcount ref_count;
  TesseraServer *server;
  gulong authenticate;
  GPtrArray *agents;    /* TesseraDBusAgent*, the first one is asked first */
  GPtrArray *questions; /* TesseraDBusQuestion*, borrowed, under way */
  GQueue steps;         /* Step*, the oldest first */
  GSource *forgetting;  /* of the oldest step, when its time is over; NULL: there is none */
  guint second;         /* ms */
};

static void
step_free (Step *self)
{
  g_free (self->id);
  tessera_dbus_agent_unref (self->agent);
  g_free (self->network);
  g_free (self);
}

static void
stop_forgetting (TesseraDBusAgents *self)
{
  if (self->forgetting != NULL)
    g_source_destroy (self->forgetting);
  g_clear_pointer (&self->forgetting, g_source_unref);
}

TesseraDBusAgents *
tessera_dbus_agents_hold (TesseraServer *server)
{
  TesseraDBusAgents *self = g_object_get_data (G_OBJECT (server), KEY);

  if (self != NULL)
    return tessera_dbus_agents_ref (self);
  self = g_new0 (TesseraDBusAgents, 1);
  g_atomic_ref_count_init (&self->ref_count);
  self->server = g_object_ref (server);
  self->agents = g_ptr_array_new_with_free_func ((GDestroyNotify) tessera_dbus_agent_unref);
  self->questions = g_ptr_array_new ();
  self->second = 1000;
  g_object_set_data (G_OBJECT (server), KEY, self);
  return self;
}

TesseraDBusAgents *
tessera_dbus_agents_ref (TesseraDBusAgents *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
tessera_dbus_agents_unref (TesseraDBusAgents *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_object_set_data (G_OBJECT (self->server), KEY, NULL);
  g_clear_signal_handler (&self->authenticate, self->server);
  g_clear_object (&self->server);
  g_ptr_array_unref (self->agents);
  g_ptr_array_unref (self->questions);
  stop_forgetting (self);
  g_queue_clear_full (&self->steps, (GDestroyNotify) step_free);
  g_free (self);
}

guint
tessera_dbus_agents_get_second (TesseraDBusAgents *self)
{
  return self->second;
}

TesseraDBusAgent *
tessera_dbus_agents_get_first (TesseraDBusAgents *self)
{
  return self->agents->len > 0 ? self->agents->pdata[0] : NULL;
}

void
tessera_dbus_agents_record (TesseraDBusAgents *self,
                            const char *decision,
                            const char *agent,
                            const char *login,
                            const char *problem)
{
  g_autofree char *action = g_strconcat ("agent-", decision, NULL);
  g_autofree char *object = g_strconcat ("login ", login, NULL);
  g_autoptr (GError) error
      = problem != NULL ? g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, problem) : NULL;

  if (problem != NULL)
    g_message ("agent %s, login denied: agent=%s login=%s", problem, agent != NULL ? agent : "-",
               login);
  tessera_server_audit_act (self->server, action, agent, object, NULL, error);
}

/* Steps */

static GList *
find_step (TesseraDBusAgents *self, const char *id)
{
  for (GList *link = self->steps.head; link != NULL; link = link->next)
    if (g_str_equal (((Step *) link->data)->id, id))
      return link;
  return NULL;
}

static void
delete_step (TesseraDBusAgents *self, GList *link)
{
  step_free (link->data);
  g_queue_delete_link (&self->steps, link);
}

/* Nothing more comes of that login, and its agent need not keep it in mind. */
static void
forget_step (TesseraDBusAgents *self, GList *link)
{
  const Step *step = link->data;

  if (g_ptr_array_find (self->agents, step->agent, NULL))
    tessera_dbus_agent_cancel (step->agent, step->id);
  delete_step (self, link);
}

/* µs */
static gint64
get_time_left (TesseraDBusAgents *self)
{
  const Step *oldest = self->steps.head->data;
  gint64 lifetime = (gint64) STEP_MINUTES * 60 * self->second * 1000;

  return MAX (oldest->asked_at + lifetime - g_get_monotonic_time (), 0);
}

static void start_forgetting (TesseraDBusAgents *self);

static gboolean
on_time_over (gpointer data)
{
  TesseraDBusAgents *self = data;

  stop_forgetting (self);
  while (self->steps.head != NULL && get_time_left (self) == 0)
    forget_step (self, self->steps.head);
  start_forgetting (self);
  return G_SOURCE_REMOVE;
}

static void
start_forgetting (TesseraDBusAgents *self)
{
  if (self->forgetting != NULL || self->steps.head == NULL)
    return;
  self->forgetting = g_timeout_source_new ((guint) (get_time_left (self) / 1000 + 1));
  g_source_set_callback (self->forgetting, on_time_over, self, NULL);
  g_source_attach (self->forgetting, g_main_context_get_thread_default ());
}

void
tessera_dbus_agents_set_second (TesseraDBusAgents *self, guint milliseconds)
{
  self->second = milliseconds;
  stop_forgetting (self);
  start_forgetting (self);
}

/* Whoever has one address of IPv6 has the 2⁶⁴ of its network. */
static char *
dup_network (const char *text)
{
  g_autoptr (GInetAddress) address = g_inet_address_new_from_string (text);
  guint8 bytes[16] = { 0 };

  if (address == NULL || g_inet_address_get_family (address) != G_SOCKET_FAMILY_IPV6)
    return g_strdup (text);
  memcpy (bytes, g_inet_address_to_bytes (address), 8);
  g_autoptr (GInetAddress) network = g_inet_address_new_from_bytes (bytes, G_SOCKET_FAMILY_IPV6);
  return g_inet_address_to_string (network);
}

/* The oldest step of whoever has most, so that nobody loses one because of somebody else's. */
static GList *
find_surplus (TesseraDBusAgents *self)
{
  g_autoptr (GHashTable) later = g_hash_table_new (g_str_hash, g_str_equal);
  GList *surplus = NULL;
  guint most = 0;

  for (GList *link = self->steps.tail; link != NULL; link = link->prev)
    {
      char *network = ((Step *) link->data)->network;
      guint count = GPOINTER_TO_UINT (g_hash_table_lookup (later, network)) + 1;

      g_hash_table_insert (later, network, GUINT_TO_POINTER (count));
      if (count < most)
        continue;
      most = count;
      surplus = link;
    }
  return surplus;
}

static void
remember_step (TesseraDBusAgents *self,
               const char *id,
               TesseraDBusAgent *agent,
               const char *remote_address)
{
  Step *step = g_new0 (Step, 1);

  while (self->steps.length >= STEPS_MAX)
    forget_step (self, find_surplus (self));
  step->id = g_strdup (id);
  step->agent = tessera_dbus_agent_ref (agent);
  step->network = dup_network (remote_address);
  step->asked_at = g_get_monotonic_time ();
  g_queue_push_tail (&self->steps, step);
  start_forgetting (self);
}

/* Logins */

static void
on_over (TesseraDBusQuestion *question, TesseraDBusAgent *asked, gpointer data)
{
  TesseraDBusAgents *self = data;

  g_ptr_array_remove_fast (self->questions, question);
  if (asked != NULL)
    remember_step (self, tessera_dbus_question_get_id (question), asked,
                   tessera_dbus_question_get_remote_address (question));
}

static void
ask (TesseraDBusAgents *self,
     TesseraDBusAgent *agent,
     TesseraAuthentication *authentication,
     gboolean may_fall_over)
{
  TesseraDBusQuestion *question
      = tessera_dbus_question_new (self, authentication, may_fall_over, on_over, self);

  tessera_authentication_hold (authentication);
  g_ptr_array_add (self->questions, question);
  tessera_dbus_question_put (question, agent);
}

/* The agent that has to decide; NULL: it is for others than agents, or *out_gone. */
static TesseraDBusAgent *
choose (TesseraDBusAgents *self, TesseraAuthentication *authentication, gboolean *out_gone)
{
  TesseraDBusAgent *agent = tessera_dbus_agents_get_first (self);
  GList *link = NULL;

  *out_gone = FALSE;
  if (tessera_authentication_get_step (authentication) == 0)
    return agent != NULL ? tessera_dbus_agent_ref (agent) : NULL;
  link = find_step (self, tessera_authentication_get_id (authentication));
  if (link == NULL)
    return NULL;
  g_autoptr (TesseraDBusAgent) asked = tessera_dbus_agent_ref (((Step *) link->data)->agent);
  delete_step (self, link);
  *out_gone = !g_ptr_array_find (self->agents, asked, NULL);
  return *out_gone ? NULL : g_steal_pointer (&asked);
}

static void
on_authenticate (TesseraServer *server, TesseraAuthentication *authentication, gpointer data)
{
  TesseraDBusAgents *self = data;
  gboolean gone = FALSE;
  g_autoptr (TesseraDBusAgent) agent = choose (self, authentication, &gone);

  if (agent == NULL && !gone)
    return;
  if (gone || self->questions->len >= QUESTIONS_MAX)
    {
      tessera_dbus_agents_record (self, "deny", NULL,
                                  tessera_authentication_get_id (authentication),
                                  gone ? "has gone" : "has too many questions");
      tessera_authentication_deny (authentication);
      return;
    }
  ask (self, agent, authentication, tessera_authentication_get_step (authentication) == 0);
}

/* Coming and going */

static guint
find (TesseraDBusAgents *self, GDBusConnection *connection, const char *sender, const char *path)
{
  guint i = 0;

  while (i < self->agents->len
         && !tessera_dbus_agent_is (self->agents->pdata[i], connection, sender, path))
    i++;
  return i;
}

static void
on_gone (TesseraDBusAgent *agent, gpointer data)
{
  tessera_dbus_agents_drop (data, agent);
}

/* Handlers that the application connected until now are asked before agents. */
static void
listen_to_logins (TesseraDBusAgents *self)
{
  g_clear_signal_handler (&self->authenticate, self->server);
  self->authenticate
      = g_signal_connect (self->server, "authenticate", G_CALLBACK (on_authenticate), self);
}

/* Takes @agent. */
static void
insert (TesseraDBusAgents *self, TesseraDBusAgent *agent)
{
  guint place = 0;

  if (self->agents->len == 0)
    listen_to_logins (self);
  while (place < self->agents->len
         && ((TesseraDBusAgent *) self->agents->pdata[place])->priority >= agent->priority)
    place++;
  g_ptr_array_insert (self->agents, (int) place, agent);
  tessera_dbus_agent_watch (agent, on_gone, self);
}

static void
tell (TesseraDBusAgent *agent, const char *what)
{
  g_autofree char *name = tessera_dbus_agent_dup_name (agent);

  g_message ("agent %s agent=%s priority=%d", what, name, agent->priority);
}

gboolean
tessera_dbus_agents_add (TesseraDBusAgents *self,
                         GDBusConnection *connection,
                         const char *sender,
                         const char *path,
                         GVariant *options,
                         GError **error)
{
  g_autoptr (TesseraDBusAgent) agent = NULL;

  if (find (self, connection, sender, path) < self->agents->len)
    {
      g_set_error_literal (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_EXISTS,
                           "This agent is registered already.");
      return FALSE;
    }
  if (self->agents->len >= AGENTS_MAX)
    {
      g_set_error (error, G_DBUS_ERROR, G_DBUS_ERROR_LIMITS_EXCEEDED, "There are %d agents already",
                   AGENTS_MAX);
      return FALSE;
    }
  agent = tessera_dbus_agent_new (connection, sender, path, options, error);
  if (agent == NULL)
    return FALSE;
  tell (agent, "registered");
  insert (self, g_steal_pointer (&agent));
  return TRUE;
}

static void
remove_at (TesseraDBusAgents *self, guint place)
{
  tessera_dbus_agent_unwatch (self->agents->pdata[place]);
  g_ptr_array_remove_index (self->agents, place);
}

gboolean
tessera_dbus_agents_remove (TesseraDBusAgents *self,
                            GDBusConnection *connection,
                            const char *sender,
                            const char *path,
                            GError **error)
{
  guint place = find (self, connection, sender, path);

  if (place == self->agents->len)
    {
      g_set_error_literal (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_NOT_FOUND,
                           "There is no such agent.");
      return FALSE;
    }
  tell (self->agents->pdata[place], "unregistered");
  remove_at (self, place);
  return TRUE;
}

void
tessera_dbus_agents_drop (TesseraDBusAgents *self, TesseraDBusAgent *agent)
{
  guint place = 0;

  if (!g_ptr_array_find (self->agents, agent, &place))
    return;
  tell (agent, "gone");
  remove_at (self, place);
}

/* Over a connection that has closed nothing can be told, and what was asked fails by itself. */
void
tessera_dbus_agents_leave (TesseraDBusAgents *self, GDBusConnection *connection)
{
  gboolean closed = g_dbus_connection_is_closed (connection);

  for (guint i = self->questions->len; i-- > 0 && !closed;)
    if (tessera_dbus_question_get_agent (self->questions->pdata[i])->connection == connection)
      tessera_dbus_question_withdraw (self->questions->pdata[i], "is left by the service");
  for (guint i = self->agents->len; i-- > 0;)
    {
      TesseraDBusAgent *agent = self->agents->pdata[i];

      if (agent->connection != connection)
        continue;
      if (!closed)
        tessera_dbus_agent_release (agent);
      remove_at (self, i);
    }
}
