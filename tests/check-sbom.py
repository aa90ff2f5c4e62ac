#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Is the bill of materials whole? The rules of SPDX 2.3 that a reader of it relies on.

usage: check-sbom.py BUILD-DIRECTORY"""
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / 'tests/support'))
import tap  # noqa: E402

BUILD = tap.argument('BUILD-DIRECTORY')
TEXTS = [subprocess.run([sys.executable, str(ROOT / 'data/dev/sbom.py'), BUILD], check=True, capture_output=True, text=True).stdout
         for _ in range(2)]
DOCUMENT = json.loads(TEXTS[0])
LIBRARIES = 9  # packages that are loaded, the C library among them, and that of PAM for its agent alone


@tap.test('sbom: what SPDX 2.3 requires is there')
def _():
    for member in ('spdxVersion', 'dataLicense', 'SPDXID', 'name', 'documentNamespace', 'creationInfo', 'packages', 'files', 'relationships'):
        tap.contains(DOCUMENT, member)
    for package in DOCUMENT['packages']:
        for member in ('SPDXID', 'name', 'versionInfo', 'downloadLocation'):
            tap.check(package.get(member), f'{package.get("name")} lacks {member}')
    for file in DOCUMENT['files']:
        tap.check(re.fullmatch('[0-9a-f]{40}', file['checksums'][0]['checksumValue']), 'SHA1 is required')


@tap.test('sbom: identifiers are unique, and relations lead somewhere')
def _():
    names = [entry['SPDXID'] for entry in [DOCUMENT, *DOCUMENT['packages'], *DOCUMENT['files']]]
    tap.equal(len(names), len(set(names)))
    for name in names:
        tap.check(re.fullmatch(r'SPDXRef-[A-Za-z0-9.-]+', name), name)
    for relation in DOCUMENT['relationships']:
        tap.contains(names, relation['spdxElementId'])
        tap.contains(names, relation['relatedSpdxElement'])


@tap.test('sbom: no more libraries than we mean to depend on')
def _():
    linked = {relation['relatedSpdxElement'] for relation in DOCUMENT['relationships'] if relation['relationshipType'] == 'DYNAMIC_LINK'}
    linked = {name for name in linked if not re.search(r'lib(a|l|ub|t)san', name)}  # of a sanitizer
    tap.check(len(linked) <= LIBRARIES, f'{len(linked)} packages are loaded: {sorted(linked)}')


@tap.test('sbom: the same build gives the same text')
def _():
    tap.equal(TEXTS[0], TEXTS[1])


if __name__ == '__main__':
    tap.main()
