/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A memory store whose begin, commit and append fail when a test says so. */
#pragma once

#include "store/tessera-memory-store-private.h"

typedef struct
{
  GObject parent_instance;
  TesseraStore *inner;
  int fail_commits; /* so many of the next ones fail */
  int fail_code;    /* TesseraStoreError */
  int fail_appends; /* so many of the next ones fail */
  int fail_lookups; /* likewise, of what tokens call people */
  int fail_lists;   /* likewise, of logouts */
  int good_calls;   /* so many of either succeed before */
  gint commits;
  gint rollbacks;
  gint denied_tokens_given; /* to foreach_denied_token, so far */
} FaultyStore;

typedef struct
{
  GObjectClass parent_class;
} FaultyStoreClass;

GType faulty_store_get_type (void);
FaultyStore *faulty_store_new (void);
