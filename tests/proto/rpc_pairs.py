#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Records what SPDK's own rpc.py asks and what nvmfd answers, for test_rpc_methods.

usage: rpc_pairs.py RPC.PY < COMMANDS > rpc_pairs.json

Commands are lines as behind rpc.py; ROOM stands for a folder with a file `disk` of 8 MiB
and PORT for a free port.  Look at what changed before it is committed: this is what
programs written for SPDK meet.
"""
import json
import os
import shlex
import subprocess
import sys

import daemon
from rpc import Caller

# Values that no two runs have in common.
VARIES = {'ticks', 'thread', 'cntlid', 'filename'}


def blur(value):
    """Puts "*" where runs differ."""
    if isinstance(value, dict):
        return {k: '*' if k in VARIES else blur(v) for k, v in value.items()}
    if isinstance(value, list):
        return [blur(v) for v in value]
    return value


def fill_in(value, room, port):
    text = json.dumps(value)
    return json.loads(text.replace('"PORT"', f'"{port}"').replace('ROOM', str(room)))


def request_of(rpc_py, line):
    words = [rpc_py, '--dry-run', *shlex.split(line)]
    asked = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    request = json.loads(asked.removeprefix('Request:\n'))
    return {k: v for k, v in request.items() if v}


def main():
    requests = [request_of(sys.argv[1], line) for line in sys.stdin if line.strip()]
    room = daemon.Room()
    room.file('disk', 8 << 20)
    port = int(os.environ.get('PORT', 24399))
    target = daemon.Daemon(room=room, nqn=None, args=('--rpc-socket', 'rpc', '--listen', '127.0.0.1'))
    pairs = []
    with target, Caller(room.path / 'rpc') as caller:
        for request in requests:
            caller.send(json.dumps(fill_in({'jsonrpc': '2.0', 'id': 1, **request}, room.path, port)))
            answer = json.dumps(blur(caller.answer()))
            answer = answer.replace(str(room.path), 'ROOM').replace(f'"{port}"', '"PORT"')
            pairs.append([request, json.loads(answer)])
    room.remove()
    print('[\n' + ',\n'.join(json.dumps(pair) for pair in pairs) + '\n]')


if __name__ == '__main__':
    main()
