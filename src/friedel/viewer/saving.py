"""The draft written into its recipe file: comments and order stay, only what has changed is written anew.

`tomlkit` keeps what people wrote. A key that the file does not have yet goes where the recipe's order puts it, with
its sentence as a comment. What was written is read back, and must be the draft.
"""

import difflib
import shlex
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Comment, Item, SingleKey, Table, Trivia

from friedel.errors import FriedelError, InputError, OutputError, RecipeError
from friedel.explorer.heard_warnings import warnings_heard
from friedel.io.atomic import replace_text
from friedel.io.mask_file import write_mask
from friedel.io.text import line_end, read_text
from friedel.model.arrays import Mask
from friedel.params import Params
from friedel.recipe import Recipe, build_recipe, dump, relative_to
from friedel.recipe.settings import absolute_paths
from friedel.recipe.text import as_toml, comment_lines, section_text
from friedel.viewer.project import Project


@dataclass(frozen=True, slots=True, eq=False)
class Saving:
    """What would be written: the new text of `path`, how it differs, and the command that runs it.

    `mask_path` is where the painted mask goes, None where nobody painted.
    """

    path: Path
    text: str
    diff: str
    command: str
    mask_path: Path | None

    @property
    def changes(self) -> bool:
        """Whether anything is left to write."""
        return bool(self.diff) or self.mask_path is not None

    def plain(self) -> dict[str, Any]:
        """As the page takes it."""
        mask = {} if self.mask_path is None else {"mask_path": str(self.mask_path)}
        return {"diff": self.diff, "command": self.command, "path": str(self.path), **mask}


def recipe_file(recipe_path: Path | None, given: Path, *, of_folder: bool) -> Path:
    """Where the draft is saved: the recipe that was given, and for an output folder the file beside it that a run
    into that folder has by default. `OUT/recipe.toml` is the record of what ran, and no run reads it.
    """
    return given.with_name(f"{given.name}.toml") if of_folder or recipe_path is None else recipe_path


def mask_file(path: Path) -> Path:
    """Where the painted mask of a recipe goes."""
    return path.with_name(f"{path.stem}.mask.tif")


def saving_of(path: Path, draft: Recipe, out: Path, *, masked: bool) -> Saving:
    """Compare a draft with its file; nothing is written. `masked` says that a mask was painted.

    Raises `RecipeError` where the file is there and cannot be kept because it is no TOML.
    """
    mask_path = mask_file(path) if masked else None
    if mask_path is not None:
        draft = draft.replaced(scan={**draft.scan.model_dump(exclude_none=True), "mask": str(mask_path)})
    old = _text_of(path)
    text = updated(old, draft, path.parent) if old else dump(relative_to(draft, path.parent))
    before, after = old.splitlines(keepends=True), text.splitlines(keepends=True)
    diff = "".join(difflib.unified_diff(before, after, path.name, f"{path.name} (new)"))
    return Saving(path, text, diff, run_command(path, out), mask_path)


def saving_for(project: Project) -> Saving:
    """What saving a project's draft would write now. Raises `RecipeError`, and `FriedelError` without a draft."""
    with project.lock:
        draft = project.recipe
        if draft is None:
            raise FriedelError("the recipe", rule="cannot be used")
        path = recipe_file(project.recipe_path, project.path, of_folder=project.of_folder)
        return saving_of(path, draft, project.out, masked=project.mask is not None)


def unsaved(project: Project) -> tuple[Path, bool]:
    """The file that saving would write, and whether it would change anything: without making the new text, which
    takes tens of milliseconds. Raises as `saving_for` does.
    """
    with project.lock:
        draft, masked = project.recipe, project.mask is not None
        if draft is None:
            raise FriedelError("the recipe", rule="cannot be used")
        path = recipe_file(project.recipe_path, project.path, of_folder=project.of_folder)
    text = _text_of(path)
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError("the recipe file", rule=f"is not TOML: {error}") from None
    return path, masked or not text or not _reads_as(text, draft, path.parent)


def save(saving: Saving, mask: Mask | None, *, ours: str = "") -> Path | None:
    """Write it; returns where the text that stood there was kept, None where that was `ours` (or nothing).

    The mask comes first, so that the recipe never names one that is not there. Raises `OutputError`.
    """
    if saving.mask_path is not None and mask is not None:
        write_mask(saving.mask_path, mask)
    text = saving.text.replace("\n", line_end(saving.path))
    return replace_text(saving.path, text, keep=_text_of(saving.path) != ours)


def run_command(path: Path, out: Path) -> str:
    """What to type to run it."""
    where = [] if path.with_suffix("") == out and path.suffix == ".toml" else ["-o", str(out)]
    return shlex.join(["friedel", "run", str(path), *where])


def updated(old: str, draft: Recipe, folder: Path) -> str:
    """The text `old` of a recipe in `folder`, with whatever differs from the draft changed.

    A file that is written so unusually that this goes wrong is written anew, without its comments. Raises
    `RecipeError` where it is no TOML.
    """
    try:
        text = _edited(tomlkit.parse(old), relative_to(draft, folder), folder)
    except TOMLKitError as error:
        raise RecipeError("the recipe file", rule=f"is not TOML: {error}") from None
    return text if _reads_as(text, draft, folder) else dump(relative_to(draft, folder))


