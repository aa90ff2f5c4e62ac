#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes po/tessera.pot: every sentence that the templates mark with {{_ "…"}} or {{bdi "…"}}.

  extract.py OUTPUT FILE…      write the template of translations
  extract.py --check POT FILE… fail when POT lacks a sentence or has one too many
"""

import re
import sys

MESSAGE = re.compile(r'\{\{\s*(?:_|bdi)\s+"([^"]+)"\s*\}\}')

HEADER = '''# Sentences of the pages of Tessera. Made by po/extract.py from data/templates.
msgid ""
msgstr ""
"Project-Id-Version: tessera\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
'''


def collect(files):
    """sentence -> the places where it stands, in the order of files and lines"""
    found = {}
    for path in sorted(files):
        name = path[path.index('data/templates/'):]
        with open(path, encoding='utf-8') as file:
            for number, line in enumerate(file, 1):
                for text in MESSAGE.findall(line):
                    found.setdefault(text, []).append(f'{name}:{number}')
    return found


def quote(text):
    return text.replace('\\', '\\\\').replace('"', '\\"')


def write(output, found):
    with open(output, 'w', encoding='utf-8') as file:
        file.write(HEADER)
        for text, places in found.items():
            file.write('\n')
            if '%{' in text:
                file.write('#. Keep what stands in %{…} as it is.\n')
            file.write(''.join(f'#: {place}\n' for place in places))
            file.write(f'msgid "{quote(text)}"\nmsgstr ""\n')


def check(pot, found):
    with open(pot, encoding='utf-8') as file:
        known = set(re.findall(r'^msgid "(.+)"$', file.read(), re.M))
    wanted = {quote(text) for text in found}
    for text in sorted(wanted ^ known):
        print('not in the .pot:' if text in wanted else 'in no template:', text)
    return 0 if wanted == known else 1


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    if sys.argv[1] == '--check':
        return check(sys.argv[2], collect(sys.argv[3:]))
    write(sys.argv[1], collect(sys.argv[2:]))
    return 0


if __name__ == '__main__':
    sys.exit(main())
