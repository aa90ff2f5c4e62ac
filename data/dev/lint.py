#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a machine can say about the sources. Prints each complaint as FILE:LINE: sentence, then the long
functions as a report; exit status 1 when there was a complaint."""
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LONG_FUNCTION = 60

CODE = ('.c', '.h', '.py', '.js', '.mjs', '.vala', '.sh')
TEXT = CODE + ('.md', '.in', '.build', '.txt', '.xml', '.css', '.html', '.toml', '.conf', '.service', '.yml')
IGNORED = re.compile(r'^(build(-\w+)?|\.git)/|(^|/)(__pycache__|node_modules)/')
UNFINISHED = re.compile(r'\b(TO' r'DO|FIX' r'ME|XX' r'X|HA' r'CK)\b')
SPDX = 'SPDX-License-Identifier: LGPL-2.1-or-later'

# facts.md: what each of these does wrong is why it has no place in the service.
FORBIDDEN_CALLS = {
    r'jwt_decode\w*': 'never decides what is accepted; tessera_jwt does',
    r'jwt_(encode|dump)_\w+': 'rewrites typ and reads the key anew each time; tessera_jwt signs',
    r'soup_form_decode\w*': 'hides repeated parameters; tessera_params_parse reads them',
    r'json_parser_\w+': 'JSON is read by jansson',
    r'g_random_\w+': 'is no source of secrets; tessera_random is',
}


def tracked_files():
    """What git knows or would take; in an unpacked archive, everything but the build directories."""
    command = ['git', '-c', 'safe.directory=*', '-C', str(ROOT), 'ls-files', '-z', '--cached', '--others',
               '--exclude-standard']
    listing = subprocess.run(command, capture_output=True, text=True) if shutil.which('git') else None
    if listing is not None and listing.returncode == 0:
        paths = [ROOT / name for name in listing.stdout.split('\0') if name]
    else:
        paths = [path for path in ROOT.rglob('*') if not IGNORED.search(str(path.relative_to(ROOT)))]
    return sorted(path for path in paths if path.is_file() and not path.is_symlink())


def first_line(path):
    with path.open('rb') as stream:
        return stream.readline(200).decode('utf-8', 'replace')


def is_script(path, *interpreters):
    line = first_line(path)
    return line.startswith('#!') and any(name in line for name in interpreters)


def is_code(path):
    return path.suffix in CODE or (path.suffix == '' and first_line(path).startswith('#!'))


def complain(path, line, sentence):
    return f'{path.relative_to(ROOT)}:{line}: {sentence}'


def line_of(text, position):
    return text.count('\n', 0, position) + 1


def check_text(path):
    text = path.read_text(encoding='utf-8')
    for number, line in enumerate(text.split('\n'), start=1):
        if line != line.rstrip() and path.suffix != '.md':
            yield complain(path, number, 'white space at the end of the line')
        if UNFINISHED.search(line):
            yield complain(path, number, 'a note of something unfinished')
        if '\t' in line and path.suffix in ('.c', '.h', '.py', '.build'):
            yield complain(path, number, 'a tab')
    if text and not text.endswith('\n'):
        yield complain(path, text.count('\n') + 1, 'no line end at the end of the file')


def check_licence(path):
    head = path.read_text(encoding='utf-8').split('\n', 6)[:6]
    if not any(SPDX in line for line in head):
        yield complain(path, 1, f'no “{SPDX}” in the first lines')


def without_comments(text):
    def blank(match):
        found = match.group(0)
        return found if found[0] in '"\'' else re.sub(r'[^\n]', ' ', found)
    return re.sub(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|/\*.*?\*/|//[^\n]*', blank, text, flags=re.DOTALL)


def check_calls(path):
    text = without_comments(path.read_text(encoding='utf-8'))
    for pattern, reason in FORBIDDEN_CALLS.items():
        for match in re.finditer(rf'\b{pattern}\b', text):
            yield complain(path, line_of(text, match.start()), f'{match.group(0)} {reason}')


def check_format(paths):
    if shutil.which('clang-format-14') is None:
        print('Left out: clang-format-14 is not in this release of Debian.')
        return
    run = subprocess.run(['clang-format-14', '--dry-run', '-Werror', *map(str, paths)],
                         capture_output=True, text=True)
    lines = re.findall(r'^(.*?):(\d+):\d+: error: code should be clang-formatted', run.stderr, re.MULTILINE)
    places = {}
    for name, line in lines:
        places.setdefault(name, []).append(line)
    for name, found in places.items():
        yield complain(pathlib.Path(name), found[0], f'not as ./dev format writes it, here and in {len(found) - 1} more places')
    if run.returncode != 0 and not run.stderr:
        yield 'clang-format-14 failed'


def check_shell(path):
    run = subprocess.run(['bash', '-n', str(path)], capture_output=True, text=True)
    if run.returncode != 0:
        yield complain(path, 1, run.stderr.strip().replace('\n', '; '))


def check_python(path):
    try:
        compile(path.read_text(encoding='utf-8'), str(path), 'exec')
    except SyntaxError as error:
        yield complain(path, error.lineno, error.msg)


def check_layers():
    run = subprocess.run([sys.executable, str(ROOT / 'tests/check-layers.py')], capture_output=True, text=True)
    return [line[2:] for line in run.stdout.splitlines() if line.startswith('# ')]


def functions_of(path):
    """Yields name, first line and length of each function: in the GNU style a body begins and ends with a
    brace in the first column, and the name stands in the first column above it."""
    name, start = None, None
    for number, line in enumerate(path.read_text(encoding='utf-8').split('\n'), start=1):
        match = re.match(r'(\w+) \(', line)
        if match:
            name, start = match.group(1), number
        elif line == '}' and name is not None:
            yield name, start, number - start + 1
            name = None
        elif line.endswith(';') and not line.startswith((' ', '{')):
            name = None


def report_long_functions(paths):
    found = [(length, path, start, name) for path in paths for name, start, length in functions_of(path)]
    long = sorted((entry for entry in found if entry[0] > LONG_FUNCTION), reverse=True)
    if found:
        lengths = sorted(entry[0] for entry in found)
        print(f'{len(found)} functions; lines: median {lengths[len(lengths) // 2]}, '
              f'p90 {lengths[len(lengths) * 9 // 10]}, longest {lengths[-1]}.')
    for length, path, start, name in long:
        print(f'Long: {path.relative_to(ROOT)}:{start}: {name} has {length} lines')


def complaints(files):
    c_files = [path for path in files if path.suffix in ('.c', '.h')]
    for path in files:
        if path.suffix in TEXT or is_code(path):
            yield from check_text(path)
        if is_code(path):
            yield from check_licence(path)
        if path.suffix == '.sh' or is_script(path, 'bash', '/sh'):
            yield from check_shell(path)
        if path.suffix == '.py' or is_script(path, 'python'):
            yield from check_python(path)
    for path in c_files:
        if path.relative_to(ROOT).parts[0] == 'src':
            yield from check_calls(path)
    yield from check_format(c_files)
    yield from check_layers()


def main():
    files = tracked_files()
    found = list(complaints(files))
    for sentence in found:
        print(sentence)
    report_long_functions([path for path in files if path.suffix == '.c' and 'src' in path.relative_to(ROOT).parts[:1]])
    print(f'lint: {len(files)} files, {len(found)} complaints')
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
