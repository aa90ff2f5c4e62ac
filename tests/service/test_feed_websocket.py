#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The events of the deny-list over WebSocket (docs/denylist-feed.md, RFC 6455)."""

import os
import ssl
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))

import ports  # noqa: E402
from feed_fixture import Feed, figure, wait_for_figure  # noqa: E402
from tap import PATIENCE, check, contains, equal, main, test  # noqa: E402
from tessera_fixture import free_port  # noqa: E402
from websocket import BINARY, CLOSE, PING, PONG, TEXT, WebSocket  # noqa: E402


class Sockets(Feed):
    def __init__(self):
        self.tls_port = free_port()
        super().__init__(sections='[listener tls]\naddress=127.0.0.1:%d\ncertificate=cert.pem\nprivate-key=key.pem\n\n' % self.tls_port)
        self.certificate = os.path.join(self.directory, 'cert.pem')
        key = os.path.join(self.directory, 'key.pem')
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
                        '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', self.certificate],
                       check=True, stderr=subprocess.DEVNULL)
        os.chmod(key, 0o600)

    def open(self, last=None, query='', token=None, **options):
        headers = {'Authorization': 'Bearer ' + (token or self.reader_token())}
        if last is not None:
            headers['Last-Event-ID'] = str(last)
        port = self.tls_port if 'tls' in options else self.port
        return WebSocket(('127.0.0.1', port), self.prefix + '/deny-list/events' + query, headers, source=self.source, **options)

    def open_newest(self, **options):
        """One that has all there is."""
        connection = self.open(self.load()[-1]['generation'], **options)
        beat = connection.next()
        check(beat.name == 'heartbeat' and beat.data['time'] > 0, repr(beat))
        return connection


def without_time(event):
    return (event.name, {name: value for name, value in event.data.items() if name != 'time'})


# The handshake

@test('a handshake needs a token of scope denylist, and without one there is never a 101')
def _(s):
    revoked = s.reader_token()
    s.revoke(revoked, s.reader)
    for token, status in (('x.y.z', 401), (s.machine_token(s.plain), 403), (s.reader_token('elsewhere'), 401), (revoked, 401)):
        with s.open(token=token) as connection:
            equal(connection.status, status)
            contains(connection.headers['www-authenticate'], 'error=')
    with s.open(changes={'Authorization': None}) as connection:
        equal(connection.status, 401)
        equal(connection.headers['www-authenticate'], 'Bearer scope="denylist"')


@test('a handshake of another version is told which one is spoken')
def _(s):
    for version in ('8', '14', '013', '13, 8', None):
        with s.open(changes={'Sec-WebSocket-Version': version}) as connection:
            equal([connection.status, connection.headers['sec-websocket-version'], connection.headers['upgrade']],
                  [426, '13', 'websocket'], repr(version))


@test('a handshake needs a key of 16 bytes')
def _(s):
    for key in (None, '', 'AAAA', 'A' * 24, 'A' * 23 + '=', '!' * 22 + '==', 'A' * 21 + '-==', 'A' * 22 + '==='):
        with s.open(changes={'Sec-WebSocket-Key': key}) as connection:
            equal(connection.status, 400, repr(key))
    with s.open(changes={'Sec-WebSocket-Key': None}, token='x.y.z') as connection:
        equal(connection.status, 401)


@test('a request that does not ask for WebSocket gets the event stream')
def _(s):
    for changes, version in (({'Upgrade': None}, '1.1'), ({'Upgrade': 'h2c'}, '1.1'), ({'Connection': None}, '1.1'), ({}, '1.0')):
        with s.open(changes=changes, version=version) as connection:
            equal([connection.status, connection.headers['content-type']], [200, 'text/event-stream'], repr(changes))


@test('names in a handshake are of any case, and may stand in a list')
def _(s):
    with s.open(changes={'Upgrade': 'WebSocket', 'Connection': 'keep-alive, UPGRADE'}) as connection:
        equal(connection.status, 101)


# The events

@test('messages are the events, in the same order')
def _(s):
    s.revoke_one()
    with s.follow() as stream, s.open() as connection:
        told = 0
        while told < 2:
            event, message = stream.next(), connection.next()
            equal(without_time(message), without_time(event))
            equal(message.data['time'] == 0, event.data['time'] == 0)
            if event.data['time']:
                told += 1
                s.revoke_one()
                s.revoke(s.tokens()['refresh_token'])


