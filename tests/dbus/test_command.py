#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command on a message bus: what polkit says is what it may do, and a monitor follows the name."""

import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'service'))

from message_bus import NAME, NOBODY, Polkit
from controlled import Controlled
from desk import COMMAND, Running, at_terminal
from tap import contains, equal, main, skip, test, until
from tessera_fixture import COMPLAINTS, claims_of


class Governed(Controlled):
    def command_environment(self, **more):
        environment = self.environment()
        for name in ('TESSERA_SOCKET', 'XDG_RUNTIME_DIR'):
            environment.pop(name, None)
        environment.update(more)
        return environment

    def run(self, *words, said='', **options):
        """(exit status, standard output, standard error)"""
        environment = self.command_environment(**options.pop('environment', {}))
        done = subprocess.run([COMMAND, *words], input=said.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                              cwd='/', env=environment, **options)
        equal(COMPLAINTS.search(done.stderr), None, done.stderr.decode())
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def run_as_nobody(self, *words, **options):
        if os.geteuid() != 0:
            skip('only root can be another user')
        try:
            result = self.run(*words, user=NOBODY, group=NOBODY, extra_groups=[], environment={'ASAN_OPTIONS': 'detect_leaks=0'}, **options)
        except PermissionError:
            result = 127, '', ''
        if result[0] == 127:
            skip('the build is not for others to read')
        return result


@test('found on the system bus when there is no socket; --system names it')
def _(service):
    for words in (['--system'], []) if not os.path.exists('/run/tessera/bus') else (['--system'],):
        status, out, err = service.run('status', '--json', *words)
        equal(status, 0, err)
        status = json.loads(out)
        equal((status['reached_by'], status['issuer']), ('system bus', service.issuer))
    status, out, err = service.run('client', 'show', 'c1', '--system', '--json')
    equal((status, json.loads(out)['client_id']), (0, 'c1'))
    equal(service.run('client', 'show', 'nobody', '--system')[0], 3)


@test('who has no rights is told so, with 4, whatever they try')
def _(service):
    before = service.digest()
    for words, said in ((['client', 'list'], ''), (['client', 'add', '--name', 'X', '--redirect-uri', 'https://x.test/'], ''),
                        (['user', 'add', 'zoe'], 'canary-word\n'), (['grant', 'list'], ''), (['subject', 'revoke', 'alice'], ''),
                        (['token', 'introspect'], 'x\n'), (['key', 'rotate', '--now'], ''), (['denylist', 'list'], ''),
                        (['denylist', 'monitor', '--since', '0'], ''), (['reload'], '')):
        status, out, err = service.run_as_nobody(*words, '--system', said=said)
        equal((status, out), (4, ''), '%r: %s' % (words, err))
        contains(err, 'ot permitted')
    equal(service.digest(), before)


@test('what polkit allows is done, and no more; it may ask the person')
def _(service):
    polkit = Polkit(service.bus, lambda action, caller, flags: action == NAME + '.read')
    try:
        status, out, err = service.run_as_nobody('client', 'show', 'c1', '--system')
        equal(status, 0, err)
        contains(out, 'Client c1')
        status, out, err = service.run_as_nobody('subject', 'revoke', 'alice', '--system')
        equal(status, 4, err)
        equal({flags for _, _, flags, _ in polkit.asked}, {1})
    finally:
        polkit.stop()


AGENT = '''#!/usr/bin/python3
import os, signal, sys, time
def say(text):
    with open(sys.argv[0] + '.said', 'w') as file:
        file.write(text)
def end(*_):
    say('gone')
    os._exit(0)
signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the terminal goes, too
say(' '.join(sys.argv[1:]))
os.close(3)
while True:  # not pause (): a signal just before it would be waited for
    time.sleep(0.05)
'''


@test('at a terminal polkit can ask there: pkttyagent is started for that, and stopped')
def _(service):
    service.run_as_nobody('--version')
    with tempfile.TemporaryDirectory() as folder:
        agent = os.path.join(folder, 'pkttyagent')
        with open(agent, 'w', encoding='ascii') as file:
            file.write(AGENT)
        os.chmod(folder, 0o777)
        os.chmod(agent, 0o755)
        asked = []

        def decide(action, caller, flags):
            with open(agent + '.said', encoding='ascii') as file:
                asked.append(file.read())
            return True

        polkit = Polkit(service.bus, decide)
        try:
            environment = service.command_environment(PATH=folder + ':/usr/bin:/bin', ASAN_OPTIONS='detect_leaks=0')
            status, shown = at_terminal([COMMAND, 'client', 'show', 'c1', '--system'], (), environment, '/', NOBODY)
        finally:
            polkit.stop()
        equal(status, 0, shown)
        equal(set(asked), {'--notify-fd 3 --fallback'})

        def has_gone():
            with open(agent + '.said', encoding='ascii') as file:
                return file.read() == 'gone'

        until(has_gone, 'the agent is stopped')


def revoke_one(service):
    token = service.machine_token(service.machine)
    status, _, err = service.run('token', 'revoke', '--system', said=token)
    equal(status, 0, err)
    return claims_of(token)['jti']


@test('a monitor follows the name: the service restarts, and nothing is missed')
def _(service):
    with Running([COMMAND, 'denylist', 'monitor', '--since', '0', '--system'], service.command_environment(), '/') as monitor:
        monitor.wait_for(revoke_one(service))
        monitor.wait_for(revoke_one(service))
        service.restart()
        monitor.wait_for('went away', 'err')
        made = [revoke_one(service), revoke_one(service)]
        for jti in made:
            monitor.wait_for(jti)
            equal(monitor.text().count(jti), 1)
        monitor.interrupt()
        equal(monitor.wait(), 0)


if __name__ == '__main__':
    main(Governed)
