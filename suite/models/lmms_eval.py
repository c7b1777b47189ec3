"""The lmms-eval backend: any model that lmms-eval knows, its own or a plugin's, answers requests.

In: a ModelSpec with `model`, the name in lmms-eval, and `arguments`, those of `--model_args`. Out:
Generations. A request becomes what lmms-eval's evaluator hands a model: an instance, and a row of
which the model fetches the images (simple models) or the conversation (chat models).

The key of an answer holds name, arguments and lmms-eval's version; of an argument that names files
on this machine their content, of `pretrained` on the Hub its commit. What these models have no way
to be told (a seed for each request, thinking and its budget, NoWait) is refused; what one of them
does not look at, or changes, is told or refused once it has answered.
"""

from __future__ import annotations

import contextlib
import gc
import inspect
import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from suite.base.images import Unreadable
from suite.base.machine import resolve_device
from suite.errors import SuiteError, Unfinished, nearest, reason_of, shown
from suite.items.lmms_task import quiet
from suite.models.endpoint.replies import split
from suite.models.fingerprint import commit, content_hash, folder_hashes, has_changed
from suite.models.spec import ModelSpec, Role
from suite.requests import Decoding, Generation, ImageLoader, Message, OutOfMemory, Request
from tasks import pictures

AT_LEAST, ROUNDS = 16, 4
"""Requests that are handed over and stored at once: so many, or so many batches of the model."""
FAILED = "[LMMS_EVAL_REQUEST_FAILED"
"""How the text begins that lmms-eval's models of servers give in place of an answer."""
TASK, SPLIT = "downscaling_suite", "test"
"""Where a model looks for the row of a request."""
PRETRAINED = "pretrained"
"""Argument that names weights."""


def lmms_eval_identity(
    spec: ModelSpec, role: Role, dtype: str = "auto", device: str = "auto"
) -> dict[str, Any]:
    """Gives the fingerprint of a model of lmms-eval, which is not imported. SuiteError for files
    that are not there."""
    found: dict[str, Any] = {
        "generator": "lmms_eval",
        "lmms_eval": version("lmms_eval"),
        "model": spec.model,
        "arguments": {name: _content(name, value, spec) for name, value in spec.given.items()},
    }
    weights = str(spec.given.get(PRETRAINED, ""))
    if re.fullmatch(r"[\w.-]+/[\w.-]+", weights) and not Path(weights).exists():
        found["commit"] = _commit(weights, spec)
    return found


def _commit(weights: str, spec: ModelSpec) -> str:
    try:
        return commit(ModelSpec(repo=weights, revision=spec.given.get("revision")))
    except SuiteError as error:
        raise SuiteError(
            f"`{PRETRAINED}` of the lmms-eval model {shown(spec.model)} is {weights}, which is not "
            f"on this machine and which the Hugging Face Hub does not give; fetch it with "
            f"`hf download {weights}`, or name a folder."
        ) from error


def _content(name: str, value: Any, spec: ModelSpec) -> Any:
    """An argument, or of one that names files their content, wherever they lie."""
    if not isinstance(value, str) or not (value.startswith("/") or name == PRETRAINED):
        return value
    path = Path(value)
    with contextlib.suppress(OSError):  # a text too long for a name
        if path.is_dir():
            return {"files": folder_hashes(path)}
        if path.is_file():
            return {"content": content_hash(path)}
    if re.fullmatch(r"/[^\s/]+/\S+", value):  # `/no_think` is a text
        raise SuiteError(
            f"`{name}` of the lmms-eval model {shown(spec.model)} names {value}, which does not "
            "exist; correct it in the family file."
        )
    return value


