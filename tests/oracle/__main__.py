"""`python3 tests/oracle`."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from oracle import command  # noqa: E402

sys.exit(command.main())
