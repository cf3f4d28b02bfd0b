"""What cannot be done, and what the exceptions of runtimes mean to the runner."""

import re


class Refused(Exception):
    """What cannot be done, with the status of the protocol and a reason in words."""

    def __init__(self, status, reason):
        super().__init__(reason)
        self.status, self.reason = status, reason


def unsupported(reason):
    return Refused("unsupported", reason)


def failed(reason):
    return Refused("failed", reason)


OUT_OF_MEMORY = re.compile(
    r"out ?of ?memory|RESOURCE_EXHAUSTED|fail(ed|ure) to allocate|can't allocate|not enough memory", re.I)
LOST = re.compile(
    r"device.?(is |was )?lost|illegal memory access|unspecified launch failure|device-side assert"
    r"|uncorrectable ECC|fell off the bus", re.I)
LACKING = re.compile(
    r"not (yet |currently )?(implemented|supported)|unsupported|could not run '|NOT_IMPLEMENTED|unimplemented"
    r"|no kernel|could not find an implementation|cpu ep fallback|is not available", re.I)


def refusal(error):
    """What an exception of a runtime means to the runner, with the first line of its message."""
    if isinstance(error, Refused):
        return error
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    name = type(error).__name__
    reason = f"{name}: {lines[0][:300]}" if lines else name
    if isinstance(error, MemoryError) or "OutOfMemory" in name or OUT_OF_MEMORY.search(str(error)):
        return Refused("out-of-memory", reason)
    if LOST.search(str(error)):
        return Refused("device-lost", reason)
    if isinstance(error, NotImplementedError) or LACKING.search(str(error)):
        return unsupported(reason)
    return failed(reason)
