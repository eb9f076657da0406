"""`python -m tokeneff`: the same as the `tokeneff` command."""

from __future__ import annotations

import sys

from tokeneff.cli import main

sys.exit(main())
