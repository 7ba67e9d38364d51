# SPDX-License-Identifier: BSD-2-Clause
"""A caller of nvmfd's RPC server: requests as they are or as bytes, answers as they
come."""
import json
import socket

from daemon import SLOWNESS

DEADLINE = 20.0 * SLOWNESS


class RpcError(AssertionError):
    """The call failed, with `code` and `message`."""

    def __init__(self, error):
        super().__init__(f'{error["code"]}: {error["message"]}')
        self.code, self.message = error['code'], error['message']


class Caller:
    """One connection."""

    def __init__(self, path, receive_buffer=None):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(str(path))
        self.come = ''
        self.number = 0

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def end(self):
        """Ends this side; answers may still come."""
        self.socket.shutdown(socket.SHUT_WR)

    def answer(self):
        """The next answer, whatever it says; None: there are no more."""
        while True:
            try:
                self.come = self.come.lstrip()
                value, used = json.JSONDecoder().raw_decode(self.come)
                self.come = self.come[used:]
                return value
            except ValueError:
                more = self.socket.recv(65536)
                if not more:
                    assert not self.come.strip(), f'half an answer: {self.come!r}'
                    return None
                self.come += more.decode()

    def answers(self):
        """All that come before the other side ends."""
        return list(iter(self.answer, None))

    def request(self, method, **params):
        self.number += 1
        asked = {'jsonrpc': '2.0', 'method': method, 'id': self.number}
        return {**asked, 'params': params} if params else asked

    def call(self, method, **params):
        """The result; RpcError where there is none."""
        asked = self.request(method, **params)
        self.send(json.dumps(asked))
        answer = self.answer()
        assert answer and answer['id'] == asked['id'], answer
        if 'error' in answer:
            raise RpcError(answer['error'])
        return answer['result']

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
