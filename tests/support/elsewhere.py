# SPDX-License-Identifier: LGPL-2.1-or-later
"""Other machines, as the service sees them: https servers on loopback, with an authority of their own.

Environment: TESSERA_OUTBOUND, the program that goes there (a test build that looks names up in
TESSERA_TEST_HOSTS: "a.test=127.0.0.1;b.test=127.0.0.1|127.0.0.2", where | parts the answers of one
look-up and the next). Standard library and openssl(1) only."""

import contextlib
import os
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse

import tap

NAMES = 'DNS:localhost,DNS:rp.test,DNS:*.rp.test,IP:127.0.0.1,IP:127.0.0.2,IP:::1'


class Authority:
    """Makes the certificates of a test run."""

    def __init__(self, folder):
        self.folder = folder
        self.ca_file = self._path('ca.pem')
        key = ('-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes')
        self._openssl('req', '-x509', *key, '-keyout', 'ca-key.pem', '-out', 'ca.pem', '-subj', '/CN=Test authority', '-days', '2',
                      '-addext', 'keyUsage=critical,keyCertSign,cRLSign')
        self._openssl('req', *key, '-keyout', 'site-key.pem', '-out', 'site.csr', '-subj', '/CN=site.test')
        with open(self._path('site.ext'), 'w', encoding='utf-8') as file:
            file.write('subjectAltName=%s\nextendedKeyUsage=serverAuth\n' % NAMES)
        self._openssl('x509', '-req', '-in', 'site.csr', '-CA', 'ca.pem', '-CAkey', 'ca-key.pem', '-CAcreateserial', '-out', 'site.pem',
                      '-days', '2', '-extfile', 'site.ext')
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self._path('site.pem'), self._path('site-key.pem'))
        self.context.set_alpn_protocols(['h2', 'http/1.1'])

    def _path(self, name):
        return os.path.join(self.folder, name)

    def _openssl(self, *arguments):
        subprocess.run(['openssl', *arguments], cwd=self.folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Question:
    """What came to a site."""

    def __init__(self, head, body, server_name, protocol):
        lines = head.decode('latin-1').split('\r\n')
        self.method, self.target, self.version = lines[0].split(' ')
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(':') for line in lines[1:])}
        self.body = body
        self.server_name = server_name
        self.protocol = protocol

    @property
    def form(self):
        pairs = urllib.parse.parse_qsl(self.body.decode('ascii'), keep_blank_values=True, strict_parsing=True)
        tap.equal(len(dict(pairs)), len(pairs), 'fields')
        return dict(pairs)


class Site:
    """An https server on loopback. @answer (Question) gives bytes, or (status, media type, body); or it is the
    bytes themselves. With @talk (TLS connection) what happens on a connection is all @talk's."""

    def __init__(self, authority, answer=b'', talk=None, address='127.0.0.1', port=0):
        self.answer = answer
        self._talk = talk
        self._address = address
        self._context = authority.context
        self._names = {}
        self.connects = 0
        self.questions = []
        self._news = threading.Condition()
        self._socket = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((address, port))
        self._socket.listen(64)
        self.port = self._socket.getsockname()[1]
        self._context.sni_callback = self._note_name
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def uri(self, path='/', host=None):
        return 'https://%s:%d%s' % (host or self._address, self.port, path)

    def _note_name(self, connection, name, _context):
        connection.tessera_name = name

    def _accept(self):
        while True:
            try:
                raw, _ = self._socket.accept()
            except OSError:
                return
            with self._news:
                self.connects += 1
                self._news.notify_all()
            threading.Thread(target=self._serve, args=(raw,), daemon=True).start()

    def _serve(self, raw):
        raw.settimeout(tap.PATIENCE)
        with contextlib.suppress(OSError, ValueError), raw:
            with self._context.wrap_socket(raw, server_side=True) as connection:
                if self._talk is not None:
                    self._talk(connection)
                    return
                question = self._read(connection)
                answer = self.answer(question) if callable(self.answer) else self.answer
                with self._news:
                    self.questions.append(question)
                    self._news.notify_all()
                connection.sendall(answer if isinstance(answer, bytes) else http(*answer))

    def _read(self, connection):
        data = b''
        while b'\r\n\r\n' not in data:
            data += self._receive(connection)
        head, _, body = data.partition(b'\r\n\r\n')
        length = [line.split(b':')[1] for line in head.split(b'\r\n') if line.lower().startswith(b'content-length:')]
        while len(body) < int(length[0] if length else 0):
            body += self._receive(connection)
        return Question(head, body, getattr(connection, 'tessera_name', None), connection.selected_alpn_protocol())

    @staticmethod
    def _receive(connection):
        part = connection.recv(65536)
        if not part:
            raise OSError('closed')
        return part

    def wait_for(self, count, patience=tap.PATIENCE):
        """Until it has answered @count questions; all of them."""
        with self._news:
            self._news.wait_for(lambda: len(self.questions) >= count, patience)
            tap.check(len(self.questions) >= count, 'only %d of %d questions came' % (len(self.questions), count))
            return list(self.questions)

    def wait_for_connections(self, count, patience=tap.PATIENCE):
        with self._news:
            self._news.wait_for(lambda: self.connects >= count, patience)
            tap.check(self.connects >= count, 'only %d of %d came' % (self.connects, count))

    def close(self):
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(tap.PATIENCE)


def http(status, media_type, body, *headers):
    """An answer as bytes."""
    if isinstance(body, str):
        body = body.encode()
    lines = ['HTTP/1.1 %d X' % status, 'Content-Length: %d' % len(body), 'Connection: close', *headers]
    if media_type:
        lines.append('Content-Type: ' + media_type)
    return '\r\n'.join(lines).encode() + b'\r\n\r\n' + body


def drip(connection, piece, seconds=0.05, patience=15):
    """Sends @piece again and again until the other side has gone; after how long that was."""
    began = time.monotonic()
    try:
        while time.monotonic() - began < patience:
            connection.sendall(piece)
            time.sleep(seconds)
    except OSError:
        pass
    return time.monotonic() - began


def section(authority, allowed=('127.0.0.1',), *more):
    """[outbound] for a service of a test."""
    lines = ['[outbound]', 'enabled=true', 'program=' + os.environ['TESSERA_OUTBOUND'], 'ca-file=' + authority.ca_file]
    lines += ['allow-addresses=%s' % ''.join(range + ';' for range in allowed), *more]
    return '\n'.join(lines) + '\n\n'
