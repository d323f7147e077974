"""``python -m skbetafd``: the main job."""

from ._quickstart import main

if __name__ == "__main__":
    main()
