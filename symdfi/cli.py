"""The command line: ``symdfi list``, ``show``, ``run``, ``cache``."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from symdfi.errors import CheckpointError, SymbolicError, SymdfiError

if TYPE_CHECKING:
    from symdfi.running import Kept, Model, RunResult
    from symdfi.running.config import Config

app = typer.Typer(
    help="Write the physics once in SymPy, at any size, and run it at the speed of hand-written loops.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
)  # fmt: skip
cache_app = typer.Typer(help="The compiled kernels on disk.", no_args_is_help=True)
app.add_typer(cache_app, name="cache")

#: Exit codes: a numerical failure, bad input (as the shell's own convention for wrong usage), and Ctrl-C (likewise).
FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130
#: Errors whose message tells what was given wrong; the last where an extra is missing.
_BAD_INPUT = (SymdfiError, ValueError, OSError, ModuleNotFoundError)

ModelArgument = typer.Argument(
    metavar="MODEL",
    help="A name that `symdfi list` prints, or a file of your own: ./my_model.py, with a MODEL; of several in a file "
    "one by name, ./my_models.py:NAME.",
)
ModelName = Annotated[str, ModelArgument]
Traceback = Annotated[
    bool, typer.Option("--traceback", help="Show Python's whole traceback of an error in a file of your own.")
]


def _version(asked: bool) -> None:
    if asked:
        from symdfi import __version__

        typer.echo(f"symdfi {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None: ...


@app.command("list")
def list_models() -> None:
    """List the models of the library."""
    found = _library().titles()
    for name, title in found.items():
        typer.echo(f"{name:<{max(map(len, found)) + 2}}{title}")


@app.command()
def show(
    model: ModelName,
    latex: Annotated[bool, typer.Option("--latex", help="Print LaTeX.")] = False,
    source: Annotated[bool, typer.Option("--source", help="Print the source of the compiled kernel.")] = False,
    traceback: Traceback = False,
) -> None:
    """Show the equations of a model and its settings."""
    if latex and source:
        _refuse("give --latex or --source, not both")
    file = _file(model)
    with _errors_of(file, traceback):
        found = _load(model, file)
        text = found.show(latex=latex, source=source)
    typer.echo(text)
    if not (latex or source):
        typer.echo("\nSettings")
        for name, value in found.settings.items():
            typer.echo(f"  {name} = {value}")


@app.command()
def run(
    model: Annotated[str | None, ModelArgument] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change a setting (may be repeated)."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The directory for results; runs/MODEL if not given.")] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE.toml", help="Model and settings by a file, as a run leaves it: settings.toml."),
    ] = None,
    initial: Annotated[
        Path | None,
        typer.Option(help="Initial data, for models of evolution equations: CSV or .npy, columns x and u0."),
    ] = None,
    animate: Annotated[bool, typer.Option("--animate", help="Write a film, too: animation.gif.")] = False,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Go on with a run that was interrupted or killed, with its settings."),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep/--no-keep", help="Keep the run on the disk while it is unfinished.")
    ] = True,
    traceback: Traceback = False,
) -> None:
    """Run a model; print a summary and write the dataset, a picture and the settings."""
    if resume is not None:
        if any((model, settings, out, config, initial)):
            _refuse("--resume goes on with the model and the settings of the run: give the directory alone")
        out, config = resume, _unfinished(resume)
    with _errors_of(None, traceback):
        given = _given(model, config, initial)
    file = _file(given.model)
    with _terminated_as_interrupted(), _errors_of(file, traceback):
        _run(given, file, settings or [], out, animate, keep, resume is not None)


def _run(
    given: Config, file: tuple[Path, str] | None, assigned: list[str], out: Path | None, animate: bool, keep: bool,
    resumed: bool,
) -> None:  # fmt: skip
    from symdfi import progress
    from symdfi.running import Kept, chosen, config

    with contextlib.ExitStack() as opened:
        opened.enter_context(progress.display(given.model if file is None else file[0].stem))
        found = _load(given.model, file)
        s = {**chosen(found.name, found.settings, given.settings), **_read_settings(found, assigned)}
        folder = out if out is not None else Path("runs") / (given.model if file is None else "_".join(_stems(*file)))
        _check_folder(folder)
        kept = Kept(folder, config.written(folder / "unfinished", given.model, s, given.initial), keep)
        if not resumed:
            kept.end()
        elif not kept.begun:
            note = "no state of this run was kept yet: it begins anew"
            typer.echo(f"symdfi: {note}", err=True)
        text = config.written(folder, given.model, s, given.initial)
        try:
            result = found.run(s, given.initial, **({"kept": kept} if _takes(found.run, "kept") else {}))
            progress.phase("drawing")
            files = _write(result, folder, text, animate)
        except (Exception, KeyboardInterrupt) as error:
            refused = isinstance(error, SymbolicError | CheckpointError)
            if isinstance(error, SymdfiError | KeyboardInterrupt) and not refused:
                partial: Any = getattr(error, "partial", None)
                opened.close()
                _broken_off(error, partial if isinstance(partial, _library().RunResult) else None, folder, text, kept)
            if not kept.begun:  # what is kept can be gone on with, once what is wrong is mended
                kept.end()
            raise
        kept.end()
    _report(result, files)
    if animate and result.film is None:
        typer.echo(f"symdfi: there is no film of {found.name}: nothing in it moves", err=True)


def _broken_off(error: BaseException, result: RunResult | None, folder: Path, text: str, kept: Kept) -> NoReturn:
    """Write what a numerical failure or Ctrl-C has kept, say how to go on, and end."""
    interrupted = isinstance(error, KeyboardInterrupt)
    begun = kept.begun
    if not (interrupted and begun):
        kept.end()
    if result is not None:
        _report(result, _write(result, folder, text, animate=False))
        note = ": what was computed until then is written"
    else:
        note = ": there is nothing to write yet"
    if begun:
        note += f"; it goes on by: symdfi run --resume {folder}"
    reason = _in_one_line(error) if str(error) else "interrupted"
    typer.echo(f"symdfi: {reason}{note if interrupted else ''}", err=True)
    raise typer.Exit(INTERRUPTED if interrupted else FAILED) from None


def _given(model: str | None, file: Path | None, initial: Path | None) -> Config:
    """Model, settings and initial data by the command line and a file, of which the command line counts."""
    from symdfi.running.config import Config, read

    found = Config("", None, {}) if file is None else read(file)
    name = model or found.model
    if not name:
        what = f"{file} names no model" if file is not None else "which model?"
        _refuse(f"{what}: symdfi run MODEL, with a name that `symdfi list` prints or a file of your own")
    return Config(name, initial or found.initial, found.settings)


def _unfinished(folder: Path) -> Path:
    """The settings of the unfinished run in a folder."""
    from symdfi.running.keeping import SETTINGS, UNFINISHED

    if (found := folder / UNFINISHED / SETTINGS).is_file():
        return found
    if (done := folder / SETTINGS).is_file():
        _refuse(f"the run in {folder} has ended; it is repeated by: symdfi run --config {done}")
    _refuse(f"{folder} holds no unfinished run")


@contextlib.contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """A request to end, as schedulers of clusters send it, is met as Ctrl-C: what there is is written."""

    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _takes(function: Any, name: str) -> bool:
    return name in inspect.signature(function).parameters


@contextlib.contextmanager
def _errors_of(file: tuple[Path, str] | None, traceback: bool) -> Iterator[None]:
    """Bad input is told in a line; so is, with its place, any error that a line of the user's file leads to."""
    try:
        yield
    except (typer.Exit, KeyboardInterrupt):
        raise
    except Exception as error:
        if file is not None and traceback:
            raise
        place = ""
        if file is not None:
            from symdfi.running import files

            if isinstance(error, files.ModelFileError):
                _refuse(str(error))
            place = files.where(error, file[0])
            if place and not isinstance(error, _BAD_INPUT):
                _refuse(place + files.told(error))
            if isinstance(error, TypeError) and not place:  # of a part that the file gives
                _refuse(f"{file[0]}: {_in_one_line(error)}")
        if isinstance(error, MemoryError):
            _refuse(f"there is not enough memory for these settings: {_in_one_line(error)}")
        if not isinstance(error, _BAD_INPUT):
            raise
        _refuse(place + _in_one_line(error))


