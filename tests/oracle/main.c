/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Issues, revokes, rotates, moves clocks and restarts at random, and asks after each step whether
 * server, introspection and verifier say of some tokens what the oracle says.
 * oracle [--steps N] [--seed N] */

#include "world.h"

#include <stdlib.h>
#include <string.h>

#define ASKED_A_STEP 1

typedef struct
{
  guint64 good;
  guint64 dead;
  guint64 either;
} Tally;

static const char *const words[] = { "good", "dead", "either" };

static void
complain (
    World *world, const char *who, const OracleToken *token, OracleVerdict verdict, gboolean said)
{
  g_printerr ("# step %" G_GUINT64_FORMAT ": %s says %s of a token that is %s: jti %s, client %s, "
              "sub %s, grant %s, kid %s, exp in %" G_GINT64_FORMAT " s\n",
              world->step, who, said ? "good" : "dead", words[verdict], token->jti, token->client,
              token->subject, token->grant != NULL ? token->grant : "none", token->kid,
              token->expires_s - world_get_seconds (world));
  g_print ("not ok 1 - server, introspection and verifier say what the oracle says\n");
  exit (EXIT_FAILURE);
}

static void
compare (World *world, const char *who, const OracleToken *token, gboolean said)
{
  OracleVerdict verdict = oracle_judge (token, world_get_seconds (world));

  if (verdict != ORACLE_EITHER && said != (verdict == ORACLE_GOOD))
    complain (world, who, token, verdict, said);
}

/* Where the server may refuse more than it was told, the verifier refuses the same. */
static void
compare_verifier (World *world, const OracleToken *token, gboolean server_said)
{
  gboolean said = world_verify (world, token);

  compare (world, "the verifier", token, said);
  if (token->verdict == ORACLE_EITHER && world_get_seconds (world) < token->expires_s
      && said != server_said)
    complain (world, "the verifier, unlike the server,", token, token->verdict, said);
}

static void
ask (World *world, Tally *tally)
{
  OracleToken *token = world_choose_token (world);

  if (token == NULL)
    return;
  g_autoptr (TesseraAccessToken) checked
      = tessera_token_checker_check (TESSERA_TOKEN_CHECKER (world->server), token->text,
                                     world->issuer, NULL);
  compare (world, "the server", token, checked != NULL);
  compare (world, "introspection", token, world_introspect (world, token));
  compare_verifier (world, token, checked != NULL);
  switch (oracle_judge (token, world_get_seconds (world)))
    {
    case ORACLE_GOOD:
      tally->good++;
      break;
    case ORACLE_DEAD:
      tally->dead++;
      break;
    default:
      tally->either++;
    }
}

static void
show (const Tally *tally)
{
  guint count;
  const WorldAct *acts = world_get_acts (&count);

  for (guint i = 0; i < count; i++)
    g_print ("# %8" G_GUINT64_FORMAT "  %s\n", acts[i].count, acts[i].name);
  g_print ("# asked of tokens that were good %" G_GUINT64_FORMAT ", dead %" G_GUINT64_FORMAT
           ", either %" G_GUINT64_FORMAT "\n",
           tally->good, tally->dead, tally->either);
}

/* What a server says of what is done here on purpose: too much to read. */
static const char *const expected[]
    = { "was used twice", "no tokens are issued until it is right" };

static gboolean
is_expected (const char *message)
{
  for (guint i = 0; i < G_N_ELEMENTS (expected); i++)
    if (strstr (message, expected[i]) != NULL)
      return TRUE;
  return FALSE;
}

static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  if ((level & G_LOG_LEVEL_MASK) >= G_LOG_LEVEL_MESSAGE)
    return G_LOG_WRITER_HANDLED;
  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, "MESSAGE") == 0 && is_expected (fields[i].value))
      return G_LOG_WRITER_HANDLED;
  return g_log_writer_standard_streams (level, fields, n_fields, data);
}

int
main (int argc, char **argv)
{
  int steps = 100000;
  int seed = -1;
  const GOptionEntry options[]
      = { { "steps", 0, 0, G_OPTION_ARG_INT, &steps, "How many", "N" },
          { "seed", 0, 0, G_OPTION_ARG_INT, &seed, "Of the random numbers", "N" },
          { NULL } };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  Tally tally = { 0 };

  g_option_context_add_main_entries (context, options, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    {
      g_printerr ("%s\n", error->message);
      return 2;
    }
  if (seed < 0)
    seed = (int) (g_random_int () >> 1);
  g_print ("1..1\n# %d steps, seed %d\n", steps, seed);

  g_log_set_writer_func (write_log, NULL, NULL);
  World *world = world_new ((guint32) seed);
  for (int i = 0; i < steps; i++)
    {
      world_step (world);
      for (guint j = 0; j < ASKED_A_STEP; j++)
        ask (world, &tally);
    }
  guint64 verifiers = world->verifiers;
  world_free (world);
  show (&tally);
  g_print ("# %8" G_GUINT64_FORMAT "  verifiers began anew\n", verifiers);
  if (tally.good < (guint64) steps / 10 || tally.dead < (guint64) steps / 10)
    {
      g_print ("not ok 1 - enough was asked\n");
      return EXIT_FAILURE;
    }
  g_print ("ok 1 - server, introspection and verifier say what the oracle says\n");
  return EXIT_SUCCESS;
}
