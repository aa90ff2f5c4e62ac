#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Holds the rule of the layers: a file includes only its own layer and those to its left.

    base → jose → model → store → (grants → endpoints | resource) → server

Also: libsoup only in server/ and gate/ and, its client, in resource/, libjwt in one file, and the programs use the library's public header alone.
Prints TAP, one line a rule.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIBRARY = ROOT / 'src/libtessera'

LEFT = {'base': set()}
LEFT['jose'] = {'base'}
LEFT['model'] = LEFT['jose'] | {'jose'}
LEFT['store'] = LEFT['model'] | {'model'}
LEFT['grants'] = LEFT['store'] | {'store'}
LEFT['endpoints'] = LEFT['grants'] | {'grants'}
LEFT['resource'] = LEFT['store'] | {'store'}
LEFT['server'] = LEFT['endpoints'] | {'endpoints', 'resource'}
LEFT['gate'] = LEFT['server'] | {'server'}

LIBSOUP_LAYERS = {'resource', 'server', 'gate'}
LIBJWT_FILES = {'jose/tessera-claims.c'}
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.MULTILINE)


def sources(folder):
    return sorted(path for path in folder.rglob('*') if path.suffix in ('.c', '.h'))


def includes(path):
    return [(quote == '<', name) for quote, name in INCLUDE.findall(path.read_text(encoding='utf-8'))]


def own_includes(path):
    return [name for system, name in includes(path) if not system]


def complaints_of_layer(layer):
    folder = LIBRARY / layer
    for path in sources(folder):
        for name in own_includes(path):
            target = name.split('/')[0] if '/' in name else None
            if target is None:
                yield f'{path.relative_to(ROOT)}: "{name}" must be written with its layer'
            elif target != layer and target not in LEFT[layer]:
                yield f'{path.relative_to(ROOT)}: "{name}" is not to the left of {layer}'
            elif not (LIBRARY / name).exists() and not is_generated(name):
                yield f'{path.relative_to(ROOT)}: "{name}" does not exist'


def is_generated(name):
    return name.endswith(('-resources.h', '-enums.h'))


def complaints_of_external(pattern, is_allowed):
    for path in sources(LIBRARY):
        relative = path.relative_to(LIBRARY)
        for system, name in includes(path):
            if re.match(pattern, name) and not is_allowed(relative):
                yield f'{path.relative_to(ROOT)}: <{name}> has no place here'


def complaints_of_unknown_layers():
    for path in sorted(LIBRARY.iterdir()):
        if path.is_dir() and path.name not in LEFT:
            yield f'{path.relative_to(ROOT)}: no layer of that name'


def complaints_of_public_headers():
    for path in sources(LIBRARY):
        if path.suffix == '.h' and not path.name.endswith('-private.h'):
            for name in own_includes(path):
                if name.endswith('-private.h'):
                    yield f'{path.relative_to(ROOT)}: an installed header includes "{name}"'


def complaints_of_program(folder):
    for path in sources(ROOT / 'src' / folder):
        for system, name in includes(path):
            if name.startswith('tessera-') and (path.parent / name).exists():
                continue
            if name in ('tessera.h', 'tessera-dbus.h') or (system and not name.startswith('tessera')):
                continue
            if (path.parent / name).exists() or is_generated(name):
                continue
            yield f'{path.relative_to(ROOT)}: "{name}" is no public header and not its own'


def rules():
    yield '/layers/are-known', complaints_of_unknown_layers()
    for layer in LEFT:
        yield f'/layers/{layer}-looks-left', complaints_of_layer(layer)
    yield '/layers/libsoup-only-where-http-is-spoken', complaints_of_external(
        r'libsoup/', lambda path: path.parts[0] in LIBSOUP_LAYERS)
    yield '/layers/libjwt-only-in-one-file', complaints_of_external(
        r'jwt\.h$', lambda path: str(path) in LIBJWT_FILES)
    yield '/layers/public-headers-include-public-headers', complaints_of_public_headers()
    for program in ('tesserad', 'tessera'):
        yield f'/layers/{program}-uses-the-public-header', complaints_of_program(program)


def main():
    failed = False
    checks = [(name, list(complaints)) for name, complaints in rules()]
    print(f'1..{len(checks)}')
    for number, (name, complaints) in enumerate(checks, start=1):
        for complaint in complaints:
            print(f'# {complaint}')
        print(f'{"not ok" if complaints else "ok"} {number} {name}')
        failed = failed or bool(complaints)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
