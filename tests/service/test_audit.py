#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The audit trail of a real service: each thing that is done is one record, with what it needs and nothing secret."""

import errno
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))

from tap import check, contains, equal, lacks, main, test  # noqa: E402
from tessera_fixture import PASSWORDS, Service, claims_of  # noqa: E402
from workshop import Workshop  # noqa: E402

PLANTED = set()  # secrets that were used


class Audited(Service):
    """The trail is read from its file, which is required: what is answered is written."""

    def __init__(self, more='required=true\nrate=0\n'):
        super().__init__()
        self.trail_file = os.path.join(self.directory, 'audit.json')
        self.sections = '[audit]\nfile=%s\n%s' % (self.trail_file, more)
        self.seen = 0

    def news(self):
        """The records since the last call, as dictionaries."""
        with open(self.trail_file, 'rb') as file:
            lines = file.read().splitlines()
        fresh = [json.loads(line) for line in lines[self.seen:]]
        self.seen = len(lines)
        return fresh

    def one(self, event):
        """The only record since the last call, without what every one has."""
        records = self.news()
        equal([record['event'] for record in records], [event])
        return self.strip(records[0])

    def strip(self, record):
        check(re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z', record.pop('time')), 'time')
        if 'from' in record:
            equal(record.pop('from'), self.source)
        if 'request' in record:
            check(re.fullmatch('[0-9a-f]{16}', record.pop('request')), 'request')
        return record


def sign_in(service, username, password, browser=None):
    browser = browser or service.new_browser()
    page = browser.open(service.authorization_url())
    PLANTED.add(password)
    return browser, browser.submit_only(page, page.page.form_with('password'), username=username, password=password)


@test('audit: a token of a client is one record, with its jti')
def _(s):
    s.news()
    token = s.client_credentials(s.machine).json()['access_token']
    PLANTED.add(token)
    equal(s.one('client-token-issued'), {'event': 'client-token-issued', 'client': 'machine', 'jti': claims_of(token)['jti'], 'result': 'granted'})


@test('audit: a login, its code, its tokens and a refresh are one record each, of one person')
def _(s):
    s.news()
    sign_in(s, 'alice', PASSWORDS['alice'])
    login = s.news()
    s.browser()
    s.news()
    tokens = s.tokens(s.c1)
    newer = s.refresh(tokens['refresh_token'], s.c1).json()
    PLANTED.update([tokens['access_token'], tokens['refresh_token'], newer['access_token'], newer['refresh_token']])
    records = login + s.news()
    equal([record['event'] for record in records], ['login-accepted', 'code-issued', 'token-issued', 'token-refreshed'])
    hashes = {record['subject_hash'] for record in records}
    equal(len(hashes), 1)
    check(re.fullmatch('[0-9a-f]{16}', hashes.pop()), 'hash')
    grant = claims_of(tokens['access_token'])['grant_id']
    equal([record.get('grant') for record in records], [None, None, grant, grant])
    equal([record.get('jti') for record in records], [None, None, claims_of(tokens['access_token'])['jti'], claims_of(newer['access_token'])['jti']])
    equal({record['client'] for record in records}, {'c1'})
    equal({record['result'] for record in records}, {'granted'})


@test('audit: the same person has the same hash, after a restart too, and another one another')
def _(s):
    def hash_of(username):
        s.news()
        sign_in(s, username, PASSWORDS[username])
        return s.one('login-accepted')['subject_hash']
    alice = hash_of('alice')
    check(alice != hash_of('bob'), 'another person')
    s.restart()
    equal(hash_of('alice'), alice)


@test('audit: a login that fails is one record without the name')
def _(s):
    s.news()
    sign_in(s, 'bob', 'audit-canary-wrong-password')
    equal(s.one('login-failed'), {'event': 'login-failed', 'client': 'c1', 'result': 'refused', 'reason': 'failed'})
    for _ in range(9):
        sign_in(s, 'bob', 'audit-canary-wrong-password')
    s.news()
    sign_in(s, 'bob', 'audit-canary-wrong-password')
    equal(s.one('login-throttled')['reason'], 'throttled')


@test('audit: a refusal is one record, with the id that the log has')
def _(s):
    s.news()
    s.form('/token', 'grant_type=client_credentials', headers={'Authorization': s.c2.basic('audit-canary-wrong-secret')})
    PLANTED.add('audit-canary-wrong-secret')
    record = s.news()[0]
    request = record['request']
    equal(s.strip(record), {'event': 'request-refused', 'client': 'c2', 'object': '/token', 'result': 'refused', 'reason': 'invalid_client'})
    equal(len([line for line in s.log_lines() if 'request=' + request in line]), 1)
    s.news()
    s.get('/token')
    equal(s.one('request-refused')['object'], '/token')
    s.az(client_id='nobody')
    equal(s.one('request-refused')['client'], 'nobody')
    check(s.approve(s.c1, prompt='consent', decision='deny')['error'] == 'access_denied', 'denied')
    equal(s.news()[-1]['reason'], 'access_denied')


@test('audit: what was revoked is named by its kind, and why')
def _(s):
    token = s.client_credentials(s.machine).json()['access_token']
    tokens = s.tokens(s.c1)
    s.news()
    s.revoke(token, s.machine)
    equal(s.one('token-revoked'), {'event': 'token-revoked', 'client': 'machine', 'jti': claims_of(token)['jti'], 'result': 'revoked', 'reason': 'request'})
    s.revoke(tokens['refresh_token'], s.c1)
    equal(s.one('grant-revoked'), {'event': 'grant-revoked', 'client': 'c1', 'grant': claims_of(tokens['access_token'])['grant_id'], 'result': 'revoked', 'reason': 'request'})
    s.revoke('audit-canary-no-token-at-all', s.c1)
    PLANTED.add('audit-canary-no-token-at-all')
    equal(s.one('nothing-revoked'), {'event': 'nothing-revoked', 'client': 'c1', 'result': 'nothing', 'reason': 'request'})
    other = s.client_credentials(s.machine).json()['access_token']
    s.news()
    s.revoke(other, s.c2)
    equal(s.one('foreign-token'), {'event': 'foreign-token', 'client': 'c2', 'jti': claims_of(other)['jti'], 'result': 'nothing', 'reason': 'request'})
    check(s.is_active(other), 'it is still good')


@test('audit: a code used twice is one record beside the refusal')
def _(s):
    code, verifier = s.code(s.c1)
    PLANTED.update([code, verifier])
    grant = claims_of(s.redeem(s.c1, code, verifier).json()['access_token'])['grant_id']
    s.news()
    equal(s.redeem(s.c1, code, verifier).status, 400)
    records = s.news()
    equal([record['event'] for record in records], ['replay', 'request-refused'])
    equal(s.strip(records[0]), {'event': 'replay', 'client': 'c1', 'grant': grant, 'result': 'revoked', 'reason': 'replay'})


@test('audit: signing out ends a session')
def _(s):
    browser, _ = sign_in(s, 'alice', PASSWORDS['alice'])
    page = browser.open('/logout')
    s.news()
    browser.submit_only(page, page.page.forms[0])
    record = s.one('session-revoked')
    equal(record['reason'], 'logout')
    check(record['object'], 'session')


@test('audit: a reload is an act of administration, and who left the configuration is revoked')
def _(s):
    s.news()
    s.users.pop('eve')
    gone = s.clients.pop('short')
    s.reload()
    s.get('/jwks')
    records = s.news()
    equal(sorted(record['event'] for record in records), ['administration', 'client-revoked', 'subject-revoked'])
    act = s.strip(records[-1])
    equal(act, {'event': 'administration', 'action': 'Reload', 'object': s.config, 'result': 'done', 'caller': 'signal'})
    equal([record['object'] for record in records if record['event'] == 'client-revoked'], ['short'])
    s.sections += '[nonsense]\nx=y\n'
    s.clients['short'] = gone
    s.reload()
    s.get('/jwks')
    act = s.one('administration')
    equal((act['action'], act['result']), ('Reload', 'failed'))
    s.sections = s.sections.replace('[nonsense]\nx=y\n', '')
    s.reload()
    s.get('/jwks')
    equal(s.one('administration')['result'], 'done')


@test('audit: bytes from outside are escaped, on one line')
def _(s):
    s.news()
    for lie in ('a\r\nb', 'x" from="192.0.2.1', '\x1b[2J', 'a\u2028b', 'a\\', 'a\x00b'):
        s.az(client_id=lie)
        for record in s.news():
            equal(record['event'], 'request-refused')
            check(all(0x20 <= ord(c) < 0x7f and c != '"' for c in ''.join(record.values())), record)


@test('audit: without its file nothing is granted, and revoking goes on')
def _(s):
    token = s.client_credentials(s.machine).json()['access_token']
    tokens = s.tokens(s.c1)
    code, verifier = s.code(s.c1)
    s.news()
    s.files.fail(s.files.WRITE, errno.ENOSPC)
    answer = s.client_credentials(s.machine)
    equal(answer.status, 503)
    lacks(answer.text, 'access_token')
    equal(s.client_credentials(s.machine).status, 503)
    equal(s.redeem(s.c1, code, verifier).status, 503)
    s.files.heal()
    equal(s.client_credentials(s.machine).status, 200)
    equal([record['event'] for record in s.news()], ['file-restored', 'client-token-issued'])
    equal(s.redeem(s.c1, code, verifier).status, 200)  # it was not spent
    contains('\n'.join(s.log_lines()), 'The audit file')
    # A record is lost, not the revocation.
    s.files.fail(s.files.WRITE, errno.ENOSPC, count=1)
    s.refresh(tokens['refresh_token'] + 'x', s.c1)
    s.files.heal()
    equal(s.revoke(token, s.machine).status, 200)
    check(not s.is_active(token), 'revoked')


@test('audit: the file that was moved away is begun anew by a reload')
def _(s):
    moved = s.trail_file + '.1'
    os.rename(s.trail_file, moved)
    s.client_credentials(s.machine)
    s.reload()
    s.get('/jwks')
    s.seen = 0
    s.client_credentials(s.machine)
    equal([record['event'] for record in s.news()][-1], 'client-token-issued')
    with open(moved, encoding='ascii') as file:
        contains(file.read().splitlines()[-1], 'client-token-issued')
    equal(os.stat(s.trail_file).st_mode & 0o777, 0o600)


@test('audit: neither file nor log has a secret or a name')
def _(s):
    s.sync_log()
    with open(s.trail_file + '.1', 'rb') as file:
        trail = file.read()
    secrets = PLANTED | set(PASSWORDS.values()) | {client.secret for client in s.clients.values() if client.secret}
    check(len(secrets) > 25, 'too few')
    check(len(trail) > 4000, 'the trail is almost empty')
    for secret in secrets:
        lacks(trail, secret.encode())
        lacks(bytes(s.log), secret.encode())
    for name in PASSWORDS:
        check(re.search(rb'\b%s\b' % name.encode(), trail + bytes(s.log)) is None, name)


@test('audit: events that are off are not written, and refusals that are too many are counted')
def _(_s):
    service = Audited('events=refusals;\nrate=1\n')
    try:
        service.start()
        for _ in range(5):
            equal(service.client_credentials(service.machine).status, 200)
        for _ in range(60):
            equal(service.get('/token').status, 405)
        equal(service.terminate(), 0)
        events = [record['event'] for record in service.news()]
        equal(set(events), {'request-refused', 'records-dropped'})
        equal(events.count('request-refused'), 60)  # the file has them all
        lines = service.log.decode().splitlines()
        refused = len([line for line in lines if line.startswith('refused ')])
        dropped = [line for line in lines if line.startswith('audit records dropped ')]
        check(10 <= refused < 60, refused)
        equal(len(dropped), 1)
        contains(dropped[0], 'reason="%d"' % (60 - refused))
    finally:
        service.abandon()


@test('audit: what the configuration cannot mean refuses the start')
def _(_s):
    with Workshop() as workshop:
        base = workshop.server()
        workshop.refuses(base + '[audit]\nevents=grants;everything;\n', '[audit] events', 'administration')
        workshop.refuses(base + '[audit]\nrequired=true\n', '[audit] required', 'file')
        workshop.refuses(base + '[audit]\nrate=-1\n', '[audit] rate')
        workshop.accepts(base + '[audit]\nevents=none\nrate=0\nfile=trail\nrequired=true\n')
        check(not os.path.exists(workshop.path('trail')), 'a check makes no file')
        os.mkdir(workshop.path('folder'))
        workshop.write('tessera.conf', base + '[audit]\nfile=folder\n')
        process = workshop.start(wait=False)
        process.wait_for('[audit] file')


if __name__ == '__main__':
    main(Audited)
