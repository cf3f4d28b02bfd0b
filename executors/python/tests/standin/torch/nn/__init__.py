"""Part of the stand-in of torch; its functions are put here by torch itself."""

from . import functional
