#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""HAProxy as a resource server that has never heard of us: jwt_verify with a key served as PEM."""
import http.client
import os
import subprocess
import tempfile
import time

from interop import AUDIENCE, HERE, InteropService, Report, free_port
from tessera_fixture import header_of


def ask(port, token=None):
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=10)
    connection.request('GET', '/', headers={'Authorization': 'Bearer ' + token} if token else {})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def start(service, token, algorithm):
    directory = tempfile.mkdtemp(prefix='tessera-haproxy-')
    port = free_port()
    pem = os.path.join(directory, 'key.pem')
    with open(pem, 'wb') as file:
        file.write(service.get('/jwks/%s.pem' % header_of(token)['kid']).body)
    with open(os.path.join(HERE, 'haproxy.cfg.in'), encoding='utf-8') as file:
        text = file.read()
    for name, value in dict(TMP=directory, PORT=str(port), PEM=pem, ALG=algorithm, ISSUER=service.issuer, AUD=AUDIENCE).items():
        text = text.replace('@%s@' % name, value)
    path = os.path.join(directory, 'haproxy.cfg')
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)
    process = subprocess.Popen(['haproxy', '-db', '-f', path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(500):
        try:
            ask(port)
            break
        except OSError:
            time.sleep(0.02)
    return process, port


def main():
    report = Report()
    for algorithm in ('ES256', 'RS256'):
        service = InteropService(tokens='[tokens]\nsigning-algorithm=%s\n' % algorithm).start()
        client = service.clients['interop-basic']
        token = service.machine_token(client, scope='api:read')
        process, port = start(service, token, algorithm)
        head, payload, signature = token.split('.')
        changed = '.'.join((head, payload, ('B' if signature[0] == 'A' else 'A') + signature[1:]))
        weak = service.machine_token(client, scope='api:write')
        for name, want, got in (
            ('takes our token, by its PEM key', 200, ask(port, token)),
            ('refuses no token', 401, ask(port)),
            ('refuses a changed signature', 401, ask(port, changed)),
            ('refuses a token without the scope', 403, ask(port, weak)),
        ):
            print('# %s %d' % (algorithm, got))
            report.line(want == got, 'haproxy %s: %s' % (algorithm, name))
        process.terminate()
        process.wait(10)
        if algorithm == 'ES256':
            service.stop()
    report.end(service)


main()
