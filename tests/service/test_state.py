#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A state directory that is not as the service left it: refused, or understood, never ignored."""

import errno
import glob
import os
import shutil
import sqlite3

from workshop import Workshop, run
import tap
from tap import test
from tessera_fixture import Client, Service

MACHINE = dict(scope='a', grant_types='client_credentials;')


def with_service(name):
    """A service that has issued and revoked something, stopped."""
    def register(function):
        @test(name)
        def _():
            service = Service(clients=[Client('c1', **MACHINE), Client('rsall', introspect='*;', **MACHINE)])
            try:
                service.start()
                service.good, service.bad = service.machine_token(), service.machine_token()
                tap.equal(service.revoke(service.bad).status, 200)
                tap.equal(service.terminate(), 0)
                function(service)
                if service.process is not None:
                    tap.equal(service.terminate(), 0)
                service.check_log()
            finally:
                service.abandon()
    return register


def refuses(service, *words):
    """Exit status 78; the state is not touched."""
    before = snapshot(service)
    service.log.clear()
    service.start_again(wait=False)
    status = service._collect()
    said = service.log.decode('utf-8', 'replace')
    tap.equal(status, 78, said)
    tap.equal(len(said.strip().splitlines()), 1, said)
    for word in words:
        tap.contains(said, word)
    tap.equal(snapshot(service), before, 'the state was changed')


def snapshot(service):
    found = {}
    for folder, _, names in os.walk(service.state):
        for name in names:
            path = os.path.join(folder, name)
            if not name.endswith(('-shm', '-wal', 'lock')):
                with open(path, 'rb') as file:
                    found[path] = (os.stat(path).st_mode, file.read())
    return found


def goes_on(service, good=True):
    service.start_again()
    tap.equal(service.is_active(service.good), good, 'the token that nobody revoked')
    tap.check(not service.is_active(service.bad), 'the revoked token lives')


def key_files(service):
    found = sorted(path for path in glob.glob(service.state + '/**/*', recursive=True) if path.endswith('.pem'))
    tap.check(found, 'no key files in %s' % os.listdir(service.state))
    return found


@test('state: keys have a folder of their own where the file says so')
def _():
    with Workshop() as workshop:
        text = workshop.server() + '[keys]\ndirectory=elsewhere\n'
        tap.equal(workshop.start(text).stop(), 0)
        tap.check(glob.glob(workshop.path('elsewhere', '*.pem')), 'no key where the file says')
        tap.check(not os.path.exists(workshop.path('state', 'keys')), 'a folder nobody asked for')

        os.chmod(glob.glob(workshop.path('elsewhere', '*.pem'))[0], 0o644)
        workshop.refuses(text, '[keys] directory')

        shutil.rmtree(workshop.path('elsewhere'))
        again = workshop.start(text, wait=False)
        tap.equal(again.wait(), 78, again.text)
        tap.check(not os.path.exists(workshop.path('elsewhere')), 'keys were made for an old state')


@with_service('state: as it was, all goes on')
def _(service):
    goes_on(service)


@with_service('state: a key that others can read is refused')
def _(service):
    path = key_files(service)[0]
    for mode in (0o644, 0o640, 0o604):
        os.chmod(path, mode)
        refuses(service)
    status, said = service.run_check()
    tap.equal(status, 78, said)
    tap.contains(said, path)
    os.chmod(path, 0o600)
    status, said = service.run_check()
    tap.equal(status, 0, said)
    goes_on(service)


@with_service('state: a key that is missing is refused, not made anew')
def _(service):
    for path in key_files(service):
        os.rename(path, path + '.away')
        refuses(service)
        os.rename(path + '.away', path)
    goes_on(service)


