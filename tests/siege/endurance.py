#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A million requests to all endpoints, with TLS and without: memory and descriptors are then as they were after
ten thousand. What a request adds to the state by right (a revoked token, a grant) is asked for, but not often."""

import re
import secrets
import ssl
import time
import urllib.parse

from crowd import HOST, JWKS, Child, connect, main, post, raise_descriptors, subject, until
from tessera_fixture import challenge_of, new_verifier

GROWTH = 1  # MiB
FIRST = 10000
CHILDREN = 3  # the last one with TLS
A_CONNECTION = 1000  # requests
SELDOM = 500  # turns between two that leave something in the state
LOGINS = 650  # the service keeps 625 of an address, for twelve hours
TOKENS = 1800  # by three; the places of those seen lie at random in 4 MiB, and after 5,400 few pages are untouched
METADATA = b'GET /.well-known/oauth-authorization-server HTTP/1.1\r\n' + HOST + b'\r\n'


class Walker:
    """Asks for everything in turn; what one answer says the next request uses."""

    def __init__(self, port, number, clients, refresh_token, cookie, certificate=None):
        self.port, self.number, self.clients, self.cookie = port, number, clients, cookie
        self.refresh_token, self.old_token = refresh_token, 'none-yet'
        self.context = ssl.create_default_context(cafile=certificate) if certificate else None
        self.connection = None
        self.done = self.on_connection = self.turn = 0
        self.strange = {}

    def basic(self, name, secret=None):
        return b'Authorization: ' + self.clients[name].basic(secret).encode() + b'\r\n'

    def authorization(self, client, cookie=b'', challenge=None):
        fields = {'response_type': 'code', 'client_id': client.id, 'redirect_uri': client.redirect_uri, 'scope': 'a', 'state': 'S',
                  'code_challenge': challenge or challenge_of(new_verifier()), 'code_challenge_method': 'S256'}
        return b'GET /authorize?' + urllib.parse.urlencode(fields).encode() + b' HTTP/1.1\r\n' + HOST + cookie + b'\r\n'

    # (request, expected statuses)
    def requests(self):
        garbage = secrets.token_urlsafe(32)
        return [
            (post('/token', 'grant_type=client_credentials&scope=a', self.basic('c1')), (200,)),
            (post('/introspect', 'token=' + self.old_token, self.basic('rsall')), (200,)),
            (post('/introspect', 'token=' + garbage, self.basic('rsall')), (200,)),
            (post('/revoke', 'token=' + garbage, self.basic('c1')), (200,)),
            (JWKS, (200,)),
            (METADATA, (200,)),
            (self.authorization(self.clients['c1']), (200, 303)),
            (b'GET /nothing HTTP/1.1\r\n' + HOST + b'\r\n', (404,)),
            (post('/token', 'grant_type=authorization_code&code=' + garbage, self.basic('c1')), (400,)),
            (post('/token', 'grant_type=client_credentials', self.basic('c2', 'wrong')), (401, 429)),
            (b'PUT /token HTTP/1.1\r\n' + HOST + b'\r\n', (405,)),
            (post('/token', b'a=1&a=2', self.basic('c1')), (400,)),
        ]

    def seldom(self):
        """A refresh, a code for who is signed in and its redemption, a revocation."""
        verifier = new_verifier()
        first = self.clients['first']
        answer = self.ask(post('/token', 'grant_type=refresh_token&refresh_token=' + self.refresh_token, self.basic('c1')), (200,))
        self.refresh_token = re.search(rb'"refresh_token": ?"([^"]+)"', answer)[1].decode()
        answer = self.ask(self.authorization(first, b'Cookie: %s\r\n' % self.cookie.encode(), challenge_of(verifier)), (303,))
        code = re.search(rb'[?&]code=([^&\r]+)', answer)[1].decode()
        self.ask(post('/token', urllib.parse.urlencode({'grant_type': 'authorization_code', 'code': code, 'redirect_uri': first.redirect_uri,
                                                        'code_verifier': verifier}), self.basic('first')), (200,))
        self.ask(post('/revoke', 'token=' + self.old_token, self.basic('c1')), (200,))

    def open(self):
        if self.connection is not None and self.on_connection < A_CONNECTION:
            return
        self.close()
        self.connection = connect(self.port, self.number * 60)
        if self.context:
            self.connection = self.context.wrap_socket(self.connection, server_hostname='127.0.0.1')
        self.on_connection = 0
        self.rest = b''

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def hear(self, statuses):
        """The bytes of the next answer."""
        while b'\r\n\r\n' not in self.rest:
            self.more()
        end = self.rest.index(b'\r\n\r\n') + 4
        end += int(re.search(rb'(?i)\r\ncontent-length: *(\d+)', self.rest[:end])[1])
        while len(self.rest) < end:
            self.more()
        answer, self.rest = self.rest[:end], self.rest[end:]
        self.done += 1
        self.on_connection += 1
        status = int(answer[9:12])
        if status not in statuses:
            self.strange[status] = self.strange.get(status, 0) + 1
        return answer

    def more(self):
        part = self.connection.recv(65536)
        if not part:
            raise RuntimeError('the end, after %d requests' % self.on_connection)
        self.rest += part

    def ask(self, request, statuses):
        self.connection.sendall(request)
        return self.hear(statuses)

    def repeat(self, count, make, statuses):
        for _ in range(count // 10):
            self.open()
            self.connection.sendall(b''.join(make() for _ in range(10)))
            for _ in range(10):
                self.hear(statuses)

    def fill(self):
        """What the service keeps of the latest, of which there is an end: logins that began, and tokens seen."""
        self.repeat(LOGINS, lambda: self.authorization(self.clients['c1']), (200, 303))
        self.repeat(TOKENS, lambda: post('/token', 'grant_type=client_credentials&scope=a', self.basic('c1')), (200,))

    def walk(self, count):
        until_done = self.done + count
        if not self.done:
            self.fill()
        while self.done < until_done:
            self.open()
            requests = self.requests()
            self.connection.sendall(b''.join(request for request, _ in requests))
            answers = [self.hear(statuses) for _, statuses in requests]
            self.old_token = re.search(rb'"access_token": ?"([^"]+)"', answers[0])[1].decode()
            self.turn += 1
            if self.turn % SELDOM == 1:
                self.seldom()
        self.close()


def walk(pipe, *arguments):
    raise_descriptors()
    walker = Walker(*arguments)
    while True:
        count = pipe.recv()
        if not count:
            return
        before = walker.done
        walker.walk(count)
        pipe.send((walker.done - before, walker.strange))


def walk_all(children, count):
    """(how many were done, {status that was not expected: how many})"""
    for child in children:
        child.say(count // len(children))
    done, strange = 0, {}
    for child in children:
        more, wrong = child.hear(7200)
        done += more
        for status, number in wrong.items():
            strange[status] = strange.get(status, 0) + number
    return done, strange


def settle(service, descriptors):
    until(lambda: service.descriptors() <= descriptors, 20)
    time.sleep(1)
    return service.memory(), service.descriptors()


def besiege(report, arguments):
    first, count = (FIRST, arguments.requests) if arguments.long else (8000, 12000)
    with subject(report, tls=True) as service:
        browser = service.browser('alice')
        cookie = '; '.join('%s=%s' % pair for pair in browser.cookies.items())
        tokens = [service.tokens(service.c1)['refresh_token'] for _ in range(CHILDREN)]
        descriptors = service.descriptors()
        children = [Child(walk, service.tls_port if number == CHILDREN - 1 else service.port, number, service.clients, tokens[number], cookie,
                          service.certificate if number == CHILDREN - 1 else None) for number in range(CHILDREN)]
        done, strange = walk_all(children, first)
        before, open_before = settle(service, descriptors)
        began = time.monotonic()
        steps = []
        for _ in range(4 if arguments.long else 1):
            more, strange = walk_all(children, (count - first) // (4 if arguments.long else 1))
            done += more
            steps.append('%.1f' % settle(service, descriptors)[0])
        took = time.monotonic() - began
        after, open_after = settle(service, descriptors)
        for child in children:
            child.say(0)
            child.end()
        report.check('every answer was as expected', not strange, '{:,}'.format(done) if not strange else str(strange), '{:,}'.format(count))
        limit = GROWTH if arguments.long else 2 * GROWTH
        report.check('memory after {:,} requests'.format(done), after - before <= limit,
                     '%.1f MiB (%.1f after %s; on the way %s)' % (after, before, '{:,}'.format(first), ', '.join(steps)), '%d MiB more' % limit)
        report.check('descriptors then', open_after == open_before, '%d (%d)' % (open_after, open_before), 'no more')
        report.say('requests a second', '{:,.0f}'.format((done - first) / took))


if __name__ == '__main__':
    main('endurance', besiege, lambda parser: parser.add_argument('--requests', type=int, default=1000000))
