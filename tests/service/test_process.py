#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What somebody finds who looks into the running service: its memory, an image of it, its limits, its files."""

import glob
import os
import re
import resource
import shutil
import signal
import stat
import subprocess
import tempfile

import workshop  # noqa: F401, it knows where the fixture is
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from tap import check, equal, lacks, main, skip, test
from tessera_fixture import Service, challenge_of, new_verifier

NOBODY = 65534
KEY_MEMORY = 256 * 1024  # tesserad-process.c


def read(path):
    with open(path, 'rb') as file:
        return file.read()


def is_sanitized(pid):
    return b'libasan' in read('/proc/%d/maps' % pid)


def needles(service):
    """What must not be found: name -> bytes, of each key in the state directory."""
    found = {'the rotation key': read(os.path.join(service.state, 'keys/rotation.key')),
             'the key of subjects': read(os.path.join(service.state, 'keys/subject.key'))}
    for path in glob.glob(os.path.join(service.state, 'keys/*.pem')):
        text = read(path)
        key = load_pem_private_key(text, None)
        name = os.path.basename(path)
        if hasattr(key, 'curve'):
            number = key.private_numbers().private_value.to_bytes(32, 'big')
            found[name + ', as OpenSSL computes with it'] = number[::-1]
        else:
            number = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        found[name] = number
        found[name + ', as text'] = text.split(b'\n')[1][-24:]
    check(len(found) > 4, 'there are hardly any keys')
    return found


def mappings(pid):
    """(start, end, flags of /proc/PID/smaps) of all memory that can be written."""
    current = None
    for line in read('/proc/%d/smaps' % pid).decode().splitlines():
        head = re.match(r'([0-9a-f]+)-([0-9a-f]+) (\S+)', line)
        if head:
            current = (int(head[1], 16), int(head[2], 16)) if 'w' in head[3] else None
        elif line.startswith('VmFlags:') and current:
            yield (*current, line.split()[1:])


def contents(pid):
    """(bytes, flags) of all memory that can be written."""
    with open('/proc/%d/mem' % pid, 'rb', 0) as memory:
        for start, end, flags in mappings(pid):
            if end - start > 1 << 30:
                continue  # a sanitizer's own
            memory.seek(start)
            try:
                yield memory.read(end - start), flags
            except OSError:
                continue  # such as vvar


def look(service, where):
    """Each key lies in memory that is locked and left out of images, and nowhere else."""
    seen = set()
    for data, flags in contents(service.process.pid):
        for name, value in needles(service).items():
            if value not in data:
                continue
            check('dd' in flags, '%s: %s is in ordinary memory' % (where, name))
            check('lo' in flags or resource.getrlimit(resource.RLIMIT_MEMLOCK)[1] < KEY_MEMORY, 'memory of keys is not locked')
            seen.add(name.split(',')[0])
    names = {name.split(',')[0] for name in needles(service)}
    equal(seen, names, where + ': the search finds what is there')


def use(service):
    for _ in range(5):
        equal(service.form('/token', {'grant_type': 'client_credentials'}, service.machine).status, 200)
    verifier = new_verifier()
    answer = service.approve(service.c1, code_challenge=challenge_of(verifier))
    tokens = service.redeem(service.c1, answer['code'], verifier).json()
    equal(service.refresh(tokens['refresh_token'], service.c1).status, 200)


def look_at(algorithm):
    service = Service(sections='[tokens]\nsigning-algorithm=%s\n' % algorithm)
    try:
        service.start()
        if is_sanitized(service.process.pid):
            skip('a sanitizer keeps what was freed')
        look(service, 'keys that were made')
        use(service)
        look(service, 'keys that were used')
        service.restart()
        look(service, 'keys that were read')
        use(service)
        service.reload()
        look(service, 'keys after all that')
    finally:
        service.abandon()


for name in ('ES256', 'EdDSA'):
    @test('I04 keys of %s lie in locked memory only, which no image has' % name)
    def _(s, algorithm=name):
        if os.geteuid() != 0:
            skip('only root can look')
        look_at(algorithm)


