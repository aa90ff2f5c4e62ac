#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""HAProxy as a resource server that has never heard of us: jwt_verify with a key served as PEM."""
import http.client
import os
import subprocess
import tempfile

from interop import AUDIENCE, HERE, OTHER_AUDIENCE, Report, tap, wait_until_it_answers
from tessera_fixture import free_port, header_of


class Proxy:
    def __init__(self, service, token, algorithm):
        self.port = free_port()
        self.directory = tempfile.TemporaryDirectory(prefix='tessera-haproxy-')
        key = self.write('key.pem', service.get('/jwks/%s.pem' % header_of(token)['kid']).text)
        with open(os.path.join(HERE, 'haproxy.cfg.in'), encoding='utf-8') as file:
            text = file.read()
        values = dict(PORT=str(self.port), PEM=key, ALG=algorithm, ISSUER=service.issuer, AUD=AUDIENCE)
        for name, value in values.items():
            text = text.replace('@%s@' % name, value)
        self.log = open(os.path.join(self.directory.name, 'log'), 'w+', encoding='utf-8')
        self.process = subprocess.Popen(['haproxy', '-db', '-f', self.write('haproxy.cfg', text)], stdout=self.log,
                                        stderr=subprocess.STDOUT)

    def write(self, name, text):
        path = os.path.join(self.directory.name, name)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        return path

    def wait_ready(self):
        return wait_until_it_answers(self.process, self.ask, self.read_log)

    def read_log(self):
        self.log.seek(0)
        return self.log.read()

    def ask(self, token=None):
        """(status, what WWW-Authenticate says)"""
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=tap.PATIENCE)
        connection.request('GET', '/', headers={'Authorization': 'Bearer ' + token} if token else {})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status, answer.getheader('WWW-Authenticate') or ''

    def stop(self):
        self.process.terminate()
        self.process.wait(tap.PATIENCE)
        self.log.close()
        self.directory.cleanup()


def changed(token):
    head, payload, signature = token.split('.')
    return '.'.join((head, payload, ('B' if signature[0] == 'A' else 'A') + signature[1:]))


def walk(report, service, algorithm, cases):
    client = service.clients['interop-basic']
    token = service.machine_token(client, scope='api:read')
    proxy = Proxy(service, token, algorithm)
    try:
        proxy.wait_ready()
        for name, wanted, make in cases:
            status, said = proxy.ask(make(service, client, token))
            report.line(status == wanted[0] and wanted[1] in said, 'haproxy %s: %s' % (algorithm, name))
            report.comment('%d %s' % (status, said))
    finally:
        proxy.stop()


CASES = [
    ('takes our token, by its key in PEM', (200, ''), lambda service, client, token: token),
    ('refuses no token', (401, 'Bearer'), lambda service, client, token: None),
    ('refuses a changed signature', (401, 'signature'), lambda service, client, token: changed(token)),
    ('refuses a token without the scope', (403, 'insufficient_scope'),
     lambda service, client, token: service.machine_token(client, scope='api:write')),
    ('refuses a token for another audience', (401, 'aud'),
     lambda service, client, token: service.machine_token(client, scope='api:read', resource=OTHER_AUDIENCE)),
]
LATE = [('refuses an expired token', (401, 'exp'), lambda service, client, token: token)]

report = Report()
if report.finds('haproxy'):
    for algorithm in ('ES256', 'RS256'):
        report.run(walk, algorithm, CASES, sections='[tokens]\nsigning-algorithm=%s\n' % algorithm)
    report.run(walk, 'ES256', LATE, born=-3600)
report.end()
