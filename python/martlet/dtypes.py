"""The types of elements, and their names elsewhere."""

from __future__ import annotations

from enum import IntEnum
from typing import Union

from .errors import InvalidArgumentError

__all__ = ["DType"]


class DType(IntEnum):
    """What an element is; the numbers are those of `martlet_dtype`.

    Any tensor can be made, viewed and copied; arithmetic is done in F32, F16 and BF16, with indices in I64 or I32.
    """

    BYTE = 1
    BOOL = 2
    I8 = 3
    I16 = 4
    I32 = 5
    I64 = 6
    U8 = 7
    U16 = 8
    U32 = 9
    U64 = 10
    F8 = 11
    F16 = 12
    F32 = 13
    F64 = 14
    C16 = 15
    C32 = 16
    C64 = 17
    C128 = 18
    BF16 = 19

    @classmethod
    def of(cls, dtype: Union[DType, str]) -> DType:
        """The type by its name in lower case, such as `bf16`."""
        if isinstance(dtype, str):
            if dtype.upper() not in cls.__members__:
                raise InvalidArgumentError(
                    f"dtype: {dtype!r} is none of {', '.join(m.lower() for m in cls.__members__)}"
                )
            return cls[dtype.upper()]
        try:
            return cls(dtype)
        except ValueError:
            raise InvalidArgumentError(f"dtype: {dtype!r} is no type") from None


# DLPack's (code, bits) of each type that it knows; one lane each. Codes: 0 signed, 1 unsigned, 2 IEEE floating point,
# 4 bfloat, 5 complex, 6 boolean. What F8 means differs between libraries, so that it is not exchanged.
DLPACK: dict[DType, tuple[int, int]] = {
    DType.BOOL: (6, 8),
    DType.I8: (0, 8),
    DType.I16: (0, 16),
    DType.I32: (0, 32),
    DType.I64: (0, 64),
    DType.BYTE: (1, 8),
    DType.U8: (1, 8),
    DType.U16: (1, 16),
    DType.U32: (1, 32),
    DType.U64: (1, 64),
    DType.F16: (2, 16),
    DType.F32: (2, 32),
    DType.F64: (2, 64),
    DType.BF16: (4, 16),
    DType.C32: (5, 32),
    DType.C64: (5, 64),
    DType.C128: (5, 128),
}
FROM_DLPACK = {code: dtype for dtype, code in DLPACK.items()}

# NumPy's type strings, for those types that NumPy has.
TYPESTR: dict[DType, str] = {
    DType.BOOL: "|b1",
    DType.I8: "|i1",
    DType.I16: "<i2",
    DType.I32: "<i4",
    DType.I64: "<i8",
    DType.BYTE: "|u1",
    DType.U8: "|u1",
    DType.U16: "<u2",
    DType.U32: "<u4",
    DType.U64: "<u8",
    DType.F16: "<f2",
    DType.F32: "<f4",
    DType.F64: "<f8",
    DType.C64: "<c8",
    DType.C128: "<c16",
}
