"""`python -m tools.site`: writes the pages to build/docs and builds them into build/site; a warning is an error."""

import subprocess
import sys
from pathlib import Path

from tools.site.pages import ROOT, write_pages


def main() -> int:
    """The exit code of the strict build."""
    settings = write_pages(ROOT / "build")
    zensical = Path(sys.executable).with_name("zensical")
    done = subprocess.run([zensical, "build", "--strict", "--clean", "--config-file", settings], check=False)
    if done.returncode == 0:
        print(f"{settings.parent / 'site' / 'index.html'}; search needs a server: python -m http.server -d build/site")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
