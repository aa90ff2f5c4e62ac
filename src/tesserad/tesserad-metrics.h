/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tessera.h"

G_BEGIN_DECLS

/* /metrics, /healthz and /readyz on a listener of their own, which is not for the public. */
typedef struct _TesseradMetrics TesseradMetrics;

/* HOST:PORT in digits, or unix:PATH. */
gboolean tesserad_metrics_check_address (const char *address, GError **error);
TesseradMetrics *tesserad_metrics_new (TesseraServer *server, const char *address, GError **error);
void tesserad_metrics_free (TesseradMetrics *self);
/* It is not ready any more. */
void tesserad_metrics_set_stopping (TesseradMetrics *self);
/* Borrowed. */
const char *tesserad_metrics_get_description (TesseradMetrics *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseradMetrics, tesserad_metrics_free)

G_END_DECLS
