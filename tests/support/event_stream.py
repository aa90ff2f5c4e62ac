# SPDX-License-Identifier: LGPL-2.1-or-later
"""Server-Sent Events over one HTTP/1.1 connection, read as strictly as a test wants it."""

import json
import socket
import ssl
import time

import ports
import tap


class Closed(Exception):
    """The stream ended; `whole` when its last chunk had come."""

    def __init__(self, whole):
        super().__init__('whole' if whole else 'cut off')
        self.whole = whole


class Event:
    def __init__(self, name, id_, data):
        self.name, self.id, self.data = name, id_, data

    def __repr__(self):
        return '<%s %s %r>' % (self.name, self.id, self.data)


class Stream:
    def __init__(self, address, target, headers, source=None, version='1.1', tls=None, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source is not None:
            ports.take_address(self.socket, source)
        self.socket.settimeout(tap.PATIENCE)
        self.socket.connect(address)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname=address[0])
        lines = ['GET %s HTTP/%s' % (target, version), 'Host: %s:%d' % address]
        lines += ['%s: %s' % pair for pair in headers.items()]
        self.socket.sendall('\r\n'.join(lines + ['', '']).encode())
        self._raw = b''
        self._body = b''
        self._whole = False
        self.retry = None
        head = self._read_head()
        self.status = int(head[0].split()[1])
        self.headers = dict((name.lower(), value.strip()) for name, _, value in (line.partition(':') for line in head[1:]))
        self._chunked = self.headers.get('transfer-encoding') == 'chunked'

    def _receive(self, deadline):
        wait = deadline - time.monotonic()
        if wait <= 0:
            raise TimeoutError('nothing came')
        self.socket.settimeout(wait)
        try:
            part = self.socket.recv(65536)
        except socket.timeout:
            raise TimeoutError('nothing came') from None
        except (ConnectionError, ssl.SSLError):
            part = b''
        if not part:
            raise Closed(self._whole)
        self._raw += part

    def _read_head(self):
        deadline = time.monotonic() + tap.PATIENCE
        while b'\r\n\r\n' not in self._raw:
            self._receive(deadline)
        head, self._raw = self._raw.split(b'\r\n\r\n', 1)
        return head.decode().split('\r\n')

    def _take_chunks(self):
        """What has come whole of the body."""
        if not self._chunked:
            self._body, self._raw = self._body + self._raw, b''
            return
        while not self._whole:
            line, found, rest = self._raw.partition(b'\r\n')
            if not found:
                return
            size = int(line, 16)
            if len(rest) < size + 2:
                return
            tap.equal(rest[size:size + 2], b'\r\n', 'end of a chunk')
            self._body += rest[:size]
            self._raw = rest[size + 2:]
            self._whole = size == 0

    def _next_block(self, deadline):
        while True:
            self._take_chunks()
            block, found, rest = self._body.partition(b'\n\n')
            if found:
                self._body = rest
                return block.decode()
            if self._whole:
                tap.equal(self._body, b'', 'rest of the stream')
                raise Closed(True)
            self._receive(deadline)

    def next(self, timeout=tap.PATIENCE):
        """The next event; Closed at the end, TimeoutError when there is none."""
        deadline = time.monotonic() + timeout
        while True:
            fields = {}
            for line in self._next_block(deadline).split('\n'):
                name, _, value = line.partition(': ')
                tap.check(name not in fields, 'a field came twice: %s' % line)
                fields[name] = value
            if 'retry' in fields:
                self.retry = int(fields['retry'])
            if 'data' in fields:
                return Event(fields.get('event'), fields.get('id'), json.loads(fields['data']))

    def wait_for(self, name, timeout=tap.PATIENCE):
        """The next event of that name; what comes before it is passed over."""
        deadline = time.monotonic() + timeout
        while True:
            event = self.next(deadline - time.monotonic())
            if event.name == name:
                return event

    def wait_until_closed(self, timeout=tap.PATIENCE):
        """TRUE when it ended whole."""
        deadline = time.monotonic() + timeout
        try:
            while True:
                self.next(deadline - time.monotonic())
        except Closed as closed:
            return closed.whole

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
