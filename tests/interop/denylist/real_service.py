# SPDX-License-Identifier: LGPL-2.1-or-later
"""The real service behind a line that can be cut, and every way to revoke there is in it."""
import os
import subprocess

from interop import AUDIENCE
from readers import Line
from tessera_fixture import claims_of, free_port, header_of

COMMAND = os.environ.get('TESSERA') or 'tessera'
COALESCED = 64  # tokens of one grant; with one more they become one entry


def make_line():
    return Line(free_port())


def issuer_of(line):
    return 'http://127.0.0.1:%d' % line.listener.getsockname()[1]


def person_tokens(service, username='alice', client='interop-public'):
    return service.tokens(service.clients[client], username, scope='api:read', browser=service.new_browser())


def person_token(service, *arguments):
    return person_tokens(service, *arguments)['access_token']


def machine_token(service, client='interop-basic'):
    return service.machine_token(service.clients[client], scope='api:read', resource=AUDIENCE)


def command(service, *words):
    environment = dict(os.environ, TESSERA_SOCKET=os.path.join(service.runtime, 'bus'), LC_ALL='C.UTF-8')
    done = subprocess.run([COMMAND, *words, '--yes'], env=environment, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise RuntimeError(' '.join(words) + ': ' + done.stderr)


def revoke_token(service):
    token = machine_token(service)
    return token, lambda: service.revoke(token, service.clients['interop-basic'])


def revoke_grant(service):
    tokens = person_tokens(service)
    return tokens['access_token'], lambda: service.revoke(tokens['refresh_token'], service.clients['interop-public'])


def revoke_session(service):
    token = person_token(service)
    return token, lambda: command(service, 'session', 'end', claims_of(token)['sid'])


def revoke_subject(service):
    return person_token(service, 'bob'), lambda: command(service, 'subject', 'revoke', 'bob')


def revoke_client(service):
    return machine_token(service, 'interop-post'), lambda: command(service, 'client', 'revoke', 'interop-post')


def revoke_many(service):
    """So many tokens of one grant that all it has are refused in one entry."""
    tokens, client = person_tokens(service), service.clients['interop-public']
    some = []
    for _ in range(COALESCED + 1):
        tokens = service.refresh(tokens['refresh_token'], client).json()
        some.append(tokens['access_token'])
    last = service.refresh(tokens['refresh_token'], client).json()['access_token']
    return last, lambda: [service.revoke(token, client) for token in some]


def revoke_key(service):
    token = machine_token(service)
    return token, lambda: command(service, 'key', 'revoke', header_of(token)['kid'])


# The key last: it refuses all that there is.
WAYS = [('a token', revoke_token), ('a grant, by its refresh token', revoke_grant), ('a session', revoke_session), ('a person', revoke_subject),
        ('a client', revoke_client), ('very many tokens of a grant', revoke_many), ('a key', revoke_key)]


def forget_everything(service):
    """As after a restore of nothing: the database is gone, the keys are there."""
    service.terminate()
    for name in os.listdir(service.state):
        if name.startswith(('tessera.db', 'denied')):
            os.unlink(os.path.join(service.state, name))
    service.forget_browsers()
    service.start_again()
