#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Back up, restore, export, import, purge: with the command, from a running service and beside a stopped one."""

import json
import os
import shutil
import stat

from desk import Desk
import tap
from tap import check, contains, equal, test

PASSWORD = 'canary-Password-1'
REDIRECT_URI = 'http://127.0.0.1:9/cb'


def state_directory(desk):
    return os.path.dirname(desk.find_state())


class Office(Desk):
    """A desk with a public client and two users in the store."""

    def find_state(self):
        for folder, _, names in os.walk(self.folder):
            if 'tessera.db' in names:
                return os.path.join(folder, 'tessera.db')
        raise AssertionError('no database')

    def open(self):
        self.start()
        words = [word for grant_type in ('authorization_code', 'refresh_token') for word in ('--grant-type', grant_type)]
        self.client_id = self.json('client', 'add', '--name', 'Reader', '--public', '--application-type', 'native', '--redirect-uri',
                                   REDIRECT_URI, *words)['client_id']
        self.app = self.client_id, None, REDIRECT_URI
        for username in ('alice', 'bob'):
            self.say('user', 'add', username, said=PASSWORD + '\n')

    def log_in(self, username):
        return self.sign_in(self.app, username, PASSWORD)


def in_office(function):
    def run():
        office = Office()
        try:
            office.open()
            function(office)
        except BaseException:
            print('\n'.join('# log: ' + line for line in office.service.text.splitlines()[-30:]))
            raise
        finally:
            office.abandon()
    return run


@test('a restore refuses what was issued before, and keeps clients, users and keys')
@in_office
def _(office):
    before = office.log_in('alice')
    office.say('backup', 'copy')
    equal(stat.S_IMODE(os.stat(office.path('copy')).st_mode), 0o600)
    after = office.log_in('bob')
    office.say('token', 'revoke', '-', said=before['access_token'] + '\n')
    keys = office.json('key', 'list')
    equal(office.service.stop(), 0)

    report = office.json('restore', 'copy', '--state-directory', state_directory(office), '--yes')
    equal((report['users'], report['clients'], report['complete'], report['made_keys']), (2, 1, False, False))
    check(os.path.exists(office.find_state() + '.before-restore'), 'the old state is kept')
    office.start()
    equal(office.is_active(before['access_token']), False, 'a token revoked after the backup')
    equal(office.is_active(after['access_token']), False, 'a token issued after the backup')
    equal(office.refresh(office.app, after['refresh_token']), 400)
    equal(office.json('key', 'list'), keys)
    check(office.is_active(office.log_in('alice')['access_token']), 'a new login')


@test('it says in words what it refuses, and why')
@in_office
def _(office):
    office.say('backup', 'copy')
    office.say('subject', 'revoke', 'alice')
    equal(office.service.stop(), 0)
    text = office.say('restore', 'copy', '--state-directory', state_directory(office), '--yes')
    contains(text, '1 clients, 2 users')
    contains(text, 'refuses every access token')
    contains(text, 'revoked after the backup cannot be known')


@test('on another machine there are new keys')
@in_office
def _(office):
    token = office.log_in('alice')['access_token']
    office.say('backup', 'copy')
    equal(office.service.stop(), 0)
    state = state_directory(office)
    shutil.rmtree(state)
    os.mkdir(state, 0o700)
    report = office.json('restore', 'copy', '--state-directory', state, '--yes')
    equal((report['complete'], report['made_keys']), (False, True))
    office.start()
    equal(office.is_active(token), False)
    check(office.is_active(office.log_in('bob')['access_token']), 'a new login')


