#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""`meson install`: every file is where Debian expects it, and nothing else is installed.

usage: test_install.py BUILD-DIRECTORY"""

import json
import os
import re
import stat
import subprocess
import tempfile
import xml.etree.ElementTree

import workshop  # noqa: F401, it knows where the fixture is
import tap
from tap import check, equal, main, test

BUILD = os.path.abspath(tap.argument('BUILD-DIRECTORY'))
ROOT = workshop.ROOT

# Where prefix is /usr and sysconfdir /etc. ARCH: the folder of the architecture's libraries.
LIBRARY = [
    'ARCH/libtessera-1.so', 'ARCH/libtessera-1.so.0', 'ARCH/libtessera-1.so.0.0.0', 'ARCH/pkgconfig/tessera-1.pc',
]
INTROSPECTION = ['ARCH/girepository-1.0/Tessera-1.typelib', '/usr/share/gir-1.0/Tessera-1.gir',
                 '/usr/share/vala/vapi/tessera-1.deps', '/usr/share/vala/vapi/tessera-1.vapi']
DBUS = ['ARCH/libtessera-dbus-1.so', 'ARCH/libtessera-dbus-1.so.0', 'ARCH/libtessera-dbus-1.so.0.0.0', 'ARCH/pkgconfig/tessera-dbus-1.pc']
DBUS_INTROSPECTION = ['ARCH/girepository-1.0/TesseraDBus-1.typelib', '/usr/share/gir-1.0/TesseraDBus-1.gir',
                      '/usr/share/vala/vapi/tessera-dbus-1.deps', '/usr/share/vala/vapi/tessera-dbus-1.vapi']
SERVICE = [
    '/usr/bin/tesserad', '/usr/libexec/tessera-outbound',
    '/usr/lib/systemd/system/tessera-outbound.service', '/usr/lib/systemd/system/tessera-outbound.socket',
    '/usr/lib/systemd/system/tesserad.service', '/usr/lib/systemd/system/tesserad.socket',
    '/usr/lib/systemd/system/tesserad-isolated.service', '/usr/lib/systemd/system/tesserad-isolated.socket',
    '/usr/lib/systemd/user/tesserad.service', '/usr/lib/systemd/catalog/tessera.catalog',
    '/usr/lib/sysusers.d/tessera.conf', '/usr/lib/tmpfiles.d/tessera.conf',
    '/usr/share/dbus-1/services/org.tessera.Tessera1.service',
    '/usr/share/dbus-1/system-services/org.tessera.Tessera1.service',
    '/usr/share/dbus-1/system.d/org.tessera.Tessera1.conf',
    '/usr/share/polkit-1/actions/org.tessera.Tessera1.policy',
    '/usr/share/doc/tessera/fail2ban/tesserad-filter.conf', '/usr/share/doc/tessera/fail2ban/tesserad-jail.conf',
    '/etc/tessera/tessera.conf',
]
SERVICE_MAN = ['/usr/share/man/man5/tessera.conf.5', '/usr/share/man/man8/tesserad.8', '/usr/share/man/man8/tessera-outbound.8']
COMMAND = ['/usr/bin/tessera', '/usr/share/bash-completion/completions/tessera',
           '/usr/bin/tessera-haproxy', '/usr/share/tessera/python/denylist.py', '/usr/share/tessera/python/tokens.py']
COMMAND_UNITS = ['/usr/lib/systemd/system/tessera-haproxy.service']
COMMAND_MAN = ['/usr/share/man/man1/tessera.1', '/usr/share/man/man8/tessera-haproxy.8']
PAM = ['/usr/libexec/tessera-pam-agent', '/usr/lib/systemd/system/tessera-pam-agent.service', '/etc/pam.d/tessera']
PAM_MAN = ['/usr/share/man/man8/tessera-pam-agent.8']
# Of these there are many, and each is known by its folder.
FAMILIES = [r'/usr/include/tessera-1/([a-z]+/)?tessera[a-z0-9-]*\.h', r'/usr/include/tessera-dbus-1/tessera-dbus[a-z-]*\.h',
            r'/usr/share/locale/\w+/LC_MESSAGES/tessera\.mo']


def introspect(what):
    done = subprocess.run(['meson', 'introspect', what, BUILD], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


OPTIONS = {option['name']: option['value'] for option in introspect('--buildoptions')}


def expected():
    files = list(LIBRARY)
    if OPTIONS['introspection']:
        files += INTROSPECTION
    if OPTIONS['dbus']:
        files += DBUS + (DBUS_INTROSPECTION if OPTIONS['introspection'] else [])
    if OPTIONS['service']:
        files += SERVICE + (SERVICE_MAN if OPTIONS['man'] else [])
    if OPTIONS['command']:
        files += COMMAND + (COMMAND_MAN if OPTIONS['man'] else []) + (COMMAND_UNITS if OPTIONS['service'] else [])
    if OPTIONS['pam']:
        files += PAM + (PAM_MAN if OPTIONS['man'] else [])
    library = '/usr/' + OPTIONS['libdir']
    return {path.replace('ARCH', library) for path in files}


def as_for_debian(path):
    """A path of this build's prefix, as it is when that is /usr."""
    prefix = OPTIONS['prefix']
    configuration = os.path.join(prefix, OPTIONS['sysconfdir'])
    if path.startswith(configuration + '/'):
        return '/etc' + path[len(configuration):]
    check(path.startswith(prefix + '/'), path + ' is outside the prefix')
    return '/usr' + path[len(prefix):]


