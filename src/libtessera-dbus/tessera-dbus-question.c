/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One login put to an agent, and to the next one if that has gone; denied whatever else goes wrong
 * (design.md §9). */

#include "tessera-dbus-question-private.h"

#include "tessera-dbus-decision-private.h"

#define SECONDS_MAX 110 /* for all agents together; a held login lasts 120 s */

struct _TesseraDBusQuestion
{
  gatomicrefcount ref_count; /* one of the owner's, one of each call's */
  TesseraDBusAgents *agents;
  char *id;
  char *remote_address;
  TesseraAuthentication *authentication; /* NULL: over */
  gboolean may_fall_over;
  TesseraDBusQuestionOver over;
  gpointer data;

  TesseraDBusAgent *agent; /* that is asked now */
  GCancellable *cancellable;
  GSource *deadline;
  gint64 began_at; /* µs, monotonic */
};

static void
question_unref (TesseraDBusQuestion *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_clear_pointer (&self->agent, tessera_dbus_agent_unref);
  g_clear_object (&self->cancellable);
  tessera_dbus_agents_unref (self->agents);
  g_free (self->id);
  g_free (self->remote_address);
  g_free (self);
}

TesseraDBusQuestion *
tessera_dbus_question_new (TesseraDBusAgents *agents,
                           TesseraAuthentication *authentication,
                           gboolean may_fall_over,
                           TesseraDBusQuestionOver over,
                           gpointer data)
{
  TesseraDBusQuestion *self = g_new0 (TesseraDBusQuestion, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->agents = tessera_dbus_agents_ref (agents);
  self->id = g_strdup (tessera_authentication_get_id (authentication));
  self->remote_address = g_strdup (tessera_authentication_get_remote_address (authentication));
  self->authentication = g_object_ref (authentication);
  self->may_fall_over = may_fall_over;
  self->over = over;
  self->data = data;
  self->began_at = g_get_monotonic_time ();
  return self;
}

TesseraDBusAgent *
tessera_dbus_question_get_agent (TesseraDBusQuestion *self)
{
  return self->agent;
}

const char *
tessera_dbus_question_get_id (TesseraDBusQuestion *self)
{
  return self->id;
}

const char *
tessera_dbus_question_get_remote_address (TesseraDBusQuestion *self)
{
  return self->remote_address;
}

static void
stop_deadline (TesseraDBusQuestion *self)
{
  if (self->deadline != NULL)
    g_source_destroy (self->deadline);
  g_clear_pointer (&self->deadline, g_source_unref);
}

/* With the verdict that @decision has. */
static void
finish (TesseraDBusQuestion *self, const TesseraDBusDecision *decision, const char *problem)
{
  g_autoptr (TesseraAuthentication) authentication = g_steal_pointer (&self->authentication);
  g_autofree char *name = tessera_dbus_agent_dup_name (self->agent);

  stop_deadline (self);
  g_cancellable_cancel (self->cancellable);
  tessera_dbus_agents_record (self->agents, tessera_dbus_decision_get_name (decision), name,
                              self->id, problem);
  self->over (self, decision->kind == TESSERA_DBUS_DECISION_ASK ? self->agent : NULL, self->data);
  tessera_dbus_decision_apply (decision, authentication);
  question_unref (self);
}

static void
deny (TesseraDBusQuestion *self, const char *problem)
{
  finish (self, &(TesseraDBusDecision){ .kind = TESSERA_DBUS_DECISION_DENY }, problem);
}

void
tessera_dbus_question_withdraw (TesseraDBusQuestion *self, const char *problem)
{
  tessera_dbus_agent_cancel (self->agent, self->id);
  deny (self, problem);
}

static gboolean
on_deadline (gpointer data)
{
  tessera_dbus_question_withdraw (data, "was late");
  return G_SOURCE_REMOVE;
}

/* How long the next agent may take; 0: there is no time left. */
static guint
get_milliseconds_left (TesseraDBusQuestion *self)
{
  gint64 all = (gint64) SECONDS_MAX * tessera_dbus_agents_get_second (self->agents);
  gint64 left = all - (g_get_monotonic_time () - self->began_at) / 1000;

  return left > 0 ? (guint) left : 0;
}

static void
fall_over (TesseraDBusQuestion *self)
{
  g_autoptr (TesseraDBusAgent) gone = tessera_dbus_agent_ref (self->agent);
  TesseraDBusAgent *next = NULL;

  tessera_dbus_agents_drop (self->agents, gone);
  next = self->may_fall_over ? tessera_dbus_agents_get_first (self->agents) : NULL;
  if (next != NULL && get_milliseconds_left (self) > 0)
    tessera_dbus_question_put (self, next);
  else
    deny (self, "has gone");
}

/* Only the name of the error: what an agent says beside it may be anything. */
static void
deny_failed (TesseraDBusQuestion *self, const GError *error)
{
  g_autofree char *name = g_dbus_error_get_remote_error (error);
  g_autofree char *problem
      = g_strconcat ("failed: ", name != NULL ? name : "no proper answer", NULL);

  deny (self, problem);
}

static void
deny_malformed (TesseraDBusQuestion *self, const GError *error)
{
  g_autofree char *problem = g_strconcat ("gave ", error->message, NULL);

  deny (self, problem);
}

static void
on_answer (GObject *source, GAsyncResult *result, gpointer data)
{
  TesseraDBusQuestion *self = data;
  g_auto (TesseraDBusDecision) decision = { 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer
      = tessera_dbus_agent_authenticate_finish (self->agent, result, &error);

  if (self->authentication == NULL)
    ; /* over already */
  else if (answer == NULL && tessera_dbus_agent_is_unreachable (error))
    fall_over (self);
  else if (answer == NULL)
    deny_failed (self, error);
  else if (!tessera_dbus_decision_read (&decision, answer, &error))
    deny_malformed (self, error);
  else
    finish (self, &decision, NULL);
  question_unref (self);
}

static void
start_deadline (TesseraDBusQuestion *self)
{
  guint own = self->agent->timeout * tessera_dbus_agents_get_second (self->agents);

  stop_deadline (self);
  self->deadline = g_timeout_source_new (MIN (own, get_milliseconds_left (self)));
  g_source_set_callback (self->deadline, on_deadline, self, NULL);
  g_source_attach (self->deadline, g_main_context_get_thread_default ());
}

void
tessera_dbus_question_put (TesseraDBusQuestion *self, TesseraDBusAgent *agent)
{
  g_clear_pointer (&self->agent, tessera_dbus_agent_unref);
  g_clear_object (&self->cancellable);
  self->agent = tessera_dbus_agent_ref (agent);
  self->cancellable = g_cancellable_new ();
  start_deadline (self);
  g_atomic_ref_count_inc (&self->ref_count);
  tessera_dbus_agent_authenticate (agent, self->authentication, self->cancellable, on_answer, self);
}
