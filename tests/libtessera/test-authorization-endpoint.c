/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between an authorization request and its code: what was revoked meanwhile is not allowed (RFC
 * 6749 §4.1.2, design.md §5). */

#include "engine-fixture.h"

#include "grants/tessera-revoker-private.h"

#include <string.h>

#define QUERY                                                                                      \
  "response_type=code&client_id=c1&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcb&state=S"               \
  "&code_challenge_method=S256&code_challenge=" ENGINE_FIXTURE_CHALLENGE

static void
test_who_is_allowed_gets_a_code (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (FALSE);
  g_autoptr (Answer) answer = engine_fixture_authorize (fixture, QUERY);

  engine_fixture_approve (fixture, answer, "alice");
  g_assert_cmpuint (answer->status, ==, 303);
  g_assert_nonnull (strstr (answer->location, "code=tsc_"));
  g_assert_null (strstr (answer->location, "error="));
}

static void
test_a_cut_off_while_somebody_decides_ends_it (void)
{
  static const struct
  {
    TesseraRevocationKind kind;
    const char *value;
  } cut_offs[] = { { TESSERA_REVOCATION_KIND_SUBJECT, "alice" },
                   { TESSERA_REVOCATION_KIND_CLIENT, "c1" },
                   { TESSERA_REVOCATION_KIND_SESSION, "s1" },
                   { TESSERA_REVOCATION_KIND_ALL, "" } };

  for (guint i = 0; i < G_N_ELEMENTS (cut_offs); i++)
    {
      g_autoptr (EngineFixture) fixture = engine_fixture_new (FALSE);
      g_autoptr (Answer) answer = engine_fixture_authorize (fixture, QUERY);
      TesseraRevocationOrder order = { .cause = TESSERA_REVOCATION_CAUSE_API,
                                       .kind = cut_offs[i].kind,
                                       .value = cut_offs[i].value };

      g_assert_false (answer->done);
      g_assert_true (tessera_revoker_revoke_and_wait (&fixture->engine, &order, NULL, NULL));
      engine_fixture_approve (fixture, answer, "alice");
      g_assert_cmpuint (answer->status, ==, 303);
      g_assert_null (strstr (answer->location, "code="));
      g_assert_nonnull (strstr (answer->location, "error=access_denied"));
      g_assert_nonnull (strstr (answer->location, "state=S"));
    }
}

/* What was revoked before somebody asked is another matter. */
static void
test_what_began_after_a_cut_off_is_allowed (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (FALSE);
  TesseraRevocationOrder order = { .cause = TESSERA_REVOCATION_CAUSE_API,
                                   .kind = TESSERA_REVOCATION_KIND_SUBJECT,
                                   .value = "alice" };

  g_assert_true (tessera_revoker_revoke_and_wait (&fixture->engine, &order, NULL, NULL));
  g_autoptr (Answer) answer = engine_fixture_authorize (fixture, QUERY);
  engine_fixture_approve (fixture, answer, "alice");
  g_assert_nonnull (strstr (answer->location, "code=tsc_"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/authorization-endpoint/who-is-allowed-gets-a-code",
                   test_who_is_allowed_gets_a_code);
  g_test_add_func ("/authorization-endpoint/a-cut-off-while-somebody-decides-ends-it",
                   test_a_cut_off_while_somebody_decides_ends_it);
  g_test_add_func ("/authorization-endpoint/what-began-after-a-cut-off-is-allowed",
                   test_what_began_after_a_cut_off_is_allowed);
  return g_test_run ();
}
