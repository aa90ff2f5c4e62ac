#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""SIGKILL at any moment loses nothing that was acknowledged.

Connections work on the service without pause (workload.py), two visitors sign in, allow, sign out and take
back at its pages (visitor.py); meanwhile it is killed, by a signal that cannot be caught, 1 to 40 ms after its first answer, while it
starts or while it stops, and is started again on the same state. Every answer is held against a model that
goes on over the kills (model.py).

usage: kill.py [--cycles N] [--seconds S] [--seed X] [--connections N]

--seconds ends it after that time even if kills are left."""

import argparse
import os
import random
import signal
import socket
import sys
import time

import model
import workload
from tap import check, equal, main, test
from tessera_fixture import COMPLAINTS
from visitor import Lives, Visitor

GRACE = 60  # seconds for a start
SHARE = 0.25  # of what was asked by each verb that must have been answered: a kill takes what is under way
PATIENCE = 5  # seconds for a visitor
ROUND = 500  # kills on one state


class Figures:
    """What the service said in so many kills."""

    def __init__(self, kills=0, excused=0, told=None, visits=None):
        self.kills = kills
        self.excused = excused  # 503 while it stopped, at most
        self.told = told or model.Tally()
        self.visits = visits or dict.fromkeys(Visitor.FIGURES, 0)

    def join(self, other):
        self.kills += other.kills
        self.excused += other.excused
        self.told.join(other.told)
        for name, count in other.visits.items():
            self.visits[name] += count

    def silences(self):
        """What was answered too seldom for the run to show anything."""
        seldom = ['%s: %d' % (name, count) for name, count in self.visits.items() if count == 0]
        if self.told.busy() > self.excused:
            seldom.append('503: %d' % self.told.busy())
        return self.told.unheard(self.kills, SHARE) + seldom

    def __str__(self):
        return '%s; visits: %s' % (self.told, ', '.join('%s %d' % (name, count) for name, count in self.visits.items()))


class Kills:
    def __init__(self, arguments):
        self.arguments = arguments
        self.random = random.Random(arguments.seed)
        self.service = workload.make_service()
        self.kills = self.early = self.stopped = 0
        self.complaints = []
        self.lives = Lives()

    def run(self):
        s = self.service
        s.start()
        try:
            cookies = workload.sign_in(s)
            self.work = workload.Workload(s, cookies, '--connections', str(self.arguments.connections),
                                          '--customers', '16', '--seed', str(self.arguments.seed), kills=True)
            names = list(s.users)
            self.visitors = [Visitor(s, self.lives, names[number::2], self.arguments.seed + number) for number in range(2)]
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
        self.live_until_visited(10)
        while self.kills < self.arguments.cycles and not INTERRUPTED and (deadline is None or time.monotonic() < deadline):
            self.kill()
            self.work.tell_killed()
            self.start()
        self.kill()
        self.work.tell_killed()
        self.service.start_again()

    def live(self, seconds):
        """Time passes; nobody but us ends the service."""
        try:
            status = self.service.process.wait(seconds)
        except workload.subprocess.TimeoutExpired:
            return
        raise RuntimeError('the service ended by itself, status %d:\n%s' % (status, self.service.log.decode('utf-8', 'replace')))

    def live_until_visited(self, steps):
        """Pages take longer than most lives: now and then somebody gets far."""
        goals = [visitor.steps + steps for visitor in self.visitors]
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and any(visitor.steps < goal and not visitor.findings for visitor, goal in zip(self.visitors, goals)):
            self.live(0.002)

    def kill(self):
        self.lives.count()
        if self.random.random() < 0.1:
            self.stop()
        self.service.kill()
        self.lives.count()
        self.kills += 1
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
        if self.kills % 8 == 0:
            self.live_until_visited(1)

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
            visitor.take_leave()
        self.kill()
        s.start_again()
        for visitor in self.visitors:
            visitor.look_back()
        equal(s.terminate(), 0, 'exit status')
        self.complaints += COMPLAINTS.findall(bytes(s.log))

    def report(self):
        histories, operations, wrong = self.work.checked
        _, errors, lost, _ = self.work.ended
        print('# %d kills, %d of them during the start, %d while it stopped; %d operations in %d histories, %d of them under way when killed; seed %d' %
              (self.kills, self.early, self.stopped, operations, histories, lost, self.arguments.seed))
        print('# ' + str(self.figures()))
        print('# %d wrong histories, %d answers that should not be' % (wrong, errors), flush=True)

    def figures(self):
        visits = {name: sum(getattr(visitor, name) for visitor in self.visitors) for name in Visitor.FIGURES}
        return Figures(self.kills, self.stopped * self.arguments.connections, self.work.told, visits)

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
    figures = Figures()
    for arguments in rounds(ARGUMENTS):
        kills = Kills(arguments)
        kills.run()
        kills.report()
        check(kills.was_lossless(), '\n'.join(map(str, kills.findings()[:200])))
        figures.join(kills.figures())
    if INTERRUPTED:
        sys.exit('interrupted after %d of %d kills; until then nothing was lost' % (figures.kills, ARGUMENTS.cycles))
    equal(figures.silences(), [], 'what was hardly answered')
    print('# %d kills in all, nothing lost; %s' % (figures.kills, figures), flush=True)


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
