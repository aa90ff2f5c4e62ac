# SPDX-License-Identifier: LGPL-2.1-or-later
"""A service small enough to be started some hundred times."""

import ctypes
import errno
import os
import shutil
import socket
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'support'))

import tap  # noqa: E402
from tessera_fixture import R1, Client, Service  # noqa: E402

if 'TESSERAD' not in os.environ:
    sys.exit('TESSERAD is the service under test; ./dev faults sets it.')


def parse_arguments():
    """Options are for the script, names for the runner of tests."""
    sys.argv[1:] = [argument for argument in sys.argv[1:] if not argument.startswith('--')]


class Rig(Service):
    def __init__(self):
        both = dict(scope='a', resources=R1 + ';', audience=R1 + ';')
        super().__init__(clients=[
            Client('c1', redirect_uri='https://c1.test/cb', grant_types='authorization_code;refresh_token;client_credentials;', **both),
            Client('rsall', scope='a', grant_types='client_credentials;', introspect='*;'),
        ])

    def before_test(self):
        self.files.heal()
        super().before_test()

    def forget_state(self):
        shutil.rmtree(self.state, ignore_errors=True)

    def send_and_leave(self, text):
        """Without waiting for the answers: whoever writes them meets a closed socket."""
        with socket.create_connection(('127.0.0.1', self.port), 10) as connection:
            connection.sendall(text.encode())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')


# A file system of one's own.

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000


def enter_namespace():
    """Where mounts are seen by this process and its children only. Before any thread is made. None, or why not."""
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.geteuid(), os.getegid()
    if libc.unshare(CLONE_NEWNS if uid == 0 else CLONE_NEWNS | CLONE_NEWUSER) != 0:
        return os.strerror(ctypes.get_errno())
    try:
        if uid != 0:
            for name, text in (('setgroups', 'deny'), ('uid_map', '%d %d 1' % (uid, uid)), ('gid_map', '%d %d 1' % (gid, gid))):
                with open('/proc/self/' + name, 'w', encoding='ascii') as file:
                    file.write(text)
        mount('--make-rprivate', '/')
    except (OSError, subprocess.CalledProcessError) as error:
        return str(error)
    return None


_obstacle = 'nobody tried'


def prepare_mounts():
    global _obstacle
    _obstacle = enter_namespace()


def mount(*arguments):
    subprocess.run(['mount', *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def mount_or_skip(*arguments):
    if _obstacle is not None:
        tap.skip('no mount namespace: ' + _obstacle)
    try:
        mount(*arguments)
    except (OSError, subprocess.CalledProcessError) as error:
        tap.skip(str(error))


def unmount(path):
    subprocess.run(['umount', '--lazy', path], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class OwnDisk:
    """A context in which the state of @service, which begins anew, lies on a file system of its own."""

    def __init__(self, service, *how):
        self._service = service
        self._how = how
        self._kept = service.state + '.kept'

    def __enter__(self):
        service = self._service
        tap.equal(service.terminate(), 0)
        os.rename(service.state, self._kept)
        os.mkdir(service.state, 0o700)
        try:
            mount_or_skip(*self._how, service.state)
        except BaseException:
            self._restore()
            raise
        os.chmod(service.state, 0o700)
        service.start_again()
        service.forget_browsers()
        return self

    def _restore(self):
        os.rmdir(self._service.state)
        os.rename(self._kept, self._service.state)
        self._service.start_again()
        self._service.forget_browsers()

    def __exit__(self, kind, error, trace):
        if self._service.process is not None:
            self._service.process.kill()
            self._service._collect()
        unmount(self._service.state)
        self._restore()

    def fill(self):
        """Not a byte is left."""
        self._filler = os.path.join(self._service.state, 'filler')
        with open(self._filler, 'ab', buffering=0) as file:
            try:
                while True:
                    file.write(b'x' * 4096)
            except OSError as problem:
                tap.equal(problem.errno, errno.ENOSPC)

    def make_room(self):
        os.unlink(self._filler)
