# SPDX-License-Identifier: LGPL-2.1-or-later
"""One table for all who follow the deny-list: what is denied, which token comes, and whether it is refused."""
from fake_issuer import uuid7

MINUTE = 60000


def person(**claims):
    return {'grant_id': 'g', 'sid': 's', **claims}


def machine(client, **claims):
    return {'client_id': client, 'sub': client, **claims}


def cases(name, now):
    """(what is said of it, entries, claims of a token, whether that is refused); names of its own for each @name."""
    def of(what):
        return '%s-%s' % (what, name)
    jti = uuid7(now)
    before, at, after = now - 1, now, now + 1
    yield 'a token by its jti', [('token', jti)], person(jti=jti), True
    yield 'no other token', [], person(), False
    yield 'a grant, whenever the token was issued', [('grant', of('g1'))], person(grant_id=of('g1')), True
    yield 'the tokens of a grant up to an instant', [('grant-tokens', of('g2'), at)], person(grant_id=of('g2'), issued=at), True
    yield 'no token of that grant after it', [('grant-tokens', of('g3'), before)], person(grant_id=of('g3'), issued=at), False
    yield 'a session', [('session', of('s1'))], person(sid=of('s1')), True
    yield 'a subject up to an instant', [('subject', of('u1'), at)], person(sub=of('u1'), issued=at), True
    yield 'no subject after it', [('subject', of('u2'), before)], person(sub=of('u2'), issued=at), False
    yield 'no client by the name of a subject', [('subject', of('u3'), after)], machine(of('u3'), issued=at), False
    yield 'the tokens of a subject up to an instant', [('subject-tokens', of('u4'), at)], person(sub=of('u4'), issued=at), True
    yield 'no client by that name either', [('subject-tokens', of('u5'), after)], machine(of('u5'), issued=at), False
    yield 'a client up to an instant, its own tokens', [('client', of('c1'), at)], machine(of('c1'), issued=at), True
    yield 'a client up to an instant, those of people', [('client', of('c2'), at)], person(client_id=of('c2'), issued=at), True
    yield 'no client after it', [('client', of('c3'), before)], machine(of('c3'), issued=at), False
    yield 'a client\'s own tokens up to an instant', [('client-tokens', of('c4'), at)], machine(of('c4'), issued=at), True
    yield 'not those of people there', [('client-tokens', of('c5'), after)], person(client_id=of('c5'), issued=at), False
    yield 'everything up to an instant', [('all', '', now - 10 * MINUTE)], person(issued=now - 10 * MINUTE), True
    yield 'nothing after it', [], person(issued=now - 10 * MINUTE + 1), False
    yield 'the later of two instants', [('client', of('c6'), now - MINUTE), ('subject', of('u6'), at)], \
        person(client_id=of('c6'), sub=of('u6'), issued=at), True
    yield 'the later of two for the same', [('client', of('c7'), now - MINUTE), ('client', of('c7'), at)], machine(of('c7'), issued=at), True
    second = now // 1000 * 1000
    yield 'by the second of iat where the jti is no UUIDv7', [('client', of('c8'), second)], \
        machine(of('c8'), issued=second + 999, jti='not-ours-' + name), True
    yield 'nothing of the second after it', [('client', of('c9'), second - 1)], machine(of('c9'), issued=second, jti='nor-this-' + name), False


def deny_cases(fake, name):
    made = []
    for what, entries, claims, refused in cases(name, fake.now()):
        for entry in entries:
            fake.deny(*entry, expires=fake.now() + 60 * MINUTE)
        made.append((what, fake.token(**claims), refused))
    return made
