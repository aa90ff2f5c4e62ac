#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Holds what is installed, and the objects it is made of, against what meson.build asks of compiler and linker.

usage: check-hardening.py BUILD-DIRECTORY"""
import json
import pathlib
import platform
import re
import shlex
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / 'support'))
import tap  # noqa: E402

BUILD = pathlib.Path(tap.argument('BUILD-DIRECTORY')).resolve()
FLAGS = ['-fstack-protector-strong', '-fstack-clash-protection', '-ftrivial-auto-var-init=zero',
         '-fzero-call-used-regs=used-gpr']
MARKS = {'x86_64': r'x86 feature: IBT, SHSTK', 'aarch64': r'AArch64 feature: BTI, PAC'}


def readelf(path, *options):
    return subprocess.run(['readelf', '--wide', *options, str(path)], check=True, capture_output=True, text=True,
                          env={'LC_ALL': 'C', 'PATH': '/usr/bin:/bin'}).stdout


def installed():
    """The programs and libraries that are installed."""
    run = subprocess.run(['meson', 'introspect', '--targets', str(BUILD)], check=True, capture_output=True, text=True)
    wanted = ('executable', 'shared library')
    files = [pathlib.Path(target['filename'][0]) for target in json.loads(run.stdout)
             if target['installed'] and target['type'] in wanted]
    tap.check(files, 'nothing is installed')
    return files


def compilations():
    """(object, arguments) of each source below src/ that goes into what is installed."""
    commands = json.loads((BUILD / 'compile_commands.json').read_text(encoding='utf-8'))
    own = [(BUILD / entry['output'], shlex.split(entry['command'])) for entry in commands
           if entry['output'].startswith('src/')]
    tap.check(len(own) > 50, 'there are hardly any objects')
    return own


def is_sanitized():
    return any(argument.startswith('-fsanitize=') for argument in compilations()[0][1])


def is_optimized():
    levels = [argument for argument in compilations()[0][1] if re.fullmatch(r'-O.*', argument)]
    return levels[-1:] not in ([], ['-O0'], ['-Og'])


def is_library(path):
    return '.so' in path.name


@tap.test('hardening: programs are position-independent')
def _():
    for path in installed():
        tap.contains(readelf(path, '--file-header'), 'Type:                              DYN', path.name)
        if not is_library(path):
            tap.check(re.search(r'FLAGS_1.* PIE', readelf(path, '--dynamic')), f'{path.name} is not marked PIE')


@tap.test('hardening: what the linker wrote is read-only before main, nothing is bound later')
def _():
    for path in installed():
        tap.contains(readelf(path, '--program-headers'), 'GNU_RELRO', path.name)
        tap.check(re.search(r'BIND_NOW|FLAGS_1.* NOW', readelf(path, '--dynamic')), f'{path.name} binds lazily')


@tap.test('hardening: no page can be written and executed, the stack neither')
def _():
    for path in installed():
        headers = readelf(path, '--program-headers')
        stack = re.search(r'^ *GNU_STACK .* ([RWE ]{3}) +0x', headers, re.MULTILINE)
        tap.check(stack and 'E' not in stack.group(1), f'the stack of {path.name} can be executed')
        tap.check(not re.search(r'^ *LOAD .* RWE ', headers, re.MULTILINE), f'{path.name} has pages that can be both')
        tap.check('TEXTREL' not in readelf(path, '--dynamic'), f'the code of {path.name} is changed when it is loaded')


@tap.test('hardening: every object was compiled with the protections')
def _():
    if 'clang' in compilations()[0][1][0]:
        tap.skip('clang has other names for them')
    for path, arguments in compilations():
        tap.equal([flag for flag in FLAGS if flag not in arguments], [], path.name)


@tap.test('hardening: stack guards are in what is installed')
def _():
    for path in installed():
        tap.contains(readelf(path, '--dyn-syms'), '__stack_chk_fail', path.name)


@tap.test('hardening: the checked functions of the C library are used')
def _():
    if is_sanitized() or not is_optimized():
        tap.skip('not in a build with sanitizers or without optimization')
    for path, arguments in compilations():
        tap.contains(arguments, '-D_FORTIFY_SOURCE=3', path.name)
    library = next(filter(is_library, installed()))
    tap.check(re.search(r'__\w+_chk@', readelf(library, '--dyn-syms')), 'the library calls none of them')


@tap.test('hardening: every object marks where jumps may land and keeps a shadow stack')
def _():
    # Of the objects, since start files of the distribution may lack the mark and then the program does.
    mark = MARKS.get(platform.machine())
    if mark is None:
        tap.skip('this processor has no such thing')
    for path, _ in compilations():
        tap.check(re.search(mark, readelf(path, '--notes')), f'{path.name} is not marked')


@tap.test('hardening: installed programs look for libraries in no folder that somebody else may own')
def _():
    for path in installed():
        for folder in re.findall(r'R(?:UN)?PATH\).*\[(.*)\]', readelf(path, '--dynamic')):
            tap.check(folder.startswith('$ORIGIN/'), f'{path.name}: {folder}')  # in the build directory only


if __name__ == '__main__':
    tap.main()
