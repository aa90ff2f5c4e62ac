#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A TesseraVerifier beside the service: every forgery that introspection is shown (rows D of the threat
table) is shown to it too, and what the service revokes it refuses."""

import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..', 'support'), os.path.join(HERE, '..', 'rfc')]

import tap  # noqa: E402
import test_rfc7662_introspection as rows  # noqa: E402
from tap import check, equal, main, test  # noqa: E402
from tessera_fixture import R1, Client, Service, claims_of, default_clients, write_private  # noqa: E402
from verifier_probe import Probe  # noqa: E402

PATIENCE = 10


class Watched(Service):
    """A service and a verifier of its tokens, which must say the same."""

    def __init__(self, **options):
        reader = Client('reader', scope='denylist', grant_types='client_credentials;')
        super().__init__(clients=options.pop('clients', default_clients()) + [reader], **options)
        self.probe = None

    def new_probe(self, *options, staleness=86400):
        secret = os.path.join(self.directory, 'reader-secret')
        write_private(secret, self.reader.secret)
        probe = Probe(self.issuer, '--client-id', 'reader', '--secret-file', secret, '--max-staleness', str(staleness), *options,
                      clock_file=self.clock_file)
        probe.wait_ready()
        return probe

    def start_again(self, wait=True):
        super().start_again(wait)
        if self.probe is None:
            self.probe = self.new_probe()
        return self

    def is_active(self, token, client=None):
        wanted = super().is_active(token, client)
        if '\n' in token or ' ' in token or len(token) > 30000:
            return wanted  # no line of the probe
        audience = R1 if client is self.clients.get('rs1') else None
        answer = self.probe.check(token, audience)
        end = time.monotonic() + PATIENCE
        while answer['good'] and not wanted and time.monotonic() < end:
            time.sleep(0.01)  # a revocation is on its way
            answer = self.probe.check(token, audience)
        equal(answer['good'], wanted, 'the verifier on %s…: %r' % (token[:20], answer))
        check(wanted or answer['error'] == 'invalid_token', repr(answer))
        return wanted

    def stop(self):
        try:
            if self.probe is not None:
                self.probe.stop()
        finally:
            super().stop()

    def abandon(self):
        if self.probe is not None:
            self.probe.abandon()
        super().abandon()


rows.Service = Watched
# Those about forgeries; what is about introspection itself, or about single seconds, is not for here.
tap._tests[:] = [entry for entry in tap._tests
                 if entry[0][:2] in ('D0', 'D1', 'C0') and entry[0][:3] not in ('D16', 'D17') and 'expired' not in entry[0]]


def refused_at_last(probe, token, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while probe.check(token)['good']:
        check(time.monotonic() < end, 'still accepted')
        time.sleep(0.005)


@test('D16 D17 what is no token at all is refused')
def _(s):
    for text in ('x', '..', '-', 'Bearer', s.machine_token() + ',' + s.machine_token()):
        equal(s.probe.check(text)['error'], 'invalid_token')


@test('D09 an expired token is refused, also one that was seen')
def _(s):
    token = s.machine_token(s.short)
    equal(s.probe.check(token)['good'], True)
    s.advance(30)
    equal(s.probe.check(token)['good'], True)
    s.advance(60)
    equal(s.probe.check(token)['error'], 'invalid_token')


@test('D04 ten thousand random kids cost one look at the key set')
def _(s):
    probe, good = s.new_probe(), s.machine_token()
    forge = rows.Forge(s)
    before = probe.get('key-requests')
    forged = forge.sign(claims_of(good), key='own', kid='KID')
    for number in range(10000):
        head = rows.b64url('{"alg":"ES256","kid":"kid-%d","typ":"at+jwt"}' % number)
        token = head + forged[forged.index('.'):]
        answer = probe.check(token) if number % 100 else probe.check_async(token)
        equal(answer['error'], 'invalid_token')
    equal(probe.get('key-requests') - before, 1)
    equal(probe.check(good)['good'], True)
    probe.stop()


@test('D14 what is revoked, by whatever rule, is refused within seconds, and nothing else is')
def _(s):
    probe = s.new_probe()
    tokens = s.tokens()
    person, machine, other = tokens['access_token'], s.machine_token(), s.machine_token(s.c2)
    for token in (person, machine, other):
        equal(probe.check(token, R1)['good'], True)
    s.revoke(machine)
    refused_at_last(probe, machine)
    equal(probe.check(person)['good'], True)
    s.revoke(tokens['refresh_token'])
    refused_at_last(probe, person)
    equal(probe.check(other)['good'], True)
    equal({entry[0] for entry in probe.dump()} & {'token', 'grant'}, {'token', 'grant'})
    probe.stop()


@test('the verifier has what the snapshot has, entry by entry')
def _(s):
    probe = s.new_probe()
    for _ in range(30):
        s.revoke(s.machine_token())
    import json
    answer = s.get('/deny-list', {'Authorization': 'Bearer ' + s.machine_token(s.reader, scope='denylist')})
    lines = [json.loads(line) for line in answer.body.splitlines()]
    entries = {(line['rule'], line.get('value', ''), line.get('instant'), line.get('expires', 2 ** 63 - 1)) for line in lines[1:-1]}
    probe.wait_generation(claims_of(lines[-1]['signature'])['generation'])
    equal({(rule, value, instant, -(-expires // 1000)) for rule, value, instant, expires in probe.dump()},
          {(rule, value, instant, -(-expires // 1000)) for rule, value, instant, expires in entries})
    probe.stop()


@test('a verifier refuses when the service is gone, and accepts again when it is back')
def _(s):
    probe = s.new_probe(staleness=60)
    token = s.machine_token()
    equal(probe.check(token)['good'], True)
    s.terminate()
    s.advance(31)
    end = time.monotonic() + PATIENCE
    while probe.get('stale') == 0:
        check(time.monotonic() < end, 'no word of it')
        time.sleep(0.05)
    equal(probe.check(token)['good'], True)
    s.advance(31)
    equal(probe.check(token)['error'], 'temporarily_unavailable')
    s.start_again()
    probe.wait_ready()
    equal(probe.check(token)['good'], True)
    equal(probe.get('stale'), 1)
    probe.stop()


@test('a verifier accepts stale tokens only by choice, and says so')
def _(s):
    probe = s.new_probe('--accept-stale', staleness=60)
    token, revoked = s.machine_token(), s.machine_token()
    s.revoke(revoked)
    refused_at_last(probe, revoked)
    equal(probe.check(token)['stale'], False)
    s.terminate()
    s.advance(70)
    equal(probe.check(token)['stale'], True)
    equal(probe.check(revoked)['error'], 'invalid_token')
    s.start_again()
    probe.stop()


@test('a revocation from before a kill is refused after the restart')
def _(s):
    probe = s.new_probe()
    tokens = [s.machine_token() for _ in range(5)]
    for token in tokens:
        equal(s.revoke(token).status, 200)
    s.kill()
    s.start_again()
    late = s.machine_token()
    s.revoke(late)
    for token in tokens + [late]:
        refused_at_last(probe, token, 30)
    probe.stop()


if __name__ == '__main__':
    main(Watched)
