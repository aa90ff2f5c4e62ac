# SPDX-License-Identifier: LGPL-2.1-or-later
"""The reader in Python as a program: a line of JSON for each line (check TOKEN AUDIENCE, move MILLISECONDS, state)."""
import json
import logging
import os
import sys
import time

sys.path.insert(0, os.environ['READERS'] + '/python')
from tokens import Checker  # noqa: E402

offset = 0.0
logging.basicConfig(format='%(message)s')
issuer, client_id, secret = sys.argv[1:]
checker = Checker(issuer, client_id, secret, now=lambda: time.time() + offset)
for line in sys.stdin:
    command, *words = line.split()
    if command == 'move':
        offset += int(words[0]) / 1000
        answer = {}
    elif command == 'check':
        try:
            answer = {'sub': checker.check(*words)['sub']}
        except Exception as error:
            answer = {'refused': str(error)}
    else:
        copy = checker.deny_list
        answer = {'age': copy.age(), 'generation': copy.generation, 'list': copy.list, 'entries': len(copy.entries)}
    print(json.dumps(answer), flush=True)
