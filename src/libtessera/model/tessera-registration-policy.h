/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-error.h"

#include <glib-object.h>

G_BEGIN_DECLS

#define TESSERA_TYPE_REGISTRATION_POLICY (tessera_registration_policy_get_type ())

TESSERA_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (
    TesseraRegistrationPolicy, tessera_registration_policy, TESSERA, REGISTRATION_POLICY, GObject)

TESSERA_AVAILABLE_IN_1_0
TesseraRegistrationPolicy *tessera_registration_policy_new (void);
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_registration_policy_check (TesseraRegistrationPolicy *self, GError **error);

G_END_DECLS
