"""Files to documents in passages, in child processes: `Extractor` is the parent's side, `program` what a child runs.

A child sniffs and reads (`knowledge.extract`), cuts (`chunk`) and makes keywords (`tokens`), so that none of it takes time
from the process that answers; `portions` is how the result comes over.
"""

from mecum.knowledge.reading.extractor import Extractor, Reading

__all__ = ["Extractor", "Reading"]
