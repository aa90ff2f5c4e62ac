/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between an authorization request and its code: what was revoked meanwhile is not allowed (RFC
 * 6749 §4.1.2, design.md §5). */

#include "engine-fixture.h"

#include "grants/tessera-revoker-private.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

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

/* What cannot be written down, where it has to be, is not granted. */
static void
test_without_its_record_no_code_is_given (void)
{
  g_autofree char *folder = g_dir_make_tmp ("tessera-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "audit", NULL);
  g_autoptr (EngineFixture) fixture = engine_fixture_new (FALSE);
  g_autoptr (TesseraAudit) audit = tessera_audit_new (g_main_context_default ());
  struct rlimit usual, none;

  g_assert_true (tessera_audit_set_file (audit, path, TRUE, NULL));
  fixture->engine.audit = audit;
  signal (SIGXFSZ, SIG_IGN);
  getrlimit (RLIMIT_FSIZE, &usual);
  none = usual;
  none.rlim_cur = 0;
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (Answer) answer = engine_fixture_authorize (fixture, QUERY);
      fixture->held->audit = tessera_audit_ref (audit);
      if (i == 0)
        setrlimit (RLIMIT_FSIZE, &none);
      engine_fixture_approve (fixture, answer, "alice");
      setrlimit (RLIMIT_FSIZE, &usual);
      g_assert_cmpuint (answer->status, ==, 303);
      g_assert_cmpint (strstr (answer->location, "code=") == NULL, ==, i == 0);
      g_assert_cmpint (strstr (answer->location, "error=temporarily_unavailable") != NULL, ==,
                       i == 0);
    }
  fixture->engine.audit = NULL;
  tessera_audit_close (audit);
  unlink (path);
  rmdir (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL); /* what cannot be written down is warned of */
  g_test_add_func ("/authorization-endpoint/who-is-allowed-gets-a-code",
                   test_who_is_allowed_gets_a_code);
  g_test_add_func ("/authorization-endpoint/a-cut-off-while-somebody-decides-ends-it",
                   test_a_cut_off_while_somebody_decides_ends_it);
  g_test_add_func ("/authorization-endpoint/what-began-after-a-cut-off-is-allowed",
                   test_what_began_after_a_cut_off_is_allowed);
  g_test_add_func ("/authorization-endpoint/without-its-record-no-code-is-given",
                   test_without_its_record_no_code_is_given);
  return g_test_run ();
}
