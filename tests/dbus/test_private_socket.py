#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The service's own socket: whoever may, controls it without a bus; nobody else gets a word in."""

import os
import shutil
import signal
import socket
import stat
import subprocess

import message_bus
from message_bus import LIMITS, MANAGER, NAME, NOBODY, PATH, call, connect_peer, refused
from controlled import Controlled
from gi.repository import GLib
import tap
from tap import check, contains, equal, main, skip, test

CONNECTIONS = 64  # tesserad-private-socket.c


def gdbus(service, method, *arguments):
    done = subprocess.run(
        ['gdbus', 'call', '--address', 'unix:path=' + service.socket, '--dest', NAME, '--object-path', PATH + '/manager', '--method',
         NAME + '.Manager.' + method, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, text=True)
    return done.returncode, done.stdout


def descriptors(service):
    return len(os.listdir('/proc/%d/fd' % service.process.pid))


def greet(service, line):
    """What the service says to the first line of an authentication, as D-Bus has it."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(service.socket)
        connection.sendall(b'\0' + line + b'\r\n')
        return connection.recv(4096)


@test('gdbus --address reaches the service without a bus')
def _(service):
    status, said = gdbus(service, 'ListClients', '', '1')
    equal(status, 0, said)
    status, said = gdbus(service, 'RevokeSubject', 'alice')
    equal((status, said.strip()), (0, '()'))
    status, said = gdbus(service, 'RevokeJti', 'no such')
    check('GDBus.Error' not in said or 'Tessera1' in said, said)


@test('busctl --address reaches it as well, and shows what there is')
def _(service):
    if shutil.which('busctl') is None:
        skip('busctl is not here')
    command = ['busctl', '--address=unix:path=' + service.socket]
    done = subprocess.run([*command, 'call', NAME, *MANAGER, 'ListClients', 'su', '', '1'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, text=True)
    equal(done.returncode, 0, done.stdout)
    check(done.stdout.startswith('aa{sv} 1 '), done.stdout)
    done = subprocess.run([*command, 'tree', '--list', NAME], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, text=True)
    contains(done.stdout, PATH + '/keyring/')


@test('the socket is for its user alone, and nobody else can write in its folder')
def _(service):
    equal(oct(stat.S_IMODE(os.stat(service.socket).st_mode)), oct(0o600))
    equal(oct(stat.S_IMODE(os.stat(os.path.dirname(service.socket)).st_mode)), oct(0o700))


@test('only EXTERNAL is offered, and only for who the kernel says it is')
def _(service):
    equal(greet(service, b'AUTH'), b'REJECTED EXTERNAL\r\n')
    contains(greet(service, b'AUTH ANONYMOUS'), b'REJECTED EXTERNAL')
    contains(greet(service, b'AUTH DBUS_COOKIE_SHA1 30'), b'REJECTED EXTERNAL')
    contains(greet(service, b'AUTH EXTERNAL ' + str(os.geteuid()).encode().hex().encode()), b'OK ')
    contains(greet(service, b'AUTH EXTERNAL ' + b'12345'.hex().encode()), b'REJECTED EXTERNAL')


@test('another user is shown the door, even if the modes of the files let them in')
def _(service):
    if os.geteuid() != 0:
        skip('only root can be another user')
    folder = os.path.dirname(service.socket)
    modes = [(path, stat.S_IMODE(os.stat(path).st_mode)) for path in (service.directory, folder, service.socket)]
    program = 'import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(bytes(1) + b"AUTH\\r\\n"); print(s.recv(100))'
    command = ['/usr/bin/python3', '-c', program, service.socket]
    options = dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, user=NOBODY, group=NOBODY, extra_groups=[], cwd='/', text=True, timeout=60)
    contains(subprocess.run(command, **options).stdout, 'Permission denied')
    try:
        for path, mode in modes:
            os.chmod(path, 0o777)
        said = subprocess.run(command, **options).stdout
        check("b''" in said or 'reset' in said.lower() or 'Broken pipe' in said, said)
    finally:
        for path, mode in modes:
            os.chmod(path, mode)
    tap.until(lambda: b'neither root nor the user of the service' in service.log, 'a word about it')


@test('a connection more than there may be is closed, and one that ends makes room')
def _(service):
    service.peer.close_sync(None)
    connections = []
    try:
        for _ in range(CONNECTIONS):
            connections.append(connect_peer(service.socket))
        try:
            connect_peer(service.socket)
            check(False, 'one too many was let in')
        except GLib.Error:
            pass
        connections.pop().close_sync(None)

        def enter():
            try:
                connections.append(connect_peer(service.socket))
            except GLib.Error:
                return False
            return True
        tap.until(enter, 'room for one more')
    finally:
        for connection in connections:
            connection.close_sync(None)


@test('connections that never authenticate do not keep others out, and are closed in the end')
def _(service):
    service.peer.close_sync(None)
    half = []
    for _ in range(8):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(service.socket)
        half.append(connection)
    equal(call(connect_peer(service.socket), MANAGER, 'ListClients', GLib.Variant('(su)', ('', 1)))[0].__class__, list)
    for connection in half:
        connection.settimeout(30)
        equal(connection.recv(1), b'', 'who never says who they are')
        connection.close()


@test('arguments that are too large are refused and nothing comes of them')
def _(service):
    before = service.digest()
    huge = 'a' * (600 * 1024)
    equal(refused(service.control, 'RevokeSubject', GLib.Variant('(s)', (huge,))), LIMITS)
    large = 'a' * (400 * 1024)  # let in, then too large for what it is to be
    check('Error' in refused(service.control, 'RevokeSubject', GLib.Variant('(s)', (large,))), 'a subject of 400 KiB')
    equal(service.digest(), before)


@test('wrong types are refused and nothing comes of them')
def _(service):
    before = service.digest()
    invalid = 'org.freedesktop.DBus.Error.InvalidArgs'
    for arguments in (None, GLib.Variant('(u)', (1,)), GLib.Variant('(ss)', ('a', 'b')), GLib.Variant('(as)', (['a'],)), GLib.Variant('(v)', (GLib.Variant('s', 'a'),))):
        equal(refused(service.control, 'RevokeSubject', arguments), invalid, repr(arguments))
    for name, value in (('client_name', GLib.Variant('u', 1)), ('redirect_uris', GLib.Variant('s', 'x')), ('no_such_name', GLib.Variant('s', 'x'))):
        equal(refused(service.control, 'RegisterClient', GLib.Variant('(a{sv})', ({name: value},))), invalid, name)
    equal(service.digest(), before)


@test('bytes that are no message end their connection and nothing else')
def _(service):
    external = b'AUTH EXTERNAL ' + str(os.geteuid()).encode().hex().encode()
    for garbage in (b'\0' * 64, b'l\1\0\1' + b'\xff' * 60, b'GET / HTTP/1.1\r\n\r\n' * 4, b'l\1\0\1\xff\xff\xff\x07\1\0\0\0\0\0\0\0'):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(20)
            connection.connect(service.socket)
            connection.sendall(b'\0' + external + b'\r\n')
            contains(connection.recv(4096), b'OK ')
            connection.sendall(b'BEGIN\r\n' + garbage)
            connection.shutdown(socket.SHUT_WR)
            try:
                equal(connection.recv(4096), b'', repr(garbage[:16]))
            except ConnectionResetError:
                pass  # closed before all of it was read
    check(service.digest(), 'the service answers')


@test('connections that end as soon as they have begun are forgotten')
def _(service):
    service.peer.close_sync(None)
    external = b'AUTH EXTERNAL ' + str(os.geteuid()).encode().hex().encode()

    def come_and_go():
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(20)
            connection.connect(service.socket)
            try:
                connection.sendall(b'\0' + external + b'\r\n')
                connection.recv(4096)
                connection.sendall(b'BEGIN\r\n')
            except (ConnectionResetError, BrokenPipeError):
                return  # 64 others have not been forgotten yet
    for _ in range(4 * CONNECTIONS):
        come_and_go()
    tap.until(lambda: descriptors(service) < 64, 'few open files')
    check(service.digest(), 'the service answers')


@test('a sender that a caller writes into a message is not believed, nor asked')
def _(service):
    from gi.repository import Gio
    message = Gio.DBusMessage.new_method_call(None, MANAGER[0], MANAGER[1], 'ListClients')
    message.set_sender('org.freedesktop.PolicyKit1')
    message.set_body(GLib.Variant('(su)', ('', 1)))
    reply, _ = service.peer.send_message_with_reply_sync(message, Gio.DBusSendMessageFlags.NONE, 20000, None)
    equal(reply.get_message_type(), Gio.DBusMessageType.METHOD_RETURN, 'the kernel says who it is')


@test('a socket that a killed service left is replaced')
def _(service):
    service.process.send_signal(signal.SIGKILL)
    service.kill()
    check(os.path.exists(service.socket), 'nothing was left')
    service.start_again()
    equal(gdbus(service, 'ListClients', '', '1')[0], 0)


@test('another service does not take the socket of one that runs')
def _(service):
    other = os.path.join(service.directory, 'other.conf')
    with open(service.config, encoding='utf-8') as file:
        text = file.read()
    text = text.replace('state-directory=' + service.state, 'state-directory=' + service.state + '-2')
    text = text.replace('address=127.0.0.1:%d' % service.port, 'address=127.0.0.1:0').replace('[dbus]\n', '[dbus]\nsocket=%s\n' % service.socket)
    with open(os.open(other, os.O_WRONLY | os.O_CREAT, 0o600), 'w', encoding='utf-8') as file:
        file.write(text)
    done = subprocess.run([os.environ['TESSERAD'], '--config', other], env=service.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, text=True)
    equal(done.returncode, 1, done.stdout)
    contains(done.stdout, '[dbus] socket: %s: another process serves there' % service.socket)
    equal(gdbus(service, 'ListClients', '', '1')[0], 0)


@test('a file that is no socket, and a folder where others can write, refuse the start')
def _(service):
    service.terminate()
    folder = os.path.join(service.directory, 'open')
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    plain = os.path.join(service.directory, 'plain')
    open(plain, 'w').close()
    sections = service.sections
    try:
        for path, word in ((plain, 'not a socket'), (os.path.join(folder, 'bus'), 'others than this user and root can write there')):
            service.sections = sections + 'socket=%s\n' % path
            service.write_configuration()
            done = subprocess.run([os.environ['TESSERAD'], '--config', service.config], env=service.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, text=True)
            equal(done.returncode, 1, done.stdout)
            contains(done.stdout, word)
        check(os.path.isfile(plain), 'the file is gone')
        service.sections = sections + 'socket=%s\n' % ('x' * 120)
        equal(service.run_check()[0], 78)
    finally:
        service.sections = sections
        service.write_configuration()
        shutil.rmtree(folder)
        service.start_again()


@test('Reload says what is wrong, and what is right is in force when it answers')
def _(service):
    equal(service.control('Reload'), ())
    with open(service.config, 'a', encoding='utf-8') as file:
        file.write('[nonsense]\na=b\n')
    try:
        service.control('Reload')
        check(False, 'nonsense was taken')
    except message_bus.Refused as error:
        contains(error.message, '[nonsense]')
    service.write_configuration()
    equal(service.control('Reload'), ())


if __name__ == '__main__':
    main(lambda: Controlled(kind='none'))
