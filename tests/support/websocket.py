# SPDX-License-Identifier: LGPL-2.1-or-later
"""The deny-list's events over a WebSocket (RFC 6455), and frames as wrong as a test wants them."""

import base64
import hashlib
import json
import os
import socket
import ssl
import time

import ports
import tap

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xa


class Ended(Exception):
    """The connection is over; `code` is that of the close frame that came before, or None."""

    def __init__(self, code):
        super().__init__('closed with %s' % code)
        self.code = code


class Event:
    def __init__(self, data):
        self.name, self.data = data.pop('event'), data

    def __repr__(self):
        return '<%s %r>' % (self.name, self.data)


class WebSocket:
    def __init__(self, address, target, headers, source=None, tls=None, receive_buffer=None, changes=None, version='1.1'):
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source is not None:
            ports.take_address(self.socket, source)
        self.socket.settimeout(tap.PATIENCE)
        self.socket.connect(address)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname=address[0])
        key = base64.b64encode(os.urandom(16)).decode()
        fields = {'Host': '%s:%d' % address, 'Upgrade': 'websocket', 'Connection': 'Upgrade',
                  'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': key}
        fields.update(headers)
        fields.update(changes or {})
        lines = ['GET %s HTTP/%s' % (target, version)]
        lines += ['%s: %s' % pair for pair in fields.items() if pair[1] is not None]
        self.socket.sendall('\r\n'.join(lines + ['', '']).encode())
        self._raw = b''
        self.pongs = []
        self.code = None  # of the close frame that came
        self._read_head()
        if self.status == 101:
            accept = hashlib.sha1((key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').encode()).digest()
            tap.equal([self.headers.get(name) for name in ('upgrade', 'connection', 'sec-websocket-accept')],
                      ['websocket', 'Upgrade', base64.b64encode(accept).decode()])
            for name in ('transfer-encoding', 'content-length', 'content-type', 'sec-websocket-protocol', 'sec-websocket-extensions'):
                tap.lacks(self.headers, name)

    def _read_head(self):
        deadline = time.monotonic() + tap.PATIENCE
        while b'\r\n\r\n' not in self._raw:
            self._receive(deadline)
        head, self._raw = self._raw.split(b'\r\n\r\n', 1)
        lines = head.decode().split('\r\n')
        self.status = int(lines[0].split()[1])
        self.headers = dict((name.lower(), value.strip()) for name, _, value in (line.partition(':') for line in lines[1:]))

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
            raise Ended(self.code)
        self._raw += part

    def _take(self, count, deadline):
        while len(self._raw) < count:
            self._receive(deadline)
        taken, self._raw = self._raw[:count], self._raw[count:]
        return taken

    def _next_frame(self, deadline):
        """A frame as a server may send it: whole, without a mask, no longer written than it need be."""
        first, second = self._take(2, deadline)
        tap.equal([first & 0xf0, second & 0x80], [0x80, 0])
        length = second
        if length == 126:
            length = int.from_bytes(self._take(2, deadline), 'big')
            tap.check(length > 125, 'length %d in 16 bits' % length)
        elif length == 127:
            length = int.from_bytes(self._take(8, deadline), 'big')
            tap.check(length > 0xffff, 'length %d in 64 bits' % length)
        return first & 0xf, self._take(length, deadline)

    def next(self, timeout=tap.PATIENCE):
        """The next event. A close frame is answered; Ended at the end, TimeoutError when there is none."""
        deadline = time.monotonic() + timeout
        while True:
            opcode, payload = self._next_frame(deadline)
            tap.equal(self.code, None, 'a frame behind the close frame')
            if opcode == TEXT:
                return Event(json.loads(payload.decode()))
            if opcode == PONG:
                self.pongs.append(payload)
            else:
                tap.equal(opcode, CLOSE)
                self.code = int.from_bytes(payload, 'big')
                self.send(CLOSE, payload)

    def wait_for(self, name, timeout=tap.PATIENCE):
        deadline = time.monotonic() + timeout
        while True:
            event = self.next(deadline - time.monotonic())
            if event.name == name:
                return event

    def wait_until_closed(self, timeout=tap.PATIENCE):
        """The code it was closed with."""
        deadline = time.monotonic() + timeout
        try:
            while True:
                self.next(deadline - time.monotonic())
        except Ended as ended:
            return ended.code

    def send(self, opcode, payload=b'', masked=True, final=True, reserved=0):
        first = (0x80 if final else 0) | reserved << 4 | opcode
        if len(payload) <= 125:
            length = bytes([len(payload) | (0x80 if masked else 0)])
        else:
            length = bytes([126 | (0x80 if masked else 0)]) + len(payload).to_bytes(2, 'big')
        mask = os.urandom(4) if masked else b''
        if masked:
            payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        self.send_bytes(bytes([first]) + length + mask + payload)

    def send_bytes(self, data):
        try:
            self.socket.sendall(data)
        except (ConnectionError, ssl.SSLError):
            pass

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
