#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""SIGKILL at any moment loses nothing that was acknowledged.

Connections work on the service without pause (workload.py), two browsers sign in, allow and sign out at its
pages; meanwhile it is killed, by a signal that cannot be caught, 1 to 40 ms after its first answer, while it
starts or while it stops, and is started again on the same state. Every answer is held against a model that
goes on over the kills (model.py).

usage: kill.py [--cycles N] [--seconds S] [--seed X] [--connections N]

--seconds ends it after that time even if kills are left."""

import argparse
import http.client
import os
import random
import re
import signal
import socket
import sys
import threading
import time

import workload
from tap import check, equal, main, test
from tessera_fixture import COMPLAINTS, parameters_of

GRACE = 60  # seconds for a start
ROUND = 500  # kills on one state


class Again(Exception):
    """The service was not there: what was under way is unknown."""


class Visit:
    """A browser that was signed in, and what its session gave."""

    def __init__(self, browser, tokens):
        self.browser = browser
        self.tokens = tokens
        self.state = 'in'  # 'in', 'out', or 'leaving' when nobody knows


class Visitor(threading.Thread):
    """Signs in at the pages, allows, redeems, signs out, and looks at what became of earlier visits."""

    def __init__(self, service, seed):
        super().__init__()
        self.service = service
        self.random = random.Random(seed)
        self.visits = []
        self.begun = self.left = self.looked = 0
        self.findings = []
        self.stopping = False

    def run(self):
        while not self.stopping and not self.findings:
            try:
                self.note(self.step)
            except (Again, OSError, http.client.HTTPException, AttributeError):  # the last: closed under its reader
                time.sleep(0.002)
            except Exception as error:  # whatever it is, it must not go unnoticed
                self.findings.append(repr(error))

    def note(self, function, *arguments):
        """What is not as it should be is reported in the end, not here."""
        try:
            function(*arguments)
        except AssertionError as error:
            self.findings.append(str(error))

    def step(self):
        chance = self.random.random()
        if chance < 0.3 or not self.visits:
            self.sign_in()
        elif chance < 0.45:
            self.sign_out(self.random.choice(self.visits))
        else:
            self.look(self.random.choice(self.visits[-12:]))

    @staticmethod
    def there(answer):
        if answer.status == 503:
            raise Again
        return answer

    def sign_in(self):
        s = self.service
        name = self.random.choice(list(s.users))
        browser = s.new_browser()
        verifier = workload.new_verifier()
        url = s.authorization_url(s.visit, code_challenge=workload.challenge_of(verifier), prompt='consent')
        last = self.there(browser.authorize(url, name, s.users[name]))
        if last.status != 303:
            raise Again  # the page was of a process that died
        code = parameters_of(last.location)['code']
        answer = self.there(s.redeem(s.visit, code, verifier))
        equal(answer.status, 200, 'a code that was given: %r' % answer.body)
        self.visits.append(Visit(browser, answer.json()))
        self.begun += 1

    def sign_out(self, visit):
        if visit.state != 'in':
            return
        browser = visit.browser.copy()
        page = self.there(browser.get('/logout'))
        forms = [form for form in page.page.forms if form.method == 'post']
        check(forms, 'a session was forgotten: %r' % page)
        visit.state = 'leaving'
        answer = self.there(browser.submit_only(page, forms[0]))
        if answer.status == 403:  # the page was of a process that died: nothing was done
            visit.state = 'in'
            raise Again
        equal(answer.status, 303, 'signing out')
        visit.state = 'out'
        self.left += 1

    def look(self, visit):
        s = self.service
        last = self.there(visit.browser.copy().get(s.authorization_url(s.visit, prompt='none')))
        equal(last.status, 303, repr(last))
        inside = 'code=' in last.location
        answer = self.there(s.introspect(visit.tokens['access_token'], s.visit))
        active = answer.json()['active']
        if visit.state == 'in':
            check(inside and active, 'a visit was forgotten: session %s, token %s' % (inside, active))
        elif visit.state == 'out':
            check(not inside and not active, 'signed out and in again: session %s, token %s' % (inside, active))
        else:
            equal(inside, active, 'half signed out')
        self.looked += 1


class Kills:
    def __init__(self, arguments):
        self.arguments = arguments
        self.random = random.Random(arguments.seed)
        self.service = workload.make_service()
        self.kills = self.early = self.stopped = 0
        self.complaints = []

    def run(self):
        s = self.service
        s.start()
        try:
            cookies = workload.sign_in(s)
            self.work = workload.Workload(s, cookies, '--connections', str(self.arguments.connections),
                                          '--customers', '16', '--seed', str(self.arguments.seed), kills=True)
            self.visitors = [Visitor(s, self.arguments.seed + number) for number in range(2)]
            for visitor in self.visitors:
                visitor.start()
            try:
                self.kill_and_kill()
            except BaseException:
                self.work.abandon()
                raise
            finally:
                for visitor in self.visitors:
                    visitor.stopping = True
                for visitor in self.visitors:
                    visitor.join()
            self.come_to_an_end()
        finally:
            s.abandon()

    def kill_and_kill(self):
        deadline = time.monotonic() + self.arguments.seconds if self.arguments.seconds else None
        self.live(0.3)
        while self.kills < self.arguments.cycles and not INTERRUPTED and (deadline is None or time.monotonic() < deadline):
            self.kill()
            self.start()
        self.kill()
        self.service.start_again()

    def live(self, seconds):
        """Time passes; nobody but us ends the service."""
        try:
            status = self.service.process.wait(seconds)
        except workload.subprocess.TimeoutExpired:
            return
        raise RuntimeError('the service ended by itself, status %d:\n%s' % (status, self.service.log.decode('utf-8', 'replace')))

    def kill(self):
        if self.random.random() < 0.1:
            self.stop()
        self.service.kill()
        self.kills += 1
        self.work.tell_killed()
        self.complaints += COMPLAINTS.findall(bytes(self.service.log))
        self.service.log.clear()

    def stop(self):
        """Asked to end, it writes what makes the next start quick; that is cut short, too."""
        self.stopped += 1
        self.service.process.terminate()
        try:
            status = self.service.process.wait(self.random.choice([0.002, 0.01, 0.05, 10]))
            check(status in (0, -signal.SIGTERM), 'exit status %d' % status)  # the latter while it starts
        except workload.subprocess.TimeoutExpired:
            pass

    def start(self):
        s = self.service
        s.start_again(wait=False)
        if self.random.random() < 0.15:
            self.early += 1
            self.live(self.random.uniform(0, 0.03))
            return
        self.wait_for_answer()
        # Now and then long enough for the log to be copied into the database.
        self.live(self.random.uniform(0.2, 0.5) if self.kills % 40 == 0 else self.random.uniform(0.001, 0.04))

    def wait_for_answer(self):
        deadline = time.monotonic() + GRACE
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(('127.0.0.1', self.service.port), 10, (self.service.source, 0)) as connection:
                    connection.sendall(b'GET /jwks HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n' % self.service.port)
                    if connection.recv(12).startswith(b'HTTP/1.1 200'):
                        return
            except OSError:
                pass
            self.live(0.001)
        raise RuntimeError('no answer in time')

    def come_to_an_end(self):
        s = self.service
        s.wait_ready()
        self.work.finish()
        for visitor in self.visitors:
            for visit in visitor.visits[-200:]:
                visitor.note(visitor.look, visit)
        equal(s.terminate(), 0, 'exit status')
        self.complaints += COMPLAINTS.findall(bytes(s.log))

    def report(self):
        histories, operations, wrong = self.work.checked
        _, errors, lost, _ = self.work.ended
        visits = [sum(getattr(visitor, name) for visitor in self.visitors) for name in ('begun', 'left', 'looked')]
        print('# %d kills, %d of them during the start, %d while it stopped; %d operations in %d histories, %d of them under way when killed; '
              '%d visits, %d signed out, %d looks; seed %d' %
              (self.kills, self.early, self.stopped, operations, histories, lost, *visits, self.arguments.seed))
        print('# %d wrong histories, %d answers that should not be' % (wrong, errors), flush=True)

    def findings(self):
        return self.work.findings + [finding for visitor in self.visitors for finding in visitor.findings] + self.complaints

    def was_lossless(self):
        return self.work.checked[2] == 0 and self.work.ended[1] == 0 and not self.findings()


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument('--cycles', type=int, default=int(os.environ.get('TESSERA_KILLS', 300)))
    parser.add_argument('--seconds', type=float)
    parser.add_argument('--seed', type=int, default=random.randrange(1 << 31))
    parser.add_argument('--connections', type=int, default=12)
    arguments, rest = parser.parse_known_args()
    sys.argv[1:] = rest
    return arguments


ARGUMENTS = parse_arguments()
INTERRUPTED = []  # with anything in it: the run ends after the next kill


def rounds(arguments):
    """The arguments of each round: a state that grows old starts slowly."""
    began = time.monotonic()
    left = arguments.cycles
    while left > 0 and not INTERRUPTED:
        seconds = arguments.seconds and arguments.seconds - (time.monotonic() - began)
        if seconds is not None and seconds <= 0:
            return
        yield argparse.Namespace(**{**vars(arguments), 'cycles': min(left, ROUND), 'seconds': seconds, 'seed': arguments.seed + left})
        left -= ROUND


@test('faults/kill nothing that was acknowledged is lost by SIGKILL')
def _():
    done = 0
    for arguments in rounds(ARGUMENTS):
        kills = Kills(arguments)
        kills.run()
        kills.report()
        check(kills.was_lossless(), '\n'.join(map(str, kills.findings()[:200])))
        done += kills.kills
    if INTERRUPTED:
        sys.exit('interrupted after %d of %d kills; until then nothing was lost' % (done, ARGUMENTS.cycles))
    print('# %d kills in all, nothing lost' % done, flush=True)


@test('faults/kill a service that answers before it commits is found out')
def _():
    os.environ['TESSERA_TEST_LAZY_COMMIT'] = '20'
    try:
        kills = Kills(argparse.Namespace(cycles=8, seconds=None, seed=ARGUMENTS.seed, connections=12))
        kills.run()
    finally:
        del os.environ['TESSERA_TEST_LAZY_COMMIT']
    kills.report()
    check(not kills.was_lossless(), 'nothing was noticed')


if __name__ == '__main__':
    workload.on_interrupt(lambda: INTERRUPTED.append(True))
    main()
