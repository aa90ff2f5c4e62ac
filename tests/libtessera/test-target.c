/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Resource indicators (RFC 8707). */

#include "base/tessera-error.h"
#include "model/tessera-target-private.h"

#include <string.h>

#define R1 "https://r1.test/api"
#define R2 "urn:example:r2"

static TesseraClient *
make_client (void)
{
  return g_object_new (TESSERA_TYPE_CLIENT, "id", "c1", "resources",
                       (const char *const[]){ R1, R2, NULL }, NULL);
}

static TesseraParams *
parse (const char *form)
{
  return tessera_params_parse (form, strlen (form), NULL);
}

static void
test_resource_may_be_given_several_times (void)
{
  g_autoptr (TesseraParams) params
      = parse ("resource=https%3A%2F%2Fr1.test%2Fapi&resource=urn%3Aexample%3Ar2");
  g_autoptr (TesseraClient) client = make_client ();
  g_autofree char *resources = NULL;
  g_auto (TesseraExplanation) explanation = { 0 };
  g_autoptr (GError) error = NULL;

  g_assert_true (tessera_target_parse (params, &resources, &error));
  g_assert_cmpstr (resources, ==, R1 " " R2);
  g_assert_true (tessera_target_check_client (resources, client, &explanation, &error));
  g_assert_no_error (error);
}

static void
test_what_is_no_absolute_uri_is_refused (void)
{
  static const char *const bad[]
      = { "resource=api", "resource=https%3A%2F%2Fr1.test%2F%23f", "resource=%2Fapi" };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (TesseraParams) params = parse (bad[i]);
      g_autofree char *resources = NULL;
      g_autoptr (GError) error = NULL;

      g_assert_false (tessera_target_parse (params, &resources, &error));
      g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_TARGET);
    }
}

static void
test_resources_have_a_limit (void)
{
  g_autoptr (GString) form = g_string_new ("resource=urn%3Aexample%3A0");

  for (guint count = 1; count <= 9; count++)
    {
      g_autoptr (TesseraParams) params = parse (form->str);
      g_autofree char *resources = NULL;

      g_assert_nonnull (params);
      g_assert_cmpint (tessera_target_parse (params, &resources, NULL), ==, count <= 8);
      g_string_append_printf (form, "&resource=urn%%3Aexample%%3A%u", count);
    }
}

static void
test_B31_a_client_asks_for_its_own_resources_only (void)
{
  g_autoptr (TesseraClient) client = make_client ();
  g_autoptr (TesseraClient) without = g_object_new (TESSERA_TYPE_CLIENT, "id", "c2", NULL);
  g_auto (TesseraExplanation) explanation = { 0 };
  g_autoptr (GError) error = NULL;

  g_assert_false (
      tessera_target_check_client (R1 " https://r3.test", client, &explanation, &error));
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_TARGET);
  g_clear_error (&error);
  g_assert_cmpstr (explanation.rule, ==, "resource");
  g_assert_cmpstr (explanation.came, ==, "https://r3.test");
  g_assert_false (tessera_target_check_client (R1, without, &explanation, &error));
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_TARGET);
}

static void
test_a_part_of_what_was_granted_may_be_asked (void)
{
  g_autofree char *all = NULL;
  g_autofree char *part = NULL;
  g_autofree char *none = NULL;
  g_auto (TesseraExplanation) explanation = { 0 };
  g_autoptr (GError) error = NULL;

  g_assert_true (tessera_target_narrow (NULL, R1 " " R2, &all, &explanation, &error));
  g_assert_cmpstr (all, ==, R1 " " R2);
  g_assert_true (tessera_target_narrow (R2, R1 " " R2, &part, &explanation, &error));
  g_assert_cmpstr (part, ==, R2);
  g_assert_false (tessera_target_narrow (R2, R1, &none, &explanation, &error));
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_TARGET);
  g_clear_error (&error);
  g_assert_false (tessera_target_narrow (R2, NULL, &none, &explanation, &error));
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_TARGET);
}

static void
test_audience_falls_back_to_the_issuer (void)
{
  g_autoptr (TesseraClient) client = make_client ();
  g_auto (GStrv) asked = tessera_target_dup_audience (R2, client, "https://i.test");
  g_auto (GStrv) fallback = tessera_target_dup_audience (NULL, client, "https://i.test");

  g_assert_cmpstrv (asked, ((const char *const[]){ R2, NULL }));
  g_assert_cmpstrv (fallback, ((const char *const[]){ "https://i.test", NULL }));
}

static void
test_scope_is_narrowed_to_what_the_resources_offer (void)
{
  g_autoptr (GPtrArray) known
      = g_ptr_array_new_with_free_func ((GDestroyNotify) tessera_resource_free);
  TesseraResource *resource = g_new0 (TesseraResource, 1);
  g_autofree char *narrowed = NULL;
  g_autofree char *kept = NULL;

  resource->identifier = g_strdup (R1);
  resource->scope = g_strdup ("a b");
  g_ptr_array_add (known, resource);
  narrowed = tessera_target_narrow_scope ("a c", R1, known);
  kept = tessera_target_narrow_scope ("a c", R1 " " R2, known);
  g_assert_cmpstr (narrowed, ==, "a");
  g_assert_cmpstr (kept, ==, "a c");
}

/* What one of two wants of its tokens, the other one may not bear. */
static void
test_a_token_is_made_as_its_only_resource_wants_it (void)
{
  g_autoptr (GPtrArray) known
      = g_ptr_array_new_with_free_func ((GDestroyNotify) tessera_resource_free);
  TesseraResource *resource = g_new0 (TesseraResource, 1);

  resource->identifier = g_strdup (R1);
  g_ptr_array_add (known, resource);
  g_assert_true (tessera_target_lookup ((const char *const[]){ R1, NULL }, known) == resource);
  g_assert_null (tessera_target_lookup ((const char *const[]){ R2, NULL }, known));
  g_assert_null (tessera_target_lookup ((const char *const[]){ R1, R2, NULL }, known));
  g_assert_null (tessera_target_lookup ((const char *const[]){ NULL }, known));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/rfc8707/2/resource-may-be-given-several-times",
                   test_resource_may_be_given_several_times);
  g_test_add_func ("/rfc8707/2/what-is-no-absolute-uri-is-refused",
                   test_what_is_no_absolute_uri_is_refused);
  g_test_add_func ("/rfc8707/2/resources-have-a-limit", test_resources_have_a_limit);
  g_test_add_func ("/rfc8707/B31-a-client-asks-for-its-own-resources-only",
                   test_B31_a_client_asks_for_its_own_resources_only);
  g_test_add_func ("/rfc8707/2.2/a-part-of-what-was-granted-may-be-asked",
                   test_a_part_of_what_was_granted_may_be_asked);
  g_test_add_func ("/rfc9068/3/audience-falls-back-to-the-issuer",
                   test_audience_falls_back_to_the_issuer);
  g_test_add_func ("/rfc8707/2.2/scope-is-narrowed-to-what-the-resources-offer",
                   test_scope_is_narrowed_to_what_the_resources_offer);
  g_test_add_func ("/rfc8707/2.2/a-token-is-made-as-its-only-resource-wants-it",
                   test_a_token_is_made_as_its_only_resource_wants_it);
  return g_test_run ();
}
