#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The OpenID Foundation's basic plan: the code flow, answered by query."""

import openid_basic_plan
from tap import main

openid_basic_plan.register('query')

if __name__ == '__main__':
    main(openid_basic_plan.service)
