# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the person at a terminal does while others use the service. Environment: TESSERA, the command."""

import json
import os
import subprocess


def is_here():
    """Whether the command was built."""
    return bool(os.environ.get('TESSERA'))


def command(service, *words, said=''):
    """Standard output of what must succeed."""
    environment = dict(os.environ, TESSERA_SOCKET=os.path.join(service.runtime, 'bus'), LC_ALL='C.UTF-8')
    done = subprocess.run([os.environ.get('TESSERA') or 'tessera', *words], env=environment, input=said, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    if done.returncode:
        raise RuntimeError('tessera %s: %s' % (' '.join(words), done.stderr))
    return done.stdout


def add_user(service, name, password, claims):
    """One whom the store keeps."""
    command(service, 'user', 'add', name, '--yes', said=password + '\n')
    command(service, 'user', 'set', name, '--yes', *['--claim=%s:=%s' % (claim, json.dumps(value)) for claim, value in claims.items()])
    service.users[name] = password  # who logs in with browser () is found there


def rotate_keys(service):
    """Has the next keys sign; True when each algorithm got another next key."""
    before = service.get('/jwks').json()['keys']
    command(service, 'key', 'rotate', '--now', '--yes')
    made = [key['alg'] for key in service.get('/jwks').json()['keys'] if key['kid'] not in {known['kid'] for known in before}]
    return sorted(made) == sorted({key['alg'] for key in before})
