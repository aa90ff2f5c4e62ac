#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The deny-list in memory that the service shares over D-Bus: it is the server's list, entry by entry, for every rule,
and says when it is not any more."""

import mmap
import os

from controlled import Controlled
from gi.repository import Gio, GLib
from message_bus import MANAGER, NAME, PATH
from shared_list import ENDED, LETTERS, LIVE, MOVED, WHENEVER, SharedList
from tap import check, equal, main, test, until
from tessera_fixture import claims_of, header_of

DENYLIST = (PATH + '/denylist', NAME + '.DenyList')
INSTANTS = ('grant-tokens', 'subject', 'subject-tokens', 'client', 'client-tokens', 'all')


def open_fd(service, connection=None):
    answer, fds = (connection or service.peer).call_with_unix_fd_list_sync(
        NAME if connection else None, *DENYLIST, 'OpenShared', None, GLib.VariantType('(h)'), Gio.DBusCallFlags.NONE, 60000, None, None)
    equal(fds.get_length(), 1)
    return fds.get(answer.unpack()[0])


def open_shared(service):
    return SharedList(open_fd(service))


def entries(service):
    found, since = [], 0
    while True:
        page, since, _ = service.control('Changes', GLib.Variant('(tu)', (since, 1000)), DENYLIST)
        if not page:
            return found, since
        found += page


def catch_up(service, shared):
    _, generation = entries(service)
    until(lambda: shared.generation >= generation, 'generation %d, not %d' % (generation, shared.generation))


def expected_tags(service, shared):
    """From the entries in clear, by the rules of the documentation."""
    tags = {}
    for _, rule, value, when in entries(service)[0]:
        tag = shared.tag(LETTERS[rule], value)
        tags[tag] = max(tags.get(tag, 0), when if rule in INSTANTS else WHENEVER)
    return tags


def compare(service, shared):
    catch_up(service, shared)
    equal(shared.tags(), expected_tags(service, shared))
    equal(shared.count, len(shared.tags()))


def assert_verdicts(service, shared, tokens):
    catch_up(service, shared)
    for name, token in tokens.items():
        equal(shared.refuses(claims_of(token), header_of(token)['kid']), not service.is_active(token), name)


def control(service, method, signature, *arguments):
    return service.control(method, GLib.Variant(signature, arguments))


def tokens_of_all_kinds(service):
    return {
        'alice at c1': service.tokens()['access_token'],
        'alice at c1, again': service.tokens()['access_token'],
        'bob at c1': service.tokens(username='bob')['access_token'],
        'alice at c2': service.tokens(client=service.c2)['access_token'],
        'c1 itself': service.client_credentials(service.c1).json()['access_token'],
        'machine itself': service.machine_token(service.machine),
    }


@test('it is the list of the server, for each rule')
def _(s):
    shared = open_shared(s)
    acts = [
        ('one token', lambda tokens: s.revoke(tokens['alice at c1'], s.c1)),
        ('a grant', lambda tokens: control(s, 'RevokeGrant', '(s)', claims_of(tokens['alice at c1'])['grant_id'])),
        ('a session', lambda tokens: control(s, 'EndSession', '(s)', claims_of(tokens['alice at c1'])['sid'])),
        ('a person', lambda tokens: control(s, 'RevokeSubject', '(s)', 'alice')),
        ('a client', lambda tokens: control(s, 'RevokeClient', '(s)', 'c1')),
        ("a client's own token", lambda tokens: s.revoke(tokens['machine itself'], s.machine)),
    ]
    for name, act in acts:
        tokens = tokens_of_all_kinds(s)
        assert_verdicts(s, shared, tokens)
        act(tokens)
        catch_up(s, shared)
        refused_now = sum(shared.refuses(claims_of(token), header_of(token)['kid']) for token in tokens.values())
        check(0 < refused_now < len(tokens), '%s: %d of %d refused' % (name, refused_now, len(tokens)))
        assert_verdicts(s, shared, tokens)
        compare(s, shared)


@test('many tokens of one grant become one entry, there too')
def _(s):
    shared = open_shared(s)
    grant = s.tokens()
    tokens = [grant['access_token']]
    while len(tokens) < 66:
        grant = s.refresh(grant['refresh_token']).json()
        tokens.append(grant['access_token'])
    for token in tokens:
        equal(s.revoke(token, s.c1).status, 200)
    compare(s, shared)
    assert_verdicts(s, shared, {'token %d' % number: token for number, token in enumerate(tokens)})
    check(any(entry[1] == 'grant-tokens' for entry in entries(s)[0]), 'nothing was coalesced')
    later = s.refresh(grant['refresh_token']).json()['access_token']
    assert_verdicts(s, shared, {'the one after': later})
    check(s.is_active(later), 'the grant lives on')


@test('a revoked key, and what was issued before it')
def _(s):
    shared = open_shared(s)
    token = s.machine_token()
    kid = header_of(token)['kid']
    path = PATH + '/keyring/' + ''.join(c if c.isalnum() and not (i == 0 and c.isdigit()) else '_%02x' % ord(c) for i, c in enumerate(kid))
    control_key = (path, NAME + '.Key')
    s.control('Rotate', GLib.Variant('(b)', (True,)), (PATH + '/keyring', NAME + '.KeyRing'))
    s.control('Revoke', None, control_key)
    catch_up(s, shared)
    equal(shared.find('k', kid), WHENEVER)
    equal(shared.refuses(claims_of(token), kid), True)
    after = s.machine_token()
    equal(shared.refuses(claims_of(after), header_of(after)['kid']), False)
    compare(s, shared)


@test('who has it cannot write to it, and everybody has the same one')
def _(s):
    fd, other = open_fd(s), open_fd(s)
    equal(os.fstat(fd).st_ino, os.fstat(other).st_ino)
    for attempt in (lambda: os.pwrite(fd, b'x', 0), lambda: os.ftruncate(fd, 0), lambda: os.ftruncate(fd, 2 ** 24),
                    lambda: mmap.mmap(fd, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE)):
        try:
            attempt()
        except OSError:
            continue
        check(False, 'it was written to')
    os.close(fd)
    shared = SharedList(other)
    text = bytes(shared.memory)
    for _, rule, value, _ in entries(s)[0]:
        check(not value or len(value) < 5 or value.encode() not in text, 'a %s is there in clear' % rule)


@test('the mark is renewed, also when nothing happens')
def _(s):
    shared = open_shared(s)
    check(-1 < shared.age() < 5, 'age %r' % shared.age())
    before = shared.words()[3]
    until(lambda: shared.words()[3] > before, 'a new mark')
    equal(shared.state, LIVE)


@test('a list that grows is moved, and is right in both places')
def _(s):
    small = open_shared(s)
    count = small.n_slots // 2 + 100
    now = int(s.now() * 1000)
    ids = ['%08x-%04x-7000-8000-%012x' % (now >> 16, now & 0xffff, number) for number in range(count)]
    left = [count]

    def on_done(connection, result):
        connection.call_finish(result)
        left[0] -= 1

    for first in range(0, count, 100):
        for jti in ids[first:first + 100]:
            s.peer.call(None, *MANAGER, 'RevokeJti', GLib.Variant('(s)', (jti,)), None, Gio.DBusCallFlags.NONE, -1, None, on_done)
        context = GLib.MainContext.default()
        while left[0] > max(count - first - 100, 0):
            context.iteration(True)
    until(lambda: small.state == MOVED, 'a larger place')
    large = open_shared(s)
    check(large.n_slots > small.n_slots, 'it did not grow')
    equal((large.state, large.name, large.salt), (LIVE, small.name, small.salt))
    equal(s.revoke(s.machine_token()).status, 200)
    compare(s, large)
    compare(s, small)


@test('what has expired is forgotten, and nothing else')
def _(s):
    shared = open_shared(s)
    count = shared.count
    s.advance(700)
    control(s, 'RevokeSubject', '(s)', 'bob')
    token = s.machine_token()
    equal(s.revoke(token).status, 200)
    catch_up(s, shared)
    until(lambda: shared.count < count // 2, 'fewer than %d entries, not %d' % (count, shared.count))
    assert_verdicts(s, shared, {'revoked now': token, 'issued now': s.machine_token()})
    for _, rule, value, when in entries(s)[0]:
        found = shared.find(LETTERS[rule], value)
        check(found is not None and found >= (when if rule in INSTANTS else WHENEVER), '%s %s is missing' % (rule, value))


@test('a service that stops says so; the next one shares the same list anew')
def _(s):
    token = s.machine_token()
    s.revoke(token)
    before = open_shared(s)
    s.restart()
    equal(before.state, ENDED)
    equal(before.refuses(claims_of(token), header_of(token)['kid']), None)
    after = open_shared(s)
    equal((after.state, after.name), (LIVE, before.name))
    equal(after.refuses(claims_of(token), header_of(token)['kid']), True)
    compare(s, after)


@test('a service that was killed grows old, and nothing durable is missing afterwards')
def _(s):
    before = open_shared(s)
    tokens = [s.machine_token() for _ in range(20)]
    for token in tokens:
        equal(s.revoke(token).status, 200)
    s.kill()
    mark = before.words()[3]
    s.start_again()
    after = open_shared(s)
    equal(before.words()[3], mark)
    equal(before.state, LIVE)
    for token in tokens:
        equal(after.refuses(claims_of(token), header_of(token)['kid']), True)
    compare(s, after)


@test('a lost database: another list, which refuses all that was issued before')
def _(s):
    tokens = [s.machine_token() for _ in range(3)]
    s.revoke(tokens[0])
    before = open_shared(s)
    s.terminate()
    for name in os.listdir(s.state):
        if name.startswith('tessera.db') or name.endswith(('.db', '-wal', '-shm', '.snapshot')):
            os.unlink(os.path.join(s.state, name))
    s.start_again()
    after = open_shared(s)
    check(after.name != before.name, 'it has the name of the list that was lost')
    for token in tokens:
        equal(after.refuses(claims_of(token), header_of(token)['kid']), True)
    fresh = s.machine_token()
    equal(after.refuses(claims_of(fresh), header_of(fresh)['kid']), False)
    compare(s, after)


@test('a descriptor is not kept for whoever asks and goes')
def _(s):
    def count():
        return len(os.listdir('/proc/%d/fd' % s.process.pid))

    open_shared(s)
    before = count()
    for _ in range(50):
        os.close(open_fd(s))
    until(lambda: count() <= before + 2, 'descriptors: %d, then %d' % (before, count()))


main(lambda: Controlled('none'))
