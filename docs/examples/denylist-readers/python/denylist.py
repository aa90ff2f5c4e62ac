# SPDX-License-Identifier: LGPL-2.1-or-later
"""A copy of Tessera's deny-list that keeps itself up to date: docs/denylist-feed.md."""
import base64
import hashlib
import json
import logging
import math
import re
import threading
import time

RULES = {'token', 'grant', 'grant-tokens', 'session', 'subject', 'subject-tokens', 'client', 'client-tokens', 'all', 'key'}
UUID7 = re.compile('[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}')


class DenyList:
    def __init__(self, issuer, now=time.time):
        self.issuer, self.now, self.time, self.arrived = issuer, now, -math.inf, -math.inf
        self.entries, self.list, self.generation = {}, None, 0  # entries: (rule, value) -> (instant, expires)
        threading.Thread(target=self.follow, daemon=True).start()

    def refuses(self, claims, kid):
        jti, sub, client, grant = claims['jti'], claims['sub'], claims['client_id'], claims.get('grant_id')
        issued = int(jti.replace('-', '')[:12], 16) if UUID7.fullmatch(jti) else claims['iat'] * 1000
        asked = [('token', jti), ('client', client), ('session', claims.get('sid')), ('all', ''), ('key', kid), ('?', '')]
        person = [('grant', grant), ('grant-tokens', grant), ('subject', sub), ('subject-tokens', sub)]
        asked += person if grant is not None else [('client-tokens', client)]
        return any(issued <= self.entries.get(one, (-math.inf,))[0] for one in asked)

    def age(self):  # seconds since the list was so: neither a clock set back nor a suspended machine makes it younger
        return max(0, self.now() - self.time / 1000, time.monotonic() - self.arrived)

    def follow(self):
        while True:
            try:
                self.listen() if self.list else self.load()
            except Exception as error:  # whatever it is: once more, and meanwhile it becomes stale
                logging.warning('deny-list: %s', error)
            time.sleep(1)

    def learn(self, entries, said):
        if said['rule'] in RULES:
            entries[said['rule'], said['value']] = said.get('instant', math.inf), said.get('expires', math.inf)
        else:  # not understood: it may refuse anything
            entries['?', ''] = math.inf, math.inf

    def freshen(self, stamp):
        if self.time < stamp <= (self.now() + 60) * 1000:
            self.time, self.arrived = stamp, time.monotonic() - max(0, self.now() - stamp / 1000)
        self.entries = {one: known for one, known in self.entries.items() if known[1] > max(self.now() * 1000, self.time)}

    def load(self):
        head, *middle, last = self.issuer.open('tessera_deny_list_endpoint').readlines()
        _, proof = self.issuer.verify(json.loads(last)['signature'], 'deny-list+jwt')
        digest = hashlib.sha256(b''.join([head, *middle])).digest()
        if json.loads(head)['tessera_deny_list'] != 1 or base64.urlsafe_b64decode(proof['sha256'] + '=') != digest:
            raise ValueError('not the snapshot that was signed')
        entries = {}
        for line in middle:
            self.learn(entries, json.loads(line))
        self.entries, self.list, self.generation = entries, proof['list'], proof['generation']
        self.freshen(proof['time'])

    def listen(self):
        kind, first = '', True
        for line in self.issuer.open('tessera_deny_list_events_endpoint', {'Last-Event-ID': str(self.generation)}):
            field, _, value = line.decode().strip().partition(': ')
            kind = value if field == 'event' else kind
            if field == 'data':
                said = json.loads(value)
                if kind == 'reset' or said['list'] != self.list:
                    self.list = None
                    return
                if first and (kind, said['generation']) != ('heartbeat', self.generation):
                    raise ValueError('not the stream that was asked for')
                if kind == 'deny' and said['generation'] > self.generation:
                    self.learn(self.entries, said)
                first, self.generation = False, max(self.generation, said['generation'])
                if kind == 'heartbeat':
                    self.freshen(said['time'])
