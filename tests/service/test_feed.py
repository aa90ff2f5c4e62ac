#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The published deny-list: the signed file and the events (docs/denylist-feed.md)."""

import gzip
import os
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))

from feed_fixture import SNAPSHOT_TYPE, Feed, figure, put_denials, read_snapshot, wait_for_figure  # noqa: E402
from tap import check, contains, equal, lacks, main, test  # noqa: E402
from tessera_fixture import claims_of, expect_error  # noqa: E402


# Access

@test('feed is named in the metadata')
def _(s):
    metadata = s.get('/.well-known/oauth-authorization-server').json()
    equal(metadata['tessera_deny_list_endpoint'], s.issuer + '/deny-list')
    equal(metadata['tessera_deny_list_events_endpoint'], s.issuer + '/deny-list/events')


@test('feed wants a token of scope denylist, for the issuer')
def _(s):
    for path in ('/deny-list', '/deny-list/events'):
        none = s.get(path)
        equal(none.status, 401)
        contains(none.header('WWW-Authenticate'), 'Bearer')
        lacks(none.header('WWW-Authenticate'), 'error=')
        for token, status, error in (('x.y.z', 401, 'invalid_token'),
                                     (s.machine_token(s.plain), 403, 'insufficient_scope'),
                                     (s.reader_token('elsewhere'), 401, 'invalid_token')):
            answer = s.get(path, {'Authorization': 'Bearer ' + token})
            expect_error(answer, error, status)
            contains(answer.header('WWW-Authenticate'), 'error="%s"' % error)
        revoked = s.reader_token()
        s.revoke(revoked, s.reader)
        expect_error(s.get(path, {'Authorization': 'Bearer ' + revoked}), 'invalid_token', 401)


@test('feed is for reading only')
def _(s):
    for path in ('/deny-list', '/deny-list/events'):
        answer = s.form(path, {}, None, {'Authorization': 'Bearer ' + s.reader_token()})
        equal([answer.status, answer.header('Allow')], [405, 'GET, HEAD'])
        head = s.request('HEAD', path, None, {'Authorization': 'Bearer ' + s.reader_token()})
        equal([head.status, head.body], [200, b''])


# The snapshot

@test('snapshot is signed, and its digest is right')
def _(s):
    revoked = s.revoke_one()
    answer = s.snapshot()
    equal([answer.header(name) for name in ('Content-Type', 'Cache-Control', 'Content-Encoding', 'Transfer-Encoding')],
          [SNAPSHOT_TYPE, 'no-store', None, 'chunked'])
    list_ = read_snapshot(s, answer.body)
    entry, = [entry for entry in list_[1:-1] if entry['value'] == revoked['jti']]
    equal(entry['rule'], 'token')
    lacks(entry, 'instant')
    equal(entry['expires'], (revoked['exp'] + 60) * 1000)


@test('snapshot comes compressed to who asks for it')
def _(s):
    s.revoke_one()
    for accept, coding in (('gzip', 'gzip'), ('br, gzip;q=0.5', 'gzip'), ('*', 'gzip'), ('gzip;q=0', None),
                           ('deflate', None), ('identity', None)):
        answer = s.snapshot(headers={'Accept-Encoding': accept})
        equal(answer.header('Content-Encoding'), coding, accept)
        contains(answer.header('Vary'), 'Accept-Encoding')
        read_snapshot(s, gzip.decompress(answer.body) if coding else answer.body)


@test('snapshot of 100,000 entries waits for its reader, and is not kept in memory for it')
def _(s):
    other = Feed()
    other.start()
    try:
        first = put_denials(other, 100000)
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.settimeout(60)
            slow.connect(('127.0.0.1', other.port))
            slow.sendall(('GET /deny-list HTTP/1.0\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n' % other.reader_token()).encode())
            slow.recv(1, socket.MSG_PEEK)
            time.sleep(1)  # as long as it would take to send all of it
            check(figure(other, 'tessera_buffered_bytes') < 1024 * 1024, 'bytes held: %d' % figure(other, 'tessera_buffered_bytes'))
            parts = []
            while True:
                part = slow.recv(1 << 20)
                if not part:
                    break
                parts.append(part)
        body = b''.join(parts).partition(b'\r\n\r\n')[2]
        list_ = read_snapshot(other, body)
        equal([entry['generation'] for entry in list_[1:-1]][-100000:], list(range(first, first + 100000)))
        with other.follow(first + 80000) as stream:
            for generation in range(first + 80001, first + 100000):
                event = stream.wait_for('deny')
                equal(event.data['generation'], generation)
    finally:
        other.stop()


