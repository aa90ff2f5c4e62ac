#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A disk that fails at any one write or sync: never a yes that is not durable.

Each operation is tried again and again while its first, its second, … its last write or sync fails
(tests/support/faulty-files.c), until one try meets no fault any more. What was answered yes must be in force, at
once and after SIGKILL; what was answered 503 must be possible afterwards. A failed sync ends the service.

usage: io_faults.py [--all] [NAME…]

--all fails each single call; without it, in the longer operations, every fourth or so."""

import errno
import os
import random
import shutil
import subprocess
import sys
import time

import fault_rig
import tap
from tap import check, contains, equal, lacks, one_of
from tessera_fixture import Client, new_verifier, challenge_of, parameters_of
from trial import DISEASES, NAME, STRIDE, SYNC, THOROUGH, WRITE, Trial, ends_by_itself, fail_at_each, sick, yes_or_503

# The operations.

def revoke_an_access_token(s):
    token = s.machine_token()
    return Trial(lambda: yes_or_503(s.revoke(token)), lambda: not s.is_active(token))


def revoke_a_grant(s):
    tokens = s.tokens()

    def is_in_force():
        return not s.is_active(tokens['access_token']) and s.refresh(tokens['refresh_token']).status == 400

    return Trial(lambda: yes_or_503(s.revoke(tokens['refresh_token'])), is_in_force)


def redeem_a_code(s):
    code, verifier = s.code()
    got = []

    def act():
        answer = s.redeem(s.c1, code, verifier)
        if not yes_or_503(answer):
            return False
        got.append(answer.json())
        return True

    def is_in_force():
        return s.is_active(got[-1]['access_token']) and s.redeem(s.c1, code, verifier).status == 400

    return Trial(act, is_in_force)


def refresh(s):
    first = s.tokens()['refresh_token']
    got = []

    def act():
        answer = s.refresh(first)
        if not yes_or_503(answer):
            return False
        got.append(answer.json())
        return True

    def is_in_force():
        """The successor is good, and once it was used, the first one is not."""
        return s.refresh(got[-1]['refresh_token']).status == 200 and s.refresh(first).status == 400

    return Trial(act, is_in_force)


def put_a_code(s):
    browser = s.browser()
    verifier = new_verifier()
    url = s.authorization_url(prompt='consent', code_challenge=challenge_of(verifier))
    got = []

    def act():
        page = browser.open(url)
        answer = browser.submit_only(page, page.page.form_with('decision'), decision='allow')
        if not yes_or_503(answer):
            return False
        parameters = parameters_of(answer.location)
        if 'code' not in parameters:
            equal(parameters['error'], 'temporarily_unavailable', answer.location)
            return False
        got.append(parameters['code'])
        return True

    return Trial(act, lambda: s.redeem(s.c1, got[-1], verifier).status == 200)


def knows(s, browser):
    """Without a question: is this browser signed in?"""
    return 'login_required' not in browser.get(s.authorization_url(prompt='none')).location


def sign_in(s):
    browser = s.new_browser()

    def act():
        page = browser.open(s.authorization_url())
        answer = browser.submit_only(page, page.page.form_with('password'), username='alice', password=s.users['alice'])
        return yes_or_503(answer)

    return Trial(act, lambda: knows(s, browser))


def sign_out(s):
    browser = s.new_browser()
    browser.authorize(s.authorization_url(), 'alice', s.users['alice'])
    kept = browser.copy()

    def act():
        page = browser.get('/logout')
        form = [form for form in page.page.forms if form.method == 'post'][0]
        return yes_or_503(browser.submit_only(page, form))

    def again():
        browser.cookies = dict(kept.cookies)
        return act()

    return Trial(act, lambda: not knows(s, kept), again)


def withdraw_a_consent(s):
    """Of a person of its own: what is taken back is all that this person allowed the client."""
    name = 'guest%d' % len(s.users)
    s.users[name] = name + '-canary-Pw'
    equal(reload(s), True)
    browser, verifier = s.new_browser(), new_verifier()
    last = browser.authorize(s.authorization_url(code_challenge=challenge_of(verifier)), name, s.users[name])
    tokens = s.redeem(s.c1, parameters_of(last.location)['code'], verifier).json()

    def act():
        """Whoever comes again finds nothing to take back, if it was done all the same."""
        page = browser.get('/account')
        while yes_or_503(page):
            form = next((form for form in page.page.forms if ('target', 'c1') in form.values()), None)
            if page.status == 303 or form is None:
                return True
            page = browser.submit_only(page, form, **({'confirm': 'yes'} if form.has('confirm') else {}))
        return False

    def is_in_force():
        return (not s.is_active(tokens['access_token']) and s.refresh(tokens['refresh_token']).status == 400
                and 'consent_required' in browser.get(s.authorization_url(prompt='none')).location)

    return Trial(act, is_in_force)


def reload(s):
    """TRUE: the configuration of now is in force; FALSE: it was said that it is not."""
    before = len(s.log)
    s.reload()
    said = s.log[before:].decode()
    one_of(('reloaded' in said, 'stays as it was' in said), ((True, False), (False, True)), said)
    return 'reloaded' in said


def remove_a_client(s):
    s.clients['guest'] = Client('guest', scope='a', grant_types='client_credentials;')
    equal(reload(s), True)
    token = s.machine_token(s.guest)
    del s.clients['guest']
    return Trial(lambda: reload(s), lambda: not s.is_active(token))


def change_a_password(s):
    tokens = s.tokens(username='bob')
    s.users['bob'] = 'bob-%d' % random.randrange(10 ** 9)
    s.forget_browsers()
    return Trial(lambda: reload(s), lambda: not s.is_active(tokens['access_token']))


for one in (revoke_an_access_token, revoke_a_grant, redeem_a_code, refresh, put_a_code, sign_in, sign_out, withdraw_a_consent, remove_a_client, change_a_password):
    for name in DISEASES:
        if THOROUGH or name in ('EIO in the middle of a write', 'EIO at a sync') or (name == 'ENOSPC at a write' and one is refresh):
            fail_at_each(one, name)


@tap.test('EIO at the sync of the mirror: what was done is done, and the service ends')
def _(s):
    token = s.machine_token()
    time.sleep(1.1)  # it is synced once a second of the machine's own clock
    s.files.fail(SYNC, errno.EIO, skip=1, count=1)
    equal(s.revoke(token).status, 200)
    check(s.files.seen() >= 2, 'the mirror was not synced')
    s.files.heal()
    ends_by_itself(s)
    check(not s.is_active(token), 'risen')


# Start and stop.

def start(s):
    """TRUE: it serves; FALSE: it said why not, and left."""
    s.log.clear()
    s.start_again(wait=False)
    try:
        s.wait_ready()
        return True
    except RuntimeError:
        status = s._collect()
    one_of(status, (1, 78), s.log.decode())
    said = [line for line in s.log.decode().splitlines() if line.startswith('tesserad: ')]
    equal(len(said), 1, s.log.decode())
    return False


def stop(s):
    """In order, or by itself because a sync failed late."""
    one_of(s.terminate() if s.process.poll() is None else s._collect(), (0, 1), s.log.decode())


def fail_while_starting(disease, first):
    @tap.test('%s while %s' % (disease, 'starting for the first time' if first else 'starting'))
    def _(s):
        good, bad = s.machine_token(), s.machine_token()
        equal(s.revoke(bad).status, 200)
        equal(s.terminate(), 0)
        skip, tries, refused = random.randrange(STRIDE), 0, 0
        while True:
            if first:
                s.forget_state()
            sick(s, disease, skip)
            up = start(s)
            failed = s.files.seen() > skip
            s.files.heal()
            if up:
                stop(s)
            check(start(s), 'it does not start any more: %s' % s.log.decode())
            if not first:
                check(s.is_active(good), 'a token died')
                check(not s.is_active(bad), 'a token rose')
            stop(s)
            refused += not up
            if not failed:
                break
            skip += STRIDE
            tries += 1
        check(tries > 0, 'no fault was met')
        print('# %d faults, %d starts refused' % (tries, refused))
        s.start_again()
        s.forget_browsers()


for name in DISEASES:
    if THOROUGH or name in ('EIO in the middle of a write', 'EIO at a sync'):
        fail_while_starting(name, False)
        fail_while_starting(name, True)


@tap.test('EIO at any rename while starting for the first time')
def _(s):
    equal(s.terminate(), 0)
    for skip in range(1000):
        s.forget_state()
        s.files.fail(NAME, errno.EIO, skip=skip, count=1)
        up = start(s)
        failed = s.files.seen() > skip
        s.files.heal()
        if up:
            stop(s)
        check(start(s), 'it does not start any more: %s' % s.log.decode())
        check(s.is_active(s.machine_token()), 'no token')
        stop(s)
        if not failed:
            break
    check(skip > 0, 'no fault was met')
    print('# %d faults' % skip)
    s.start_again()


@tap.test('EIO at any write or sync while stopping')
def _(s):
    met = 0
    for kinds in (WRITE, SYNC):
        for skip in range(0, 1000, STRIDE):
            good, bad = s.machine_token(), s.machine_token()
            equal(s.revoke(bad).status, 200)
            s.files.fail(kinds, errno.EIO, skip=skip, count=1)
            stop(s)
            failed = s.files.seen() > skip
            s.files.heal()
            s.start_again()
            check(s.is_active(good), 'a token died')
            check(not s.is_active(bad), 'a token rose')
            met += failed
            if not failed:
                break
        check(skip > 0, 'no fault was met')
    print('# %d faults' % met)


# A disk that stays as it is for a while.

@tap.test('a full disk: revocations go on for long, what can wait gets a 503, and then all is well')
def _(s):
    with fault_rig.OwnDisk(s, '-t', 'tmpfs', '-o', 'size=4m,mode=700', 'tessera') as disk:
        reserve = os.path.join(s.state, 'reserve')
        tokens, dead = s.tokens(), [s.machine_token() for _ in range(1000)]
        disk.fill()
        last = 200
        for _ in range(1000):  # the log of the database has room for some
            answer = s.refresh(tokens['refresh_token'])
            last = answer.status
            if not yes_or_503(answer):
                break
            tokens = answer.json()
        equal(last, 503, 'the disk is full, and nobody notices')
        check(not os.path.exists(reserve), 'the reserve is still there')
        contains(s.log.decode(), 'the reserve of the state directory has been given up')
        for number, token in enumerate(dead):
            equal(s.revoke(token).status, 200, 'revocation %d' % number)
            if number % 50 == 0:
                equal(s.refresh(tokens['refresh_token']).status, 503, 'the room for revocations is given away')
        equal(s.client_credentials().status, 200)
        check(not any(s.is_active(token) for token in dead), 'a revoked token lives')
        check(s.is_active(tokens['access_token']), 'introspection')
        s.kill()
        if not start(s):
            contains(s.log.decode(), 'full')
            disk.make_room()
            s.start_again()
        else:
            disk.make_room()
        check(not any(s.is_active(token) for token in dead), 'a revoked token rose')
        equal(s.refresh(tokens['refresh_token']).status, 200)
        check(os.path.exists(reserve), 'the reserve was not made again')


@tap.test('a full disk that has room again: said, and served, without a restart')
def _(s):
    with fault_rig.OwnDisk(s, '-t', 'tmpfs', '-o', 'size=4m,mode=700', 'tessera') as disk:
        tokens = s.tokens()
        disk.fill()
        for _ in range(1000):
            answer = s.refresh(tokens['refresh_token'])
            if not yes_or_503(answer):
                break
            tokens = answer.json()
        before = len(s.log)
        for _ in range(20):
            equal(s.refresh(tokens['refresh_token']).status, 503)
        lacks(s.log[before:].decode(), 'WARNING', 'one line is enough')
        disk.make_room()
        equal(s.refresh(tokens['refresh_token']).status, 200)
        contains(s.log.decode(), 'There is room on the disk again')
        check(os.path.exists(os.path.join(s.state, 'reserve')), 'the reserve was not made again')
        equal(s.terminate(), 0)
        s.start_again()


@tap.test('a file system that the kernel makes read-only: 503 for what writes, the rest goes on, no start on it')
def _(s):
    image = os.path.join(s.directory, 'image')
    with open(image, 'wb') as file:
        file.truncate(24 * 1024 * 1024)
    if shutil.which('mkfs.ext4', path='/usr/sbin:/sbin:/usr/bin') is None:
        tap.skip('no mkfs.ext4')
    subprocess.run(['mkfs.ext4', '-q', image], check=True, env={'PATH': '/usr/sbin:/sbin:/usr/bin:/bin'})
    with fault_rig.OwnDisk(s, '-o', 'loop', image):
        dead, token = s.machine_token(), s.machine_token()
        equal(s.revoke(dead).status, 200)
        fault_rig.mount('-o', 'remount,abort', s.state)
        equal(yes_or_503(s.revoke(token)), False)
        if s.process.poll() is None:  # a write that failed; a sync that failed would have ended it
            equal(s.client_credentials().status, 200)
            check(s.is_active(token) and not s.is_active(dead), 'introspection')
            one_of(s.terminate(), (0, 1))
        else:
            s._collect()
        check(not start(s), 'it starts on a read-only file system')
        contains(s.log.decode(), 'Read-only')
        equal(s._exits[-1], 78)

@tap.test('ENOSPC for a while: revocations go on, the rest waits, and then all is well')
def _(s):
    """As on a disk without a reserve: not even that helps."""
    s.files.fail(WRITE, errno.ENOSPC)
    token, tokens = s.machine_token(), None
    equal(s.revoke(token).status, 503)
    check(s.is_active(token), 'refused, but in force')
    s.files.heal()
    tokens = s.tokens()
    equal(s.revoke(token).status, 200)
    equal(s.refresh(tokens['refresh_token']).status, 200)


@tap.test('a quota that is used up is a full disk: the reserve is given up for a revocation')
def _(s):
    reserve = os.path.join(s.state, 'reserve')
    token, tokens = s.machine_token(), s.tokens()
    s.files.fail(WRITE, errno.EDQUOT, count=1)
    equal(s.revoke(token).status, 200)
    s.files.heal()
    check(not s.is_active(token), 'revoked, and in force')
    contains(s.log.decode(), 'the reserve of the state directory has been given up')
    equal(s.refresh(tokens['refresh_token']).status, 200)
    check(os.path.exists(reserve), 'there is room: the reserve is made again')


@tap.test('a read-only disk: 503 for what writes, the rest goes on')
def _(s):
    dead, token, tokens = s.machine_token(), s.machine_token(), s.tokens()
    code, verifier = s.code()
    equal(s.revoke(dead).status, 200)
    s.files.fail(WRITE | NAME, errno.EROFS)
    for answer in (s.revoke(token), s.redeem(s.c1, code, verifier), s.refresh(tokens['refresh_token'])):
        equal(yes_or_503(answer), False)
    equal(s.client_credentials().status, 200)
    equal(s.get('/jwks').status, 200)
    check(s.is_active(token) and not s.is_active(dead), 'introspection')
    s.files.heal()
    equal(s.redeem(s.c1, code, verifier).status, 200)
    equal(s.refresh(tokens['refresh_token']).status, 200)
    equal(s.revoke(token).status, 200)


@tap.test('a limit of the file size and closed sockets kill nobody')
def _(s):
    token, refused = s.machine_token(), 0
    with open(os.path.join(s.state, 'tessera.db-wal'), 'rb') as file:
        size = len(file.read().rstrip(b'\0'))  # behind it is room for more
    for limit in (0, 1, size, size + 24, size + 24 + 100, size + 24 + 4096, size + 9000, size + 20000):
        s.limit_file_size(limit)
        refused += not yes_or_503(s.revoke(s.machine_token()))
        s.limit_file_size(None)
        check(s.process.poll() is None, 'killed')
    check(refused > 2, 'nothing was refused')
    for _ in range(20):
        s.send_and_leave('GET /jwks HTTP/1.1\r\nHost: x\r\n\r\n' * 20)
    equal(s.revoke(token).status, 200)
    check(not s.is_active(token), 'the token lives')


if __name__ == '__main__':
    fault_rig.parse_arguments()
    fault_rig.prepare_mounts()
    tap.main(fault_rig.Rig)
