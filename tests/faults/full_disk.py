#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A full disk keeps nobody from taking away what somebody has: each of the commands that do it, with not a byte free."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'service'))

import fault_rig
import tap
from desk import Desk
from tap import check, contains, equal, test

PASSWORD = 'correct horse battery\n'


class FullDesk(Desk):
    def begin_small(self):
        """Anew, on a disk of its own."""
        fault_rig.mount_or_skip('-t', 'tmpfs', '-o', 'size=6m,mode=700', 'tessera', self.path('state'))
        self.restart()

    def fill(self):
        """What the log of the database has left, too."""
        with open(self.path('state/filler'), 'ab', buffering=0) as file:
            try:
                while True:
                    file.write(b'x' * 4096)
            except OSError:
                pass
        number = 0
        while self.run('client', 'add', '--name', 'Filler %d' % number, '--redirect-uri', 'https://f.test/cb')[0] == 0:
            number += 1
            check(number < 2000, 'the disk does not get full')

    def make_room(self):
        os.unlink(self.path('state/filler'))

    def abandon(self):
        fault_rig.unmount(self.path('state'))
        super().abandon()


def add_client(s, name):
    return s.json('client', 'add', '--name', name, '--redirect-uri', 'https://%s.test/cb' % name.lower())['client_id']


@test('a full disk: users, clients, keys and what they have are revoked all the same')
def _(s):
    s.begin_small()
    for name in ('alice', 'bob', 'carol'):
        s.say('user', 'add', name, said=PASSWORD)
    disabled, removed, revoked = (add_client(s, name) for name in ('A', 'B', 'C'))
    s.say('initial-token', 'create')
    token = s.json('initial-token', 'list')[0]['id']
    key = next(key['kid'] for key in s.json('key', 'list') if key['state'] == 'active')
    s.fill()

    for words in (('user', 'disable', 'alice'), ('user', 'remove', 'bob'), ('subject', 'revoke', 'carol'),
                  ('client', 'disable', disabled), ('client', 'remove', removed), ('client', 'revoke', revoked),
                  ('initial-token', 'revoke', token), ('key', 'revoke', key)):
        status, _, err = s.run(*words)
        equal(status, 0, '%r: %s' % (words, err))
    status, _, err = s.run('client', 'enable', disabled)
    check(status != 0, 'what takes nothing away has to wait')
    contains(s.service.text, 'the reserve of the state directory has been given up')

    s.make_room()
    s.restart()
    states = {key['kid']: key['state'] for key in s.json('key', 'list')}
    equal(states[key], 'revoked')
    check('active' in states.values(), 'another key signs')
    clients = {client['client_id']: client for client in s.json('client', 'list')}
    check(removed not in clients and clients[disabled]['disabled'], repr(clients.get(disabled)))
    users = {user['username']: user for user in s.json('user', 'list')}
    check('bob' not in users and users['alice']['disabled'], repr(users))
    equal(s.json('initial-token', 'list'), [])
    check(os.path.exists(s.path('state/reserve')) and os.path.exists(s.path('state/keys/reserve')), 'the reserves')


if __name__ == '__main__':
    fault_rig.prepare_mounts()
    tap.main(FullDesk)
