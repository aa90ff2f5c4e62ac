#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A program with the library that asks everybody for a one-time code, which is 123456; whose name begins
with s, for a secret besides. Prints its address; ends with its standard input."""
import os
import sys

import gi

gi.require_version('Soup', '3.0')
gi.require_version('Tessera', '1')
from gi.repository import GLib, Soup, Tessera  # noqa: E402


asked = set()  # who has said the code, and is asked for the secret


def on_authenticate(tessera, login):
    if login.get_step() == 0:
        login.ask(None, False)
    elif login.get_answer() != '123456':
        login.ask(None, False)
    elif login.get_username().startswith('s') and login.get_id() not in asked:
        asked.add(login.get_id())
        login.ask('What is the name of <your> first <b>ship</b>?', True)
    else:
        login.accept(None)


soup = Soup.Server()
soup.listen_local(0, Soup.ServerListenOptions.IPV4_ONLY)
base = 'http://127.0.0.1:%d' % soup.get_uris()[0].get_port()
server = Tessera.Server.new_in_memory(base)
server.props.theme_directory = sys.argv[1]
server.add_client_object(Tessera.Client(
    id=os.environ['CLIENT_ID'], name='Field Notes', token_endpoint_auth_method='none', application_type='native',
    redirect_uris=['http://127.0.0.1/cb'], grant_types=['authorization_code'], scope=os.environ['SCOPE']))
server.connect('authenticate', on_authenticate)
server.attach(soup)
server.wait_ready()
print(base, flush=True)
loop = GLib.MainLoop()
GLib.io_add_watch(GLib.IOChannel.unix_new(0), GLib.PRIORITY_DEFAULT, GLib.IOCondition.IN | GLib.IOCondition.HUP, lambda *_: loop.quit())
loop.run()
server.detach(soup)
server.close()
