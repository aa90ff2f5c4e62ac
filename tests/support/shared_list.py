# SPDX-License-Identifier: LGPL-2.1-or-later
"""The shared deny-list as docs/shared-deny-list.md describes it, read a second time: by the standard library."""

import hashlib
import mmap
import os
import struct
import time

HEADER = struct.Struct('=8sIIQQ64s16s16s')
WORDS = struct.Struct('=5Q8Q')  # sequence, state, generation, boottime, time, and counts
SLOT = struct.Struct('=16sqII')
LIVE, MOVED, ENDED = 1, 2, 3
# The rules of an entry, and of a tag.
LETTERS = {'token': 't', 'grant': 'g', 'grant-tokens': 'g', 'session': 's', 'subject': 'u', 'subject-tokens': 'u', 'client': 'c',
           'client-tokens': 'o', 'key': 'k', 'all': 'A'}
WHENEVER = 2 ** 63 - 1


class SharedList:
    """@fd is taken."""

    def __init__(self, fd):
        with os.fdopen(fd, 'rb', buffering=0) as file:
            self.memory = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        magic, version, header_size, size, self.n_slots, name, self.salt, _ = HEADER.unpack_from(self.memory, 0)
        assert (magic, version, header_size, size) == (b'TESSDENY', 1, 4096, len(self.memory)), 'not a list of this form'
        self.name = name.rstrip(b'\0').decode()

    def words(self):
        return WORDS.unpack_from(self.memory, 128)

    @property
    def state(self):
        return self.words()[1]

    @property
    def generation(self):
        return self.words()[2]

    @property
    def count(self):
        return sum(self.words()[5:])

    def age(self):
        """Seconds."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) - self.words()[3] / 1000

    def tag(self, letter, value):
        tag = hashlib.sha256(self.salt + letter.encode() + hashlib.sha256(value.encode()).digest()).digest()[:16]
        return tag if tag[:8] != bytes(8) else tag[:8] + bytes([tag[8] | 1]) + tag[9:]

    def slot(self, number):
        return SLOT.unpack_from(self.memory, 4096 + 32 * number)

    def find(self, letter, value):
        """The instant, or None."""
        tag = self.tag(letter, value)
        number = struct.unpack('=Q', tag[:8])[0] % self.n_slots
        for _ in range(self.n_slots):
            found, instant, _, _ = self.slot(number)
            if found == tag:
                return instant
            if found == bytes(16):
                return None
            number = (number + 1) % self.n_slots
        raise AssertionError('a table without an empty slot')

    def tags(self):
        return {found: instant for found, instant, _, _ in map(self.slot, range(self.n_slots)) if found != bytes(16)}

    def refuses(self, claims, kid):
        """Of a token, by what it says; None: the list may not be believed."""
        if self.state not in (LIVE, MOVED) or not -1 < self.age() <= 10:
            return None
        issued = int(claims['jti'].replace('-', '')[:12], 16)
        grant = claims.get('grant_id')
        asked = [('t', claims['jti']), ('g', grant), ('s', claims.get('sid')), ('u', claims['sub'] if grant else None),
                 ('c', claims['client_id']), ('o', None if grant else claims['client_id']), ('k', kid), ('A', '')]
        while True:
            before = self.words()[0]
            instants = [self.find(letter, value) for letter, value in asked if value is not None]
            if before % 2 == 0 and self.words()[0] == before:
                return any(instant is not None and issued <= instant for instant in instants)
