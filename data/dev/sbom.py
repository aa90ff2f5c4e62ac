#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The bill of materials of a build, as SPDX 2.3 in JSON: what is installed, which libraries it loads, from
which packages of the distribution these come, and what it was built with.

usage: sbom.py BUILD-DIRECTORY    prints it; the same build gives the same text"""
import datetime
import functools
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOOLS = ['gcc', 'binutils', 'meson', 'ninja-build', 'libglib2.0-dev-bin']


def output(*command):
    run = subprocess.run(command, capture_output=True, text=True, env={**os.environ, 'LC_ALL': 'C'})
    return run.stdout if run.returncode == 0 else ''


def created():
    """The time of the sources, not of this run (reproducible-builds.org: SOURCE_DATE_EPOCH)."""
    seconds = os.environ.get('SOURCE_DATE_EPOCH') or output('git', '-c', 'safe.directory=*', '-C', str(ROOT), 'log', '-1', '--format=%ct')
    return datetime.datetime.fromtimestamp(int(seconds or 0), datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')


def installed(build):
    """(path where it is installed, file) of programs and libraries."""
    for target in json.loads(output('meson', 'introspect', '--targets', str(build))):
        if target['installed'] and target['type'] in ('executable', 'shared library'):
            yield target['install_filename'][0], pathlib.Path(target['filename'][0])


def libraries_of(file):
    """Names of the libraries it loads by itself, and the files they are."""
    needed = re.findall(r'\(NEEDED\).*\[(.*)\]', output('readelf', '--wide', '--dynamic', str(file)))
    loaded = output('ldd', str(file))
    found = dict(re.findall(r'^\s*(\S+) => (/\S+)', loaded, re.MULTILINE))
    found |= {os.path.basename(path): path for path in re.findall(r'^\s*(/\S+) \(', loaded, re.MULTILINE)}
    return {name: found.get(name) for name in needed}


@functools.lru_cache(maxsize=None)
def package_of(path):
    """The Debian package that a file is from; links of the merged /usr are followed."""
    real = os.path.realpath(path)
    names = {path, real, re.sub('^/usr/', '/', real), re.sub('^/(?!usr/)', '/usr/', path)}
    run = subprocess.run(['dpkg-query', '--search', *sorted(names)], capture_output=True, text=True)
    # Debian 13 diverts the loader, and says so in a line of another form.
    lines = [line for line in run.stdout.splitlines() if not line.startswith('diversion by')]
    return lines[0].split(':')[0].split(',')[0] if lines else None


def identifier(text):
    return 'SPDXRef-' + re.sub(r'[^A-Za-z0-9.-]', '-', text)


def package_entry(name):
    fields = output('dpkg-query', '--show', '--showformat=${Version}\t${Architecture}\t${source:Package}\t${Homepage}', name).split('\t')
    version, architecture, source, home = (fields + [''] * 4)[:4]
    distribution = re.search(r'^ID=(\w+)', pathlib.Path('/etc/os-release').read_text(encoding='utf-8'), re.MULTILINE)[1]
    entry = {
        'SPDXID': identifier('Package-' + name), 'name': name, 'versionInfo': version, 'supplier': 'Organization: Debian',
        'downloadLocation': 'NOASSERTION', 'filesAnalyzed': False, 'licenseConcluded': 'NOASSERTION',
        'licenseDeclared': 'NOASSERTION', 'copyrightText': 'NOASSERTION', 'sourceInfo': f'Debian source package {source}',
        'externalRefs': [{'referenceCategory': 'PACKAGE-MANAGER', 'referenceType': 'purl',
                          'referenceLocator': f'pkg:deb/{distribution}/{name}@{version}?arch={architecture}'}],
    }
    return {**entry, 'homepage': home} if home else entry


def own_entry(version):
    return {
        'SPDXID': 'SPDXRef-Package-tessera', 'name': 'tessera', 'versionInfo': version, 'supplier': 'NOASSERTION',
        'downloadLocation': 'NOASSERTION', 'filesAnalyzed': False, 'licenseConcluded': 'LGPL-2.1-or-later',
        'licenseDeclared': 'LGPL-2.1-or-later', 'copyrightText': 'The Tessera authors', 'primaryPackagePurpose': 'APPLICATION',
    }


def file_entry(name, path):
    data = path.read_bytes()
    sums = [{'algorithm': kind, 'checksumValue': hashlib.new(kind.lower(), data).hexdigest()} for kind in ('SHA1', 'SHA256')]
    return {'SPDXID': identifier('File-' + name), 'fileName': '.' + name, 'fileTypes': ['BINARY'], 'checksums': sums,
            'licenseConcluded': 'LGPL-2.1-or-later', 'licenseInfoInFiles': ['NOASSERTION'], 'copyrightText': 'The Tessera authors'}


def relation(one, kind, other):
    return {'spdxElementId': one, 'relationshipType': kind, 'relatedSpdxElement': other}


def compose(build):
    version = json.loads(output('meson', 'introspect', '--projectinfo', str(build)))['version']
    files, packages, relations = [], {}, [relation('SPDXRef-DOCUMENT', 'DESCRIBES', 'SPDXRef-Package-tessera')]
    for name, path in sorted(installed(build)):
        entry = file_entry(name, path)
        files.append(entry)
        relations.append(relation('SPDXRef-Package-tessera', 'CONTAINS', entry['SPDXID']))
        for library, found in sorted(libraries_of(path).items()):
            package = package_of(found) if found else None
            if package:
                packages.setdefault(package, package_entry(package))
                link = relation(entry['SPDXID'], 'DYNAMIC_LINK', packages[package]['SPDXID'])
                relations += [link] if link not in relations else []
            elif not library.startswith('libtessera-'):
                sys.exit(f'sbom: {name} loads {library}, which is of no package')
    for tool in TOOLS:
        packages.setdefault(tool, package_entry(tool))
        relations.append(relation(packages[tool]['SPDXID'], 'BUILD_TOOL_OF', 'SPDXRef-Package-tessera'))
    return {
        'spdxVersion': 'SPDX-2.3', 'dataLicense': 'CC0-1.0', 'SPDXID': 'SPDXRef-DOCUMENT', 'name': f'tessera-{version}',
        'creationInfo': {'created': created(), 'creators': ['Tool: data/dev/sbom.py']},
        'packages': [own_entry(version), *(packages[name] for name in sorted(packages))], 'files': files, 'relationships': relations,
    }


def main():
    document = compose(pathlib.Path(sys.argv[1]).resolve())
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    document['documentNamespace'] = f'https://spdx.org/spdxdocs/{document["name"]}-{digest[:32]}'
    print(json.dumps(document, indent=2, ensure_ascii=False))


if __name__ == '__main__':
    main()
