/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tessera-dbus-authority.h"
#include "tessera-dbus-export.h"
