/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The deny-list as it is read at the start: whatever the rows hold, what one of them refuses is
 * refused, and nothing else. The input: the highest time and the longest lifetime of the state in
 * the first line; a row in each other one, with tabs between kind, value, instant, expiry, grant,
 * client and subject. */

#include "fuzz.h"
#include "store/tessera-deny-list-private.h"
#include "store/tessera-memory-store-private.h"

#include <string.h>

#define ROWS_MAX 12
#define UUID_MAX_MS ((G_GINT64_CONSTANT (1) << 48) - 1)
#define YEAR_9999_MS G_GINT64_CONSTANT (253402300799000)

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  fuzz_init ();
  return 0;
}

typedef struct
{
  TesseraDenial denial;
  char **words;
} Row;

typedef struct
{
  gint64 loaded_ms; /* when the list was read */
  gint64 now_ms;
} Moment;

static void
row_clear (Row *row)
{
  g_strfreev (row->words);
}

static const char *
get_word (char **words, guint index)
{
  return index < g_strv_length (words) && words[index][0] != '\0' ? words[index] : NULL;
}

static gint64
get_number (char **words, guint index)
{
  const char *word = get_word (words, index);

  return word != NULL ? g_ascii_strtoll (word, NULL, 10) : 0;
}

static Row
parse_row (const char *line)
{
  Row row = { .words = g_strsplit (line, "\t", 7) };
  const char *value = get_word (row.words, 1);

  row.denial = (TesseraDenial){ .kind = (TesseraDenialKind) ((guchar) line[0] & 15),
                                .value = value != NULL ? value : "",
                                .instant_ms = get_number (row.words, 2),
                                .expires_ms = get_number (row.words, 3),
                                .grant_id = get_word (row.words, 4),
                                .client_id = get_word (row.words, 5),
                                .subject = get_word (row.words, 6) };
  return row;
}

static GArray *
parse_rows (FuzzInput *input)
{
  GArray *rows = g_array_new (FALSE, FALSE, sizeof (Row));

  g_array_set_clear_func (rows, (GDestroyNotify) row_clear);
  while (input->at < input->end && rows->len < ROWS_MAX)
    {
      g_autofree char *line = fuzz_input_take_line (input);
      Row row = parse_row (line);
      g_array_append_val (rows, row);
    }
  return rows;
}

/* --- what the rows say, one by one --- */

static gboolean
is_issued_until (const TesseraTokenIdentity *token, const TesseraDenial *denial)
{
  return denial->instant_ms == 0 || token->issued_ms <= denial->instant_ms;
}

static gboolean
row_refuses (const TesseraDenial *denial, const TesseraTokenIdentity *token)
{
  const char *value = denial->value;

  switch (denial->kind)
    {
    case TESSERA_DENIAL_TOKEN:
      return g_strcmp0 (value, token->jti) == 0;
    case TESSERA_DENIAL_GRANT:
      return g_strcmp0 (value, token->grant_id) == 0 && is_issued_until (token, denial);
    case TESSERA_DENIAL_SESSION:
      return g_strcmp0 (value, token->session_id) == 0 && is_issued_until (token, denial);
    case TESSERA_DENIAL_SUBJECT:
    case TESSERA_DENIAL_SUBJECT_TOKENS:
      return token->grant_id != NULL && g_strcmp0 (value, token->subject) == 0
             && is_issued_until (token, denial);
    case TESSERA_DENIAL_CLIENT:
      return g_strcmp0 (value, token->client_id) == 0 && is_issued_until (token, denial);
    case TESSERA_DENIAL_CLIENT_TOKENS:
      return token->grant_id == NULL && g_strcmp0 (value, token->client_id) == 0
             && is_issued_until (token, denial);
    case TESSERA_DENIAL_KEY:
      return g_strcmp0 (value, token->kid) == 0 && is_issued_until (token, denial);
    case TESSERA_DENIAL_ALL:
      return is_issued_until (token, denial);
    default:
      return FALSE;
    }
}

static gboolean
expect (GArray *rows, gint64 now_ms, const TesseraTokenIdentity *token)
{
  for (guint i = 0; i < rows->len; i++)
    {
      const TesseraDenial *denial = &g_array_index (rows, Row, i).denial;

      if (denial->expires_ms >= now_ms && row_refuses (denial, token))
        return TRUE;
    }
  return FALSE;
}

/* --- tokens to ask for --- */

/* When a token of ours was issued its jti says; anything else can be from any time. */
static void
set_issued (TesseraTokenIdentity *token, gint64 otherwise_ms)
{
  guint8 id[16];

  if (!tessera_uuid_parse (token->jti, id, &token->issued_ms))
    token->issued_ms = otherwise_ms;
}

static gboolean
differs (const char *said, const char *other)
{
  return said != NULL && g_strcmp0 (said, other) != 0;
}

