/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tessera-dbus-agents-private.h"
#include "tessera-dbus-export.h"

G_BEGIN_DECLS

typedef struct _TesseraDBusMethod TesseraDBusMethod;

/* What a method is about, for the audit trail. A token, which is a secret, is named nowhere. */
typedef enum
{
  TESSERA_DBUS_ABOUT_NOTHING,
  TESSERA_DBUS_ABOUT_PATH,     /* the object it is called on */
  TESSERA_DBUS_ABOUT_ARGUMENT, /* its first argument, an identifier */
  TESSERA_DBUS_ABOUT_PERSON,   /* its first argument, somebody's name */
} TesseraDBusAbout;

/* A method that is not in the table of its interface is refused, whoever calls it. */
struct _TesseraDBusMethod
{
  const char *name;
  const char *action;
  /* Of TesseraDBusCall, whose end it brings about now or later. */
  void (*run) (gpointer call);
  TesseraDBusAbout about;
};

/* One interface: what D-Bus is told of it, and what we do. */
typedef struct
{
  const GDBusInterfaceInfo *info;
  const TesseraDBusMethod *methods; /* ends with a NULL name */
  /* Owned, not floating; NULL: there is no such object any more. @id: the last part of the path,
   * unescaped. */
  GVariant *(*get_property) (TesseraDBusExport *export, const char *id, const char *name);
} TesseraDBusInterface;

extern const TesseraDBusInterface tessera_dbus_manager;
extern const TesseraDBusInterface tessera_dbus_client;
extern const TesseraDBusInterface tessera_dbus_keyring;
extern const TesseraDBusInterface tessera_dbus_key;
extern const TesseraDBusInterface tessera_dbus_denylist;

struct _TesseraDBusExport
{
  GObject parent_instance;

  TesseraServer *server;
  GDBusConnection *connection;
  TesseraDBusAuthority *authority;
  TesseraDBusAgents *agents; /* of the server */
  guint calls;               /* under way */
  GQueue waiting;            /* TesseraDBusCall*: of them, those that have not begun */
  GSource *turn;             /* begins the next one; NULL: none waits */
  GArray *registrations;     /* guint, of objects */
  GArray *subtrees;          /* guint */
  GPtrArray *kids;           /* char*, of the keys that are exported */
  guint revoked;             /* since the last signal */
  GSource *tell;             /* emits that signal; NULL: nothing to tell */
  int *unsent;               /* 1: the last one waits for whoever reads; atomic, held */
  guint filter;              /* sees it go */
};

/* Asks the program to read its configuration again. */
gboolean tessera_dbus_export_reload (TesseraDBusExport *self, GError **error);

G_END_DECLS
