"""`python -m mecum` is `mecum`."""

from mecum.cli.entry import run

if __name__ == "__main__":
    run()
