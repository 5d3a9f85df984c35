"""Text out of files: `Extractor` reads them in child processes, `base` says what comes out.

`sniff` tells a file's kind by its bytes, `readers` which module reads it; there is one module for each family of kinds.
`program` is what a child runs.
"""

from mecum.knowledge.extract.base import Block, Extracted, ExtractError, Part, Place
from mecum.knowledge.extract.extractor import Extractor

__all__ = ["Block", "ExtractError", "Extracted", "Extractor", "Part", "Place"]
