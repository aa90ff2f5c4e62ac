#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Holds what the README and the guides show against the build: samples compile, the README's program
runs and answers its curl lines, and what the texts name is there.

usage: check-texts.py BUILD-DIRECTORY"""
import base64
import hashlib
import json
import os
import pathlib
import re
import shlex
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / 'tests/support'))
import tap  # noqa: E402
from browser import Browser  # noqa: E402

BUILD = pathlib.Path(tap.argument('BUILD-DIRECTORY')).resolve()
PORT = '8080'  # of the README's program
README = ROOT / 'README.md'
GUIDES = sorted((ROOT / 'docs/guide').glob('*.md'))
TEXTS = [README, ROOT / 'CONTRIBUTING.md', ROOT / 'SECURITY.md', ROOT / 'NEWS', ROOT / 'docs/benchmarks.md',
         ROOT / 'docs/security.md', ROOT / 'docs/operating.md', ROOT / 'docs/denylist-feed.md', ROOT / 'docs/shared-deny-list.md',
         ROOT / 'docs/recipes.md', ROOT / 'docs/examples/denylist-readers/README.md',
         ROOT / 'docs/examples/README.md', *GUIDES]
STRICT = ['-Wall', '-Wextra', '-Werror', '-Wno-unused-parameter', '-Wno-unused-function']

# Around a sample that stands inside a function: what its text speaks of.
FRAME = """\
#include <tessera.h>

TesseraServer *oauth, *server;
TesseraVerifier *verifier;
GSocketAddress *address;
const char *secret, *text;

static void
on_authenticate (TesseraServer *oauth, TesseraAuthentication *authentication, gpointer data)
{
}

void sample (SoupServer *soup_server, SoupServerMessage *message, const char **redirect_uris, GError *error);

void
sample (SoupServer *soup_server, SoupServerMessage *message, const char **redirect_uris, GError *error)
{
%s
}
"""


def environment():
    paths = [str(BUILD / 'meson-uninstalled'), os.environ.get('PKG_CONFIG_PATH', '')]
    return {**os.environ, 'PKG_CONFIG_PATH': ':'.join(filter(None, paths)),
            'LD_LIBRARY_PATH': str(BUILD / 'src/libtessera')}


def blocks(text, language=''):
    """The fenced blocks that are marked so."""
    fenced = re.findall(r'^```(\w*)\n(.*?)^```$', text, re.MULTILINE | re.DOTALL)
    return [block for mark, block in fenced if mark == language]


def samples():
    """(where, C text) of every sample in the texts and in the comments of the library."""
    for path in [README, *GUIDES]:
        yield from ((path.name, sample) for sample in blocks(path.read_text(encoding='utf-8'), 'c'))
    for path in sorted((ROOT / 'src/libtessera').rglob('*.c')):
        comments = '\n'.join(line[3:] for line in path.read_text(encoding='utf-8').splitlines() if line.startswith(' * '))
        yield from ((path.name, sample) for sample in blocks(comments + '\n', 'c'))


def is_whole(sample):
    return sample.startswith(('#include', 'static'))


def compile_sample(sample):
    whole = sample if '#include' in sample else '#include <tessera.h>\n' + sample
    flags = subprocess.run(['pkg-config', '--cflags', 'tessera-1'], env=environment(), capture_output=True,
                           text=True, check=True).stdout.split()
    run = subprocess.run(['cc', '-fsyntax-only', *STRICT, '-x', 'c', '-', *flags], text=True, capture_output=True,
                         input=whole if is_whole(sample) else FRAME % sample)
    tap.equal(run.returncode, 0, run.stderr)


def lines_of(path, beginning, language=''):
    """The lines of the text's blocks that begin so."""
    return [line for block in blocks(path.read_text(encoding='utf-8'), language)
            for line in block.splitlines() if line.startswith(beginning)]


