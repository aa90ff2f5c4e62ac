#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the suite in a build with gcov and tells which lines no test runs. All of the security kernel's
(tests/security-kernel.txt) and 90 % of everything else must be run. A line that is left out says why, in
the source: GCOV_EXCL_LINE: and the reason.

usage: coverage.py BUILD-DIRECTORY [--no-run] [--check | NAME…]

--no-run evaluates what the last run left, --check says what is wrong and no more; with NAMEs only those
tests run, and nothing is demanded. Exit status 1 when something is wrong."""
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
KERNEL = ROOT / 'tests/security-kernel.txt'
WHOLE = 90  # percent
# Of no help here: what is killed leaves no counts, what looks at texts has none.
WITHOUT = ['faults', 'interop', 'source', 'docs', 'lint']
# Lines that no test can run and live: what they are, and why.
EXEMPT = re.compile(r'^\s*(?:'
                    r'g_error \('  # ends the process, and its counts with it
                    r'|g_critical \(|g_return_val_if_reached \(|g_assert_not_reached \('  # a mistake of ours, fatal in tests
                    r'|G_OBJECT_WARN_INVALID_PROPERTY_ID \(|default:$'  # GObject asks for properties that exist
                    r')')
EXCLUDED = re.compile(r'GCOV_EXCL_(?:LINE|START|BR_LINE)(.*)')


def kernel_files():
    """Below src/libtessera or src, as git names them."""
    lines = [line for line in KERNEL.read_text(encoding='utf-8').splitlines() if line and line[0] not in '#[']
    files = []
    for line in lines:
        place = next((base / line for base in (ROOT / 'src/libtessera', ROOT / 'src') if (base / line).exists()), None)
        if place is None:
            sys.exit(f'{KERNEL.name}: there is no {line}')
        files += [str(path.relative_to(ROOT)) for path in (sorted(place.glob('*.c')) if place.is_dir() else [place])]
    return files


def forget_leftovers(build):
    """Of objects that have another name by now: gcovr would stumble over two of one source."""
    objects = (build / 'build.ninja').read_text(encoding='utf-8')
    for notes in build.rglob('*.gcno'):
        if str(notes.relative_to(build).with_suffix('.o')) not in objects:
            notes.unlink()
            notes.with_suffix('.gcda').unlink(missing_ok=True)


def run_suite(build, names):
    """Exit status of the tests; counts of earlier runs are forgotten."""
    for path in build.rglob('*.gcda'):
        path.unlink()
    command = ['meson', 'test', '-C', str(build), '--no-rebuild', '--timeout-multiplier', '4', '--print-errorlogs']
    command += names or [word for suite in WITHOUT for word in ('--no-suite', suite)]
    return subprocess.run(command, stdin=subprocess.DEVNULL).returncode


def lines_of(build):
    """file -> {line: how often it was run}"""
    forget_leftovers(build)
    command = ['gcovr', '--root', str(ROOT), '--object-directory', str(build), '--filter', str(ROOT / 'src') + '/',
               '--json', '-', str(build)]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, cwd=build).stdout)
    files = {}
    for file in report['files']:
        counts = files.setdefault(file['file'], {})
        text = (ROOT / file['file']).read_text(encoding='utf-8').splitlines()
        for line in file['lines']:
            if not EXEMPT.match(text[line['line_number'] - 1]) and not line.get('gcovr/noncode') and not line.get('gcovr/excluded'):
                counts[line['line_number']] = max(line['count'], counts.get(line['line_number'], 0))
    return files


def percent(counts):
    return 100 * sum(1 for count in counts.values() if count) / max(1, len(counts))


def show_gaps(file, counts):
    text = (ROOT / file).read_text(encoding='utf-8').splitlines()
    for number, count in sorted(counts.items()):
        if not count:
            print(f'{file}:{number}: {text[number - 1].strip()}')


def unexplained():
    """Lines that are left out and do not say why."""
    for path in sorted((ROOT / 'src').rglob('*.[ch]')):
        for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), start=1):
            match = EXCLUDED.search(line)
            if match and not re.match(r': \w', match.group(1)):
                yield f'{path.relative_to(ROOT)}:{number}: left out of the coverage without a reason'


def show_table(files, kernel):
    for file, counts in sorted(files.items()):
        if file.endswith('.c') and (percent(counts) < WHOLE or file in kernel):
            mark = 'kernel' if file in kernel else ''
            print(f'{percent(counts):6.1f} %  {len(counts):5} lines  {file}  {mark}')


def evaluate(files, brief):
    """The sentences that say what is wrong."""
    kernel = kernel_files()
    whole = [count for counts in files.values() for count in counts.values()]
    share = 100 * sum(1 for count in whole if count) / max(1, len(whole))
    if not brief:
        show_table(files, kernel)
    gaps = [file for file in kernel if percent(files.get(file, {0: 0})) < 100]
    for file in gaps:
        show_gaps(file, files.get(file, {}))
    print(f'{share:.1f} % of {len(whole)} lines are run; {len(kernel) - len(gaps)} of {len(kernel)} files of the security kernel are run whole')
    yield from unexplained()
    yield from (f'{file} has lines that no test runs' for file in gaps)
    if share < WHOLE:
        yield f'{share:.1f} % is below {WHOLE} %'


def main():
    options = {'--no-run', '--check'}
    arguments = [argument for argument in sys.argv[1:] if argument not in options]
    build, names = pathlib.Path(arguments[0]).resolve(), arguments[1:]
    status = 0 if '--no-run' in sys.argv else run_suite(build, names)
    complaints = list(evaluate(lines_of(build), '--check' in sys.argv))
    if status != 0:
        complaints.append('tests failed')
    if names:
        return status
    for sentence in complaints:
        print('coverage: ' + sentence)
    return 1 if complaints else 0


if __name__ == '__main__':
    sys.exit(main())
