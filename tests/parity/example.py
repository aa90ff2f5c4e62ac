# SPDX-License-Identifier: LGPL-2.1-or-later
"""The shipped example programs as processes, and what tests say to them. Standard library only.

Environment: EXAMPLES, the folder of the built ones; LANGUAGES, those that can run here."""

import atexit
import base64
import hashlib
import json
import os
import re
import secrets
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCES = os.path.join(HERE, '..', '..', 'docs', 'examples')
sys.path.insert(0, os.path.join(HERE, '..', 'support'))

from browser import Browser, Response
from ports import free_port
from tap import Failure, Skip, check, equal

BUILT = os.environ.get('EXAMPLES', '')
COMPLAINTS = re.compile(r'-CRITICAL \*\*|-WARNING \*\*|CRITICAL:|AddressSanitizer|LeakSanitizer|runtime error:|Traceback|JS ERROR')
COMMANDS = {
    'c': [os.path.join(BUILT, 'hello-server')],
    'python': ['/usr/bin/python3', os.path.join(SOURCES, 'hello-server.py')],
    'gjs': ['gjs', '-m', os.path.join(SOURCES, 'hello-server.js')],
    'vala': [os.path.join(BUILT, 'hello-server-vala')],
    'drop-in': [os.path.join(BUILT, 'drop-in-server')],
}
PATHS = {'authorize': '/authorize', 'token': '/token', 'revoke': '/revoke', 'introspect': '/introspect'}
DROP_IN_PATHS = {'authorize': '/sgc/oauth2/auth', 'token': '/sgc/oauth2/token',
                 'revoke': '/sgc/oauth2/revoke', 'introspect': '/sgc/oauth2/introspect'}

_running = []


def _kill_all():
    for process in _running:
        if process.poll() is None:
            process.kill()
            process.wait()


atexit.register(_kill_all)


class Example:
    """One example server. It can be stopped and started again on the same state."""

    def __init__(self, language='c', *arguments):
        if language in ('python', 'gjs', 'vala') and language not in os.environ.get('LANGUAGES', '').split():
            raise Skip('built without introspection')
        if shutil.which(COMMANDS[language][0]) is None:
            raise Skip(COMMANDS[language][0] + ' is not installed')
        self.language = language
        self.directory = tempfile.mkdtemp(prefix='tessera-parity-')
        atexit.register(shutil.rmtree, self.directory, True)
        self.port = free_port()
        self.base = 'http://127.0.0.1:%d' % self.port
        self.paths = DROP_IN_PATHS if language == 'drop-in' else PATHS
        self.arguments = [str(argument) for argument in arguments]
        self.environment = self.sanitize(leaks=not arguments or arguments[0] == '--without-revocation')
        self.log = os.path.join(self.directory, 'log')
        self.process = None
        self.start()

    @staticmethod
    def sanitize(leaks):
        """For a build with sanitizers. LeakSanitizer itself crashes over the threads of GLib's TLS
        backend, so it rests where HTTPS is spoken."""
        environment = dict(os.environ)
        environment['ASAN_OPTIONS'] = '%s:fast_unwind_on_malloc=0:detect_leaks=%d' % (
            environment.get('ASAN_OPTIONS', ''), leaks)
        environment['LSAN_OPTIONS'] = 'print_suppressions=0:suppressions=' + os.path.join(HERE, 'libsoup.supp')
        return environment

    def start(self):
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen(
                COMMANDS[self.language] + [str(self.port), os.path.join(self.directory, 'state')] + self.arguments,
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self.environment)
        _running.append(self.process)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise Failure('%s ended: %s' % (self.language, self.read_log()))
            try:
                socket.create_connection(('127.0.0.1', self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise Failure('%s does not listen' % self.language)

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        status = self.process.wait(30)
        if how == signal.SIGTERM and self.language in ('c', 'drop-in'):
            equal(status, 0, self.read_log())
        found = COMPLAINTS.search(self.read_log())
        check(not found, self.read_log())

    def restart(self, how=signal.SIGTERM):
        self.stop(how)
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        if kind is None:
            self.stop()
        else:
            print('# ' + self.read_log().replace('\n', '\n# '))
            self.process.kill()

    def read_log(self):
        with open(self.log, errors='replace') as log:
            return log.read()

    def events(self):
        """What the handler of after-revoke-token printed: (sha256 of the token, hint, revoked)."""
        return re.findall(r'^revocation token=(\w+) hint=(\S+) revoked=(\w+)$', self.read_log(), re.M)

    def wait_for_events(self, count):
        deadline = time.monotonic() + 30
        while len(self.events()) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.events()


class App:
    """A registered application that talks to an example server."""

    def __init__(self, example, client_id='client-id', secret='client-secret', base=None, tls=None,
                 redirect_uri='http://127.0.0.1:9/callback'):
        self.example = example
        self.id = client_id
        self.secret = secret
        self.base = base or example.base
        self.tls = tls
        self.redirect_uri = redirect_uri

    def browser(self):
        return Browser(self.base, tls=self.tls)

    def request(self, method, path, body=None, headers=None):
        return Browser(self.base, tls=self.tls).request(method, path, body, headers)

    def post(self, path, fields, authenticate=True):
        headers = {'Content-Type': 'application/x-www-form-urlencoded'}
        body = fields if isinstance(fields, str) else urllib.parse.urlencode(fields)
        if authenticate and self.secret:
            pair = '%s:%s' % (self.id, self.secret)
            headers['Authorization'] = 'Basic ' + base64.b64encode(pair.encode()).decode()
        elif authenticate:
            body += '&client_id=' + self.id
        return self.request('POST', path, body, headers)

    def authorization_url(self, **changes):
        self.verifier = secrets.token_urlsafe(48)
        self.state = secrets.token_urlsafe()
        digest = hashlib.sha256(self.verifier.encode()).digest()
        fields = {'response_type': 'code', 'client_id': self.id, 'redirect_uri': self.redirect_uri,
                  'state': self.state, 'code_challenge_method': 'S256',
                  'code_challenge': base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}
        fields.update(changes)
        return self.example.paths['authorize'] + '?' + urllib.parse.urlencode(fields)

    def authorize(self, username='user', password='secret', decision='allow', **changes):
        """The answer to the client: the parameters of the redirect."""
        response = self.browser().authorize(self.authorization_url(**changes), username, password, decision)
        uri = changes.get('redirect_uri', self.redirect_uri)
        check((response.location or '').startswith(uri), 'no answer to the client: %r' % response)
        return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(response.location).query))

    def redeem(self, code, redirect_uri=None):
        return self.post(self.example.paths['token'], {
            'grant_type': 'authorization_code', 'code': code, 'code_verifier': self.verifier,
            'redirect_uri': redirect_uri or self.redirect_uri})

    def log_in(self):
        """A whole code flow: the token response."""
        answer = self.authorize()
        equal(answer.get('state'), self.state)
        response = self.redeem(answer['code'])
        equal(response.status, 200, repr(response))
        return response.json()

    def refresh(self, refresh_token):
        return self.post(self.example.paths['token'], {'grant_type': 'refresh_token', 'refresh_token': refresh_token})

    def revoke(self, token, hint=None, authenticate=True):
        fields = {'token': token}
        if hint:
            fields['token_type_hint'] = hint
        return self.post(self.example.paths['revoke'], fields, authenticate)

    def call(self, token=None, path='/hello', method='GET'):
        """The guarded application."""
        return self.request(method, path, None, {'Authorization': 'Bearer ' + token} if token else {})


