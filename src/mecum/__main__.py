"""`python -m mecum` is `mecum`."""

from mecum.cli.main import run

if __name__ == "__main__":
    run()
