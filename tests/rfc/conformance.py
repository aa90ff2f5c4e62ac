#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which test proves what: reads the names of all tests. As a test it demands one for each row of the threat
table that concerns what is built; with --table it prints names by row and by section of an RFC (Markdown)."""

import pathlib
import re
import sys

TESTS = pathlib.Path(__file__).resolve().parent.parent


def span(letter, *numbers):
    for number in numbers:
        first, last = number if isinstance(number, tuple) else (number, number)
        for one in range(first, last + 1):
            yield '%s%02d' % (letter, one)


# Rows of authorization endpoint and pages, token endpoint, tokens, their validation, revocation and
# introspection, metadata. What is missing here concerns features that are not offered.
ROWS = [*span('A', (1, 43)), *span('B', (1, 42), 46, 47), *span('C', (1, 7)), *span('D', (1, 19)), *span('E', (1, 13)), *span('G', (1, 6), 8)]


def names_of_python(path):
    for match in re.finditer(r"^@test\((?:'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\")", path.read_text(encoding='utf-8'), re.M):
        yield (match.group(1) or match.group(2)).replace("\\'", "'")


def names_of_c(path):
    for match in re.finditer(r'g_test_add\w*\s*\(\s*"([^"]+)"', path.read_text(encoding='utf-8')):
        yield match.group(1)


def all_names():
    """(file, name) of each test."""
    for path in sorted(TESTS.rglob('test*.py')):
        for name in names_of_python(path):
            yield str(path.relative_to(TESTS)), name
    for path in sorted(TESTS.rglob('test*.c')):
        for name in names_of_c(path):
            yield str(path.relative_to(TESTS)), name


def by_row(names):
    rows = {row: [] for row in ROWS}
    for file, name in names:
        for row in re.findall(r'\b[A-EG]\d\d\b', name):
            rows.setdefault(row, []).append((file, name))
    return rows


def by_section(names):
    sections = {}
    for file, name in names:
        match = re.match(r'/?rfc(\d+)[/ ](?:([0-9A-Z][0-9.]*)[/ ])?', name)
        if match:
            sections.setdefault((int(match.group(1)), match.group(2) or ''), []).append((file, name))
    return sections


def print_table(names):
    print('| row or section | test | in |\n|---|---|---|')
    for row, tests in sorted(by_row(names).items()):
        for file, name in tests or [('', 'missing')]:
            print('| %s | %s | `%s` |' % (row, re.sub(r'^%s:? ' % row, '', name).replace('|', '\\|'), file))
    for (rfc, section), tests in sorted(by_section(names).items()):
        for file, name in tests:
            print('| RFC %d%s | %s | `%s` |' % (rfc, ' §' + section if section else '', name.replace('|', '\\|'), file))


def main():
    names = list(all_names())
    if '--table' in sys.argv:
        print_table(names)
        return
    rows = by_row(names)
    print('1..%d' % len(ROWS))
    missing = 0
    for number, row in enumerate(ROWS, 1):
        missing += not rows[row]
        print('%s %d row %s has a test' % ('ok' if rows[row] else 'not ok', number, row))
    sys.exit(1 if missing else 0)


if __name__ == '__main__':
    main()
