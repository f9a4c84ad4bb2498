"""Guards what the run stands on, sees to it that each operation succeeds now and then, and counts what was answered."""

import atexit
import json
import os
from collections import Counter, defaultdict
from itertools import count
from pathlib import Path

import schemathesis

# The operator and what makes it one: nothing of it may be taken away in the middle.
PROTECTED = set(os.environ["API_PROTECTED"].split())
# The model of `notes` is what its relations stand on; that of `files` is there to be replaced.
REPLACED = ("/api/v1/resource-servers/{server}/rules", "/api/v1/resource-servers/{server}/rules/activate")
# What is right, for operations that chance seldom gets right. "%" is another number each time.
EXAMPLES = json.loads(Path(__file__).with_name("examples.json").read_text(encoding="utf-8"))
# One call in so many takes the example.
EXAMPLE_EVERY = 4

CALLS: Counter = Counter()
NUMBERS = count(10)
STATUSES: defaultdict[str, Counter] = defaultdict(Counter)


def numbered(value, number):
    match value:
        case str():
            return value.replace("%", str(number))
        case list():
            return [numbered(item, number) for item in value]
        case dict():
            return {name: numbered(item, number) for name, item in value.items()}
    return value


def take_example(case):
    example = EXAMPLES.get(case.operation.label)
    CALLS[case.operation.label] += 1
    if example is None or case.method != case.operation.method.upper() or CALLS[case.operation.label] % EXAMPLE_EVERY:
        return
    example = numbered(example, next(NUMBERS))
    case.path_parameters = {**(case.path_parameters or {}), **example.get("path", {})}
    case.query = example.get("query", {})
    for kind, media_type in (("body", "application/json"), ("form", "application/x-www-form-urlencoded")):
        if kind in example:
            case.body, case.media_type = example[kind], media_type


@schemathesis.hook
def before_call(context, case, kwargs):
    take_example(case)
    parameters = case.path_parameters or {}
    for name, value in parameters.items():
        if str(value) in PROTECTED:
            case.path_parameters[name] = "nobody"
    if case.operation.path in REPLACED and case.method != "GET" and parameters.get("server") == "notes":
        case.path_parameters["server"] = "files"


@schemathesis.hook
def after_call(context, case, response):
    STATUSES[case.operation.label][response.status_code] += 1


@atexit.register
def write():
    with open(os.environ["API_STATUSES"], "w", encoding="utf-8") as file:
        json.dump(STATUSES, file)