@test('I04 the image that a debugger takes has no key')
def _(s):
    if shutil.which('gcore') is None:
        skip('gdb is not installed')
    if os.geteuid() != 0:
        skip('only root can take it')
    if is_sanitized(s.process.pid):
        skip('a sanitizer keeps what was freed')
    use(s)
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(['gcore', '-o', os.path.join(folder, 'image'), str(s.process.pid)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
        images = os.listdir(folder)
        check(images, done.stdout.decode('utf-8', 'replace'))
        image = read(os.path.join(folder, images[0]))
    check(b'c1.test' in image, 'the image lacks what is there')
    for name, value in needles(s).items():
        check(value not in image, '%s is in the image' % name)


@test('I04 limits, privileges and the mode of new files')
def _(s):
    status = dict(line.split(':\t', 1) for line in read('/proc/%d/status' % s.process.pid).decode().splitlines() if ':\t' in line)
    equal(status['Umask'], '0077')
    equal(status['NoNewPrivs'], '1')
    if os.geteuid() == 0:
        equal(int(status['CapEff'], 16) & ~(1 << 10), 0, 'capabilities but for ports below 1024')
        equal(int(status['CapPrm'], 16) & ~(1 << 10), 0)
        equal(int(status['CapBnd'], 16) & ~(1 << 10), 0)
    check(re.search(rb'Max core file size +0 +0 ', read('/proc/%d/limits' % s.process.pid)), 'a core file is possible')


@test('I04 files are for the service alone, whatever the umask it was started with')
def _(s):
    own = Service()
    before = os.umask(0)
    try:
        own.start()
        use(own)
        for folder, folders, names in os.walk(own.state):
            for name in folders + names:
                mode = stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode)
                equal(mode & 0o077, 0, name)
    finally:
        os.umask(before)
        own.abandon()


@test('I04 it leaves no core file, however it ends')
def _(s):
    own = Service()
    resource_before = resource.getrlimit(resource.RLIMIT_CORE)
    options_before = os.environ.get('ASAN_OPTIONS')
    try:
        # A sanitizer would take the signal for itself, and end with a report.
        os.environ['ASAN_OPTIONS'] = ':'.join(filter(None, [options_before or 'detect_leaks=1', 'handle_segv=0']))
        resource.setrlimit(resource.RLIMIT_CORE, (resource_before[1], resource_before[1]))
        own.start()
        for number in (signal.SIGABRT, signal.SIGSEGV):
            own.process.send_signal(number)
            _, status = os.waitpid(own.process.pid, 0)
            own.process.returncode = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
            equal(own.process.returncode, -number)
            check(not os.WCOREDUMP(status), 'a core was dumped')
            own._collect()
            own.start_again()
        equal([name for name in os.listdir(own.directory) if 'core' in name], [])
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, resource_before)
        os.environ.pop('ASAN_OPTIONS')
        if options_before is not None:
            os.environ['ASAN_OPTIONS'] = options_before
        own.abandon()


def run_as_nobody(folder):
    """tesserad of a user without rights, with a state of its own below @folder."""
    configuration = os.path.join(folder, 'tessera.conf')
    with open(configuration, 'w', encoding='utf-8') as file:
        file.write('[server]\nissuer=http://127.0.0.1:1\nstate-directory=%s/state\n[listener a]\naddress=unix:%s/socket\n' % (folder, folder))
    for path in (folder, configuration):
        os.chown(path, NOBODY, NOBODY)
    return subprocess.Popen([os.environ['TESSERAD'], '--config', configuration], user=NOBODY, group=NOBODY, extra_groups=[],
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


@test('I04 a process of the same user cannot look into its memory, environment or descriptors')
def _(s):
    if os.geteuid() != 0:
        skip('needs a second user')
    with tempfile.TemporaryDirectory(prefix='tessera-test-') as folder:
        process = run_as_nobody(folder)
        try:
            line = process.stderr.readline()
            if b'ermission denied' in line or not line:
                skip('that user cannot run what was built here')
            if is_sanitized(process.pid):
                skip('LeakSanitizer has to look')
            for name in ('mem', 'environ', 'maps', 'fd'):
                path = '/proc/%d/%s' % (process.pid, name)
                done = subprocess.run(['/usr/bin/python3', '-c', 'import os, sys; os.listdir(sys.argv[1]) if os.path.isdir(sys.argv[1]) else open(sys.argv[1], "rb").read(1)', path],
                                      user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, text=True)
                check('PermissionError' in done.stderr, '%s: %s' % (path, done.stderr))
        except PermissionError:
            skip('that user cannot run what was built here')
        finally:
            process.kill()
            process.wait()
            process.stderr.close()


@test('the process: nothing in it that comes to GnuTLS goes below TLS 1.2, whatever the environment says')
def _(s):
    if os.geteuid() != 0:
        skip('only root can look')
    own = Service()
    os.environ['G_TLS_GNUTLS_PRIORITY'] = 'NORMAL:+VERS-TLS-ALL'
    try:
        own.start()
    finally:
        del os.environ['G_TLS_GNUTLS_PRIORITY']
    try:
        # What is in its environment now, which /proc/PID/environ does not tell.
        setting = b'G_TLS_GNUTLS_PRIORITY=NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2\0'
        check(any(setting in data for data, _ in contents(own.process.pid)), 'it is not set')
    finally:
        own.abandon()


@test('I03 no option takes a secret')
def _(s):
    done = subprocess.run([os.environ['TESSERAD'], '--help'], capture_output=True, text=True)
    options = re.findall(r'--([a-z-]+)', done.stdout)
    equal(sorted(set(options) - {'config', 'check-config', 'user', 'version', 'help'}), [])
    for name in ('cmdline', 'environ'):
        for client in s.clients.values():
            if client.secret:
                lacks(read('/proc/%d/%s' % (s.process.pid, name)), client.secret.encode())


if __name__ == '__main__':
    main(Service)