def choose_port():
    """The port that is printed, or a free one if somebody has it."""
    for port in (int(PORT), 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(('127.0.0.1', port))
            except OSError:
                continue
            return str(probe.getsockname()[1])
    raise tap.Failure('no port is free')


class Program:
    """The README's program, built by the README's line and run in a home of its own."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.port = choose_port()
        self.issuer = f'http://127.0.0.1:{self.port}'
        self.process = None

    def build(self):
        source = blocks(README.read_text(encoding='utf-8'), 'c')[0]
        (self.folder / 'app.c').write_text(source.replace(PORT, self.port), encoding='utf-8')
        (self.folder / 'build').symlink_to(BUILD)
        line, = lines_of(README, 'cc ')
        subprocess.run(line, shell=True, cwd=self.folder, check=True)

    def __enter__(self):
        self.build()
        home = {'XDG_DATA_HOME': str(self.folder / 'data'), 'HOME': str(self.folder)}
        line, = lines_of(README, 'LD_LIBRARY_PATH=')
        self.process = subprocess.Popen('exec env ' + line, shell=True, cwd=self.folder, stdin=subprocess.DEVNULL,
                                        env={**os.environ, **home, 'G_DEBUG': 'fatal-criticals'})
        self.wait()
        return self

    def wait(self):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(('127.0.0.1', int(self.port)), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise tap.Failure('the program of the README does not listen')

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def curl(self, line):
        words = shlex.split(line.replace(PORT, self.port), comments=True)
        run = subprocess.run([*words, '-sS', '-o', '/dev/null', '-w', '%{http_code}', '--noproxy', '*'],
                             capture_output=True, text=True, check=True)
        return int(run.stdout[-3:])

    def fetch(self, path, fields=None, headers=()):
        data = None if fields is None else urllib.parse.urlencode(fields).encode()
        request = urllib.request.Request(self.issuer + path, data=data, headers=dict(headers))
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def log_in(self):
        """An access token, by way of the pages."""
        verifier = 'v' * 43
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b'=').decode()
        query = {'response_type': 'code', 'client_id': 'client-id', 'redirect_uri': 'http://127.0.0.1:1/',
                 'code_challenge': challenge, 'code_challenge_method': 'S256'}
        last = Browser(self.issuer).authorize(f'{self.issuer}/authorize?{urllib.parse.urlencode(query)}', 'user', 'secret')
        code = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(last.location or '').query))['code']
        basic = base64.b64encode(b'client-id:client-secret').decode()
        status, body = self.fetch('/token', {
            'grant_type': 'authorization_code', 'code': code, 'redirect_uri': query['redirect_uri'],
            'code_verifier': verifier}, {'Authorization': 'Basic ' + basic})
        tap.equal(status, 200)
        return json.loads(body)['access_token']


for where, text in samples():
    def check_sample(text=text):
        compile_sample(text)

    tap.test(f'a sample of {where} compiles: {text.split(chr(10))[0].replace("#", "")}')(check_sample)


@tap.test('the program of the README runs, and its curl lines are answered as it says')
def _():
    with tempfile.TemporaryDirectory() as folder, Program(folder) as program:
        lines = lines_of(README, 'curl ')
        tap.check(lines, 'the README has no curl line')
        for line in lines:
            tap.equal(program.curl(line), int(line.rsplit('# ', 1)[1][:3]), line)
        token = program.log_in()
        bearer = {'Authorization': 'Bearer ' + token}
        tap.equal(program.fetch('/', headers=bearer)[0], 404, 'past the guard, where no handler is')
        tap.equal(program.curl(re.sub(r'token=\S+', 'token=' + token, lines[-1])), 200)
        tap.equal(program.fetch('/', headers=bearer)[0], 401)
        tap.check((program.folder / 'data/app/tessera/keys').is_dir(), 'the state is not in the program\'s own folder')


@tap.test('the server of the examples is built by the line that is printed')
def _():
    line, = lines_of(ROOT / 'docs/examples/README.md', 'cc ', 'sh')
    with tempfile.TemporaryDirectory() as folder:
        for name, target in (('build', BUILD), ('docs', ROOT / 'docs')):
            pathlib.Path(folder, name).symlink_to(target)
        subprocess.run(line, shell=True, cwd=folder, check=True)
        tap.check((BUILD / 'hello-server').exists(), 'there is no such program')
        (BUILD / 'hello-server').unlink()


@tap.test('every function that a text names is exported')
def _():
    lists = [ROOT / 'src/libtessera/tessera-1.symbols', ROOT / 'src/libtessera-dbus/tessera-dbus-1.symbols']
    exported = {word for path in lists for word in path.read_text(encoding='utf-8').split()}
    types = {'tessera_1', 'tessera_type'}
    for path in TEXTS:
        named = set(re.findall(r'\btessera_[a-z0-9_]+(?= \()', path.read_text(encoding='utf-8')))
        tap.equal(sorted(named - exported - types), [], path.name)


@tap.test('every file that a text names is there')
def _():
    for path in TEXTS:
        text = path.read_text(encoding='utf-8')
        # A guide becomes a page, and names others as such.
        links = [path.parent / re.sub(r'\.html$', '.md', link) for link in re.findall(r'\]\(([^)#:]+)\)', text)]
        named = [ROOT / name for name in re.findall(r'(?<![\w./-])(?:docs|data|tests|src|po)/(?!LANGUAGE)[\w./-]*\w', text)]
        tap.equal([str(file) for file in links + named if not file.exists()], [], path.name)


@tap.test('every command of ./dev that a text names is there, and every test named behind ./dev test')
def _():
    commands = re.findall(r'^dev_(\w+)\(\)', (ROOT / 'dev').read_text(encoding='utf-8'), re.MULTILINE)
    files = [path for path in (ROOT / 'tests').rglob('*') if path.suffix in ('.c', '.py')]
    programs = {path.stem.replace('_', '-') for path in files}
    programs |= {f'{path.parent.name}-{path.stem.removeprefix("test_").replace("_", "-")}' for path in files}
    for path in TEXTS:
        for command, words in re.findall(r'`?\./dev (\w+)((?: [a-z0-9][\w-]*)*)', path.read_text(encoding='utf-8')):
            tap.check(command in commands, f'{path.name}: there is no ./dev {command}')
            for word in words.split() if command == 'test' else []:
                tap.check(any(word.replace('_', '-') in program for program in programs), f'{path.name}: no test is called {word}')


if __name__ == '__main__':
    tap.main()
