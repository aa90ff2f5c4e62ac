/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tessera.h"
#include "tesserad-key-file.h"

G_BEGIN_DECLS

/* [registration]: what clients that register themselves may be. Owned. */
gboolean tesserad_registration_read (TesseradKeyFile *key_file,
                                     TesseraRegistrationPolicy **out_policy,
                                     GError **error);

G_END_DECLS
