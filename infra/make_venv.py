"""Makes a virtual environment from a requirements file, saying how far it is. Standard library only.

python3 infra/make_venv.py .venv requirements.txt
"""

import subprocess
import sys
import venv
from pathlib import Path

LEAST = (3, 11)
LOG = "install.log"


def main(folder: Path, requirements: Path) -> int:
    if sys.version_info < LEAST:
        print(f"Python {LEAST[0]}.{LEAST[1]} or newer is needed; this is {sys.version.split()[0]}.", file=sys.stderr)
        return 1
    print(f"Making {folder} with Python {sys.version.split()[0]} (once, about a minute)", flush=True)
    venv.EnvBuilder(with_pip=True, clear=True).create(folder)
    return install(folder, requirements)


def install(folder: Path, requirements: Path) -> int:
    """Run pip in the environment, its words into a log, one line of progress on the terminal."""
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "-r", str(requirements)]
    with (
        (folder / LOG).open("w", encoding="utf-8") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip,
    ):
        assert pip.stdout is not None  # it is a pipe
        found = 0
        for line in pip.stdout:
            log.write(line)
            found += line.startswith("Collecting ")
            show(line, found)
    print(flush=True)
    return failed(folder / LOG) if pip.returncode else 0


def show(line: str, found: int) -> None:
    if line.startswith("Collecting ") and (sys.stdout.isatty() or found % 10 == 0):
        doing = f"{found} packages found, now {line.split()[1]}"
    elif line.startswith("Installing collected"):
        doing = f"installing {line.count(',') + 1} packages"
    else:
        return
    print(f"\r  {doing:<76.76}", end="" if sys.stdout.isatty() else "\n", flush=True)


def failed(log: Path) -> int:
    tail = log.read_text(encoding="utf-8").splitlines()[-15:]
    print("\n".join(["pip could not install it. Its last words:", *tail]), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
