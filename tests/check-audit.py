#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Holds what is said of the audit trail against its table: the guide, the manual and the journal's catalog name each
event with its MESSAGE_ID, and the guide each field and each metric. Prints TAP."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent
EVENT = re.compile(r'\[TESSERA_AUDIT_\w+\]\s*=\s*\{\s*"([a-z-]+)",\s*"[^"]*",\s*"([0-9a-f]{32})"')
METRIC = re.compile(r'"((?:tessera|process)_[a-z_]+)"')


def read(path):
    return (ROOT / path).read_text(encoding='utf-8')


SOURCE = read('src/libtessera/base/tessera-audit.c')
HEADER = read('src/libtessera/base/tessera-audit-private.h')
GUIDE = read('docs/guide/audit-and-metrics.md')
MANUAL = read('data/man/tesserad.8')
CATALOG = read('data/systemd/tessera.catalog')
EVENTS = EVENT.findall(SOURCE)


def complaints_of_the_table():
    declared = re.findall(r'^  TESSERA_AUDIT_(?!GRANTS|REFUSALS|LOGINS|REVOCATIONS|ACTS|ALL\b|N_EVENTS)[A-Z_]+,', HEADER, re.M)
    if len(EVENTS) != len(declared):
        yield '%d events were found in the table, and %d are declared' % (len(EVENTS), len(declared))
    if len({name for name, _ in EVENTS}) != len(EVENTS) or len({key for _, key in EVENTS}) != len(EVENTS):
        yield 'a name or an id is there twice'


def complaints_of_a_text(name, text, pattern):
    found = re.findall(pattern, text, re.M)
    for event in sorted(set(EVENTS) ^ set(found)):
        yield '%s: %s %s' % (name, *event)


def complaints_of_the_guide():
    yield from complaints_of_a_text('the guide', GUIDE, r'^\| `([a-z-]+)` \|[^|]*\| `([0-9a-f]{32})` \|')
    for field in re.findall(r'"(TESSERA_[A-Z_]+)"', SOURCE):
        if '`%s`' % field not in GUIDE or field not in MANUAL:
            yield 'guide and manual should name %s' % field


def complaints_of_the_manual():
    yield from complaints_of_a_text('the manual', MANUAL, r'^\.It Cm ([a-z-]+) ([0-9a-f]{32})$')


def complaints_of_the_catalog():
    ids = re.findall(r'^-- ([0-9a-f]{32})$', CATALOG, re.M)
    if sorted(ids) != sorted(key for _, key in EVENTS):
        yield 'the catalog has other ids'
    for field in set(re.findall(r'@([A-Z_]+)@', CATALOG)):
        if '"%s"' % field not in SOURCE:
            yield 'the catalog speaks of %s' % field
    for block in CATALOG.split('\n-- ')[1:]:
        if not re.match(r'[0-9a-f]{32}\nSubject: .+\nDefined-By: Tessera\nDocumentation: .+\n\n\S', block):
            yield 'the catalog: %s' % block[:60]


def complaints_of_the_metrics():
    """Each is in the guide, in full or by its end."""
    names = set()
    for path in ('base/tessera-metrics.c', 'server/tessera-monitoring.c', 'gate/tessera-listener.c'):
        names.update(METRIC.findall(read('src/libtessera/' + path)))
    ends = re.findall(r'`…(_[a-z_]+)`', GUIDE)
    for name in sorted(names):
        if '`%s`' % name not in GUIDE and not any(name.endswith(end) for end in ends):
            yield 'the guide should name %s' % name


def main():
    rules = [complaints_of_the_table, complaints_of_the_guide, complaints_of_the_manual, complaints_of_the_catalog, complaints_of_the_metrics]
    print('1..%d' % len(rules))
    for number, rule in enumerate(rules, 1):
        complaints = list(rule())
        print('%sok %d /audit/%s' % ('not ' if complaints else '', number, rule.__name__.replace('_', '-')))
        for complaint in complaints:
            print('# ' + complaint)


if __name__ == '__main__':
    main()
