"""python -m calibrant."""

import sys

from calibrant.commands import main

sys.exit(main())
