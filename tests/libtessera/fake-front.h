/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "endpoints/tessera-exchange-private.h"

/* An exchange without HTTP: headers are given, and the answer is remembered after it is gone. */
typedef struct
{
  GHashTable *request_headers; /* char *lower-case name -> char *value */
  guint sent;
  guint status;
  char *body;
  char *content_type;
  GHashTable *headers; /* char *name -> char *value, of the answer */
} FakeFront;

FakeFront *fake_front_new (void);
void fake_front_free (FakeFront *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (FakeFront, fake_front_free)

void fake_front_set_header (FakeFront *self, const char *name, const char *value);
/* Borrows all its arguments. @form NULL: no body. */
TesseraExchange *
fake_front_request (FakeFront *self, const char *method, const char *path, const char *form);
