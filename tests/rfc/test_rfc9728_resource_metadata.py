#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A resource server of its own (docs/examples/resource-server) beside the real service: metadata of protected resources,
RFC 9728; Bearer tokens, RFC 6750; and what is revoked at the one is refused at the other.

Environment: RESOURCE_SERVER, its command."""

import http.client
import json
import os
import shlex
import signal
import socket
import struct
import subprocess
import tempfile
import time

import rfc_path  # noqa: F401
from tap import check, contains, equal, main, one_of, test
from tessera_fixture import COMPLAINTS, Client, Service, default_clients, free_port

WELL_KNOWN = '/.well-known/oauth-protected-resource'
CONFIGURATION = """
[resource files]
identifier=%s
scopes=a;b;
"""


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()


class ResourceServer:
    """The example program as a process."""

    def __init__(self, service):
        self.service = service
        self.port = int(service.resource.rsplit(':', 1)[1])
        self.process = None

    def start(self):
        secret = os.path.join(self.service.directory, 'reader.secret')
        with open(secret, 'w', encoding='utf-8') as file:
            file.write(self.service.reader.secret)
        os.chmod(secret, 0o600)
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            shlex.split(os.environ['RESOURCE_SERVER']) + [str(self.port), self.service.issuer, 'reader', secret],
            stdout=self.log, stderr=self.log, env=dict(os.environ, G_DEBUG='fatal-criticals', LSAN_OPTIONS='detect_leaks=0'))
        self.wait(lambda: self.get('/').status == 401, 'it listens')

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.log.seek(0)
        text = self.log.read()
        check(not COMPLAINTS.search(text), text.decode('utf-8', 'replace'))

    def request(self, method, path, token=None, headers=None):
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=60)
        try:
            connection.request(method, path, headers={**(headers or {}), **({'Authorization': 'Bearer ' + token} if token else {})})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, path, token=None, headers=None):
        return self.request('GET', path, token, headers)

    def wait(self, condition, what):
        """Bounded, and no longer than needed."""
        deadline = time.monotonic() + 60
        while True:
            try:
                if condition():
                    return
            except ConnectionError:
                pass
            check(time.monotonic() < deadline, 'not within a minute: ' + what)
            check(self.process.poll() is None, 'the resource server ended')
            time.sleep(0.02)


class Both(Service):
    """The service, and the resource server that believes it."""

    def __init__(self):
        self.resource = 'http://127.0.0.1:%d' % free_port()
        clients = default_clients()
        for client in clients:
            if client.id in ('c1', 'machine'):
                client.keys.update(resources=self.resource + ';', audience=self.resource + ';')
        clients.append(Client('reader', scope='denylist', grant_types='client_credentials;'))
        super().__init__(clients=clients, sections=CONFIGURATION % self.resource)
        self.api = ResourceServer(self)

    def start(self, wait=True):
        result = super().start(wait)
        if self.api.process is None:
            self.api.start()
        return result

    def stop(self):
        self.api.stop()
        super().stop()

    def abandon(self):
        if self.api.process is not None:
            self.api.process.kill()
        super().abandon()


class Socket:
    """An open WebSocket of the resource server, or the status of the refusal."""

    def __init__(self, api, token=None):
        self.socket = socket.create_connection(('127.0.0.1', api.port), 30)
        lines = ['GET /socket HTTP/1.1', 'Host: 127.0.0.1:%d' % api.port, 'Upgrade: websocket', 'Connection: Upgrade',
                 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==']
        if token:
            lines.append('Authorization: Bearer ' + token)
        self.socket.sendall(('\r\n'.join(lines) + '\r\n\r\n').encode())
        self.stream = self.socket.makefile('rb')
        self.status = int(self.stream.readline().split()[1])
        while self.stream.readline().strip():
            pass

    def wait_for_close(self):
        while True:
            head = self.stream.read(2)
            if len(head) < 2:
                return None
            payload = self.stream.read(head[1] & 127)
            if head[0] & 15 == 8:
                return struct.unpack('!H', payload[:2])[0]

    def close(self):
        self.stream.close()
        self.socket.close()


def spoil(token):
    """The same claims, and another signature."""
    head, body, signature = token.split('.')
    return '.'.join((head, body, ('A' if signature[0] != 'A' else 'B') + signature[1:]))


def challenge(answer):
    equal(len(answer.headers.get_all('WWW-Authenticate')), 1)
    return answer.headers['WWW-Authenticate']


@test('rfc9728/3 the metadata of the resource is public, and names what it is')
def _(s):
    answer = s.api.get(WELL_KNOWN)
    equal((answer.status, answer.headers['Content-Type']), (200, 'application/json'))
    told = json.loads(answer.body)
    equal(told, {'resource': s.resource, 'authorization_servers': [s.issuer], 'bearer_methods_supported': ['header'],
                 'resource_name': 'Hello'})
    equal(answer.headers['Access-Control-Allow-Origin'], '*')


@test('rfc9728/3 only that path is open, and only to be read')
def _(s):
    for path in ('/', WELL_KNOWN + '/', WELL_KNOWN + '/x', WELL_KNOWN + 'x', '/.well-known/', '/.well-known/x', '/x' + WELL_KNOWN):
        equal(s.api.get(path).status, 401, path)
    equal(s.api.request('HEAD', WELL_KNOWN).status, 200)
    equal(s.api.request('HEAD', WELL_KNOWN).body, b'')
    for method in ('POST', 'PUT', 'DELETE', 'OPTIONS'):
        one_of(s.api.request(method, WELL_KNOWN).status, (401, 405), method)


@test('rfc9728/5.1 each challenge says where the metadata is')
def _(s):
    place = 'resource_metadata="%s%s"' % (s.resource, WELL_KNOWN)
    bare = challenge(s.api.get('/'))
    contains(bare, place)
    check('error' not in bare, bare)
    contains(challenge(s.api.get('/', 'nonsense')), place)


@test('rfc9728/5 a client that knows only the resource finds its way to a token')
def _(s):
    refusal = challenge(s.api.get('/'))
    url = refusal.split('resource_metadata="')[1].split('"')[0]
    told = json.loads(s.api.get(url[len(s.resource):]).body)
    equal(told['resource'], s.resource)
    equal(told['authorization_servers'], [s.issuer])
    token = s.machine_token(s.machine, resource=told['resource'])
    equal(s.api.get('/', token).status, 200)


@test('rfc6750/3.1 a token that is forged or for another is invalid_token, none of the server is asked')
def _(s):
    token = s.machine_token(s.machine)
    equal(s.api.get('/', token).status, 200)
    for name, wrong in (('forged', spoil(token)), ('nonsense', 'x.y.z'), ('for another', s.machine_token(s.noac))):
        answer = s.api.get('/', wrong)
        equal(answer.status, 401, name)
        contains(challenge(answer), 'error="invalid_token"', name)


@test('rfc6750/3.1 two Authorization headers are invalid_request')
def _(s):
    with socket.create_connection(('127.0.0.1', s.api.port), 30) as connection:
        token = s.machine_token(s.machine)
        connection.sendall(('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n' + 'Authorization: Bearer %s\r\n' % token * 2 + '\r\n').encode())
        contains(connection.recv(65536).split(b'\r\n')[0], b'400')


@test('rfc7009/2.1 what is revoked at the server is refused at the resource, while others go on')
def _(s):
    revoked, other = s.machine_token(s.machine), s.machine_token(s.machine)
    equal((s.api.get('/', revoked).status, s.api.get('/', other).status), (200, 200))
    equal(s.revoke(revoked, s.machine).status, 200)
    s.api.wait(lambda: s.api.get('/', revoked).status == 401, 'the revoked token is refused')
    equal(s.api.get('/', other).status, 200)


@test('rfc7009/2.1 an open WebSocket of the resource is closed with 1008 when its token is revoked at the server')
def _(s):
    token, other = s.machine_token(s.machine), s.machine_token(s.machine)
    equal(Socket(s.api).status, 401)
    first, second = Socket(s.api, token), Socket(s.api, other)
    equal((first.status, second.status), (101, 101))
    equal(s.revoke(token, s.machine).status, 200)
    equal(first.wait_for_close(), 1008)
    second.socket.settimeout(0.2)
    try:
        equal(second.socket.recv(1, socket.MSG_PEEK), b'still open')
    except TimeoutError:
        pass
    first.close()
    second.close()


@test('rfc7009/2.1 a person who is logged out at the server is out at the resource')
def _(s):
    token = s.tokens(client=s.c1, resource=s.resource)['access_token']
    equal(s.api.get('/', token).status, 200)
    refresh = s.tokens(client=s.c1, resource=s.resource)
    equal(s.revoke(refresh['refresh_token'], s.c1).status, 200)
    s.api.wait(lambda: s.api.get('/', refresh['access_token']).status == 401, 'the grant has ended there too')
    equal(s.api.get('/', token).status, 200)


@test('a restart of the server is not noticed at the resource, but for the revocations it hears of afterwards')
def _(s):
    before, later = s.machine_token(s.machine), s.machine_token(s.machine)
    equal(s.api.get('/', before).status, 200)
    s.restart()
    equal(s.api.get('/', before).status, 200)
    equal(s.revoke(later, s.machine).status, 200)
    s.api.wait(lambda: s.api.get('/', later).status == 401, 'the feed goes on')
    equal(s.api.get('/', before).status, 200)


if __name__ == '__main__':
    main(Both)
