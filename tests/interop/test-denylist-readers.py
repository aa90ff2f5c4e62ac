#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The small readers of the deny-list in Python, Node and Go: each rule of docs/denylist-feed.md, and the real service."""
import os
import sys
import tempfile

from interop import AUDIENCE as RS, HERE, Report
sys.path.insert(0, os.path.join(HERE, 'denylist'))
from cases import MINUTE, deny_cases, person  # noqa: E402
from fake_issuer import AUDIENCE, FakeIssuer  # noqa: E402
from readers import READERS, find_all  # noqa: E402
from real_service import WAYS, forget_everything, issuer_of, machine_token, make_line, revoke_key  # noqa: E402

def settle(reader, fake):
    """Until it has all, and says it is fresh."""
    return reader.until(lambda state: state['list'] == fake.list and state['generation'] >= fake.generation and state['age'] < 30)


def hold_cases(report, fake, readers, name, made):
    for reader in readers:
        settle(reader, fake)
        for what, token, refused in made:
            report.line((reader.check(token, AUDIENCE) is None) == refused, '%s, by %s: refuses %s' % (reader.name, name, what))


def hold_tokens(report, fake, readers):
    good = dict(person())
    bad = [('for another audience', fake.token(aud='urn:other', **good)), ('of another issuer', fake.token(iss='https://other.example', **good)),
           ('that has expired', fake.token(exp=fake.now() // 1000, **good)), ('of another type', fake.token(typ='JWT', **good)),
           ('without jti', fake.token(jti=None, **good)), ('without client_id', fake.token(client_id=None, **good)),
           ('with another signature', fake.token(**good)[:-6] + 'AAAAAA'), ('that is none', 'a.b.c'),
           ('by an unknown key', FakeIssuer().token(iss=fake.issuer, **good))]
    for reader in readers:
        report.line(reader.check(fake.token(**good), AUDIENCE) == 'alice', '%s: takes a good token' % reader.name)
        report.line(reader.check(fake.token(aud=[AUDIENCE], **good), AUDIENCE) == 'alice', '%s: takes one for a list of one audience' % reader.name)
        for what, token in bad:
            report.line(reader.check(token, AUDIENCE) is None, '%s: refuses a token %s' % (reader.name, what))


def hold_freshness(report, fake, readers):
    token = fake.token(**person())

    def move(milliseconds):
        for reader in readers:
            reader.ask('move', milliseconds)

    def taken():
        return [reader.name for reader in readers if reader.check(token, AUDIENCE)]

    everyone = [reader.name for reader in readers]
    move(50000)
    report.line(taken() == everyone, 'all: take a token while the list is not stale')
    move(11000)
    report.line(taken() == [], 'all: refuse every token when nothing was heard for longer than max-staleness')
    for stamp, what in ((0, 'that stands before unsent entries'), (fake.now() + 10 * MINUTE, 'of a time far ahead')):
        fake.beat(time=stamp)
        fake.deny('token', 'x', expires=fake.now() + 60 * MINUTE)
        caught = [reader.until(lambda state: state['generation'] >= fake.generation) for reader in readers]
        report.line(all(caught) and taken() == [], 'all: are not made fresh by a heartbeat %s' % what)
    fake.offset += 61000
    fake.beat()
    report.line(all(settle(reader, fake) for reader in readers) and taken() == everyone, 'all: are fresh again with the next heartbeat')


def await_askers(fake, readers):
    """Until all asked for a snapshot again: who does has done with the one before."""
    fake.askers.clear()
    readers[0].until(lambda state: len(fake.askers) == len(readers))


def hold_lies(report, fake, readers):
    lies = [('body', 'that lacks an entry'), ('key', 'by another key'), ('issuer', 'of another issuer'), ('typ', 'signed as something else'),
            ('cut', 'that was cut short'), ('version', 'of another version')]
    fake.lie = lies[0][0]
    fake.replace('of lies', fake.entries)
    await_askers(fake, readers)
    for (_, what), (following, _) in zip(lies, lies[1:] + lies[-1:]):
        fake.lie = following
        await_askers(fake, readers)
        for reader in readers:
            report.line(len(fake.askers) == len(readers) and not reader.ask('state')['list'], '%s: believes no snapshot %s' % (reader.name, what))
    fake.lie = ''
    report.line(all(settle(reader, fake) for reader in readers), 'all: go on with one that is right')
    fake.lie = 'cursor'
    fake.hang_up()
    fake.offset += 61000
    token = fake.token(**person())
    for reader in readers:
        reader.ask('move', 61000)
    before = fake.begun
    readers[0].until(lambda state: fake.begun >= before + 2 * len(readers))
    for reader in readers:
        report.line(reader.ask('state')['age'] > 60 and reader.check(token, AUDIENCE) is None,
                    '%s: is not made fresh by a stream that begins elsewhere' % reader.name)
    fake.lie = ''
    fake.hang_up()
    report.line(all(settle(reader, fake) for reader in readers), 'all: are again by one that begins where they stopped')


def hold_resuming(report, fake, readers):
    before, begun, token = fake.snapshots, fake.begun, fake.token(**person(grant_id='while away'))
    fake.hang_up()
    fake.deny('grant', 'while away', expires=fake.now() + MINUTE)
    good = all(settle(reader, fake) and reader.check(token, AUDIENCE) is None for reader in readers)
    report.line(good and fake.begun >= begun + len(readers), 'all: get what came while they were away')
    report.line(fake.snapshots == before, 'all: go on where they stopped, without a snapshot')


def hold_unknown(report, fake, readers):
    token = fake.token(**person())
    fake.deny('moon', 'full', expires=fake.now() + MINUTE)
    for reader in readers:
        report.line(settle(reader, fake) and reader.check(token, AUDIENCE) is None, '%s: refuses everything while it meets a rule it does not know' % reader.name)
    fake.replace('known', [entry for entry in fake.entries if entry['rule'] != 'moon'])
    for reader in readers:
        report.line(settle(reader, fake) and reader.check(token, AUDIENCE) == 'alice', '%s: goes on with a list that it understands' % reader.name)
    fake.deny('key', 'k2')
    for reader in readers:
        settle(reader, fake)
        report.line(reader.check(fake.token(key=1, **person()), AUDIENCE) is None, '%s: refuses a key' % reader.name)
        report.line(reader.check(token, AUDIENCE) == 'alice', '%s: and no other key' % reader.name)


def hold_forgetting(report, fake, readers):
    name = 'forgotten'
    fake.deny('grant', name, expires=fake.now() + MINUTE)
    counts = {}
    for reader in readers:
        settle(reader, fake)
        counts[reader.name] = reader.ask('state')['entries']
        reader.ask('move', 61000)
    fake.offset += 61000
    fake.beat()
    for reader in readers:
        report.line(reader.until(lambda state: state['entries'] < counts[reader.name]), '%s: forgets what is over' % reader.name)


def with_fake(report, readers):
    fake = FakeIssuer()
    early = deny_cases(fake, 'snapshot')
    for reader in readers:
        reader.start(fake.issuer, 'rs', 'secret')
    hold_cases(report, fake, readers, 'snapshot', early)
    hold_cases(report, fake, readers, 'event', deny_cases(fake, 'event'))
    for hold in (hold_tokens, hold_freshness, hold_forgetting, hold_resuming, hold_lies, hold_unknown):
        report.step('%s ran to its end' % hold.__name__, lambda: hold(report, fake, readers) is None)
    for reader in readers:
        reader.stop()


def everyone(readers, token):
    """Who takes it."""
    return [reader.name for reader in readers if reader.check(token, RS)]


def refused_soon(readers, token):
    return all(reader.until(lambda state: reader.check(token, RS) is None) for reader in readers)


def taken_soon(readers, token):
    return all(reader.until(lambda state: reader.check(token, RS)) for reader in readers)


def move(service, readers, seconds):
    """Time passes, for all of them."""
    service.advance(seconds)
    for reader in readers:
        reader.ask('move', seconds * 1000)


def hold_ways(report, service, readers):
    for what, prepare in WAYS:
        token, revoke = prepare(service)
        report.line(taken_soon(readers, token), 'the service: a token is good before %s is revoked' % what)
        revoke()
        report.line(refused_soon(readers, token), 'the service: all readers refuse it when %s is revoked' % what)
        if prepare is not revoke_key:
            report.line(everyone(readers, machine_token(service)) == [reader.name for reader in readers], 'the service: and take another one')


def hold_cut(report, service, readers, line):
    good, early, late = (machine_token(service) for _ in range(3))
    client = service.clients['interop-basic']
    service.revoke(early, client)
    report.line(refused_soon(readers, early) and taken_soon(readers, good), 'cut: before it, one is refused and the other taken')
    line.cut()
    service.revoke(late, client)
    report.line(len(everyone(readers, good)) == len(readers), 'cut: without the line the list is good for a while')
    move(service, readers, 61)
    report.line(everyone(readers, good) == [] and everyone(readers, late) == [], 'cut: and when it is stale every token is refused')
    line.mend()
    report.line(taken_soon(readers, good), 'cut: with the line they take the good one again')
    report.line(everyone(readers, late) == [] and everyone(readers, early) == [], 'cut: and what was revoked meanwhile is refused, with what was before')


def hold_kill(report, service, readers, line):
    good, bad = machine_token(service), machine_token(service)
    service.revoke(bad, service.clients['interop-basic'])
    service.kill()
    service.start_again()
    after = machine_token(service)
    report.line(refused_soon(readers, bad), 'killed and started again: what was revoked before is refused')
    service.revoke(after, service.clients['interop-basic'])
    report.line(refused_soon(readers, after) and taken_soon(readers, good), 'killed and started again: they follow it on')


def hold_reset(report, service, readers, line):
    before = machine_token(service)
    names = {reader.ask('state')['list'] for reader in readers}
    report.line(len(names) == 1, 'replaced: all have the same list')
    forget_everything(service)
    report.line(all(reader.until(lambda state: state['list'] not in (None, *names)) for reader in readers), 'replaced: they load the new one')
    report.line(refused_soon(readers, before), 'replaced: what was issued before is refused')
    after, revoked = machine_token(service), machine_token(service)
    service.revoke(revoked, service.clients['interop-basic'])
    report.line(taken_soon(readers, after) and refused_soon(readers, revoked), 'replaced: what is issued and revoked afterwards counts')


def with_service(report, service, readers, line):
    line.target = service.port
    client = service.clients['interop-feed']
    for reader in readers:
        reader.start(service.issuer, client.id, client.secret)
    for hold in (hold_cut, hold_kill, hold_reset):
        report.step('%s ran to its end' % hold.__name__, lambda: hold(report, service, readers, line) is None)
    hold_ways(report, service, readers)
    for reader in readers:
        reader.stop()


def hold_lengths(report):
    for folder, _, names in os.walk(READERS):
        for name in names:
            if name.endswith(('.py', '.mjs', '.go')):
                with open(os.path.join(folder, name), encoding='utf-8') as file:
                    lines = len(file.readlines())
                report.line(lines <= 80, '%s has %d lines, no more than 80' % (name, lines))


report = Report()
hold_lengths(report)
with tempfile.TemporaryFile('w+') as log:
    readers = find_all(report, log)
    with_fake(report, readers)
    line = make_line()
    report.run(with_service, readers, line, issuer=issuer_of(line))
    line.close()
    if not report.good:
        log.seek(0)
        report.comment(log.read()[-3000:])
report.end()
