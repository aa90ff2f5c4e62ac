/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define TESSERAD_ERROR (tesserad_error_quark ())

/* Why the service does not start, or keeps the configuration it has. */
typedef enum
{
  TESSERAD_ERROR_CONFIGURATION,
} TesseradError;

GQuark tesserad_error_quark (void);

/* A configuration file with the drop-in files of its folder FILE.d, read in order; what a later one
 * sets wins. It remembers which file said what, so that every complaint names file, group and key.
 */
typedef struct _TesseradKeyFile TesseradKeyFile;

TesseradKeyFile *tesserad_key_file_load (const char *path, GError **error);
void tesserad_key_file_free (TesseradKeyFile *self);

/* In the order of their first appearance. Owned by the caller. */
char **tesserad_key_file_list_groups (TesseradKeyFile *self);
char **tesserad_key_file_list_keys (TesseradKeyFile *self, const char *group);
gboolean tesserad_key_file_has (TesseradKeyFile *self, const char *group, const char *key);

/* An absent key leaves *out_value as it is and is no error. */
gboolean tesserad_key_file_get_string (
    TesseradKeyFile *self, const char *group, const char *key, char **out_value, GError **error);
gboolean tesserad_key_file_get_strings (
    TesseradKeyFile *self, const char *group, const char *key, char ***out_value, GError **error);
gboolean tesserad_key_file_get_boolean (
    TesseradKeyFile *self, const char *group, const char *key, gboolean *out_value, GError **error);
gboolean tesserad_key_file_get_integer (TesseradKeyFile *self,
                                        const char *group,
                                        const char *key,
                                        int minimum,
                                        int maximum,
                                        int *out_value,
                                        GError **error);

/* @path as it is when absolute, else below the folder of the file that set @key. Owned. */
char *tesserad_key_file_resolve (TesseradKeyFile *self,
                                 const char *group,
                                 const char *key,
                                 const char *path);

/* "FILE: [GROUP] KEY"; @group and @key may be NULL. Owned. */
char *tesserad_key_file_dup_place (TesseradKeyFile *self, const char *group, const char *key);
/* "FILE: [GROUP] KEY: sentence"; @group and @key may be NULL. Returns FALSE. */
gboolean tesserad_key_file_refuse (TesseradKeyFile *self,
                                   const char *group,
                                   const char *key,
                                   GError **error,
                                   const char *format,
                                   ...) G_GNUC_PRINTF (5, 6);
/* Puts the place before what @inner says. Takes @inner, returns FALSE. */
gboolean tesserad_key_file_propagate (
    TesseradKeyFile *self, const char *group, const char *key, GError *inner, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseradKeyFile, tesserad_key_file_free)

G_END_DECLS
