#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""State that is not as the service left it: another's, older, damaged, half; or a clock that is wrong. The start is
refused with exit status 78 and one sentence, or what was revoked stays so. Nothing is ever begun anew over it.

usage: state_faults.py [--all] [NAME…]

--all damages each block; without it, every eighth or so."""

import hashlib
import os
import random
import shutil
import socket
import subprocess
import sys
import time

import fault_rig
import stopping
import tap
from tap import check, contains, equal, lacks, one_of
from tessera_fixture import expect_error, in_parallel

THOROUGH = '--all' in sys.argv
STRIDE = 1 if THOROUGH else 8
BLOCK = 512
CUT_OFF = 'everything issued up to now'  # what the log says after a rollback


class Past:
    """Something of each kind that was revoked or used up, and something that is good."""

    def __init__(self, s):
        s.forget_browsers()
        self.good, self.dead = s.machine_token(), s.machine_token()
        equal(s.revoke(self.dead).status, 200)
        self.alive, self.ended = s.tokens(), s.tokens()
        equal(s.revoke(self.ended['refresh_token']).status, 200)
        self.code, self.verifier = s.code()
        self.redeemed = s.redeem(s.c1, self.code, self.verifier).json()
        self.used = s.tokens()['refresh_token']
        self.second = s.refresh(self.used).json()['refresh_token']
        self.third = s.refresh(self.second).json()['refresh_token']
        self.left = s.new_browser()
        self.left.authorize(s.authorization_url(), 'alice', s.users['alice'])
        leaving = self.left.copy()
        page = leaving.get('/logout')
        leaving.submit(page, [form for form in page.page.forms if form.method == 'post'][0])

    def check(self, s, good=None):
        """Nothing of it has risen; @good: whether the rest is as it was (None: either way)."""
        s.source = s.new_source()
        check(not s.is_active(self.dead), 'a revoked token rose')
        check(not s.is_active(self.ended['access_token']), 'a token of an ended grant rose')
        expect_error(s.refresh(self.ended['refresh_token']), 'invalid_grant')
        expect_error(s.refresh(self.used), 'invalid_grant')
        expect_error(s.redeem(s.c1, self.code, self.verifier), 'invalid_grant')
        contains(self.left.copy().get(s.authorization_url(prompt='none')).location, 'login_required')
        if good is None:
            s.sync_log()
            good = CUT_OFF not in s.log.decode()
        equal(s.is_active(self.good), good, 'the good token')
        answer = s.refresh(self.alive['refresh_token'])
        equal(answer.status, 200 if good else 400, 'the good grant')
        check(s.is_active(s.machine_token()), 'a new token')


def until(condition, what):
    deadline = time.monotonic() + 30
    while not condition():
        check(time.monotonic() < deadline, 'not in time: ' + what)
        time.sleep(0.01)


def path_of(s, *names):
    return os.path.join(s.state, *names)


def read(path):
    with open(path, 'rb') as file:
        return file.read()


def write(path, data):
    with open(path, 'wb') as file:
        file.write(data)


def keep(s):
    """A copy of the state, without its lock and its reserve."""
    copy = os.path.join(s.directory, 'kept-%d' % random.randrange(10 ** 9))
    shutil.copytree(s.state, copy, ignore=shutil.ignore_patterns('reserve', 'lock'))
    return copy


def put_back(s, kept, *names):
    """These parts of it, or all."""
    names = names or os.listdir(s.state) + os.listdir(kept)
    for name in names:
        path = path_of(s, name)
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.exists(path):
            os.unlink(path)
    for name in names:
        source = os.path.join(kept, name)
        if os.path.isdir(source):
            shutil.copytree(source, path_of(s, name), dirs_exist_ok=True)
        elif os.path.exists(source):
            shutil.copy2(source, path_of(s, name))


DATABASE = ('tessera.db', 'tessera.db-wal', 'tessera.db-shm')


def start(s):
    """TRUE: it serves; FALSE: refused, with one sentence."""
    s.log.clear()
    s.start_again(wait=False)
    try:
        s.wait_ready()
        return True
    except RuntimeError:
        status = s._collect()
    said = s.log.decode('utf-8', 'replace')
    equal(status, 78, said)
    equal(len(said.strip().splitlines()), 1, said)
    return False


def refuses(s, *words):
    before = snapshot(s)
    check(not start(s), 'it starts')
    for word in words:
        contains(s.log.decode(), word)
    equal(snapshot(s), before, 'the state was changed')


def snapshot(s):
    return {os.path.join(folder, name): hashlib.sha256(read(os.path.join(folder, name))).hexdigest()
            for folder, _, names in os.walk(s.state) for name in names if not name.endswith(('-shm', '-wal', 'lock', 'reserve'))}


def with_past(name):
    """The service has a past and is stopped; afterwards its state is put back."""
    def register(function):
        @tap.test(name)
        def _(s):
            past = Past(s)
            equal(s.terminate(), 0)
            kept = keep(s)
            try:
                function(s, past)
            finally:
                if s.process is not None:
                    s.kill()
                put_back(s, kept)
                shutil.rmtree(kept)
                s.start_again()
                s.forget_browsers()
        return function
    return register


# Another's, older, gone.

@with_past('state: the database of another server cuts all off')
def _(s, past):
    mine = keep(s)
    s.forget_state()
    s.start_again()
    s.forget_browsers()
    Past(s)
    equal(s.terminate(), 0)
    other = keep(s)
    put_back(s, mine)
    put_back(s, other, *DATABASE)
    check(start(s), s.log.decode())
    past.check(s, good=False)


@with_past('state: a database from before a rotation, a redemption and a logout, but after every revocation, cuts all off')
def _(s, past):
    s.start_again()
    tokens = s.tokens()
    code, verifier = s.code()
    browser = s.new_browser()
    browser.authorize(s.authorization_url(), 'alice', s.users['alice'])
    equal(s.terminate(), 0)
    old = keep(s)
    s.start_again()
    equal(s.redeem(s.c1, code, verifier).status, 200)
    s.refresh(s.refresh(tokens['refresh_token']).json()['refresh_token'])
    equal(s.terminate(), 0)
    put_back(s, old, *DATABASE)
    check(start(s), s.log.decode())
    contains(s.log.decode(), CUT_OFF)
    expect_error(s.refresh(tokens['refresh_token']), 'invalid_grant')
    expect_error(s.redeem(s.c1, code, verifier), 'invalid_grant')
    past.check(s, good=False)


@with_past('state: without its database, its mirror, or both, all is cut off')
def _(s, past):
    kept = keep(s)
    for gone in (DATABASE, ('generation',), DATABASE + ('generation',)):
        put_back(s, kept)
        for name in gone:
            if os.path.exists(path_of(s, name)):
                os.unlink(path_of(s, name))
        check(start(s), s.log.decode())
        past.check(s, good=False)
        equal(s.terminate(), 0)


def summed(line):
    """The mirror ends with the first half of the SHA-256 of what stands before."""
    return line[:-17] + hashlib.sha256(line[:-17]).hexdigest()[:16].encode() + b'\n'


@with_past('state: a mirror that is torn, damaged, empty, another server\'s or from the future cuts all off; one from before does not')
def _(s, past):
    kept = keep(s)
    line = read(path_of(s, 'generation'))
    words = line.split()
    other = summed(line.replace(words[2], words[2][::-1]))
    later = summed(line.replace(words[5], b'%020d' % (int(words[5]) + 1)))
    wrong = line.replace(words[3], b'%020d' % 0).replace(words[5], b'%020d' % 0)
    earlier = summed(wrong)
    for content, good in ((line[:60], False), (b'', False), (line + b'x', False), (bytes(len(line)), False), (other, False), (later, False),
                          (wrong, False), (earlier, True)):
        put_back(s, kept)
        write(path_of(s, 'generation'), content)
        check(start(s), s.log.decode())
        past.check(s, good)
        equal(s.terminate(), 0)


@with_past('state: a mirror that cannot be read refuses the start')
def _(s, past):
    os.unlink(path_of(s, 'generation'))
    os.mkdir(path_of(s, 'generation'))
    refuses(s, 'generation')


# Damage.

def damage(s, kept, name, change, past, outcomes):
    """One try: @change makes other bytes of those of the file."""
    put_back(s, kept)
    path = path_of(s, name)
    write(path, change(read(path)))
    if start(s):
        past.check(s)
        outcomes['cut off' if CUT_OFF in s.log.decode() else 'whole'] += 1
        s.kill()
    else:
        outcomes['refused'] += 1


def flip(at, count):
    def change(data):
        return data[:at] + bytes(~byte & 255 for byte in data[at:at + count]) + data[at + count:]
    return change


def free_pages(database):
    """The offsets of the pages that hold nothing (the leaves of the freelist, in the format of SQLite's files)."""
    def number(at, size=4):
        return int.from_bytes(database[at:at + size], 'big')
    size, trunk, free = number(16, 2), number(32), set()
    while trunk:
        at = (trunk - 1) * size
        free |= {(number(at + 8 + 4 * leaf) - 1) * size for leaf in range(number(at + 4))}
        trunk = number(at)
    return size, free


def damage_each_block(s, past, name):
    kept = keep(s)
    size = os.path.getsize(os.path.join(kept, name))
    outcomes = {'refused': 0, 'cut off': 0, 'whole': 0, 'free': 0}
    page_size, free = free_pages(read(os.path.join(kept, name))) if name == 'tessera.db' else (1, ())
    stride = STRIDE * max(1, size // (200 * BLOCK)) if STRIDE > 1 else 1
    for at in range(random.randrange(stride) * BLOCK, size, stride * BLOCK):
        damage(s, kept, name, flip(at, BLOCK), past, outcomes)
        outcomes['free'] += at - at % page_size in free
    print('# %s: %s' % (name, outcomes))
    return outcomes


@with_past('state: a database with any one block damaged refuses the start, where the block holds something')
def _(s, past):
    outcomes = damage_each_block(s, past, 'tessera.db')
    equal((outcomes['cut off'], outcomes['whole']), (0, outcomes['free']))


@tap.test('state: a log of the database with any one block damaged cuts all off, or has lost nothing')
def _(s):
    s.restart()  # the log begins anew
    past = Past(s)
    s.kill()  # so that the log stays
    kept = keep(s)
    outcomes = damage_each_block(s, past, 'tessera.db-wal')
    check(outcomes['cut off'] > 0, 'no damage mattered')
    put_back(s, kept)
    check(start(s), s.log.decode())
    past.check(s, good=True)
    s.forget_browsers()


@tap.test('state: a log of the database that is cut short or gone cuts all off')
def _(s):
    s.restart()
    past = Past(s)
    s.kill()
    kept = keep(s)
    with open(os.path.join(kept, 'tessera.db-wal'), 'rb') as file:
        size = len(file.read().rstrip(b'\0'))  # behind it is room for more
    outcomes = {'refused': 0, 'cut off': 0, 'whole': 0}
    for length in sorted(random.sample(range(size), 4)) + [0]:
        damage(s, kept, 'tessera.db-wal', lambda data: data[:length], past, outcomes)
    equal(outcomes['whole'], 0, repr(outcomes))
    put_back(s, kept)
    check(start(s), s.log.decode())
    past.check(s, good=True)
    s.forget_browsers()


@with_past('state: keys and their list with any one byte damaged refuse the start, or sign as before')
def _(s, past):
    kept = keep(s)
    outcomes = {'refused': 0, 'cut off': 0, 'whole': 0}
    for name in sorted(os.listdir(os.path.join(kept, 'keys'))):
        size = os.path.getsize(os.path.join(kept, 'keys', name))
        for at in range(random.randrange(4 * STRIDE), size, 4 * STRIDE):
            damage(s, kept, os.path.join('keys', name), flip(at, 1), past, outcomes)
    print('# %s' % outcomes)
    equal(outcomes['cut off'], 0)


# The snapshot of the deny-list.

SNAPSHOT = 'denied-tokens'
MANY = 1500  # from about a thousand on, one is written at the end


@tap.test('state: a snapshot of the deny-list that is gone, damaged, older or another\'s un-revokes nothing')
def _(s):
    revoked = [s.machine_token() for _ in range(MANY)]
    in_parallel(8, lambda worker: [equal(s.revoke(token).status, 200) for token in revoked[worker::8]])
    past = Past(s)
    equal(s.terminate(), 0)
    kept = keep(s)
    whole = read(path_of(s, SNAPSHOT))
    size = len(whole)

    def goes_on(content):
        """What lies in a damaged block counts as revoked until the rows of the database have been read."""
        put_back(s, kept)
        if content is None:
            os.unlink(path_of(s, SNAPSHOT))
        else:
            write(path_of(s, SNAPSHOT), content)
        check(start(s), s.log.decode())
        for token in random.sample(revoked, 40):
            check(not s.is_active(token), 'a revoked token rose')
        until(lambda: s.is_active(past.good), 'the snapshot is made anew')
        past.check(s, good=True)
        equal(s.terminate(), 0)

    goes_on(whole)
    goes_on(None)
    goes_on(b'')
    goes_on(whole[:size // 2])
    for at in range(random.randrange(BLOCK * STRIDE), size, max(BLOCK * STRIDE, size // 12) if STRIDE > 1 else BLOCK):
        goes_on(flip(at, BLOCK)(whole))
    # Of another server, and one that knows less.
    put_back(s, kept)
    s.start_again()
    more = [s.machine_token() for _ in range(MANY)]
    in_parallel(8, lambda worker: [equal(s.revoke(token).status, 200) for token in more[worker::8]])
    equal(s.terminate(), 0)
    check(read(path_of(s, SNAPSHOT)) != whole, 'no new snapshot')
    write(path_of(s, SNAPSHOT), whole)
    check(start(s), s.log.decode())
    check(not any(s.is_active(token) for token in random.sample(more, 100)), 'an older snapshot revived a token')
    equal(s.terminate(), 0)
    theirs = read(path_of(s, SNAPSHOT))
    s.forget_state()
    s.start_again()
    s.forget_browsers()
    other = Past(s)
    equal(s.terminate(), 0)
    write(path_of(s, SNAPSHOT), theirs)
    check(start(s), s.log.decode())
    other.check(s, good=True)
    s.forget_browsers()


# Keys.

@with_past('state: keys that are gone, torn, open to others or another user\'s refuse the start')
def _(s, past):
    kept = keep(s)
    for name in ['keys/' + name for name in os.listdir(os.path.join(kept, 'keys'))]:
        path = path_of(s, name)
        content = read(path)
        os.unlink(path)
        refuses(s, path)
        write(path, content[:len(content) // 2])
        os.chmod(path, 0o600)
        refuses(s, path)
        write(path, content)
        for mode in (0o640, 0o604, 0o620):
            os.chmod(path, mode)
            refuses(s, path, 'open to other users')
        os.chmod(path, 0o600)
        if os.geteuid() == 0:
            os.chown(path, 65534, -1)
            refuses(s, path)  # whether it can be read at all depends on who runs this
            os.chown(path, 0, -1)
        os.unlink(path)
        os.symlink(os.path.join(kept, name), path)
        refuses(s, path)
        os.unlink(path)
        write(path, content)
        os.chmod(path, 0o600)
    os.chmod(path_of(s, 'keys'), 0o755)
    refuses(s, 'keys', 'open to other users')
    os.chmod(path_of(s, 'keys'), 0o700)
    check(start(s), s.log.decode())
    past.check(s, good=True)


@with_past('state: without its keys, and with those of another server, the start is refused')
def _(s, past):
    mine = keep(s)
    shutil.rmtree(path_of(s, 'keys'))
    refuses(s, 'keys')
    os.mkdir(path_of(s, 'keys'), 0o700)
    refuses(s, 'keyring.json')
    s.forget_state()
    s.start_again()
    equal(s.terminate(), 0)
    theirs = keep(s)
    for name in os.listdir(os.path.join(mine, 'keys')):
        if name.endswith('.pem'):
            put_back(s, mine)
            pem = [other for other in os.listdir(os.path.join(theirs, 'keys')) if other.endswith('.pem')][0]
            shutil.copy2(os.path.join(theirs, 'keys', pem), path_of(s, 'keys', name))
            refuses(s, name, 'another key')


# Versions and neighbours.

@with_past('state: a newer schema is refused and not touched')
def _(s, past):
    s.edit_database('PRAGMA user_version=77')
    refuses(s, 'newer release')


@tap.test('state: a second service on the same state leaves with 78, and the first goes on')
def _(s):
    past = Past(s)
    second = s.config + '.second'
    write(second, read(s.config).replace(b'address=127.0.0.1:%d' % s.port, b'address=127.0.0.1:0'))
    before = snapshot(s)
    for _ in range(3):
        began = time.monotonic()
        done = subprocess.run([os.environ['TESSERAD'], '--config', second], env=s.environment(), capture_output=True, text=True, timeout=60)
        print('# left after %d ms' % ((time.monotonic() - began) * 1000))
        equal(done.returncode, 78, done.stderr)
        contains(done.stderr, 'Another process uses')
        equal(snapshot(s), before, 'the state was changed')
    os.unlink(second)
    past.check(s, good=True)
    token = s.machine_token()
    equal(s.revoke(token).status, 200)
    check(not s.is_active(token), 'the first cannot revoke')


# Clocks.

def expire_and_revoke(s):
    """One token by time, one by revocation; the time of it is in the store."""
    expired, past = s.machine_token(), Past(s)
    s.advance(700)
    check(not s.is_active(expired), 'it lives on')
    past.good = s.machine_token()
    past.alive = s.tokens()
    return expired, past


@tap.test('state: a clock that goes back a day revives nothing, nothing is issued, and the log says so')
def _(s):
    expired, past = expire_and_revoke(s)
    equal(s.revoke(s.machine_token()).status, 200)
    before = len(s.log)
    s.advance(-86400)
    try:
        for _ in range(2):
            check(not s.is_active(expired), 'revived')
            check(not s.is_active(past.dead), 'a revoked token rose')
            check(s.is_active(past.good), 'a good token died')
            for answer in (s.client_credentials(), s.refresh(past.alive['refresh_token'])):
                equal(answer.status, 503, repr(answer))
                lacks(answer.body, b'access_token')
            token = past.good
            equal(s.log[before:].count(b'no tokens are issued until it is right'), 1, 'alarms')
            s.kill()
            before = len(s.log)
            s.start_again()
        equal(s.revoke(token).status, 200)
        check(not s.is_active(token), 'nothing can be revoked any more')
        equal(s.client_credentials().status, 503)
    finally:
        s.advance(86400)
    past.good = s.machine_token()
    s.restart()
    contains(s.log.decode(), 'is right again')
    check(not s.is_active(token), 'what was revoked meanwhile rose')
    past.check(s, good=True)


@tap.test('state: a clock that goes back a little, as clocks do, is no reason to stop')
def _(s):
    s.advance(-200)
    try:
        check(s.is_active(s.machine_token()), 'a new token')
    finally:
        s.advance(200)


@tap.test('state: a clock that goes ten years ahead and back revives nothing')
def _(s):
    expired, past = expire_and_revoke(s)
    decade = 10 * 365 * 86400
    equal(s.terminate(), 0)
    kept = keep(s)
    s.start_again()
    s.advance(decade)
    check(not s.is_active(past.good), 'it lives for ten years')
    late = s.machine_token()
    check(s.is_active(late), 'no token in ten years')
    later = s.machine_token()
    equal(s.revoke(later).status, 200)
    for _ in range(2):
        s.restart()
    s.advance(-decade)
    for _ in range(2):
        for token in (expired, past.dead, past.ended['access_token'], past.good, later):
            check(not s.is_active(token), 'risen')
        for token in (past.ended, past.alive):
            one_of(s.refresh(token['refresh_token']).status, (400, 503))
        equal(s.client_credentials().status, 503)
        s.restart()
    # What is left to an administrator: a state of before, with the time that it knows; or none.
    equal(s.terminate(), 0)
    put_back(s, kept)
    shutil.rmtree(kept)
    s.start_again()
    s.forget_browsers()
    check(not s.is_active(past.dead), 'a revoked token rose')
    check(s.is_active(s.machine_token()), 'no new token')


# Stopping.

@tap.test('stop: every request that was sent is answered, however slow the disk')
def _(s):
    tokens = [s.machine_token() for _ in range(24)]
    grants = [s.tokens()['refresh_token'] for _ in range(8)]
    connections = [raw_request(s, s.c1, '/revoke', 'token=' + token) for token in tokens]
    connections += [raw_request(s, s.c1, '/token', 'grant_type=refresh_token&refresh_token=' + grant) for grant in grants]
    s.files.delay_syncs(300)
    for connection, data in connections:
        connection.sendall(data)
    equal(stopping.stop(s), 0, 'exit status')
    s.files.delay_syncs(0)
    statuses = []
    for connection, _ in connections:
        with connection:
            statuses.append(connection.recv(65536).split(b' ')[1:2])
    check(all(status in ([b'200'], [b'503']) for status in statuses), repr(statuses))
    print('# %d answered 200, %d 503' % (statuses.count([b'200']), statuses.count([b'503'])))
    s.start_again()
    for token, status in zip(tokens, statuses):
        check(status != [b'200'] or not s.is_active(token), 'a revocation that was confirmed is not in force')


@tap.test('stop: under load, whoever had sent a request is answered')
def _(s):
    for _ in range(5):
        stopping.stop_under_load(s, s.c1, 8, 200)
        s.start_again()


@tap.test('stop: whoever had sent a request is answered, though nobody had accepted the connection yet')
def _(s):
    stopping.stop_before_accepting(s, s.c1)
    s.start_again()


@tap.test('stop: a client that sends half a request does not hold it up for ever')
def _(s):
    connection, data = raw_request(s, s.c1, '/revoke', 'token=x')
    with connection:
        connection.sendall(data[:-1])
        s.client_credentials()
        equal(stopping.stop(s), 0, 'exit status')
    contains(s.log.decode(), '1 ' + stopping.CUT)
    s.start_again()


def raw_request(s, client, path, body):
    data = 'POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s'
    connection = socket.create_connection(('127.0.0.1', s.port), 30)
    return connection, (data % (path, client.basic(), len(body), body)).encode()


if __name__ == '__main__':
    fault_rig.parse_arguments()
    tap.main(fault_rig.Rig)
