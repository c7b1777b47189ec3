"""Where `downscale` and `python -m suite` start: Ctrl-C while the command line loads is no crash.

In: the words a person typed. Out: the exit code of suite.cli; 130 when interrupted before it is
there. Nothing is imported on top but what Python has loaded already: an interrupt there shows a
traceback.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

INTERRUPTED = "Interrupted before anything began."


def main() -> "NoReturn":
    """Entry point of the console script."""
    try:
        from suite.cli import main as run
    except KeyboardInterrupt:
        print(INTERRUPTED, file=sys.stderr)
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