# The events

@test('events begin with retry and a heartbeat, and are no file to be kept')
def _(s):
    with s.follow() as stream:
        equal(stream.status, 200)
        equal([stream.headers.get(name) for name in ('content-type', 'cache-control', 'content-encoding')],
              ['text/event-stream', 'no-store', None])
        beat = stream.next()
        equal([beat.name, beat.id, beat.data['generation']], ['heartbeat', None, 0])
        equal(stream.retry, 1000)


@test('events tell of each revocation, by its rule')
def _(s):
    with s.follow_newest() as stream:
        revoked = s.revoke_one()
        event = stream.next()
        equal(event.name, 'deny')
        equal(event.id, str(event.data['generation']))
        equal([event.data[name] for name in ('rule', 'value', 'expires')],
              ['token', revoked['jti'], (revoked['exp'] + 60) * 1000])
        equal(event.data['list'], s.load()[0]['list'])
        check(abs(event.data['time'] / 1000 - s.now()) < 60, repr(event))
        grant = s.tokens()
        s.revoke(grant['refresh_token'])
        event = stream.next()
        equal([event.data['rule'], event.data['value']], ['grant', claims_of(grant['access_token'])['grant_id']])
        lacks(event.data, 'instant')


@test('events resume behind Last-Event-ID')
def _(s):
    generation = s.load()[-1]['generation']
    revoked = [s.revoke_one()['jti'] for _ in range(5)]
    with s.follow(generation) as stream:
        equal(stream.next().data['generation'], generation)
        events = [stream.next() for _ in range(5)]
        equal([event.data['value'] for event in events], revoked)
        beat = stream.next()
        equal([beat.name, beat.data['generation']], ['heartbeat', events[-1].data['generation']])
    with s.follow(events[2].id) as stream:
        stream.next()
        equal([stream.next().data['value'] for _ in range(2)], revoked[3:])


@test('events from the start are the entries of the snapshot')
def _(s):
    s.revoke_one()
    list_ = s.load()
    with s.follow() as stream:
        stream.next()
        seen = []
        while True:
            event = stream.next()
            if event.name == 'heartbeat':
                break
            seen.append({name: value for name, value in event.data.items() if name not in ('list', 'time')})
    equal([entry for entry in seen if entry['generation'] <= list_[-1]['generation']], list_[1:-1])


@test('events promise no time before all older ones are told')
def _(s):
    s.revoke_one()
    s.revoke_one()
    with s.follow(0) as stream:
        event = stream.next()
        equal(event.data['time'], 0)
        while event.name != 'heartbeat' or event.data['generation'] == 0:
            equal(event.data['time'], 0, repr(event))
            event = stream.next()
        check(event.data['time'] > 0, repr(event))


@test('events to a cursor ahead of the list, or none of its, are a reset')
def _(s):
    generation = s.load()[-1]['generation']
    for last in (generation + 1, 2 ** 63, 'nonsense', '-1', '1 2'):
        with s.follow(last) as stream:
            reset = stream.next()  # the first thing: a heartbeat would say that the stream begins there
            equal([reset.name, reset.id, reset.data['generation']], ['reset', None, generation])
            check(stream.wait_until_closed(), 'cut off')


@test('events have a heartbeat each 15 seconds by the clock of the server')
def _(s):
    with s.follow_newest() as stream:
        s.advance(15.1)
        equal(stream.next().name, 'heartbeat')
        s.advance(8)  # far enough from the next one that a machine which stands still for seconds is no heartbeat
        try:
            event = stream.next(1.5)
            check(False, 'too early: %r' % event)
        except TimeoutError:
            pass
        s.advance(7.1)
        beat = stream.next()
        equal(beat.name, 'heartbeat')
        check(abs(beat.data['time'] / 1000 - s.now()) < 10, repr(beat))
        equal(beat.data['generation'], s.load()[-1]['generation'])