@test('on another machine there are new keys, but the one of pairwise subjects may be there before')
@in_office
def _(office):
    office.say('user', 'set', 'alice', '--claim', 'email=alice@a.test')
    office.say('backup', 'copy')
    equal(office.service.stop(), 0)
    state = state_directory(office)
    path = os.path.join(state, 'keys', 'subject.key')
    with open(path, 'rb') as file:
        key = file.read()
    shutil.rmtree(state)
    os.makedirs(os.path.dirname(path), 0o700)
    for folder in (state, os.path.dirname(path)):
        os.chmod(folder, 0o700)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), 'wb') as file:
        file.write(key)
    equal(office.json('restore', 'copy', '--state-directory', state, '--yes')['made_keys'], True)
    office.start()
    with open(path, 'rb') as file:
        equal(file.read(), key)
    equal(office.json('user', 'show', 'alice')['claims']['email'], 'alice@a.test')


@test('no signing key, no token and no password is in a backup or an export')
@in_office
def _(office):
    tokens = office.log_in('alice')
    office.say('backup', 'copy')
    office.say('export', 'people')
    for name in ('copy', 'people'):
        with open(office.path(name), 'rb') as file:
            data = file.read()
        for secret in (PASSWORD, tokens['access_token'], tokens['refresh_token'], 'PRIVATE KEY'):
            check(secret.encode() not in data, '%s in %s' % (secret[:12], name))


@test('a restore while the service runs, of nonsense, or of nothing changes nothing')
@in_office
def _(office):
    office.say('backup', 'copy')
    state = state_directory(office)
    contains(office.fails(1, 'restore', 'copy', '--state-directory', state, '--yes'), 'Another process uses')
    equal(office.service.stop(), 0)
    for name, data in (('nonsense', b'x' * 8192), ('nothing', b'')):
        with open(office.path(name), 'wb') as file:
            file.write(data)
        contains(office.fails(1, 'restore', name, '--state-directory', state, '--yes'), 'backup')
    contains(office.fails(1, 'restore', 'missing', '--state-directory', state, '--yes'), 'missing')
    office.start()
    equal(len(office.json('user', 'list')), 2)


@test('a file that is there is not written over, and a copy that fails is not left behind')
@in_office
def _(office):
    office.say('backup', 'copy')
    contains(office.fails(1, 'backup', 'copy'), 'copy')
    office.fails(5, 'backup', 'other', TESSERA_SOCKET=office.path('nowhere'))
    check(not os.path.exists(office.path('other')), 'half a backup')


def lines_with(lines, claims):
    """The export, in which something else is known of a new user."""
    user = dict(lines[-1]['user'], username='new', claims=claims)
    return '\n'.join(json.dumps(line) for line in (lines[0], {'user': user})) + '\n'


@test('an export is taken over by another service: all of it, or nothing')
@in_office
def _(office):
    office.say('user', 'set', 'alice', '--claim', 'email=alice@a.test', '--claim', 'address:={"country":"CH"}')
    told = office.json('user', 'show', 'alice')
    office.say('export', 'people')
    lines = [json.loads(line) for line in open(office.path('people'))]
    equal([next(iter(line)) for line in lines], ['tessera_export', 'client', 'user', 'user'])
    contains(office.fails(1, 'import', 'people'), 'already')
    other = Office()
    try:
        other.start()
        shutil.copy(office.path('people'), other.path('people'))
        equal(other.json('import', 'people'), {'clients': 1, 'users': 2})
        check(other.is_active(other.sign_in(office.app, 'alice', PASSWORD)['access_token']), 'a login at the other one')
        equal(other.json('user', 'show', 'alice'), told)
        other.restart()
        equal(len(other.json('user', 'list')), 2)
        equal(other.json('user', 'show', 'alice'), told)
        for said in ('', '{"tessera_export":2}\n', '{"tessera_export":1}\n{"user":{}}\n', '{"tessera_export":1}\nnonsense\n',
                     lines_with(lines, {'email': 'no address'})):
            other.fails(1, 'import', '-', said=said)
        equal(len(other.json('user', 'list')), 2)
    finally:
        other.abandon()


@test('purge forgets what is over')
@in_office
def _(office):
    equal(office.json('purge')['rows'] >= 0, True)
    contains(office.say('purge'), 'forgotten')


if __name__ == '__main__':
    tap.main()
