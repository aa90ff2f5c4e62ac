/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tesserad-control.h"

G_BEGIN_DECLS

/* The service on a message bus, as org.tessera.Tessera1. A bus that is not there, that ends, or
 * that does not give the name is tried again; nobody waits for it. */
typedef struct _TesseradBus TesseradBus;

TesseradBus *tesserad_bus_new (TesseradBusKind kind, TesseradControl *control);
void tesserad_bus_free (TesseradBus *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseradBus, tesserad_bus_free)

G_END_DECLS
