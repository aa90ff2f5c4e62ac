/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tessera-registration-policy.h"

G_BEGIN_DECLS

/* All of it is immutable; strings and lists are borrowed, and never NULL. */

gboolean tessera_registration_policy_is_open (TesseraRegistrationPolicy *self);
gboolean tessera_registration_policy_allows_grant_type (TesseraRegistrationPolicy *self,
                                                        const char *grant_type);
gboolean tessera_registration_policy_allows_auth_method (TesseraRegistrationPolicy *self,
                                                         const char *method);
/* Is it of a kind that is allowed? */
gboolean tessera_registration_policy_allows_redirect_uri (TesseraRegistrationPolicy *self,
                                                          const char *uri);
const char *tessera_registration_policy_get_scope (TesseraRegistrationPolicy *self);
guint tessera_registration_policy_get_max_clients (TesseraRegistrationPolicy *self);
gint64 tessera_registration_policy_get_unused_lifetime (TesseraRegistrationPolicy *self);
guint tessera_registration_policy_get_rate (TesseraRegistrationPolicy *self);
gboolean tessera_registration_policy_requires_pkce (TesseraRegistrationPolicy *self);
gboolean tessera_registration_policy_always_asks_consent (TesseraRegistrationPolicy *self);

G_END_DECLS
