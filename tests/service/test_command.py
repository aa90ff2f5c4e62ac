#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command: it makes secrets and hashes, and takes neither as an argument."""

import ctypes
import ctypes.util
import os
import pty
import re
import stat
import subprocess
import tempfile

from workshop import run
import tap
from tap import test

COMMAND = os.environ['TESSERA']


def tessera(*words, said=None):
    done = subprocess.run([COMMAND, *words], input=said, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def matches(password, line):
    library = ctypes.CDLL(ctypes.util.find_library('crypt') or 'libcrypt.so.1')
    library.crypt.restype = ctypes.c_char_p
    return library.crypt(password.encode(), line.encode()).decode() == line


@test('help, version and mistakes have their exit codes')
def _():
    tap.equal(tessera('--version')[0], 0)
    status, out, _ = tessera('--help')
    tap.equal(status, 0)
    tap.contains(out, 'hash-password')
    for words in ((), ('frobnicate',), ('hash-password', '--nothing'), ('generate-secret', 'stray')):
        status, out, err = tessera(*words)
        tap.equal((status, out), (2, ''), err)


@test('generate-secret: 43 characters, never twice')
def _():
    secrets = set()
    for _ in range(20):
        status, out, err = tessera('generate-secret')
        tap.equal((status, err), (0, ''))
        tap.check(re.fullmatch(r'[A-Za-z0-9_-]{43}\n', out), out)
        secrets.add(out)
    tap.equal(len(secrets), 20)


@test('generate-secret: a new file is for its owner only; one that is there stays')
def _():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'secret')
        status, out, err = tessera('generate-secret', '--output', path)
        tap.equal((status, out, err), (0, '', ''))
        tap.equal(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with open(path, encoding='ascii') as file:
            first = file.read()
        tap.equal(len(first), 44)
        status, out, err = tessera('generate-secret', '--output', path)
        tap.equal(status, 1, err)
        with open(path, encoding='ascii') as file:
            tap.equal(file.read(), first)


@test('hash-password: a line of the users file from standard input')
def _():
    status, out, err = tessera('hash-password', '--user', 'alice', said=b'correct horse\n')
    tap.equal((status, err), (0, ''))
    tap.check(re.fullmatch(r'alice:\$y\$[^:\s]+\n', out), out)
    tap.check(matches('correct horse', out.strip().split(':')[1]), 'the hash is of another password')


@test('hash-password: without a name the hash alone; without a password nothing')
def _():
    status, out, _ = tessera('hash-password', said='grün'.encode())
    tap.equal(status, 0)
    tap.check(matches('grün', out.strip()), out)
    for nothing in (b'', b'\n', b'x' * 2000 + b'\n'):
        status, out, err = tessera('hash-password', said=nothing)
        tap.equal((status, out), (1, ''), err)


@test('hash-password: a name that would break the file is refused')
def _():
    for name in ('a:b', '', 'a\nb', 'x' * 300):
        status, out, _ = tessera('hash-password', '--user', name, said=b'password\n')
        tap.equal((status, out), (2, ''))


@test('hash-password: a password on the command line is refused, and not repeated')
def _():
    status, out, err = tessera('hash-password', 'canary-password')
    tap.equal((status, out), (2, ''))
    tap.lacks(err, 'canary')


def at_terminal(answers):
    """hash-password at a terminal: (exit status, what the terminal showed)."""
    pid, master = pty.fork()
    if pid == 0:
        os.execv(COMMAND, [COMMAND, 'hash-password'])
    shown = b''
    try:
        for question, answer in answers:
            while question not in shown:
                shown += os.read(master, 4096)
            os.write(master, answer + b'\n')
        while True:
            part = os.read(master, 4096)
            if not part:
                break
            shown += part
    except OSError:  # the terminal is gone
        pass
    _, status = os.waitpid(pid, 0)
    os.close(master)
    return os.waitstatus_to_exitcode(status), shown.decode()


@test('hash-password: a terminal is asked twice and shows nothing')
def _():
    status, shown = at_terminal([(b'Password: ', b'canary-word'), (b'more: ', b'canary-word')])
    tap.equal(status, 0, shown)
    tap.lacks(shown, 'canary')
    tap.contains(shown, '$y$')
    status, shown = at_terminal([(b'Password: ', b'canary-word'), (b'more: ', b'canary-wort')])
    tap.equal(status, 1, shown)
    tap.lacks(shown, '$y$')


if __name__ == '__main__':
    tap.main()
