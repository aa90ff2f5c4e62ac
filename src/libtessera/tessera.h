/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#define TESSERA_INSIDE
#include "base/tessera-error.h"
#include "gate/tessera-listener.h"
#include "jose/tessera-algorithm.h"
#include "model/tessera-access-token.h"
#include "model/tessera-authentication.h"
#include "model/tessera-client.h"
#include "model/tessera-denial.h"
#include "model/tessera-grant.h"
#include "model/tessera-issuance.h"
#include "model/tessera-revocation.h"
#include "model/tessera-session.h"
#include "model/tessera-user.h"
#include "resource/tessera-shared-list.h"
#include "model/tessera-user-claims.h"
#include "resource/tessera-token-checker.h"
#include "resource/tessera-verifier.h"
#include "server/tessera-administration.h"
#include "server/tessera-bearer-domain.h"
#include "server/tessera-monitoring.h"
#include "server/tessera-outbound.h"
#include "server/tessera-page.h"
#include "server/tessera-server.h"
#undef TESSERA_INSIDE
