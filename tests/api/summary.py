"""What a run has shown: `python summary.py JUNIT STATUSES OUT`. An operation that was never reached has shown nothing."""

import json
import sys
from xml.etree import ElementTree

# Pages that only the right browser, token or link opens; `tests/protocol` and `tests/browser` go through them.
CLOSED = {
    "GET /interaction/{id}", "POST /interaction/{id}/login", "POST /interaction/{id}/consent",
    "POST /interaction/{id}/account", "GET /oauth2/userinfo", "POST /oauth2/userinfo", "GET /setup/{link}",
    "POST /setup/{link}", "GET /oauth2/authorize", "POST /oauth2/authorize",
}  # fmt: skip


def good(statuses: dict[str, int]) -> int:
    return sum(count for status, count in statuses.items() if 200 <= int(status) < 400)


def main(junit: str, statuses: str, out: str) -> None:
    cases = ElementTree.parse(junit).getroot().iter("testcase")
    failed = {case.get("name"): bool(case.findall("failure") or case.findall("error")) for case in cases}
    with open(statuses, encoding="utf-8") as file:
        answers = json.load(file)
    requests = sum(sum(of.values()) for of in answers.values())
    server_errors = {name for name, of in answers.items() if any(int(status) >= 500 and status != "503" for status in of)}
    shallow = {name for name, of in answers.items() if good(of) == 0} - CLOSED
    for name in sorted(shallow):
        print(f"never succeeded, so little was tried: {name} {answers[name]}")
    for name in sorted(server_errors):
        print(f"faults: {name} {answers[name]}")
    bad = {name for name, is_failed in failed.items() if is_failed} | shallow | server_errors
    passed = len(set(failed) - bad)
    print(f"{requests} requests to {len(answers)} operations")
    with open(out, "w", encoding="utf-8") as file:
        file.write(f"{passed} {len(bad)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
