/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tessera-output.h"

G_BEGIN_DECLS

/* What is said of a token: claims (RFC 9068) and the members of an introspection (RFC 7662). */
extern const TesseraColumn tessera_token_columns[];

G_END_DECLS
