# SPDX-License-Identifier: LGPL-2.1-or-later
"""A program under load: the process of a contestant, on the server's core, in a folder of its own."""
import os
import secrets
import signal
import socket
import ssl
import subprocess
import time

from machine import SERVER_CORE, cpu_seconds, pinned, rss_kib

START_LIMIT = 30


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class NoAnswer(Exception):
    pass


class Server:
    """@paths: of the endpoints; @credentials: what a client says of itself in a form."""
    label = '?'
    paths = {'token': '/token', 'introspect': '/introspect', 'revoke': '/revoke', 'jwks': '/jwks',
             'metadata': '/.well-known/oauth-authorization-server'}
    cores = SERVER_CORE

    def __init__(self, folder, certificate=None):
        self.folder = folder
        self.certificate = certificate
        self.tls = certificate is not None
        self.port = free_port()
        self.secret = secrets.token_urlsafe(32)
        self.credentials = f'client_id=bench&client_secret={self.secret}'
        self.process = None
        os.makedirs(folder, exist_ok=True)

    @property
    def pid(self):
        return self.process.pid

    @property
    def issuer(self):
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    def argv(self):
        raise NotImplementedError

    def environment(self):
        return {}

    def start(self):
        """Seconds from exec until a token was issued, or whatever it answers was answered."""
        with open(os.path.join(self.folder, 'log'), 'ab') as log:
            begin = time.monotonic()
            self.process = subprocess.Popen(pinned(self.cores, self.argv()), stdout=log, stderr=log,
                                            env={**os.environ, **self.environment()}, cwd=self.folder)
        self.wait_answer(self.first_request())
        return time.monotonic() - begin

    def first_request(self):
        form = f'grant_type=client_credentials&{self.credentials}&scope=read'
        return (f"POST {self.paths['token']} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nConnection: close\r\n"
                f'Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(form)}\r\n\r\n{form}')

    def wait_answer(self, request):
        end = time.monotonic() + START_LIMIT
        while time.monotonic() < end and self.process.poll() is None:
            try:
                answer = self.ask(request)
            except OSError:
                time.sleep(0.0003)
                continue
            if answer.startswith('HTTP/1.1 200'):
                return
            if answer and not answer.startswith('HTTP/1.1 503'):
                raise NoAnswer(f'{self.label}: {answer[:400]}')
        with open(os.path.join(self.folder, 'log')) as log:
            raise NoAnswer(f'{self.label} does not start: {log.read()[-600:]}')

    def ask(self, request):
        with socket.create_connection(('127.0.0.1', self.port), timeout=5) as plain:
            s = plain
            if self.tls:
                context = ssl.create_default_context()
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                s = context.wrap_socket(plain)
            s.sendall(request.encode())
            return s.recv(65536).decode('latin-1')

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def rss_kib(self):
        return rss_kib(self.pid)

    def cpu_seconds(self):
        return cpu_seconds(self.pid)

    def supply(self, kind, count):
        """A file of tokens, one a line, or None: this is not offered here."""
        return None


class Empty(Server):
    """The ceiling: libsoup and a handler that does nothing."""
    label = 'empty handler'

    def __init__(self, build, folder, certificate=None):
        super().__init__(folder, certificate)
        self.build = build

    def argv(self):
        return [f'{self.build}/tests/bench/bench-empty-server', str(self.port), *(self.certificate or [])]

    def supply(self, kind, count):
        """Whatever it is asked, it answers; the requests are as long as they are elsewhere."""
        path = os.path.join(self.folder, kind)
        with open(path, 'w') as f:
            f.write(('x' * 400 + '\n') * count)
        return path
