"""Whole models."""

from .qwen2 import Qwen2

__all__ = ["Qwen2"]
