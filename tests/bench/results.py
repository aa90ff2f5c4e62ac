# SPDX-License-Identifier: LGPL-2.1-or-later
"""What was measured, part by part: the JSON file beside the page that is made of it."""
import json
import os

import machine


def path_for(page):
    return os.path.splitext(page)[0] + '.json'


def read(path):
    with open(path) as f:
        return json.load(f)


def load(page):
    """{part: {"machine", "busy", "found"}}"""
    try:
        return read(path_for(page))
    except FileNotFoundError:
        return {}


def stamp(found):
    return {'machine': machine.describe(), 'busy': round(machine.busy(), 1), 'found': found}


def save(page, parts):
    """Puts these parts in the place of the former ones."""
    known = {**load(page), **parts}
    write(path_for(page), known)
    return known


def write(path, parts):
    with open(path, 'w') as f:
        json.dump(parts, f, indent=1, ensure_ascii=False, sort_keys=True)
        f.write('\n')