class LmmsEvalGenerator:
    """A model of lmms-eval, loaded. It batches by itself, as its own arguments say."""

    def __init__(
        self,
        spec: ModelSpec,
        role: Role = "text",
        *,
        device: str = "auto",
        dtype: str = "auto",
        batch_size: int | None = None,
    ) -> None:
        """See `suite.models.backends.build_generator`. SuiteError for a name that lmms-eval does
        not know, and with its reason where the model cannot be loaded."""
        self._name = str(spec.model)
        self._fingerprint = lmms_eval_identity(spec, role)
        self._rows = batch_size or spec.batch_size or 1
        self.batches_of = max(AT_LEAST, ROUNDS * self._rows)
        self._model = self._load(spec, resolve_device(device))
        self._told: set[str] = set()
        self._news: list[str] = []
        if lmms_eval_identity(spec, role) != self._fingerprint:
            raise Unfinished(has_changed(f"The lmms-eval model {shown(self._name)}"))

    @property
    def fingerprint(self) -> dict[str, Any]:
        """Name, arguments and lmms-eval's version."""
        return self._fingerprint

    def news(self) -> list[str]:
        """Gives what a person is told: settings that the model does not look at."""
        lines, self._news = self._news, []
        return lines

    def close(self) -> None:
        """Frees the model's memory."""
        model, self._model = self._model, None
        with _silent():
            model.clean()
        del model
        gc.collect()  # a model's parts hold each other

    def _load(self, spec: ModelSpec, device: str) -> Any:
        with _silent():
            from lmms_eval.models import get_model, list_available_models

            known = list_available_models(include_aliases=True)
            if self._name not in known:
                raise SuiteError(
                    f"lmms-eval has no model {shown(self._name)}{nearest(self._name, known)}; "
                    "correct `model` in the family file."
                )
            try:
                build = get_model(self._name)
                # As its own command passes them; of the devices, those that it has an argument for.
                own = {"batch_size": self._rows, "device": device, "device_map": device}
                takes = inspect.signature(build).parameters
                own = {name: own[name] for name in own if name in takes or name == "batch_size"}
                return build(**{**own, **spec.given})
            except (Exception, SystemExit) as error:
                raise SuiteError(
                    f"The lmms-eval model {shown(self._name)} cannot be loaded "
                    f"({type(error).__name__}: {reason_of(error)}); correct `arguments` in the "
                    "family file, or install what it needs."
                ) from error

    def generate(self, requests: Sequence[Request], images: ImageLoader) -> Iterator[Generation]:
        """Gives one Generation per request, in order. SuiteError for a decoding or a message that
        such a model cannot be given, and where it has put another setting in a setting's place."""
        for decoding in {request.decoding: None for request in requests}:
            self._check(decoding)
        rows: list[list[dict[str, Any]]] = []
        answers: list[Generation | None] = []
        asked: list[Request] = []
        for request in requests:
            try:
                rows.append([self._turn(message, images) for message in request.messages])
            except (Unreadable, pictures.NoPicture, KeyError) as error:
                reason = "no item has one of its images" if isinstance(error, KeyError) else error
                where = f"{request.task}, item {request.item_id}"
                answers.append(Generation(error=f"{where}: {reason}."))
            else:
                asked.append(request)
                answers.append(None)
        found = iter(self._ask(asked, rows) if asked else [])
        yield from (next(found) if answer is None else answer for answer in answers)

    def _check(self, decoding: Decoding) -> None:
        """SuiteError for what would be left out of a decoding without a word."""
        lacks = ""
        if decoding.thinking:
            lacks = "have no switch for thinking and no budget of it: ask without `thinking`"
        elif decoding.nowait:
            lacks = "cannot do NoWait, which needs the model's vocabulary: remove `nowait`"
        elif not decoding.greedy:
            lacks = "have no seed for each request: set `temperature: 0`"
        if lacks:
            raise SuiteError(
                f"Model {shown(self._name)} is asked through lmms-eval, whose models {lacks} in "
                "the study's cells and `decoding`, or use the generator transformers."
            )

    def _turn(self, message: Message, images: ImageLoader) -> dict[str, Any]:
        """A message in lmms-eval's protocol; its images stand before its text."""
        if self._model.is_simple and message.role != "user":
            raise SuiteError(
                f"Model {shown(self._name)} of lmms-eval takes one text, and the prompt has a "
                f"message of the {message.role}; give the prompt set no `system`."
            )
        seen = [{"type": "image", "url": pictures.shown(images(name))} for name in message.images]
        return {"role": message.role, "content": [*seen, {"type": "text", "text": message.text}]}

    def _ask(self, asked: Sequence[Request], rows: list[list[dict[str, Any]]]) -> list[Generation]:
        from lmms_eval.api.instance import Instance, unwrap_generation_output

        settings = [Settings(request.decoding) for request in asked]
        self._model.task_dict = {TASK: {SPLIT: rows}}
        instances = [
            Instance(
                request_type="generate_until",
                arguments=self._arguments(row, given, number),
                idx=0,
                metadata={"task": TASK, "doc_id": number, "repeats": 1},
            )
            for number, (row, given) in enumerate(zip(rows, settings))
        ]
        with _silent():
            try:
                outputs = self._model.generate_until(instances)
            except SystemExit as error:
                raise RuntimeError(f"the model ended the program ({error})") from error
            except Exception as error:
                if type(error).__name__ == "OutOfMemoryError":
                    raise OutOfMemory(str(error)) from error
                raise
        self._look(settings)
        if len(outputs) != len(asked):
            raise RuntimeError(f"{len(outputs)} answers to {len(asked)} requests")
        read = [unwrap_generation_output(output) for output in outputs]
        return [
            self._generation(text, counts, request.decoding.max_new_tokens)
            for (text, counts), request in zip(read, asked)
        ]

    def _arguments(self, row: Any, given: Settings, number: int) -> tuple[Any, ...]:
        """Arguments of an instance, for simple models or for chat models."""
        parts = [part for turn in row for part in turn["content"]]
        text = "\n".join(part["text"] for part in parts if part["type"] == "text")
        place = (number, TASK, SPLIT)
        if self._model.is_simple:
            return text, given, _pictures, *place
        return text, _conversation, given, *place

    def _look(self, settings: Sequence[Settings]) -> None:
        """SuiteError where the model has changed a setting; notes those that it never read."""
        for given in settings:
            if given.changed:
                name, value = given.changed
                raise SuiteError(
                    f"Model {shown(self._name)} of lmms-eval sets `{name}` to {shown(value)} in "
                    f"place of {shown(given.asked[name])}: give the study's `decoding` that value, "
                    "or use another generator."
                )
        read = set().union(*(given.read for given in settings))
        unread = {"max_new_tokens"} - read
        unread |= {"temperature"} if read.isdisjoint(("temperature", "do_sample")) else set()
        for name in sorted(unread - self._told):
            self._news.append(
                f"lmms-eval's model {self._name} does not look at `{name}`: its answers are "
                "generated as its own code says."
            )
        self._told |= unread

    def _generation(self, text: Any, counts: Any, most: int) -> Generation:
        """An answer, or the reason why it is none: these models give an empty text, or one of
        their own, where they have failed."""
        if not isinstance(text, str) or not text.strip() or text.startswith(FAILED):
            what = text if isinstance(text, str) and text.strip() else "an empty answer"
            return Generation(
                error=f"lmms-eval's model {self._name} gave {reason_of(RuntimeError(what))}."
            )
        written = int(getattr(counts, "output_tokens", None) or 0)
        if written > most:
            return Generation(
                error=f"lmms-eval's model {self._name} wrote {written:,} tokens where "
                f"`max_new_tokens` allows {most:,}."
            )
        # A row of a padded batch counts its padding, so a full one may have ended before.
        full = "length" if self._rows == 1 else ""
        finish = "" if not written else "stop" if written < most else full
        thought = split(text)  # by a model that thinks whatever it is asked
        return Generation(
            text=(thought.answer or "").strip() if thought else text,
            thinking=thought.thinking.strip() if thought else "",
            finish_reason="length" if thought and thought.answer is None else finish,
            prompt_tokens=int(getattr(counts, "input_tokens", None) or 0),
            generated_tokens=written,
        )


