# SPDX-License-Identifier: LGPL-2.1-or-later
"""A proxy before a service that loses its way when it is told to: it cuts a connection behind any byte, holds bytes
back and delivers them at once, or plays an old connection again in place of a new one.

Each connection carries one request, so that what happens to it happens to that request alone."""

import re
import socket
import threading


class Connection:
    def __init__(self, path, client, server):
        self.path = path
        self.sent = bytearray()  # what the service said, also what nobody heard
        self.is_over = False  # the service said all it had to say
        self._sockets = [client, server]

    def close(self):
        for end in self._sockets:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Proxy:
    def __init__(self, upstream_port):
        self.upstream_port = upstream_port
        self._listener = socket.create_server(('127.0.0.1', 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self._news = threading.Condition()
        self._cuts = {}  # path -> bytes after which the next answer is cut
        self._replays = {}  # path -> bytes that the next request is answered with
        self._held = False
        self._live = set()
        self.connections = []  # all there ever were
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()
        self.release()
        self.cut_all()

    # What it is told

    def cut_next(self, path, n_bytes):
        """The next answer to a request for @path ends behind so many bytes."""
        with self._news:
            self._cuts[path] = n_bytes

    def replay_next(self, path, data):
        """The next request for @path is answered with @data, and nobody asks the service."""
        with self._news:
            self._replays[path] = bytes(data)

    def cut_all(self):
        """Every connection there is."""
        with self._news:
            live = list(self._live)
        for connection in live:
            connection.close()

    def hold(self):
        """What the service says from now on, nobody hears …"""
        with self._news:
            self._held = True

    def release(self):
        """… until now, and then all of it at once."""
        with self._news:
            self._held = False
            self._news.notify_all()

    # What it knows

    def count(self, path):
        with self._news:
            return sum(connection.path == path for connection in self.connections)

    def last(self, path):
        with self._news:
            return [connection for connection in self.connections if connection.path == path][-1]

    def wait_for(self, condition, timeout=60):
        """Until @condition () holds; it is asked again whenever something was said."""
        with self._news:
            return self._news.wait_for(condition, timeout)

    # How it does it

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            with client:
                self._serve_one(client)
        except OSError:
            pass

    def _serve_one(self, client):
        request, path = read_request(client)
        if path is None:
            return
        with self._news:
            replay = self._replays.pop(path, None)
            cut = self._cuts.pop(path, None)
        if replay is not None:
            connection = self._note(Connection(path, client, client))
            self._take(connection, replay)
            self._end(connection)
            self._pass_on(connection, client, None)
            return
        with socket.create_connection(('127.0.0.1', self.upstream_port)) as server:
            connection = self._note(Connection(path, client, server))
            server.sendall(request)
            threading.Thread(target=self._read, args=(connection, server), daemon=True).start()
            threading.Thread(target=notice_end, args=(client, server), daemon=True).start()
            self._pass_on(connection, client, cut)

    def _note(self, connection):
        with self._news:
            self.connections.append(connection)
            self._live.add(connection)
            self._news.notify_all()
        return connection

    def _take(self, connection, part):
        with self._news:
            connection.sent += part
            self._news.notify_all()

    def _end(self, connection):
        with self._news:
            connection.is_over = True
            self._news.notify_all()

    def _read(self, connection, server):
        """All that the service says, also what nobody is to hear yet."""
        try:
            while part := server.recv(65536):
                self._take(connection, part)
        except OSError:
            pass
        self._end(connection)

    def _pass_on(self, connection, client, cut):
        n_passed = 0
        try:
            while True:
                with self._news:
                    self._news.wait_for(lambda: not self._held and (connection.is_over or len(connection.sent) > n_passed))
                    part = bytes(connection.sent[n_passed:cut])
                if not part:
                    return
                client.sendall(part)
                n_passed += len(part)
        finally:
            connection.close()
            with self._news:
                self._live.discard(connection)


def notice_end(client, server):
    """When the reader goes, the service hears of it."""
    try:
        while client.recv(4096):
            pass
        server.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def read_request(client):
    """(the request, for a connection of its own; its path)"""
    data = b''
    while b'\r\n\r\n' not in data:
        part = client.recv(65536)
        if not part:
            return data, None
        data += part
    head, body = data.split(b'\r\n\r\n', 1)
    length = re.search(rb'(?im)^content-length: *(\d+)', head)
    while length and len(body) < int(length[1]):
        body += client.recv(65536)
    head = re.sub(rb'(?im)^connection:.*\r\n', b'', head + b'\r\n') + b'Connection: close\r\n\r\n'
    return head + body, head.split(b' ', 2)[1].decode()
