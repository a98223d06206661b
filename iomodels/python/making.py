"""A transfer made with one call of `os`, and the loop of a thread that makes one after another."""

from __future__ import annotations

import os

from iomodels.python.contract import DATA_SYNC, READ, WRITE, SlotTransfer, TrialWork


def make(transfer: SlotTransfer) -> int | bytes:
    """The result for `next`. Blocks where the descriptor does, and else may be -EAGAIN.

    Files are read into the buffer that the trial lends: direct I/O needs an aligned one.
    """
    operation, offset = transfer.operation, transfer.offset
    try:
        if operation == READ:
            if offset < 0:
                return os.read(transfer.fd, transfer.length)
            return os.preadv(transfer.fd, (transfer.buffer,), offset)
        if operation == WRITE:
            if offset < 0:
                return os.write(transfer.fd, transfer.buffer)
            return os.pwrite(transfer.fd, transfer.buffer, offset)
        if operation == DATA_SYNC:
            os.fdatasync(transfer.fd)
        else:
            os.fsync(transfer.fd)
    except OSError as error:
        return -(error.errno or 0)
    return 0


def make_all(work: TrialWork, transfer: SlotTransfer | None) -> None:
    """The slot's transfers, until it is at rest."""
    while transfer is not None:
        transfer = work.next(transfer, make(transfer))