@test('messages resume behind Last-Event-ID, or last_event_id in the query')
def _(s):
    generation = s.load()[-1]['generation']
    revoked = [s.revoke_one()['jti'] for _ in range(3)]
    for options in ({'last': generation}, {'query': '?last_event_id=%d' % generation},
                    {'last': generation, 'query': '?last_event_id=0'}, {'query': '?a=b&last_event_id=%d' % generation}):
        with s.open(**options) as connection:
            equal(connection.next().data['generation'], generation, repr(options))
            equal([connection.next().data['value'] for _ in range(3)], revoked)
    with s.follow(generation) as stream:
        equal(stream.next().data['generation'], generation)


@test('last_event_id in the query is for WebSocket alone')
def _(s):
    client = ports.HTTPConnection('127.0.0.1', s.port, s.source, timeout=PATIENCE)
    client.request('GET', s.prefix + '/deny-list/events?last_event_id=nonsense', headers={'Authorization': 'Bearer ' + s.reader_token()})
    answer = client.getresponse()
    contains(answer.read(100), b'event: heartbeat')
    client.close()


@test('a cursor that is none of the list is a reset, and the end with 1012')
def _(s):
    generation = s.load()[-1]['generation']
    for options in ({'last': generation + 1}, {'last': 'nonsense'}, {'query': '?last_event_id=-1'}, {'query': '?last_event_id=%2B1'},
                    {'query': '?last_event_id=x'}, {'query': '?last_event_id=%ff'}, {'query': '?last_event_id=1&last_event_id=2'}):
        with s.open(**options) as connection:
            equal(without_time(connection.next()), ('reset', {'list': s.load()[0]['list'], 'generation': generation}), repr(options))
            equal(connection.wait_until_closed(), 1012)


@test('messages have a heartbeat each 15 seconds by the clock of the server')
def _(s):
    with s.open_newest() as connection:
        s.advance(15.1)
        beat = connection.next()
        equal([beat.name, beat.data['generation']], ['heartbeat', s.load()[-1]['generation']])


@test('messages reach readers of both forms at once, and readers of both are counted')
def _(s):
    wait_for_figure(s, 'tessera_feed_subscribers', 0)
    with s.open_newest() as connection, s.follow_newest() as stream, s.open_newest() as other:
        equal(figure(s, 'tessera_feed_subscribers'), 3)
        jti = s.revoke_one()['jti']
        for reader in (connection, stream, other):
            equal(reader.wait_for('deny').data['value'], jti)
    wait_for_figure(s, 'tessera_feed_subscribers', 0)


@test('messages come over TLS')
def _(s):
    with s.open_newest(tls=ssl.create_default_context(cafile=s.certificate)) as connection:
        connection.send(PING, b'x')
        jti = s.revoke_one()['jti']
        equal(connection.wait_for('deny').data['value'], jti)
        equal(connection.pongs, [b'x'])
        connection.send(CLOSE)
        equal(connection.wait_until_closed(), 1000)


# The end

@test('a WebSocket ends with 1008 when its token expires')
def _(s):
    with s.open(token=s.reader_token('brief')) as connection:
        s.advance(61)
        equal(connection.wait_until_closed(), 1008)


@test('a WebSocket ends with 1008 when its token is revoked')
def _(s):
    token = s.reader_token()
    with s.open(token=token) as connection, s.open() as other:
        s.revoke(token, s.reader)
        equal(connection.wait_until_closed(), 1008)
        other.wait_for('deny')


@test('a WebSocket ends with 1001 when the service stops, and is resumed when it is back')
def _(s):
    with s.open_newest() as connection:
        s.revoke_one()
        last = connection.wait_for('deny').data['generation']
        began = time.monotonic()
        s.process.terminate()
        equal(connection.wait_until_closed(), 1001)
        s.process.wait(PATIENCE)
        print('# gone after %.2f s' % (time.monotonic() - began))
        s.terminate()
        s.start_again()
    after = s.revoke_one()
    with s.open(last) as connection:
        equal(connection.wait_for('deny').data['value'], after['jti'])


