# SPDX-License-Identifier: LGPL-2.1-or-later
"""A test runner of a few lines: a test is a function with a sentence for a name, the output is TAP.

    @test('rfc7009/2.2 unknown token is ok')
    def _(service): ...

    if __name__ == '__main__':
        main(Service)

Arguments are parts of names: only tests that contain one of them run. `--list` prints the names.
With TESSERA_TEST_UNTIL_FAILURE in the environment nothing runs behind the first test that fails.
"""

import os
import sys
import time
import traceback

# Seconds after which what has not come is taken for lost: many times what it needs on a machine that is busy with
# something else. Who waits for a thing waits so long, and not a second longer than it takes.
PATIENCE = 60

_tests = []


class Failure(AssertionError):
    pass


class Skip(Exception):
    pass


def test(name, **options):
    if '#' in name:
        raise ValueError('a # would start a TAP directive: ' + name)

    def register(function):
        _tests.append((name, function, options))
        return function

    return register


def skip(reason):
    raise Skip(reason)


def check(condition, message):
    if not condition:
        raise Failure(message)


def equal(got, expected, what=''):
    if got != expected:
        raise Failure('%sexpected %r, got %r' % (what + ': ' if what else '', expected, got))


def one_of(got, expected, what=''):
    if got not in expected:
        raise Failure('%sexpected one of %r, got %r' % (what + ': ' if what else '', expected, got))


def contains(text, part, what=''):
    if part not in text:
        raise Failure('%sexpected %r in %.2000r' % (what + ': ' if what else '', part, text))


def lacks(text, part, what=''):
    if part in text:
        raise Failure('%sdid not expect %r in %.2000r' % (what + ': ' if what else '', part, text))


def until(condition, what, pause=0.01):
    """Waits for @condition (), and returns what it is then."""
    end = time.monotonic() + PATIENCE
    while True:
        met = condition()
        if met:
            return met
        check(time.monotonic() < end, 'not in time: %s' % (what() if callable(what) else what))
        time.sleep(pause)


def argument(name):
    """The first argument of a program that needs one, called @name; main () does not see it."""
    if len(sys.argv) < 2 or sys.argv[1].startswith('-'):
        sys.stderr.write('usage: %s %s [--list] [PART-OF-A-NAME…]\n' % (os.path.basename(sys.argv[0]), name))
        sys.exit(2)
    return sys.argv.pop(1)


def _say(text):
    sys.stdout.write(text + '\n')
    sys.stdout.flush()


def _diagnose(error):
    for line in traceback.format_exception(type(error), error, error.__traceback__):
        for part in line.rstrip().splitlines():
            _say('# ' + part)


def _run_one(number, name, function, arguments):
    began = time.monotonic()
    try:
        function(*arguments)
    except Skip as reason:
        _say('ok %d %s # SKIP %s' % (number, name, reason))
        return True
    except Exception as error:  # whatever it was, the next test runs
        _say('not ok %d %s' % (number, name))
        _diagnose(error)
        return False
    took = time.monotonic() - began
    _say('ok %d %s' % (number, name))
    if took > 3:
        _say('# took %.1f s' % took)
    return True


def main(make=None):
    """Runs all tests of the program with one object made by @make, which may have start (), stop ()
    and before_test (); stop () is the last test. Returns by sys.exit ()."""
    names = [argument for argument in sys.argv[1:] if not argument.startswith('--')]
    chosen = [entry for entry in _tests if not names or any(part in entry[0] for part in names)]
    if '--list' in sys.argv:
        for name, _, _ in chosen:
            _say(name)
        sys.exit(0)

    _say('1..%d' % (len(chosen) + (1 if make else 0)))
    subject = None
    if make:
        try:
            subject = make()
            subject.start()
        except Exception as error:
            _diagnose(error)
            _say('Bail out! the service did not start')
            if subject is not None:
                subject.abandon()
            sys.exit(1)

    good = True
    for number, (name, function, _) in enumerate(chosen, 1):
        if make:
            subject.before_test()
        good = _run_one(number, name, function, (subject,) if make else ()) and good
        if not good and 'TESSERA_TEST_UNTIL_FAILURE' in os.environ:
            break
    if make:
        good = _run_one(len(chosen) + 1, 'the service stops in order and complained of nothing', subject.stop, ()) and good
    sys.exit(0 if good else 1)
