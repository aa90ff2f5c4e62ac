# SPDX-License-Identifier: LGPL-2.1-or-later
"""A service and many connections that work on it (clients.c), their answers judged by check.py.

Environment: TESSERAD (the test build), FAULTS_CLIENTS."""

import os
import signal
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'support'))

import model  # noqa: E402
from tessera_fixture import Client, Service, challenge_of, new_verifier  # noqa: E402, F401

SECRET = 'load-test-secret-' + 'x' * 32
USERS = 6
# A person has a share of 4,096 revoked tokens; then one entry stands for all of them, as no order of a customer's
# own operations explains.
OPERATIONS_OF_USER = 80_000
REDIRECT_URI = 'https://load.test/cb'
# An object of the model lives shorter than the time inside which a rotated token may be repeated.
TOKENS = '[tokens]\nreplay-window=300\naccess-token-lifetime=3600\n'
RESOURCES = '[resource r1]\nidentifier=https://r1.test/\n'


# A client that opens a connection anew is one more than it has, until the service has seen the old one end.
LIMITS = '[limits]\nconnections-per-address=256\n\n'


def make_users(operations):
    return {'user%d' % number: 'load-test-password-%d' % number for number in range(max(USERS, operations // OPERATIONS_OF_USER))}


def make_service(operations=0):
    """For so many of them in one life."""
    common = dict(method='client_secret_post', redirect_uri=REDIRECT_URI, secret=SECRET, scope='a',
                  grant_types='authorization_code;refresh_token;client_credentials;', introspect='*;', audience='https://r1.test/;')
    clients = [Client('load', **common), Client('other', **common), Client('visit', **common)]
    service = Service(clients=clients, users=make_users(operations), sections=TOKENS + RESOURCES + LIMITS)
    service.source = '127.0.0.2'  # connections are counted by address
    service.own_session = True
    return service


def on_interrupt(do):
    """Calls do () when somebody ends the run. The programs under it are in sessions of their own: they end
    when we end them."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: do())


def sign_in(service):
    """Cookies of browsers that are signed in and have allowed the client."""
    cookies = []
    for name, password in service.users.items():
        browser = service.new_browser()
        last = browser.authorize(service.authorization_url(service.load), name, password)
        if last.status != 303 or 'code=' not in last.location:
            raise RuntimeError('no code for %s: %r' % (name, last))
        cookies.append('; '.join('%s=%s' % pair for pair in browser.cookies.items()))
    return cookies


class Workload:
    """The connections and the judge. @kills: they are told of each kill by tell_killed ()."""

    def __init__(self, service, cookies, *options, kills=False):
        self.clients = subprocess.Popen(
            [os.environ['FAULTS_CLIENTS'], '--port', str(service.port), *(['--kills'] if kills else []), *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, start_new_session=True)
        self.judge = subprocess.Popen(
            [sys.executable, os.path.join(HERE, 'check.py')], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            start_new_session=True)
        self.findings = []
        self.told = model.Tally()
        self.checked = None  # histories, operations, wrong
        self.ended = None  # operations, errors, lost, broken
        self._acknowledged = threading.Semaphore(0)
        authentication = 'client_id=%s&client_secret=' + SECRET
        self._say('\n'.join([authentication % 'load', authentication % 'other', 'load', *cookies, '', '']))
        self._threads = [threading.Thread(target=self._read_clients), threading.Thread(target=self._read_judge)]
        for thread in self._threads:
            thread.start()

    def _say(self, text):
        self.clients.stdin.write(text)
        self.clients.stdin.flush()

    def _read_clients(self):
        for line in self.clients.stdout:
            if line == 'k\n':
                self._acknowledged.release()
            elif line.startswith('end '):
                self.ended = tuple(int(word) for word in line.split()[1:])
            else:
                self._tell_judge(line)
        try:
            self.judge.stdin.close()
        except BrokenPipeError:
            pass
        self._acknowledged.release()

    def _tell_judge(self, line):
        try:
            self.judge.stdin.write(line)
        except BrokenPipeError:  # it broke off: without its last line there is no verdict
            pass

    def _read_judge(self):
        for line in self.judge.stdout:
            if line.startswith('checked '):
                self.checked = tuple(int(word) for word in line.split()[1:])
            elif line.startswith('told '):
                _, verb, *counts = line.split()
                self.told.add(verb, *map(int, counts))
            else:
                self.findings.append(line.rstrip())

    def tell_killed(self):
        """Returns when all that the dead service had said has been read."""
        self._say('K\n')
        if not self._acknowledged.acquire(timeout=60):
            raise RuntimeError('the connections do not answer')

    def finish(self):
        """All lives come to their end; what was found is in the attributes."""
        self._say('S\n')
        self.wait()

    def wait(self):
        self.clients.wait()
        for thread in self._threads:
            thread.join()
        self.judge.wait()
        self.clients.stdin.close()
        if self.checked is None or self.ended is None:
            raise RuntimeError('connections or judge broke off')

    def abandon(self):
        self.judge.kill()  # first: half a line would be no history
        self.clients.kill()
        for thread in self._threads:
            thread.join()
        self.clients.wait()
        self.judge.wait()
