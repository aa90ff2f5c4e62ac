# SPDX-License-Identifier: LGPL-2.1-or-later
"""An issuer with a deny-list as docs/denylist-feed.md has it, and nothing else: it denies what it is told to, and
lies when it is told to."""
import base64
import hashlib
import http.server
import json
import os
import queue
import socketserver
import struct
import threading
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

AUDIENCE = 'urn:fake:rs'


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def compact(value):
    return json.dumps(value, separators=(',', ':'), ensure_ascii=False)


def uuid7(ms):
    """A name as the service gives its tokens."""
    digits = (struct.pack('>Q', ms)[2:] + b'\x70' + os.urandom(1) + b'\x80' + os.urandom(7)).hex()
    return '-'.join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


class Key:
    def __init__(self, kid):
        self.kid, self.private = kid, ec.generate_private_key(ec.SECP256R1())

    def jwk(self):
        numbers = self.private.public_key().public_numbers()
        x, y = (b64url(number.to_bytes(32, 'big')) for number in (numbers.x, numbers.y))
        return {'kty': 'EC', 'crv': 'P-256', 'alg': 'ES256', 'use': 'sig', 'kid': self.kid, 'x': x, 'y': y}

    def sign(self, claims, typ, **header):
        text = '%s.%s' % tuple(b64url(compact(part).encode()) for part in ({'alg': 'ES256', 'typ': typ, 'kid': self.kid, **header}, claims))
        numbers = utils.decode_dss_signature(self.private.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return text + '.' + b64url(b''.join(number.to_bytes(32, 'big') for number in numbers))


class Handler(http.server.BaseHTTPRequestHandler):
    def send(self, body, content_type, length=True):
        self.send_response(200)
        self.send_header('Content-Type', content_type)
        if length:
            self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def do_POST(self):
        self.rfile.read(int(self.headers['Content-Length']))
        self.send(compact({'access_token': 'feed', 'token_type': 'Bearer', 'expires_in': 600}).encode(), 'application/json')

    def do_GET(self):
        fake = self.server.fake
        if self.path.startswith('/.well-known/'):
            self.send(compact(fake.metadata()).encode(), 'application/json')
        elif self.path == '/jwks':
            self.send(compact({'keys': [key.jwk() for key in fake.keys]}).encode(), 'application/jwk-set+json')
        elif self.headers['Authorization'] != 'Bearer feed':
            self.send_error(401)
        elif self.path == '/deny-list':
            fake.askers.add(self.headers['User-Agent'])
            self.send(fake.snapshot(), 'application/vnd.tessera.deny-list+jsonl')
        else:
            self.send(b'retry: 1000\n\n', 'text/event-stream', False)
            fake.serve_events(int(self.headers['Last-Event-ID'] or 0), self.wfile)

    def log_message(self, *arguments):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


class FakeIssuer:
    def __init__(self):
        self.server = Server(('127.0.0.1', 0), Handler)
        self.server.fake = self
        self.issuer = 'http://127.0.0.1:%d' % self.server.server_address[1]
        self.keys = [Key('k1'), Key('k2')]
        self.list, self.entries, self.generation, self.offset = 'L1', [], 0, 0
        self.lie, self.askers = '', set()  # who asked for a snapshot since the set was emptied
        self.snapshots, self.begun = 0, 0  # how often each was asked for
        self.lock, self.streams = threading.Lock(), []
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def metadata(self):
        places = {'token_endpoint': '/token', 'jwks_uri': '/jwks', 'tessera_deny_list_endpoint': '/deny-list',
                  'tessera_deny_list_events_endpoint': '/deny-list/events'}
        return {'issuer': self.issuer, **{name: self.issuer + path for name, path in places.items()}}

    def now(self):
        return int(time.time() * 1000) + self.offset

    def token(self, key=0, typ='at+jwt', **claims):
        ms = claims.pop('issued', self.now())
        made = {'iss': self.issuer, 'aud': AUDIENCE, 'client_id': 'shop', 'sub': 'alice', 'iat': ms // 1000,
                'exp': self.now() // 1000 + 3600, 'jti': uuid7(ms), 'scope': 'a', **claims}
        return self.keys[key].sign({name: value for name, value in made.items() if value is not None}, typ)

    def deny(self, rule, value, instant=None, expires=None):
        with self.lock:
            self.generation += 1
            entry = {'generation': self.generation, 'rule': rule, 'value': value}
            entry.update({name: given for name, given in (('instant', instant), ('expires', expires)) if given is not None})
            self.entries.append(entry)
            self.say('deny', entry)
        return self.generation

    def beat(self, **changes):
        with self.lock:
            self.say('heartbeat', {'generation': self.generation, **changes})

    def replace(self, name, entries=()):
        """Another list; whoever follows is told."""
        with self.lock:
            self.list, self.entries, self.generation = name, list(entries), self.generation + 1
            self.say('reset', {'generation': self.generation})
            self.hang_up()

    def hang_up(self):
        for stream in self.streams:
            stream.put(None)
        self.streams = []

    def event(self, kind, data):
        event = 'event: %s\ndata: %s\n\n' % (kind, compact({'list': self.list, 'time': self.now(), **data}))
        return ('id: %d\n%s' % (data['generation'], event) if kind == 'deny' else event).encode()

    def say(self, kind, data):
        for stream in self.streams:
            stream.put(self.event(kind, data))

    def serve_events(self, cursor, wfile):
        stream = queue.Queue()
        with self.lock:
            self.begun += 1
            first = cursor + 7 if self.lie == 'cursor' else cursor
            behind = [entry for entry in self.entries if entry['generation'] > cursor]
            stream.put(self.event('heartbeat', {'generation': first, **({'time': 0} if behind else {})}))
            for entry in behind:
                stream.put(self.event('deny', entry))
            if behind:
                stream.put(self.event('heartbeat', {'generation': self.generation}))
            self.streams.append(stream)
        try:
            for part in iter(stream.get, None):
                wfile.write(part)
                wfile.flush()
        except OSError:
            pass

    def snapshot(self):
        with self.lock:
            self.snapshots += 1
            head = {'tessera_deny_list': 2 if self.lie == 'version' else 1, 'issuer': self.issuer, 'list': self.list, 'time': self.now()}
            body = ''.join(compact(line) + '\n' for line in [head, *self.entries]).encode()
            claims = {'iss': self.issuer, 'iat': self.now() // 1000, 'list': self.list, 'generation': self.generation,
                      'time': self.now(), 'entries': len(self.entries), 'sha256': b64url(hashlib.sha256(body).digest())}
        return self.distort(body, claims)

    def distort(self, body, claims):
        key, typ = self.keys[0], 'deny-list+jwt'
        if self.lie == 'issuer':
            claims['iss'] = 'https://other.example'
        elif self.lie == 'typ':
            typ = 'at+jwt'
        elif self.lie == 'key':
            key = Key('k1')
        jws = key.sign(claims, typ)
        if self.lie == 'body':
            body = b'\n'.join(body.split(b'\n')[:-2]) + b'\n'
        elif self.lie == 'cut':
            return body
        return body + compact({'signature': jws}).encode() + b'\n'
