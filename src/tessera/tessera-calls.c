/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls that most commands make, to the service that the options name. */

#include "tessera-calls.h"

#include "tessera-command.h"
#include "tessera-progress.h"

#define PAGE 500

TesseraService *
tessera_service_get (GError **error)
{
  static TesseraService *service;

  if (service == NULL)
    service = tessera_service_open (!tessera_options.start_nothing, error);
  return service;
}

GVariant *
tessera_call (const char *path,
              const char *interface,
              const char *method,
              GVariant *parameters,
              const char *reply_type,
              GError **error)
{
  g_autoptr (GVariant) owned = parameters != NULL ? g_variant_ref_sink (parameters) : NULL;
  TesseraService *service = tessera_service_get (error);

  if (service == NULL)
    return NULL;
  return tessera_service_call (service, path, interface, method, owned, reply_type, error);
}

GVariant *
tessera_call_manager (const char *method,
                      GVariant *parameters,
                      const char *reply_type,
                      GError **error)
{
  return tessera_call (TESSERA_SERVICE_MANAGER, "Manager", method, parameters, reply_type, error);
}

GVariant *
tessera_call_with_file (const char *method, int fd, const char *reply_type, GError **error)
{
  TesseraService *service = tessera_service_get (error);
  g_autoptr (GUnixFDList) files = g_unix_fd_list_new ();

  if (service == NULL || g_unix_fd_list_append (files, fd, error) < 0)
    return NULL;
  return tessera_service_call_with_files (service, TESSERA_SERVICE_MANAGER, "Manager", method,
                                          g_variant_new ("(h)", 0), reply_type, files, error);
}

GVariant *
tessera_call_client (const char *client_id,
                     const char *method,
                     GVariant *parameters,
                     const char *reply_type,
                     GError **error)
{
  g_autoptr (GVariant) owned = parameters != NULL ? g_variant_ref_sink (parameters) : NULL;
  g_autoptr (GVariant) reply
      = tessera_call_manager ("GetClient", g_variant_new ("(s)", client_id), "(o)", error);
  const char *path = NULL;

  if (reply == NULL)
    return NULL;
  g_variant_get (reply, "(&o)", &path);
  return tessera_call (path, "Client", method, owned, reply_type, error);
}

GVariant *
tessera_get_properties (const char *path, const char *interface, GError **error)
{
  g_autofree char *name = tessera_service_get_full_name (interface);
  g_autoptr (GVariant) reply = tessera_call (path, TESSERA_SERVICE_PROPERTIES, "GetAll",
                                             g_variant_new ("(s)", name), "(a{sv})", error);

  return reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
}

/* Lists */

static GVariant *
make_page_arguments (const char *const *filters, const char *after, guint limit)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_TUPLE);
  for (; filters != NULL && *filters != NULL; filters++)
    g_variant_builder_add (&builder, "s", *filters);
  g_variant_builder_add (&builder, "s", after);
  g_variant_builder_add (&builder, "u", limit);
  return g_variant_builder_end (&builder);
}

static json_t *
call_page (const char *method, GVariant *arguments, GError **error)
{
  g_autoptr (GVariant) reply = tessera_call_manager (method, arguments, "(aa{sv})", error);

  if (reply == NULL)
    return NULL;
  g_autoptr (GVariant) entries = g_variant_get_child_value (reply, 0);
  return tessera_json_from_variant (entries);
}

static const char *
get_last_key (json_t *list, const char *key)
{
  json_t *last = json_array_get (list, json_array_size (list) - 1);

  return json_string_value (json_object_get (last, key));
}

/* A page may be shorter than wanted and still not the last; the last one is empty. */
json_t *
tessera_call_pages (const char *method,
                    const char *const *filters,
                    const char *key,
                    const char *after,
                    guint limit,
                    GError **error)
{
  json_t *list = json_array ();
  g_autofree char *place = g_strdup (after);

  while (limit == 0 || json_array_size (list) < limit)
    {
      guint wanted = limit == 0 ? PAGE : MIN (PAGE, limit - (guint) json_array_size (list));
      json_t *page = call_page (method, make_page_arguments (filters, place, wanted), error);
      g_autofree char *last = g_strdup (page != NULL ? get_last_key (page, key) : NULL);

      if (page == NULL)
        {
          json_decref (list);
          return NULL;
        }
      json_array_extend (list, page);
      json_decref (page);
      tessera_progress_count (json_array_size (list));
      if (last == NULL || g_str_equal (last, place))
        break;
      g_free (place);
      place = g_steal_pointer (&last);
    }
  tessera_progress_clear ();
  return list;
}