@test('events end with the token they are read with')
def _(s):
    with s.follow(token=s.reader_token('brief')) as stream:
        s.advance(61)
        check(stream.wait_until_closed(), 'cut off')


@test('events end when the token is revoked')
def _(s):
    token = s.reader_token()
    with s.follow(token=token) as stream, s.follow() as other:
        s.revoke(token, s.reader)
        check(stream.wait_until_closed(), 'cut off')
        other.wait_for('deny')


@test('events end at once when the service stops, and go on when it is back')
def _(s):
    with s.follow_newest() as stream:
        before = s.revoke_one()
        event = stream.wait_for('deny')
        began = time.monotonic()
        equal(s.terminate(), 0)
        check(stream.wait_until_closed(), 'cut off')
        s.start_again()
        print('# gap %.2f s' % (time.monotonic() - began))
    after = s.revoke_one()
    with s.follow(event.id) as stream:
        equal(stream.wait_for('deny').data['value'], after['jti'])
        equal(event.data['value'], before['jti'])
    equal(s.load()[0]['list'], event.data['list'])


@test('events are counted, and who follows them; who has left is noticed')
def _(s):
    wait_for_figure(s, 'tessera_feed_subscribers', 0)
    before = figure(s, 'tessera_feed_events_total')
    with s.follow_newest() as stream, s.follow_newest() as other:
        equal(figure(s, 'tessera_feed_subscribers'), 2)
        s.revoke_one()
        stream.wait_for('deny')
        other.wait_for('deny')
        equal(figure(s, 'tessera_feed_events_total'), before + 2)
    wait_for_figure(s, 'tessera_feed_subscribers', 0)


@test('events come to a client of HTTP/1.0, up to the end of the connection')
def _(s):
    with s.follow_newest(version='1.0') as stream:
        lacks(stream.headers, 'transfer-encoding')
        s.revoke_one()
        stream.wait_for('deny')


@test('events need no more than a subscriber each, and there is a limit to them')
def _(s):
    s.sections += '[limits]\nfeed-subscribers=2\nwrite-timeout=1\n\n'
    s.reload()
    with s.follow(), s.follow() as second:
        with s.follow() as third:
            equal([third.status, third.headers.get('retry-after')], [503, '1'])
        second.close()
        wait_for_figure(s, 'tessera_feed_subscribers', 1)
        with s.follow() as again:
            equal(again.status, 200)


@test('feed can be switched off: 404, no word in the metadata, and no stream goes on')
def _(s):
    token = s.reader_token()
    with s.follow() as stream:
        s.endpoints = 'deny-list-enabled=false'
        s.reload()
        check(stream.wait_until_closed(), 'cut off')
    for path in ('/deny-list', '/deny-list/events'):
        equal(s.get(path, {'Authorization': 'Bearer ' + token}).status, 404)
    metadata = s.get('/.well-known/oauth-authorization-server').json()
    equal([name for name in metadata if 'deny_list' in name], [])
    s.endpoints = 'deny-list=/blocked\ndeny-list-events=/blocked/live\n'
    s.reload()
    equal(s.get('/.well-known/oauth-authorization-server').json()['tessera_deny_list_endpoint'], s.issuer + '/blocked')
    equal(s.get('/blocked', {'Authorization': 'Bearer ' + token}).status, 200)
    s.endpoints = ''
    s.reload()


@test('list is another one, and a cursor of the old one worth nothing, after a backup came back')
def _(s):
    before = s.load()
    equal(s.terminate(), 0)
    with open(os.path.join(s.state, 'tessera.db'), 'rb') as file:
        backup = file.read()
    s.start_again()
    for _ in range(3):
        s.revoke_one()
    ahead = s.load()
    equal(ahead[0]['list'], before[0]['list'])
    equal(s.terminate(), 0)
    for name in os.listdir(s.state):
        if name.startswith('tessera.db') or name == 'generation':
            os.unlink(os.path.join(s.state, name))
    with open(os.path.join(s.state, 'tessera.db'), 'wb') as file:
        file.write(backup)
    s.start_again()
    after = s.load()
    check(after[0]['list'] != before[0]['list'], 'the same list')
    equal(after[-2]['rule'], 'all')
    with s.follow(ahead[-1]['generation']) as stream:
        equal(stream.next().data['list'], after[0]['list'])


if __name__ == '__main__':
    main(Feed)