class WebSocket:
    """The few lines of RFC 6455 that the tests need."""

    def __init__(self, example, token=None, path='/socket', **headers):
        self.socket = socket.create_connection(('127.0.0.1', example.port), 30)
        lines = ['GET %s HTTP/1.1' % path, 'Host: 127.0.0.1:%d' % example.port, 'Upgrade: websocket',
                 'Connection: Upgrade', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==']
        if token:
            lines.append('Authorization: Bearer ' + token)
        self.socket.sendall(('\r\n'.join(lines) + '\r\n\r\n').encode())
        self.stream = self.socket.makefile('rb')
        self.status = int(self.stream.readline().split()[1])
        while self.stream.readline().strip():
            pass

    def _send(self, opcode, payload):
        mask = secrets.token_bytes(4)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        self.socket.sendall(bytes([0x80 | opcode, 0x80 | len(payload)]) + mask + masked)

    def send_text(self, text):
        self._send(1, text.encode())

    def receive(self):
        """(opcode, payload) of the next frame; (None, b'') at the end."""
        head = self.stream.read(2)
        if len(head) < 2:
            return None, b''
        return head[0] & 15, self.stream.read(head[1] & 127)

    def wait_for_close(self):
        """The code of the server's close frame."""
        while True:
            opcode, payload = self.receive()
            if opcode is None:
                return None
            if opcode == 8:
                self._send(8, payload[:2])
                return struct.unpack('!H', payload[:2])[0]

    def close(self):
        self.stream.close()
        self.socket.close()


def exchange(example, request):
    """Sends bytes as they are and reads to the end: (the answer, whether the server closed)."""
    with socket.create_connection(('127.0.0.1', example.port), 5) as connection:
        connection.sendall(request.encode())
        answer = b''
        try:
            while True:
                part = connection.recv(65536)
                if not part:
                    return answer.decode('latin1'), True
                answer += part
        except socket.timeout:
            return answer.decode('latin1'), False


def make_certificates(directory):
    """A CA, a server certificate, and one file that holds all."""
    def openssl(*arguments):
        subprocess.run(['openssl', *arguments], cwd=directory, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    openssl('req', '-x509', *key, '-keyout', 'ca-key.pem', '-out', 'ca.pem', '-subj', '/CN=Test CA', '-days', '2',
            '-addext', 'keyUsage=critical,keyCertSign')
    openssl('req', *key, '-keyout', 'key.pem', '-out', 'request.pem', '-subj', '/CN=127.0.0.1')
    with open(os.path.join(directory, 'extensions'), 'w') as extensions:
        extensions.write('subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n')
    openssl('x509', '-req', '-in', 'request.pem', '-CA', 'ca.pem', '-CAkey', 'ca-key.pem', '-CAcreateserial',
            '-out', 'certificate.pem', '-days', '2', '-extfile', 'extensions')
    with open(os.path.join(directory, 'all.pem'), 'w') as all_in_one:
        for name in ('key.pem', 'certificate.pem', 'ca.pem'):
            with open(os.path.join(directory, name)) as part:
                all_in_one.write(part.read())
    return {name: os.path.join(directory, name + '.pem') for name in ('all', 'certificate', 'key', 'ca')}


def trust(ca):
    return ssl.create_default_context(cafile=ca)


def decode_part(token, index):
    part = token.split('.')[index]
    return json.loads(base64.urlsafe_b64decode(part + '=' * (-len(part) % 4)))


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()
