"""Folders of pictures, of clips, and of volumes, to measure on."""

from __future__ import annotations

from pathlib import Path

from codec import media


def pictures(folder: str | Path) -> list[Path]:
    """The picture files of a folder, or one file, in the order of their names.

    Raises:
        FileNotFoundError: if there is no such folder or file.
        ValueError: if it holds no picture.
    """
    folder = Path(folder)
    if not folder.exists():
        raise FileNotFoundError(f"{folder}: no such folder or file")
    suffixes = media.module("picture").SUFFIXES
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in suffixes) \
        if folder.is_dir() else [folder]
    if not paths:
        known = ", ".join(sorted(suffixes))
        raise ValueError(f"{folder}: holds no picture; known are {known}")
    return paths


def clips(folder: str | Path) -> list[Path]:
    """The clips of a folder that holds no pictures, or one clip, in the order of their names; none
    of any other."""
    folder, known = Path(folder), {name: media.module(name).SUFFIXES for name in media.NAMES}
    paths = sorted(folder.iterdir()) if folder.is_dir() else [folder]
    if any(path.suffix.lower() in known["picture"] for path in paths):
        return []
    return [path for path in paths if path.suffix.lower() in known["video"]]


def volumes(folder: str | Path) -> list[Path]:
    """The volumes of a folder that holds no pictures, or one volume, in the order of their names;
    none of any other."""
    folder, medium = Path(folder), media.module("volume")
    others = media.module("picture").SUFFIXES - medium.SUFFIXES
    paths, found = sorted(folder.iterdir()) if folder.is_dir() else [folder], list[Path]()
    if any(path.suffix.lower() in others for path in paths):
        return []
    for path in paths:
        if path.is_file() and any(path.name.lower().endswith(s) for s in medium.SUFFIXES):
            with open(path, "rb") as file:
                found += [path] if media.of_file(file) is medium else []
    return found
