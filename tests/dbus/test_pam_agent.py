#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""tessera-pam-agent: Unix accounts log in, by PAM as it is, with a module that knows nobody of the machine."""

import os
import re
import shutil
import subprocess
import tempfile

import agents
import message_bus
from agents import Attempt, Program, logs_in
from controlled import Controlled
from gi.repository import GLib
from message_bus import call, refused
import tap
from tap import check, contains, equal, lacks, main, test

# Accounts that every Debian has; nobody of them is a person, so that the agent is told to let them in.
PEOPLE = {
    'daemon': ('pam-canary-Pw1', 'plain'),
    'bin': ('pam-canary-Pw2', 'code'),
    'sys': ('pam-canary-Pw3', 'hang'),
    'games': ('pam-canary-Pw4', 'crash'),
    'man': ('pam-canary-Pw5', 'expired'),
    'lp': ('pam-canary-Pw6', 'renew'),
    'mail': ('pam-canary-Pw7', 'code-first'),
    'news': ('pam-canary-Pw8', 'becomes-root'),
    'uucp': ('pam-canary-Pw9', 'endless'),
    'root': ('pam-canary-Pw10', 'plain'),
    'nobody': ('pam-canary-Pw11', 'plain'),
    'no-such-account': ('pam-canary-Pw12', 'plain'),
}
ALLOWED = ('--minimum-uid', '1')


class Unix(Controlled):
    def __init__(self):
        super().__init__(kind='system')
        self.agent = None
        self._arguments = None
        self.agents = []
        self.pam = tempfile.mkdtemp(prefix='tessera-pam-')
        people = os.path.join(self.pam, 'people')
        with open(people, 'w', encoding='utf-8') as file:
            file.writelines('%s:%s:%s\n' % (name, *person) for name, person in PEOPLE.items())
        # The service file that is installed, with stand-ins for those of Debian that it includes.
        with open(os.path.join(message_bus.ROOT, 'data/pam.d/tessera'), encoding='utf-8') as file:
            text = file.read()
        for kind in ('auth', 'account'):
            common = os.path.join(self.pam, 'common-' + kind)
            check('common-' + kind in text, text)
            text = text.replace('common-' + kind, common)
            with open(common, 'w', encoding='utf-8') as file:
                file.write('%s required %s %s\n' % (kind, os.environ['PAM_EXAMPLE'], people))
        with open(os.path.join(self.pam, 'tessera'), 'w', encoding='utf-8') as file:
            file.write(text)

    def start_agent(self, *arguments):
        """The same one, if it is there with these arguments."""
        arguments = arguments or ALLOWED
        if self.agent is not None and self._arguments == arguments:
            return self.agent
        self.stop_agent()
        self.agent = Program(os.environ['PAM_AGENT'], '--address', 'unix:path=' + self.socket, '--pam-directory', self.pam, *arguments)
        self.agent.wait_for(b'registered')
        self._arguments = arguments
        self.agents.append(self.agent)
        return self.agent

    def stop_agent(self):
        if self.agent is not None:
            equal(self.agent.terminate(), 0, 'exit status of the agent')
        self.agent = None

    def password(self, name):
        return PEOPLE[name][0]

    def abandon(self):
        if self.agent is not None:
            self.agent.kill()
        super().abandon()
        shutil.rmtree(self.pam, ignore_errors=True)


def wait_alone(agent):
    tap.until(lambda: not agent.children(), 'an end of its processes')


@test('an account logs in, and its name is the subject')
def _(service):
    service.start_agent()
    browser = service.new_browser()
    verifier = agents.new_verifier()
    last = browser.authorize(service.authorization_url(code_challenge=agents.challenge_of(verifier)), 'daemon', service.password('daemon'))
    check(agents.is_in(service, last), repr(last))
    answer = service.redeem(service.c1, agents.parameters_of(last.location)['code'], verifier).json()
    equal(agents.claims_of(answer['access_token'])['sub'], 'daemon')


@test('a wrong password, an unknown name and an empty one do not')
def _(service):
    agent = service.start_agent()
    check(not logs_in(service, 'daemon', 'wrong'), 'a wrong password is good')
    check(not logs_in(service, 'nobody-of-that-name', 'wrong'), 'nobody is in')
    check(not logs_in(service, 'no-such-account', service.password('no-such-account')), 'a name without an account is in')
    check(not logs_in(service, '-daemon', service.password('daemon')), 'an option is in')
    check(not logs_in(service, 'daemon', service.password('daemon') + '\n'), 'a password with more behind it is good')
    contains(agent.said, b'denied, ')


@test('root is not let in, nor is nobody, nor an account of the system unless that is said')
def _(service):
    service.start_agent()
    check(not logs_in(service, 'root', service.password('root')), 'root is in')
    check(not logs_in(service, 'nobody', service.password('nobody')), 'nobody is in')
    service.start_agent('--priority', '1')
    check(not logs_in(service, 'daemon', service.password('daemon')), 'daemon is in')
    service.start_agent('--minimum-uid', '0')
    check(logs_in(service, 'root', service.password('root')), 'root is not in, though that was said')


@test('a group can be asked for')
def _(service):
    service.start_agent(*ALLOWED, '--group', 'no-such-group', '--group', 'games')
    check(not logs_in(service, 'daemon', service.password('daemon')), 'daemon is in')
    service.start_agent(*ALLOWED, '--group', 'no-such-group', '--group', 'daemon')
    check(logs_in(service, 'daemon', service.password('daemon')), 'daemon is not in')


