"""Signatures and workflows, by Celery's module name."""

from __future__ import annotations

from .runtime.canvas import Signature, StampingVisitor, chain, chord, chunks, group, signature, xmap, xstarmap

__all__ = ["Signature", "StampingVisitor", "chain", "chord", "chunks", "group", "signature", "xmap", "xstarmap"]