class Settings(dict[str, Any]):
    """What lmms-eval calls generation_kwargs, greedy; notes which of them a model reads and whether
    it puts another value in the place of one.

    lmms-eval groups instances by what `items` gives, so that alone is no reading.
    """

    def __init__(self, decoding: Decoding) -> None:
        self.asked = {
            "max_new_tokens": decoding.max_new_tokens,
            "temperature": 0.0,
            "do_sample": False,
        }
        super().__init__({**self.asked, "num_beams": 1, "until": list[str]()})
        self.read: set[str] = set()
        self.changed: tuple[str, Any] | None = None

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """See dict."""
        self.read.add(name)
        return super().get(name, default)

    def pop(self, name: str, *default: Any) -> Any:
        """See dict."""
        self.read.add(name)
        return super().pop(name, *default)

    def __iter__(self) -> Iterator[str]:
        # With one of its own, `**settings` and `dict(settings)` pass through __getitem__.
        return super().__iter__()

    def __setitem__(self, name: str, value: Any) -> None:
        if name in self.asked and (value or 0) != self.asked[name]:  # None is greedy, too
            self.changed = (name, value)
        super().__setitem__(name, value)

    def __copy__(self) -> Settings:
        return self

    def __deepcopy__(self, memo: Any) -> Settings:
        return self


def _pictures(row: Sequence[Mapping[str, Any]]) -> list[Any]:
    """What lmms-eval calls doc_to_visual."""
    return [part["url"] for turn in row for part in turn["content"] if part["type"] == "image"]


def _conversation(row: list[dict[str, Any]], *_: Any, **__: Any) -> list[dict[str, Any]]:
    """What lmms-eval calls doc_to_messages; a model may add to the list that it gets."""
    return [{**turn, "content": list(turn["content"])} for turn in row]


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keeps the bars, logs and prints of lmms-eval and its models off the screen and out of the
    data on stdout."""
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
        quiet(),
    ):
        yield
