# SPDX-License-Identifier: BSD-2-Clause
"""Traffic of every kind of PDU, on connections with every mix of digests.

usage: drive.py HOST PORT NQN
"""
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / 'proto'))
import nvmetcp
import wire

BLOCK = 512


def commands(queue):
    """Reads and writes: in the capsule, by R2T, without data, refused."""
    for blocks in 1, 8, 33, 256:
        data = os.urandom(blocks * BLOCK)
        assert queue.run(wire.write(1, 3, blocks), data).cqe.sc == wire.Sc.SUCCESS
        assert queue.run(wire.read(1, 3, blocks), length=len(data)).data == data
    assert queue.run(wire.flush(1)).cqe.sc == wire.Sc.SUCCESS
    assert queue.run(wire.read(1, 1 << 40, 1), length=BLOCK).cqe.sc == wire.Sc.LBA_OUT_OF_RANGE


def main(host, port, nqn):
    for hdgst in False, True:
        for ddgst in False, True:
            with nvmetcp.Controller((host, int(port)), nqn, hdgst=hdgst, ddgst=ddgst) as controller:
                assert (controller.admin.hdgst, controller.admin.ddgst) == (hdgst, ddgst)
                controller.identify_controller()
                controller.descriptors(1)
                controller.get_log(2, 512)
                for queue in controller.io_queues(2):
                    commands(queue)
                    queue.disconnect()


main(*sys.argv[1:])
