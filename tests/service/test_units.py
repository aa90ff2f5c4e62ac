#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The units of systemd: valid, and how little of the machine is open to the service in them.

usage: test_units.py FOLDER-OF-THE-BUILT-UNITS"""

import http.server
import os
import re
import shutil
import subprocess
import tempfile
import threading

import workshop  # noqa: F401, it knows where the fixture is
import tap
from tap import check, equal, main, test

UNITS = os.path.abspath(tap.argument('FOLDER-OF-THE-BUILT-UNITS'))
AGENT = 'tessera-pam-agent.service'
OUTBOUND = 'tessera-outbound.service'
HAPROXY = 'tessera-haproxy.service'
HAPROXY_TOOL = os.path.join(UNITS, '..', '..', 'src', 'tessera-haproxy', 'tessera-haproxy')
TOOL_ENVIRONMENT = {**os.environ, 'PYTHONPATH': os.path.join(workshop.ROOT, 'docs/examples/denylist-readers/python'), 'PYTHONDONTWRITEBYTECODE': '1'}
SOURCES = os.path.join(workshop.ROOT, 'data/systemd')


def analyze(*arguments):
    if shutil.which('systemd-analyze') is None:
        tap.skip('systemd-analyze is not here')
    done = subprocess.run(['systemd-analyze', *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
                          env={**os.environ, 'LC_ALL': 'C.UTF-8', 'SYSTEMD_COLORS': '0'})
    return done.returncode, done.stdout.decode('utf-8', 'replace')


def exposure(unit):
    status, said = analyze('security', '--offline=true', os.path.join(UNITS, unit))
    level = re.search(r'Overall exposure level for \S+: ([0-9.]+)', said)
    check(level, said)
    return float(level[1])


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def settings(unit):
    """(key, value) of a unit, in order; lines that go on are joined."""
    text = read(os.path.join(UNITS, unit)).replace('\\\n', ' ')
    return re.findall(r'^(\w+)=(.*)$', text, re.MULTILINE)


@test('the exposure of the service is at most 1.2')
def _():
    level = exposure('tesserad.service')
    print('# exposure %.1f' % level)
    check(level <= 1.2, 'exposure %.1f' % level)


@test('the exposure of the isolated service is at most 0.3')
def _():
    level = exposure('tesserad-isolated.service')
    print('# exposure %.1f' % level)
    check(level <= 0.3, 'exposure %.1f' % level)


@test('threads that hash passwords may give way to those that answer')
def _():
    for unit in ('tesserad.service', 'tesserad-isolated.service', 'tesserad-user.service'):
        filters = [value for key, value in settings(unit) if key == 'SystemCallFilter']
        equal(filters[-1], 'setpriority', unit)


@test('the isolated service has no network, and sockets of one family only')
def _():
    unit = settings('tesserad-isolated.service')
    check(('PrivateNetwork', 'yes') in unit, 'PrivateNetwork=')
    equal([value for key, value in unit if key == 'RestrictAddressFamilies'], ['AF_UNIX'])
    check(('Requires', 'tesserad-isolated.socket') in unit, 'nobody could connect')


@test('the two profiles differ in nothing else')
def _():
    apart = ('Description', 'Conflicts', 'Requires', 'PrivateNetwork', 'IPAddressDeny', 'RestrictAddressFamilies', 'Also')
    one, other = [[pair for pair in settings(unit) if pair[0] not in apart] for unit in ('tesserad.service', 'tesserad-isolated.service')]
    equal(one, other)


@test('as many may wait at the sockets of the service as at those that it opens itself')
def _():
    for name in ('tesserad.socket', 'tesserad-isolated.socket'):
        check('\nBacklog=4096\n' in read(os.path.join(SOURCES, name)), name)


@test('all units tell when they are ready, feed a watchdog and can be reloaded')
def _():
    for unit in ('tesserad.service', 'tesserad-isolated.service', 'tesserad-user.service'):
        keys = dict(settings(unit))
        equal(keys.get('Type'), 'notify', unit)
        check(int(keys.get('WatchdogSec', 0)) > 0, unit + ' has no watchdog')
        check('HUP' in keys.get('ExecReload', ''), unit + ' cannot be reloaded')
        equal(keys.get('RestartPreventExitStatus'), '78', unit)


@test('the exposure of the agent for PAM, which runs as root, is at most 2.8')
def _():
    if not os.path.exists(os.path.join(UNITS, AGENT)):
        tap.skip('it is not built')
    level = exposure(AGENT)
    print('# exposure %.1f' % level)
    check(level <= 2.8, 'exposure %.1f' % level)


@test('the exposure of what asks other machines is at most 1.2, and it is nobody')
def _():
    level = exposure(OUTBOUND)
    print('# exposure %.1f' % level)
    check(level <= 1.2, 'exposure %.1f' % level)
    check(('DynamicUser', 'yes') in settings(OUTBOUND), 'DynamicUser=')


@test('the exposure of what keeps the list of HAProxy is at most 1.2, it is nobody, and its secret no argument')
def _():
    if not os.path.exists(os.path.join(UNITS, HAPROXY)):
        tap.skip('it is not built')
    level = exposure(HAPROXY)
    print('# exposure %.1f' % level)
    check(level <= 1.2, 'exposure %.1f' % level)
    unit = settings(HAPROXY)
    check(('DynamicUser', 'yes') in unit, 'DynamicUser=')
    check('--secret-file %d/secret ' in dict(unit)['ExecStart'], 'the credential')


@test('what others wait for is started again however often it failed')
def _():
    for unit in (OUTBOUND, HAPROXY):
        if os.path.exists(os.path.join(UNITS, unit)):
            check(('StartLimitIntervalSec', '0') in settings(unit), unit)


@test('the options that the unit of tessera-haproxy gives are those it has')
def _():
    if not os.path.exists(os.path.join(UNITS, HAPROXY)):
        tap.skip('it is not built')
    given = dict(settings(HAPROXY))['ExecStart'].split()[1:]
    with tempfile.TemporaryDirectory(prefix='tessera-units-') as folder:
        # It gets as far as the file of the secret, which is not there.
        words = [word.replace('%d', folder).replace('${MAX_STALENESS}', '60') for word in given]
        done = subprocess.run(['/usr/bin/python3', HAPROXY_TOOL, *words], capture_output=True, text=True, timeout=tap.PATIENCE, env=TOOL_ENVIRONMENT)
        if 'No module named' in done.stderr:
            tap.skip('python3-jwt or python3-cryptography is not here')
        check('%s/secret' % folder in done.stderr and 'usage' not in done.stderr, done.stderr)


class Maintenance(http.server.BaseHTTPRequestHandler):
    """Something in the place of an issuer."""

    def do_GET(self):
        self.server.asked += 1
        body = [b'<h1>Back soon</h1>', b'{}', b'null', b'\xff'][(self.server.asked - 1) % 4]
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@test('tessera-haproxy waits while something else answers in the place of the issuer')
def _():
    if not os.path.exists(HAPROXY_TOOL):
        tap.skip('it is not built')
    with tempfile.TemporaryDirectory(prefix='tessera-units-') as folder, http.server.HTTPServer(('127.0.0.1', 0), Maintenance) as issuer:
        issuer.asked = 0
        threading.Thread(target=issuer.serve_forever, daemon=True).start()
        words = ['--issuer', 'http://127.0.0.1:%d' % issuer.server_address[1], '--client-id', 'x', '--secret-file', os.devnull,
                 '--socket', os.path.join(folder, 'none'), '--map', 'none']
        tool = subprocess.Popen(['/usr/bin/python3', HAPROXY_TOOL, *words], stderr=subprocess.PIPE, text=True, env=TOOL_ENVIRONMENT)
        try:
            tap.until(lambda: issuer.asked > 4 or tool.poll() is not None, 'it asks', 0.05)
        finally:
            issuer.shutdown()
            tool.kill()
            said = tool.communicate()[1]
        if 'No module named' in said:
            tap.skip('python3-jwt or python3-cryptography is not here')
        check(issuer.asked > 4, said)


@test('systemd finds nothing wrong in the units')
def _():
    with tempfile.TemporaryDirectory(prefix='tessera-units-') as folder:
        system = ['tesserad.service', 'tesserad-isolated.service', OUTBOUND]
        system += [name for name in (AGENT, HAPROXY) if os.path.exists(os.path.join(UNITS, name))]
        for kind, names in (('system', system), ('user', ['tesserad-user.service'])):
            paths = []
            for name in names:
                # Installed they name a program that is not there while the tests run.
                text = re.sub(r'^ExecStart=\S+', 'ExecStart=/bin/true', read(os.path.join(UNITS, name)), flags=re.MULTILINE)
                paths.append(os.path.join(folder, name))
                with open(paths[-1], 'w', encoding='utf-8') as file:
                    file.write(text)
            for name in os.listdir(SOURCES):
                if name.endswith('.socket') and kind == 'system':
                    paths.append(shutil.copy(os.path.join(SOURCES, name), folder))
            status, said = analyze('verify', '--man=no', '--' + kind, *paths)
            own = [line for line in said.splitlines() if 'tessera' in line]
            equal(own, [], kind)


if __name__ == '__main__':
    main()
