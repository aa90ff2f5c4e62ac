/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(TESSERA_INSIDE) && !defined(TESSERA_COMPILATION)
#error "Only <tessera.h> can be included directly."
#endif

#include <glib.h>

/* Every symbol is hidden unless its declaration says in which release it became available. */
#ifndef _TESSERA_EXTERN
#define _TESSERA_EXTERN __attribute__ ((visibility ("default"))) extern
#endif

#define TESSERA_AVAILABLE_IN_1_0 _TESSERA_EXTERN