/* No two tokens have one jti: what a row says of its token must be so. */
static gboolean
can_be (GArray *rows, const TesseraTokenIdentity *token)
{
  for (guint i = 0; i < rows->len; i++)
    {
      const TesseraDenial *denial = &g_array_index (rows, Row, i).denial;

      if (denial->kind == TESSERA_DENIAL_TOKEN && g_strcmp0 (denial->value, token->jti) == 0
          && (g_strcmp0 (denial->grant_id, token->grant_id) != 0
              || differs (denial->client_id, token->client_id)
              || differs (denial->subject, token->subject)))
        return FALSE;
    }
  return TRUE;
}

/* An entry may refuse a little longer than it must, from when it was read until it is pruned; never
 * shorter. */
static void
compare (TesseraDenyList *list, GArray *rows, const Moment *moment, TesseraTokenIdentity *token)
{
  gint64 issued = token->issued_ms;

  for (gint64 step = -1; step <= 1; step++)
    {
      if (issued + step < 0 || issued + step > UUID_MAX_MS)
        continue;
      if (!can_be (rows, token))
        return;
      set_issued (token, issued + step);
      if (tessera_deny_list_check (list, token))
        g_assert_true (expect (rows, moment->loaded_ms, token));
      else
        g_assert_false (expect (rows, moment->now_ms, token));
    }
  token->issued_ms = issued;
}

/* A token made of two rows, with and without a grant. */
static void
compare_pair (TesseraDenyList *list,
              GArray *rows,
              const Moment *moment,
              const TesseraDenial *a,
              const TesseraDenial *b)
{
  const char *const grants[] = { NULL, a->grant_id, b->value };
  const char *const clients[] = { a->client_id, b->client_id, b->value };
  const char *const subjects[] = { a->subject, b->subject, b->value };

  for (guint i = 0; i < 9; i++)
    {
      TesseraTokenIdentity token = { .jti = a->value,
                                     .issued_ms = CLAMP (b->instant_ms, 0, UUID_MAX_MS),
                                     .expires_ms = YEAR_9999_MS,
                                     .subject = subjects[i % 3],
                                     .client_id = clients[i / 3],
                                     .grant_id = grants[(i + i / 3) % 3],
                                     .session_id = b->value,
                                     .kid = i == 0 ? a->value : "kid" };
      compare (list, rows, moment, &token);
    }
}

static void
compare_all (TesseraDenyList *list, GArray *rows, const Moment *moment)
{
  for (guint i = 0; i < rows->len; i++)
    for (guint j = 0; j < rows->len; j++)
      compare_pair (list, rows, moment, &g_array_index (rows, Row, i).denial,
                    &g_array_index (rows, Row, j).denial);
}

/* On top of what was read, a revocation still takes effect. */
static void
check_revocation (TesseraDenyList *list, TesseraStore *store, TesseraClock *clock)
{
  g_autofree char *jti = tessera_uuid_new (tessera_clock_get_ms (clock) + 1);
  g_autoptr (GError) error = NULL;
  TesseraTokenIdentity token = { .jti = jti,
                                 .expires_ms = YEAR_9999_MS,
                                 .subject = "somebody",
                                 .client_id = "some client",
                                 .grant_id = "some grant" };

  set_issued (&token, 0);
  tessera_store_begin (store, NULL);
  g_assert_true (tessera_deny_list_deny_token (list, store, &token, NULL, &error));
  g_assert_no_error (error);
  g_assert_true (tessera_deny_list_check (list, &token));
  tessera_clock_advance (clock, token.issued_ms);
  token.jti = "another";
  g_assert_true (tessera_deny_list_deny_client (list, store, token.client_id, NULL, NULL));
  g_assert_true (tessera_deny_list_check (list, &token));
  g_assert_true (tessera_store_commit (store, NULL));
}

static void
fill (TesseraStore *store, GArray *rows, gint64 high_water_ms, gint64 lifetime_ms)
{
  tessera_store_begin (store, NULL);
  for (guint i = 0; i < rows->len; i++)
    tessera_store_append_denial (store, &g_array_index (rows, Row, i).denial, NULL, NULL);
  tessera_store_put_high_water (store, high_water_ms, NULL);
  tessera_store_put_longest_lifetime (store, lifetime_ms, NULL);
  tessera_store_commit (store, NULL);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  FuzzInput input = fuzz_input (data, size);
  g_autofree char *state = fuzz_input_take_line (&input);
  g_auto (GStrv) numbers = g_strsplit (state, "\t", 2);
  g_autoptr (GArray) rows = parse_rows (&input);
  g_autoptr (TesseraStore) store = tessera_memory_store_new ();
  g_autoptr (TesseraClock) clock = tessera_clock_new ();
  g_autoptr (TesseraDenyList) list = tessera_deny_list_new (clock, 0, NULL);
  g_autoptr (GError) error = NULL;

  fill (store, rows, get_number (numbers, 0), get_number (numbers, 1));
  if (!tessera_deny_list_load (list, store, 600 * 1000, NULL, &error))
    return 0;
  Moment moment = { tessera_clock_get_ms (clock), tessera_clock_get_ms (clock) };
  compare_all (list, rows, &moment);
  check_revocation (list, store, clock);
  moment.now_ms = tessera_clock_get_ms (clock);
  compare_all (list, rows, &moment);
  return 0;
}
