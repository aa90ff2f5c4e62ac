# SPDX-License-Identifier: LGPL-2.1-or-later
"""A resource server on a leash: the program verifier-probe, which says what a TesseraVerifier says.

Environment: VERIFIER_PROBE, the program. Its clock is that of the service beside it."""

import json
import os
import subprocess

import tap
from tessera_fixture import COMPLAINTS


class Probe:
    def __init__(self, issuer, *options, clock_file=None):
        environment = dict(os.environ, G_DEBUG='fatal-criticals', LC_ALL='C.UTF-8',
                           ASAN_OPTIONS='detect_leaks=1:abort_on_error=0', UBSAN_OPTIONS='print_stacktrace=1:halt_on_error=1')
        if clock_file is not None:
            environment['TESSERA_TEST_CLOCK'] = clock_file
        self._log = open(os.memfd_create('probe'), 'w+b')
        self.process = subprocess.Popen([os.environ['VERIFIER_PROBE'], issuer, *options], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self._log, env=environment)

    def ask(self, *words):
        """The answer to one command."""
        self.process.stdin.write((' '.join(str(word) for word in words) + '\n').encode())
        self.process.stdin.flush()
        return self._read()

    def _read(self):
        line = self.process.stdout.readline()
        if not line:
            raise tap.Failure('the probe ended with %s: %s' % (self.process.wait(10), self.log()[-3000:]))
        return json.loads(line)

    def check(self, token, audience=None):
        return self.ask('check', token, *([audience] if audience else []))

    def check_async(self, token, audience=None):
        return self.ask('check-async', token, *([audience] if audience else []))

    def wait_ready(self):
        tap.check(self.ask('wait-ready')['done'], 'not ready: %r' % self.ask('problem'))

    def wait_generation(self, generation):
        tap.check(self.ask('wait-generation', generation)['done'], 'no generation %d' % generation)

    def get(self, name):
        return self.ask(name)[name]

    def dump(self):
        """{(rule, value, instant, expires)}: what is refused."""
        entries, answer = set(), self.ask('dump')
        while 'entries' not in answer:
            entries.add((answer['rule'], answer['value'], answer.get('instant'), answer['expires']))
            answer = self._read()
        tap.equal(len(entries), answer['entries'], 'entries')
        return entries

    def log(self):
        return os.pread(self._log.fileno(), 1 << 20, 0).decode('utf-8', 'replace')

    def stop(self):
        """It ends in order and complained of nothing."""
        try:
            self.process.stdin.close()
            tap.equal(self.process.wait(60), 0, 'exit status of the probe')
            found = COMPLAINTS.search(self.log().encode())
            tap.check(not found, 'the probe complained: ' + self.log()[-4000:])
        finally:
            self.abandon()

    def abandon(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        if not self._log.closed:
            self._log.close()
