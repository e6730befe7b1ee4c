"""Rewrites the goldens (whole reports on the examples). Read the difference before committing it."""

from __future__ import annotations

from tests.goldens import EXAMPLES, FOLDER, golden_texts


def main() -> None:
    """Write every golden, drop those of examples that are gone."""
    FOLDER.mkdir(exist_ok=True)
    texts = {name: text for dump in EXAMPLES for name, text in golden_texts(dump).items()}
    for stale in {path.name for path in FOLDER.iterdir()} - texts.keys():
        (FOLDER / stale).unlink()
    for name, text in texts.items():
        (FOLDER / name).write_text(text, encoding="utf-8", newline="\n")
    print(f"{len(texts)} goldens of {len(EXAMPLES)} examples")


if __name__ == "__main__":
    main()