class Installed:
    """What `meson install` puts into an empty folder."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix='tessera-install-')
        done = subprocess.run(['meson', 'install', '--no-rebuild', '-C', BUILD, '--destdir', self._folder.name],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
        equal(done.returncode, 0, done.stdout.decode('utf-8', 'replace'))
        self.files = {}  # path as it will be → path of now
        for folder, _, names in os.walk(self._folder.name):
            for name in names:
                path = os.path.join(folder, name)
                self.files[as_for_debian(path[len(self._folder.name):])] = path

    def read(self, path):
        with open(self.files[path], encoding='utf-8') as file:
            return file.read()


installed = Installed()


@test('every file is where Debian expects it')
def _():
    missing = sorted(expected() - installed.files.keys())
    equal(missing, [], 'not installed')


@test('nothing is installed that this list does not have')
def _():
    extra = [path for path in installed.files.keys() - expected()
             if not any(re.fullmatch(family, path) for family in FAMILIES)]
    equal(sorted(extra), [], 'installed, but not in the list of %s' % os.path.basename(__file__))


@test('programs can be run by all, files be read by all, and written by nobody else')
def _():
    for path, now in installed.files.items():
        mode = stat.S_IMODE(os.stat(now).st_mode)
        wanted = 0o755 if path.startswith(('/usr/bin/', '/usr/libexec/')) or re.search(r'\.so(\.[0-9.]+)?$', path) else 0o644
        equal(oct(mode), oct(wanted), path)


@test('what names a program or a file of ours names one that is installed')
def _():
    if not OPTIONS['service']:
        tap.skip('without the service')
    prefix = re.escape(OPTIONS['prefix'])
    configuration = re.escape(os.path.join(OPTIONS['prefix'], OPTIONS['sysconfdir']))
    own = re.compile(r'(%s/(?:bin|libexec)/\S+|%s/tessera/tessera\.conf)(?=\s)' % (prefix, configuration))
    found = 0
    for path in installed.files:
        if path.endswith('.service'):
            for name in own.findall(installed.read(path)):
                found += 1
                check(as_for_debian(name) in installed.files, '%s speaks of %s' % (path, name))
    check(found >= 5, 'only %d names found' % found)


@test('polkit, the policy of the bus and the files for activation say the same name')
def _():
    if not OPTIONS['service']:
        tap.skip('without the service')
    actions = xml.etree.ElementTree.fromstring(installed.read('/usr/share/polkit-1/actions/org.tessera.Tessera1.policy'))
    names = {action.get('id') for action in actions.iter('action')}
    words = ['read', 'manage-clients', 'manage-users', 'revoke', 'manage-keys', 'register-agent', 'backup', 'reload', 'follow-denylist']
    equal(names, {'org.tessera.Tessera1.' + word for word in words}, 'actions of polkit')
    for action in actions.iter('action'):
        defaults = {child.tag: child.text for child in action.find('defaults')}
        equal(defaults, {'allow_any': 'no', 'allow_inactive': 'no', 'allow_active': 'auth_admin_keep'}, action.get('id'))
        owners = {note.get('key'): note.text for note in action.iter('annotate')}
        equal(owners, {'org.freedesktop.policykit.owner': 'unix-user:tessera'}, 'who may ask about ' + action.get('id'))
    for folder in ('services', 'system-services'):
        text = installed.read('/usr/share/dbus-1/%s/org.tessera.Tessera1.service' % folder)
        check('\nName=org.tessera.Tessera1\n' in text, folder)
    alias = 'dbus-org.tessera.Tessera1.service'
    check('SystemdService=' + alias in text, 'what systemd starts for the system bus')
    for unit in ('tesserad', 'tesserad-isolated'):
        check('\nAlias=%s\n' % alias in installed.read('/usr/lib/systemd/system/%s.service' % unit), unit)


if __name__ == '__main__':
    main()