def _edited(document: tomlkit.TOMLDocument, draft: Recipe, folder: Path) -> str:
    added = []
    for name in [name for name in document if name not in Recipe.model_fields]:
        document.remove(name)  # a recipe with it would not load
    for name in Recipe.model_fields:
        new, old = getattr(draft, name), _section(document, name, folder)
        if name not in document:
            if new != Recipe.model_fields[name].get_default(call_default_factory=True):
                added.append(_sections_text(name, new))
        elif isinstance(new, tuple):
            tables = list(document[name])
            if len(tables) == len(new):
                for k, (table, part) in enumerate(zip(tables, new, strict=True)):
                    _update(table, old[k] if isinstance(old, tuple) else None, part)
            else:
                document.remove(name)
                added.append(_sections_text(name, new))
        elif new is None:
            document.remove(name)
        else:
            _update(document[name], old if isinstance(old, Params) else None, new)
    return "\n".join([tomlkit.dumps(document).rstrip("\n") + "\n", *added])


def _section(document: tomlkit.TOMLDocument, name: str, folder: Path) -> Any:
    """A section of the file as values; None where it is not there or wrong."""
    if name not in document:
        return None
    try:
        with warnings_heard():
            whole = build_recipe(absolute_paths({name: tomllib.loads(tomlkit.dumps(document))[name]}, folder))
            return getattr(relative_to(whole, folder), name)
    except RecipeError:
        return None


def _sections_text(name: str, section: Params | tuple[Params, ...] | None) -> str:
    parts = section if isinstance(section, tuple) else () if section is None else (section,)
    header = f"[[{name}]]" if isinstance(section, tuple) else f"[{name}]"
    return "\n".join(section_text(header, part, {}) for part in parts)


def _update(table: Any, old: Params | None, new: Params) -> None:
    """Change a table of the document where its values differ."""
    for key in [key for key in table if key not in type(new).model_fields]:
        table.remove(key)
    missing = {}
    for name in type(new).model_fields:
        value = getattr(new, name)
        before = getattr(old, name) if old is not None else None
        if old is not None and before == value:
            continue
        if value is None:
            if name in table:
                table.remove(name)
        elif name in table and isinstance(value, Params):
            _update(table[name], before if isinstance(before, Params) else None, value)
        elif name in table:
            if _differs(table[name], value):
                table[name] = _item(value)
        elif old is not None or value != type(new).model_fields[name].get_default(call_default_factory=True):
            missing[name] = value
    for name, value in missing.items():  # at last: tomlkit does not notice, and would look in wrong places
        _insert(table, name, value, type(new))


def _differs(item: Any, value: Any) -> bool:
    plain = tomllib.loads(f"x = {item.as_string()}")["x"] if isinstance(item, Item) else item
    return bool(plain != _plain(value) or isinstance(plain, bool) != isinstance(value, bool))


def _insert(table: Any, name: str, value: Any, kind: type[Params]) -> None:
    """A key that was not there, after the one that comes before it in a recipe, or in place of its `# key =`."""
    if not isinstance(table, Table):
        table[name] = _item(value)
        return
    body = table.value.body
    blank = [i for i, (_, item) in enumerate(body) if isinstance(item, Comment) and _empties(item, name)]
    item = _item(value)
    if blank:
        body[blank[0]] = (SingleKey(name), item)
        return
    names = list(kind.model_fields)
    earlier = set(names[: names.index(name)])
    places = [i for i, (key, _) in enumerate(body) if key is not None and key.key in earlier]
    tables = [i for i, (_, part) in enumerate(body) if isinstance(part, Table | AoT)]
    place = min([places[-1] + 1 if places else 0, *tables[:1]])
    row = next(row for row in kind.declared() if row.name == name)
    comments = [(None, Comment(Trivia(comment=line, trail="\n"))) for line in comment_lines(row)]
    body[place:place] = [*comments, (SingleKey(name), item)]


def _empties(comment: Comment, name: str) -> bool:
    """Whether it is the line `# name =` that a recipe has for what has no value."""
    return comment.as_string().strip().removeprefix("#").split() == [name, "="]


def _item(value: Any) -> Any:
    """As a recipe writes it: tables within sections stand in one line."""
    return tomlkit.parse(f"x = {as_toml(value)}\n").item("x")


def _plain(value: Any) -> Any:
    if isinstance(value, Params):
        return {name: _plain(part) for name, part in value.model_dump(exclude_none=True).items()}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value


def _reads_as(text: str, draft: Recipe, folder: Path) -> bool:
    """Whether the text is the draft."""
    try:
        with warnings_heard():
            return build_recipe(absolute_paths(tomllib.loads(text), folder)) == draft
    except (RecipeError, tomllib.TOMLDecodeError):
        return False


def _text_of(path: Path) -> str:
    """The file's text; empty where there is none. Raises `OutputError` where it cannot be read."""
    try:
        return read_text(path) if path.exists() else ""
    except (OSError, InputError) as error:
        raise OutputError(f"cannot read {path}", rule=str(error)) from None
