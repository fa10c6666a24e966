"""Martlet: an engine for large language models.

```python
import martlet

with martlet.Model.load("smollm2") as model:
    for piece in model.chat("Why is the sky blue?", max_tokens=100):
        print(piece.text, end="", flush=True)
```

Every name below is documented in `docs/python.md`; every exception is a `MartletError` whose text says what to do.
"""

from __future__ import annotations

from . import ops
from ._library import LIBRARY as _LIBRARY
from .devices import Device, devices, require_device, set_threads
from .dtypes import DType
from .errors import (
    CancelledError,
    DeviceUnavailableError,
    InternalError,
    InvalidArgumentError,
    InvalidHandleError,
    InvalidRequestError,
    MalformedFileError,
    MartletError,
    NotFoundError,
    OutputFailedError,
    UnsupportedModelError,
)
from .generation import Generation, Piece, Result, Timing
from .model import Model, Perplexity, Sampling
from .tensor import SupportsDLPack, Tensor, from_dlpack
from .tokenizer import Tokenizer

__version__: str = _LIBRARY.martlet_version().decode()

__all__ = [
    "CancelledError",
    "DType",
    "Device",
    "DeviceUnavailableError",
    "Generation",
    "InternalError",
    "InvalidArgumentError",
    "InvalidHandleError",
    "InvalidRequestError",
    "MalformedFileError",
    "MartletError",
    "Model",
    "NotFoundError",
    "OutputFailedError",
    "Perplexity",
    "Piece",
    "Result",
    "Sampling",
    "SupportsDLPack",
    "Tensor",
    "Timing",
    "Tokenizer",
    "UnsupportedModelError",
    "devices",
    "from_dlpack",
    "ops",
    "require_device",
    "set_threads",
]