@test('a WebSocket ends with 1001 when the feed is switched off')
def _(s):
    with s.open_newest() as connection:
        s.endpoints = 'deny-list-enabled=false'
        s.reload()
        equal(connection.wait_until_closed(), 1001)
    s.endpoints = ''
    s.reload()


@test('a client that leaves without a word is noticed')
def _(s):
    wait_for_figure(s, 'tessera_feed_subscribers', 0)
    with s.open_newest():
        equal(figure(s, 'tessera_feed_subscribers'), 1)
    wait_for_figure(s, 'tessera_feed_subscribers', 0)


# What a client says

@test('a ping is answered with what was in it')
def _(s):
    with s.open_newest() as connection:
        for payload in (b'', b'x', b'y' * 125):
            connection.send(PING, payload)
        connection.send(PONG, b'nobody asked')
        s.revoke_one()
        connection.wait_for('deny')
        equal(connection.pongs, [b'', b'x', b'y' * 125])


@test('a ping may come byte by byte')
def _(s):
    with s.open_newest() as connection:
        for byte in b'\x89\x82abcd' + bytes(a ^ b for a, b in zip(b'hi', b'ab')):
            connection.send_bytes(bytes([byte]))
            time.sleep(0.01)
        s.revoke_one()
        connection.wait_for('deny')
        equal(connection.pongs, [b'hi'])


@test('a close frame is answered, and the connection is closed')
def _(s):
    for payload, code in ((b'', 1000), (b'\x03\xe8', 1000), (b'\x03\xe9bye', 1001), (b'\x0b\xb8', 3000)):
        with s.open_newest() as connection:
            connection.send(CLOSE, payload)
            equal(connection.wait_until_closed(), code)


@test('a frame that is not masked ends it with 1002')
def _(s):
    for opcode in (PING, TEXT, CLOSE):
        with s.open_newest() as connection:
            connection.send(opcode, b'', masked=False)
            equal(connection.wait_until_closed(), 1002)


@test('messages of a client end it with 1003, at their first bytes')
def _(s):
    for opcode in (TEXT, BINARY):
        with s.open_newest() as connection:
            connection.send(opcode, b'hello')
            equal(connection.wait_until_closed(), 1003)
        with s.open_newest() as connection:
            connection.send_bytes(bytes([opcode, 0xff]))
            equal(connection.wait_until_closed(), 1003)


@test('frames that are none end it with 1002')
def _(s):
    for options in ({'opcode': 0x0}, {'opcode': 0x3}, {'opcode': 0x7}, {'opcode': 0xb}, {'opcode': 0xf},
                    {'opcode': PING, 'reserved': 4}, {'opcode': PING, 'reserved': 1}, {'opcode': PING, 'final': False},
                    {'opcode': PING, 'payload': b'x' * 126}, {'opcode': CLOSE, 'payload': b'\x03'},
                    {'opcode': CLOSE, 'payload': b'\x03\xed'}, {'opcode': CLOSE, 'payload': b'\x00\x01'},
                    {'opcode': CLOSE, 'payload': b'\x07\xd0'}, {'opcode': CLOSE, 'payload': b'\x13\x88'}):
        with s.open_newest() as connection:
            connection.send(**options)
            equal(connection.wait_until_closed(), 1002, repr(options))
    with s.open_newest() as connection:
        connection.send(CLOSE, b'\x03\xe8\xff')
        equal(connection.wait_until_closed(), 1007)


@test('nobody is told anything behind the close frame')
def _(s):
    with s.open_newest() as connection:
        connection.send(TEXT, b'hello')
        s.revoke_one()
        equal(connection.wait_until_closed(), 1003)


@test('pings without end, whose answers nobody reads, are not kept')
def _(s):
    wait_for_figure(s, 'tessera_feed_subscribers', 0)
    with s.open_newest(receive_buffer=4096) as connection:
        connection.socket.settimeout(0.5)
        flood = (b'\x89\xfd' + bytes(4) + b'x' * 125) * 1000
        sent = 0
        try:
            while sent < 64 * 1024 * 1024:
                sent += connection.socket.send(flood)
        except (ConnectionError, TimeoutError):
            pass
        check(sent < 32 * 1024 * 1024, '%d bytes' % sent)
        wait_for_figure(s, 'tessera_feed_subscribers', 0)


if __name__ == '__main__':
    main(Sockets)