@with_service('state: a key that is damaged or exchanged is refused')
def _(service):
    paths = key_files(service)
    with open(paths[0], 'rb') as file:
        key = file.read()
    with open(paths[1], 'rb') as file:
        other = file.read()
    for damaged in (b'', key[:-40], key.replace(b'PRIVATE', b'PUBLIC'), other):
        with open(paths[0], 'wb') as file:
            file.write(damaged)
        refuses(service)
    with open(paths[0], 'wb') as file:
        file.write(key)
    goes_on(service)


def database(service):
    return os.path.join(service.state, 'tessera.db')


def remove_database(service):
    for path in glob.glob(database(service) + '*'):
        os.unlink(path)


@with_service('state: a database that is gone revokes nothing back')
def _(service):
    remove_database(service)
    goes_on(service, good=False)
    tap.check(service.is_active(service.machine_token()), 'a new token')


@with_service('state: a database from an old backup revokes nothing back')
def _(service):
    backup = service.directory + '/backup'
    shutil.copytree(service.state, backup)
    service.start_again()
    late = service.machine_token()
    tap.equal(service.revoke(late).status, 200)
    tap.equal(service.terminate(), 0)
    remove_database(service)
    for path in glob.glob(backup + '/tessera.db*'):
        shutil.copy(path, service.state)
    goes_on(service, good=False)
    tap.check(not service.is_active(late), 'the token that the backup does not know of')


@with_service('state: a damaged database is refused')
def _(service):
    with open(database(service), 'r+b') as file:
        content = file.read()
        file.seek(0)
        file.write(b'\x55' * len(content))
    refuses(service)
    with open(database(service), 'wb') as file:
        file.write(content[:len(content) // 2])
    refuses(service)
    with open(database(service), 'wb') as file:
        file.write(content)
    goes_on(service)


@with_service('state: a database of a newer release is refused')
def _(service):
    connection = sqlite3.connect(database(service))
    version = connection.execute('PRAGMA user_version').fetchone()[0]
    connection.close()
    service.edit_database('PRAGMA user_version=%d' % (version + 1))
    refuses(service, 'newer release')
    service.edit_database('PRAGMA user_version=%d' % version)
    goes_on(service)


@test('state: after a sync that failed no revocation is confirmed, and the service ends to be started anew')
def _():
    service = Service(clients=[Client('c1', **MACHINE), Client('rsall', introspect='*;', **MACHINE)])
    try:
        service.start()
        kept, lost = service.machine_token(), service.machine_token()
        service.files.fail(service.files.SYNC, errno.EIO)
        answer = service.revoke(lost)
        tap.equal(answer.status, 503, repr(answer))
        tap.equal(service._collect(), 1, service.log.decode())
        tap.contains(service.log.decode(), 'cannot go on')
        service.files.heal()
        service.start_again()
        tap.check(service.is_active(kept), 'a token that nobody revoked')
        tap.equal(service.revoke(lost).status, 200)
        tap.check(not service.is_active(lost), 'the token lives')
        tap.equal(service.terminate(), 0)
        service.check_log()
    finally:
        service.abandon()


@test('state: a directory that cannot be made is refused')
def _():
    with Workshop() as workshop:
        workshop.write('file', '')
        service = workshop.start(workshop.server(**{'state-directory': 'file/state'}), wait=False)
        tap.equal(service.wait(), 78, service.text)
        tap.contains(service.text, workshop.path('file/state'))


@test('state: a client that the store has already is refused in a file')
def _():
    with Workshop() as workshop:
        issuer = 'http://127.0.0.1:%d' % workshop.port
        status, said = run([os.environ['REGISTER_CLIENT'], issuer, workshop.path('state')], env=workshop.environment())
        tap.equal(status, 0, said)
        client_id = said.split()[-1]
        service = workshop.start(workshop.server() + workshop.machine(client_id), wait=False)
        tap.equal(service.wait(), 78, service.text)
        tap.contains(service.text, client_id)
        tap.contains(service.text, workshop.config)
        service = workshop.start(workshop.server() + workshop.machine('another'))
        tap.equal(service.stop(), 0, service.text)


if __name__ == '__main__':
    tap.main()
