"""What the command of the package starts."""

import sys

from govbot.cli.main import main

sys.exit(main())
