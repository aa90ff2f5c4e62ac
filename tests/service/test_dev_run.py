#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""`./dev run` (data/dev/run.py): what it says when it cannot start, and who it is where somebody else's files are.

Environment: TESSERAD, the binary under test."""

import importlib.util
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

import workshop  # noqa: F401, it knows where the fixture is
import tap
from tap import check, contains, equal, lacks, main, test

NOBODY = 65534


def run(*words, root=workshop.ROOT, folder=None, before=()):
    command = [*before, '/usr/bin/python3', os.path.join(root, 'data/dev/run.py'), '--tesserad', os.environ['TESSERAD'],
               '--directory', folder or os.path.join(tempfile.gettempdir(), 'nowhere'), *words]
    environment = {**os.environ, 'PYTHONDONTWRITEBYTECODE': '1', 'ASAN_OPTIONS': 'detect_leaks=0'}
    done = subprocess.run(command, capture_output=True, text=True, timeout=tap.PATIENCE, env=environment)
    return done.returncode, done.stdout, done.stderr


def copy_script(folder):
    for name in ('data/dev/run.py', 'tests/support/browser.py', 'tests/support/ports.py'):
        os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
        shutil.copy(os.path.join(workshop.ROOT, name), os.path.join(folder, name))


@test('a port that is taken is told, with one that is none of those')
def _():
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = taken.getsockname()[1]
        status, out, err = run('--look', '--port', str(port))
        equal((status, out), (1, ''))
        contains(err, 'Port %d of 127.0.0.1 is taken' % port)
        contains(err, '--port %d' % (port + 1 if port < 65535 else 8417))


@test('a mistake is told before anything is built or written')
def _():
    for words in (['--port', 'x'], ['--port', '65536'], ['--prot', '1']):
        equal(run('--look', *words)[0], 2, repr(words))
    equal(run('--look', '--port', '0')[:2], (0, ''))
    check(not os.path.exists(os.path.join(tempfile.gettempdir(), 'nowhere')), 'it wrote')


@test('it goes through all steps, and leaves nothing behind')
def _():
    with tempfile.TemporaryDirectory() as folder:
        status, out, err = run('--once', '--port', '0', folder=os.path.join(folder, 'development'))
        equal(status, 0, out[-2000:] + err)
        equal(os.listdir(os.path.join(folder, 'development')), [])


@test('over TLS it goes through all steps too; the key of its certificate is an ECDSA one, and for nobody else')
def _():
    with tempfile.TemporaryDirectory() as folder:
        status, out, err = run('--once', '--tls', '--port', '0', folder=os.path.join(folder, 'development'))
        equal(status, 0, out[-2000:] + err)
        script = importlib.util.spec_from_file_location('run', os.path.join(workshop.ROOT, 'data/dev/run.py'))
        development = importlib.util.module_from_spec(script)
        script.loader.exec_module(development)
        development.make_certificate(pathlib.Path(folder))
        shown = subprocess.run(['openssl', 'x509', '-noout', '-text', '-in', os.path.join(folder, 'certificate.pem')], capture_output=True, text=True, check=True)
        contains(shown.stdout, 'prime256v1')
        equal(os.stat(os.path.join(folder, 'key.pem')).st_mode & 0o077, 0)


@test('root in the folder of somebody else is that one: sudo leaves no files that they cannot read, and reads theirs')
def _():
    if os.getuid() != 0:
        tap.skip('only root can try it')
    with tempfile.TemporaryDirectory() as folder:
        copy_script(folder)
        development = os.path.join(folder, 'development')
        os.makedirs(os.path.join(development, 'earlier'))  # as root
        os.chown(folder, NOBODY, NOBODY)
        may = subprocess.run([os.environ['TESSERAD'], '--version'], capture_output=True, user=NOBODY, group=NOBODY, extra_groups=[], cwd='/')
        status, out, err = run('--once', '--port', '0', root=folder, folder=development)
        if may.returncode != 0:
            tap.skip('nobody may not run what was built here')
        equal(status, 0, out[-2000:] + err)
        equal([os.stat(path).st_uid for path in (development, os.path.join(development, 'earlier'))], [NOBODY] * 2)


@test('root that may not become another is told so')
def _():
    if os.getuid() != 0:
        tap.skip('only root can try it')
    with tempfile.TemporaryDirectory() as folder:
        copy_script(folder)
        os.chown(folder, NOBODY, NOBODY)
        for lacking in ('setgid', 'setuid'):
            without = ['setpriv', '--bounding-set=-' + lacking, '--inh-caps=-' + lacking]
            if subprocess.run([*without, 'true'], capture_output=True).returncode != 0:
                tap.skip('nothing can be taken away from root here')
            status, out, err = run('--once', '--port', '0', root=folder, folder=os.path.join(folder, 'development'), before=without)
            equal((status, out), (1, ''), err)
            contains(err, 'start it as that user')
            lacks(err, 'Traceback')


# As small as a program that ./dev can build; in place of what starts it, who owns what was built.
LITTLE = {
    'meson.build': "project ('little', 'c')\nsubdir ('src/tesserad')\n",
    'meson_options.txt': "option ('tests', type: 'boolean')\noption ('docs', type: 'boolean')\n",
    'src/tesserad/meson.build': "executable ('tesserad', 'main.c')\n",
    'src/tesserad/main.c': 'int\nmain (void)\n{\n  return 0;\n}\n',
    'data/dependencies.txt': '',
    'data/dev/run.py': """import os, sys