@cache_app.command("info")
def cache_info() -> None:
    """Say where the compiled kernels are, how many and how large."""
    from symdfi.compile.kernels import cache

    try:
        limit = cache.limit()
    except ValueError as error:
        _refuse(str(error))
    entries = cache.entries()
    total = sum(cache.size(path) for path in entries)
    typer.echo(f"{cache.directory()}\n{len(entries)} kernels, {total / 1e6:.1f} MB of at most {limit / 1e6:.1f} MB")


@cache_app.command("clear")
def cache_clear() -> None:
    """Remove the compiled kernels; they are compiled again when they are needed."""
    from symdfi.compile.kernels import cache

    typer.echo(f"removed {cache.clear()} kernels")


def main() -> None:
    """The entry point of the ``symdfi`` command."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    app()


def _library() -> Any:
    # By name: a type checker that reads this folder does not know `symdfi.models` (see models/__init__.py).
    return importlib.import_module("symdfi.models")


def _file(model: str) -> tuple[Path, str] | None:
    """The file of a model and the name in it; None for a model of the library."""
    if not (model.endswith(".py") or any(mark in model for mark in ("/", "\\", ".py:"))):
        return None
    from symdfi.running import files

    return files.split(model)


def _stems(path: Path, name: str) -> tuple[str, ...]:
    return (path.stem, name) if name else (path.stem,)


def _load(model: str, file: tuple[Path, str] | None) -> Model:
    if file is not None:
        from symdfi.running import files

        return files.load(*file)
    models = _library()
    try:
        return models.load(model)
    except KeyError:
        from symdfi.running.settings import hint

        beside = Path(f"{model}.py")
        _refuse(
            f"there is no model {model!r}: did you mean the file ./{beside}?"
            if beside.exists()
            else f"there is no model {model!r}{hint(model, models.names())}"
        )


def _read_settings(model: Model, given: list[str]) -> dict[str, Any]:
    """The settings given as NAME=VALUE, each of the type of its default."""
    from symdfi.running.settings import hint, parsed

    found: dict[str, Any] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not separator:
            _refuse(f"--set {text}: write it as name=value")
        if name not in model.settings:
            _refuse(f"the model {model.name} has no setting {name!r}{hint(name, list(model.settings))}")
        found[name] = parsed(name, value, model.settings[name])
    return found


def _check_folder(folder: Path) -> None:
    """Before a long run: the results can be written to ``folder``, which need not exist yet."""
    for place in (folder, *folder.parents):
        if place.is_dir():
            if not os.access(place, os.W_OK):
                _refuse(f"--out {folder}: {place} may not be written to")
            return
        if os.path.lexists(place):
            _refuse(f"{place} is a file: --out names a folder")


def _in_one_line(error: BaseException) -> str:
    """An error's message; of the system's own, the file and what is wrong with it."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__


def _write(result: RunResult, folder: Path, settings: str, animate: bool) -> list[Path]:
    """Write data, settings, picture and film; the files. ``OSError`` with the path where one cannot be."""
    from symdfi import results
    from symdfi.running.keeping import SETTINGS

    files = result.save(folder)

    def put(name: str, write: Callable[[Path], Any]) -> None:
        files.append(folder / name)
        with results.replacing(files[-1]) as aside:
            write(aside)

    put(SETTINGS, lambda path: path.write_text(settings, encoding="utf-8"))
    figure = result.figure()
    put("figure.png", lambda path: figure.savefig(path, dpi=150))
    if animate and result.film is not None:
        put("animation.gif", result.film().save)
    return files


def _report(result: RunResult, files: list[Path]) -> None:
    width = max(len(name) for name, _ in [*result.summary, ("written", "")]) + 2
    for name, value in result.summary:
        typer.echo(f"{name:<{width}}{value}")
    typer.echo(f"{'written':<{width}}{', '.join(map(str, files))}")


def _refuse(message: str) -> NoReturn:
    typer.echo(f"symdfi: {message}", err=True)
    raise typer.Exit(BAD_INPUT)


if __name__ == "__main__":
    main()
