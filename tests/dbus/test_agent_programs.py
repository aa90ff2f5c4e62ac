#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs that decide the logins of the service; and the examples of them, as they are."""

import base64
import hmac
import json
import os
import struct
import threading
import time
import types

import agents
import message_bus
from agents import Attempt, Program, Thinker, logs_in
from controlled import Controlled
from gi.repository import GLib
from message_bus import MANAGER, Stranger
import tap
from tap import PATIENCE, check, contains, equal, lacks, main, test

EXAMPLES = os.path.join(message_bus.ROOT, 'docs/examples')
SECRET = base64.b32encode(b'12345678901234567890').decode()
CANARY = 'agent-canary-Pw77'


def totp(seconds=0):
    """RFC 6238, once more."""
    digest = hmac.new(base64.b32decode(SECRET), struct.pack('>Q', int(time.time() + seconds) // 30), 'sha1').digest()
    at = digest[-1] & 15
    return '%06d' % ((int.from_bytes(digest[at:at + 4], 'big') & 0x7fffffff) % 1000000)


def think(service, **options):
    return Thinker(message_bus.connect_peer(service.socket), **options)


def text(value):
    return GLib.Variant('s', value)


@test('without an agent the users of the file log in, with one it decides')
def _(service):
    check(logs_in(service, 'alice', service.users['alice']), 'alice is not in')
    agent = think(service)
    attempt = Attempt(service, 'alice', service.users['alice'])
    details = agent.answer('deny')
    equal((details['username'], details['password']), ('alice', service.users['alice']))
    equal((details['client_id'], details['scopes'], details['step']), ('c1', ['a'], 0))
    equal(details['remote_address'], service.source)
    check(not attempt.result(), 'alice is in')
    agent.leave()
    check(logs_in(service, 'alice', service.users['alice']), 'alice is not in again')


@test('while an agent thinks, others are answered')
def _(service):
    agent = think(service)
    first = Attempt(service, 'anna', CANARY)
    agent.wait_asked()
    equal(service.get('/.well-known/oauth-authorization-server').status, 200)
    check(service.is_active(service.machine_token()), 'no token')
    second = Attempt(service, 'bert', CANARY)
    tap.until(lambda: len(agent.asked) == 2, 'the second question')
    agent.asked.reverse()
    agent.answer('allow', subject=text('u-bert'))
    check(second.result(), 'bert is not in')
    check(first.is_alive(), 'anna was answered')
    agent.answer('allow', subject=text('u-anna'))
    check(first.result(), 'anna is not in')
    agent.leave()


@test('subject, acr, amr are in the token')
def _(service):
    agent = think(service)
    verifier = agents.new_verifier()
    browser = service.new_browser()

    def run():
        agent.answer('allow', subject=text('u-17'), acr=text('urn:two'), amr=GLib.Variant('as', ['pwd', 'otp']),
                     claims=GLib.Variant('a{sv}', {'name': text('Anna')}))
    thread = threading.Thread(target=run)
    thread.start()
    last = browser.authorize(service.authorization_url(code_challenge=agents.challenge_of(verifier)), 'anna', CANARY)
    thread.join(PATIENCE)
    check(agents.is_in(service, last), repr(last))
    claims = agents.claims_of(service.redeem(service.c1, agents.parameters_of(last.location)['code'], verifier).json()['access_token'])
    equal((claims['sub'], claims['acr'], claims['amr']), ('u-17', 'urn:two', ['pwd', 'otp']))
    agent.leave()


@test('a subject that is a client is denied')
def _(service):
    agent = think(service)
    attempt = Attempt(service, 'anna', CANARY)
    agent.answer('allow', subject=text('c1'))
    check(not attempt.result(), 'in')
    agent.leave()


@test('an agent whose program ends is followed by the next one')
def _(service):
    better = think(service, priority=GLib.Variant('i', 9))
    worse = think(service, priority=GLib.Variant('i', -9))
    attempt = Attempt(service, 'anna', CANARY)
    better.wait_asked()
    better.connection.close_sync(None)
    worse.answer('allow', subject=text('anna'))
    check(attempt.result(), 'not in')
    better.stop()
    worse.leave()


@test('an error denies, and what the agent says in it is not repeated')
def _(service):
    agent = think(service)
    attempt = Attempt(service, 'anna', CANARY)
    agent.fail('org.example.Error', 'the password was ' + CANARY)
    check(not attempt.result(), 'in')
    agent.leave()
    service.sync_log()
    contains(service.log, b'agent failed: org.example.Error')


@test('who may not register decides nothing')
def _(service):
    equal(service.terminate(), 0)
    service.sections = service.sections.replace('bus=none', 'bus=system')
    bus = service.bus = message_bus.MessageBus()
    service.write_configuration()
    try:
        service.start_again()
        with Stranger(bus) as stranger:
            got = stranger.call(MANAGER, 'RegisterAgent', GLib.Variant('(oa{sv})', ('/stranger', {})))
            contains(repr(got), 'AccessDenied')
        check(logs_in(service, 'alice', service.users['alice']), 'alice is not in')
    finally:
        service.terminate()
        bus.remove()
        service.bus = None
        service.sections = service.sections.replace('bus=system', 'bus=none')
        service.write_configuration()
        service.start_again()


@test('the service stops while an agent thinks')
def _(service):
    agent = think(service)
    attempt = Attempt(service, 'anna', CANARY)
    login = agent.wait_asked()[0]
    equal(service.terminate(), 0)
    attempt.join(PATIENCE)
    tap.until(lambda: agent.connection.is_closed(), 'an end of the connection')
    agent.stop()
    service.start_again()


@test('the example of 30 lines')
def _(service):
    lines = [line for line in open(os.path.join(EXAMPLES, 'agent.py'), encoding='utf-8') if line.strip()]
    check(len(lines) < 40, '%d lines' % len(lines))
    agent = Program(os.path.join(EXAMPLES, 'agent.py'), 'unix:path=' + service.socket)
    tap.until(lambda: b'agent registered' in service.log.split(b'agent unregistered')[-1], 'the agent')
    tap.until(lambda: logs_in(service, 'anna', 'correct horse'), 'anna')
    check(not logs_in(service, 'anna', 'battery staple'), 'with the password of bert')
    check(not logs_in(service, 'carl', ''), 'without a name')
    check(not logs_in(service, 'carl', 'x'), 'with any password')
    agent.kill()


@test('the example with a one-time code')
def _(service):
    people = os.path.join(service.directory, 'people.json')
    with open(people, 'w', encoding='utf-8') as file:
        json.dump({'anna': {'password': CANARY, 'secret': SECRET}, 'bert': {'password': CANARY, 'secret': SECRET}}, file)
    before = service.log.count(b'agent registered')
    agent = Program(os.path.join(EXAMPLES, 'agent-totp.py'), 'unix:path=' + service.socket, people)
    tap.until(lambda: service.log.count(b'agent registered') > before, 'the agent')
    code = totp()
    check(logs_in(service, 'anna', CANARY, answers=[code]), 'not in')
    check(not logs_in(service, 'anna', CANARY, answers=[code, code, code]), 'the same code is good again')
    check(logs_in(service, 'bert', CANARY, answers=['000000', totp()]), 'bert is not in with the second try')
    # Nobody learns from the page whether the password was right.
    check(not logs_in(service, 'carl', CANARY, answers=[totp(30), totp(30), totp(30)]), 'nobody is in')
    check(not logs_in(service, 'anna', 'wrong', answers=[totp(30), totp(30), totp(30)]), 'with a wrong password')
    lacks(agent.said, b'Traceback')
    agent.kill()


@test('the codes of RFC 6238 are made')
def _(service):
    with open(os.path.join(EXAMPLES, 'agent-totp.py'), encoding='utf-8') as file:
        source = file.read()
    begin, end = source.index('def make_code'), source.index('def take_code')
    module = types.ModuleType('example')
    exec('import base64, hmac, struct\n' + source[begin:end], module.__dict__)
    # Appendix B has eight digits; the last six of them.
    for seconds, code in ((59, '287082'), (1111111109, '081804'), (1111111111, '050471'), (1234567890, '005924'), (2000000000, '279037'), (20000000000, '353130')):
        equal(module.make_code(SECRET, seconds // 30), code)


@test('the password is in no log, and of decisions there is a record')
def _(service):
    service.sync_log()
    lacks(service.log, CANARY.encode())
    contains(service.log, b'agent-allow')
    contains(service.log, b'agent-deny')


if __name__ == '__main__':
    main(lambda: Controlled(kind='none'))
