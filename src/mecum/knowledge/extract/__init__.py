"""Text out of files: `readers` says which module reads which kind, `base` what comes out, `sniff` tells a kind by its bytes.

There is one module for each family of kinds. All of it runs in a confined child (`knowledge.reading`).
"""

from mecum.knowledge.extract.base import Block, Extracted, ExtractError, Part, Place

__all__ = ["Block", "ExtractError", "Extracted", "Part", "Place"]
