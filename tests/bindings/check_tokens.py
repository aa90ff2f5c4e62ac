#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The examples that check tokens elsewhere, at a real service.

usage: check_tokens.py COMMAND…"""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'support'))

COMMAND = sys.argv[1:]
del sys.argv[1:]

from tap import PATIENCE, check, equal, main, test, until  # noqa: E402
from tessera_fixture import R1, R2, Client, Service, default_clients, write_private  # noqa: E402


class Issuer(Service):
    def __init__(self):
        super().__init__(clients=default_clients() + [Client('reader', scope='denylist', grant_types='client_credentials;')])

    def run_example(self):
        secret = os.path.join(self.directory, 'reader-secret')
        write_private(secret, self.reader.secret + '\n')
        environment = dict(os.environ, ASAN_OPTIONS='detect_leaks=0')
        return subprocess.Popen(COMMAND + [self.issuer, R1, 'reader', secret], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True)


def ask(program, token):
    program.stdin.write(token + '\n')
    program.stdin.flush()
    return program.stdout.readline().strip()


@test('a good token is good, others are not, and a revoked one is refused within seconds')
def _(s):
    program, token = s.run_example(), s.machine_token()
    try:
        equal(ask(program, token), 'good: c1 may a')
        check(ask(program, s.machine_token(resource=R2)).startswith('refused: '), 'for another audience')
        check(ask(program, token[:-6] + 'AAAAAA').startswith('refused: '), 'a forged one')
        equal(s.revoke(token).status, 200)
        until(lambda: not ask(program, token).startswith('good'), 'that a revoked one is refused')
        equal(ask(program, token), 'refused: The token was revoked')
        program.stdin.close()
        equal(program.wait(PATIENCE), 0)
    finally:
        program.kill()
        program.wait()
        program.stdout.close()


main(Issuer)