if '--look' not in sys.argv:
    print(sorted({os.lstat(os.path.join(at, name)).st_uid for at, _, names in os.walk('build') for name in ['', *names]}))
""",
}


def build_there(folder):
    """Who owns what ./dev run has built."""
    done = subprocess.run([os.path.join(folder, 'dev'), 'run'], capture_output=True, text=True, timeout=tap.PATIENCE)
    equal(done.returncode, 0, done.stderr)
    return done.stdout.strip()


@test('root in the folder of somebody else builds as that one, and leaves them what it built before')
def _():
    if os.getuid() != 0 or not os.path.exists('/usr/bin/meson'):
        tap.skip('only root can try it, with meson')
    with tempfile.TemporaryDirectory() as folder:
        for name, text in LITTLE.items():
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            with open(os.path.join(folder, name), 'w', encoding='utf-8') as file:
                file.write(text)
        shutil.copy(os.path.join(workshop.ROOT, 'dev'), folder)
        equal(build_there(folder), '[0]', 'root at home')
        subprocess.run(['chown', '-R', '%d:%d' % (NOBODY, NOBODY), folder], check=True)
        subprocess.run(['chown', '-R', '0:0', os.path.join(folder, 'build')], check=True)
        equal(build_there(folder), '[%d]' % NOBODY, 'what root had left')
        shutil.rmtree(os.path.join(folder, 'build'))
        equal(build_there(folder), '[%d]' % NOBODY, 'made anew')


@test('files of somebody else are told, not stumbled over')
def _():
    if os.getuid() != 0:
        tap.skip('only root can try it')
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        os.mkdir(os.path.join(folder, 'development'), 0o700)
        command = ['/usr/bin/python3', '-c', 'import os, sys; os.setuid(%d); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])' % NOBODY]
        done = subprocess.run([*command, os.path.join(workshop.ROOT, 'data/dev/run.py'), '--tesserad', os.environ['TESSERAD'], '--directory',
                               os.path.join(folder, 'development'), '--port', '0', '--once'], capture_output=True, text=True, timeout=tap.PATIENCE, cwd='/')
        if "can't open file" in done.stderr or 'No module named' in done.stderr:
            tap.skip('nobody may not read what is here')
        equal(done.returncode, 1, done.stderr)
        contains(done.stderr, 'belongs to root')
        contains(done.stderr, 'remove ')


if __name__ == '__main__':
    main()
