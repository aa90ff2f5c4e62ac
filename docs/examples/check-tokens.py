#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks access tokens elsewhere than where they are issued: a token a line on standard input, an
answer a line on standard output.

    check-tokens.py ISSUER AUDIENCE CLIENT-ID SECRET-FILE
"""

import sys

import gi

gi.require_version('Tessera', '1')
from gi.repository import GLib, Tessera

issuer, audience, client_id, secret_file = sys.argv[1:]
loop = GLib.MainLoop()
verifier = Tessera.Verifier(issuer=issuer, client_id=client_id, client_secret_file=secret_file, max_staleness=60)
verifier.connect('stale', lambda _, age: print('Nothing was heard of the issuer for %d seconds' % age, file=sys.stderr))
verifier.start()


def on_checked(verifier, result):
    try:
        token = verifier.check_finish(result)
        print('good: %s may %s' % (token.get_subject(), token.get_scope()), flush=True)
    except GLib.Error as error:
        print('refused: %s' % error.message, flush=True)
    loop.quit()


for line in sys.stdin:
    # Waits until the verifier is ready; check () never waits.
    verifier.check_async(line.strip(), audience, None, None, on_checked)
    loop.run()