@test('an account that has expired, or has to change its password, is not let in')
def _(service):
    service.start_agent()
    check(not logs_in(service, 'man', service.password('man')), 'an expired one is in')
    check(not logs_in(service, 'lp', service.password('lp')), 'one with an old password is in')


@test('what a module asks beyond the password is asked on a page')
def _(service):
    service.start_agent()
    browser = service.new_browser()
    page = browser.login(browser.open(service.authorization_url()), 'bin', service.password('bin'))
    contains(page.text, 'Verification code')
    last = browser.decide(browser.answer(page, '246810'), 'allow')
    check(agents.is_in(service, last), repr(last))
    check(not logs_in(service, 'bin', service.password('bin'), answers=['111111']), 'a wrong code is good')
    wait_alone(service.agent)


@test('a one-time password that is asked first does not get the password')
def _(service):
    service.start_agent()
    check(logs_in(service, 'mail', service.password('mail'), answers=['246810', 'blue']), 'not in')
    check(not logs_in(service, 'mail', service.password('mail'), answers=['246810', 'red']), 'the wrong colour is good')


@test('a module that asks without end gets no more than five answers')
def _(service):
    service.start_agent()
    check(not logs_in(service, 'uucp', service.password('uucp'), answers=['1', '2', '3', '4', '5']), 'in')


@test('a module that makes root of somebody makes nothing')
def _(service):
    service.start_agent()
    check(not logs_in(service, 'news', service.password('news')), 'in')


@test('a module that crashes takes nobody with it')
def _(service):
    service.start_agent()
    check(not logs_in(service, 'games', service.password('games')), 'in')
    check(logs_in(service, 'daemon', service.password('daemon')), 'the next one is not in')


@test('a module that hangs holds up nobody else, and is ended')
def _(service):
    agent = service.start_agent(*ALLOWED, '--timeout', '2')
    waiting = Attempt(service, 'sys', service.password('sys'))
    tap.until(lambda: agent.children(), 'a process of the login')
    check(logs_in(service, 'daemon', service.password('daemon')), 'somebody else waits')
    equal(service.get('/.well-known/oauth-authorization-server').status, 200)
    check(not waiting.result(), 'in')
    contains(agent.said, b'PAM took too long')
    wait_alone(agent)


@test('an agent that is killed leaves no process, and nobody in')
def _(service):
    agent = service.start_agent(*ALLOWED, '--timeout', '100')
    waiting = Attempt(service, 'sys', service.password('sys'))
    tap.until(lambda: agent.children(), 'a process of the login')
    child = agent.children()[0]
    service.agent = None
    agent.kill()
    check(not waiting.result(), 'in')
    tap.until(lambda: not agents.is_alive(child), 'an end of that process')
    check(not logs_in(service, 'daemon', service.password('daemon')), 'in without an agent')


@test('passwords and codes are in no log, no argument and no environment')
def _(service):
    agent = service.start_agent(*ALLOWED, '--timeout', '30')
    waiting = Attempt(service, 'sys', service.password('sys'))
    tap.until(lambda: agent.children(), 'a process of the login')
    for name in ('cmdline', 'environ'):
        try:
            with open('/proc/%s/%s' % (agent.children()[0], name), 'rb') as file:
                lacks(file.read(), b'canary')
        except PermissionError:
            pass  # the process lets nobody look
    service.stop_agent()
    check(not waiting.result(), 'in')
    service.sync_log()
    for text in [service.log] + [agent.said for agent in service.agents]:
        lacks(text, b'pam-canary')
        lacks(text, b'246810')


@test('on the bus it waits for the service, finds it again, and answers nobody else')
def _(service):
    service.stop_agent()
    equal(service.terminate(), 0)
    agent = Program(os.environ['PAM_AGENT'], '--pam-directory', service.pam, *ALLOWED, environment={'DBUS_SYSTEM_BUS_ADDRESS': service.bus.address})
    service.agent, service._arguments = agent, 'bus'
    service.agents.append(agent)
    for count in (1, 2):
        service.start_again()
        agent.wait_for(b'registered', count)
        check(logs_in(service, 'daemon', service.password('daemon')), 'not in')
        if count == 1:
            equal(service.terminate(), 0)
    service.sync_log()
    name = re.findall(rb'agent registered agent=(:[0-9.]+)/', service.log)[-1].decode()
    details = {'username': GLib.Variant('s', 'daemon'), 'password': GLib.Variant('s', service.password('daemon'))}
    # Root may send this on the bus, and still is not the service.
    equal(refused(call, service.bus.connect(), ('/org/tessera/PamAgent', message_bus.NAME + '.Agent'), 'Authenticate',
                  GLib.Variant('(sa{sv})', ('id', details)), destination=name), message_bus.DENIED)
    contains(agent.said, b'Only the service may ask')
    service.stop_agent()


@test('options that make no sense are refused')
def _(service):
    for arguments in (['--timeout', '0'], ['--timeout', '106'], ['--no-such-option'], ['argument'], ['--minimum-uid', 'x']):
        done = subprocess.run([os.environ['PAM_AGENT'], *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30, check=False)
        equal(done.returncode, 2, done.stdout)
    done = subprocess.run([os.environ['PAM_AGENT'], '--address', 'unix:path=/nonexistent'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30, check=False)
    equal(done.returncode, 1, done.stdout)
    contains(done.stdout, b'cannot be reached')


if __name__ == '__main__':
    main(Unix)
