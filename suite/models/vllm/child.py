"""What runs beside vLLM, in a process and Python of its own, which need not have the suite.

In: lines of JSON on stdin: the arguments of `vllm.LLM`, then requests. Out: lines of JSON: what was
loaded, then each answer as soon as it has ended. The end of stdin is the end of it and of all
processes that vLLM has started, whether the suite has closed it or was killed.
"""

from __future__ import annotations

import difflib
import gc
import importlib
import json
import math
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

END = None
PATIENCE = 10.0
"""Seconds that vLLM may take to end its processes."""
Say = Callable[[dict[str, Any]], None]


def read(asked: queue.Queue[Any]) -> None:
    """Puts every line into the queue, and END at the end of stdin; what has not ended then ends."""
    for line in sys.stdin:
        asked.put(json.loads(line))
    asked.put(END)
    time.sleep(PATIENCE)
    end()


def end() -> None:
    """Ends this session's processes, this one too."""
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)


def load(settings: dict[str, Any]) -> Any:
    """Makes the engine. ValueError for a setting that this vLLM does not have."""
    vllm: Any = importlib.import_module("vllm")
    arguments: Any = importlib.import_module("vllm.engine.arg_utils")
    known = set(arguments.EngineArgs.__dataclass_fields__)
    for name in settings["engine"]:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            raise ValueError(f"vLLM {vllm.__version__} has no setting {name!r}{hint}")
    given = settings["given"]
    if settings["thinking"]:
        reasoning: Any = importlib.import_module("vllm.config.reasoning")
        start, end = settings["thinking"]
        given["reasoning_config"] = reasoning.ReasoningConfig(
            reasoning_start_str=start, reasoning_end_str=end
        )
    return vllm.LLM(**given, **settings["engine"])


def ask(llm: Any, request: dict[str, Any]) -> str:
    """Hands a request to the engine; gives the engine's name for it."""
    vllm: Any = importlib.import_module("vllm")
    sampling = request["sampling"]
    if banned := request["banned"]:
        sampling["logit_bias"] = dict.fromkeys(banned, -math.inf)
    names = llm.enqueue_chat(
        [request["messages"]],
        [vllm.SamplingParams(**sampling, detokenize=False)],
        use_tqdm=False,
        chat_template=request["template"],
        chat_template_kwargs=request["told"],
    )
    return str(names[0])


def serve(llm: Any, asked: queue.Queue[Any], say: Say) -> None:
    """Answers what is asked until nothing can be asked any more."""
    running: dict[str, int] = {}
    while True:
        while not running or not asked.empty():
            request = asked.get()
            if request is END:
                return
            try:
                name = ask(llm, request)
            except Exception as error:  # this request's own
                say({"id": request["id"], "error": f"{error}" or type(error).__name__})
                continue
            running[name.partition("-")[0]] = request["id"]  # what follows is vLLM's own
        for output in llm.llm_engine.step():
            if output.finished:
                answer = output.outputs[0]
                say(
                    {
                        "id": running.pop(output.request_id.partition("-")[0]),
                        "prompt": len(output.prompt_token_ids),
                        "ids": list(answer.token_ids),
                        "finish": answer.finish_reason,
                    }
                )


def main() -> None:
    """Entry point of the process."""
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - kept free of imports
    sys.path[:] = [place for place in sys.path if os.path.abspath(place) != here]  # noqa: PTH100
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # vLLM and its processes print

    def say(line: dict[str, Any]) -> None:
        out.write(json.dumps(line) + "\n")
        out.flush()

    llm: Any = None
    asked: queue.Queue[Any] = queue.Queue()
    threading.Thread(target=read, args=(asked,), daemon=True).start()
    try:
        llm = load(asked.get())
        config = llm.llm_engine.vllm_config
        version = importlib.import_module("vllm").__version__
        rows, tokens = config.scheduler_config.max_num_seqs, config.model_config.max_model_len
        say({"version": version, "rows": rows, "tokens": tokens})
        serve(llm, asked, say)
    except BaseException as error:
        say({"fatal": f"{type(error).__name__}: {error}"})
        raise
    finally:
        llm = None  # ends vLLM's processes
        gc.collect()
        end()


if __name__ == "__main__":
    main()
