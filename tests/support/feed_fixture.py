# SPDX-License-Identifier: LGPL-2.1-or-later
"""A service whose deny-list is read: its clients, the snapshot with all that is checked of it, its figures."""

import base64
import hashlib
import json
import re
import urllib.request

from event_stream import Stream
from tap import check, equal, until
from tessera_fixture import R1, Client, Service, claims_of, default_clients, free_port, header_of, unb64url

MASK = (1 << 64) - 1
SNAPSHOT_TYPE = 'application/vnd.tessera.deny-list+jsonl'


class Feed(Service):
    def __init__(self, **options):
        clients = default_clients() + [
            Client('reader', scope='denylist', grant_types='client_credentials;', access_token_lifetime='3600'),
            Client('brief', scope='denylist', grant_types='client_credentials;', access_token_lifetime='60'),
            Client('elsewhere', scope='denylist', grant_types='client_credentials;', audience=R1 + ';', resources=R1 + ';'),
        ]
        self.metrics_port = free_port()
        options['sections'] = '[metrics]\naddress=127.0.0.1:%d\n\n%s' % (self.metrics_port, options.get('sections', ''))
        super().__init__(clients=clients, **options)

    def reader_token(self, client='reader'):
        return self.machine_token(self.clients[client], scope='denylist')

    def follow(self, last=None, token=None, **options):
        headers = {'Authorization': 'Bearer ' + (token or self.reader_token()), 'Accept': 'text/event-stream'}
        if last is not None:
            headers['Last-Event-ID'] = str(last)
        return Stream(('127.0.0.1', self.port), self.prefix + '/deny-list/events', headers, source=self.source, **options)

    def follow_newest(self, **options):
        """A stream that has all there is, and its position."""
        stream = self.follow(self.load()[-1]['generation'], **options)
        beat = stream.next()
        check(beat.name == 'heartbeat' and beat.data['time'] > 0, repr(beat))
        return stream

    def snapshot(self, token=None, headers=None):
        headers = dict(headers or {})
        headers['Authorization'] = 'Bearer ' + (token or self.reader_token())
        return self.get(self.prefix + '/deny-list', headers)

    def load(self, token=None):
        """[first line, entries…, claims of the last line], all that the contract says checked."""
        return read_snapshot(self, self.snapshot(token).body)

    def revoke_one(self, client=None):
        token = self.machine_token(client or self.c1)
        equal(self.revoke(token, client or self.c1).status, 200)
        return claims_of(token)


def read_snapshot(s, body):
    check(body.endswith(b'\n'), 'the last line has no end')
    lines = body[:-1].split(b'\n')
    first, last = json.loads(lines[0]), json.loads(lines[-1])
    equal(list(last), ['signature'])
    header, claims = header_of(last['signature']), claims_of(last['signature'])
    equal(header['typ'], 'deny-list+jwt')
    check_signature(s, last['signature'])
    equal(first['tessera_deny_list'], 1)
    equal([first['issuer'], claims['iss']], [s.issuer] * 2)
    equal(first['list'], claims['list'])
    digest = hashlib.sha256(body[:len(body) - len(lines[-1]) - 1]).digest()
    equal(claims['sha256'], base64.urlsafe_b64encode(digest).rstrip(b'=').decode())
    entries = [json.loads(line) for line in lines[1:-1]]
    equal(claims['entries'], len(entries))
    generations = [entry['generation'] for entry in entries]
    equal(generations, sorted(set(generations)), 'order of the entries')
    check(not generations or generations[-1] <= claims['generation'], 'an entry behind the generation')
    check(abs(claims['time'] / 1000 - s.now()) < 60, 'time %r' % claims['time'])
    check(first['time'] <= claims['time'] and claims['iat'] == claims['time'] // 1000, repr(claims))
    return [first] + entries + [claims]


def check_signature(s, token):
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, utils
    keys = {key['kid']: key for key in s.get(s.prefix + '/jwks').json()['keys']}
    key = keys[header_of(token)['kid']]
    x, y = (int.from_bytes(unb64url(key[part]), 'big') for part in 'xy')
    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    text, _, signature = token.rpartition('.')
    raw = unb64url(signature)
    public.verify(utils.encode_dss_signature(int.from_bytes(raw[:32], 'big'), int.from_bytes(raw[32:], 'big')),
                  text.encode(), ec.ECDSA(hashes.SHA256()))


def put_denials(s, count):
    """As many revoked tokens, written into the database of the service while it is down."""
    def add(total, number):
        for _ in range(8):
            total = (total ^ number & 0xff) * 0x100000001b3 & MASK
            number >>= 8
        return total

    first = s.load()[-1]['generation'] + 1
    expires = int(s.now() * 1000) + 300000
    rows = []
    for generation in range(first, first + count):
        value = '%08x-0000-7000-8000-%012x' % (int(s.now()) >> 16, generation)
        total = add(add(0xcbf29ce484222325, generation), 0)
        for byte in value.encode():
            total = (total ^ byte) * 0x100000001b3 & MASK
        total = add(add(add(add(add(total, 0), 0), expires), MASK), MASK)
        total = total >> 32 ^ total & 0xffffffff
        rows.append("(%d,0,'%s',0,%d,%d)" % (generation, value, expires, total))
    equal(s.terminate(), 0)
    s.edit_database('BEGIN; INSERT INTO denials (generation, kind, value, instant_ms, expires_ms, checksum) VALUES %s; COMMIT;'
                    % ','.join(rows))
    s.start_again()
    return first


def figure(s, name):
    with urllib.request.urlopen('http://127.0.0.1:%d/metrics' % s.metrics_port) as answer:
        return int(float(re.search(r'^%s (\S+)$' % re.escape(name), answer.read().decode(), re.M).group(1)))


def wait_for_figure(s, name, value):
    until(lambda: figure(s, name) == value, lambda: '%s is %d, not %d' % (name, figure(s, name), value))
