"""Signatures of a user's own runs, which distinguish them from files of other people.

`.signatures` in a run directory holds a message authentication code (HMAC-SHA256) of each file that can name code or
paths, by a key that lies in the user's configuration directory and nowhere else. A file without one is a stranger's:
it is used as data, as docs/security.md says.
"""

import hmac
import os
import secrets
import stat
import sys
from functools import cache
from pathlib import Path

from gan_lab.errors import UserError
from gan_lab.io.files import write_atomically
from gan_lab.io.reading import read_bytes, read_text

SIGNATURES = ".signatures"


def key_file() -> Path:
    """`gan_lab/key` in $XDG_CONFIG_HOME, or else in ~/.config."""
    given = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    return (given if given.is_absolute() else Path.home() / ".config") / "gan_lab" / "key"


def sign(path: Path, content: bytes) -> None:
    """Note that `content` of the file at `path` is one's own, before it is written: a kill may come between the two.

    What the file holds now stays one's own, too. Without a key nothing is noted.
    """
    key = _key(make=True)
    if key is None:
        return
    known = [line for line in _signatures(path.parent) if _name(line) != path.name or _matches(line, path, key)]
    new = f"{_code(key, path.name, content)} {path.name}"
    text = "".join(f"{line}\n" for line in dict.fromkeys([*known, new]))
    write_atomically(path.parent / SIGNATURES, lambda temporary: temporary.write_text(text))


def is_own(path: Path, content: bytes | None = None) -> bool:
    """Whether this user's own command wrote the file at `path`; by `content` where only a part of it is signed."""
    key = _key(make=False)
    if key is None or not (path.parent / SIGNATURES).exists():
        return False
    content = read_bytes(path) if content is None else content
    return any(_is_code(line, path.name, content, key) for line in _signatures(path.parent))


def write_own(path: Path, text: str) -> None:
    """Write a file of a run that can name code or paths, whole or not at all.

    Raises:
        UserError: it cannot be written.
    """
    sign(path, text.encode())
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def _signatures(directory: Path) -> list[str]:
    path = directory / SIGNATURES
    return read_text(path).splitlines() if path.exists() else []


def _name(line: str) -> str:
    return line.partition(" ")[2]


def _matches(line: str, path: Path, key: bytes) -> bool:
    try:
        return _is_code(line, path.name, read_bytes(path), key)
    except UserError:  # it is not there
        return False


def _is_code(line: str, name: str, content: bytes, key: bytes) -> bool:
    return hmac.compare_digest(line.encode(), f"{_code(key, name, content)} {name}".encode())


def _code(key: bytes, name: str, content: bytes) -> str:
    return hmac.digest(key, b"\0".join((b"a file of a run", name.encode(), content)), "sha256").hex()


def _key(make: bool) -> bytes | None:
    """The user's key, made at its first use; None, which is said once, where there can be none."""
    try:
        path = key_file()
    except RuntimeError as error:  # there is no home
        _warn(str(error))
        return None
    try:
        if make and not path.exists():
            _make(path)
        if not path.exists():
            return None
        status = path.stat()
        if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
            raise UserError(f"{path}: must be yours, and for you alone (chmod 600)")
        key = bytes.fromhex(read_text(path))
        if len(key) != 32:
            raise ValueError("must be 64 hexadecimal digits")
    except (UserError, OSError, ValueError) as error:
        why = str(error) if isinstance(error, UserError) else f"{path}: {getattr(error, 'strerror', None) or error}"
        _warn(why)
        return None
    return key


@cache  # once
def _warn(why: str) -> None:
    cure = "without this key no run is known as yours (set XDG_CONFIG_HOME to a folder of yours)"
    print(f"warning: {why}; {cure}", file=sys.stderr)


def _make(path: Path) -> None:
    """Of several processes that do so at once, one makes the key that all use."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".key.{secrets.token_hex(8)}")
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(file, "w") as text:
            text.write(secrets.token_hex(32))
            text.flush()
            os.fsync(text.fileno())
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
