"""What flufl.bounce says of its own sample mails, one JSON object a line: an independent judge of Loa's reading.

Its one argument is the folder that the package was unpacked into for the tests; nothing of it is copied.
"""
import json
import logging
import sys
from email import message_from_binary_file
from pathlib import Path

sys.path.insert(0, sys.argv[1])

import flufl.bounce
from flufl.bounce import all_failures

logging.disable(logging.CRITICAL)
samples = Path(flufl.bounce.__file__).parent / "tests" / "data"
for path in sorted(samples.glob("*.txt")):
    with path.open("rb") as file:
        temporary, permanent = all_failures(message_from_binary_file(file))
    json.dump({"file": str(path), "temporary": len(temporary), "permanent": len(permanent)}, sys.stdout)
    print()
